"""The three specifications of docs/spec by their test vectors, with an implementation written from their
text alone; and that the golden bytes of our own messages are what foreign MessagePack makes of them."""
import base64
import json
import pathlib
import re

import msgpack
import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
VECTORS = ROOT / "docs" / "spec" / "vectors"
REQUIRED = ("specversion", "id", "source", "type")


def load(name):
    return json.loads((VECTORS / name).read_text())


class Refused(Exception):
    pass


# ---- the MessagePack event format --------------------------------------------------------------


def pairs(items):
    got = dict(items)
    if len(got) != len(items):
        raise Refused("a name twice")
    return got


def unpack(data):
    try:
        return msgpack.unpackb(data, raw=False, strict_map_key=True, object_pairs_hook=pairs)
    except Refused:
        raise
    except Exception as error:
        raise Refused(str(error)) from error


def is_msgpack(kind):
    return kind is None or kind in ("application/msgpack", "application/vnd.msgpack", "application/x-msgpack") \
        or kind.endswith("+msgpack")


def attributes(members):
    """The attributes of a map, as the CloudEvents JSON format has them."""
    if not isinstance(members, dict):
        raise Refused("no map")
    for name in REQUIRED:
        if not isinstance(members.get(name), str) or not members[name]:
            raise Refused(f"{name} is missing")
    event = {}
    for name, value in members.items():
        if not isinstance(name, str):
            raise Refused("a name that is no str")
        if isinstance(value, float):
            raise Refused("a float")
        if name == "seq" and isinstance(value, int):
            event["sequence"] = str(value)
        elif isinstance(value, bytes):
            event[name] = base64.b64encode(value).decode()
        elif value is None or isinstance(value, (list, dict)) or \
                (isinstance(value, int) and not -2**31 <= value < 2**31):
            continue
        else:
            event[name] = value
    return event


def bytes_data(event, data):
    """Data that is bytes by its content type, as the JSON format has it."""
    kind = event.get("datacontenttype", "")
    if re.search(r"[/+]json$", kind):
        event["data"] = json.loads(data)
    else:
        try:
            event["data"] = data.decode()
        except UnicodeDecodeError:
            event["data_base64"] = base64.b64encode(data).decode()


def event_of(members):
    has_data = isinstance(members, dict) and "data" in members
    event = attributes({k: v for k, v in members.items() if k != "data"} if has_data else members)
    if has_data:
        data = members["data"]
        if is_msgpack(event.get("datacontenttype")):
            event["data"] = data
        elif isinstance(data, (str, bytes)):
            bytes_data(event, data.encode() if isinstance(data, str) else data)
        else:
            raise Refused("data is no bytes")
    return event


def encode(event):
    event = dict(event)
    if "data_base64" in event:
        event["data"] = base64.b64decode(event.pop("data_base64"))
    return msgpack.packb(event, use_bin_type=True)


@pytest.mark.parametrize("vector", load("cloudevents-msgpack.json")["valid"], ids=lambda v: v["name"])
def test_msgpack_format(vector):
    data = bytes.fromhex(vector["hex"])
    assert event_of(unpack(data)) == vector["event"]
    if vector["canonical"]:
        assert encode(vector["event"]) == data


@pytest.mark.parametrize("vector", load("cloudevents-msgpack.json")["invalid"], ids=lambda v: v["name"])
def test_msgpack_format_refuses(vector):
    with pytest.raises(Refused):
        event_of(unpack(bytes.fromhex(vector["hex"])))


def test_msgpack_batch():
    batch = load("cloudevents-msgpack.json")["batch"]
    assert [event_of(one) for one in unpack(bytes.fromhex(batch["hex"]))] == batch["events"]


# ---- the ZMTP binding ----------------------------------------------------------------------------


def event_of_frames(frames):
    """The event of a message, None if it is none."""
    if not 2 <= len(frames) <= 3 or not frames[1]:
        return None
    lead = frames[1][0]
    try:
        if 0x80 <= lead <= 0x8f or lead in (0xde, 0xdf):
            members = unpack(frames[1])
            if "specversion" not in members or "data" in members:
                return None
            event = attributes(members)
            if len(frames) == 3:
                if is_msgpack(event.get("datacontenttype")):
                    event["data"] = unpack(frames[2])
                else:
                    bytes_data(event, frames[2])
            return event
        if lead in b"Aa" and len(frames) == 3:
            kind = frames[1].decode("ascii").split(";")[0].strip().lower()
            if kind == "application/cloudevents+json":
                return json.loads(frames[2])
            if kind == "application/cloudevents+msgpack":
                return event_of(unpack(frames[2]))
    except (Refused, ValueError):
        pass
    return None


@pytest.mark.parametrize("vector", load("cloudevents-zmtp.json")["messages"], ids=lambda v: v["name"])
def test_zmtp_messages(vector):
    assert event_of_frames([bytes.fromhex(f) for f in vector["frames"]]) == vector["event"]


@pytest.mark.parametrize("vector", load("cloudevents-zmtp.json")["gaps"], ids=lambda v: v["name"])
def test_zmtp_gaps(vector):
    seen = vector["seen"]
    for step in vector["steps"]:
        if "watermark" in step:
            mark = step["watermark"]
            said = f"read after {seen}" if mark > seen else "complete" if mark == seen else "pass over"
        elif step["event"]["seq"] <= seen:
            said = "pass over"
        elif step["event"]["prev"][vector["level"]] > seen:
            said = f"read after {seen}"
        else:
            said, seen = "deliver", step["event"]["seq"]
        assert said == step["conclude"]


def golden(name):
    for line in (ROOT / "tests" / "golden" / name).read_text().splitlines():
        if not line.startswith("#"):
            kind, what, _, digits = line.split()
            yield kind, what, bytes.fromhex(digits)


def test_our_records_are_such_events():
    seen = 0
    for kind, _, data in golden("records.txt"):
        if kind == "item":
            item = unpack(data)
            event = event_of_frames([item["topic"].encode(), msgpack.packb(item["meta"]),
                                     msgpack.packb(item["data"])])
            assert event["sequence"] == event["id"] == str(item["meta"]["seq"])
            assert "prev" not in event and event["data"] == item["data"]
            levels = item["topic"].count(".") + (0 if item["topic"].startswith("private.") else 1)
            assert len(item["meta"]["prev"]) == levels
            seen += 1
    assert seen >= 3


@pytest.mark.parametrize("name", ["messages.txt", "records.txt"])
def test_golden_bytes_are_what_others_write(name):
    count = 0
    for kind, what, data in golden(name):
        assert msgpack.packb(unpack(data), use_bin_type=True) == data, (kind, what)
        count += 1
    assert count >= 9


# ---- the AsyncAPI binding ------------------------------------------------------------------------


def binding_validator(kind):
    jsonschema = pytest.importorskip("jsonschema", reason="python3-jsonschema is not installed")
    schema = load("asyncapi-zmtp-binding.schema.json")
    return jsonschema.Draft7Validator({"$ref": f"#/definitions/{kind}", "definitions": schema["definitions"]})


def test_asyncapi_binding_vectors():
    vectors = load("asyncapi-zmtp-binding.json")
    for vector in vectors["valid"]:
        binding_validator(vector["kind"]).validate(vector["object"])
    for vector in vectors["invalid"]:
        assert not binding_validator(vector["kind"]).is_valid(vector["object"]), vector["why"]


def test_our_document_uses_the_binding():
    document = json.loads((ROOT / "docs" / "asyncapi.json").read_text())
    for kind, things in (("server", document["servers"]), ("channel", document["channels"])):
        for name, thing in things.items():
            binding_validator(kind).validate(thing["bindings"]["x-zmtp"])


# ---- the pages themselves ------------------------------------------------------------------------


def test_links_between_pages_resolve():
    broken = []
    for page in [ROOT / "README.md", ROOT / "CHANGELOG.md", *(ROOT / "docs").rglob("*.md")]:
        for target in re.findall(r"\]\(([^)\s]+)\)", page.read_text()):
            path, _, anchor = target.partition("#")
            if re.match(r"[a-z]+:", target):
                continue
            file = (page.parent / path) if path else page
            if not file.exists():
                broken.append(f"{page.relative_to(ROOT)}: {target}")
            elif anchor and page.name == "protocol-methods.md" and f"### {anchor}\n" not in page.read_text():
                broken.append(f"{page.relative_to(ROOT)}: {target}")
    assert not broken
