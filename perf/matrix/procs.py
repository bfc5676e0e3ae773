# SPDX-License-Identifier: Apache-2.0
"""Processes: free ports, start on given cores, CPU time and memory from /proc, stop by pid."""
import contextlib
import http.client
import os
import pathlib
import signal
import socket
import subprocess
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILD = pathlib.Path(os.environ.get("RINGPICK_BUILD", ROOT / "build" / "release")).resolve()


class Failure(Exception):
    """Something that had to work did not; the text is for the reader of the output."""


def cores():
    """(core of the server, core of everything else): the last and the first allowed."""
    allowed = sorted(os.sched_getaffinity(0))
    return allowed[-1], allowed[0]


_handed_out = set()


def free_port(address="127.0.0.1"):
    while True:
        with socket.socket() as probe:
            probe.bind((address, 0))
            port = probe.getsockname()[1]
        if port not in _handed_out:
            _handed_out.add(port)
            return port


def http_get(port, path, address="127.0.0.1", timeout=5):
    connection = http.client.HTTPConnection(address, port, timeout=timeout)
    with contextlib.closing(connection):
        connection.request("GET", path)
        answer = connection.getresponse()
        return answer.status, answer.read()


def is_listening(port, address="127.0.0.1"):
    with contextlib.suppress(OSError), socket.create_connection((address, port), timeout=1):
        return True
    return False


def wait_until(condition, what, seconds=15.0, interval=0.005):
    deadline = time.monotonic() + seconds
    last = None
    while time.monotonic() < deadline:
        try:
            if condition():
                return
        except (OSError, http.client.HTTPException) as error:
            last = error
        time.sleep(interval)
    raise Failure(f"waited {seconds:.0f} s in vain: {what}" + (f" ({last})" if last else ""))


def family(leader):
    """A process, its descendants, and whatever else is in its process group or session."""
    parents, pids = {}, set()
    for entry in os.scandir("/proc"):
        if entry.name.isdigit():
            with contextlib.suppress(OSError, IndexError):
                stat = pathlib.Path(entry.path, "stat").read_text()
                _, parent, group, session = stat.rpartition(")")[2].split()[:4]
                parents[int(entry.name)] = int(parent)
                if leader in (int(group), int(session)):
                    pids.add(int(entry.name))
    grown = True
    while grown:
        found = {pid for pid, parent in parents.items() if parent in pids | {leader}}
        grown = not found <= pids
        pids |= found
    return sorted(pids)


def cpu_seconds(pids):
    """CPU time of all living threads, from schedstat."""
    total = 0
    for pid in pids:
        with contextlib.suppress(OSError):
            for task in pathlib.Path(f"/proc/{pid}/task").iterdir():
                with contextlib.suppress(OSError):
                    total += int((task / "schedstat").read_text().split()[0])
    return total / 1e9


def pss_kib(pids):
    """Memory; what processes share is counted once (PSS)."""
    total = 0
    for pid in pids:
        with contextlib.suppress(OSError):
            for line in pathlib.Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
                if line.startswith("Pss:"):
                    total += int(line.split()[1])
    return total


def move(pid, core):
    """Put all threads of a process on one core."""
    for task in pathlib.Path(f"/proc/{pid}/task").iterdir():
        with contextlib.suppress(OSError):
            os.sched_setaffinity(int(task.name), {core})


class Process:
    """A child in a session of its own, so that Ctrl-C reaches only us and we stop it."""

    def __init__(self, argv, log_path, core, env=None):
        self.log_path = pathlib.Path(log_path)
        with open(self.log_path, "ab") as log:
            self.started_at = time.monotonic()
            self.child = subprocess.Popen(
                [str(a) for a in argv], stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                env={**os.environ, **(env or {})}, start_new_session=True,
                preexec_fn=lambda: os.sched_setaffinity(0, {core}))
        self.pid = self.child.pid

    def check(self):
        if self.child.poll() is not None:
            raise Failure(f"ended with {self.child.returncode}: {self.log_tail()}")
        return True

    def log_tail(self):
        with open(self.log_path, "rb") as log:
            log.seek(max(0, log.seek(0, os.SEEK_END) - 2000))
            return log.read().decode(errors="replace")

    def stop(self, seconds=10):
        """SIGTERM to the leader, then SIGKILL to what is left of its family."""
        with contextlib.suppress(ProcessLookupError):
            self.child.send_signal(signal.SIGTERM)
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.child.wait(seconds)
        for pid in family(self.pid):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self.child.wait(seconds)
        with contextlib.suppress(OSError):
            self.log_path.unlink()
