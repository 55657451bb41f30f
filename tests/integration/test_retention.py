"""Retention: what the log lets go of, what it keeps, who holds it back, and what those are told who come too late.
Records are made old in Redis before anything is signed. It must not know the functions of Redis."""
import json
import signal
import subprocess
import os
import random

import pytest
import zmq

import log_proof
from conftest import STACK, CallError, wait_for
from events_in import Stream
from test_chain import Raw, proof_of, signed

LOG, PREFIX = "{cica}:log", "{cica}:log:prefix"
DAY_MS = 86400000


def commit_many(stack, count, code="KZ", tag=""):
    """So many amendments of one event, which are on one topic."""
    event = f"busy-{code.lower()}"
    with stack.client(60) as client:
        if not client.call("events", "event.list", {"year": 2045, "host": code}, safe=True)["items"]:
            client.call("registry", "participant.put", {"code": code, "name": f"Land {code}", "kind": "state"}, key=f"p-{code}")
            client.call("events", "event.propose", {"id": event, "title": "Busy", "kind": "forum", "host": code,
                                                    "year": 2045}, key=f"e-{code}")
        for begin in range(0, count, 100):
            asked = [client.send("events", "event.amend", {"id": event, "title": f"Busy {n}{tag}"}, key=f"{code}-{n}-{tag}")
                     for n in range(begin, min(begin + 100, count))]
            for msgid in asked:
                client.wait(msgid)


def make_old(stack, days):
    """Every record there is becomes so many days older, and nothing of it is signed: {seq: topic} of them."""
    topics = {}
    with Raw(stack) as redis:
        for field in redis("HKEYS", "{cica}:notify:doc"):
            if field.startswith((b"checkpoint/", b"chain/")):
                redis("HDEL", "{cica}:notify:doc", field)
        redis("ZREMRANGEBYLEX", "{cica}:notify:ix", "[checkpoint|", "(checkpoint}")
        pairs = redis("HGETALL", LOG)
        for seq, record in zip(pairs[::2], pairs[1::2]):
            line, rest = record.split(b"\n", 1)
            numbers = line.split(b" ")
            numbers[-1] = b"%d" % (int(numbers[-1]) - days * DAY_MS)
            redis("HSET", LOG, seq, b" ".join(numbers) + b"\n" + rest)
            topics[int(seq)] = rest[10:10 + int.from_bytes(rest[:2], "big")].decode()
    return topics


def kept(stack):
    with Raw(stack) as redis:
        return sorted(map(int, redis("HKEYS", LOG)))


def expected(topics, first, last):
    """What is kept of the records before `first`: the last of each topic, and who was let in and shut out."""
    newest = {topic: seq for seq, topic in sorted(topics.items())}
    return sorted(seq for seq, topic in topics.items()
                  if seq >= first or newest[topic] == seq or topic.startswith("private.secretariat.registry.principal."))


def status(stack):
    with stack.client() as client:
        return client.call("notify", "log.status", {}, safe=True)


def trimmed_to(stack, first, timeout=30):
    wait_for(lambda: (lambda now: now["first"] >= first and now["trimmed"] == now["first"] - 1)(status(stack)),
             timeout, f"the log begins with {first}")
    return status(stack)


OLD = 5


@pytest.fixture(scope="module")
def stack():
    """A stack whose old records are trimmed: 2 members, a plan, a decision and an event of old; then new ones."""
    import shutil
    from conftest import Stack, scratch_directory
    one = Stack(scratch_directory())
    try:
        one.up()
        commit_many(one, 120)
        commit_many(one, 3, "KG")
        with one.client() as client:
            client.call("registry", "catalogue.put", {"revision": 1, "adopted": "2000-01-01", "dimensions": [
                {"code": "economic", "name": "Economic", "areas": [{"code": "tourism", "name": "Tourism"}]}]}, key="cat")
            client.call("events", "plan.open", {"year": 2046}, key="plan")
            client.call("events", "event.propose", {"id": "old-forum", "title": "Old forum", "kind": "forum", "host": "KZ",
                                                    "year": 2046}, key="old")
            client.call("events", "event.amend", {"id": "old-forum", "title": "Older forum"}, key="amend")
            client.call("notify", "subscription.create", {
                "id": "box", "channel": "mailbox", "filter": {"topics": ["nothing.>"]}}, key="box")
            client.call("notify", "subscription.delete", {"id": "box"}, key="gone")
            one.old = client.call("notify", "log.status", {}, safe=True)["last"]
        one.kill("notify.1", signal.SIGTERM)
        one.topics = make_old(one, OLD)
        one.up(CBM_CHECKPOINT_MS="100")
        signed(one, one.old)
        one.kill("notify.1", signal.SIGTERM)
        one.up(CBM_CHECKPOINT_MS="100", CBM_RETAIN_DAYS="2")
        trimmed_to(one, one.old + 1)
        commit_many(one, 30, "KG", "new")
        yield one
    finally:
        one.down()
        shutil.rmtree(one.dir, ignore_errors=True)


def test_the_last_record_of_each_topic_stays(stack):
    now = status(stack)
    assert now["first"] == stack.old + 1 and now["retain"] == {"days": 2, "records": 0, "past_cursors": False}
    assert [seq for seq in kept(stack) if seq <= stack.old] == expected(stack.topics, stack.old + 1, stack.old)
    assert now["removed"] == stack.old - len(expected(stack.topics, stack.old + 1, stack.old)) > 100
    text = stack.cbm("log", "status").stdout
    assert f"seq {stack.old + 1} to" in text and "2 days" in text, text


@pytest.mark.parametrize("prefix", ["", "registry.", "events.-.-.busy-kz."])
def test_who_comes_too_late_is_told_from_where_on(stack, prefix):
    first = stack.old + 1
    with stack.client() as client:
        with pytest.raises(CallError) as refused:
            client.call("notify", "log.read", {"prefix": prefix, "after": first - 2}, safe=True)
        assert refused.value.code == "failed_precondition" and refused.value.error["details"] == {"first": first}
        assert "snapshot" in str(refused.value)
        page = client.call("notify", "log.read", {"prefix": prefix, "after": first - 1, "limit": 1000}, safe=True)
        assert page["first"] == first and all(item["meta"]["seq"] >= first for item in page["items"])
        assert len(page["items"]) >= (0 if prefix in ("registry.", "events.-.-.busy-kz.") else 30)


def test_prev_goes_on_over_what_is_gone(stack):
    with stack.client() as client:
        items = client.call("notify", "log.read", {"prefix": "events.-.-.busy-kg.", "after": stack.old}, safe=True)["items"]
        before = max(seq for seq, topic in stack.topics.items() if topic == "events.-.-.busy-kg.")
        assert items[0]["meta"]["prev"][-1] == before


def test_histories_that_need_what_is_gone_say_so(stack):
    with stack.client() as client:
        with pytest.raises(CallError) as refused:
            client.call("events", "event.history", {"id": "old-forum"}, safe=True)
        assert refused.value.code == "failed_precondition" and refused.value.error["details"] == {"first": stack.old + 1}
        assert client.call("events", "event.get", {"id": "old-forum"}, safe=True)["title"] == "Older forum"
        client.call("events", "event.propose", {"id": "new-forum", "title": "New forum", "kind": "forum", "host": "KZ",
                                                "year": 2046}, key="new")
        assert len(client.call("events", "event.history", {"id": "new-forum"}, safe=True)["items"]) == 1


def test_a_fresh_process_starts_right_on_a_trimmed_log(stack):
    """Events knows the registry, registry the plans, and everybody the keys, from what is kept."""
    for name in ("events.1", "registry.1", "notify.1", "bus.1"):
        stack.kill(name)
    stack.up(CBM_CHECKPOINT_MS="100", CBM_RETAIN_DAYS="2")
    with stack.client() as client:
        client.call("events", "event.propose", {"id": "next-forum", "title": "Next", "kind": "forum", "host": "KZ", "year": 2046,
                                                "dimension": "economic", "area": "tourism"}, key="next")
        with pytest.raises(CallError):
            client.call("events", "event.propose", {"id": "x", "title": "X", "kind": "forum", "host": "ZZ", "year": 2046}, key="zz")
        assert client.call("registry", "participant.get", {"code": "KZ"}, safe=True)["name"] == "Land KZ"
    for name in ("events.1", "registry.1"):
        assert "cannot be read" not in stack.log(name)


def test_a_trimmed_log_is_proven_from_its_first_record_on(stack):
    signed(stack)
    with stack.client() as client:
        proof = proof_of(client)
        assert proof["from"] == proof["first"] == stack.old + 1 and proof["start"]["seq"] == stack.old
        assert log_proof.check(proof) is None
        with pytest.raises(CallError) as refused:
            proof_of(client, **{"from": stack.old})
        assert refused.value.error["details"] == {"first": stack.old + 1}
        points = client.list("notify", "log.checkpoints")
        assert points[0]["seq"] == stack.old, "older ones are gone"
    assert "holds" in stack.cbm("verify", "log").stdout


def test_subscribe_says_what_was_missed(stack, scratch):
    first = stack.old + 1
    done = stack.cbm("subscribe", "events.", "--from", 1, "--count", 1, check=False)
    assert done.returncode == 3 and f"oldest record kept is {first}" in done.stderr
    done = stack.cbm("subscribe", "events.", "--from", 1, "--count", 5, "--json", "--resync", check=False)
    assert done.returncode == 0, done.stderr
    assert f"after 0 up to {first - 1} are no longer kept; going on from {first}" in done.stderr
    assert [int(json.loads(line)["sequence"]) for line in done.stdout.splitlines()][0] >= first


def test_killed_while_trimming_it_goes_on(make_stack):
    """kill -9 again and again: what is kept at the end is what the rule says, and nothing else."""
    stack = make_stack()
    rng = random.Random(7)
    for code in ("KZ", "KG", "TJ", "UZ"):
        commit_many(stack, 1500, code)
    stack.kill("notify.1", signal.SIGTERM)
    topics = make_old(stack, 10)
    last = max(topics)
    stack.up(CBM_CHECKPOINT_MS="50")
    signed(stack, last)
    stack.kill("notify.1", signal.SIGTERM)
    settings = {"CBM_CHECKPOINT_MS": "50", "CBM_RETAIN_RECORDS": "100"}
    with Raw(stack) as redis:
        # one died after its first step, between two of them
        assert redis("FCALL", "cbm_trim", 3, LOG, PREFIX, "{cica}:log:block", 2001, 300, "none.")[2] == 300
        def done():
            value = redis("HGET", PREFIX, "#trimmed")
            return int(value or 0)
        for _ in range(12):
            up = subprocess.Popen([str(STACK), "up", "--dir", str(stack.dir), "--build", str(stack.build)],
                                  env={**os.environ, **settings}, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            target = done() + rng.choice((1, 1000))
            wait_for(lambda: done() >= min(target, last - 1000), 20, "a step")
            stack.env = stack.read_env()
            up.wait(30)
            stack.env = stack.read_env()
            stack.kill("notify.1")
            if done() >= last - 1100:
                break
    stack.up(**settings)
    now = trimmed_to(stack, last - 1100)
    assert now["first"] <= last - 100 + 1
    assert kept(stack) == expected(topics, now["first"], last)
    with stack.client() as client:
        assert log_proof.check(proof_of(client)) is None
    assert "holds" in stack.cbm("verify", "log").stdout


def test_who_did_not_get_a_record_yet_holds_it_back(make_stack):
    stack = make_stack()
    with stack.client() as client:
        client.call("notify", "subscription.create", {"id": "slow", "channel": "mailbox", "from": "start",
                                                      "filter": {"topics": ["events.>"]}}, key="slow")
    commit_many(stack, 50)
    old = status(stack)["last"]
    stack.kill("notify.1", signal.SIGTERM)
    make_old(stack, 10)
    stack.up(CBM_CHECKPOINT_MS="50")
    signed(stack, old)
    stack.kill("notify.1", signal.SIGTERM)
    stack.up(CBM_CHECKPOINT_MS="50", CBM_RETAIN_DAYS="2")
    commit_many(stack, 1, "KG")
    signed(stack, old + 1)  # the clock of retention has ticked since: it looks as often as this signs
    now = status(stack)
    assert (now["first"], now["floor"]) == (1, {"what": "subscription slow", "seq": 0}), now
    assert "subscription slow" in stack.cbm("log", "status").stdout
    stack.kill("notify.1", signal.SIGTERM)
    stack.up(CBM_CHECKPOINT_MS="50", CBM_RETAIN_DAYS="2", CBM_RETAIN_PAST_CURSORS="yes")
    trimmed_to(stack, old + 1)
    with stack.client() as client:  # the mailbox is told from where on there is something, and goes on from there
        with pytest.raises(CallError) as refused:
            client.call("notify", "mailbox.fetch", {"id": "slow"}, key="late")
        first = status(stack)["first"]
        assert refused.value.error["code"] == "failed_precondition" and refused.value.error["details"] == {"first": first}
        client.call("notify", "mailbox.ack", {"id": "slow", "seq": first - 1}, key="skip")
        seqs = [item["seq"] for item in client.call("notify", "mailbox.fetch", {"id": "slow"}, key="on")["items"]]
        assert seqs and seqs[0] >= first


def test_nothing_younger_than_a_day_goes(make_stack):
    stack = make_stack(CBM_CHECKPOINT_MS="50", CBM_RETAIN_RECORDS="1", CBM_RETAIN_DAYS="1")
    commit_many(stack, 30)
    signed(stack, 30)
    stack.kill("notify.1", signal.SIGTERM)
    stack.up(CBM_CHECKPOINT_MS="50", CBM_RETAIN_RECORDS="1", CBM_RETAIN_DAYS="1")
    commit_many(stack, 30, "KG")
    signed(stack, 60)
    assert status(stack)["first"] == 1 and len(kept(stack)) == status(stack)["last"]


def test_what_mailboxes_know_of_records_goes_with_them(make_stack):
    stack = make_stack()
    with stack.client() as client:
        client.call("notify", "subscription.create", {"id": "quick", "channel": "mailbox", "from": "start",
                                                      "filter": {"topics": ["events.>"]}}, key="quick")
        commit_many(stack, 50)
        for n in range(40):
            item, = client.call("notify", "mailbox.fetch", {"id": "quick", "limit": 1}, key=f"fetch-{n}")["items"]
            client.call("notify", "mailbox.ack", {"id": "quick", "seqs": [item["seq"]]}, key=f"ack-{n}")
        client.call("notify", "mailbox.ack", {"id": "quick", "seq": status(stack)["last"]}, key="rest")

    def receipts(redis):
        fields = [field for field in redis("HKEYS", "{cica}:notify:doc") if field.startswith(b"receipt/")]
        return fields + redis("ZRANGEBYLEX", "{cica}:notify:ix", "[receipt|", "(receipt}")
    with Raw(stack) as redis:
        assert len(receipts(redis)) == 4  # two documents with an entry each
    old = status(stack)["last"]
    stack.kill("notify.1", signal.SIGTERM)
    make_old(stack, 10)
    stack.up(CBM_CHECKPOINT_MS="50", CBM_RETAIN_DAYS="2")
    signed(stack, old)  # what is old and what is new are not under one checkpoint
    commit_many(stack, 1, "KG")
    trimmed_to(stack, old)
    with Raw(stack) as redis:
        wait_for(lambda: not receipts(redis), 20, "no receipt is left")


def test_a_stream_tells_once_what_was_missed_and_goes_on(stack):
    first = stack.old + 1
    with stack.client() as client:
        public, _ = zmq.curve_keypair()
        client.call("registry", "principal.enroll", {"id": "late", "key": public.decode(), "roles": ["subscriber"]})
        token = client.call("registry", "principal.token", {"id": "late"})["token"]
        rest = client.call("notify", "log.read", {"prefix": "", "after": first - 1, "limit": 1000}, safe=True)["items"]
    seqs = [item["meta"]["seq"] for item in rest]
    base = stack.env["CBM_HTTP"]

    def known():
        with Stream(base, token) as one:
            return one.status == 200
    wait_for(known, 10, "the token to be known")
    for missed, query in ((3, {"last_id": 2}), (1, {"from": "0"}), (1, {"from": "1999-01-01T00:00:00Z"}),
                          (first - 1, {"last_id": first - 2}), (None, {"last_id": first - 1}), (None, {"from": "start"})):
        with Stream(base, token, **query) as one:
            assert one.status == 200, one.error
            wait_for(lambda: one.seqs()[-1:] == seqs[-1:], 10, "the end of the log")
            told = [event for event in one.events if event["event"] == "resync"]
            assert [event["data"] for event in told] == ([] if missed is None else [{
                "first": first, "missed": {"from": missed, "to": first - 1}, "snapshot": "registry/snapshot.export"}])
            assert one.events[:len(told)] == told and one.seqs()[len(told):] == seqs, query
            assert all(event["id"] == str(first - 1) for event in told)
