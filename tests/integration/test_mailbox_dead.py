"""What a mailbox gives up: the dead-letter box, stepping in, and the times that a notice states. It must not know how
they are kept."""
import shutil

import msgpack
import pytest

from conftest import CallError, Stack, scratch_directory, time_ms, wait_for
from test_chain import signed
from test_mailbox import ack, fetch, make, plans, refused, seqs

TRIES = 3


@pytest.fixture(scope="module")
def stack():
    one = Stack(scratch_directory())
    try:
        yield one.up(CBM_CHECKPOINT_MS="50", CBM_MAILBOX_TRIES=str(TRIES))
    finally:
        one.down()
        shutil.rmtree(one.dir, ignore_errors=True)


def deliveries(client, id, **more):
    return client.list("notify", "delivery.list", {"subscription": id, **more})


def fetch_until(client, id, wanted, **more):
    """Fetches with a short time until these came."""
    def came():
        page = fetch(client, id, visibility="PT0S", **more)
        return page if seqs(page) == wanted else None
    return wait_for(came, 10, f"{wanted} out of {id}")


def let_die(client, id, seq):
    """Fetches one that is first in the box so often that it is given up."""
    for n in range(TRIES):
        fetch_until(client, id, [seq], limit=1, consumer=f"c{n}")

    def dead():
        fetch(client, id, limit=1, visibility="PT12H")
        return [d["seq"] for d in deliveries(client, id, status="dead")] == [seq]
    wait_for(dead, 10, f"{seq} is dead")


def own_records(client, id):
    page = client.call("notify", "log.read", {"prefix": f"private.secretariat.subscriptions.{id}.", "after": 0}, safe=True)
    return [(item["meta"]["type"], item["data"]) for item in page["items"]]


def notice(client, id, seq):
    item, = msgpack.unpackb(client.call("notify", "notice.proof", {"subscription": id, "seq": seq}, safe=True)["notice"])["items"]
    return item


def test_what_is_never_acknowledged_is_dead_and_the_rest_goes_on(stack, client):
    make(client, "poison")
    bad, good = plans(client, 2000, 2)
    let_die(client, "poison", bad)
    letter = client.call("notify", "delivery.get", {"subscription": "poison", "seq": bad}, safe=True)
    assert (letter["status"], letter["tries"], letter["type"], letter["topic"]) == ("dead", TRIES, "plan.opened", "plan.2000.")
    attempts = letter["attempts"]
    assert [(a["outcome"], a["consumer"], a["took_ms"]) for a in attempts] == [("lapsed", f"c{n}", 0) for n in range(TRIES)]
    times = [time_ms(a["at"]) for a in attempts]
    assert times == sorted(times)
    kind, told = own_records(client, "poison")[-1]
    assert kind == "delivery.dead" and {**told, "rev": letter["rev"]} == letter
    assert ack(client, "poison", seqs=[good])["cursor"] >= good  # the dead one holds nothing up
    assert fetch(client, "poison")["items"] == []
    shown = stack.cbm("delivery", "list", "poison", "--status", "dead").stdout
    assert str(bad) in shown and "dead" in shown
    shown = stack.cbm("delivery", "get", "poison", bad).stdout
    assert all(f"c{n}" in shown for n in range(TRIES)) and "lapsed" in shown
    signed(stack, good)
    said = notice(client, "poison", bad)
    assert said["delivery"]["status"] == "dead" and said["delivery"]["attempts"] == attempts and "acked" not in said


def test_redelivered_it_comes_again_and_is_acknowledged(stack, client):
    make(client, "again")
    bad, good = plans(client, 2010, 2)
    let_die(client, "again", bad)
    cursor = ack(client, "again", seq=good)["cursor"]
    stack.cbm("delivery", "redeliver", "again", bad)
    assert own_records(client, "again")[-1][0] == "delivery.redelivered"
    assert ack(client, "again", seq=good) == {"id": "again", "cursor": cursor, "waiting": 1}  # it was not given yet
    item, = fetch(client, "again", consumer="second")["items"]
    assert (item["seq"], item["attempt"]) == (bad, 1)
    assert deliveries(client, "again", status="dead") == [] and len(deliveries(client, "again", status="pending")) == 1
    assert ack(client, "again", seqs=[bad])["waiting"] == 0
    letter = client.call("notify", "delivery.get", {"subscription": "again", "seq": bad}, safe=True)
    assert letter["status"] == "delivered" and len(letter["attempts"]) == TRIES + 1
    last = letter["attempts"][-1]
    assert (last["outcome"], last["consumer"]) == ("taken", "second")
    assert fetch(client, "again")["items"] == []


def test_redelivered_it_may_die_again_or_be_discarded(client):
    make(client, "often")
    bad, = plans(client, 2020, 1)
    let_die(client, "often", bad)
    span = {"subscription": "often", "from": bad, "to": bad}
    assert client.call("notify", "delivery.redeliver", span)["count"] == 1
    let_die(client, "often", bad)
    letter, = deliveries(client, "often")
    assert letter["tries"] == TRIES and len(letter["attempts"]) == 2 * TRIES
    client.call("notify", "delivery.redeliver", span)
    assert client.call("notify", "delivery.discard", span)["count"] == 1  # while it waits
    assert fetch(client, "often")["items"] == [] and deliveries(client, "often")[0]["status"] == "discarded"
    assert [kind for kind, _ in own_records(client, "often")] == \
        ["subscription.created", "delivery.dead", "delivery.redelivered", "delivery.dead", "delivery.redelivered",
         "delivery.discarded"]
    assert client.call("notify", "delivery.discard", span)["count"] == 0
    assert refused(client, "delivery.get", subscription="often", seq=bad + 1).code == "not_found"


def test_a_box_of_its_own_dead_letters_does_not_feed_itself(client):
    make(client, "self", ["private.secretariat.subscriptions.self.>"])
    client.call("notify", "subscription.pause", {"id": "self"})
    client.call("notify", "subscription.resume", {"id": "self"})
    for _ in range(3):
        for item in fetch(client, "self")["items"]:
            ack(client, "self", seqs=[item["seq"]])
    client.call("notify", "subscription.pause", {"id": "self"})
    client.call("notify", "subscription.resume", {"id": "self"})
    waiting = {record["seq"] for record in fetch(client, "self", visibility="PT0S")["items"]}

    def all_dead():
        fetch(client, "self", visibility="PT0S")
        return waiting and {d["seq"] for d in deliveries(client, "self", status="dead")} == waiting
    wait_for(all_dead, 10, "what it had is dead")
    assert "delivery.dead" not in [kind for kind, _ in own_records(client, "self")]
    assert fetch(client, "self")["items"] == []


def test_a_notice_says_when_it_was_offered_and_acknowledged(stack, client):
    make(client, "times")
    wanted = plans(client, 2100, 40)
    fetch_until(client, "times", wanted[:1], limit=1)
    item = fetch_until(client, "times", wanted[:1], limit=1)["items"][0]
    assert item["attempt"] == 2
    signed(stack, wanted[-1])
    said = notice(client, "times", wanted[0])
    assert said["attempt"] == 2 and said["settled"] is False and "acked" not in said
    assert time_ms(said["last"]) >= time_ms(said["first"])
    ack(client, "times", seqs=[wanted[0]])
    after = notice(client, "times", wanted[0])
    assert after["settled"] is True and (after["first"], after["last"]) == (said["first"], said["last"])
    assert time_ms(after["acked"]) >= time_ms(after["last"]) and after["attempt"] == 2 and "until" not in after
    for _ in wanted[1:]:  # more acknowledgements than the mailbox's document has room for
        page = fetch(client, "times", limit=1, visibility="PT12H")
        ack(client, "times", seq=page["items"][0]["seq"])
    items = [notice(client, "times", seq) for seq in wanted]
    assert all(item["settled"] and item["attempt"] == (2 if item["seq"] == wanted[0] else 1) for item in items)
    acked = [time_ms(item["acked"]) for item in items]
    assert acked == sorted(acked) and all(time_ms(item["first"]) <= time_ms(item["acked"]) for item in items)
    file = stack.dir / "notice.json"
    stack.cbm("notice", "proof", "times", wanted[0], "-o", file)
    shown = stack.cbm("verify", file).stdout
    assert "holds" in shown and f"acknowledged {after['acked']}" in shown and f"first given  {after['first']}" in shown
    # another of the same id knows nothing of it
    client.call("notify", "subscription.delete", {"id": "times"})
    make(client, "times", **{"from": wanted[0] - 1})
    assert "acked" not in notice(client, "times", wanted[0]) and "acked" not in notice(client, "times", wanted[5])


def test_another_channel_takes_up_what_was_given_up(client):
    make(client, "moved")
    bad, = plans(client, 2200, 1)
    let_die(client, "moved", bad)
    client.call("notify", "subscription.delete", {"id": "moved"})
    make(client, "moved")
    assert deliveries(client, "moved") == []  # of a deleted one of the same id
    with pytest.raises(CallError) as error:
        client.call("notify", "delivery.get", {"subscription": "moved", "seq": bad}, safe=True)
    assert error.value.code == "not_found"


def test_a_full_box_takes_nothing_back(client):
    make(client, "full")
    bad, *_ = plans(client, 3000, 1)
    let_die(client, "full", bad)
    first = plans(client, 4000, 1000)
    while fetch(client, "full", limit=1000, visibility="PT12H")["items"]:
        pass
    assert refused(client, "delivery.redeliver", subscription="full", seq=bad).code == "resource_exhausted"
    assert ack(client, "full", seq=first[0])["waiting"] == 999
    assert client.call("notify", "delivery.redeliver", {"subscription": "full", "seq": bad})["count"] == 1
