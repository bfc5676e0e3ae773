# SPDX-License-Identifier: Apache-2.0
"""Random cases in the golden format, with what the second implementation makes of them.

Parameters and the pool's shape are kept for a few cases before they change, so that a reader who
remembers a configuration has use for it.
"""
import struct

from filters import FILTERS
from profiles import candidates, first_pick, second_pick, targets, totals
from random_figures import latencies, merged, metrics, peer, prefixes
from random_plugins import (QUEUE_SIZE, RANDOM_FILTERS, RANDOM_SCORERS, labelled, loads,
                            near_and_far, scalars, sessions)
from scorers import SCORERS, NoHitLru
from session import Bindings

CASES_A_ROUND = 20
POOLS = [[{"name": f"p{i + 1}", "address": f"10.0.0.{i + 1}", "port": "8000"} for i in range(n)]
         for n in range(13)]


def bits(scores):
    return {name: struct.pack(">d", score).hex() for name, score in scores.items()}


def pool_of(extras):
    return [{**base, **extra} for base, extra in zip(POOLS[len(extras)], extras)]


def plugin_cases(s, kind, name):
    """Cases of one scorer or filter, without end."""
    parameters_of, figures_of = (RANDOM_SCORERS if kind == "scorer" else RANDOM_FILTERS)[name]
    function = (SCORERS if kind == "scorer" else FILTERS)[name]
    while True:
        parameters, n = parameters_of(s), s.size()
        plugin = {"type": name, "parameters": parameters}
        for _ in range(CASES_A_ROUND):
            request, extras = figures_of(s, n, parameters or {})
            endpoints = pool_of(extras)
            result = function(parameters, request, endpoints)
            expect = {"bits": bits(result)} if kind == "scorer" else \
                {"kept": [e["name"] for e in result]}
            yield {"kind": kind, "plugin": plugin, "request": request, "endpoints": endpoints,
                   "expect": expect}


# Of these a profile's endpoints can have all figures at once, whatever the plugins.
PROFILE_FILTERS = ["decode-filter", "utilization-filter", "label-selector-filter",
                   "prefix-cache-affinity-filter", "utilization-detector", "concurrency-detector",
                   "topology-affinity-filter", "slo-headroom-tier-filter"]
PROFILE_SCORERS = ["queue-scorer", "running-requests-size-scorer", "kv-cache-utilization-scorer",
                   "load-aware-scorer", "multicluster-queue-scorer", "active-request-scorer",
                   "token-load-scorer", "prefix-cache-scorer", "header-label-affinity-scorer",
                   "topology-affinity-scorer", "latency-scorer", "session-affinity-scorer"]
PICKERS = ["max-score-picker", "random-picker", "weighted-random-picker"]


def profile_cases(s):
    """Whole profiles: what filters leave, totals by weight."""
    while True:
        n = s.size()

        def plugins(table, names, most):
            return [{"type": name, "parameters": table[name][0](s)}
                    for name in s.rng.sample(names, s.rng.randint(0, most))]

        filters = plugins(RANDOM_FILTERS, PROFILE_FILTERS, 2)
        scorers = plugins(RANDOM_SCORERS, PROFILE_SCORERS, 6)
        for scorer in scorers:
            scorer["weight"] = s.choice((1, 2, 3, 0.1, 0.5, 0, -1, 10, s.random()))
        picker = {"type": s.choice(PICKERS),
                  "parameters": {"maxNumOfEndpoints": s.choice((1, 1, 2, 4, 0, -1))}}
        for _ in range(CASES_A_ROUND):
            headers = {**sessions(s, n, {})[0]["headers"], "x-tier": s.choice(("gold", "silver"))}
            request = {**peer(s), "headers": headers}
            _, of_labels = labelled(s, n, {})
            _, of_scalars = scalars(QUEUE_SIZE)(s, n, {})
            _, of_place = near_and_far(s, n, {})
            endpoints = pool_of(merged(of_labels, of_scalars, of_place, prefixes(s, n),
                                       latencies(s, n), loads(s, n, {})[1]))
            kept = candidates(filters, request, endpoints)
            if not kept:
                continue
            total = totals(scorers, request, kept)
            yield {"kind": "profile", "filters": filters, "scorers": scorers, "picker": picker,
                   "request": request, "endpoints": endpoints,
                   "expect": {"bits": bits(total), "targets": targets(picker, total)}}


def pick_cases(s):
    """What pickers pick, by chance."""
    while True:
        n = s.size()
        scorers = [{"type": name, "parameters": None, "weight": s.choice((1, 2, 3, 0.5))}
                   for name in s.rng.sample(["queue-scorer", "kv-cache-utilization-scorer",
                                             "load-aware-scorer"], s.choice((0, 1, 1, 2, 3)))]
        picker = {"type": s.choice(PICKERS), "parameters": {
            "maxNumOfEndpoints": s.choice((1, 2, 3, 20))}}
        figures = metrics(waiting=s.column((0, 0, 1, 2, 8), n), kv=s.column((0, 0.5, 0.75, 1), n))
        endpoints = pool_of(figures)
        total = totals(scorers, {}, endpoints)
        kind, positive = picker["type"], [t for t in total.values() if t > 0]
        expect = {"bits": bits(total), "targets": targets(picker, total),
                  "firstPickChance": first_pick(kind, total)}
        # Who comes after all with a weight is nobody's promise.
        if expect["targets"] > 1 and not (kind == "weighted-random-picker" and len(positive) == 1):
            expect["secondPickChance"] = second_pick(kind, total)
        yield {"kind": "profile", "filters": [], "scorers": scorers, "picker": picker,
               "request": {}, "endpoints": endpoints, "expect": expect}


def some_of(s, endpoints):
    kept = [e for e in endpoints if s.random() < 0.8]
    return kept or endpoints


def no_hit_lru_sequences(s):
    """Each step a request; who has a score was a candidate, all 0.5 is a request with a match."""
    while True:
        parameters = {}
        s.maybe(parameters, "lruSize", (1024, 1024, 2, 5))
        lru, pool, steps = NoHitLru(parameters), pool_of([{} for _ in range(s.size())]), []
        for _ in range(CASES_A_ROUND):
            endpoints, is_cold = some_of(s, pool), not s.one_in(6)
            step = {"scores": lru.score(endpoints, is_cold), "pick": s.choice(endpoints)["name"]}
            lru.picked(step["pick"], is_cold)
            steps.append(step)
        yield {"kind": "sequence", "endpoints": pool, "expect": {"steps": steps},
               "plugin": {"type": "no-hit-lru-scorer", "parameters": parameters}}


def session_sequences(s):
    """The strategy session_id; each step a request of a session."""
    parameters = {"strategy": "session_id"}
    while True:
        bindings, pool, steps = Bindings(parameters), pool_of([{} for _ in range(s.size())]), []
        for _ in range(CASES_A_ROUND):
            endpoints, session = some_of(s, pool), s.choice(("A", "B", " C ", "A", ""))
            request = {"headers": {"x-session-id": session}}
            scores = SCORERS["session-affinity-scorer"](parameters, request, endpoints, bindings)
            pick = s.choice(endpoints)["name"]
            bindings.picked(request, endpoints, pick)
            steps.append({"scores": scores, "session": session, "pick": pick})
        yield {"kind": "sequence", "endpoints": pool, "expect": {"steps": steps},
               "plugin": {"type": "session-affinity-scorer", "parameters": parameters}}


# Streams of cases by name, and how many of what is counted one case holds.
STREAMS = {
    **{f"scorer {name}": (lambda s, name=name: plugin_cases(s, "scorer", name), 1)
       for name in RANDOM_SCORERS},
    **{f"filter {name}": (lambda s, name=name: plugin_cases(s, "filter", name), 1)
       for name in RANDOM_FILTERS},
    "profile": (profile_cases, 1),
    "picks": (pick_cases, 100),  # each is 20,000 picks
    "sequence no-hit-lru-scorer": (no_hit_lru_sequences, CASES_A_ROUND),
    "sequence session-affinity-scorer": (session_sequences, CASES_A_ROUND),
}
