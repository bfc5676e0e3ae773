# SPDX-License-Identifier: Apache-2.0
"""A profile a second time: filters, weighted totals, and what its picker may pick."""
from filters import FILTERS
from figures import parameter
from scorers import SCORERS


def clamp(score):
    return 0.0 if score < 0 else 1.0 if score > 1 else score


def candidates(filters, request, endpoints):
    for plugin in filters or []:
        endpoints = FILTERS[plugin["type"]](plugin.get("parameters"), request, endpoints)
    return endpoints


def totals(scorers, request, endpoints):
    total = {e["name"]: 0.0 for e in endpoints}
    for plugin in scorers or []:
        scores = SCORERS[plugin["type"]](plugin.get("parameters"), request, endpoints)
        for name, score in scores.items():
            total[name] += clamp(score) * plugin["weight"]
    return total


def targets(picker, total):
    """How many endpoints are returned."""
    wanted = parameter(picker.get("parameters"), "maxNumOfEndpoints", 1)
    return min(max(wanted, 1), len(total))


def even(names):
    return {name: 1 / len(names) for name in names}


def first_pick(kind, total):
    """{name: probability} of the first pick."""
    if kind == "max-score-picker":
        return even([name for name in total if total[name] == max(total.values())])
    positive = {name: t for name, t in total.items() if t > 0}
    if kind == "random-picker" or not positive:
        return even(total)
    return {name: t / sum(positive.values()) for name, t in positive.items()}


def second_pick(kind, total):
    """{name: probability}: as if the first had not been there."""
    chance = {name: 0.0 for name in total}
    for first, p in first_pick(kind, total).items():
        rest = {name: t for name, t in total.items() if name != first}
        for name, q in first_pick(kind, rest).items():
            chance[name] += p * q
    return {name: p for name, p in chance.items() if p > 0}
