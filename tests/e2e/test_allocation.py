# SPDX-License-Identifier: Apache-2.0
"""After warm-up a worker allocates nothing: TLS, 8 KB bodies, SSE, new streams, metrics and logs on."""
import concurrent.futures
import time

from tests.support.processes import wait_until


def allocated(ringpick):
    return ringpick.metric("ringpick_worker_allocated_bytes_total", worker="0")


def test_steady_state_allocates_nothing(parts, backend):
    sim = parts.sim(count=3)
    ringpick = parts.ringpick(sim.endpoints, backend=backend)
    envoy = parts.envoy(ringpick, concurrency=2)
    text = "word " * 1600

    def burst(round_number, requests):
        def one(i):
            body = {"model": "reviews-1", "prompt": f"prefix {i % 7} {text} tail {round_number} {i}",
                    "max_tokens": 8, "stream": i % 2 == 0}
            return envoy.post("/v1/completions", body)[0]
        with concurrent.futures.ThreadPoolExecutor(8) as pool:
            assert set(pool.map(one, range(requests))) == {200}

    burst(0, 600)
    time.sleep(1.5)
    before = wait_until(lambda: allocated(ringpick), "the gauge is there")
    burst(1, 1500)
    time.sleep(1.5)
    after = allocated(ringpick)
    print(f"allocated before {before:.0f}, after {after:.0f}")
    assert after == before, f"{after - before} bytes in 1500 requests"
