# SPDX-License-Identifier: Apache-2.0
"""`ringpick check`: exit codes, messages, and an effective configuration that loads alike."""
import os
import pathlib
import subprocess

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILD = pathlib.Path(os.environ.get("RINGPICK_BUILD", ROOT / "build" / "dev"))
SAMPLES = ROOT / "config" / "samples"
EXPERIMENTAL = "--allow-experimental-plugins"


def check(*args, stdin=None):
    done = subprocess.run([BUILD / "ringpick", "check", *map(str, args)], input=stdin, text=True,
                          capture_output=True, timeout=60, check=False)
    return done.returncode, done.stdout, done.stderr


def must_pass(*args, stdin=None):
    code, out, err = check(*args, stdin=stdin)
    assert code == 0, err
    return out, err


def bare(text):
    """The lines without comments, and without lines that are nothing else."""
    lines = [line for line in text.splitlines() if not line.lstrip().startswith("#")]
    return [line.split("  # ")[0] for line in lines]


@pytest.mark.parametrize("name, options", [
    ("istio-howto", []), ("lora", []), ("disaggregation", []), ("sticky-sessions", [EXPERIMENTAL]),
    ("engines", []), ("file-discovery", [])])
def test_a_sample_passes_and_its_effect_passes_with_the_same_effect(name, options):
    out, _ = must_pass(*options, SAMPLES / f"{name}.yaml")
    again, _ = must_pass(*options, "-", stdin=out)
    assert bare(again) == bare(out)
    assert not any("# added" in line for line in again.splitlines()
                   if not line.lstrip().startswith("#"))


def test_what_is_not_built_is_refused_with_place_and_sentence():
    path = SAMPLES / "precise-prefix-cache.yaml"
    code, out, err = check(path)
    assert (code, out) == (1, "")
    assert err.startswith(f"{path}:") and "this build" in err
    path = SAMPLES / "flow-control.yaml"
    code, out, err = check(path)
    assert (code, out) == (1, "")
    assert err.startswith(f"{path}:6:15: feature gate flowControl is known but not built yet")


def test_flow_control_without_its_gate_works_and_says_what_is_ignored():
    text = (SAMPLES / "flow-control.yaml").read_text().replace("featureGates: [flowControl]\n", "")
    out, err = must_pass("-", stdin=text)
    assert "flowControl is ignored, but for its saturationDetector" in err
    assert "    pluginRef: concurrency-detector\n" in out
    assert "  maxRequests: \"2k\"\n" in out


def test_experimental_plugins_need_the_flag_and_are_all_named():
    path = SAMPLES / "sticky-sessions.yaml"
    code, _, err = check(path)
    assert code == 1
    assert "'utilization-filter'" in err and "'session-affinity-filter'" in err
    assert EXPERIMENTAL in err


def test_text_and_file_and_standard_input_are_the_same(tmp_path):
    text = "plugins: [{type: queue-scorer}]\n"
    path = tmp_path / "a.yaml"
    path.write_text(text)
    out, _ = must_pass(path)
    assert must_pass("-", stdin=text)[0] == out
    assert must_pass("--config-text", text)[0] == out
    assert must_pass(f"--config-text={text}")[0] == out


def test_errors_name_the_source():
    text = "plugins:\n- type: quue-scorer\n"
    assert check("-", stdin=text)[2].startswith("standard input:2:9: ")
    assert check("--config-text", text)[2].startswith("--config-text:2:9: ")
    code, _, err = check("--config-text", "plugins: [{type: core-metrics-extractor, parameters: "
                                          "{defaultEngine: x}}]")
    assert code == 1 and err.startswith("--config-text:1:70: ")
    code, _, err = check("/nonexistent.yaml")
    assert code == 1 and err.startswith("/nonexistent.yaml: ")


def test_warnings_go_to_standard_error():
    out, err = must_pass(SAMPLES / "istio-howto.yaml")
    assert "this apiVersion is deprecated" in err
    assert out.startswith("apiVersion: llm-d.ai/v1alpha1\n")


def test_usage():
    assert check()[0] == 2
    assert check("--bogus")[0] == 2
    assert check("a", "b")[0] == 2
    assert check("a", "--config-text", "b")[0] == 2
    code, out, _ = check("--help")
    assert code == 0 and out.startswith("usage: ringpick check") and "Exit code" in out
