"""Mail goes only to an address whose receiver confirmed it, by the code that was mailed there. It must not know the
engine."""
import itertools
import re
import shutil

import pytest

from conftest import CallError, Stack, scratch_directory, wait_for
from test_chain import Raw
from test_deliveries_mail import propose, relay  # noqa: F401
from test_handover import make_older, records_about, status_of
from test_visibility import Who

names = itertools.count(1)


def settings(relay):  # noqa: F811
    return {"CBM_SMTP": f"smtp://127.0.0.1:{relay.port}", "CBM_SMTP_FROM": "bus@example.org", "CBM_SMTP_TLS": "never",
            "CBM_RETRY": "0,0.2,0.2", "CBM_MAIL_CONFIRM": "yes"}


@pytest.fixture(scope="module")
def stack(relay):  # noqa: F811
    one = Stack(scratch_directory())
    try:
        yield one.up("--scale", "notify=2", **settings(relay))
    finally:
        one.down()
        shutil.rmtree(one.dir, ignore_errors=True)


class Reader:
    """A mail subscription and what comes to its address."""

    def __init__(self, client, relay):  # noqa: F811
        self.client, self.relay = client, relay
        self.id = f"reader-{next(names)}"
        self.address = f"{self.id}@example.org"
        self.made = client.call("notify", "subscription.create", {
            "id": self.id, "channel": "mail", "address": self.address, "filter": {"topics": ["events.>"]}}, key=self.id)

    def mails(self):
        return self.relay.to(self.address)

    def code(self, nth=1):
        """Of the nth mail."""
        wait_for(lambda: len(self.mails()) >= nth, 20, f"mail {nth}")
        text = self.mails()[nth - 1].get_body(("plain",)).get_content()
        found = re.search(rf"cbm subscription confirm {self.id} (\S+)", text)
        assert found, text
        return found[1]

    def call(self, method, **params):
        return self.client.call("notify", f"subscription.{method}", {"id": self.id, **params})

    def refused(self, method, **params):
        with pytest.raises(CallError) as caught:
            self.call(method, **params)
        return caught.value.code

    def status(self):
        return status_of(self.client, self.id)


@pytest.fixture
def reader(client, relay):  # noqa: F811
    return Reader(client, relay)


def test_nothing_is_mailed_before_the_code_came_back(stack, client, reader):
    assert reader.made["status"] == "pending" and "pending_since" in reader.made
    code = reader.code()
    assert re.fullmatch(r"([a-z2-9]{4}-){2}[a-z2-9]{4}", code)
    seq, = propose(client, reader.id, 1)
    assert reader.refused("test") == "failed_precondition"
    wrong = stack.cbm("subscription", "confirm", reader.id, "aaaa-bbbb-cccc", check=False)
    assert wrong.returncode == 1 and "4 more" in wrong.stderr
    with Raw(stack) as redis:
        kept = b"".join(redis("HGETALL", "{cica}:notify:doc") + redis("HGETALL", "{cica}:log"))
    assert code.encode() not in kept and code.replace("-", "").encode() not in kept  # only its digest
    assert len(reader.mails()) == 1
    assert "active" in stack.cbm("subscription", "confirm", reader.id, code.upper().replace("-", "")).stdout
    wait_for(lambda: len(reader.mails()) >= 2, 10, "what came meanwhile")
    assert int(reader.mails()[1]["X-CBM-Seq"]) == seq
    assert records_about(client, reader.id) == ["subscription.created", "subscription.activated"]
    assert reader.call("confirm", code=code) == {"id": reader.id, "status": "active"}  # again is no harm
    assert "pending_since" not in reader.call("get")


def test_so_many_wrong_codes_and_it_is_void(reader):
    code = reader.code()
    assert [reader.call("confirm", code=f"wrong-{n}")["left"] for n in range(5)] == [4, 3, 2, 1, 0]
    assert reader.refused("confirm", code=code) == "resource_exhausted"
    assert reader.call("resume")["status"] == "pending"
    other = reader.code(2)
    assert other != code
    void = reader.call("confirm", code=code)
    assert (void["status"], void["left"]) == ("pending", 4)
    assert reader.call("confirm", code=other)["status"] == "active"


def test_so_many_mails_a_day(reader):
    for nth in range(1, 5):
        reader.code(nth)
        assert reader.call("resume")["status"] == "pending"
    last = reader.code(5)
    assert reader.refused("resume") == "resource_exhausted"
    assert reader.refused("update", address="victim@example.org") == "resource_exhausted"
    assert reader.call("confirm", code=last)["status"] == "active"


def test_the_address_that_was_confirmed_is_the_one(reader):
    reader.call("confirm", code=reader.code())
    reader.call("pause")
    assert reader.refused("confirm", code="any") == "failed_precondition"
    assert reader.call("resume")["status"] == "active"  # it is confirmed already
    wait_for(lambda: any("resumed" in mail.get_body(("plain",)).get_content() for mail in reader.mails()), 20, "word of it")
    reader.address = f"other-{reader.id}@example.org"
    assert reader.call("update", address=reader.address)["status"] == "pending"
    code = reader.code()
    reader.call("pause")
    first = reader.address
    reader.address = f"third-{reader.id}@example.org"
    assert reader.call("update", address=reader.address)["status"] == "paused"
    assert reader.call("resume")["status"] == "pending"
    now = reader.code()
    assert reader.call("confirm", code=code)["left"] == 4  # that of another address
    assert reader.call("confirm", code=now)["status"] == "active"
    assert len(reader.relay.to(first)) == 1


def test_a_deleted_one_leaves_no_confirmation(client, relay, reader):  # noqa: F811
    reader.call("confirm", code=reader.code())
    reader.call("delete")
    again = client.call("notify", "subscription.create", {
        "id": reader.id, "channel": "mail", "address": "else@example.org", "filter": {"topics": ["events.>"]}})
    assert again["status"] == "pending"


def test_only_the_owner_confirms(stack, reader, tmp_path):
    code = reader.code()
    other = Who(stack, tmp_path, "other", ["subscriber"])
    with pytest.raises(CallError) as caught:
        other.call("notify", "subscription.confirm", id=reader.id, code=code)
    assert caught.value.code == "not_found"
    other.client.close()


def test_nobody_has_an_address_flooded(stack, client, tmp_path):
    flood = Who(stack, tmp_path, "flood", ["subscriber"])

    def make(n):
        return flood.call("notify", "subscription.create", id=f"flood-{n}", channel="mail", address="victim@example.org",
                          filter={"topics": ["events.>"]})["status"]
    assert [make(n) for n in range(20)] == ["pending"] * 20
    flood.call("notify", "subscription.delete", id="flood-0")
    with pytest.raises(CallError) as caught:
        make(0)
    assert caught.value.code == "resource_exhausted"
    flood.client.close()


def test_a_relay_that_refuses_is_asked_again_and_three_days_are_the_end(make_stack, relay):  # noqa: F811
    stack = make_stack(**settings(relay))
    relay.refuse = "451 later"
    with stack.client() as client:
        reader = Reader(client, relay)
        wait_for(lambda: "confirmation mail failed" in stack.log("notify.1"), 10, "the refusal")
        assert reader.status() == "pending"
        relay.refuse = None
        code = reader.code()
    stack.kill("notify.1")
    make_older(stack, f"subscription/{reader.id}", "pending_since", 4)
    stack.up(**settings(relay))
    with stack.client() as client:
        reader.client = client
        wait_for(lambda: reader.status() == "disabled", 20, "it is over")
        assert "72 hours" in reader.call("get")["reason"] and len(reader.mails()) == 1
        assert reader.refused("confirm", code=code) == "failed_precondition"
        assert reader.call("resume")["status"] == "pending"
        assert reader.call("confirm", code=reader.code(2))["status"] == "active"


def test_by_default_only_others_than_the_secretariat_are_asked(make_stack, relay, tmp_path):  # noqa: F811
    stack = make_stack(**{name: value for name, value in settings(relay).items() if name != "CBM_MAIL_CONFIRM"})
    other = Who(stack, tmp_path, "other", ["subscriber"])
    with stack.client() as client:
        def make(who, id):
            return who("notify", "subscription.create", id=id, channel="mail", address=f"{id}@example.org",
                       filter={"topics": ["events.>"]})["status"]
        assert make(lambda service, method, **params: client.call(service, method, params), "office") == "active"
        assert make(other.call, "else") == "pending"
    other.client.close()
