# SPDX-License-Identifier: Apache-2.0
"""burst-prefix-cache-producer: requests wait for their window, and equal prompts go together."""
import json
import threading
import time

import grpc

from tests.support.ext_proc import Gateway, body_message, headers_message
from tests.support.processes import wait_until

WINDOW_MS = 300
CONFIG = """apiVersion: llm-d.ai/v1alpha1
kind: EndpointPickerConfig
plugins:
- {type: burst-prefix-cache-producer, parameters: {windowDurationMs: %d}}
- {type: prefix-cache-scorer, parameters: {prefixMatchInfoProducerName: burst-prefix-cache-producer}}
schedulingProfiles:
- {name: default, plugins: [{pluginRef: prefix-cache-scorer}]}
"""


def start(parts, backend, window_ms=WINDOW_MS, workers=2, count=4):
    sim = parts.sim(count=count)
    return parts.ringpick(sim.endpoints, backend=backend, workers=workers, secure=False,
                          config=CONFIG % window_ms, args=["--allow-experimental-plugins"])


def prompt(name):
    return json.dumps({"model": "m", "prompt": f"{name} " * 300}).encode()


def pick_all(gateways, names):
    """One request a name at the same time, in turn through the gateways: destinations in order."""
    picks = [None] * len(names)

    def run(i):
        picks[i] = gateways[i % len(gateways)].pick(prompt(names[i]))

    threads = [threading.Thread(target=run, args=(i,)) for i in range(len(names))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return picks


def test_equal_prompts_of_a_window_go_together_on_all_workers(parts, backend):
    ringpick = start(parts, backend)
    gateways = [Gateway(ringpick) for _ in range(2)]
    try:
        for gateway in gateways:
            gateway.pick(prompt("warm up"))
        begin = time.monotonic()
        picks = pick_all(gateways, ["a", "a", "b", "b", "a", "a", "b", "b"])
        assert time.monotonic() - begin >= 0.8 * WINDOW_MS / 1000, "nobody waited"
        assert all(picks)
        of_a = {picks[i] for i in (0, 1, 4, 5)}
        of_b = {picks[i] for i in (2, 3, 6, 7)}
        assert len(of_a) == 1 and len(of_b) == 1, picks
        assert all(count > 0 for count in ringpick.worker_requests())
    finally:
        for gateway in gateways:
            gateway.close()


def test_groups_are_spread_over_the_endpoints(parts, backend):
    ringpick = start(parts, backend, workers=1)
    gateway = Gateway(ringpick)
    try:
        picks = pick_all([gateway], ["a", "b", "c", "d"] * 3)
        groups = [set(picks[i::4]) for i in range(4)]
        assert all(len(group) == 1 for group in groups), picks
        assert len(set.union(*groups)) == 4, picks
    finally:
        gateway.close()


def test_who_leaves_while_waiting_is_forgotten(parts, backend):
    ringpick = start(parts, backend, workers=1)
    gateway = Gateway(ringpick)
    try:
        gateway.pick(prompt("warm up"))
        for _ in range(20):
            exchange = gateway.exchange()
            exchange.send(headers_message("request_headers", {":path": "/v1/completions"},
                                          mode="full_duplex"),
                          body_message("request_body", prompt("gone"), True))
            exchange.call.cancel()
        exchange = gateway.exchange()
        exchange.send(headers_message("request_headers", {":path": "/v1/completions"},
                                      mode="full_duplex"),
                      body_message("request_body", prompt("too much"), True),
                      body_message("request_body", b"more", True))
        try:
            list(exchange.call)
        except grpc.RpcError:
            pass
        assert exchange.status() == grpc.StatusCode.INVALID_ARGUMENT
        picks = pick_all([gateway], ["a", "a"])
        assert picks[0] and picks[0] == picks[1]
    finally:
        gateway.close()


def test_waiting_requests_survive_a_reload_and_are_answered(parts, backend, tmp_path):
    ringpick = start(parts, backend, workers=1, window_ms=1500)
    gateway = Gateway(ringpick)
    try:
        waiting = threading.Thread(target=lambda: picks.extend(pick_all([gateway], ["a"] * 4)))
        picks = []
        waiting.start()
        time.sleep(0.3)
        config = tmp_path / "ringpick-config.yaml"
        config.write_text("plugins: [{type: queue-scorer}]\n")
        waiting.join()
        assert len(picks) == 4 and all(picks)
        # The new one lets nobody wait.
        wait_until(lambda: timed(lambda: gateway.pick(prompt("b"))) < 1.0, "no window any more")
    finally:
        gateway.close()


def timed(call):
    begin = time.monotonic()
    call()
    return time.monotonic() - begin


def test_an_orderly_end_waits_for_the_window(parts, backend):
    ringpick = start(parts, backend, workers=1, window_ms=1000)
    gateway = Gateway(ringpick)
    try:
        picks = []
        waiting = threading.Thread(target=lambda: picks.extend(pick_all([gateway], ["a", "a"])))
        waiting.start()
        time.sleep(0.3)
        assert ringpick.stop() == 0
        waiting.join()
        assert len(picks) == 2 and picks[0] == picks[1]
    finally:
        gateway.close()
