"""The events service behind the bus: plans, the life cycle, its records, lists, and who may.
It must not know how the service keeps its data."""
import contextlib
import itertools
import os
import subprocess
import threading

import msgpack
import pytest
import zmq

from conftest import BUILD, SLOW, CallError, wait_for

CATALOGUE = {
    "adopted": "2021-10-12",
    "dimensions": [
        {"code": "economic", "name": "Economic", "areas": [
            {"code": "agriculture", "name": "Agriculture"}, {"code": "energy", "name": "Energy"}]},
        {"code": "human", "name": "Human", "areas": [{"code": "youth", "name": "Youth"}]},
    ],
}
MEMBERS = ["CN", "KZ", "IR", "TR"]
numbers = itertools.count(1)


@pytest.fixture(scope="module")
def registry(stack):
    """The registry that the events of this file name."""
    with stack.client() as client:
        for code in MEMBERS:
            client.call("registry", "participant.put",
                        {"code": code, "name": code, "kind": "state", "status": "member",
                         "since": "1999-09-14"})
        client.call("registry", "participant.put",
                    {"code": "XX", "name": "Gone", "kind": "state", "status": "member",
                     "since": "1999-09-14"})
        client.call("registry", "participant.status",
                    {"code": "XX", "status": "former", "from": "2020-01-01"})
        client.call("registry", "catalogue.put", CATALOGUE)
        client.call("registry", "area.coordinators",
                    {"area": "agriculture", "coordinators": ["KZ"], "co_coordinators": ["TR"],
                     "from": "2020-01-01"})
    return stack


@pytest.fixture
def client(registry):
    with registry.client() as one:
        yield one


def draft(**fields):
    number = next(numbers)
    return {"id": f"event-{number}", "title": f"Event {number}", "kind": "seminar", "host": "CN",
            "year": 2021, **fields}


def call(client, method, **params):
    return client.call("events", method, params)


def propose(client, **fields):
    return call(client, "event.propose", **draft(**fields))


def schedule(client, event_id, *spans, **fields):
    return call(client, "event.schedule", id=event_id, format="online",
                sessions=[{"start": start, "end": end} for start, end in spans], **fields)


def refused(code, client, method, **params):
    with pytest.raises(CallError) as caught:
        call(client, method, **params)
    assert caught.value.code == code, caught.value
    return caught.value


def ids(client, **filters):
    return [event["id"] for event in client.list("events", "event.list", filters)]


def without_seq(event):
    return {key: value for key, value in event.items() if key != "seq"}


def test_plans(client):
    plan = call(client, "plan.open", year=2030, title="The plan of 2030")
    assert (plan["status"], plan["version"], plan["rev"]) == ("open", 1, 1) and plan["seq"] > 0
    call(client, "plan.open", year=2029)
    assert refused("already_exists", client, "plan.open", year=2030).field == "year"
    refused("not_found", client, "plan.get", year=2031)
    refused("invalid_argument", client, "plan.get", year=1900)
    assert call(client, "plan.get", year=2030)["title"] == "The plan of 2030"
    first = call(client, "plan.list", limit=1)
    assert [item["year"] for item in first["items"]] == [2029] and first["next"]
    assert [item["year"] for item in client.list("events", "plan.list", {"limit": 1})] == [2029, 2030]
    refused("invalid_argument", client, "plan.list", cursor="x")


def test_a_whole_life(registry, client):
    with registry.subscriber("events.economic.") as subscriber:
        subscriber.watermark("events.economic.")
        event = propose(client, title="Smart agriculture", area="agriculture", co_hosts=["KZ"])
        name = event["id"]
        assert event["status"] == "proposed" and event["additional"] is False
        assert event["dimension"] == "economic" and event["rev"] == 1 and "author" not in event
        assert call(client, "event.accept", id=name, rev=1)["status"] == "accepted"
        event = schedule(client, name, ("2021-05-10", "2021-05-11"), place="Wuhan",
                         zone="Asia/Shanghai")
        assert event["status"] == "scheduled" and event["schedules"] == 1
        same = schedule(client, name, ("2021-05-10", "2021-05-11"))
        assert "seq" not in same and same["rev"] == event["rev"]
        event = schedule(client, name, ("2021-06-10T09:00:00+08:00", "2021-06-10T12:00:00+08:00"))
        assert event["sessions"] == [{"start": "2021-06-10T01:00:00Z", "end": "2021-06-10T04:00:00Z"}]
        assert event["schedules"] == 2 and event["place"] == "Wuhan"
        event = call(client, "event.postpone", id=name, reason="flood")
        assert (event["status"], event["reason"]) == ("postponed", "flood")
        event = schedule(client, name, ("2021-08-01", "2021-08-02"), override="no other day")
        assert event["status"] == "scheduled" and "reason" not in event
        call(client, "event.hold", id=name)
        event = call(client, "event.report", id=name, participants_count=510,
                     member_states=["CN", "KZ"], member_states_count=10, summary="Well done.")
        assert event["report"]["participants_qualifier"] == "exact"
        assert without_seq(event) == call(client, "event.get", id=name)

        wanted = [("event.proposed", None), ("event.accepted", "proposed"),
                  ("event.scheduled", "accepted"), ("event.rescheduled", "scheduled"),
                  ("event.postponed", "scheduled"), ("event.rescheduled", "postponed"),
                  ("event.held", "scheduled"), ("event.reported", "held")]
        records = subscriber.records(len(wanted))
        assert [(meta["type"], data.get("from")) for _, meta, data in records] == wanted
        assert {topic for topic, _, _ in records} == {f"events.economic.agriculture.{name}."}
        assert records[-1][2] == {**without_seq(event), "from": "held"}
        assert records[-1][1]["seq"] == event["seq"]
        assert records[5][2]["override"] == "no other day"
    history = call(client, "event.history", id=name)
    assert [(item["type"], item.get("from")) for item in history["items"]] == wanted
    assert [item.get("reason") for item in history["items"]] == [None] * 4 + ["flood"] + [None] * 3
    assert history["items"][-1]["status"] == "reported" and history["next"] is None
    assert all(item["actor"] and item["time"] for item in history["items"])
    paged = client.list("events", "event.history", {"id": name, "limit": 3})
    assert paged == history["items"]


def test_refused_steps(client):
    name = propose(client)["id"]
    error = refused("failed_precondition", client, "event.hold", id=name)
    assert "accept" in str(error) and "withdraw" in str(error)
    assert refused("aborted", client, "event.accept", id=name, rev=9).field == "rev"
    assert refused("not_found", client, "event.accept", id="nobody").field == "id"
    refused("not_found", client, "event.get", id="nobody")
    refused("not_found", client, "event.history", id="nobody")
    refused("invalid_argument", client, "event.cancel", id=name)
    call(client, "event.accept", id=name)
    refused("invalid_argument", client, "event.schedule", id=name, format="online", sessions=[])
    error = refused("invalid_argument", client, "event.schedule", id=name, format="online",
                    sessions=[{"start": "2021-05-02", "end": "2021-05-01"}])
    assert error.field == "sessions[0].end"
    schedule(client, name, ("2999-01-01", "2999-01-01"))
    assert "2999-01-01" in str(refused("failed_precondition", client, "event.hold", id=name))
    assert call(client, "event.cancel", id=name, reason="no money")["reason"] == "no money"
    assert "final" in str(refused("failed_precondition", client, "event.cancel", id=name, reason="x"))
    other = propose(client)["id"]
    assert call(client, "event.withdraw", id=other, reason="a mistake")["status"] == "withdrawn"
    assert ids(client, status="withdrawn") == [other]


def test_refused_proposals(client):
    before = client.call("notify", "log.last", {"prefix": ""})["seq"]
    for field, fields in {
            "host": {"host": "ZZ"},
            "co_hosts[1]": {"co_hosts": ["KZ", "ZZ"]},
            "co_hosts[0]": {"co_hosts": ["CN"]},
            "area": {"area": "fishing"},
            "dimension": {"dimension": "spiritual"},
            "kind": {"kind": "Not A Slug"},
            "year": {"year": "2021"},
            "sessions[0].end": {"sessions": [{"start": "2021-05-02", "end": "2021-05-01"}]},
            "sessions[1].start": {"sessions": [{"start": "2021-05-02", "end": "2021-05-03"},
                                               {"start": "2021-05-03", "end": "2021-05-04"}]},
            "surprise": {"surprise": 1},
    }.items():
        assert refused("invalid_argument", client, "event.propose", **draft(**fields)).field == field
    assert refused("invalid_argument", client, "event.propose", **draft(host="XX")).field == "host"
    error = refused("invalid_argument", client, "event.propose",
                    **draft(area="youth", dimension="economic"))
    assert "human" in str(error)
    assert client.call("notify", "log.last", {"prefix": ""})["seq"] == before


def test_a_participant_is_known_at_once(client):
    """The copy of the registry may be behind, never the answer."""
    for number in range(20):
        code = f"NEW-{number}"
        client.call("registry", "participant.put",
                    {"code": code, "name": code, "kind": "organisation", "status": "observer",
                     "since": "2021-01-01"})
        assert propose(client, host=code)["host"] == code


def test_ids(client):
    title = {"id": None, "title": "Same title, twice!"}
    assert propose(client, **title)["id"] == "same-title-twice"
    assert propose(client, **title)["id"] == "same-title-twice-2"
    assert propose(client, **title)["id"] == "same-title-twice-3"
    assert propose(client, id=None, title="Семинар")["id"] == "seminar-2021"
    assert refused("already_exists", client, "event.propose",
                   **draft(id="same-title-twice")).field == "id"


def test_racing_proposals_get_different_ids(registry):
    got = []

    def work():
        with registry.client() as client:
            got.append(propose(client, id=None, title="The race")["id"])

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(got) == sorted(["the-race"] + [f"the-race-{n}" for n in range(2, 9)])


def test_amendments(registry, client):
    name = propose(client, area="agriculture", title="Before")["id"]
    event = call(client, "event.amend", id=name, title="After", titles={"ru": "После"},
                 reason="a better one")
    assert event["title"] == "After" and event["rev"] == 2 and "reason" not in event
    assert "seq" not in call(client, "event.amend", id=name, title="After", reason="again")
    refused("aborted", client, "event.amend", id=name, title="Other", rev=1)
    assert refused("invalid_argument", client, "event.amend", id=name, dimension="human").field == "area"
    with registry.subscriber("events.") as subscriber:
        subscriber.watermark("events.")
        event = call(client, "event.amend", id=name, area="youth")
        assert (event["dimension"], event["area"]) == ("human", "youth")
        old, new = f"events.economic.agriculture.{name}.", f"events.human.youth.{name}."
        (topic, meta, data), (left, last, gone) = subscriber.records(2)
        assert (topic, meta["type"], data["moved_from"]) == (new, "event.amended", old)
        assert (left, last["type"], gone["moved_to"]) == (old, "event.moved", new)
        assert last["seq"] == meta["seq"] + 1
    call(client, "event.amend", id=name, area="agriculture")
    history = call(client, "event.history", id=name)["items"]
    assert [item["type"] for item in history] == ["event.proposed"] + ["event.amended"] * 3
    assert history[1]["reason"] == "a better one" and "reason" not in history[2]
    assert client.list("events", "event.history", {"id": name, "limit": 1}) == history
    assert name in ids(client, area="agriculture") and name not in ids(client, area="youth")

    call(client, "event.amend", id=name, sessions=[{"start": "2021-05-01", "end": "2021-05-01"}])
    call(client, "event.accept", id=name)
    schedule(client, name, ("2021-05-03", "2021-05-03"))
    error = refused("failed_precondition", client, "event.amend", id=name,
                    sessions=[{"start": "2021-05-01", "end": "2021-05-01"}])
    assert "event.schedule" in str(error)
    call(client, "event.amend", id=name, place="Online")
    call(client, "event.hold", id=name)
    refused("failed_precondition", client, "event.amend", id=name, title="Too late")


@pytest.fixture(scope="module")
def year(registry):
    """Events of 2040, for the lists: a day each, one of two sessions, one of a whole year."""
    with registry.client() as client:
        for day in range(1, 29):
            propose(client, id=f"day-{day:02}", title=f"Day {day}", year=2040, host="IR",
                    kind="forum" if day % 2 else "seminar", area="energy" if day > 14 else "youth",
                    sessions=[{"start": f"2040-02-{day:02}", "end": f"2040-02-{day:02}"}])
        propose(client, id="two-sessions", year=2040, host="IR",
                sessions=[{"start": "2040-01-15", "end": "2040-01-16"},
                          {"start": "2040-02-20T08:00:00Z", "end": "2040-02-20T09:00:00Z"}])
        propose(client, id="whole-year", year=2040, host="TR",
                titles={"ru": "Целый ГОД", "en": "A WHOLE year"},
                sessions=[{"start": "2040-01-01", "end": "2040-12-31"}])
        propose(client, id="no-day-yet", year=2040, host="TR")
    return registry


def test_list_in_order_and_pages(year, client):
    days = [f"day-{day:02}" for day in range(1, 29)]
    everything = ["no-day-yet", "whole-year", "two-sessions", *days]
    assert ids(client, year=2040) == everything
    for limit in (1, 2, 7, 31, 1000):
        assert ids(client, year=2040, limit=limit) == everything
    page = call(client, "event.list", year=2040, limit=30)
    assert len(page["items"]) == 30 and page["next"] and page["seq"] > 0
    last = call(client, "event.list", year=2040, limit=30, cursor=page["next"])
    assert [event["id"] for event in last["items"]] == ["day-28"] and last["next"] is None
    assert page["items"][0] == call(client, "event.get", id="no-day-yet")
    assert ids(client, host="IR", year=2040) == ["two-sessions", *days]
    assert ids(client, area="energy", host="IR") == days[14:]
    assert ids(client, area="energy", host="IR", kind="forum", limit=3) == days[14::2]
    assert ids(client, area="youth", host="TR", year=2040) == []
    for cursor in ("x", page["next"][:-1] + "?", "2040-02-01", "t|" + page["next"]):
        error = refused("invalid_argument", client, "event.list", year=2040, cursor=cursor)
        assert error.field == "cursor"
    refused("invalid_argument", client, "event.list", limit=0)
    refused("invalid_argument", client, "event.list", limit=1001)


def test_list_by_span(year, client):
    assert ids(client, **{"from": "2040-02-03", "to": "2040-02-04"}) == \
        ["whole-year", "day-03", "day-04"]
    assert ids(client, **{"from": "2040-02-20T08:30:00Z", "to": "2040-02-20T08:31:00Z"}) == \
        ["whole-year", "day-20", "two-sessions"]
    assert ids(client, host="IR", **{"from": "2040-02-28", "to": "2040-12-31"}) == ["day-28"]
    assert ids(client, **{"from": "2040-07-01", "to": "2040-07-01"}) == ["whole-year"]
    assert ids(client, **{"from": "2040-01-16", "to": "2040-01-31"}) == \
        ["whole-year", "two-sessions"]
    assert ids(client, text="whole YEAR") == ["whole-year"]
    assert ids(client, **{"from": "2040-12-31", "to": "2041-12-31"}) == ["whole-year"]
    assert ids(client, **{"from": "2041-01-01", "to": "2041-12-31"}) == []
    assert refused("invalid_argument", client, "event.list",
                   **{"from": "2040-02-03", "to": "2040-02-02"}).field == "to"


def test_list_follows_a_rescheduling(client):
    name = propose(client, host="TR", sessions=[{"start": "2050-01-01", "end": "2050-04-01"}])["id"]
    call(client, "event.accept", id=name)
    for start in ("2050-06-01", "2050-09-01"):
        schedule(client, name, (start, start))
        assert ids(client, **{"from": "2050-01-01", "to": "2050-12-31"}) == [name]
        assert ids(client, **{"from": "2050-01-01", "to": "2050-05-31"}) == []
        assert ids(client, **{"from": start, "to": start}) == [name]
        assert ids(client, host="TR", **{"from": start, "to": start}) == [name]


def test_a_page_stays_within_what_a_client_reads(client):
    """60 events of about 33 kB: more than one page, each event once."""
    for _ in range(60):
        propose(client, host="TR", year=2060, institutions=["x" * 1000] * 32)
    page = call(client, "event.list", host="TR", year=2060, limit=1000)
    assert 0 < len(page["items"]) < 60 and page["next"]
    got = ids(client, host="TR", year=2060, limit=1000)
    assert len(got) == 60 and len(set(got)) == 60


def test_the_same_request_again(client):
    params = draft()
    first = client.call("events", "event.propose", params, key=f"key-{params['id']}")
    assert client.call("events", "event.propose", params, key=f"key-{params['id']}") == first
    with pytest.raises(CallError) as caught:
        client.call("events", "event.propose", {**params, "title": "x"}, key=f"key-{params['id']}")
    assert caught.value.code == "already_exists"


# ---- who may: a bus of our own that says who asks -------------------------------------------------

class OwnBus:
    """The worker side of a bus for one worker, which passes on any principal."""

    def __init__(self):
        self.socket = zmq.Context.instance().socket(zmq.ROUTER)
        self.socket.linger = 0
        self.endpoint = f"tcp://127.0.0.1:{self.socket.bind_to_random_port('tcp://127.0.0.1')}"
        self.worker = None

    def receive(self):
        """The next frames that are no heartbeat, which is answered."""
        while True:
            assert self.socket.poll(int(10000 * SLOW)), "the worker is silent"
            identity, *frames = self.socket.recv_multipart()
            frames = frames[1:] if frames[0] == b"" else frames
            if frames[1] == b"\x01":
                self.worker = identity
            elif frames[1] != b"\x05":
                return frames
            self.socket.send_multipart([identity, b"MDPW02", b"\x05"])
            if frames[1] == b"\x01":
                return frames

    def call(self, member, method, **params):
        principal = {"id": f"focal-{member}", "roles": ["member"], "member": member}
        self.socket.send_multipart(
            [self.worker, b"MDPW02", b"\x02", b"me", b"",
             msgpack.packb([0, 1, method, [params]]), msgpack.packb({}), msgpack.packb(principal)])
        _, _, error, result = msgpack.unpackb(self.receive()[4])
        if error:
            raise CallError(error)
        return result


@pytest.fixture
def own_bus(registry):
    bus = OwnBus()
    with contextlib.ExitStack() as stack:
        stack.callback(bus.socket.close)
        worker = subprocess.Popen([str(BUILD / "cbm-events")], stdin=subprocess.DEVNULL,
                                  env={**os.environ, **registry.env, "CBM_WORKERS": bus.endpoint,
                                       "CBM_GRACE_MS": "1000"})
        stack.callback(worker.wait)
        stack.callback(worker.kill)
        while bus.worker is None:
            bus.receive()

        def answers():
            with contextlib.suppress(CallError):
                return bus.call("CN", "plan.list")

        wait_for(answers, 10, "the service's readiness")
        yield bus


def test_members(own_bus, client):
    def denied(member, method, **params):
        with pytest.raises(CallError) as caught:
            own_bus.call(member, method, **params)
        assert caught.value.code == "permission_denied", caught.value

    reason = {"reason": "why"}
    denied("KZ", "event.propose", **draft(host="CN"))
    event = own_bus.call("CN", "event.propose", **draft(host="CN", area="agriculture"))
    name = {"id": event["id"]}
    assert event["author"] == "CN"
    denied("CN", "event.accept", **name)
    denied("IR", "event.accept", **name)
    denied("IR", "event.withdraw", **name, **reason)
    denied("KZ", "event.schedule", **name, format="online",
           sessions=[{"start": "2021-05-01", "end": "2021-05-01"}])
    own_bus.call("TR", "event.amend", **name, title="By a co-coordinator")
    denied("TR", "event.amend", **name, host="TR")
    denied("IR", "event.amend", **name, title="By somebody else")
    denied("CN", "plan.open", year=2071)
    own_bus.call("KZ", "event.accept", **name)
    own_bus.call("CN", "event.schedule", **name, format="online",
                 sessions=[{"start": "2021-05-01", "end": "2021-05-01"}])
    denied("KZ", "event.hold", **name)
    denied("KZ", "event.postpone", **name, **reason)
    denied("KZ", "event.cancel", **name, **reason)
    own_bus.call("CN", "event.hold", **name)
    denied("KZ", "event.report", **name, member_states=[])
    own_bus.call("CN", "event.report", **name, member_states=["CN"])
    actors = [item["actor"] for item in call(client, "event.history", **name)["items"]]
    assert actors == ["focal-CN", "focal-TR", "focal-KZ", "focal-CN", "focal-CN", "focal-CN"]


def test_drafts(own_bus, client):
    """What a member proposes is for it, the coordinators of its area and the Secretariat, until it is accepted."""
    before = client.call("notify", "log.last", {"prefix": ""})["seq"]
    event = own_bus.call("CN", "event.propose", **draft(host="CN", area="agriculture", year=2077, sessions=[
        {"start": "2077-05-01", "end": "2077-05-02"}]))
    name = {"id": event["id"]}
    assert event["draft"] is True

    def seen_by(member):
        with contextlib.suppress(CallError):
            own_bus.call(member, "event.get", **name)
            own_bus.call(member, "event.history", **name)
            assert [one["id"] for one in own_bus.call(member, "event.list", year=2077)["items"]] == [event["id"]]
            assert event["id"] in own_bus.call(member, "calendar.export", host="CN")["ics"]
            return True
        with pytest.raises(CallError) as caught:
            own_bus.call(member, "event.get", **name)
        assert caught.value.code == "not_found"
        with pytest.raises(CallError) as caught:
            own_bus.call(member, "event.history", **name)
        assert caught.value.code == "not_found"
        assert own_bus.call(member, "event.list", year=2077)["items"] == []
        assert event["id"] not in own_bus.call(member, "calendar.export", host="CN")["ics"]
        return False

    def log(prefix):
        items = client.call("notify", "log.read", {"prefix": prefix, "after": before})["items"]
        return [(item["meta"]["type"], item["topic"]) for item in items if event["id"] in item["topic"]]

    assert [seen_by(member) for member in ("CN", "KZ", "IR")] == [True, True, False]
    assert call(client, "event.get", **name)["draft"] is True
    own_bus.call("CN", "event.amend", **name, title="Better")
    hidden = f"private.CN.events.{event['dimension']}.agriculture.{event['id']}."
    assert log("private.CN.") == [("event.proposed", hidden), ("event.amended", hidden)]
    assert log("") == []

    accepted = own_bus.call("KZ", "event.accept", **name)
    assert "draft" not in accepted and seen_by("IR")
    assert log("private.CN.")[2:] == [("event.moved", hidden)]
    assert log("") == [("event.accepted", hidden.removeprefix("private.CN."))]
    steps = {member: [item["type"] for item in own_bus.call(member, "event.history", **name)["items"]]
             for member in ("CN", "IR")}
    assert steps == {"CN": ["event.proposed", "event.amended", "event.accepted"], "IR": ["event.accepted"]}
