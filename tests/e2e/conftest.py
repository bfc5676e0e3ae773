# SPDX-License-Identifier: Apache-2.0
"""Fixtures of the end-to-end tests: each test gets its own processes on its own ports."""
import pathlib
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2]))

from tests.support import processes  # noqa: E402

BACKENDS = ("io_uring", "epoll")

# jemalloc's counters do not exist in a sanitizer build, whose allocator is another.
collect_ignore = ["test_allocation.py"] if processes.IS_SANITIZED else []


@pytest.fixture(params=BACKENDS)
def backend(request):
    """Everything that touches the wire runs on both loop back ends."""
    return request.param


@pytest.fixture
def parts(tmp_path):
    """Starts parts and stops them at the end, last one first; a sanitizer's finding fails the test."""
    class Parts:
        def __init__(self):
            self.started = []

        def add(self, part):
            self.started.append(part)
            return part

        def sim(self, **kw):
            return self.add(processes.Sim(tmp_path, **kw))

        def ringpick(self, endpoints, **kw):
            return self.add(processes.Ringpick(tmp_path, endpoints, **kw))

        def envoy(self, ringpick, **kw):
            return self.add(processes.Envoy(tmp_path, ringpick, **kw))

        def checking_backend(self):
            return self.add(processes.CheckingBackend())

    made = Parts()
    yield made
    problems = []
    for part in reversed(made.started):
        try:
            code = part.stop()
            if isinstance(part, processes.Ringpick) and code not in (0, -9):
                problems.append(f"{part.name} ended with {code}")
        except AssertionError as error:
            problems.append(str(error))
        if isinstance(part, processes.Process):
            found = processes.sanitizer_findings(part.log())
            if found:
                problems.append(f"{part.name}: {found}\n{part.log()[-6000:]}")
    assert not problems, problems
