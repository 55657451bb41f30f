"""What arrives, as foreign code reads it: signatures by the libraries of Standard Webhooks and Svix, by node and
by openssl; CloudEvents by their SDK."""
import base64
import json
import os
import re
import subprocess
import time

import pytest

from conftest import ROOT, npm_package
from sender_receiver import EVENT, SECRET, Receiver, Sender, record

PAIR = "whsk_nWGxne/9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2DXWpgBgrEKt9VL/tPJZAc6DuFy89qmIyWvAhpo9wdRGg=="
PUBLIC = "whpk_11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo="


@pytest.fixture(name="check")
def make_check():
    packages = [npm_package("standardwebhooks", "1.1.1"), npm_package("svix", "2.5.0"), npm_package("cloudevents", "10.0.0")]

    def check(delivery, **more):
        _, headers, body = delivery
        done = subprocess.run(["node", str(ROOT / "tests/integration/webhook_check.mjs"), *map(str, packages)],
                              input=json.dumps({"headers": headers, "body": base64.b64encode(body).decode(),
                                                "secret": SECRET, **more}), text=True, capture_output=True, timeout=120)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)
    return check


@pytest.fixture(name="deliver")
def make_deliver():
    """deliver(**post) sends one and gives what arrived."""
    with Receiver() as receiver, Sender() as sender:
        def deliver(**post):
            got = sender.post(receiver.url(), secrets=post.pop("secrets", [SECRET]), **post)
            assert got["outcome"] == "taken", got
            return receiver.requests[-1]
        yield deliver


def test_signatures(deliver, check):
    said = check(deliver(record=record()))
    assert said["standardwebhooks"] is True and said["svix"] is True and "signature" in said["tampered"], said
    said = check(deliver(record=record(), secrets=[PAIR, "whsec_" + base64.b64encode(b"x" * 64).decode(), SECRET]),
                 public=PUBLIC)
    assert said["standardwebhooks"] is True and said["svix"] is True and said["v1a"] is True, said
    said = check(deliver(record=record(), time_ms=int(time.time() * 1000) - 3600000))
    assert "timestamp" in said["standardwebhooks"].lower(), said  # what is old is not signed anew


def test_signature_by_openssl(deliver):
    _, headers, body = deliver(record=record())
    key = base64.b64decode(SECRET[len("whsec_"):]).hex()
    signed = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + body
    done = subprocess.run(["openssl", "dgst", "-sha256", "-mac", "HMAC", "-macopt", f"hexkey:{key}", "-binary"],
                          input=signed, capture_output=True, check=True)
    assert headers["webhook-signature"] == "v1," + base64.b64encode(done.stdout).decode()


@pytest.mark.parametrize("binary", [False, True])
@pytest.mark.parametrize("thin", [False, True])
def test_cloudevents(deliver, check, binary, thin):
    delivery = deliver(record=record(place="a \"b\" 100%\n\x01é"), binary=binary, thin=thin)
    headers = delivery[1]
    said = check(delivery)
    assert said["standardwebhooks"] is True, said
    event = said["event"]
    assert isinstance(event, dict), event
    wanted = {"specversion": "1.0", "id": "42", "source": "cbm:cica/events", "type": "event.scheduled", "sequence": "42",
              "topic": "events.economic.agriculture.smart-agriculture.", "subject": "smart-agriculture"}
    assert {key: event.get(key) for key in wanted} == wanted
    assert event["time"].startswith("2021-07-13T08:00:00")
    actor = event["actor"]
    assert actor == ("officer%20%C2%AB1%C2%BB" if binary and "%" in actor else "officer «1»")
    if thin:
        assert "data" not in event or event["data"] in ("", None), event
        assert event["dataref"] == "notify/log.read?prefix=events.economic.agriculture.smart-agriculture.&after=41&limit=1"
    else:
        assert event["data"] == {**EVENT, "place": "a \"b\" 100%\n\x01é"}
        assert event["datacontenttype"] == "application/json"
    assert headers.get("content-type") == (None if binary and thin else
                                           "application/json" if binary else "application/cloudevents+json")


def blocks(language):
    """The examples of the page for receivers."""
    return re.findall(rf"```{language}\n(.*?)```", (ROOT / "docs/webhooks.md").read_text(), re.DOTALL)


def by_node(example, secret, headers, body, scratch):
    (scratch / "example.mjs").write_text(example)
    (scratch / "run.mjs").write_text("import {verified} from './example.mjs';\nconst [a, b, c] = process.argv.slice(2);\n"
                                     "console.log(verified(a, JSON.parse(b), c));\n")
    done = subprocess.run(["node", str(scratch / "run.mjs"), secret, json.dumps(headers), body.decode()], capture_output=True,
                          text=True, check=True)
    return done.stdout.strip() == "true"


def by_python(example, secret, headers, body, _scratch):
    names = {}
    exec(example, names)  # pylint: disable=exec-used
    return names["verified"](secret, headers, body)


def by_shell(example, secret, headers, body, scratch):
    (scratch / "body").write_bytes(body)
    env = {**os.environ, "secret": secret, "id": headers["webhook-id"], "timestamp": headers["webhook-timestamp"],
           "signature": headers["webhook-signature"]}
    return subprocess.run(["sh", "-euc", example], cwd=scratch, env=env, capture_output=True, text=True,
                          check=True).stdout.strip() == "verified"


@pytest.mark.parametrize("language, number, run", [("js", 0, by_node), ("python", 0, by_python), ("sh", 0, by_shell),
                                                   ("js", 1, by_node)])
def test_examples_of_the_page_verify(deliver, scratch, language, number, run):
    _, headers, body = deliver(record=record(), secrets=["whsec_" + base64.b64encode(b"x" * 32).decode(), PAIR, SECRET])
    example, secret = blocks(language)[number], PUBLIC if number else SECRET
    assert run(example, secret, headers, body, scratch)
    assert not run(example, secret, headers, body + b" ", scratch)
    assert not run(example, secret, {**headers, "webhook-id": "other"}, body, scratch)
