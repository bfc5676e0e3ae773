# SPDX-License-Identifier: Apache-2.0
"""Every C file is as clang-format 14 leaves it; every shell script passes shellcheck."""
import pathlib
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
ROOMS = ("shm", "config", "dataplane", "control", "perf", "tests")


def main():
    sources = sorted(str(p) for room in ROOMS for p in (ROOT / room).rglob("*.[ch]"))
    failed = False
    for argv in (["clang-format-14", "--dry-run", "-Werror", *sources],
                 ["shellcheck", *map(str, (*ROOT.glob("deploy/*.sh"), *ROOT.glob("tests/*.sh"),
                                           *ROOT.glob("perf/*.sh"), ROOT / ".ci" / "run"))]):
        done = subprocess.run(argv, capture_output=True, text=True)
        if done.returncode:
            failed = True
            print(done.stdout[-3000:], done.stderr[-3000:])
    return failed


if __name__ == "__main__":
    sys.exit(main())
