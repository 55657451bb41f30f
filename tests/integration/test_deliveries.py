"""Webhooks as their receivers see them, on a running stack of two notify replicas: each record once and in order,
tried again when that fails, given up at last, and what people can do about it."""
import itertools

import pytest

from conftest import CallError, SLOW, wait_for
from receiver import Receiver

ALLOW = {"CBM_WEBHOOK_ALLOW": "127.0.0.0/8", "CBM_WEBHOOK_TIMEOUT_MS": "1500"}
RETRY = "0,0.2,0.2,0.2"
names = itertools.count(1)


@pytest.fixture(scope="module")
def stack():
    import shutil
    from conftest import Stack, scratch_directory
    one = Stack(scratch_directory())
    try:
        yield one.up("--scale", "notify=2", CBM_RETRY=RETRY, **ALLOW)
    finally:
        one.down()
        shutil.rmtree(one.dir, ignore_errors=True)


@pytest.fixture(scope="module")
def receiver():
    with Receiver() as one:
        yield one


class Webhook:
    """A subscription of one area of its own, and the events that are proposed in it."""

    def __init__(self, client, receiver, active=True, **more):
        self.client, self.receiver = client, receiver
        self.path = f"hook-{next(names)}"
        self.kind = f"kind-{next(names)}"
        self.count = 0
        self.made = client.call("notify", "subscription.create", {
            "channel": "webhook", "url": receiver.url(self.path), **{"filter": {"topics": ["events.>"]}, **more}})
        self.id = self.made["id"]
        if active:
            wait_for(lambda: self.get()["status"] == "active", 10, "the handshake")

    def get(self):
        return self.client.call("notify", "subscription.get", {"id": self.id})

    def propose(self, count):
        """The seqs of that many new events."""
        msgids = []
        for _ in range(count):
            self.count += 1
            msgids.append(self.client.send("events", "event.propose", {
                "id": f"{self.path}-{self.count}", "title": "Seminar", "kind": "seminar", "host": "SECRETARIAT",
                "year": 2032}))
        return [self.client.wait(msgid)["seq"] for msgid in msgids]

    def seqs(self):
        return [one.seq for one in self.receiver.records(self.path)]

    def wait(self, seqs, timeout=15):
        wait_for(lambda: set(seqs) <= set(self.seqs()), timeout, f"{len(seqs)} deliveries to {self.path}")

    def list(self, **more):
        return self.client.list("notify", "delivery.list", {"subscription": self.id, **more})

    def delivery(self, seq):
        return self.client.call("notify", "delivery.get", {"subscription": self.id, "seq": seq})

    def wait_status(self, seq, status, timeout=15):
        def there():
            try:
                one = self.delivery(seq)
            except CallError:
                return None
            return one if one["status"] == status else None
        return wait_for(there, timeout, f"{seq} to be {status}")


@pytest.fixture
def hook(client, receiver):
    made = []

    def make(**more):
        made.append(Webhook(client, receiver, **more))
        return made[-1]
    yield make
    for one in made:
        client.call("notify", "subscription.delete", {"id": one.id})


def test_each_record_once_and_written_down(hook):
    one = hook()
    seqs = one.propose(40)
    one.wait(seqs)
    for seq in seqs:
        one.wait_status(seq, "delivered")
    assert sorted(one.seqs()) == seqs
    got = one.receiver.records(one.path)[0]
    assert got.id == str(got.seq)
    assert got.event["type"] == "event.proposed" and got.event["data"]["title"] == "Seminar"
    listed = one.list(limit=7)
    assert [d["seq"] for d in listed] == seqs
    assert all(len(d["attempts"]) == 1 and d["attempts"][0]["code"] == 204 for d in listed)


def test_tried_again_until_it_is_taken(hook):
    one = hook()
    left = [2]

    def manner(got):
        left[0] -= 1
        return 503 if left[0] >= 0 else 204
    one.receiver.manners[one.path] = manner
    seq, = one.propose(1)
    delivery = one.wait_status(seq, "delivered")
    assert [a.get("code") for a in delivery["attempts"]] == [503, 503, 204]
    assert [a["outcome"] for a in delivery["attempts"]] == ["failed", "failed", "taken"]
    assert len({got.id for got in one.receiver.records(one.path)}) == 1, "every try has the same id"


def test_retry_after_is_honoured(hook):
    one = hook()
    asked = []

    def manner(got):
        asked.append(got.at)
        return (429, {"retry-after": "2"}, "slow down") if len(asked) == 1 else 204
    one.receiver.manners[one.path] = manner
    seq, = one.propose(1)
    delivery = one.wait_status(seq, "delivered")
    assert asked[1] - asked[0] >= 2
    assert delivery["attempts"][0]["body"] == "slow down"


def test_gone_is_disabled_and_told(hook, client):
    one = hook()
    one.receiver.manners[one.path] = lambda got: 410
    seq, = one.propose(1)
    wait_for(lambda: one.get()["status"] == "disabled", 10, "the subscription to be disabled")
    assert "410" in one.get()["reason"]
    page = client.call("notify", "log.read", {"prefix": f"private.secretariat.subscriptions.{one.id}.", "after": 0})
    types = [item["meta"]["type"] for item in page["items"]]
    assert types[-2:] == ["subscription.disabled", "subscription.notice.disabled"]
    assert one.wait_status(seq, "pending")["attempts"][0]["outcome"] == "gone"


def test_the_dead_letter_box_and_redelivery(hook, client):
    one = hook()
    one.receiver.manners[one.path] = lambda got: (500, {}, "no")
    seqs = one.propose(3)
    for seq in seqs:
        dead = one.wait_status(seq, "dead", 30)
        assert len(dead["attempts"]) == len(RETRY.split(","))
    assert [d["seq"] for d in one.list(status="dead")] == seqs
    page = client.call("notify", "log.read", {"prefix": f"private.secretariat.subscriptions.{one.id}.", "after": 0})
    told = [item for item in page["items"] if item["meta"]["type"] == "delivery.dead"]
    assert sorted(item["data"]["seq"] for item in told) == seqs
    one.receiver.manners.pop(one.path)
    client.call("notify", "delivery.discard", {"subscription": one.id, "seq": seqs[0]})
    answer = client.call("notify", "delivery.redeliver", {"subscription": one.id, "from": seqs[1], "to": seqs[2]})
    assert answer["count"] == 2 and answer["more"] is False
    for seq in seqs[1:]:
        assert len(one.wait_status(seq, "delivered", 30)["attempts"]) == len(RETRY.split(",")) + 1
    assert one.delivery(seqs[0])["status"] == "discarded"
    assert one.list(status="dead") == []
    again = client.call("notify", "delivery.redeliver", {"subscription": one.id, "seq": seqs[0]})
    assert again["count"] == 1
    one.wait_status(seqs[0], "delivered")


def test_from_the_start_of_the_log(hook, client):
    first = hook()
    seqs = first.propose(300)
    late = hook(**{"from": "start"})
    late.wait(seqs)
    wanted = [item["meta"]["seq"] for item in read_all(client, "events.")]
    wait_for(lambda: set(wanted) == set(late.seqs()), 20, "the whole log of events")
    assert len(late.seqs()) == len(wanted), "each once"
    more = late.propose(20)
    late.wait(more)


def read_all(client, prefix):
    items, after = [], 0
    while True:
        page = client.call("notify", "log.read", {"prefix": prefix, "after": after, "limit": 1000})
        if not page["items"]:
            return items
        items += page["items"]
        after = page["next"]


def test_in_order_within_a_topic(hook, client):
    one = hook(ordered=True)
    failing = itertools.count()

    def manner(got):
        return 503 if next(failing) % 3 == 0 else 204
    one.receiver.manners[one.path] = manner
    ids = [event["id"] for event in [client.call("events", "event.propose", {
        "title": f"Ordered {one.path} {n}", "kind": "seminar", "host": "SECRETARIAT", "year": 2032}) for n in range(3)]]
    last = 0
    for n in range(8):
        for event in ids:
            last = client.call("events", "event.amend", {"id": event, "title": f"Title {n}"})["seq"]
    one.wait([last], 40)
    for seq in [item["meta"]["seq"] for item in read_all(client, "events.") if item["data"]["id"] in ids]:
        one.wait_status(seq, "delivered", 30)
    seen = {}
    for got in one.receiver.records(one.path):
        before = seen.get(got.event["subject"], 0)
        assert got.seq >= before, "what is about one thing came out of order"
        seen[got.event["subject"]] = got.seq


def test_handshake(hook, client, receiver):
    one = Webhook(client, receiver, active=False)
    wait_for(lambda: receiver.all(one.path), 10, "the handshake")
    first = receiver.all(one.path)[0]
    assert first.type == "subscription.verify" and len(first.event["data"]["challenge"]) == 32
    wait_for(lambda: one.get()["status"] == "active", 10, "the handshake")
    page = client.call("notify", "log.read", {"prefix": f"private.secretariat.subscriptions.{one.id}.", "after": 0})
    assert "subscription.activated" in [item["meta"]["type"] for item in page["items"]]
    client.call("notify", "subscription.delete", {"id": one.id})


def test_all_that_was_sent_is_an_answer_too(client, receiver):
    """The least that an endpoint can do, with the longest id."""
    path = "echo-" + "x" * 200
    receiver.rude.add(path)
    receiver.manners[path] = lambda got: (200, {}, got.body.decode())
    made = client.call("notify", "subscription.create", {
        "id": "e" * 64, "channel": "webhook", "url": receiver.url(path), "filter": {"topics": ["events.>"]}})
    wait_for(lambda: client.call("notify", "subscription.get", {"id": made["id"]})["status"] == "active", 10, "it")
    client.call("notify", "subscription.delete", {"id": made["id"]})


def test_without_the_challenge_it_stays_pending(client, receiver):
    path = f"hook-{next(names)}"
    receiver.rude.add(path)
    made = client.call("notify", "subscription.create", {
        "channel": "webhook", "url": receiver.url(path), "filter": {"topics": ["events.>"]}})
    wait_for(lambda: len(receiver.all(path)) >= 2, 10, "a second handshake")
    assert client.call("notify", "subscription.get", {"id": made["id"]})["status"] == "pending"
    assert not receiver.records(path)
    receiver.rude.discard(path)
    wait_for(lambda: client.call("notify", "subscription.get", {"id": made["id"]})["status"] == "active", 10, "it")
    client.call("notify", "subscription.delete", {"id": made["id"]})


def test_a_ping_tells_what_came_of_it(hook, client):
    one = hook()
    answer = client.call("notify", "subscription.test", {"id": one.id})
    assert answer["outcome"] == "taken" and answer["code"] == 204 and answer["took_ms"] < 3000 * SLOW
    assert one.receiver.all(one.path)[-1].type == "subscription.ping"
    one.receiver.manners[one.path] = lambda got: (500, {}, "out of order")
    answer = client.call("notify", "subscription.test", {"id": one.id})
    assert answer["outcome"] == "failed" and answer["code"] == 500 and answer["body"] == "out of order"
    one.receiver.manners[one.path] = lambda got: "hang"
    answer = client.call("notify", "subscription.test", {"id": one.id})
    assert answer["outcome"] == "failed" and answer["error"]


def test_other_peoples_deliveries_are_unknown(hook, client):
    one = hook()
    with pytest.raises(CallError) as caught:
        client.call("notify", "delivery.list", {"subscription": "nobodys"})
    assert caught.value.code == "not_found"
    with pytest.raises(CallError) as caught:
        client.call("notify", "delivery.redeliver", {"subscription": one.id, "seq": 1, "from": 2, "to": 3})
    assert caught.value.code == "invalid_argument"


def test_a_hole_in_the_subscribers_notices_is_no_loop(hook, client):
    """A subscription of its own records is told of its lifecycle, not of its deliveries."""
    one = hook(filter={"topics": ["events.>", "private.secretariat.subscriptions.>"]})
    one.receiver.manners[one.path] = lambda got: 500 if got.type.startswith("event.") else 204
    seq, = one.propose(1)
    one.wait_status(seq, "dead", 30)
    client.call("notify", "delivery.redeliver", {"subscription": one.id, "seq": seq})
    one.wait_status(seq, "dead", 30)
    assert not [got for got in one.receiver.records(one.path) if got.type.startswith("delivery.")]


def test_paused_it_waits_and_resumed_it_has_all(hook, client):
    one = hook()
    one.wait(one.propose(3))
    client.call("notify", "subscription.pause", {"id": one.id})
    seqs = one.propose(10)
    other = hook()
    other.wait(other.propose(1))
    assert not set(seqs) & set(one.seqs())
    client.call("notify", "subscription.resume", {"id": one.id})
    one.wait(seqs)
    assert len(one.seqs()) == len(set(one.seqs()))


def test_another_endpoint_is_asked_first(hook, client, receiver):
    one = hook()
    moved = f"hook-{next(names)}"
    client.call("notify", "subscription.update", {"id": one.id, "url": receiver.url(moved)})
    wait_for(lambda: receiver.all(moved), 10, "the handshake at the new endpoint")
    assert receiver.all(moved)[0].type == "subscription.verify"
    wait_for(lambda: one.get()["status"] == "active", 10, "the handshake")
    seqs = one.propose(2)
    wait_for(lambda: set(seqs) <= {got.seq for got in receiver.records(moved)}, 10, "the new endpoint")


def test_an_id_used_again_begins_anew(client, receiver):
    """What was done with a deleted subscription is not held against the next one of its id."""
    path = f"hook-{next(names)}"

    def make():
        client.call("notify", "subscription.create", {
            "id": path, "channel": "webhook", "url": receiver.url(path), "filter": {"topics": ["events.>"]}, "from": "start"})
    make()
    wanted = {item["meta"]["seq"] for item in read_all(client, "events.")}
    wait_for(lambda: {got.seq for got in receiver.records(path)} >= wanted, 20, "the whole log")
    client.call("notify", "subscription.delete", {"id": path})
    receiver.got[path] = []
    make()
    wait_for(lambda: {got.seq for got in receiver.records(path)} >= wanted, 20, "the whole log again")
    client.call("notify", "subscription.delete", {"id": path})


def test_the_command_line(hook, stack):
    import json
    one = hook()
    one.receiver.manners[one.path] = lambda got: (500, {}, "no room")
    seqs = one.propose(2)
    for seq in seqs:
        one.wait_status(seq, "dead", 30)
    table = stack.cbm("delivery", "list", one.id, "--status", "dead").stdout.splitlines()
    assert len(table) == 3 and table[1].split()[:4] == [str(seqs[0]), "dead", "4", "500"]
    shown = stack.cbm("delivery", "get", one.id, seqs[0]).stdout
    assert shown.count("no room") == 4 and f"{seqs[0]} to {one.id}: dead" in shown
    one.receiver.manners.pop(one.path)
    assert stack.cbm("delivery", "discard", one.id, seqs[0]).stdout == "1 delivery\n"
    assert stack.cbm("delivery", "redeliver", one.id, "--from", seqs[1], "--to", seqs[1]).stdout == "1 delivery\n"
    one.wait_status(seqs[1], "delivered")
    listed = json.loads(stack.cbm("delivery", "list", one.id, "--json").stdout)
    assert [d["status"] for d in listed] == ["discarded", "delivered"]
    assert stack.cbm("delivery", "get", one.id, check=False).returncode == 64
    assert stack.cbm("delivery", "redeliver", one.id, check=False).returncode == 64
    assert stack.cbm("delivery", "get", "nobodys", 1, check=False).returncode == 1


def test_what_is_no_longer_kept_is_told(hook, client, stack):
    import subprocess
    one = hook()
    one.wait(one.propose(1))
    wait_for(lambda: one.list(), 10, "it is written down")
    client.call("notify", "subscription.pause", {"id": one.id})
    seqs = one.propose(6)
    subprocess.run(["redis-cli", "-u", stack.env["CBM_REDIS"], "HSET", "{cica}:log:prefix", "#first", str(seqs[3])],
                   check=True, capture_output=True)  # what retention does
    try:
        client.call("notify", "subscription.resume", {"id": one.id})
        one.wait(seqs[3:])
    finally:
        subprocess.run(["redis-cli", "-u", stack.env["CBM_REDIS"], "HDEL", "{cica}:log:prefix", "#first"],
                       check=True, capture_output=True)
    assert not set(seqs[:3]) & set(one.seqs())
    notice, = [got for got in one.receiver.all(one.path) if got.type == "subscription.notice.missed"]
    assert notice.event["data"]["to"] == seqs[3] - 1
    assert notice.event["data"]["from"] <= seqs[0]


def test_who_only_fails_for_long_is_disabled(make_stack, receiver):
    stack = make_stack(CBM_RETRY=",".join(["0"] + ["0.2"] * 14), CBM_DISABLE_AFTER="PT1S", **ALLOW)
    with stack.client() as client:
        one, other = Webhook(client, receiver), Webhook(client, receiver)
        receiver.manners[one.path] = lambda got: (500, {}, "no")
        one.propose(3)
        wait_for(lambda: one.propose(1) and one.get()["status"] == "disabled", 30, "it to be disabled", every=0.3)
        assert one.get()["reason"] and other.get()["status"] == "active"
        told = [got for got in receiver.all(one.path) if got.type == "subscription.notice.disabled"]
        log = client.call("notify", "log.read", {"prefix": f"private.secretariat.subscriptions.{one.id}.", "after": 0})
        assert [item["meta"]["type"] for item in log["items"]][-2:] == ["subscription.disabled", "subscription.notice.disabled"]
        assert not told  # nothing is sent to it any more: the notice is on the log
        receiver.manners.pop(one.path)
        client.call("notify", "subscription.resume", {"id": one.id})
        one.wait([item["seq"] for item in one.list(limit=3)])
