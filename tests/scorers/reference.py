# SPDX-License-Identifier: Apache-2.0
"""The scorers a second time, straight from their formulas, over random pools: equal bits or failure.

usage: reference.py SCORE_POOLS [POOLS]
"""
import random
import struct
import subprocess
import sys


def bits(value):
    return struct.pack(">d", value).hex()


def queue(waiting):
    low, high = min(waiting), max(waiting)
    if low == high:
        return [1.0] * len(waiting)
    return [float(high - w) / float(high - low) for w in waiting]


def kv(usage):
    return [1.0 - u for u in usage]


def prefix(weight, scale, block, total, matches):
    scores = []
    for m in matches:
        if total == 0:
            scores.append(0.0)
            continue
        length = 0.0
        if weight > 0 and block > 0:
            x = min(1.0, float(m) * float(block) / float(scale))
            length = x * x
        scores.append(0.0 + (weight * length + (1.0 - weight) * (float(m) / float(total))))
    return scores


def random_queue(rng, n):
    spread = rng.choice([0, 1, 5, 100, 2**31 - 1])
    waiting = [rng.randint(0, spread) for _ in range(n)]
    return f"queue {n} " + " ".join(map(str, waiting)), queue(waiting)


def random_kv(rng, n):
    usage = [rng.choice([rng.random(), rng.random(), 0.0, 1.0, rng.uniform(-1, 2)])
             for _ in range(n)]
    return f"kv {n} " + " ".join(map(bits, usage)), kv(usage)


def random_prefix(rng, n):
    weight = rng.choice([0.0, 0.0, 1.0, rng.random()])
    scale = rng.choice([1, 1000, 8192, rng.randint(1, 10**6)])
    block = rng.choice([64, 64, rng.randint(64, 2048)])
    total = rng.choice([0, 1, 10, rng.randint(1, 8192)])
    matches = [rng.choice([0, total, rng.randint(0, total)]) for _ in range(n)]
    head = f"prefix {n} {bits(weight)} {scale} {block} {total} "
    return head + " ".join(map(str, matches)), prefix(weight, scale, block, total, matches)


def main():
    program, pools = sys.argv[1], int(sys.argv[2]) if len(sys.argv) > 2 else 10000
    rng = random.Random(1)
    failures = 0
    for kind in (random_queue, random_kv, random_prefix):
        cases = [kind(rng, rng.choice([1, 2, 3, rng.randint(1, 40)])) for _ in range(pools)]
        text = "\n".join(line for line, _ in cases) + "\n"
        run = subprocess.run([program], input=text, capture_output=True, text=True, check=True)
        lines = run.stdout.splitlines()
        wrong = len(lines) != len(cases)
        for (line, expect), ours in zip(cases, lines):
            if ours.split() != [bits(score) for score in expect]:
                wrong = True
                print(f"{line}\n  expected {' '.join(map(bits, expect))}\n  got      {ours}")
                break
        failures += wrong
        print(f"{kind.__name__}: {len(lines)} pools, {'DIFFERENT' if wrong else 'equal bits'}")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
