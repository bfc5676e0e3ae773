# SPDX-License-Identifier: Apache-2.0
"""Instructions of a stream at 1, 2 and 4 workers: perf/run.sh instructions. Needs valgrind.

Workers run under callgrind, each with 4 connections x 8 streams of 8 KB; what they spent before the load is
not counted, handshakes are. The figure does not depend on how busy the machine is.
"""
import argparse
import pathlib
import re
import shutil
import subprocess
import sys
import time

from perf.matrix import bed as beds
from perf.matrix import pickers, procs, rows
from perf.matrix.pickers import Setup

STREAMS = 1500  # of each worker
START_PATIENCE_S = 3  # a worker under callgrind says that it is ready before it is warm


def wrap_worker(directory):
    """A build whose worker runs under callgrind."""
    for name in ("ringpick", "ringpick-control", "ringpick-sim", "ringpick-bench", "ringpick-pages"):
        shutil.copy(procs.BUILD / name, directory / name)
    worker = directory / "ringpick-worker"
    worker.write_text("#!/bin/sh\nexec valgrind -q --tool=callgrind --callgrind-out-file="
                      f"{directory}/out.%p {procs.BUILD}/ringpick-worker \"$@\"\n")
    worker.chmod(0o755)


def control(option, pid):
    subprocess.run(["callgrind_control", option, str(pid)], check=True, stdout=subprocess.DEVNULL,
                   stderr=subprocess.DEVNULL)


def measure(bed, directory, workers):
    picker = pickers.Ringpick("epoll")
    row = rows.Row(name="instructions", title="", figures=(), measure=None)
    server = beds.start(bed, picker, Setup(workers=workers))
    try:
        time.sleep(START_PATIENCE_S * workers)
        pids = [int(path.suffix[1:]) for path in directory.glob("out.*")]
        for pid in pids:
            control("-z", pid)
        beds.Run(bed, row, picker, 0, [server]).bench(
            requests=STREAMS * workers, warmup=0, connections=4 * workers, duration=60)
        for pid in pids:
            control("-d", pid)
    finally:
        server.stop()
    total = 0
    for dump in directory.glob("out.*.1"):
        total += int(re.search(r"^(?:summary|totals): (\d+)", dump.read_text(errors="replace"), re.M)[1])
    for path in directory.glob("out.*"):
        path.unlink()
    return total / (STREAMS * workers)


def main(argv):
    parser = argparse.ArgumentParser(prog="perf/run.sh instructions", description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("workers", nargs="*", type=int, help="1 2 4")
    options = parser.parse_args(argv)
    if shutil.which("valgrind") is None:
        sys.exit("valgrind is not installed (Debian: apt install valgrind)")
    bed = beds.Bed(1, 0, is_quick=True)
    try:
        directory = pathlib.Path(bed.directory.name) / "callgrind"
        directory.mkdir()
        wrap_worker(directory)
        procs.BUILD = directory
        for workers in options.workers or [1, 2, 4]:
            print(f"{workers} workers: {measure(bed, directory, workers):,.0f} instructions a stream", flush=True)
    finally:
        bed.close()


if __name__ == "__main__":
    main(sys.argv[1:])
