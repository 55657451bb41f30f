"""calendar.export and `cbm ics`: what foreign readers (icalendar, vobject, khal, ical.js) find in a calendar
is what the events say."""
import datetime
import json
import os
import re
import stat
import subprocess
import sys

import pytest

from conftest import ROOT, SLOW, CallError, npm_package

icalendar = pytest.importorskip("icalendar", reason="python3-icalendar is not installed")
vobject = pytest.importorskip("vobject", reason="python3-vobject is not installed")

SPAN = {"from": "2000-01-01", "to": "2030-12-31"}
CONFIRMED, TENTATIVE, CANCELLED = "CONFIRMED", "TENTATIVE", "CANCELLED"
STATUS = {"proposed": TENTATIVE, "accepted": TENTATIVE, "postponed": TENTATIVE, "scheduled": CONFIRMED,
          "held": CONFIRMED, "reported": CONFIRMED, "cancelled": CANCELLED, "withdrawn": CANCELLED}
RUSSIAN = ("Учебный курс, посвящённый цифровой экономике; \"умное\" сельское хозяйство \\ управление водой, "
           "устойчивое развитие и сотрудничество государств-членов\nвторая строка")
CHINESE = "关于数字经济、智慧农业和水资源管理的培训课程，" * 12


def course(client):
    """Three sessions in Berlin around the end of summer time, the second in the hour that comes twice."""
    client.call("events", "event.propose", {
        "id": "course", "title": RUSSIAN, "titles": {"zh": CHINESE, "ru": RUSSIAN}, "kind": "training-course",
        "dimension": "economic", "area": "agriculture", "host": "KZ", "co_hosts": ["CN", "RU"], "year": 2021,
        "institutions": ["Academy, Institute", "B; C"]})
    client.call("events", "event.accept", {"id": "course"})
    client.call("events", "event.schedule", {
        "id": "course", "format": "hybrid", "zone": "Europe/Berlin", "place": "Berlin, Mitte; \"5\"\nRoom",
        "sessions": [{"start": "2021-10-29T10:00:00+02:00", "end": "2021-10-29T12:00:00+02:00"},
                     {"start": "2021-10-31T01:30:00+02:00", "end": "2021-10-31T02:30:00+01:00"},
                     {"start": "2021-11-01T10:00:00+01:00", "end": "2021-11-01T12:00:00+01:00"}]})


def simple(client, name, start, end, *steps, **more):
    client.call("events", "event.propose", {
        "id": name, "title": name, "kind": "seminar", "host": "KZ", "year": 2021,
        "sessions": [{"start": start, "end": end}], **more})
    for method, params in steps:
        client.call("events", method, {"id": name, **params})


@pytest.fixture(scope="module")
def client(sample_stack):
    """The sample, and what it has none of."""
    with sample_stack.client() as one:
        course(one)
        simple(one, "called-off", "2021-03-01T09:00:00+06:00", "2021-03-01T10:00:00+06:00",
               ("event.cancel", {"reason": "No quorum"}), zone="Asia/Almaty")
        simple(one, "tehran", "2018-07-01T12:30:00+04:30", "2018-07-01T14:00:00+04:30", zone="Asia/Tehran")
        simple(one, "new-york", "2024-03-08T09:00:00-05:00", "2024-03-11T09:00:00-04:00", zone="America/New_York")
        simple(one, "days", "2024-02-28", "2024-03-01")
        simple(one, "put-off", "2021-03-03", "2021-03-03", ("event.postpone", {"reason": "Later"}))
        simple(one, "taken-back", "2021-03-04", "2021-03-04", ("event.withdraw", {"reason": "No"}))
        simple(one, "nowhere", "2021-03-05T09:00:00Z", "2021-03-05T10:00:00Z", zone="Mars/Olympus")
        one.call("events", "event.propose", {"id": "without-dates", "title": "x", "kind": "seminar", "host": "KZ",
                                             "year": 2021})
        yield one


@pytest.fixture
def ics(client):
    return client.call("events", "calendar.export", SPAN, safe=True)["ics"]


def expected(client, params=SPAN):
    """{(uid, start, end, status, sequence)} by event.list; times in UTC, the end of days exclusive."""
    rows = set()
    for event in client.list("events", "event.list", params):
        sessions = event["sessions"]
        for number, session in enumerate(sessions, 1):
            uid = f"{event['id']}.{number}@cbm" if len(sessions) > 1 else f"{event['id']}@cbm"
            end = session["end"]
            if "T" not in end:
                end = str(datetime.date.fromisoformat(end) + datetime.timedelta(days=1))
            rows.add((uid, session["start"], end, STATUS[event["status"]], event["rev"] - 1))
    return rows


def printed(value):
    if isinstance(value, datetime.datetime):
        return value.astimezone(datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")
    return str(value)


# ---- the readers: {row: (title, {language: translation})} ------------------------------------------

def by_icalendar(ics, *_):
    rows = {}
    for event in icalendar.Calendar.from_ical(ics).walk("VEVENT"):
        assert not event.errors
        comments = event.get("COMMENT", [])
        rows[str(event["UID"]), printed(event.decoded("DTSTART")), printed(event.decoded("DTEND")),
             str(event["STATUS"]), event.decoded("SEQUENCE")] = (
            str(event["SUMMARY"]), {str(one.params["LANGUAGE"]): str(one) for one in
                                    (comments if isinstance(comments, list) else [comments])})
    return rows


def by_vobject(ics, *_):
    for name in re.findall(r"^TZID:(.*?)\r?$", ics, re.M):
        vobject.icalendar.registerTzid(name, None)  # it keeps the zones of the calendars that it read before
    return {(event.uid.value, printed(event.dtstart.value), printed(event.dtend.value), event.status.value,
             int(event.sequence.value)): (event.summary.value, {one.params["LANGUAGE"][0]: one.value for one in
                                                                event.contents.get("comment", [])})
            for event in vobject.readOne(ics).vevent_list}


def by_ical_js(ics, directory):
    (directory / "all.ics").write_bytes(ics.encode())
    done = subprocess.run(["node", str(ROOT / "tests/integration/ics_read.mjs"), str(npm_package("ical.js", "2.2.1")),
                           str(directory / "all.ics")], capture_output=True, text=True, timeout=60 * SLOW)
    assert done.returncode == 0, done.stderr
    return {tuple(one["row"]): (one["title"], one["translations"]) for one in json.loads(done.stdout)}


@pytest.mark.parametrize("reader", [by_icalendar, by_vobject, by_ical_js])
def test_a_reader_finds_what_the_events_say(client, ics, scratch, reader):
    got = reader(ics, scratch)
    want = expected(client)
    assert got.keys() == want and len(want) > 40
    titles = {event["id"]: (event["title"], event.get("titles", {}))
              for event in client.list("events", "event.list", SPAN)}
    for (uid, *_), (title, translations) in got.items():
        own, all_titles = titles[re.sub(r"(\.\d+)?@cbm$", "", uid)]
        assert title == own
        assert translations == {language: text for language, text in all_titles.items() if text != own}


def test_khal_lists_what_the_events_say(client, ics, scratch):
    (scratch / "vdir").mkdir()
    (scratch / "all.ics").write_bytes(ics.encode())
    (scratch / "config").write_text(f"""
[calendars]
[[cbm]]
path = {scratch}/vdir
[locale]
local_timezone = UTC
default_timezone = UTC
timeformat = %H:%M:%S
dateformat = %Y-%m-%d
longdateformat = %Y-%m-%d
datetimeformat = %Y-%m-%dT%H:%M:%SZ
longdatetimeformat = %Y-%m-%dT%H:%M:%SZ
[sqlite]
path = {scratch}/khal.db
""")

    def khal(*arguments):
        done = subprocess.run([sys.executable, "-m", "khal", "-c", str(scratch / "config"), *arguments],
                              capture_output=True, text=True, timeout=120 * SLOW,
                              env={"HOME": str(scratch), "LC_ALL": "C.UTF-8", "PATH": "/usr/bin:/bin"})
        assert done.returncode == 0, done.stderr
        return done.stdout

    khal("import", "--batch", "-a", "cbm", str(scratch / "all.ics"))
    listed = khal("list", "--format", "{uid}|{start-long}|{end-long}|{status}", "--day-format", "",
                  "2000-01-01", "2030-12-31")
    rows = set()
    for line in filter(None, listed.splitlines()):
        uid, start, end, status = line.split("|")
        if "T" not in end:
            end = str(datetime.date.fromisoformat(end) + datetime.timedelta(days=1))
        kept = icalendar.Calendar.from_ical((scratch / "vdir" / f"{uid}.ics").read_text()).walk("VEVENT")[0]
        rows.add((uid, start, end, status.strip(), kept.decoded("SEQUENCE")))
    assert rows == expected(client)


# ---- what is in it --------------------------------------------------------------------------------

def test_lines_and_bytes(client, ics):
    lines = ics.encode().split(b"\r\n")
    assert lines[0] == b"BEGIN:VCALENDAR" and lines[-2:] == [b"END:VCALENDAR", b""]
    for line in lines:
        assert len(line) <= 75 and b"\n" not in line and b"\r" not in line
        line.decode()
    assert client.call("events", "calendar.export", SPAN)["ics"] == ics


def vevents(ics):
    return {str(event["UID"]): event for event in icalendar.Calendar.from_ical(ics).walk("VEVENT")}


def test_properties(client, ics):
    calendar = icalendar.Calendar.from_ical(ics)
    assert calendar["VERSION"] == "2.0" and calendar["PRODID"]
    assert calendar["NAME"] == calendar["X-WR-CALNAME"] == "CBM events"
    assert "METHOD" not in calendar
    events = vevents(ics)
    event, stored = events["course.2@cbm"], client.call("events", "event.get", {"id": "course"})
    assert event["RELATED-TO"] == "course.1@cbm" and "RELATED-TO" not in events["course.1@cbm"]
    assert event["SUMMARY"].params["LANGUAGE"] == "ru"
    assert event["LOCATION"] == "Berlin, Mitte; \"5\"\nRoom" and event["CONTACT"] == "KZ"
    assert event["CATEGORIES"].to_ical() == b"economic,agriculture"
    assert printed(event.decoded("DTSTAMP")) == printed(event.decoded("LAST-MODIFIED")) == stored["changed"]
    for part in ("Session: 2 of 3", "Co-hosts: CN, RU", "Institutions: Academy, Institute; B; C", f"zh: {CHINESE}"):
        assert part in str(event["DESCRIPTION"]), part
    assert "Reason: No quorum" in str(events["called-off@cbm"]["DESCRIPTION"])
    assert not [uid for uid in events if uid.startswith("without-dates")]


def test_zones(ics):
    calendar = icalendar.Calendar.from_ical(ics)
    named = {str(event[key].params["TZID"]) for event in calendar.walk("VEVENT") for key in ("DTSTART", "DTEND")
             if "TZID" in event[key].params}
    assert named >= {"Europe/Berlin", "Asia/Almaty", "Asia/Tehran", "America/New_York"}
    assert sorted(named) == sorted(str(zone["TZID"]) for zone in calendar.walk("VTIMEZONE"))
    assert "Mars" not in ics
    assert "DTSTART:20211030T233000Z\r\nDTEND:20211031T013000Z" in ics  # 02:30 comes twice that night


@pytest.mark.parametrize("params", [
    {"dimension": "economic"}, {"area": "agriculture"}, {"host": "CN"}, {"area": "agriculture", "host": "KZ"},
    {"from": "2021-10-01"}, {"from": "2021-10-30", "to": "2021-10-31"}, {"to": "2018-12-31"},
    {"from": "2021-10-29T08:30:00Z", "to": "2021-10-29T08:31:00Z"}, {"dimension": "no-such-thing"}])
def test_filters(client, params):
    params = {**SPAN, **params}
    ics = client.call("events", "calendar.export", params)["ics"]
    assert {uid for uid, *_ in expected(client, params)} == set(vevents(ics))


@pytest.mark.parametrize("params, field", [
    ({"from": "2021-02-30"}, "from"), ({"to": "yesterday"}, "to"), ({"from": 2021}, "from"),
    ({"from": "2021-02-02", "to": "2021-02-01"}, "to"), ({"host": "kz"}, "host"), ({"area": "A B"}, "area"),
    ({"limit": 10}, "limit"), ({"cursor": ""}, "cursor"), ({"dimension": "x" * 65}, "dimension")])
def test_refused(client, params, field):
    with pytest.raises(CallError) as caught:
        client.call("events", "calendar.export", params)
    assert caught.value.code == "invalid_argument" and caught.value.field == field


def test_a_change_is_seen(client):
    simple(client, "changing", "2021-12-01", "2021-12-01")
    only = {"from": "2021-12-01", "to": "2021-12-01", "host": "KZ"}
    before = vevents(client.call("events", "calendar.export", only)["ics"])["changing@cbm"]
    client.call("events", "event.accept", {"id": "changing"})
    client.call("events", "event.schedule", {"id": "changing", "format": "online",
                                             "sessions": [{"start": "2021-12-01", "end": "2021-12-02"}]})
    after = vevents(client.call("events", "calendar.export", only)["ics"])["changing@cbm"]
    assert (before["STATUS"], before["SEQUENCE"]) == (TENTATIVE, 0)
    assert (after["STATUS"], after["SEQUENCE"]) == (CONFIRMED, 2)
    assert after.decoded("LAST-MODIFIED") >= before.decoded("LAST-MODIFIED")
    client.call("events", "event.cancel", {"id": "changing", "reason": "No"})
    last = vevents(client.call("events", "calendar.export", only)["ics"])["changing@cbm"]
    assert (last["STATUS"], last["SEQUENCE"]) == (CANCELLED, 3)


def test_more_than_fits_is_refused_whole(client):
    """Never a calendar without what was left out; and what is asked for less goes on working."""
    titles = {f"l{number:02}": "\u4e2d" * 333 for number in range(16)}
    sessions = [{"start": f"2035-01-{day:02}", "end": f"2035-01-{day:02}"} for day in range(1, 31)]
    client.call("events", "event.propose", {"id": "huge", "title": "Huge", "titles": titles, "kind": "seminar",
                                            "host": "CN", "year": 2035, "sessions": sessions})
    for params in ({}, {"host": "CN"}, {"from": "2035-01-05", "to": "2035-01-05"}):
        with pytest.raises(CallError) as caught:
            client.call("events", "calendar.export", params)
        assert caught.value.code == "failed_precondition" and "narrow it" in str(caught.value)
    assert vevents(client.call("events", "calendar.export", {"host": "KZ"})["ics"])


def test_more_than_can_be_looked_at_is_refused(client):
    days = [datetime.date(2034, 1, 1) + datetime.timedelta(days=number) for number in range(32)]
    sessions = [{"start": str(day), "end": str(day)} for day in days]
    sent = [client.send("events", "event.propose", {
        "id": f"many-{number}", "title": "x", "kind": "seminar", "host": "MN", "year": 2034,
        "sessions": sessions}) for number in range(160)]
    for msgid in sent:
        client.wait(msgid, 30)
    span = {"from": "2034-01-01", "to": "2034-12-31"}
    for params in (span, {**span, "dimension": "human"}, {}):
        with pytest.raises(CallError) as caught:
            client.call("events", "calendar.export", params)
        assert caught.value.code == "failed_precondition" and "looked at" in str(caught.value)
    day = {"from": "2034-01-01", "to": "2034-01-01", "dimension": "human"}
    assert vevents(client.call("events", "calendar.export", day)["ics"]) == {}


# ---- cbm ics ---------------------------------------------------------------------------------------

def test_cbm_ics(sample_stack, client, scratch):
    params = {"from": "2021-01-01", "to": "2021-12-31", "dimension": "economic", "area": "agriculture", "host": "KZ"}
    words = [word for key, value in params.items() for word in (f"--{key}", value)]
    want = client.call("events", "calendar.export", params)["ics"].encode()
    assert b"BEGIN:VEVENT" in want
    run = [str(sample_stack.build / "cbm"), "ics", *words]
    assert subprocess.run(run, capture_output=True, timeout=60 * SLOW, check=True,
                          env=sample_stack.env).stdout == want
    mask = os.umask(0)
    os.umask(mask)
    file = scratch / "plan.ics"
    file.write_text("old")
    done = sample_stack.cbm("ics", *words, "-o", file)
    assert file.read_bytes() == want and not done.stdout and not done.stderr
    assert file.stat().st_mode & 0o777 == 0o666 & ~mask
    done = sample_stack.cbm("ics", "--from", "2021-02-30", "--output", file, check=False)
    assert done.returncode == 1 and "invalid_argument: from:" in done.stderr
    assert file.read_bytes() == want and list(scratch.iterdir()) == [file]
    done = sample_stack.cbm("ics", "-o", scratch / "none" / "plan.ics", *words, check=False)
    assert done.returncode == 73 and "cannot write" in done.stderr
    sample_stack.cbm("ics", *words, "-o", "/dev/null")
    assert stat.S_ISCHR(os.stat("/dev/null").st_mode)
