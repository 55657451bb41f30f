"""event.list of a span, which a replica answers from memory: what was acknowledged anywhere is on the next list of
every replica, whatever happens to Redis, and what is kept is bounded. It must not know how it is kept."""
import concurrent.futures
import datetime
import os
import random
import signal
import subprocess
import threading

import pytest

from conftest import SLOW, Stack, send_all, wait_for

ROUNDS = int(os.environ.get("CBM_SPAN_ROUNDS", "300"))
ASKED = 8  # lists at once: some for each replica
MONDAY = datetime.date(2031, 3, 3)


def day(offset):
    return (MONDAY + datetime.timedelta(days=offset)).isoformat()


def sessions(*spans):
    return [{"start": day(first), "end": day(last)} for first, last in spans]


def draft(id, *spans, **more):
    return {"id": id, "title": f"Event {id}", "kind": "seminar", "host": "SECRETARIAT", "year": 2031,
            "sessions": sessions(*spans), **more}


def propose(client, *words, **more):
    return client.call("events", "event.propose", draft(*words, **more))


def lists(client, *filters):
    """What each filter gives, ASKED times at once."""
    sent = [client.send("events", "event.list", one) for one in filters for _ in range(ASKED)]
    return [client.wait(msgid) for msgid in sent]


def stats_of(client, replicas):
    """$stats of each replica."""
    found = {}

    def ask():
        for msgid in [client.send("events", "$stats") for _ in range(ASKED)]:
            stats = client.wait(msgid)
            found[stats["id"]] = stats
        return len(found) >= replicas
    wait_for(ask, 10, f"$stats of {replicas} replicas")
    return list(found.values())


def redis(stack, *words):
    subprocess.run(["redis-cli", "-u", stack.env["CBM_REDIS"], *words], check=True, capture_output=True)


@pytest.fixture(scope="module")
def pair(tmp_path_factory):
    stack = Stack(tmp_path_factory.mktemp("pair"))
    try:
        yield stack.up("--scale", "events=2")
    finally:
        stack.down()


# ---- what was acknowledged is there --------------------------------------------------------------

def test_a_change_is_on_the_next_list_of_every_replica(pair):
    """One changes and asks at once, while others change the same days and ask for them all the time."""
    over = threading.Event()

    def disturb(number):
        with pair.client() as one:
            rounds, id = 0, f"other-{number}"
            propose(one, id, (0, 1))
            while not over.is_set():
                at = rounds % 20
                one.call("events", "event.amend", {"id": id, "sessions": sessions((at, at + 1)), "title": f"{rounds}"})
                got = one.call("events", "event.list", {"from": day(at), "to": day(at), "limit": 1000})
                assert [event["title"] for event in got["items"] if event["id"] == id] == [str(rounds)]
                rounds += 1
            return rounds

    with concurrent.futures.ThreadPoolExecutor(2) as pool, pair.client() as writer, pair.client() as reader:
        others = [pool.submit(disturb, number) for number in range(2)]
        try:
            propose(writer, "mine", (0, 2))
            where = 0
            for turn in range(ROUNDS):
                at = turn * 7 % 23
                done = writer.call("events", "event.amend", {"id": "mine", "sessions": sessions((at, at + 2)),
                                                             "title": f"Turn {turn}"})
                there = {"from": day(at), "to": day(at + 2), "limit": 1000}
                for answer in lists(reader, there, {**there, "text": f"turn {turn}"}, {**there, "host": "SECRETARIAT"}):
                    mine = [event for event in answer["items"] if event["id"] == "mine"]
                    assert [event["rev"] for event in mine] == [done["rev"]], (turn, answer["seq"], done["seq"])
                    assert answer["seq"] >= done["seq"]
                if abs(at - where) > 2:
                    gone = lists(reader, {"from": day(where), "to": day(where + 2), "limit": 1000})
                    assert all(event["id"] != "mine" for answer in gone for event in answer["items"]), turn
                where = at
        finally:
            over.set()
        assert all(other.result() > 3 for other in others)
        used = stats_of(reader, 2)
        assert all(one["span_found"] > 0 and one["span_bytes"] > 0 for one in used), used


# ---- what happens to Redis and replicas ----------------------------------------------------------

def test_redis_lost_flushed_and_emptied_and_a_replica_that_comes_late(make_stack):
    stack = make_stack("--scale", "events=2")
    span = {"from": day(0), "to": day(9)}
    wanted = []

    def changed(client, name):
        propose(client, name, (1, 2))
        wanted.append(name)
        for answer in lists(client, span):
            assert [event["id"] for event in answer["items"]] == sorted(wanted)

    with stack.client(30) as client:
        changed(client, "a")
        redis(stack, "FUNCTION", "FLUSH")
        changed(client, "b")
        redis(stack, "SCRIPT", "FLUSH")
        stack.kill("redis", signal.SIGTERM)
        stack.up("--scale", "events=2")
        changed(client, "c")
        stack.kill("redis")
        stack.up("--scale", "events=2")
        changed(client, "d")
        stack.up("--scale", "events=3")
        changed(client, "e")
        stack.kill("events.1")
        changed(client, "f")
        redis(stack, "FLUSHALL")
        for answer in lists(client, span):
            assert answer["items"] == [] and answer["seq"] == 0
        wanted.clear()
        changed(client, "g")


# ---- the same as from the store ------------------------------------------------------------------

def pieces(spans):
    """A session goes on in pieces of eight days."""
    for first, last in spans:
        for at in range(first, last + 1, 8):
            yield at, min(at + 7, last)


def expected(events, asked):
    """Ids of what overlaps the span, by the first piece in it, then by id."""
    found = []
    for event in events:
        within = [first for first, last in pieces(event["spans"]) if first <= asked["last"] and last >= asked["first"]]
        if within and all(event[key] == asked[key] for key in ("kind", "host") if key in asked):
            found.append((within[0], event["id"]))
    return [id for _, id in sorted(found)]


def random_event(chance, number):
    at = chance.randrange(0, 120) if number % 3 else chance.randrange(40, 44)
    spans = []
    for _ in range(chance.choice((1, 1, 1, 2, 3))):
        last = at + chance.choice((0, 1, 2, 6, 7, 8, 20))
        spans.append((at, last))
        at = last + 1 + chance.randrange(0, 12)
    return {"id": f"e-{number}", "spans": spans, "kind": chance.choice(("seminar", "forum")),
            "host": chance.choice(("SECRETARIAT", "KZ"))}


@pytest.mark.parametrize("megabytes", ["0", "1", "64"])
def test_lists_are_what_the_calendar_says(make_stack, megabytes):
    """Without memory, with little and with enough: the same lists, whatever is asked for and the page."""
    chance = random.Random(7)
    stack = make_stack(CBM_SPANS_MB=megabytes)
    events = [random_event(chance, number) for number in range(900)]
    with stack.client(30) as client:
        client.call("registry", "participant.put", {"code": "KZ", "name": "Kazakhstan", "kind": "state",
                                                    "status": "member", "since": "1992-10-05"})
        send_all(client, "events", [("event.propose", draft(event["id"], *event["spans"], kind=event["kind"],
                                                            host=event["host"])) for event in events])
        for turn in range(int(120 / SLOW) + 10):
            first = chance.randrange(-10, 180)
            asked = {"first": first, "last": first + chance.choice((0, 1, 2, 6, 30, 90, 200))}
            if turn % 3 == 0:
                asked["kind"] = "forum"
            if turn % 4 == 0:
                asked["host"] = "KZ"
            got = client.list("events", "event.list", {
                "from": day(asked["first"]), "to": day(asked["last"]), "limit": chance.choice((1, 7, 100, 1000)),
                **{key: asked[key] for key in ("kind", "host") if key in asked}})
            assert [event["id"] for event in got] == expected(events, asked), asked
            if turn % 10 == 0:
                moved = chance.choice(events)
                moved["spans"] = random_event(chance, turn)["spans"]
                client.call("events", "event.amend", {"id": moved["id"], "sessions": sessions(*moved["spans"])})
        found = stats_of(client, 1)[0]
        assert found["span_bytes"] <= int(megabytes) << 20
        assert (found["span_found"] > 0) == (megabytes != "0")


def test_what_is_kept_is_bounded(make_stack):
    stack = make_stack(CBM_SPANS_MB="1")
    with stack.client(30) as client:
        send_all(client, "events", [("event.propose", draft(f"e-{number}", (number, number + 1), title="x" * 200))
                                    for number in range(3000)])
        most = 0
        for at in range(0, 3000, 3):
            got = client.call("events", "event.list", {"from": day(at), "to": day(at)})
            assert {event["id"] for event in got["items"]} == {f"e-{number}" for number in (at - 1, at) if number >= 0}
            if at % 300 == 0:
                most = max(most, stats_of(client, 1)[0]["span_bytes"])
        assert 1 << 19 < most <= 1 << 20
