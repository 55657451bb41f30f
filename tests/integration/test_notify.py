"""The notify service among failing neighbours: a lost Redis, a stall, too many prefixes, its own
start and end. It must not know how the log is kept. What a subscriber sees is in conformance."""
import contextlib
import os
import signal
import socket
import subprocess
import threading
import time
import urllib.parse

import pytest

from conftest import BUILD, SLOW, CallError, Subscriber, free_port, running, wait_for


@pytest.fixture
def client(stack):
    with stack.client(30) as one:
        yield one


def open_plans(client, first, count):
    pending = [client.send("events", "plan.open", {"year": year}, key=f"plan-{year}")
               for year in range(first, first + count)]
    for msgid in pending:
        client.wait(msgid)


def last(client, prefix=""):
    return client.call("notify", "log.last", {"prefix": prefix}, safe=True)["seq"]


def stats(client):
    return client.call("notify", "$stats")


def follow(sub, seen, upto, timeout=20):
    """Reads until `upto` has come; every record must follow the one before. Returns how many."""
    count, deadline = 0, time.monotonic() + timeout * SLOW
    while seen < upto:
        _, meta, _ = sub.next(max(0.0, deadline - time.monotonic()) / SLOW)
        if meta["type"] != "watermark":
            assert meta["prev"][0] == seen
            seen, count = meta["seq"], count + 1
    return count


class Notify:
    """A cbm-notify of our own beside the stack's."""

    def __init__(self, stack, directory, **settings):
        self.endpoint, self.keys = f"tcp://127.0.0.1:{free_port()}", stack.env
        self.ready_file, self.log = directory / "ready", directory / "log"
        self.env = {**os.environ, "CBM_WORKERS": stack.env["CBM_WORKERS"],
                    "CBM_REDIS": stack.env["CBM_REDIS"], "CBM_PUB_BIND": self.endpoint,
                    "CBM_READY_FILE": str(self.ready_file), "CBM_KEYS": str(stack.dir / "keys"),
                    **{key: str(value) for key, value in settings.items()}}
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen([str(BUILD / "cbm-notify")], env=self.env, stderr=log,
                                            stdin=subprocess.DEVNULL)

    def subscriber(self, *prefixes):
        return Subscriber(self.endpoint, *prefixes, env=self.keys)

    def until_ready(self):
        wait_for(self.ready_file.exists, 15, "readiness")
        return self

    def end(self):
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(20 * SLOW)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()


def test_a_lost_redis_stops_nothing_for_good(make_stack):
    stack = make_stack()
    with stack.client(30) as client, stack.subscriber("") as sub, stack.subscriber("plan.") as other:
        sub.watermark("")
        open_plans(client, 2000, 20)
        follow(sub, 0, 20)
        assert wait_for(lambda: other.watermark("plan.") == 20, 5, "the watermark of plan.")
        stack.kill("redis")
        for _ in range(3):
            assert sub.watermark("", 2) == 20  # the last known goes on being sent
        other.socket.subscribe(b"events.")  # unknown, and nobody to ask
        stack.up()
        open_plans(client, 2020, 30)
        assert follow(sub, 20, 50) == 30
        assert other.watermark("events.") == 0
        assert wait_for(lambda: sub.watermark("") == 50, 5, "the watermark")


def test_after_a_stall_all_is_published_in_order(stack, client):
    with stack.subscriber("") as sub:
        base = sub.watermark("")
        pid = stack.pids["notify.1"]
        os.kill(pid, signal.SIGSTOP)
        try:
            open_plans(client, 3000, 3000)
        finally:
            os.kill(pid, signal.SIGCONT)
        assert follow(sub, base, base + 3000) == 3000
        assert last(client) == base + 3000
        assert stats(client)["records_lost"] == 0


def test_prefixes_are_bounded(stack, client, scratch):
    wanted = [f"p{i}." for i in range(10)]
    with Notify(stack, scratch, CBM_PREFIXES_MAX=5) as notify:
        notify.until_ready()
        with notify.subscriber(*wanted) as sub:
            got, until = set(), time.monotonic() + 2.5
            while time.monotonic() < until:
                with contextlib.suppress(TimeoutError):
                    got.add(sub.next(0.5)[0])
            assert len(got) == 5
            assert "CBM_PREFIXES_MAX" in notify.log.read_text()
            for prefix in got:
                sub.socket.unsubscribe(prefix.encode())
            rest = sorted(set(wanted) - got)[0]
            wait_for(lambda: again(sub, rest), 10, "room for another prefix")
        with notify.subscriber("plan.") as sub:
            assert wait_for(lambda: sub.watermark("plan.") == last(client, "plan."), 5, "plan.")
        assert notify.end() == 0


def again(sub, prefix):
    sub.socket.subscribe(prefix.encode())
    with contextlib.suppress(TimeoutError):
        return sub.watermark(prefix, 0.2 / SLOW) == 0


def test_many_prefixes_get_their_watermarks(stack, client):
    wanted = ["many.", *(f"many.{i}." for i in range(3000))]
    with stack.subscriber("many.") as sub:
        sub.socket.disconnect(stack.env["CBM_NOTIFY"])
        sub.socket.sndhwm = 0  # else a SUB socket drops what it subscribes to beyond 1,000
        for prefix in wanted[1:]:
            sub.socket.subscribe(prefix.encode())
        sub.socket.connect(stack.env["CBM_NOTIFY"])
        began, times = time.monotonic(), {}
        while time.monotonic() - began < 4 * SLOW:
            topic, meta, _ = sub.next()
            assert meta["seq"] == 0
            times.setdefault(topic, []).append(time.monotonic())
        assert set(times) == set(wanted)
        assert min(len(t) for t in times.values()) >= 3
        began = time.monotonic()
        client.call("notify", "$ping")
        assert time.monotonic() - began < 0.5 * SLOW
        assert stats(client)["prefixes"] >= 3000
    wait_for(lambda: stats(client)["prefixes"] == 0, 10, "the end of the prefixes")


class Between:
    """Stands between a notify and Redis. Commands with a part that is watched are counted in `told`, and while
    `holds` their connection gets no answers. An answer with the part `lost` is lost, once; `answers` are all
    that were passed on."""

    def __init__(self, url):
        there = urllib.parse.urlsplit(url)
        self.redis = (there.hostname, there.port)
        self.server = socket.create_server(("127.0.0.1", 0))
        self.url = there._replace(netloc=there.netloc.replace(
            f":{there.port}", f":{self.server.getsockname()[1]}")).geturl()
        self.watched, self.holds, self.told, self.lost, self.answers = None, False, 0, None, b""
        self.gates, self.ports = [], []
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        with contextlib.suppress(OSError):  # until it is closed
            while True:
                notify, redis = self.server.accept()[0], socket.create_connection(self.redis)
                gate = threading.Event()
                gate.set()
                self.gates.append(gate)
                self.ports.append(notify.getpeername()[1])
                threading.Thread(target=self.copy, args=(notify, redis, gate, True), daemon=True).start()
                threading.Thread(target=self.copy, args=(redis, notify, gate, False), daemon=True).start()

    def copy(self, source, to, gate, commands):
        with contextlib.suppress(OSError), source:
            while data := source.recv(1 << 16):
                if commands and self.watched and self.watched in data:
                    self.told += 1
                    if self.holds:
                        gate.clear()
                elif not commands and self.lost and self.lost in data:
                    self.lost = None
                    continue
                if not commands:
                    gate.wait()
                to.sendall(data)
                self.answers += b"" if commands else data
            to.shutdown(socket.SHUT_RDWR)

    def hold(self, watched):
        self.watched, self.holds, self.told = watched, True, 0

    def has_read(self, part):
        """Whether an answer with the part, and all others, are no longer in the kernel's hands."""
        rows = [line.split() for line in open("/proc/net/tcp")][1:]
        waiting = [row for row in rows if int(row[1].split(":")[1], 16) in self.ports and row[4].split(":")[1] != "00000000"]
        return part in self.answers and not waiting

    def release(self):
        self.holds = False
        for gate in self.gates:
            gate.set()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.server.close()
        self.release()


def test_what_is_published_while_the_log_is_read_is_not_read(stack, client, scratch):
    """The end of the log is asked for every second, and what was missed is read: neither keeps what comes."""
    with Between(stack.env["CBM_REDIS"]) as between, Notify(stack, scratch, CBM_REDIS=between.url) as notify:
        notify.until_ready()
        with notify.subscriber("plan.") as sub:
            sub.watermark("plan.")
            between.hold(b"\r\n#\r\n")
            wait_for(lambda: between.told, 5, "the question for the end")
            open_plans(client, 2200, 3)
            assert [topic for topic, _, _ in sub.records(3)] == [f"plan.{year}." for year in (2200, 2201, 2202)]
            between.release()

            between.lost = b"plan.2203."
            between.hold(b"HMGET\r\n$10\r\n{cica}:log\r\n")
            open_plans(client, 2203, 1)
            wait_for(lambda: not between.lost, 5, "the loss")
            open_plans(client, 2204, 1)
            wait_for(lambda: between.told, 5, "the reading")
            for year in range(2205, 2215):
                open_plans(client, year, 1)
                wait_for(lambda: between.has_read(b"plan.%d." % year), 5, "the news")
            between.release()
            assert [topic for topic, _, _ in sub.records(12)] == [f"plan.{year}." for year in range(2203, 2215)]
            assert between.told == 1


def test_start_and_end(stack, client, scratch):
    with Notify(stack, scratch) as notify:
        notify.until_ready()
        health = [str(BUILD / "cbm-notify"), "--health"]
        assert subprocess.run(health, env=notify.env).returncode == 0
        with notify.subscriber("") as sub:
            sub.watermark("")
            assert notify.end() == 0
        assert not notify.ready_file.exists()
        assert subprocess.run(health, env=notify.env, capture_output=True).returncode == 69
    assert client.call("notify", "$ping") is not None


def test_an_endpoint_in_use_stops_the_start(stack, scratch):
    with Notify(stack, scratch, CBM_PUB_BIND=stack.env["CBM_NOTIFY"]) as notify:
        assert notify.process.wait(10 * SLOW) not in (0, None)
        assert "cannot bind" in notify.log.read_text()


@pytest.mark.parametrize("name, value", [("CBM_PUB_BIND", "5560"), ("CBM_PUB_HWM", "0"),
                                         ("CBM_PREFIXES_MAX", "many"), ("CBM_REDIS", "")])
def test_wrong_settings_stop_the_start(name, value):
    done = subprocess.run([str(BUILD / "cbm-notify"), "--check-config"], capture_output=True,
                          text=True, env={**os.environ, name: value})
    assert done.returncode == 78 and name in done.stderr and done.stderr.count("\n") == 1


def test_requests_while_redis_is_away_are_answered(make_stack):
    stack = make_stack()
    with stack.client(30) as client:
        stack.kill("redis")
        with pytest.raises(CallError) as caught:
            client.call("notify", "log.last", {"prefix": ""}, deadline=500)
        assert caught.value.code in ("unavailable", "deadline_exceeded")
        stack.up()
        assert last(client) == 0


def test_two_replicas_answer_and_one_may_leave(make_stack):
    stack = make_stack("--scale", "notify=2")
    with stack.client(30) as client:
        open_plans(client, 2000, 50)
        pid = stack.pids["notify.1"]
        pending = []
        for i in range(400):
            pending.append(client.send("notify", "log.read",
                                       {"prefix": "plan.", "after": i % 50, "limit": 5}))
            if i == 200:
                os.kill(pid, signal.SIGTERM)
        for i, msgid in enumerate(pending):
            page = client.wait(msgid)
            assert [item["meta"]["seq"] for item in page["items"]] == \
                list(range(i % 50 + 1, min(i % 50 + 5, 50) + 1))
        wait_for(lambda: not running(pid), 15, "the drain")
