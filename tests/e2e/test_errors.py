# SPDX-License-Identifier: Apache-2.0
"""The error matrix and the stream's other modes over real sockets, with grpcio as the gateway."""
import socket
import struct

import grpc
import pytest

from tests.support.ext_proc import (Gateway, body_message, destination, headers_message, immediate,
                                    json_body, set_headers, trailers_message, with_subset)
from tests.support.processes import wait_until

GOOD = json_body(model="m", prompt="p")
NO_CANDIDATES = "inference error: ServiceUnavailable - failed to find endpoint candidates for serving the request"
PREFIX = "inference error: BadRequest - "

EXPLICIT_PARSER = """apiVersion: llm-d.ai/v1alpha1
kind: EndpointPickerConfig
plugins:
- type: queue-scorer
- type: openai-parser
schedulingProfiles:
- name: default
  plugins:
  - pluginRef: queue-scorer
requestHandler:
  parsers:
  - pluginRef: openai-parser
"""


@pytest.fixture
def picker(parts, backend):
    """(gateway, ringpick, simulator) over clear text."""
    sim = parts.sim(count=3)
    ringpick = parts.ringpick(sim.endpoints, backend=backend, secure=False)
    gateway = Gateway(ringpick)
    yield gateway, ringpick, sim
    # Whatever a test threw at it, the process lives and serves.
    assert gateway.pick(GOOD) in sim.endpoints
    wait_until(lambda: ringpick.sum("llm_d_epp_request_running") == 0, "no request is left running")
    wait_until(lambda: ringpick.sum("ringpick_worker_streams") == 0, "no stream is left")
    assert ringpick.sum("ringpick_worker_restarts_total") == 0
    gateway.close()


@pytest.mark.parametrize("path, body, text", [
    ("/v1/completions", b"not json", "error unmarshaling request bodyMap: "),
    ("/v1/completions", b"", "error unmarshaling request bodyMap: unexpected end of JSON input"),
    ("/v1/completions", b'{"model":"m","prompt":"p"', "error unmarshaling request bodyMap: "),
    ("/v1/completions", b"[" * 100000, "error unmarshaling request bodyMap: "),
    ("/v1/completions", json_body(prompt="p"), "model not found in request body"),
    ("/v1/completions", json_body(model="m"), "invalid completions request: must have prompt field"),
    ("/v1/completions", json_body(model="m", prompt=[]),
     "invalid completions request: must have prompt field"),
    ("/v1/chat/completions", json_body(model="m"),
     "invalid chat completions request: must have valid messages field"),
    ("/v1/responses", json_body(model="m"), "invalid responses request: must have input field"),
    ("/v1/embeddings", json_body(model="m"), "invalid embeddings request: must have input field"),
])
def test_bad_requests_are_told_so(picker, path, body, text):
    replies, exchange = picker[0].request(body, path=path)
    status, message, reason = immediate(replies)
    assert status == 400 and message.startswith(PREFIX + text) and reason is None, message
    assert exchange.status() == grpc.StatusCode.OK


def test_unknown_path_is_routed_by_default(picker):
    gateway, _, sim = picker
    assert gateway.pick(b"anything at all", path="/v2/other") in sim.endpoints


def test_unknown_path_is_refused_with_an_explicit_parser_list(parts, backend):
    sim = parts.sim(count=1)
    ringpick = parts.ringpick(sim.endpoints, backend=backend, secure=False, config=EXPLICIT_PARSER)
    gateway = Gateway(ringpick)
    status, message, _ = immediate(gateway.request(GOOD, path="/v1/foo")[0])
    assert status == 400
    assert message == PREFIX + "no parser registered matching path suffix for: /v1/foo"
    assert gateway.pick(GOOD) == sim.endpoints[0]
    gateway.close()


def test_no_endpoints(parts, backend):
    ringpick = parts.ringpick([], backend=backend, secure=False)
    gateway = Gateway(ringpick)
    assert immediate(gateway.request(GOOD)[0]) == (503, NO_CANDIDATES, "rejected-no-endpoints")
    exchange = gateway.exchange()
    exchange.send(headers_message("request_headers", {":path": "/v1/models", ":method": "GET"}, True))
    exchange.half_close()
    assert immediate(exchange.rest()) == (503, NO_CANDIDATES, "rejected-no-endpoints")
    gateway.close()


def test_subset_hints(picker):
    gateway, _, sim = picker
    for where in ("request_headers", "request_body"):
        for endpoint in sim.endpoints:
            exchange = gateway.exchange()
            parts_of = {"request_headers": headers_message("request_headers", {":path": "/v1/completions"}),
                        "request_body": body_message("request_body", GOOD, True)}
            with_subset(parts_of[where], [endpoint])
            exchange.send(*parts_of.values())
            exchange.half_close()
            assert destination(exchange.rest()[0]) == endpoint
    for nowhere in (["10.9.9.9:8000"], []):
        exchange = gateway.exchange()
        exchange.send(headers_message("request_headers", {":path": "/v1/completions"}),
                      with_subset(body_message("request_body", GOOD, True), nowhere))
        exchange.half_close()
        assert immediate(exchange.rest()) == (503, NO_CANDIDATES, "rejected-no-endpoints")


def test_headers_only_request_is_scheduled(picker):
    gateway, _, sim = picker
    exchange = gateway.exchange()
    exchange.send(headers_message("request_headers", {":path": "/v1/models", ":method": "GET"}, True))
    exchange.half_close()
    replies = exchange.rest()
    assert len(replies) == 1 and destination(replies[0]) in sim.endpoints
    assert "Content-Length" not in set_headers(replies[0])


def test_body_ended_by_trailers(picker):
    gateway, _, sim = picker
    exchange = gateway.exchange()
    exchange.send(headers_message("request_headers", {":path": "/v1/completions"}),
                  body_message("request_body", GOOD[:5]), body_message("request_body", GOOD[5:]),
                  trailers_message("request_trailers"))
    exchange.half_close()
    replies = exchange.rest()
    assert [r.WhichOneof("response") for r in replies][0] == "request_headers"
    assert replies[-1].WhichOneof("response") == "request_trailers"
    bodies = [r.request_body.response.body_mutation.streamed_response for r in replies[1:-1]]
    assert b"".join(b.body for b in bodies) == GOOD and not any(b.end_of_stream for b in bodies)


def test_duplicate_end_is_ignored_and_late_bytes_are_refused(picker):
    gateway, ringpick, _ = picker
    exchange = gateway.exchange()
    exchange.send(headers_message("request_headers", {":path": "/v1/completions"}),
                  body_message("request_body", GOOD, True), body_message("request_body", b"", True))
    exchange.half_close()
    assert len(exchange.rest()) == 2 and exchange.status() == grpc.StatusCode.OK
    wait_until(lambda: ringpick.sum("ringpick_duplicate_end_of_stream_total") == 1, "counted")
    exchange = gateway.exchange()
    exchange.send(headers_message("request_headers", {":path": "/v1/completions"}),
                  body_message("request_body", GOOD, True), body_message("request_body", b"more"))
    with pytest.raises(grpc.RpcError) as raised:
        exchange.rest()
    assert raised.value.code() == grpc.StatusCode.INVALID_ARGUMENT


@pytest.mark.parametrize("content_type", ["application/json", "text/event-stream"])
@pytest.mark.parametrize("has_trailers", [False, True])
def test_response_passes_through_at_once(picker, content_type, has_trailers):
    gateway, _, sim = picker
    exchange = gateway.exchange()
    exchange.send(headers_message("request_headers", {":path": "/v1/completions"}),
                  body_message("request_body", GOOD, True))
    assert destination(exchange.next()) in sim.endpoints
    assert exchange.next().request_body.response.body_mutation.streamed_response.end_of_stream
    exchange.send(headers_message("response_headers", {":status": "200", "content-type": content_type}))
    reply = exchange.next()
    assert set_headers(reply)["x-went-into-resp-headers"] == "true"
    for i in range(3):
        chunk = b'data: {"n": %d}\n\n' % i
        is_last = i == 2 and not has_trailers
        exchange.send(body_message("response_body", chunk, is_last))
        reply = exchange.next()  # before anything else was sent: it does not wait for the end
        streamed = reply.response_body.response.body_mutation.streamed_response
        assert (streamed.body, streamed.end_of_stream) == (chunk, is_last)
    if has_trailers:
        exchange.send(trailers_message("response_trailers"))
        assert exchange.next().WhichOneof("response") == "response_trailers"
    exchange.half_close()
    assert exchange.rest() == [] and exchange.status() == grpc.StatusCode.OK


@pytest.mark.parametrize("mode", ["buffered", "buffered_partial"])
def test_buffered_mode_does_not_deadlock(picker, mode):
    gateway, _, sim = picker
    exchange = gateway.exchange()
    exchange.send(headers_message("request_headers", {":path": "/v1/completions"}, mode=mode))
    first = exchange.next()  # Envoy sends no body before this reply
    assert first.WhichOneof("response") == "request_headers" and not set_headers(first)
    exchange.send(body_message("request_body", GOOD, True))
    reply = exchange.next()
    assert reply.WhichOneof("response") == "request_body"
    assert set_headers(reply)["x-gateway-destination-endpoint"] in sim.endpoints
    assert reply.request_body.response.clear_route_cache
    exchange.half_close()
    assert exchange.rest() == []


def test_streamed_mode_does_not_deadlock(picker):
    gateway, _, sim = picker
    exchange = gateway.exchange()
    exchange.send(headers_message("request_headers", {":path": "/v1/completions"}, mode="streamed"))
    assert set_headers(exchange.next())["x-gateway-destination-endpoint"] in sim.endpoints
    for i, piece in enumerate((GOOD[:4], GOOD[4:])):
        exchange.send(body_message("request_body", piece, i == 1))
        reply = exchange.next()
        assert reply.WhichOneof("response") == "request_body"
        assert not reply.request_body.response.HasField("body_mutation")
    exchange.half_close()
    assert exchange.rest() == []


def test_none_mode_does_not_deadlock(picker):
    gateway, _, sim = picker
    exchange = gateway.exchange()
    exchange.send(headers_message("request_headers", {":path": "/v1/completions"}, mode="none"))
    assert set_headers(exchange.next())["x-gateway-destination-endpoint"] in sim.endpoints
    exchange.half_close()
    assert exchange.rest() == []


def test_oversized_message_ends_with_resource_exhausted(picker):
    gateway = picker[0]
    exchange = gateway.exchange()
    exchange.send(headers_message("request_headers", {":path": "/v1/completions"}),
                  body_message("request_body", b"x" * (5 << 20), True))
    with pytest.raises(grpc.RpcError) as raised:
        exchange.rest()
    assert raised.value.code() == grpc.StatusCode.RESOURCE_EXHAUSTED


@pytest.mark.parametrize("wire", [b"\x12\xff\xff\xff\xff\x7f", b"\x12\x05ab", b"\xff" * 30, b"\x0f"])
def test_undecodable_message_ends_with_internal(picker, wire):
    exchange = picker[0].exchange()
    exchange.send(wire)
    with pytest.raises(grpc.RpcError) as raised:
        exchange.rest()
    assert raised.value.code() == grpc.StatusCode.INTERNAL


def test_missing_sub_messages_are_empty_ones(picker):
    gateway, _, sim = picker
    exchange = gateway.exchange()
    exchange.send(b"\x12\x00", body_message("request_body", GOOD, True))
    exchange.half_close()
    assert destination(exchange.rest()[0]) in sim.endpoints


def test_half_closed_and_reset_streams(picker):
    gateway = picker[0]
    exchange = gateway.exchange()
    exchange.half_close()
    assert exchange.rest() == [] and exchange.status() == grpc.StatusCode.OK
    for stop_after in range(4):
        exchange = gateway.exchange()
        exchange.send(*[headers_message("request_headers", {":path": "/v1/completions"}),
                        body_message("request_body", GOOD, True),
                        headers_message("response_headers", {":status": "200"}),
                        body_message("response_body", b"abc")][:stop_after + 1])
        if stop_after:
            exchange.next()
        exchange.call.cancel()


def test_unknown_method_is_unimplemented(picker):
    gateway = picker[0]
    for path in ("/envoy.service.ext_proc.v3.ExternalProcessor/Other", "/nobody.Knows/This"):
        call = gateway.channel.unary_unary(path)
        with pytest.raises(grpc.RpcError) as raised:
            call(b"", timeout=10)
        assert raised.value.code() == grpc.StatusCode.UNIMPLEMENTED


def test_body_above_the_cap_is_413(parts, backend):
    sim = parts.sim(count=1)
    ringpick = parts.ringpick(sim.endpoints, backend=backend, secure=False,
                              args=["--max-body-bytes=100000"])
    gateway = Gateway(ringpick)
    status, message, _ = immediate(gateway.request(json_body(model="m", prompt="x" * 200000))[0])
    assert status == 413 and "PayloadTooLarge" in message
    assert gateway.pick(GOOD) == sim.endpoints[0]
    assert ringpick.sum("ringpick_bodies_too_big_total") == 1
    gateway.close()


@pytest.mark.parametrize("garbage", [b"GET / HTTP/1.1\r\n\r\n", b"\x16\x03\x01\x00\x05hello",
                                     b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + b"\xff" * 100])
def test_foreign_bytes_close_the_connection_and_nothing_else(picker, garbage):
    _, ringpick, _ = picker
    with socket.create_connection(("127.0.0.1", ringpick.grpc_port), timeout=30) as peer:
        peer.sendall(garbage)
        peer.shutdown(socket.SHUT_WR)
        while peer.recv(4096):
            pass


def test_abrupt_reset_of_a_busy_connection(picker):
    _, ringpick, _ = picker
    for _ in range(10):
        gateway = Gateway(ringpick)
        exchange = gateway.exchange()
        exchange.send(headers_message("request_headers", {":path": "/v1/completions"}),
                      body_message("request_body", b"x" * 100000))
        gateway.close()
    with socket.create_connection(("127.0.0.1", ringpick.grpc_port)) as peer:
        peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
