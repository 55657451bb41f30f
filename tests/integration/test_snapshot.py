"""Snapshots: the whole registry out and in again, byte for byte; of one state while it changes."""
import datetime
import json
import threading

import pytest
import zmq

from conftest import ROOT, CallError


def fill(one):
    """Something of every kind, with corrections."""
    call = lambda method, params: one.call("registry", method, params)  # noqa: E731
    for code in ("KZ", "TR", "AZ"):
        call("participant.put", {"code": code, "name": f"State {code}", "kind": "state", "status": "member",
                                 "since": "1999-09-14"})
    call("participant.put", {"code": "TR", "name": "Türkiye", "names": {"ru": "Турция"}, "from": "2022-06-02"})
    call("participant.put", {"code": "SA", "name": "Saudi Arabia", "kind": "state", "status": "observer",
                             "since": "2023-12-26"})
    call("participant.status", {"code": "SA", "status": "observer", "from": "2024-01-01",
                                "supersedes": "2023-12-26"})
    call("chair.appoint", {"code": "KZ", "from": "2020-09-24", "to": "2022-10-01"})
    call("chair.appoint", {"code": "AZ", "from": "2022-10-01", "to": "2024-10-01"})
    call("chair.appoint", {"code": "AZ", "from": "2022-10-13", "to": "2024-12-17", "supersedes": "2022-10-01"})
    call("body.put", {"code": "SOC", "name": "Senior Officials", "kind": "governing", "level": 2,
                      "from": "2004-10-22"})
    call("body.seat", {"code": "SOC", "participant": "KZ", "from": "2004-10-22"})
    call("catalogue.put", {"adopted": "2021-10-12", "dimensions": [
        {"code": "economic", "name": "Economic", "areas": [{"code": "tourism", "name": "Tourism"}]}]})
    call("area.coordinators", {"area": "tourism", "coordinators": ["KZ"], "from": "2021-10-12"})
    call("contact.put", {"participant": "KZ", "role": "focal-point", "name": "A. Person", "from": "2021-01-01"})
    call("contact.put", {"body": "SOC", "role": "office", "name": "The office", "visibility": "open",
                         "from": "2021-01-01"})
    call("instrument.put", {"id": "convention", "title": "Convention", "adopted": "2010-06-08"})
    call("instrument.ratify", {"id": "convention", "member": "KZ", "from": "2011-11-28"})
    call("contribution.record", {"participant": "KZ", "on": "2021-01-01", "amount": 5, "currency": "USD"})
    call("contribution.record", {"id": "right", "participant": "KZ", "on": "2021-01-01", "amount": 6,
                                 "currency": "USD", "supersedes": "kz-2021-01-01-secretariat-budget"})
    call("fund.submit", {"id": "road", "title": "A road", "proposer": "KZ", "amount": 7, "currency": "EUR",
                         "on": "2023-01-01"})
    call("fund.decide", {"id": "road", "status": "assessed", "on": "2023-02-01"})
    call("procedure.put", {"code": "SILENCE", "mode": "silence", "minimum": "P14D", "may_shorten": True})
    call("decision.record", {"id": "old", "title": "Old", "body": "SOC", "decided": "2021-01-01", "status": "adopted"})
    call("decision.open", {"id": "pending", "title": "Pending", "text": "The text.", "body": "SOC",
                           "procedure": "SILENCE", "deadline": f"{datetime.date.today().year + 5}-01-01T00:00:00Z"})
    call("principal.enroll", {"id": "newsroom", "key": KEY, "roles": ["subscriber"]})


KEY = zmq.curve_keypair()[0].decode()
KINDS = {"area", "body", "catalogue", "chair", "contact", "contribution", "decision", "decision-text", "fund",
         "instrument", "participant", "principal", "procedure"}


def items(path):
    return [json.loads(line) for line in path.read_text().splitlines()[1:]]


def answers(one):
    """What a reader sees of the registry."""
    asks = [("participant.list", {}), ("participant.history", {"code": "SA"}), ("chair.list", {}),
            ("chair.history", {}), ("body.list", {}), ("catalogue.get", {}),
            ("area.coordinators", {"area": "tourism"}), ("contact.list", {}), ("instrument.list", {}),
            ("contribution.list", {"superseded": True}), ("contribution.totals", {}), ("fund.list", {}),
            ("procedure.list", {}), ("decision.list", {}), ("decision.get", {"id": "pending"}), ("principal.list", {})]
    return [{key: value for key, value in one.call("registry", method, params).items() if key != "seq"}
            for method, params in asks]


def test_a_round_trip_is_byte_for_byte(make_stack, scratch):
    first, second = make_stack(), make_stack()
    with first.client() as one:
        fill(one)
        seen = answers(one)
    first.cbm("snapshot", "export", scratch / "a")
    first.cbm("snapshot", "export", scratch / "b")
    assert (scratch / "a").read_bytes() == (scratch / "b").read_bytes()
    exported = items(scratch / "a")
    assert {item["kind"] for item in exported} == KINDS
    keys = [f"{item['kind']}:{item['id']}" for item in exported]
    assert keys == sorted(keys) and len(keys) == len(set(keys)) == 20
    assert first.cbm("snapshot", "export", "-").stdout.encode() == (scratch / "a").read_bytes()

    done = second.cbm("snapshot", "import", scratch / "a")
    assert done.stdout == "20 documents restored, 0 as they were\n"
    second.cbm("snapshot", "export", scratch / "c")
    assert (scratch / "a").read_bytes() == (scratch / "c").read_bytes()
    done = second.cbm("snapshot", "import", scratch / "a")  # identical: nothing to do
    assert done.stdout == "0 documents restored, 20 as they were\n"
    with second.client() as one:
        assert answers(one) == seen
        # revisions go on from where they were
        kept = one.call("registry", "participant.get", {"code": "TR"})
        assert kept["rev"] == 2
        put = {"code": "TR", "name": "Other", "from": "2024-01-01", "rev": 2}
        assert one.call("registry", "participant.put", put)["rev"] == 3
        with pytest.raises(CallError) as caught:
            one.call("registry", "participant.put", {**put, "name": "More"})
        assert caught.value.code == "aborted"
        # events follow the registry by its records, so they know what was restored
        made = one.call("events", "event.propose", {"title": "A seminar", "kind": "seminar", "host": "AZ",
                                                    "dimension": "economic", "area": "tourism", "year": 2024})
        assert made["host"] == "AZ"
        # what is pending goes on, and a key is known for whose it is
        assert one.call("registry", "decision.object", {"id": "pending", "member": "KZ", "reason": "no"})["rev"] == 2
        due = one.call("registry", "decision.withdraw", {"id": "pending", "reason": "enough"})
        assert due["status"] == "withdrawn"
        with pytest.raises(CallError) as caught:
            one.call("registry", "principal.enroll", {"id": "other", "key": KEY, "roles": ["subscriber"]})
        assert "newsroom" in str(caught.value)
        # personal data is told to its audience only
        records = one.call("notify", "log.read", {"prefix": "registry.contact.", "after": 0})["items"]
        assert "A. Person" not in str(records) and "The office" in str(records)


def test_another_registry_is_refused_and_left_alone(make_stack, scratch):
    first, second = make_stack(), make_stack()
    with first.client() as one:
        fill(one)
    first.cbm("snapshot", "export", scratch / "a")
    with second.client() as one:
        one.call("registry", "participant.put", {"code": "KZ", "name": "Other", "kind": "state"})
        last = one.call("notify", "log.last", {"prefix": ""})["seq"]
        done = second.cbm("snapshot", "import", scratch / "a", check=False)
        assert done.returncode == 1 and "participant KZ" in done.stderr and "empty" in done.stderr
        assert one.call("notify", "log.last", {"prefix": ""})["seq"] == last
    first.cbm("snapshot", "export", scratch / "b")
    with first.client() as one:  # one more document than the snapshot has
        one.call("registry", "participant.put", {"code": "AA-1", "name": "More", "kind": "organisation"})
    done = first.cbm("snapshot", "import", scratch / "b", check=False)
    assert done.returncode == 1 and "participant AA-1" in done.stderr


def test_differences_in_words(make_stack, scratch):
    stack = make_stack()
    with stack.client() as one:
        fill(one)
        stack.cbm("snapshot", "export", scratch / "a")
        one.call("registry", "participant.status", {"code": "SA", "status": "member", "from": "2025-01-01"})
        one.call("registry", "participant.put", {"code": "LA", "name": "Laos", "kind": "state",
                                                 "status": "observer", "since": "2022-02-09"})
        one.call("registry", "chair.appoint", {"code": "AZ", "from": "2024-12-17", "to": "2026-12-17"})
        stack.cbm("snapshot", "export", scratch / "b")
    done = stack.cbm("snapshot", "diff", scratch / "a", scratch / "b", check=False)
    lines = done.stdout.splitlines()
    assert done.returncode == 1
    assert "participant SA: status: member, was observer" in lines
    assert "participant SA: history: added status member, from 2025-01-01" in lines
    assert "chair book: terms: added code AZ, from 2024-12-17, to 2026-12-17" in lines
    assert any(line.startswith("participant LA: added, code LA, name Laos") for line in lines)
    back = stack.cbm("snapshot", "diff", scratch / "b", scratch / "a", check=False).stdout
    assert "participant LA: removed\n" in back
    same = stack.cbm("snapshot", "diff", scratch / "a", scratch / "a")
    assert same.returncode == 0 and same.stdout == ""


def in_pages(one, limit):
    """An export page by page, begun again when the registry changed on the way."""
    while True:
        try:
            return one.list("registry", "snapshot.export", {"limit": limit})
        except CallError as error:
            assert error.code == "aborted"


def test_an_export_is_of_one_state(make_stack, scratch):
    """A writer moves a contribution on by corrections, two documents a change: in every export the
    last one counts and all before it do not."""
    stack, stop = make_stack(), threading.Event()
    with stack.client() as one:
        fill(one)

    def write():
        with stack.client() as one:
            number = 0
            while not stop.is_set():
                number += 1
                one.call("registry", "contribution.record", {
                    "id": f"c-{number}", "participant": "KZ", "on": "2022-01-01", "amount": number,
                    "currency": "EUR", **({"supersedes": f"c-{number - 1}"} if number > 1 else {})})
                stop.wait(0.03 if number % 10 else 1.0)  # so that an export has a chance now and then

    writer = threading.Thread(target=write)
    writer.start()
    try:
        for i in range(12):
            if i % 2:
                stack.cbm("snapshot", "export", scratch / "a")
                exported = items(scratch / "a")
            else:
                with stack.client() as one:
                    exported = in_pages(one, 1)
            chain = [item["document"] for item in exported if item["id"].startswith("c-")]
            assert len([one for one in chain if "superseded_by" not in one]) == (1 if chain else 0)
            assert {f"c-{n}" for n in range(1, len(chain) + 1)} == {one["id"] for one in chain}
    finally:
        stop.set()
        writer.join()


def test_pages_of_a_changed_registry_do_not_fit_together(make_stack):
    stack = make_stack()
    with stack.client() as one:
        fill(one)
        whole = one.list("registry", "snapshot.export")
        for limit in (1, 4, 14, 15):
            assert one.list("registry", "snapshot.export", {"limit": limit}) == whole
        page = one.call("registry", "snapshot.export", {"limit": 3})
        one.call("events", "plan.open", {"year": 2024})  # another service's record moves nothing
        assert one.call("registry", "snapshot.export", {"limit": 3, "cursor": page["next"]})["items"] == whole[3:6]
        one.call("registry", "contact.put", {"participant": "AZ", "role": "press", "name": "B. Person",
                                             "from": "2021-01-01"})  # told on a private topic only
        with pytest.raises(CallError) as caught:
            one.call("registry", "snapshot.export", {"limit": 3, "cursor": page["next"]})
        assert caught.value.code == "aborted"
        for cursor in ("x", "1", "1/", "/a:b", "1/a", "1/A:b c", "9" * 30 + "/a:b", "1/a:\0"):
            with pytest.raises(CallError) as caught:
                one.call("registry", "snapshot.export", {"cursor": cursor})
            assert caught.value.code in ("invalid_argument", "aborted"), cursor


def test_hostile_documents_are_refused(make_stack):
    stack = make_stack()
    with stack.client() as one:
        fill(one)
        good = {(item["kind"], item["id"]): item for item in one.list("registry", "snapshot.export")}
    empty = make_stack()

    def changed(kind, id, **fields):
        item = good[(kind, id)]
        return {**item, "document": {**item["document"], **fields}}

    book = good[("chair", "book")]["document"]
    with empty.client() as one:
        for items in (
                [{"kind": "king", "id": "KZ", "document": {}}],
                [{"kind": "participant", "id": "K Z", "document": good[("participant", "KZ")]["document"]}],
                [{"kind": "participant", "id": "TR", "document": good[("participant", "KZ")]["document"]}],
                [{"kind": "participant", "id": "KZ", "document": 7}],
                [{"kind": "participant", "id": "KZ", "document": {"code": "KZ"}}],
                [changed("participant", "KZ", unknown=1)], [changed("participant", "KZ", rev=0)],
                [changed("participant", "KZ", history=[])], [changed("participant", "KZ", status="king")],
                [changed("chair", "book", terms=list(reversed(book["terms"])))],
                [changed("chair", "book", terms=[book["terms"][0]] * 2)],
                [changed("fund", "road", history=[])],
                [good[("participant", "TR")], good[("participant", "KZ")]],
                [good[("participant", "KZ")], good[("participant", "KZ")]]):
            with pytest.raises(CallError) as caught:
                one.call("registry", "snapshot.import", {"items": items, "last": True})
            assert caught.value.code == "invalid_argument", items
            assert caught.value.field.startswith("items["), caught.value.error
        for params in ({"items": [], "after": "nothing"}, {"items": [], "after": "a:b c"}, {}):
            with pytest.raises(CallError) as caught:
                one.call("registry", "snapshot.import", params)
            assert caught.value.code == "invalid_argument"
        assert one.call("notify", "log.last", {"prefix": ""})["seq"] == 0
        answer = one.call("registry", "snapshot.import", {"items": [good[("participant", "KZ")]], "last": True})
        assert (answer["restored"], answer["same"]) == (1, 0) and answer["seq"] == 1


def test_a_file_that_is_no_snapshot(sample_stack, scratch):
    path = scratch / "s"
    for text, why in [("", "not whole"), ("{}\n", "no snapshot"), ('{"snapshot":2,"documents":0}\n', "no snapshot"),
                      ('{"snapshot":1,"documents":1}\n', "not whole"), ("[]\n", "object"), ("{", "not JSON"),
                      ('{"snapshot":1,"documents":1}\n{"kind":"a"}\n', "want")]:
        path.write_text(text)
        done = sample_stack.cbm("snapshot", "import", path, check=False)
        assert done.returncode == 65 and why in done.stderr, (text, done.stderr)
    assert sample_stack.cbm("snapshot", "import", scratch / "none", check=False).returncode == 66
    assert sample_stack.cbm("snapshot", "export", check=False).returncode == 64
    assert sample_stack.cbm("snapshot", "shake", path, check=False).returncode == 64


def test_the_sample_goes_through(sample_stack, make_stack, scratch):
    sample_stack.cbm("snapshot", "export", scratch / "a")
    other = make_stack()
    other.cbm("snapshot", "import", scratch / "a")
    other.cbm("snapshot", "export", scratch / "b")
    assert (scratch / "a").read_bytes() == (scratch / "b").read_bytes()
    # and what is declared on top of it is there already
    done = other.cbm("import", *sorted((ROOT / "deploy" / "sample").glob("[1-5]*.jsonl")))
    assert " 0 changed something" in done.stdout and " 0 refused" in done.stdout
