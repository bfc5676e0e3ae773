# SPDX-License-Identifier: Apache-2.0
"""ringpick-micro: every case runs and finds its result right, and the figures are told as agreed."""
import json
import os
import pathlib
import subprocess

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILD = pathlib.Path(os.environ.get("RINGPICK_BUILD", "build/dev"))
BUILD = BUILD if BUILD.is_absolute() else ROOT / BUILD
PROGRAM = BUILD / "ringpick-micro"
# One look is enough: what is asked here is whether it works.
ONCE = ["--batches", "1", "--batch-us", "1"]


def run(*args, status=0):
    done = subprocess.run([str(PROGRAM), *args], capture_output=True, text=True, timeout=100)
    assert done.returncode == status, done.stderr
    return done


NAMES = run("--list").stdout.split() if PROGRAM.exists() else []


def test_the_cases_that_are_promised_are_there():
    for name in ("pick.3", "pick.16000", "json.chat.512k.16k", "json.escaped.64k", "json.non-ascii.64k",
                 "decode.request_headers", "reply.sse_chunk.200", "grpc.frame.200", "prefix.hash.8k",
                 "prefix.match.1000", "prefix.record.new.full", "rcu.turn", "page.vllm.42k",
                 "usage.sse_chunk.200", "header_store"):
        assert name in NAMES
    assert len(set(NAMES)) == len(NAMES)


# Filling an index takes seconds in a sanitizer build; the same code runs on an empty one.
@pytest.mark.parametrize("name", [n for n in NAMES if not n.endswith(".full")])
def test_case_runs_with_the_right_result(name):
    assert name in run("--only", name, *ONCE).stdout


def test_json_has_the_shape_that_is_documented(tmp_path):
    known = tmp_path / "instructions"
    known.write_text("rcu.turn 68\nnobody 1\n")
    done = run("--only", "rcu.turn", "--only", "grpc.frame", "--json", "-", "--instructions", str(known),
               *ONCE)
    cases = {case.pop("name"): case for case in json.loads(done.stdout)["cases"]}
    assert set(cases) == {"rcu.turn", "grpc.frame.200", "grpc.frame.16k", "grpc.frame.16k.split"}
    assert all(set(c) == {"unit", "ns_median", "ns_min", "instructions"} for c in cases.values())
    assert all(c["ns_median"] >= c["ns_min"] >= 0 for c in cases.values())
    assert cases["rcu.turn"]["instructions"] == 68
    assert cases["grpc.frame.200"]["instructions"] is None


@pytest.mark.parametrize("args", [["--only", "nobody"], ["--batches", "0"], ["--nonsense"], ["extra"],
                                  ["--instructions", "/nowhere/at/all"]])
def test_wrong_arguments_are_told(args):
    assert "ringpick-micro" in run(*args, status=2).stderr


def instructions_of_a_case_are_counted_without_the_loop():
    done = subprocess.run([str(ROOT / "perf/micro/callgrind.sh"), "rcu.turn", "grpc.frame.200"],
                          env={**os.environ, "RINGPICK_BUILD": str(BUILD)}, capture_output=True,
                          text=True, timeout=100, check=True)
    counts = dict(line.split() for line in done.stdout.splitlines())
    assert set(counts) == {"rcu.turn", "grpc.frame.200"}
    assert all(10 < int(count) < 1000 for count in counts.values())


if "san" not in BUILD.name:  # valgrind runs no sanitizers
    test_instructions = instructions_of_a_case_are_counted_without_the_loop
