"""event.clashes, which a replica answers from agendas and rules in its memory: what was acknowledged anywhere is in the
next check of every replica, and the answers are those of a calendar kept by hand. It must not know how it is kept."""
import os
import random
import signal

import pytest

from conftest import SLOW, Stack
from test_clashes import ics
from test_spans import day, redis, stats_of

ROUNDS = int(os.environ.get("CBM_CLASH_ROUNDS", str(int(160 / SLOW) + 20)))
ASKED = 6  # checks at once: some for each replica
HOSTS = ["KZ", "TR", "AZ"]
AREAS = ["tourism", "sme", None]


class Calendar:
    """What the events and calendars of the service are, and what a check must find."""

    def __init__(self, client):
        self.client, self.events, self.holidays, self.ignored = client, {}, {}, set()
        for code in HOSTS:
            client.call("registry", "participant.put", {"code": code, "name": code, "kind": "state", "status": "member",
                                                        "since": "1999-09-14"})
        client.call("registry", "catalogue.put", {"adopted": "2021-10-12", "dimensions": [
            {"code": "economic", "name": "Economic", "areas": [{"code": code, "name": code} for code in AREAS if code]}]})
        for rule in ("host-double", "short-notice", "area-crowded"):
            self.rule(rule, "warn" if rule == "host-double" else "ignore")

    def call(self, method, **params):
        return self.client.call("events", method, {key: value for key, value in params.items() if value is not None})

    def rule(self, name, severity):
        self.call("rule.put", rule=name, severity=severity)
        (self.ignored.add if severity == "ignore" else self.ignored.discard)(name)

    def schedule(self, id, first, last):
        self.call("event.schedule", id=id, format="in-person", zone="Asia/Almaty",
                  sessions=[{"start": day(first), "end": day(last)}])
        self.events[id].update(first=first, last=last, there=True)

    def make(self, id, host, area, first, last):
        self.call("event.propose", id=id, title=id, host=host, area=area, dimension=area and "economic", year=2031,
                  kind="seminar")
        self.call("event.accept", id=id)
        self.events[id] = {"host": host, "area": area}
        self.schedule(id, first, last)

    def leave(self, id):
        self.call("event.postpone", id=id, reason="later")
        self.events[id]["there"] = False

    def amend(self, id, **what):
        self.call("event.amend", id=id, **what)
        self.events[id].update(what)

    def put_holiday(self, id, host, first, last):
        if first is None:
            self.call("calendar.import", calendar=id, ics=ics(), host=host)
            del self.holidays[id]
        else:
            self.call("calendar.import", calendar=id, host=host, ics=ics([
                f"DTSTART;VALUE=DATE:{day(first).replace('-', '')}", "SUMMARY:Holiday",
                f"DTEND;VALUE=DATE:{day(last + 1).replace('-', '')}"]))
            self.holidays[id] = {"host": host, "first": first, "last": last}

    def expected(self, draft):
        found = set()
        for id, one in self.events.items():
            if not one["there"] or one["first"] > draft["last"] or one["last"] < draft["first"]:
                continue
            if one["host"] == draft["host"] and "host-double" not in self.ignored:
                found.add(("host-double", id))
            if draft["area"] and one["area"] == draft["area"] and "area-double" not in self.ignored:
                found.add(("area-double", id))
        for id, one in self.holidays.items():
            if one["first"] <= draft["last"] and one["last"] >= draft["first"] and one["host"] in (None, draft["host"]):
                found.add(("outside-calendar", id))
        return found

    def check(self, chance, *extra):
        """Asks all replicas about some drafts at once."""
        drafts = list(extra)
        for _ in range(3):
            first = chance.randrange(0, 200)
            drafts.append({"host": chance.choice(HOSTS), "area": chance.choice(AREAS), "first": first,
                           "last": first + chance.choice((0, 2, 7, 30))})
        sent = []
        for draft in drafts:
            asked = {"host": draft["host"], "zone": "Asia/Almaty", "format": "in-person", "kind": "seminar",
                     "sessions": [{"start": day(draft["first"]), "end": day(draft["last"])}]}
            if draft["area"]:
                asked["area"] = draft["area"]
            sent += [(draft, self.client.send("events", "event.clashes", {"draft": asked}, safe=True)) for _ in range(ASKED)]
        for draft, msgid in sent:
            items = self.client.wait(msgid)["items"]
            assert {(one["rule"], one["with"]["id"]) for one in items} == self.expected(draft), draft
            assert len(items) == len(self.expected(draft))

    def change(self, chance, turn):
        """One change by chance; gives a draft in its place."""
        ids = [id for id, one in self.events.items() if one["there"]]
        first = chance.randrange(0, 200)
        last = first + chance.choice((0, 1, 3, 20))
        what = chance.choice(("make", "move", "leave", "host", "area", "holiday", "holiday", "rule")) if ids else "make"
        id = chance.choice(ids) if ids else None
        if what == "make":
            id = f"event-{turn}"
            self.make(id, chance.choice(HOSTS), chance.choice(AREAS[:2]), first, last)
        elif what == "move":
            self.schedule(id, first, last)
        elif what == "leave":
            self.leave(id)
        elif what == "host":
            self.amend(id, host=chance.choice(HOSTS))
        elif what == "area":
            self.amend(id, area=chance.choice(AREAS[:2]))
        elif what == "holiday":
            id = f"holiday-{turn % 3}"
            gone = id in self.holidays and turn % 2
            self.put_holiday(id, chance.choice((None, *HOSTS)), None if gone else first, last)
            return {"host": "KZ", "area": "sme", "first": first, "last": last}
        else:
            self.rule(chance.choice(("host-double", "area-double")), chance.choice(("warn", "ignore")))
        one = self.events.get(id) or {"host": "KZ", "area": "sme", "first": first, "last": last}
        return {key: one[key] for key in ("host", "area", "first", "last")}


@pytest.mark.parametrize("megabytes", ["0", "1", "64"])
def test_checks_are_what_the_calendar_says_on_every_replica(make_stack, megabytes):
    """Without memory, with little and with enough: what was changed last is in the next check, wherever it is asked."""
    chance = random.Random(11)
    stack = make_stack("--scale", "events=2", CBM_SPANS_MB=megabytes)
    with stack.client(30) as client:
        calendar = Calendar(client)
        for turn in range(ROUNDS):
            place = calendar.change(chance, turn)
            calendar.check(chance, place)
        used = stats_of(client, 2)
        assert all((one["span_found"] > 0) == (megabytes != "0") for one in used), used


def test_redis_lost_and_a_replica_that_comes_late(make_stack):
    chance = random.Random(3)
    stack = make_stack("--scale", "events=2")
    with stack.client(30) as client:
        calendar = Calendar(client)
        for turn, disturb in enumerate([
                lambda: None,
                lambda: redis(stack, "FUNCTION", "FLUSH"),
                lambda: (stack.kill("redis", signal.SIGTERM), stack.up("--scale", "events=2")),
                lambda: (stack.kill("redis"), stack.up("--scale", "events=2")),
                lambda: stack.up("--scale", "events=3"),
                lambda: stack.kill("events.1")]):
            calendar.make(f"event-{turn}", "KZ", "sme", turn, turn + 3)
            calendar.check(chance, {"host": "KZ", "area": "sme", "first": 0, "last": 9})
            disturb()
            calendar.check(chance, {"host": "KZ", "area": "sme", "first": 0, "last": 9})
        redis(stack, "FLUSHALL")
        assert client.call("events", "event.clashes", {"draft": {
            "host": "KZ", "zone": "Asia/Almaty", "sessions": [{"start": day(0), "end": day(9)}]}}, safe=True)["items"] == []


def test_hosts_without_end_are_no_harm(make_stack):
    """A check may name any host: more names than are kept, and those of before are as they were."""
    stack = make_stack()
    with stack.client(30) as client:
        calendar = Calendar(client)
        calendar.make("event", "KZ", "sme", 0, 3)
        chance = random.Random(5)
        for turn in range(3):
            calendar.check(chance, {"host": "KZ", "area": "sme", "first": 0, "last": 3})
            sent = [client.send("events", "event.clashes", {"draft": {
                "host": f"X{turn}-{number}", "zone": "Asia/Almaty", "sessions": [{"start": day(0), "end": day(0)}]}})
                for number in range(600)]
            assert all(client.wait(msgid)["items"] == [] for msgid in sent)


def test_a_day_that_begins_in_the_quarter_before(make_stack):
    """The first of April in Almaty begins on the last of March in London: an agenda of the first quarter has it, too."""
    stack = make_stack()
    with stack.client(30) as client:
        calendar = Calendar(client)
        asked = {"draft": {"host": "KZ", "zone": "Europe/London", "sessions": [{"start": "2031-03-31", "end": "2031-03-31"}]}}
        for turn in range(2):
            assert client.call("events", "event.clashes", asked)["items"] == []
            calendar.make(f"event-{turn}", "KZ", "sme", 29, 29)
            found = client.call("events", "event.clashes", asked)["items"]
            assert [(one["rule"], one["with"]["id"]) for one in found] == [("host-double", f"event-{turn}")]
            calendar.leave(f"event-{turn}")
