"""The bus alone against enemies, and its life: garbage, bad answers, its own methods, drains, heartbeats.
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

from bus_peers import DISCONNECT, FINAL, HEARTBEAT, PARTIAL, READY, bus, failure, joined, start  # noqa: F401
from conftest import BUILD, SLOW, CallError, Client, free_port, wait_for


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
