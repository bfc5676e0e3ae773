# SPDX-License-Identifier: Apache-2.0
"""Include direction between the rooms, headers that compile alone, and calls that are banned."""
import pathlib
import re
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
MAY_INCLUDE = {
    "shm": {"shm"},
    "config": {"shm", "config"},
    "dataplane": {"shm", "config", "dataplane"},
    "control": {"shm", "config", "control"},
    "perf": {"shm", "config", "dataplane", "control", "perf"},
    "tests": {"shm", "config", "dataplane", "control", "perf", "tests"},
}
# Libraries that a room must not see: a worker never parses YAML, control never speaks HTTP/2.
FOREIGN = {
    "shm": ("yaml.h", "cjson", "nghttp2", "openssl", "liburing", "curl"),
    "config": ("cjson", "nghttp2", "openssl", "liburing", "curl"),
    "dataplane": ("yaml.h", "cjson", "curl"),
    "control": ("nghttp2", "liburing"),
}
BANNED = re.compile(r"\b(strcpy|strcat|sprintf|vsprintf|gets|strtok|atoi|atol|alloca)\s*\(")
LINE_MAX = 110


def main():
    problems = []
    for path in sorted(p for room in MAY_INCLUDE for p in (ROOT / room).rglob("*.[ch]")):
        room = path.relative_to(ROOT).parts[0]
        text = path.read_text()
        name = path.relative_to(ROOT)
        if not text.startswith("/* SPDX-License-Identifier: Apache-2.0"):
            problems.append(f"{name}: no SPDX line")
        for number, line in enumerate(text.splitlines(), 1):
            include = re.match(r'\s*#include\s+"([^/"]+)/', line)
            if include and include[1] in MAY_INCLUDE and include[1] not in MAY_INCLUDE[room]:
                problems.append(f"{name}:{number}: {room} must not include {include[1]}")
            system = re.match(r"\s*#include\s+<([^>]+)>", line)
            if system and any(system[1].startswith(lib) for lib in FOREIGN.get(room, ())):
                problems.append(f"{name}:{number}: {room} must not see <{system[1]}>")
            if BANNED.search(re.sub(r"/\*.*?\*/|//.*", "", line)):
                problems.append(f"{name}:{number}: banned call")
            if len(line.expandtabs(8)) > LINE_MAX:
                problems.append(f"{name}:{number}: longer than {LINE_MAX} columns")
    for header in sorted(p for room in ("shm", "config", "dataplane", "control")
                         for p in (ROOT / room).rglob("*.h")):
        done = subprocess.run(
            ["gcc", "-std=c17", "-D_GNU_SOURCE", '-DRP_VERSION="lint"', f"-I{ROOT}", "-fsyntax-only",
             "-x", "c", str(header)], capture_output=True, text=True)
        if done.returncode:
            problems.append(f"{header.relative_to(ROOT)} does not compile alone:\n{done.stderr[:500]}")
    print("\n".join(problems))
    return bool(problems)


if __name__ == "__main__":
    sys.exit(main())
