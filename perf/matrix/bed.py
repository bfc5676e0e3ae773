# SPDX-License-Identifier: Apache-2.0
"""The bed: what rows are given to measure with."""
import contextlib
import json
import os
import pathlib
import subprocess
import tempfile
import time

from perf.matrix import pools, procs

BENCH_DEFAULTS = {"connections": 4, "streams": 8, "body-bytes": 8192}
BENCH_PATIENCE_S = 15
WARM_UP_STREAMS = 4000


class Bed:
    """Cores, pools, files, and every bench result of the whole matrix."""

    def __init__(self, seconds, warmup, is_quick):
        self.seconds, self.warmup = seconds, warmup  # of an ordinary bench run
        self.is_quick = is_quick
        self.server_core, self.client_core = procs.cores()
        self.directory = tempfile.TemporaryDirectory(prefix="ringpick-matrix.")
        self.pools = pools.Pools(pathlib.Path(self.directory.name), self.client_core)
        self.results = []  # of ringpick-bench, in order, with row, picker and run
        self.commands = {}  # row -> bench command lines as a reader would type them
        self.problems = []  # wrong or failed streams of our own servers
        self.remarks = []  # the same of other pickers, and runs whose client was the bottleneck
        self.row_seconds = {}
        self.files = 0

    def file(self, name):
        self.files += 1
        return pathlib.Path(self.directory.name) / f"{self.files}-{name}"

    def close(self):
        self.pools.stop()
        self.directory.cleanup()


class Run:
    """One run of one row against one picker."""

    def __init__(self, bed, row, picker, number, servers):
        self.bed, self.row, self.picker, self.number = bed, row, picker, number
        self.servers = servers
        self.seconds = bed.seconds

    @property
    def server(self):
        return self.servers[0]

    def bench(self, server=None, may_fail=False, seconds=None, warmup=None, during=None, **options):
        """ringpick-bench against the row's (first) server; its JSON. during(): called while it runs.

        Options are the program's, with _ for -; True: a flag without value. Wrong answers count as a
        problem always, failed streams unless may_fail.
        """
        server = server or self.server
        out = self.bed.file("bench.json")
        values = {"tls": True, "check": self.picker.checks, **BENCH_DEFAULTS,
                  "duration": self.seconds if seconds is None else seconds,
                  "warmup": self.bed.warmup if warmup is None else warmup,
                  **{key.replace("_", "-"): value for key, value in options.items()}}
        flags = [arg for key, value in values.items() if value is not None
                 for arg in ((f"--{key}",) if value is True else (f"--{key}", f"{value:g}" if
                             isinstance(value, float) else str(value)))]
        typed = " ".join(["ringpick-bench", "--target", "HOST:PORT", *flags, "--pid", "PIDS"])
        known = self.bed.commands.setdefault(self.row.name, [])
        if typed not in known and self.number and self.picker.checks == "full":
            known.append(typed)
        argv = [procs.BUILD / "ringpick-bench", "--target", f"127.0.0.1:{server.port}", *flags, "--pid",
                ",".join(map(str, server.pids)), "--json", out, "--quiet"]
        process = procs.Process(argv, self.bed.file("bench.log"), self.bed.client_core)
        try:
            if during:
                during(process)
            process.child.wait(values["duration"] + values["warmup"] + BENCH_PATIENCE_S *
                               (2 if "requests" in values else 1))
            server.process.check()
            if not out.exists() or process.child.returncode not in (0, 1):
                raise procs.Failure(f"ringpick-bench ended with {process.child.returncode}: "
                                    f"{process.log_tail()}")
            result = json.loads(out.read_text())
        except subprocess.TimeoutExpired:
            raise procs.Failure(f"ringpick-bench did not end: {process.log_tail()}") from None
        finally:
            process.stop()
            with contextlib.suppress(OSError):
                out.unlink()
        server.trim_log()
        self.note(result, may_fail, must_complete=values["streams"] > 0)
        return result

    def note(self, result, may_fail, must_complete):
        streams = result["streams"]
        if self.number:
            self.bed.results.append({"row": self.row.name, "picker": self.picker.key, "run": self.number,
                                     "bench": result})
        text = (f"{self.row.name}, {self.picker.name}, run {self.number}: {streams['completed']} completed, "
                f"{streams['failed']} failed, {streams['wrong']} wrong {result.get('wrong', [])[:2]}")
        is_bad = streams["wrong"] or (streams["failed"] and not may_fail)
        if is_bad and self.picker.is_ours:
            self.bed.problems.append(text)
        elif is_bad or (must_complete and not streams["completed"]):
            self.bed.remarks.append(text)

    def cost(self, server=None, **options):
        """CPU microseconds of a stream of all of the server's processes."""
        return self.bench(server, **options)["server"]["cpu_us_per_stream"]

    def warm_up(self):
        """Unique prompts until the prefix index and the pools have taken their memory."""
        for server in self.servers:
            self.bench(server, requests=WARM_UP_STREAMS, warmup=0)

    def watch(self, pids, seconds):
        """Cores that these processes take while nothing else is done."""
        pids = list(pids)
        began, used = time.monotonic(), procs.cpu_seconds(pids)
        time.sleep(seconds)
        return (procs.cpu_seconds(pids) - used) / (time.monotonic() - began)


def start(bed, picker, setup):
    """A server that serves and, where that can be known, has scraped its whole pool."""
    pool = bed.pools.get(setup.endpoints, setup.page_bytes)
    pool.pages_asked()
    server = picker.launch(bed, setup, pool)
    try:
        picker.await_ready(server, bed)
        if picker.key != "bare":
            seen = 0

            def is_scraped():
                nonlocal seen
                seen += pool.pages_asked()
                return seen >= setup.endpoints
            if pool.pages_port:
                procs.wait_until(is_scraped, "the pool is scraped", interval=0.02)
            else:
                time.sleep(0.1)
    except BaseException:
        server.stop()
        raise
    return server


def worker_share(result, workers):
    """Of the CPU time of all processes that of these, 0 to 1."""
    spent = {process["pid"]: process["cpu_s"] for process in result["server"]["processes"]}
    total = sum(spent.values())
    return sum(spent.get(pid, 0) for pid in workers) / total if total else 0


def settle(seconds=0.05):
    time.sleep(seconds)


def load_average():
    return " ".join(f"{load:.2f}" for load in os.getloadavg())
