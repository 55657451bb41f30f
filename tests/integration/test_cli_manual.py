"""The manual, completion and the fields of `cbm event`: what a person has who never reads the code.
It must not know methods that the tests of `cbm` itself do not."""
import json
import os
import re
import subprocess

import pytest

from conftest import BUILD, ROOT, SLOW

PROGRAMS = [f"cbm-{name}" for name in ("bus", "registry", "events", "notify")]


def commands():
    done = subprocess.run([BUILD / "cbm", "--commands"], capture_output=True, text=True, timeout=20, check=True)
    return [line.split("\t")[0] for line in done.stdout.splitlines()]


@pytest.mark.parametrize("words", [["cbm"], *([name] for name in PROGRAMS), *(["cbm", name] for name in commands())],
                         ids=" ".join)
def test_every_page_of_the_manual_is_one(words):
    """mandoc, which others wrote, finds nothing wrong in it."""
    page = subprocess.run([BUILD / words[0], *words[1:], "--man"], capture_output=True, timeout=20, check=True).stdout
    done = subprocess.run(["mandoc", "-T", "lint", "-W", "warning"], input=page, capture_output=True, timeout=20, check=False)
    complaints = [line for line in done.stdout.decode().splitlines() if "missing date" not in line]
    assert not complaints, complaints
    text = subprocess.run(["mandoc", "-K", "utf-8", "-T", "utf8"], input=page, capture_output=True, timeout=20, check=True).stdout.decode()
    text = re.sub(".\x08", "", text)  # bold is a letter, a step back and the letter again
    assert "NAME" in text and "SYNOPSIS" in text


def complete(*words):
    """What bash offers after these words."""
    script = f"""
        PATH={BUILD}:$PATH
        . {ROOT}/deploy/completion/cbm.bash
        COMP_WORDS=("$@") COMP_CWORD=$(($# - 1))
        _cbm
        printf '%s\\n' "${{COMPREPLY[@]}}"
    """
    done = subprocess.run(["bash", "-c", script, "bash", *words], capture_output=True, text=True, timeout=30 * SLOW,
                          check=True)
    assert done.stderr == ""
    return done.stdout.split()


@pytest.mark.parametrize("words,some", [
    (["cbm", ""], {"call", "event", "events", "plan", "doctor"}),
    (["cbm", "su"], {"subscribe"}),
    (["cbm", "--"], {"--bus", "--cert", "--help"}),
    (["cbm", "--bus", "tcp://x:1", "pl"], {"plan"}),
    (["cbm", "call", ""], {"registry", "events", "notify"}),
    (["cbm", "call", "events", "event.pr"], {"event.propose"}),
    (["cbm", "methods", "notify", ""], {"log.read", "log.last"}),
    (["cbm", "event", "sch"], {"schedule"}),
    (["cbm", "event", "list", "--h"], {"--host", "--help"}),
    (["cbm", "key", ""], {"new", "init"}),
    (["cbm", "snapshot", "e"], {"export"}),
])
def test_completion_knows_what_cbm_knows(words, some):
    got = set(complete(*words))
    assert some <= got, got
    assert all(word.startswith(words[-1]) for word in got)


def test_make_install_brings_it_all(scratch):
    done = subprocess.run(["make", "-s", "install", f"BUILD={BUILD}", f"DESTDIR={scratch}", "PREFIX=/usr"], cwd=ROOT,
                          capture_output=True, text=True, timeout=300 * SLOW, check=False,
                          env={key: value for key, value in os.environ.items() if key not in ("MAKEFLAGS", "MFLAGS")})
    assert done.returncode == 0, done.stderr
    for name in ("bin/cbm", "bin/cbm-bus", "share/man/man1/cbm.1", "share/man/man1/cbm-event.1", "share/man/man8/cbm-bus.8",
                 "share/bash-completion/completions/cbm", "share/cbm/stack", "share/cbm/redis-users.sh",
                 "share/cbm/sample/60-plan-2021.jsonl"):
        assert (scratch / "usr" / name).stat().st_size > 0, name


def test_an_event_from_proposal_to_report_by_options(sample_stack):
    cbm = sample_stack.cbm
    done = cbm("event", "propose", "--title", "Rail corridors", "--kind", "seminar", "--host", "AZ", "--year", 2027,
               "--dimension", "economic", "--area", "transportation-corridors")
    assert done.stdout.startswith("rail-corridors is proposed")
    cbm("event", "amend", "rail-corridors", "--title", "Rail and road", "--reason", "wider")
    cbm("event", "accept", "rail-corridors")
    done = cbm("event", "schedule", "rail-corridors", "--sessions", "2021-05-18/2021-05-20,2021-06-01", "--format", "hybrid",
               "--place", "Baku", "--zone", "Asia/Baku")
    assert "is scheduled" in done.stdout
    cbm("event", "hold", "rail-corridors")
    cbm("event", "report", "rail-corridors", "--states", "AZ,KZ", "--participants", 120, "--qualifier", "more_than")
    one = json.loads(cbm("event", "show", "rail-corridors", "--json").stdout)
    assert one["sessions"] == [{"start": "2021-05-18", "end": "2021-05-20"}, {"start": "2021-06-01", "end": "2021-06-01"}]
    assert one["report"]["member_states"] == ["AZ", "KZ"] and one["report"]["participants_count"] == 120
    assert one["title"] == "Rail and road" and one["status"] == "reported"
    refused = cbm("event", "propose", '{"title": "x"}', "--year", "soon", check=False)
    assert refused.returncode == 64 and "whole number" in refused.stderr
    refused = cbm("event", "propose", "--title", "No host", check=False)
    assert refused.returncode == 1 and "kind" in refused.stderr


@pytest.mark.parametrize("words", [["doctor"], ["top", "--once"], ["ping"], ["methods"], ["members"], ["plan", "2021"],
                                   ["event", "list"], ["acl", "explain", "event.get"]], ids=" ".join)
def test_json_of_every_command_that_shows(sample_stack, words):
    text = sample_stack.cbm(*words, "--json").stdout
    try:
        values = [json.loads(text)]
    except ValueError:
        values = [json.loads(line) for line in text.splitlines()]
    assert values and all(isinstance(value, dict) for value in values)
