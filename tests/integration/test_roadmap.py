"""Milestones, documents and road maps on a running stack. It must not know libcbm."""
import hashlib
import itertools
import json

import pytest

from conftest import ROOT, CallError
from test_visibility import Who

numbers = itertools.count(1)


@pytest.fixture(scope="module")
def people(stack, tmp_path_factory):
    """Kazakhstan hosts, China coordinates, Azerbaijan has no part in it."""
    directory = tmp_path_factory.mktemp("keys")
    with stack.client() as officer:
        for code in ("KZ", "CN", "AZ"):
            officer.call("registry", "participant.put", {"code": code, "name": code, "kind": "state", "status": "member",
                                                         "since": "1992-10-05"})
        officer.call("registry", "catalogue.put", {"adopted": "2021-10-12", "dimensions": [
            {"code": "economic", "name": "Economic", "areas": [{"code": "agriculture", "name": "Agriculture"}]}]})
        officer.call("registry", "area.coordinators", {"area": "agriculture", "coordinators": ["CN"], "from": "2021-10-12"})
    made = {code: Who(stack, directory, code.lower(), ["member"], code) for code in ("KZ", "CN", "AZ")}
    made["chair"] = Who(stack, directory, "chair", ["chair"])
    made["subscriber"] = Who(stack, directory, "subscriber", ["subscriber"])
    made["secretariat"] = Who(stack, directory, "secretariat", ["secretariat"])
    yield made
    for who in made.values():
        who.client.close()


def propose(who, **more):
    id = f"forum-{next(numbers)}"
    who.call("events", "event.propose", **{"id": id, "title": "Forum", "kind": "forum", "host": "KZ", "year": 2030,
                                           "dimension": "economic", "area": "agriculture", **more})
    return id


@pytest.fixture
def event(people):
    return propose(people["secretariat"])


def told(who, prefix, after=0):
    """[(type, topic, data)] of the log under a prefix."""
    return [(item["meta"]["type"], item["topic"], item["data"])
            for item in who.call("notify", "log.read", prefix=prefix, after=after)["items"]]


def sha256(text):
    return hashlib.sha256(text.encode()).hexdigest()


# ---- milestones ----------------------------------------------------------------------------------

def put(who, event, kind, **params):
    return who.call("events", "milestone.put", event=event, kind=kind, **params)


def test_a_milestone_through_its_life(people, event):
    made = put(people["KZ"], event, "nominations", due="2030-03-01")
    assert {key: made[key] for key in ("event", "kind", "due", "done", "rev")} == {
        "event": event, "kind": "nominations", "due": "2030-03-01", "done": False, "rev": 1}
    assert put(people["KZ"], event, "nominations", due="2030-03-01") == made
    put(people["CN"], event, "nominations", due="2030-04-01", note="by mail")
    done = put(people["secretariat"], event, "nominations", done=True)
    assert done["done"] is True and done["done_at"] and done["note"] == "by mail"
    put(people["KZ"], event, "nominations", done=False)
    topic = f"events.economic.agriculture.{event}.milestone.nominations."
    assert [(type, at, data.get("due_before")) for type, at, data in told(people["AZ"], topic)] == [
        ("milestone.set", topic, None), ("milestone.moved", topic, "2030-03-01"), ("milestone.done", topic, None),
        ("milestone.reopened", topic, None)]
    # one subscription has all of an event; its history has its own steps only
    assert [type for type, _, _ in told(people["AZ"], f"events.economic.agriculture.{event}.")][:2] == [
        "event.proposed", "milestone.set"]
    assert [item["type"] for item in people["AZ"].call("events", "event.history", id=event)["items"]] == ["event.proposed"]


def test_a_milestone_is_removed(people, event):
    def listed(**params):
        return [item["kind"] for item in people["AZ"].client.list("events", "milestone.list", params)]
    remove = {"event": event, "kind": "outcome"}
    assert people["KZ"].refused("events", "milestone.remove", **remove) == "not_found"
    put(people["KZ"], event, "outcome", due="2031-03-01", note="draft")
    assert people["AZ"].refused("events", "milestone.remove", **remove) == "permission_denied"
    assert people["KZ"].refused("events", "milestone.remove", **remove, rev=7) == "aborted"
    gone = people["KZ"].call("events", "milestone.remove", **remove)
    assert (gone["removed"], gone["due"], gone["rev"]) == (True, "2031-03-01", 2)
    assert people["KZ"].call("events", "milestone.remove", **remove) == gone
    assert listed(event=event) == [] and "outcome" not in listed(overdue="2031-03-02") + listed(**{"from": "2031-03-01"})
    assert people["KZ"].refused("events", "milestone.put", event=event, kind="outcome", done=True) == "invalid_argument"
    again = put(people["KZ"], event, "outcome", due="2031-03-01")
    assert again["rev"] == 3 and "note" not in again and "removed" not in again and listed(event=event) == ["outcome"]
    topic = f"events.economic.agriculture.{event}.milestone.outcome."
    assert [type for type, _, _ in told(people["AZ"], topic)] == ["milestone.set", "milestone.removed", "milestone.set"]


def test_who_puts_milestones(people, event):
    assert people["AZ"].refused("events", "milestone.put", event=event, kind="report", due="2030-01-01") == "permission_denied"
    assert people["chair"].refused("events", "milestone.put", event=event, kind="report", due="2030-01-01") == \
        "permission_denied"
    assert people["KZ"].refused("events", "milestone.put", event="none", kind="report", due="2030-01-01") == "not_found"
    assert people["KZ"].refused("events", "milestone.put", event=event, kind="report") == "invalid_argument"
    put(people["KZ"], event, "report", due="2030-01-01")
    assert people["KZ"].refused("events", "milestone.put", event=event, kind="report", due="2030-02-01", rev=7) == "aborted"


def test_milestones_of_a_draft(people):
    draft = propose(people["KZ"])
    put(people["KZ"], draft, "invitations", due="1999-01-01")
    assert people["AZ"].refused("events", "milestone.list", event=draft) == "not_found"
    for who, sees in (("AZ", False), ("subscriber", False), ("KZ", True), ("CN", True), ("secretariat", True)):
        items = people[who].call("events", "milestone.list", overdue="1999-06-01")["items"]
        assert (draft in [item["event"] for item in items]) == sees, who
    assert told(people["KZ"], f"private.KZ.events.economic.agriculture.{draft}.")[-1][0] == "milestone.set"
    assert draft not in repr(told(people["AZ"], ""))


def test_overdue_over_all_events(people):
    """Against what one counts by hand, page by page."""
    events = [propose(people["secretariat"]) for _ in range(4)]
    officer, want = people["secretariat"], []
    for n, one in enumerate(events):
        for month in (1, 2, 3):
            put(officer, one, f"kind-{month}", due=f"2005-{month:02}-{10 + n:02}")
            want.append((f"2005-{month:02}-{10 + n:02}", one, f"kind-{month}"))
    put(officer, events[0], "at-noon", due="2005-02-10T12:00:00+05:00")
    put(officer, events[1], "kind-1", done=True)
    put(officer, events[2], "kind-1", due="2005-02-28")
    officer.call("events", "event.cancel", id=events[3], reason="flood")
    want = [row for row in want if row[1] != events[3] and row[1:] not in ((events[1], "kind-1"), (events[2], "kind-1"))]
    want += [("2005-02-10T07:00:00Z", events[0], "at-noon"), ("2005-02-28", events[2], "kind-1")]

    def overdue(day, **more):
        items = officer.client.list("events", "milestone.list", {"overdue": day, **more})
        return [(item["due"], item["event"], item["kind"]) for item in items if item["due"].startswith("2005")]

    for day in ("2005-01-10", "2005-01-11", "2005-02-10", "2005-02-11", "2005-03-12", "2005-04-01"):
        assert overdue(day, limit=2) == sorted(row for row in want if row[0] < day), day
    assert [row[2] for row in overdue("2005-04-01", kind="at-noon")] == ["at-noon"]
    assert overdue("2005-04-01", **{"from": "2005-02-28"})[0] == ("2005-02-28", events[2], "kind-1")
    assert {row[0][:7] for row in overdue("2005-04-01", to="2005-01-31")} == {"2005-01"}
    assert [item["kind"] for item in officer.client.list("events", "milestone.list", {"event": events[0]})] == [
        "kind-1", "kind-2", "at-noon", "kind-3"]
    done = officer.client.list("events", "milestone.list", {"done": True, "from": "2005-01-01", "to": "2005-12-31"})
    assert [(item["event"], item["kind"]) for item in done] == [(events[1], "kind-1")]


# ---- documents -----------------------------------------------------------------------------------

def attach(who, event, **params):
    return who.call("events", "document.attach", event=event, **params)


PAPER = {"title": "Concept paper", "kind": "concept-paper", "language": "en", "uri": "https://example.org/1",
         "sha256": sha256("1")}


def test_documents_and_their_versions(people, event):
    made = attach(people["KZ"], event, **PAPER)
    assert (made["id"], made["version"], made["status"], made["rev"]) == ("concept-paper", 1, "draft", 1)
    assert attach(people["KZ"], event, **PAPER) == made
    russian = attach(people["CN"], event, **{**PAPER, "language": "ru"})
    assert russian["id"] == "concept-paper-ru"
    attach(people["KZ"], event, id="concept-paper", status="agreed")
    second = attach(people["KZ"], event, **{**PAPER, "sha256": sha256("2"), "uri": "https://example.org/2"})
    assert (second["id"], second["version"], second["status"]) == ("concept-paper", 2, "draft")
    attach(people["secretariat"], event, id="concept-paper", status="adopted")
    topic = f"events.economic.agriculture.{event}.document.concept-paper."
    assert [(type, data.get("from")) for type, _, data in told(people["AZ"], topic)] == [
        ("document.attached", None), ("document.agreed", "draft"), ("document.revised", None), ("document.adopted", "draft")]

    def listed(**params):
        return [(item["id"], item["version"], item["status"], item.get("superseded", False))
                for item in people["AZ"].client.list("events", "document.list", {"event": event, **params})]

    new, other = ("concept-paper", 2, "adopted", False), ("concept-paper-ru", 1, "draft", False)
    assert listed() == listed(limit=1) == [new, other]
    assert listed(superseded=True) == [("concept-paper", 1, "agreed", True), new, other]
    assert listed(language="ru") == [other] and listed(status="adopted") == [new] and listed(kind="agenda") == []
    assert listed(id="concept-paper", superseded=True)[0][1] == 1


def test_documents_refused(people, event):
    attach(people["KZ"], event, **PAPER, status="agreed")
    for wrong, code, field in (({"status": "draft"}, "failed_precondition", "status"),
                               ({"version": 3}, "failed_precondition", "version"),
                               ({"uri": "javascript:alert(1)"}, "invalid_argument", "uri"),
                               ({"uri": "https://a\u0000b"}, "invalid_argument", "uri"),
                               ({"sha256": "0" * 63}, "invalid_argument", "sha256"),
                               ({"sha256": "G" * 64}, "invalid_argument", "sha256"), ({"rev": 9}, "aborted", "rev")):
        with pytest.raises(CallError) as caught:
            attach(people["KZ"], event, **{"id": "concept-paper", **wrong})
        assert (caught.value.code, caught.value.field or "") == (code, field), wrong
    assert people["KZ"].refused("events", "document.attach", event=event, id="none", status="agreed") == "invalid_argument"
    assert people["AZ"].refused("events", "document.attach", event=event, **PAPER) == "permission_denied"
    draft = propose(people["KZ"])
    attach(people["KZ"], draft, **PAPER)
    assert people["AZ"].refused("events", "document.list", event=draft) == "not_found"
    assert draft not in repr(told(people["AZ"], ""))


def test_parts_follow_an_event_that_moves(people):
    event = propose(people["KZ"])
    put(people["KZ"], event, "report", due="2030-01-01")
    people["secretariat"].call("events", "event.accept", id=event)
    put(people["KZ"], event, "report", due="2030-02-01")
    parts = f"events.economic.agriculture.{event}.milestone.report."
    assert [type for type, _, _ in told(people["KZ"], "private.KZ." + parts)] == ["milestone.set"]
    assert [type for type, _, _ in told(people["AZ"], parts)] == ["milestone.moved"]


# ---- road maps -----------------------------------------------------------------------------------

def clusters(first="planned", progress=None):
    item = {"code": "charter", "title": "Charter", "owner": "SOC", "status": first, "due": "2023-06-30"}
    return [{"code": "c1", "name": "Institutions", "items": [
        {**item, **({"progress": progress} if progress is not None else {})},
        {"code": "fund", "title": "Fund", "status": "done", "due": "2023-01-31"},
        {"code": "old", "title": "Old", "status": "dropped", "due": "2020-01-01"}]},
            {"code": "c2", "name": "Later", "items": []}]


def test_road_maps(people):
    officer, id = people["secretariat"], f"map-{next(numbers)}"

    def put_map(**params):
        return officer.call("events", "roadmap.put", id=id, **params)

    first = put_map(title="Road Map", clusters=clusters(), date="2023-01-01", note="agreed")
    assert (first["version"], first["rev"]) == (1, 1)
    assert put_map(title="Road Map", clusters=clusters(), date="2023-01-01", note="agreed") == first
    second = put_map(clusters=clusters("in-progress", 45), date="2023-05-01")
    third = people["chair"].call("events", "roadmap.put", id=id, clusters=clusters("done"), date="2023-09-01")
    assert (second["version"], third["version"], third["title"]) == (2, 3, "Road Map") and "note" not in second
    drop = lambda answer: {key: value for key, value in answer.items() if key != "seq"}
    get = lambda **params: people["subscriber"].call("events", "roadmap.get", id=id, **params)
    assert get() == get(version=3) == get(as_of="2023-09-01") == get(as_of="2090-01-01") == drop(third)
    assert get(version=1) == get(as_of="2023-04-30") == drop(first) and get(as_of="2023-05-01") == drop(second)
    for wrong in ({"as_of": "2022-12-31"}, {"version": 4}, {"id": "none"}):
        assert people["AZ"].refused("events", "roadmap.get", **{"id": id, **wrong}) == "not_found"
    assert [type for type, _, _ in told(people["AZ"], f"roadmap.{id}.")] == ["roadmap.updated"] * 3
    versions = people["AZ"].client.list("events", "roadmap.list", {"id": id, "limit": 2})
    assert [item["version"] for item in versions] == [3, 2, 1] and "clusters" not in versions[0]
    assert id in [item["id"] for item in people["AZ"].client.list("events", "roadmap.list")]

    def report(day):
        answer = people["AZ"].call("events", "roadmap.report", id=id, as_of=day)
        return answer["version"], answer["total"]["progress"], [(item["code"], item["days"]) for item in answer["overdue"]]

    assert report("2023-06-30") == (2, 72, [])
    assert report("2023-07-01") == (2, 72, [("charter", 1)])
    assert report("2023-09-01") == (3, 100, [])
    answer = officer.call("events", "roadmap.report", id=id, as_of="2023-07-01")
    assert answer["clusters"][0] == {"code": "c1", "name": "Institutions", "items": 3, "planned": 0, "in_progress": 1, "done": 1,
                                     "dropped": 1, "overdue": 1, "progress": 72}
    assert answer["overdue"] == [{"cluster": "c1", "code": "charter", "title": "Charter", "owner": "SOC",
                                  "due": "2023-06-30", "days": 1}]


def test_road_maps_refused(people):
    officer, id = people["secretariat"], f"map-{next(numbers)}"
    assert officer.refused("events", "roadmap.put", id=id, clusters=[]) == "invalid_argument"  # no title
    officer.call("events", "roadmap.put", id=id, title="T", clusters=[], date="2023-01-01")
    assert officer.refused("events", "roadmap.put", id=id, clusters=[], date="2022-01-01") == "failed_precondition"
    assert officer.refused("events", "roadmap.put", id=id, clusters=clusters() + clusters()) == "invalid_argument"
    assert officer.refused("events", "roadmap.put", id=id, clusters=clusters(), rev=9) == "aborted"
    assert officer.refused("events", "roadmap.put", id=id, clusters=clusters("going")) == "invalid_argument"
    assert officer.refused("events", "roadmap.put", id=id, clusters=clusters("planned", 101)) == "invalid_argument"
    assert people["KZ"].refused("events", "roadmap.put", id=id, clusters=[]) == "permission_denied"


def test_the_largest_road_map(people):
    """What the schema allows goes through: in, out, and on the log."""
    big = [{"code": f"c{c}", "name": "n" * 300, "items": [
        {"code": f"i{i:02}" + "x" * 61, "title": "t" * 300, "owner": "o" * 100, "status": "planned", "due": "2001-01-01",
         "progress": 99} for i in range(48)]} for c in range(16)]
    made = people["secretariat"].call("events", "roadmap.put", id="big", title="Big", clusters=big, date="2023-01-01")
    assert made["clusters"] == big
    answer = people["AZ"].call("events", "roadmap.report", id="big", as_of="2023-01-01")
    assert len(answer["overdue"]) == 768 and answer["total"]["progress"] == 99
    assert told(people["AZ"], "roadmap.big.")[0][2]["clusters"] == big
    assert [item["version"] for item in people["AZ"].client.list("events", "roadmap.list", {"id": "big"})] == [1]


def test_the_sample(sample_stack):
    rows = [json.loads(line) for line in (ROOT / "deploy/sample/70-roadmap.jsonl").read_text().splitlines()]
    with sample_stack.client() as one:
        answer = one.call("events", "roadmap.report", {"id": "transformation", "as_of": "2024-03-31"})
    assert len(rows[0]["clusters"]) == len(answer["clusters"]) == 8
