"""The registry through the bus: every method's answers, refusals and records, over a raw client."""

import msgpack
import pytest

from conftest import CallError, ROOT

HOSTILE = [
    {"code": 7}, {"code": "kz"}, {"code": "K" * 17}, {"code": ""}, {"code": None}, {"code": ["KZ"]},
    {"code": "KZ", "unknown": 1}, {}, {"code": {"a": {"b": {}}}}, {"code": "KZ", "rev": -1},
    {"code": "KZ", "rev": 2**63}, {"code": "KZ", "as_of": "2021-02-30"}, {"code": "KZ", "as_of": 5},
    {"code": "KZ", "from": "yesterday", "status": "member"}, {"code": "KZ", "status": "king"},
    {"code": b"\xff\xfe"}, {"code": "KZ", "name": "x" * 201}, {"code": "KZ", "names": ["a"]},
    {"code": "KZ", "names": {str(i): "x" for i in range(100)}}, {"limit": 0}, {"limit": 1001},
    {"limit": "10"}, {"cursor": "x" * 201}, {"cursor": 1}, {"revision": 0}, {"revision": 1.5},
    {"on": "0000-00-00"}, {"area": "Not A Slug"}, {"area": "energy", "coordinators": ["kz"]},
    {"area": "energy", "coordinators": ["KZ"] * 17, "from": "2021-01-01"},
    {"adopted": "2021-01-01", "dimensions": [{"code": "x"}]},
    {"adopted": "2021-01-01", "dimensions": [{"code": "x", "name": "X", "areas": []}] * 17},
]
METHODS = [
    "participant.put", "participant.get", "participant.list", "participant.status",
    "participant.history", "chair.appoint", "chair.current", "chair.list", "body.put", "body.get",
    "body.list", "catalogue.put", "catalogue.get", "area.coordinators",
]
READERS = [name for name in METHODS if name.split(".")[1] in ("get", "list", "history", "current")]


@pytest.fixture
def call(client):
    return lambda method, params=None, **context: client.call("registry", method, params, **context)


@pytest.fixture
def refused(call):
    """refused(code, method, params) → the error; it must say something and name the field."""

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


def state(call, code, since="2000-01-01", status="member", **more):
    return call("participant.put", {"code": code, "name": f"State {code}", "kind": "state",
                                    "status": status, "since": since, **more})


# ---- participants -------------------------------------------------------------------------------


def test_a_new_participant(call, last):
    made = state(call, "KZ", "1999-09-14", names={"kk": "Қазақстан"})
    assert made["history"] == [{"status": "member", "from": "1999-09-14"}]
    assert made["rev"] == 1 and made["seq"] >= 1
    record = last("registry.participant.KZ.")
    assert record["topic"] == "registry.participant.KZ."
    assert record["meta"]["type"] == "participant.added" and record["meta"]["seq"] == made["seq"]
    assert record["data"] == call("participant.get", {"code": "KZ"})
    again = state(call, "KZ", "1999-09-14", names={"kk": "Қазақстан"})
    assert again == made  # the seq of its record, and nothing new
    assert last("registry.participant.KZ.")["meta"]["seq"] == made["seq"]


def test_an_applicant_by_default(call):
    made = call("participant.put", {"code": "MA", "name": "Morocco", "kind": "state"})
    assert made["status"] == "applicant" and made["since"] == made["history"][0]["from"]


@pytest.mark.parametrize("params, field", [
    ({"code": "QQ", "name": "X"}, "kind"),
    ({"code": "QQ", "name": "X", "kind": "state", "status": "member"}, "since"),
    ({"code": "QQ", "name": "X", "kind": "state", "status": "partner", "since": "2000-01-01"}, "status"),
    ({"code": "QQQ", "name": "X", "kind": "organisation", "status": "member", "since": "2000-01-01"},
     "status"),
    ({"code": "QQQ", "name": "X", "kind": "state"}, "code"),
    ({"code": "Q1", "name": "X", "kind": "state"}, "code"),
    ({"code": "SECRETARIAT", "name": "X", "kind": "organisation"}, "code"),
    ({"code": "QQ", "kind": "state"}, "name"),
])
def test_what_cannot_be_recorded(refused, params, field):
    refused("invalid_argument", "participant.put", params, field)
    refused("not_found", "participant.get", {"code": params["code"]}, "code")


def test_put_does_not_change_a_status(call, refused):
    state(call, "UZ")
    for change in ({"status": "observer", "since": "2000-01-01"}, {"status": "member", "since": "2001-01-01"}):
        error = refused("failed_precondition", "participant.put", {"code": "UZ", "name": "State UZ", **change})
        assert "participant.status" in error["message"]
    refused("failed_precondition", "participant.put",
            {"code": "UZ", "name": "State UZ", "kind": "organisation"}, "kind")
    refused("aborted", "participant.put", {"code": "UZ", "name": "State UZ", "rev": 9}, "rev")
    refused("aborted", "participant.put", {"code": "QX", "name": "X", "kind": "state", "rev": 1}, "rev")
    refused("failed_precondition", "participant.put",
            {"code": "QX", "name": "X", "kind": "state", "decision": "no-such"}, "decision")


def test_a_new_name_keeps_the_old_one(call, last):
    state(call, "TR", "1999-09-14")
    put = {"code": "TR", "name": "Türkiye", "names": {"ru": "Турция"}, "from": "2022-06-02"}
    renamed = call("participant.put", put)
    assert renamed["name"] == "Türkiye" and len(renamed["name_history"]) == 2
    assert last("registry.participant.TR.")["meta"]["type"] == "participant.renamed"
    assert call("participant.put", put) == renamed
    assert state(call, "TR", "1999-09-14")["rev"] == renamed["rev"]  # the first put, repeated
    before = call("participant.get", {"code": "TR", "as_of": "2022-06-01"})
    assert before["name"] == "State TR" and "names" not in before
    assert len(before["name_history"]) == 1
    after = call("participant.get", {"code": "TR", "as_of": "2022-06-02"})
    assert after["name"] == "Türkiye" and after["names"] == {"ru": "Турция"}


def test_statuses_are_dated(call, refused, last):
    state(call, "LK", "2012-01-01", "observer")
    change = {"code": "LK", "status": "member", "from": "2018-08-15"}
    changed = call("participant.status", change)
    assert (changed["status"], changed["since"]) == ("member", "2018-08-15")
    record = last("registry.participant.LK.")
    assert record["meta"]["type"] == "participant.status_changed"
    assert record["data"].pop("from") == "observer"
    assert record["data"] == call("participant.get", {"code": "LK"})
    assert call("participant.status", change) == changed
    refused("aborted", "participant.status", {**change, "rev": 1}, "rev")
    refused("failed_precondition", "participant.status", {**change, "from": "2019-01-01"}, "status")
    error = refused("failed_precondition", "participant.status",
                    {**change, "status": "applicant", "from": "2020-01-01"}, "status")
    assert "observer or former" in error["message"]
    refused("failed_precondition", "participant.status", {**change, "status": "partner"}, "status")
    refused("failed_precondition", "participant.status", {**change, "decision": "d-1"}, "decision")
    refused("not_found", "participant.status", {**change, "code": "QZ"}, "code")
    for day, status, since in [("2012-01-01", "observer", "2012-01-01"),
                               ("2018-08-14", "observer", "2012-01-01"),
                               ("2018-08-15", "member", "2018-08-15")]:
        got = call("participant.get", {"code": "LK", "as_of": day})
        assert (got["status"], got["since"]) == (status, since)
        assert all(entry["from"] <= day for entry in got["history"])
    refused("not_found", "participant.get", {"code": "LK", "as_of": "2011-12-31"}, "as_of")
    refused("not_found", "participant.history", {"code": "LK", "as_of": "2011-12-31"}, "as_of")
    refused("not_found", "participant.history", {"code": "QZ"}, "code")


def test_a_correction_supersedes(call):
    state(call, "JO", "2008-08-25", "observer")
    call("participant.status", {"code": "JO", "status": "member", "from": "2009-01-01"})
    call("participant.status", {"code": "JO", "status": "observer", "from": "2009-01-01"})
    call("participant.status", {"code": "JO", "status": "member", "from": "2010-01-01"})
    history = call("participant.history", {"code": "JO"})
    assert [(e["status"], e["from"]) for e in history["history"]] == [
        ("observer", "2008-08-25"), ("member", "2009-01-01"), ("observer", "2009-01-01"),
        ("member", "2010-01-01")]
    assert history["code"] == "JO" and history["seq"] >= 4 and len(history["name_history"]) == 1
    got = call("participant.get", {"code": "JO", "as_of": "2009-06-01"})
    assert (got["status"], got["since"]) == ("observer", "2008-08-25")
    assert len(call("participant.history", {"code": "JO", "as_of": "2009-06-01"})["history"]) == 3


def test_lists_page_filter_and_look_back(call, client, refused):
    for code in ("XA", "XB", "XC"):
        state(call, code, "1801-01-01")
    for code in ("XA-1", "XA-ORG"):
        call("participant.put", {"code": code, "name": code, "kind": "organisation", "status": "partner",
                                 "since": "1801-01-01"})
    everything = client.list("registry", "participant.list", {"as_of": "1850-01-01"})
    assert [one["code"] for one in everything] == ["XA", "XA-1", "XA-ORG", "XB", "XC"]
    for limit in range(1, 7):
        assert client.list("registry", "participant.list",
                           {"as_of": "1850-01-01", "limit": limit}) == everything
        states = client.list("registry", "participant.list",
                             {"as_of": "1850-01-01", "limit": limit, "kind": "state", "status": "member"})
        assert [one["code"] for one in states] == ["XA", "XB", "XC"]
    page = call("participant.list", {"as_of": "1850-01-01", "limit": 5})
    assert page["next"] is None and page["seq"] > 0  # a page that is just full is the last
    assert call("participant.list", {"as_of": "1700-01-01"})["items"] == []
    assert call("participant.list", {"cursor": "ZZZZ"})["items"] == []
    refused("invalid_argument", "participant.list", {"cursor": "x;y"}, "cursor")
    refused("invalid_argument", "body.list", {"cursor": "participant:"}, "cursor")


# ---- the chairmanship ---------------------------------------------------------------------------


def test_the_chairmanship(call, refused, last):
    state(call, "TJ", "1999-09-14")
    state(call, "AZ", "2000-01-01", "observer")
    refused("not_found", "chair.current", {"on": "2018-01-01"}, "on")
    first = call("chair.appoint", {"code": "TJ", "from": "2018-09-24", "to": "2020-09-24"})
    assert first["rev"] == 1
    assert call("chair.appoint", {"code": "TJ", "from": "2018-09-24", "to": "2020-09-24"}) == first
    record = last("registry.chair.TJ.")
    assert record["meta"]["type"] == "chair.appointed" and record["meta"]["seq"] == first["seq"]

    def spans(params, field=None):
        return refused("failed_precondition", "chair.appoint", params, field)["details"]["spans"]

    assert spans({"code": "TJ", "from": "2020-01-01", "to": "2022-01-01"}, "from") == [
        {"from": "2020-01-01", "to": "2020-09-24", "code": "TJ"}]
    assert spans({"code": "TJ", "from": "2020-10-24", "to": "2022-01-01"}, "from") == [
        {"from": "2020-09-24", "to": "2020-10-24"}]
    assert spans({"code": "TJ", "from": "2016-01-01", "to": "2018-09-01"}, "to") == [
        {"from": "2018-09-01", "to": "2018-09-24"}]
    assert spans({"code": "AZ", "from": "2020-09-24", "to": "2022-09-24"}, "code") == [
        {"from": "2020-09-24", "to": "2022-09-24", "code": "AZ"}]
    assert spans({"code": "QW", "from": "2020-09-24", "to": "2022-09-24"}, "code")
    refused("invalid_argument", "chair.appoint", {"code": "TJ", "from": "2020-09-24", "to": "2020-09-24"}, "to")
    refused("invalid_argument", "chair.appoint", {"from": "2020-09-24", "to": "2021-09-24"}, "code")
    refused("invalid_argument", "chair.appoint",
            {"code": "TJ", "vacant": True, "from": "2020-09-24", "to": "2021-09-24"}, "code")
    refused("aborted", "chair.appoint", {"code": "TJ", "from": "2020-09-24", "to": "2021-09-24", "rev": 7}, "rev")
    refused("failed_precondition", "chair.appoint",
            {"code": "TJ", "from": "2020-09-24", "to": "2021-09-24", "decision": "x"}, "decision")

    call("chair.appoint", {"vacant": True, "from": "2020-09-24", "to": "2020-10-24"})
    assert last("registry.chair.VACANT.")["data"]["vacant"] is True
    call("participant.status", {"code": "AZ", "status": "member", "from": "2020-10-24"})
    call("chair.appoint", {"code": "AZ", "from": "2020-10-24", "to": "2022-10-24"})
    call("chair.appoint", {"code": "TJ", "from": "2016-09-24", "to": "2018-09-24"})
    assert call("chair.current", {"on": "2020-09-23"})["code"] == "TJ"
    vacant = call("chair.current", {"on": "2020-09-24"})
    assert vacant["vacant"] is True and "code" not in vacant
    assert call("chair.current", {"as_of": "2020-10-24"})["code"] == "AZ"
    refused("not_found", "chair.current", {"on": "2022-10-24"}, "on")
    refused("invalid_argument", "chair.current", {"on": "2022-10-24", "as_of": "2022-10-25"}, "as_of")

    terms = call("chair.list")["items"]
    assert [term["from"] for term in terms] == ["2016-09-24", "2018-09-24", "2020-09-24", "2020-10-24"]
    page, paged = {"next": None}, []
    while not paged or page["next"]:
        page = call("chair.list", {"limit": 1, **({"cursor": page["next"]} if paged else {})})
        paged += page["items"]
    assert paged == terms
    assert len(call("chair.list", {"as_of": "2018-09-24"})["items"]) == 2
    refused("invalid_argument", "chair.list", {"cursor": "next"}, "cursor")

    # the chair is a member on every day of its term
    error = refused("failed_precondition", "participant.status",
                    {"code": "AZ", "status": "former", "from": "2022-01-01"}, "from")
    assert error["details"]["spans"] == [{"from": "2022-01-01", "to": "2022-10-24", "code": "AZ"}]
    refused("failed_precondition", "participant.status",
            {"code": "AZ", "status": "observer", "from": "2020-10-24"})
    assert call("participant.status", {"code": "AZ", "status": "former", "from": "2022-10-24"})


def test_of_two_terms_at_once_one_is_recorded(stack, call):
    for code in ("VA", "VB", "VC", "VD"):
        state(call, code, "1999-01-01")
    end = call("chair.list")["items"][-1]["to"]
    clients = [stack.client() for _ in range(4)]
    waiting = [one.send("registry", "chair.appoint", {"code": code, "from": end, "to": f"20{40 + i}-01-01"})
               for i, (one, code) in enumerate(zip(clients, ("VA", "VB", "VC", "VD")))]
    outcomes = []
    for one, msgid in zip(clients, waiting):
        try:
            outcomes.append(one.wait(msgid)["code"])
        except CallError as error:
            assert error.code == "failed_precondition"
            outcomes.append(None)
        one.close()
    assert len([code for code in outcomes if code]) == 1
    assert len([term for term in call("chair.list")["items"] if term["from"] == end]) == 1


# ---- bodies -------------------------------------------------------------------------------------


def test_bodies(call, client, refused, last):
    soc = {"code": "SOC", "name": "Senior Officials Committee", "kind": "governing", "level": 2,
           "names": {"ru": "КСДЛ", "kk": "x"}}
    made = call("body.put", soc)
    assert made["rev"] == 1
    assert call("body.put", {**soc, "names": {"kk": "x", "ru": "КСДЛ"}}) == made
    assert last("registry.body.SOC.")["meta"]["type"] == "body.recorded"
    assert {key: made[key] for key in soc} == soc
    changed = call("body.put", {**soc, "note": "At least once a year", "rev": 1})
    assert changed["rev"] == 2 and changed["seq"] > made["seq"]
    refused("aborted", "body.put", {**soc, "rev": 1}, "rev")
    refused("failed_precondition", "body.put", {**soc, "chair": "QV"}, "chair")
    refused("invalid_argument", "body.put", {**soc, "kind": "Not a slug"}, "kind")
    refused("invalid_argument", "body.put", {**soc, "level": 10}, "level")
    refused("invalid_argument", "body.put", {"code": "SOC", "name": "x"}, "kind")
    refused("not_found", "body.get", {"code": "NONE"}, "code")
    state(call, "CN")
    call("body.put", {"code": "TTF", "name": "Think Tank Forum", "kind": "advisory", "chair": "CN"})
    assert call("body.get", {"code": "TTF"})["chair"] == "CN"
    got = call("body.get", {"code": "SOC"})
    assert got == {key: value for key, value in changed.items() if key != "seq"}
    assert [body["code"] for body in call("body.list")["items"]] == ["SOC", "TTF"]
    assert [body["code"] for body in client.list("registry", "body.list", {"limit": 1})] == ["SOC", "TTF"]


# ---- the catalogue and coordinators --------------------------------------------------------------


def catalogue(adopted, *areas, **more):
    return {"adopted": adopted, "dimensions": [
        {"code": "economic", "name": "Economic", "areas": [{"code": a, "name": a} for a in areas]},
        {"code": "human", "name": "Human", "areas": [{"code": "youth", "name": "Youth"}]}], **more}


def test_the_catalogue_and_its_coordinators(call, refused, last):
    refused("not_found", "catalogue.get", {}, "on")
    refused("not_found", "area.coordinators", {"area": "energy"}, "area")
    first = call("catalogue.put", catalogue("2004-10-22", "energy"))
    assert first["revision"] == 1 and first["rev"] == 1
    assert call("catalogue.put", catalogue("2004-10-22", "energy")) == first
    assert call("catalogue.put", catalogue("2004-10-22", "energy", revision=1)) == first
    assert last("registry.catalogue.1.")["meta"]["type"] == "catalogue.revised"
    refused("failed_precondition", "catalogue.put", catalogue("2004-10-22", "other"), "revision")
    refused("failed_precondition", "catalogue.put", catalogue("2004-10-21", "energy"), "adopted")
    refused("failed_precondition", "catalogue.put", catalogue("2021-10-12", "energy", revision=3), "revision")
    refused("failed_precondition", "catalogue.put", catalogue("2021-10-12", "energy", revision=1), "revision")
    refused("failed_precondition", "catalogue.put", catalogue("2021-10-12", "energy", decision="d"), "decision")
    refused("aborted", "catalogue.put", catalogue("2004-10-22", "energy", rev=5), "rev")
    refused("invalid_argument", "catalogue.put", catalogue("2021-10-12", "energy", "energy"),
            "dimensions[0].areas[1].code")
    refused("invalid_argument", "catalogue.put", catalogue("2021-10-12", "energy", "youth"),
            "dimensions[1].areas[0].code")
    refused("invalid_argument", "catalogue.put", {"adopted": "2021-10-12", "dimensions": []}, "dimensions")
    second = call("catalogue.put", catalogue("2021-10-12", "energy", "tourism", revision=2))
    assert second["revision"] == 2
    assert call("catalogue.get")["revision"] == 2
    assert call("catalogue.get", {"on": "2021-10-11"})["revision"] == 1
    assert call("catalogue.get", {"as_of": "2021-10-12"})["revision"] == 2
    assert call("catalogue.get", {"revision": 1}) == {k: v for k, v in first.items() if k != "seq"}
    refused("not_found", "catalogue.get", {"on": "2004-10-21"}, "on")
    refused("not_found", "catalogue.get", {"revision": 3}, "revision")
    refused("invalid_argument", "catalogue.get", {"revision": 1, "on": "2021-01-01"}, "revision")
    coordinators(call, refused, last)


def coordinators(call, refused, last):
    for code in ("RU", "TH", "KR"):
        state(call, code)
    state(call, "JP", status="observer")
    empty = call("area.coordinators", {"area": "energy"})
    assert empty == {"area": "energy", "coordinators": [], "co_coordinators": [], "history": [], "rev": 0}
    record = {"area": "energy", "coordinators": ["RU", "KR"], "co_coordinators": ["TH"], "from": "2021-06-23"}
    made = call("area.coordinators", record)
    assert made["rev"] == 1 and made["coordinators"] == ["RU", "KR"] and made["from"] == "2021-06-23"
    assert call("area.coordinators", {**record, "coordinators": ["KR", "RU"]}) == made
    got = last("registry.area.energy.")
    assert got["meta"]["type"] == "area.coordinated" and got["meta"]["seq"] == made["seq"]
    for change, code, field in [
            ({"area": "nowhere"}, "not_found", "area"),
            ({"coordinators": ["RU", "RU"]}, "invalid_argument", "coordinators[1]"),
            ({"co_coordinators": ["KR"]}, "invalid_argument", "co_coordinators[0]"),
            ({"coordinators": ["RU", "JP"]}, "failed_precondition", "coordinators[1]"),
            ({"co_coordinators": ["QU"]}, "failed_precondition", "co_coordinators[0]"),
            ({"from": "1999-12-31"}, "failed_precondition", "coordinators[0]"),
            ({"as_of": "2021-06-23"}, "invalid_argument", "as_of"),
            ({"rev": 4}, "aborted", "rev")]:
        refused(code, "area.coordinators", {**record, **change}, field)
    refused("invalid_argument", "area.coordinators", {"area": "energy", "coordinators": ["RU"]}, "from")
    refused("invalid_argument", "area.coordinators", {"area": "energy", "rev": 1}, "rev")
    refused("not_found", "area.coordinators", {"area": "nowhere"}, "area")
    call("area.coordinators", {"area": "energy", "coordinators": ["TH"], "co_coordinators": [],
                               "from": "2023-01-01"})
    then = call("area.coordinators", {"area": "energy", "as_of": "2022-12-31"})
    assert then["coordinators"] == ["RU", "KR"] and len(then["history"]) == 1
    now = call("area.coordinators", {"area": "energy"})
    assert now["coordinators"] == ["TH"] and now["co_coordinators"] == [] and len(now["history"]) == 2
    before = call("area.coordinators", {"area": "energy", "as_of": "2021-06-22"})
    assert before["coordinators"] == [] and "from" not in before
    nobody = call("area.coordinators", {"area": "energy", "coordinators": [], "from": "2024-01-01"})
    assert nobody["coordinators"] == [] and nobody["rev"] == 3


# ---- races, keys, hostile input -------------------------------------------------------------------


def test_a_chair_cannot_leave_while_it_is_appointed(stack, call):
    """Withdrawal and appointment guard each other: never both."""
    end = call("chair.list")["items"][-1]["to"]
    clients = [stack.client() for _ in range(2)]
    for i in range(20):
        code = f"W{chr(65 + i)}"
        state(call, code, "1999-01-01")
        to = f"{int(end[:4]) + 1}{end[4:]}"
        appoint = clients[0].send("registry", "chair.appoint", {"code": code, "from": end, "to": to})
        leave = clients[1].send("registry", "participant.status",
                                {"code": code, "status": "former", "from": end})
        outcomes = []
        for one, msgid in zip(clients, (appoint, leave)):
            try:
                one.wait(msgid)
                outcomes.append(True)
            except CallError as error:
                assert error.code == "failed_precondition"
                outcomes.append(False)
        assert outcomes.count(True) == 1
        end = to if outcomes[0] else end
    for one in clients:
        one.close()


def test_changes_of_one_participant_at_once_are_all_kept(stack, call):
    state(call, "ZZ", "1999-01-01")
    names = [f"Name {i}" for i in range(12)]
    with stack.client() as one:
        waiting = [one.send("registry", "participant.put", {"code": "ZZ", "name": name, "from": f"20{10 + i}-01-01"})
                   for i, name in enumerate(names)]
        revisions = sorted(one.wait(msgid)["rev"] for msgid in waiting)
    assert revisions == list(range(2, 14))
    history = call("participant.history", {"code": "ZZ"})["name_history"]
    assert sorted(entry["name"] for entry in history[1:]) == sorted(names)


def test_the_same_key_answers_the_first_answer(call, refused):
    put = {"code": "IL", "name": "Israel", "kind": "state", "status": "member", "since": "1999-09-14"}
    first = call("participant.put", put, key="registry-key-1")
    assert call("participant.put", put, key="registry-key-1") == first
    with pytest.raises(CallError) as caught:
        call("participant.put", {**put, "name": "Other"}, key="registry-key-1")
    assert caught.value.code == "already_exists"


@pytest.mark.parametrize("method", METHODS)
def test_hostile_parameters_move_nothing(client, call, method):
    before = client.call("notify", "log.last", {"prefix": ""})["seq"]
    for params in HOSTILE:
        try:
            call(method, params)
            assert method in READERS  # some are fine for a reader without parameters of that name
        except CallError as error:
            assert error.code in ("invalid_argument", "not_found", "failed_precondition"), (params, error)
    for body in (b"\xdd\xff\xff\xff\xff", b"\x91" * 5000, b"\xc1", b"",
                 msgpack.packb([0, 1, method, [[]]]), msgpack.packb([0, 1, method, []]),
                 msgpack.packb([0, 1, method, [{}, {}]]), msgpack.packb([0, 1, method, [{1: 2}]]),
                 msgpack.packb([0, 1, method, [{"code": "\0" * 5}]])):
        client.send_raw("registry", body)
        _, error, _ = client.receive()
        assert error["code"] == "invalid_argument", (body[:20], error)
    assert client.call("notify", "log.last", {"prefix": ""})["seq"] == before


def test_a_page_over_many(call, client):
    """More than one round to the store looks at, few of them wanted."""
    codes = sorted(f"P{i:03}" for i in range(230))
    for i, msgid in enumerate([client.send("registry", "participant.put", {
            "code": code, "name": code, "kind": "organisation", "since": "1601-01-01",
            "status": "observer" if code == "P200" else "partner"}) for code in codes]):
        assert client.wait(msgid)["code"] == codes[i]
    one = call("participant.list", {"as_of": "1650-01-01", "status": "observer"})
    assert [got["code"] for got in one["items"]] == ["P200"] and one["next"] is None
    page = call("participant.list", {"as_of": "1650-01-01", "limit": 1000})
    assert [got["code"] for got in page["items"]] == codes and page["next"] is None
    assert [got["code"] for got in client.list("registry", "participant.list", {
        "as_of": "1650-01-01", "limit": 7})] == codes


def test_what_is_the_largest_is_kept(call, client, refused):
    """A participant with every name history slot at its longest, and one name more."""
    state(call, "BH", "1999-01-01")
    names = {f"l{i:02}": "я" * 500 for i in range(16)}
    for i in range(31):
        call("participant.put", {"code": "BH", "name": f"{i:03}" + "я" * 98, "names": names,
                                 "from": f"20{10 + i}-01-01"})
    refused("failed_precondition", "participant.put", {"code": "BH", "name": "more", "from": "2060-01-01"}, "name")
    assert len(call("participant.history", {"code": "BH"})["name_history"]) == 32
    assert "BH" in [one["code"] for one in client.list("registry", "participant.list")]


def test_a_registry_that_starts_anew_knows_it_all(stack, call):
    before = {method: call(method) for method in ("chair.list", "body.list", "catalogue.get")}
    stack.kill("registry.1")
    stack.up()
    with stack.client() as one:
        for method, answer in before.items():
            assert one.call("registry", method) == answer


# ---- the sample -----------------------------------------------------------------------------------


def test_the_sample(sample_stack):
    with sample_stack.client() as one:
        def members(day):
            return len(one.list("registry", "participant.list", {"status": "member", "as_of": day}))

        assert (members("2021-10-12"), members("2022-10-12"), members("2022-10-13")) == (27, 27, 28)
        assert one.call("registry", "chair.current", {"on": "2021-10-12"})["code"] == "KZ"
        assert one.call("registry", "participant.get", {"code": "TR", "as_of": "2021-10-12"})["name"] == "Turkey"
        dimensions = one.call("registry", "catalogue.get", {"on": "2021-10-12"})["dimensions"]
        assert (len(dimensions), sum(len(d["areas"]) for d in dimensions)) == (5, 18)
        last = one.call("notify", "log.last", {"prefix": "registry."})["seq"]
        sample_stack.cbm("import", ROOT / "deploy" / "sample")
        assert one.call("notify", "log.last", {"prefix": "registry."})["seq"] == last
