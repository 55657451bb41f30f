"""One cursor on all channels: a record has the same id and seq on ZeroMQ, webhook, mailbox, mail and server-sent events,
and who moves from one to the next with its cursor misses nothing and gets nothing twice."""
import itertools
import shutil
import threading

import pytest
import zmq
from test_deliveries_mail import Relay, relay  # noqa: F401  pylint: disable=unused-import

from conftest import Stack, scratch_directory, wait_for
from events_in import Stream
from receiver import Receiver

TOPICS = {"topics": ["events.>"]}


@pytest.fixture(scope="module")
def stack(relay):  # noqa: F811
    one = Stack(scratch_directory())
    try:
        yield one.up("--scale", "notify=2,gateway=2", CBM_SMTP=f"smtp://127.0.0.1:{relay.port}", CBM_SMTP_TLS="never",
                     CBM_SMTP_FROM="bus@example.org", CBM_WEBHOOK_ALLOW="127.0.0.0/8", CBM_HTTP_HEARTBEAT_MS="300")
    finally:
        one.down()
        shutil.rmtree(one.dir, ignore_errors=True)


@pytest.fixture(scope="module")
def token(stack):
    with stack.client() as client:
        public, _ = zmq.curve_keypair()
        client.call("registry", "principal.enroll", {"id": "mover", "key": public.decode(), "roles": ["subscriber"]})
        made = client.call("registry", "principal.token", {"id": "mover"})["token"]

    def known(base):
        with Stream(base, made) as one:
            return one.status == 200
    for base in stack.env["CBM_HTTP"].split(","):
        wait_for(lambda: known(base), 10, "the token to be known")
    return made


@pytest.fixture(scope="module")
def receiver():
    with Receiver() as one:
        yield one


def propose(client, id):
    return client.call("events", "event.propose", {"id": id, "title": "Seminar", "kind": "seminar", "host": "SECRETARIAT",
                                                   "year": 2032})["seq"]


def subscribe(client, id, **more):
    made = client.call("notify", "subscription.create", {"id": id, "filter": TOPICS, **more})
    wait_for(lambda: client.call("notify", "subscription.get", {"id": made["id"]})["status"] == "active", 10, "the handshake")


def fetched(client, id, count):
    """So many of a mailbox, acknowledged."""
    got = []

    def more():
        page = client.call("notify", "mailbox.fetch", {"id": id, "limit": count - len(got)})["items"]
        got.extend(page)
        if page:
            client.call("notify", "mailbox.ack", {"id": id, "seqs": [item["seq"] for item in page]})
        return len(got) >= count
    wait_for(more, 20, f"{count} records in the mailbox")
    return got


def test_the_same_id_and_seq_on_every_channel(stack, client, relay, receiver, token):  # noqa: F811
    subscribe(client, "same-hook", channel="webhook", url=receiver.url("same"))
    subscribe(client, "same-thin", channel="webhook", url=receiver.url("thin"), payload="thin", content="binary")
    subscribe(client, "same-box", channel="mailbox")
    subscribe(client, "same-mail", channel="mail", address="same@example.org")
    with stack.subscriber("events.") as live, Stream(stack.env["CBM_HTTP"].split(",")[0], token, **TOPICS) as stream:
        live.watermark("events.")
        live.watermark("events.")
        wait_for(lambda: stream.last_id, 5, "the stream to have begun")
        seqs = [propose(client, f"same-{n}") for n in range(5)]
        by_seq = {}
        while len(by_seq) < 5:  # two replicas publish it
            for topic, meta, data in live.records(1):
                by_seq[meta["seq"]] = (topic, meta, data)
        mails = wait_for(lambda: len(relay.to("same@example.org")) >= 5 and relay.to("same@example.org"), 15, "five mails")
        hooks = wait_for(lambda: len(receiver.records("same")) >= 5 and receiver.records("same"), 15, "five posts")
        thin = wait_for(lambda: len(receiver.records("thin")) >= 5 and receiver.records("thin"), 15, "five thin posts")
        box = {item["seq"]: item for item in fetched(client, "same-box", 5)}
        wait_for(lambda: len(stream.events) >= 5, 10, "five events")
    ids = [str(seq) for seq in seqs]
    assert sorted(by_seq) == sorted(box) == stream.seqs() == seqs
    assert [by_seq[seq][1]["id"] for seq in seqs] == [box[seq]["meta"]["id"] for seq in seqs] == ids
    assert sorted(mail["X-CBM-Seq"] for mail in mails) == sorted(mail["X-CBM-Id"] for mail in mails) == sorted(ids)
    assert sorted(got.id for got in hooks) == sorted(got.id for got in thin) == sorted(ids)
    assert sorted(got.headers["ce-id"] for got in thin) == sorted(ids)
    said = {got.seq: got.event for got in hooks}
    for event in stream.events:
        seq = int(event["id"])
        topic, meta, data = by_seq[seq]
        assert event["data"] == said[seq], "a stream says what a webhook says"
        assert event["event"] == event["data"]["type"] == meta["type"] == box[seq]["meta"]["type"]
        assert event["data"]["topic"] == topic == box[seq]["topic"]
        assert event["data"]["data"] == data == box[seq]["data"]
        assert event["data"]["id"] == event["data"]["sequence"] == str(seq)


class Mover:
    """A subscriber that has nothing but its cursor, and takes some records by one channel, then by another."""

    def __init__(self, stack, client, receiver, token, cursor):
        self.stack, self.client, self.receiver, self.token, self.cursor = stack, client, receiver, token, cursor
        self.got, self.names = [], itertools.count(1)

    def take(self, seqs):
        self.got += seqs
        self.cursor = seqs[-1]

    def by_stream(self, count):
        base = self.stack.env["CBM_HTTP"].split(",")[next(self.names) % 2]
        with Stream(base, self.token, last_id=self.cursor, **TOPICS) as stream:
            wait_for(lambda: len(stream.events) >= count, 20, f"{count} by server-sent events")
            self.take(stream.seqs()[:count])

    def by_zeromq(self, count):
        """Joins as docs/integrator.md says: what is between the cursor and the socket is read back."""
        with self.stack.subscriber("events.") as live:
            mark, seqs = live.watermark("events."), []
            while (self.cursor if not seqs else seqs[-1]) < mark:
                page = self.client.call("notify", "log.read", {"prefix": "events.", "after": seqs[-1] if seqs else self.cursor},
                                        safe=True)
                if not page["items"]:
                    break
                seqs += [item["meta"]["seq"] for item in page["items"]]
            last = seqs[-1] if seqs else self.cursor
            while len(seqs) < count:
                (_, meta, _), = live.records(1)
                if meta["seq"] <= last:
                    continue  # read back already, or from the other replica
                if meta["prev"][1] > last:  # a hole: read back too
                    page = self.client.call("notify", "log.read", {"prefix": "events.", "after": last}, safe=True)
                    seqs += [item["meta"]["seq"] for item in page["items"]]
                else:
                    seqs.append(meta["seq"])
                last = seqs[-1]
            self.take(seqs[:count])

    def by_mailbox(self, count):
        name = f"move-box-{next(self.names)}"
        subscribe(self.client, name, channel="mailbox", **{"from": self.cursor})
        self.take([item["seq"] for item in fetched(self.client, name, count)])
        self.client.call("notify", "subscription.delete", {"id": name})

    def by_webhook(self, count):
        name = f"move-hook-{next(self.names)}"
        subscribe(self.client, name, channel="webhook", url=self.receiver.url(name), **{"from": self.cursor})
        wait_for(lambda: len({got.seq for got in self.receiver.records(name)}) >= count + 64, 20, f"{count} by webhook")
        self.client.call("notify", "subscription.delete", {"id": name})
        # they come side by side: of what came, the first without a hole
        self.take(sorted({got.seq for got in self.receiver.records(name)})[:count])


def test_who_moves_with_its_cursor_misses_and_repeats_nothing(stack, client, receiver, token):
    start = propose(client, "move-first")
    ending, done = threading.Event(), []

    def write():
        with stack.client() as other:
            for n in itertools.count():
                if ending.is_set():
                    return
                done.append(propose(other, f"move-{n}"))

    writer = threading.Thread(target=write)
    writer.start()
    mover = Mover(stack, client, receiver, token, start)
    try:
        for channel in (mover.by_stream, mover.by_zeromq, mover.by_mailbox, mover.by_webhook, mover.by_stream) * 2:
            channel(30)
    finally:
        ending.set()
        writer.join(20)
    wanted = [seq for seq in done if start < seq <= mover.cursor]
    assert len(mover.got) == 300 and mover.got == wanted
