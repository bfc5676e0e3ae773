# SPDX-License-Identifier: Apache-2.0
"""ringpick-bench against ringpick, and against a picker in Python that is right or wrong on demand."""
import concurrent.futures
import json
import signal
import subprocess
import time

import grpc
import pytest

from tests.support.ext_proc import (DESTINATION, ProcessingRequest, ProcessingResponse)
from tests.support.processes import BUILD, IS_SANITIZED, PATIENCE, free_port

PROGRAM = BUILD / "ringpick-bench"
PER_RUN = 50 if IS_SANITIZED else 200


def command(port, *args):
    return [str(a) for a in (PROGRAM, "--target", f"127.0.0.1:{port}", *args)]


def bench(port, directory, *args, code=0):
    """Run it to the end; @return what --json wrote."""
    path = directory / "bench.json"
    path.unlink(missing_ok=True)
    done = subprocess.run(command(port, "--json", path, *args), capture_output=True, text=True,
                          timeout=100 * PATIENCE, check=False)
    assert done.returncode == code, (done.returncode, done.stdout, done.stderr)
    assert "Sanitizer" not in done.stderr, done.stderr
    return json.loads(path.read_text())


def all_right(report, count=PER_RUN):
    streams = report["streams"]
    assert (streams["completed"], streams["failed"], streams["wrong"]) == (count, 0, 0), report
    assert report["wrong"] == [] and report["failures"] == []
    return report


@pytest.fixture
def picker(parts, backend):
    """ringpick in clear text or over TLS with three simulated model servers."""
    def start(secure=False, workers=1):
        return parts.ringpick(parts.sim().endpoints, backend=backend, secure=secure, workers=workers,
                              args=["--v", "2"])
    return start


@pytest.mark.parametrize("secure", [False, True])
def test_every_kind_of_stream_is_answered_right(picker, tmp_path, secure):
    ringpick = picker(secure)
    flag = "--tls" if secure else "--h2c"
    for args in ([], ["--chat", "--body-bytes", 200], ["--body-bytes", 100000, "--chunk-bytes", 7001],
                 ["--answer", "sse", "--sse-chunks", 7], ["--answer", "none"],
                 ["--answer", "sse", "--sse-chunks", 4, "--sse-interval-ms", 3],
                 ["--answer-bytes", 100000, "--chunk-bytes", 5000],
                 ["--rate", 400], ["--shared-bytes", 4000, "--prefixes", 9],
                 ["--stream-window", 5000, "--body-bytes", 30000]):
        report = all_right(bench(ringpick.grpc_port, tmp_path, flag, "--requests", PER_RUN,
                                 "--pid", ringpick.children()[0], *args))
        assert report["pick_latency_us"]["count"] == PER_RUN
        assert report["server"]["cpu_us_per_stream"] > 0
        assert report["server"]["processes"][0]["name"] == "ringpick-worker"
    assert ringpick.worker_requests()[0] == 10 * PER_RUN


def test_a_timed_run_has_a_timeline_and_a_balance_of_workers(picker, tmp_path):
    ringpick = picker(workers=2)
    report = bench(ringpick.grpc_port, tmp_path, "--h2c", "--duration", 2, "--warmup", 0.5,
                   "--threads", 2, "--metrics-url", f"http://127.0.0.1:{ringpick.metrics_port}/metrics")
    streams = report["streams"]
    assert streams["failed"] == streams["wrong"] == 0, report
    assert abs(streams["seconds"] - 2) < 0.5
    assert [point["t_s"] for point in report["timeline"]] == [1, 2]
    seen = sum(point["completed"] for point in report["timeline"])
    assert abs(seen - streams["completed"]) <= 0.05 * streams["completed"] + 32
    assert sum(count for _, count in report["pick_latency_us"]["buckets"]) == \
        report["pick_latency_us"]["count"]
    assert sum(w["connections"] for w in report["workers"]) == 4
    assert sorted(w["worker"] for w in report["workers"]) == ["0", "1"]
    assert all(w["requests"] > 0 for w in report["workers"]), report["workers"]


def test_idle_streams_are_fed(picker, tmp_path):
    ringpick = picker()
    report = bench(ringpick.grpc_port, tmp_path, "--h2c", "--streams", 0, "--idle-streams", 300,
                   "--feed-interval-ms", 200, "--duration", 2, "--warmup", 0.2,
                   "--pid", ringpick.children()[0])
    assert report["streams"]["failed"] == report["streams"]["wrong"] == 0, report
    assert report["streams"]["open_peak"] == 300
    # Ten chunks each; which ones lie within the window is a matter of milliseconds.
    assert 2700 <= report["chunk_delay_us"]["count"] <= 3300
    assert report["server"]["cpu_us_per_chunk"] > 0


def test_the_page_with_plots_holds_the_run(picker, tmp_path):
    page = tmp_path / "run.html"
    bench(picker().grpc_port, tmp_path, "--h2c", "--requests", 20, "--html", page)
    assert '"tool":"ringpick-bench"' in page.read_text()


def test_an_interrupted_run_tells_what_it_saw(picker, tmp_path):
    path = tmp_path / "bench.json"
    ringpick = picker()
    run = subprocess.Popen(command(ringpick.grpc_port, "--h2c", "--duration", 300, "--warmup", 0,
                                   "--json", path, "--rate", 100),
                           stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    time.sleep(1.5 * PATIENCE)
    run.send_signal(signal.SIGINT)
    out, err = run.communicate(timeout=20 * PATIENCE)
    assert run.returncode == 0, (out, err)
    assert "(interrupted)" in out
    report = json.loads(path.read_text())
    assert report["streams"]["interrupted"] and report["streams"]["completed"] > 0
    assert "streams/s" in err


def test_a_worker_that_dies_is_noticed_and_the_rest_goes_on(picker, tmp_path):
    ringpick = picker(workers=2)
    path = tmp_path / "bench.json"
    run = subprocess.Popen(command(ringpick.grpc_port, "--h2c", "--duration", 3, "--warmup", 0,
                                   "--json", path, "--quiet"), stdout=subprocess.PIPE, text=True)
    time.sleep(1)
    subprocess.run(["kill", "-9", str(ringpick.children()[0])], check=True)
    out, _ = run.communicate(timeout=60 * PATIENCE)
    assert run.returncode == 1, out
    report = json.loads(path.read_text())
    assert report["streams"]["failed"] > 0 and report["streams"]["wrong"] == 0, report
    assert report["timeline"][-1]["completed"] > 0 and report["timeline"][-1]["failed"] == 0


def test_no_connection_and_bad_usage_have_codes_of_their_own():
    done = subprocess.run(command(free_port(), "--h2c", "--timeout", 5), capture_output=True, text=True,
                          timeout=60, check=False)
    assert done.returncode == 3 and "Connection refused" in done.stderr, done
    done = subprocess.run([PROGRAM, "--target", "nowhere"], capture_output=True, text=True, timeout=60,
                          check=False)
    assert done.returncode == 2 and "--target" in done.stderr, done


def test_its_own_broken_pickers_are_caught():
    done = subprocess.run([PROGRAM, "--self-test"], capture_output=True, text=True, timeout=100 * PATIENCE,
                          check=False)
    assert done.returncode == 0 and "MISSED" not in done.stdout, done.stdout + done.stderr
    assert done.stdout.count("\nok") >= 20


class PythonPicker:
    """A picker on grpcio, a foreign implementation: right, but for what change() does to a reply."""

    def __init__(self, change=lambda reply: None):
        self.change = change
        self.server = grpc.server(concurrent.futures.ThreadPoolExecutor(16))
        self.server.add_generic_rpc_handlers([grpc.method_handlers_generic_handler(
            "envoy.service.ext_proc.v3.ExternalProcessor",
            {"Process": grpc.stream_stream_rpc_method_handler(
                self.process, request_deserializer=ProcessingRequest.FromString,
                response_serializer=ProcessingResponse.SerializeToString)})])
        self.port = self.server.add_insecure_port("127.0.0.1:0")

    def __enter__(self):
        self.server.start()
        return self

    def __exit__(self, *_):
        self.server.stop(None)

    def process(self, requests, _context):
        for reply in self.replies(requests):
            self.change(reply)
            yield reply

    def replies(self, requests):
        body = b""
        for request in requests:
            kind = request.WhichOneof("request")
            if kind == "request_headers":
                assert request.protocol_config.request_body_mode == 4
                names = {h.key for h in request.request_headers.headers.headers}
                assert {":path", "x-request-id", "content-length"} <= names
            elif kind == "request_body":
                body += request.request_body.body
                if request.request_body.end_of_stream:
                    json.loads(body)
                    yield self.pick()
                    yield echo("request_body", body, True)
            elif kind == "response_headers":
                served = request.metadata_context.filter_metadata["envoy.lb"].fields[DESTINATION]
                assert served.string_value == "10.0.0.1:80"
                reply = ProcessingResponse()
                reply.response_headers.SetInParent()
                yield reply
            else:
                yield echo(kind, request.response_body.body, request.response_body.end_of_stream)

    @staticmethod
    def pick():
        reply = ProcessingResponse()
        header = reply.request_headers.response.header_mutation.set_headers.add().header
        header.key, header.raw_value = DESTINATION, b"10.0.0.1:80"
        reply.dynamic_metadata.fields["envoy.lb"].struct_value.fields[DESTINATION].string_value = \
            "10.0.0.1:80"
        return reply


def echo(kind, body, end_of_stream):
    reply = ProcessingResponse()
    part = getattr(reply, kind).response.body_mutation.streamed_response
    part.body, part.end_of_stream = body, end_of_stream
    return reply


def test_a_foreign_picker_is_found_right(tmp_path):
    with PythonPicker() as picker:
        all_right(bench(picker.port, tmp_path, "--h2c", "--requests", 20, "--connections", 2,
                        "--streams", 2, "--answer", "sse", "--body-bytes", 50000), 20)


def flip(reply):
    if reply.WhichOneof("response") == "request_body":
        streamed = reply.request_body.response.body_mutation.streamed_response
        streamed.body = streamed.body[:-1] + b"]"


def other_pick(reply):
    if reply.WhichOneof("response") == "request_headers":
        reply.dynamic_metadata.fields["envoy.lb"].struct_value.fields[DESTINATION].string_value += "0"


def raise_error(reply):
    if reply.WhichOneof("response") == "response_headers":
        raise ValueError("broken")


@pytest.mark.parametrize("change, kind, words", [
    (flip, "wrong", "the request's body came back with other bytes"),
    (other_pick, "wrong", "header and metadata name different picks"),
    (raise_error, "failed", "grpc-status 2"),
])
def test_a_broken_picker_fails_the_run(tmp_path, change, kind, words):
    with PythonPicker(change) as picker:
        report = bench(picker.port, tmp_path, "--h2c", "--requests", 8, "--connections", 1,
                       "--streams", 2, "--timeout", 20 * PATIENCE, code=1)
    assert report["streams"][kind] == 8 and report["streams"]["completed"] == 0, report
    reasons = report["wrong" if kind == "wrong" else "failures"]
    assert all(words in reason["why"] for reason in reasons) and len(reasons) == 8, reasons
