# SPDX-License-Identifier: Apache-2.0
"""TLS of the ext_proc port over real sockets: ALPN, versions, certificates and their reload."""
import hashlib
import os
import socket
import ssl
import subprocess

import pytest

from tests.support.processes import wait_until


def make_pair(directory, name):
    """A fresh certificate, put in place by rename as a mounted Secret is."""
    directory.mkdir(exist_ok=True)
    for kind in ("crt", "key"):
        (directory / f"new.{kind}").unlink(missing_ok=True)
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256",
                    "-nodes", "-days", "2", "-subj", f"/CN={name}", "-keyout", directory / "new.key",
                    "-out", directory / "new.crt"], check=True, stderr=subprocess.DEVNULL)
    for kind in ("key", "crt"):
        os.rename(directory / f"new.{kind}", directory / f"tls.{kind}")
    pem = (directory / "tls.crt").read_text()
    return hashlib.sha256(ssl.PEM_cert_to_DER_cert(pem)).hexdigest()


def handshake(ringpick, alpn=("h2",), maximum=None):
    """SHA-256 of the certificate that the port shows; raises ssl.SSLError if it refuses."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    if alpn:
        context.set_alpn_protocols(alpn)
    if maximum:
        context.maximum_version = maximum
    with socket.create_connection(("127.0.0.1", ringpick.grpc_port), timeout=30) as plain:
        with context.wrap_socket(plain) as tls:
            assert tls.selected_alpn_protocol() == "h2"
            return hashlib.sha256(tls.getpeercert(binary_form=True)).hexdigest()


def test_only_h2_is_spoken(parts, backend):
    ringpick = parts.ringpick([], backend=backend)
    shown = handshake(ringpick)
    assert handshake(ringpick, maximum=ssl.TLSVersion.TLSv1_2) == shown
    for alpn in (("http/1.1",), ()):
        with pytest.raises((ssl.SSLError, ConnectionError)):
            handshake(ringpick, alpn)


def test_minimum_version_is_kept(parts, backend):
    ringpick = parts.ringpick([], backend=backend, args=["--tls-min-version=VersionTLS13"])
    assert handshake(ringpick)
    with pytest.raises((ssl.SSLError, ConnectionError)):
        handshake(ringpick, maximum=ssl.TLSVersion.TLSv1_2)


def test_certificates_are_reloaded_and_a_broken_pair_changes_nothing(parts, backend, tmp_path):
    directory = tmp_path / "certs"
    first = make_pair(directory, "first")
    ringpick = parts.ringpick([], backend=backend, workers=2,
                              args=[f"--cert-path={directory}", "--enable-cert-reload=true"])
    assert {handshake(ringpick) for _ in range(4)} == {first}
    second = make_pair(directory, "second")
    wait_until(lambda: {handshake(ringpick) for _ in range(4)} == {second}, "both workers show it")
    (directory / "tls.crt").write_text("no certificate")
    wait_until(lambda: "tls.crt" in ringpick.log(), "the broken pair is logged")
    assert {handshake(ringpick) for _ in range(4)} == {second}
