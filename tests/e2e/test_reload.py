# SPDX-License-Identifier: Apache-2.0
"""--config-file is read again when it changes: what is good is published, what is not is reported."""
import json
import os
import signal

from tests.support.ext_proc import Gateway
from tests.support.processes import HOW_TO_CONFIG, wait_until

IDLE = ["--fake-metrics", '{"waiting-requests":0,"running-requests":0,"kv-cache-usage":0}']
QUEUE_ONLY = "plugins: [{type: queue-scorer}]\n"
# What the pool calls running is taken for the queue.
OTHER_METRICS = """
plugins:
- type: queue-scorer
- type: metrics-data-source
- type: core-metrics-extractor
  parameters:
    defaultEngine: mine
    engineConfigs:
    - {name: mine, queuedRequestsSpec: "vllm:num_requests_running"}
"""
REFUSED = "The configuration file is refused: the configuration stays as it is"
TAKEN = "Configuration file read again"


def write(ringpick, text):
    """As an editor or a ConfigMap does: by rename."""
    path = ringpick.endpoints_file.with_name("ringpick-config.yaml")
    new = path.with_suffix(".new")
    new.write_text(text)
    new.rename(path)


def lines(ringpick, msg):
    found = []
    for line in ringpick.log().splitlines():
        try:
            line = json.loads(line)
        except ValueError:
            continue
        if line.get("msg") == msg:
            found.append(line)
    return found


def change(ringpick, text, msg=TAKEN):
    count = len(lines(ringpick, msg))
    write(ringpick, text)
    wait_until(lambda: len(lines(ringpick, msg)) > count, msg)
    return lines(ringpick, msg)[-1]


def prompt(prefix, tail):
    words = f"{prefix} " * 600 + f"{tail}"
    return json.dumps({"model": "meta-llama/Llama-3.1-8B-Instruct", "prompt": words}).encode()


def is_sticky(gateway, prefix):
    return len({gateway.pick(prompt(prefix, tail)) for tail in range(12)}) == 1


def test_plugins_with_state_come_and_go(parts, backend):
    sim = parts.sim(count=3, args=IDLE)
    ringpick = parts.ringpick(sim.endpoints, backend=backend, workers=2, secure=False,
                              config=QUEUE_ONLY)
    gateway = Gateway(ringpick)
    try:
        assert not all(is_sticky(gateway, f"before{i}") for i in range(4))
        change(ringpick, HOW_TO_CONFIG)
        wait_until(lambda: all(is_sticky(gateway, f"after{i}") for i in range(4)),
                   "the prefix scorer works")
        change(ringpick, QUEUE_ONLY)
        wait_until(lambda: not all(is_sticky(gateway, f"later{i}") for i in range(4)),
                   "the prefix scorer is gone")
    finally:
        gateway.close()


def test_a_broken_file_is_reported_and_nothing_changes(parts, backend):
    sim = parts.sim(count=3, args=IDLE)
    ringpick = parts.ringpick(sim.endpoints, backend=backend, secure=False)
    gateway = Gateway(ringpick)
    try:
        for text, part in [("plugins: [{type: quue-scorer}]\n", ":1:18: plugin type 'quue-scorer'"),
                           ("plugins: [\n", "not valid YAML"), ("", "has become empty"),
                           ("plugins: [{type: core-metrics-extractor, parameters: "
                            "{defaultEngine: x}}]\n", ":1:70: defaultEngine 'x'")]:
            error = change(ringpick, text, REFUSED)["error"]
            assert part in error and "ringpick-config.yaml" in error, error
            assert is_sticky(gateway, f"prefix {part}")
        change(ringpick, HOW_TO_CONFIG)
        assert is_sticky(gateway, "again")
    finally:
        gateway.close()


def test_figures_come_from_the_new_source(parts, backend):
    sim = parts.sim(count=2, args=IDLE)
    ringpick = parts.ringpick(sim.endpoints, backend=backend, secure=False, config=QUEUE_ONLY)
    first, second = sim.endpoints
    sim.set_metrics(first, waiting=9, running=0, kv=0)
    sim.set_metrics(second, waiting=0, running=9, kv=0)
    gateway = Gateway(ringpick)

    def all_go_to(endpoint):
        return all(gateway.pick(prompt("x", i)) == endpoint for i in range(8))

    try:
        wait_until(lambda: all_go_to(second), "the queue counts")
        change(ringpick, OTHER_METRICS)
        wait_until(lambda: all_go_to(first), "what runs counts")
        change(ringpick, QUEUE_ONLY)
        wait_until(lambda: all_go_to(second), "the queue counts again")
    finally:
        gateway.close()


def test_no_request_fails_while_the_configuration_changes(parts, backend):
    sim = parts.sim(count=3, args=IDLE)
    ringpick = parts.ringpick(sim.endpoints, backend=backend, workers=2, secure=False)
    gateway = Gateway(ringpick)
    try:
        for i in range(10):
            count = len(lines(ringpick, TAKEN))
            write(ringpick, [QUEUE_ONLY, HOW_TO_CONFIG, OTHER_METRICS][i % 3])
            while len(lines(ringpick, TAKEN)) == count:
                assert gateway.pick(prompt("x", i)) in sim.endpoints
            assert gateway.pick(prompt("x", i)) in sim.endpoints
    finally:
        gateway.close()


def test_durations_stay_with_their_plugins(parts, backend):
    sim = parts.sim(count=2, args=IDLE)
    ringpick = parts.ringpick(sim.endpoints, backend=backend, secure=False, config=QUEUE_ONLY)

    def calls(plugin):
        return ringpick.sum("llm_d_epp_plugin_duration_seconds_count", plugin_name=plugin)

    gateway = Gateway(ringpick)
    try:
        for i in range(20):
            gateway.pick(prompt("x", i))
        wait_until(lambda: calls("queue-scorer") == 20, "20 calls of the scorer")
        # Other plugins stand before it, and it has another index.
        change(ringpick, "plugins: [{type: kv-cache-utilization-scorer}, {type: prefix-cache-scorer}, "
                         "{type: queue-scorer}]\n")
        wait_until(lambda: ringpick.samples("llm_d_epp_plugin_duration_seconds_count") and
                   gateway.pick(prompt("x", 0)) and calls("kv-cache-utilization-scorer") > 0,
                   "the new configuration")
        assert calls("queue-scorer") == 20 + calls("kv-cache-utilization-scorer")
    finally:
        gateway.close()


def test_killed_control_comes_back_even_if_the_file_is_bad_by_now(parts, backend):
    sim = parts.sim(count=3, args=IDLE)
    ringpick = parts.ringpick(sim.endpoints, backend=backend, secure=False)
    gateway = Gateway(ringpick)
    try:
        change(ringpick, "bogus: 1\n", REFUSED)
        os.kill(ringpick.children()["control"], signal.SIGKILL)
        wait_until(lambda: len(lines(ringpick, REFUSED)) == 2, "the new control reports it too")
        assert is_sticky(gateway, "prefix")
        change(ringpick, QUEUE_ONLY)
        wait_until(lambda: not all(is_sticky(gateway, f"later{i}") for i in range(4)),
                   "the good file is taken")
    finally:
        gateway.close()
