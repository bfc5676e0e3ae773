# SPDX-License-Identifier: Apache-2.0
"""Random figures and attributes of a pool, as endpoints of the golden format."""
import random


class Source:
    """Random figures: columns of a pool with ties, zeros and extremes."""

    def __init__(self, seed):
        self.rng = random.Random(seed)
        self.random, self.choice = self.rng.random, self.rng.choice

    def one_in(self, n):
        return self.random() * n < 1

    def column(self, values, n):
        return self.rng.choices(values, k=n)

    def count(self, most):
        """0..most, small ones as likely as large ones."""
        return int(self.random() ** 4 * (most + 1))

    def size(self):
        return self.choice((1, 1, 2, 2, 3, 3, 4, 5, 6, 8, 10, 12))

    def maybe(self, parameters, name, values):
        """Set a parameter, or leave it out, or say null."""
        drawn = self.random()
        if drawn > 0.25:
            value = self.choice(values)
            parameters[name] = value() if callable(value) else value

    def integers(self, n, near=100, least=0):
        """Live figures: 32 bits, as scraped."""
        near = min(near, 2**30)
        kind = self.random()
        if kind < 0.1:
            return [self.count(9)] * n
        if kind < 0.3:
            return self.column((0, 0, 1, 2, 3), n)
        if kind < 0.35:
            return self.column((0, 1, 2**31 - 1, max(least, -1), max(least, -2**31)), n)
        if kind < 0.5:
            return self.column((near - 1, near, near + 1, 0), n)
        return [int(self.random() * (2 * near + 1)) for _ in range(n)]

    def counts(self, n, near):
        """In-flight requests or tokens: 0 or more."""
        kind = self.random()
        if kind < 0.1:
            return [self.count(2**40)] * n
        if kind < 0.3:
            return self.column((0, 0, 1, near - 1, near, near + 1), n)
        return [int(self.random() * (2 * near + 1)) for _ in range(n)]

    def fractions(self, n):
        kind = self.random()
        if kind < 0.1:
            return [self.random()] * n
        if kind < 0.3:
            return self.column((0, 1, 0.5, 0.8, 0.9, 0.25, -0.5, 1.5), n)
        if kind < 0.35:
            return [self.random() * 1000 - 500 for _ in range(n)]
        return [self.random() for _ in range(n)]

    def numbers(self, n):
        """Values of an attribute, some missing."""
        kind = self.random()
        if kind < 0.1:
            values = [self.random() * 10] * n
        elif kind < 0.4:
            values = self.column((0, 1, 2, 4, 0.3, -0.5, 9), n)
        elif kind < 0.5:
            values = self.column((1e300, -1e300, 1e-300, 0, 1), n)
        else:
            values = [self.random() * 20 - 5 for _ in range(n)]
        return self.holes(values)

    def holes(self, values):
        """Take some away."""
        if self.random() < 0.6:
            return values
        return [None if self.random() < 0.3 else value for value in values]


def metrics(**columns):
    names = tuple(columns)
    return [{"metrics": dict(zip(names, row))} for row in zip(*columns.values())]


def given(name, values):
    """One attribute a pool's endpoint, or none."""
    return [{} if value is None else {"attributes": {name: value}} for value in values]


def labels(values, key):
    return [{} if value is None else {"labels": {key: value}} for value in values]


def merged(*parts):
    """Endpoints of several columns."""
    endpoints = []
    for row in zip(*parts):
        endpoint = {}
        for part in row:
            for name, value in part.items():
                if name in endpoint:
                    value = {**endpoint[name], **value}
                endpoint[name] = value
        endpoints.append(endpoint)
    return endpoints


def in_flight(s, n, requests=10, tokens=1000):
    pairs = zip(s.counts(n, requests), s.counts(n, tokens))
    return given("inflight", s.holes([{"requests": r, "tokens": t} for r, t in pairs]))


def prefixes(s, n):
    total = s.choice((0, 1, 2, 10, 32, 128, 8192, 1 + s.count(8191)))
    block = s.choice((16, 64, 64, 100, 128, 1024))
    kind = s.random()
    if kind < 0.2:
        matched = [0] * n
    elif kind < 0.5:
        matched = s.column((0, total // 2, total, total * 4 // 5, total - total // 5), n)
    else:
        matched = [int(s.random() * (total + 1)) for _ in range(n)]
    return given("prefix", s.holes([
        {"blockSizeTokens": block, "matchBlocks": m, "totalBlocks": total} for m in matched]))


def latencies(s, n):
    kind = s.random()
    if kind < 0.2:
        return [{} for _ in range(n)]
    shift = s.choice((0, 0.5, 1, 1, 2))  # how much is negative: all, half, nothing

    def headroom():
        return s.choice((0, 5, -5, 10, -10, 1e-10)) if s.one_in(4) else \
            (s.random() * 2 - 2 + shift) * 100

    def one():
        ttft, tpot = headroom(), headroom()
        if shift == 2 and s.one_in(3):
            ttft = 100
        return {"dispatched": s.choice((0, 1, 1, 2, 7)), "ttft": s.random() * 40000,
                "ttftHeadroom": ttft, "ttftValid": ttft >= 0, "tpot": s.random() * 100,
                "tpotHeadroom": tpot, "tpotValid": tpot >= 0}

    return given("latency", s.holes([one() for _ in range(n)]))


def topologies(s, n):
    def one():
        place = {"host": s.choice(("h1", "h2", "h3")), "rack": s.choice(("r1", "r2")),
                 "zone": s.choice(("z1", "z2")), "region": s.choice(("g1", "g2"))}
        if s.one_in(3):
            del place[s.choice(("host", "rack", "zone", "region"))]
        return place

    return [one() for _ in range(n)]


def peer(s):
    endpoint = {"name": "p99", "address": "10.0.0.99", "port": "8000"}
    if not s.one_in(8):
        endpoint["attributes"] = {"topology": topologies(s, 1)[0]}
    return {} if s.one_in(8) else {"peer": endpoint}
