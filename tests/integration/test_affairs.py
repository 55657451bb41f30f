"""The registry's affairs through the bus: bodies and seats by date, corrections, contacts, instruments,
contributions, the Fund. What is in effect on any day is compared with a replay of what was recorded."""

import json
import os
import random
import subprocess

import pytest

from conftest import CallError, ROOT

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


def test_coordinators_are_corrected(call, refused):
    for code in ("RU", "KR"):
        state(call, code)
    call("catalogue.put", {"adopted": "2004-10-22", "dimensions": [
        {"code": "economic", "name": "Economic", "areas": [{"code": "energy", "name": "Energy"}]}]})
    call("area.coordinators", {"area": "energy", "coordinators": ["RU"], "from": "2021-06-23"})
    change = {"area": "energy", "coordinators": ["KR"], "from": "2021-10-12", "supersedes": "2021-06-23"}
    made = call("area.coordinators", change)
    assert made["coordinators"] == ["KR"] and len(made["history"]) == 2
    assert call("area.coordinators", change) == made
    assert call("area.coordinators", {"area": "energy", "as_of": "2021-08-01"})["coordinators"] == []
    refused("failed_precondition", "area.coordinators", {**change, "from": "2022-01-01"}, "supersedes")
    refused("failed_precondition", "area.coordinators",
            {**change, "from": "2022-01-01", "supersedes": "2021-10-12", "decision": "none"}, "decision")


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


# ---- contacts ------------------------------------------------------------------------------------


def stored(stack, topic):
    """The last record of a topic as the store has it: nobody else may read what is private."""

    def redis(*command):
        return subprocess.run(["redis-cli", "-u", stack.env["CBM_REDIS"], *command], check=True, timeout=20,
                              capture_output=True).stdout

    seq = redis("HGET", "{cica}:log:prefix", topic).split()
    return redis("HGET", "{cica}:log", seq[0].decode()) if seq else b""


def test_contacts_are_told_to_their_audience(call, client, stack, refused, last):
    state(call, "VN")
    before = client.call("notify", "log.last", {"prefix": ""})["seq"]
    put = {"participant": "VN", "role": "focal-point", "name": "A. Person", "mail": "a@example.org",
           "phone": "+976 11 262222", "from": "2021-01-01"}
    made = call("contact.put", put)
    assert made["id"] == "vn-focal-point" and made["visibility"] == "secretariat" and made["rev"] == 1
    assert call("contact.put", put) == made
    # personal data is on no open topic, whatever prefix is read
    assert client.call("notify", "log.last", {"prefix": ""})["seq"] == before
    assert last("registry.contact.") is None
    for audience in ("secretariat", "VN"):
        kept = stored(stack, f"private.{audience}.registry.contact.vn-focal-point.")
        assert b"contact.shared" in kept and b"A. Person" in kept
    members = call("contact.put", {**put, "visibility": "members", "from": "2022-01-01"})
    assert client.call("notify", "log.last", {"prefix": ""})["seq"] == before
    shown = call("contact.put", {**put, "name": "B. Person", "visibility": "open", "from": "2023-01-01"})
    record = last("registry.contact.vn-focal-point.")
    assert record["meta"]["type"] == "contact.recorded"
    assert [entry["from"] for entry in record["data"]["history"]] == ["2023-01-01"]  # nothing else leaks
    assert "A. Person" not in str(record)
    hidden = call("contact.put", {**put, "visibility": "secretariat", "from": "2024-01-01"})
    record = last("registry.contact.vn-focal-point.")
    assert record["meta"]["type"] == "contact.hidden"
    assert record["data"] == {"id": "vn-focal-point", "rev": hidden["rev"]}
    assert [made["rev"], members["rev"], shown["rev"], hidden["rev"]] == [1, 2, 3, 4]

    def names(**asked):
        return [one["name"] for one in call("contact.list", {"participant": "VN", **asked})["items"]]

    assert names(as_of="2020-12-31") == [] and names(as_of="2023-06-01") == ["B. Person"]
    assert names() == ["A. Person"] and names(role="press") == []
    call("contact.put", {**put, "from": "2025-01-01", "to": "2025-07-01"})
    assert names(as_of="2025-06-30") == ["A. Person"] and names(as_of="2025-07-01") == []
    with stack.subscriber("") as live:
        live.watermark("")
        call("contact.put", {**put, "from": "2025-02-01"})
        call("contact.put", {**put, "name": "C. Person", "from": "2025-08-01", "visibility": "open"})
        (topic, _, data), = live.records(1)  # of what came before it nothing is told
        assert topic == "registry.contact.vn-focal-point." and data["name"] == "C. Person"
        assert "A. Person" not in str(data)


def test_what_a_contact_may_not_be(call, refused):
    state(call, "TJ")
    put = {"participant": "TJ", "role": "focal-point", "name": "N. N.", "from": "2021-01-01"}
    for change, code, field in [
            ({"participant": "QQ"}, "failed_precondition", "participant"),
            ({"body": "NOBODY"}, "failed_precondition", "body"),
            ({"mail": "nobody"}, "invalid_argument", "mail"),
            ({"mail": "a b@c"}, "invalid_argument", "mail"),
            ({"phone": "call me"}, "invalid_argument", "phone"),
            ({"visibility": "everyone"}, "invalid_argument", "visibility"),
            ({"to": "2021-01-01"}, "invalid_argument", "to"),
            ({"supersedes": "2020-01-01"}, "failed_precondition", "supersedes"),
            ({"rev": 3}, "aborted", "rev")]:
        refused(code, "contact.put", {**put, **change}, field)
    refused("invalid_argument", "contact.put", without(put, "participant"), "participant")
    made = call("contact.put", put)
    refused("failed_precondition", "contact.put", {**put, "id": made["id"], "role": "press"}, "id")


# ---- instruments ---------------------------------------------------------------------------------


def test_instruments(call, client, refused, last):
    for code, since in (("BD", "2014-05-20"), ("LK", "2018-08-15")):
        state(call, code, since)
    put = {"id": "convention", "title": "Convention on privileges", "adopted": "2010-06-08"}
    made = call("instrument.put", put)
    assert {"BD", "LK"} <= set(made["pending"]) and "ratified" not in made
    assert call("instrument.put", put) == made
    assert last("registry.instrument.convention.")["data"] == without(made, "seq")
    step = {"id": "convention", "member": "BD", "from": "2023-01-01"}
    call("instrument.ratify", {**step, "status": "signed", "from": "2015-01-01"})
    assert last("registry.instrument.convention.")["meta"]["type"] == "instrument.signed"
    got = call("instrument.ratify", step)
    assert got["ratified"] == ["BD"] and "signatories" not in got and "BD" not in got["pending"]
    assert call("instrument.ratify", step) == got
    assert call("instrument.get", {"id": "convention"}) == without(got, "seq")
    then = call("instrument.get", {"id": "convention", "as_of": "2016-01-01"})
    assert then["signatories"] == ["BD"] and "BD" in then["pending"] and "LK" not in then["pending"]
    assert len(then["history"]) == 1
    assert call("instrument.list")["items"] == [call("instrument.get", {"id": "convention"})]
    assert call("instrument.list", {"as_of": "2010-06-07"})["items"] == []
    for change, code, field in [
            ({"id": "none"}, "not_found", "id"),
            ({"member": "QQ"}, "failed_precondition", "member"),
            ({"member": "LK", "from": "2018-08-14"}, "failed_precondition", "member"),
            ({"from": "2010-06-07", "member": "KZ"}, "failed_precondition", "from"),
            ({"from": "2024-01-01"}, "failed_precondition", "status"),
            ({"member": "LK", "status": "withdrawn"}, "failed_precondition", "status"),
            ({"from": "2022-01-01", "supersedes": "2021-01-01"}, "failed_precondition", "supersedes"),
            ({"decision": "none"}, "failed_precondition", "decision")]:
        refused(code, "instrument.ratify", {**step, **change}, field)
    moved = call("instrument.ratify", {**step, "from": "2022-11-01", "supersedes": "2023-01-01"})
    assert len(moved["history"]) == 3 and moved["ratified"] == ["BD"]
    assert call("instrument.get", {"id": "convention", "as_of": "2022-12-01"})["ratified"] == ["BD"]
    out = call("instrument.ratify", {**step, "status": "withdrawn", "from": "2024-01-01"})
    assert "ratified" not in out and "BD" in out["pending"]
    refused("not_found", "instrument.get", {"id": "convention", "as_of": "2010-06-07"}, "as_of")
    refused("failed_precondition", "instrument.put", {**put, "body": "NOBODY"}, "body")


# ---- contributions -------------------------------------------------------------------------------


def test_contributions(call, client, refused, last):
    for code in ("CN", "JP"):
        state(call, code, status="member")
    given = {"participant": "CN", "on": "2021-03-01", "amount": 1234567, "currency": "USD"}
    made = call("contribution.record", given)
    assert made["id"] == "cn-2021-03-01-secretariat-budget" and made["earmark"] == "secretariat-budget"
    assert call("contribution.record", given) == made
    other = call("contribution.record", {**given, "amount": 5})  # the same day, and another
    assert other["id"] == made["id"] + "-2"
    call("contribution.record", {"participant": "JP", "on": "2021-05-01", "amount": 500, "currency": "JPY"})
    call("contribution.record", {"participant": "JP", "on": "2022-05-01", "in_kind": "Two interpreters",
                                 "earmark": "multilingualism"})
    call("contribution.record", {"participant": "CN", "on": "2021-12-31"})  # of an amount not known

    def totals(**asked):
        return [(t["year"], t.get("currency"), t.get("exponent"), t.get("amount"), t["count"])
                for t in call("contribution.totals", asked)["items"]]

    assert totals() == [(2021, None, None, None, 1), (2021, "JPY", 0, 500, 1), (2021, "USD", 2, 1234572, 2),
                        (2022, None, None, None, 1)]
    assert totals(participant="CN", as_of="2021-12-30") == [(2021, "USD", 2, 1234572, 2)]
    correction = {**given, "amount": 7654321, "id": "cn-corrected", "supersedes": made["id"]}
    call("contribution.record", correction)
    assert totals(year=2021, participant="CN")[1] == (2021, "USD", 2, 7654326, 2)
    old = last(f"registry.contribution.{made['id']}.")
    assert old["meta"]["type"] == "contribution.superseded" and old["data"]["superseded_by"] == "cn-corrected"
    assert call("contribution.record", correction)["rev"] == 1
    ids = [one["id"] for one in client.list("registry", "contribution.list", {"participant": "CN", "limit": 1})]
    assert ids == ["cn-2021-03-01-secretariat-budget-2", "cn-2021-12-31-secretariat-budget", "cn-corrected"]
    assert len(call("contribution.list", {"superseded": True})["items"]) == 6
    assert call("contribution.list", {"as_of": "2021-02-28"})["items"] == []
    for change, code, field in [
            ({"participant": "QQ"}, "failed_precondition", "participant"),
            ({"currency": "XXX"}, "invalid_argument", "currency"),
            ({"currency": "USDT"}, "invalid_argument", "currency"),
            ({"amount": 1.5}, "invalid_argument", "amount"),
            ({"amount": 0}, "invalid_argument", "amount"),
            ({"in_kind": "too"}, "invalid_argument", "in_kind"),
            ({"id": made["id"], "amount": 6}, "already_exists", "id"),
            ({"supersedes": "none"}, "failed_precondition", "supersedes"),
            ({"id": "again", "supersedes": made["id"]}, "failed_precondition", "supersedes")]:
        refused(code, "contribution.record", {**given, **change}, field)
    refused("invalid_argument", "contribution.record", without(given, "currency"), "currency")
    refused("invalid_argument", "contribution.record", without(given, "amount"), "amount")


# ---- the Fund ------------------------------------------------------------------------------------


def test_the_fund(call, client, refused, last):
    for code in ("UZ", "KG"):
        state(call, code)
    call("catalogue.put", {"adopted": "2021-10-12", "dimensions": [
        {"code": "economic", "name": "Economic", "areas": [{"code": "tourism", "name": "Tourism"}]}]})
    submit = {"title": "A road for visitors", "proposer": "UZ", "co_proposers": ["KG"], "area": "tourism",
              "amount": 5000000, "currency": "EUR", "on": "2023-01-10"}
    made = call("fund.submit", submit)
    assert (made["id"], made["status"]) == ("a-road-for-visitors", "submitted")
    assert call("fund.submit", submit) == made
    second = call("fund.submit", {**submit, "amount": 1})
    assert second["id"] == "a-road-for-visitors-2"
    for change, code, field in [
            ({"area": "nowhere"}, "not_found", "area"), ({"proposer": "QQ"}, "failed_precondition", "proposer"),
            ({"co_proposers": ["QQ"]}, "failed_precondition", "co_proposers"),
            ({"co_proposers": ["UZ"]}, "invalid_argument", "co_proposers"),
            ({"currency": "ABC"}, "invalid_argument", "currency"),
            ({"id": made["id"], "amount": 7}, "already_exists", "id")]:
        refused(code, "fund.submit", {**submit, **change}, field)

    def decide(status, on, **more):
        return call("fund.decide", {"id": made["id"], "status": status, "on": on, **more})

    error = refused("failed_precondition", "fund.decide", {"id": made["id"], "status": "approved", "amount": 1})
    assert "it may become assessed" in error["message"]
    decide("assessed", "2023-02-01", note="Meets the standards")
    refused("invalid_argument", "fund.decide", {"id": made["id"], "status": "approved"}, "amount")
    refused("invalid_argument", "fund.decide", {"id": made["id"], "status": "declined"}, "note")
    refused("failed_precondition", "fund.decide",
            {"id": made["id"], "status": "approved", "amount": 1, "on": "2023-01-31"}, "on")
    approved = decide("approved", "2023-03-01", amount=4000000)
    assert approved["granted"] == 4000000 and decide("approved", "2023-03-01", amount=4000000) == approved
    record = last(f"registry.fund.{made['id']}.")
    assert record["meta"]["type"] == "fund.approved" and record["data"].pop("from") == "assessed"
    corrected = decide("approved", "2023-03-01", amount=4100000)  # a correction supersedes
    assert corrected["granted"] == 4100000 and len(corrected["history"]) == 4
    done = decide("reported", "2024-03-01", amount=3900000, note="Opened")
    assert (done["status"], done["granted"], done["reported"]) == ("reported", 4100000, 3900000)
    then = call("fund.get", {"id": made["id"], "as_of": "2023-02-15"})
    assert then["status"] == "assessed" and "granted" not in then and len(then["history"]) == 2
    refused("not_found", "fund.get", {"id": made["id"], "as_of": "2023-01-09"}, "as_of")
    refused("not_found", "fund.get", {"id": "none"}, "id")
    assert [one["id"] for one in call("fund.list", {"status": "submitted"})["items"]] == [second["id"]]
    assert len(client.list("registry", "fund.list", {"as_of": "2023-01-10", "limit": 1})) == 2
    call("fund.decide", {"id": second["id"], "status": "assessed", "on": "2023-02-01"})
    no = call("fund.decide", {"id": second["id"], "status": "declined", "on": "2023-03-01", "note": "Twice"})
    assert no["status"] == "declined"
    refused("failed_precondition", "fund.decide", {"id": second["id"], "status": "reported", "amount": 1}, "status")


# ---- the sample ----------------------------------------------------------------------------------


def declared(name):
    lines = (ROOT / "deploy" / "sample" / name).read_text().splitlines()
    return [json.loads(line) for line in lines if not line.startswith("#")]


def test_the_sample_on_any_day(sample_stack):
    """The chair and the number of members on every month's days since 2002 are those of the files."""
    terms, parties = declared("20-chairmanship.jsonl"), declared("10-participants.jsonl")
    days = [f"{year}-{month:02}-{day}" for year in range(2002, 2027) for month in range(1, 13) for day in (13, 14)]

    def is_member(party, day):
        begun = [entry["status"] for entry in party["history"] if entry["from"] <= day]
        return bool(begun) and begun[-1] == "member"

    with sample_stack.client() as one:
        asked = [one.send("registry", "chair.current", {"on": day}, safe=True) for day in days]
        for day, msgid in zip(days, asked):
            chairs = [term["code"] for term in terms if term["from"] <= day < term["to"]]
            if chairs:
                assert one.wait(msgid)["code"] == chairs[0], day
            else:
                with pytest.raises(CallError):
                    one.wait(msgid)
        asked = [one.send("registry", "participant.list", {"status": "member", "as_of": day, "limit": 1000},
                          safe=True) for day in days]
        counts = {day: len(one.wait(msgid)["items"]) for day, msgid in zip(days, asked)}
        assert counts == {day: sum(is_member(party, day) for party in parties) for day in days}
        assert (counts["2021-10-13"], counts["2022-10-14"]) == (27, 28)
        convention = one.call("registry", "instrument.list", {"as_of": "2024-03-31"})["items"][0]
        assert convention["ratified"] == ["BD", "KZ"] and {"LK", "TJ"} <= set(convention["pending"])
        assert len(convention["pending"]) == 26  # of 28 members
        then = one.list("registry", "body.list", {"as_of": "2021-10-12"})
        assert {"SUMMIT", "SOC", "TTF", "CEP"} <= {body["code"] for body in then}
        assert "FUND" not in {body["code"] for body in then}
        thanked = one.list("registry", "contribution.list", {"year": 2021})
        assert len(thanked) == 7 and all("amount" not in gift for gift in thanked)


# ---- hostile input -------------------------------------------------------------------------------

HOSTILE = [
    {"id": 7}, {"id": "Not A Slug"}, {"id": ""}, {"unknown": 1}, {"participant": "kz"}, {"participant": ["KZ"]},
    {"amount": -1}, {"amount": 2**63}, {"amount": 1.5}, {"amount": "1"}, {"currency": "usd"}, {"on": "2021-02-30"},
    {"from": 5}, {"as_of": "soon"}, {"limit": 0}, {"limit": 1001}, {"cursor": "x;y"}, {"cursor": "x" * 201},
    {"status": "king"}, {"visibility": 1}, {"rev": -1}, {"title": ""}, {"name": "x" * 500}, {"items": [{}]},
    {"items": 1}, {"co_proposers": ["KZ"] * 17}, {"supersedes": {}}, {"year": 0}, {"year": "2021"},
]
METHODS = ["body.seat", "chair.history", "contact.put", "contact.list", "instrument.put", "instrument.ratify",
           "instrument.get", "instrument.list", "contribution.record", "contribution.list", "contribution.totals",
           "fund.submit", "fund.decide", "fund.get", "fund.list", "snapshot.export", "snapshot.import"]


@pytest.mark.parametrize("method", METHODS)
def test_hostile_parameters_move_nothing(client, call, method):
    before = client.call("notify", "log.last", {"prefix": ""})["seq"]
    for params in HOSTILE:
        with pytest.raises(CallError) as caught:
            call(method, params)
        assert caught.value.code in ("invalid_argument", "not_found"), (params, caught.value)
    assert client.call("notify", "log.last", {"prefix": ""})["seq"] == before
