"""Subscriptions: what may be asked for, by whom, how they live and end, and that every replica knows
them. Deliveries are elsewhere. It must not know how they are kept."""
import concurrent.futures
import subprocess
import time

import pytest
from test_visibility import Who

from conftest import CallError, time_ms, time_text, wait_for


@pytest.fixture(scope="module")
def people(stack, tmp_path_factory):
    directory = tmp_path_factory.mktemp("keys")
    with stack.client() as officer:
        for code, name in (("KZ", "Kazakhstan"), ("CN", "China")):
            officer.call("registry", "participant.put", {"code": code, "name": name, "kind": "state", "status": "member",
                                                         "since": "1992-10-05"})
    made = {"KZ": Who(stack, directory, "kazakhstan", ["member"], "KZ"), "CN": Who(stack, directory, "china", ["member"], "CN"),
            "news": Who(stack, directory, "news", ["subscriber"])}
    yield made
    for who in made.values():
        who.client.close()


def call(client, name, /, **params):
    return client.call("notify", f"subscription.{name}", params)


def refused(client, name, /, **params):
    with pytest.raises(CallError) as caught:
        call(client, name, **params)
    return caught.value.code, caught.value.field


def make(client, topics=("plan.>",), channel="mailbox", **more):
    return call(client, "create", channel=channel, filter={"topics": list(topics)}, **more)


def records(client, made, prefix="private.secretariat.subscriptions."):
    items = client.call("notify", "log.read", {"prefix": f"{prefix}{made['id']}.", "after": 0})["items"]
    return [(item["meta"]["type"], item["data"]) for item in items]


def types(client, made, *prefix):
    return [kind for kind, _ in records(client, made, *prefix)]


URL = "https://hooks.example/cbm"


def redis(stack, *words, **more):
    done = subprocess.run(["redis-cli", "-u", stack.env["CBM_REDIS"], "--no-auth-warning", *words], capture_output=True,
                          timeout=30, check=True, **more)
    return done.stdout[:-1].decode(errors="surrogateescape")


def test_what_is_refused_is_named(client):
    good = {"channel": "mailbox", "filter": {"topics": ["events.>"]}}
    for field, change in {
            "filter.topics": {"filter": {"topics": []}}, "filter.topics[1]": {"filter": {"topics": ["a.>", "a.>.b"]}},
            "filter.types[0]": {"filter": {"topics": ["a"], "types": ["A B"]}},
            "filter.hosts[0]": {"filter": {"topics": ["a"], "hosts": ["kz"]}},
            "filter.statuses[0]": {"filter": {"topics": ["a"], "statuses": ["H!"]}},
            "filter.areas[0]": {"filter": {"topics": ["a"], "areas": ["A B"]}},
            "url": {"url": URL}, "address": {"address": "a@b.example"}, "from": {"from": "yesterday"}, "rate": {"rate": 5},
            "expires": {"expires": "2020-01-01T00:00:00Z"}, "id": {"id": "A B"}, "channel": {"channel": "pigeon"}}.items():
        assert refused(client, "create", **{**good, **change}) == ("invalid_argument", field)
    for field, change in {"url": {"channel": "webhook"}, "address": {"channel": "mail"},
                          "digest": {"channel": "webhook", "url": URL, "digest": "daily"}}.items():
        assert refused(client, "create", **{**good, **change}) == ("invalid_argument", field)
    for url in ("ftp://a.example/", "https://a b", "hooks.example/x"):
        assert refused(client, "create", channel="webhook", url=url, filter={"topics": ["a"]}) == ("invalid_argument", "url")
    for address in ("nobody", "a@b@c", "a@b.example\r\nBcc: x@y", "<a@b.example>", "@b.example", "a b@c.example"):
        assert refused(client, "create", channel="mail", address=address, filter={"topics": ["a"]}) == \
            ("invalid_argument", "address")
    assert refused(client, "create", channel="mail", address="a@b.example", filter={"topics": ["a"]}, zone="Asia/Nowhere") == \
        ("invalid_argument", "zone")
    assert make(client, ["a"], "mail", address="a@b.example", zone="Asia/Almaty", digest="daily")["zone"] == "Asia/Almaty"
    assert refused(client, "create", channel="mail", address="a@b.example", filter={"topics": ["a"]},
                   quiet={"from": "24:00", "to": "07:00"}) == ("invalid_argument", "quiet.from")


def test_made_shown_changed_and_ended(client):
    made = make(client, id="first")
    assert made["status"] == "active" and "secret" not in made
    assert call(client, "get", id="first") == {key: made[key] for key in made if key != "seq"}
    assert refused(client, "create", id="first", channel="mailbox", filter={"topics": ["a"]}) == ("already_exists", "id")
    paused = call(client, "pause", id="first", reason="holidays")
    assert (paused["status"], paused["reason"]) == ("paused", "holidays")
    assert call(client, "pause", id="first")["rev"] == paused["rev"]  # a repeat changes nothing
    resumed = call(client, "resume", id="first")
    assert resumed["status"] == "active" and "reason" not in resumed
    assert refused(client, "update", id="first", rev=made["rev"], payload="thin") == ("aborted", "rev")
    changed = call(client, "update", id="first", payload="thin", filter={"topics": ["a.b"]})
    assert changed["payload"] == "thin" and changed["filter"] == {"topics": ["a.b"]}
    assert call(client, "update", id="first", payload="thin")["rev"] == changed["rev"]
    assert call(client, "delete", id="first")["status"] == "deleted"
    for method in ("get", "delete", "pause", "resume"):
        assert refused(client, method, id="first") == ("not_found", "id")
    again = make(client, id="first")
    assert again["rev"] > changed["rev"] and again["status"] == "active"
    assert types(client, made) == [f"subscription.{word}" for word in (
        "created", "paused", "resumed", "notice.resumed", "updated", "deleted", "created")]
    listed = client.list("notify", "subscription.list", {"limit": 1})
    assert [item["id"] for item in listed] == sorted(item["id"] for item in listed) and "first" in str(listed)
    assert {one["channel"] for one in client.list("notify", "subscription.list", {"channel": "mail"})} == {"mail"}


def test_a_secret_is_told_once(stack, client):
    made = client.call("notify", "subscription.create", {"channel": "webhook", "url": URL, "filter": {"topics": ["a.>"]}},
                       key="hook")
    assert made["status"] == "pending" and made["secret"].startswith("whsec_") and made["public_key"].startswith("whpk_")
    again = client.call("notify", "subscription.create", {"channel": "webhook", "url": URL, "filter": {"topics": ["a.>"]}},
                        key="hook")
    assert again == made  # a repeat of the request is answered the same, out of the secret's own document
    rotated = client.call("notify", "subscription.rotate", {"id": made["id"], "overlap": "PT4S"}, key="turn")
    assert rotated["secret"] != made["secret"] and rotated["public_key"] != made["public_key"]
    assert client.call("notify", "subscription.rotate", {"id": made["id"], "overlap": "PT4S"}, key="turn") == rotated
    later = client.call("notify", "subscription.create", {"channel": "webhook", "url": URL, "filter": {"topics": ["a.>"]}},
                        key="hook")
    assert "secret" not in later and later["id"] == made["id"]

    def document():
        return redis(stack, "HGET", "{cica}:notify:doc", f"secret/{made['id']}")
    assert made["secret"] in document() and rotated["secret"] in document()  # both sign
    wait_for(lambda: made["secret"] not in document(), 10, "the end of the overlap")
    assert rotated["secret"] in document()
    keys = [key for key in redis(stack, "KEYS", "*").split() if not key.endswith(":notify:doc")]
    kinds = {"hash": ("HVALS",), "zset": ("ZRANGE", "0", "-1")}
    for key in keys:
        command, *more = kinds[redis(stack, "TYPE", key)]
        assert "whsec_" not in redis(stack, command, key, *more) and "whsk_" not in redis(stack, command, key, *more), key
    for shown in (call(client, "get", id=made["id"]), call(client, "list", channel="webhook"), records(client, made)):
        assert "whs" not in str(shown)
    assert "whs" not in stack.log("notify.1")
    call(client, "delete", id=made["id"])
    assert "whs" not in document()


def test_everybody_has_his_own(people, client):
    mine = make(people["KZ"].client, id="of-kz")
    assert (mine["owner"], mine["member"]) == ("kazakhstan", "KZ")
    for method in ("get", "delete", "pause", "resume", "update", "rotate"):
        assert refused(people["CN"].client, method, id="of-kz") == ("not_found", "id")
    assert people["CN"].client.list("notify", "subscription.list") == []
    assert [one["id"] for one in people["KZ"].client.list("notify", "subscription.list")] == ["of-kz"]
    assert "of-kz" in [one["id"] for one in client.list("notify", "subscription.list")]
    assert types(people["KZ"].client, mine, "private.KZ.subscriptions.") == ["subscription.created"]
    assert call(client, "pause", id="of-kz")["status"] == "paused"  # the Secretariat may


def test_private_topics_as_far_as_one_may_see(people, client):
    make(people["KZ"].client, ["private.KZ.>", "events.>"])
    make(people["KZ"].client, ["private.members.>"])
    make(client, ["private.>"])
    for who, topics in (("KZ", "private.CN.>"), ("KZ", "private.>"), ("KZ", "private.*.events.>"), ("KZ", "private.secretariat.>"),
                        ("news", "private.members.>"), ("news", "private.KZ.>"), ("KZ", "private.KZ2")):
        assert refused(people[who].client, "create", channel="mailbox", filter={"topics": ["a", topics]}) == \
            ("permission_denied", "filter.topics")
        assert refused(people[who].client, "rehearse", filter={"topics": [topics]}) == ("permission_denied", "filter.topics")


def test_a_principal_has_a_bounded_number(people):
    client = people["news"].client
    sent = [client.send("notify", "subscription.create", {"channel": "mailbox", "filter": {"topics": ["a.b"]}, "id": f"n-{n}"})
            for n in range(1010)]
    codes = []
    for msgid in sent:
        try:
            client.wait(msgid, 60)
        except CallError as error:
            codes.append(error.code)
    assert codes == ["resource_exhausted"] * 10
    first = client.list("notify", "subscription.list", {"limit": 1000})
    assert len(first) == 1000
    call(client, "delete", id=first[0]["id"])
    make(client)
    assert refused(client, "create", channel="mailbox", filter={"topics": ["a"]})[0] == "resource_exhausted"


def test_it_begins_where_it_is_asked_to(client):
    begun = int(time.time() * 1000)
    seqs = [client.call("events", "plan.open", {"year": year})["seq"] for year in range(2100, 2120)]
    half = client.call("notify", "log.read", {"prefix": "plan.", "after": seqs[9] - 1, "limit": 1})["items"][0]["meta"]["time"]
    times = {item["meta"]["seq"]: item["meta"]["time"] for item in
             client.call("notify", "log.read", {"prefix": "plan.", "after": 0, "limit": 1000})["items"]}
    after = make(client, **{"from": half})["after"]
    assert after < min(seq for seq, when in times.items() if when >= half)
    assert all(when < half for seq, when in times.items() if seq <= after)
    assert make(client, **{"from": time_text(begun - 3600_000)})["after"] == 0
    assert make(client, **{"from": "start"})["after"] == 0
    assert make(client, **{"from": seqs[3]})["after"] == make(client, **{"from": str(seqs[3])})["after"] == seqs[3]
    end = make(client)
    assert end["after"] == end["seq"] - 1
    assert make(client, **{"from": "2100-01-01T00:00:00Z"})["after"] >= end["seq"]
    assert refused(client, "create", channel="mailbox", filter={"topics": ["a"]}, **{"from": 10 ** 9}) == \
        ("invalid_argument", "from")


def test_its_time_ends(client):
    # half of its life is earlier than a day before its end
    ends = int(time.time() * 1000) + 3000
    made = make(client, expires=time_text(ends))
    wait_for(lambda: types(client, made)[1:] == ["subscription.notice.expiring"], 4, "the notice", 0.05)
    assert call(client, "get", id=made["id"])["status"] == "active"
    wait_for(lambda: types(client, made)[2:] == ["subscription.expired"], 6, "the end", 0.05)
    assert call(client, "get", id=made["id"])["status"] == "expired"
    assert refused(client, "resume", id=made["id"])[0] == "failed_precondition"
    alive = call(client, "update", id=made["id"], expires=time_text(ends + 3600_000))
    assert alive["status"] == "active"
    far = make(client, expires=time_text(ends + 5 * 86400_000))
    assert types(client, far) == ["subscription.created"]


YEAR_MS = 365 * 86400_000
DOCUMENTS, INDEX = "{cica}:notify:doc", "{cica}:notify:ix"


def due(stack, made):
    """The instants at which the clock will look at it."""
    entries = redis(stack, "ZRANGE", INDEX, "0", "-1").split()
    return [int(entry.split("|")[1]) for entry in entries if entry.startswith("due-subscription|") and entry.endswith(f"|{made['id']}")]


def test_its_key_is_due_after_a_year(client, stack):
    made = make(client, channel="webhook", url=URL)
    rotated = time_ms(made["rotated"])
    assert due(stack, made) == [rotated + YEAR_MS]
    assert due(stack, make(client)) == []  # a mailbox has no secret
    # a year passes: as if its secret had been made two seconds less than a year ago
    key, earlier = f"subscription/{made['id']}", int(time.time() * 1000) + 2000 - YEAR_MS
    stored = redis(stack, "HGET", DOCUMENTS, key)
    changed = stored.replace(f"rotated\udcb8{made['rotated']}", f"rotated\udcb8{time_text(earlier)}")
    assert changed != stored and len(changed) == len(stored)
    redis(stack, "-x", "HSET", DOCUMENTS, key, input=changed.encode(errors="surrogateescape"))
    redis(stack, "ZREM", INDEX, f"due-subscription|{rotated + YEAR_MS:020}|{made['id']}")
    redis(stack, "ZADD", INDEX, "0", f"due-subscription|{earlier + YEAR_MS:020}|{made['id']}")
    wait_for(lambda: types(client, made)[1:], 10, "the notice", 0.05)
    kind, notice = records(client, made)[-1]
    assert (kind, notice["id"], time_ms(notice["rotated"])) == ("subscription.notice.key_due", made["id"], earlier)
    told = client.call("notify", "log.read", {"prefix": f"private.secretariat.subscriptions.{made['id']}.", "after": 0})["items"][-1]
    assert time_ms(told["meta"]["time"]) >= earlier + YEAR_MS  # at its time, not before
    assert due(stack, made) == []
    # told once; what is rotated is due a year later
    again = call(client, "rotate", id=made["id"])
    assert [kind for kind in types(client, made) if kind.endswith("key_due")] == ["subscription.notice.key_due"]
    assert due(stack, made)[-1] == time_ms(again["rotated"]) + YEAR_MS  # before that, the end of the overlap


def test_rehearsed(sample_stack):
    with sample_stack.client() as client:
        log = []
        while True:
            page = client.call("notify", "log.read", {"prefix": "", "after": log[-1]["meta"]["seq"] if log else 0, "limit": 1000})
            log += page["items"]
            if not page["items"]:
                break

        def rehearse(wanted, filter, **more):
            total, items, params = 0, [], {"filter": filter, "limit": 1000, **more}
            matched = 0
            while True:
                got = call(client, "rehearse", **params)
                assert got["from"] == params.get("from", 0)
                total, matched, items = total + got["examined"], matched + got["matched"], items + got["items"]
                if got.get("next") is None:
                    break
                params["from"] = got["next"]
            expected = [one for one in log if wanted(one)]
            assert matched == len(expected) and [one["seq"] for one in items] == [one["meta"]["seq"] for one in expected]
            return total
        assert rehearse(lambda one: one["topic"].startswith("events."), {"topics": ["events.>"]}) == len(log)
        rehearse(lambda one: one["topic"].startswith("events.") and one["meta"]["type"] == "event.scheduled" and
                 "KZ" in [one["data"].get("host"), *one["data"].get("co_hosts", [])],
                 {"topics": ["events.>"], "types": ["event.scheduled"], "hosts": ["KZ"]})
        rehearse(lambda one: one["topic"].startswith("events.human.") and one["data"].get("status") == "reported",
                 {"topics": ["events.*.>"], "dimensions": ["human"], "statuses": ["reported"]})
        middle = log[len(log) // 2]["meta"]["seq"]
        got = call(client, "rehearse", filter={"topics": [">"]}, limit=3, **{"from": 5, "to": middle})
        assert (got["from"], got["to"], got["examined"]) == (5, middle, middle - 5) and len(got["items"]) == 3
        done = sample_stack.cbm("subscription", "rehearse", "--topics", "events.>", "--hosts", "KZ")
        assert f"of the last {len(log)}" in done.stdout


def counts(client):
    return client.call("notify", "$stats", safe=True)["subscriptions"]


@pytest.mark.timeout(180)
def test_every_replica_knows_them_through_kills(make_stack):
    """Replicas come and go while subscriptions are made and deleted: in the end each knows what the
    store knows."""
    stack = make_stack("--scale", "notify=2")
    with stack.client(60) as client:
        def work(first):
            with stack.client(60) as own:
                for n in range(first, first + 150):
                    own.call("notify", "subscription.create", {"channel": "mailbox", "filter": {"topics": ["a.>"]}, "id": f"s-{n}"},
                             key=f"create-{n}")
                    if n % 3 == 0:
                        own.call("notify", "subscription.delete", {"id": f"s-{n}"}, key=f"delete-{n}")
        with concurrent.futures.ThreadPoolExecutor(2) as pool:
            jobs = [pool.submit(work, first) for first in (0, 1000)]
            while not all(job.done() for job in jobs):
                for name in ("notify.1", "notify.2"):
                    stack.kill(name)
                    stack.up()
            for job in jobs:
                job.result()
        there = len(client.list("notify", "subscription.list", {"limit": 1000}))
        assert there == 200
        for name in ("notify.1", "notify.2"):  # each alone
            other = "notify.2" if name == "notify.1" else "notify.1"
            stack.kill(other)
            wait_for(lambda: counts(client) == there, 20, f"{name} to know all")
            stack.up()


def test_the_rights_are_those_of_now(stack, people, client, tmp_path):
    gone = Who(stack, tmp_path, "gone", ["member"], "KZ")
    made = make(gone.client, ["private.KZ.>", "plan.>"])
    client.call("registry", "principal.revoke", {"id": "gone", "reason": "left"})
    wait_for(lambda: call(client, "get", id=made["id"])["status"] == "disabled", 5, "the end of its rights")
    kind, data = records(client, made, "private.KZ.subscriptions.")[-1]
    assert (kind, data["reason"], data["from"]) == ("subscription.disabled", "its owner was revoked", "active")
    call(client, "resume", id=made["id"])
    wait_for(lambda: call(client, "get", id=made["id"])["status"] == "disabled", 5, "the same again")
    gone.client.close()


def test_on_the_command_line(stack):
    def cbm(*words, check=True):
        return stack.cbm(*words, check=check)
    made = cbm("subscription", "create", "mailbox", "--id", "cli", "--topics", "plan.>,events.>", "--types", "plan.*")
    assert "cli is active" in made.stdout
    assert "cli" in cbm("subscription", "list", "--channel", "mailbox").stdout
    hook = cbm("subscription", "create", "webhook", "--id", "hook", "--url", URL, "--topics", "events.>").stdout
    assert "hook is pending" in hook and "whsec_" in hook
    assert "whsec_" in cbm("subscription", "rotate", "hook").stdout
    assert "whsec_" not in cbm("subscription", "get", "hook").stdout
    assert "paused" in cbm("subscription", "pause", "cli", "--reason", "a rest").stdout
    assert "active" in cbm("subscription", "resume", "cli").stdout
    with stack.client() as client:
        client.call("events", "plan.open", {"year": 2500})
    fetched = cbm("mailbox", "fetch", "cli")
    assert "plan.2500." in fetched.stdout and "plan.opened" in fetched.stdout
    assert "cli" in cbm("mailbox", "ack", "cli", fetched.stdout.splitlines()[-1].split()[0]).stdout
    followed = cbm("mailbox", "follow", "cli", "--count", "0")
    assert followed.stdout == ""
    assert "deleted" in cbm("subscription", "delete", "cli").stdout
    assert cbm("subscription", "get", "cli", check=False).returncode == 1
    assert cbm("subscription", "create", "mailbox", "--topics", "a..b", check=False).returncode == 1
    assert cbm("subscription", "nonsense", check=False).returncode == 64
