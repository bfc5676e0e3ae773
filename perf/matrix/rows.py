# SPDX-License-Identifier: Apache-2.0
"""What is measured. To add a row: a line in yardsticks.py for each figure, and a Row in ROWS here.

`measure(run)` makes one run against one server that is up already and returns {figure: value}; a figure is
the key of a yardstick. Keys with a dot ("peak_3.seen") are printed beside it. run.bench(...) is
ringpick-bench with its options; run.servers are the servers of `setups`, run.server the first of them.
"""
import concurrent.futures
import dataclasses
import time
from typing import Callable

from perf.matrix import first_pick, procs
from perf.matrix.bed import Run, settle, worker_share
from perf.matrix.pickers import Setup
from perf.matrix.pools import LARGE_PAGE, SMALL_PAGE
from perf.matrix.stats import percent_more


@dataclasses.dataclass(frozen=True)
class Row:
    name: str  # for --only
    title: str  # for the progress lines
    figures: tuple[str, ...]
    measure: Callable[[Run], dict[str, float]]
    setups: tuple[Setup, ...] = (Setup(),)
    is_alone: bool = False  # its servers may not be up while another one is measured
    is_warmed: bool = True  # servers see 8 KB streams first, so that memory is touched once
    has_bare: bool = True
    quick_runs: int = 3
    full_runs: int = 5


def cost(key, **options):
    return lambda run: {key: run.cost(**options)}


def sse(run):
    short = run.cost(answer="sse", sse_chunks=20)
    long = run.cost(answer="sse", sse_chunks=60)
    return {"sse_20": short, "sse_chunk": (long - short) / 40}


def rate_1000(run):
    result = run.bench(rate=1000)
    return {"rate_1000": result["server"]["cpu_us_per_stream"],
            "p99_1000": result["pick_latency_us"]["p99"] / 1000,
            "p99_1000.p50": result["pick_latency_us"]["p50"] / 1000}


def rate_5000(run):
    result = run.bench(rate=5000)
    return {"p99_5000": result["pick_latency_us"]["p99"] / 1000,
            "p99_5000.p50": result["pick_latency_us"]["p50"] / 1000,
            "p99_5000.us a stream": result["server"]["cpu_us_per_stream"],
            "p99_5000.client cores": result["client"]["cpu_cores"]}


def worker_cost(run, server, **options):
    """CPU of the workers alone: scraping is control's work and is not counted."""
    result = run.bench(server, **options)
    return result["server"]["cpu_us_per_stream"] * worker_share(result, server.workers)


def by_endpoints(run):
    few, many = (worker_cost(run, server) for server in run.servers)
    more = run.servers[1].setup.endpoints - run.servers[0].setup.endpoints
    return {"endpoint": (many - few) / more, "growth_1000": percent_more(many, few),
            "growth_1000.3 us": few, "growth_1000.1,000 us": many}


def streams_a_second(run, key, server=None):
    """What is left of the server's core by scraping, divided by what a stream costs a worker.

    This is the rate seen when the server is the bottleneck, and what it would be when the client is.
    """
    server = server or run.server
    result = run.bench(server)
    on_core = [] if server.setup.is_control_apart else server.others
    used = {process["pid"]: process["cpu_cores"] for process in result["server"]["processes"]}
    share = worker_share(result, server.workers)
    own = result["server"]["cpu_us_per_stream"] * share
    return {key: max(0, 1 - sum(used.get(pid, 0) for pid in on_core)) * 1e6 / own,
            f"{key}.seen /s": result["streams"]["per_second"],
            f"{key}.server cores": result["server"]["cpu_cores"],
            f"{key}.client cores": result["client"]["cpu_cores"]}


def pool(idle=None, scrape=None, peak=None):
    """What a pool costs without load, and what a worker has left under load."""
    def measure(run):
        figures = {}
        if idle or scrape:
            run.server.pool.pages_asked()
            before = procs.cpu_seconds(scrapers(run.server))
            cores = run.watch(run.server.pids, 1.0 if run.bed.is_quick else 10.0)
            scraping = procs.cpu_seconds(scrapers(run.server)) - before
            pages = run.server.pool.pages_asked()
            if idle:
                figures[idle] = cores
            if scrape:
                figures[scrape] = scraping / pages * 1e6 if pages else None
        return {**figures, **streams_a_second(run, peak)}
    return measure


def scrapers(server):
    return server.others or server.pids


def overload(run):
    """Closed loop for the peak, then an open loop at twice that: it fills up to 1,024 streams a
    connection, as much as a gateway lets wait."""
    seconds = 1.5 if run.bed.is_quick else 5.0
    most = run.bench(streams=32, seconds=seconds)["streams"]["per_second"]
    result = run.bench(rate=round(2 * most), seconds=seconds, warmup=seconds / 3, may_fail=True)
    return {"overload": 100 * result["streams"]["per_second"] / most,
            "overload.peak /s": most,
            "overload.started x peak": result["streams"]["started"] / result["streams"]["seconds"] / most,
            "overload.failed": result["streams"]["failed"],
            "overload.p99 ms": result["pick_latency_us"]["p99"] / 1000,
            "overload.memory after MB": procs.pss_kib(run.server.pids) * 1.024 / 1000,
            "overload.client cores": result["client"]["cpu_cores"]}


def idle_streams(run):
    """Memory of open streams when all have their pick; the connections' own is there before.

    Prompts are short: what bodies and the prefix index took would not be the stream's.
    """
    count = 2000 if run.bed.is_quick else 10000
    run.bench(body_bytes=200, requests=100, warmup=0)
    before = now = procs.pss_kib(run.server.pids)

    def watch(process):
        nonlocal now
        while process.child.poll() is None:
            seen = procs.pss_kib(run.server.pids)
            if process.child.poll() is None:
                now = seen
            time.sleep(0.1)
    run.bench(body_bytes=200, idle_streams=count, streams=0, seconds=1.5 if run.bed.is_quick else 4.0,
              warmup=0, during=watch)
    return {"idle_stream": (now - before) / count, "idle_stream.streams": count}


def fed_streams(run):
    count = 2000 if run.bed.is_quick else 10000
    result = run.bench(idle_streams=count, streams=0, feed_interval_ms=1000,
                       seconds=2.0 if run.bed.is_quick else 10.0, warmup=0)
    return {"fed_p99": result["chunk_delay_us"]["p99"] / 1000,
            "fed_p99.chunks": result["chunk_delay_us"]["count"],
            "fed_p99.streams": count,
            "fed_p99.server cores": result["server"]["cpu_cores"]}


def start_up(run):
    """From exec to the first pick, asked for by a client that is ready before."""
    pool = run.bed.pools.get(3)
    server = run.picker.launch(run.bed, Setup(workers=2), pool)
    try:
        milliseconds = first_pick.wait(server)
        settle(0.1)
        return {"first_pick": milliseconds, "start_memory": procs.pss_kib(server.pids) * 1.024 / 1000}
    finally:
        server.stop()


def prefix_full(run):
    """The same load, little of which is new to the index, when the index is empty and when it is full."""
    known = {"prefixes": 50, "shared_bytes": 8000}
    run.bench(**known)  # what the first streams touch is touched
    empty = worker_cost(run, run.server, **known)
    size = "llm_d_epp_prefix_indexer_size"
    held, blocks = 0, run.server.metric(size) if run.picker.key != "other" else 0
    for _ in range(12):
        new_prompts = run.bench(body_bytes=16384, requests=4000, warmup=0)
        held, blocks = blocks, run.server.metric(size)
        if blocks < held * 1.01:
            break
    full = worker_cost(run, run.server, **known)
    return {"prefix_full": percent_more(full, empty), "prefix_full.empty us": empty,
            "prefix_full.full us": full, "prefix_full.blocks": blocks,
            "prefix_full.us of 16 KB new to it": new_prompts["server"]["cpu_us_per_stream"]}


WORKER_RATE = 2000


def by_workers(run):
    """N workers of one ringpick against N ringpicks of one worker on the same cores at the same time, with
    the same connections, streams and rate for each worker: what differs is that the N share memory."""
    cores = (run.bed.server_core, run.bed.client_core)

    def cost_together(servers):
        each = [server.setup.workers for server in servers]
        for i, pid in enumerate(pid for server in servers for pid in server.workers):
            procs.move(pid, cores[i % 2])
        with concurrent.futures.ThreadPoolExecutor(len(servers)) as pool:
            costs = pool.map(lambda server, n: worker_cost(run, server, rate=WORKER_RATE * n,
                                                           connections=4 * n), servers, each)
            return sum(costs) / len(servers)
    singles = [server for server in run.servers if server.setup.workers == 1]
    figures = {}
    for server in run.servers:
        n = server.setup.workers
        if n > 1:
            shared, apart = cost_together([server]), cost_together(singles[:n])
            figures |= {f"workers_{n}": percent_more(shared, apart), f"workers_{n}.us a stream": shared,
                        f"workers_{n}.us in {n} of one worker": apart}
    return figures


SMALL = Setup(page_bytes=SMALL_PAGE)
POOLS = {n: dataclasses.replace(SMALL, endpoints=n) for n in (3, 100, 256, 1000)}


def apart(setup):
    return dataclasses.replace(setup, is_control_apart=True)


ROWS = (
    Row("200B", "200 B", ("prompt_200",), cost("prompt_200", body_bytes=200)),
    Row("8KB", "8 KB", ("prompt_8k",), cost("prompt_8k")),
    Row("64KB", "64 KB", ("prompt_64k",), cost("prompt_64k", body_bytes=65536)),
    Row("512KB", "512 KB", ("prompt_512k",), cost("prompt_512k", body_bytes=524288)),
    Row("sse", "8 KB and SSE", ("sse_20", "sse_chunk"), sse),
    Row("rate-1000", "8 KB at 1,000/s", ("rate_1000", "p99_1000"), rate_1000),
    Row("rate-5000", "8 KB at 5,000/s", ("p99_5000",), rate_5000),
    Row("overload", "offered twice the peak", ("overload",), overload),
    Row("verbose", "8 KB --v 4", ("verbose",), cost("verbose"),
        (Setup(args=("--v=4", "--zap-encoder=json")),), has_bare=False),
    # Figures come once a second, so that scraping 1,000 does not get into the way of what is measured.
    Row("endpoints", "8 KB, 3 and 1,000 endpoints", ("endpoint", "growth_1000"), by_endpoints,
        tuple(dataclasses.replace(POOLS[n], scrape_ms=1000) for n in (3, 1000)), has_bare=False),
    Row("pool-3", "3 endpoints at 50 ms", ("peak_3",), pool(peak="peak_3"), (POOLS[3],)),
    Row("pool-256", "256 endpoints at 50 ms", ("idle_256", "scrape_small", "peak_256"),
        pool("idle_256", "scrape_small", "peak_256"), (POOLS[256],), is_alone=True, has_bare=False),
    Row("pool-1000", "1,000 endpoints at 50 ms", ("idle_1000", "peak_1000"),
        pool("idle_1000", None, "peak_1000"), (POOLS[1000],), is_alone=True, has_bare=False),
    Row("pool-42KB", "256 endpoints with 42 KB pages", ("scrape_large", "large_256"),
        pool(None, "scrape_large", "large_256"), (apart(Setup(256, LARGE_PAGE)),), is_alone=True,
        has_bare=False),
    # A worker never sees a page: what it pays for 1,000 endpoints that are scraped on the other core is
    # measured with small pages; of 42 KB they cost only that other core more.
    Row("pool-42KB-1000", "1,000 endpoints scraped apart", ("large_1000",), pool(peak="large_1000"),
        (apart(POOLS[1000]),), is_alone=True, has_bare=False),
    Row("100k-tokens", "400 KB in 1,000 chunks", ("prompt_100k",),
        lambda run: {"prompt_100k": run.cost(body_bytes=409600, chunk_bytes=410) / 1000}, (POOLS[100],)),
    Row("idle-streams", "memory of idle streams", ("idle_stream",), idle_streams, is_alone=True,
        quick_runs=1),
    Row("fed-streams", "open streams fed once a second", ("fed_p99",), fed_streams, is_alone=True,
        is_warmed=False, quick_runs=1, full_runs=3),
    Row("start", "start to first pick", ("first_pick", "start_memory"), start_up, (), is_warmed=False,
        has_bare=False),
    Row("prefix-index", "prefix index full", ("prefix_full",), prefix_full, (POOLS[100],), is_alone=True,
        is_warmed=False, has_bare=False),
    Row("workers", "2 and 4 workers", ("workers_2", "workers_4"), by_workers,
        tuple(Setup(workers=n, args=("--prefix-index-bytes=64Mi",)) for n in (2, 4, 1, 1, 1, 1)),
        has_bare=False),
)
