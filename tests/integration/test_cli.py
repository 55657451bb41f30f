"""`cbm`, the command line: what it prints, where, and with which exit code. It must not know libcbm."""
import json
import os
import re
import subprocess

import pytest

from conftest import BUILD, ROOT, SLOW, free_port

SAMPLE = ROOT / "deploy" / "sample"
COMMANDS = ("call", "ping", "methods", "import", "subscribe", "plan", "events", "members", "doctor", "top", "ics")


def alone(*arguments, **env):
    """Runs cbm where nothing else runs."""
    return subprocess.run([str(BUILD / "cbm"), *map(str, arguments)], capture_output=True, text=True,
                          timeout=60 * SLOW, stdin=subprocess.DEVNULL, env={**os.environ, **env})


def write(path, *records):
    path.write_text("".join((one if isinstance(one, str) else json.dumps(one)) + "\n"
                            for one in records))
    return path


def participant(code, **more):
    return {"kind": "participant", "code": code, "name": f"The {code}", "type": "state",
            "history": [{"status": "member", "from": "2000-01-01"}], **more}


def event(name, status, host="SECRETARIAT", **more):
    return {"kind": "event", "event": {"id": name, "title": name, "kind": "visit", "host": host,
                                       "year": 2021}, "status": status, **more}


SCHEDULE = {"sessions": [{"start": "2021-05-03", "end": "2021-05-04"}], "format": "online"}


# ---- without a server ----------------------------------------------------------------------------

@pytest.mark.parametrize("command", COMMANDS)
def test_help_of_each(command):
    done = alone(command, "--help")
    assert done.returncode == 0 and done.stdout.startswith(f"usage: cbm {command}") and not done.stderr


def test_help_and_version():
    done = alone("--help")
    assert done.returncode == 0 and all(f"  {name} " in done.stdout for name in COMMANDS)
    done = alone("--version")
    assert done.returncode == 0 and re.fullmatch(r"cbm \d+\.\d+\.\d+\n", done.stdout)
    assert alone().returncode == 64


@pytest.mark.parametrize("arguments, word", [
    (["frobnicate"], "unknown command"), (["ics", "2021"], "too many"), (["ics", "-o"], "needs a value"), (["ics", "-x"], "too many"),
    (["call"], "too few"),
    (["call", "a"], "too few"), (["call", "a", "b", "{}", "c"], "too many"),
    (["call", "a", "b", "{"], "not JSON"), (["call", "a", "b", "[1]"], "not a JSON object"),
    (["call", "a", "b", '{"x": 1, "x": 2}'], "not JSON"), (["call", "a", "b", "--wat"], "--wat"),
    (["call", "a", "b", "--deadline", "soon"], "whole number"), (["call", "a", "b", "--key"], "needs a value"),
    (["call", "a", "b", "--compact=1"], "takes no value"), (["import"], "too few"),
    (["plan", "soon"], "whole number"), (["events"], "too few"), (["events", "dance"], "dance"),
    (["events", "show"], "argument"), (["events", "cancel", "x"], "argument"),
    (["methods", "nothing"], "nothing"), (["methods", "events", "event.dance"], "event.dance"),
    (["subscribe"], "too few"), (["subscribe", "", "--from", "-1"], "whole number"), (["doctor", "now"], "too many"),
])
def test_wrong_use(arguments, word):
    done = alone(*arguments)
    assert done.returncode == 64 and word in done.stderr and not done.stdout, done


def test_nobody_there():
    nowhere = {"CBM_BUS": f"tcp://127.0.0.1:{free_port()}", "CBM_NOTIFY": f"tcp://127.0.0.1:{free_port()}"}
    done = alone("call", "events", "event.get", '{"id": "x"}', "--deadline", "300", **nowhere)
    assert done.returncode == 69 and done.stderr.startswith("unavailable:") and not done.stdout
    done = alone("doctor", **nowhere)
    assert done.returncode == 1 and "WRONG" in done.stdout and "CBM_BUS" in done.stdout
    assert "CBM_NOTIFY" in done.stdout


def test_a_reader_that_goes_away():
    with open("/dev/full", "w") as full:
        done = subprocess.run([str(BUILD / "cbm"), "methods"], stdout=full, stderr=subprocess.PIPE, text=True)
    assert done.returncode == 74 and "cannot write" in done.stderr


def test_methods():
    done = alone("methods")
    assert all(name in done.stdout for name in ("participant.put", "event.propose", "log.read"))
    done = alone("methods", "events", "event.schedule")
    assert "sessions[].start" in done.stdout and "online|in-person|hybrid" in done.stdout


def test_import_without_sending(scratch):
    nowhere = {"CBM_BUS": f"tcp://127.0.0.1:{free_port()}"}
    done = alone("import", "--dry-run", SAMPLE, **nowhere)
    assert done.returncode == 0 and " 0 refused" in done.stdout, done.stderr
    bad = write(scratch / "bad.jsonl", "# a comment", "", participant("KZ"), "{", "[]", {"kind": "wish"},
                {**participant("AZ"), "hystory": []}, {**participant("TR"), "name": 5},
                {"kind": "participant", "code": "TJ", "name": "x", "type": "state", "history": []},
                event("visit", "finished"), event("visit-2", "postponed"),
                {"kind": "event", "event": {"title": "x"}, "status": "held"}, {"kind": "chair", "vacant": True})
    done = alone("import", "--dry-run", bad, **nowhere)
    assert done.returncode == 1 and "11 records: 1 could be sent, 0 as they were, 10 refused" in done.stdout
    for line, why in ((4, "not JSON"), (5, "not a JSON object"), (6, "kind:"), (7, "hystory"), (8, "name"),
                      (9, "history"), (10, "status"), (11, "reason"), (12, "id"), (13, "from")):
        assert re.search(rf"{bad}:{line}: .*\n    .*{why}", done.stderr), (line, why, done.stderr)
    for missing in (scratch / "nothing", scratch / "nothing.jsonl"):
        assert alone("import", missing, **nowhere).returncode in (66, 69)
    (scratch / "empty").mkdir()
    assert alone("import", "--dry-run", scratch / "empty").returncode == 66


# ---- the sample ----------------------------------------------------------------------------------

def test_plan_of_the_sample(sample_stack):
    done = sample_stack.cbm("plan", 2021)
    declared = [json.loads(line) for line in (SAMPLE / "60-plan-2021.jsonl").read_text().splitlines()
                if line.startswith("{")]
    events = [one for one in declared if one["kind"] == "event" and one["event"]["year"] == 2021]
    assert f"{len(events)} events of 2021" in done.stdout
    for one in events:
        assert one["event"]["title"] in done.stdout
        assert re.search(rf"{one['status']} .*{one['event']['id']} ", done.stdout), one
    both = json.loads(sample_stack.cbm("plan", 2021, "--json").stdout)
    assert both["plan"]["year"] == 2021 and len(both["events"]) == len(events)
    assert "No plan of 1999" in sample_stack.cbm("plan", 1999).stdout


def test_import_again_changes_nothing(sample_stack):
    before = sample_stack.cbm("call", "notify", "log.last", '{"prefix": ""}', "--compact").stdout
    done = sample_stack.cbm("import", SAMPLE)
    records = int(done.stdout.split()[0])
    assert done.stdout == f"{records} records: 0 changed something, {records} as they were, 0 refused\n"
    assert sample_stack.cbm("call", "notify", "log.last", '{"prefix": ""}', "--compact").stdout == before


def test_members(sample_stack):
    assert "28 member" in sample_stack.cbm("members").stdout
    assert "27 member" in sample_stack.cbm("members", "--as-of", "2021-12-31").stdout
    lines = sample_stack.cbm("members", "--status", "member", "--json").stdout.splitlines()
    assert len(lines) == 28 and {json.loads(line)["status"] for line in lines} == {"member"}
    done = sample_stack.cbm("members", "--as-of", "yesterday", check=False)
    assert done.returncode == 1 and done.stderr.startswith("invalid_argument:")


def test_events(sample_stack):
    lines = sample_stack.cbm("events", "list", "--area", "agriculture", "--json").stdout.splitlines()
    assert lines and all(json.loads(line)["area"] == "agriculture" for line in lines)
    one = json.loads(lines[0])
    assert one["title"] in sample_stack.cbm("events", "list", "--host", one["host"]).stdout
    assert one["title"] in sample_stack.cbm("events", "show", one["id"]).stdout
    assert json.loads(sample_stack.cbm("events", "show", one["id"], "--json").stdout)["id"] == one["id"]
    assert "event.proposed" in sample_stack.cbm("events", "history", one["id"]).stdout
    done = sample_stack.cbm("events", "show", "nothing", check=False)
    assert done.returncode == 1 and done.stderr.startswith("not_found:") and not done.stdout


def test_doctor_ping_top(sample_stack):
    done = sample_stack.cbm("doctor")
    assert "all is well" in done.stdout and "WRONG" not in done.stdout
    assert all(f"{name} answers" in done.stdout for name in ("registry", "events", "notify"))
    assert "durability" in done.stdout and "is live at seq" in done.stdout
    assert len(sample_stack.cbm("ping").stdout.splitlines()) == 4
    assert sample_stack.cbm("ping", "events").stdout.startswith("events")
    done = sample_stack.cbm("top", "--once")
    assert "event.propose" in done.stdout and "registry" in done.stdout


def test_doctor_names_what_is_missing(make_stack):
    stack = make_stack()
    stack.kill("events.1")
    done = stack.cbm("doctor", check=False)
    assert done.returncode == 1 and "events does not answer" in done.stdout and "cbm-events" in done.stdout
    assert "registry answers" in done.stdout
    stack.kill("notify.1")
    done = stack.cbm("doctor", check=False)
    assert done.returncode == 1 and "published nothing" in done.stdout


def test_subscribe_prints(sample_stack):
    done = sample_stack.cbm("subscribe", "events.", "--from", 0, "--count", 3, "--json")
    for line in done.stdout.splitlines():
        one = json.loads(line)
        assert one["specversion"] == "1.0" and one["datacontenttype"] == "application/json"
        assert isinstance(one["sequence"], str) and one["topic"].startswith("events.")
        assert {"id", "source", "type", "subject", "time", "actor", "data"} <= set(one) and "prev" not in one
    done = sample_stack.cbm("subscribe", "registry.participant.KZ.", "--from", 0, "--count", 1)
    assert re.match(r"\d{4}-\d\d-\d\dT\S+Z +\d+ +participant.added +registry.participant.KZ. +Kazakhstan",
                    done.stdout)


# ---- changes -------------------------------------------------------------------------------------

def test_the_life_of_an_event(stack):
    done = stack.cbm("events", "propose", json.dumps(event("walk", "proposed")["event"]))
    assert done.stdout.startswith("walk is proposed")
    assert "walk is accepted" in stack.cbm("events", "accept", "walk").stdout
    assert "walk is scheduled (2021-05-03 … 2021-05-04" in \
        stack.cbm("events", "schedule", "walk", json.dumps(SCHEDULE)).stdout
    assert "walk is postponed" in stack.cbm("events", "postpone", "walk", "rain").stdout
    done = stack.cbm("events", "hold", "walk", check=False)
    assert done.returncode == 1 and done.stderr.startswith("failed_precondition:")
    stack.cbm("events", "schedule", "walk", json.dumps(SCHEDULE))
    assert "walk is held" in stack.cbm("events", "hold", "walk").stdout
    done = stack.cbm("events", "report", "walk", '{"member_states": [], "summary": "dry"}', "--json")
    assert json.loads(done.stdout)["status"] == "reported"
    steps = [line.split()[2] for line in stack.cbm("events", "history", "walk").stdout.splitlines()[1:]]
    assert steps == ["event.proposed", "event.accepted", "event.scheduled", "event.postponed",
                     "event.rescheduled", "event.held", "event.reported"]


def test_a_key_makes_a_change_once(stack):
    words = ["call", "events", "event.propose", json.dumps(event("once", "proposed")["event"]), "--key",
             "one", "--compact"]
    assert stack.cbm(*words).stdout == stack.cbm(*words).stdout
    done = stack.cbm(*words[:3], json.dumps({**event("once", "")["event"], "title": "other"}), *words[4:6],
                     check=False)
    assert done.returncode == 1 and done.stderr.startswith("already_exists:")


def test_import_drives_only_what_is_missing(stack, scratch):
    people = [participant("XA"), participant("XB", history=[{"status": "observer", "from": "2001-01-01"},
                                                              {"status": "member", "from": "2005-01-01"}],
                                              renamed=[{"name": "New B", "from": "2010-01-01"}])]
    first = write(scratch / "1.jsonl", *people, event("visit-a", "accepted"),
                  event("visit-b", "postponed", schedule=SCHEDULE, reason="snow"),
                  event("visit-c", "cancelled", reason="no host"), event("visit-d", "withdrawn", reason="no"),
                  event("visit-e", "reported", schedule=SCHEDULE), event("visit-f", "proposed"))
    assert stack.cbm("import", first).stdout == "8 records: 8 changed something, 0 as they were, 0 refused\n"
    assert stack.cbm("import", first).stdout == "8 records: 0 changed something, 8 as they were, 0 refused\n"

    def status(name):
        return json.loads(stack.cbm("events", "show", name, "--json").stdout)["status"]

    assert [status(f"visit-{letter}") for letter in "abcdef"] == \
        ["accepted", "postponed", "cancelled", "withdrawn", "reported", "proposed"]
    second = write(scratch / "2.jsonl", event("visit-a", "held", schedule=SCHEDULE),
                   event("visit-b", "scheduled", schedule=SCHEDULE), event("visit-c", "held"),
                   event("visit-e", "accepted"), event("visit-g", "scheduled"),
                   event("visit-h", "accepted", host="NOBODY"), participant("XA", renamed=[
                       {"name": "The later XA", "from": "2015-06-01"}]))
    done = stack.cbm("import", second, check=False)
    assert done.returncode == 1
    assert done.stdout == "7 records: 3 changed something, 1 as they were, 3 refused\n"
    assert [status(f"visit-{letter}") for letter in "abceg"] == \
        ["held", "scheduled", "cancelled", "reported", "accepted"]
    for line, why in ((3, "it is cancelled there"), (5, "event.schedule: invalid_argument"),
                      (6, "event.propose: ")):
        assert re.search(rf"2.jsonl:{line}: event .*\n    .*{why}", done.stderr), done.stderr
    people = {one["code"]: one for one in map(json.loads, stack.cbm("members", "--json").stdout.splitlines())}
    assert people["XA"]["name"] == "The later XA" and people["XB"]["name"] == "New B"
    assert [entry["status"] for entry in people["XB"]["history"]] == ["observer", "member"]


def test_import_of_many(stack, scratch):
    """More than run at once, and some of the same name."""
    many = write(scratch / "many.jsonl", *(event(f"many-{number % 300}", "reported", schedule=SCHEDULE)
                                           for number in range(600)))
    done = stack.cbm("import", many)
    assert done.stdout == "600 records: 300 changed something, 300 as they were, 0 refused\n"


def test_import_stops_where_a_service_is_missing(make_stack, scratch):
    stack = make_stack()
    stack.kill("registry.1")
    done = stack.cbm("import", write(scratch / "a.jsonl", participant("XA")), check=False, timeout=90)
    assert done.returncode == 69 and "stopped" in done.stderr
