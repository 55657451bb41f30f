"""Deliveries by mail, on a running stack with a relay of its own: one by one, as digests, and not at night."""
import email
import email.policy
import shutil
import time

import pytest
from aiosmtpd.controller import Controller

from conftest import Stack, free_port, scratch_directory, time_ms, wait_for


class Relay:
    def __init__(self):
        self.mails, self.refuse = [], None

    async def handle_DATA(self, server, session, envelope):
        if self.refuse:
            return self.refuse
        self.mails.append((envelope.rcpt_tos[0], email.message_from_bytes(envelope.content, policy=email.policy.default)))
        return "250 taken"

    def to(self, address):
        return [mail for whom, mail in self.mails if whom == address]


@pytest.fixture(scope="module")
def relay():
    handler = Relay()
    handler.port = free_port()
    controller = Controller(handler, hostname="127.0.0.1", port=handler.port)
    controller.start()
    yield handler
    controller.stop()


@pytest.fixture(scope="module")
def stack(relay):
    one = Stack(scratch_directory())
    try:
        yield one.up("--scale", "notify=2", CBM_SMTP=f"smtp://127.0.0.1:{relay.port}", CBM_SMTP_FROM="bus@example.org",
                     CBM_SMTP_TLS="never", CBM_RETRY="0,0.2,0.2", CBM_MAIL_CONFIRM="no")
    finally:
        one.down()
        shutil.rmtree(one.dir, ignore_errors=True)


def subscribe(client, id, **more):
    client.call("notify", "subscription.create", {
        "id": id, "channel": "mail", "address": f"{id}@example.org", "filter": {"topics": ["events.>"]}, **more})
    return f"{id}@example.org"


def propose(client, prefix, count):
    return [client.call("events", "event.propose", {
        "id": f"{prefix}-{n}", "title": f"Seminar {n}", "kind": "seminar", "host": "SECRETARIAT", "year": 2032})["seq"]
        for n in range(count)]


def deliveries(client, id, **more):
    return client.list("notify", "delivery.list", {"subscription": id, **more})


def test_one_by_one(client, relay):
    address = subscribe(client, "single")
    seqs = propose(client, "single", 3)
    wait_for(lambda: len(relay.to(address)) >= 3, 10, "three mails")
    assert sorted(int(mail["X-CBM-Seq"]) for mail in relay.to(address)) == seqs
    wait_for(lambda: [d["status"] for d in deliveries(client, "single")] == ["delivered"] * 3, 10, "all written down")
    client.call("notify", "subscription.delete", {"id": "single"})


def test_a_relay_that_refuses_is_asked_again(client, relay):
    address = subscribe(client, "refused")
    relay.refuse = "451 later"
    seq, = propose(client, "refused", 1)
    wait_for(lambda: deliveries(client, "refused"), 10, "the first try")
    relay.refuse = None
    wait_for(lambda: relay.to(address), 10, "the mail")
    delivery = client.call("notify", "delivery.get", {"subscription": "refused", "seq": seq})
    assert delivery["attempts"][0]["code"] == 451, delivery
    client.call("notify", "subscription.delete", {"id": "refused"})


def test_a_digest_waits_for_the_end_of_the_day_and_is_one_mail(client, relay):
    address = subscribe(client, "digest", digest="daily", zone="Asia/Almaty")
    seqs = propose(client, "digest", 7)
    wait_for(lambda: len(deliveries(client, "digest", status="pending")) == 7, 10, "seven that wait")
    waiting = deliveries(client, "digest", status="pending")
    assert all(d["tries"] == 0 and not d.get("attempts") for d in waiting)
    assert all(time_ms(d["next_at"]) % 86400000 in (18 * 3600000, 19 * 3600000) for d in waiting), "midnight in Almaty"
    assert not relay.to(address)
    client.call("notify", "delivery.redeliver", {"subscription": "digest", "from": seqs[0], "to": seqs[-1]})
    wait_for(lambda: relay.to(address), 10, "the digest")
    wait_for(lambda: [d["status"] for d in deliveries(client, "digest")] == ["delivered"] * 7, 10, "all settled by it")
    mail, = relay.to(address)
    text = mail.get_body(("plain",)).get_content()
    assert all(f"Seminar {n}" in text for n in range(7))
    client.call("notify", "subscription.delete", {"id": "digest"})


def test_nothing_leaves_in_quiet_hours(client, relay):
    def clock(hours):
        return time.strftime("%H:00", time.gmtime(time.time() + hours * 3600))
    address = subscribe(client, "quiet", quiet={"from": clock(-1), "to": clock(2)}, zone="UTC")
    seq, = propose(client, "quiet", 1)
    wait_for(lambda: deliveries(client, "quiet", status="pending"), 10, "one that waits")
    delivery = client.call("notify", "delivery.get", {"subscription": "quiet", "seq": seq})
    assert delivery["next_at"][11:16] == clock(2)
    other = subscribe(client, "awake")
    propose(client, "awake", 1)
    wait_for(lambda: relay.to(other), 10, "the mail of another")
    assert not relay.to(address)
    for id in ("quiet", "awake"):
        client.call("notify", "subscription.delete", {"id": id})


def test_a_test_mail(client, relay):
    address = subscribe(client, "tested")
    answer = client.call("notify", "subscription.test", {"id": "tested"})
    assert answer["outcome"] == "taken" and answer["code"] == 250
    assert len(relay.to(address)) == 1
    client.call("notify", "subscription.delete", {"id": "tested"})
