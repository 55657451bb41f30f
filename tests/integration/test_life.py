"""Random lives: any calls, legal or not, to two replicas at once; then the log told again is the state. What
is legal is a table of its own here, as the domain's papers have it. It must not know how the service decides."""
import collections
import contextlib
import os
import random
import shutil
import time

import pytest

from conftest import CallError, Stack, scratch_directory, time_text, wait_for

EVENTS, CALLS, PHASES, CLIENTS, AT_ONCE = 24, 1200, 4, 6, 12
# (status, action) -> status; the record of the step, which is told once
STEPS = {
    ("proposed", "accept"): ("accepted", "event.accepted"), ("proposed", "postpone"): ("postponed", "event.postponed"),
    ("proposed", "cancel"): ("cancelled", "event.cancelled"), ("proposed", "withdraw"): ("withdrawn", "event.withdrawn"),
    ("accepted", "schedule"): ("scheduled", "event.scheduled"), ("accepted", "postpone"): ("postponed", "event.postponed"),
    ("accepted", "cancel"): ("cancelled", "event.cancelled"), ("scheduled", "schedule"): ("scheduled", "event.rescheduled"),
    ("scheduled", "postpone"): ("postponed", "event.postponed"), ("scheduled", "cancel"): ("cancelled", "event.cancelled"),
    ("scheduled", "hold"): ("held", "event.held"), ("postponed", "schedule"): ("scheduled", "event.scheduled"),
    ("postponed", "cancel"): ("cancelled", "event.cancelled"), ("held", "report"): ("reported", "event.reported"),
}
STEPS.update({(status, "amend"): (status, "event.amended") for status in ("proposed", "accepted", "scheduled", "postponed")})


@pytest.fixture
def two():
    stack = Stack(scratch_directory())
    try:
        stack.up("--scale", "events=2")
        with stack.client() as client:
            client.call("registry", "participant.put", {"code": "KZ", "name": "KZ", "kind": "state", "status": "member",
                                                        "since": "2000-01-01"})
            client.call("registry", "catalogue.put", {"adopted": "2021-10-12", "dimensions": [
                {"code": "economic", "name": "E", "areas": [{"code": "energy", "name": "E"}, {"code": "trade", "name": "T"}]}]})
        yield stack
    finally:
        stack.down()
        shutil.rmtree(stack.dir, ignore_errors=True)


def parameters(dice, action, name):
    """Of a call, so that every schedule is another one; some end within the test, for the clock."""
    if action in ("postpone", "cancel", "withdraw"):
        return {"id": name, "reason": f"reason {dice.random()}"}
    if action == "schedule":
        now = time.time() * 1000
        end = now + dice.choice([300, 1000, 86400000]) + dice.random() * 100
        return {"id": name, "format": dice.choice(["online", "hybrid"]),
                "sessions": [{"start": time_text(int(now - dice.randrange(1, 10**8))), "end": time_text(int(end))}]}
    if action == "report":
        return {"id": name, "member_states": ["KZ"], "participants_count": dice.randrange(100)}
    if action == "amend":
        return {"id": name, "title": f"Title {dice.random()}", "reason": "r",
                **({"area": dice.choice(["energy", "trade"])} if dice.random() < 0.4 else {}),
                **({"year": dice.choice([2025, 2026])} if dice.random() < 0.4 else {})}
    return {"id": name}


def whole_log(client):
    items, after = [], 0
    while True:
        page = client.call("notify", "log.read", {"prefix": "events.", "after": after, "limit": 1000})
        items += page["items"]
        after = page["next"]
        if after >= page["last"]:
            return items


def replayed(items):
    """What each event is and which steps it took, from the log alone; every step must be in the table."""
    state, taken = {}, collections.Counter()
    for item in items:
        kind, data = item["meta"]["type"], dict(item["data"])
        name = data["id"]
        before = state.get(name)
        if kind == "event.moved":
            assert item["topic"] != data["moved_to"]
            continue
        came = data.pop("from", None)
        for word in ("moved_from", "amend_reason"):
            data.pop(word, None)
        if kind == "event.proposed":
            assert before is None
        elif kind == "event.hold_due":
            assert before["status"] == data["status"] == "scheduled" and "hold_due" not in before and "hold_due" in data
            assert data["hold_due"] == data["sessions"][-1]["end"]
        else:
            rows = [(status, told) for (start, action), (status, told) in STEPS.items()
                    if start == before["status"] and status == data["status"]]
            told = kind.replace("event.rescheduled", "event.scheduled")
            assert told in [one.replace("event.rescheduled", "event.scheduled") for _, one in rows], (before["status"], kind)
            assert came == (None if kind == "event.amended" else before["status"])
            if kind in ("event.scheduled", "event.rescheduled"):
                assert (kind == "event.rescheduled") == (before.get("schedules", 0) > 0)
        # a report that confirms is two steps of one change
        assert data["rev"] == (before["rev"] if before else 0) + 1 or \
            (kind == "event.reported" and data["rev"] == before["rev"])
        state[name] = data
        taken[name, kind] += 1
    return state, taken


class Callers:
    """Sends calls on many connections at once, and counts what was answered."""

    def __init__(self, dice, clients, names):
        self.dice, self.clients, self.names = dice, clients, names
        self.answered, self.refused, self.sent = collections.Counter(), 0, 0
        self.actions = sorted({action for _, action in STEPS})
        self.weights = [{"accept": 3, "schedule": 4, "withdraw": .1, "cancel": .1}.get(one, 1) for one in self.actions]

    def send(self):
        action, name = self.dice.choices(self.actions, self.weights)[0], self.dice.choice(self.names)
        client = self.dice.choice(self.clients)
        self.sent += 1
        context = {"key": f"key-{self.sent}"} if self.dice.random() < 0.5 else {}
        return action, name, client, client.send("events", f"event.{action}", parameters(self.dice, action, name), **context)

    def wait(self, action, name, client, msgid):
        try:
            self.answered[name, action] += "seq" in client.wait(msgid)
        except CallError as error:
            assert error.code in ("failed_precondition", "aborted"), error
            self.refused += 1

    def run(self, calls):
        for _ in range(calls // AT_ONCE):
            for call in [self.send() for _ in range(AT_ONCE)]:
                self.wait(*call)


def clock_is_done(client):
    """Nothing that is soon over waits for it any more."""
    soon = time_text(int(time.time() * 1000) + 10**7)
    return all(event["status"] != "scheduled" or "hold_due" in event or event["sessions"][-1]["end"] > soon
               for event in client.list("events", "event.list", {}))


def test_any_calls_leave_what_the_log_tells(two):
    seed = int(os.environ.get("CBM_SEED", random.randrange(10**6)))
    print("CBM_SEED =", seed)
    dice = random.Random(seed)
    with contextlib.ExitStack() as stack:
        clients = [stack.enter_context(two.client(30)) for _ in range(CLIENTS)]
        client, names = clients[0], [f"life-{number}" for number in range(EVENTS)]
        for name in names:
            client.call("events", "event.propose", {"id": name, "title": name, "kind": "seminar", "host": "KZ",
                                                    "year": 2026, "area": "energy"})
        callers = Callers(dice, clients, names)
        for _ in range(PHASES):
            callers.run(CALLS // PHASES)
            wait_for(lambda: clock_is_done(client), 10, "the clock")
        answered, refused = callers.answered, callers.refused
        state, taken = replayed(whole_log(client))
        listed = {event["id"]: event for event in client.list("events", "event.list", {})}
        assert refused and listed == state and sorted(state) == sorted(names)
        assert any(kind == "event.hold_due" for _, kind in taken)
        for name in names:
            assert client.call("events", "event.get", {"id": name}) == state[name]
            for action, kinds in {"accept": ["accepted"], "schedule": ["scheduled", "rescheduled"], "hold": ["held"],
                                  "postpone": ["postponed"], "cancel": ["cancelled"], "withdraw": ["withdrawn"],
                                  "report": ["reported"], "amend": ["amended"]}.items():
                told = sum(taken[name, f"event.{kind}"] for kind in kinds)
                confirmed = taken[name, "event.reported"] if action == "hold" else 0
                assert answered[name, action] <= told <= answered[name, action] + confirmed, (name, action)
        for year in (2025, 2026):  # and every index agrees
            total = client.call("events", "stats.year", {"year": year})["total"]
            of_year = [event for event in listed.values() if event["year"] == year and event["status"] != "withdrawn"]
            assert total["events"] == len(of_year)
            for status in ("proposed", "accepted", "postponed", "cancelled", "scheduled", "reported"):
                assert total[status] == sum(event["status"] == status for event in of_year), (year, status)
