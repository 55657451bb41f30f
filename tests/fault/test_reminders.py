"""Reminders under fire: many fall due within seconds, of three replicas that tell them some are always being killed,
and their wall clocks are stepped (libfaketime; Redis keeps the true clock), while events move and are cancelled.
However it goes each reminder is told once, when it is due and not before, and none of what was cancelled."""
import os
import random
import time

import pytest

from conftest import SLOW, free_port, send_all, time_ms, time_text, wait_for
from stepped import STEPS, Stepped

EVENTS = 300
SPREAD_S = 20.0
LATE_MS = 60_000


class Replica(Stepped):
    """A notify with a wall clock of its own; it publishes on a port of its own."""

    def __init__(self, stack, number, port, theirs):
        super().__init__(stack, "cbm-notify", number, {**theirs, "CBM_PUB_BIND": f"tcp://127.0.0.1:{port}"})


def settings(pid):
    """What a process was configured with."""
    with open(f"/proc/{pid}/environ", "rb") as file:
        return dict(pair.split("=", 1) for pair in file.read().decode().split("\0") if pair.startswith("CBM_"))


class Plan:
    """Events whose reminders fall due one after the other, and what is to become of some of them."""

    def __init__(self, seed):
        self.random = random.Random(seed)
        self.begin = int(time.time() * 1000) + int(8000 * SLOW)
        self.end = self.begin + int(SPREAD_S * 1000 * SLOW)
        self.due = {f"e-{i}": self.begin + int(i * (self.end - self.begin) / EVENTS) for i in range(EVENTS)}
        self.asked = []    # (ms, method, params), in order of time
        self.moved, self.cancelled = {}, set()
        for id, due in self.due.items():
            how = self.random.randrange(6)
            if how == 0:   # moved, a while before it is due, to later
                self.moved[id] = due + self.random.randrange(500, 4000)
                self.asked.append((due - 2500 * SLOW, "event.schedule", self.times(id, self.moved[id])))
            elif how == 1:
                self.cancelled.add(id)
                self.asked.append((due - 2500 * SLOW, "event.cancel", {"id": id, "reason": "no"}))
        self.asked.sort(key=lambda one: one[0])

    @staticmethod
    def times(id, due):
        start = due + 3_600_000
        return {"id": id, "format": "online", "sessions": [{"start": time_text(start), "end": time_text(start + 1000)}]}

    def expected(self):
        return {id: self.moved.get(id, due) for id, due in self.due.items() if id not in self.cancelled}


def patient(client, service, method, params):
    """A change that is repeated, with the same key, until a replica lives long enough to make it."""
    key = f"r-{random.getrandbits(64):x}"

    def attempt():
        try:
            client.call(service, method, params, key=key)
            return True
        except Exception as failure:  # its replica was killed
            code = getattr(failure, "code", "unavailable")
            assert code in ("unavailable", "deadline_exceeded", "aborted"), failure
            return False

    wait_for(attempt, 20, f"{method} to be answered")


def told(client):
    items, after = [], 0
    while True:
        page = client.call("notify", "log.read", {"prefix": "reminders.", "after": after, "limit": 1000}, safe=True)
        items += [(time_ms(item["meta"]["time"]), item["data"]) for item in page["items"]]
        after = page["next"]
        if after >= page["last"]:
            return items


def fight(plan, client, replicas):
    kills = steps = 0
    next_kill = next_step = time.monotonic()
    while time.time() * 1000 < plan.end + 5000:
        now = time.monotonic()
        while plan.asked and plan.asked[0][0] <= time.time() * 1000:
            _, method, params = plan.asked.pop(0)
            patient(client, "events", method, params)
        if now >= next_kill:
            victim = plan.random.choice(replicas)
            victim.kill()
            victim.start()
            kills, next_kill = kills + 1, now + plan.random.uniform(0.2, 0.8)
        if now >= next_step:
            plan.random.choice(replicas).step(plan.random.choice(STEPS))
            steps, next_step = steps + 1, now + plan.random.uniform(0.05, 0.3)
        time.sleep(0.01)
    return kills, steps


@pytest.mark.timeout(300)
def test_each_once_whatever_happens(make_stack):
    stack = make_stack()
    seed = int(os.environ.get("CBM_TEST_SEED", random.randrange(1 << 30)))
    print(f"CBM_TEST_SEED={seed}")
    port = int(stack.env["CBM_NOTIFY"].rsplit(":", 1)[1])
    replicas = []
    try:
        with stack.client(20) as client:
            plan = Plan(seed)
            times = [plan.times(id, due) for id, due in plan.due.items()]
            send_all(client, "events", (("event.propose", {"title": one["id"], "kind": "seminar", "host": "SECRETARIAT",
                                                           "year": 2027, **one}) for one in times))
            send_all(client, "events", (("event.accept", {"id": one["id"]}) for one in times))
            send_all(client, "events", (("event.schedule", one) for one in times))
            send_all(client, "notify", (("reminder.put", {"id": id, "event": id, "anchor": "session", "offset": "-PT1H"})
                                        for id in plan.due))
            assert time.time() * 1000 < plan.begin, "the machine is too slow for this test"
            theirs = settings(stack.pids["notify.1"])
            stack.kill("notify.1")
            for number, free in enumerate((port, free_port(), free_port())):
                replicas.append(Replica(stack, number, free, theirs))
            kills, steps = fight(plan, client, replicas)
            assert kills > 15 and steps > 40
            for replica in replicas:
                replica.step("+0")
            expected = plan.expected()
            items = wait_for(lambda: len(got := told(client)) >= len(expected) and got, 20, "every reminder", every=0.2)
            counts = {}
            for at, data in items:
                counts[data["id"]] = counts.get(data["id"], 0) + 1
                due = time_ms(data["due"])
                assert at >= due and data["late"] == (at - due > LATE_MS), data
                assert due == expected.get(data["id"]), (data, plan.due[data["id"]])
            assert counts == dict.fromkeys(expected, 1)
            listed = {one["id"]: one["status"] for one in client.list("notify", "reminder.list", {"limit": 500})}
            assert listed == {id: "dropped" if id in plan.cancelled else "sent" for id in plan.due}
    finally:
        for replica in replicas:
            replica.close()
