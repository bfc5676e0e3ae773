# SPDX-License-Identifier: Apache-2.0
"""The supervisor alone: exit codes and messages, busy ports, deaths and respawns, drain, reload."""
import contextlib
import http.server
import json
import os
import pathlib
import signal
import socket
import ssl
import subprocess
import threading
import time

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILD = pathlib.Path(os.environ.get("RINGPICK_BUILD", ROOT / "build" / "dev"))
PATIENCE = 4 if "san" in BUILD.name else 1
TWO = ('endpoints:\n- {name: a, address: 127.0.0.1, port: "9"}\n'
       '- {name: b, address: 127.0.0.1, port: "10"}\n')


def wait_until(condition, what, seconds=10):
    deadline = time.monotonic() + seconds * PATIENCE
    while time.monotonic() < deadline:
        value = condition()
        if value:
            return value
        time.sleep(0.01)
    raise AssertionError(f"waited in vain: {what}")


class Ringpick:
    """A started ringpick whose ports the kernel chooses; the log tells which."""

    def __init__(self, tmp_path, *args, endpoints=TWO, workers=2):
        self.endpoints = tmp_path / "endpoints.yaml"
        self.endpoints.write_text(endpoints)
        self.log_path = tmp_path / "log"
        with open(self.log_path, "wb") as log:
            self.child = subprocess.Popen(
                [BUILD / "ringpick", f"--endpoints-file={self.endpoints}", f"--workers={workers}",
                 "--grpc-port=0", "--grpc-health-port=0", "--metrics-port=0",
                 "--drain-timeout=0s", *args], stdout=log, stderr=log, stdin=subprocess.DEVNULL)
        self.workers = workers

    def lines(self, msg=None):
        found = []
        for line in self.log_path.read_text().splitlines():
            with contextlib.suppress(ValueError):
                found.append(json.loads(line))
        return [line for line in found if msg is None or line["msg"] == msg]

    def wait_line(self, msg, count=1, **fields):
        def matching():
            assert self.child.poll() is None or self.child.returncode == 0, self.log_path.read_text()
            lines = [line for line in self.lines(msg) if fields.items() <= line.items()]
            return lines if len(lines) >= count else None
        return wait_until(matching, f"{msg} {fields}")[-1]

    def wait_serving(self):
        port = self.wait_line("gRPC server listening", name="ext-proc")["port"]
        for i in range(self.workers):
            self.wait_line("Worker ready", worker=i)
        return port

    def child_pid(self, program, index=None):
        for task in pathlib.Path(f"/proc/{self.child.pid}/task").iterdir():
            for pid in (task / "children").read_text().split():
                with contextlib.suppress(OSError):
                    argv = pathlib.Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
                    if argv[0] == program.encode() and index in (None, argv[1].decode()):
                        return int(pid)
        return None

    def stop(self, expected=0):
        if self.child.poll() is None:
            self.child.send_signal(signal.SIGTERM)
        try:
            code = self.child.wait(20 * PATIENCE)
        finally:
            self.child.kill()
            self.child.wait()
        log = self.log_path.read_text()
        assert code == expected, log
        for finding in ("AddressSanitizer", "LeakSanitizer", "runtime error:", "assertion failed"):
            assert finding not in log, log


@pytest.fixture
def start(tmp_path):
    started = []

    def make(*args, **kw):
        started.append(Ringpick(tmp_path, *args, **kw))
        return started[-1]

    yield make
    for one in started:
        if one.child.poll() is None:
            one.stop()


def run(*args, timeout=20):
    done = subprocess.run([BUILD / "ringpick", *args], capture_output=True, text=True,
                          timeout=timeout * PATIENCE, check=False)
    return done.returncode, done.stdout, done.stderr


def run_on_free_ports(*args):
    return run("--grpc-port=0", "--grpc-health-port=0", "--metrics-port=0", "--workers=1", *args)


def test_help_and_version_go_to_stdout_and_exit_0():
    code, out, _ = run("--help")
    assert code == 0 and "--endpoints-file" in out and "ringpick check" in out
    assert max(map(len, out.splitlines())) <= 100
    code, out, _ = run("--version")
    assert code == 0 and out.startswith("ringpick ")


def test_unknown_flag_prints_usage_and_exits_2():
    code, _, err = run("--bogus")
    assert code == 2 and "--bogus" in err and "Usage" in err


def test_contradicting_flags_exit_1_with_a_sentence():
    code, _, err = run("--config-file=x", "--config-text=y")
    assert code == 1 and "Failed to validate flags" in err and "config-text" in err


def seconds_to_the_first_handshake(start):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    context.set_alpn_protocols(["h2"])
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    begin = time.monotonic()
    ringpick = start(f"--grpc-port={port}")
    while True:
        with contextlib.suppress(ConnectionRefusedError):
            connection = socket.create_connection(("127.0.0.1", port), timeout=5)
            break
        assert time.monotonic() - begin < 10 * PATIENCE
        time.sleep(0.0005)
    with context.wrap_socket(connection) as secure:
        assert secure.selected_alpn_protocol() == "h2"
    seconds = time.monotonic() - begin
    ringpick.stop()
    return seconds


def test_from_start_to_the_first_handshake(start, capsys):
    """50 ms are the aim; only what is badly wrong fails here, on a machine that has other work, too."""
    seconds = min(seconds_to_the_first_handshake(start) for _ in range(3))
    with capsys.disabled():
        print(f"\nfrom start to the first TLS handshake: {seconds * 1000:.1f} ms")
    assert seconds < 0.5 * PATIENCE


def test_huge_pages_or_a_line_that_says_there_are_none(start):
    ringpick = start("--huge-pages")
    ringpick.wait_serving()
    path = pathlib.Path("/sys/kernel/mm/transparent_hugepage/shmem_enabled")
    if path.exists() and any(f"[{word}]" in path.read_text() for word in ("always", "within_size", "advise")):
        assert ringpick.lines("The prefix index uses huge pages")
    else:
        line, = ringpick.lines("No huge pages for shared memory: small ones are used")
        assert str(path) in line["remedy"]
    ringpick.stop()


def test_no_source_of_endpoints_exits_1_with_a_sentence():
    code, _, err = run_on_free_ports()
    assert code == 1 and "--endpoints-file" in err and "Kubernetes" in err


def test_missing_endpoints_file_exits_1_and_names_it(tmp_path):
    code, _, err = run_on_free_ports(f"--endpoints-file={tmp_path}/none.yaml")
    assert code == 1 and f"{tmp_path}/none.yaml: cannot be opened" in err


def test_bad_endpoint_at_start_exits_1_with_line_and_column(tmp_path):
    path = tmp_path / "ep.yaml"
    path.write_text(TWO + "- {name: c, address: example.com, port: '1'}\n")
    code, _, err = run_on_free_ports(f"--endpoints-file={path}")
    assert code == 1 and f"{path}:4:3: address must be" in err
    path.write_text("endpoints:\n- name: a\n  address: 127.0.0.1\n  port: 80\n")
    code, _, err = run_on_free_ports(f"--endpoints-file={path}")
    assert code == 1 and f"{path}:4:9: port must be a string" in err


def test_bad_configuration_exits_1_with_line_and_column(tmp_path):
    endpoints, config = tmp_path / "ep.yaml", tmp_path / "config.yaml"
    endpoints.write_text(TWO)
    config.write_text("apiVersion: llm-d.ai/v1alpha1\nkind: EndpointPickerConfig\nbogus: 1\n")
    code, _, err = run_on_free_ports(f"--endpoints-file={endpoints}", f"--config-file={config}")
    assert code == 1 and f"{config}:3:1: " in err and "bogus" in err
    code, _, err = run("check", str(config))
    assert code == 1 and err.startswith(f"{config}:3:1: ")
    config.write_text("apiVersion: llm-d.ai/v1alpha1\nkind: EndpointPickerConfig\n")
    code, out, _ = run("check", str(config))
    assert code == 0 and "\n  type: max-score-picker\n" in out
    assert run("check")[0] == 2


def test_bad_certificate_exits_1_and_names_it(tmp_path):
    endpoints = tmp_path / "ep.yaml"
    endpoints.write_text(TWO)
    code, _, err = run_on_free_ports(f"--endpoints-file={endpoints}", f"--cert-path={tmp_path}")
    assert code == 1 and f"cannot read {tmp_path}/tls.crt" in err


@pytest.mark.parametrize("flag", ["--grpc-port", "--grpc-health-port", "--metrics-port"])
@pytest.mark.parametrize("family,address", [(socket.AF_INET, "0.0.0.0"), (socket.AF_INET6, "::")])
def test_busy_port_exits_1_and_names_port_and_flag(tmp_path, flag, family, address):
    endpoints = tmp_path / "ep.yaml"
    endpoints.write_text(TWO)
    with socket.socket(family) as other:
        other.bind((address, 0))
        other.listen()
        port = other.getsockname()[1]
        code, _, err = run_on_free_ports(f"--endpoints-file={endpoints}", f"{flag}={port}")
    assert code == 1 and f"port {port} is in use" in err and f"with {flag}" in err


def test_ports_are_free_as_soon_as_it_has_ended(tmp_path):
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(socket.create_server(("", 0))) for _ in range(3)]
        ports = [s.getsockname()[1] for s in sockets]
    flags = ["--grpc-port", "--grpc-health-port", "--metrics-port"]
    for _ in range(10):
        code, _, err = run(f"--endpoints-file={tmp_path}/missing",
                           *(f"{flag}={port}" for flag, port in zip(flags, ports)))
        assert code == 1 and "cannot be opened" in err, err


def somebody_listens(port):
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=5) as connection:
            # A port nobody listens on may have been given to this very end.
            return connection.getsockname() != connection.getpeername()
    except OSError:
        return False


def test_starts_serves_and_ends_with_0(start):
    ringpick = start()
    port = ringpick.wait_serving()
    line = ringpick.wait_line("Starting")
    assert line["workers"] == 2 and line["grpcPort"] == port and 1 << 28 < line["maxMemoryBytes"]
    for address in ("127.0.0.1", "::1"):
        socket.create_connection((address, port), timeout=5).close()
    ringpick.stop()
    assert not somebody_listens(port)


@pytest.mark.parametrize("round_", range(2))
def test_killed_worker_comes_back(start, round_):
    ringpick = start()
    port = ringpick.wait_serving()
    old = ringpick.child_pid("ringpick-worker", str(round_))
    os.kill(old, signal.SIGKILL)
    line = ringpick.wait_line("Worker restarted", worker=round_)
    assert line["pid"] != old and line["respawnSeconds"] < 1 * PATIENCE
    assert ringpick.wait_line("Worker died", worker=round_)["signal"] == "KILL"
    socket.create_connection(("127.0.0.1", port), timeout=5).close()


def test_worker_that_dies_at_once_again_and_again_waits_longer_each_time(start):
    ringpick = start(workers=1)
    ringpick.wait_serving()
    deaths = 0
    until = time.monotonic() + 1.5
    while time.monotonic() < until:
        pid = ringpick.child_pid("ringpick-worker", "0")
        if pid:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
                deaths += 1
        time.sleep(0.002)
    started = len(ringpick.lines("Worker started"))
    assert 3 <= started <= 20, started
    ringpick.wait_line("Worker restarted")


def test_killed_control_comes_back_and_goes_on(start):
    ringpick = start()
    ringpick.wait_serving()
    first = ringpick.wait_line("Endpoints published")
    os.kill(ringpick.child_pid("ringpick-control"), signal.SIGKILL)
    line = ringpick.wait_line("Endpoints published", count=2)
    assert line["tableGeneration"] == first["tableGeneration"] + 1
    assert line["configGeneration"] == first["configGeneration"] + 1
    assert line["ts"] - ringpick.wait_line("Control died")["ts"] < 1 * PATIENCE
    assert not ringpick.lines("Worker died")


def test_killed_control_comes_back_even_if_the_endpoints_file_is_bad_by_now(start):
    ringpick = start()
    ringpick.wait_serving()
    ringpick.endpoints.write_text("")
    ringpick.wait_line("The endpoints file is refused: the endpoints stay as they are")
    os.kill(ringpick.child_pid("ringpick-control"), signal.SIGKILL)
    ringpick.wait_line("The endpoints file is refused: the endpoints stay as they are", count=2)
    ringpick.endpoints.write_text(TWO)
    ringpick.wait_line("Endpoints published", count=2, endpoints=2)
    assert len(ringpick.lines("Control died")) == 1


def test_stalled_worker_is_killed_and_comes_back(start):
    ringpick = start()
    ringpick.wait_serving()
    os.kill(ringpick.child_pid("ringpick-worker", "1"), signal.SIGSTOP)
    ringpick.wait_line("Worker is stalled and is killed", worker=1)
    ringpick.wait_line("Worker restarted", worker=1)
    assert not [line for line in ringpick.lines("Worker died") if line["worker"] == 0]


def test_endpoints_file_is_reloaded(start):
    ringpick = start()
    ringpick.wait_serving()
    new = ringpick.endpoints.with_suffix(".new")
    new.write_text(TWO + "- {name: c, address: 127.0.0.1, port: '11'}\n")
    new.rename(ringpick.endpoints)
    ringpick.wait_line("Endpoints published", endpoints=3)
    ringpick.endpoints.write_text("endpoints: []\n")
    ringpick.wait_line("Endpoints published", endpoints=0)
    ringpick.endpoints.write_text("")
    ringpick.wait_line("The endpoints file is refused: the endpoints stay as they are")
    assert ringpick.lines("Endpoints published")[-1]["endpoints"] == 0
    ringpick.endpoints.write_text(TWO.replace("127.0.0.1", "nowhere", 1))
    ringpick.wait_line("Entries of the endpoints file are left out", refused=1)
    ringpick.wait_line("Endpoints published", endpoints=1)


def test_certificate_is_reloaded_and_a_bad_one_is_not(start, tmp_path):
    def make(name):
        subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt",
                        "ec_paramgen_curve:P-256", "-nodes", "-days", "1", "-subj", f"/CN={name}",
                        "-keyout", tmp_path / "tls.key", "-out", tmp_path / "tls.crt"],
                       check=True, capture_output=True)

    make("first")
    ringpick = start(f"--cert-path={tmp_path}", "--enable-cert-reload=true")
    ringpick.wait_serving()
    make("second")
    ringpick.wait_line("Certificate reloaded")
    (tmp_path / "tls.key").write_text("nonsense")
    line = ringpick.wait_line("The certificate cannot be reloaded: the former one stays in use")
    assert "tls.key" in line["error"]


def test_sigterm_drains_for_the_timeout_then_ends_with_0(start):
    ringpick = start("--drain-timeout=700ms")
    port = ringpick.wait_serving()
    begun = time.monotonic()
    ringpick.child.send_signal(signal.SIGTERM)
    ringpick.wait_line("Draining: still accepting, health says NOT_SERVING")
    socket.create_connection(("127.0.0.1", port), timeout=5).close()
    assert ringpick.child.wait(20 * PATIENCE) == 0
    assert time.monotonic() - begun >= 0.7
    ringpick.stop()


def test_second_signal_ends_at_once_with_1(start):
    ringpick = start("--drain-timeout=60s")
    ringpick.wait_serving()
    children = [ringpick.child_pid("ringpick-control"), ringpick.child_pid("ringpick-worker", "0")]
    ringpick.child.send_signal(signal.SIGTERM)
    ringpick.wait_line("Draining: still accepting, health says NOT_SERVING")
    ringpick.child.send_signal(signal.SIGINT)
    assert ringpick.child.wait(5 * PATIENCE) == 1
    assert not [pid for pid in children if pathlib.Path(f"/proc/{pid}").exists()]


def test_worker_that_does_not_end_is_killed_after_the_drain_limit(start):
    ringpick = start("--drain-limit=500ms")
    ringpick.wait_serving()
    os.kill(ringpick.child_pid("ringpick-worker", "0"), signal.SIGSTOP)
    begun = time.monotonic()
    ringpick.child.send_signal(signal.SIGTERM)
    assert ringpick.child.wait(20 * PATIENCE) == 0
    assert time.monotonic() - begun >= 0.5
    assert ringpick.lines("Streams are still open after --drain-limit: killed")[0]["worker"] == 0
    ringpick.stop()


def test_endpoints_are_scraped_again_within_a_second_after_control_was_killed(start):
    scraped = []

    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *args):
            pass

        def do_GET(self):
            scraped.append(time.monotonic())
            body = b"vllm:num_requests_waiting 3\n"
            self.send_response(200)
            self.send_header("content-type", "text/plain")
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, daemon=True).start()
        ringpick = start(endpoints="endpoints: [{name: a, address: 127.0.0.1, "
                                   f"port: '{server.server_port}'}}]\n")
        ringpick.wait_serving()
        wait_until(lambda: len(scraped) >= 3, "scrapes")
        os.kill(ringpick.child_pid("ringpick-control"), signal.SIGKILL)
        killed = time.monotonic()
        first = wait_until(lambda: [t for t in scraped if t > killed + 0.02], "a scrape")[0]
        print(f"scraped again after {first - killed:.3f} s")
        assert first - killed < 10 * PATIENCE
        ringpick.stop()
        server.shutdown()


def test_children_die_with_a_killed_supervisor(start):
    ringpick = start()
    ringpick.wait_serving()
    children = [ringpick.child_pid("ringpick-control"), ringpick.child_pid("ringpick-worker", "0")]
    ringpick.child.kill()
    ringpick.child.wait()

    def is_gone(pid):
        with contextlib.suppress(OSError):
            return pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] == "Z"
        return True
    wait_until(lambda: all(is_gone(pid) for pid in children), "children are gone")


def test_goes_on_when_nobody_reads_the_log(tmp_path):
    (tmp_path / "ep.yaml").write_text(TWO)
    port = socket.create_server(("127.0.0.1", 0)).getsockname()[1]
    child = subprocess.Popen(
        [BUILD / "ringpick", f"--endpoints-file={tmp_path}/ep.yaml", "--workers=1",
         f"--grpc-port={port}", "--grpc-health-port=0", "--metrics-port=0", "--drain-timeout=0s"],
        stderr=subprocess.PIPE, stdin=subprocess.DEVNULL)
    try:
        for line in child.stderr:
            if b'"ext-proc"' in line:
                break
        child.stderr.close()
        for task in pathlib.Path(f"/proc/{child.pid}/task").iterdir():
            for pid in (task / "children").read_text().split():
                os.kill(int(pid), signal.SIGKILL)
        time.sleep(0.5 * PATIENCE)
        socket.create_connection(("127.0.0.1", port), timeout=5).close()
        child.send_signal(signal.SIGTERM)
        assert child.wait(20 * PATIENCE) == 0
    finally:
        child.kill()
        child.wait()


def test_children_get_exactly_their_descriptors(start):
    with open("/dev/null", "rb") as leak:
        os.set_inheritable(leak.fileno(), True)
        ringpick = start()
        ringpick.wait_serving()
    pid = ringpick.child_pid("ringpick-worker", "0")
    descriptors = {int(name): os.readlink(f"/proc/{pid}/fd/{name}")
                   for name in os.listdir(f"/proc/{pid}/fd")}
    assert "ringpick-tables" in descriptors[3] and "ringpick-live" in descriptors[4]
    flags = pathlib.Path(f"/proc/{pid}/fdinfo/3").read_text()
    assert int(flags.split("flags:")[1].split()[0], 8) & os.O_ACCMODE == os.O_RDONLY
    assert all(number <= 2 or target != "/dev/null" for number, target in descriptors.items())
