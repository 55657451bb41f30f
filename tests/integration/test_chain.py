"""The hash chain and its signed checkpoints, checked by code that is not ours; who tampers with the log in Redis
is found. It must not know libcbm."""
import json
import re
import signal
import socket
import subprocess

import pytest

import log_proof
from conftest import ROOT, CallError, Client, wait_for
from test_retention_model import Redis

OPERATOR = "operator"


def fill(stack, year, count, kind="plan"):
    with stack.client() as client:
        for n in range(count):
            client.call("registry", "participant.put",
                        {"code": f"C{year % 100}{n:03d}", "name": f"Participant {n}", "kind": "organisation"},
                        key=f"{kind}-{year}-{n}")


def status(client):
    return client.call("notify", "log.status", {}, safe=True)


def signed(stack, at_least=None):
    """Waits until everything there is, is signed; the seq."""
    with stack.client() as client:
        def all_of_it():
            last = client.call("notify", "log.status", {}, safe=True)["last"]
            points = client.list("notify", "log.checkpoints")
            return last if points and points[-1]["seq"] == last and last >= (at_least or 1) else None
        return wait_for(all_of_it, 20, "the last checkpoint")


@pytest.fixture(scope="module")
def used(stack):
    fill(stack, 2030, 40)
    signed(stack)
    fill(stack, 2031, 20)
    with stack.client() as client:
        client.call("registry", "principal.enroll", {"id": "nobody", "roles": ["subscriber"],
                                                     "key": "Yne@$w-vo<fVvi]a<NY6T1ed:M$fCG*[IaLV{hID"}, key="nobody")
    signed(stack)
    return stack


def proof_of(client, **params):
    return client.call("notify", "log.proof", params, safe=True)


def test_a_proof_holds_by_foreign_code(used):
    with used.client() as client:
        key = client.call("notify", "log.key", {}, safe=True)["key"]
        whole = proof_of(client)
        assert whole["start"] is None and whole["next"] is None and whole["to"] == whole["last"] == whole["signed"]
        assert log_proof.check(whole, key) is None
        assert (used.dir / "keys/checkpoint.pub").read_text().strip() == key
        for a in (1, 7, whole["to"] - 3):
            part = proof_of(client, **{"from": a, "to": a + 2})
            assert log_proof.check(part, key) is None
            assert [e["seq"] for e in part["entries"] if "record" in e] == [a, a + 1, a + 2]
            assert part["entries"][-1]["seq"] == part["checkpoints"][-1]["seq"] >= a + 2


def test_the_recipe_of_the_documents_works(used, scratch):
    """docs/proof.md, word by word."""
    recipe = (ROOT / "docs/proof.md").read_text().split("```python\n")[1].split("```")[0]
    (scratch / "verify.py").write_text(recipe)
    used.cbm("log", "proof", "--from", 7, "--to", 9, "-o", scratch / "proof.json")

    def run(key):
        return subprocess.run(["/usr/bin/python3", scratch / "verify.py", scratch / "proof.json", key], text=True,
                              capture_output=True, check=False)
    key = (used.dir / "keys/checkpoint.pub").read_text().strip()
    assert run(key).stdout == "holds\n", run(key).stderr
    assert run("00" * 32).returncode != 0
    proof = json.loads((scratch / "proof.json").read_text())
    proof["entries"][3]["leaf" if "leaf" in proof["entries"][3] else "record"] = "00" * 32
    (scratch / "proof.json").write_text(json.dumps(proof))
    assert run(key).returncode != 0


def test_the_key_is_made_once_and_kept_close(used):
    file = used.dir / "keys/checkpoint.key"
    assert file.stat().st_size == 32 and file.stat().st_mode & 0o777 == 0o600
    seed = file.read_bytes()
    for log in used.dir.glob("log/*.log"):
        assert seed.hex() not in log.read_text(errors="replace")


def test_checkpoints_are_one_line(used):
    with used.client() as client:
        points = client.list("notify", "log.checkpoints")
        assert all(map(log_proof.is_signed, points))
        before = (0, "00" * 32)
        for point in points:
            assert (point["previous_seq"], point["previous_hash"]) == before and point["seq"] > before[0]
            before = (point["seq"], point["hash"])
        assert client.list("notify", "log.checkpoints", {"limit": 1}) == points
        assert client.list("notify", "log.checkpoints", {"after": points[0]["seq"]}) == points[1:]


def test_who_may_not_see_a_record_gets_its_leaf_and_the_proof_holds(used, scratch):
    with used.client() as client:
        private = [e["seq"] for e in proof_of(client)["entries"] if b"private.secretariat." in e["record"]]
        assert private
    used.cbm("key", "new", scratch / "reader.key")
    public = re.search(r'public-key = "([^"]+)"', (scratch / "reader.key").read_text())[1]
    with used.client() as client:
        client.call("registry", "principal.enroll", {"id": "reader", "roles": ["subscriber"], "key": public}, key="reader")
    signed(used)
    env = {**used.env, "CBM_CERT": str(scratch / "reader.key_secret")}

    def as_reader():
        with Client(used.env["CBM_BUS"], 5, env) as client:
            return proof_of(client)
    whole = wait_for(lambda: try_to(as_reader), 10, "the reader is let in")
    assert log_proof.check(whole) is None
    assert all("leaf" in e and "record" not in e for e in whole["entries"] if e["seq"] in private)
    assert sum("record" in e for e in whole["entries"]) == len(whole["entries"]) - len(private) - 1


def try_to(function):
    try:
        return function()
    except (TimeoutError, CallError):
        return None


@pytest.mark.parametrize("params, code", [
    ({"from": 10**6}, "failed_precondition"), ({"from": 5, "to": 4}, "invalid_argument"),
    ({"from": 0}, "invalid_argument")])
def test_what_cannot_be_proven_is_refused(used, params, code):
    with used.client() as client, pytest.raises(CallError) as refused:
        proof_of(client, **params)
    assert refused.value.code == code


def test_killed_replicas_go_on_from_the_last_checkpoint(make_stack):
    stack = make_stack("--scale", "notify=2")
    for n in range(4):
        stack.kill(f"notify.{n % 2 + 1}", signal.SIGKILL)
        fill(stack, 2030 + n, 30)
        stack.up("--scale", "notify=2")
    signed(stack, 120)
    with stack.client() as client:
        whole = proof_of(client)
        assert log_proof.check(whole) is None and whole["to"] >= 120
        points = client.list("notify", "log.checkpoints")
    assert [p["previous_seq"] for p in points[1:]] == [p["seq"] for p in points[:-1]]
    for name in ("notify.1", "notify.2"):
        assert "not what was signed" not in stack.log(name)


class Raw(Redis):
    """The log in Redis as bytes, as the operator."""

    def __init__(self, stack):  # pylint: disable=super-init-not-called
        self.sock = socket.create_connection(("127.0.0.1", int(stack.env["CBM_REDIS"].rsplit(":", 1)[1])), 5)
        self.file = self.sock.makefile("rb")
        assert self("AUTH", OPERATOR, (stack.dir / "secrets/operator/password").read_text()) == b"OK"

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.sock.close()


LOG = "{cica}:log"


def flip(redis, seq):
    record = bytearray(redis("HGET", LOG, seq))
    record[-1] ^= 1
    redis("HSET", LOG, seq, bytes(record))


def flip_head(redis, seq):
    record = bytearray(redis("HGET", LOG, seq))
    record[record.index(b"\n") + 5] ^= 0x40  # the length of its data: what is stored cannot be read any more
    redis("HSET", LOG, seq, bytes(record))


def drop(redis, seq):
    redis("HDEL", LOG, seq)


def swap(redis, seq):
    a, b = redis("HGET", LOG, seq), redis("HGET", LOG, seq + 1)
    redis("HSET", LOG, seq, b, seq + 1, a)


@pytest.mark.parametrize("tamper", [flip, flip_head, drop, swap])
def test_tampering_in_redis_is_found(make_stack, tamper, scratch):
    stack = make_stack()
    fill(stack, 2040, 20)
    signed(stack)
    fill(stack, 2041, 20)
    end = signed(stack)
    good = stack.cbm("verify", "log")
    assert "holds" in good.stdout and f"1 to {end}" in good.stdout
    bad = end // 2
    with Raw(stack) as redis:
        tamper(redis, bad)
    with stack.client() as client:
        first, last = log_proof.check(proof_of(client))
        assert first <= bad <= last
    done = stack.cbm("verify", "log", check=False)
    assert done.returncode == 1 and f"records {first} to {last}" in done.stdout, done.stdout + done.stderr
    before = stack.cbm("verify", "log", "--to", first - 1) if first > 1 else good
    assert "holds" in before.stdout
    file = scratch / "proof.json"
    stack.cbm("log", "proof", "-o", file)
    done = stack.cbm("verify", file, check=False)
    assert done.returncode == 1 and f"records {first} to {last}" in done.stdout


def test_a_cut_tail_is_found(make_stack):
    stack = make_stack()
    fill(stack, 2040, 20)
    end = signed(stack)
    stack.kill("notify.1", signal.SIGTERM)
    with Raw(stack) as redis:
        redis("HDEL", LOG, end, end - 1)
        redis("HSET", "{cica}:log:prefix", "#", f"{end - 2} {end - 2}")
    stack.up()
    done = stack.cbm("verify", "log", check=False)
    assert done.returncode == 1 and f"ends with {end - 2}" in done.stdout, done.stdout + done.stderr
    wait_for(lambda: "the log ends before what was signed of it" in stack.log("notify.1") or fill(stack, 2050, 1), 20,
             "a word of it in the log")


def test_forged_proofs_are_found(used, scratch):
    file = scratch / "proof.json"
    used.cbm("log", "proof", "--from", 3, "--to", 30, "-o", file)
    good = json.loads(file.read_text())
    assert used.cbm("verify", file).returncode == 0
    assert used.cbm("verify", file, "--key", used.dir / "keys/checkpoint.pub").returncode == 0
    (scratch / "other.pub").write_text("ab" * 32)
    assert used.cbm("verify", file, "--key", scratch / "other.pub", check=False).returncode == 1

    def changed(change):
        forged = json.loads(json.dumps(good))
        change(forged)
        file.write_text(json.dumps(forged))
        done = used.cbm("verify", file, check=False)
        assert done.returncode == 1, done.stdout + done.stderr
        return done.stdout

    def other_hash(proof):
        proof["checkpoints"][-1]["hash"] = "ab" * 32
    assert "signature" in changed(other_hash)

    def other_key(proof):
        proof["checkpoints"][-1]["key"] = "ab" * 32
    assert "signature" in changed(other_key)
    assert "records" in changed(lambda proof: proof["entries"].pop(4))
    assert "records" in changed(lambda proof: proof["entries"][4].update(record=proof["entries"][5]["record"]))
    changed(lambda proof: proof["entries"].reverse())
    changed(lambda proof: proof.update(checkpoints=[]))
    file.write_text("{}")
    assert used.cbm("verify", file, check=False).returncode == 65
