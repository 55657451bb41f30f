"""The bus alone hands requests on, against peers that know only RFC 18: raw clients and raw workers.
It must not know any service."""
import socket
import time

import msgpack
import pytest
import zmq

from bus_peers import FINAL, HEARTBEAT, PARTIAL, READY, REQUEST, bus, failure, joined, start  # noqa: F401
from conftest import SLOW, wait_for


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


def item(kind, body):
    return kind + len(body).to_bytes(4, "big") + body


@pytest.mark.parametrize("as_items", [False, True])
def test_long_answers_of_the_compact_framing(start, bus, as_items):
    """They come as messages of MDP, behind the parts that were sent before them."""
    worker = start.worker(bus)
    with zmq.Context.instance().socket(zmq.DEALER) as client:
        client.linger = 0
        client.connect(bus.clients)
        for msgid, size in ((1, 65), (2, 200), (3, 0)):
            client.send_multipart([b"MDPC02", b"\x01", b"echo", msgpack.packb([0, msgid, "do", [{}]]),
                                   msgpack.packb({"framing": "compact/1"})])
            token, *_ = worker.take()
            part, last = (msgpack.packb([1, msgid, None, {"items": [part]}]) for part in ("a", "b" * 1024 * size))
            if as_items:
                worker.socket.send(b"\xc1\x01" + item(b"\x13", token + part) + item(b"\x14", token + last))
            else:
                worker.send(PARTIAL, token, b"", part)
                worker.send(FINAL, token, b"", last)
            got = b""
            while len(got) < 2 + 5 * 2 + 5 * 2 + len(part + last) and client.poll(5000 * SLOW):
                frames = client.recv_multipart()
                assert len(frames) == 1 or size
                if len(frames) > 1:
                    assert frames == [b"MDPC02", b"\x03", b"echo", last]
                    break
                got += frames[0] if not got else frames[0].removeprefix(b"\xc1\x01")
            in_items = item(b"\x02", b"\x04echo" + part) + (item(b"\x03", b"\x04echo" + last) if not size else b"")
            assert got == b"\xc1\x01" + in_items


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
