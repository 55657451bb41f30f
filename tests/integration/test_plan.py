"""The annual plan: from open to closed by a decision of the SOC, what is kept of it, what differs, the numbers
of a year against counts taken by hand, and the clock that proposes to hold. Two replicas of each service."""
import collections
import json
import threading
import time

import jsonpatch
import pytest

from conftest import ROOT, SLOW, CallError, time_text, wait_for
from test_events import CATALOGUE, call, propose, refused, schedule

MEMBERS = ["AZ", "CN", "KZ"]


@pytest.fixture(scope="module")
def two(stack_of_two):
    with stack_of_two.client() as client:
        registry = lambda method, **params: client.call("registry", method, params)
        for code in MEMBERS:
            registry("participant.put", code=code, name=code, kind="state", status="member", since="2000-01-01")
        registry("body.put", code="SOC", name="Senior Officials Committee", kind="governing", level=2)
        registry("body.put", code="SWG", name="Special Working Group", kind="governing", level=1)
        registry("procedure.put", code="CONSENSUS", mode="consensus")
        registry("procedure.put", code="SILENCE", mode="silence", minimum="P14D", may_shorten=True)
        registry("catalogue.put", **CATALOGUE)
    return stack_of_two


@pytest.fixture(scope="module")
def stack_of_two():
    from conftest import Stack, scratch_directory, shutil
    one = Stack(scratch_directory())
    try:
        yield one.up("--scale", "events=2,registry=2")
    finally:
        one.down()
        shutil.rmtree(one.dir, ignore_errors=True)


@pytest.fixture
def client(two):
    with two.client() as one:
        yield one


def plan_of(client, year):
    return call(client, "plan.get", year=year)


def becomes(client, year, status, version):
    """Waits until the plan stands so, and returns it."""
    def look():
        plan = plan_of(client, year)
        return plan if (plan["status"], plan["version"]) == (status, version) else None
    return wait_for(look, 10, f"the plan of {year} to be {status} in version {version}")


def decision(client, id):
    def look():
        try:
            return client.call("registry", "decision.get", {"id": id})
        except CallError as error:
            assert error.code == "not_found"
    return wait_for(look, 10, f"the decision {id}")


def records(client, prefix, after=0):
    items = []
    while True:
        page = client.call("notify", "log.read", {"prefix": prefix, "after": after, "limit": 1000})
        items += page["items"]
        after = page["next"]
        if after >= page["last"]:
            return items


def types(client, prefix):
    return [item["meta"]["type"] for item in records(client, prefix)]


def test_from_open_to_closed(client):
    call(client, "plan.open", year=2031, title="The plan of 2031")
    assert refused("failed_precondition", client, "plan.close", year=2031).error["message"].endswith("submit, adopt")
    refused("not_found", client, "plan.submit", year=2032)
    refused("aborted", client, "plan.submit", year=2031, rev=7)
    first, second = (propose(client, id=f"plan-31-{n}", area="agriculture", year=2031)["id"] for n in (1, 2))
    refused("not_found", client, "plan.get", year=2031, version=1)
    plan = call(client, "plan.submit", year=2031)
    assert (plan["status"], plan["decision"], plan["procedure"]) == ("submitted", "plan-2031-v1", "CONSENSUS")
    assert "text" not in plan and "text" not in plan_of(client, 2031)
    opened = decision(client, "plan-2031-v1")
    assert (opened["body"], opened["opener"], opened["subject"], opened["title"]) == \
        ("SOC", "officer", "plan.2031", "The plan of 2031")
    assert opened["digest"] == plan["digest"] and first in opened["text"] and second in opened["text"]
    for method in ("plan.submit", "plan.close"):
        refused("failed_precondition", client, method, year=2031)
    refused("failed_precondition", client, "plan.adopt", year=2031)  # nobody has decided yet

    client.call("registry", "decision.object", {"id": "plan-2031-v1", "member": "KZ", "reason": "too early"})
    client.call("registry", "decision.close", {"id": "plan-2031-v1"})
    back = becomes(client, 2031, "open", 2)
    assert "blocked" in back["reason"] and "decision" not in back
    call(client, "event.amend", id=first, title="Better", reason="as KZ asked")
    assert call(client, "plan.submit", year=2031)["decision"] == "plan-2031-v2"
    decision(client, "plan-2031-v2")
    client.call("registry", "decision.close", {"id": "plan-2031-v2"})
    adopted = becomes(client, 2031, "adopted", 2)
    assert adopted["adopted_version"] == 2 and adopted["decision"] == "plan-2031-v2" and "reason" not in adopted
    assert [(step["version"], step["status"], step["actor"]) for step in adopted["history"]] == [
        (1, "open", "officer"), (1, "submitted", "officer"), (2, "open", "events"), (2, "submitted", "officer"),
        (2, "adopted", "events")]

    late = propose(client, id="plan-31-late", year=2031)
    assert late["additional"] is True and not call(client, "event.get", id=first)["additional"]
    call(client, "event.accept", id=second)
    call(client, "event.cancel", id=second, reason="no hall")
    kept = call(client, "plan.get", year=2031, version=2)
    assert sorted(kept["events"]) == [first, second] and kept["events"][second]["status"] == "proposed"
    assert kept["status"] == "adopted" and call(client, "plan.get", year=2031, version=1)["status"] == "submitted"
    assert call(client, "plan.get", year=2031, version=1)["events"][first]["title"] != "Better"
    today = time.strftime("%Y-%m-%d", time.gmtime())
    as_of = call(client, "plan.get", year=2031, as_of=today)
    assert as_of["events"] == kept["events"]
    refused("not_found", client, "plan.get", year=2031, as_of="2020-01-01")
    closed = call(client, "plan.close", year=2031)
    assert (closed["status"], closed["version"], closed["adopted_version"]) == ("closed", 3, 2)
    assert sorted(call(client, "plan.get", year=2031, version=3)["events"]) == [first, second, late["id"]]
    assert "final" in refused("failed_precondition", client, "plan.adopt", year=2031).error["message"]
    assert types(client, "plan.2031.") == ["plan.opened", "plan.submitted", "plan.returned", "plan.submitted",
                                           "plan.adopted", "plan.closed"]
    assert types(client, "decisions.SOC.plan-2031-v2.") == ["decision.opened", "decision.adopted"]

    diff = call(client, "plan.diff", year=2031, to=3)
    assert [(change["id"], change["change"]) for change in diff["changes"]] == [
        (second, "changed"), (late["id"], "added")]
    assert [(step["type"], step["actor"], step.get("reason")) for step in diff["changes"][0]["steps"]] == [
        ("event.accepted", "officer", None), ("event.cancelled", "officer", "no hall")]
    assert any(line.startswith(f"{second}: status: proposed → cancelled") for line in diff["words"])
    assert any("event.cancelled by officer" in line and "no hall" in line for line in diff["words"])


def test_patches_make_one_version_the_other(client):
    call(client, "plan.open", year=2033)
    names = [propose(client, id=f"plan-33-{n:02}", year=2033, titles={"ru": "Семинар"}, institutions=["A", "B"])["id"]
             for n in range(12)]
    client.call("registry", "decision.record", {"id": "soc-33", "title": "The plan of 2033", "body": "SOC",
                                                "decided": "2026-01-10", "status": "adopted"})
    client.call("registry", "decision.record", {"id": "swg-33", "title": "No", "body": "SWG", "decided": "2026-01-10",
                                                "status": "adopted"})
    client.call("registry", "decision.record", {"id": "blocked-33", "title": "No", "body": "SOC",
                                                "decided": "2026-01-10", "status": "blocked"})
    assert refused("invalid_argument", client, "plan.adopt", year=2033).field == "decision"
    for wrong in ("swg-33", "blocked-33", "nothing"):
        assert refused("failed_precondition", client, "plan.adopt", year=2033, decision=wrong).field == "decision"
    assert call(client, "plan.adopt", year=2033, decision="soc-33")["status"] == "adopted"
    assert call(client, "plan.diff", year=2033)["patch"] == []
    call(client, "event.amend", id=names[0], title="Другой", titles={"en": "Other"}, place="Almaty", reason="moved")
    call(client, "event.amend", id=names[1], institutions=["C"])
    call(client, "event.amend", id=names[2], year=2034)
    call(client, "event.accept", id=names[3])
    schedule(client, names[3], ("2033-05-01", "2033-05-02"), ("2033-06-01", "2033-06-02"))
    call(client, "event.withdraw", id=names[4], reason="no more")
    propose(client, id="plan-33-00a", year=2033)
    diff = call(client, "plan.diff", year=2033)
    before = call(client, "plan.get", year=2033, version=1)["events"]
    now = {event["id"]: event for event in client.list("events", "event.list", {"year": 2033})}
    assert jsonpatch.apply_patch({"events": before}, diff["patch"])["events"] == now and before != now
    assert {change["id"]: change["change"] for change in diff["changes"]} == {
        names[0]: "changed", names[1]: "changed", names[2]: "removed", names[3]: "changed", names[4]: "changed",
        "plan-33-00a": "added"}
    assert f"{names[3]}: sessions: none → 2033-05-01 to 2033-05-02, 2033-06-01 to 2033-06-02" in diff["words"]
    assert any(line.startswith(f"{names[0]}: event.amended by officer, ") and line.endswith(": moved")
               for line in diff["words"])
    call(client, "plan.close", year=2033)
    closed = call(client, "plan.diff", year=2033, **{"from": 1, "to": 2})
    assert jsonpatch.apply_patch({"events": before}, closed["patch"])["events"] == now
    back = call(client, "plan.diff", year=2033, **{"from": 2, "to": 1})
    assert jsonpatch.apply_patch({"events": now}, back["patch"])["events"] == before
    refused("not_found", client, "plan.diff", year=2033, **{"from": 9})
    refused("failed_precondition", client, "plan.diff", year=call(client, "plan.open", year=2035)["year"])
    report = call(client, "plan.report", year=2033)
    assert (report["version"], report["total"]["planned"], report["planned_gone"]) == (1, 10, 2)
    assert report["total"]["additional"] == 1 and report["total"]["events"] == 11


def test_a_large_plan_is_kept_in_pages(client):
    """Titles so long that neither a document nor the decision's text takes all of them."""
    call(client, "plan.open", year=2039)
    wanted = {}
    for number in range(140):
        long = f"{number:03} " + "слово " * 40
        event = propose(client, id=f"plan-39-{number:03}", year=2039, title=long,
                        titles={f"l{lang}": long for lang in range(5)})
        wanted[event["id"]] = {key: value for key, value in event.items() if key != "seq"}
    plan = call(client, "plan.submit", year=2039)
    text = decision(client, "plan-2039-v1")["text"]
    assert len(text.encode()) <= 65536 and " more, which plan.get shows" in text.splitlines()[-1]
    step = plan_of(client, 2039)["history"][-1]
    assert step["events"] == 140 and step["pages"] > 1
    kept, cursor = {}, None
    while True:
        page = call(client, "plan.get", year=2039, version=1, **({"cursor": cursor} if cursor else {}))
        kept.update(page["events"])
        cursor = page.get("next")
        if not cursor:
            break
    assert kept == wanted and list(kept) == sorted(kept)
    assert call(client, "plan.get", year=2039, version=1, cursor="99")["events"] == {}
    refused("invalid_argument", client, "plan.get", year=2039, version=1, cursor="x")
    assert call(client, "plan.diff", year=2039)["patch"] == []
    assert call(client, "stats.year", year=2039)["total"]["events"] == 140


def test_silence_adopts_it(client):
    call(client, "plan.open", year=2036)
    call(client, "plan.submit", year=2036, procedure="SILENCE", deadline=ahead(2))
    assert becomes(client, 2036, "adopted", 1)["decision"] == "plan-2036-v1"
    assert types(client, "plan.2036.") == ["plan.opened", "plan.submitted", "plan.adopted"]


def test_a_refusal_reaches_the_plan(client):
    call(client, "plan.open", year=2037)
    for number, (params, why) in enumerate([
            ({"procedure": "SHOUTING"}, "SHOUTING"), ({"deadline": time_text(0)}, "deadline"),
            ({"procedure": "SILENCE", "deadline": time_text(0)}, "longer silence")], 1):
        call(client, "plan.submit", year=2037, **params)
        plan = becomes(client, 2037, "open", number + 1)
        assert why in plan["reason"] and plan["history"][-1]["reason"] == plan["reason"]
    client.call("registry", "decision.open", {"id": "plan-2037-v4", "title": "Mine", "body": "SOC",
                                              "procedure": "CONSENSUS"})
    call(client, "plan.submit", year=2037)
    assert "another decision" in becomes(client, 2037, "open", 5)["reason"]
    client.call("registry", "decision.close", {"id": "plan-2037-v4"})
    call(client, "plan.submit", year=2037)
    decision(client, "plan-2037-v5")
    client.call("registry", "decision.withdraw", {"id": "plan-2037-v5", "reason": "wait"})
    assert "withdrawn" in becomes(client, 2037, "open", 6)["reason"]
    assert types(client, "registry.plan.2037.") == ["plan.refused"] * 4
    assert types(client, "plan.2037.") == ["plan.opened"] + ["plan.submitted", "plan.returned"] * 5


def test_one_of_many_submits(two, client):
    call(client, "plan.open", year=2038)
    outcomes = []

    def submit():
        with two.client() as one:
            try:
                outcomes.append(call(one, "plan.submit", year=2038)["status"])
            except CallError as error:
                outcomes.append(error.code)
    threads = [threading.Thread(target=submit) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(outcomes) == ["failed_precondition"] * 7 + ["submitted"]
    decision(client, "plan-2038-v1")
    client.call("registry", "decision.close", {"id": "plan-2038-v1"})
    becomes(client, 2038, "adopted", 1)
    assert types(client, "plan.2038.") == ["plan.opened", "plan.submitted", "plan.adopted"]


def test_a_restart_forgets_nothing(make_stack):
    stack = make_stack("--scale", "events=2,registry=2")
    with stack.client() as client:
        for code in MEMBERS:
            client.call("registry", "participant.put", {"code": code, "name": code, "kind": "state", "status": "member",
                                                        "since": "2000-01-01"})
        client.call("registry", "body.put", {"code": "SOC", "name": "SOC", "kind": "governing", "level": 2})
        client.call("registry", "procedure.put", {"code": "CONSENSUS", "mode": "consensus"})
        call(client, "plan.open", year=2031)
        for name in ("registry.1", "registry.2"):
            stack.kill(name)
        call(client, "plan.submit", year=2031)
        for name in ("events.1", "events.2"):
            stack.kill(name)
    stack.up("--scale", "events=2,registry=2")
    with stack.client() as client:
        decision(client, "plan-2031-v1")
        for name in ("events.1", "events.2"):
            stack.kill(name)
        client.call("registry", "decision.close", {"id": "plan-2031-v1"})
    stack.up("--scale", "events=2,registry=2")
    with stack.client() as client:
        becomes(client, 2031, "adopted", 1)
        assert types(client, "plan.2031.") == ["plan.opened", "plan.submitted", "plan.adopted"]
        assert types(client, "decisions.") == ["decision.opened", "decision.adopted"]


# ---- the clock -----------------------------------------------------------------------------------

def ahead(seconds):
    return time_text(int((time.time() + seconds) * 1000))


def soon(client, seconds, **fields):
    """A scheduled event that ends in so many seconds, and when that is."""
    name = propose(client, year=2026, **fields)["id"]
    call(client, "event.accept", id=name)
    end = ahead(seconds)
    schedule(client, name, (ahead(-3600), end))
    return name, end


def stepped(client, name):
    return [step["type"] for step in call(client, "event.history", id=name)["items"]]


def test_the_clock_proposes_to_hold(client):
    (moved, _), (gone, _) = soon(client, 3 * SLOW), soon(client, 3 * SLOW)
    schedule(client, moved, (ahead(-3600), ahead(86400)))
    call(client, "event.cancel", id=gone, reason="no hall")
    refused("failed_precondition", client, "event.report", id=moved, member_states=[])
    past = propose(client, year=2026)["id"]
    call(client, "event.accept", id=past)
    schedule(client, past, ("2021-01-01", "2021-01-02"))
    (held, end), (reported, _) = soon(client, 3 * SLOW), soon(client, 3 * SLOW)
    for name in (held, reported):
        wait_for(lambda: "hold_due" in call(client, "event.get", id=name), 10, "the clock")
    event = call(client, "event.get", id=held)
    assert event["status"] == "scheduled" and event["hold_due"] == end
    call(client, "event.hold", id=held)
    event = call(client, "event.report", id=reported, member_states=["KZ"], participants_count=12)
    assert event["status"] == "reported" and "hold_due" not in event
    before = ["event.proposed", "event.accepted", "event.scheduled"]
    assert stepped(client, held) == before + ["event.hold_due", "event.held"]
    assert stepped(client, reported) == before + ["event.hold_due", "event.held", "event.reported"]
    told = [item["data"] for item in records(client, f"events.-.-.{reported}.")][-2:]
    assert [(data["from"], data["status"], "report" in data) for data in told] == [
        ("scheduled", "held", False), ("held", "reported", True)]
    assert stepped(client, moved) == before + ["event.rescheduled"]
    assert stepped(client, gone) == before + ["event.cancelled"]
    assert stepped(client, past) == before and "hold_due" not in call(client, "event.get", id=past)
    refused("failed_precondition", client, "event.report", id=past, member_states=[])


def test_other_dates_are_waited_for_anew(client):
    name, _ = soon(client, 1)
    wait_for(lambda: "hold_due" in call(client, "event.get", id=name), 10, "the clock")
    end = ahead(1.5)
    assert "hold_due" not in schedule(client, name, (ahead(-3600), end))
    wait_for(lambda: call(client, "event.get", id=name).get("hold_due") == end, 10, "the clock again")
    call(client, "event.postpone", id=name, reason="again")
    assert "hold_due" not in call(client, "event.get", id=name)
    assert stepped(client, name)[3:] == ["event.hold_due", "event.rescheduled", "event.hold_due", "event.postponed"]


# ---- the numbers ---------------------------------------------------------------------------------

def test_a_series_is_counted_once(client):
    def held(name, count=None, qualifier=None, **fields):
        propose(client, id=name, year=2019, **fields)
        call(client, "event.accept", id=name)
        schedule(client, name, ("2019-05-01", "2019-05-02"))
        call(client, "event.hold", id=name)
        counts = {"participants_count": count, "participants_qualifier": qualifier} if count else {}
        call(client, "event.report", id=name, member_states=["CN", "KZ"], **counts)
    held("course", 950, "more_than", area="agriculture")
    held("course-1", area="agriculture", series="course")
    held("course-2", 510, "exact", area="agriculture", series="course")
    held("course-2-a", 100, "exact", area="energy", series="course-2")
    held("alone-1", 40, "about", area="energy", series="no-such-event")
    held("alone-2", 7, "exact", host="KZ")
    for series, other in (("ring-1", "ring-2"), ("ring-2", "ring-1")):
        held(series, 1, "exact", host="AZ", series=other)
    stats = call(client, "stats.year", year=2019)
    assert (stats["total"]["participants_count"], stats["total"]["participants_qualifier"]) == (997, "more_than")
    rows = {row["name"]: row for row in stats["by_area"]}
    assert rows["agriculture"]["participants_count"] == 950 and rows["agriculture"]["held"] == 3
    assert (rows["energy"]["participants_count"], rows["energy"]["participants_qualifier"]) == (40, "about")
    hosts = {row["name"]: row for row in stats["by_host"]}
    assert (hosts["KZ"]["participants_count"], hosts["KZ"]["participants_qualifier"]) == (7, "exact")
    assert stats["states"] == [{"code": "CN", "events": 8}, {"code": "KZ", "events": 8}]
    assert stats["areas_without"] == ["youth"] and stats["catalogue"] == 1
    assert [row["name"] for row in stats["by_quarter"]] == ["2019-Q1", "2019-Q2", "2019-Q3", "2019-Q4"]


def test_what_is_overdue_is_found(client):
    call(client, "plan.open", year=2018, report_days=10)
    for name, status, days in (("late", "held", ("2018-03-01", "2018-03-02")),
                               ("later", "scheduled", ("2018-02-01", "2018-02-02")),
                               ("fine", "reported", ("2018-02-01", "2018-02-02"))):
        propose(client, id=name, year=2018)
        call(client, "event.accept", id=name)
        schedule(client, name, days)
        if status != "scheduled":
            call(client, "event.hold", id=name)
        if status == "reported":
            call(client, "event.report", id=name, member_states=[])
    report = call(client, "plan.report", year=2018)
    assert report["overdue_count"] == 2 and report["hold_due"] == 1
    assert [(one["id"], one["status"], one["ended"], one["due"]) for one in report["overdue"]] == [
        ("later", "scheduled", "2018-02-02", "2018-02-12"), ("late", "held", "2018-03-02", "2018-03-12")]
    early = call(client, "plan.report", year=2018, as_of="2018-03-12")
    assert [one["id"] for one in early["overdue"]] == ["later"] and early["total"]["held"] == 2
    first = call(client, "plan.report", year=2018, as_of="2018-02-01")
    assert first["overdue_count"] == 0 and first["total"]["held"] == 0 and first["total"]["scheduled"] == 3


def lines(name):
    return [json.loads(line) for line in (ROOT / "deploy/sample" / name).read_text().splitlines()
            if line and not line.startswith("#")]


def test_the_plan_of_2021_against_a_count_by_hand(sample_stack):
    """The sample's own lines, counted without the service, and the figures that people counted in them."""
    with sample_stack.client() as client:
        report, early = (call(client, "plan.report", year=2021, **more) for more in ({}, {"as_of": "2021-12-08"}))
        stats = call(client, "stats.year", year=2021)
    events = [line for line in lines("60-plan-2021.jsonl")
              if line["kind"] == "event" and line["event"]["year"] == 2021]
    held = [line for line in events if line["status"] in ("held", "reported")]
    ends = {line["event"]["id"]: max(one["end"] for one in line["schedule"]["sessions"])[:10]
            for line in events if "schedule" in line}
    counts = [line["report"] for line in held if line.get("report", {}).get("participants_count") is not None]
    total = report["total"]
    assert (total["events"], total["held"], total["reported"], total["accepted"], total["scheduled"]) == (33, 29, 23, 3, 1)
    assert (len(events), len(held)) == (33, 29)
    assert (total["planned"], total["additional"], total["planned_held"]) == (33, 0, 29)
    assert total["participants_count"] == sum(one["participants_count"] for one in counts) == 840
    assert (total["participants_qualifier"], total["counted"]) == ("more_than", 5)
    assert early["total"]["held"] == sum(ends[line["event"]["id"]] <= "2021-12-08" for line in held)
    # 002 counts 38 of the plan by that day: the sample has those that it describes, and says so
    assert early["total"]["held"] <= 38

    def table(of, key, default="-"):
        return dict(collections.Counter(of(line) or default for line in events if key(line)))
    for name, of in (("by_dimension", lambda line: line["event"].get("dimension")),
                     ("by_area", lambda line: line["event"].get("area")),
                     ("by_host", lambda line: line["event"]["host"]),
                     ("by_format", lambda line: line.get("schedule", {}).get("format") or line["event"].get("format"))):
        rows = {row["name"]: row for row in report[name]}
        assert {key: row["events"] for key, row in rows.items() if row["events"]} == table(of, lambda _: True), name
        assert {key: row["held"] for key, row in rows.items() if row["held"]} == \
            table(of, lambda line: line in held), name
        assert sum(row["participants_count"] for row in rows.values()) == 840
    quarters = {row["name"]: row["events"] for row in report["by_quarter"]}
    starts = collections.Counter(
        f"2021-Q{(int(line['schedule']['sessions'][0]['start'][5:7]) + 2) // 3}" if "schedule" in line else "-"
        for line in events)
    assert {name: count for name, count in quarters.items() if count} == dict(starts)
    areas = [area["code"] for line in lines("40-catalogue.jsonl") if line["adopted"] == "2021-10-12"
             for dimension in line["dimensions"] for area in dimension["areas"]]
    named = {line["event"].get("area") for line in events}
    assert len(areas) == 18 and set(report["areas_without"]) == set(areas) - named
    states = collections.Counter(code for line in held for code in line.get("report", {}).get("member_states", []))
    assert {one["code"]: one["events"] for one in report["states"]} == dict(states)
    assert {one["id"] for one in report["overdue"]} == {
        line["event"]["id"] for line in events if line["status"] in ("held", "scheduled")}
    assert {key: value for key, value in report.items() if key in stats} == stats


# ---- the command line ----------------------------------------------------------------------------

def test_the_plan_on_the_command_line(two, client):
    def cbm(*words, **options):
        return two.cbm("plan", *words, **options)
    assert "the plan of 2041 is open, version 1" in cbm("open", 2041, "--title", "The plan of 2041").stdout
    name = propose(client, year=2041, area="energy")["id"]
    assert cbm("submit", 2040, check=False).returncode == 1 and cbm("dance", 2041, check=False).returncode == 64
    assert cbm("submit", 2041, "--decision", "x", check=False).returncode == 64
    assert cbm(2041, "--to", "1", check=False).returncode == 64
    assert "submitted, version 1, decision plan-2041-v1" in cbm("submit", 2041).stdout
    decision(client, "plan-2041-v1")
    client.call("registry", "decision.close", {"id": "plan-2041-v1"})
    becomes(client, 2041, "adopted", 1)
    assert "The plan of 2041: adopted, version 1, decision plan-2041-v1" in cbm(2041).stdout
    assert "nothing differs from version 1" in cbm("diff", 2041).stdout
    call(client, "event.amend", id=name, title="Wind", reason="a better word")
    shown = cbm("diff", 2041, "--from", 1).stdout
    assert f"{name}: title: " in shown and "a better word" in shown
    report = cbm("report", 2041).stdout
    assert "areas without an event: agriculture, youth" in report and "2041-Q4" in report
    assert json.loads(cbm("report", 2041, "--json", "--as-of", "2041-06-01").stdout)["as_of"] == "2041-06-01"
    assert "is closed, version 2" in cbm("close", 2041).stdout
