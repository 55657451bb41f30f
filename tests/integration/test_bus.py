"""The bus alone, against peers that know only RFC 18: raw clients, raw workers, and enemies.
It must not know any service."""
import contextlib
import os
import signal
import socket
import subprocess
import time

import msgpack
import pytest
import zmq

from conftest import BUILD, SLOW, CallError, Client, free_port, wait_for

READY, REQUEST, PARTIAL, FINAL, HEARTBEAT, DISCONNECT = (bytes([i]) for i in range(1, 7))


class Bus:
    """A cbm-bus process on free ports."""

    def __init__(self, directory, **settings):
        self.clients = f"tcp://127.0.0.1:{free_port()}"
        self.workers = f"tcp://127.0.0.1:{free_port()}"
        ready = directory / "ready"
        ready.unlink(missing_ok=True)
        self.log = open(directory / "log", "ab")
        self.process = subprocess.Popen(
            [str(BUILD / "cbm-bus")], stdin=subprocess.DEVNULL, stdout=self.log, stderr=self.log,
            env={**os.environ, "CBM_CLIENT_BIND": self.clients, "CBM_WORKER_BIND": self.workers,
                 "CBM_READY_FILE": str(ready), "CBM_ACCESS": "open", **{k: str(v) for k, v in settings.items()}})
        wait_for(lambda: ready.exists() or self.process.poll() is not None, 10, "the bus")
        assert self.process.poll() is None, (directory / "log").read_text()

    def stats(self):
        with Client(self.clients) as client:
            return client.call("bus", "$stats")

    def service(self, name):
        return self.stats()["services"].get(name, {})

    def end(self):
        """SIGTERM and the exit code."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        try:
            return self.process.wait(15 * SLOW)
        finally:
            self.process.kill()
            self.log.close()


class Worker:
    """A worker as RFC 18 describes it; `lead` begins messages with an empty frame."""

    def __init__(self, bus, service="echo", credit=None, lead=False, identity=None):
        self.socket = zmq.Context.instance().socket(zmq.DEALER)
        self.socket.linger = 0
        if identity:
            self.socket.setsockopt(zmq.IDENTITY, identity)
        self.socket.connect(bus.workers)
        self.lead = [b""] if lead else []
        self.send(READY, service.encode(), *([str(credit).encode()] if credit else []))

    def send(self, command, *frames):
        self.socket.send_multipart([*self.lead, b"MDPW02", command, *frames])

    def receive(self, timeout=5.0):
        """[command, frames…] of the next message that is no heartbeat; None after the timeout."""
        end = time.monotonic() + timeout * SLOW
        while self.socket.poll(max(0, int((end - time.monotonic()) * 1000))):
            frames = self.socket.recv_multipart()
            if self.lead:
                assert frames.pop(0) == b""
            assert frames[0] == b"MDPW02"
            if frames[1] != HEARTBEAT:
                return frames[1:]
            self.send(HEARTBEAT)
        return None

    def take(self, timeout=5.0):
        """(token, msgid, context) of the next request."""
        command, token, empty, rpc, context, principal = self.receive(timeout)
        assert command == REQUEST and empty == b""
        assert msgpack.unpackb(principal) == {"id": "local", "roles": ["secretariat"]}
        return token, msgpack.unpackb(rpc)[1], msgpack.unpackb(context)

    def answer(self, token, msgid, result=None, command=FINAL):
        self.send(command, token, b"", msgpack.packb([1, msgid, None, result]))

    def serve(self, count, timeout=5.0):
        for _ in range(count):
            token, msgid, _ = self.take(timeout)
            self.answer(token, msgid, {"n": msgid})

    def close(self):
        self.socket.close()


def ends_well(bus):
    """0, or what it was when the test ended it; a sanitizer's complaint is neither."""
    assert bus.end() in (0, 75)


@pytest.fixture
def start(scratch):
    """start(**settings) gives a running bus; start.worker(bus, …) and start.client(bus) peers."""
    with contextlib.ExitStack() as stack:
        def make(**settings):
            bus = Bus(scratch, **settings)
            stack.callback(ends_well, bus)
            return bus

        def worker(bus, *arguments, **options):
            one = Worker(bus, *arguments, **options)
            stack.callback(one.close)
            return one

        def client(bus):
            return stack.enter_context(Client(bus.clients))

        make.worker, make.client = worker, client
        yield make


@pytest.fixture
def bus(start):
    return start()


def joined(bus, count, service="echo"):
    wait_for(lambda: len(bus.service(service).get("workers", [])) == count, 5, "the workers")


def failure(client, msgid, timeout=10.0):
    """The code of the error with which the request was answered."""
    with pytest.raises(CallError) as caught:
        client.wait(msgid, timeout)
    return caught.value.code


def test_request_and_answer(start, bus):
    client, worker = start.client(bus), start.worker(bus)
    msgid = client.send("echo", "do", {"a": 1})
    token, seen, context = worker.take()
    assert (seen, context) == (msgid, {})
    worker.answer(token, msgid, {"ok": True})
    assert client.wait(msgid) == {"ok": True}
    # REQ-style peers, who begin with an empty frame, get one too
    request = zmq.Context.instance().socket(zmq.REQ)
    request.linger = 0
    with request:
        request.connect(bus.clients)
        request.send_multipart([b"MDPC02", b"\x01", b"echo", msgpack.packb([0, 7, "do", [{}]])])
        worker.serve(1)
        assert request.poll(5000)
        assert request.recv_multipart()[:3] == [b"MDPC02", b"\x03", b"echo"]
    worker.close()
    other = start.worker(bus, lead=True)
    msgid = client.send("echo", "do", safe=True)
    other.serve(1)
    assert client.wait(msgid) == {"n": msgid}


def test_partials(start, bus):
    client, worker = start.client(bus), start.worker(bus)
    msgid = client.send("echo", "list")
    token, _, _ = worker.take()
    worker.answer(token, msgid, {"items": [1, 2]}, PARTIAL)
    worker.answer(token, msgid, {"items": [3]}, PARTIAL)
    worker.answer(token, msgid, {"items": [4], "next": None})
    assert client.wait(msgid) == {"items": [1, 2, 3, 4], "next": None}


def test_credit(start, bus):
    client, one, two = start.client(bus), start.worker(bus), start.worker(bus, credit=3)
    joined(bus, 2)
    ids = [client.send("echo", "do") for _ in range(6)]
    first, many = one.take(), [two.take() for _ in range(3)]
    assert one.receive(0.2) is None and two.receive(0.2) is None
    assert bus.service("echo")["queue"] == 2
    one.answer(*first[:2])
    assert one.take()[1] == ids[4]
    for token, msgid, _ in many:
        two.answer(token, msgid)
    assert two.take()[1] == ids[5]


def test_least_loaded(start, bus):
    """The idle worker gets the work, whoever is next in turn."""
    client, busy, idle = (start.client(bus), start.worker(bus, credit=10),
                          start.worker(bus, credit=10))
    joined(bus, 2)
    held = []
    for _ in range(8):
        asked = client.send("echo", "do")
        worker, token, msgid = next_request([busy, idle])
        if worker is idle:
            idle.answer(token, msgid)
            client.wait(asked)
        else:
            held.append(token)
    assert len(held) == 1


def next_request(workers, timeout=5.0):
    """(worker, token, msgid): whichever of the workers gets the next request."""
    poller = zmq.Poller()
    for worker in workers:
        poller.register(worker.socket, zmq.POLLIN)
    while True:
        ready = dict(poller.poll(timeout * 1000 * SLOW))
        assert ready, "no request came"
        for worker in workers:
            if worker.socket not in ready:
                continue
            frames = worker.socket.recv_multipart()
            if frames[1] == REQUEST:
                return worker, frames[2], msgpack.unpackb(frames[4])[1]
            worker.send(HEARTBEAT)


@pytest.mark.parametrize("window", [1, 16])
def test_replicas_share(start, bus, window):
    client = start.client(bus)
    workers = [start.worker(bus, credit=64) for _ in range(2)]
    joined(bus, 2)
    done = {worker: 0 for worker in workers}
    for _ in range(window):
        client.send("echo", "do")
    for i in range(400):
        # equally fast: who served last is asked last
        workers.sort(key=done.get)
        worker, token, msgid = next_request(workers)
        done[worker] += 1
        worker.answer(token, msgid)
        client.receive()
        if i < 400 - window:
            client.send("echo", "do")
    done = list(done.values())
    assert abs(done[0] - done[1]) <= 0.2 * 200, done


@pytest.mark.parametrize("context, again", [({"safe": True}, True), ({"key": "k1"}, True),
                                            ({"traceparent": "00-x"}, False), ({}, False)])
def test_worker_dies(start, bus, context, again):
    """Its request goes to another worker if it may be done twice, else the client is told."""
    client, first = start.client(bus), start.worker(bus)
    msgid = client.send("echo", "do", **context)
    first.take()
    second = start.worker(bus)
    first.close()
    if again:
        token, seen, got = second.take()
        assert seen == msgid and got.items() >= context.items()
        second.answer(token, msgid, "done")
        assert client.wait(msgid) == "done"
    else:
        assert failure(client, msgid) == "unavailable"
        assert second.receive(0.2) is None


def test_never_sent_is_kept(start, bus):
    """What only waited when the worker died goes to the next one, whatever its context."""
    client, first = start.client(bus), start.worker(bus)
    sent, waiting = client.send("echo", "do"), client.send("echo", "do")
    first.take()
    first.close()
    assert failure(client, sent) == "unavailable"
    second = start.worker(bus)
    second.serve(1)
    assert client.wait(waiting) == {"n": waiting}


def test_partial_is_not_repeated(start, bus):
    client, first = start.client(bus), start.worker(bus)
    msgid = client.send("echo", "list", safe=True)
    token, _, _ = first.take()
    first.answer(token, msgid, {"items": [1]}, PARTIAL)
    client.receive_frames()
    second = start.worker(bus)
    first.close()
    assert failure(client, msgid) == "unavailable"
    assert second.receive(0.2) is None


def test_attempts_are_bounded(start, bus):
    """A request that kills its workers ends."""
    client = start.client(bus)
    msgid = client.send("echo", "do", safe=True, deadline=30000)
    for _ in range(3):
        worker = start.worker(bus)
        assert worker.take()[1] == msgid
        worker.close()
    assert failure(client, msgid) == "unavailable"
    assert bus.service("echo")["repeated"] == 2


def test_ready_again_gives_back(start, bus):
    """A second READY of the same peer is a new beginning: what it had is lost to it."""
    client, worker = start.client(bus), start.worker(bus)
    safe, unsafe = client.send("echo", "do", safe=True), None
    old, _, _ = worker.take()
    worker.send(READY, b"echo", b"5")
    token, msgid, _ = worker.take()
    assert msgid == safe and token != old
    unsafe = client.send("echo", "do")
    worker.take()
    worker.answer(old, safe, "late")
    worker.answer(token, safe, "new")
    assert client.wait(safe) == "new"
    worker.send(READY, b"echo")
    assert failure(client, unsafe) == "unavailable"
    assert [w["credit"] for w in bus.service("echo")["workers"]] == [1]


def test_deadline_passes_in_queue(start, bus):
    """Work that expired is not done."""
    client, worker = start.client(bus), start.worker(bus)
    first = client.send("echo", "do")
    held = worker.take()
    late = client.send("echo", "do", deadline=100)
    assert failure(client, late) == "deadline_exceeded"
    worker.answer(*held[:2])
    client.wait(first)
    assert worker.receive(0.2) is None
    assert failure(client, client.send("echo", "do", deadline=0)) == "deadline_exceeded"


def test_deadline_passes_at_worker(start, bus):
    """The client is told; the late answer is dropped and gives the credit back."""
    client, worker = start.client(bus), start.worker(bus)
    msgid = client.send("echo", "do", deadline=100)
    held = worker.take()
    assert failure(client, msgid) == "deadline_exceeded"
    assert bus.service("echo")["workers"][0]["in_flight"] == 1
    other = client.send("echo", "do")
    assert worker.receive(0.2) is None
    worker.answer(*held[:2], "late")
    worker.serve(1)
    assert client.wait(other) == {"n": other}
    assert bus.stats()["dropped_late"] == 1


def test_deadline_is_forwarded(start, bus):
    """As it came when the request did not wait, with what is left when it did."""
    client, worker = start.client(bus), start.worker(bus)
    client.send("echo", "do", deadline=5000, key="k", later="kept")
    token, msgid, context = worker.take()
    assert context["deadline"] > 4900
    client.send("echo", "do", later={"x": [1]}, deadline=5000, key="k2")
    assert worker.receive(0.3) is None
    worker.answer(token, msgid)
    _, _, context = worker.take()
    assert 0 < context.pop("deadline") < 4800
    assert context == {"later": {"x": [1]}, "key": "k2"}


def test_ceiling(start):
    """Nothing is held for ever: not a request, and not the credit of an answer that never comes."""
    bus = start(CBM_REQUEST_MAX_MS=200)
    client, worker = start.client(bus), start.worker(bus)
    msgid = client.send("echo", "do", deadline=600000)
    worker.take()
    assert failure(client, msgid, 2) == "deadline_exceeded"
    client.send("echo", "do")
    for _ in range(20):
        got = worker.receive(0.1)
        if got:
            break
        client.send("echo", "do")
    assert got[0] == REQUEST


def test_no_worker(start, bus):
    client = start.client(bus)
    begin = time.monotonic()
    assert failure(client, client.send("nobody", "do", deadline=300)) == "unavailable"
    assert 0.25 < time.monotonic() - begin < 2 * SLOW
    assert "nobody" not in bus.stats()["services"]
    msgid = client.send("late", "do", deadline=5000)
    start.worker(bus, "late").serve(1)
    assert client.wait(msgid) == {"n": msgid}


def test_no_worker_no_deadline(start, bus):
    client = start.client(bus)
    begin = time.monotonic()
    assert failure(client, client.send("nobody", "do")) == "unavailable"
    assert 4.5 < time.monotonic() - begin < 7 * SLOW


def test_short_wait_becomes_long(start, bus):
    """A request that waits for the first worker is not failed after 5 s if one came but is busy;
    and one that waits for the last worker is, when that one is gone."""
    client = start.client(bus)
    first, second = client.send("echo", "do"), client.send("echo", "do")
    worker = start.worker(bus)
    held = worker.take()
    assert worker.receive(5.5 / SLOW) is None
    assert client.socket.poll(0) == 0
    worker.answer(*held[:2], "slow")
    assert client.wait(first) == "slow"
    token, msgid, _ = worker.take()
    third = client.send("echo", "do")
    worker.close()
    assert failure(client, second) == "unavailable"
    assert failure(client, third, 8) == "unavailable"


def test_queue_is_bounded(start):
    bus = start(CBM_QUEUE_MAX=3)
    client, worker = start.client(bus), start.worker(bus)
    first = client.send("echo", "do")
    held = worker.take()
    ids = [client.send("echo", "do") for _ in range(4)]
    assert failure(client, ids[3], 2) == "resource_exhausted"
    worker.answer(*held[:2])
    worker.serve(3)
    for msgid in [first, *ids[:3]]:
        client.wait(msgid)


def test_slots_and_bytes_are_bounded(start):
    bus = start(CBM_REQUESTS_MAX=2, CBM_REQUESTS_BYTES_MAX=65536)
    client = start.client(bus)
    client.send("a", "do"), client.send("b", "do")
    assert failure(client, client.send("c", "do"), 2) == "resource_exhausted"
    bus.end()
    bus = start(CBM_REQUESTS_BYTES_MAX=65536)
    client = start.client(bus)
    client.send("a", "do", {"x": "y" * 70000}, deadline=300)
    assert failure(client, client.send("b", "do"), 2) == "resource_exhausted"
    wait_for(lambda: bus.stats()["held_bytes"] == 0, 5, "the end of the large request")


def test_unknown_services_do_not_grow(start, bus):
    client = start.client(bus)
    ids = [client.send(f"s{i}", "do", deadline=int(1000 * SLOW)) for i in range(1100)]
    codes = [failure(client, msgid) for msgid in ids]
    assert codes.count("resource_exhausted") == 76 and codes.count("unavailable") == 1024
    assert bus.stats()["services"] == {}


def garbage():
    deep = b"\x91" * 10000
    rpc = msgpack.packb([0, 5, "do", [{}]])
    yield [b""]
    yield [b"", b""]
    yield [b"MDPC02"]
    yield [b"MDPW02", b"\x01"]
    yield [b"MDPC02", b"\x01"]
    yield [b"MDPC02", b"\x01", b"echo"]
    yield [b"MDPC02", b"\x01", b"", rpc]
    yield [b"MDPC02", b"\x01", b"\xff\x00", rpc]
    yield [b"MDPC02", b"\x01", b"x" * 65, rpc]
    yield [b"MDPC02", b"\x01\x01", b"echo", rpc]
    yield [b"MDPC02", b"\x02", b"echo", rpc]
    yield [b"MDPC01", b"echo", rpc]
    yield [b"MDPC02", b"\x01", b"echo", rpc, b"\xdd\xff\xff\xff\xff"]
    yield [b"MDPC02", b"\x01", b"echo", rpc, deep]
    yield [b"MDPC02", b"\x01", b"echo", rpc, b"\x81\xa3key\xa2\xff\xfe"]
    yield [b"MDPC02", b"\x01", b"echo", rpc, msgpack.packb([1])]
    yield [b"MDPC02", b"\x01", b"echo", rpc, msgpack.packb({"deadline": "soon"})]
    yield [b"MDPC02", b"\x01", b"echo", rpc, msgpack.packb({"deadline": -1})]
    yield [b"MDPC02", b"\x01", b"echo", rpc, msgpack.packb({"key": "x" * 65})]
    yield [b"MDPC02", b"\x01", b"echo", rpc, b"\x80", b"\x80"]
    yield [b"MDPC02", b"\x01", b"echo"] + [b"x"] * 5000
    yield [b"MDPC02", b"\x01", b"bus", b"\xdd\xff\xff\xff\xff"]
    yield [b"MDPC02", b"\x01", b"bus", deep]
    yield [b"MDPW02", b"\x01", b"echo", b"0"]
    yield [b"MDPW02", b"\x01", b"echo", b"65537"]
    yield [b"MDPW02", b"\x01", b"echo", b"-1"]
    yield [b"MDPW02", b"\x01", b"mmi.service"]
    yield [b"MDPW02", b"\x01", b"bus"]
    yield [b"MDPW02", b"\x01", b""]
    yield [b"MDPW02", b"\x02", b"x", b"", rpc]
    yield [b"MDPW02", b"\x04"]
    yield [b"MDPW02", b"\x04", b"12345678", b"", rpc]
    yield [b"MDPW02", b"\x09"]
    yield [os.urandom(6), os.urandom(1), os.urandom(9), os.urandom(300)]
    yield [os.urandom(40) for _ in range(20)]
    yield [b"x" * (8 << 20)]
    yield [b"MDPC02", b"\x01", b"echo", b"x" * (8 << 20)]
    yield [b"MDPC02", b"\x01", b"echo", rpc, b"x" * (8 << 20)]
    yield [b"MDPC02", b"\x01", b"echo", b"x" * (17 << 20)]  # beyond what the socket takes: cut


@pytest.mark.parametrize("side", ["clients", "workers"])
def test_garbage(start, bus, side):
    """Answered with invalid_argument (or DISCONNECT) or dropped; and the bus still serves."""
    client, worker = start.client(bus), start.worker(bus)
    joined(bus, 1)
    for frames in garbage():
        enemy = zmq.Context.instance().socket(zmq.DEALER)
        enemy.linger = 1000
        with enemy:
            enemy.connect(getattr(bus, side))
            enemy.send_multipart(frames)
            answerable = (side == "clients" and len(frames) >= 3 and frames[0][:4] == b"MDPC" and
                          sum(map(len, frames)) < 16 << 20)
            if answerable:
                assert enemy.poll(5000 * SLOW), frames[:3]
                answer = enemy.recv_multipart()
                assert answer[:2] == [b"MDPC02", b"\x03"] and answer[2] == frames[2]
                kind, msgid, error, _ = msgpack.unpackb(answer[3])
                assert (kind, error["code"]) == (1, "invalid_argument"), frames[:3]
                assert msgid == (5 if len(frames) in (4, 5, 6) and frames[3][:1] == b"\x94" else 0)
        msgid = client.send("echo", "do")
        worker.serve(1)
        assert client.wait(msgid) == {"n": msgid}
    with socket.create_connection(("127.0.0.1", int(getattr(bus, side).rsplit(":", 1)[1]))) as raw:
        with contextlib.suppress(OSError):
            raw.sendall(b"GET / HTTP/1.0\r\n\r\n" + os.urandom(4000))
    assert [w["in_flight"] for w in bus.service("echo")["workers"]] == [0]


def test_bad_answers(start, bus):
    """A worker may answer only what it was given, once, and with one frame."""
    client = start.client(bus)
    worker, forger = start.worker(bus), start.worker(bus, "other")
    joined(bus, 1, "other")
    msgid = client.send("echo", "do")
    token, _, _ = worker.take()
    forger.answer(token, msgid, "forged")
    forger.answer(b"", msgid, "forged")
    forger.answer(bytes(8), msgid, "forged")
    worker.answer(token[:4] + bytes(4), msgid, "forged")
    worker.answer(token, msgid, "true")
    worker.answer(token, msgid, "twice")
    worker.answer(token, msgid, "part", PARTIAL)
    assert client.wait(msgid) == "true"
    wait_for(lambda: bus.stats()["dropped_late"] == 6, 5, "the drops")
    assert client.socket.poll(100) == 0
    for body in [[b"a", b"b"], []]:
        msgid = client.send("echo", "do", safe=True)
        token, _, _ = worker.take()
        worker.send(FINAL, token, b"", *body)
        assert failure(client, msgid) == "internal"
    msgid = client.send("echo", "do")
    worker.serve(1)
    assert client.wait(msgid) == {"n": msgid}


def test_unknown_worker_is_told(start, bus):
    """So that it says READY again, to a bus that was started anew."""
    worker = start.worker(bus)
    joined(bus, 1)
    stranger = start.worker(bus, "bus")  # refused
    assert stranger.receive() == [DISCONNECT]
    stranger.send(HEARTBEAT)
    assert stranger.receive() == [DISCONNECT]
    stranger.send(READY, b"echo")
    joined(bus, 2)
    assert worker.receive(0.1) is None


def mmi(client, question, name):
    client.send_raw(question, name.encode())
    return client.receive_frames()


def test_mmi(start, bus):
    client = start.client(bus)
    start.worker(bus)
    joined(bus, 1)
    assert mmi(client, "mmi.service", "echo") == [b"\x03", b"mmi.service", b"200"]
    assert mmi(client, "mmi.service", "nobody")[2] == b"404"
    assert mmi(client, "mmi.service", "")[2] == b"404"
    assert mmi(client, "mmi.service", "\x01" * 3000)[2] == b"404"
    assert mmi(client, "mmi.echo", "echo") == [b"\x03", b"mmi.echo", b"501"]


def test_own_methods(start, bus):
    client, worker = start.client(bus), start.worker(bus, credit=7)
    assert client.call("bus", "$ping")["name"] == "bus"
    assert {m["name"] for m in client.call("bus", "$info")["methods"]} == {
        "$ping", "$info", "$stats"}
    msgid = client.send("echo", "do")
    worker.serve(1)
    client.wait(msgid)
    stats = client.call("bus", "$stats")
    assert stats["answers"] == 1 and stats["open"] == 0
    echo = stats["services"]["echo"]
    assert (echo["requests"], echo["errors"], echo["queue"]) == (1, 0, 0)
    assert 0 < echo["p50_us"] <= echo["p99_us"]
    assert [(w["credit"], w["in_flight"]) for w in echo["workers"]] == [(7, 0)]
    assert failure(client, client.send("bus", "nothing")) == "unimplemented"
    assert failure(client, client.send("bus", "$ping", {"a": 1})) == "invalid_argument"


def test_worker_drains(start, bus):
    """No new work, its answers count, and the bus says when it may go."""
    client, worker = start.client(bus), start.worker(bus, credit=4)
    ids = [client.send("echo", "do") for _ in range(2)]
    held = [worker.take() for _ in ids]
    worker.send(DISCONNECT)
    other = start.worker(bus)
    wait_for(lambda: any(w["draining"] for w in bus.service("echo")["workers"]), 5, "the drain")
    ids.append(client.send("echo", "do"))
    other.serve(1)
    for token, msgid, _ in held:
        assert worker.receive(0.1) is None
        worker.answer(token, msgid, {"n": msgid})
    assert worker.receive() == [DISCONNECT]
    for msgid in ids:
        assert client.wait(msgid) == {"n": msgid}
    assert len(bus.service("echo")["workers"]) == 1
    other.send(DISCONNECT)
    assert other.receive() == [DISCONNECT]


def test_bus_drains(start, bus):
    """New requests are refused, those under way and waiting are finished, then it ends with 0."""
    client, worker = start.client(bus), start.worker(bus)
    ids = [client.send("echo", "do") for _ in range(2)]
    token, msgid, _ = worker.take()
    unserved = client.send("nobody", "do", deadline=60000)
    wait_for(lambda: bus.stats()["open"] == 3, 5, "the requests")
    bus.process.send_signal(signal.SIGTERM)
    assert failure(client, unserved) == "unavailable"
    with pytest.raises(CallError, match="drains"):
        client.call("echo", "do")
    worker.answer(token, msgid, {"n": msgid})
    worker.serve(1)
    for msgid in ids:
        assert client.wait(msgid) == {"n": msgid}
    assert worker.receive() == [DISCONNECT]
    assert bus.end() == 0


def test_drain_ends_with_grace(start):
    """Who still waits at the end of the grace time is told."""
    bus = start(CBM_GRACE_MS=300)
    client, worker = start.client(bus), start.worker(bus)
    msgid = client.send("echo", "do")
    worker.take()
    assert bus.end() == 75  # EX_TEMPFAIL
    assert failure(client, msgid) == "unavailable"


def test_heartbeats(start, bus):
    """The bus beats; a worker that is silent is dead, one that beats is not."""
    client, silent, alive = start.client(bus), start.worker(bus), start.worker(bus, "alive")
    joined(bus, 1)
    joined(bus, 1, "alive")
    msgid = client.send("echo", "do", safe=True, deadline=20000)
    begin = time.monotonic()
    beats = 0
    while bus.service("echo").get("workers"):
        assert time.monotonic() - begin < 6 * SLOW
        while silent.socket.poll(50):
            beats += silent.socket.recv_multipart()[1] == HEARTBEAT
        alive.send(HEARTBEAT)
    assert 1.0 < time.monotonic() - begin and beats >= 3
    assert len(bus.service("alive")["workers"]) == 1
    start.worker(bus).serve(1)
    assert client.wait(msgid) == {"n": msgid}
    silent.send(HEARTBEAT)
    assert silent.receive() == [DISCONNECT]


def test_stopped_bus_forgives(start, bus):
    """After a stall of the bus itself its workers are not taken for dead."""
    client, worker = start.client(bus), start.worker(bus)
    joined(bus, 1)
    bus.process.send_signal(signal.SIGSTOP)
    time.sleep(3)  # the stall itself, not a wait for something
    bus.process.send_signal(signal.SIGCONT)
    assert worker.receive(1) is None
    msgid = client.send("echo", "do")
    worker.serve(1)
    assert client.wait(msgid) == {"n": msgid}
    assert bus.stats()["workers_lost"] == 0


def test_client_that_leaves(start, bus):
    """Its answers are dropped and nothing is kept for it."""
    worker = start.worker(bus, credit=10)
    with Client(bus.clients) as gone:
        gone.send("echo", "do")
        token, msgid, _ = worker.take()
    def left():
        worker.answer(token, msgid)
        stats = bus.stats()
        return stats["open"] == 0 and stats["held"] == 0
    wait_for(left, 5, "the end of the request")


def test_wrong_settings(scratch):
    for name, value in [("CBM_QUEUE_MAX", "0"), ("CBM_CLIENT_BIND", "here"),
                        ("CBM_REQUEST_MAX_MS", "x")]:
        done = subprocess.run([str(BUILD / "cbm-bus"), "--check-config"], capture_output=True,
                              text=True, env={**os.environ, name: value}, timeout=20)
        assert done.returncode == 78 and name in done.stderr
    port = free_port()
    taken = zmq.Context.instance().socket(zmq.ROUTER)
    with taken:
        taken.bind(f"tcp://127.0.0.1:{port}")
        done = subprocess.run([str(BUILD / "cbm-bus")], capture_output=True, text=True, timeout=20,
                              env={**os.environ, "CBM_CLIENT_BIND": f"tcp://127.0.0.1:{port}",
                                   "CBM_WORKER_BIND": f"tcp://127.0.0.1:{free_port()}"})
        assert done.returncode == 69 and "cannot bind" in done.stderr
