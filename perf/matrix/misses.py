# SPDX-License-Identifier: Apache-2.0
"""Why a yardstick is missed: written by hand after a full run, by key of yardsticks.py."""

REASONS: dict[str, str] = {
    "p99_1000": (
        "One stream in a hundred waits for a core that the hypervisor or another process has: the median is 0.13 ms, "
        "and the bare server, which does nothing but answer, misses in the same runs. Tried: quiet sends, one "
        "timer for all deadlines, --busy-poll-us (takes 7 to 11 us off the median, at the price of the core)."),
    "overload": (
        "The row lets 1,024 streams be open on each of 4 connections, and the client's windows (Envoy's: 1 MiB a "
        "connection) hold the answers back: 4,096 bodies and their records, over 32 MB, pass through the caches "
        "between request and answer. A stream then costs 17 to 20 us instead of 14. The server's core is busy "
        "throughout, memory is bounded, nothing fails. The bare server falls to 70 % of its peak in the same way. With 256 "
        "streams open on a connection it is 90 % of the peak, with 64 it is 101 %. Tried: more and less output a "
        "turn (32 to 224 KiB), not reading while answers could go out, fewer starts a turn of the client: no gain."),
}
