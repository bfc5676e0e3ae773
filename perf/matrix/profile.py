# SPDX-License-Identifier: Apache-2.0
"""Where a stream's CPU time goes, layer by layer: perf/run.sh profile. Needs perf (Debian: linux-perf).

The worker is sampled by the CPU clock while ringpick-bench loads it. Samples of our own code are told
apart by the source file they come from, inlining included; those of the kernel by their call chain.
"""
import argparse
import collections
import re
import shutil
import subprocess
import sys
import time

from perf.matrix import bed as beds
from perf.matrix import pickers, procs, rows
from perf.matrix.pickers import Setup

CASES = {"8K": {"body_bytes": 8192}, "200B": {"body_bytes": 200}, "64K": {"body_bytes": 65536},
         "512K": {"body_bytes": 524288}, "sse": {"answer": "sse"}}

KERNEL = [  # a function in the chain -> layer; the first that is found
    ("tcp_sendmsg", "kernel: send, and the peer's side of loopback"),
    ("tcp_recvmsg", "kernel: receive"),
    ("asm_exc_page_fault", "kernel: page faults"),
]
KERNEL_REST = "kernel: waiting, waking, entering"

LAYERS = [  # source file -> layer
    (r"json_|byte_runs|prompt|openai|request\.c|parser|body_edit|utf8|media|image", "JSON scan, prompt"),
    (r"block_hash|xxhash|hash\.", "block hashes"),
    (r"prefix_", "prefix index"),
    (r"sched|scorers|pickers|producers|profiles|registry|totals|subset|director|inflight|endpoint_",
     "pick"),
    (r"usage", "usage of answers"),
    (r"ext_proc|pb_wire|header_store|grpc_", "gRPC, ext_proc"),
    (r"h2_|conn\.|body\.|arena|mem_class|tls|loop|worker|uring", "connection, TLS records, HTTP/2 glue"),
    (r"log\.|spsc|counters|series|clock|histogram", "logs, metrics, clock"),
]


def record(perf, pid, seconds, out):
    subprocess.run([perf, "record", "-q", "-e", "cpu-clock", "-F", "4000", "-g", "-p", str(pid), "-o", out,
                    "--", "sleep", str(seconds)], check=True, stderr=subprocess.DEVNULL)


def by_file(perf, data):
    """{(dso, source file): share}"""
    text = subprocess.run([perf, "report", "-i", data, "--stdio", "--no-children", "-g", "none",
                           "-s", "dso,srcfile", "-t", ";"], check=True, capture_output=True, text=True).stdout
    shares = {}
    for line in text.splitlines():
        fields = [field.strip() for field in line.split(";")]
        if len(fields) == 3 and fields[0].endswith("%"):
            shares[fields[1], fields[2]] = float(fields[0][:-1]) / 100
    return shares


def kernel_layers(perf, data):
    """{layer: share of the kernel's samples}"""
    text = subprocess.run([perf, "script", "-i", data, "-F", "ip,sym,dso"], check=True, capture_output=True,
                          text=True).stdout
    counts = collections.Counter()
    for sample in text.split("\n\n"):
        frames = sample.strip().splitlines()
        if not frames or "[kernel" not in frames[0]:
            continue
        counts[next((layer for name, layer in KERNEL if name in sample), KERNEL_REST)] += 1
    total = sum(counts.values()) or 1
    return {layer: count / total for layer, count in counts.items()}


def layers_of(perf, data):
    kernel = kernel_layers(perf, data)
    layers = collections.Counter()
    for (dso, file), share in by_file(perf, data).items():
        if "kernel" in dso:
            for layer, part in kernel.items():
                layers[layer] += share * part
        elif "libcrypto" in dso:
            layers["AES-GCM (libcrypto)"] += share
        elif "libnghttp2" in dso:
            layers["HTTP/2, HPACK (libnghttp2)"] += share
        elif "libxxhash" in dso:
            layers["block hashes"] += share
        elif "vdso" in dso:
            layers["logs, metrics, clock"] += share
        elif "ringpick" not in dso:
            layers["copies, strings (libc)" if "libc" in dso else "other libraries"] += share
        else:
            layers[next((layer for pattern, layer in LAYERS if re.search(pattern, file)),
                        "not told apart (shared headers)")] += share
    return layers


def profile(bed, perf, backend, case, seconds):
    picker = pickers.Ringpick(backend)
    row = rows.Row(name=case, title=case, figures=(), measure=None)
    server = beds.start(bed, picker, Setup())
    data = bed.file("perf.data")
    try:
        run = beds.Run(bed, row, picker, 0, [server])
        run.warm_up()

        def during(_):
            time.sleep(0.7)
            record(perf, server.workers[0], seconds, data)
        result = run.bench(seconds=seconds + 1.5, during=during, **CASES[case])
    finally:
        server.stop()
    cost = result["server"]["cpu_us_per_stream"] * beds.worker_share(result, server.workers)
    print(f"\n{case}, {backend}: {cost:.1f} us of the worker a stream "
          f"({result['streams']['per_second']:.0f} streams/s)")
    for layer, share in sorted(layers_of(perf, data).items(), key=lambda item: -item[1]):
        print(f"{share * cost:8.2f} us {share * 100:5.1f} %  {layer}")


def main(argv):
    parser = argparse.ArgumentParser(prog="perf/run.sh profile", description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("cases", nargs="*", help=f"of {' '.join(CASES)}; 8K and sse")
    parser.add_argument("--backend", choices=("io_uring", "epoll"), default="io_uring")
    parser.add_argument("--seconds", type=float, default=4)
    options = parser.parse_args(argv)
    unknown = set(options.cases) - set(CASES)
    if unknown:
        parser.error(f"unknown cases: {' '.join(sorted(unknown))}")
    perf = shutil.which("perf")
    if perf is None:
        sys.exit("perf is not installed (Debian: apt install linux-perf)")
    bed = beds.Bed(options.seconds, 0.5, is_quick=True)
    try:
        for case in options.cases or ["8K", "sse"]:
            profile(bed, perf, options.backend, case, options.seconds)
    finally:
        bed.close()


if __name__ == "__main__":
    main(sys.argv[1:])
