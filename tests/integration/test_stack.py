"""deploy/stack and `make run`: what they start, repair, and end, and what the sample holds.
It must not know what the services do inside."""
import os
import pathlib
import re
import signal
import subprocess

import pytest
from zmq.auth import load_certificate

from conftest import BUILD, ROOT, STACK, SLOW, Stack, public_key, running, scratch_directory, wait_for

NAMES = ["redis", "bus.1", "registry.1", "events.1", "notify.1", "gateway.1"]


def test_env_names_everything(stack):
    assert list(stack.pids) == NAMES
    assert all(running(pid) for pid in stack.pids.values())
    for name in ("CBM_BUS", "CBM_WORKERS", "CBM_NOTIFY"):
        assert stack.env[name].startswith("tcp://127.0.0.1:"), name
    assert re.fullmatch(r"redis://operator:[0-9a-f]{64}@127\.0\.0\.1:\d+", stack.env["CBM_REDIS"])
    assert (stack.dir / "env").stat().st_mode & 0o077 == 0, "it names a password"
    assert re.fullmatch(r"http://127\.0\.0\.1:\d+", stack.env["CBM_HTTP"])
    assert stack.env["CBM_SERVER_KEY"] == public_key(stack.dir / "keys/server.key")
    assert all(load_certificate(stack.env["CBM_CERT"])), "a public and a secret key"


def test_reading_env_is_all_it_takes(stack):
    done = subprocess.run(["sh", "-c", f'. {stack.dir}/env && exec "$0" call registry \'$ping\'',
                           str(BUILD / "cbm")], capture_output=True, text=True, timeout=30,
                          env={"PATH": os.environ["PATH"]})
    assert done.returncode == 0, done.stderr


def test_every_service_answers_a_raw_client(stack, client):
    for service in ("registry", "events", "notify"):
        client.call(service, "$ping")


def test_up_again_starts_nothing(stack):
    before = stack.pids
    stack.up()
    assert stack.pids == before


def test_redis_promises_durability(stack):
    for name, value in (("appendonly", "yes"), ("appendfsync", "always"),
                        ("maxmemory-policy", "noeviction")):
        done = subprocess.run(["redis-cli", "-u", stack.env["CBM_REDIS"], "config", "get", name], capture_output=True,
                              text=True, timeout=10)
        assert done.stdout.split() == [name, value]


def test_repairs_what_died_and_loses_nothing(make_stack):
    stack = make_stack()
    with stack.client() as client:
        opened = client.call("events", "plan.open", {"year": 2031}, key="plan-2031")
    before = stack.env, stack.pids
    for name in ("redis", "bus.1", "events.1"):
        stack.kill(name)
    assert stack.status()["redis"] is None and stack.status()["registry.1"]
    assert stack.run("status", check=False).returncode == 3
    stack.up()
    for name in ("CBM_BUS", "CBM_WORKERS", "CBM_NOTIFY", "CBM_HTTP", "CBM_REDIS"):
        assert stack.env[name] == before[0][name], "the ports stay"
    for name in ("registry.1", "notify.1"):
        assert stack.pids[name] == before[1][name], "what ran goes on"
    for name in ("redis", "bus.1", "events.1"):
        assert stack.pids[name] != before[1][name]
    with stack.client() as client:
        assert client.call("events", "plan.get", {"year": 2031})["rev"] == opened["rev"]


def test_scale_and_back(make_stack):
    stack = make_stack("--scale", "bus=2,events=2,notify=2,gateway=2")
    assert len(stack.env["CBM_BUS"].split(",")) == 2
    assert len(stack.env["CBM_WORKERS"].split(",")) == 2
    assert len(stack.env["CBM_NOTIFY"].split(",")) == 2
    assert len(stack.env["CBM_HTTP"].split(",")) == 2
    for endpoint in stack.env["CBM_BUS"].split(","):
        one = Stack(stack.dir)
        one.env = {**stack.env, "CBM_BUS": endpoint}
        with one.client() as client:
            for service in ("registry", "events", "notify"):
                client.call(service, "$ping")
    surplus = stack.pids["events.2"]
    stack.up("--scale", "events=1")
    assert "events.2" not in stack.pids and not running(surplus)
    stack.up()
    assert "notify.2" in stack.pids, "the scale is kept"


def test_two_stacks_side_by_side(make_stack):
    one, two = make_stack(), make_stack()
    ports = [stack.env[name] for stack in (one, two)
             for name in ("CBM_BUS", "CBM_WORKERS", "CBM_NOTIFY", "CBM_HTTP")]
    assert len(set(ports)) == len(ports)
    with one.client() as client:
        client.call("events", "plan.open", {"year": 2032})
    with two.client() as client:
        assert client.call("events", "plan.list")["items"] == []
    one.down()
    assert not any(running(pid) for pid in one.pids.values())
    assert all(running(pid) for pid in two.pids.values())


def test_down_keeps_the_data(make_stack):
    stack = make_stack()
    with stack.client() as client:
        client.call("events", "plan.open", {"year": 2033})
    stack.down()
    assert not any(running(pid) for pid in stack.pids.values())
    assert not (stack.dir / "env").exists()
    stack.up()
    with stack.client() as client:
        assert client.call("events", "plan.get", {"year": 2033})["year"] == 2033


def test_a_recycled_pid_is_neither_trusted_nor_ended(make_stack):
    stack = make_stack()
    stack.kill("events.1")
    bystander = subprocess.Popen(["sleep", "300"])
    try:
        record = stack.dir / "pids" / "events.1"
        _, started, boot = record.read_text().split()
        record.write_text(f"{bystander.pid} {started} {boot}\n")
        assert stack.status()["events.1"] is None
        stack.down()
        assert bystander.poll() is None
    finally:
        bystander.kill()
        bystander.wait()


def test_failure_shows_the_last_words_and_leaves_nothing(scratch):
    stack = Stack(scratch)
    done = stack.run("up", check=False, CBM_CREDIT="many")
    assert done.returncode != 0
    assert "CBM_CREDIT" in done.stderr, done.stderr
    assert not (scratch / "env").exists()
    assert list((scratch / "pids").iterdir()) == []


@pytest.mark.parametrize("arguments", [
    ["up"], ["up", "--dir"], ["jump"], ["up", "--dir", "D", "--scale", "events=0"],
    ["up", "--dir", "D", "--scale", "oracle=1"], ["up", "--dir", "D", "--scale", "events"],
    ["up", "--dir", "D", "extra"]])
def test_wrong_arguments_are_refused(scratch, arguments):
    words = [str(scratch / "d") if word == "D" else word for word in arguments]
    done = subprocess.run([STACK, *words], capture_output=True, text=True, timeout=10)
    assert done.returncode == 64 and done.stderr


# ---- the sample ------------------------------------------------------------------------------

CHAIRS = [("2002-06-04", "KZ"), ("2010-06-07", "KZ"), ("2010-06-08", "TR"), ("2014-05-19", "TR"),
          ("2014-05-20", "CN"), ("2018-09-23", "CN"), ("2018-09-24", "TJ"), ("2020-09-23", "TJ"),
          ("2020-09-24", "KZ"), ("2022-10-13", "KZ"), ("2024-12-16", "KZ"), ("2024-12-17", "AZ"),
          ("2026-12-16", "AZ")]


@pytest.fixture
def sample(sample_stack):
    with sample_stack.client() as client:
        yield client


@pytest.mark.parametrize("day, members", [("1999-09-14", 15), ("2021-10-12", 27), ("2022-10-12", 27),
                                          ("2022-10-13", 28), ("2022-10-14", 28)])
def test_members_as_of(sample, day, members):
    items = sample.list("registry", "participant.list", {"status": "member", "as_of": day})
    assert len(items) == members


def test_everyone_has_a_status(sample):
    items = sample.list("registry", "participant.list", {"as_of": "2024-03-31"})
    assert len(items) == 51
    by = {item["code"]: item for item in items}
    assert by["MA"]["status"] == "applicant" and by["SA"]["status"] == "observer"
    assert by["UNESCAP"]["status"] == "partner" and by["UNESCAP"]["kind"] == "organisation"
    assert by["KW"]["since"] == "2022-10-13"


def test_names_of_the_day(sample):
    for day, name in (("2021-10-12", "Turkey"), ("2024-01-01", "Türkiye")):
        assert sample.call("registry", "participant.get", {"code": "TR", "as_of": day})["name"] == name


@pytest.mark.parametrize("day, code", CHAIRS)
def test_chair_on_any_day(sample, day, code):
    assert sample.call("registry", "chair.current", {"on": day})["code"] == code


def test_bodies_and_catalogue(sample):
    assert len(sample.list("registry", "body.list")) == 21
    for day, areas in (("2021-10-11", 15), ("2021-10-12", 18)):
        catalogue = sample.call("registry", "catalogue.get", {"on": day})
        assert len(catalogue["dimensions"]) == 5
        assert sum(len(d["areas"]) for d in catalogue["dimensions"]) == areas


def test_coordinators(sample):
    area = sample.call("registry", "area.coordinators", {"area": "tourism", "as_of": "2021-10-12"})
    assert (area["coordinators"], area["co_coordinators"]) == (["TJ"], ["LK"])


def test_events_of_the_year(sample):
    events = sample.list("events", "event.list", {"year": 2021})
    statuses = [event["status"] for event in events]
    assert len(events) == 33
    assert {word: statuses.count(word) for word in set(statuses)} == {
        "reported": 23, "held": 6, "accepted": 3, "scheduled": 1}
    summit = sample.call("events", "event.get", {"id": "sixth-summit-2022-announced"})
    assert (summit["status"], summit["year"]) == ("held", 2022)
    second = sample.call("events", "event.get", {"id": "smart-agriculture-seminar-2-2021"})
    assert second["report"]["participants_count"] == 510
    assert second["series"] == "smart-agriculture-2021"


def test_each_step_of_an_event_is_a_record(sample):
    history = sample.call("events", "event.history", {"id": "wetlands-urmia-seminar-2021"})["items"]
    assert [item["type"] for item in history] == [
        "event.proposed", "event.accepted", "event.scheduled", "event.held", "event.reported"]


def test_loading_again_changes_nothing(sample_stack, sample):
    before = sample.call("notify", "log.last", {"prefix": ""})["seq"]
    sample_stack.up("--sample")
    sample_stack.cbm("import", ROOT / "deploy" / "sample")
    assert sample.call("notify", "log.last", {"prefix": ""})["seq"] == before


# ---- make run --------------------------------------------------------------------------------

def run_sh(directory, **environment):
    return subprocess.Popen(
        [ROOT / "deploy" / "run.sh"], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        stdin=subprocess.DEVNULL, start_new_session=True, cwd=ROOT,
        env={**os.environ, "DIR": str(directory), "BUILD": os.path.relpath(BUILD, ROOT), **environment})


@pytest.mark.once
def test_run_once_and_again_on_its_data(scratch):
    first = run_sh(scratch, CBM_RUN_ONCE="1")
    text, _ = first.communicate(timeout=120 * SLOW)
    assert first.returncode == 0, text
    assert "27 on 2021-10-12, 28 on 2022-10-14" in text
    assert "event.reported" in text and "economic" in text
    assert not any(Stack(scratch).status().values())

    second = run_sh(scratch, CBM_RUN_ONCE="1")
    again, _ = second.communicate(timeout=120 * SLOW)
    assert second.returncode == 0, again
    assert "nothing new" in again

    def last(output):
        return [line for line in output.splitlines() if line.startswith("last seq")]
    assert last(text) == last(again) != []


@pytest.mark.once
@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM])
def test_run_ends_all_it_started(scratch, how):
    process = run_sh(scratch)
    seen = []
    for line in process.stdout:
        seen.append(line)
        if "Ctrl-C ends all of it" in line:
            break
    pids = [pid for pid in Stack(scratch).status().values()]
    assert all(pids), "".join(seen)
    os.killpg(process.pid, how)
    rest, _ = process.communicate(timeout=60 * SLOW)
    assert process.returncode == 0, "".join(seen) + rest
    wait_for(lambda: not any(running(pid) for pid in pids), 10, "the end of all processes")
