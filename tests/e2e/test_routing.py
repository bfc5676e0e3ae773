# SPDX-License-Identifier: Apache-2.0
"""Headers and lists by which a pick reaches others than the first endpoint, through real Envoy."""
import base64
import json

from tests.support.ext_proc import Gateway, json_body
from tests.support.processes import free_port, wait_until

DISAGGREGATED = """
apiVersion: llm-d.ai/v1alpha1
kind: EndpointPickerConfig
plugins:
- type: prefill-filter
- type: decode-filter
- type: queue-scorer
- type: always-disagg-pd-decider
- type: inflight-load-producer
- type: active-request-scorer
- type: disagg-profile-handler
  parameters: {deciders: {prefill: always-disagg-pd-decider}}
schedulingProfiles:
- name: prefill
  plugins: [{pluginRef: prefill-filter}, {pluginRef: active-request-scorer}]
- name: decode
  plugins: [{pluginRef: decode-filter}, {pluginRef: queue-scorer}]
"""
STICKY = """
apiVersion: llm-d.ai/v1alpha1
kind: EndpointPickerConfig
plugins:
- type: session-affinity-scorer
- type: max-score-picker
schedulingProfiles:
- name: default
  plugins: [{pluginRef: session-affinity-scorer}, {pluginRef: max-score-picker}]
"""
TWO_PICKS = """
apiVersion: llm-d.ai/v1alpha1
kind: EndpointPickerConfig
plugins:
- type: queue-scorer
- type: max-score-picker
  parameters: {maxNumOfEndpoints: 2}
schedulingProfiles:
- name: default
  plugins: [{pluginRef: queue-scorer}, {pluginRef: max-score-picker}]
"""
REPORTED = """
apiVersion: llm-d.ai/v1alpha1
kind: EndpointPickerConfig
plugins:
- type: queue-scorer
- type: request-attribute-reporter
  parameters:
    attributes:
    - key: {name: x-gateway-inference-request-cost}
      expression: usage.prompt_tokens + usage.completion_tokens
schedulingProfiles:
- name: default
  plugins: [{pluginRef: queue-scorer}]
"""
BODY = {"model": "reviews-1", "prompt": "What do reviewers think?", "max_tokens": 5}
PREFILLER = "x-prefiller-host-port"


def roles(**endpoints):
    return {endpoint: {"llm-d.ai/role": role} for role, endpoint in endpoints.items()}


def test_the_decode_server_learns_who_prefills(parts, backend):
    prefill, decode = parts.checking_backend(), parts.checking_backend()
    endpoints = [prefill.endpoint, decode.endpoint]
    ringpick = parts.ringpick(endpoints, backend=backend, config=DISAGGREGATED,
                              labels=roles(prefill=prefill.endpoint, decode=decode.endpoint))
    envoy = parts.envoy(ringpick)
    for forged in ({}, {PREFILLER: "203.0.113.9:1"}):
        status, _, body = envoy.post("/v1/completions", BODY, headers=forged)
        assert status == 200
        assert json.loads(body)["port"] == decode.port
        assert json.loads(body)["headers"][PREFILLER] == prefill.endpoint
    assert not prefill.seen
    # Both were counted, and both are given back.
    names = {s["endpoint_name"] for s, _ in ringpick.samples("llm_d_epp_inflight_requests")}
    assert names == {f"ep-{prefill.port}", f"ep-{decode.port}"}
    wait_until(lambda: ringpick.sum("llm_d_epp_inflight_requests") == 0, "nothing is under way")


def test_without_a_prefill_server_decode_goes_alone_and_no_forged_header_passes(parts, backend):
    decode = parts.checking_backend()
    ringpick = parts.ringpick([decode.endpoint], backend=backend, config=DISAGGREGATED,
                              labels=roles(decode=decode.endpoint))
    envoy = parts.envoy(ringpick)
    status, _, body = envoy.post("/v1/completions", BODY, headers={PREFILLER: "203.0.113.9:1"})
    assert status == 200
    assert PREFILLER not in json.loads(body)["headers"]


def test_a_session_stays_by_the_header_of_its_first_answer(parts, backend):
    sim = parts.sim(count=3)
    ringpick = parts.ringpick(sim.endpoints, backend=backend, workers=2, config=STICKY,
                              args=["--allow-experimental-plugins"])
    envoy = parts.envoy(ringpick)
    ports = set()
    for _ in range(6):
        status, headers, _ = envoy.post("/v1/completions", BODY)
        assert status == 200
        token, port = headers["x-session-token"], headers["x-inference-port"]
        assert base64.b64decode(token) == f"default/ep-{port}".encode()
        ports.add(port)
        for _ in range(5):
            status, headers, _ = envoy.post("/v1/completions", BODY,
                                            headers={"x-session-token": token})
            assert (status, headers["x-inference-port"]) == (200, port)
            assert headers["x-session-token"] == token
    assert len(ports) > 1
    # A token that names nobody is as good as none.
    status, headers, _ = envoy.post("/v1/completions", BODY, headers={"x-session-token": "%%%"})
    assert status == 200 and headers["x-session-token"]


def test_a_second_endpoint_serves_when_the_first_refuses(parts, backend):
    sim = parts.sim(count=1)
    refusing = f"127.0.0.1:{free_port()}"
    endpoints = [refusing, *sim.endpoints]
    # Nobody scrapes a queue from the one that refuses: it is the best of the two.
    sim.set_metrics(sim.endpoints[0], waiting=5, running=0, kv=0)
    ringpick = parts.ringpick(endpoints, backend=backend, secure=False, config=TWO_PICKS)
    gateway = Gateway(ringpick)
    wait_until(lambda: gateway.pick(json_body(**BODY)) == ",".join(endpoints), "both are picked, best first")
    gateway.close()
    envoy = parts.envoy(ringpick, variant="metadata", endpoints=endpoints, retries=1)
    for _ in range(10):
        status, headers, body = envoy.post("/v1/completions", BODY)
        assert status == 200, (status, body)
        assert int(headers["x-inference-port"]) == sim.ports[0]


def test_an_attribute_of_the_answer_reaches_envoys_metadata(parts, backend):
    sim = parts.sim(count=1)
    ringpick = parts.ringpick(sim.endpoints, backend=backend, config=REPORTED)
    envoy = parts.envoy(ringpick, access_log="%DYNAMIC_METADATA(envoy.lb)%")
    for stream in (False, True):
        status, _, body = envoy.post("/v1/completions", {
            **BODY, "stream": stream, "stream_options": {"include_usage": True}} if stream else BODY)
        assert status == 200
        text = body.decode()
        events = [e[6:] for e in text.splitlines() if e.startswith("data: {")] if stream else [text]
        usage = next(e["usage"] for e in map(json.loads, reversed(events)) if e.get("usage"))
        cost = usage["prompt_tokens"] + usage["completion_tokens"]
        wait_until(lambda: f'"x-gateway-inference-request-cost":{cost}' in envoy.log(),
                   f"Envoy knows the cost {cost}")
