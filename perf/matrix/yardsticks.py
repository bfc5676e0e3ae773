# SPDX-License-Identifier: Apache-2.0
"""The figures to reach, one line each: what is good. rows.py says how it is measured."""
import dataclasses


@dataclasses.dataclass(frozen=True)
class Yardstick:
    key: str
    text: str
    unit: str
    upstream: str  # what the upstream Go EPP was seen to take, as text
    bare: float | None  # what the bare server was seen to take when the yardsticks were made
    reach: float | None  # reach at least
    aim: float | None
    is_rate: bool = False  # more is better


def _cost(key, text, upstream, bare, reach, aim, unit="us"):
    return Yardstick(key, text, unit, upstream, bare, reach, aim)


def _rate(key, text, upstream, bare, reach, aim, unit="/s"):
    return Yardstick(key, text, unit, upstream, bare, reach, aim, is_rate=True)


# Server CPU: TLS, 3 endpoints, 4 connections x 8 streams in a closed loop, unless the text says otherwise.
TABLE = (
    _cost("prompt_200", "200 B prompt", "262", 10, 13, 8),
    _cost("prompt_8k", "8 KB", "657", 24, 31, 18),
    _cost("prompt_64k", "64 KB", "2,780", 154, 180, 90),
    _cost("prompt_512k", "512 KB", "23,000", 1490, 1500, 700),
    _cost("sse_20", "8 KB and an SSE answer of 20 chunks in lock step", "915", 83, 90, 50),
    _cost("sse_chunk", "each further SSE chunk", "14", 3, 3, 1),
    _cost("rate_1000", "8 KB at a fixed 1,000 streams/s", "770", 120, 130, 60),
    _cost("endpoint", "each endpoint more in the pool, per pick", "5", None, 0.005, 0.002),
    _cost("scrape_small", "one scrape, 1.8 KB page", "150", None, 12, 9),
    _cost("scrape_large", "one scrape, 42 KB page", "2,000", None, 40, 22),
    _cost("verbose", "8 KB with --v 4 --zap-encoder json", "1,270", None, 45, 25),
    _rate("peak_3", "streams/s on one core, 8 KB, 3 endpoints at 50 ms", "1,500", 30000, 25000, 40000),
    _rate("peak_256", "the same, 256 endpoints", "130", 30000, 25000, 40000),
    _rate("peak_1000", "the same, 1,000 endpoints", "20", 30000, 25000, 40000),
    _rate("large_256", "256 endpoints with 42 KB pages, scraping on the other core", "none", None, 20000,
          40000),
    _rate("large_1000", "the same, 1,000 endpoints, computed", "none", None, 20000, 40000),
    _cost("idle_256", "idle, 256 endpoints, 1.8 KB page", "0.76", None, 0.07, 0.05, "cores"),
    _cost("idle_1000", "idle, 1,000 endpoints, 1.8 KB page", "saturated", None, 0.25, 0.18, "cores"),
    _cost("p99_1000", "p99 of the pick, 8 KB, one core, 1,000/s", "15 to 43", 0.5, 2, 0.4, "ms"),
    _cost("p99_5000", "the same at 5,000/s", "collapses", 1.2, 5, 1, "ms"),
    _rate("overload", "offered twice its capacity: share of the peak", "50", None, 90, 98, "%"),
    _cost("prompt_100k", "400 KB prompt in 1,000 chunks, 100 endpoints", "281 to 395", None, 5, 2, "ms"),
    _cost("idle_stream", "memory per idle open stream, TLS", "30", 0.5, 2, 1, "KiB"),
    _cost("start_memory", "memory at start, 2 workers, all processes (PSS)", "60", None, 60, 30, "MB"),
    _cost("first_pick", "start to first pick, 2 workers", "59", None, 50, 20, "ms"),
    # What must be shown beside the table.
    _cost("growth_1000", "cost of a stream, 1,000 endpoints over 3", "", None, 20, None, "% more"),
    _cost("prefix_full", "cost of a stream, prefix index full over empty", "", None, 10, None, "% more"),
    _cost("workers_2", "CPU per stream, 2 workers over 2 of one worker", "", None, 10, None, "% more"),
    _cost("workers_4", "CPU per stream, 4 workers over 4 of one worker", "", None, 10, None, "% more"),
    _cost("fed_p99", "p99 chunk delay, 10,000 open streams fed one chunk a second", "", None, 5, None,
          "ms"),
)
BY_KEY = {yardstick.key: yardstick for yardstick in TABLE}


def verdict(yardstick, value):
    """'aim', 'held', 'missed', or '-' where nothing is set or nothing was measured."""
    if yardstick.reach is None or value is None:
        return "-"

    def is_met(limit):
        return limit is not None and (value >= limit if yardstick.is_rate else value <= limit)
    if is_met(yardstick.aim):
        return "aim"
    return "held" if is_met(yardstick.reach) else "missed"


def ratio_verdict(yardstick, ratio):
    """The same by the ratio to a bare server of the same run: machines differ, ratios less so."""
    if yardstick.bare is None or yardstick.reach is None or ratio is None:
        return "-"
    scaled = dataclasses.replace(yardstick, reach=yardstick.reach / yardstick.bare,
                                 aim=yardstick.aim and yardstick.aim / yardstick.bare)
    return verdict(scaled, ratio)
