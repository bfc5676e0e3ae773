# SPDX-License-Identifier: Apache-2.0
"""What is under way at an endpoint is counted exactly, whatever ends a request, and picks go by it."""
import http.client
import json
import os
import random
import signal
import socket
import threading

from tests.support.ext_proc import (Gateway, body_message, destination, headers_message, json_body,
                                    trailers_message)
from tests.support.processes import PATIENCE, wait_until

CONFIG = """
apiVersion: llm-d.ai/v1alpha1
kind: EndpointPickerConfig
plugins:
- type: {scorer}
- type: inflight-load-producer
{parameters}
schedulingProfiles:
- name: default
  plugins:
  - pluginRef: {scorer}
"""
REQUESTS = CONFIG.format(scorer="active-request-scorer", parameters="")
TOKENS = CONFIG.format(scorer="token-load-scorer", parameters="")
WITH_ANSWER = CONFIG.format(scorer="token-load-scorer",
                            parameters="  parameters: {addEstimatedOutputTokens: true}")
BODY = json_body(model="reviews-1", prompt="What do reviewers think? " * 4, max_tokens=30)


def load(ringpick, endpoint=None):
    """(requests, tokens) under way at an endpoint, or at all, as the metrics page has them."""
    labels = {"endpoint_name": f"ep-{endpoint.rsplit(':', 1)[1]}"} if endpoint else {}
    return (ringpick.sum("llm_d_epp_inflight_requests", **labels),
            ringpick.sum("llm_d_epp_inflight_tokens", **labels))


def nothing_left(ringpick):
    wait_until(lambda: load(ringpick) == (0, 0), f"nothing is under way, but {load(ringpick)}")


class Held:
    """A request that was picked for, whose answer has not come."""

    def __init__(self, gateway, body=BODY, headers=None):
        self.exchange = gateway.exchange()
        self.exchange.send(headers_message("request_headers",
                                           {":path": "/v1/completions", ":method": "POST",
                                            **(headers or {})}, mode="full_duplex"),
                           body_message("request_body", body, True))
        self.endpoint = destination(self.exchange.next())
        self.exchange.next()

    def begin_answer(self):
        self.exchange.send(headers_message("response_headers", {":status": "200"}),
                           body_message("response_body", b'{"usage":'))
        self.exchange.next()
        self.exchange.next()

    def end_answer(self, with_trailers=False):
        self.exchange.send(trailers_message("response_trailers") if with_trailers
                           else body_message("response_body", b"{}}", True))
        self.exchange.next()


def two_gateways(ringpick):
    """One connection on each of two workers."""
    gateways = [Gateway(ringpick), Gateway(ringpick)]
    for gateway in gateways:
        gateway.pick(BODY)
    assert all(count > 0 for count in ringpick.worker_requests()), ringpick.worker_requests()
    return gateways


def test_requests_spread_over_endpoints_whatever_worker_they_come_by(parts, backend):
    sim = parts.sim(count=3)
    ringpick = parts.ringpick(sim.endpoints, backend=backend, workers=2, secure=False, config=REQUESTS)
    gateways = two_gateways(ringpick)
    nothing_left(ringpick)
    held = [Held(gateways[i % 2]) for i in range(9)]
    assert sorted(h.endpoint for h in held) == sorted(sim.endpoints * 3)
    assert [load(ringpick, e)[0] for e in sim.endpoints] == [3, 3, 3]
    # One that becomes idle is the next one's.
    for one in [h for h in held if h.endpoint == sim.endpoints[1]]:
        one.exchange.call.cancel()
    wait_until(lambda: load(ringpick, sim.endpoints[1])[0] == 0, "the second endpoint is idle")
    assert [gateways[i % 2].pick(BODY) for i in range(10)] == [sim.endpoints[1]] * 10
    for gateway in gateways:
        gateway.close()
    nothing_left(ringpick)


def test_labels_tell_who_asked(parts):
    sim = parts.sim(count=1)
    ringpick = parts.ringpick(sim.endpoints, secure=False, config=REQUESTS)
    gateway = Gateway(ringpick)
    held = [Held(gateway, headers={"x-llm-d-inference-fairness-id": name})
            for name in ("one", "one", "two")] + [Held(gateway)]
    labels = {"endpoint_name": f"ep-{sim.ports[0]}", "namespace": "default",
              "producer_name": "inflight-load-producer", "priority": "0"}
    for name, count in (("one", 2), ("two", 1), ("default-flow", 1)):
        assert ringpick.metric("llm_d_epp_inflight_requests", fairness_id=name, **labels) == count
        assert ringpick.metric("llm_d_epp_inflight_tokens", fairness_id=name, **labels) > 0
    assert len(held) == load(ringpick)[0]
    gateway.close()
    nothing_left(ringpick)


def test_tokens_are_given_back_with_the_first_chunk(parts, backend):
    sim = parts.sim(count=1)
    ringpick = parts.ringpick(sim.endpoints, backend=backend, secure=False, config=TOKENS)
    gateway = Gateway(ringpick)
    held = Held(gateway)
    # 100 bytes are 25 tokens.
    assert load(ringpick) == (1, 25)
    held.begin_answer()
    assert load(ringpick) == (1, 0)
    held.end_answer()
    assert load(ringpick) == (0, 0)
    gateway.close()


def test_an_estimate_of_the_answer_is_held_until_its_end(parts):
    sim = parts.sim(count=1)
    ringpick = parts.ringpick(sim.endpoints, secure=False, config=WITH_ANSWER)
    gateway = Gateway(ringpick)
    held = Held(gateway)
    # One and a half times the prompt, but the client wants 30 at most.
    assert load(ringpick) == (1, 25 + 30)
    held.begin_answer()
    assert load(ringpick) == (1, 25 + 30)
    held.end_answer(with_trailers=True)
    assert load(ringpick) == (0, 0)
    gateway.close()


def test_whatever_ends_a_stream_leaves_nothing_behind(parts, backend):
    sim = parts.sim(count=3)
    ringpick = parts.ringpick(sim.endpoints, backend=backend, workers=2, secure=False, config=TOKENS)
    rng = random.Random(5)
    ends = {
        "cancelled": lambda h: h.exchange.call.cancel(),
        "half-closed": lambda h: h.exchange.half_close(),
        "cancelled in the answer": lambda h: (h.begin_answer(), h.exchange.call.cancel()),
        "answered": lambda h: (h.begin_answer(), h.end_answer()),
        "answered with trailers": lambda h: (h.begin_answer(), h.end_answer(True)),
        "broken": lambda h: h.exchange.send(b"\xff\xff\xff"),
        "left": lambda h: None,  # its connection is closed under it
    }
    gateways = [Gateway(ringpick) for _ in range(4)]
    for _ in range(3):
        held = [(Held(rng.choice(gateways)), end) for end in list(ends) * 4]
        assert load(ringpick)[0] == len(held)
        rng.shuffle(held)
        for one, end in held:
            ends[end](one)
        # Some never had a pick.
        for gateway in gateways:
            exchange = gateway.exchange()
            exchange.send(headers_message("request_headers", {":path": "/v1/completions"},
                                          mode="full_duplex"))
            exchange.call.cancel()
        wait_until(lambda: load(ringpick)[0] == 4, "those that were left are still open")
        for gateway in gateways:
            gateway.close()
        nothing_left(ringpick)
        gateways = [Gateway(ringpick) for _ in range(4)]
    for gateway in gateways:
        gateway.close()


def test_a_killed_workers_requests_are_forgotten_and_no_others(parts, backend):
    sim = parts.sim(count=2)
    ringpick = parts.ringpick(sim.endpoints, backend=backend, workers=2, secure=False, config=TOKENS)
    gateways = two_gateways(ringpick)
    before = ringpick.worker_requests()
    held = [Held(gateways[0]) for _ in range(6)]
    after = ringpick.worker_requests()
    served = 0 if after[0] > before[0] else 1
    held += [Held(gateways[1]) for _ in range(4)]
    assert load(ringpick)[0] == 10
    victim = ringpick.children()[served]
    os.kill(victim, signal.SIGKILL)
    wait_until(lambda: ringpick.children().get(served, victim) != victim
               and ringpick.metric("ringpick_worker_ready", worker=str(served)) == 1,
               "the worker is back")
    assert load(ringpick) == (4, 4 * 25)
    # The new one counts from there.
    again = Gateway(ringpick)
    held += [Held(again) for _ in range(2)]
    assert load(ringpick) == (6, 6 * 25)
    for one in held[6:]:
        one.begin_answer()
        one.end_answer()
    assert load(ringpick) == (0, 0)
    for gateway in (*gateways, again):
        gateway.close()


def test_an_endpoint_that_was_away_begins_at_zero(parts, backend):
    sim = parts.sim(count=2)
    first, second = sim.endpoints
    ringpick = parts.ringpick(sim.endpoints, backend=backend, workers=2, secure=False, config=REQUESTS)
    gateways = two_gateways(ringpick)

    def count():
        return len(ringpick.samples("llm_d_epp_per_endpoint_queue_size"))

    old = [Held(gateways[i % 2]) for i in range(8)]
    assert [load(ringpick, e)[0] for e in sim.endpoints] == [4, 4]
    ringpick.set_endpoints([second])
    wait_until(lambda: count() == 1, "the first endpoint has left")
    assert load(ringpick)[0] == 4
    ringpick.set_endpoints([first, second])
    wait_until(lambda: count() == 2, "the first endpoint is back")
    assert [load(ringpick, e)[0] for e in sim.endpoints] == [0, 4]
    # It is idle, so the next ones are its.
    new = [Held(gateways[i % 2]) for i in range(3)]
    assert [h.endpoint for h in new] == [first] * 3
    # The end of those from before lessens only the other one's.
    for one in old:
        one.exchange.call.cancel()
    wait_until(lambda: [load(ringpick, e)[0] for e in sim.endpoints] == [3, 0],
               "old requests have ended")
    for gateway in gateways:
        gateway.close()
    nothing_left(ringpick)


def test_a_configuration_read_again_keeps_what_is_under_way(parts):
    sim = parts.sim(count=2)
    ringpick = parts.ringpick(sim.endpoints, secure=False, config=REQUESTS)
    gateway = Gateway(ringpick)
    held = Held(gateway)
    other = next(e for e in sim.endpoints if e != held.endpoint)
    (config,) = ringpick.endpoints_file.parent.glob("ringpick-config.yaml")
    config.write_text(REQUESTS.replace("- type: inflight-load-producer",
                                       "- type: inflight-load-producer\n  name: load")
                      .replace("- type: active-request-scorer",
                               "- type: active-request-scorer\n"
                               "  parameters: {inFlightLoadProducerName: load}"))
    wait_until(lambda: any(s["producer_name"] == "load"
                           for s, _ in ringpick.samples("llm_d_epp_inflight_requests")),
               "the new configuration is in force")
    assert load(ringpick)[0] == 1
    assert [gateway.pick(BODY) for _ in range(8)] == [other] * 8
    gateway.close()
    nothing_left(ringpick)


def test_picks_avoid_a_server_that_hangs_and_clients_may_leave(parts, backend):
    sim = parts.sim(count=2, args=["--time-to-first-token", "20s"])
    ringpick = parts.ringpick(sim.endpoints, backend=backend, workers=2, config=REQUESTS)
    envoy = parts.envoy(ringpick)

    def ask():
        connection = http.client.HTTPConnection("127.0.0.1", envoy.port, timeout=60 * PATIENCE)
        connection.request("POST", "/v1/completions", json.dumps(
            {"model": "reviews-1", "prompt": "a", "stream": True}),
            {"content-type": "application/json"})
        return connection

    clients = []
    for i in range(6):
        clients.append(ask())
        wait_until(lambda: load(ringpick)[0] == i + 1, f"{i + 1} requests hang")
    assert [load(ringpick, e)[0] for e in sim.endpoints] == [3, 3]
    # Clients reset their connections: Envoy resets the streams.
    for client in clients:
        client.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        client.close()
    nothing_left(ringpick)


def test_many_requests_through_envoy_leave_nothing(parts, backend):
    sim = parts.sim(count=3)
    ringpick = parts.ringpick(sim.endpoints, backend=backend, workers=2, config=TOKENS)
    envoy = parts.envoy(ringpick)
    statuses = []

    def run(stream):
        for _ in range(40):
            statuses.append(envoy.post("/v1/completions", {"model": "reviews-1", "prompt": "b" * 200,
                                                           "stream": stream, "max_tokens": 3})[0])

    threads = [threading.Thread(target=run, args=(i % 2 == 0,)) for i in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert statuses == [200] * 240
    nothing_left(ringpick)
