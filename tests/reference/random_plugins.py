# SPDX-License-Identifier: Apache-2.0
"""What is random for each plugin: its parameters, then a request and what its endpoints are like.

Labels come from a few hundred sets only, so that a reader who remembers tables of endpoints has use
for it. Names of labels and headers are as people write them.
"""
import base64
import random

from random_figures import (given, in_flight, labels, latencies, merged, metrics, peer,
                            prefixes, topologies)

ROLES = ["decode", "prefill", "encode", "prefill-decode", "encode-prefill",
         "encode-prefill-decode", "both", "encode-decode", "other", ""]
RANGES = ["0-2048", "0-8192", "4096-32768", "1000-1000", " 1000 - 1000 ", "bogus", "", "5",
          "9-1", "1-2-3", "-5-10", "+1-+20", "0-9223372036854775807", "0-9223372036854775808",
          "0x1-0x9", "2000-131072", "0-0", "a-b", "1-", "10000-10001"]

def no_parameters(s):
    return None


def load_aware_parameters(s):
    p = {}
    s.maybe(p, "threshold", (128, 1, 10, 0, -5, 2**31 - 1, lambda: 1 + s.count(1000)))
    return p


def near_threshold(s, n, p):
    return {}, metrics(waiting=s.integers(n, p.get("threshold", 128)))


def loras(s, n, p):
    names = ("a1", "a2", "a3", "x", "y")

    def one():
        return {"metrics": {"activeModels": s.rng.sample(names, s.choice((0, 1, 1, 2, 3))),
                            "waitingModels": s.rng.sample(names, s.choice((0, 0, 1, 2))),
                            "maxActiveModels": s.choice((0, 1, 2, 3, 4, 8))}}

    return {"model": s.choice(("a1", "a2", "base"))}, [one() for _ in range(n)]


def attribute_scorer_parameters(s):
    algorithm = {"type": s.choice(("linear_lower_is_better", "linear_higher_is_better"))}
    if s.one_in(2):
        low = s.choice((0, -5, 0.1, s.random() * 10 - 5))
        algorithm["normalization"] = {"fixedRange": {
            "min": low, "max": low + s.choice((1, 0.5, 10, 1e-3))}}
    elif s.one_in(2):
        algorithm["normalization"] = {"adaptiveRange": {}}
    return {"attributeKey": "foo", "algorithm": algorithm}


def scalars(key):
    def figures(s, n, p):
        values = s.numbers(n)
        return {}, given("scalars", [None if v is None else {key: v} for v in values])

    return figures


def active_parameters(s):
    p = {}
    s.maybe(p, "idleThreshold", (0, 1, 2, 10, -3))
    s.maybe(p, "maxBusyScore", (0, 0.5, 1, 1.5, -1, s.random))
    return p


def token_load_parameters(s):
    p = {}
    s.maybe(p, "queueThresholdTokens", (1000, 4194304, 0, -1, 1, lambda: 1 + s.count(2**40)))
    return p


def token_loads(s, n, p):
    near = max(p.get("queueThresholdTokens", 4194304), 1000)
    uncached = given("uncachedRequestTokens", s.holes(s.counts(n, s.choice((10, near)))))
    return {}, merged(in_flight(s, n, tokens=near), uncached)


def prefix_parameters(s):
    p = {}
    s.maybe(p, "matchLengthWeight", (0, 1, 0.4, s.random, s.random))
    s.maybe(p, "matchLengthScaleTokens", (1, 1000, 8192, lambda: 1 + s.count(10**6)))
    return p


def multimodal(s, n, p):
    wanted = [f"h{i}" for i in range(s.choice((0, 1, 2, 3, 7)))]

    def one():
        return {"request": wanted, "matched": s.rng.sample(wanted, s.rng.randint(0, len(wanted)))}

    return {"mmHashes": wanted}, given("mm", s.holes([one() for _ in range(n)]))


def context_length_parameters(s):
    p = {}
    s.maybe(p, "label", ("llm-d.ai/context-length-range", "ctx"))
    s.maybe(p, "enableFiltering", (True, True, False))
    return p


def context_lengths(s, n, p):
    key = p.get("label", "llm-d.ai/context-length-range")
    ranges = random.Random(s.choice(range(200))).choices([None, *RANGES], k=n)
    request = {} if s.one_in(10) else {"tokens": s.choice((1000, 5000, 0, 1, s.count(200000)))}
    return request, labels(ranges, key)


def session_parameters(s):
    p = {}
    s.maybe(p, "strategy", ("encoded_endpoint_header",) * 3 + ("session_id",))
    s.maybe(p, "encodedEndpointHeaderConfig", ({}, {"header": "X-My-Session"}))
    return p


def sessions(s, n, p):
    token = s.choice((b"ns/p1", b"ns/p2", b"ns/p3", b"ns/p7", b"p1", b"other/p1", b"ns/p99", b""))
    text = base64.b64encode(token).decode()
    text = s.choice((text,) * 8 + ("%%%", text.rstrip("="), text + "=", text + "!"))
    name = p.get("encodedEndpointHeaderConfig", {}).get("header", "x-session-token").lower()
    return {"headers": {name: text} if text else {}}, [{} for _ in range(n)]


def header_label_parameters(s):
    return {"headerName": s.choice(("X-Tier", "x-tier")), "labelKey": s.choice(("tier", "a/b"))}


def header_labels(s, n, p):
    values = random.Random(s.choice(range(200))).choices(("gold", "silver", "", None), k=n)
    headers = s.choice(({}, {"x-tier": "gold"}, {"x-tier": "silver"}, {"x-tier": ""},
                        {"x-tier": "Gold"}, {"x-other": "gold"}))
    return {"headers": headers}, labels(values, p["labelKey"])


def near_and_far(s, n, p):
    return peer(s), given("topology", s.holes(topologies(s, n)))


def topology_parameters(s):
    p = {}
    s.maybe(p, "minAffinity", ("host", "rack", "zone", "region", ""))
    return {name: value for name, value in p.items() if value}


def latency_parameters(s):
    p = {}
    weights = (0, 1, 2, 0.5, s.random)
    for name in ("ttftWeight", "tpotWeight", "compositeKVWeight", "compositeQueueWeight",
                 "compositePrefixWeight"):
        if s.one_in(2):
            s.maybe(p, name, weights)
    s.maybe(p, "headroomSelectionStrategy", ("least", "most", "most", "other"))
    return p


def predictions(s, n, p):
    return {}, merged(latencies(s, n), prefixes(s, n),
                      metrics(waiting=s.integers(n), kv=s.fractions(n)))


def roles(s, n, p):
    values = random.Random(s.choice(range(500))).choices([None, None, *ROLES], k=n)
    return {}, labels(values, "llm-d.ai/role")


def selector_parameters(s):
    p = {}
    if s.one_in(2):
        p["matchLabels"] = {"llm-d.ai/role": s.choice(ROLES)}
        if s.one_in(4):
            p["matchLabels"]["tier"] = "gold"
    if s.one_in(2):
        def rule():
            how = s.choice(("In", "NotIn", "Exists", "DoesNotExist"))
            one = {"key": s.choice(("llm-d.ai/role", "tier", "none")), "operator": how}
            if how in ("In", "NotIn"):
                one["values"] = s.rng.sample(ROLES + ["gold"], s.choice((1, 2, 3)))
            return one

        p["matchExpressions"] = [rule() for _ in range(s.choice((1, 1, 2, 3)))]
    return p


def labelled(s, n, p):
    rng = random.Random(s.choice(range(500)))
    tiers = labels(rng.choices(("gold", "silver", None, ""), k=n), "tier")
    return {}, merged(labels(rng.choices([None, *ROLES], k=n), "llm-d.ai/role"), tiers)


def by_label_parameters(s):
    p = {"label": s.choice(("llm-d.ai/role", "tier", "none"))}
    s.maybe(p, "allowsNoLabel", (True, False))
    if s.one_in(2) or not p.get("allowsNoLabel"):
        p["validValues"] = s.rng.sample(ROLES + ["gold"], s.choice((1, 2, 4)))
    return p


def utilization_parameters(s):
    def condition():
        metric = s.choice(("active-requests", "running-requests", "waiting-queue",
                           "kv-cache-utilization"))
        most = s.choice((0, 0.5, 0.9, 1)) if metric == "kv-cache-utilization" else \
            s.choice((0, 1, 2.5, 10, 100, 150))
        return {"metric": metric, "maxValue": most}

    p = {"conditions": [condition() for _ in range(s.choice((1, 1, 2, 3, 4)))]}
    s.maybe(p, "fallbackOnEmpty", (True, False))
    return p


def loads(s, n, p):
    return {}, merged(metrics(waiting=s.integers(n), running=s.integers(n), kv=s.fractions(n)),
                      in_flight(s, n))


def attribute_filter_parameters(s):
    p = {"attribute": "foo", "algorithm": {"type": "threshold", "threshold": {
        "operator": s.choice(("LessThan", "LessThanOrEqual", "GreaterThan",
                              "GreaterThanOrEqual", "Equal", "NotEqual")),
        "value": s.choice((0, 1, 2, 0.3, -0.5, 5.5, 1e300))}}}
    s.maybe(p, "onMissing", ("Pass", "Fail"))
    s.maybe(p, "fallbackOnEmpty", (True, False))
    return p


def prefix_affinity_parameters(s):
    p = {}
    s.maybe(p, "affinityThreshold", (0.8, 0.5, 1, 0, -1, 1e-9, s.random))
    s.maybe(p, "explorationProbability", (0, 0, 0, 0, 0, 1))
    s.maybe(p, "maxTTFTPenaltyMs", (18000, 0, 1, 100))
    s.maybe(p, "ttftSource", ("prefillThroughput", "latencyPredictor"))
    s.maybe(p, "peakPrefillThroughput", (15928, 1000, 0.5, lambda: 1 + s.count(10**6)))
    return p


def stickiness(s, n, p):
    # 18000 ms by the default throughput are 286704 tokens.
    return {}, merged(prefixes(s, n), latencies(s, n),
                      in_flight(s, n, tokens=s.choice((286704, 1000, 16))))


def slo_parameters(s):
    return {"epsilonExploreNeg": s.choice((0, 0, 1))}


def predicted(s, n, p):
    return {}, latencies(s, n)


def utilization_detector_parameters(s):
    p = {}
    s.maybe(p, "queueDepthThreshold", (1, 5, 10, 100))
    s.maybe(p, "kvCacheUtilThreshold", (0.8, 1, 0.5, lambda: 1 - s.random()))
    s.maybe(p, "headroom", (0, 0.1, 0.5, 2, s.random))
    s.maybe(p, "metricsStalenessThreshold", ("1s", "10s", "1m30s", "1.5s"))
    return p


def ages(s, n, p):
    columns = {"waiting": s.integers(n, p.get("queueDepthThreshold", 5)), "kv": s.fractions(n)}
    if s.one_in(2):
        columns["ageMs"] = s.column((0, 0, 0, 1000000), n)
    return {}, metrics(**columns)


def concurrency_parameters(s):
    p = {}
    s.maybe(p, "maxConcurrency", (1, 2, 3, 10, 100, lambda: 1 + s.count(1000)))
    s.maybe(p, "maxTokenConcurrency", (1, 1000, 1000000, lambda: 1 + s.count(10**7)))
    s.maybe(p, "concurrencyMode", ("requests", "tokens", "hybrid"))
    s.maybe(p, "headroom", (0, 0.1, 0.5, 2, s.random))
    return p


def concurrencies(s, n, p):
    return {}, in_flight(s, n, p.get("maxConcurrency", 100), p.get("maxTokenConcurrency", 10**6))


def testing_headers(s, n, p):
    def item():
        address = f"10.0.0.{s.rng.randint(1, 14)}"
        return s.choice(("", " ")) + address + s.choice(("", "", ":8000", ":9")) + s.choice(
            ("", " "))

    headers = {"test-epp-endpoint-selection": s.choice((",", ", ")).join(
        item() for _ in range(s.choice((0, 1, 2, 3, 6))))}
    return {"headers": {} if s.one_in(10) else headers}, [{} for _ in range(n)]


def queues(s, n, p):
    return {}, metrics(waiting=s.integers(n, least=-2**31))


def runs(s, n, p):
    return {}, metrics(running=s.integers(n, least=-2**31))


def usages(s, n, p):
    return {}, metrics(kv=s.fractions(n))


def matches(s, n, p):
    return {}, prefixes(s, n)


def active(s, n, p):
    return {}, in_flight(s, n)


QUEUE_SIZE = "llm-d.ai/multicluster-queue-size"
KV_USAGE = "llm-d.ai/multicluster-kv-cache-utilization"

RANDOM_SCORERS = {
    "queue-scorer": (no_parameters, queues),
    "running-requests-size-scorer": (no_parameters, runs),
    "kv-cache-utilization-scorer": (no_parameters, usages),
    "load-aware-scorer": (load_aware_parameters, near_threshold),
    "lora-affinity-scorer": (no_parameters, loras),
    "endpoint-attribute-scorer": (attribute_scorer_parameters, scalars("foo")),
    "multicluster-queue-scorer": (no_parameters, scalars(QUEUE_SIZE)),
    "multicluster-kv-cache-utilization-scorer": (no_parameters, scalars(KV_USAGE)),
    "multicluster-prefix-cache-scorer": (prefix_parameters, matches),
    "active-request-scorer": (active_parameters, active),
    "token-load-scorer": (token_load_parameters, token_loads),
    "prefix-cache-scorer": (prefix_parameters, matches),
    "mm-embeddings-cache-scorer": (no_parameters, multimodal),
    "no-hit-lru-scorer": (no_parameters, matches),
    "context-length-aware": (context_length_parameters, context_lengths),
    "session-affinity-scorer": (session_parameters, sessions),
    "header-label-affinity-scorer": (header_label_parameters, header_labels),
    "topology-affinity-scorer": (no_parameters, near_and_far),
    "latency-scorer": (latency_parameters, predictions),
}

RANDOM_FILTERS = {
    "decode-filter": (no_parameters, roles),
    "prefill-filter": (no_parameters, roles),
    "encode-filter": (no_parameters, roles),
    "label-selector-filter": (selector_parameters, labelled),
    "by-label-selector": (selector_parameters, labelled),
    "by-label": (by_label_parameters, labelled),
    "utilization-filter": (utilization_parameters, loads),
    "endpoint-attribute-filter": (attribute_filter_parameters, scalars("foo")),
    "prefix-cache-affinity-filter": (prefix_affinity_parameters, stickiness),
    "slo-headroom-tier-filter": (slo_parameters, predicted),
    "topology-affinity-filter": (topology_parameters, near_and_far),
    "context-length-aware": (context_length_parameters, context_lengths),
    "session-affinity-filter": (session_parameters, sessions),
    "multicluster-session-affinity-filter": (session_parameters, sessions),
    "utilization-detector": (utilization_detector_parameters, ages),
    "concurrency-detector": (concurrency_parameters, concurrencies),
    "header-based-testing-filter": (no_parameters, testing_headers),
}
