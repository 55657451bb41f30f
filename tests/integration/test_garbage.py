"""Garbage on every socket: each request is answered with invalid_argument, nothing moves, nobody falls."""
import os
import random
import struct

import msgpack
import pytest
import zmq

from conftest import Client, running, secure, wait_for

METHODS = {"registry": "participant.get", "events": "event.get", "notify": "log.read"}
GOOD = {"registry": {"code": "KZ"}, "events": {"id": "a"}, "notify": {"prefix": "", "after": 0}}
NESTED = b"\x91" * 10000 + b"\xc0"


def rpc(method, params, msgid=7):
    return msgpack.packb([0, msgid, method, [params]])


def bodies(service):
    """(what, rpc frame): none of them is a request of the service."""
    method, good = METHODS[service], GOOD[service]
    name = next(iter(good))
    whole = rpc(method, good)
    yield "empty", b""
    yield "not msgpack", b"\xc1\xc1\xc1"
    yield "a count of 2^32", bytes.fromhex("ddffffffff")
    yield "a map of 2^32", bytes.fromhex("dfffffffff")
    yield "text of 2^32", bytes.fromhex("dbffffffff") + b"x"
    yield "bytes of 2^32", bytes.fromhex("c6ffffffff") + b"x"
    yield "10,000 nested arrays", NESTED
    yield "nested in params", b"\x94\x00\x07" + msgpack.packb(method) + b"\x91\x81" + \
        msgpack.packb(name) + NESTED
    yield "8 MiB", b"\x94\x00\x07" + msgpack.packb(method) + b"\x91\x81" + msgpack.packb(name) + \
        b"\xdb" + struct.pack(">I", 8 << 20) + b"x" * (8 << 20)
    yield "8 MiB of zeros", bytes(8 << 20)
    yield "trailing bytes", whole + b"\x00"
    yield "an int", msgpack.packb(1)
    yield "a map", msgpack.packb({"method": method})
    yield "three items", msgpack.packb([0, 7, method])
    yield "a reply", msgpack.packb([1, 7, None, {}])
    yield "a notification", msgpack.packb([2, method, [good]])
    yield "msgid of text", msgpack.packb([0, "7", method, [good]])
    yield "msgid negative", msgpack.packb([0, -7, method, [good]])
    yield "method of int", msgpack.packb([0, 7, 5, [good]])
    yield "params a map", msgpack.packb([0, 7, method, good])
    yield "two params", msgpack.packb([0, 7, method, [good, good]])
    yield "params of text", msgpack.packb([0, 7, method, ["x"]])
    yield "no params", msgpack.packb([0, 7, method, []])
    yield "missing field", rpc(method, {})
    yield "unknown field", rpc(method, {**good, "unknown": 1})
    yield "field twice", b"\x94\x00\x07" + msgpack.packb(method) + b"\x91" + b"\x82" + \
        (msgpack.packb(name) + msgpack.packb(good[name])) * 2
    yield "key of int", rpc(method, {**good, 5: 5})
    for wrong in (1.5, True, [], {}, b"bytes", None, -1, "\u0000", "x" * 70000, [[[]]]):
        yield f"{name} is {str(wrong)[:12]!r}", rpc(method, {**good, name: wrong})
    yield "bad UTF-8", whole.replace(msgpack.packb(method), b"\xa3\xff\xfe\xfd")
    yield "bad UTF-8 in params", b"\x94\x00\x07" + msgpack.packb(method) + b"\x91\x81" + \
        msgpack.packb(name) + b"\xa2\xc3\x28"
    for cut in range(1, len(whole)):
        yield f"cut at {cut}", whole[:cut]


@pytest.mark.parametrize("service", METHODS)
def test_garbage_is_answered_and_moves_nothing(stack, service):
    with stack.client() as client:
        before = client.call("notify", "log.last", {"prefix": ""})["seq"]
        for what, body in bodies(service):
            client.send_raw(service, body)
            _, error, _ = client.receive(20)
            assert error and error["code"] == "invalid_argument", (what, error)
            assert error["message"]
        assert client.call("notify", "log.last", {"prefix": ""})["seq"] == before
    assert all(running(pid) for pid in stack.pids.values())


def test_msgid_of_a_refusal(stack):
    """The msgid where it can be read, else 0."""
    with stack.client() as client:
        for body, msgid in ((rpc("event.get", {}, 300), 300), (b"\xc1", 0), (b"\x94\x00\x09\xc1", 9)):
            client.send_raw("events", body)
            assert client.receive()[0] == msgid


def test_bad_contexts(stack):
    with stack.client() as client:
        whole = rpc("event.get", {"id": "a"})
        for context in (b"\xc1", msgpack.packb([]), msgpack.packb({"key": 5}), NESTED,
                        msgpack.packb({"key": "x" * 65}), msgpack.packb({"deadline": "soon"}),
                        msgpack.packb({"deadline": -1}), msgpack.packb({"safe": 1}),
                        msgpack.packb({"min_seq": -1}), bytes.fromhex("ddffffffff")):
            client.send_raw("events", whole, context)
            _, error, _ = client.receive()
            assert error["code"] == "invalid_argument", (context, error)
        client.send_raw("events")
        assert client.receive()[1]["code"] == "invalid_argument"
        client.send_raw("events", whole, b"\x80", b"\x80")
        assert client.receive()[1]["code"] == "invalid_argument"


def test_random_bytes_on_every_socket(stack):
    rng = random.Random(18)
    endpoints = [stack.env["CBM_BUS"], stack.env["CBM_WORKERS"], stack.env["CBM_NOTIFY"]]
    kinds = [zmq.DEALER, zmq.DEALER, zmq.XSUB]
    for endpoint, kind in zip(endpoints, kinds):
        socket = zmq.Context.instance().socket(kind)
        if endpoint != stack.env["CBM_WORKERS"]:
            secure(socket, stack.env)
        socket.linger = 500
        socket.connect(endpoint)
        for _ in range(300):
            frames = [rng.choice([b"", b"MDPC02", b"MDPW02", b"\x01", b"\x02", b"\x04", b"events",
                                  b"\x01events.", rng.randbytes(rng.randrange(64))])
                      for _ in range(rng.randrange(1, 9))]
            socket.send_multipart(frames)
        socket.close()
    check = stack.client()
    assert check.call("events", "$ping")["name"] == "events"
    check.close()
    assert all(running(pid) for pid in stack.pids.values())


def test_raw_tcp_garbage(stack):
    import socket
    for name in ("CBM_BUS", "CBM_WORKERS", "CBM_NOTIFY"):
        host, port = stack.env[name].removeprefix("tcp://").split(":")
        for payload in (b"GET / HTTP/1.1\r\n\r\n", os.urandom(4096), b"\xff" * 64, b""):
            with socket.create_connection((host, int(port))) as peer:
                peer.sendall(payload)
    with stack.client() as client:
        wait_for(lambda: client.call("events", "$ping"), 10, "an answer")
    assert all(running(pid) for pid in stack.pids.values())
