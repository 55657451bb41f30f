"""The gap-proof subscriber (libcbm by `cbm subscribe`): overflow, replicas, restarts, cursors. What it
shows is compared with the log. It must not know how it fills gaps."""
import json
import os
import signal
import subprocess
import tempfile
import threading
import time

import msgpack
import pytest
import zmq

from conftest import SLOW, CallError, wait_for

NOTE = "x" * 900  # records large enough that no buffer of the kernel holds all of them


class Watch:
    """A running `cbm subscribe … --json`; its lines go to files."""

    def __init__(self, stack, directory, *arguments, name="watch"):
        self.out, self.err = directory / f"{name}.out", directory / f"{name}.err"
        with open(self.out, "ab") as out, open(self.err, "ab") as err:
            self.process = subprocess.Popen(
                [str(stack.build / "cbm"), "subscribe", *map(str, arguments), "--json"], stdout=out,
                stderr=err, stdin=subprocess.DEVNULL, env={**os.environ, **stack.env})
        wait_for(lambda: "subscribed to" in self.err.read_text(), 15, "the subscription")

    def seqs(self):
        return [int(json.loads(line)["sequence"]) for line in self.out.read_text().splitlines()
                if line.endswith("}")]

    def until(self, count, timeout=60):
        wait_for(lambda: self.out.read_bytes().count(b"\n") >= count, timeout, f"{count} records")

    def end(self, timeout=60):
        return self.process.wait(timeout * SLOW)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()


def record(stack, first, count, note=NOTE, window=400):
    """Records bodies number first … first + count - 1: one record of the log each. What gets no answer
    is asked again with the same key, so each is done once whatever restarts."""
    left = {f"B-{number}" for number in range(first, first + count)}
    deadline = time.monotonic() + 120 * SLOW
    while left:
        assert time.monotonic() < deadline, f"{len(left)} changes were never acknowledged"
        with stack.client(3) as client:
            some = sorted(left)[:window]
            pending = {client.send("registry", "body.put", {
                "code": code, "name": code, "kind": "forum", "note": note}, key=code): code
                for code in some}
            for msgid, code in pending.items():
                try:
                    client.wait(msgid)
                    left.discard(code)
                except CallError as error:
                    assert error.code in ("unavailable", "resource_exhausted", "deadline_exceeded",
                                          "aborted"), error
                except (TimeoutError, zmq.ZMQError):
                    break


def log_of(stack, prefix):
    """The seqs of every record under the prefix, as log.read tells them."""
    seqs, after = [], 0
    with stack.client(10) as client:
        while True:
            page = client.call("notify", "log.read",
                               {"prefix": prefix, "after": after, "limit": 1000}, safe=True)
            seqs += [item["meta"]["seq"] for item in page["items"]]
            if not page["items"] or seqs[-1] >= page["last"]:
                return seqs
            after = seqs[-1]


def test_overflow_on_purpose(make_stack, scratch):
    stack = make_stack(CBM_PUB_HWM="10")
    with Watch(stack, scratch, "registry.", "--rcvhwm", 1, "--count", 10000) as watch:
        os.kill(watch.process.pid, signal.SIGSTOP)
        record(stack, 1, 6000)
        os.kill(watch.process.pid, signal.SIGCONT)
        record(stack, 6001, 4000, note="y")
        assert watch.end(120) == 0
        assert watch.seqs() == log_of(stack, "registry.")
        assert "gaps were filled" in watch.err.read_text(), "nothing overflowed: no test"


def test_only_its_prefix(make_stack, scratch):
    """Records under other prefixes are no gaps, and a level in the middle is one."""
    stack = make_stack()
    with stack.client() as client:
        for year in range(2001, 2011):
            client.call("events", "plan.open", {"year": year}, key=f"plan-{year}")
    record(stack, 1, 10)
    with Watch(stack, scratch, "registry.body.", "--from", 0, "--count", 20) as body, \
         Watch(stack, scratch, "plan.", "--from", 0, "--count", 10, name="plan") as plan, \
         Watch(stack, scratch, "registry.body.B-3.", "--from", 0, "--count", 1, name="one") as one, \
         Watch(stack, scratch, "registry.", "plan.", "--from", 0, "--count", 30, name="two") as two:
        record(stack, 11, 10)
        for watch, prefix in ((body, "registry.body."), (plan, "plan."), (one, "registry.body.B-3.")):
            assert watch.end() == 0
            assert watch.seqs() == log_of(stack, prefix)
            assert "gaps" not in watch.err.read_text()
        assert two.end() == 0
        assert sorted(two.seqs()) == log_of(stack, "")


def test_from_is_the_first_seq(make_stack, scratch):
    stack = make_stack()
    record(stack, 1, 30)
    with Watch(stack, scratch, "", "--from", 11, "--count", 20) as watch:
        assert watch.end() == 0
        assert watch.seqs() == list(range(11, 31))
    done = stack.cbm("subscribe", "", "--from", 1, "--count", 1)
    assert "body.recorded" in done.stdout and "registry.body.B-" in done.stdout


def test_two_replicas_one_of_which_dies(make_stack, scratch):
    stack = make_stack("--scale", "notify=2")
    assert stack.env["CBM_NOTIFY"].count(",") == 1
    with Watch(stack, scratch, "", "--count", 3000) as watch:
        record(stack, 1, 1000, note="n")
        stack.kill("notify.1")
        record(stack, 1001, 1000, note="n")
        stack.up("--scale", "notify=2")
        stack.kill("notify.2")
        record(stack, 2001, 1000, note="n")
        assert watch.end() == 0
        assert watch.seqs() == log_of(stack, "")


@pytest.mark.parametrize("name", ["notify.1", "bus.1", "redis", "registry.1"])
def test_restart_during_flow(make_stack, scratch, name):
    stack = make_stack()
    with Watch(stack, scratch, "registry.", "--count", 3000) as watch:
        writer = threading.Thread(target=record, args=(stack, 1, 3000, "n", 100))
        writer.start()
        try:
            watch.until(300)
            stack.kill(name)
            stack.up()
            watch.until(1500)
            stack.kill(name, signal.SIGTERM)
            stack.up()
        finally:
            writer.join()
        assert watch.end() == 0
        seqs = log_of(stack, "registry.")
        assert watch.seqs() == seqs
        assert len(seqs) == 3000, "a change was made twice or lost"


def test_resume_from_a_cursor(make_stack, scratch):
    stack = make_stack()
    cursor = scratch / "cursor"
    with Watch(stack, scratch, "registry.", "--cursor", cursor) as watch:
        record(stack, 1, 200)
        watch.until(200)
        os.kill(watch.process.pid, signal.SIGKILL)
        watch.end()
    record(stack, 201, 300)
    with Watch(stack, scratch, "registry.", "--cursor", cursor) as watch:
        watch.until(500)
        os.kill(watch.process.pid, signal.SIGTERM)
        assert watch.end() == 0
    record(stack, 501, 10)
    with Watch(stack, scratch, "registry.", "--cursor", cursor, "--count", 10) as watch:
        assert watch.end() == 0
        seqs, log = watch.seqs(), log_of(stack, "registry.")
        # a process killed in the middle of a record shows it again; nothing else may repeat
        assert sorted(set(seqs)) == log and len(seqs) - len(log) <= 1


def test_a_cursor_of_another_log_is_told(make_stack, scratch):
    stack = make_stack()
    record(stack, 1, 5)
    cursor = scratch / "cursor"
    cursor.write_text("cbm-cursor 1\n5000 registry.\n")
    done = stack.cbm("subscribe", "registry.", "--cursor", cursor, check=False)
    assert done.returncode == 1 and "another log" in done.stderr


def test_what_cannot_be_subscribed_to(stack, scratch):
    for prefix in ("eve", "events", ".", "events..", "a b."):
        done = stack.cbm("subscribe", prefix, check=False)
        assert done.returncode == 64 and "prefix" in done.stderr
    foreign = scratch / "diary"
    foreign.write_text("dear diary\n")
    done = stack.cbm("subscribe", "", "--cursor", foreign, check=False)
    assert done.returncode == 64 and foreign.read_text() == "dear diary\n"


class Fake:
    """A publisher and a bus that say what a test wants, and `cbm subscribe` against them."""

    def __init__(self, stack, *arguments):
        context = zmq.Context.instance()
        self.pub, self.bus = context.socket(zmq.XPUB), context.socket(zmq.ROUTER)
        self.pub.linger = self.bus.linger = 0
        port = [one.bind_to_random_port("tcp://127.0.0.1") for one in (self.pub, self.bus)]
        env = {**os.environ, "CBM_NOTIFY": f"tcp://127.0.0.1:{port[0]}",
               "CBM_BUS": f"tcp://127.0.0.1:{port[1]}"}
        self.out = tempfile.TemporaryFile("w+")  # takes more than a pipe that nobody reads
        self.process = subprocess.Popen([str(stack.build / "cbm"), "subscribe", *map(str, arguments)],
                                        env=env, stdout=self.out, stderr=subprocess.PIPE, text=True)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.communicate()
        self.out.close()
        self.pub.close()
        self.bus.close()

    def subscription(self):
        assert self.pub.poll(int(10000 * SLOW))
        return self.pub.recv()

    def request(self):
        assert self.bus.poll(int(10000 * SLOW))
        peer, *_, body, _context = self.bus.recv_multipart()
        _, msgid, method, [params] = msgpack.unpackb(body)
        return (peer, msgid), method, params

    def reply(self, to, error=None, result=None):
        peer, msgid = to
        self.bus.send_multipart([peer, b"MDPC02", b"\x03", b"notify",
                                 msgpack.packb([1, msgid, error, result])])

    def answer(self, error=None, result=None):
        to, method, params = self.request()
        self.reply(to, error, result)
        return method, params

    def end(self, timeout=20):
        _, err = self.process.communicate(timeout=timeout * SLOW)
        self.out.seek(0)
        return self.process.returncode, self.out.read(), err


def meta(seq, prev, **more):
    return msgpack.packb({"type": "t", "seq": seq, "prev": prev, **more})


def batch(seq, *records, prefix="events."):
    def sized(lead, size, value):
        return lead + len(value).to_bytes(size, "big") + value
    return (b"\x84\xa4type\xa9watermark\xa6prefix" + sized(b"\xda", 2, prefix.encode()) +
            b"\xa3seq\xcf" + seq.to_bytes(8, "big") +
            b"\xa7records\xdd" + (3 * len(records)).to_bytes(4, "big") +
            b"".join(sized(b"\xda", 2, topic) + sized(b"\xc6", 4, head) + sized(b"\xc6", 4, data)
                     for topic, head, data in records))


def test_records_no_longer_kept_and_garbage(stack):
    """A publisher that lies and a log that was cut: a clear end, no crash, no loop."""
    with Fake(stack, "events.") as fake:
        key = b"/compact/1/events./"
        assert fake.subscription() == b"\x01" + key
        assert fake.answer(result={"seq": 7}) == ("log.last", {"prefix": "events."})
        assert fake.subscription() == b"\x01events."  # no batch came: frames are listened to as well
        good = (b"events.x.", meta(9, [8, 8, 0]), msgpack.packb({"title": "one\x1b[31m"}))
        cut = batch(9, good)
        for frames in ([b"events."], [b"events.", b""], [b"events.", b"\xdd\xff\xff\xff\xff", b"\xc0"],
                       [b"events.x.", meta("9", []), b"\x80"], [b"events.x.", meta(9, [1]), b"\x80"],
                       [b"events.x", meta(9, [1, 1]), b"\x80"],
                       [b"events.x.", meta(9, [7, 7, 0]), b"\xc1"],
                       [b"events.", msgpack.packb({"type": "watermark", "prefix": "plan.", "seq": 99})],
                       [key], [key, b""], [key, b"\xdd\xff\xff\xff\xff"], [key, batch(99, prefix="plan.")],
                       *([key, cut[:size]] for size in range(len(cut) - 1)),
                       [key, batch(7, (b"events.x.", meta(9, [7, 7, 0]), b"\xc1"),
                                   (b"events.x", meta(9, [7, 7, 0]), b"\x80"),
                                   (b"plan.1.", meta(9, [7, 7, 0]), b"\x80"),
                                   (b"events.x.", b"\xc1", b"\x80"), (b"", b"", b""))],
                       [key, cut + b"\x00"], [key, batch(0, good)]):
            fake.pub.send_multipart(frames)
        assert fake.answer(error={"code": "unavailable", "message": "not now"})[0] == "log.read"
        method, params = fake.answer(error={"code": "failed_precondition", "message": "no longer kept",
                                            "details": {"first": 9}})
        assert method == "log.read" and params["after"] == 7
        code, out, err = fake.end()
        assert code == 3 and out == ""
        assert "no longer kept" in err and "--from 9" in err


def test_a_publisher_without_batches(stack):
    """One of an older version is asked for frames; batches are gone back to once there are some."""
    with Fake(stack, "events.", "--json", "--count", 3) as fake:
        key = b"/compact/1/events./"
        assert fake.subscription() == b"\x01" + key
        assert fake.answer(result={"seq": 7})[0] == "log.last"
        assert fake.subscription() == b"\x01events."
        fake.pub.send_multipart([b"events.", msgpack.packb({"type": "watermark", "prefix": "events.", "seq": 7})])
        fake.pub.send_multipart([b"events.x.", meta(8, [7, 7, 0]), b"\x80"])
        fake.pub.send_multipart([key, batch(9, (b"events.x.", meta(8, [7, 7, 0]), b"\x80"),
                                            (b"events.x.", meta(9, [8, 8, 8]), b"\x80"))])
        assert fake.subscription() == b"\x00events."
        fake.pub.send_multipart([key, batch(12, (b"events.x.", meta(12, [11, 9, 9]), b"\x80"))])
        code, out, _ = fake.end()
        assert code == 0 and [json.loads(line)["sequence"] for line in out.splitlines()] == ["8", "9", "12"]


def stored(seq, topic=b"events.x.", attributes=("t", "/s", None, None), data=b"\x80", skip=0):
    """A record as it is kept (common/log/record.h), with its seq in front."""
    packed = msgpack.packb(attributes)
    head = b"".join(n.to_bytes(size, "big") for n, size in (
        (len(topic), 2), (len(packed), 2), (len(data), 4), (skip, 2)))
    return seq.to_bytes(8, "big") + b"0 0 0 1626163200125\n" + head + topic + packed + data


def page(after, count, last, step=1):
    seqs = range(after + step, after + step * count + 1, step)
    return {"records": b"".join(map(stored, seqs)), "next": seqs[-1], "last": last, "first": 1}


@pytest.mark.parametrize("late_first", [True, False])
def test_pages_are_asked_for_ahead(stack, late_first):
    """Several at a time where the log is dense; whichever answer comes first, and whether the guess was right."""
    with Fake(stack, "events.", "--json", "--from", 0, "--count", 4400) as fake:
        assert fake.answer(result=page(0, 1000, 4400)) == (
            "log.read", {"prefix": "events.", "after": 0, "limit": 1000, "form": "compact/1"})
        asked = {}
        while len(asked) < 4:
            to, method, params = fake.request()
            assert method == "log.read" and params["limit"] == 1000
            asked[params["after"]] = to
        assert set(asked) == {1000, 2000, 3000, 4000}
        for after in sorted(asked, reverse=late_first):  # one is short: what was guessed behind it is of no use
            fake.reply(asked[after], result=page(after, {3000: 500, 4000: 400}.get(after, 1000), 4400))
        to, _, params = fake.request()
        assert params["after"] == 3500
        fake.reply(to, error={"code": "unavailable", "message": "not now"})
        to, _, params = fake.request()
        assert params["after"] == 3500
        fake.reply(to, result=page(3500, 900, 4400))
        code, out, _ = fake.end()
        assert code == 0 and [int(json.loads(line)["sequence"]) for line in out.splitlines()] == list(range(1, 4401))


def test_a_guess_that_fails_is_asked_for_again(stack):
    with Fake(stack, "events.", "--json", "--from", 0, "--count", 2500) as fake:
        fake.answer(result=page(0, 1000, 2500))
        asked = {}
        while len(asked) < 2:
            to, _, params = fake.request()
            asked[params["after"]] = to
        fake.reply(asked[2000], error={"code": "unavailable", "message": "not now"})
        fake.reply(asked[1000], result=page(1000, 1000, 2500))
        to, _, params = fake.request()
        assert params["after"] == 2000
        fake.reply(to, result=page(2000, 500, 2500))
        code, out, _ = fake.end()
        assert code == 0 and len(out.splitlines()) == 2500


def test_pages_of_garbage(stack):
    """What is no page is asked for again; what is no record is the end, and nothing of it is shown."""
    good = {"next": 9, "last": 9, "first": 1}
    with Fake(stack, "events.", "--json", "--from", 0, "--count", 1) as fake:
        for bad in ({}, [], {**good, "records": [stored(9)]}, {**good, "items": []}, {**good, "records": "text"},
                    {"records": stored(9), "last": 9}, {"records": b"", "next": 0, "last": 9}):
            assert fake.answer(result=bad)[1]["after"] == 0
        assert fake.answer(result={**good, "records": stored(9)})[1]["after"] == 0
        code, out, _ = fake.end()
        assert code == 0 and [json.loads(line)["sequence"] for line in out.splitlines()] == ["9"]
    for bad in (stored(9)[:-1], stored(9) + b"\x00", b"\xff" + stored(9)[1:], stored(9, topic=b"plan.1."),
                stored(9, topic=b"events.x"), stored(9, data=b"\xc1"), stored(9, skip=2), stored(9, attributes=["t"]),
                stored(9)[:8] + stored(9)[9:]):
        with Fake(stack, "events.", "--json", "--from", 0, "--count", 2) as fake:
            fake.answer(result={**good, "records": bad})
            code, out, err = fake.end()
            assert code == 1 and "no record" in err, bad
            assert out.count("\n") <= (bad == stored(9) + b"\x00")


def test_a_log_with_other_prefixes_is_not_guessed(stack):
    with Fake(stack, "events.", "--json", "--from", 0, "--count", 1300) as fake:
        assert fake.answer(result=page(0, 1000, 2600, step=2))[1]["after"] == 0
        assert fake.answer(result=page(2000, 300, 2600, step=2))[1]["after"] == 2000
        code, out, _ = fake.end()
        assert code == 0 and len(out.splitlines()) == 1300 and not fake.bus.poll(0)
