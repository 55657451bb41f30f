"""Notify's replicas killed at random while it delivers, Redis restarted, endpoints of every bad manner; then each
subscriber's record of what came is compared with the log: nothing lost, repeated only with the same id, in order
where that was promised."""
import os
import random
import signal
import time

import pytest

from conftest import Client, SLOW, running, wait_for
from receiver import Receiver

ENV = {"CBM_WEBHOOK_ALLOW": "127.0.0.0/8", "CBM_WEBHOOK_TIMEOUT_MS": "700",
       "CBM_RETRY": "0," + ",".join(["0.2"] * 23)}


@pytest.fixture
def receiver():
    with Receiver() as one:
        yield one


def read_log(client, prefix=""):
    records, after = [], 0
    while True:
        page = client.call("notify", "log.read", {"prefix": prefix, "after": after, "limit": 1000}, safe=True)
        records += page["items"]
        if not page["items"]:
            return records
        after = page["next"]


def subscribe(client, receiver, paths, **more):
    """Subscriptions whose ids are the paths, all of them active."""
    for at in range(0, len(paths), 50):  # they count for one owner, so they are made one after the other
        msgids = [client.send("notify", "subscription.create", {
            "id": path, "channel": "webhook", "url": receiver.url(path), "filter": {"topics": ["events.>"]}, **more},
            key=path) for path in paths[at:at + 50]]
        for msgid in msgids:
            client.wait(msgid, 30)

    def all_active():
        waiting = client.call("notify", "subscription.list", {"status": "pending", "limit": 1}, safe=True)
        return not waiting["items"]
    wait_for(all_active, 30, "every handshake", every=0.1)


class Publisher:
    """Amends some events again and again; each change is sent until it is acknowledged."""

    def __init__(self, stack, topics=6):
        self.client = Client(stack.env["CBM_BUS"], 30, stack.env)
        self.count, self.topics = 0, topics
        for n in range(topics):
            self.change("event.propose", {"id": f"topic-{n}", "title": "First", "kind": "seminar",
                                          "host": "SECRETARIAT", "year": 2032})

    def change(self, method, params):
        self.count += 1
        deadline = time.monotonic() + 30 * SLOW
        while True:
            msgid = self.client.send("events", method, params, key=f"change-{self.count}")
            try:
                return self.client.wait(msgid, 2)
            except TimeoutError:
                pass
            except Exception as error:  # not while Redis is away
                assert getattr(error, "code", "") in ("unavailable", "deadline_exceeded", "resource_exhausted"), error
            assert time.monotonic() < deadline

    def amend(self, count):
        for _ in range(count):
            self.change("event.amend", {"id": f"topic-{self.count % self.topics}", "title": f"Title {self.count}"})

    def amend_many(self, count):
        """The same, many at once: only where nothing is broken."""
        msgids = [self.client.send("events", "event.propose", {
            "id": f"many-{self.count + n}", "title": "T", "kind": "seminar", "host": "SECRETARIAT", "year": 2032})
            for n in range(count)]
        self.count += count
        return [self.client.wait(msgid)["seq"] for msgid in msgids]


def missing(receiver, path, wanted):
    return wanted - {got.seq for got in receiver.records(path)}


def check_received(receiver, path, log, ordered):
    """What came there against the log."""
    subjects = {}
    for got in receiver.records(path):
        assert got.id == str(got.seq), "another id for the same delivery"
        assert got.event["subject"] == log[got.seq]["meta"]["subject"]
        subjects.setdefault(got.event["subject"], []).append(got.seq)
    if not ordered:
        return
    for subject, seqs in subjects.items():
        first = list(dict.fromkeys(seqs))
        assert first == sorted(first), f"{path}: {subject} came out of order: {first}"


def manners_of(receiver, seed):
    """Endpoints of every bad manner, each of which takes what it is sent in the end."""
    chance = random.Random(seed)

    def one_of(*answers):
        def manner(_got):
            return chance.choice(answers)
        return manner
    receiver.manners.update({
        "resets": one_of("reset", 204), "garbage": one_of("garbage", 204), "moody": one_of(500, 204, 429),
        "moved": one_of((302, {"location": "http://127.0.0.1:1/"}, ""), 204), "slow": one_of("hang", 204, 204, 204)})
    return ["good", "resets", "garbage", "moody", "moved", "slow"]


def test_replicas_killed_at_random(make_stack, receiver):
    chance = random.Random(7)
    stack = make_stack("--scale", "notify=3,bus=2", **ENV)
    paths = manners_of(receiver, 7)
    strict = [f"{path}-ordered" for path in paths]
    for path, also in zip(paths, strict):
        if path in receiver.manners:
            receiver.manners[also] = receiver.manners[path]
    with stack.client(30) as client:
        subscribe(client, receiver, paths)
        subscribe(client, receiver, strict, ordered=True)
    publisher = Publisher(stack)
    for round_ in range(5):
        publisher.amend(12)
        name = f"notify.{chance.randint(1, 3)}"
        stack.kill(name)
        publisher.amend(12)
        if round_ == 2:
            stack.kill("redis")
        stack.up(**ENV)
    publisher.amend(12)
    with stack.client(30) as client:
        log = {item["meta"]["seq"]: item for item in read_log(client, "events.")}
    wanted = set(log)
    for path in paths + strict:
        wait_for(lambda path=path: not missing(receiver, path, wanted), 40, f"the whole log at {path}", every=0.1)
        check_received(receiver, path, log, path in strict)
    repeats = sum(len(receiver.records(path)) - len(wanted) for path in ("good", "good-ordered"))
    assert repeats <= 200, f"{repeats} repeats at endpoints that never failed"


def test_a_dead_replica_is_missed_within_three_seconds(make_stack, receiver):
    stack = make_stack("--scale", "notify=2", **ENV)
    paths = [f"hook-{n}" for n in range(16)]  # so that both serve some
    with stack.client(30) as client:
        subscribe(client, receiver, paths)
    publisher = Publisher(stack, 1)
    publisher.amend(1)
    for path in paths:
        wait_for(lambda path=path: len(receiver.records(path)) >= 2, 10, "deliveries by both")
    os.kill(stack.pids["notify.1"], signal.SIGKILL)
    killed = time.monotonic()
    seq = publisher.change("event.amend", {"id": "topic-0", "title": "After"})["seq"]
    for path in paths:
        wait_for(lambda path=path: seq in {got.seq for got in receiver.records(path)}, 10, "the other replica")
    last = max(got.at for path in paths for got in receiver.records(path) if got.seq == seq)
    assert last - killed < 3 * SLOW, f"it took {last - killed:.2f} s"
    assert not running(stack.pids["notify.1"])


def test_a_replica_that_ends_and_one_that_starts_hand_over(make_stack, receiver):
    """No delivery is repeated when a replica is drained, and none is late."""
    stack = make_stack("--scale", "notify=2", **ENV)
    paths = [f"hook-{n}" for n in range(16)]
    with stack.client(30) as client:
        subscribe(client, receiver, paths)
    publisher = Publisher(stack, 2)
    publisher.amend(10)
    def shares():
        stats = client.call("notify", "$stats", safe=True)
        held[stats["id"]] = stats["shards_held"]
        return sorted(held.values()) == [32, 32]
    with stack.client(30) as client:
        for _ in range(5):  # something is published at every moment of it
            os.kill(stack.pids["notify.2"], signal.SIGTERM)
            wait_for(lambda: publisher.amend(3) or not running(stack.pids["notify.2"]), 20, "the end of the replica", every=0)
            stack.up(**ENV)
            held = {}
            wait_for(lambda: publisher.amend(3) or shares(), 20, "even shares", every=0)
        wanted = {item["meta"]["seq"] for item in read_log(client, "events.")}
        for path in paths:
            wait_for(lambda path=path: not missing(receiver, path, wanted), 20, f"the whole log at {path}")
            assert len(receiver.records(path)) == len(wanted), "each once"


def test_a_tenth_of_a_thousand_endpoints_hangs(make_stack, receiver):
    stack = make_stack("--scale", "notify=2", **{**ENV, "CBM_WEBHOOK_TIMEOUT_MS": "20000"})
    good = [f"good-{n}" for n in range(900)]
    bad = [f"bad-{n}" for n in range(100)]
    with stack.client(60) as client:
        subscribe(client, receiver, good + bad)
    for path in bad:
        receiver.manners[path] = lambda got: "hang"
    publisher = Publisher(stack, 1)
    began = time.monotonic()
    seqs = set(publisher.amend_many(5))
    for path in good:
        wait_for(lambda path=path: not missing(receiver, path, seqs), 20, f"{path}", every=0.05)
    took = max(got.at for path in good for got in receiver.records(path)) - began
    assert took < 10 * SLOW, f"those that answer waited {took:.1f} s for those that do not"
    assert sum(len(receiver.records(path)) for path in bad) <= 2 * len(bad), "a hanging endpoint has one try at a time"
