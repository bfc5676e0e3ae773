# SPDX-License-Identifier: Apache-2.0
"""Prompts that begin alike go to one server, whichever worker they come through."""
import json

import pytest

from tests.support.ext_proc import Gateway
from tests.support.processes import wait_until

WITHOUT_PREFIX = """apiVersion: inference.networking.x-k8s.io/v1alpha1
kind: EndpointPickerConfig
plugins:
- type: queue-scorer
- type: kv-cache-utilization-scorer
schedulingProfiles:
- name: default
  plugins:
  - pluginRef: queue-scorer
    weight: 2
  - pluginRef: kv-cache-utilization-scorer
    weight: 2
"""


def prompt_body(prefix, tail):
    text = f"Document {prefix}. " + f"paragraph {prefix} of the shared text, " * 60 + f"Question {tail}?"
    return json.dumps({"model": "m", "prompt": text}).encode()


def picks_by_prefix(ringpick, workers):
    """For 20 prefixes ten picks each; each follow-up through another connection than the one before."""
    gateways = [Gateway(ringpick) for _ in range(workers)]
    try:
        for gateway in gateways:
            gateway.pick(prompt_body("warm-up", 0))
        before = ringpick.worker_requests()
        for gateway in gateways:
            gateway.pick(prompt_body("warm-up", 1))
        after = ringpick.worker_requests()
        assert all(b > a for a, b in zip(before, after)), "each connection has a worker of its own"
        return {prefix: {gateways[tail % workers].pick(prompt_body(prefix, tail))
                         for tail in range(10)}
                for prefix in range(20)}
    finally:
        for gateway in gateways:
            gateway.close()


@pytest.mark.parametrize("workers", [1, 2])
def test_follow_ups_go_where_the_prefix_is(parts, backend, workers):
    sim = parts.sim(count=3, args=["--fake-metrics",
                                   '{"waiting-requests":0,"running-requests":0,"kv-cache-usage":0}'])
    ringpick = parts.ringpick(sim.endpoints, backend=backend, workers=workers, secure=False)
    picks = picks_by_prefix(ringpick, workers)
    assert all(len(used) == 1 for used in picks.values()), picks
    assert len(set.union(*picks.values())) >= 2, "all prefixes on one endpoint"
    assert all(count > 0 for count in ringpick.worker_requests())

    # When the queue of an endpoint grows, its prompts move.
    busy = next(iter(picks[0]))
    sim.set_metrics(busy, waiting=50, running=0, kv=0.99)
    moved = [prefix for prefix, used in picks.items() if used == {busy}]
    gateway = Gateway(ringpick)
    try:
        wait_until(lambda: gateway.pick(prompt_body(moved[0], 99)) != busy, "the prompts move away")
        assert all(gateway.pick(prompt_body(prefix, 100)) != busy for prefix in moved)
    finally:
        gateway.close()


def test_without_the_prefix_scorer_follow_ups_scatter(parts, backend):
    sim = parts.sim(count=3, args=["--fake-metrics",
                                   '{"waiting-requests":0,"running-requests":0,"kv-cache-usage":0}'])
    ringpick = parts.ringpick(sim.endpoints, backend=backend, workers=2, secure=False,
                              config=WITHOUT_PREFIX)
    picks = picks_by_prefix(ringpick, 2)
    assert any(len(used) > 1 for used in picks.values()), "sticky without the scorer: the test is blind"
