# SPDX-License-Identifier: Apache-2.0
"""Every filter a second time, one small function each, from its description alone.

A filter is called with its parameters, the request and the candidates, and returns those it keeps.
Where it draws lots (explorationProbability, epsilonExploreNeg) only 0 and 1 are known here.
"""
import operator
import re
import sys

import context_length
import session
import topology
from figures import (age_ms, attribute, header, identity, is_negative, kv, label, parameter,
                     prefix_ratio, requests, running, scalar, tokens, waiting)


def by_role(accepted, keeps_unlabelled):
    def keep(parameters, request, endpoints):
        return [e for e in endpoints
                if (keeps_unlabelled if label(e, "llm-d.ai/role") is None
                    else label(e, "llm-d.ai/role") in accepted)]

    return keep


decode = by_role({"decode", "prefill-decode", "both", "encode-prefill-decode"}, True)
prefill = by_role({"prefill", "encode-prefill", "prefill-decode", "both",
                   "encode-prefill-decode"}, False)
encode = by_role({"encode", "encode-prefill", "encode-prefill-decode"}, False)


def label_selector(parameters, request, endpoints):
    def matches(e):
        for key, value in parameter(parameters, "matchLabels", {}).items():
            if label(e, key) != value:
                return False
        for rule in parameter(parameters, "matchExpressions", []):
            value, values = label(e, rule["key"]), rule.get("values") or []
            if not {
                "In": value is not None and value in values,
                "NotIn": value is None or value not in values,
                "Exists": value is not None,
                "DoesNotExist": value is None,
            }[rule["operator"]]:
                return False
        return True

    return [e for e in endpoints if matches(e)]


def by_label(parameters, request, endpoints):
    valid = parameter(parameters, "validValues", [])

    def matches(value):
        # No label reads as the empty value, too.
        if value is None:
            return parameter(parameters, "allowsNoLabel", False) or "" in valid
        return value in valid

    return [e for e in endpoints if matches(label(e, parameters["label"]))]


def utilization(parameters, request, endpoints):
    figure = {"active-requests": requests, "running-requests": running, "waiting-queue": waiting,
              "kv-cache-utilization": kv}
    kept = [e for e in endpoints
            if all(figure[c["metric"]](e) <= c["maxValue"] for c in parameters["conditions"])]
    return endpoints if not kept and parameter(parameters, "fallbackOnEmpty", False) else kept


def endpoint_attribute(parameters, request, endpoints):
    threshold = parameters["algorithm"]["threshold"]
    compare = {"LessThan": operator.lt, "LessThanOrEqual": operator.le,
               "GreaterThan": operator.gt, "GreaterThanOrEqual": operator.ge,
               "Equal": operator.eq, "NotEqual": operator.ne}[threshold["operator"]]

    def matches(value):
        if value is None:
            return parameter(parameters, "onMissing", "Pass") == "Pass"
        return compare(value, threshold["value"])

    kept = [e for e in endpoints if matches(scalar(e, parameters["attribute"]))]
    return endpoints if not kept and parameter(parameters, "fallbackOnEmpty", False) else kept


def prefix_cache_affinity(parameters, request, endpoints):
    threshold = parameter(parameters, "affinityThreshold", 0.80)
    if len(endpoints) <= 1 or threshold <= 0:
        return endpoints
    if parameter(parameters, "explorationProbability", 0) == 1:
        return endpoints
    sticky = [e for e in endpoints if prefix_ratio(e) >= threshold]
    others = [e for e in endpoints if prefix_ratio(e) < threshold]
    if not sticky:
        return endpoints

    def ttft(e):
        if parameter(parameters, "ttftSource", "prefillThroughput") == "latencyPredictor":
            latency = attribute(e, "latency")
            return sys.float_info.max if latency is None else latency["ttft"]
        return float(tokens(e)) / parameter(parameters, "peakPrefillThroughput", 15928.0) * 1000.0

    penalty = parameter(parameters, "maxTTFTPenaltyMs", 18000.0)
    if penalty > 0 and others:
        if min(map(ttft, sticky)) - min(map(ttft, others)) > penalty:
            return endpoints
    return sticky


def slo_headroom_tier(parameters, request, endpoints):
    unknown = [e for e in endpoints if attribute(e, "latency") is None]
    known = [e for e in endpoints if attribute(e, "latency") is not None]
    if len(endpoints) <= 1 or not known:
        return endpoints
    positive = [e for e in known if not is_negative(attribute(e, "latency"))]
    negative = [e for e in known if is_negative(attribute(e, "latency"))] + unknown
    if positive and negative:
        return negative if parameter(parameters, "epsilonExploreNeg", 0.01) == 1 else positive
    return positive or negative


def topology_affinity(parameters, request, endpoints):
    loosest = topology.LEVELS.index(parameter(parameters, "minAffinity", "host"))

    def is_near(e):
        level = topology.shared_level(request, e)
        return level is not None and level <= loosest

    return [e for e in endpoints if is_near(e)] or endpoints


def context_length_aware(parameters, request, endpoints):
    if not parameter(parameters, "enableFiltering", False):
        return endpoints

    def matches(allowed):
        if allowed is None:
            return True
        return allowed != "bad" and allowed[0] <= context_length.length(request) <= allowed[1]

    return [e for e in endpoints if matches(context_length.range_of(parameters, e))]


def session_affinity(parameters, request, endpoints, bindings=None):
    stay = session.wanted(parameters, request, endpoints, bindings)
    return [e for e in endpoints if identity(e) == stay] or endpoints


def milliseconds(duration):
    units = {"ms": 1, "s": 1000, "m": 60000, "h": 3600000}
    return sum(float(number) * units[unit]
               for number, unit in re.findall(r"([0-9.]+)(ms|s|m|h)", duration))


def utilization_detector(parameters, request, endpoints):
    room = 1.0 + parameter(parameters, "headroom", 0.0)
    queue_limit = parameter(parameters, "queueDepthThreshold", 5) * room
    kv_limit = parameter(parameters, "kvCacheUtilThreshold", 0.8) * room
    oldest = milliseconds(parameter(parameters, "metricsStalenessThreshold", "200ms"))
    return [e for e in endpoints
            if age_ms(e) <= oldest and waiting(e) < queue_limit and kv(e) < kv_limit] or endpoints


def concurrency_detector(parameters, request, endpoints):
    room = 1.0 + parameter(parameters, "headroom", 0.0)
    request_limit = int(float(parameter(parameters, "maxConcurrency", 100)) * room)
    token_limit = int(float(parameter(parameters, "maxTokenConcurrency", 1000000)) * room)
    admits = {
        "requests": lambda e: requests(e) < request_limit,
        "tokens": lambda e: tokens(e) < token_limit,
        "hybrid": lambda e: requests(e) < request_limit and tokens(e) < token_limit,
    }[parameter(parameters, "concurrencyMode", "requests")]
    return [e for e in endpoints if admits(e)]


def header_based_testing(parameters, request, endpoints):
    kept = []
    for item in header(request, "test-epp-endpoint-selection").split(","):
        item = item.strip()
        # The last endpoint with that address, or address and port, is meant.
        found = [e for e in endpoints
                 if item in (e["address"], e["address"] + ":" + e["port"])][-1:]
        kept += [e for e in found if e["address"] not in [k["address"] for k in kept]]
    return kept


FILTERS = {
    "decode-filter": decode,
    "prefill-filter": prefill,
    "encode-filter": encode,
    "label-selector-filter": label_selector,
    "by-label-selector": label_selector,
    "by-label": by_label,
    "utilization-filter": utilization,
    "endpoint-attribute-filter": endpoint_attribute,
    "prefix-cache-affinity-filter": prefix_cache_affinity,
    "slo-headroom-tier-filter": slo_headroom_tier,
    "topology-affinity-filter": topology_affinity,
    "context-length-aware": context_length_aware,
    "session-affinity-filter": session_affinity,
    "multicluster-session-affinity-filter": session_affinity,
    "utilization-detector": utilization_detector,
    "concurrency-detector": concurrency_detector,
    "header-based-testing-filter": header_based_testing,
}
