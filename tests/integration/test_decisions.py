"""Decisions through the bus: templates, consensus, silence and its deadline, chains of recommendations,
and the proof that an outsider computes again. Deadlines are near, and waited for, never slept for."""
import hashlib
import json
import os
import subprocess
import time

import pytest

from conftest import CallError, time_ms, time_text, wait_for

MEMBERS = ["AZ", "KZ", "TJ"]
TEXT = "The Ministerial Council,\nПриветствуя, decides."


def after(seconds):
    return time_text(int((time.time() + seconds) * 1000))


@pytest.fixture(scope="module")
def registry(stack):
    """call(method, params) on a registry with members, bodies and templates."""
    client = stack.client()

    def call(method, params=None, **context):
        return client.call("registry", method, params, **context)

    for code, status in [*((code, "member") for code in MEMBERS), ("BY", "observer"), ("ECO", "partner")]:
        kind = "organisation" if code == "ECO" else "state"
        call("participant.put", {"code": code, "name": code, "kind": kind, "status": status,
                                 "since": "2000-01-01"})
    call("participant.put", {"code": "QA", "name": "Qatar", "kind": "state", "status": "member",
                             "since": "2000-01-01"})
    call("participant.status", {"code": "QA", "status": "former", "from": "2010-01-01"})
    for level, code in enumerate(["SWG", "SOC", "MC", "SUMMIT"], 1):
        call("body.put", {"code": code, "name": code, "kind": "governing", "level": level})
    call("body.put", {"code": "TTF", "name": "Think Tank Forum", "kind": "advisory"})
    call("procedure.put", {"code": "CONSENSUS", "mode": "consensus"})
    call("procedure.put", {"code": "SILENCE", "mode": "silence", "minimum": "P14D",
                           "bodies": ["SOC", "MC", "SUMMIT"], "may_shorten": True})
    yield call
    client.close()


@pytest.fixture
def refused(registry):
    def check(code, method, params, field=None):
        with pytest.raises(CallError) as caught:
            registry(method, params)
        assert caught.value.code == code and caught.value.error["message"], caught.value
        assert field is None or caught.value.field == field, caught.value.error
        return caught.value.error

    return check


def open_silence(call, seconds, **more):
    return call("decision.open", {"title": "Chairmanship", "body": "MC", "procedure": "SILENCE",
                                  "deadline": after(seconds), "text": TEXT, **more})


def records_of(call, id):
    return call("decision.proof", {"id": id})["records"]


def types_of(call, id):
    return [record["meta"]["type"] for record in records_of(call, id)]


def wait_outcome(call, id, count=1):
    """Waits for the outcome's record; it is the only one."""
    ends = {"decision.adopted", "decision.silence_broken", "decision.blocked", "decision.withdrawn"}
    wait_for(lambda: any(one in ends for one in types_of(call, id)), what="the outcome's record")
    assert sum(one in ends for one in types_of(call, id)) == count
    return records_of(call, id)[-1]


def test_templates(registry, refused):
    listed = {one["code"]: one for one in registry("procedure.list")["items"]}
    assert listed["SILENCE"]["minimum"] == "P14D" and listed["CONSENSUS"]["mode"] == "consensus"
    again = registry("procedure.put", {"code": "CONSENSUS", "mode": "consensus"})
    assert again["rev"] == 1
    refused("invalid_argument", "procedure.put", {"code": "X1", "mode": "silence", "minimum": "P1D"},
            "minimum")
    refused("invalid_argument", "procedure.put", {"code": "X1", "mode": "silence", "minimum": "soon"},
            "minimum")
    refused("failed_precondition", "decision.open",
            {"title": "X", "body": "SWG", "procedure": "SILENCE"}, "body")
    refused("failed_precondition", "decision.open",
            {"title": "X", "body": "SOC", "procedure": "SHOUTING"}, "procedure")
    refused("failed_precondition", "decision.open",
            {"title": "X", "body": "NONE", "procedure": "CONSENSUS"}, "body")


def test_silence_is_adopted_at_its_deadline(registry, refused):
    opened = open_silence(registry, 1)
    assert opened["id"] == "chairmanship" and opened["status"] == "open"
    assert opened["electorate"] == MEMBERS  # neither observers, partners nor former members
    assert opened["digest"] == hashlib.sha256(TEXT.encode()).hexdigest()
    assert registry("decision.get", {"id": "chairmanship"})["text"] == TEXT
    said = wait_outcome(registry, "chairmanship")
    assert said["meta"]["type"] == "decision.adopted" and said["meta"]["actor"] == "registry"
    assert said["data"]["from"] == "open" and said["data"]["outcome_at"] == opened["deadline"]
    assert said["topic"] == "decisions.MC.chairmanship."
    assert "text" not in said["data"]
    late = time_ms(said["meta"]["time"]) - time_ms(opened["deadline"])
    assert late >= 0
    for method, more in [("object", {"member": "KZ", "reason": "late"}), ("lift", {"member": "KZ"}),
                         ("extend", {"deadline": after(60)}), ("withdraw", {}), ("close", {})]:
        refused("failed_precondition", f"decision.{method}", {"id": "chairmanship", **more})
    assert registry("decision.get", {"id": "chairmanship"})["status"] == "adopted"


def test_an_objection_breaks_it_and_it_is_reopened(registry, refused):
    first = open_silence(registry, 1.2, id="broken")
    refused("failed_precondition", "decision.object",
            {"id": "broken", "member": "BY", "reason": "an observer"}, "member")
    refused("failed_precondition", "decision.object",
            {"id": "broken", "member": "ECO", "reason": "a partner"}, "member")
    refused("failed_precondition", "decision.lift", {"id": "broken", "member": "TJ"}, "member")
    for member in ("TJ", "KZ"):
        registry("decision.object", {"id": "broken", "member": member, "reason": "the second part"})
    again = registry("decision.object", {"id": "broken", "member": "KZ", "reason": "the second part"})
    assert again["rev"] == 3
    lifted = registry("decision.lift", {"id": "broken", "member": "TJ"})
    objections = {one["member"]: one for one in lifted["objections"]}
    assert "lifted_at" in objections["TJ"] and "lifted_at" not in objections["KZ"]
    assert objections["KZ"]["actor"] == "officer"
    assert time_ms(first["opened_at"]) <= time_ms(objections["TJ"]["at"]) < time_ms(first["deadline"])
    assert wait_outcome(registry, "broken")["meta"]["type"] == "decision.silence_broken"
    refused("failed_precondition", "decision.open",
            {"title": "X", "body": "SOC", "procedure": "CONSENSUS", "reopens": "broken"}, "reopens")
    second = open_silence(registry, 60, id="broken-2", reopens="broken")
    assert second["reopens"] == "broken"
    withdrawn = registry("decision.withdraw", {"id": "broken-2", "reason": "a better text is coming"})
    assert withdrawn["status"] == "withdrawn" and withdrawn["note"]
    assert types_of(registry, "broken-2") == ["decision.opened", "decision.withdrawn"]


def test_notice(registry, refused):
    """An officer may shorten it here; a deadline that is none is refused."""
    refused("failed_precondition", "decision.open",
            {"title": "X", "body": "MC", "procedure": "SILENCE", "deadline": after(-1)}, "deadline")
    refused("invalid_argument", "decision.open",
            {"title": "X", "body": "MC", "procedure": "SILENCE", "deadline": "2999-01-01T00:00:00Z"},
            "deadline")
    refused("invalid_argument", "decision.open",
            {"title": "X", "body": "MC", "procedure": "CONSENSUS", "deadline": after(60)}, "deadline")
    registry("procedure.put", {"code": "slow", "mode": "silence", "minimum": "PT72H"})
    usual = registry("decision.open", {"title": "Slow", "body": "MC", "procedure": "slow"})
    assert (time_ms(usual["deadline"]) - time_ms(usual["opened_at"])) == 72 * 3600 * 1000
    refused("failed_precondition", "decision.open",
            {"title": "X", "body": "MC", "procedure": "slow", "deadline": after(71 * 3600)}, "deadline")


def test_a_deadline_is_put_off(registry, refused):
    opened = open_silence(registry, 0.8, id="put-off")
    refused("failed_precondition", "decision.extend", {"id": "put-off", "deadline": after(0.1)},
            "deadline")
    moved = registry("decision.extend", {"id": "put-off", "deadline": after(2)})
    assert moved["deadline"] > opened["deadline"]
    wait_for(lambda: after(0) > opened["deadline"], what="the first deadline")
    assert registry("decision.get", {"id": "put-off"})["status"] == "open"
    registry("decision.object", {"id": "put-off", "member": "AZ", "reason": "between the two"})
    assert wait_outcome(registry, "put-off")["data"]["outcome_at"] == moved["deadline"]
    assert types_of(registry, "put-off") == ["decision.opened", "decision.extended",
                                             "decision.objected", "decision.silence_broken"]


def test_consensus(registry, refused):
    for objects in (False, True):
        made = registry("decision.open", {"title": "A statement", "body": "SUMMIT",
                                          "procedure": "CONSENSUS"})
        assert "deadline" not in made and made["digest"] == hashlib.sha256(b"A statement").hexdigest()
        if objects:
            registry("decision.object", {"id": made["id"], "member": "TJ", "reason": "paragraph 5"})
        refused("failed_precondition", "decision.extend", {"id": made["id"], "deadline": after(60)})
        closed = registry("decision.close", {"id": made["id"]})
        assert closed["status"] == ("blocked" if objects else "adopted")
        refused("failed_precondition", "decision.close", {"id": made["id"]})
    refused("failed_precondition", "decision.close", {"id": open_silence(registry, 60, id="no-close")["id"]})


def test_a_recommendation_climbs(registry, refused):
    def consensus(id, body, **more):
        return registry("decision.open", {"id": id, "title": id, "body": body,
                                          "procedure": "CONSENSUS", **more})

    def close(id):
        assert registry("decision.close", {"id": id})["status"] == "adopted"

    consensus("az-swg", "SWG")
    refused("failed_precondition", "decision.open", {"title": "X", "body": "SOC", "procedure": "CONSENSUS",
                                                     "recommended_by": "az-swg"}, "recommended_by")
    close("az-swg")
    consensus("az-soc", "SOC", recommended_by="az-swg")
    close("az-soc")
    consensus("az-summit", "SUMMIT")
    consensus("az-mc", "MC", recommended_by="az-soc", recommends="az-summit")
    assert [one["id"] for one in registry("decision.list", {"recommends": "az-summit"})["items"]] == ["az-mc"]
    for body, link, target in [("SWG", "recommended_by", "az-soc"), ("SUMMIT", "recommends", "az-mc"),
                               ("MC", "recommends", "az-mc"), ("TTF", "recommends", "az-mc"),
                               ("SWG", "supersedes", "az-soc"), ("SOC", "recommends", "az-none"),
                               ("SOC", "recommends", "az-swg")]:
        refused("failed_precondition", "decision.open",
                {"title": "X", "body": body, "procedure": "CONSENSUS", link: target}, link)
    close("az-mc")
    close("az-summit")
    refused("failed_precondition", "decision.open", {"title": "X", "body": "SOC", "procedure": "CONSENSUS",
                                                     "recommends": "az-summit"}, "recommends")
    assert consensus("az-mc-2", "MC", supersedes="az-mc")["supersedes"] == "az-mc"


def test_what_was_decided_elsewhere_is_recorded_and_cited(registry, refused):
    past = {"id": "kuwait-2022", "title": "Accession of Kuwait", "body": "SUMMIT", "decided": "2022-10-13",
            "status": "adopted", "procedure": "CONSENSUS"}
    refused("failed_precondition", "participant.put",
            {"code": "KW", "name": "Kuwait", "kind": "state", "status": "member", "since": "2022-10-13",
             "decision": "kuwait-2022"}, "decision")
    made = registry("decision.record", past)
    assert made["status"] == "adopted" and made["outcome_at"] == "2022-10-13T00:00:00Z"
    assert registry("decision.record", past)["seq"] == made["seq"]
    refused("already_exists", "decision.record", {**past, "status": "blocked"}, "id")
    refused("invalid_argument", "decision.record", {**past, "id": "x", "status": "open"}, "status")
    refused("invalid_argument", "decision.record", {**past, "id": "x", "decided": "2999-01-01"}, "decided")
    registry("participant.put", {"code": "KW", "name": "Kuwait", "kind": "state", "status": "member",
                                 "since": "2022-10-13", "decision": "kuwait-2022"})
    assert "KW" in open_silence(registry, 60)["electorate"]
    registry("participant.status", {"code": "KW", "status": "former", "from": "2023-01-01"})
    assert "KW" not in open_silence(registry, 60)["electorate"]


def test_lists(registry):
    assert all(one["status"] == "adopted" and "text" not in one
               for one in registry("decision.list", {"status": "adopted"})["items"])
    bodies = {one["body"] for one in registry("decision.list", {"body": "SUMMIT"})["items"]}
    assert bodies == {"SUMMIT"}
    first = registry("decision.list", {"limit": 2})
    second = registry("decision.list", {"limit": 2, "cursor": first["next"]})
    assert len(first["items"]) == 2 and first["items"][1]["id"] < second["items"][0]["id"]


def verify(stack, proof):
    done = subprocess.run([str(stack.build / "cbm"), "verify", "-"], input=json.dumps(proof), text=True,
                          capture_output=True, env={**os.environ, "CBM_BUS": "tcp://127.0.0.1:1"}, timeout=30)
    return done.returncode, done.stdout + done.stderr


def test_the_proof_is_computed_again(registry, stack, scratch):
    opened = open_silence(registry, 1.5, id="proven")
    registry("decision.object", {"id": "proven", "member": "TJ", "reason": "first"})
    registry("decision.lift", {"id": "proven", "member": "TJ"})
    registry("decision.object", {"id": "proven", "member": "TJ", "reason": "second"})
    registry("decision.object", {"id": "proven", "member": "KZ", "reason": "also"})
    registry("decision.lift", {"id": "proven", "member": "KZ"})
    proof = registry("decision.proof", {"id": "proven"})
    assert proof["outcome"] == {"status": "open", "at": None} and proof["next"] is None
    assert verify(stack, proof)[0] == 0
    wait_outcome(registry, "proven")
    proof = registry("decision.proof", {"id": "proven"})
    assert proof["outcome"] == {"status": "silence_broken", "at": opened["deadline"]}
    assert [(one["member"], one["reason"], "lifted_at" in one) for one in proof["objections"]] == [
        ("TJ", "first", True), ("TJ", "second", False), ("KZ", "also", True)]
    assert proof["electorate"] == MEMBERS and proof["notified_at"] == proof["records"][0]["meta"]["time"]
    assert proof["digest"] == hashlib.sha256(proof["records"][0]["data"]["text"].encode()).hexdigest()
    code, said = verify(stack, proof)
    assert code == 0 and "silence_broken" in said and "3 made, 2 lifted, 1 stand" in said, said
    rest = registry("decision.proof", {"id": "proven", "after": proof["records"][1]["meta"]["seq"]})
    assert rest["records"] == proof["records"][2:]

    def forged(change):
        other = json.loads(json.dumps(proof))
        change(other)
        return verify(stack, other)[0]

    assert forged(lambda p: p["records"].pop(1)) == 1          # an objection kept back
    assert forged(lambda p: p["records"].pop(0)) == 1
    assert forged(lambda p: p["outcome"].update(status="adopted")) == 1
    assert forged(lambda p: p["records"][0]["data"].update(text="Another text.")) == 1
    assert forged(lambda p: p["records"][4]["meta"].update(time=opened["deadline"])) == 1
    assert forged(lambda p: p["electorate"].pop()) == 1
    assert forged(lambda p: p.update(next=7)) == 1
    assert forged(lambda p: p["records"].clear()) == 1
    assert forged(lambda p: p["records"][0].pop("meta")) == 65
    assert forged(lambda p: p["records"][0].update(data=[])) == 65
    assert forged(lambda p: p.update(records=[[[[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]]]])) == 65
    assert forged(lambda p: p.update(records=7)) == 65
    assert forged(lambda p: p.update(as_of="soon")) == 65
    garbage = scratch / "garbage"
    garbage.write_bytes(b"\x00\xff{]")
    assert stack.cbm("verify", garbage, check=False).returncode == 65
    assert stack.cbm("verify", scratch / "nothing", check=False).returncode == 66
    printed = scratch / "proof.json"
    printed.write_text(stack.cbm("call", "registry", "decision.proof", '{"id": "proven"}').stdout)
    assert "holds" in stack.cbm("verify", printed).stdout
    assert verify(stack, registry("decision.proof", {"id": "kuwait-2022"}))[0] == 0


def test_right_though_nobody_ran(make_stack):
    """The only registry is dead at the deadline, and the clock of the one that comes back is a year
    behind: a read before anything else is right, and then the outcome is written, once."""
    stack = make_stack()
    client = stack.client()

    def call(method, params):
        return client.call("registry", method, params, safe=True)

    call("participant.put", {"code": "KZ", "name": "KZ", "kind": "state", "status": "member",
                             "since": "2000-01-01"})
    call("body.put", {"code": "MC", "name": "MC", "kind": "governing", "level": 3})
    call("procedure.put", {"code": "SILENCE", "mode": "silence", "may_shorten": True})
    open_silence(call, 1.5, id="quiet")
    opened = open_silence(call, 1.5, id="spoken")
    call("decision.object", {"id": "spoken", "member": "KZ", "reason": "no"})
    assert call("decision.get", {"id": "quiet"})["status"] == "open"
    stack.kill("registry.1")
    wait_for(lambda: after(0) > opened["deadline"], what="the deadline")
    stack.up(CBM_TEST_NOW_MS="1700000000000")
    assert call("decision.get", {"id": "quiet"})["status"] == "adopted"
    spoken = call("decision.get", {"id": "spoken"})
    assert spoken["status"] == "silence_broken" and spoken["outcome_at"] == opened["deadline"]
    wait_outcome(call, "quiet")
    wait_outcome(call, "spoken")
    client.close()
