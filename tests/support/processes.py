# SPDX-License-Identifier: Apache-2.0
"""Start, watch and stop the real parts: simulator, ringpick, Envoy, and a checking backend."""
import contextlib
import hashlib
import http.client
import http.server
import json
import os
import pathlib
import re
import shutil
import signal
import socket
import socketserver
import subprocess
import threading
import time

import yaml

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILD = pathlib.Path(os.environ.get("RINGPICK_BUILD", ROOT / "build" / "dev"))
IS_SANITIZED = "asan" in BUILD.name or "tsan" in BUILD.name
# A sanitizer makes everything several times slower; limits of patience grow with it.
PATIENCE = 4 if IS_SANITIZED else 1

HOW_TO_CONFIG = (ROOT / "config" / "samples" / "istio-howto.yaml").read_text()


_reserved = set()


def free_port():
    """A loopback port that nothing listens on and that this run has not handed out before."""
    while True:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        if port not in _reserved:
            _reserved.add(port)
            return port


def wait_until(condition, what, timeout=10.0, interval=0.02):
    """Poll until condition() is truthy and return its value; fail with `what` otherwise."""
    deadline = time.monotonic() + timeout * PATIENCE
    last = None
    while time.monotonic() < deadline:
        try:
            value = condition()
            if value:
                return value
        except Exception as error:  # what failed last is part of the message below
            last = error
        time.sleep(interval)
    raise AssertionError(f"waited {timeout * PATIENCE:.0f} s in vain: {what} (last: {last!r})")


class Process:
    """A child with its output in a file; stopped by pid."""

    def __init__(self, name, argv, directory, env=None, preexec_fn=None):
        self.name = name
        self.log_path = pathlib.Path(directory) / f"{name}.log"
        self.log_file = open(self.log_path, "wb")
        self.child = subprocess.Popen(
            [str(a) for a in argv], stdout=self.log_file, stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL, env={**os.environ, **(env or {})}, preexec_fn=preexec_fn)

    @property
    def pid(self):
        return self.child.pid

    def must_come_up(self, condition, what, timeout=10.0):
        """Wait until it works; what does not come up is killed, so that nothing is left behind."""
        try:
            wait_until(condition, what, timeout)
        except AssertionError as error:
            self.child.kill()
            self.child.wait()
            raise AssertionError(f"{error}\n{self.log()[-4000:]}") from None

    def log(self):
        return self.log_path.read_text(errors="replace")

    def is_running(self):
        return self.child.poll() is None

    def stop(self, sig=signal.SIGTERM, timeout=20):
        """Send sig, wait, return the exit code; kill what does not stop."""
        if self.is_running():
            self.child.send_signal(sig)
            try:
                self.child.wait(timeout * PATIENCE)
            except subprocess.TimeoutExpired:
                self.child.kill()
                self.child.wait()
                self.log_file.close()
                raise AssertionError(f"{self.name} did not stop:\n{self.log()[-4000:]}")
        self.log_file.close()
        return self.child.returncode


def sanitizer_findings(text):
    return [line for line in text.splitlines()
            if "ERROR: AddressSanitizer" in line or "runtime error:" in line
            or "ERROR: LeakSanitizer" in line or "WARNING: ThreadSanitizer" in line
            or "assertion failed" in line]


class Sim(Process):
    """ringpick-sim on `count` consecutive loopback endpoints, or on the consecutive `ports`."""

    def __init__(self, directory, count=3, args=(), name="sim", address="127.0.0.1", ports=None):
        self.ports = ports or consecutive_ports(count)
        self.address = address
        self.endpoints = [f"{address}:{port}" for port in self.ports]
        argv = [BUILD / "ringpick-sim", "--model", "meta-llama/Llama-3.1-8B-Instruct",
                "--max-loras", "2", "--lora-modules", '{"name": "reviews-1"}',
                "--listen", f"{address}:{self.ports[0]}-{self.ports[-1]}", *args]
        super().__init__(name, argv, directory)
        for port in self.ports:
            self.must_come_up(lambda: http_get(port, "/health", address)[0] == 200,
                              f"{name} on {port}")

    def set_metrics(self, endpoint, **gauges):
        """Fake the figures of one endpoint, e.g. waiting=5, running=1, kv=0.5."""
        port = int(endpoint.rsplit(":", 1)[1])
        names = {"waiting": "waiting-requests", "running": "running-requests", "kv": "kv-cache-usage"}
        body = {"fake-metrics": {names[key]: value for key, value in gauges.items()}}
        connection = http.client.HTTPConnection(self.address, port, timeout=10)
        connection.request("POST", "/admin/config", json.dumps(body),
                           {"content-type": "application/json"})
        answer = connection.getresponse()
        text = answer.read()
        assert answer.status == 200, (answer.status, text)
        connection.close()


def consecutive_ports(count):
    while True:
        first = free_port()
        if first + count >= 65536:
            continue
        sockets = []
        try:
            for port in range(first, first + count):
                probe = socket.socket()
                sockets.append(probe)
                probe.bind(("127.0.0.1", port))
            ports = list(range(first, first + count))
            _reserved.update(ports)
            return ports
        except OSError:
            continue
        finally:
            for probe in sockets:
                probe.close()


def http_get(port, path, address="127.0.0.1", timeout=10):
    connection = http.client.HTTPConnection(address, port, timeout=timeout)
    try:
        connection.request("GET", path)
        answer = connection.getresponse()
        return answer.status, answer.read()
    finally:
        connection.close()


def endpoints_yaml(endpoints, labels=None):
    """A discovery file; labels by endpoint."""
    if not endpoints:
        return "endpoints: []\n"
    lines = ["endpoints:"]
    ports = [endpoint.rsplit(":", 1)[1] for endpoint in endpoints]
    for i, endpoint in enumerate(endpoints):
        address, port = endpoint.rsplit(":", 1)
        number = f"-{i}" if ports.count(port) > 1 else ""
        lines += [f"- name: ep-{port}{number}", f"  address: {address}", f"  port: \"{port}\""]
        if labels and endpoint in labels:
            lines.append(f"  labels: {json.dumps(labels[endpoint])}")
    return "\n".join(lines) + "\n"


class Ringpick(Process):
    """ringpick in file mode with the how-to's configuration, on free ports."""

    def __init__(self, directory, endpoints, labels=None, name="ringpick", args=(), **kw):
        self.endpoints_file = pathlib.Path(directory) / f"{name}-endpoints.yaml"
        self.set_endpoints(endpoints, labels)
        self.start(directory, name, ["--endpoints-file", self.endpoints_file, *args], **kw)

    def start(self, directory, name, args, backend=None, workers=1, secure=True, config=HOW_TO_CONFIG,
              drain="0s", wait=True, wrapper=(), preexec_fn=None, env=None):
        self.grpc_port, self.health_port, self.metrics_port = free_port(), free_port(), free_port()
        self.is_secure = secure
        self.workers = workers
        config_file = pathlib.Path(directory) / f"{name}-config.yaml"
        config_file.write_text(config)
        argv = [*wrapper, BUILD / "ringpick", "--config-file", config_file,
                f"--grpc-port={self.grpc_port}", f"--grpc-health-port={self.health_port}",
                f"--metrics-port={self.metrics_port}", f"--workers={workers}",
                f"--drain-timeout={drain}", f"--secure-serving={'true' if secure else 'false'}"]
        if backend:
            argv.append(f"--io-backend={backend}")
        super().__init__(name, [*argv, *args], directory, env=env, preexec_fn=preexec_fn)
        if wait:
            self.wait_serving()

    def wait_serving(self):
        def is_serving():
            assert self.is_running(), f"ringpick ended:\n{self.log()[-4000:]}"
            with socket.create_connection(("127.0.0.1", self.grpc_port), timeout=1):
                pass
            return all(self.metric("ringpick_worker_ready", worker=str(i)) == 1
                       for i in range(self.workers))
        self.must_come_up(is_serving, "ringpick serves")
        # The first scrape of each endpoint lands one tick later.
        time.sleep(0.15 * PATIENCE)

    def set_endpoints(self, endpoints, labels=None):
        """Replace the discovery file as an editor or a ConfigMap does: by rename."""
        new = self.endpoints_file.with_suffix(".new")
        new.write_text(endpoints_yaml(endpoints, labels))
        new.rename(self.endpoints_file)

    def metrics_text(self):
        status, body = http_get(self.metrics_port, "/metrics")
        assert status == 200, status
        return body.decode()

    def metric(self, name, **labels):
        """Value of the one sample with this name whose labels include these; None if absent."""
        found = [value for sample, value in self.samples(name) if labels.items() <= sample.items()]
        assert len(found) <= 1, (name, labels, found)
        return found[0] if found else None

    def samples(self, name):
        result = []
        for line in self.metrics_text().splitlines():
            match = re.fullmatch(re.escape(name) + r"(?:\{(.*)\})? ([^ ]+)", line)
            if match:
                labels = dict(re.findall(r'([a-zA-Z_]\w*)="((?:[^"\\]|\\.)*)"', match[1] or ""))
                result.append((labels, float(match[2])))
        return result

    def sum(self, name, **labels):
        return sum(value for sample, value in self.samples(name) if labels.items() <= sample.items())

    def worker_requests(self):
        return [self.metric("ringpick_worker_requests_total", worker=str(i)) or 0
                for i in range(self.workers)]

    def children(self):
        """pid by role: {"control": pid, 0: pid of worker 0, ...}."""
        result = {}
        for pid in child_pids(self.pid):
            try:
                argv = pathlib.Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
            except OSError:
                continue
            program = os.path.basename(argv[0].decode())
            if program == "ringpick-control":
                result["control"] = pid
            elif program == "ringpick-worker":
                result[int(argv[1])] = pid
        return result

    def json_log(self):
        lines = []
        for line in self.log().splitlines():
            with contextlib.suppress(ValueError):
                lines.append(json.loads(line))
        return lines


class ClusterRingpick(Ringpick):
    """ringpick with a pool of a cluster; a kubeconfig file says who it is there."""

    def __init__(self, directory, kubeconfig, namespace, pool=None, name="ringpick", args=(), **kw):
        source = ["--pool-namespace", namespace, "--metrics-endpoint-auth=false", "--v=4"]
        if kubeconfig:
            source += ["--kubeconfig", kubeconfig]
        if pool:
            source += ["--pool-name", pool]
        self.start(directory, name, [*source, *args], **kw)


def child_pids(pid):
    children = []
    for task in pathlib.Path(f"/proc/{pid}/task").iterdir():
        children += [int(c) for c in (task / "children").read_text().split()]
    return children


class Envoy(Process):
    """Real Envoy with one of the configurations that deploy/envoy ships."""

    def __init__(self, directory, ringpick, variant="header", endpoints=(), concurrency=2, name="envoy",
                 retries=0, access_log=None):
        self.port, self.admin_port = free_port(), free_port()
        config = yaml.safe_load((ROOT / "deploy" / "envoy" / f"{variant}.yaml").read_text())
        config["admin"]["address"]["socket_address"]["port_value"] = self.admin_port
        resources = config["static_resources"]
        manager = resources["listeners"][0]["filter_chains"][0]["filters"][0]["typed_config"]
        if access_log:
            manager["access_log"] = [{"name": "stderr", "typed_config": {
                "@type": "type.googleapis.com/envoy.extensions.access_loggers.stream.v3.StderrAccessLog",
                "log_format": {"text_format_source": {"inline_string": access_log + "\n"}}}}]
        if retries:
            route = manager["route_config"]["virtual_hosts"][0]["routes"][0]["route"]
            route["retry_policy"] = {"retry_on": "connect-failure", "num_retries": retries}
        listener = resources["listeners"][0]["address"]["socket_address"]
        listener.update(address="127.0.0.1", port_value=self.port)
        picked, picker = resources["clusters"]
        picker["load_assignment"]["endpoints"][0]["lb_endpoints"][0]["endpoint"]["address"][
            "socket_address"]["port_value"] = ringpick.grpc_port
        if not ringpick.is_secure:
            del picker["transport_socket"]
        if variant == "metadata":
            picked["load_assignment"]["endpoints"] = [{"lb_endpoints": [
                {"endpoint": {"address": {"socket_address": {
                    "address": e.rsplit(":", 1)[0], "port_value": int(e.rsplit(":", 1)[1])}}}}
                for e in endpoints]}]
        path = pathlib.Path(directory) / f"{name}.yaml"
        path.write_text(yaml.safe_dump(config))
        envoy = shutil.which("envoy") or ROOT / ".venv" / "bin" / "envoy"
        super().__init__(name, [envoy, "-c", path, "--concurrency", concurrency,
                                "--use-dynamic-base-id", "-l", "warning",
                                # What is logged can be read at once: Envoy writes access logs every 10 s.
                                "--file-flush-interval-msec", "50"], directory)
        self.must_come_up(lambda: http_get(self.admin_port, "/ready")[0] == 200, "envoy is ready", 30)

    def post(self, path, body, headers=None, timeout=60):
        """One request on its own connection: (status, headers, body)."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=timeout * PATIENCE)
        try:
            data = body if isinstance(body, (bytes, bytearray)) else json.dumps(body)
            connection.request("POST", path, data,
                               {"content-type": "application/json", **(headers or {})})
            answer = connection.getresponse()
            return answer.status, dict(answer.getheaders()), answer.read()
        finally:
            connection.close()


class CheckingBackend:
    """A model server that trusts nobody: it answers with what it received (length, hash, headers).

    Paths: anything POSTed gets a JSON answer; `x-die-after: N` makes it break the connection after N
    answer chunks. It also serves vLLM metrics, so that it can stand in a pool.
    """

    METRICS = (b"# TYPE vllm:num_requests_waiting gauge\nvllm:num_requests_waiting 0\n"
               b"# TYPE vllm:num_requests_running gauge\nvllm:num_requests_running 0\n"
               b"# TYPE vllm:kv_cache_usage_perc gauge\nvllm:kv_cache_usage_perc 0\n")

    def __init__(self):
        backend = self
        self.seen = []

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, *args):
                pass

            def do_GET(self):
                body = backend.METRICS if self.path == "/metrics" else b"{}"
                self.send_response(200)
                self.send_header("content-type", "text/plain")
                self.send_header("content-length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def read_body(self):
                digest, size = hashlib.sha256(), 0
                if "chunked" in self.headers.get("transfer-encoding", ""):
                    while True:
                        n = int(self.rfile.readline().split(b";")[0], 16)
                        data = self.rfile.read(n)
                        digest.update(data)
                        size += n
                        self.rfile.readline()
                        if n == 0:
                            return size, digest.hexdigest()
                left = int(self.headers.get("content-length", 0))
                while left:
                    data = self.rfile.read(min(left, 1 << 20))
                    digest.update(data)
                    size += len(data)
                    left -= len(data)
                return size, digest.hexdigest()

            def do_POST(self):
                size, digest = self.read_body()
                seen = {"bytes": size, "sha256": digest, "port": backend.port,
                        "headers": {k.lower(): v for k, v in self.headers.items()}}
                backend.seen.append(seen)
                if "x-die-after" in self.headers:
                    self.send_response(200)
                    self.send_header("content-type", "text/event-stream")
                    self.send_header("transfer-encoding", "chunked")
                    self.end_headers()
                    for i in range(int(self.headers["x-die-after"])):
                        piece = f"data: {{\"n\": {i}}}\n\n".encode()
                        self.wfile.write(b"%x\r\n%s\r\n" % (len(piece), piece))
                        self.wfile.flush()
                        time.sleep(0.02)
                    # A reset in the middle of the chunked body, not an end.
                    self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
                    self.close_connection = True
                    self.connection.shutdown(socket.SHUT_RDWR)
                    return
                body = json.dumps(seen).encode()
                self.send_response(200)
                self.send_header("content-type", "application/json")
                self.send_header("content-length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

        class Server(socketserver.ThreadingMixIn, http.server.HTTPServer):
            daemon_threads = True
            request_queue_size = 512

            def handle_error(self, request, client_address):
                pass

        self.server = Server(("127.0.0.1", 0), Handler)
        self.port = self.server.server_address[1]
        self.endpoint = f"127.0.0.1:{self.port}"
        self.thread = threading.Thread(target=self.server.serve_forever, daemon=True)
        self.thread.start()

    def stop(self):
        self.server.shutdown()
        self.server.server_close()


class Parts:
    """Starts parts and stops them at the end, last one first."""

    def __init__(self, directory):
        self.directory = directory
        self.started = []

    def add(self, part):
        self.started.append(part)
        return part

    def sim(self, **kw):
        return self.add(Sim(self.directory, **kw))

    def ringpick(self, endpoints, **kw):
        return self.add(Ringpick(self.directory, endpoints, **kw))

    def cluster_ringpick(self, kubeconfig, namespace, **kw):
        return self.add(ClusterRingpick(self.directory, kubeconfig, namespace, **kw))

    def envoy(self, ringpick, **kw):
        return self.add(Envoy(self.directory, ringpick, **kw))

    def checking_backend(self):
        return self.add(CheckingBackend())

    def stop(self):
        """Fails if ringpick did not end well, or if a sanitizer found something."""
        problems = []
        for part in reversed(self.started):
            try:
                code = part.stop()
                if isinstance(part, Ringpick) and code not in (0, -9):
                    problems.append(f"{part.name} ended with {code}")
            except AssertionError as error:
                problems.append(str(error))
            if isinstance(part, Process):
                found = sanitizer_findings(part.log())
                if found:
                    problems.append(f"{part.name}: {found}\n{part.log()[-6000:]}")
        assert not problems, problems
