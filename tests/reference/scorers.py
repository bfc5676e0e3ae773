# SPDX-License-Identifier: Apache-2.0
"""Every scorer a second time, one small function each, from its description alone.

A scorer is called with its parameters, the request and the candidates, and returns {name: score};
who is not in it has no score. Numbers are computed in the order in which the formulas are written.
"""
import math

import context_length
import session
import topology
from figures import (attribute, header, is_negative, kv, label, max_models, models, parameter,
                     prefix_ratio, requests, running, scalar, tokens, waiting)


def least_is_best(values):
    """1 for the least, 0 for the greatest, linear between; all 1 if they are equal."""
    low, high = min(values.values(), default=0), max(values.values(), default=0)
    if low == high:
        return {name: 1.0 for name in values}
    return {name: float(high - v) / float(high - low) for name, v in values.items()}


def queue(parameters, request, endpoints):
    return least_is_best({e["name"]: waiting(e) for e in endpoints})


def running_requests(parameters, request, endpoints):
    return least_is_best({e["name"]: running(e) for e in endpoints})


def kv_cache(parameters, request, endpoints):
    return {e["name"]: 1.0 - kv(e) for e in endpoints}


def load_aware(parameters, request, endpoints):
    threshold = parameter(parameters, "threshold", 128)
    if threshold <= 0:
        threshold = 128
    return {e["name"]: 0.5 * (1.0 - float(min(waiting(e), threshold)) / float(threshold)) for e in endpoints}


def lora_affinity(parameters, request, endpoints):
    model = request.get("model", "")

    def score(e):
        active, queued = models(e, "activeModels"), models(e, "waitingModels")
        if model in active:
            return 1.0
        if len(active) + len(queued) < max_models(e):
            return 0.8
        return 0.6 if model in queued else 0.0

    return {e["name"]: score(e) for e in endpoints}


def endpoint_attribute(parameters, request, endpoints):
    algorithm = parameters["algorithm"]
    fixed = (algorithm.get("normalization") or {}).get("fixedRange")
    values = {e["name"]: scalar(e, parameters["attributeKey"]) for e in endpoints}
    known = [v for v in values.values() if v is not None]

    def score(value):
        if value is None:
            return 0.0
        if fixed:
            share = (value - fixed["min"]) / (fixed["max"] - fixed["min"])
            share = max(0.0, min(1.0, share))
        elif min(known) == max(known):
            return 1.0
        else:
            share = (value - min(known)) / (max(known) - min(known))
        return 1.0 - share if algorithm["type"] == "linear_lower_is_better" else share

    return {name: score(value) for name, value in values.items()}


def multicluster_queue(parameters, request, endpoints):
    values = {e["name"]: scalar(e, "llm-d.ai/multicluster-queue-size") for e in endpoints}
    return least_is_best({name: v for name, v in values.items() if v is not None})


def multicluster_kv(parameters, request, endpoints):
    values = {e["name"]: scalar(e, "llm-d.ai/multicluster-kv-cache-utilization")
              for e in endpoints}
    return {name: 1.0 - v for name, v in values.items() if v is not None}


def active_request(parameters, request, endpoints):
    idle = max(parameter(parameters, "idleThreshold", 0), 0)
    busy = parameter(parameters, "maxBusyScore", 1.0)
    if not 0 <= busy <= 1:
        busy = 1.0
    most = max([0] + [requests(e) for e in endpoints])

    def score(count):
        return 1.0 if count <= idle else float(most - count) / float(most) * busy

    return {e["name"]: score(requests(e)) for e in endpoints}


def token_load(parameters, request, endpoints):
    threshold = parameter(parameters, "queueThresholdTokens", 0)
    if threshold <= 0:
        threshold = 4194304

    def score(load):
        return 1.0 if load <= 0 else 1.0 - float(min(load, threshold)) / float(threshold)

    return {e["name"]: score(tokens(e) + (attribute(e, "uncachedRequestTokens") or 0))
            for e in endpoints}


def prefix_cache(parameters, request, endpoints):
    weight = parameter(parameters, "matchLengthWeight", 0.0)
    scale = parameter(parameters, "matchLengthScaleTokens", 8192)

    def score(prefix):
        if prefix is None or prefix["totalBlocks"] == 0:
            return 0.0
        length = 0.0
        if weight > 0 and prefix["blockSizeTokens"] > 0:
            x = float(prefix["matchBlocks"]) * float(prefix["blockSizeTokens"]) / float(scale)
            length = min(1.0, x) * min(1.0, x)
        ratio = prefix["matchBlocks"] / prefix["totalBlocks"]
        return 0.0 + (weight * length + (1.0 - weight) * ratio)

    return {e["name"]: score(attribute(e, "prefix")) for e in endpoints}


def mm_embeddings(parameters, request, endpoints):
    def score(mm):
        if not mm or not mm["request"]:
            return 0.0
        return len(mm["matched"] or []) / len(mm["request"])

    return {e["name"]: score(attribute(e, "mm")) for e in endpoints}


class NoHitLru:
    """Remembers who got the last requests without a match, the oldest first."""

    def __init__(self, parameters):
        self.size = parameter(parameters, "lruSize", 1024)
        self.used = []

    def score(self, endpoints, is_cold):
        if not is_cold:
            return {e["name"]: 0.5 for e in endpoints}
        n = len(endpoints)
        if n == 1:
            return {endpoints[0]["name"]: 1.0}
        fresh = [e["name"] for e in endpoints if e["name"] not in self.used]

        def score(name):
            if name in fresh:
                return 1.0 - fresh.index(name) / (n - 1)
            return max(0.0, 1.0 - (len(fresh) + self.used.index(name)) / (n - 1))

        return {e["name"]: score(e["name"]) for e in endpoints}

    def picked(self, name, is_cold):
        if is_cold:
            self.used = ([u for u in self.used if u != name] + [name])[-self.size:]


def no_hit_lru(parameters, request, endpoints):
    is_cold = all(prefix_ratio(e) == 0 for e in endpoints)
    return NoHitLru(parameters).score(endpoints, is_cold)


def context_length_aware(parameters, request, endpoints):
    length = context_length.length(request)

    def score(allowed):
        if allowed is None:
            return 0.5
        if allowed == "bad":
            return 0.0
        low, high = allowed
        if low <= length <= high:
            width = high - low
            if width == 0:
                return 1.0
            # As doubles: Python divides whole numbers exactly, which rounds once less.
            raw = 0.7 * (1.0 / (1.0 + float(width) / 10000.0)) + 0.3 * (float(high - length) / float(width))
            return 0.3 + raw * (1.0 - 0.3)
        distance = length - high if length > high else low - length
        return 0.3 / (1.0 + float(distance) / 1000.0)

    return {e["name"]: score(context_length.range_of(parameters, e)) for e in endpoints}


def session_affinity(parameters, request, endpoints, bindings=None):
    stay = session.wanted(parameters, request, endpoints, bindings)
    return {e["name"]: 1.0 if session.identity(e) == stay else 0.0 for e in endpoints}


def header_label_affinity(parameters, request, endpoints):
    value = header(request, parameters["headerName"])
    return {e["name"]: 1.0 if value and label(e, parameters["labelKey"]) == value else 0.0
            for e in endpoints}


def topology_affinity(parameters, request, endpoints):
    scores = [1.0, 0.2, 0.05, 0.02, 0.0]

    def score(e):
        level = topology.shared_level(request, e)
        return 0.0 if level is None else scores[level]

    return {e["name"]: score(e) for e in endpoints}


# ---- latency-scorer ----

def round_half_away(x):
    whole = math.trunc(x)
    return whole + int(math.copysign(1, x)) if abs(x - whole) >= 0.5 else whole


def composite(parameters, endpoints):
    """Nothing is predicted: KV cache, queue and prefix."""
    w_kv = parameter(parameters, "compositeKVWeight", 1)
    w_queue = parameter(parameters, "compositeQueueWeight", 1)
    w_prefix = parameter(parameters, "compositePrefixWeight", 1)
    total = w_kv + w_queue + w_prefix
    if total <= 0:
        w_kv, w_queue, w_prefix, total = 1, 0, 0, 1
    w_kv, w_queue, w_prefix = w_kv / total, w_queue / total, w_prefix / total
    longest = max([0] + [waiting(e) for e in endpoints])

    def score(e):
        queue_share = (longest - waiting(e)) / longest if longest > 0 else 1.0
        value = w_kv * (1.0 - kv(e)) + w_queue * queue_share + w_prefix * prefix_ratio(e)
        return round_half_away(0.0 + 100.0 * value) / 100.0

    return {e["name"]: score(e) for e in endpoints}


def headrooms(e):
    """How far the predictions are from the objectives, either side."""
    latency = attribute(e, "latency") or {"ttftHeadroom": 0.0, "tpotHeadroom": 0.0}
    return abs(latency["ttftHeadroom"]), abs(latency["tpotHeadroom"])


def bucket(parameters, endpoints, strategy):
    alpha = parameter(parameters, "ttftWeight", 0.8)
    beta = parameter(parameters, "tpotWeight", 0.2)
    total = alpha + beta
    alpha, beta = (alpha / total, beta / total) if total > 0 else (1.0, 0.0)
    ttft = [headrooms(e)[0] for e in endpoints]
    tpot = [headrooms(e)[1] for e in endpoints]
    range1, range2, eps = max(ttft) - min(ttft), max(tpot) - min(tpot), 1e-9
    if range1 <= eps < range2:
        alpha, beta = 0.0, 1.0
    elif range2 <= eps < range1:
        alpha, beta = 1.0, 0.0

    def score(h1, h2):
        n1 = (h1 - min(ttft)) / range1 if range1 > eps else 0.5
        n2 = (h2 - min(tpot)) / range2 if range2 > eps else 0.5
        c = alpha * n1 + beta * n2
        w = math.trunc(c * 100.0) + 1 if strategy == "most" else math.trunc((1.0 - c) * 100.0) + 1
        return w / 100.0

    return {e["name"]: score(*headrooms(e)) for e in endpoints}


def latency(parameters, request, endpoints):
    predicted = {e["name"]: attribute(e, "latency") for e in endpoints}
    if all(p is None for p in predicted.values()):
        return composite(parameters, endpoints)
    strategy = parameter(parameters, "headroomSelectionStrategy", "least")
    scores = {e["name"]: 0.0 for e in endpoints}

    def these(condition):
        return [e for e in endpoints if condition(predicted[e["name"]])]

    positive = these(lambda p: p is None or not is_negative(p))
    if positive:
        scores.update(bucket(parameters, positive, strategy))
        return scores
    for group in (these(lambda p: p["dispatched"] == 0),
                  these(lambda p: p["tpotHeadroom"] < 0 <= p["ttftHeadroom"]),
                  these(lambda p: p["ttftHeadroom"] < 0 <= p["tpotHeadroom"]),
                  endpoints):
        if group:
            scores.update(bucket(parameters, group, "least"))
            return scores
    return scores


SCORERS = {
    "queue-scorer": queue,
    "running-requests-size-scorer": running_requests,
    "kv-cache-utilization-scorer": kv_cache,
    "load-aware-scorer": load_aware,
    "lora-affinity-scorer": lora_affinity,
    "endpoint-attribute-scorer": endpoint_attribute,
    "multicluster-queue-scorer": multicluster_queue,
    "multicluster-kv-cache-utilization-scorer": multicluster_kv,
    "multicluster-prefix-cache-scorer": prefix_cache,
    "active-request-scorer": active_request,
    "token-load-scorer": token_load,
    "prefix-cache-scorer": prefix_cache,
    "mm-embeddings-cache-scorer": mm_embeddings,
    "no-hit-lru-scorer": no_hit_lru,
    "context-length-aware": context_length_aware,
    "session-affinity-scorer": session_affinity,
    "header-label-affinity-scorer": header_label_affinity,
    "topology-affinity-scorer": topology_affinity,
    "latency-scorer": latency,
}
