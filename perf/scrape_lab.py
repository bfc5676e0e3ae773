#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What scraping costs ringpick-control: CPU per scrape and per second, and how even the scrapes come.

Starts ringpick-pages on one core and ringpick on another one, lets control connect to every endpoint,
then measures windows. `rest` is what the machine did besides control and the page server, in cores: a
figure taken beside busy neighbours is worth little. Several builds take turns, window by window. CPU is user + system of all threads of control, from /proc/PID/task/*/schedstat;
scrapes are those that the page server counted. Medians over the windows. ringpick's own counters must
say that no scrape failed.
"""
import argparse
import json
import os
import pathlib
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request

SETTLE_S = 1.0
TURN_S = 0.3
ROOT = pathlib.Path(__file__).resolve().parents[1]


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def fetch(port, path):
    with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=10) as answer:
        return answer.read().decode()


def cpu_ns(pid):
    """Run time of all threads of a process."""
    return sum(int(path.read_text().split()[0])
               for path in pathlib.Path(f"/proc/{pid}/task").glob("*/schedstat"))


def switches(pid):
    """Voluntary context switches of the main thread: how often it slept."""
    for line in pathlib.Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("voluntary_ctxt_switches"):
            return int(line.split()[1])
    return 0


def busy_s():
    """Seconds that the machine's cores were not idle, interrupts included."""
    user, nice, system, _idle, _wait, irq, softirq = map(
        int, pathlib.Path("/proc/stat").read_text().split("\n", 1)[0].split()[1:8])
    return (user + nice + system + irq + softirq) / os.sysconf("SC_CLK_TCK")


def child_named(pid, name):
    children = pathlib.Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    for child in map(int, children):
        if pathlib.Path(f"/proc/{child}/comm").read_text().strip() == name:
            return child
    raise LookupError(name)


def counter(text, name):
    """Sum of a counter's series on ringpick's own page."""
    return sum(float(line.rsplit(" ", 1)[1]) for line in text.splitlines()
               if line.startswith(name) and line[len(name)] in "{ ")


def wait_for(condition, what, seconds=20):
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        try:
            value = condition()
            if value:
                return value
        except (OSError, LookupError):
            pass
        time.sleep(0.05)
    raise RuntimeError(f"waited {seconds} s in vain: {what}")


def endpoints_file(count, port):
    return json.dumps({"endpoints": [
        {"name": f"server-{i}", "address": f"127.1.{i // 250}.{i % 250 + 1}", "port": str(port)}
        for i in range(count)]})


class Picker:
    """ringpick of one build with its endpoints; control can be put to sleep."""

    def __init__(self, build, directory, listed, core, interval_ms):
        self.metrics_port = free_port()
        self.log = pathlib.Path(directory) / f"ringpick-{self.metrics_port}.log"
        with open(self.log, "wb") as log:
            self.process = subprocess.Popen(
                [pathlib.Path(build) / "ringpick", "--endpoints-file", listed, "--workers", "1",
                 "--config-file", ROOT / "config/samples/istio-howto.yaml",
                 "--grpc-port", str(free_port()), "--grpc-health-port", str(free_port()),
                 "--metrics-port", str(self.metrics_port),
                 "--refresh-metrics-interval", f"{interval_ms}ms"],
                stdout=log, stderr=log, preexec_fn=lambda: os.sched_setaffinity(0, {core}))
        self.control = None
        self.rows = []
        self.failures = 0

    def wait(self):
        # The kernel keeps 15 bytes of a name.
        self.control = wait_for(lambda: child_named(self.process.pid, "ringpick-contro"), "control")
        wait_for(lambda: fetch(self.metrics_port, "/metrics"), "ringpick")

    def failed(self):
        return counter(fetch(self.metrics_port, "/metrics"), "llm_d_epp_datalayer_poll_errors_total")

    def pause(self, is_paused):
        os.kill(self.control, signal.SIGSTOP if is_paused else signal.SIGCONT)

    def stop(self):
        self.process.kill()
        self.process.wait()


def measure(builds, endpoints, page_bytes, windows=5, seconds=3.0, interval_ms=50, cores=(0, 1),
            on_ready=None):
    """One row a build, as dicts; the builds take turns. on_ready(control's pid): before all windows."""
    page_port = free_port()
    pickers = []
    with tempfile.TemporaryDirectory(prefix="scrape-lab-") as directory:
        listed = pathlib.Path(directory) / "endpoints.json"
        listed.write_text(endpoints_file(endpoints, page_port))
        pages = subprocess.Popen([pathlib.Path(builds[0]) / "ringpick-pages", str(page_port),
                                  str(page_bytes)],
                                 preexec_fn=lambda: os.sched_setaffinity(0, {cores[1]}))
        try:
            wait_for(lambda: fetch(page_port, "/stats"), "the page server")
            for build in builds:
                pickers.append(Picker(build, directory, listed, cores[0], interval_ms))
            for picker in pickers:
                picker.wait()
            time.sleep(SETTLE_S)
            for picker in pickers:
                if on_ready is not None:
                    on_ready(picker.control)
            for _ in range(windows):
                for picker in pickers:
                    for other in pickers:
                        other.pause(other is not picker)
                    if len(pickers) > 1:
                        time.sleep(TURN_S)
                    failed = picker.failed()
                    picker.rows.append(window(picker.control, pages.pid, page_port, seconds))
                    picker.failures += int(picker.failed() - failed)
            for picker in pickers:
                picker.pause(False)
            return [summary(picker, endpoints, page_bytes) for picker in pickers]
        except Exception:
            for picker in pickers:
                sys.stderr.write(picker.log.read_text()[-3000:])
            raise
        finally:
            for picker in pickers:
                picker.stop()
            pages.kill()
            pages.wait()


def window(control, pages, page_port, seconds):
    fetch(page_port, "/stats")
    begin, cpu, slept = time.monotonic(), cpu_ns(control), switches(control)
    machine, served = busy_s(), cpu_ns(pages)
    time.sleep(seconds)
    stats = json.loads(fetch(page_port, "/stats"))
    took = time.monotonic() - begin
    used = cpu_ns(control) - cpu
    served = cpu_ns(pages) - served
    return {"us": used / 1e3 / max(stats["pages"], 1), "cores": used / 1e9 / took,
            "rate": stats["pages"] / took, "sleeps": (switches(control) - slept) / took,
            "rest": (busy_s() - machine - (used + served) / 1e9) / took,
            **{f"gap_{key}": stats["gap_us"][key] / 1e3
               for key in ("p1", "p50", "p99", "p999", "max")}}


def summary(picker, endpoints, page_bytes):
    row = {"endpoints": endpoints, "page_bytes": page_bytes,
           "failed": picker.failures}
    for key in picker.rows[0]:
        row[key] = statistics.median(r[key] for r in picker.rows)
    row["us_min"] = min(r["us"] for r in picker.rows)
    row["us_max"] = max(r["us"] for r in picker.rows)
    return row


HEAD = ("endpoints   page B   scrapes/s   us/scrape (min-max)    cores   sleeps/s   rest   "
        "gap ms: p1   p50    p99   p99.9    max   failed")


def line(row):
    return (f"{row['endpoints']:9} {row['page_bytes']:8} {row['rate']:11.0f}   "
            f"{row['us']:6.2f} ({row['us_min']:5.2f}-{row['us_max']:5.2f})   {row['cores']:8.4f} "
            f"{row['sleeps']:10.0f} {row['rest']:6.2f}       {row['gap_p1']:7.1f} {row['gap_p50']:5.1f} "
            f"{row['gap_p99']:6.1f} {row['gap_p999']:7.1f} {row['gap_max']:6.1f}   "
            f"{row['failed']:6}")


def main():
    numbers = lambda text: [int(word) for word in text.split(",")]
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--build", action="append",
                        help="directory of the programs (build/release); several take turns")
    parser.add_argument("--endpoints", type=numbers, default=[256, 1000])
    parser.add_argument("--page-bytes", type=numbers, default=[1800, 42000])
    parser.add_argument("--windows", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=3.0)
    parser.add_argument("--interval-ms", type=int, default=50)
    parser.add_argument("--cores", type=numbers, default=[0, 1],
                        help="of ringpick and of the page server")
    parser.add_argument("--profile", help="write `perf record` data of control to this file")
    parser.add_argument("--json", help="write the rows to this file")
    args = parser.parse_args()

    def profile(pid):
        subprocess.Popen(["perf", "record", "-q", "-e", "cpu-clock", "-F", "4000", "-g", "-p",
                          str(pid), "-o", args.profile, "--", "sleep", str(args.seconds)]).wait()

    rows = []
    builds = args.build or [ROOT / "build" / "release"]
    print(HEAD, flush=True)
    for endpoints in args.endpoints:
        for page_bytes in args.page_bytes:
            found = measure(builds, endpoints, page_bytes, args.windows, args.seconds,
                            args.interval_ms, args.cores, profile if args.profile else None)
            for build, row in zip(builds, found):
                rows.append({"build": str(build), **row})
                print(line(row), build if len(builds) > 1 else "", flush=True)
    if args.json:
        pathlib.Path(args.json).write_text(json.dumps(rows, indent=1) + "\n")
    return 1 if any(row["failed"] for row in rows) else 0


if __name__ == "__main__":
    sys.exit(main())
