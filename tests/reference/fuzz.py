# SPDX-License-Identifier: Apache-2.0
"""Random pools and requests through ringpick-golden: the decisions of the second implementation.

usage: fuzz.py RINGPICK_GOLDEN [--cases N] [--seed N] [--only TEXT] [--built]

N cases for each scorer and filter (100,000 of each: --cases 100000, a few minutes). One line a
plugin; exit 1 if any case differs.
"""
import argparse
import concurrent.futures
import itertools
import json
import os
import random
import re
import subprocess
import sys
import tempfile

from random_cases import STREAMS
from random_figures import Source

TOGETHER = 200  # cases written at once
SHOWN = 3       # differences shown of one stream


def cases_of(name, seed, count):
    make, holds = STREAMS[name]
    cases = make(Source(f"{seed} {name}"))
    for number, case in enumerate(itertools.islice(cases, -(-count // holds))):
        case["id"] = number
        yield case


def run_stream(program, name, seed, count):
    """(name, how many were equal, how many not built if that is all, what is not equal)"""
    encode = json.JSONEncoder(separators=(",", ":"), check_circular=False).encode
    with tempfile.TemporaryFile("w+") as answer:
        child = subprocess.Popen([program, "--stream"], stdin=subprocess.PIPE, stdout=answer,
                                 stderr=subprocess.STDOUT, text=True)
        sent = 0
        try:
            cases = cases_of(name, seed, count)
            while chunk := list(itertools.islice(cases, TOGETHER)):
                child.stdin.write("".join(encode(case) + "\n" for case in chunk))
                sent += len(chunk)
            child.stdin.close()
        except BrokenPipeError:
            pass
        code = child.wait()
        answer.seek(0)
        lines = answer.read().splitlines()
    summary = re.fullmatch(r"(\d+) ok, (\d+) failed, (\d+) unsupported", lines[-1] if lines else "")
    if summary is None:
        return name, 0, 0, lines[-SHOWN:] or [f"exit {code}"]
    equal, failed, unsupported = map(int, summary.groups())
    wrong = sorted(lines[:-1])[:SHOWN]  # "fail" before "unsupported"
    numbers = [int(m[1]) for m in (re.match(r"fail (\d+):", line) for line in wrong) if m]
    wrong += [encode(case) for case in cases_of(name, seed, count) if case["id"] in numbers]
    if equal + unsupported != sent and not wrong:
        wrong = [f"{sent} cases were sent, exit {code}"]
    return name, equal * STREAMS[name][1], unsupported if not failed and code == 0 else 0, wrong


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("program")
    parser.add_argument("--cases", type=int, default=2000)
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(10**9))
    parser.add_argument("--only", default="")
    parser.add_argument("--built", action="store_true", help="what is not built may be missing")
    options = parser.parse_args()
    print(f"printed: seed {options.seed}, {options.cases} cases a plugin")
    names = [name for name in STREAMS if options.only in name]
    differs = not names
    with concurrent.futures.ProcessPoolExecutor(os.cpu_count()) as pool:
        runs = [pool.submit(run_stream, options.program, name, options.seed, options.cases)
                for name in names]
        for run in runs:
            name, equal, unsupported, wrong = run.result()
            if unsupported and options.built:
                print(f"{name}: {equal} equal, {wrong[0]}")
                continue
            differs |= bool(wrong)
            print(f"{name}: {equal} equal{', others DIFFER' if wrong else ''}", flush=True)
            for line in wrong:
                print(f"    {line}")
    return 1 if differs else 0


if __name__ == "__main__":
    sys.exit(main())
