"""What a replica of notify knows of an endpoint outlives it: since when it fails, and since when it is asked for its
handshake. Times are made older in Redis while no replica runs. It must not know the engine."""
import pytest

from conftest import time_ms, time_text, wait_for
from receiver import Receiver
from test_chain import Raw

ENV = {"CBM_WEBHOOK_ALLOW": "127.0.0.0/8", "CBM_RETRY": "0," + ",".join(["0.2"] * 23)}


@pytest.fixture
def receiver():
    with Receiver() as one:
        yield one


def make_older(stack, field, key, days):
    """The time that a document of notify names under this key becomes so many days older."""
    with Raw(stack) as redis:
        stored = redis("HGET", "{cica}:notify:doc", field)
        at = stored.index(key.encode()) + len(key)
        length = stored[at] - 0xa0  # a short text
        was = stored[at + 1:at + 1 + length].decode()
        now = time_text(time_ms(was) - days * 86400000)[:19] + was[19:]
        redis("HSET", "{cica}:notify:doc", field, stored[:at + 1] + now.encode() + stored[at + 1 + length:])


def subscribe(client, receiver, path):
    client.call("notify", "subscription.create", {"id": path, "channel": "webhook", "url": receiver.url(path),
                                                  "filter": {"topics": ["plan.>"]}}, key=path)


def plan(client, year):
    client.call("events", "plan.open", {"year": year}, key=f"plan-{year}")


def records_about(client, id):
    page = client.call("notify", "log.read", {"prefix": f"private.secretariat.subscriptions.{id}.", "after": 0}, safe=True)
    return [item["meta"]["type"] for item in page["items"]]


def status_of(client, id):
    return client.call("notify", "subscription.get", {"id": id}, safe=True)["status"]


def failing_in_store(stack, id):
    with Raw(stack) as redis:
        return b"failing_since" in (redis("HGET", "{cica}:notify:doc", f"health/{id}") or b"")


def test_days_of_failures_are_counted_over_a_replicas_death(make_stack, receiver):
    stack = make_stack(**ENV)
    with stack.client(30) as client:
        for path in ("sick", "cured"):
            subscribe(client, receiver, path)
            wait_for(lambda path=path: status_of(client, path) == "active", 10, "its handshake")
    for path in ("sick", "cured"):
        receiver.manners[path] = lambda got: 500
    with stack.client(30) as client:
        plan(client, 2000)
    for path in ("sick", "cured"):
        wait_for(lambda path=path: failing_in_store(stack, path), 10, f"it is kept that {path} fails")
    receiver.manners.pop("cured")
    wait_for(lambda: not failing_in_store(stack, "cured"), 20, "it is kept that one does not fail any more")
    with stack.client(30) as client:
        assert records_about(client, "sick") == ["subscription.created", "subscription.activated"]  # none a failure
    stack.kill("notify.1")
    make_older(stack, "health/sick", "failing_since", 6)
    stack.up(**ENV)
    with stack.client(30) as client:
        wait_for(lambda: status_of(client, "sick") == "disabled", 20, "who fails for six days is disabled")
        assert status_of(client, "cured") == "active"
        tried = len(receiver.all("sick"))
        client.call("notify", "subscription.resume", {"id": "sick"}, key="resume")
        wait_for(lambda: len(receiver.all("sick")) > tried + 1, 20, "it is tried again")
        receiver.manners.pop("sick")  # it began anew, with its handshake
        wait_for(lambda: status_of(client, "sick") == "active", 20, "it answers its handshake")
        receiver.manners["sick"] = lambda got: 500
        plan(client, 2001)
        wait_for(lambda: failing_in_store(stack, "sick"), 20, "it fails again")
        assert status_of(client, "sick") == "active"  # the days before count no more


def test_the_hour_of_a_handshake_goes_on_over_a_replicas_death(make_stack, receiver):
    stack = make_stack(**ENV)
    receiver.rude.add("silent")
    with stack.client(30) as client:
        subscribe(client, receiver, "silent")
        wait_for(lambda: len(receiver.all("silent")) >= 2, 10, "the handshake is tried")
        assert status_of(client, "silent") == "pending"
    stack.kill("notify.1")
    make_older(stack, "subscription/silent", "pending_since", 1)
    stack.up(**ENV)
    with stack.client(30) as client:
        wait_for(lambda: status_of(client, "silent") == "disabled", 20, "its hour is over")
        tried = len(receiver.all("silent"))
        again = client.call("notify", "subscription.resume", {"id": "silent"}, key="resume")
        assert again["status"] == "pending" and time_ms(again["pending_since"]) > time_ms(again["created"])
        wait_for(lambda: len(receiver.all("silent")) >= tried + 2, 20, "a new hour, of which tries are made")
        assert status_of(client, "silent") == "pending"
        receiver.rude.clear()
        wait_for(lambda: status_of(client, "silent") == "active", 20, "it answers")
        assert "pending_since" not in client.call("notify", "subscription.get", {"id": "silent"}, safe=True)
