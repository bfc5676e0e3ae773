# SPDX-License-Identifier: Apache-2.0
"""An ext_proc gateway in Python on grpcio: a foreign implementation of gRPC, HTTP/2 and protobuf."""
import json
import os
import queue
import subprocess
import sys
import tempfile

import grpc
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

from tests.support.processes import PATIENCE, ROOT

DESTINATION = "x-gateway-destination-endpoint"


def load_messages():
    """Message classes by full name, compiled from tests/proto by grpcio-tools."""
    pool = descriptor_pool.DescriptorPool()
    with tempfile.TemporaryDirectory() as directory:
        out = os.path.join(directory, "all.pb")
        subprocess.run([sys.executable, "-m", "grpc_tools.protoc", "--include_imports",
                        f"--proto_path={ROOT / 'tests' / 'proto'}", f"--descriptor_set_out={out}",
                        *map(str, sorted((ROOT / "tests" / "proto").rglob("*.proto")))], check=True)
        files = descriptor_pb2.FileDescriptorSet()
        files.ParseFromString(open(out, "rb").read())
    for file in files.file:
        pool.Add(file)
    return lambda name: message_factory.GetMessageClass(pool.FindMessageTypeByName(name))


message = load_messages()
ProcessingRequest = message("envoy.service.ext_proc.v3.ProcessingRequest")
ProcessingResponse = message("envoy.service.ext_proc.v3.ProcessingResponse")
HealthCheckRequest = message("grpc.health.v1.HealthCheckRequest")
HealthCheckResponse = message("grpc.health.v1.HealthCheckResponse")

BODY_MODES = {"none": 0, "streamed": 1, "buffered": 2, "buffered_partial": 3, "full_duplex": 4}


def headers_message(kind, headers, end_of_stream=False, mode=None):
    request = ProcessingRequest()
    part = getattr(request, kind)
    part.end_of_stream = end_of_stream
    for key, value in headers.items():
        part.headers.headers.add(key=key, raw_value=value.encode())
    if not headers:
        part.SetInParent()
    if mode is not None:
        request.protocol_config.request_body_mode = BODY_MODES[mode]
        request.protocol_config.response_body_mode = BODY_MODES[mode]
    return request


def body_message(kind, body, end_of_stream=False):
    request = ProcessingRequest()
    part = getattr(request, kind)
    part.body = body
    part.end_of_stream = end_of_stream
    return request


def trailers_message(kind):
    request = ProcessingRequest()
    getattr(request, kind).SetInParent()
    return request


def with_subset(request, endpoints):
    fields = request.metadata_context.filter_metadata["envoy.lb.subset_hint"].fields
    values = fields["x-gateway-destination-endpoint-subset"].list_value
    values.SetInParent()
    for endpoint in endpoints:
        values.values.add(string_value=endpoint)
    return request


class Exchange:
    """One Process stream: send() messages, next() replies; half_close() or cancel()."""

    def __init__(self, call_method):
        self.outgoing = queue.Queue()
        self.call = call_method(iter(self.outgoing.get, None), timeout=60 * PATIENCE)

    def send(self, *requests):
        for request in requests:
            self.outgoing.put(request)

    def next(self):
        """The next reply; raises grpc.RpcError on an error status, StopIteration on OK."""
        return next(self.call)

    def half_close(self):
        self.outgoing.put(None)

    def rest(self):
        return list(self.call)

    def status(self):
        """Final status code after everything was read."""
        return self.call.code()


class Gateway:
    """A connection of its own to ringpick (clear text)."""

    def __init__(self, ringpick, port=None):
        self.channel = grpc.insecure_channel(
            f"127.0.0.1:{port or ringpick.grpc_port}",
            options=[("grpc.use_local_subchannel_pool", 1), ("grpc.max_receive_message_length", -1),
                     ("grpc.max_send_message_length", -1), ("grpc.enable_http_proxy", 0)])
        self.process = self.channel.stream_stream(
            "/envoy.service.ext_proc.v3.ExternalProcessor/Process",
            request_serializer=lambda m: m if isinstance(m, bytes) else m.SerializeToString(),
            response_deserializer=ProcessingResponse.FromString)
        self.check_method = self.channel.unary_unary(
            "/grpc.health.v1.Health/Check", request_serializer=HealthCheckRequest.SerializeToString,
            response_deserializer=HealthCheckResponse.FromString)
        self.watch_method = self.channel.unary_stream(
            "/grpc.health.v1.Health/Watch", request_serializer=HealthCheckRequest.SerializeToString,
            response_deserializer=HealthCheckResponse.FromString)

    def exchange(self):
        return Exchange(self.process)

    def health(self, service):
        answer = self.check_method(HealthCheckRequest(service=service), timeout=10 * PATIENCE,
                                   wait_for_ready=True)
        return ("UNKNOWN", "SERVING", "NOT_SERVING", "SERVICE_UNKNOWN")[answer.status]

    def request(self, body, headers=None, path="/v1/completions"):
        """The request phase of one POST: replies up to the end of the body, or an immediate response."""
        exchange = self.exchange()
        exchange.send(headers_message("request_headers", {":path": path, ":method": "POST",
                                                          **(headers or {})}, mode="full_duplex"),
                      body_message("request_body", body, True))
        exchange.half_close()
        return exchange.rest(), exchange

    def pick(self, body, path="/v1/completions"):
        """Endpoint that was picked, given the same in header and metadata; the body came back whole."""
        replies, _ = self.request(body, path=path)
        assert replies[0].WhichOneof("response") == "request_headers", replies[0]
        assert b"".join(r.request_body.response.body_mutation.streamed_response.body
                        for r in replies[1:]) == body
        return destination(replies[0])

    def close(self):
        self.channel.close()


def set_headers(reply):
    kind = reply.WhichOneof("response")
    mutation = getattr(reply, kind).response.header_mutation
    return {h.header.key: h.header.raw_value.decode() for h in mutation.set_headers}


def destination(reply):
    by_header = set_headers(reply)[DESTINATION]
    by_metadata = reply.dynamic_metadata.fields["envoy.lb"].struct_value.fields[DESTINATION].string_value
    assert by_header == by_metadata, (by_header, by_metadata)
    assert reply.request_headers.response.clear_route_cache
    return by_header


def immediate(replies):
    """(HTTP status, body text, dropped reason) of the one ImmediateResponse."""
    assert [r.WhichOneof("response") for r in replies] == ["immediate_response"], replies
    response = replies[0].immediate_response
    reasons = {h.header.key: h.header.raw_value.decode() for h in response.headers.set_headers}
    return response.status.code, response.body.decode(), reasons.get("x-llm-d-request-dropped-reason")


def json_body(**members):
    return json.dumps(members).encode()
