"""Every process killed in turn under load, Redis too; then the history is read: what was acknowledged
is there once, nothing is half done, seq has no hole. Clients do as docs/integrator.md says: a change has
an idempotency key and is sent again with it."""
import signal
import time

import msgpack
import pytest
import zmq

from conftest import Client, SLOW, wait_for

WINDOW = 32
RESEND_S = 1.0


class Writer:
    """Proposes events over all buses, WINDOW at a time, until each is acknowledged."""

    def __init__(self, stack, name):
        self.clients = [Client(one, env=stack.env) for one in stack.env["CBM_BUS"].split(",")]
        self.name = name
        self.next = 0
        self.open = {}       # number -> [due, tries]
        self.by_msgid = {}   # msgid -> number
        self.acknowledged = {}

    def close(self):
        for client in self.clients:
            client.close()

    def id_of(self, number):
        return f"{self.name}-{number}"

    def send(self, number):
        tries = self.open.get(number, (0, 0))[1]
        self.open[number] = (time.monotonic() + RESEND_S * SLOW, tries + 1)
        client = self.clients[(number + tries) % len(self.clients)]
        params = {"id": self.id_of(number), "title": f"Seminar {number}", "kind": "seminar",
                  "host": "SECRETARIAT", "year": 2032}
        try:
            self.by_msgid[client.send("events", "event.propose", params,
                                      key=self.id_of(number))] = number
        except zmq.Again:
            pass

    def turn(self, more):
        """Reads what came, sends again what is overdue, and, if `more`, fills the window."""
        for client in self.clients:
            while client.socket.poll(2):
                msgid, error, result = client.receive()
                number = self.by_msgid.pop(msgid, None)
                if number not in self.open:
                    continue
                if error is None:
                    del self.open[number]
                    self.acknowledged[number] = result
                else:
                    assert error["code"] in ("unavailable", "deadline_exceeded", "aborted",
                                             "resource_exhausted"), error
        for number, (due, _) in list(self.open.items()):
            if time.monotonic() >= due:
                self.send(number)
        while more and len(self.open) < WINDOW:
            self.send(self.next)
            self.next += 1

    def acknowledge(self, count, timeout=60):
        """Goes on until `count` more are acknowledged."""
        goal, deadline = len(self.acknowledged) + count, time.monotonic() + timeout * SLOW
        while len(self.acknowledged) < goal:
            assert time.monotonic() < deadline, f"only {len(self.acknowledged)} of {goal}"
            self.turn(True)

    def finish(self, timeout=60):
        deadline = time.monotonic() + timeout * SLOW
        while self.open:
            assert time.monotonic() < deadline, f"{len(self.open)} were never answered"
            self.turn(False)


def read_log(client, prefix=""):
    records, after = [], 0
    while True:
        page = client.call("notify", "log.read", {"prefix": prefix, "after": after, "limit": 1000},
                           safe=True)
        records += page["items"]
        if not page["items"]:
            return records
        after = page["next"]


def check_history(stack, writer):
    with stack.client() as client:
        records = read_log(client)
        assert [r["meta"]["seq"] for r in records] == list(range(1, len(records) + 1))
        proposed = {}
        for record in records:
            if record["meta"]["type"] == "event.proposed":
                assert record["data"]["id"] not in proposed, "an event was proposed twice"
                proposed[record["data"]["id"]] = record
        listed = {e["id"] for e in client.list("events", "event.list", {"year": 2032, "limit": 1000})}
        for number, answer in writer.acknowledged.items():
            record = proposed[writer.id_of(number)]
            assert answer["seq"] == record["meta"]["seq"]
            answer = {key: value for key, value in answer.items() if key != "seq"}
            assert record["data"] == answer
            assert client.call("events", "event.get", {"id": answer["id"]}) == answer
        mine = {id for id in proposed if id.startswith(writer.name)}
        assert {id for id in listed if id.startswith(writer.name)} == mine, "an index is half done"
        assert mine == {writer.id_of(n) for n in writer.acknowledged}


@pytest.fixture
def pair(make_stack):
    return make_stack("--scale", "bus=2,registry=2,events=2,notify=2")


def test_every_process_killed_in_turn(pair):
    writer = Writer(pair, "kill")
    try:
        writer.acknowledge(200)
        for name in ("events.1", "bus.1", "notify.1", "events.2", "registry.1", "bus.2", "notify.2",
                     "registry.2", "redis"):
            pair.kill(name)
            if name != "redis":
                writer.acknowledge(100)  # the other replica goes on alone
            pair.up()
            writer.acknowledge(100)
        writer.finish()
    finally:
        writer.close()
    check_history(pair, writer)


def test_redis_killed_again_and_again(make_stack):
    stack = make_stack()
    writer = Writer(stack, "redis")
    try:
        for _ in range(5):
            writer.acknowledge(150)
            stack.kill("redis")
            writer.turn(True)
            stack.up()
        writer.finish()
    finally:
        writer.close()
    check_history(stack, writer)


def test_without_redis_requests_end_with_unavailable(make_stack):
    stack = make_stack()
    with stack.client() as client:
        assert client.call("events", "event.list")["items"] == []
        stack.kill("redis")
        msgid = client.send("events", "event.get", {"id": "a"}, deadline=300)
        _, error, _ = client.receive(5)
        assert error["code"] in ("unavailable", "deadline_exceeded"), (msgid, error)
        stack.up()
        assert client.call("events", "event.list")["items"] == []


def test_functions_flushed_under_way_are_loaded_again(make_stack):
    import subprocess
    stack = make_stack()
    writer = Writer(stack, "flush")
    try:
        for _ in range(3):
            writer.acknowledge(50)
            subprocess.run(["redis-cli", "-u", stack.env["CBM_REDIS"], "FUNCTION", "FLUSH"],
                           check=True, capture_output=True)
        writer.acknowledge(50)
        writer.finish()
    finally:
        writer.close()
    check_history(stack, writer)


@pytest.mark.parametrize("service", ["events", "registry", "notify"])
def test_a_replica_that_is_told_to_end_fails_no_request(make_stack, service):
    """SIGTERM under load, without keys: nothing may be lost or refused."""
    methods = {"events": ("event.list", {"limit": 1}), "registry": ("participant.list", {}),
               "notify": ("log.last", {"prefix": ""})}
    stack = make_stack("--scale", f"{service}=2")
    method, params = methods[service]
    with stack.client() as client:
        open_requests, answered, told = set(), 0, False
        pid = stack.pids[f"{service}.2"]
        while answered < 4000:
            while len(open_requests) < 64:
                open_requests.add(client.send(service, method, params))
            msgid, error, _ = client.receive(20)
            assert error is None, error
            open_requests.remove(msgid)
            answered += 1
            if answered == 1000:
                import os
                os.kill(pid, signal.SIGTERM)
                told = True
        assert told
        for _ in range(len(open_requests)):
            _, error, _ = client.receive(20)
            assert error is None, error
        wait_for(lambda: stack.status()[f"{service}.2"] is None, 20, "the end of the replica")
        assert "msg=ended exit=0" in stack.log(f"{service}.2")


@pytest.mark.parametrize("service", ["events", "registry", "notify"])
def test_two_replicas_share_the_work(make_stack, service):
    methods = {"events": ("event.list", {"limit": 1}), "registry": ("participant.list", {}),
               "notify": ("log.last", {"prefix": ""})}
    stack = make_stack("--scale", f"{service}=2")
    method, params = methods[service]
    total = 6000
    with stack.client() as client:
        open_requests = 0
        for sent in range(total):
            client.send(service, method, params)
            open_requests += 1
            while open_requests >= 16:
                assert client.receive(20)[1] is None
                open_requests -= 1
        for _ in range(open_requests):
            assert client.receive(20)[1] is None
        counts = {}

        def both():
            stats = client.call(service, "$stats")
            counts[stats["id"]] = stats["methods"][method]["requests"]
            return len(counts) == 2
        wait_for(both, 10, "statistics of both replicas")
    assert sum(counts.values()) == total, counts
    fair = total / 2
    assert all(abs(count - fair) <= 0.2 * fair for count in counts.values()), counts


def test_weak_redis_is_refused_unless_named(scratch):
    import os
    import subprocess
    from conftest import BUILD, free_port
    port = free_port()
    redis = subprocess.Popen(["redis-server", "--port", str(port), "--save", "", "--dir", str(scratch),
                              "--bind", "127.0.0.1"], stdout=subprocess.DEVNULL)
    try:
        env = {**os.environ, "CBM_REDIS": f"redis://127.0.0.1:{port}",
               "CBM_WORKERS": f"tcp://127.0.0.1:{free_port()}"}
        wait_for(lambda: subprocess.run(["redis-cli", "-p", str(port), "PING"],
                                        capture_output=True).stdout == b"PONG\n", 10, "Redis")
        done = subprocess.run([str(BUILD / "cbm-registry")], env=env, capture_output=True, text=True,
                              timeout=20 * SLOW)
        assert done.returncode == 78, done  # EX_CONFIG
        assert "CBM_DURABILITY=memory" in done.stderr
        ready = scratch / "ready"
        weak = subprocess.Popen([str(BUILD / "cbm-registry")], stderr=subprocess.PIPE, text=True,
                                env={**env, "CBM_DURABILITY": "memory"})
        try:
            line = wait_for(lambda: weak.stderr.readline(), 10, "the first line of the log")
            while "store up" not in line:
                line = weak.stderr.readline()
            assert "durability=memory" in line
            assert not ready.exists()
        finally:
            weak.terminate()
            assert weak.wait(20 * SLOW) == 0
            weak.stderr.close()
        subprocess.run(["redis-cli", "-p", str(port), "HSET", "{cica}:log:prefix", "#", "1 1"], check=True,
                       capture_output=True)  # as versions before the first release kept it: no "#form"
        done = subprocess.run([str(BUILD / "cbm-registry")], capture_output=True, text=True,
                              env={**env, "CBM_DURABILITY": "memory"}, timeout=20 * SLOW)
        assert done.returncode == 78 and "log in this Redis" in done.stderr, done
    finally:
        redis.terminate()
        redis.wait()
