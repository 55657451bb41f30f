"""libcbm against buses that misbehave: what is sent again and what is not, answers in parts, late ones
and garbage. The library is used as an outside program would, from C, and by `cbm call`. No service."""
import json
import os
import subprocess
import time

import msgpack
import pytest
import zmq

from conftest import BUILD, ROOT, SLOW, free_port, wait_for

DRIVER = r"""
#include <cbm.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void
on_reply(void *arg, const struct cbm_reply *reply)
{
    (void)arg;
    printf("%u %s %zu\n", (unsigned)reply->id, reply->error.code[0] ? reply->error.code : "ok",
           reply->result_len);
    fflush(stdout);
}

/* driver COUNT MODE: COUNT requests at once, MODE "key", "none" or "safe" */
int
main(int argc, char **argv)
{
    struct cbm_error error;
    struct cbm_client *client = cbm_client_new(NULL, &error);
    if (argc < 3 || !client)
        return 64;
    struct cbm_options options = {.deadline_ms = 3000, .no_key = strcmp(argv[2], "none") == 0,
                                  .safe = strcmp(argv[2], "safe") == 0};
    if (cbm_send(client, "x", "m", "\xc1", 1, NULL, &error) || strcmp(error.code, "invalid_argument"))
        return 65;
    if (cbm_send(client, "", "m", NULL, 0, NULL, NULL) || cbm_send(client, "x", "m", "\x01", 1, NULL, NULL))
        return 66;
    for (int i = atoi(argv[1]); i > 0; i--)
        if (!cbm_send(client, "x", "change", NULL, 0, &options, &error))
            return 67;
    while (cbm_in_flight(client))
        cbm_poll(client, 1000, on_reply, NULL);
    cbm_client_destroy(&client);
    return 0;
}
"""


@pytest.fixture(scope="module")
def driver(tmp_path_factory):
    """A program outside the tree, built with what `make install-client` installs."""
    place = tmp_path_factory.mktemp("driver")
    subprocess.run(["make", "-s", "-C", str(ROOT), f"BUILD={os.environ.get('CBM_BUILD', 'build')}",
                    f"DESTDIR={place}", "PREFIX=/usr", "install-client"], check=True,
                   capture_output=True, timeout=300 * SLOW, env={**os.environ, "MAKEFLAGS": ""})
    flags = subprocess.run(["pkg-config", "--define-variable", f"prefix={place}/usr", "--cflags",
                            "--libs", "cbm"], check=True, capture_output=True, text=True,
                           env={**os.environ, "PKG_CONFIG_PATH": f"{place}/usr/lib/pkgconfig"}).stdout
    (place / "driver.c").write_text(DRIVER)
    sanitize = [f"-fsanitize={os.environ['SAN']}"] if os.environ.get("SAN") else []
    subprocess.run(["cc", "-std=c11", "-Wall", "-Wextra", "-Wpedantic", "-Werror", *sanitize,
                    str(place / "driver.c"), *flags.split(), "-o", str(place / "driver")], check=True)
    return place / "driver"


class Bus:
    """A bus of which every answer is decided by the test."""

    def __init__(self, port=None):
        self.socket = zmq.Context.instance().socket(zmq.ROUTER)
        self.socket.linger = 0
        self.endpoint = f"tcp://127.0.0.1:{port or free_port()}"
        wait_for(self.bind, 10, f"a free {self.endpoint}")

    def bind(self):
        try:
            self.socket.bind(self.endpoint)
        except zmq.ZMQError:  # the socket of a bus that ended may go away a moment later
            return False
        return True

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        if not self.socket.closed:
            self.socket.unbind(self.endpoint)
            self.socket.close()

    def take(self, timeout=10):
        """(peer, msgid, method, params, context) of the next request."""
        assert self.socket.poll(int(timeout * 1000 * SLOW)), "no request"
        peer, header, command, service, rpc, context = self.socket.recv_multipart()
        assert (header, command, service) == (b"MDPC02", b"\x01", b"x")
        kind, msgid, method, [params] = msgpack.unpackb(rpc)
        assert kind == 0
        return peer, msgid, method, params, msgpack.unpackb(context)

    def idle(self, seconds):
        return not self.socket.poll(int(seconds * 1000))

    def answer(self, peer, msgid, result=None, error=None, command=b"\x03"):
        self.socket.send_multipart([peer, b"MDPC02", command, b"x",
                                    msgpack.packb([1, msgid, error, result])])

    def unavailable(self, peer, msgid, code="unavailable"):
        self.answer(peer, msgid, error={"code": code, "message": "not now"})


def start(program, *arguments, buses):
    return subprocess.Popen([str(program), *map(str, arguments)], stdout=subprocess.PIPE,
                            stderr=subprocess.PIPE, text=True, stdin=subprocess.DEVNULL,
                            env={**os.environ, "CBM_BUS": ",".join(bus.endpoint for bus in buses)})


def call(*arguments, buses):
    return start(BUILD / "cbm", "call", "x", *arguments, buses=buses)


def end(process, code=0):
    out, err = process.communicate(timeout=30 * SLOW)
    assert process.returncode == code, (process.returncode, out, err)
    return out, err


def test_what_is_sent():
    with Bus() as bus:
        process = call("thing.do", '{"a": [1, -2, "é", true, null, 1.5]}', "--key", "k", "--deadline",
                       "4000", "--min-seq", "9", buses=[bus])
        peer, msgid, method, params, context = bus.take()
        assert method == "thing.do" and params == {"a": [1, -2, "é", True, None, 1.5]}
        assert context["key"] == "k" and context["min_seq"] == 9 and "safe" not in context
        assert 0 < context["deadline"] <= 4000
        bus.answer(peer, msgid, {"big": 2 ** 63 + 1, "bytes": b"\x00\x01\x02\xff", "n": -5})
        assert json.loads(end(process)[0]) == {"big": "9223372036854775809", "bytes": "AAEC/w==", "n": -5}


def test_a_change_gets_a_key_and_a_reading_is_safe():
    keys = set()
    with Bus() as bus:
        for _ in range(2):
            process = call("thing.do", buses=[bus])
            peer, msgid, _, params, context = bus.take()
            assert params == {} and 24 < len(context["key"]) <= 64
            keys.add(context["key"])
            bus.answer(peer, msgid, {})
            end(process)
        process = call("$ping", buses=[bus])
        peer, msgid, _, _, context = bus.take()
        assert context["safe"] is True and "key" not in context
        bus.answer(peer, msgid, {})
        end(process)
    assert len(keys) == 2


@pytest.mark.parametrize("code", ["unavailable", "resource_exhausted"])
def test_passing_troubles_are_retried_with_one_key(code):
    with Bus() as bus:
        process = call("thing.do", buses=[bus])
        keys, times = set(), []
        for attempt in range(4):
            peer, msgid, _, _, context = bus.take()
            keys.add(context["key"])
            times.append(time.monotonic())
            if attempt < 3:
                bus.unavailable(peer, msgid, code)
        bus.answer(peer, msgid, {"done": True})
        assert json.loads(end(process)[0]) == {"done": True}
        assert len(keys) == 1 and times[-1] - times[0] > 0.03


@pytest.mark.parametrize("code", ["invalid_argument", "aborted", "internal", "failed_precondition"])
def test_other_errors_are_told_at_once(code):
    with Bus() as bus:
        process = call("thing.do", buses=[bus])
        peer, msgid, *_ = bus.take()
        bus.answer(peer, msgid, error={"code": code, "message": "no, because", "field": "a[0].b",
                                       "details": {"spans": [1]}})
        _, err = end(process, 1)
        assert code in err and "no, because" in err and "a[0].b" in err and '{"spans":[1]}' in err
        assert bus.idle(0.2)


def test_what_has_no_key_is_sent_once(driver):
    with Bus() as bus:
        process = start(driver, 1, "none", buses=[bus])
        peer, msgid, _, _, context = bus.take()
        assert "key" not in context and "safe" not in context
        bus.unavailable(peer, msgid)
        assert "unavailable" in end(process)[0] and bus.idle(0.2)
    with Bus() as bus:
        process = start(driver, 1, "none", buses=[bus])
        bus.take()
        bus.close()
        assert "unavailable" in end(process)[0]


@pytest.mark.parametrize("mode", ["key", "safe"])
def test_a_lost_bus_fails_over(driver, mode):
    """All that was under way on the bus that died goes to the other, with the same keys, once each."""
    with Bus() as first, Bus() as second:
        process = start(driver, 40, mode, buses=[first, second])
        taken = {}
        while len(taken) < 40:
            for bus in (first, second):
                while not bus.idle(0.02):
                    peer, msgid, _, _, context = bus.take()
                    taken[msgid] = (bus, peer, context)
        # the first to be connected may have got all; that one dies
        dead = max((first, second), key=lambda bus: sum(one[0] is bus for one in taken.values()))
        left = second if dead is first else first
        lost = {msgid: context for msgid, (bus, _, context) in taken.items() if bus is dead}
        assert len(lost) >= 20
        dead.close()
        for msgid, (bus, peer, _) in taken.items():
            if bus is left:
                left.answer(peer, msgid, {})
        for _ in range(len(lost)):
            peer, msgid, _, _, context = left.take()
            before = lost.pop(msgid)
            assert context.get("key") == before.get("key")
            left.answer(peer, msgid, {})
        out, _ = end(process)
        assert len(out.splitlines()) == 40 and all(" ok " in line for line in out.splitlines())
        assert left.idle(0.1)


def test_a_bus_that_comes_back(driver):
    port = free_port()
    with Bus(port) as bus:
        process = start(driver, 3, "key", buses=[bus])
        keys = {bus.take()[4]["key"] for _ in range(3)}
    with Bus(port) as bus:
        for _ in range(3):
            peer, msgid, _, _, context = bus.take()
            keys.remove(context["key"])
            bus.answer(peer, msgid, {})
        assert end(process)[0].count(" ok ") == 3


def test_many_in_flight_answered_in_any_order(driver):
    with Bus() as bus:
        process = start(driver, 3000, "key", buses=[bus])
        taken = [bus.take()[:2] for _ in range(3000)]
        for peer, msgid in reversed(taken):
            bus.answer(peer, msgid, {"n": msgid})
        lines = end(process)[0].splitlines()
        assert [int(line.split()[0]) for line in lines] == [msgid for _, msgid in reversed(taken)]
        assert all(line.split()[1] == "ok" for line in lines)


def test_parts_are_joined():
    with Bus() as bus:
        process = call("thing.list", buses=[bus])
        peer, msgid, *_ = bus.take()
        for part in ([1, {"a": 2}], [], list(range(100))):
            bus.answer(peer, msgid, {"items": part}, command=b"\x02")
        bus.answer(peer, msgid, {"items": ["last"], "next": None, "seq": 7})
        assert json.loads(end(process)[0]) == {"items": [1, {"a": 2}, *range(100), "last"],
                                               "next": None, "seq": 7}
        process = call("thing.list", buses=[bus])
        peer, msgid, *_ = bus.take()
        bus.answer(peer, msgid, {"items": [1]}, command=b"\x02")
        bus.unavailable(peer, msgid)  # what came before is forgotten
        peer, msgid, *_ = bus.take()
        bus.answer(peer, msgid, {"items": [2]}, command=b"\x02")
        bus.answer(peer, msgid, {"items": []})
        assert json.loads(end(process)[0]) == {"items": [2]}
        process = call("thing.list", buses=[bus])
        peer, msgid, *_ = bus.take()
        bus.answer(peer, msgid, {"items": 5}, command=b"\x02")
        assert "internal" in end(process, 1)[1]


def test_garbage_and_late_answers_move_nothing():
    with Bus() as bus:
        process = call("thing.do", buses=[bus])
        peer, msgid, *_ = bus.take()
        good = msgpack.packb([1, msgid, None, {"right": True}])
        for frames in ([b""], [b"MDPC02"], [b"MDPC02", b"\x03", b"x"], [b"MDPC01", b"\x03", b"x", good],
                       [b"MDPC02", b"\x09", b"x", good], [b"MDPC02", b"", b"x", good],
                       [b"MDPC02", b"\x03", b"x", b""], [b"MDPC02", b"\x03", b"x", b"\xdd\xff\xff\xff\xff"],
                       [b"MDPC02", b"\x03", b"x", msgpack.packb([1, msgid ^ 0x10000, None, {}])],
                       [b"MDPC02", b"\x03", b"x", msgpack.packb([1, 0, None, {}])],
                       [b"MDPC02", b"\x03", b"x", b"\x91" * 5000]):
            bus.socket.send_multipart([peer, *frames])
        bus.socket.send_multipart([peer, b"MDPC02", b"\x03", b"x", good, b"more", b"frames"])
        assert json.loads(end(process)[0]) == {"right": True}
        process = call("thing.do", buses=[bus])
        peer, msgid, *_ = bus.take()
        bus.socket.send_multipart([peer, b"MDPC02", b"\x03", b"x",
                                   b"\x94\x01" + msgpack.packb(msgid) + b"\xc0\xdd\xff\xff\xff\xff"])
        assert "internal" in end(process, 1)[1]


def test_deadlines():
    with Bus() as bus:
        begin = time.monotonic()
        process = call("thing.do", "--deadline", "300", buses=[bus])
        bus.take()
        assert "deadline_exceeded" in end(process, 1)[1]
        assert time.monotonic() - begin < 5 * SLOW
    nowhere = Bus()
    nowhere.close()
    assert "no bus is reachable" in end(call("thing.do", "--deadline", "300", buses=[nowhere]), 69)[1]


def test_wrong_settings():
    for buses, word in (("nonsense", "endpoint"), (",", "endpoint"), ("tcp://127.0.0.1:1," * 20, "buses")):
        done = subprocess.run([str(BUILD / "cbm"), "call", "x", "y"], capture_output=True, text=True,
                              env={**os.environ, "CBM_BUS": buses}, timeout=20 * SLOW)
        assert done.returncode == 78 and word in done.stderr, done
    key = {"CBM_SERVER_KEY": "short"}
    done = subprocess.run([str(BUILD / "cbm"), "call", "x", "y"], capture_output=True, text=True,
                          env={**os.environ, **key}, timeout=20 * SLOW)
    assert done.returncode == 78 and "Z85" in done.stderr


def test_encrypted_connections(scratch):
    """With CBM_SERVER_KEY and CBM_CERT the bus sees the client's key."""
    server_public, server_secret = zmq.curve_keypair()
    public, secret = zmq.curve_keypair()
    certificate = scratch / "officer.cert"
    certificate.write_text(f'metadata\ncurve\n    public-key = "{public.decode()}"\n'
                           f'    secret-key = "{secret.decode()}"\n')
    bus = Bus.__new__(Bus)
    bus.socket = zmq.Context.instance().socket(zmq.ROUTER)
    bus.socket.curve_server, bus.socket.linger = 1, 0
    bus.socket.curve_publickey, bus.socket.curve_secretkey = server_public, server_secret
    bus.endpoint = f"tcp://127.0.0.1:{bus.socket.bind_to_random_port('tcp://127.0.0.1')}"
    with bus:
        env = {**os.environ, "CBM_BUS": bus.endpoint, "CBM_CERT": str(certificate),
               "CBM_SERVER_KEY": server_public.decode()}
        process = subprocess.Popen([str(BUILD / "cbm"), "call", "x", "$ping"], env=env, text=True,
                                   stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        peer, msgid, *_ = bus.take()
        bus.answer(peer, msgid, {"pong": 1})
        assert json.loads(end(process)[0]) == {"pong": 1}
