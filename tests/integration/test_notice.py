"""Proof of notice: that a subscription was told of a record, checked by code that is not ours (PyNaCl).
It must not know libcbm."""
import base64
import itertools
import json
import re

import msgpack
import pytest
from nacl.exceptions import BadSignatureError
from nacl.signing import VerifyKey

import log_proof
from conftest import CallError, Client, wait_for
from receiver import Receiver
from test_chain import signed, try_to
from test_deliveries import Webhook

names = itertools.count(1)


@pytest.fixture(scope="module")
def stack():
    import shutil
    from conftest import Stack, scratch_directory
    one = Stack(scratch_directory())
    try:
        yield one.up(CBM_CHECKPOINT_MS="50", CBM_RETRY="0,0.2", CBM_WEBHOOK_ALLOW="127.0.0.0/8")
    finally:
        one.down()
        shutil.rmtree(one.dir, ignore_errors=True)


@pytest.fixture(scope="module")
def receiver():
    with Receiver() as one:
        yield one


def check(proof):
    """The recipe of docs/proof.md: what the notice says, or a refusal."""
    notice = proof["notice"] if isinstance(proof["notice"], bytes) else base64.b64decode(proof["notice"])
    VerifyKey(bytes.fromhex(proof["key"])).verify(b"CBM notice 1\n" + notice, bytes.fromhex(proof["signature"]))
    assert log_proof.check(proof["log"]) is None
    said = msgpack.unpackb(notice)
    leaves = {entry["seq"]: entry for entry in proof["log"]["entries"]}
    for item in said["items"]:
        entry = leaves[item["seq"]]
        stored = entry.get("record")
        if isinstance(stored, str):
            stored = base64.b64decode(stored)
        leaf = entry["leaf"] if stored is None else log_proof.blake(item["seq"].to_bytes(8, "big"), stored).hex()
        assert leaf == item["leaf"]
    return said


def told(client, seq, **params):
    return client.call("notify", "notice.proof", {**params, **({"seq": seq} if seq else {})}, safe=True)


def test_a_delivery_is_proven_with_every_try(stack, client, receiver, scratch):
    hook = Webhook(client, receiver, filter={"topics": ["events.>"]})
    left = [1]

    def manner(_):
        left[0] -= 1
        return 503 if left[0] >= 0 else 204
    receiver.manners[hook.path] = manner
    seq, = hook.propose(1)
    hook.wait_status(seq, "delivered")
    signed(stack, seq)
    proof = told(client, seq, subscription=hook.id)
    said = check(proof)
    assert (said["subscription"], said["owner"], said["channel"], said["from"], said["to"]) == \
        (hook.id, "officer", "webhook", seq, seq)
    item, = said["items"]
    assert [a["code"] for a in item["delivery"]["attempts"]] == [503, 204] and item["delivery"]["status"] == "delivered"
    assert item["delivery"] == hook.delivery(seq)
    record = next(e["record"] for e in proof["log"]["entries"] if e["seq"] == seq)
    assert f"{hook.path}-1".encode() in record

    file = scratch / "notice.json"
    stack.cbm("notice", "proof", hook.id, seq, "-o", file)
    done = stack.cbm("verify", file, "--key", stack.dir / "keys/checkpoint.pub")
    assert "holds" in done.stdout and "(503)" in done.stdout and "(204)" in done.stdout and "delivered" in done.stdout
    check(json.loads(file.read_text()))


def test_a_span_and_a_mailbox(stack, client, receiver):
    box = client.call("notify", "subscription.create", {"channel": "mailbox", "filter": {"topics": ["plan.>"]}})["id"]
    year = 2060 + next(names)
    first = client.call("events", "plan.open", {"year": year}, key=f"plan-{year}")["seq"]
    hook = Webhook(client, receiver, active=True)
    seqs = hook.propose(3)
    for seq in seqs:
        hook.wait_status(seq, "delivered")
    signed(stack, seqs[-1])
    said = check(told(client, None, subscription=hook.id, **{"from": seqs[0], "to": seqs[-1]}))
    assert [item["seq"] for item in said["items"]] == seqs and all("delivery" in item for item in said["items"])
    item, = check(told(client, first, subscription=box))["items"]
    assert item["seq"] == first and "delivery" not in item and item["settled"] is False
    assert "attempt" not in item
    client.call("notify", "mailbox.fetch", {"id": box}, key=f"fetch-{year}")
    item, = check(told(client, first, subscription=box))["items"]
    assert item["attempt"] == 1 and "until" in item and item["settled"] is False
    client.call("notify", "mailbox.ack", {"id": box, "seq": first}, key=f"ack-{year}")
    item, = check(told(client, first, subscription=box))["items"]
    assert item["settled"] is True
    with pytest.raises(CallError) as refused:
        told(client, seqs[0], subscription=box)
    assert refused.value.code == "not_found"


@pytest.mark.parametrize("params, code", [
    ({"subscription": "none", "seq": 1}, "not_found"), ({"subscription": "any"}, "invalid_argument"),
    ({"subscription": "any", "seq": 1, "from": 1}, "invalid_argument"),
    ({"subscription": "any", "from": 5, "to": 4}, "invalid_argument"),
    ({"subscription": "any", "seq": 10**9}, "failed_precondition")])
def test_refusals(client, params, code):
    client.call("notify", "subscription.create", {"id": "any", "channel": "mailbox", "filter": {"topics": ["plan.>"]}},
                key="any")
    with pytest.raises(CallError) as refused:
        client.call("notify", "notice.proof", params, safe=True)
    assert refused.value.code == code


def test_only_the_owner_and_the_secretariat_get_it(stack, client, scratch):
    def let_in(name):
        stack.cbm("key", "new", scratch / f"{name}.key")
        public = re.search(r'public-key = "([^"]+)"', (scratch / f"{name}.key").read_text())[1]
        client.call("registry", "principal.enroll", {"id": name, "roles": ["subscriber"], "key": public}, key=name)
        env = {**stack.env, "CBM_CERT": str(scratch / f"{name}.key_secret")}

        def connect():
            one = Client(stack.env["CBM_BUS"], 5, env)
            one.call("registry", "principal.whoami", {}, safe=True)
            return one
        return wait_for(lambda: try_to(connect), 10, f"{name} is let in")
    press, other = let_in("press"), let_in("other")
    box = press.call("notify", "subscription.create", {"channel": "mailbox", "filter": {"topics": ["plan.>"]}})["id"]
    year = 2080 + next(names)
    seq = client.call("events", "plan.open", {"year": year}, key=f"plan-{year}")["seq"]
    signed(stack, seq)
    for one in (press, client):
        assert check(told(one, seq, subscription=box))["owner"] == "press"
    with pytest.raises(CallError) as refused:
        told(other, seq, subscription=box)
    assert refused.value.code == "not_found"
    press.close()
    other.close()


def test_forged_notices_are_found(stack, client, receiver, scratch):
    hook = Webhook(client, receiver, active=True)
    seq, = hook.propose(1)
    hook.wait_status(seq, "delivered")
    signed(stack, seq)
    file = scratch / "notice.json"
    stack.cbm("notice", "proof", hook.id, seq, "-o", file)
    good = json.loads(file.read_text())

    def refused(change):
        forged = json.loads(json.dumps(good))
        change(forged)
        file.write_text(json.dumps(forged))
        done = stack.cbm("verify", file, check=False)
        assert done.returncode == 1 and "FALSE" in done.stdout, done.stdout + done.stderr
        with pytest.raises((AssertionError, BadSignatureError)):
            check(forged)
        return done.stdout

    def other_time(proof):
        said = msgpack.unpackb(base64.b64decode(proof["notice"]))
        said["items"][0]["delivery"]["attempts"][0]["at"] = "2020-01-01T00:00:00Z"
        proof["notice"] = base64.b64encode(msgpack.packb(said)).decode()
    assert "signature of the notice" in refused(other_time)

    def other_record(proof):
        entry = next(e for e in proof["log"]["entries"] if e["seq"] == seq)
        entry["record"] = base64.b64encode(base64.b64decode(entry["record"]).replace(b"Seminar", b"Weekend")).decode()
    assert "records" in refused(other_record)
