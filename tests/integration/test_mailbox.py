"""Mailboxes: what is fetched, given again, acknowledged, and that nothing is lost or comes twice
whoever dies. It must not know how they are kept."""
import random
import threading
import time

import msgpack
import pytest
from test_visibility import Who

from conftest import CallError, Subscriber, wait_for


def fetch(client, id, **more):
    return client.call("notify", "mailbox.fetch", {"id": id, **more})


def seqs(page):
    return [item["seq"] for item in page["items"]]


def ack(client, id, **more):
    return client.call("notify", "mailbox.ack", {"id": id, **more})


def make(client, id, topics=("plan.>",), **more):
    return client.call("notify", "subscription.create", {"id": id, "channel": "mailbox", "filter": {"topics": list(topics)},
                                                         **more})


def plans(client, first, count):
    sent = [client.send("events", "plan.open", {"year": year}, key=f"plan-{year}") for year in range(first, first + count)]
    return sorted(client.wait(msgid, 60)["seq"] for msgid in sent)


def refused(client, name, **params):
    with pytest.raises(CallError) as caught:
        client.call("notify", name, params)
    return caught.value


def test_given_again_until_acknowledged(client):
    make(client, "again")
    wanted = plans(client, 2000, 10)
    first = fetch(client, "again", limit=4, visibility="PT1S", consumer="one")
    assert seqs(first) == wanted[:4] and {item["attempt"] for item in first["items"]} == {1}
    log = client.call("notify", "log.read", {"prefix": "plan.", "after": wanted[0] - 1, "limit": 4})["items"]
    assert [{key: item[key] for key in ("topic", "meta", "data")} for item in first["items"]] == log
    other = fetch(client, "again", limit=4, visibility="PT12H")
    assert seqs(other) == wanted[4:8]  # another consumer gets others
    assert ack(client, "again", seqs=[wanted[1], wanted[5]])["waiting"] == 6
    again = wait_for(lambda: fetch(client, "again", limit=3, visibility="PT12H")["items"] or None, 5, "the end of the time")
    taken = [item["seq"] for item in again]
    while len(taken) < 5:  # the times of a fetch end together, the new ones come at once
        page = fetch(client, "again", limit=10, visibility="PT12H")["items"]
        again += page
        taken += [item["seq"] for item in page]
    by_seq = {item["seq"]: item for item in again}
    assert sorted(by_seq) == [wanted[0], wanted[2], wanted[3], *wanted[8:]]
    assert {by_seq[seq]["attempt"] for seq in (wanted[0], wanted[2], wanted[3])} == {2}
    assert by_seq[wanted[0]]["given_to"] == "one" and by_seq[wanted[8]]["attempt"] == 1
    assert ack(client, "again", seq=wanted[3])["cursor"] == wanted[4] - 1  # and all before
    assert ack(client, "again", seqs=[wanted[4]])["cursor"] == wanted[6] - 1
    done = ack(client, "again", seq=wanted[-1])
    assert done["waiting"] == 0 and done["cursor"] >= wanted[-1]
    assert ack(client, "again", seq=wanted[0]) == ack(client, "again", seqs=[wanted[2]])  # again is no harm
    assert fetch(client, "again")["items"] == []


def test_what_is_refused(client):
    make(client, "strict")
    last = client.call("notify", "log.last", {"prefix": ""})["seq"]
    for params, field in (({"visibility": "PT13H"}, "visibility"), ({"visibility": "soon"}, "visibility"), ({"limit": 0}, "limit"),
                          ({"limit": 1001}, "limit"), ({"consumer": ""}, "consumer")):
        error = refused(client, "mailbox.fetch", id="strict", **params)
        assert (error.code, error.field) == ("invalid_argument", field)
    for params, field in (({}, "seq"), ({"seq": last + 1000}, "seq"), ({"seqs": [last + 1000]}, "seqs"),
                          ({"seqs": [-1]}, "seqs[0]"), ({"seq": -1}, "seq")):
        error = refused(client, "mailbox.ack", id="strict", **params)
        assert (error.code, error.field) == ("invalid_argument", field), params
    assert refused(client, "mailbox.fetch", id="none").code == "not_found"
    client.call("notify", "subscription.create", {"id": "hook", "channel": "webhook", "url": "https://a.example/",
                                                  "filter": {"topics": ["a"]}})
    assert refused(client, "mailbox.fetch", id="hook").code == "failed_precondition"
    client.call("notify", "subscription.pause", {"id": "strict"})
    assert refused(client, "mailbox.fetch", id="strict").code == "failed_precondition"


def test_a_repeated_fetch_is_answered_the_same(client):
    make(client, "repeat")
    plans(client, 2020, 3)
    first = client.call("notify", "mailbox.fetch", {"id": "repeat"}, key="same")
    again = client.call("notify", "mailbox.fetch", {"id": "repeat"}, key="same")
    assert seqs(first) == seqs(again) and len(seqs(first)) == 3
    assert [item["meta"] for item in again["items"]] == [item["meta"] for item in first["items"]]
    assert fetch(client, "repeat")["items"] == []


def test_thin(client):
    make(client, "thin", payload="thin")
    plans(client, 2030, 1)
    item = fetch(client, "thin")["items"][0]
    assert "data" not in item and item["meta"]["type"] == "plan.opened"


def test_sparse_matches_are_reached_with_bounded_work(client):
    client.call("notify", "subscription.create", {"id": "sparse", "channel": "mailbox",
                                                  "filter": {"topics": [">"], "types": ["participant.*"]}})
    plans(client, 4000, 5000)
    wanted = client.call("registry", "participant.put", {"code": "AZ", "name": "Azerbaijan", "kind": "state", "status": "member",
                                                         "since": "1992-10-05"})["seq"]
    page = fetch(client, "sparse")
    assert page["items"] == [] and page["next"] < wanted <= page["last"]  # it returned early
    positions = [page["next"]]
    while not page["items"]:
        page = fetch(client, "sparse")
        positions.append(page.get("next", wanted))
    assert seqs(page) == [wanted]
    assert positions == sorted(set(positions)) and len(positions) < 10  # each went on from where one was
    ack(client, "sparse", seq=wanted)
    assert "next" not in fetch(client, "sparse")


def test_its_own_life_is_told_whatever_the_filter_says(client):
    made = make(client, "told", ["nothing.here"])
    client.call("notify", "subscription.pause", {"id": "told"})
    client.call("notify", "subscription.resume", {"id": "told"})
    make(client, "other", ["nothing.there"])
    items = fetch(client, "told")["items"]
    assert [(item["topic"], item["meta"]["type"]) for item in items] == \
        [("private.secretariat.subscriptions.told.", "subscription.notice.resumed")]
    assert made["status"] == "active"


def test_the_owner_gets_what_it_may_see_now(stack, client, tmp_path):
    for code, name in (("KZ", "Kazakhstan"), ("CN", "China")):
        client.call("registry", "participant.put", {"code": code, "name": name, "kind": "state", "status": "member",
                                                    "since": "1992-10-05"})
    one = Who(stack, tmp_path, "one", ["member"], "KZ")
    other = Who(stack, tmp_path, "other", ["member"], "CN")

    def propose(who, host, id):
        return who.call("events", "event.propose", id=id, title="Draft", kind="seminar", host=host, year=2030)["seq"]
    make(one.client, "drafts", ["private.KZ.events.>", "events.>"])
    mine = propose(one, "KZ", "draft-kz")
    propose(other, "CN", "draft-cn")
    opened = client.call("events", "event.propose", {"title": "Open", "kind": "seminar", "host": "KZ", "year": 2030})["seq"]
    assert seqs(fetch(one.client, "drafts")) == [mine, opened]
    assert refused(other.client, "mailbox.fetch", id="drafts").code == "not_found"
    assert refused(other.client, "mailbox.ack", id="drafts", seq=1).code == "not_found"
    key = client.call("registry", "principal.list")["items"]
    key = next(entry["key"] for entry in key if entry["id"] == "one")
    client.call("registry", "principal.enroll", {"id": "one", "key": key, "roles": ["subscriber"]})  # no member's any more
    later = propose(client_of(client), "KZ", "open-2")
    hidden = propose_for(stack, tmp_path, client)

    def seen():
        with stack.client() as officer:  # the Secretariat looks into it: it shows what the owner may see
            return seqs(fetch(officer, "drafts", visibility="PT1S"))
    wait_for(lambda: later in seen(), 10, "the open record")
    assert hidden not in seen()
    one.client.close()
    other.client.close()


def client_of(client):
    class Plain:
        @staticmethod
        def call(service, name, **params):
            return client.call(service, name, params)
    return Plain


def propose_for(stack, directory, client):
    """A draft of KZ by another of its principals; returns the seq."""
    third = Who(stack, directory, "third", ["member"], "KZ")
    try:
        return third.call("events", "event.propose", id="draft-kz-2", title="Draft", kind="seminar", host="KZ", year=2030)["seq"]
    finally:
        third.client.close()


def test_one_cursor_over_all_channels(stack, client):
    """Ten by the live socket, on by mailbox, through another channel and back: each once."""
    with Subscriber(stack.env["CBM_NOTIFY"], "plan.", env=stack.env) as sub:
        sub.watermark("plan.")
        wanted = plans(client, 9500, 40)
        live = [(meta["seq"], meta["id"]) for _, meta, _ in sub.records(10)]
    assert [seq for seq, _ in live] == wanted[:10]
    make(client, "cursor", **{"from": live[-1][0]})
    page = fetch(client, "cursor", limit=10)["items"]
    live += [(item["seq"], item["meta"]["id"]) for item in page]
    ack(client, "cursor", seq=page[-1]["seq"])
    fetch(client, "cursor", limit=5)  # given, but not acknowledged: it is not settled
    client.call("notify", "subscription.update", {"id": "cursor", "channel": "webhook", "url": "https://a.invalid/"})
    back = client.call("notify", "subscription.update", {"id": "cursor", "channel": "mailbox"})
    assert "url" not in back and back["status"] == "active"
    while len(live) < 40:
        page = fetch(client, "cursor", limit=7)["items"]
        assert page and all(item["attempt"] == 1 for item in page)
        live += [(item["seq"], item["meta"]["id"]) for item in page]
        ack(client, "cursor", seq=page[-1]["seq"])
    assert live == [(seq, str(seq)) for seq in wanted]
    assert fetch(client, "cursor")["items"] == []


def test_a_page_is_no_longer_than_a_message(client):
    make(client, "long", ["decisions.>"])
    client.call("registry", "participant.put", {"code": "KZ", "name": "Kazakhstan", "kind": "state", "status": "member",
                                                "since": "1992-10-05"})
    client.call("registry", "body.put", {"code": "SOC", "name": "SOC", "kind": "governing", "level": 2, "from": "1992-10-05"})
    client.call("registry", "procedure.put", {"code": "SILENCE", "mode": "silence", "may_shorten": True})
    for n in range(60):
        client.call("registry", "decision.open", {"id": f"d-{n}", "title": "T", "body": "SOC", "procedure": "SILENCE",
                                                  "deadline": "2030-01-01T00:00:00Z", "text": "ы" * 10000})
    got = []
    while len(got) < 60:
        page = fetch(client, "long", limit=1000, visibility="PT12H")
        assert page["items"] and len(msgpack.packb(page)) < 1024 * 1024
        got += seqs(page)
    assert got == sorted(set(got)) and len(got) == 60


class Consumer(threading.Thread):
    """Fetches and acknowledges as a program does: an acknowledgement that may have been lost is sent
    again with its key."""

    def __init__(self, stack, name, settled, violations, total):
        super().__init__()
        self.stack, self.name, self.settled, self.violations, self.total = stack, name, settled, violations, total
        self.random = random.Random(name)

    def run(self):
        with self.stack.client(60) as client:
            number = 0
            while len(self.settled) < self.total:
                number += 1
                before = set(self.settled)  # what was acknowledged before the fetch is sent may not come
                try:
                    page = client.call("notify", "mailbox.fetch", {"id": "kill", "limit": 20, "visibility": "PT1S"},
                                       key=f"{self.name}-fetch-{number}")
                except CallError as error:
                    assert error.code in ("unavailable", "aborted", "resource_exhausted"), error
                    continue
                self.violations += before & {item["seq"] for item in page["items"]}
                keep = [item["seq"] for item in page["items"] if self.random.random() < 0.9]  # some are forgotten
                if keep and self.acknowledge(client, keep, f"{self.name}-ack-{number}"):
                    self.settled.update(keep)
                if not page["items"]:
                    time.sleep(0.01)

    def acknowledge(self, client, keep, key):
        while True:
            try:
                client.call("notify", "mailbox.ack", {"id": "kill", "seqs": keep}, key=key)
                return True
            except CallError as error:
                assert error.code in ("unavailable", "aborted", "resource_exhausted"), error


@pytest.mark.timeout(240)
def test_replicas_die_and_nothing_is_lost_or_comes_again(make_stack):
    stack = make_stack("--scale", "notify=2")
    with stack.client(60) as client:
        make(client, "kill")
        wanted = plans(client, 2000, 2000)
        settled, violations = set(), []
        consumers = [Consumer(stack, f"c{n}", settled, violations, len(wanted)) for n in range(3)]
        for consumer in consumers:
            consumer.start()
        kills = 0
        while any(consumer.is_alive() for consumer in consumers):
            stack.kill(f"notify.{kills % 2 + 1}")
            stack.up()
            kills += 1
        for consumer in consumers:
            consumer.join()
        assert kills >= 4 and violations == [] and settled == set(wanted)
        assert fetch(client, "kill")["items"] == []
        done = ack(client, "kill", seq=wanted[-1])
        assert done["waiting"] == 0
