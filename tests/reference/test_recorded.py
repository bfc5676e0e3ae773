# SPDX-License-Identifier: Apache-2.0
"""The second implementation against what was recorded: equal bits, equal lists.

usage: test_recorded.py SCHEDULING_JSON
"""
import json
import struct
import sys
import unittest

from filters import FILTERS
from profiles import candidates, first_pick, second_pick, targets, totals
from scorers import SCORERS, NoHitLru
from session import Bindings

# Chi-square at 0.1 % by degrees of freedom.
CHI_SQUARE = [0, 10.828, 13.816, 16.266, 18.467, 20.515, 22.458, 24.322, 26.124]


def bits(scores):
    return {name: struct.pack(">d", score).hex() for name, score in scores.items()}


class Recorded(unittest.TestCase):
    cases = []

    def each(self, kind):
        found = [case for case in self.cases if case["kind"] == kind]
        self.assertTrue(found, f"no case of kind {kind}")
        for case in found:
            case["endpoints"] = case["endpoints"] or []
        return found

    def test_scorers(self):
        for case in self.each("scorer"):
            with self.subTest(case["id"]):
                plugin = case["plugin"]
                scores = SCORERS[plugin["type"]](plugin["parameters"], case["request"],
                                                 case["endpoints"])
                self.assertEqual(bits(scores), case["expect"]["bits"])

    def test_filters(self):
        for case in self.each("filter"):
            with self.subTest(case["id"]):
                plugin = case["plugin"]
                kept = FILTERS[plugin["type"]](plugin["parameters"], case["request"],
                                               case["endpoints"])
                self.assertEqual([e["name"] for e in kept], case["expect"]["kept"])

    def test_profiles(self):
        for case in self.each("profile"):
            with self.subTest(case["id"]):
                expect, picker = case["expect"], case["picker"]
                kept = candidates(case["filters"], case["request"], case["endpoints"])
                total = totals(case["scorers"], case["request"], kept)
                self.assertEqual(bits(total), expect["bits"])
                self.assertEqual(targets(picker, total), expect["targets"])
                self.check_counts(expect["firstPickCounts"], first_pick(picker["type"], total),
                                  expect["runs"])
                if "secondPickCounts" in expect:
                    self.check_counts(expect["secondPickCounts"],
                                      second_pick(picker["type"], total),
                                      expect["runs"])

    def check_counts(self, counts, chance, runs):
        self.assertLessEqual(set(counts), set(chance))
        distance = sum((counts.get(name, 0) - runs * p) ** 2 / (runs * p)
                       for name, p in chance.items())
        self.assertLessEqual(distance, CHI_SQUARE[len(chance) - 1])

    def test_sequences(self):
        for case in self.each("sequence"):
            with self.subTest(case["id"]):
                run = {"no-hit-lru-scorer": no_hit_lru_scores,
                       "session-affinity-scorer": session_scores}[case["plugin"]["type"]]
                for step, scores in run(case):
                    self.assertEqual(bits(scores), bits(step["scores"]), step)


def step_endpoints(case, step):
    """Those that were given a score were the candidates."""
    return [e for e in case["endpoints"] if e["name"] in step["scores"]]


def no_hit_lru_scores(case):
    lru = NoHitLru(case["plugin"].get("parameters"))
    for step in case["expect"]["steps"]:
        is_cold = set(step["scores"].values()) != {0.5}  # that is what a match looks like
        yield step, lru.score(step_endpoints(case, step), is_cold)
        if "pick" in step:
            lru.picked(step["pick"], is_cold)


def session_scores(case):
    parameters = case["plugin"].get("parameters")
    bindings = Bindings(parameters)
    for step in case["expect"]["steps"]:
        request = {"headers": {"x-session-id": step["session"]}}
        endpoints = step_endpoints(case, step)
        yield step, SCORERS["session-affinity-scorer"](parameters, request, endpoints, bindings)
        if "pick" in step:
            bindings.picked(request, endpoints, step["pick"])


if __name__ == "__main__":
    with open(sys.argv.pop(1), encoding="utf-8") as recorded:
        Recorded.cases = json.load(recorded)["cases"]
    unittest.main()
