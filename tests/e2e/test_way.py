# SPDX-License-Identifier: Apache-2.0
"""The whole way through real Envoy: client -> Envoy -> ringpick -> the picked model server."""
import concurrent.futures
import hashlib
import http.client
import json
import threading
import time

import pytest

from tests.support.processes import PATIENCE, wait_until

COMEDY = {"model": "reviews-1", "prompt": "What do reviewers think about The Comedy of Errors?",
          "max_tokens": 100, "temperature": 0}
CHAT = {"model": "reviews-1", "messages": [{"role": "user", "content": "And about Macbeth?"}],
        "max_tokens": 8}
CONTROL_HEADERS = ("x-gateway-destination-endpoint-subset", "x-llm-d-inference-objective",
                   "x-gateway-inference-objective", "x-prefiller-host-port",
                   "x-gateway-model-name-rewrite")


@pytest.fixture(params=["header", "metadata"])
def variant(request):
    return request.param


def events_of(body):
    return [line[6:] for line in body.decode().splitlines() if line.startswith("data: ")]


def stream(envoy, path, body):
    """POST and read the answer as it comes: (status, [(seconds, chunk)])."""
    connection = http.client.HTTPConnection("127.0.0.1", envoy.port, timeout=60 * PATIENCE)
    connection.request("POST", path, json.dumps(body), {"content-type": "application/json"})
    answer = connection.getresponse()
    chunks = []
    while True:
        data = answer.read1(65536)
        if not data:
            break
        chunks.append((time.monotonic(), data))
    connection.close()
    return answer.status, chunks


def test_completion_and_chat_json(parts, backend, variant):
    sim = parts.sim(count=3)
    ringpick = parts.ringpick(sim.endpoints, backend=backend)
    envoy = parts.envoy(ringpick, variant=variant, endpoints=sim.endpoints)

    status, headers, body = envoy.post("/v1/completions", COMEDY)
    assert status == 200, (status, headers, body)
    answer = json.loads(body)
    assert answer["object"] == "text_completion" and answer["model"] == "reviews-1"
    assert headers["x-went-into-resp-headers"] == "true"
    assert int(headers["x-inference-port"]) in sim.ports

    status, headers, body = envoy.post("/v1/chat/completions", CHAT)
    assert status == 200, (status, headers, body)
    assert json.loads(body)["object"] == "chat.completion"

    # The log tells which server was picked, and nothing of the prompt.
    log = ringpick.log()
    assert "Comedy" not in log and "Macbeth" not in log
    assert ringpick.sum("llm_d_epp_request_total", model_name="reviews-1") == 2
    assert ringpick.sum("llm_d_epp_request_input_tokens_count") == 2


@pytest.mark.parametrize("path", ["/v1/completions", "/v1/chat/completions"])
def test_sse_chunks_arrive_as_they_are_made(parts, backend, variant, path):
    latency = 0.06
    sim = parts.sim(count=2, args=["--inter-token-latency", "60ms", "--mode", "echo"])
    ringpick = parts.ringpick(sim.endpoints, backend=backend)
    envoy = parts.envoy(ringpick, variant=variant, endpoints=sim.endpoints)
    words = "one two three four five six seven eight nine ten"
    body = {"model": "reviews-1", "stream": True, "max_tokens": 10,
            "stream_options": {"include_usage": True}}
    if "chat" in path:
        body["messages"] = [{"role": "user", "content": words}]
    else:
        body["prompt"] = words

    status, chunks = stream(envoy, path, body)
    assert status == 200
    events = events_of(b"".join(data for _, data in chunks))
    assert events[-1] == "[DONE]" and len(events) > 5
    assert len(chunks) > 5, "the chunks came in one piece"
    gaps = sorted(b[0] - a[0] for a, b in zip(chunks, chunks[1:]))
    assert gaps[len(gaps) // 2] >= latency / 2, gaps
    wait_until(lambda: ringpick.sum("llm_d_epp_request_output_tokens_count") == 1, "usage was seen")
    assert ringpick.sum("llm_d_epp_request_streaming_itl_seconds_count") > 3


@pytest.mark.parametrize("megabytes", [1, 20])
def test_large_prompts_arrive_whole(parts, backend, variant, megabytes):
    server = parts.checking_backend()
    ringpick = parts.ringpick([server.endpoint], backend=backend)
    envoy = parts.envoy(ringpick, variant=variant, endpoints=[server.endpoint])
    prompt = "".join(f"line {i} of a long prompt\\u00e9 " for i in range(megabytes * 40000))
    body = json.dumps({"model": "m", "prompt": "x"}).replace('"x"', '"' + prompt + '"').encode()
    body = body[:megabytes << 20].rsplit(b"\\", 1)[0] + b'"}'
    status, _, answer = envoy.post("/v1/completions", body, timeout=120)
    assert status == 200, answer
    seen = json.loads(answer)
    assert seen["bytes"] == len(body)
    assert seen["sha256"] == hashlib.sha256(body).hexdigest()


def test_control_headers_of_clients_do_not_reach_the_server(parts, backend):
    server = parts.checking_backend()
    ringpick = parts.ringpick([server.endpoint], backend=backend)
    envoy = parts.envoy(ringpick)
    forged = {name: "1.2.3.4:5" for name in CONTROL_HEADERS}
    del forged["x-gateway-model-name-rewrite"]
    status, _, answer = envoy.post(
        "/v1/completions", {"model": "m", "prompt": "p"},
        {**forged, "x-gateway-destination-endpoint": "1.1.1.1:666", "x-request-id": "r-1"})
    assert status == 200, answer
    headers = json.loads(answer)["headers"]
    assert not set(CONTROL_HEADERS) & set(headers), headers
    assert headers["x-gateway-destination-endpoint"] == server.endpoint
    assert headers["x-request-id"] == "r-1"


def test_model_rename_by_header(parts, backend):
    server = parts.checking_backend()
    ringpick = parts.ringpick([server.endpoint], backend=backend)
    envoy = parts.envoy(ringpick)
    body = b'{ "prompt" : "p", "model" : "m", "seed": 12345678901234567890 }'
    status, _, answer = envoy.post("/v1/completions", body,
                                   {"x-llm-d-model-name-rewrite": "other-model"})
    assert status == 200, answer
    expected = body.replace(b'"m"', b'"other-model"')
    assert json.loads(answer)["sha256"] == hashlib.sha256(expected).hexdigest()


def test_200_requests_at_once(parts, backend, variant):
    sim = parts.sim(count=3, args=["--time-to-first-token", "100ms"])
    ringpick = parts.ringpick(sim.endpoints, backend=backend, workers=2)
    envoy = parts.envoy(ringpick, variant=variant, endpoints=sim.endpoints, concurrency=4)
    barrier = threading.Barrier(200)

    def one(i):
        barrier.wait(60)
        return envoy.post("/v1/completions", {**COMEDY, "prompt": f"Question {i}"}, timeout=120)[0]

    with concurrent.futures.ThreadPoolExecutor(200) as pool:
        assert list(pool.map(one, range(200))) == [200] * 200
    assert all(count > 0 for count in ringpick.worker_requests())
    wait_until(lambda: ringpick.sum("llm_d_epp_request_running") == 0, "no request is left running")


def test_backend_that_dies_mid_stream_ends_only_that_answer(parts, backend, variant):
    server = parts.checking_backend()
    ringpick = parts.ringpick([server.endpoint], backend=backend)
    envoy = parts.envoy(ringpick, variant=variant, endpoints=[server.endpoint])
    body = {"model": "m", "prompt": "p", "stream": True}
    with pytest.raises((http.client.IncompleteRead, ConnectionError)):
        envoy.post("/v1/completions", body, {"x-die-after": "3"})
    assert envoy.post("/v1/completions", {"model": "m", "prompt": "p"})[0] == 200
    wait_until(lambda: ringpick.sum("llm_d_epp_request_running") == 0, "the broken one is released")
    wait_until(lambda: ringpick.sum("ringpick_worker_streams") == 0, "its stream is gone")


def test_endpoint_comes_and_goes_under_load(parts, backend, variant):
    sim = parts.sim(count=3)
    stable, moving = sim.endpoints[:2], sim.endpoints[2]
    ringpick = parts.ringpick(stable, backend=backend, workers=2)
    envoy = parts.envoy(ringpick, variant=variant, endpoints=sim.endpoints)
    stop, results, lock = threading.Event(), [], threading.Lock()

    def load(worker):
        i = 0
        while not stop.is_set():
            i += 1
            status, headers, body = envoy.post(
                "/v1/completions", {**COMEDY, "prompt": f"prompt {worker} {i} " * 30})
            with lock:
                results.append((time.monotonic(), status, headers.get("x-inference-port"), body))

    threads = [threading.Thread(target=load, args=(w,)) for w in range(4)]
    for thread in threads:
        thread.start()
    try:
        for _ in range(3):
            ringpick.set_endpoints([*stable, moving])
            added = time.monotonic()
            wait_until(lambda: any(at > added and str(port) == moving.rsplit(":")[1]
                                   for at, _, port, _ in list(results)), "the new endpoint is used")
            ringpick.set_endpoints(stable)
            wait_until(lambda: ringpick.metric("llm_d_epp_ready_endpoints") in (2, 3), "metrics answer")
            wait_until(lambda: not any(moving.rsplit(":")[1] in s["model_server_endpoint"] for s, _ in
                                       ringpick.samples("llm_d_epp_per_endpoint_queue_size")),
                       "the endpoint left the table")
            left = time.monotonic()
            time.sleep(0.3)
            late = [r for r in list(results)
                    if r[0] > left + 0.2 * PATIENCE and str(r[2]) == moving.rsplit(":")[1]]
            assert not late, "picked after it was removed"
    finally:
        stop.set()
        for thread in threads:
            thread.join()
    failed = [r for r in results if r[1] != 200]
    assert not failed and len(results) > 50, (len(results), failed[:3])
