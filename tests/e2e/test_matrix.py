# SPDX-License-Identifier: Apache-2.0
"""perf/run.sh: its arithmetic, and one short run of it."""
import json
import os
import signal
import subprocess
import time

import pytest

from perf.matrix import procs, report, rows, stats, yardsticks
from tests.support.processes import BUILD, PATIENCE, ROOT

COST = yardsticks.Yardstick("cost", "a cost", "us", "262", 10, 13, 8)
RATE = yardsticks.Yardstick("rate", "a rate", "/s", "1,500", 30000, 25000, 40000, is_rate=True)


def test_median_and_spread_leave_out_runs_that_failed():
    assert stats.median([3, None, 1]) == 2
    assert stats.spread([3, None, 1]) == (1, 3)
    assert stats.median([None]) is None and stats.spread([]) is None


def test_a_ratio_is_taken_run_by_run():
    # Everything is twice as slow in the second run: the ratio does not see it.
    assert stats.median_ratio([12, 24, 12], [10, 20, 10]) == pytest.approx(1.2)
    assert stats.median_ratio([12, None], [10, 20]) == pytest.approx(1.2)
    assert stats.median_ratio([12], []) is None


@pytest.mark.parametrize("yardstick, value, expected", [
    (COST, 8, "aim"), (COST, 8.1, "held"), (COST, 13, "held"), (COST, 13.1, "missed"), (COST, None, "-"),
    (RATE, 40000, "aim"), (RATE, 39999, "held"), (RATE, 25000, "held"), (RATE, 24999, "missed")])
def test_verdicts_stand_on_the_limits(yardstick, value, expected):
    assert yardsticks.verdict(yardstick, value) == expected


def test_the_ratio_is_judged_by_the_ratio_of_the_yardsticks():
    assert yardsticks.ratio_verdict(COST, 1.3) == "held"
    assert yardsticks.ratio_verdict(COST, 1.31) == "missed"
    assert yardsticks.ratio_verdict(COST, 0.8) == "aim"


@pytest.mark.parametrize("value, text", [(0.00512, "0.0051"), (9.876, "9.88"), (24.12, "24.1"),
                                         (154.4, "154"), (23456.7, "23,457"), (None, "-"), (-3.5, "-3.50")])
def test_figures_have_three_digits(value, text):
    assert stats.write(value) == text


def test_every_yardstick_is_measured_by_one_row_and_every_figure_has_one():
    figures = [figure for row in rows.ROWS for figure in row.figures]
    assert sorted(figures) == sorted(yardsticks.BY_KEY)
    assert len({row.name for row in rows.ROWS}) == len(rows.ROWS)


def test_a_miss_is_listed_with_the_back_end_that_missed():
    figures = report.Figures()
    for picker, value in (("bare", 10), ("io_uring", 12), ("epoll", 14)):
        figures.add("prompt_200", picker, value)
    text = report.misses_text(figures)
    assert "200 B prompt" in text and "epoll" in text and "io_uring" not in text


def environment():
    build = BUILD if BUILD.is_absolute() else ROOT / BUILD
    return {**os.environ, "RINGPICK_BUILD": str(build)}


def test_a_short_run_writes_its_report(tmp_path):
    done = subprocess.run(["perf/run.sh", "quick", "--only", "200B,start", "--runs", "1", "--seconds", "0.2",
                           "--out", str(tmp_path)], cwd=ROOT, env=environment(), capture_output=True,
                          text=True, timeout=30 * PATIENCE)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "row 1/2 200 B ringpick io_uring run 1/1: " in done.stdout
    raw = json.loads((tmp_path / "raw.json").read_text())
    for picker in ("io_uring", "epoll", "bare"):
        assert len(raw["figures"]["prompt_200"][picker]) == 1
    assert raw["figures"]["first_pick"]["epoll"][0] > 0
    assert all(run["bench"]["streams"]["wrong"] == 0 for run in raw["runs"])
    text = (tmp_path / "REPORT.md").read_text()
    assert "| 200 B prompt | us | 262 |" in text and str(ROOT) not in text


def test_an_interrupted_run_leaves_no_process_behind(tmp_path):
    child = subprocess.Popen(["perf/run.sh", "quick", "--only", "8KB", "--seconds", "60", "--out",
                              str(tmp_path)], cwd=ROOT, env=environment(), stdout=subprocess.DEVNULL)
    try:
        family = []
        deadline = time.monotonic() + 20 * PATIENCE
        while sum(is_named(pid, "ringpick") for pid in family) < 5 and time.monotonic() < deadline:
            time.sleep(0.1)
            family = procs.family(child.pid)
        child.send_signal(signal.SIGINT)
        assert child.wait(20 * PATIENCE) == 130
        assert [pid for pid in family if is_named(pid, "ringpick")] == []
    finally:
        child.kill()
        child.wait()


def is_named(pid, name):
    try:
        with open(f"/proc/{pid}/comm") as comm:
            return comm.read().startswith(name)
    except OSError:
        return False
