"""Clashes through the running services: event.clashes, what blocks and who may override, rules as data,
calendar.import, calendar.free, `cbm ics import` and `cbm events clashes`."""
import json

import pytest

from conftest import CallError
from test_visibility import Who

HOSTS = ["KZ", "TR", "AZ", "CN", "MN"]
AREAS = ["tourism", "sme", "agriculture"]


@pytest.fixture(scope="module")
def office(stack, tmp_path_factory):
    """Clients by role: secretariat, chair, and the member KZ."""
    directory = tmp_path_factory.mktemp("keys")
    clients = {"secretariat": stack.client()}
    call = clients["secretariat"].call
    for code in HOSTS:
        call("registry", "participant.put", {"code": code, "name": code, "kind": "state", "status": "member",
                                             "since": "1999-09-14"})
    call("registry", "catalogue.put", {"adopted": "2021-10-12", "dimensions": [
        {"code": "economic", "name": "Economic", "areas": [{"code": code, "name": code} for code in AREAS]}]})
    for role, member in (("chair", None), ("member", "KZ")):
        clients[role] = Who(stack, directory, f"the-{role}", [role], member).client
    yield clients
    for one in clients.values():
        one.close()


@pytest.fixture(scope="module")
def call(office):
    return lambda method, **params: office["secretariat"].call("events", method, params)


@pytest.fixture
def accepted(call):
    """Makes an accepted event and gives its id."""
    def make(id, host="KZ", **more):
        call("event.propose", id=id, title=id, host=host, year=2031, kind=more.pop("kind", "seminar"), **more)
        call("event.accept", id=id)
        return id
    return make


@pytest.fixture
def scheduled(call, accepted):
    def make(id, start, end=None, host="KZ", how="in-person", **more):
        zone = more.pop("zone", "Asia/Almaty")
        accepted(id, host, **more)
        return call("event.schedule", id=id, sessions=[{"start": start, "end": end or start}], format=how, zone=zone)
    return make


def clashes(call, *rules, **params):
    """What event.clashes finds, of these rules if any are given."""
    items = call("event.clashes", **params)["items"]
    return [one for one in items if not rules or one["rule"] in rules]


def refusal(code, function, *arguments, **params):
    with pytest.raises(CallError) as caught:
        function(*arguments, **params)
    assert caught.value.code == code, caught.value.error
    return caught.value.error


def records(office, prefix):
    return [(one["meta"]["type"], one["data"]) for one in
            office["secretariat"].call("notify", "log.read", {"prefix": prefix, "after": 0, "limit": 1000})["items"]]


def test_a_blocking_clash_is_explained_and_repaired(call, office, accepted, scheduled):
    scheduled("first", "2031-03-10", "2031-03-12")
    accepted("second")
    dates = {"sessions": [{"start": "2031-03-12", "end": "2031-03-13"}], "format": "hybrid", "zone": "Asia/Almaty"}
    error = refusal("failed_precondition", call, "event.schedule", id="second", **dates)
    assert error["message"].startswith("host-double: KZ hosts first") and error["field"] == "sessions"
    clash = error["details"]["clash"]
    assert clash["with"] == {"kind": "event", "id": "first"} and clash["party"] == "KZ"
    assert clash["span"] == {"start": "2031-03-12", "end": "2031-03-12"}
    assert clash["repair"] == "hold it online, or begin on 2031-03-13"
    assert clashes(call, "host-double", id="second") == []  # it has no dates yet
    assert clashes(call, "host-double", id="second", draft=dates) == [clash]
    # the change for programs is what the words say
    assert clash["change"] == {"days": 1, "format": "online"}
    assert clashes(call, id="second", draft={**dates, "format": "online"}) == []
    moved = {**dates, "sessions": [{"start": "2031-03-13", "end": "2031-03-14"}]}
    assert clashes(call, id="second", draft=moved) == []
    assert call("event.schedule", id="second", **moved)["status"] == "scheduled"
    # a repeat is no clash with itself, and nothing was recorded of the refusal
    call("event.schedule", id="second", **moved)
    assert [type for type, _ in records(office, "events.-.-.second.")] == [
        "event.proposed", "event.accepted", "event.scheduled"]


def test_what_leaves_the_calendar_leaves_its_slot(call, scheduled, accepted):
    day = {"sessions": [{"start": "2031-04-01", "end": "2031-04-02"}], "format": "in-person"}
    scheduled("leaving", "2031-04-01", "2031-04-02")
    accepted("waiting")
    refusal("failed_precondition", call, "event.schedule", id="waiting", **day)
    call("event.postpone", id="leaving", reason="the hall burned")
    call("event.schedule", id="waiting", **day)
    refusal("failed_precondition", call, "event.schedule", id="leaving", **day)
    call("event.cancel", id="waiting", reason="no")
    call("event.schedule", id="leaving", **day)
    # rescheduling leaves the old days, also of another year
    call("event.schedule", id="leaving", sessions=[{"start": "2032-01-05", "end": "2032-01-06"}], format="in-person")
    accepted("third")
    call("event.schedule", id="third", **day)
    # held events stay where they were
    scheduled("held", "2020-05-05")
    call("event.hold", id="held")
    call("event.report", id="held", member_states=[])
    assert [one["with"]["id"] for one in clashes(call, "host-double", draft={
        "host": "KZ", "sessions": [{"start": "2020-05-05", "end": "2020-05-05"}], "zone": "Asia/Almaty"})] == ["held"]


def test_overrides(call, office, accepted, scheduled):
    scheduled("taken", "2031-05-05")
    day = {"sessions": [{"start": "2031-05-05", "end": "2031-05-05"}], "format": "in-person"}
    for id in ("by-secretariat", "by-chair", "by-member"):
        accepted(id)
    member, chair = (lambda method, role=role, **params: office[role].call("events", method, params)
                     for role in ("member", "chair"))
    call("event.schedule", id="by-secretariat", override="two halls", **day)
    assert refusal("permission_denied", chair, "event.schedule", id="by-chair", **day)["field"] == "override"
    chair("event.schedule", id="by-chair", override="two halls", **day)
    assert refusal("permission_denied", member, "event.schedule", id="by-member", override="please", **day)["field"] == \
        "override"
    refusal("failed_precondition", member, "event.schedule", id="by-member", **day)
    member("event.schedule", id="by-member", **{**day, "format": "online"})
    for id in ("by-secretariat", "by-chair"):
        type, data = records(office, f"events.-.-.{id}.")[-1]
        assert (type, data["override"]) == ("event.scheduled", "two halls")
    # an amendment that makes a clash is looked at as well
    error = refusal("failed_precondition", member, "event.amend", id="by-member", format="in-person")
    assert "host-double" in error["message"]
    refusal("permission_denied", member, "event.amend", id="by-member", format="in-person", override="please")
    call("event.amend", id="by-member", format="in-person", override="a third hall", reason="it has to be")
    type, data = records(office, "events.-.-.by-member.")[-1]
    assert (type, data["override"], data["amend_reason"]) == ("event.amended", "a third hall", "it has to be")
    # to another host, and to another area: the agendas follow
    call("event.amend", id="by-member", host="TR")
    assert {one["with"]["id"] for one in clashes(call, "host-double", draft={"host": "TR", **day})} == {"by-member"}
    assert "by-member" not in {one["with"]["id"] for one in clashes(call, "host-double", draft={"host": "KZ", **day})}
    call("event.amend", id="by-member", area="sme")
    assert {one["with"]["id"] for one in clashes(call, "area-double", draft={"area": "sme", **day})} == {"by-member"}


def test_rules_that_warn(call, scheduled):
    scheduled("area-1", "2031-06-10", host="TR", area="tourism", zone="Europe/Istanbul")
    scheduled("soc", "2031-06-10", host="AZ", kind="soc-meeting", zone="Asia/Baku")
    draft = {"host": "CN", "area": "tourism", "zone": "Asia/Shanghai",
             "sessions": [{"start": "2031-06-10", "end": "2031-06-10"}]}
    found = clashes(call, draft=draft)
    assert [(one["rule"], one["severity"], one["with"]["id"]) for one in found] == [
        ("area-double", "warn", "area-1"), ("governing-body", "warn", "soc")]
    # a meeting of a body is told of the events of every area; a draft says what it likes
    found = clashes(call, draft={"host": "MN", "kind": "summit", "sessions": [{"start": "2031-06-10", "end": "2031-06-10"}]})
    assert {(one["rule"], one["with"]["id"]) for one in found} == {("governing-body", "area-1"), ("governing-body", "soc")}
    for number in range(3):
        scheduled(f"crowd-{number}", f"2031-0{4 + number}-2{number}", host="TR", area="tourism", how="online")
    found = clashes(call, "area-crowded", draft=draft)
    assert len(found) == 1 and found[0]["with"] == {"kind": "area", "id": "tourism"}
    assert "5 events in the second quarter of 2031, more than 4" in found[0]["explanation"]
    assert found[0]["repair"] == "begin on 2031-07-01"
    found = clashes(call, draft={**draft, "area": "sme", "sessions": [{"start": "2003-03-03", "end": "2003-03-03"}]})
    assert [(one["rule"], one["with"]) for one in found] == [("short-notice", {"kind": "rule", "id": "short-notice"})]


def test_rules_are_data(call, office):
    rules = {one["rule"]: one for one in call("rule.list")["items"]}
    assert list(rules) == ["host-double", "area-double", "governing-body", "delegate-double", "outside-calendar",
                           "short-notice", "area-crowded"]
    assert rules["host-double"]["severity"] == "block" and rules["area-crowded"]["count"] == 4
    assert {one["severity"] for name, one in rules.items() if name != "host-double"} == {"warn"}
    draft = {"host": "MN", "area": "agriculture", "sessions": [{"start": "2001-01-09", "end": "2001-01-09"}]}
    before = rules["short-notice"]["rev"]
    changed = call("rule.put", rule="short-notice", severity="block", days=30, rev=before)
    assert changed["rev"] == before + 1 and changed["days"] == 30
    assert clashes(call, draft=draft)[0]["severity"] == "block"
    assert call("rule.put", rule="short-notice", severity="block", days=30) == changed  # and nothing recorded
    refusal("aborted", call, "rule.put", rule="short-notice", severity="warn", rev=before)
    refusal("invalid_argument", call, "rule.put", rule="short-notice", severity="warn", count=3)
    refusal("invalid_argument", call, "rule.put", rule="no-such", severity="warn")
    refusal("permission_denied", office["member"].call, "events", "rule.put", {"rule": "short-notice", "severity": "warn"})
    call("rule.put", rule="short-notice", severity="ignore")
    assert clashes(call, draft=draft) == []
    call("rule.put", rule="short-notice", severity="warn")
    assert [(type, data["severity"]) for type, data in records(office, "rules.short-notice.")] == [
        ("rule.changed", "block"), ("rule.changed", "ignore"), ("rule.changed", "warn")]


def test_who_asks_about_what(call, office):
    refusal("invalid_argument", call, "event.clashes")
    refusal("not_found", call, "event.clashes", id="no-such-event")
    refusal("invalid_argument", call, "event.clashes", draft={"sessions": [{"start": "2031-02-02", "end": "2031-02-01"}]})
    refusal("invalid_argument", call, "event.clashes", draft={"nonsense": 1})
    assert call("event.clashes", draft={}) == {"items": [], "more": False}
    office["member"].call("events", "event.propose", {"id": "secret", "title": "s", "kind": "seminar", "host": "KZ",
                                                      "year": 2031})
    assert office["member"].call("events", "event.clashes", {"id": "secret"})["items"] == []
    refusal("not_found", office["chair"].call, "events", "event.clashes", {"id": "secret"})


def test_many_clashes_are_bounded(call, scheduled):
    for number in range(210):
        scheduled(f"online-{number}", "2033-02-02", host="MN", area="agriculture", how="online")
    answer = call("event.clashes", draft={"area": "agriculture", "zone": "Asia/Almaty",
                                          "sessions": [{"start": "2033-02-02", "end": "2033-02-02"}]})
    assert len(answer["items"]) == 200 and answer["more"] is True


def test_one_delegate_in_two_places(call, office, scheduled, accepted):
    for id, host, day in (("here", "AZ", "2036-05-10"), ("there", "TR", "2036-05-11")):
        scheduled(id, day, host=host, how="hybrid", zone="Asia/Baku")
        call("delegation.register", event=id, member="KZ", mode="in-person", head={"name": "Aigerim Bekova"})
    accepted("later", "MN")
    assert clashes(call, "delegate-double", id="here") == []
    moved = {"sessions": [{"start": "2036-05-11", "end": "2036-05-12"}]}
    found = clashes(call, "delegate-double", id="here", draft=moved)
    assert [(one["with"], one["party"], one["severity"]) for one in found] == [
        ({"kind": "event", "id": "there"}, "KZ", "warn")]
    assert "a delegate of KZ is registered for there" in found[0]["explanation"] and "Bekova" not in str(found)
    assert found[0]["repair"] == "begin on 2036-05-12"
    # who may not see delegations sees none, whatever the draft says it is
    ask = office["member"].call
    assert [one["rule"] for one in ask("events", "event.clashes", {"id": "here", "draft": moved})["items"]] == ["delegate-double"]
    ask = office["chair"].call
    for params in ({"id": "here", "draft": {**moved, "host": "CN"}}, {"draft": {**moved, "id": "here", "host": "CN"}}):
        assert ask("events", "event.clashes", params)["items"] == []
    # but what blocks, blocks whoever asks
    call("rule.put", rule="delegate-double", severity="block")
    error = refusal("failed_precondition", call, "event.schedule", id="here", format="hybrid", zone="Asia/Baku", **moved)
    assert error["details"]["clash"]["rule"] == "delegate-double"
    call("rule.put", rule="delegate-double", severity="warn")
    call("event.schedule", id="here", format="hybrid", zone="Asia/Baku", **moved)
    assert [one["rule"] for one in clashes(call, id="here")] == ["delegate-double"]


# ---- outside calendars ---------------------------------------------------------------------------
def ics(*events):
    lines = ["BEGIN:VCALENDAR", "VERSION:2.0", "PRODID:test"]
    for number, event in enumerate(events):
        lines += ["BEGIN:VEVENT", f"UID:{number}", *event, "END:VEVENT"]
    return "\r\n".join([*lines, "END:VCALENDAR", ""])


NAURYZ = ["DTSTART;VALUE=DATE:20200321", "DTEND;VALUE=DATE:20200324", "SUMMARY:Nauryz", "RRULE:FREQ=YEARLY"]
ASSEMBLY = ["DTSTART;TZID=America/New_York:20310916T090000", "DTEND;TZID=America/New_York:20310916T180000",
            "RRULE:FREQ=DAILY;COUNT=3", "SUMMARY:General debate"]


def test_an_outside_calendar(call, office, scheduled, accepted):
    first = call("calendar.import", calendar="un", ics=ics(ASSEMBLY), title="United Nations")
    assert first["spans"] == 3 and first["title"] == "United Nations" and "severity" not in first
    draft = {"host": "AZ", "zone": "Asia/Baku", "sessions": [{"start": "2031-09-17", "end": "2031-09-17"}]}
    found = clashes(call, "outside-calendar", draft=draft)  # of the 16th in New York it has two hours
    assert [(one["severity"], one["with"]) for one in found] == [("warn", {"kind": "calendar", "id": "un"})] * 2
    assert "General debate (calendar un)" in found[0]["explanation"]
    # the same again changes nothing, in whatever order; another severity does
    again = call("calendar.import", calendar="un", ics=ics(ASSEMBLY), title="United Nations")
    assert again == first
    assert call("calendar.import", calendar="un", ics=ics(ASSEMBLY), severity="block")["rev"] == first["rev"] + 1
    accepted("at-the-assembly", "AZ")
    error = refusal("failed_precondition", call, "event.schedule", id="at-the-assembly", format="online", zone="Asia/Baku",
                    sessions=draft["sessions"])
    assert error["details"]["clash"]["rule"] == "outside-calendar"
    # what vanished from it is gone
    call("calendar.import", calendar="un", ics=ics())
    call("event.schedule", id="at-the-assembly", format="online", zone="Asia/Baku", sessions=draft["sessions"])
    assert [(type, data["spans"]) for type, data in records(office, "calendars.un.")] == [
        ("calendar.imported", 3), ("calendar.imported", 3), ("calendar.imported", 0)]


def test_holidays_of_a_host(call):
    call("calendar.import", calendar="kz-holidays", ics=ics(NAURYZ), host="KZ")
    call("calendar.import", calendar="other", ics=ics(["DTSTART;VALUE=DATE:20310321", "SUMMARY:Equinox"]))
    spring = {"zone": "Asia/Almaty", "sessions": [{"start": "2031-03-20", "end": "2031-03-21"}]}
    assert [one["with"]["id"] for one in clashes(call, draft={"host": "KZ", **spring})] == ["other", "kz-holidays"]
    assert [one["with"]["id"] for one in clashes(call, draft={"host": "TR", **spring})] == ["other"]
    # the same calendar for another host, and for all
    call("calendar.import", calendar="kz-holidays", ics=ics(NAURYZ), host="TR")
    assert [one["with"]["id"] for one in clashes(call, draft={"host": "KZ", **spring})] == ["other"]
    call("calendar.import", calendar="kz-holidays", ics=ics(NAURYZ))
    assert len(clashes(call, draft={"host": "KZ", **spring})) == 2
    call("calendar.import", calendar="kz-holidays", ics=ics(NAURYZ), **{"from": "2025-01-01", "to": "2025-12-31"})
    assert [one["with"]["id"] for one in clashes(call, draft={"host": "KZ", **spring})] == ["other"]
    assert [one["calendar"] for one in call("calendar.list")["items"]] == ["kz-holidays", "other", "un"]
    page = call("calendar.list", limit=1)
    assert page["next"] == "kz-holidays"
    assert [one["calendar"] for one in call("calendar.list", limit=1, cursor=page["next"])["items"]] == ["other"]
    for id in ("kz-holidays", "other"):
        call("calendar.import", calendar=id, ics=ics())


@pytest.mark.parametrize("params", [
    {"ics": "no calendar"}, {"ics": ics(["SUMMARY:no start"])}, {"ics": ics(["DTSTART:20310101T000000Z", "RRULE:FREQ=SECONDLY"])},
    {"ics": "BEGIN:VCALENDAR\r\n" + "BEGIN:VEVENT\r\n" * 9 + "END:VCALENDAR\r\n"}, {"ics": ics(), "host": "XX"},
    {"ics": ics(), "from": "2031-01-01", "to": "2030-01-01"}, {"ics": ics(), "from": "2001-01-01", "to": "2040-01-01"},
    {"ics": ics(), "from": "1900-01-01"}, {"ics": ics(), "severity": "deadly"}, {"ics": "x" * 800000}])
def test_calendars_that_are_refused(call, office, params):
    refusal("invalid_argument", call, "calendar.import", calendar="bad", **params)
    refusal("permission_denied", office["member"].call, "events", "calendar.import", {"calendar": "bad", "ics": ics()})
    assert records(office, "calendars.bad.") == []


def test_an_agenda_that_is_full_says_so(call):
    """More of one calendar's length than a quarter's agenda holds."""
    event = ["DTSTART;VALUE=DATE:20310101", "SUMMARY:" + "x" * 80]
    many = ics(*(event[:1] + [f"SUMMARY:{number:04d}{'x' * 76}"] for number in range(2500)))
    error = refusal("resource_exhausted", call, "calendar.import", calendar="full", ics=many)
    assert "agenda" in error["message"]


# ---- free windows --------------------------------------------------------------------------------
def test_free_windows(call, scheduled):
    scheduled("in-the-way", "2034-03-10", "2034-03-12", host="CN", zone="Asia/Shanghai")
    scheduled("of-the-area", "2034-03-20", host="TR", area="agriculture", zone="Asia/Shanghai", how="online")
    asked = {"from": "2034-03-01", "to": "2034-03-31", "days": 2, "host": "CN", "area": "agriculture", "zone": "Asia/Shanghai"}
    windows = call("calendar.free", **asked)["items"]
    assert [(one["start"], one["end"], one["warnings"]) for one in windows] == [
        ("2034-03-01", "2034-03-09", 0), ("2034-03-13", "2034-03-19", 0), ("2034-03-21", "2034-03-31", 0),
        ("2034-03-19", "2034-03-21", 1)]
    assert [one["rank"] for one in windows] == [1, 2, 3, 4]
    assert windows[0]["reasons"] == ["nothing clashes"]
    assert "of-the-area" in windows[3]["reasons"][0]
    # each window holds what it says: an event on any of its days is not refused
    draft = {"host": "CN", "area": "agriculture", "zone": "Asia/Shanghai"}
    for window in windows[:3]:
        for day in (window["start"], window["end"]):
            assert clashes(call, draft={**draft, "sessions": [{"start": day, "end": day}]}) == []
    assert call("calendar.free", **{**asked, "limit": 1})["items"] == windows[:1]
    online = call("calendar.free", **{**asked, "format": "online"})["items"]
    assert (online[0]["start"], online[0]["end"]) == ("2034-03-01", "2034-03-19")
    assert call("calendar.free", **{"from": "2034-03-01", "to": "2034-03-03", "duration": "P4D"})["items"] == []
    for wrong in ({"to": "2034-02-01"}, {"to": "2036-01-01"}, {"duration": "P2D"}, {"days": 0}):
        refusal("invalid_argument", call, "calendar.free", **{**asked, **wrong})


# ---- the command line ----------------------------------------------------------------------------
def test_on_the_command_line(call, stack, scratch, scheduled, accepted):
    file = scratch / "holidays.ics"
    file.write_text(ics(["DTSTART;VALUE=DATE:20350901", "SUMMARY:First of September"]))
    done = stack.cbm("ics", "import", file, "--calendar", "school", "--severity", "warn", "--from", "2035-01-01",
                     "--to", "2035-12-31")
    assert done.stdout.startswith("school: 1 spans from 2035-01-01 to 2035-12-31 (seq ")
    first = done.stdout
    done = stack.cbm("ics", "import", file, "--calendar", "school", "--severity", "warn", "--from", "2035-01-01",
                     "--to", "2035-12-31")
    assert done.stdout == first  # nothing changed, nothing recorded
    accepted("at-school", "MN")
    sessions = json.dumps({"sessions": [{"start": "2035-09-01", "end": "2035-09-01"}]})
    done = stack.cbm("events", "clashes", "at-school", sessions)
    assert done.stdout == ("warn  outside-calendar First of September (calendar school) is at the same time, from "
                           "2035-09-01 to 2035-09-01; begin on 2035-09-02\n")
    assert stack.cbm("events", "clashes", "at-school").stdout == "at-school clashes with nothing\n"
    assert json.loads(stack.cbm("events", "clashes", "at-school", sessions, "--json").stdout)["with"]["id"] == "school"
    assert stack.cbm("ics", "import", file, check=False).returncode == 64
    assert stack.cbm("ics", "import", scratch / "none.ics", "--calendar", "x", check=False).returncode == 66
    (scratch / "bad.ics").write_bytes(b"\xff\xfe")
    assert stack.cbm("ics", "import", scratch / "bad.ics", "--calendar", "x", check=False).returncode == 66
    (scratch / "no.ics").write_text("nothing")
    done = stack.cbm("ics", "import", scratch / "no.ics", "--calendar", "x", check=False)
    assert done.returncode == 1 and "BEGIN:VCALENDAR" in done.stderr


def test_online_is_no_second_place(call, scheduled):
    """Somebody of two delegations, in person at both: a warning that names the event and the state, and no person."""
    scheduled("hither", "2034-05-01", "2034-05-03", host="KZ")
    scheduled("thither", "2034-05-03", "2034-05-04", host="TR")
    scheduled("later-on", "2034-05-08", host="TR")
    for event in ("hither", "thither", "later-on"):
        call("delegation.register", event=event, member="CN", mode="in-person", head={"name": "Li Wei"},
             delegates=[{"name": f"Only at {event}"}])
    call("delegation.register", event="thither", member="AZ", mode="in-person", head={"name": "Somebody else"})
    found = clashes(call, "delegate-double", id="hither")
    assert [(one["with"]["id"], one["party"], one["severity"]) for one in found] == [("thither", "CN", "warn")]
    assert "Li Wei" not in json.dumps(call("event.clashes", id="hither"))
    call("delegation.register", event="thither", member="CN", mode="online", head={"name": "Li Wei"})
    assert clashes(call, "delegate-double", id="hither") == []
