"""Sessions across the changes of the clock in the capitals of the 28 members, across year ends and leap days: what
foreign readers find in the calendar, and what a span finds, is what was said. It must not know how a zone is kept."""
import datetime
import zoneinfo

import pytest

from test_calendar import by_ical_js, by_icalendar, by_vobject, expected

CAPITALS = {
    "AF": "Asia/Kabul", "AZ": "Asia/Baku", "BH": "Asia/Bahrain", "BD": "Asia/Dhaka", "KH": "Asia/Phnom_Penh",
    "CN": "Asia/Shanghai", "EG": "Africa/Cairo", "IN": "Asia/Kolkata", "IR": "Asia/Tehran", "IQ": "Asia/Baghdad",
    "IL": "Asia/Jerusalem", "JO": "Asia/Amman", "KZ": "Asia/Almaty", "KW": "Asia/Kuwait", "KG": "Asia/Bishkek",
    "MN": "Asia/Ulaanbaatar", "PK": "Asia/Karachi", "PS": "Asia/Hebron", "QA": "Asia/Qatar", "KR": "Asia/Seoul",
    "RU": "Europe/Moscow", "LK": "Asia/Colombo", "TJ": "Asia/Dushanbe", "TH": "Asia/Bangkok", "TR": "Europe/Istanbul",
    "AE": "Asia/Dubai", "UZ": "Asia/Tashkent", "VN": "Asia/Ho_Chi_Minh"}
UTC = datetime.timezone.utc
HOUR = datetime.timedelta(hours=1)
FIRST, LAST = datetime.datetime(2005, 1, 1, tzinfo=UTC), datetime.datetime(2024, 1, 1, tzinfo=UTC)
SPAN = {"from": "2004-12-01", "to": "2024-12-31"}


def changes(name, most=6):
    """The last instants at which the offset of the zone changes, to the minute."""
    zone, found, at = zoneinfo.ZoneInfo(name), [], FIRST
    offset = lambda when: when.astimezone(zone).utcoffset()
    while at < LAST:
        later = at + 24 * HOUR
        if offset(at) != offset(later):
            low, high = at, later
            while high - low > datetime.timedelta(minutes=1):
                middle = low + (high - low) / 2
                low, high = (middle, high) if offset(middle) == offset(low) else (low, middle)
            found.append(high.replace(second=0, microsecond=0))
        at = later
    return found[-most:]


def told(when, name):
    return when.astimezone(zoneinfo.ZoneInfo(name)).isoformat()


@pytest.fixture(scope="module")
def client(sample_stack):
    with sample_stack.client() as one:
        for code, name in CAPITALS.items():
            propose = lambda id, sessions: one.call("events", "event.propose", {
                "id": f"zone-{code.lower()}-{id}", "title": f"{name} {id}", "kind": "seminar", "host": code, "year": 2021,
                "zone": name, "sessions": sessions})
            for number, change in enumerate(changes(name)):
                day = change.astimezone(zoneinfo.ZoneInfo(name)).date()
                propose(f"across-{number}", [
                    {"start": told(change - 30 * HOUR, name), "end": told(change - 25 * HOUR, name)},
                    {"start": told(change - 3 * HOUR, name), "end": told(change + 4 * HOUR, name)},
                    {"start": told(change + 20 * HOUR, name), "end": told(change + 21 * HOUR, name)}])
                propose(f"days-{number}", [{"start": str(day - datetime.timedelta(days=1)),
                                            "end": str(day + datetime.timedelta(days=1))}])
            propose("leap-day", [{"start": "2024-02-28", "end": "2024-03-01"}])
            propose("year-end", [{"start": "2023-12-31T22:00:00Z", "end": "2024-01-01T03:00:00Z"}])
            propose("months", [{"start": "2019-11-15", "end": "2020-03-10"}])
        yield one


def test_there_are_28_and_their_clocks_change(client):
    assert len(CAPITALS) == 28
    members = client.list("registry", "participant.list", {"status": "member", "as_of": "2022-10-14"})
    assert {one["code"] for one in members} == set(CAPITALS)
    assert sum(bool(changes(name)) for name in CAPITALS.values()) >= 12


@pytest.mark.parametrize("reader", [by_icalendar, by_vobject, by_ical_js])
@pytest.mark.parametrize("code", CAPITALS)
def test_readers_find_the_instants(client, scratch, reader, code):
    params = {**SPAN, "host": code}
    ics = client.call("events", "calendar.export", params, safe=True)["ics"]
    want = {row for row in expected(client, params) if row[0].startswith("zone-")}
    got = {row for row in reader(ics, scratch) if row[0].startswith("zone-")}
    assert got == want and len(want) == 3 + 4 * len(changes(CAPITALS[code]))


def test_spans_are_instants(client):
    """What begins, by UTC, in the minute before a change and after it is told apart."""
    for code, name in CAPITALS.items():
        for number, change in enumerate(changes(name)):
            wanted = f"zone-{code.lower()}-across-{number}"
            ids = lambda start, end: {one["id"] for one in client.list("events", "event.list", {
                "from": start.isoformat(), "to": end.isoformat(), "host": code})}
            minute = datetime.timedelta(minutes=1)
            assert wanted in ids(change - minute, change) and wanted in ids(change, change + minute)
            assert wanted not in ids(change + 4 * HOUR, change + 5 * HOUR)
            assert wanted not in ids(change - 25 * HOUR, change - 4 * HOUR)
