# SPDX-License-Identifier: Apache-2.0
"""The servers that are measured: ringpick on both back ends, the bare yardstick, and any other picker."""
import contextlib
import dataclasses
import os
import pathlib

from perf.matrix import procs

CONFIG = procs.ROOT / "config" / "samples" / "istio-howto.yaml"


@dataclasses.dataclass(frozen=True)
class Setup:
    """How a server is started for a row."""
    endpoints: int = 3
    page_bytes: int | None = None  # None: ringpick-sim's pages
    scrape_ms: int = 50
    workers: int = 1
    args: tuple = ()  # of ringpick, after --v=2
    is_control_apart: bool = False  # ringpick-control on the client's core


class Server:
    """A running picker. parts: pids by what they are, where that is known."""

    def __init__(self, picker, process, port, setup, pool, metrics_port=None):
        self.picker, self.process, self.port = picker, process, port
        self.setup, self.pool, self.metrics_port = setup, pool, metrics_port
        self.parts = {}

    @property
    def pids(self):
        return procs.family(self.process.pid)

    @property
    def workers(self):
        """What serves streams: ringpick's workers, or the whole of another server."""
        return self.parts.get("worker") or self.pids

    @property
    def others(self):
        workers = self.workers
        return [pid for pid in self.pids if pid not in workers]

    def find_parts(self):
        for pid in self.pids:
            with contextlib.suppress(OSError):
                argv = pathlib.Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
                name = os.path.basename(argv[0].decode())
                self.parts.setdefault(name.removeprefix("ringpick-"), []).append(pid)

    def metric(self, name):
        """Sum of the samples of this name."""
        status, page = procs.http_get(self.metrics_port, "/metrics")
        if status != 200:
            raise procs.Failure(f"/metrics answers {status}")
        lines = (line for line in page.decode().splitlines() if line.startswith((name + " ", name + "{")))
        return sum(float(line.rpartition(" ")[2]) for line in lines)

    def trim_log(self):
        """Files of verbose runs grow by tens of MB a second."""
        os.truncate(self.process.log_path, 0)

    def stop(self):
        self.process.stop()


class Ringpick:
    is_ours, checks = True, "full"

    def __init__(self, backend):
        self.backend = backend
        self.name = f"ringpick {backend}"
        self.key = backend

    def argv(self, setup, endpoints_file, ports):
        return [procs.BUILD / "ringpick", "--config-file", CONFIG, "--endpoints-file", endpoints_file,
                f"--grpc-port={ports[0]}", f"--grpc-health-port={ports[1]}",
                f"--metrics-port={ports[2]}", f"--workers={setup.workers}", "--v=2",
                f"--io-backend={self.backend}", "--drain-timeout=0s",
                f"--refresh-metrics-interval={setup.scrape_ms}ms", *setup.args]

    def launch(self, bed, setup, pool):
        """Start and return at once."""
        endpoints_file = bed.file("endpoints.yaml")
        pool.write(endpoints_file)
        ports = [procs.free_port() for _ in range(3)]
        process = procs.Process(self.argv(setup, endpoints_file, ports), bed.file("ringpick.log"),
                                bed.server_core)
        return Server(self, process, ports[0], setup, pool, ports[2])

    def await_ready(self, server, bed):
        procs.wait_until(lambda: server.process.check()
                         and procs.http_get(server.metrics_port, "/readyz")[0] == 200
                         and procs.is_listening(server.port), "ringpick serves")
        server.find_parts()
        if server.setup.is_control_apart:
            procs.move(server.parts["control"][0], bed.client_core)


class Bare:
    is_ours, checks = True, "shape"
    name, key = "bare", "bare"

    def launch(self, bed, setup, pool):
        port = procs.free_port()
        process = procs.Process([procs.BUILD / "ringpick-bare", "--port", port],
                                bed.file("bare.log"), bed.server_core)
        return Server(self, process, port, setup, pool)

    def await_ready(self, server, bed):
        procs.wait_until(lambda: server.process.check() and procs.is_listening(server.port), "bare listens")


class Other:
    """Any picker by the command that starts it; bash runs it, in a process group of its own."""
    is_ours, checks = False, "full"
    name, key = "other", "other"

    def __init__(self, command):
        self.command = command

    def launch(self, bed, setup, pool):
        endpoints_file = bed.file("endpoints.yaml")
        pool.write(endpoints_file)
        ports = [procs.free_port() for _ in range(3)]
        values = {"port": ports[0], "health_port": ports[1], "metrics_port": ports[2],
                  "endpoints_file": endpoints_file, "config_file": CONFIG, "cpu": bed.server_core}
        command = self.command
        for name, value in values.items():
            command = command.replace("{" + name + "}", str(value))
        env = {f"PICKER_{name.upper()}": str(value) for name, value in values.items()}
        process = procs.Process(["bash", "-c", command], bed.file("other.log"), bed.server_core, env)
        return Server(self, process, ports[0], setup, pool)

    def await_ready(self, server, bed):
        procs.wait_until(lambda: server.process.check() and procs.is_listening(server.port),
                         "the other picker listens", 60)
