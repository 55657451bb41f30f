"""docs/asyncapi.json by foreign software: @asyncapi/parser has no complaint, and the JSON Schemas in it
agree with the golden vectors of the codec."""
import json
import os
import pathlib
import subprocess

import msgpack
import pytest

from conftest import npm_package

ROOT = pathlib.Path(__file__).resolve().parents[2]
DOCUMENT = ROOT / "docs" / "asyncapi.json"


@pytest.fixture(scope="module")
def document():
    return json.loads(DOCUMENT.read_text())


@pytest.fixture(scope="module")
def node_modules():
    return npm_package("@asyncapi/parser", "3.6.3")


def test_parser_has_no_complaint(node_modules, document):
    got = subprocess.run(["node", str(ROOT / "tests/conformance/asyncapi_check.js"), str(DOCUMENT)],
                         capture_output=True, text=True, timeout=120,
                         env={**os.environ, "NODE_PATH": str(node_modules)})
    assert got.returncode == 0, got.stderr[-2000:]
    said = json.loads(got.stdout.splitlines()[-1])
    assert said["errors"] == []
    assert said["parsed"] and said["version"] == "3.0.0"
    assert set(said["channels"]) >= {"registry", "events", "notify",
                                     "events.{dimension}.{area}.{id}.", "plan.{year}."}
    assert "event_propose" in said["receive"] and said["send"] >= 5


def test_every_reference_resolves(document):
    def walk(value):
        if isinstance(value, dict):
            if "$ref" in value:
                at = document
                for part in value["$ref"].removeprefix("#/").split("/"):
                    at = at[part]
            for inner in value.values():
                walk(inner)
        elif isinstance(value, list):
            for inner in value:
                walk(inner)
    walk(document)


def golden():
    for line in (ROOT / "tests/golden/messages.txt").read_text().splitlines():
        if not line.startswith("#"):
            kind, name, variant, digits = line.split()
            yield kind, name, variant, msgpack.unpackb(bytes.fromhex(digits), raw=False)


def test_golden_vectors_fit_the_schemas(document):
    jsonschema = pytest.importorskip("jsonschema", reason="python3-jsonschema is not installed")
    checked = set()
    for kind, name, variant, value in golden():
        plain = name.replace(".", "_")
        if kind == "schema" and name in document["components"]["schemas"]:
            at = "schemas/" + name
        elif kind in ("request", "reply") and f"{plain}_{kind}" in document["components"]["messages"]:
            at = f"messages/{plain}_{kind}/payload"
            if kind == "reply" and not value[3]:
                continue  # an answer that is made by hand: the golden one is an empty map
        elif kind == "error":
            at, value = "schemas/_error", value[2]
        else:
            continue
        jsonschema.Draft7Validator({"$ref": f"#/components/{at}", "components": document["components"]}
                                   ).validate(value)
        checked.add((kind, name))
    assert len(checked) > 80


def test_meta_fits_its_schema(document):
    jsonschema = pytest.importorskip("jsonschema", reason="python3-jsonschema is not installed")
    seen = 0
    for line in (ROOT / "tests/golden/records.txt").read_text().splitlines():
        if line.startswith("meta "):
            value = msgpack.unpackb(bytes.fromhex(line.split()[3]), raw=False)
            jsonschema.Draft7Validator({"$ref": "#/components/schemas/_meta",
                                        "components": document["components"]}).validate(value)
            seen += 1
    assert seen >= 3
