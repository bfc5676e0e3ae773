# SPDX-License-Identifier: Apache-2.0
"""Run the matrix. Called by perf/run.sh, which prepares the machine; see --help."""
import argparse
import json
import pathlib
import shlex
import signal
import subprocess
import sys
import tempfile
import time

from perf.matrix import bed as beds
from perf.matrix import machine, pickers, procs, report, rows, stats, yardsticks

MODES = {"quick": {"seconds": 0.5, "warmup": 0.1, "limit": 270},
         "full": {"seconds": 3.0, "warmup": 0.5, "limit": 3000}}
BUSY_LOAD = 0.7


def parse(argv):
    parser = argparse.ArgumentParser(
        prog="perf/run.sh", formatter_class=argparse.RawDescriptionHelpFormatter,
        description="Measures ringpick on both back ends beside a bare server, and any other picker.",
        epilog="COMMAND is run by bash on the server's core, for each row anew. In it, and as environment\n"
               "variables with PICKER_ before the name in capitals:\n"
               "  {port}            where it must serve ext_proc with TLS\n"
               "  {health_port} {metrics_port}   free ports for what else it serves\n"
               "  {endpoints_file}  the pool, in the format of --endpoints-file\n"
               "  {config_file}     the EndpointPickerConfig\n"
               "  {cpu}             the core it is pinned to\n"
               "It is ready when it accepts connections; all processes of its group are measured and\n"
               "stopped. exit status: 0, or 1 if a stream was answered wrong or a row was not measured.\n"
               "Missed yardsticks do not count here.\n\nrows: " + " ".join(row.name for row in rows.ROWS))
    parser.add_argument("mode", nargs="?", choices=MODES, default="quick",
                        help="quick: under 5 minutes, table to build/perf/quick.md; full: perf/REPORT.md")
    parser.add_argument("--against", metavar="COMMAND", help="another picker, measured side by side")
    parser.add_argument("--only", metavar="ROW,...", help="only these rows")
    parser.add_argument("--out", metavar="DIR", help="put REPORT.md and raw.json there")
    parser.add_argument("--runs", type=int, help="runs of each row (quick 3, full 5)")
    parser.add_argument("--seconds", type=float, help="of an ordinary run (quick 0.5, full 3)")
    options = parser.parse_args(argv)
    known = {row.name: row for row in rows.ROWS}
    names = options.only.split(",") if options.only else list(known)
    unknown = [name for name in names if name not in known]
    if unknown:
        parser.error(f"unknown rows: {' '.join(unknown)}")
    options.rows = [row for row in rows.ROWS if row.name in names]
    return options


class Stage:
    """The servers that are up: rows in a row that want the same ones share them."""

    def __init__(self, bed):
        self.bed = bed
        self.setups = None
        self.servers = {}

    def get(self, row, picker):
        if row.is_alone or row.setups != self.setups:
            self.clear()
        self.setups = row.setups
        if picker.key not in self.servers:
            self.servers[picker.key] = []
            for setup in row.setups:
                self.servers[picker.key].append(beds.start(self.bed, picker, setup))
            if row.is_warmed:
                beds.Run(self.bed, row, picker, 0, self.servers[picker.key]).warm_up()
        return self.servers[picker.key]

    def clear(self):
        while self.servers:
            for server in self.servers.popitem()[1]:
                server.stop()


def measure_row(bed, stage, row, everyone, runs, figures, label, budget):
    """All runs of one row, the pickers taking turns; another one begins each round.

    Once the row has taken `budget` seconds it makes do with fewer runs: on a machine that has other work
    a matrix with all its rows says more than one that breaks off.
    """
    began = time.monotonic()
    for number in range(1, runs + 1):
        if number > 1 and time.monotonic() - began > budget:
            bed.remarks.append(f"{row.name}: {number - 1} of {runs} runs, the time was short")
            break
        first = (number - 1) % len(everyone)
        for picker in everyone[first:] + everyone[:first]:
            line = f"{label} {row.title} {picker.name} run {number}/{runs}"
            found = {}
            try:
                found = row.measure(beds.Run(bed, row, picker, number, stage.get(row, picker)))
            except procs.Failure as failure:
                (bed.problems if picker.is_ours else bed.remarks).append(f"{line}: {failure}")
                print(f"{line}: {failure}", flush=True)
                stage.clear()
            # A run that failed keeps its place, so that ratios stay run by run.
            for key in found or row.figures:
                figures.add(key, picker.key, found.get(key))
            shown = [f"{stats.write(found[key])} {yardsticks.BY_KEY[key].unit}"
                     for key in row.figures if found.get(key) is not None]
            if shown:
                print(f"{line}: {', '.join(shown)}", flush=True)


def measure(options, bed, figures):
    needed = ("ringpick", "ringpick-bare", "ringpick-bench", "ringpick-pages", "ringpick-sim")
    missing = [name for name in needed if not (procs.BUILD / name).exists()]
    if missing:
        sys.exit(f"perf/run.sh: not built: {' '.join(missing)}")
    limit = MODES[options.mode]["limit"]
    everyone = [pickers.Ringpick("io_uring"), pickers.Ringpick("epoll"), pickers.Bare()]
    if options.against:
        everyone.append(pickers.Other(options.against))
    stage = Stage(bed)
    began = time.monotonic()
    try:
        for i, row in enumerate(options.rows, 1):
            if time.monotonic() - began > limit:
                bed.problems.append(f"{row.name}: not measured, {limit} s were over")
                continue
            runs = options.runs or (row.quick_runs if bed.is_quick else row.full_runs)
            at = [picker for picker in everyone if row.has_bare or picker.key != "bare"]
            row_began = time.monotonic()
            budget = (limit - (row_began - began)) / (len(options.rows) - i + 1)
            measure_row(bed, stage, row, at, runs, figures, f"row {i}/{len(options.rows)}", budget)
            bed.row_seconds[row.name] = round(time.monotonic() - row_began, 1)
    finally:
        stage.clear()
    return time.monotonic() - began


def write_html(bed, path):
    """The last run of each row and picker, by ringpick-bench's own report page."""
    last = {f"{result['row']} {result['picker']}": result["bench"] for result in bed.results}
    with tempfile.TemporaryDirectory() as directory:
        files = []
        for name, result in last.items():
            files.append(pathlib.Path(directory, f"{name}.json"))
            files[-1].write_text(json.dumps(result))
        done = subprocess.run([procs.BUILD / "ringpick-bench", "report", path, *files],
                              capture_output=True, text=True)
    if done.returncode:
        bed.remarks.append(f"no HTML report: {done.stderr.strip()}")
    return not done.returncode


def results_path(options):
    """(report, raw JSON, HTML)"""
    if options.out:
        out = pathlib.Path(options.out)
        return out / "REPORT.md", out / "raw.json", out / "report.html"
    build = procs.ROOT / "build" / "perf"
    if options.mode == "full" and not options.only:
        return procs.ROOT / "perf" / "REPORT.md", build / "full.json", build / "full.html"
    return tuple(build / f"{options.mode}.{ending}" for ending in ("md", "json", "html"))


def main(argv):
    options = parse(argv)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    mode = MODES[options.mode]
    load_before = beds.load_average()
    bed = beds.Bed(options.seconds or mode["seconds"], mode["warmup"], options.mode == "quick")
    figures = report.Figures()
    if float(load_before.split()[0]) > BUSY_LOAD:
        bed.remarks.append(f"The machine had other work when this began (load average {load_before}): CPU "
                           "figures are dearer for it, latencies and rates seen are not ringpick's.")
        print(bed.remarks[-1], flush=True)
    try:
        seconds = measure(options, bed, figures)
    except KeyboardInterrupt:
        return 130
    finally:
        bed.close()
    text_path, raw_path, html_path = results_path(options)
    facts = machine.facts(load_before)
    runs = f"{options.runs or (3 if bed.is_quick else 5)} runs of {bed.seconds:g} s, {seconds:.0f} s in all"
    command = shlex.join(["perf/run.sh", options.mode, *(["--only", options.only] if options.only else []),
                          *(["--against", "..."] if options.against else [])])
    for path in (text_path, raw_path):
        path.parent.mkdir(parents=True, exist_ok=True)
    written = [text_path, raw_path] + ([html_path] if write_html(bed, html_path) else [])
    text = report.write(facts, options.mode, runs, figures, bed, command, bool(options.against))
    # Texts of failures may name files of this machine.
    text_path.write_text(text.replace(f"{procs.ROOT}/", "").replace(bed.directory.name, "RUN"))
    raw_path.write_text(json.dumps({"machine": facts, "figures": figures.values, "runs": bed.results,
                                    "row_seconds": bed.row_seconds, "problems": bed.problems,
                                    "remarks": bed.remarks}))
    print(f"\n{report.plain_table(figures)}\n\n{report.tally(figures)}", end="")
    print("\n".join(bed.remarks))
    print("\n".join(f"WRONG: {problem}" for problem in bed.problems) or "no stream was answered wrong")
    for path in written:
        inside = path.resolve().is_relative_to(procs.ROOT)
        print(f"written: {path.resolve().relative_to(procs.ROOT) if inside else path}")
    print(f"{seconds:.0f} s")
    return 1 if bed.problems else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
