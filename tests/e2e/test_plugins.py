# SPDX-License-Identifier: Apache-2.0
"""`ringpick plugins`: one catalogue for people, documentation and editors."""
import json
import os
import pathlib
import subprocess

import jsonschema
import pytest
import yaml

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILD = pathlib.Path(os.environ.get("RINGPICK_BUILD", ROOT / "build" / "dev"))
SCHEMA = ROOT / "deploy" / "endpointpickerconfig.schema.json"
TABLES = ROOT / "config" / "PLUGINS.md"
GOLDEN = json.loads((ROOT / "tests" / "golden" / "scheduling.json").read_text())


def run(*args):
    done = subprocess.run([BUILD / "ringpick", "plugins", *args], text=True, capture_output=True,
                          timeout=60, check=False)
    return done.returncode, done.stdout, done.stderr


def output(*args):
    code, out, err = run(*args)
    assert code == 0, err
    return out


@pytest.fixture(scope="module", name="validator")
def make_validator():
    schema = json.loads(SCHEMA.read_text())
    jsonschema.Draft7Validator.check_schema(schema)
    return jsonschema.Draft7Validator(schema)


@pytest.mark.parametrize("option, path", [("--schema", SCHEMA), ("--markdown", TABLES)])
def test_the_checked_in_copy_is_what_the_catalogue_says(option, path):
    assert path.read_text() == output(option), \
        f"stale: run `ringpick plugins {option} > {path.relative_to(ROOT)}`"


def test_types_and_stability_are_the_recorded_ones():
    ours = {entry["type"]: entry for entry in json.loads(output("--json"))}
    assert set(ours) == {entry["type"] for entry in GOLDEN["registeredTypes"]}
    for entry in GOLDEN["registeredTypes"]:
        wanted = "deprecated" if entry["deprecated"] else entry["stability"].lower()
        assert ours[entry["type"]]["stability"] == wanted, entry["type"]
        if entry["deprecated"]:
            assert ours[entry["type"]]["note"] == entry["replacement"]


def test_the_list_names_every_type_once_and_each_is_shown_in_full():
    lines = [line for line in output().splitlines() if not line.startswith(" ")]
    names = [line.split()[0] for line in lines]
    assert len(names) == len(set(names)) == 97
    text = output("burst-prefix-cache-producer")
    assert "windowDurationMs: whole number = 100; above 0 and at most 10000" in text
    assert json.loads(output("--json", "queue-scorer"))[0]["kind"] == "scorer"


@pytest.mark.parametrize("args, code, words", [
    (["no-such"], 1, "no plugin type 'no-such'"), (["--nope"], 2, "usage:"),
    (["a", "b"], 2, "usage:"), (["--schema", "queue-scorer"], 2, "usage:"),
    (["--json", "--schema"], 2, "usage:")])
def test_wrong_usage_is_told(args, code, words):
    got, out, err = run(*args)
    assert (got, out) == (code, "")
    assert words in err


def test_help_is_printed():
    assert "--schema" in output("--help")


@pytest.mark.parametrize("path", sorted((ROOT / "config" / "samples").glob("*.yaml")),
                         ids=lambda path: path.stem)
def test_samples_fit_the_schema(validator, path):
    validator.validate(yaml.safe_load(path.read_text()))


def test_recorded_configurations_that_load_fit_the_schema(validator):
    count = 0
    for case in GOLDEN["cases"]:
        if case["kind"] != "config" or not case["expect"]["ok"]:
            continue
        config = next(iter(yaml.safe_load_all(case["config"])), None)
        if config is not None:
            validator.validate(config)
            count += 1
    assert count >= 15


@pytest.mark.parametrize("case", [case for case in GOLDEN["cases"] if case["kind"] == "factory"],
                         ids=lambda case: case["id"])
def test_recorded_parameters_fit_the_schema_if_they_are_taken(validator, case):
    fits = validator.is_valid({"plugins": [case["plugin"]]})
    if case["expect"]["ok"]:
        assert fits
    elif "unknown field" in case["expect"]["error"]:
        assert not fits


@pytest.mark.parametrize("config", [
    "plugins: [{type: no-such}]", "plugins: [{name: a}]", "plugin: []",
    "plugins: [{type: random-picker, parameters: {maxNumOfEndpoints: two}}]",
    "plugins: [{type: random-picker, parameters: {max: 2}}]",
    "plugins: [{type: burst-prefix-cache-producer, parameters: {windowDurationMs: 20000}}]",
    "plugins: [{type: utilization-filter}, {type: utilization-filter, parameters: {}}]",
    "plugins: [{type: utilization-filter, parameters: {conditions: [{metric: waiting}]}}]",
    "schedulingProfiles: [{name: a, plugins: [{weight: 2}]}]"])
def test_the_schema_refuses_what_is_wrong(validator, config):
    assert not validator.is_valid(yaml.safe_load(config))
