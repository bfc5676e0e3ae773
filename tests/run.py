# SPDX-License-Identifier: Apache-2.0
"""Build the presets, run the suites, count. Called by run.sh, which prepares the machine."""
import concurrent.futures
import json
import os
import pathlib
import re
import subprocess
import sys
import time
import xml.etree.ElementTree as ElementTree

ROOT = pathlib.Path(__file__).resolve().parents[1]
VENV_BIN = ROOT / ".venv" / "bin"

# suite -> presets it runs under. What cannot exist under a sanitizer is not listed there.
SUITES = {
    "lint": ["-"],
    "unit": ["dev", "asan"],
    "golden": ["dev", "asan"],
    "fuzz-seeds": ["dev", "asan"],
    "reference": ["dev"],
    "wire": ["dev", "asan"],
    "stress": ["dev", "asan", "tsan"],
    "fuzz": ["fuzz"],
    "e2e": ["dev", "asan"],
    "quickstart": ["release"],
}


FUZZ_SECONDS = 60


class Result:
    def __init__(self, suite, preset):
        self.suite, self.preset = suite, preset
        self.passed, self.failed = 0, 0
        self.by_backend = {}
        self.seconds = 0.0

    def count(self, passed, failed):
        self.passed += passed
        self.failed += failed


def run(argv, **kw):
    return subprocess.run([str(a) for a in argv], cwd=ROOT, stdin=subprocess.DEVNULL, **kw)


def build(preset):
    started = time.monotonic()
    # Of the fuzz preset only the targets are run.
    target = ["--target", "fuzz"] if preset == "fuzz" else []
    for argv in (["cmake", "--preset", preset], ["cmake", "--build", f"build/{preset}", *target]):
        done = run(argv, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        if done.returncode:
            print(done.stdout[-8000:])
            return False
    print(f"built {preset} in {time.monotonic() - started:.0f} s", flush=True)
    return True


def cmocka_counts(output, code):
    """(passed, failed) of a cmocka program, or of any other by its exit code."""
    ran = re.search(r"\[==========\] (?:\w+: )?(\d+) test\(s\) run", output)
    failed = [int(n) for n in re.findall(r"\[  FAILED  \] (?:\w+: )?(\d+) test\(s\)", output)]
    if not ran:
        return (0, 1) if code else (1, 0)
    bad = sum(failed) or (1 if code else 0)
    return max(int(ran[1]) - bad, 0), bad


def run_ctest(suite, preset, result):
    build_dir = ROOT / "build" / preset
    listing = run(["ctest", "--test-dir", build_dir, "-L", f"^{suite}$", "--show-only=json-v1"],
                  capture_output=True, text=True, check=True)
    tests = json.loads(listing.stdout)["tests"]

    def one(test):
        properties = {p["name"]: p["value"] for p in test.get("properties", [])}
        env = {**os.environ, "RINGPICK_BUILD": str(build_dir),
               "PATH": f"{VENV_BIN}:{os.environ['PATH']}"}
        for setting in properties.get("ENVIRONMENT", []):
            key, value = setting.split("=", 1)
            env[key] = value
        try:
            done = subprocess.run(test["command"], cwd=properties.get("WORKING_DIRECTORY", ROOT),
                                  env=env, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                  stderr=subprocess.STDOUT, text=True, errors="replace",
                                  timeout=properties.get("TIMEOUT", 300))
            return test["name"], done.returncode, done.stdout
        except subprocess.TimeoutExpired as error:
            return test["name"], 124, f"{error}\n{(error.stdout or b'').decode(errors='replace')}"

    # Stress tests race on purpose and want the machine for themselves.
    with concurrent.futures.ThreadPoolExecutor(1 if suite == "stress" else 2) as pool:
        for name, code, output in pool.map(one, tests):
            passed, failed = cmocka_counts(output, code)
            result.count(passed, failed)
            if failed or code:
                print(f"--- {name} ({preset}) failed, exit {code}\n{output[-6000:]}", flush=True)
            elif "printed:" in output:
                for line in output.splitlines():
                    if line.startswith("printed:"):
                        print(f"    {name}: {line[8:].strip()}", flush=True)


def run_e2e(preset, result):
    report = ROOT / "build" / preset / "e2e.xml"
    env = {**os.environ, "RINGPICK_BUILD": str(ROOT / "build" / preset),
           "PATH": f"{VENV_BIN}:{os.environ['PATH']}",
           "ASAN_OPTIONS": "detect_leaks=1:abort_on_error=0:log_path=stderr"}
    run([VENV_BIN / "pytest", "-q", "-n", "2", "--dist", "worksteal", "--junitxml", report, "-rP",
         "tests/e2e"], env=env, stdout=open(report.with_suffix(".log"), "w"), stderr=subprocess.STDOUT)
    ids = {"io_uring": set(), "epoll": set()}
    cases = ElementTree.parse(report).getroot().iter("testcase") if report.exists() else ()
    for case in cases:
        name = f"{case.get('classname')}.{case.get('name')}"
        # A skip is a failure: a machine that run.sh has prepared lacks nothing.
        bad = [child for child in case if child.tag in ("failure", "error", "skipped")]
        result.count(0 if bad else 1, 1 if bad else 0)
        for child in bad:
            print(f"--- {name} ({preset}): {child.tag}\n{(child.text or child.get('message'))[-6000:]}",
                  flush=True)
        for backend, seen in ids.items():
            if re.search(rf"[\[-]{backend}[\]-]", name):
                seen.add(name.replace(backend, "*"))
                passed, failed = result.by_backend.get(backend, (0, 0))
                result.by_backend[backend] = (passed + (not bad), failed + bool(bad))
    if ids["io_uring"] != ids["epoll"]:
        print(f"--- the back ends ran different tests: {ids['io_uring'] ^ ids['epoll']}")
        result.count(0, 1)


def run_lint(result):
    for check in sorted((ROOT / "tests" / "lint").glob("check_*.py")):
        done = run([VENV_BIN / "python", check], capture_output=True, text=True)
        result.count(*((0, 1) if done.returncode else (1, 0)))
        if done.returncode:
            print(f"--- {check.name}\n{done.stdout[-4000:]}{done.stderr[-4000:]}", flush=True)


def run_fuzz(result):
    done = run(["tests/fuzz.sh", FUZZ_SECONDS], stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
               text=True, errors="replace")
    result.count(len(re.findall("^ok ", done.stdout, re.M)),
                 len(re.findall("^FINDING ", done.stdout, re.M)))
    if done.returncode and not result.failed:
        result.count(0, 1)
    for line in done.stdout.splitlines() if not result.failed else []:
        print(f"    {line}")
    if result.failed:
        print(f"--- tests/fuzz.sh, exit {done.returncode}\n{done.stdout[-8000:]}", flush=True)


def run_quickstart(result):
    done = run(["deploy/quickstart.sh", "--once"], stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
               text=True)
    good = done.returncode == 0 and "200 OK" in done.stdout and "text_completion" in done.stdout
    result.count(*((1, 0) if good else (0, 1)))
    if not good:
        print(f"--- quickstart --once, exit {done.returncode}\n{done.stdout[-6000:]}", flush=True)


def main():
    wanted = sys.argv[1:]
    if wanted == ["--list"]:
        print("\n".join(SUITES))
        return 0
    unknown = set(wanted) - set(SUITES)
    if unknown:
        print(f"unknown suite {', '.join(sorted(unknown))}; known: {' '.join(SUITES)}")
        return 2
    suites = {name: presets for name, presets in SUITES.items() if not wanted or name in wanted}
    broken = {preset for preset in sorted({p for ps in suites.values() for p in ps} - {"-", "release"})
              if not build(preset)}
    results = []
    for suite, presets in suites.items():
        for preset in presets:
            result = Result(suite, preset)
            started = time.monotonic()
            if preset in broken:
                print(f"--- {suite}: {preset} does not build")
                result.count(0, 1)
            elif suite == "lint":
                run_lint(result)
            elif suite == "e2e":
                run_e2e(preset, result)
            elif suite == "fuzz":
                run_fuzz(result)
            elif suite == "quickstart":
                run_quickstart(result)
            else:
                run_ctest(suite, preset, result)
            if result.passed + result.failed == 0:
                print(f"--- {suite} ({preset}) has no test")
                result.count(0, 1)
            result.seconds = time.monotonic() - started
            results.append(result)
            print(f"{suite} ({preset}): {result.passed} passed, {result.failed} failed, "
                  f"{result.seconds:.0f} s", flush=True)
    print("\nsuite         preset     passed  failed  seconds")
    for result in results:
        print(f"{result.suite:13} {result.preset:9} {result.passed:7} {result.failed:7} "
              f"{result.seconds:8.0f}")
        for backend, (passed, failed) in sorted(result.by_backend.items()):
            print(f"  on {backend:19} {passed:7} {failed:7}")
    failed = sum(r.failed for r in results)
    print(f"\n{sum(r.passed for r in results)} passed, {failed} failed", flush=True)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
