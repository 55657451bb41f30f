"""Reminders through the bus: put, moved, cancelled, met, of silences and by rules; who may; told once by three
replicas, late after an outage, and for nothing while they wait. It must not know libcbm."""
import json
import os
import subprocess
import time

import pytest

from conftest import CallError, Stack, scratch_directory, send_all, time_ms, time_text, wait_for
from test_visibility import Who

DAY = 86_400_000


def now_ms():
    return int(time.time() * 1000)


class Desk:
    """An officer with events and reminders."""

    def __init__(self, stack):
        self.stack, self.client, self.count = stack, stack.client(), 0

    def call(self, method, **params):
        service = {"event": "events", "milestone": "events", "decision": "registry", "participant": "registry",
                   "body": "registry", "procedure": "registry"}.get(method.split(".")[0], "notify")
        return self.client.call(service, method, params, key=f"desk-{os.urandom(8).hex()}")

    def event(self, start=None, **more):
        """A new event, scheduled if it has a time; its id."""
        self.count += 1
        id = f"event-{self.count}"
        self.call("event.propose", id=id, title=f"Event {self.count}", kind="seminar", year=2027,
                  **{"host": "KZ", **more})
        self.call("event.accept", id=id)
        if start:
            self.schedule(id, start)
        return id

    def schedule(self, id, start, **more):
        end = start if isinstance(start, str) else time_text(start + 3_600_000)
        start = start if isinstance(start, str) else time_text(start)
        return self.call("event.schedule", id=id, format="online", sessions=[{"start": start, "end": end}], **more)

    def one(self, id):
        return next((one for one in self.client.list("notify", "reminder.list") if one["id"] == id), None)

    def becomes(self, id, status, **more):
        """The reminder, once it is that."""
        wanted = {"status": status, **more}
        return wait_for(lambda: (one := self.one(id)) and all(one.get(key) == value for key, value in wanted.items())
                        and one, 10, f"{id} to be {wanted}")

    def notices(self, prefix="reminders."):
        """All that was told: [(topic, meta, data)]."""
        items, after = [], 0
        while True:
            page = self.client.call("notify", "log.read", {"prefix": prefix, "after": after, "limit": 1000})
            items += [(item["topic"], item["meta"], item["data"]) for item in page["items"]]
            after = page["next"]
            if after >= page["last"]:
                return [item for item in items if item[1]["type"] == "reminder.due"]

    def told(self, id, count=1, prefix="reminders."):
        return wait_for(lambda: len(got := [one for one in self.notices(prefix) if one[2]["id"] == id]) >= count and got,
                        10, f"{id} to be told")


@pytest.fixture(scope="module")
def desk():
    stack = Stack(scratch_directory())
    try:
        one = Desk(stack.up("--scale", "notify=3"))
        for code in ("KZ", "CN"):
            one.call("participant.put", code=code, name=code, kind="state", status="member", since="2000-01-01")
        yield one
    finally:
        stack.down()


@pytest.fixture
def refused(desk):
    def check(code, method, field=None, **params):
        with pytest.raises(CallError) as caught:
            desk.call(method, **params)
        assert caught.value.code == code and (field is None or caught.value.field == field), caught.value.error

    return check


def test_planned_moved_and_told_once_by_three(desk):
    start = now_ms() + 30 * DAY
    id = desk.event(start)
    put = desk.call("reminder.put", event=id, anchor="session", offset="-PT2H", title="Rooms", text="Book rooms.")
    assert (put["status"], time_ms(put["due"]), put["rev"]) == ("planned", start - 7_200_000, 1)
    again = desk.call("reminder.put", event=id, anchor="session", offset="-PT2H", title="Rooms", text="Book rooms.")
    assert again["rev"] == 1 and again["seq"] == put["seq"]
    start = now_ms() + 7_200_000 + 1500
    desk.schedule(id, start)
    desk.becomes(put["id"], "planned", due=time_text(start - 7_200_000).replace(".000Z", "Z"))
    with desk.stack.subscriber("reminders.") as live:
        topic, meta, data = live.records(1)[0]
    assert (topic, meta["type"], meta["actor"], meta["subject"]) == (f"reminders.-.-.{id}.", "reminder.due", "notify", id)
    assert 0 <= time_ms(meta["time"]) - (start - 7_200_000) < 1000
    assert {key: data[key] for key in ("id", "event", "anchor", "offset", "late", "title", "text", "host")} == {
        "id": put["id"], "event": id, "anchor": "session", "offset": "-PT2H", "late": False, "title": "Rooms",
        "text": "Book rooms.", "host": "KZ"}
    assert time_ms(data["anchor_at"]) == start and time_ms(data["due"]) == start - 7_200_000
    desk.becomes(put["id"], "sent", late=False)
    # another date makes another reminder
    desk.schedule(id, now_ms() + 7_200_000 + 800)
    assert len(desk.told(put["id"], 2)) == 2


def test_what_was_told_is_not_told_again_in_other_words(desk):
    event = desk.event(now_ms() + DAY + 700)
    put = desk.call("reminder.put", id="words", event=event, anchor="session", offset="-P1D", text="Soon")
    desk.told("words")
    sent = desk.becomes("words", "sent")
    again = desk.call("reminder.put", id="words", event=event, anchor="session", offset="-P1D", text="Very soon")
    assert (again["status"], again["sent_at"], again["text"]) == ("sent", sent["sent_at"], "Very soon") and again["rev"] > put["rev"]
    assert len(desk.told("words")) == 1


def test_cancelled_postponed_rescheduled(desk):
    id = desk.event(now_ms() + 30 * DAY)
    first = desk.call("reminder.put", event=id, anchor="session", offset="-P14D")["id"]
    last = desk.call("reminder.put", event=id, anchor="session-end", offset="P1M")["id"]
    desk.call("event.postpone", id=id, reason="No visas")
    assert "due" not in desk.becomes(first, "waiting") and desk.becomes(last, "waiting")
    desk.schedule(id, now_ms() + 60 * DAY)
    desk.becomes(first, "planned"), desk.becomes(last, "planned")
    desk.call("event.cancel", id=id, reason="No room")
    assert desk.becomes(first, "dropped")["reason"] == "the event was cancelled"
    desk.becomes(last, "dropped")


def test_milestones(desk):
    id = desk.event("2030-05-18", zone="Asia/Baku")
    put = desk.call("reminder.put", event=id, anchor="milestone:concept-paper", offset="-P3D")
    assert put["status"] == "waiting"
    desk.call("milestone.put", event=id, kind="concept-paper", due="2030-03-03")
    desk.becomes(put["id"], "planned", due="2030-02-27T20:00:00Z")  # midnight in Baku
    desk.call("milestone.put", event=id, kind="concept-paper", due="2030-04-03")
    desk.becomes(put["id"], "planned", due="2030-03-30T20:00:00Z")
    desk.call("milestone.put", event=id, kind="concept-paper", done=True)
    assert desk.becomes(put["id"], "dropped")["reason"] == "the milestone was met"
    desk.call("milestone.put", event=id, kind="concept-paper", done=False)
    desk.becomes(put["id"], "planned")
    desk.call("milestone.remove", event=id, kind="concept-paper")
    assert "due" not in desk.becomes(put["id"], "waiting")
    desk.call("milestone.put", event=id, kind="concept-paper", due="2030-04-03")
    desk.becomes(put["id"], "planned")
    desk.call("event.amend", id=id, zone="Asia/Tokyo", reason="moved there")
    desk.becomes(put["id"], "planned", due="2030-03-30T15:00:00Z")


def test_silence(desk):
    desk.call("body.put", code="MC", name="MC", kind="governing", level=3)
    desk.call("procedure.put", code="SILENCE", mode="silence", may_shorten=True, bodies=["MC"])
    deadline = now_ms() + 6000
    desk.call("decision.open", id="chair", title="Chairmanship", body="MC", procedure="SILENCE", deadline=time_text(deadline),
              text="…")
    put = desk.call("reminder.put", decision="chair", anchor="silence", offset="-PT4S")
    (topic, meta, data), = desk.told(put["id"])
    assert topic == "reminders.decisions.MC.chair." and data["decision"] == "chair" and data["body"] == "MC"
    assert -1 < time_ms(meta["time"]) - (deadline - 4000) < 1000
    soon = desk.call("reminder.put", decision="chair", anchor="silence", offset="-PT1S")["id"]
    desk.call("decision.extend", id="chair", deadline=time_text(deadline + DAY))
    desk.becomes(soon, "planned", due=time_text(deadline + DAY - 1000).replace(".000Z", "Z"))
    desk.call("decision.withdraw", id="chair", reason="no consensus")
    assert desk.becomes(soon, "dropped")["reason"] == "the decision was withdrawn"


def test_rules(desk):
    here, there = desk.event(now_ms() + 40 * DAY, host="CN"), desk.event(now_ms() + 40 * DAY)
    past = desk.event(now_ms() - 40 * DAY, host="CN")
    rule = desk.call("reminder.put", every={"host": "CN"}, anchor="session", offset="-P7D", text="Send the agenda.")
    assert "status" not in rule

    def made(event):
        return [one for one in desk.client.list("notify", "reminder.list", {"event": event}) if one.get("rule") == rule["id"]]

    got, = wait_for(lambda: made(here), what="the rule to reach what is there")
    assert got["status"] == "planned" and got["text"] == "Send the agenda."
    new = desk.event(now_ms() + 50 * DAY, host="CN")
    wait_for(lambda: made(new), what="the rule to reach what is new")
    assert made(there) == [] and made(past) == []
    with pytest.raises(CallError) as caught:
        desk.call("reminder.delete", id=got["id"])
    assert caught.value.code == "failed_precondition"
    desk.call("reminder.put", id=rule["id"], every={"host": "CN"}, anchor="session", offset="-P1D")
    wait_for(lambda: all(made(event) and made(event)[0]["offset"] == "-P1D" for event in (here, new)), what="the rule to change")
    desk.call("event.amend", id=new, host="KZ", reason="swapped")
    assert desk.becomes(made(new)[0]["id"], "dropped")["reason"] == "its rule is for others now"
    desk.call("reminder.delete", id=rule["id"])
    wait_for(lambda: not made(here) and not made(new), what="the rule's reminders to go")
    assert desk.one(rule["id"]) is None


def test_delete_and_put_again(desk, refused):
    id = desk.event(now_ms() + 30 * DAY)
    put = desk.call("reminder.put", id="bus-tickets", event=id, anchor="session", offset="-P1D")
    refused("aborted", "reminder.delete", "rev", id="bus-tickets", rev=7)
    assert desk.call("reminder.delete", id="bus-tickets", rev=put["rev"])["status"] == "deleted"
    assert desk.client.list("notify", "reminder.list", {"event": id}) == []
    refused("not_found", "reminder.delete", "id", id="bus-tickets")
    desk.schedule(id, now_ms() + DAY + 500)  # whose reminder would be due now
    other = desk.event(now_ms() + 30 * DAY)
    desk.call("reminder.put", id="bus-tickets", event=other, anchor="session", offset="-P1D")
    desk.call("reminder.put", id="marker", event=id, anchor="session", offset="-P1D", text="after it")
    desk.told("marker")
    assert not [one for one in desk.notices() if one[2]["id"] == "bus-tickets"]
    refused("already_exists", "reminder.put", "id", id="bus-tickets", event=id, anchor="session", offset="-P1D")


@pytest.mark.parametrize("field, params", [
    ("offset", {"event": "event-1", "anchor": "session", "offset": "soon"}),
    ("anchor", {"event": "event-1", "anchor": "lunch", "offset": "-P1D"}),
    ("anchor", {"decision": "chair", "anchor": "session", "offset": "-P1D"}),
    ("event", {"anchor": "session", "offset": "-P1D"}),
    ("every", {"every": {"host": "KZ"}, "anchor": "silence", "offset": "-P1D"}),
])
def test_what_is_wrong_is_told(refused, field, params):
    refused("invalid_argument", "reminder.put", field, **params)


def test_no_such_event(refused):
    refused("not_found", "reminder.put", event="nothing", anchor="session", offset="-P1D")


def test_who_may_and_sees(desk, tmp_path, refused):
    kz, cn = (Who(desk.stack, tmp_path, code.lower(), ["member"], code) for code in ("KZ", "CN"))
    own, other = desk.event(now_ms() + 30 * DAY), desk.event(now_ms() + 30 * DAY, host="CN")
    mine = kz.call("notify", "reminder.put", event=own, anchor="session", offset="-P2D")
    assert mine["owner"] == "KZ"
    assert kz.refused("notify", "reminder.put", event=other, anchor="session", offset="-P2D") == "permission_denied"
    assert cn.refused("notify", "reminder.delete", id=mine["id"]) == "permission_denied"
    desk.call("event.amend", id=own, host="CN", reason="swapped")
    assert desk.becomes(mine["id"], "dropped")["reason"].startswith("who put it")
    # of a draft only its author and the Secretariat hear
    start = now_ms() + DAY + 2000
    kz.call("events", "event.propose", id="draft", title="Draft", kind="seminar", host="KZ", year=2027,
            sessions=[{"start": time_text(start), "end": time_text(start + 1000)}])
    secret = kz.call("notify", "reminder.put", event="draft", anchor="session", offset="-P1D")["id"]
    assert cn.refused("notify", "reminder.put", event="draft", anchor="session", offset="-P1D") == "not_found"
    (topic, _, data), = desk.told(secret, prefix="private.KZ.reminders.")
    assert topic == "private.KZ.reminders.-.-.draft." and data["event"] == "draft"
    assert secret in [one["id"] for one in kz.client.list("notify", "reminder.list")]
    assert secret not in [one["id"] for one in cn.client.list("notify", "reminder.list")]
    assert not [one for one in desk.notices() if one[2]["id"] == secret]


def test_command_line(desk):
    id = desk.event(now_ms() + 30 * DAY)
    said = desk.stack.cbm("reminder", "put", "--event", id, "--anchor", "session", "--offset", "-P14D", "--text", "Agenda").stdout
    assert said.startswith(f"{id}-session-p14d-before is planned, due ")
    rule = json.loads(desk.stack.cbm("reminder", "put", "--every", "--area", "tourism", "--anchor", "session-end", "--offset", "P1M",
                                     "--json").stdout)
    assert rule["every"] == {"area": "tourism"}
    heading, *rows = desk.stack.cbm("reminder", "list", "--event", id).stdout.splitlines()
    assert heading.split() == ["DUE", "STATUS", "WHEN", "ABOUT", "ID", "TEXT"] and len(rows) == 1
    assert " planned  -P14D session  " in rows[0] and rows[0].endswith("Agenda")
    everything = desk.stack.cbm("reminder", "list").stdout
    assert " rule " in everything and "every tourism" in everything
    lines = [json.loads(line) for line in desk.stack.cbm("reminder", "list", "--event", id, "--json").stdout.splitlines()]
    assert [one["status"] for one in lines] == ["planned"]
    assert "is deleted" in desk.stack.cbm("reminder", "delete", rule["id"]).stdout
    for words in (["put", "--anchor", "session", "--offset", "P1D"], ["put", "--event", id], ["delete"], ["fly"],
                  ["put", "--event", id, "--area", "tourism", "--anchor", "session", "--offset", "P1D"]):
        assert desk.stack.cbm("reminder", *words, check=False).returncode == 64, words


def test_late_after_an_outage_of_all(desk):
    """While no notify runs one falls due, one moves, one is cancelled: afterwards each is as if it had run."""
    start = now_ms() + 30 * DAY
    ids = {what: desk.event(start) for what in ("due", "moved", "cancelled", "soon", "at")}
    put = {what: desk.call("reminder.put", event=id, anchor="session", offset="PT0S" if what == "at" else "-P1D")["id"]
           for what, id in ids.items()}
    names = [f"notify.{i}" for i in (1, 2, 3)]
    due = now_ms() + 1000
    desk.schedule(ids["due"], due + DAY)
    desk.schedule(ids["cancelled"], due + DAY)
    desk.becomes(put["cancelled"], "planned", due=time_text(due).replace(".000Z", "Z"))
    for name in names:
        desk.stack.kill(name)
    desk.schedule(ids["moved"], due + 90 * DAY)
    desk.schedule(ids["soon"], due + DAY)
    desk.schedule(ids["at"], due)  # known and over before anybody reads of it
    desk.call("event.cancel", id=ids["cancelled"], reason="no")
    wait_for(lambda: now_ms() > due + 200, what="what is due to be overdue")
    desk.stack.up("--scale", "notify=3")
    for what in ("due", "soon", "at"):
        desk.becomes(put[what], "sent")
    desk.becomes(put["moved"], "planned", due=time_text(due + 89 * DAY).replace(".000Z", "Z"))
    desk.becomes(put["cancelled"], "dropped")
    told = [one[2]["id"] for one in desk.notices()]
    assert [told.count(put[what]) for what in ("due", "soon", "at", "moved", "cancelled")] == [1, 1, 1, 0, 0]


# ---- many ----

EVENTS, OF_EACH = 400, 250


def calls(stack, seconds=3.0):
    """Redis commands that were called in some seconds, and the time that they took (us)."""
    def read():
        done = subprocess.run(["redis-cli", "-u", stack.env["CBM_REDIS"], "--no-auth-warning", "info", "commandstats"],
                              capture_output=True, text=True, check=True, timeout=20)
        stats = {}
        for line in done.stdout.splitlines():
            if line.startswith("cmdstat_"):
                name, fields = line[len("cmdstat_"):].split(":", 1)
                values = dict(pair.split("=") for pair in fields.split(","))
                stats[name] = (int(values["calls"]), int(values["usec"]))
        return stats

    before, until = read(), time.monotonic() + seconds
    wait_for(lambda: time.monotonic() > until, seconds + 1, "the time to pass", every=0.2)
    after = read()
    changed = {name: [now - then for now, then in zip(after[name], before.get(name, (0, 0)))] for name in after}
    return {name: pair for name, pair in changed.items() if pair[0] and name not in ("info", "auth", "hello", "ping")}


@pytest.mark.once
@pytest.mark.timeout(600)
def test_a_hundred_thousand_that_wait_cost_nothing(make_stack):
    stack = make_stack()
    with stack.client(60) as client:
        start, end = time_text(now_ms() + 400 * DAY), time_text(now_ms() + 401 * DAY)
        sessions = [{"start": start, "end": end}]
        send_all(client, "events", (("event.propose", {"id": f"m-{i}", "title": f"M {i}", "kind": "seminar", "host": "SECRETARIAT",
                                                       "year": 2027, "sessions": sessions}) for i in range(EVENTS)))
        calls(stack, 1)  # what was proposed is read
        none = calls(stack)
        send_all(client, "notify", (("reminder.put", {"id": f"m-{i}-{k}", "event": f"m-{i}", "anchor": "session",
                                                      "offset": f"-PT{k + 1}H"})
                                    for k in range(OF_EACH) for i in range(EVENTS)))
        assert len(client.list("notify", "reminder.list", {"event": "m-7", "status": "planned"})) == OF_EACH
        calls(stack, 1)
        many = calls(stack)
        print("without:", none, "with:", many)
        assert abs(many["zrangebylex"][0] - none["zrangebylex"][0]) <= 2  # the looks of the clocks that act
        assert sum(pair[0] for pair in many.values()) <= sum(pair[0] for pair in none.values()) + 8
        assert many["zrangebylex"][1] < 100 * many["zrangebylex"][0]  # us: none of them walks through what waits
        # and one among them is told on time
        client.call("events", "event.propose", {"id": "soon", "title": "Soon", "kind": "seminar", "host": "SECRETARIAT", "year": 2027,
                                                "sessions": [{"start": time_text(now_ms() + 3_601_000),
                                                              "end": time_text(now_ms() + 7_200_000)}]})
        client.call("notify", "reminder.put", {"event": "soon", "anchor": "session", "offset": "-PT1H"})
        told = wait_for(lambda: client.call("notify", "log.read", {"prefix": "reminders.", "after": 0})["items"], 10, "it")
        assert len(told) == 1 and told[0]["data"]["late"] is False
