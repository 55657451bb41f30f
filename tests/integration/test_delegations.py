"""Delegations on a running stack: places and waiting, deadlines, who sees persons, and that erasing
erases. It must not know libcbm."""
import concurrent.futures
import contextlib
import itertools
import subprocess
import threading
import time

import msgpack
import pytest

from conftest import SLOW, CallError, Client, time_ms, time_text, wait_for
from test_visibility import Who

numbers = itertools.count(1)
SECRET = "Quetzalcoatl"  # in every name of a person here, and nowhere else


@pytest.fixture(scope="module")
def people(stack, tmp_path_factory):
    """Principals of several states; Kazakhstan hosts."""
    directory = tmp_path_factory.mktemp("keys")
    with stack.client() as officer:
        for code, status in (("KZ", "member"), ("CN", "member"), ("AZ", "member"), ("TJ", "member"), ("ID", "observer"),
                             ("OSCE", "partner")):
            officer.call("registry", "participant.put", {"code": code, "name": code, "status": status, "since": "1992-10-05",
                                                         "kind": "organisation" if code == "OSCE" else "state"})
    made = {code: Who(stack, directory, code.lower(), ["member"], code) for code in ("KZ", "CN", "AZ")}
    made["ID"] = Who(stack, directory, "id", ["observer"], "ID")
    made["chair"] = Who(stack, directory, "chair", ["chair"])
    made["subscriber"] = Who(stack, directory, "subscriber", ["subscriber"])
    made["secretariat"] = Who(stack, directory, "secretariat", ["secretariat"])
    yield made
    for who in made.values():
        who.client.close()


@pytest.fixture
def event(people):
    """An event that Kazakhstan hosts, open to all."""
    id = f"forum-{next(numbers)}"
    people["secretariat"].call("events", "event.propose", id=id, title="Forum", kind="forum", host="KZ", year=2030)
    return id


def persons(count=1, tag=""):
    """{head, delegates} of so many persons."""
    names = [{"name": f"{SECRET} {tag} {n}", "role": f"{SECRET} role {n}"} for n in range(count)]
    return {"head": names[0], "delegates": names[1:]}


def register(who, event, member, count=1, mode="in-person", tag=None, **more):
    return who.call("events", "delegation.register", event=event, member=member, mode=mode,
                    **persons(count, tag or member), **more)


def listed(who, **params):
    return {item["member"]: item for item in who.client.list("events", "delegation.list", params)}


def status_of(people, event):
    return {code: item["status"] for code, item in listed(people["secretariat"], event=event).items()}


# ---- what it does --------------------------------------------------------------------------------

def test_registered_changed_withdrawn(people, event):
    made = register(people["CN"], event, "CN", 2, languages=["zh", "en"])
    assert made["head"] == persons(2, "CN")["head"] and made["delegates"] == persons(2, "CN")["delegates"]
    assert (made["status"], made["people"], made["number"], made["rev"]) == ("registered", 2, 1, 1)
    assert "sealed" not in made
    again = register(people["CN"], event, "CN", 2, languages=["zh", "en"])
    assert again == made  # nothing changed, so its record is that of before
    changed = register(people["CN"], event, "CN", 3, mode="online", rev=1)
    assert (changed["people"], changed["mode"], changed["rev"]) == (3, "online", 2) and changed["seq"] > made["seq"]
    with pytest.raises(CallError) as caught:
        register(people["CN"], event, "CN", rev=1)
    assert caught.value.code == "aborted"
    assert listed(people["CN"], event=event)["CN"] == {key: value for key, value in changed.items() if key != "seq"}
    gone = people["CN"].call("events", "delegation.withdraw", event=event, member="CN")
    assert (gone["status"], gone["rev"]) == ("withdrawn", 3)
    assert people["CN"].call("events", "delegation.withdraw", event=event, member="CN")["seq"] <= gone["seq"]
    assert listed(people["CN"], event=event, status="registered") == {}
    back = register(people["secretariat"], event, "CN")
    assert (back["status"], back["number"]) == ("registered", 2)
    log = people["secretariat"].call("notify", "log.read", prefix=f"private.CN.delegations.{event}.", after=0)["items"]
    assert [(item["meta"]["type"], item["data"].get("from")) for item in log] == [
        ("delegation.registered", None), ("delegation.changed", None), ("delegation.withdrawn", "registered"),
        ("delegation.registered", None)]
    assert [item["meta"]["actor"] for item in log] == ["cn", "cn", "cn", "secretariat"]


def test_the_same_key_the_same_answer(people, event):
    params = {"event": event, "member": "CN", "mode": "online", **persons(2, "CN")}
    first = people["CN"].client.call("events", "delegation.register", params, key="once")
    assert people["CN"].client.call("events", "delegation.register", params, key="once") == first
    with pytest.raises(CallError) as caught:
        people["CN"].client.call("events", "delegation.register", {**params, "mode": "in-person"}, key="once")
    assert caught.value.code == "already_exists"
    people["CN"].call("events", "delegation.erase", event=event, member="CN")
    repeated = people["CN"].client.call("events", "delegation.register", params, key="once")
    assert repeated == {key: value for key, value in first.items() if key not in ("head", "delegates")}


def test_places_and_the_waiting_list(people, event):
    people["KZ"].call("events", "delegation.open", event=event, places=4, quota=3)
    for member, count, want in (("KZ", 3, "registered"), ("CN", 2, "waiting"), ("AZ", 1, "waiting")):
        assert register(people["secretariat"], event, member, count)["status"] == want
    assert people["AZ"].call("events", "delegation.terms", event=event) == {
        "event": event, "quota": 3, "places": 4, "taken": 3, "delegations": 1, "waiting": 2, "rev": 4}
    seq = people["KZ"].call("events", "delegation.withdraw", event=event, member="KZ")["seq"]
    assert status_of(people, event) == {"KZ": "withdrawn", "CN": "registered", "AZ": "registered"}
    log = people["secretariat"].call("notify", "log.read", prefix="private.KZ.", after=0)["items"]
    told = [(item["meta"]["type"], item["meta"]["subject"]) for item in log if f".{event}." in item["topic"]]
    assert told[-3:] == [("delegation.withdrawn", "KZ"), ("delegation.admitted", "CN"), ("delegation.admitted", "AZ")]
    assert log[-1]["meta"]["seq"] == seq and log[-1]["data"]["from"] == "waiting"
    for member, count in (("CN", 4), ("TJ", 4)):
        with pytest.raises(CallError) as caught:
            register(people["secretariat"], event, member, count)
        assert (caught.value.code, caught.value.field) == ("failed_precondition", "delegates")
    assert register(people["secretariat"], event, "TJ", 2)["status"] == "waiting"
    people["secretariat"].call("events", "delegation.open", event=event, places=5)  # more were found
    assert status_of(people, event)["TJ"] == "registered"


def test_observers_where_admitted(people, event):
    with pytest.raises(CallError) as caught:
        register(people["ID"], event, "ID")
    assert (caught.value.code, caught.value.field) == ("failed_precondition", "member")
    people["KZ"].call("events", "delegation.open", event=event, observers=True)
    assert register(people["ID"], event, "ID")["status"] == "registered"
    assert register(people["secretariat"], event, "OSCE", mode="online")["status"] == "registered"


def test_who_may_not(people, event):
    register(people["CN"], event, "CN")
    for who, member in (("AZ", "CN"), ("KZ", "CN"), ("ID", "CN")):
        for method, more in (("register", {"mode": "online", **persons()}), ("withdraw", {}), ("erase", {})):
            assert people[who].refused("events", f"delegation.{method}", event=event, member=member, **more) == \
                "permission_denied", (who, method)
    for who in ("CN", "ID"):
        assert people[who].refused("events", "delegation.open", event=event, places=1) == "permission_denied"
    for who in ("chair", "subscriber"):
        assert people[who].refused("events", "delegation.list", event=event) == "permission_denied"
    for method in ("withdraw", "erase"):
        assert people["AZ"].refused("events", f"delegation.{method}", event=event, member="AZ") == "not_found"
    assert people["AZ"].refused("events", "delegation.terms", event="none") == "not_found"
    assert people["secretariat"].refused("events", "delegation.register", event=event, member="XX", mode="online",
                                         **persons()) == "invalid_argument"


def test_a_draft_is_not_there_for_others(people):
    id = f"draft-{next(numbers)}"
    people["KZ"].call("events", "event.propose", id=id, title="Draft", kind="forum", host="KZ", year=2030)
    assert people["CN"].refused("events", "delegation.register", event=id, member="CN", mode="online", **persons()) == \
        "not_found"
    for method in ("terms", "list"):
        assert people["CN"].refused("events", f"delegation.{method}", event=id) == "not_found"
    people["KZ"].call("events", "delegation.open", event=id, places=3)
    log = people["KZ"].call("notify", "log.read", prefix=f"private.KZ.events.-.-.{id}.", after=0)["items"]
    assert log[-1]["topic"] == f"private.KZ.events.-.-.{id}.registration."


def test_over(people, event):
    people["KZ"].call("events", "event.cancel", id=event, reason="flood")
    with pytest.raises(CallError) as caught:
        register(people["CN"], event, "CN")
    assert caught.value.code == "failed_precondition" and "cancelled" in str(caught.value)


@pytest.mark.parametrize("wrong, field", [
    ({"head": {"name": ""}}, "head.name"), ({"head": {"name": f"{SECRET}\n"}}, "head"), ({"head": {}}, "head.name"),
    ({"delegates": [{"name": f"{SECRET} a"}, {"name": f"{SECRET} a"}]}, "delegates[1]"), ({"mode": "hybrid"}, "mode"),
    ({"delegates": [{"name": str(n)} for n in range(51)]}, "delegates"), ({"member": "kz"}, "member"),
    ({"languages": ["EN"]}, "languages[0]"), ({"sealed": "x"}, "sealed"), ({"status": "registered"}, "status"),
    ({"head": {"name": "x" * 201}}, "head.name"), ({"head": 7}, "head"),
])
def test_hostile_parameters(people, event, wrong, field):
    with pytest.raises(CallError) as caught:
        people["CN"].call("events", "delegation.register",
                          **{"event": event, "member": "CN", "mode": "online", **persons(), **wrong})
    assert (caught.value.code, caught.value.field) == ("invalid_argument", field)
    assert SECRET not in str(caught.value.error)


# ---- who sees persons ----------------------------------------------------------------------------

def test_persons_are_seen_by_three(people, event):
    people["KZ"].call("events", "delegation.open", event=event, observers=True)
    for code in ("CN", "AZ", "ID"):
        register(people[code], event, code)
    everyone = {"CN", "AZ", "ID"}
    for who, want in (("KZ", everyone), ("secretariat", everyone), ("CN", {"CN"}), ("AZ", {"AZ"}), ("ID", {"ID"})):
        got = listed(people[who], event=event)
        assert set(got) == want, who
        assert all(item["head"]["name"] == f"{SECRET} {code} 0" for code, item in got.items())
        for member in everyone:
            assert set(listed(people[who], event=event, member=member)) == want & {member}
    mine = people["CN"].client.list("events", "delegation.list", {})
    assert {item["member"] for item in mine} == {"CN"} and event in {item["event"] for item in mine}
    assert [item for item in people["AZ"].client.list("events", "delegation.list", {"member": "CN"})
            if item["member"] != "AZ"] == []
    hosted = people["KZ"].client.list("events", "delegation.list", {"member": "CN"})
    assert event in {item["event"] for item in hosted}


def test_nobody_else_sees_names_by_any_method(people, event):
    register(people["CN"], event, "CN")
    reads = [("event.get", {"id": event}), ("event.list", {"year": 2030}), ("event.history", {"id": event}),
             ("calendar.export", {}), ("delegation.terms", {"event": event}), ("milestone.list", {"event": event}),
             ("document.list", {"event": event}), ("$info", {}), ("$stats", {})]
    for who in ("AZ", "ID", "chair", "subscriber"):
        for method, params in reads:
            assert SECRET not in repr(people[who].call("events", method, **params)), (who, method)
        log = people[who].call("notify", "log.read", prefix="", after=0, limit=1000)
        assert SECRET not in repr(log) and "delegations." not in repr(log)
        for prefix in ("private.", "private.CN.", "private.KZ.", f"private.CN.delegations.{event}.CN.", "private.secretariat."):
            assert people[who].refused("notify", "log.read", prefix=prefix, after=0) == "permission_denied"
    for who in ("CN", "KZ"):
        log = people[who].call("notify", "log.read", prefix=f"private.{who}.", after=0, limit=1000)
        assert SECRET not in repr(log) and f"delegations.{event}.CN." in repr(log)


def test_the_live_socket_tells_no_name(people, event):
    roots = ("", "events.", "private.", "private.CN.", "private.KZ.", "delegation", "p", "/compact/1/private.CN./")
    with contextlib.ExitStack() as sockets:
        subs = {(name, root): sockets.enter_context(people[name].subscriber(root))
                for name in ("CN", "KZ", "AZ", "subscriber", "secretariat") for root in roots}
        for name, root in (("CN", "private.CN."), ("KZ", "private.KZ."), ("secretariat", "private.")):
            subs[name, root].watermark(root)
        for name in ("AZ", "subscriber"):
            subs[name, ""].watermark("")
        register(people["CN"], event, "CN")
        topic = f"delegations.{event}.CN."
        for name, root in (("CN", "private.CN."), ("KZ", "private.KZ.")):
            got, meta, data = subs[name, root].records(1)[0]
            assert (got, meta["type"], "sealed" in data) == (f"private.{name}.{topic}", "delegation.registered", True)
            assert "head" not in data and "delegates" not in data
        assert [got for got, _, _ in subs["secretariat", "private."].records(2)] == [
            f"private.CN.{topic}", f"private.KZ.{topic}"]
        people["secretariat"].call("events", "plan.open", year=1000 + 992 + next(numbers))  # so that the rest has arrived
        for name in ("AZ", "subscriber"):
            assert subs[name, ""].records(1)[0][0].startswith("plan.")
        for (name, root), sub in subs.items():
            while sub.socket.poll(0):
                frames = sub.socket.recv_multipart()
                assert SECRET.encode() not in b"".join(frames)
                assert name not in ("AZ", "subscriber") or topic.encode() not in b"".join(frames), (name, root)


# ---- erasing -------------------------------------------------------------------------------------

def redis(stack, *words):
    return subprocess.run(["redis-cli", "-u", stack.env["CBM_REDIS"], "--no-auth-warning", *words], capture_output=True,
                          timeout=20, check=True).stdout


def everything(stack):
    """Every value of every key in Redis, as bytes."""
    out = b""
    for key in redis(stack, "--raw", "KEYS", "*").decode().split():
        kind = redis(stack, "--raw", "TYPE", key).strip()
        command = {b"hash": ("HGETALL", key), b"zset": ("ZRANGE", key, "0", "-1"), b"string": ("GET", key)}[kind]
        out += redis(stack, "--raw", *command)
    return out


def test_erasing_erases(people, stack, event):
    register(people["CN"], event, "CN", 3, tag="first")
    params = {"event": event, "member": "CN", "mode": "in-person", **persons(3, "second")}
    people["CN"].client.call("events", "delegation.register", params, key=f"erase-{event}")
    kept = everything(stack)
    assert event.encode() in kept and SECRET.encode() not in kept  # neither before nor after, in no form
    assert SECRET.lower().encode() not in kept.lower()
    field = f"delegation-key/{event}/CN"
    before = redis(stack, "--raw", "HGET", "{cica}:events:doc", field)
    key = msgpack.unpackb(before[before.index(b" ") + 1:-1])
    assert key["key"].encode() in kept and len(key["marks"]) == 3
    prefix = f"private.CN.delegations.{event}."
    log = people["CN"].call("notify", "log.read", prefix=prefix, after=0)["items"]
    last = people["secretariat"].call("notify", "log.last", prefix="private.")["seq"]
    erased = people["CN"].call("events", "delegation.erase", event=event, member="CN")
    assert erased["erased"] and "head" not in erased and "delegates" not in erased and erased["people"] == 3
    assert erased["seq"] > last
    left = everything(stack)
    for secret in (key["key"], *key["marks"]):
        assert secret.encode() not in left
    assert key["key"].encode() in kept
    # the log is whole: what was there is there, byte by byte, and one record more
    after = people["CN"].call("notify", "log.read", prefix=prefix, after=0)["items"]
    assert after[:-1] == log and after[-1]["meta"]["type"] == "delegation.erased" and "sealed" not in after[-1]["data"]
    for who in ("CN", "KZ", "secretariat"):
        item = listed(people[who], event=event)["CN"]
        assert "head" not in item and item["erased"] == erased["erased"] and item["status"] == "registered"
    assert people["CN"].call("events", "delegation.erase", event=event, member="CN")["rev"] == erased["rev"]
    again = register(people["CN"], event, "CN", 2)
    assert again["head"]["name"] and "erased" not in again


def test_a_change_leaves_nothing_of_who_was_taken_out(people, stack, event):
    register(people["CN"], event, "CN", 2, tag="first")
    field = f"delegation-key/{event}/CN"
    value = redis(stack, "--raw", "HGET", "{cica}:events:doc", field)
    key = msgpack.unpackb(value[value.index(b" ") + 1:-1])
    register(people["CN"], event, "CN", 1, tag="first")
    left = everything(stack)
    assert key["key"].encode() not in left  # so what the log has of the second person is read by nobody
    assert [mark.encode() in left for mark in key["marks"]] == [True, False]


def test_who_is_elsewhere_too(people, event):
    other = f"{event}-too"
    people["secretariat"].call("events", "event.propose", id=other, title="Other", kind="forum", host="CN", year=2030)

    def elsewhere(of):
        answer = people["secretariat"].call("events", "delegation.elsewhere", event=of)
        assert SECRET not in repr(answer)
        return sorted((i["own"], i["own_mode"], i["event"], i["member"], i["mode"]) for i in answer["items"]
                      if i["event"] in (event, other))

    for at, words in ((event, f"{SECRET.upper()}, Aliya {event}"), (other, f"Aliya  {SECRET} {event}.")):
        people["CN"].call("events", "delegation.register", event=at, member="CN", mode="in-person", head={"name": words})
    people["AZ"].call("events", "delegation.register", event=other, member="AZ", mode="online",
                      head={"name": "Somebody else"}, delegates=[{"name": f"aliya {SECRET} {event}"}])
    assert elsewhere(event) == [("CN", "in-person", other, "AZ", "online"), ("CN", "in-person", other, "CN", "in-person")]
    assert elsewhere(other) == [("AZ", "online", event, "CN", "in-person"), ("CN", "in-person", event, "CN", "in-person")]
    people["CN"].call("events", "delegation.register", event=event, member="CN", mode="online",
                      head={"name": f"{SECRET.upper()}, Aliya {event}"})
    assert elsewhere(event)[0][1] == "online" and len(elsewhere(event)) == 2
    people["AZ"].call("events", "delegation.erase", event=other, member="AZ")
    assert [found[3] for found in elsewhere(event)] == ["CN"]
    people["CN"].call("events", "delegation.withdraw", event=other, member="CN")
    assert elsewhere(event) == elsewhere(other) == []
    assert people["CN"].refused("events", "delegation.elsewhere", event=event) == "permission_denied"


# ---- races ---------------------------------------------------------------------------------------

def test_waiting_in_order_on_two_replicas(make_stack):
    """Many register at once, by several clients, on two replicas: places go in the order of the
    numbers, which have no hole, and whoever withdraws is followed by the first that waits."""
    stack = make_stack("--scale", "events=2")
    codes = [f"X{letter}" for letter in "ABCDEFGHIJKLMNOPQRSTUVWX"]
    with stack.client() as officer:
        for code in codes:
            officer.call("registry", "participant.put", {"code": code, "name": code, "kind": "state", "status": "member",
                                                         "since": "1992-10-05"})
        officer.call("events", "event.propose", {"id": "e", "title": "E", "kind": "forum", "host": "SECRETARIAT", "year": 2030})
        officer.call("events", "delegation.open", {"event": "e", "places": 10})
        gate = threading.Barrier(6)

        def some(mine):
            with Client(stack.env["CBM_BUS"], 30, stack.env) as one:
                gate.wait()
                sent = [one.send("events", "delegation.register", {
                    "event": "e", "member": code, "mode": "in-person", **persons(1, code)}, key=f"r-{code}") for code in mine]
                return [one.wait(msgid) for msgid in sent]

        with concurrent.futures.ThreadPoolExecutor(6) as pool:
            answers = [one for done in pool.map(some, [codes[n::6] for n in range(6)]) for one in done]
        assert sorted(one["number"] for one in answers) == list(range(1, 25))
        assert {one["number"] for one in answers if one["status"] == "registered"} == set(range(1, 11))
        order = [one["member"] for one in sorted(answers, key=lambda one: one["number"])]
        gate = threading.Barrier(5)

        def leave(code):
            with Client(stack.env["CBM_BUS"], 30, stack.env) as one:
                gate.wait()
                return one.call("events", "delegation.withdraw", {"event": "e", "member": code}, key=f"w-{code}")

        with concurrent.futures.ThreadPoolExecutor(5) as pool:
            list(pool.map(leave, order[2:7]))
        now = {item["member"]: item["status"] for item in officer.list("events", "delegation.list", {"event": "e"})}
        assert [now[code] for code in order] == ["registered"] * 2 + ["withdrawn"] * 5 + ["registered"] * 8 + ["waiting"] * 9
        log = officer.call("notify", "log.read", {"prefix": "private.secretariat.delegations.", "after": 0, "limit": 1000})
        moved = [item["meta"]["subject"] for item in log["items"] if item["meta"]["type"] == "delegation.admitted"]
        assert moved == order[10:15]


def store_ms(stack):
    seconds, micros = (int(word) for word in redis(stack, "--raw", "TIME").split())
    return seconds * 1000 + micros // 1000


def test_who_was_in_time_when_he_looked(people, event, stack):
    """Everything was read before the deadline, and the commit comes after it: too late."""
    deadline = store_ms(stack) + int(1500 * SLOW)
    people["KZ"].call("events", "delegation.open", event=event, deadline=time_text(deadline))
    for count in (1, 2):
        register(people["AZ"], event, "AZ", count)
    assert people["CN"].refused("events", "delegation.withdraw", event=event, member="CN") == "not_found"  # all is read now
    redis(stack, "CLIENT", "PAUSE", str(int(2500 * SLOW)), "WRITE")
    with pytest.raises(CallError) as caught:
        register(people["CN"], event, "CN")
    assert store_ms(stack) > deadline
    assert caught.value.code == "failed_precondition" and "deadline" in str(caught.value)
    assert listed(people["CN"], event=event) == {}  # nothing was done


def test_the_deadline_is_the_stores(people, event, stack):
    """A registration counts before the deadline by the store's clock, and at it or later does not."""
    deadline = store_ms(stack) + int(1500 * SLOW)
    people["KZ"].call("events", "delegation.open", event=event, deadline=time_text(deadline), places=100)
    done, refused = [], []

    def ask():
        n = len(done) + len(refused)
        try:
            done.append(register(people["CN"], event, "CN", 1 + n % 2)["seq"])
        except CallError as error:
            assert error.code == "failed_precondition" and "deadline" in str(error)
            refused.append(n)
        return len(refused) >= 3

    wait_for(ask, 20, "the deadline", every=0)
    assert done
    items, page = [], {"next": 0, "last": 1}
    while page["next"] < page["last"]:
        page = people["CN"].call("notify", "log.read", prefix=f"private.CN.delegations.{event}.", after=page["next"])
        items += page["items"]
    assert len(items) == len(done)
    assert all(time_ms(item["meta"]["time"]) < deadline for item in items)
    assert people["CN"].call("events", "delegation.withdraw", event=event, member="CN")["status"] == "withdrawn"
    with pytest.raises(CallError) as caught:
        register(people["secretariat"], event, "AZ")
    assert caught.value.code == "failed_precondition"
    people["KZ"].call("events", "delegation.open", event=event, deadline=time_text(int(time.time() * 1000) + 3600000))
    assert register(people["AZ"], event, "AZ")["status"] == "registered"
