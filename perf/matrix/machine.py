# SPDX-License-Identifier: Apache-2.0
"""Facts of the machine that figures depend on; no names and no paths of it."""
import json
import os
import pathlib
import platform
import re
import subprocess

from perf.matrix import procs


def _output(*argv):
    try:
        done = subprocess.run(argv, capture_output=True, text=True, timeout=20, cwd=procs.ROOT)
        return done.stdout.strip() if done.returncode == 0 else ""
    except OSError:
        return ""


def _read(path):
    try:
        return pathlib.Path(path).read_text()
    except OSError:
        return ""


def _cached(name):
    match = re.search(rf"^{name}:\w+=(.*)$", _read(procs.BUILD / "CMakeCache.txt"), re.M)
    return match[1] if match else ""


def mitigations():
    """What the kernel says of each weakness that this CPU has."""
    found = []
    for path in sorted(pathlib.Path("/sys/devices/system/cpu/vulnerabilities").glob("*")):
        state = _read(path).strip()
        if state and state != "Not affected":
            found.append(f"{path.name}: {state}")
    return "; ".join(found) or "none reported"


def _virtualisation():
    vendor = re.search(r"^Hypervisor vendor:\s*(.*)$", _output("lscpu"), re.M)
    return vendor[1] if vendor else _output("systemd-detect-virt") or "none seen"


def _optimisation():
    """What the workers' code is compiled with: a variable of the same name in the cache may be overruled."""
    try:
        commands = json.loads((procs.BUILD / "compile_commands.json").read_text())
    except (OSError, ValueError):
        return "-"
    words = next((entry["command"].split() for entry in commands if entry["file"].endswith("/conn.c")), [])
    return " ".join(word for word in words if word.startswith(("-O", "-flto", "-march", "-DNDEBUG"))) or "-"


def facts(load_before):
    """(name, value) in the order of the report."""
    cpu = re.search(r"^model name\s*: (.*)$", _read("/proc/cpuinfo"), re.M)
    memory = re.search(r"^MemTotal:\s*(\d+)", _read("/proc/meminfo"), re.M)
    compiler = _output(_cached("CMAKE_C_COMPILER") or "cc", "--version").splitlines()
    versions = [f"{name} {_output('pkg-config', '--modversion', package)}"
                for name, package in (("OpenSSL", "openssl"), ("nghttp2", "libnghttp2"),
                                      ("liburing", "liburing"))]
    server, client = procs.cores()
    rows = [("CPU", cpu[1] if cpu else platform.machine()),
            ("cores allowed", f"{len(os.sched_getaffinity(0))}; server on core {server}, ringpick-bench "
             f"and model servers on core {client}"),
            ("memory", f"{int(memory[1]) / 1e6:.1f} GB" if memory else "-"),
            ("virtualisation", _virtualisation()),
            ("kernel", f"{platform.system()} {platform.release()}"),
            ("mitigations", mitigations()),
            ("compiler", f"{compiler[0] if compiler else '-'}; build type {_cached('CMAKE_BUILD_TYPE')} "
             f"({_optimisation()})"),
            ("libraries", ", ".join(versions)),
            ("load average before", load_before),
            ("commit", (_output("git", "rev-parse", "--short", "HEAD") or "-") +
             (" and changes" if _output("git", "status", "--porcelain", "--untracked-files=no") else ""))]
    return rows
