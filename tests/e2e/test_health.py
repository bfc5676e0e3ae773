# SPDX-License-Identifier: Apache-2.0
"""gRPC health on both ports, from the first moment to the drain."""
import contextlib
import signal
import socket
import threading

import grpc
import pytest

from tests.support.ext_proc import Gateway, HealthCheckRequest
from tests.support.processes import PATIENCE, wait_until

NAMES = ("", "inference-extension", "liveness", "readiness",
         "envoy.service.ext_proc.v3.ExternalProcessor")


def test_every_name_on_both_ports(parts, backend):
    ringpick = parts.ringpick([], backend=backend, secure=False)
    for port in (ringpick.health_port, ringpick.grpc_port):
        gateway = Gateway(ringpick, port)
        assert [gateway.health(name) for name in NAMES] == ["SERVING"] * len(NAMES)
        gateway.close()


def test_serving_is_never_said_before_the_picker_listens(parts, backend):
    ringpick = parts.ringpick([], backend=backend, secure=False, wait=False)

    def is_accepting(port):
        with contextlib.suppress(ConnectionRefusedError):
            socket.create_connection(("127.0.0.1", port), timeout=5).close()
            return True

    wait_until(lambda: is_accepting(ringpick.health_port), "the health port listens", interval=0.0005)
    health = Gateway(ringpick, ringpick.health_port)
    answers = []
    while not answers or answers[-1] != "SERVING":
        answers.append(health.health("inference-extension"))
        assert answers[-1] in ("SERVING", "NOT_SERVING") and len(answers) < 100000
    # At once, by a plain connect that nobody repeats: a refusal here fails the test.
    assert is_accepting(ringpick.grpc_port), "SERVING was said before the picker listened"
    print("answers before SERVING:", len(answers) - 1)
    health.close()


def test_watch_tells_the_drain(parts, backend):
    ringpick = parts.ringpick([], backend=backend, secure=False, args=["--drain-timeout=2s"])
    gateway = Gateway(ringpick, ringpick.health_port)
    watch = gateway.watch_method(HealthCheckRequest(service="inference-extension"),
                                 timeout=60 * PATIENCE)
    seen = []

    def follow():
        with contextlib.suppress(grpc.RpcError):  # it ends when the test cancels it
            seen.extend(answer.status for answer in watch)

    thread = threading.Thread(target=follow, daemon=True)
    thread.start()
    wait_until(lambda: seen == [1], "the current state comes first")
    ringpick.child.send_signal(signal.SIGTERM)
    wait_until(lambda: seen == [1, 2], "then the change")
    assert gateway.health("inference-extension") == "NOT_SERVING"
    watch.cancel()
    gateway.close()
    assert ringpick.child.wait(30 * PATIENCE) == 0


def test_health_port_serves_nothing_else(parts, backend):
    ringpick = parts.ringpick([], backend=backend, secure=False)
    gateway = Gateway(ringpick, ringpick.health_port)
    exchange = gateway.exchange()
    exchange.half_close()
    with pytest.raises(grpc.RpcError) as raised:
        exchange.rest()
    assert raised.value.code() == grpc.StatusCode.UNIMPLEMENTED
    gateway.close()
