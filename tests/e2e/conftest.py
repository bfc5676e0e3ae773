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
    """Starts parts and stops them at the end; a sanitizer's finding fails the test."""
    made = processes.Parts(tmp_path)
    yield made
    made.stop()
