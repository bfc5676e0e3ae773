# SPDX-License-Identifier: Apache-2.0
"""What single plugins show of themselves on the metrics page of a running server."""
from tests.support.ext_proc import Gateway, destination, immediate, json_body
from tests.support.processes import wait_until

CONFIG = """
apiVersion: llm-d.ai/v1alpha1
kind: EndpointPickerConfig
plugins:
- type: agent-identity
- type: probabilistic-admitter
- type: token-producer
  parameters: {estimate: {}}
- type: mm-embeddings-cache-producer
  name: images
- type: mm-embeddings-cache-scorer
  parameters: {producerName: images}
- type: disaggregatedset-rollout-screener
  name: rollout
  parameters:
    scope: {labelSelector: app=set}
    headerSelectors:
    - {name: revision, headerName: x-revision, labelKey: revision, mode: strict}
    revisionGating:
      {revisionLabelKey: revision, roleLabelKey: role, mode: sum, requireRoles: {values: [decode]}}
schedulingProfiles:
- name: default
  plugins:
  - pluginRef: mm-embeddings-cache-scorer
"""
PIXEL = ("data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGA"
         "WjR9awAAAABJRU5ErkJggg==")
CHAT = json_body(model="m", messages=[{"role": "user", "content": [
    {"type": "text", "text": "What is it?"}, {"type": "image_url", "image_url": {"url": PIXEL}}]}])
SHARE = "llm_d_epp_disaggregatedset_revision_gating_share"


def test_plugins_show_what_they_found(parts):
    sim = parts.sim(count=3)
    revisions = dict(zip(sim.endpoints, ("v1", "v2", "v2")))
    ringpick = parts.ringpick(
        sim.endpoints, workers=2, secure=False, config=CONFIG, args=["--allow-experimental-plugins"],
        labels={e: {"app": "set", "role": "decode", "revision": r} for e, r in revisions.items()})
    shares = {labels["revision"]: value for labels, value in ringpick.samples(SHARE)}
    assert shares == {"v1": 1 / 3, "v2": 2 / 3}
    gateways = [Gateway(ringpick), Gateway(ringpick)]

    def ask(i, revision):
        return gateways[i % 2].request(CHAT, {"x-revision": revision}, "/v1/chat/completions")[0]

    picked = {destination(ask(i, "v1")[0]) for i in range(4)}
    assert picked == {sim.endpoints[0]}
    immediate(ask(0, "v3"))
    images = {"plugin_type": "mm-embeddings-cache-producer", "plugin_name": "images"}
    prefix = "llm_d_epp_encoder_cache_"
    assert ringpick.metric(prefix + "queries_total", modality="image", **images) == 4
    assert ringpick.metric(prefix + "hits_total", modality="image",
                           pod=f"default/ep-{sim.ports[0]}", **images) == 3
    assert ringpick.metric(prefix + "hit_ratio_count", **images) == 4
    assert ringpick.metric(prefix + "hit_ratio_sum", **images) == 3
    assert ringpick.metric("llm_d_epp_disaggregatedset_strict_header_no_match_total",
                           plugin_name="rollout", selector="revision") == 1
    for point, plugin, count in (("RequestHeader", "agent-identity", 5), ("Screener", "rollout", 5),
                                 ("Admission", "probabilistic-admitter", 4)):
        for family in ("llm_d_epp_plugin", "inference_extension_plugin"):
            assert ringpick.metric(family + "_duration_seconds_count", extension_point=point,
                                   plugin_name=plugin) == count, point
    ringpick.set_endpoints(sim.endpoints[:1], {sim.endpoints[0]: {"app": "set", "revision": "v1"}})
    wait_until(lambda: not ringpick.samples(SHARE), "a pod without a role is not counted")
    for gateway in gateways:
        gateway.close()
