# SPDX-License-Identifier: Apache-2.0
"""The two loop back ends: choice, fall-back under seccomp, and what io_uring does not call."""
import ctypes
import ctypes.util
import re
import signal
import subprocess
import time

import pytest

from tests.support.processes import http_get, wait_until

BODY = {"model": "reviews-1", "prompt": "What do reviewers think?", "max_tokens": 5}


def deny_io_uring():
    """Runs in the child before exec: what container runtimes' default profiles do."""
    seccomp = ctypes.CDLL(ctypes.util.find_library("seccomp") or "libseccomp.so.2", use_errno=True)
    seccomp.seccomp_init.restype = ctypes.c_void_p
    seccomp.seccomp_init.argtypes = [ctypes.c_uint32]
    seccomp.seccomp_rule_add.argtypes = [ctypes.c_void_p, ctypes.c_uint32, ctypes.c_int, ctypes.c_uint]
    seccomp.seccomp_load.argtypes = [ctypes.c_void_p]
    context = seccomp.seccomp_init(0x7FFF0000)  # SCMP_ACT_ALLOW
    for name in (b"io_uring_setup", b"io_uring_enter", b"io_uring_register"):
        number = seccomp.seccomp_syscall_resolve_name(name)
        assert seccomp.seccomp_rule_add(context, 0x00050001, number, 0) == 0  # SCMP_ACT_ERRNO(EPERM)
    assert seccomp.seccomp_load(context) == 0


def test_backend_in_use_is_reported(parts, backend):
    sim = parts.sim(count=1)
    ringpick = parts.ringpick(sim.endpoints, backend=backend)
    assert ringpick.sum("ringpick_io_backend", backend=backend) == 1
    assert any(line["msg"] == "Event loop" and line["backend"] == backend for line in ringpick.json_log())


def test_default_start_takes_io_uring_here(parts):
    sim = parts.sim(count=1)
    ringpick = parts.ringpick(sim.endpoints)
    assert ringpick.sum("ringpick_io_backend", backend="io_uring") == 1


def test_seccomp_denial_falls_back_and_says_so(parts):
    sim = parts.sim(count=2)
    ringpick = parts.ringpick(sim.endpoints, workers=2, preexec_fn=deny_io_uring)
    assert ringpick.sum("ringpick_io_backend", backend="epoll") >= 1
    assert ringpick.sum("ringpick_io_backend", backend="io_uring") == 0
    wait_until(lambda: any(line["msg"] == "Event loop" and line["backend"] == "epoll" and line["reason"]
                           for line in ringpick.json_log()), "the log says why")
    envoy = parts.envoy(ringpick)
    assert envoy.post("/v1/completions", BODY)[0] == 200


def test_forced_io_uring_under_seccomp_refuses_to_start(parts):
    ringpick = parts.ringpick(["127.0.0.1:1"], backend="io_uring", wait=False,
                              preexec_fn=deny_io_uring)
    try:
        assert ringpick.child.wait(30) == 1
        assert "io_uring" in ringpick.log()
    finally:
        ringpick.child.returncode = 0  # the fixture expects a clean end; this one ended as it must


def cpu_seconds(pid):
    with open(f"/proc/{pid}/schedstat", encoding="ascii") as file:
        return int(file.read().split()[0]) / 1e9


@pytest.mark.parametrize("microseconds", [0, 100000])
def test_busy_poll_takes_a_core_and_only_when_asked_for(parts, backend, microseconds):
    sim = parts.sim(count=2)
    ringpick = parts.ringpick(sim.endpoints, backend=backend, args=[f"--busy-poll-us={microseconds}"])
    envoy = parts.envoy(ringpick)
    for _ in range(20):
        assert envoy.post("/v1/completions", BODY)[0] == 200
    worker = ringpick.children()[0]
    before = cpu_seconds(worker)
    time.sleep(2)
    spent = cpu_seconds(worker) - before
    print(f"an idle worker used {spent:.3f} s of CPU time in 2 s")
    # Idle, a worker wakes for its tick four times a second: it polls 0.1 s of 0.25.
    if microseconds > 0:
        assert spent > 0.2
    else:
        assert spent < 0.1


def test_busy_io_uring_worker_makes_no_socket_calls(parts):
    sim = parts.sim(count=2)
    ringpick = parts.ringpick(sim.endpoints, backend="io_uring")
    envoy = parts.envoy(ringpick)
    assert envoy.post("/v1/completions", BODY)[0] == 200
    worker = ringpick.children()[0]
    trace = ringpick.log_path.with_suffix(".strace")
    strace = subprocess.Popen(["strace", "-f", "-qq", "-o", str(trace), "-p", str(worker)],
                              stderr=subprocess.DEVNULL)
    try:
        time.sleep(0.5)
        for _ in range(100):
            assert envoy.post("/v1/completions", BODY)[0] == 200
        time.sleep(0.2)
    finally:
        strace.send_signal(signal.SIGINT)
        strace.wait(10)
    calls = [match[1] for match in re.finditer(r"^\d+ +(\w+)\(", trace.read_text(), re.M)]
    count = {name: calls.count(name) for name in set(calls)}
    print("system calls of a busy worker:", count)
    assert count.get("io_uring_enter", 0) > 50, "the trace saw no work"
    socket_calls = {"recv", "recvfrom", "recvmsg", "read", "send", "sendto", "sendmsg", "write", "writev",
                    "accept", "accept4", "epoll_wait", "epoll_pwait", "epoll_pwait2", "epoll_ctl",
                    "poll", "select"}
    assert not socket_calls & set(count), count


def test_metrics_and_probes_answer(parts, backend):
    from prometheus_client.parser import text_string_to_metric_families
    sim = parts.sim(count=2)
    ringpick = parts.ringpick(sim.endpoints, backend=backend, workers=2,
                              args=["--enable-grpc-stream-metrics"])
    envoy = parts.envoy(ringpick)
    for i in range(10):
        assert envoy.post("/v1/completions", {**BODY, "prompt": f"prompt {i} " * 40})[0] == 200
    families = {f.name: f for f in text_string_to_metric_families(ringpick.metrics_text())}
    for name in ("llm_d_epp_request", "llm_d_epp_request_duration_seconds", "llm_d_epp_ready_endpoints",
                 "llm_d_epp_scheduler_e2e_duration_seconds", "llm_d_epp_scheduler_attempts",
                 "llm_d_epp_plugin_duration_seconds", "llm_d_epp_prefix_indexer_size",
                 "llm_d_epp_extproc_streams", "llm_d_epp_info", "inference_objective_request",
                 "inference_pool_ready_pods", "inference_extension_scheduler_e2e_duration_seconds"):
        assert name in families, (name, sorted(families))
    for family in families.values():
        assert family.documentation, family.name
    assert http_get(ringpick.metrics_port, "/debug/pprof/")[0] == 404
    wait_until(lambda: ringpick.sum("llm_d_epp_request_total") == 10, "ten requests are counted")
    assert ringpick.sum("inference_objective_request_total") == 10
