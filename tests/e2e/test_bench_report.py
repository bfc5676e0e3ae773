# SPDX-License-Identifier: Apache-2.0
"""The report of ringpick-bench as a file: its structure, not its looks. The plain server is what is
measured here, so that it is tried too."""
import contextlib
import html.parser
import json
import subprocess

import pytest

from tests.support.processes import BUILD, PATIENCE, Process, wait_until

VOID = {"meta", "link", "br", "hr", "img", "input"}
NASTY = "</script><img src=x onerror=alert(1)><!-- \u2028 \"&amp;\""


class Page(html.parser.HTMLParser):
    """Elements with their attributes, texts of scripts; what is not closed in order is a fault."""

    def __init__(self, text):
        super().__init__()
        self.elements, self.scripts, self.open, self.faults = [], [], [], []
        self.feed(text)
        self.close()
        self.faults += self.open

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)
        if tag == "script":
            self.scripts.append("")

    def handle_endtag(self, tag):
        if not self.open or self.open.pop() != tag:
            self.faults.append(f"</{tag}>")

    def handle_data(self, data):
        if self.open and self.open[-1] == "script":
            self.scripts[-1] += data

    def all(self, tag):
        return [attributes for name, attributes in self.elements if name == tag]


def read_report(path):
    """The page, checked for what every report has, and its data."""
    page = Page(path.read_text())
    assert page.faults == []
    assert page.all("html")[0]["lang"] == "en"
    metas = page.all("meta")
    assert any(m.get("name") == "viewport" for m in metas)
    policy = next(m["content"] for m in metas if m.get("http-equiv") == "Content-Security-Policy")
    assert "default-src 'none'" in policy
    assert [tag for tag, attributes in page.elements
            if tag in ("link", "img", "iframe") or {"src", "href", "onerror"} & attributes.keys()] == []
    assert [s.get("type") for s in page.all("script")] == ["application/json", None]
    return json.loads(page.scripts[0])


def bench(*args):
    return subprocess.run([BUILD / "ringpick-bench", *map(str, args)], capture_output=True, text=True,
                          timeout=60 * PATIENCE)


@contextlib.contextmanager
def bare_server(directory, *args):
    server = Process("bare", [BUILD / "ringpick-bare", *args], directory)
    try:
        wait_until(lambda: server.log().startswith("listening "), "ringpick-bare listens")
        yield int(server.log().split()[1])
    finally:
        code = server.stop()
    assert code == 0, server.log()


@pytest.mark.parametrize("mode", ["--tls", "--h2c"])
def test_a_run_against_the_plain_server_makes_a_report(tmp_path, mode):
    with bare_server(tmp_path, *(["--h2c"] if mode == "--h2c" else [])) as port:
        done = bench("--target", f"127.0.0.1:{port}", mode, "--check", "shape", "--requests", 200,
                     "--body-bytes", 70000, "--answer", "sse", "--html", tmp_path / "run.html",
                     "--json", tmp_path / "run.json", "--quiet")
    assert done.returncode == 0, done.stdout + done.stderr
    run = read_report(tmp_path / "run.html")
    assert run == json.loads((tmp_path / "run.json").read_text())
    assert run["streams"]["wrong"] == 0 and run["streams"]["failed"] == 0
    assert run["pick_latency_us"]["count"] > 0 and run["chunk_delay_us"]["count"] > 0


def test_files_are_compared_under_their_names(tmp_path):
    runs = [{"tool": "ringpick-bench", "config": {"target": NASTY}}, {"config": None}]
    for name, run in zip("ab", runs):
        (tmp_path / f"{name}.json").write_text(json.dumps(run, ensure_ascii=False))
    done = bench("report", tmp_path / "out.html", tmp_path / "a.json", tmp_path / "b.json")
    assert (done.returncode, done.stderr) == (0, "")
    assert read_report(tmp_path / "out.html") == [{"label": "a", "run": runs[0]},
                                                  {"label": "b", "run": runs[1]}]


def test_a_report_that_cannot_be_made_is_told(tmp_path):
    (tmp_path / "cut.json").write_text('{"tool":')
    for out, source, why in ((tmp_path / "out.html", "cut.json", "malformed input"),
                             (tmp_path / "out.html", "none.json", "No such file or directory")):
        done = bench("report", out, tmp_path / source)
        assert done.returncode == 1
        assert why in done.stderr and source in done.stderr
        assert not out.exists()
    (tmp_path / "good.json").write_text("{}")
    done = bench("report", "/dev/full", tmp_path / "good.json")
    assert done.returncode == 1 and "No space left on device" in done.stderr
    assert bench("report").returncode == 2
