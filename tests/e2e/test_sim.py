# SPDX-License-Identifier: Apache-2.0
"""ringpick-sim over real HTTP: what curl, Envoy and the picker's scraper see of it."""
import contextlib
import http.client
import json
import os
import pathlib
import re
import signal
import socket
import subprocess
import threading
import time
import uuid

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILD = pathlib.Path(os.environ.get("RINGPICK_BUILD", "build/dev"))
PROGRAM = (BUILD if BUILD.is_absolute() else ROOT / BUILD) / "ringpick-sim"
MODEL = "meta-llama/Llama-3.1-8B-Instruct"
PROMPT = "What do reviewers think about The Comedy of Errors?"


class Sim:
    """A running simulator; stopping it checks that it ends at once and with status 0."""

    def __init__(self, *args, endpoints=1, env=None, listen=True):
        command = [str(PROGRAM), "--model", MODEL]
        if listen:
            command += ["--listen", "127.0.0.1:0"] * endpoints
        environment = {k: v for k, v in os.environ.items()
                       if k not in ("POD_NAME", "NAMESPACE", "POD_NAMESPACE", "SIM_MODEL")}
        environment.update(env or {})
        self.process = subprocess.Popen(command + list(args), env=environment,
                                        stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        line = self.process.stdout.readline()
        assert line, self.process.stderr.read().decode()
        self.announcement = json.loads(line)
        self.ports = self.announcement["ports"]
        self.port = self.ports[0]

    def __enter__(self):
        return self

    def __exit__(self, kind, value, trace):
        begin = time.monotonic()
        self.process.send_signal(signal.SIGTERM)
        out, err = self.process.communicate(timeout=20)
        self.output = out.decode() + err.decode()
        if kind is None:
            assert self.process.returncode == 0, self.output
            assert time.monotonic() - begin < 10
            assert "Sanitizer" not in self.output and "runtime error" not in self.output

    def connect(self, port=None):
        return http.client.HTTPConnection("127.0.0.1", port or self.port, timeout=30)

    def ask(self, path, body=None, port=None, headers=None):
        connection = self.connect(port)
        with contextlib.closing(connection):
            data = body if body is None or isinstance(body, (bytes, str)) else json.dumps(body)
            connection.request("GET" if body is None else "POST", path, data, headers or {})
            response = connection.getresponse()
            return response, response.read()

    def complete(self, port=None, headers=None, **body):
        body = {"model": MODEL, "prompt": PROMPT, **body}
        response, data = self.ask("/v1/completions", body, port, headers)
        assert response.status == 200, data
        return response, json.loads(data)

    def metrics(self, port=None):
        response, data = self.ask("/metrics", port=port)
        assert response.status == 200
        return data.decode()

    def figure(self, name, port=None):
        found = re.search(rf"^{re.escape(name)}(?:{{[^}}]*}})? (\S+)$", self.metrics(port), re.M)
        return float(found.group(1)) if found else None

    def raw(self, data, port=None):
        with socket.create_connection(("127.0.0.1", port or self.port), timeout=10) as s:
            s.sendall(data)
            got = b""
            while chunk := s.recv(65536):
                got += chunk
            return got


def wait_until(condition, seconds=10):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "timed out"
        time.sleep(0.01)


@pytest.fixture(scope="module")
def sim():
    with Sim("--max-loras", "2", "--lora-modules", '{"name": "reviews-1"}', '{"name":"reviews-2"}',
             "--max-request-body-size-mb", "64", "--seed", "42", endpoints=3,
             env={"POD_NAME": "vllm", "NAMESPACE": "demo"}) as running:
        yield running


def test_the_how_to_request_is_answered_in_the_shape_of_v0_7_1(sim):
    body = json.dumps({"model": "reviews-1", "prompt": PROMPT, "max_tokens": 100,
                       "temperature": 0})
    response, data = sim.ask("/v1/completions", body,
                             headers={"Content-Type": "application/x-www-form-urlencoded"})
    answer = json.loads(data)
    assert response.status == 200
    assert response.getheader("content-type") == "application/json"
    assert list(answer) == ["id", "created", "model", "usage", "object", "kv_transfer_params",
                            "choices"]
    assert list(answer["usage"]) == ["prompt_tokens", "completion_tokens", "total_tokens"]
    assert list(answer["choices"][0]) == ["index", "finish_reason", "text"]
    assert answer["model"] == "reviews-1"
    assert answer["object"] == "text_completion"
    assert answer["kv_transfer_params"] is None
    assert answer["usage"]["prompt_tokens"] == 10
    assert 1 <= answer["usage"]["completion_tokens"] <= 100
    assert abs(answer["created"] - time.time()) < 60


def test_ids_are_reproducible_from_the_seed():
    with Sim("--seed", "7") as sim:
        for count in range(3):
            _, answer = sim.complete()
            expected = uuid.uuid5(uuid.NAMESPACE_URL, f"7-{sim.port}-{count}")
            assert answer["id"] == f"cmpl-{expected}"


def test_headers_tell_which_endpoint_answered(sim):
    for index, port in enumerate(sim.ports):
        response, _ = sim.complete(port=port)
        assert response.getheader("x-inference-pod") == f"vllm-{index}"
        assert response.getheader("x-inference-port") == str(port)
        assert response.getheader("x-inference-namespace") == "demo"
        assert response.getheader("server") == "fasthttp"
        assert response.getheader("date").endswith("GMT")
        other, _ = sim.ask("/v1/models", port=port)
        assert other.getheader("x-inference-pod") is None


def test_one_endpoint_keeps_its_pod_name():
    with Sim(env={"POD_NAME": "pod-a"}) as sim:
        assert sim.complete()[0].getheader("x-inference-pod") == "pod-a"


def test_chat_is_answered(sim):
    messages = [{"role": "system", "content": "Be brief."},
                {"role": "user", "content": [{"type": "text", "text": "Hello there"}]}]
    response, data = sim.ask("/v1/chat/completions", {"model": MODEL, "messages": messages})
    answer = json.loads(data)
    assert response.status == 200
    assert answer["id"].startswith("chatcmpl-")
    assert answer["object"] == "chat.completion"
    assert list(answer["choices"][0]) == ["index", "finish_reason", "message"]
    assert answer["choices"][0]["message"]["role"] == "assistant"
    assert answer["choices"][0]["message"]["content"]
    assert answer["usage"]["prompt_tokens"] == 5 + 3 + 5 + 2


def events(data):
    parts = data.decode().split("\n\n")
    assert parts[-1] == "" and parts[-2] == "data: [DONE]"
    assert all(part.startswith("data: ") for part in parts[:-1])
    return [json.loads(part[6:]) for part in parts[:-2]]


def test_chat_streams_role_tokens_finish_and_usage(sim):
    body = {"model": "reviews-2", "messages": [{"role": "user", "content": "hi"}], "stream": True,
            "max_tokens": 30, "ignore_eos": True, "stream_options": {"include_usage": True}}
    response, data = sim.ask("/v1/chat/completions", body)
    assert response.getheader("content-type") == "text/event-stream"
    assert response.getheader("transfer-encoding") == "chunked"
    assert response.getheader("x-inference-pod") == "vllm-0"
    first, *tokens, usage = events(data)
    assert first["choices"][0]["delta"] == {"role": "assistant"}
    assert len(tokens) == 30
    assert all(t["object"] == "chat.completion.chunk" and t["usage"] is None for t in tokens)
    assert all(t["kv_transfer_params"] is None for t in tokens)
    assert [t["choices"][0]["finish_reason"] for t in tokens] == [None] * 29 + ["length"]
    assert usage["choices"] == [] and usage["usage"]["completion_tokens"] == 30
    assert len({t["id"] for t in tokens} | {usage["id"]}) == 1


def test_a_stopped_stream_ends_with_an_empty_event(sim):
    for _ in range(50):
        _, data = sim.ask("/v1/completions", {"model": MODEL, "prompt": "x", "stream": True})
        *tokens, last = events(data)
        assert last["choices"][0] == {"index": 0, "finish_reason": "stop", "text": ""}
        assert all(t["choices"][0]["text"] for t in tokens)


def test_echo_returns_the_prompt():
    with Sim("--mode", "echo") as sim:
        text = 'A "quoted", <odd> & back\\slash?'
        _, answer = sim.complete(prompt=text)
        assert answer["choices"][0]["text"] == text
        assert answer["choices"][0]["finish_reason"] == "stop"
        _, answer = sim.complete(prompt=["one", "two words"], max_tokens=2)
        assert [c["text"] for c in answer["choices"]] == ["one", "two words"]
        assert [c["finish_reason"] for c in answer["choices"]] == ["stop", "length"]
        _, data = sim.ask("/v1/completions", {"model": MODEL, "prompt": text, "stream": True})
        assert "".join(e["choices"][0]["text"] for e in events(data)) == text


def test_random_answers_keep_to_the_limit_and_the_seed():
    texts = []
    for _ in range(2):
        with Sim("--seed", "5") as sim:
            answers = [sim.complete(max_tokens=20)[1] for _ in range(100)]
        assert all(1 <= a["usage"]["completion_tokens"] <= 20 for a in answers)
        for answer in answers:
            is_full = answer["usage"]["completion_tokens"] == 20
            assert (answer["choices"][0]["finish_reason"] == "length") == is_full
        texts.append([a["choices"][0]["text"] for a in answers])
    assert texts[0] == texts[1]
    assert len(set(texts[0])) > 10


@pytest.mark.parametrize("path, body, status, words", [
    ("/v1/completions", '{"model": "m", ', 400, "Failed to read and parse request body, "),
    ("/v1/completions", "[]", 400, "Failed to read and parse request body, "),
    ("/v1/completions", "", 400, "Failed to read and parse request body, "),
    ("/v1/load_lora_adapter", "{", 400, "Failed to read and parse request body, "),
    ("/nothing", "{}", 404, "Not Found"),
    ("/v1/completions", None, 405, "Method Not Allowed"),
    ("/metrics", "", 405, "Method Not Allowed"),
])
def test_plain_text_errors(sim, path, body, status, words):
    response, data = sim.ask(path, body)
    assert response.status == status
    assert response.getheader("content-type").startswith("text/plain")
    assert data.decode().startswith(words)


@pytest.mark.parametrize("change, status, kind, words", [
    ({"model": "nobody"}, 404, "NotFoundError", "The model `nobody` does not exist."),
    ({"model": None}, 404, "NotFoundError", "The model `` does not exist."),
    ({"max_tokens": 0}, 400, "BadRequestError", "positive"),
    ({"max_tokens": -5}, 400, "BadRequestError", "positive"),
    ({"ignore_eos": True}, 400, "BadRequestError", "max_tokens"),
    ({"max_tokens": 1015}, 400, "BadRequestError", "1024 tokens"),
    ({"prompt": "a " * 1025}, 400, "BadRequestError", "1025 in the messages"),
    ({"kv_transfer_params": {"do_remote_decode": True}, "stream": True}, 400, "BadRequestError",
     "streaming"),
])
def test_api_errors(sim, change, status, kind, words):
    response, data = sim.ask("/v1/completions", {"model": MODEL, "prompt": PROMPT, **change})
    error = json.loads(data)["error"]
    assert response.status == status
    assert list(error) == ["message", "type", "param", "code"]
    assert (error["type"], error["param"], error["code"]) == (kind, None, status)
    assert words in error["message"]


def test_a_limit_that_just_fits_is_served(sim):
    _, answer = sim.complete(max_tokens=1014, ignore_eos=True)
    assert answer["usage"]["total_tokens"] == 1024


def test_the_client_can_choose_an_error(sim):
    body = {"model": MODEL, "prompt": "x"}
    response, data = sim.ask("/v1/completions", body, headers={"X-Return-Error": "422"})
    assert response.status == 422
    assert json.loads(data)["error"]["type"] == "UnprocessableEntityError"
    assert sim.ask("/v1/completions", body, headers={"X-Return-Error": "x"})[0].status == 400


def test_failures_are_injected():
    with Sim("--failure-injection-rate", "100", "--failure-types", "rate_limit",
             "server_error") as sim:
        seen = {sim.ask("/v1/completions", {"model": MODEL, "prompt": "x"})[0].status
                for _ in range(60)}
        assert seen == {429, 503}


def test_models_and_adapters_come_and_go():
    with Sim("--lora-modules", '{"name": "l1"}', "--served-model-name", "alias", "other") as sim:
        def ids():
            return [(m["id"], m["parent"]) for m in json.loads(sim.ask("/v1/models")[1])["data"]]

        assert ids() == [("alias", None), ("other", None), ("l1", "alias")]
        response, data = sim.ask("/v1/load_lora_adapter", {"lora_name": "l2", "lora_path": "/p"})
        assert (response.status, data) == (200, b"")
        assert ids()[-1] == ("l2", "alias")
        assert sim.complete(model="l2")[1]["model"] == "l2"
        assert sim.complete(model="other")[1]["model"] == "alias"
        assert sim.ask("/v1/unload_lora_adapter", {"lora_name": "l2"})[0].status == 200
        assert sim.ask("/v1/unload_lora_adapter", {"lora_name": "l2"})[0].status == 200
        assert ids()[-1] == ("l1", "alias")
        assert sim.ask("/v1/completions", {"model": "l2", "prompt": "x"})[0].status == 404


def test_health_ready_and_sleep(sim):
    for path in ("/health", "/ready"):
        response, data = sim.ask(path)
        assert (response.status, data) == (200, b"{}")
    assert sim.ask("/health/ready")[0].status == 200
    assert json.loads(sim.ask("/is_sleeping")[1]) == {"is_sleeping": False}
    assert sim.ask("/sleep?level=1", "")[0].status == 200


def test_not_ready_while_it_starts():
    with Sim("--startup-duration", "300ms") as sim:
        assert sim.ask("/health/ready")[0].status == 503
        wait_until(lambda: sim.ask("/health/ready")[0].status == 200)


def test_tokenize(sim):
    _, data = sim.ask("/tokenize", {"prompt": "a b."})
    answer = json.loads(data)
    assert answer["max_model_len"] == 1024 and answer["count"] == 3
    assert answer["token_strs"] is None and len(answer["tokens"]) == 3
    assert answer["tokens"][1] == 0xe70c2de5
    _, data = sim.ask("/tokenize", {"messages": [{"role": "user", "content": "hi"}]})
    assert json.loads(data)["count"] == 6
    assert sim.ask("/tokenize", {"messages": [], "prompt": "x"})[0].status == 400


FAMILIES = {
    "cache_config_info": "gauge", "e2e_request_latency_seconds": "histogram",
    "generation_tokens_total": "counter", "inter_token_latency_seconds": "histogram",
    "kv_cache_usage_perc": "gauge", "lora_requests_info": "gauge",
    "max_num_generation_tokens": "histogram", "num_requests_running": "gauge",
    "num_requests_waiting": "gauge", "prefix_cache_hits_total": "counter",
    "prefix_cache_queries_total": "counter", "prompt_tokens_total": "counter",
    "request_decode_time_seconds": "histogram", "request_generation_tokens": "histogram",
    "request_inference_time_seconds": "histogram", "request_params_max_tokens": "histogram",
    "request_prefill_time_seconds": "histogram", "request_prompt_tokens": "histogram",
    "request_queue_time_seconds": "histogram", "request_success_total": "counter",
    "time_per_output_token_seconds": "histogram", "time_to_first_token_seconds": "histogram",
}


def test_an_idle_page_has_all_families_and_only_the_initial_series():
    with Sim("--max-loras", "2") as sim:
        response, data = sim.ask("/metrics")
        page = data.decode()
    assert response.getheader("content-type").startswith("text/plain; version=0.0.4")
    assert page.endswith("\n")
    types = re.findall(r"^# TYPE vllm:(\S+) (\S+)$", page, re.M)
    assert types == sorted(FAMILIES.items())
    assert re.findall(r"^# HELP vllm:(\S+) ", page, re.M) == sorted(FAMILIES)
    series = [line for line in page.splitlines() if not line.startswith("#")]
    label = f'{{model_name="{MODEL}"}}'
    assert series[0] == 'vllm:cache_config_info{block_size="16",num_gpu_blocks="1024"} 1'
    assert series[1] == f"vllm:kv_cache_usage_perc{label} 0"
    assert re.fullmatch(r'vllm:lora_requests_info{max_lora="2",running_lora_adapters="",'
                        r'waiting_lora_adapters=""} \d{10}', series[2])
    assert series[3:] == [f"vllm:num_requests_running{label} 0",
                          f"vllm:num_requests_waiting{label} 0"]


def test_requests_are_counted():
    with Sim() as sim:
        _, answer = sim.complete(max_tokens=40, ignore_eos=True)
        page = sim.metrics()
        label = f'model_name="{MODEL}"'
        assert f"vllm:prompt_tokens_total{{{label}}} 10\n" in page
        assert f"vllm:generation_tokens_total{{{label}}} 40\n" in page
        assert f'vllm:request_success_total{{finish_reason="length",{label}}} 1\n' in page
        bounds = re.findall(r'request_params_max_tokens_bucket{[^}]*le="(\S+)"} (\d+)', page)
        assert bounds == [("1", "0"), ("2", "0"), ("5", "0"), ("10", "0"), ("20", "0"),
                          ("50", "1"), ("100", "1"), ("200", "1"), ("500", "1"), ("1000", "1"),
                          ("+Inf", "1")]
        assert f"vllm:time_per_output_token_seconds_count{{{label}}} 39\n" in page
        assert f"vllm:inter_token_latency_seconds_count{{{label}}} 39\n" in page
        assert f"vllm:time_to_first_token_seconds_count{{{label}}} 1\n" in page
        assert f"vllm:request_prompt_tokens_sum{{{label}}} 10\n" in page


def test_requests_beyond_the_slots_wait_and_the_queue_has_an_end():
    with Sim("--max-num-seqs", "2", "--max-waiting-queue-length", "3",
             "--time-to-first-token", "500ms", "--lora-modules", '{"name":"a"}') as sim:
        answers = []

        def client():
            answers.append(sim.complete(model="a", max_tokens=3)[0].status)

        begin = time.monotonic()
        clients = [threading.Thread(target=client) for _ in range(5)]
        for one in clients:
            one.start()
        wait_until(lambda: sim.figure("vllm:num_requests_waiting") == 3)
        assert sim.figure("vllm:num_requests_running") == 2
        assert 'running_lora_adapters="a",waiting_lora_adapters="a"}' in sim.metrics()
        response, data = sim.ask("/v1/completions", {"model": MODEL, "prompt": "x"})
        assert response.status == 429
        assert data == b"Failed to enqueue request, waiting requests queue is full"
        for one in clients:
            one.join()
        assert answers == [200] * 5
        assert 1.4 < time.monotonic() - begin < 15
        assert sim.figure("vllm:num_requests_running") == 0
        assert sim.figure("vllm:num_requests_waiting") == 0


@pytest.mark.parametrize("stream", [False, True])
def test_a_client_that_goes_away_frees_its_place(stream):
    with Sim("--max-num-seqs", "1", "--time-to-first-token", "60000") as sim:
        body = json.dumps({"model": MODEL, "prompt": "x", "stream": stream}).encode()
        request = (b"POST /v1/completions HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n%s"
                   % (len(body), body))
        clients = []
        for _ in range(3):
            clients.append(socket.create_connection(("127.0.0.1", sim.port)))
            clients[-1].sendall(request)
        wait_until(lambda: sim.figure("vllm:num_requests_waiting") == 2)
        clients[1].close()
        wait_until(lambda: sim.figure("vllm:num_requests_waiting") == 1)
        clients[0].close()
        wait_until(lambda: sim.figure("vllm:num_requests_waiting") == 0)
        assert sim.figure("vllm:num_requests_running") == 1
        clients[2].close()
        wait_until(lambda: sim.figure("vllm:num_requests_running") == 0)


def test_a_client_that_goes_away_mid_stream_frees_its_place():
    with Sim("--inter-token-latency", "20ms") as sim:
        connection = sim.connect()
        connection.request("POST", "/v1/completions", json.dumps(
            {"model": MODEL, "prompt": "x", "stream": True, "max_tokens": 1000,
             "ignore_eos": True}))
        response = connection.getresponse()
        assert response.readline().startswith(b"data: ")
        assert sim.figure("vllm:num_requests_running") == 1
        response.close()
        connection.close()
        wait_until(lambda: sim.figure("vllm:num_requests_running") == 0)


def test_tokens_are_paced():
    with Sim("--time-to-first-token", "100", "--inter-token-latency", "50ms") as sim:
        connection = sim.connect()
        begin = time.monotonic()
        connection.request("POST", "/v1/completions", json.dumps(
            {"model": MODEL, "prompt": "x", "stream": True, "max_tokens": 8, "ignore_eos": True}))
        response = connection.getresponse()
        stamps = []
        while line := response.readline():
            if line.startswith(b"data: {"):
                stamps.append(time.monotonic())
        assert stamps[0] - begin >= 0.099
        gaps = [b - a for a, b in zip(stamps, stamps[1:])]
        assert len(stamps) == 8 and min(gaps) >= 0.025 and max(gaps) < 5
        begin = time.monotonic()
        sim.complete(max_tokens=8, ignore_eos=True)
        assert 0.44 <= time.monotonic() - begin < 5


def test_faked_figures_replace_the_real_ones():
    fake = {"running-requests": 3, "waiting-requests": 7, "kv-cache-usage": 0.25,
            "loras": [{"running": "a,b", "waiting": "c", "timestamp": 1256652489}],
            "ttft-buckets-values": [1, 2, 3], "request-success-total": {"stop": 20},
            "total-prompt-tokens": 99, "prefix-cache-hits": 5}
    with Sim("--fake-metrics", json.dumps(fake), endpoints=2) as sim:
        for port in sim.ports:
            sim.complete(port=port)
            page = sim.metrics(port)
            label = f'model_name="{MODEL}"'
            assert f"vllm:num_requests_running{{{label}}} 3\n" in page
            assert f"vllm:num_requests_waiting{{{label}}} 7\n" in page
            assert f"vllm:kv_cache_usage_perc{{{label}}} 0.25\n" in page
            assert re.findall(r"^vllm:lora_requests_info{(.*)$", page, re.M) == [
                'max_lora="1",running_lora_adapters="a,b",waiting_lora_adapters="c"} 1256652489']
            assert f"vllm:time_to_first_token_seconds_count{{{label}}} 6\n" in page
            assert "vllm:e2e_request_latency_seconds_count" not in page
            assert f'vllm:request_success_total{{finish_reason="stop",{label}}} 20\n' in page
            assert f"vllm:prompt_tokens_total{{{label}}} 99\n" in page
            assert f"vllm:prefix_cache_hits_total{{{label}}} 5\n" in page


def test_one_endpoint_can_be_changed_while_it_runs():
    with Sim(endpoints=2) as sim:
        one, other = sim.ports

        def change(body):
            response, data = sim.ask("/admin/config", body, port=one)
            return response.status, json.loads(data)

        status, config = change({"fake-metrics": {"waiting-requests": 9, "kv-cache-usage": 0.5}})
        assert status == 200 and config["fake-metrics"]["waiting-requests"] == 9
        status, _ = change({"fake-metrics": {"running-requests": 2}})
        assert status == 200
        assert sim.figure("vllm:num_requests_waiting", one) == 9
        assert sim.figure("vllm:num_requests_running", one) == 2
        assert sim.figure("vllm:kv_cache_usage_perc", one) == 0.5
        assert sim.figure("vllm:num_requests_waiting", other) == 0
        for wrong in ({"fake-metrics": {"kv-cache-usage": 2}}, {"nonsense": 1},
                      {"max-num-seqs": 1, "fake-metrics": {"waiting-requests": "x"}}, "{"):
            assert change(wrong)[0] == 400
        assert json.loads(sim.ask("/admin/config", port=one)[1])["max-num-seqs"] == 5
        assert sim.figure("vllm:num_requests_waiting", one) == 9
        assert change({"fake-metrics": None})[1]["fake-metrics"] is None
        assert sim.figure("vllm:num_requests_waiting", one) == 0
        assert change({"time-to-first-token": "150ms"})[0] == 200
        begin = time.monotonic()
        sim.complete(port=one)
        assert time.monotonic() - begin >= 0.149


def test_a_connection_serves_many_requests(sim):
    connection = sim.connect()
    with contextlib.closing(connection):
        for index in range(200):
            path = ("/metrics", "/v1/models", "/health")[index % 3]
            connection.request("GET", path)
            first = connection.sock
            response = connection.getresponse()
            assert response.status == 200 and response.read()
            assert connection.sock is first


def test_requests_sent_ahead_are_answered_in_order():
    with Sim("--time-to-first-token", "20ms") as sim:
        body = json.dumps({"model": MODEL, "prompt": "x"}).encode()
        one = b"POST /v1/completions HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n%s" % (
            len(body), body)
        got = sim.raw((one + b"GET /health HTTP/1.1\r\nHost: x\r\n\r\n") * 3 +
                      b"GET /ready HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        kinds = re.findall(rb"text_completion|\r\n\r\n{}", got)
        assert [k == b"text_completion" for k in kinds] == [True, False] * 3 + [False]
        got = sim.raw(b"GET /ready HTTP/1.1\r\n\r\n" * 2000 +
                      b"GET /ready HTTP/1.1\r\nConnection: close\r\n\r\n")
        assert got.count(b"HTTP/1.1 200 OK") == 2001


def test_large_bodies_arrive_by_length_and_in_chunks():
    with Sim("--max-request-body-size-mb", "32", "--max-model-len", "100000000") as sim:
        words = "word " * (5 * 1000 * 1000)
        body = json.dumps({"model": MODEL, "prompt": words, "max_tokens": 5}).encode()
        assert len(body) > 20 << 20
        response, data = sim.ask("/v1/completions", body)
        assert response.status == 200
        assert json.loads(data)["usage"]["prompt_tokens"] == 5000000
        connection = sim.connect()
        with contextlib.closing(connection):
            pieces = (body[i:i + 100003] for i in range(0, len(body), 100003))
            connection.request("POST", "/v1/completions", pieces, encode_chunked=True,
                               headers={"Transfer-Encoding": "chunked"})
            response = connection.getresponse()
            assert json.loads(response.read())["usage"]["prompt_tokens"] == 5000000


def test_expect_100_continue(sim):
    body = json.dumps({"model": MODEL, "prompt": "x"}).encode()
    head = (b"POST /v1/completions HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\n"
            b"Connection: close\r\nContent-Length: %d\r\n\r\n")
    with socket.create_connection(("127.0.0.1", sim.port), timeout=10) as s:
        s.sendall(head % len(body))
        assert s.recv(1000) == b"HTTP/1.1 100 Continue\r\n\r\n"
        s.sendall(body)
        assert s.recv(1000).startswith(b"HTTP/1.1 200 OK\r\n")
    got = sim.raw(head % (65 << 20))
    assert got.startswith(b"HTTP/1.1 413 ") and b"100 Continue" not in got


def test_a_body_over_the_limit_is_refused_readably():
    with Sim() as sim:
        for headers in ({}, {"Transfer-Encoding": "chunked"}):
            connection = sim.connect()
            with contextlib.closing(connection):
                body = iter([b"x" * (1 << 20)] * 6) if headers else b"x" * (5 << 20)
                with contextlib.suppress(ConnectionError):
                    connection.request("POST", "/v1/completions", body, headers=headers,
                                       encode_chunked=bool(headers))
                response = connection.getresponse()
                assert response.status == 413
                assert response.getheader("connection") == "close"
        assert sim.complete()[0].status == 200


@pytest.mark.parametrize("data, status", [
    (b"nonsense\r\n\r\n", b"400"),
    (b"GET /health HTTP/1.1\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n", b"400"),
    (b"GET /health HTTP/3.0\r\n\r\n", b"505"),
    (b"GET /" + b"x" * 70000 + b" HTTP/1.1\r\n\r\n", b"431"),
])
def test_wrong_http_is_refused(sim, data, status):
    assert sim.raw(data).startswith(b"HTTP/1.1 " + status)
    assert sim.ask("/health")[0].status == 200


def test_random_bytes_do_no_harm(sim):
    noise = bytes(range(256)) * 40
    for cut in (1, 10, 1000, 10000):
        with socket.create_connection(("127.0.0.1", sim.port), timeout=10) as s:
            s.sendall(noise[:cut])
    body = json.dumps({"model": MODEL, "prompt": ["a", [1]], "stream": True}).encode()
    for cut in range(len(body)):
        got = sim.raw(b"POST /v1/completions HTTP/1.1\r\nConnection: close\r\n"
                      b"Content-Length: %d\r\n\r\n%s" % (cut, body[:cut]))
        assert got.startswith(b"HTTP/1.1 400 ")
    assert sim.complete()[0].status == 200


def test_http_1_0_gets_a_stream_without_chunks(sim):
    body = json.dumps({"model": MODEL, "prompt": "x", "stream": True}).encode()
    got = sim.raw(b"POST /v1/completions HTTP/1.0\r\nContent-Length: %d\r\n\r\n%s"
                  % (len(body), body))
    head, data = got.split(b"\r\n\r\n", 1)
    assert b"chunked" not in head
    events(data)


def test_a_slow_reader_gets_its_whole_stream():
    with Sim("--max-model-len", "30000") as sim:
        connection = sim.connect()
        with contextlib.closing(connection):
            connection.request("POST", "/v1/completions", json.dumps(
                {"model": MODEL, "prompt": "x", "stream": True, "max_tokens": 29999,
                 "ignore_eos": True}))
            wait_until(lambda: sim.figure("vllm:num_requests_running") == 1)
            time.sleep(0.3)
            assert len(events(connection.getresponse().read())) == 29999
        assert sim.figure("vllm:num_requests_running") == 0


def test_request_ids_are_taken_over():
    with Sim("--enable-request-id-headers", env={"POD_NAME": "p"}) as sim:
        response, answer = sim.complete(headers={"X-Request-Id": 'my-"id"'})
        assert answer["id"] == 'my-"id"'
        assert response.getheader("x-request-id") == 'my-"id"'
        response, answer = sim.complete()
        assert response.getheader("x-request-id") == answer["id"]


def test_prompts_are_never_printed():
    sim = Sim("--v", "5")
    with sim:
        sim.complete(prompt="a-secret-prompt")
        sim.ask("/v1/completions", '{"model": "a-secret-prompt", "prompt": "a-secret-prompt')
    assert "a-secret-prompt" not in sim.output


def test_a_thousand_endpoints_in_one_process():
    with Sim("--listen", "127.0.0.77:20001-20500", "--listen", "127.0.0.78:20001-20500",
             listen=False) as sim:
        assert sim.announcement["endpoints"] == 1000
        for index, (host, port) in ((0, ("127.0.0.77", 20001)), (499, ("127.0.0.77", 20500)),
                                    (500, ("127.0.0.78", 20001)), (999, ("127.0.0.78", 20500))):
            connection = http.client.HTTPConnection(host, port, timeout=10)
            with contextlib.closing(connection):
                connection.request("POST", "/v1/completions",
                                   json.dumps({"model": MODEL, "prompt": "x"}))
                response = connection.getresponse()
                assert response.getheader("x-inference-pod") == f"sim-{index}"
                response.read()


@pytest.mark.parametrize("args", [
    [], ["--model"], ["--model", ""], ["--nonsense", "1"], ["stray"], ["--model", "m", "--port", "0"],
    ["--model", "m", "--port", "65536"], ["--model", "m", "--mode", "loud"],
    ["--model", "m", "--max-num-seqs", "0"], ["--model", "m", "--max-num-seqs", "-1"],
    ["--model", "m", "--max-loras", "2", "--max-cpu-loras", "1"],
    ["--model", "m", "--time-to-first-token", "-1s"],
    ["--model", "m", "--time-to-first-token", "100", "--time-to-first-token-std-dev", "31"],
    ["--model", "m", "--lora-modules", "{}"], ["--model", "m", "--lora-modules", '{"name"'],
    ["--model", "m", "--lora-modules", '{"name": "a", "base_model_name": "other"}'],
    ["--model", "m", "--fake-metrics", "[]"], ["--model", "m", "--fake-metrics", '{"x": 1}'],
    ["--model", "m", "--listen", "127.0.0.1"], ["--model", "m", "--listen", "localhost:1"],
    ["--model", "m", "--listen", "127.0.0.1:9-8"], ["--model", "m", "--listen", "127.0.0.1:0-8"],
    ["--model", "m", "--failure-types", "bad_luck"], ["--model", "m", "--seed", "x"],
    ["--model", "m", "--max-request-body-size-mb", "513"], ["--model", "m", "--block-size", "24"],
])
def test_wrong_flags_end_with_status_2(args):
    env = {k: v for k, v in os.environ.items() if k != "SIM_MODEL"}
    done = subprocess.run([str(PROGRAM), *args], env=env, capture_output=True, timeout=20)
    assert done.returncode == 2
    assert done.stderr.startswith(b"ringpick-sim: ") and b"--help" in done.stderr
    assert done.stdout == b""


def test_help_names_every_flag_of_the_quickstart():
    done = subprocess.run([str(PROGRAM), "--help"], capture_output=True, timeout=20)
    assert done.returncode == 0
    for flag in ("model", "served-model-name", "port", "max-loras", "lora-modules", "max-num-seqs",
                 "max-model-len", "max-request-body-size-mb", "time-to-first-token",
                 "inter-token-latency", "mode", "seed", "fake-metrics", "listen"):
        assert f"--{flag} ".encode() in done.stdout


def test_a_taken_port_is_reported_with_status_1(sim):
    done = subprocess.run([str(PROGRAM), "--model", "m", "--listen", f"127.0.0.1:{sim.port}"],
                          capture_output=True, timeout=20)
    assert done.returncode == 1
    assert str(sim.port).encode() in done.stderr
