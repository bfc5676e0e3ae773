# SPDX-License-Identifier: Apache-2.0
"""After warm-up a worker allocates nothing: TLS, 8 KB bodies, SSE, new streams, metrics and logs on."""
import concurrent.futures
import time

from tests.support.processes import wait_until


def allocated(ringpick):
    return ringpick.metric("ringpick_worker_allocated_bytes_total", worker="0")


def test_steady_state_allocates_nothing(parts, backend):
    sim = parts.sim(count=3, args=["--max-model-len", "100000"])
    ringpick = parts.ringpick(sim.endpoints, backend=backend)
    envoy = parts.envoy(ringpick, concurrency=2)
    text = "word " * 1600

    def burst(round_number, requests, threads):
        def one(i):
            body = {"model": "reviews-1", "prompt": f"prefix {i % 7} {text} tail {round_number} {i}",
                    "max_tokens": 8, "stream": i % 2 == 0}
            return envoy.post("/v1/completions", body)[0]
        with concurrent.futures.ThreadPoolExecutor(threads) as pool:
            assert set(pool.map(one, range(requests))) == {200}

    # Pools grow to what was ever needed at once. Warm-up has twice the requests at once and is over
    # when a burst needs nothing new; what is allocated per request or per stream never is.
    before = None
    for round_number in range(8):
        burst(round_number, 1000, 16)
        time.sleep(1.2)  # the gauge is a second old
        last, before = before, wait_until(lambda: allocated(ringpick), "the gauge is there")
        if before == last:
            break
    burst(100, 4000, 8)
    time.sleep(1.2)
    after = allocated(ringpick)
    print(f"allocated before {before:.0f}, after {after:.0f}")
    assert after == before, f"{after - before} bytes in 4000 requests"
