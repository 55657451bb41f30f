"""The registry's affairs through the bus: bodies and seats by date, corrections, contacts, instruments,
contributions, the Fund. What is in effect on any day is compared with a replay of what was recorded."""

import os
import random

import pytest

from conftest import CallError

# ---- what the tests share -----------------------------------------------------------------------


@pytest.fixture
def call(client):
    return lambda method, params=None, **context: client.call("registry", method, params, **context)


@pytest.fixture
def refused(call):
    """refused(code, method, params, field) → the error; it must say something and name the field."""

    def check(code, method, params, field=None):
        with pytest.raises(CallError) as caught:
            call(method, params)
        assert caught.value.code == code, caught.value
        assert len(caught.value.error["message"]) > 10
        if field:
            assert caught.value.field == field, caught.value.error
        return caught.value.error

    return check


@pytest.fixture
def last(client):
    """The newest record under a prefix."""

    def read(prefix):
        seq = client.call("notify", "log.last", {"prefix": prefix})["seq"]
        if not seq:
            return None
        return client.call("notify", "log.read", {"prefix": prefix, "after": seq - 1})["items"][-1]

    return read


def state(call, code, since="1999-09-14", status="member", **more):
    return call("participant.put", {"code": code, "name": f"State {code}", "kind": "state",
                                    "status": status, "since": since, **more})


def without(answer, *keys):
    return {key: value for key, value in answer.items() if key not in keys}


# ---- history: corrections ------------------------------------------------------------------------


def test_a_first_day_is_corrected(call, refused, last):
    """An entry that began on the wrong day is superseded by one that names that day."""
    state(call, "TH", "2001-01-01", "observer")
    call("participant.status", {"code": "TH", "status": "member", "from": "2006-06-17"})
    change = {"code": "TH", "status": "member", "from": "2004-10-22", "supersedes": "2006-06-17"}
    changed = call("participant.status", change)
    assert (changed["status"], changed["since"]) == ("member", "2004-10-22")
    assert [e["from"] for e in changed["history"]] == ["2001-01-01", "2006-06-17", "2004-10-22"]
    assert call("participant.status", change) == changed  # a repetition
    assert last("registry.participant.TH.")["meta"]["type"] == "participant.status_changed"
    assert call("participant.get", {"code": "TH", "as_of": "2005-01-01"})["status"] == "member"
    later = {"code": "TH", "status": "observer", "from": "2002-01-01", "supersedes": "2001-01-01"}
    call("participant.status", later)
    refused("not_found", "participant.get", {"code": "TH", "as_of": "2001-06-01"}, "as_of")
    refused("failed_precondition", "participant.status", {**later, "from": "2003-01-01"}, "supersedes")
    # what comes after the moved entry must be able to follow it
    refused("failed_precondition", "participant.status",
            {"code": "TH", "status": "applicant", "from": "2004-12-01", "supersedes": "2004-10-22"}, "status")


def test_a_handover_is_corrected(call, refused, last):
    for code in ("KZ", "AZ"):
        state(call, code)
    call("chair.appoint", {"code": "KZ", "from": "2022-10-13", "to": "2024-10-01"})
    call("chair.appoint", {"code": "AZ", "from": "2024-10-01", "to": "2026-10-01"})
    correction = {"code": "AZ", "from": "2024-12-17", "to": "2026-12-17", "supersedes": "2024-10-01"}
    made = call("chair.appoint", correction)
    assert made["rev"] == 3
    assert call("chair.appoint", correction)["rev"] == 3
    assert [(t["code"], t["from"], t["to"]) for t in call("chair.list")["items"]] == [
        ("KZ", "2022-10-13", "2024-12-17"), ("AZ", "2024-12-17", "2026-12-17")]
    assert call("chair.current", {"on": "2024-11-01"})["code"] == "KZ"
    moved = last("registry.chair.KZ.")  # the term before it ends on the new day, and tells
    assert moved["meta"]["type"] == "chair.corrected" and moved["data"]["to"] == "2024-12-17"
    assert last("registry.chair.AZ.")["data"] == without(made, "seq")
    history = call("chair.history")["history"]
    assert [(t["from"], t["to"]) for t in history] == [
        ("2022-10-13", "2024-10-01"), ("2024-10-01", "2026-10-01"), ("2024-12-17", "2026-12-17"),
        ("2022-10-13", "2024-12-17")]
    # told as of a day before the correction begins: what it took the place of is not told either
    assert len(call("chair.history", {"as_of": "2024-11-01"})["history"]) == 2
    error = refused("failed_precondition", "chair.appoint", {**correction, "from": "2022-10-13",
                                                             "supersedes": "2024-12-17"}, "from")
    assert error["details"]["spans"] == [{"from": "2022-10-13", "to": "2024-12-17", "code": "KZ"}]
    refused("failed_precondition", "chair.appoint", {**correction, "from": "2025-01-01"}, "supersedes")
    state(call, "MN", "2025-01-01")
    error = refused("failed_precondition", "chair.appoint",
                    {"code": "MN", "from": "2024-12-17", "to": "2026-12-17", "supersedes": "2024-12-17"}, "code")
    assert error["details"]["spans"] == [{"from": "2024-12-17", "to": "2025-01-01", "code": "MN"}]


# ---- bodies and seats ----------------------------------------------------------------------------


def test_bodies_are_dated(call, client, refused, last):
    for code in ("CN", "TR"):
        state(call, code)
    forum = {"code": "TTF", "name": "Forum of think tanks", "kind": "forum", "from": "2014-05-20"}
    call("body.put", forum)
    body = {**forum, "name": "Think Tank Forum", "kind": "advisory", "from": "2021-10-07", "chair": "CN",
            "chair_institution": "SIIS", "chair_to": "2023-10-07", "names": {"ru": "Форум", "zh": "论坛"}}
    made = call("body.put", body)
    assert made["rev"] == 2 and len(made["history"]) == 2
    assert last("registry.body.TTF.")["data"] == without(made, "seq")
    assert call("body.put", {**body, "names": {"zh": "论坛", "ru": "Форум"}}) == made
    then = call("body.get", {"code": "TTF", "as_of": "2020-01-01"})
    assert (then["name"], then["kind"], len(then["history"])) == ("Forum of think tanks", "forum", 1)
    assert "chair" not in then and "names" not in then
    assert call("body.get", {"code": "TTF", "as_of": "2023-10-06"})["chair_institution"] == "SIIS"
    assert "chair" not in call("body.get", {"code": "TTF", "as_of": "2023-10-07"})
    refused("not_found", "body.get", {"code": "TTF", "as_of": "2014-05-19"}, "as_of")
    refused("invalid_argument", "body.put", {**body, "chair_to": "2021-10-07"}, "chair_to")
    refused("invalid_argument", "body.put", {**without(body, "chair")}, "chair")
    refused("failed_precondition", "body.put", {**body, "decision": "no-such"}, "decision")
    refused("failed_precondition", "body.put", {**body, "supersedes": "2015-01-01"}, "supersedes")
    call("body.put", {"code": "SOC", "name": "Senior Officials Committee", "kind": "governing",
                      "from": "1993-03-30"})
    assert [one["code"] for one in client.list("registry", "body.list", {"as_of": "2000-01-01"})] == ["SOC"]
    assert [one["code"] for one in client.list("registry", "body.list", {"limit": 1})] == ["SOC", "TTF"]


def test_seats(call, refused, last):
    for code in ("KZ", "TJ"):
        state(call, code)
    call("body.put", {"code": "BC", "name": "Business Council", "kind": "advisory", "from": "2014-05-20"})
    seat = {"code": "BC", "participant": "KZ", "institution": "Atameken", "from": "2014-05-20"}
    made = call("body.seat", seat)
    assert made["holders"] == [{"seat": "kz", **without(seat, "code")}]
    assert call("body.seat", seat) == made
    record = last("registry.body.BC.")
    assert record["meta"]["type"] == "body.seated" and record["data"] == without(made, "seq")
    call("body.seat", {"code": "BC", "seat": "board-1", "institution": "A bank", "from": "2020-01-01",
                       "to": "2022-01-01"})
    call("body.seat", {**seat, "participant": "TJ", "institution": "Chamber"})
    call("body.seat", {"code": "BC", "seat": "tj", "from": "2021-01-01"})  # vacated

    def holders(day):
        return [one["seat"] for one in call("body.get", {"code": "BC", "as_of": day})["holders"]]

    assert holders("2014-05-20") == ["kz", "tj"]
    assert holders("2020-06-01") == ["board-1", "kz", "tj"]
    assert holders("2021-06-01") == ["board-1", "kz"]
    assert holders("2022-01-01") == ["kz"]
    call("body.seat", {**seat, "from": "2015-01-01", "supersedes": "2014-05-20"})
    assert holders("2014-12-31") == ["tj"] and len(call("body.get", {"code": "BC"})["seat_history"]) == 5
    refused("failed_precondition", "body.seat", {**seat, "participant": "QQ"}, "participant")
    refused("failed_precondition", "body.seat", {**seat, "supersedes": "2013-01-01"}, "supersedes")
    refused("invalid_argument", "body.seat", {**seat, "to": "2014-05-20"}, "to")
    refused("invalid_argument", "body.seat", {"code": "BC", "from": "2014-05-20"}, "seat")
    refused("not_found", "body.seat", {**seat, "code": "NONE"}, "code")
    refused("aborted", "body.seat", {**seat, "from": "2016-01-01", "rev": 1}, "rev")


# ---- property: as_of any day equals a replay -----------------------------------------------------

LEADS_TO = {"member": {"observer", "former"}, "observer": {"member", "former"},
            "applicant": {"observer", "member", "former"},
            "former": {"member", "observer", "applicant"}}


def legal(slots):
    """Whether every status of a replay may follow the one before it."""
    line = [slots[day] for day in sorted(slots)]
    return all(a == b or b in LEADS_TO[a] for a, b in zip(line, line[1:]))


def test_as_of_any_day_equals_a_replay(call):
    """Random statuses with corrections; the model keeps one entry for each first day."""
    seed = int(os.environ.get("CBM_TEST_SEED", random.randrange(2**32)))
    print(f"CBM_TEST_SEED={seed}")
    chance = random.Random(seed)
    days = [f"20{year:02}-{month:02}-01" for year in range(10, 13) for month in range(1, 13)]
    for code in ("QA", "QB", "QC"):
        slots = {days[0]: "applicant"}
        state(call, code, days[0], "applicant")
        for _ in range(40):
            entry = {"code": code, "status": chance.choice(sorted(LEADS_TO)), "from": chance.choice(days)}
            model = dict(slots)
            if chance.random() < 0.4:
                entry["supersedes"] = chance.choice(sorted(slots))
                del model[entry["supersedes"]]
            model[entry["from"]] = entry["status"]
            try:
                call("participant.status", entry)
                assert legal(model), entry
                slots = model
            except CallError as error:
                before = [day for day in sorted(model) if day < entry["from"]]
                repeats = before and model[before[-1]] == entry["status"]
                assert error.code == "failed_precondition" and (not legal(model) or repeats), (entry, error)
        for day in days:
            begun = [first for first in sorted(slots) if first <= day]
            try:
                got = call("participant.get", {"code": code, "as_of": day})["status"]
            except CallError as error:
                got = None if error.code == "not_found" else error
            assert got == (slots[begun[-1]] if begun else None), (code, day, slots)
