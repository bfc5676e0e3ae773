# SPDX-License-Identifier: Apache-2.0
"""--response-processing=skip through real Envoy: answers pass ringpick by."""
import concurrent.futures
import http.client
import http.server
import json
import socketserver
import threading

import pytest

from tests.support.processes import HOW_TO_CONFIG, PATIENCE, CheckingBackend, wait_until

SKIP = ("--response-processing=skip", "--enable-grpc-stream-metrics")
EVENTS = [f'data: {{"n": {i}, "text": "événement {i}"}}\n\n'.encode() for i in range(20)]
EVENTS.append(b'data: {"usage":{"prompt_tokens":7,"total_tokens":17,"completion_tokens":10}}\n\n')
EVENTS.append(b"data: [DONE]\n\n")
JSON = json.dumps({"model": "m", "text": "x" * 300000, "usage": {"prompt_tokens": 7}}).encode()
EARLY = b"too large " * 20000


class FixedBackend:
    """A model server whose answers are known: JSON, events, and one before the request is read."""

    def __init__(self):
        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, *args):
                pass

            def answer(self, status, content_type, body):
                self.send_response(status)
                self.send_header("content-type", content_type)
                self.send_header("content-length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def do_GET(self):
                body = CheckingBackend.METRICS if self.path == "/metrics" else b"models"
                self.answer(200, "text/plain", body)

            def read_body(self):
                body = b""
                if "content-length" in self.headers:
                    return self.rfile.read(int(self.headers["content-length"]))
                while n := int(self.rfile.readline(), 16):
                    body += self.rfile.read(n)
                    self.rfile.readline()
                self.rfile.readline()
                return body

            def do_POST(self):
                if "x-early" in self.headers:
                    self.answer(413, "text/plain", EARLY)
                    self.read_body()
                elif json.loads(self.read_body()).get("stream"):
                    self.send_response(200)
                    self.send_header("content-type", "text/event-stream")
                    self.send_header("transfer-encoding", "chunked")
                    self.end_headers()
                    for event in EVENTS:
                        self.wfile.write(b"%x\r\n%s\r\n" % (len(event), event))
                        self.wfile.flush()
                    self.wfile.write(b"0\r\n\r\n")
                else:
                    self.answer(200, "application/json", JSON)

        class Server(socketserver.ThreadingMixIn, http.server.HTTPServer):
            daemon_threads = True
            request_queue_size = 512

            def handle_error(self, request, client_address):
                pass

        self.server = Server(("127.0.0.1", 0), Handler)
        self.endpoint = f"127.0.0.1:{self.server.server_address[1]}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def stop(self):
        self.server.shutdown()
        self.server.server_close()


@pytest.fixture(params=["header", "metadata"])
def variant(request):
    return request.param


def start(parts, backend, variant="header", args=SKIP, **kw):
    server = parts.add(FixedBackend())
    ringpick = parts.ringpick([server.endpoint], backend=backend, args=args, **kw)
    envoy = parts.envoy(ringpick, variant=variant, endpoints=[server.endpoint],
                        name=f"envoy-{ringpick.name}")
    return ringpick, envoy


def wait_closed(ringpick):
    wait_until(lambda: ringpick.metric("llm_d_epp_extproc_streams_inflight") == 0,
               "all streams are closed")


def assert_no_answer_came(ringpick, streams):
    """Every stream was closed OK by ringpick, and nothing of an answer was seen."""
    wait_closed(ringpick)
    codes = {labels["code"]: count
             for labels, count in ringpick.samples("llm_d_epp_extproc_streams_total") if count}
    assert codes == {"OK": streams}
    assert ringpick.metric("llm_d_epp_response_processing_duration_seconds_count") == 0
    assert [count for _, count in ringpick.samples("llm_d_epp_request_running")] == [0]
    assert ringpick.sum("llm_d_epp_request_output_tokens_count") == 0


def test_answers_pass_by(parts, backend, variant):
    ringpick, envoy = start(parts, backend, variant)
    prompt = {"model": "m", "prompt": "p"}

    status, headers, body = envoy.post("/v1/completions", prompt)
    assert (status, body) == (200, JSON)
    assert "x-went-into-resp-headers" not in headers
    status, headers, body = envoy.post("/v1/completions", {**prompt, "stream": True})
    assert (status, body) == (200, b"".join(EVENTS))
    assert headers["content-type"] == "text/event-stream"

    connection = http.client.HTTPConnection("127.0.0.1", envoy.port, timeout=60 * PATIENCE)
    connection.request("GET", "/v1/models")
    answer = connection.getresponse()
    assert (answer.status, answer.read()) == (200, b"models")
    connection.close()

    big = {**prompt, "prompt": "one and two " * (1 << 20 // 12)}
    for stream, expected in ((False, JSON), (True, b"".join(EVENTS))):
        big["stream"] = stream
        assert envoy.post("/v1/completions", big)[::2] == (200, expected)
    assert_no_answer_came(ringpick, 5)
    assert ringpick.sum("llm_d_epp_request_total", model_name="m") == 4


def test_200_at_once(parts, backend):
    ringpick, envoy = start(parts, backend, workers=2)
    barrier = threading.Barrier(200)

    def one(i):
        body = {"model": "m", "prompt": f"Question {i}", "stream": i % 2 == 0}
        barrier.wait(60)
        status, _, answer = envoy.post("/v1/completions", body, timeout=120)
        return status == 200 and answer == (b"".join(EVENTS) if i % 2 == 0 else JSON)

    with concurrent.futures.ThreadPoolExecutor(200) as pool:
        assert all(pool.map(one, range(200)))
    assert_no_answer_came(ringpick, 200)
    assert all(count > 0 for count in ringpick.worker_requests())


def test_an_answer_before_the_end_of_the_request_is_whole(parts, backend):
    """ringpick must not end the stream while Envoy sends it chunks of the answer."""
    _, envoy = start(parts, backend)
    body = {"model": "m", "prompt": "word " * (1 << 20)}
    for _ in range(10):
        assert envoy.post("/v1/completions", body, {"x-early": "1"})[::2] == (413, EARLY)


def test_a_renamed_model_gets_its_name_back(parts, backend):
    ringpick, envoy = start(parts, backend)
    status, headers, body = envoy.post("/v1/completions", {"model": "other", "prompt": "p"},
                                       {"x-llm-d-model-name-rewrite": "m"})
    assert status == 200
    assert json.loads(body)["model"] == "other"
    assert headers["x-went-into-resp-headers"] == "true"
    wait_closed(ringpick)


def test_the_flag_wins_over_the_configuration(parts, backend):
    config = HOW_TO_CONFIG + "ringpick:\n  responseProcessing: skip\n"
    skipping, envoy = start(parts, backend, args=SKIP[1:], config=config)
    assert "do not cover answers" in skipping.log()
    assert envoy.post("/v1/completions", {"model": "m", "prompt": "p"})[::2] == (200, JSON)
    assert_no_answer_came(skipping, 1)
    full, envoy = start(parts, backend, args=["--response-processing=full"], config=config,
                        name="full")
    status, headers, body = envoy.post("/v1/completions", {"model": "m", "prompt": "p"})
    assert (status, body) == (200, JSON)
    assert headers["x-went-into-resp-headers"] == "true"
