"""Who may call, see and read what, on a running stack: each role against docs/roles.md, and what is not for
everyone, live, on replay and in lists. It must not know libcbm."""
import contextlib
import json
import re
import subprocess

import pytest
import zmq

from conftest import BUILD, ROOT, SLOW, CallError, Client, Subscriber, wait_for

ROLES = ("secretariat", "chair", "member", "observer", "subscriber", "service")
SPEAKS = {"member": "KZ", "observer": "ID"}


class Who:
    """A principal with a key of its own."""

    def __init__(self, stack, directory, id, roles, member=None):
        self.stack, self.id = stack, id
        public, secret = (key.decode() for key in zmq.curve_keypair())
        path = directory / f"{id}.key_secret"
        path.write_text(f'metadata\ncurve\n    public-key = "{public}"\n    secret-key = "{secret}"\n')
        self.env = {**stack.env, "CBM_CERT": str(path)}
        with stack.client() as officer:
            officer.call("registry", "principal.enroll", {"id": id, "key": public, "roles": roles,
                                                          **({"member": member} if member else {})})
        self.client = wait_for(self.connected, 10, f"{id} to be let in")

    def connected(self):
        one = Client(self.env["CBM_BUS"], 1, self.env)
        with contextlib.suppress(TimeoutError):
            one.call("registry", "principal.whoami")
            one.timeout = 10.0
            return one
        one.close()
        return None

    def call(self, service, name, /, **params):
        return self.client.call(service, name, params)

    def refused(self, service, name, /, **params):
        with pytest.raises(CallError) as caught:
            self.call(service, name, **params)
        return caught.value.code

    def subscriber(self, *prefixes):
        return Subscriber(self.env["CBM_NOTIFY"], *prefixes, env=self.env)


@pytest.fixture(scope="module")
def people(stack, tmp_path_factory):
    """A principal of each role, two more members, and what they speak for."""
    directory = tmp_path_factory.mktemp("keys")
    with stack.client() as officer:
        for code, name, status in (("KZ", "Kazakhstan", "member"), ("CN", "China", "member"), ("AZ", "Azerbaijan", "member"),
                                   ("ID", "Indonesia", "observer")):
            officer.call("registry", "participant.put", {"code": code, "name": name, "kind": "state", "status": status,
                                                         "since": "1992-10-05"})
        officer.call("registry", "catalogue.put", {"adopted": "2021-10-12", "dimensions": [
            {"code": "economic", "name": "Economic", "areas": [{"code": "agriculture", "name": "Agriculture"}]}]})
        officer.call("registry", "area.coordinators", {"area": "agriculture", "coordinators": ["CN"],
                                                       "from": "2021-10-12"})
    made = {role: Who(stack, directory, role, [role], SPEAKS.get(role)) for role in ROLES}
    made["CN"] = Who(stack, directory, "china", ["member"], "CN")
    made["AZ"] = Who(stack, directory, "azerbaijan", ["member"], "AZ")
    yield made
    for who in made.values():
        who.client.close()


def matrix():
    """(service, method, role, word) of docs/roles.md."""
    service = None
    for line in (ROOT / "docs/roles.md").read_text().splitlines():
        heading, row = re.fullmatch(r"## (\w+)", line), re.fullmatch(r"\| `([\w.]+)` \| (.*) \|", line)
        if heading:
            service = heading[1]
        elif row:
            words = row[2].split(" | ")
            assert len(words) == len(ROLES)
            yield from ((service, row[1], role, word) for role, word in zip(ROLES, words))


def test_the_page_is_what_the_services_do(people):
    """The gate of roles comes before the parameters are looked at, so wrong ones tell it apart."""
    seen = set()
    for service, method, role, word in matrix():
        outcome = "ok"
        try:
            people[role].client.call(service, method, {"no such field": 1})
        except CallError as error:
            outcome = error.code
        assert outcome == ("permission_denied" if word == "-" else "invalid_argument"), (method, role, word)
        seen.add(method)
    methods = {row["name"] for service in ("registry", "events", "notify")
               for row in people["subscriber"].call(service, "$info")["methods"]}
    assert seen == methods


def test_explained_as_it_is(people):
    words = {"yes": "allowed", "if": "depends", "-": "denied"}
    for service, method, role, word in matrix():
        answer = people["secretariat"].call("registry", "acl.explain", principal=role, method=method)
        assert (answer["service"], answer["outcome"]) == (service, words[word]), answer
        assert (role in answer["may"]) == (word != "-") and bool(answer["rules"]) == (word == "if")
        own = people[role].call("registry", "acl.explain", method=method)
        assert own == answer
    assert people["member"].refused("registry", "acl.explain", principal="china", method="event.get") == \
        "permission_denied"
    assert people["secretariat"].refused("registry", "acl.explain", principal="nobody", method="event.get") == "not_found"
    assert people["secretariat"].refused("registry", "acl.explain", method="event.fly") == "not_found"


def test_explained_on_the_command_line(people, stack):
    def explain(*words):
        done = subprocess.run([str(BUILD / "cbm"), "acl", "explain", *words], env=stack.env | {"PATH": "/usr/bin"},
                              capture_output=True, text=True, timeout=30 * SLOW, check=False)
        return done.returncode, done.stdout + done.stderr
    code, text = explain("china", "event.accept")
    assert code == 0 and "china (for CN) may call, under conditions, event.accept of events" in text
    assert "coordinates the event's area" in text
    code, text = explain("subscriber", "event.propose")
    assert code == 1 and "may not call" in text and "want one of secretariat, member" in text
    code, text = explain("--json", "observer", "plan.get")
    assert code == 0 and json.loads(text)["outcome"] == "allowed"
    assert explain("subscriber", "event.fly")[0] == 1


def test_a_draft_is_told_to_its_own_only(people, stack):
    roots = ("", "events.", "private.KZ.", "private.", "private.secretariat.", "p", "/compact/1/private.KZ./", "/compact/1/",
             "private.KZ.events.economic.agriculture.draft-1.")
    who = {"member": people["member"], "AZ": people["AZ"], "secretariat": people["secretariat"],
           "subscriber": people["subscriber"], "service": people["service"]}
    with contextlib.ExitStack() as sockets:
        subs = {(name, root): sockets.enter_context(one.subscriber(root)) for name, one in who.items() for root in roots}
        for (name, root), sub in subs.items():
            if not root.startswith(("p", "/compact/1/")):
                sub.watermark(root)
        for name, root in (("member", "private.KZ."), ("secretariat", "private."), ("secretariat", "private.KZ.")):
            subs[name, root].watermark(root)
        people["member"].call("events", "event.propose", id="draft-1", title="Draft", kind="seminar", host="KZ",
                              dimension="economic", area="agriculture", year=2030)
        people["CN"].call("events", "event.accept", id="draft-1")
        hidden, shown = "private.KZ.events.economic.agriculture.draft-1.", "events.economic.agriculture.draft-1."
        drafted = [("event.proposed", hidden), ("event.moved", hidden)]
        accepted = [("event.accepted", shown)]
        wanted = {key: [] for key in subs}
        for name in who:
            wanted[name, ""] = wanted[name, "events."] = accepted
        for name in ("member", "secretariat"):
            wanted[name, "private.KZ."] = wanted[name, hidden] = drafted
        wanted["secretariat", "private."] = drafted
        for key, sub in subs.items():
            got = [(meta["type"], topic) for topic, meta, _ in sub.records(len(wanted[key]))]
            assert got == wanted[key], key
        # one more open record, so that what else was sent before it has arrived
        people["secretariat"].call("events", "plan.open", year=2030)
        for name in who:
            assert subs[name, ""].records(1)[0][0] == "plan.2030."
        for (name, root), sub in subs.items():
            while sub.socket.poll(0):
                topic, meta, data = sub.next()
                mine = name == "secretariat" or (name == "member" and root != "private.")
                assert meta.get("type") == "watermark" or root == "p", (name, root, topic)
                assert mine or not (topic + meta.get("prefix", "")).startswith("private."), (name, root, topic)
                assert mine or "private" not in topic, (name, root, topic)


def test_the_log_tells_what_the_socket_tells(people):
    people["member"].call("events", "event.propose", id="draft-2", title="Draft", kind="seminar", host="KZ", year=2030)
    hidden = "private.KZ.events.-.-.draft-2."
    for name, prefixes in {"member": ["private.KZ.", hidden], "secretariat": ["private.", "private.KZ.", hidden]}.items():
        for prefix in prefixes:
            items = people[name].call("notify", "log.read", prefix=prefix, after=0)["items"]
            assert items[-1]["topic"] == hidden
            assert people[name].call("notify", "log.last", prefix=prefix)["seq"] == items[-1]["meta"]["seq"]
    for name in ("AZ", "CN", "subscriber", "observer", "service", "chair"):
        for prefix in ("private.", "private.KZ.", hidden, "private.secretariat."):
            for method, more in (("log.read", {"after": 0}), ("log.last", {})):
                assert people[name].refused("notify", method, prefix=prefix, **more) == "permission_denied"
    everything = people["secretariat"].call("notify", "log.read", prefix="", after=0, limit=1000)
    assert everything["items"] and not any(item["topic"].startswith("private.") for item in everything["items"])
    assert people["AZ"].refused("events", "event.get", id="draft-2") == "not_found"
    assert people["member"].call("events", "event.get", id="draft-2")["draft"] is True
    for name, count in (("member", 1), ("secretariat", 1), ("AZ", 0), ("CN", 0)):
        items = people[name].call("events", "event.list", year=2030, status="proposed")["items"]
        assert len(items) == count, name


def test_a_list_of_a_span_shows_a_draft_to_its_own_only(people):
    """What is answered from memory is not what the one before was shown."""
    def check(*who):
        for _ in range(2):
            for name, one in people.items():
                items = one.call("events", "event.list", **{"from": "2033-05-01", "to": "2033-05-09"})["items"]
                assert [item["id"] for item in items] == ["draft-span"] * (name in who), name

    check()
    people["member"].call("events", "event.propose", id="draft-span", title="Draft", kind="seminar", host="KZ", year=2033,
                          sessions=[{"start": "2033-05-02", "end": "2033-05-03"}])
    check("member", "secretariat")
    people["member"].call("events", "event.amend", id="draft-span", dimension="economic", area="agriculture")
    check("member", "secretariat", "CN")
    people["CN"].call("events", "event.accept", id="draft-span")
    check(*people)


def test_every_record_names_its_actor(people):
    seq = people["AZ"].call("events", "event.propose", id="draft-3", title="Draft", kind="seminar", host="AZ", year=2030)["seq"]
    items = people["AZ"].call("notify", "log.read", prefix="private.AZ.", after=seq - 1)["items"]
    assert [item["meta"]["actor"] for item in items] == ["azerbaijan"]
    log = people["secretariat"].call("notify", "log.read", prefix="", after=0, limit=1000)["items"]
    assert all(item["meta"]["actor"] for item in log)
