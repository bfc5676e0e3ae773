# SPDX-License-Identifier: Apache-2.0
"""Why a yardstick is missed: written by hand after a full run, by key of yardsticks.py."""

REASONS: dict[str, str] = {
    "p99_1000": (
        "One stream in a hundred waits for a core that the hypervisor or another process has: the median is 0.13 ms, "
        "and the bare server, which does nothing but answer, misses in the same runs. Tried: quiet sends, one "
        "timer for all deadlines, --busy-poll-us (takes 7 to 11 us off the median, at the price of the core). "
        "In quieter runs it is 0.13 to 0.2 ms."),
    "overload": (
        "The row lets 1,024 streams be open on each of 4 connections, and the client's windows (Envoy's: 1 MiB a "
        "connection) hold the answers back: 4,096 bodies and their records, over 32 MB, pass through the caches "
        "between request and answer. A stream then costs 17 to 20 us instead of 14. The server's core is busy "
        "throughout, memory is bounded, nothing fails. The bare server falls to 70 % of its peak in the same way. With 256 "
        "streams open on a connection it is 90 % of the peak, with 64 it is 101 %. Tried: more and less output a "
        "turn (32 to 224 KiB), not reading while answers could go out, fewer starts a turn of the client: no gain."),
    "scrape_small": (
        "Measured with 256 endpoints, all of control's CPU divided by its scrapes: 236 wake-ups a second "
        "of an otherwise idle core and control's other timers are in it. With 1,000 endpoints the same "
        "division gives 9.8 us, and perf/scrape_lab.py, which leaves out what control does besides "
        "scraping, 10.6 us at 256 a few minutes later. 87 % of it was the kernel's send and receive when "
        "profiled. Tried: io_uring (dearer), groups of 5 phases (2.5 times fewer wake-ups, in), "
        "edge-triggered events (in), groups twice as large (no gain). A quick run of the same code, half an "
        "hour later on a quieter host, had 8.8 us and 0.045 cores: the host decides."),
    "idle_256": (
        "The same as for one scrape of a 1.8 KB page: 5,120 of them a second."),
}
