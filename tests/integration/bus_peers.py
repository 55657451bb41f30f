"""The bus alone, started for a test, and a worker that knows only RFC 18. It must not know any test or service."""
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
