# SPDX-License-Identifier: Apache-2.0
"""The wire rows (tests/wire/rows) over real sockets, clear text, against the real processes.

tests/wire/test_rows.c runs the same rows in one process and is the one that checks their counters ("=").
Here each row must leave no stream and no running request behind. Not here are rows that say addresses in
raw bytes ("< hex") or change the state inside a process (drain, no_pool, health): health.txt, whose
matters test_health.py looks at from outside. Nor those with rules, which only a cluster has: rules.txt.

The rows' pool, 10.2.0.6 to .8, is three simulators on a loopback /24 that no other run uses. Rows that
start ringpick alike follow one another and share it.
"""
import collections
import os
import time

import pytest

from tests.e2e.conftest import BACKENDS
from tests.support import wire_rows
from tests.support.h2_call import Call
from tests.support.processes import PATIENCE, ROOT, Parts, wait_until

FILES = ("request", "response", "skip", "errors", "modes")
CUTS = {"whole": None, "frames": 3}
WAITING = (5, 0, 9)
SILENCE_SECONDS = 0.04 * PATIENCE
NOT_HERE = ("< hex ", "> drain", "> no_pool", "> health")

CONFIG = """apiVersion: llm-d.ai/v1alpha1
kind: EndpointPickerConfig
plugins:
- type: queue-scorer
schedulingProfiles:
- name: default
  plugins:
  - pluginRef: queue-scorer
"""
OPENAI_ONLY = CONFIG.replace("schedulingProfiles:", "- type: openai-parser\nschedulingProfiles:") + """\
requestHandler:
  parsers:
  - pluginRef: openai-parser
"""

SERVED_VERIFIER = CONFIG.replace("schedulingProfiles:",
                                 "- type: destination-endpoint-served-verifier\nschedulingProfiles:")

# As tests/wire/world.h has it.
REPORTER = CONFIG.replace("schedulingProfiles:", """\
- type: request-attribute-reporter
  parameters:
    attributes:
    - key: {name: cost}
      expression: usage.prompt_tokens + 2.0 * usage.completion_tokens
schedulingProfiles:""")

FLAGS = {
    "echo_headers": "--echo-headers",
    "endpoint_scores": "--emit-endpoint-scores",
    "subset_filter_off": "--disable-endpoint-subset-filter",
    "recv_message_max": "--grpc-max-recv-msg-size",
    "body_bytes_max": "--max-body-bytes",
    "body_memory_bytes": "--max-body-memory",
    "response_skipped": "--response-processing=skip",
}

# How ringpick is started; options is a sorted tuple of the row's option lines.
Start = collections.namedtuple("Start", "backend options")


def all_cases():
    rows = [row for name in FILES
            for row in wire_rows.read_rows(ROOT / "tests" / "wire" / "rows" / f"{name}.txt")
            if not any(step[0].startswith(NOT_HERE) for step in row.steps)]
    for backend in BACKENDS:
        groups = collections.defaultdict(list)
        for row in rows:
            groups[tuple(sorted(row.options))].append(row)
        for options, group in groups.items():
            start = Start(backend, options)
            for row in group:
                for cut in list(CUTS)[:1 if row.is_once else None]:
                    yield pytest.param(start, row, cut, id=f"{backend}-{row.name}-{cut}")


@pytest.fixture(scope="module")
def pool(tmp_path_factory):
    """Three simulators by address, with the rows' queue lengths."""
    pid = os.getpid()
    net = f"127.{1 + pid // 254 % 250}.{pid % 254}."
    parts = Parts(tmp_path_factory.mktemp("pool"))
    sims = {f"{net}{6 + i}:8000": parts.sim(ports=[8000], address=f"{net}{6 + i}", name=f"sim-{i}")
            for i in range(len(WAITING))}
    set_waiting(sims, WAITING)
    yield sims
    parts.stop()


class Pickers:
    """Keeps the ringpick that the last row had, until a row wants another one."""

    def __init__(self, pool, new_directory):
        self.pool = pool
        self.new_directory = new_directory
        self.start = None
        self.picker = None
        self.parts = None

    def get(self, start):
        if start != self.start:
            self.stop()
            self.begin(start)
        return self.picker

    def begin(self, start):
        names = dict(option.partition(" ")[::2] for option in start.options)
        endpoints = [] if names.pop("no_endpoints", None) is not None else list(self.pool)
        config = CONFIG
        for option, text in (("openai_only", OPENAI_ONLY), ("served_verifier", SERVED_VERIFIER),
                             ("reporter", REPORTER)):
            if names.pop(option, None) is not None:
                config = text
        self.parts = Parts(self.new_directory())
        self.picker = self.parts.ringpick(
            endpoints, backend=start.backend, secure=False, config=config,
            args=[FLAGS[name] if "=" in FLAGS[name] else f"{FLAGS[name]}={value or 'true'}"
                  for name, value in names.items()])
        if endpoints:
            wait_waiting(self.picker, WAITING)
        self.start = start

    def stop(self):
        picker, parts, self.start, self.picker, self.parts = self.picker, self.parts, None, None, None
        try:
            assert picker is None or picker.sum("ringpick_worker_restarts_total") == 0
        finally:
            if parts is not None:
                parts.stop()


@pytest.fixture(scope="module")
def pickers(pool, tmp_path_factory):
    made = Pickers(pool, lambda: tmp_path_factory.mktemp("picker"))
    yield made
    made.stop()


def set_waiting(pool, waiting):
    for (endpoint, sim), count in zip(pool.items(), waiting):
        sim.set_metrics(endpoint, waiting=count, running=0, kv=0)


def wait_waiting(picker, waiting):
    def scraped():
        samples = picker.samples("llm_d_epp_per_endpoint_queue_size")
        samples.sort(key=lambda sample: sample[0]["model_server_endpoint"])
        return tuple(value for _, value in samples)
    wait_until(lambda: scraped() == waiting and
               picker.sum("llm_d_epp_ready_endpoints") == len(waiting), "the figures are scraped")


def open_call(picker, row, cut):
    headers = [(":method", row.call["method"]), (":scheme", "http"), (":path", row.call["path"]),
               (":authority", "epp:9002"), ("te", "trailers"),
               ("content-type", row.call["content_type"])]
    for name, header in (("timeout", "grpc-timeout"), ("encoding", "grpc-encoding")):
        if name in row.call:
            headers.append((header, row.call[name]))
    port = picker.health_port if "health_port" in row.call else picker.grpc_port
    return Call(port, headers, CUTS[cut])


class Script:
    """Runs the steps of a row on one call."""

    def __init__(self, call, net):
        self.call = call
        self.net = net
        self.waited = 0.0

    def here(self, line):
        return line.replace("10.2.0.", self.net)

    def send(self, what, details):
        verb, _, rest = what.partition(" ")
        if what == "end":
            self.call.half_close()
        elif what == "reset":
            # What is on its way comes before the reset makes an end of it.
            self.call.pump(lambda: False, SILENCE_SECONDS)
            self.call.reset()
        elif verb == "hex":
            self.call.send_raw(bytes.fromhex(rest))
        elif verb == "wait":
            # Only waiting takes time in a row, so that its times count from the call's start.
            self.waited += int(rest) / 1000
            left = self.call.opened_at + self.waited - time.monotonic()
            self.call.pump(lambda: False, max(left, 0))
        else:
            self.call.send(wire_rows.build_request(what, details))

    def expect(self, what, details):
        call = self.call
        verb, _, rest = what.partition(" ")
        if what == "silence":
            assert call.is_silent(SILENCE_SECONDS), \
                f"no silence: {bytes(call.received)!r}, grpc-status {call.grpc_status}"
        elif verb == "status":
            call.pump(call.is_over)
            assert not call.received, f"more than a status: {bytes(call.received)!r}"
            status = f"status {call.grpc_status} {call.grpc_message}".removesuffix(" ")
            assert wire_rows.matches(what, status), f"expected {what}, got {status}"
        elif verb == "http":
            call.pump(call.is_over)
            assert call.http_status == int(rest)
        else:
            reply = call.next()
            assert reply is not None, \
                f"no reply; grpc-status {call.grpc_status} {call.grpc_message}"
            actual = wire_rows.reply_lines(reply)
            expected = wire_rows.expected_lines([what, *details])
            assert wire_rows.same_lines(expected, actual), \
                "\n".join(["expected:", *expected, "got:", *actual])

    def run(self, steps):
        for step in steps:
            first, *details = map(self.here, step)
            if first[0] == ">":
                self.send(first[2:], details)
            elif first[0] == "<":
                self.expect(first[2:], details)


def check_nothing_left(call):
    """Nobody expected more than the row says."""
    if not call.is_over():
        call.is_silent(SILENCE_SECONDS)
    assert not call.received, f"an answer nobody expected: {bytes(call.received)!r}"
    assert call.empty_data == 0, "empty DATA frames"
    assert not call.faults and not call.is_lost, call.faults


@pytest.mark.parametrize("start, row, cut", list(all_cases()))
def test_row(pickers, pool, start, row, cut):
    picker = pickers.get(start)
    net = next(iter(pool)).rsplit(".", 1)[0] + "."
    if row.waiting:
        set_waiting(pool, row.waiting)
        wait_waiting(picker, row.waiting)
    call = open_call(picker, row, cut)
    try:
        Script(call, net).run(row.steps)
        check_nothing_left(call)
    finally:
        call.close()
        if row.waiting:
            set_waiting(pool, WAITING)
            wait_waiting(picker, WAITING)
    wait_until(lambda: picker.sum("ringpick_worker_streams") == 0, "no stream is left")
    wait_until(lambda: picker.sum("llm_d_epp_request_running") == 0, "no request is left running")
