# SPDX-License-Identifier: Apache-2.0
"""Model servers to scrape: three of ringpick-sim, or many of ringpick-pages with pages of a given size."""
import json

from perf.matrix import procs

SMALL_PAGE = 1800
LARGE_PAGE = 42000


class Pools:
    """Starts what is asked for once, on the client's core, and stops all at the end."""

    def __init__(self, directory, core):
        self.directory = directory
        self.core = core
        self.running = {}

    def get(self, count, page_bytes=None):
        """A pool of `count` endpoints; page_bytes None: ringpick-sim's own pages."""
        key = page_bytes or f"sim-{count}"
        if key not in self.running:
            kind = Pages if page_bytes else Sims
            self.running[key] = kind(self.directory, self.core, page_bytes or count)
        return self.running[key].pool(count)

    def stop(self):
        for servers in self.running.values():
            servers.process.stop()


class Pool:
    def __init__(self, endpoints, pages_port=None):
        self.endpoints = endpoints  # (address, port)
        self.pages_port = pages_port

    def write(self, path):
        lines = ["endpoints:"]
        for i, (address, port) in enumerate(self.endpoints):
            lines += [f"- name: ep-{i}", f"  address: {address}", f"  port: \"{port}\""]
        path.write_text("\n".join(lines) + "\n")

    def pages_asked(self):
        """Scrapes since this was last asked; None if these servers do not count."""
        if self.pages_port is None:
            return None
        return json.loads(procs.http_get(self.pages_port, "/stats")[1])["pages"]


class Sims:
    def __init__(self, directory, core, count):
        self.ports = [procs.free_port() for _ in range(count)]
        listen = [arg for port in self.ports for arg in ("--listen", f"127.0.0.1:{port}")]
        self.process = procs.Process(
            [procs.BUILD / "ringpick-sim", "--model", "reviews-1", *listen],
            directory / f"sim-{count}.log", core)
        procs.wait_until(lambda: self.process.check() and all(map(procs.is_listening, self.ports)),
                         "ringpick-sim listens")

    def pool(self, count):
        return Pool([("127.0.0.1", port) for port in self.ports[:count]])


class Pages:
    """Every address of 127.0.0.0/8 is a model server of its own, all on one port."""

    def __init__(self, directory, core, page_bytes):
        self.port = procs.free_port("0.0.0.0")
        self.process = procs.Process([procs.BUILD / "ringpick-pages", self.port, page_bytes],
                                     directory / f"pages-{page_bytes}.log", core)
        procs.wait_until(lambda: self.process.check() and procs.is_listening(self.port),
                         "ringpick-pages listens")

    def pool(self, count):
        endpoints = [(f"127.1.{i // 250}.{i % 250 + 1}", self.port) for i in range(count)]
        return Pool(endpoints, self.port)
