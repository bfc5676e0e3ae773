# SPDX-License-Identifier: Apache-2.0
"""From exec to the first pick: a gateway of a few lines that is ready before the picker is."""
import contextlib
import json
import socket
import ssl
import struct
import time

import h2.config
import h2.connection
import h2.events

from perf.matrix import procs

PATIENCE_S = 60
RETRY_S = 0.0005


def _field(number, payload):
    size, length = len(payload), b""
    while size > 127:
        length += bytes((size & 127 | 128,))
        size >>= 7
    return bytes((number << 3 | 2,)) + length + bytes((size,)) + payload


def _message(payload):
    return struct.pack(">BI", 0, len(payload)) + payload


def _request():
    """request_headers and request_body of a completions call, as ext_proc messages on gRPC."""
    headers = {":method": "POST", ":path": "/v1/completions", ":authority": "first",
               "content-type": "application/json"}
    fields = b"".join(_field(1, _field(1, key.encode()) + _field(3, value.encode()))
                      for key, value in headers.items())
    body = json.dumps({"model": "reviews-1", "prompt": "What do reviewers think?", "max_tokens": 10}).encode()
    return (_message(_field(2, _field(1, fields))) +
            _message(_field(4, _field(1, body) + b"\x10\x01")))


CALL_HEADERS = [(":method", "POST"), (":scheme", "https"), (":authority", "first"),
                (":path", "/envoy.service.ext_proc.v3.ExternalProcessor/Process"),
                ("content-type", "application/grpc"), ("te", "trailers")]


def _try(port, context, request):
    """Whether a call that is made now is answered with a pick; False if it fails in any way."""
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=5) as plain:
        plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        with context.wrap_socket(plain) as tls:
            http = h2.connection.H2Connection(h2.config.H2Configuration())
            http.initiate_connection()
            http.send_headers(1, CALL_HEADERS)
            http.send_data(1, request)
            tls.sendall(http.data_to_send())
            received = b""
            while b"x-gateway-destination-endpoint" not in received:
                data = tls.recv(65536)
                if not data:
                    return False
                for event in http.receive_data(data):
                    if isinstance(event, h2.events.DataReceived):
                        received += event.data
                    elif isinstance(event, (h2.events.StreamEnded, h2.events.StreamReset)):
                        return b"x-gateway-destination-endpoint" in received
                tls.sendall(http.data_to_send())
            return b"127.0.0.1:" in received
    return False


def wait(server):
    """Milliseconds from the server's exec to the first answer with a pick."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    context.set_alpn_protocols(["h2"])
    request = _request()
    while not _try(server.port, context, request):
        server.process.check()
        if time.monotonic() - server.process.started_at > PATIENCE_S:
            raise procs.Failure("no pick")
        time.sleep(RETRY_S)
    return (time.monotonic() - server.process.started_at) * 1000
