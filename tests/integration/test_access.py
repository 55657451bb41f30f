"""Who may connect: CURVE sockets of python3-zmq with good, unknown and revoked keys, and without one, on
the bus and on notify; principals enrolled, changed and revoked while all runs; keys in files.
It must not know libcbm."""
import contextlib
import os
import re
import shutil
import signal
import subprocess
import time
import urllib.request

import msgpack
import pytest
import zmq
from zmq.utils.monitor import recv_monitor_message

from conftest import BUILD, SLOW, CallError, Client, Stack, Subscriber, free_port, public_key, scratch_directory, wait_for

CUT_S = 2.0  # how soon a revoked principal's connections are cut
PREFIX = "private.secretariat.registry.principal."


class Keys:
    """A fresh key pair, as the environment of a client."""

    def __init__(self, stack, directory, name):
        self.path = directory / f"{name}.key_secret"
        self.public, secret = (key.decode() for key in zmq.curve_keypair())
        self.path.write_text(f'metadata\ncurve\n    public-key = "{self.public}"\n    secret-key = "{secret}"\n')
        self.env = {**stack.env, "CBM_CERT": str(self.path)}

    def client(self, timeout=5.0):
        return Client(self.env["CBM_BUS"], timeout, self.env)

    def subscriber(self, *prefixes):
        return Subscriber(self.env["CBM_NOTIFY"], *prefixes, env=self.env)


@pytest.fixture
def keys(stack, tmp_path):
    made = iter(range(100))
    return lambda: Keys(stack, tmp_path, f"key-{next(made)}")


@contextlib.contextmanager
def watched(endpoint, kind=zmq.DEALER, prepare=None):
    """(socket, next_event): a socket that is connecting to the endpoint, and what becomes of it."""
    socket = zmq.Context.instance().socket(kind)
    socket.linger = 0
    if prepare:
        prepare(socket)
    events = zmq.EVENT_HANDSHAKE_SUCCEEDED | zmq.EVENT_HANDSHAKE_FAILED_AUTH | zmq.EVENT_DISCONNECTED | \
        zmq.EVENT_HANDSHAKE_FAILED_PROTOCOL | zmq.EVENT_HANDSHAKE_FAILED_NO_DETAIL
    monitor = socket.get_monitor_socket(events)

    def next_event(timeout=5.0):
        assert monitor.poll(int(timeout * 1000 * SLOW)), "nothing became of the connection"
        return recv_monitor_message(monitor)["event"]
    try:
        socket.connect(endpoint)
        yield socket, next_event
    finally:
        socket.disable_monitor()
        monitor.close()
        socket.close()


def curve(env, server=None):
    from conftest import secure
    return lambda socket: secure(socket, {**env, **({"CBM_SERVER_KEY": server} if server else {})})


def plain(socket):
    socket.plain_username, socket.plain_password = b"officer", b"secret"


def refusals(stack, name):
    """How many a program logged, a line a second at most, with those that went untold."""
    return sum(1 + int(others) for others in re.findall(r"msg=refused .*others=(\d+)", stack.log(f"{name}.1")))


def enroll(client, who, id, roles=("subscriber",), **more):
    return client.call("registry", "principal.enroll", {"id": id, "key": who.public, "roles": list(roles), **more})


@contextlib.contextmanager
def refused(stack, name):
    """The program tells of a refusal meanwhile."""
    before = refusals(stack, name)
    yield
    wait_for(lambda: refusals(stack, name) > before, 5, f"a refusal of {name}")


SIDES = {"bus": ("CBM_BUS", zmq.DEALER), "notify": ("CBM_NOTIFY", zmq.SUB)}


@pytest.mark.parametrize("side", SIDES)
def test_only_known_keys_come_in(stack, client, keys, side):
    variable, kind = SIDES[side]
    endpoint = stack.env[variable]
    with watched(endpoint, kind, curve(stack.env)) as (_, event):
        assert event() == zmq.EVENT_HANDSHAKE_SUCCEEDED, "the officer"
    with refused(stack, side), watched(endpoint, kind, curve(keys().env)) as (_, event):
        assert event() == zmq.EVENT_HANDSHAKE_FAILED_AUTH, "an unknown key"
    for prepare in (None, plain):
        with refused(stack, side), watched(endpoint, kind, prepare) as (_, event):
            assert event() != zmq.EVENT_HANDSHAKE_SUCCEEDED, "no key at all"
    other = zmq.curve_keypair()[0].decode()
    with refused(stack, side), watched(endpoint, kind, curve(stack.env, other)) as (_, event):
        assert event() != zmq.EVENT_HANDSHAKE_SUCCEEDED, "the key of another server"
    who = keys()
    enroll(client, who, f"known-{side}")

    def comes_in():
        with watched(endpoint, kind, curve(who.env)) as (_, event):
            return event() == zmq.EVENT_HANDSHAKE_SUCCEEDED
    wait_for(comes_in, 2, "the enrolled key")
    client.call("registry", "principal.revoke", {"id": f"known-{side}", "reason": "left"})
    wait_for(lambda: not comes_in(), CUT_S, "the refusal of the revoked key")
    with refused(stack, side), watched(endpoint, kind, curve(who.env)) as (_, event):
        assert event() == zmq.EVENT_HANDSHAKE_FAILED_AUTH


def test_the_principal_reaches_the_service_and_the_record(stack, client, keys):
    assert client.call("registry", "principal.whoami") == {"id": "officer", "roles": ["secretariat"]}
    client.call("registry", "participant.put", {"code": "KZ", "name": "Kazakhstan", "kind": "state", "status": "member",
                                                "since": "1992-10-05"})
    focal = keys()
    enroll(client, focal, "kz-focal", ("member",), member="KZ")

    def known():
        with focal.client(1) as one, contextlib.suppress(TimeoutError):
            return one.call("registry", "principal.whoami")
    assert wait_for(known, 5, "the enrolled key") == {"id": "kz-focal", "roles": ["member"], "member": "KZ"}
    with focal.client() as one:
        with pytest.raises(CallError) as caught:
            one.call("registry", "principal.enroll", {"id": "x", "key": keys().public, "roles": ["secretariat"]})
        assert caught.value.code == "permission_denied"
        with pytest.raises(CallError) as caught:
            one.call("registry", "principal.list")
        assert caught.value.code == "permission_denied"
        seq = one.call("events", "event.propose", {"title": "A seminar", "kind": "seminar", "host": "KZ",
                                                   "year": 2030})["seq"]
        page = client.call("notify", "log.read", {"prefix": "private.KZ.", "after": seq - 1, "limit": 1})
        assert page["items"][0]["meta"]["actor"] == "kz-focal"
    # the compact framing of libcbm: many requests in a frame, each as the same principal
    done = subprocess.run([str(BUILD / "cbm"), "call", "registry", "principal.whoami"], capture_output=True, text=True,
                          env={**os.environ, **focal.env}, timeout=20 * SLOW)
    assert '"kz-focal"' in done.stdout, done.stderr


def test_what_may_be_enrolled(stack, client, keys):
    one, two = keys(), keys()

    def refusal(method, **params):
        with pytest.raises(CallError) as caught:
            client.call("registry", f"principal.{method}", params)
        return caught.value.code, caught.value.field
    first = enroll(client, one, "press")
    assert (first["status"], first["rev"], first["key"]) == ("active", 1, one.public)
    assert enroll(client, one, "press")["rev"] == 1, "a repeat changes nothing"
    assert refusal("enroll", id="press", key=two.public, roles=["subscriber"]) == ("already_exists", "id")
    assert refusal("enroll", id="other", key=one.public, roles=["subscriber"]) == ("already_exists", "key")
    assert refusal("enroll", id="other", key="x" * 39 + " ", roles=["subscriber"]) == ("invalid_argument", "key")
    assert refusal("enroll", id="other", key="short", roles=["subscriber"]) == ("invalid_argument", "key")
    for roles in ([], ["king"], ["member", "member"], ["service", "subscriber"], ["member", "observer"]):
        assert refusal("enroll", id="other", key=two.public, roles=roles) == ("invalid_argument", "roles"), roles
    assert refusal("enroll", id="other", key=two.public, roles=["member"]) == ("invalid_argument", "member")
    assert refusal("enroll", id="other", key=two.public, roles=["chair"], member="KZ") == ("invalid_argument", "member")
    assert refusal("enroll", id="other", key=two.public, roles=["member"], member="XX") == \
        ("failed_precondition", "member")
    assert refusal("revoke", id="nobody") == ("not_found", "id")
    assert refusal("revoke", id="officer") == ("not_found", "id"), "he is trusted by a file"
    assert refusal("revoke", id="press", rev=7) == ("aborted", "rev")
    gone = client.call("registry", "principal.revoke", {"id": "press", "reason": "key lost"})
    assert (gone["status"], gone["reason"], gone["rev"]) == ("revoked", "key lost", 2)
    assert client.call("registry", "principal.revoke", {"id": "press"})["rev"] == 2
    assert refusal("enroll", id="press", key=one.public, roles=["subscriber"]) == ("failed_precondition", "key")
    again = enroll(client, two, "press")
    assert (again["status"], again["rev"], "reason" in again) == ("active", 3, False)
    assert refusal("enroll", id="press", key=one.public, roles=["subscriber"]) == ("failed_precondition", "key")
    listed = {item["id"]: item for item in client.list("registry", "principal.list", {"limit": 1})}
    assert listed["press"]["key"] == two.public
    client.call("registry", "principal.revoke", {"id": "press"})
    assert "press" not in [item["id"] for item in client.list("registry", "principal.list", {"status": "active"})]
    with stack.subscriber("") as sub:
        seen = client.call("notify", "log.last", {"prefix": ""})["seq"]
        assert sub.watermark("") == seen, "nothing of it is for everybody"


def test_revocation_cuts_what_is_connected(stack, client, keys):
    """A client and a subscriber that talk, and both that say nothing, are cut within 2 s; others go on."""
    gone, stays = keys(), keys()
    enroll(client, gone, "gone")
    enroll(client, stays, "stays")
    places = [(variable, kind) for variable, kind in SIDES.values()]
    with contextlib.ExitStack() as open_sockets:
        def connect(who, variable, kind, talk):
            def ready():
                trial = contextlib.ExitStack()
                socket, event = trial.enter_context(watched(who.env[variable], kind, curve(who.env)))
                if event() == zmq.EVENT_HANDSHAKE_SUCCEEDED:
                    open_sockets.enter_context(trial)
                    return socket, event
                trial.close()
            socket, event = wait_for(ready, 5, "a connection")
            if talk and kind == zmq.SUB:
                socket.subscribe(b"plan.")
                assert socket.poll(int(5000 * SLOW)), "a watermark"
            elif talk:
                socket.send_multipart([b"MDPC02", b"\x01", b"registry",
                                       msgpack.packb([0, 1, "principal.whoami", [{}]])])
                assert socket.poll(int(5000 * SLOW)), "an answer"
                assert b"gone" in socket.recv_multipart()[3] or who is stays
            return event
        events = {(variable, talk): connect(gone, variable, kind, talk)
                  for variable, kind in places for talk in (True, False)}
        kept = [connect(stays, variable, kind, True) for variable, kind in places]
        client.call("registry", "principal.revoke", {"id": "gone"})
        deadline = time.monotonic() + CUT_S * SLOW
        for who, event in events.items():
            assert event(max(0.0, deadline - time.monotonic()) / SLOW) == zmq.EVENT_DISCONNECTED, who
            assert event() == zmq.EVENT_HANDSHAKE_FAILED_AUTH, who
        for event in kept:
            with pytest.raises(AssertionError):
                event(0.3 / SLOW)
        assert client.call("registry", "principal.whoami")["id"] == "officer"
    for name in ("bus", "notify"):
        assert "connections cut" in stack.log(f"{name}.1")


def test_other_roles_count_at_once(stack, client, keys):
    who = keys()
    enroll(client, who, "climber")

    def asks():
        with contextlib.suppress(TimeoutError), who.client(1) as one:
            return one.call("registry", "principal.whoami")["roles"]
    assert wait_for(asks, 5, "the first role") == ["subscriber"]
    with who.client() as one:
        assert one.call("registry", "principal.whoami")["roles"] == ["subscriber"]
        enroll(client, who, "climber", ("secretariat",))

        def promoted():
            with contextlib.suppress(TimeoutError):
                return "secretariat" in one.wait(one.send("registry", "principal.whoami"), 0.5)["roles"]
        wait_for(promoted, 5, "the new role on the old socket, which connects again")


def test_keys_in_files_come_and_go(stack, keys):
    who = keys()
    trusted = stack.dir / "keys/trusted/helper.key"
    text = f'metadata\n    id = "helper"\n    roles = "observer,chair"\ncurve\n    public-key = "{who.public}"\n'

    def asks():
        with contextlib.suppress(TimeoutError), who.client(0.5) as one:
            return one.call("registry", "principal.whoami")
    assert not asks()
    beside = trusted.with_suffix(".new")
    beside.write_text(text)
    beside.rename(trusted)
    assert wait_for(asks, 5, "the key in the file") == {"id": "helper", "roles": ["chair", "observer"]}
    with watched(who.env["CBM_BUS"], zmq.DEALER, curve(who.env)) as (_, event):
        assert event() == zmq.EVENT_HANDSHAKE_SUCCEEDED
        trusted.unlink()
        assert event(3) == zmq.EVENT_DISCONNECTED
    (stack.dir / "keys/trusted/broken.key").write_text("metadata\n    id = \"x\"\n")
    wait_for(lambda: "broken.key" in stack.log("bus.1"), 5, "a word on the broken file")
    (stack.dir / "keys/trusted/broken.key").unlink()
    assert stack.client().call("registry", "principal.whoami")["id"] == "officer"


def test_refusals_are_logged_a_line_a_second(stack, keys):
    before = len(re.findall("msg=refused", stack.log("bus.1")))
    began = time.monotonic()
    total = refusals(stack, "bus")
    for _ in range(40):
        with watched(stack.env["CBM_BUS"], zmq.DEALER, curve(keys().env)) as (_, event):
            event()
    wait_for(lambda: refusals(stack, "bus") >= total + 40, 5, "all of them counted")
    lines = len(re.findall("msg=refused", stack.log("bus.1"))) - before
    assert lines <= time.monotonic() - began + 2, "rate-limited"
    secret = re.search(r'secret-key = "(.*)"', (stack.dir / "keys/server.key_secret").read_text())[1]
    assert secret not in stack.log("bus.1") + stack.log("notify.1")


class Bus:
    """A cbm-bus of our own that asks for keys."""

    def __init__(self, directory, **settings):
        self.env = {"CBM_BUS": f"tcp://127.0.0.1:{free_port()}", "CBM_WORKERS": f"tcp://127.0.0.1:{free_port()}"}
        self.directory, self.log = directory, directory / "bus.log"
        self.metrics = f"127.0.0.1:{free_port()}"
        ready = directory / "ready"
        ready.unlink(missing_ok=True)
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen([str(BUILD / "cbm-bus")], stdin=subprocess.DEVNULL, stderr=log, env={
                **os.environ, "CBM_CLIENT_BIND": self.env["CBM_BUS"], "CBM_WORKER_BIND": self.env["CBM_WORKERS"],
                "CBM_KEYS": str(directory / "keys"), "CBM_READY_FILE": str(ready), "CBM_METRICS": self.metrics, **settings})
        wait_for(lambda: ready.exists() or self.process.poll() is not None, 10, "the bus")
        if self.process.poll() is None:
            self.env |= {"CBM_SERVER_KEY": public_key(directory / "keys/server.key"),
                         "CBM_CERT": str(directory / "keys/officer.key_secret")}

    def counted(self, reason):
        text = urllib.request.urlopen(f"http://{self.metrics}/metrics", timeout=10).read().decode()
        return int(re.search(rf'cbm_auth_failures_total{{reason="{reason}"}} (\d+)', text)[1])

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.send_signal(signal.SIGTERM)
        assert self.process.wait(15 * SLOW) == 0, self.log.read_text()


def test_refusals_are_counted_by_reason(stack, client, keys, scratch):
    who = keys()
    enroll(client, who, "counted")
    client.call("registry", "principal.revoke", {"id": "counted"})
    with Bus(scratch, CBM_REDIS=stack.env["CBM_REDIS"]) as bus:
        def attempt(prepare, *reasons):
            before = sum(map(bus.counted, reasons))
            with watched(bus.env["CBM_BUS"], zmq.DEALER, prepare) as (_, event):
                assert event() != zmq.EVENT_HANDSHAKE_SUCCEEDED
                wait_for(lambda: sum(map(bus.counted, reasons)) > before, 5, str(reasons))
        key = {"CBM_SERVER_KEY": bus.env["CBM_SERVER_KEY"]}
        attempt(curve({**keys().env, **key}), "unknown")
        attempt(curve({**who.env, **key}), "revoked")
        attempt(None, "mechanism", "handshake")  # the latter if the client hangs up before the bus does
        attempt(plain, "mechanism", "handshake")
        attempt(curve(stack.env), "handshake")
        assert bus.counted("unknown") == bus.counted("revoked") == 1 and bus.counted("malformed") == 0


def test_without_redis_the_keys_in_files_work(scratch, tmp_path):
    nowhere = f"redis://127.0.0.1:{free_port()}"
    with Bus(scratch, CBM_REDIS=nowhere) as bus:
        with Client(bus.env["CBM_BUS"], env=bus.env) as client:
            assert client.call("bus", "$info")["access"] == "curve"
        stranger = Keys(bus, tmp_path, "stranger")
        with watched(bus.env["CBM_BUS"], zmq.DEALER, curve(stranger.env)) as (_, event):
            became = None
            with contextlib.suppress(AssertionError):
                became = event(1 / SLOW)  # put off, not refused: he may be in the registry
            assert became in (None, zmq.EVENT_HANDSHAKE_FAILED_NO_DETAIL, zmq.EVENT_DISCONNECTED)
        with watched(bus.env["CBM_BUS"]) as (_, event):
            assert event() != zmq.EVENT_HANDSHAKE_SUCCEEDED
        assert bus.counted("unknown") == 0


def test_who_is_known_stays_known_without_redis(make_stack, scratch, tmp_path):
    """A client of the registry's is let in while Redis is away, and one that came too early comes again."""
    stack = make_stack()
    who = Keys(stack, tmp_path, "who")
    with stack.client() as client:
        enroll(client, who, "who")

    def comes_in():
        with contextlib.suppress(TimeoutError), who.client(0.5) as one:
            return one.call("bus", "$ping")
    wait_for(comes_in, 5, "the enrolled key")
    stack.kill("redis")
    assert comes_in()
    with Bus(scratch, CBM_REDIS=stack.env["CBM_REDIS"]) as bus:
        with Client(bus.env["CBM_BUS"], 20, {**bus.env, "CBM_CERT": str(who.path)}) as early:
            waiting = early.send("bus", "$ping")
            with pytest.raises(TimeoutError):
                early.wait(waiting, 1 / SLOW)
            assert bus.counted("unknown") == 0, "put off"
            stack.up()
            assert early.wait(waiting)["name"] == "bus", "it comes again when the log was read"


def test_a_first_start_of_many_agrees(scratch):
    """Processes that find no keys at the same moment go on with the same ones, of mode 0600."""
    nowhere = f"redis://127.0.0.1:{free_port()}"
    places = [scratch / str(number) for number in range(6)]
    for place in places:
        place.mkdir()
    running = [subprocess.Popen([str(BUILD / "cbm-bus")], stderr=open(place / "log", "wb"), env={
        **os.environ, "CBM_KEYS": str(scratch / "keys"), "CBM_REDIS": nowhere,
        "CBM_CLIENT_BIND": f"tcp://127.0.0.1:{free_port()}", "CBM_WORKER_BIND": f"tcp://127.0.0.1:{free_port()}"})
        for place in places]
    try:
        said = [wait_for(lambda: re.search(r"server_key=\"?([^\s\"]{40})", (place / "log").read_text()), 10, "a start")
                for place in places]
    finally:
        for one in running:
            one.terminate()
        assert [one.wait(20) for one in running] == [0] * len(running)
    assert {match[1] for match in said} == {public_key(scratch / "keys/server.key")}
    for name in ("server.key_secret", "officer.key_secret"):
        assert (scratch / "keys" / name).stat().st_mode & 0o777 == 0o600
    assert (scratch / "keys").stat().st_mode & 0o077 == 0
    files = sorted(path.name for path in (scratch / "keys").iterdir())
    assert files == ["officer.key", "officer.key_secret", "server.key", "server.key_secret", "trusted"]


def test_a_removed_officer_does_not_come_back(scratch):
    nowhere = f"redis://127.0.0.1:{free_port()}"
    with Bus(scratch, CBM_REDIS=nowhere):
        pass
    (scratch / "keys/trusted/officer.key").unlink()
    with Bus(scratch, CBM_REDIS=nowhere):
        assert not list((scratch / "keys/trusted").iterdir())
    secret = scratch / "keys/server.key_secret"
    secret.write_text(secret.read_text().replace("secret-key", "no-key"))
    broken = Bus(scratch, CBM_REDIS=nowhere)
    assert broken.process.wait(10) == 78 and "no server key" in broken.log.read_text()
    shutil.rmtree(scratch / "keys")
    (scratch / "keys").write_text("no directory")
    assert Bus(scratch, CBM_REDIS=nowhere).process.wait(10) == 78


def test_open_is_open_and_says_so(make_stack):
    stack = make_stack(CBM_ACCESS="open")
    assert stack.env["CBM_SERVER_KEY"] == stack.env["CBM_CERT"] == ""
    with stack.client() as client:
        assert client.call("registry", "principal.whoami") == {"id": "local", "roles": ["secretariat"]}
        assert client.call("bus", "$info")["access"] == "open"
    assert "CBM_ACCESS=open" in stack.log("bus.1") and "CBM_ACCESS=open" in stack.log("notify.1")
    with stack.subscriber("") as sub:
        sub.watermark("")


def test_workers_with_keys(make_stack, tmp_path):
    """CBM_WORKER_ACCESS=curve: the services show a key with the role service; nobody else serves."""
    stack = make_stack(CBM_WORKER_ACCESS="curve")
    with stack.client() as client:
        assert client.call("registry", "principal.whoami")["id"] == "officer"
    with watched(stack.env["CBM_WORKERS"]) as (_, event):
        assert event() != zmq.EVENT_HANDSHAKE_SUCCEEDED, "no key"
    with refused(stack, "bus"), watched(stack.env["CBM_WORKERS"], zmq.DEALER, curve(stack.env)) as (_, event):
        assert event() == zmq.EVENT_HANDSHAKE_FAILED_AUTH, "an officer is no service"
    service = {**stack.env, "CBM_CERT": str(stack.dir / "keys/service.key_secret")}
    with watched(stack.env["CBM_WORKERS"], zmq.DEALER, curve(service)) as (socket, event):
        assert event() == zmq.EVENT_HANDSHAKE_SUCCEEDED
        socket.send_multipart([b"MDPW02", b"\x01", b"echo"])
        assert socket.poll(int(5000 * SLOW)) and socket.recv_multipart() == [b"MDPW02", b"\x05"]


def test_libcbm_says_why(stack, client, keys):
    """A key that is not known, or is known no more, is told at once, not after a deadline."""
    who = keys()

    def cbm(*words, **env):
        began = time.monotonic()
        done = subprocess.run([str(BUILD / "cbm"), *words], capture_output=True, text=True, timeout=30 * SLOW,
                              stdin=subprocess.DEVNULL, env={**os.environ, **who.env, **env})
        return done, time.monotonic() - began
    done, took = cbm("call", "registry", "$ping")
    assert done.returncode == 1 and done.stderr.startswith("unauthenticated:") and took < 3 * SLOW
    done, _ = cbm("call", "registry", "$ping", "--deadline", "500", CBM_SERVER_KEY="")
    assert done.returncode == 69 and "CBM_SERVER_KEY" in done.stderr
    done, _ = cbm("call", "registry", "$ping", CBM_CERT="/nowhere")
    assert done.returncode == 78 and "CBM_CERT" in done.stderr
    enroll(client, who, "told")
    wait_for(lambda: cbm("call", "registry", "$ping")[0].returncode == 0, 5, "the enrolled key")
    words = ["--server-key", who.env["CBM_SERVER_KEY"], "--cert", str(who.path), "call", "registry", "$ping"]
    assert cbm(*words, CBM_SERVER_KEY="", CBM_CERT="")[0].returncode == 0
    by_file = cbm("call", "registry", "$ping", CBM_SERVER_KEY=str(stack.dir / "keys/server.key"))[0]
    assert by_file.returncode == 0, by_file.stderr
    process = subprocess.Popen([str(BUILD / "cbm"), "subscribe", "plan.", "--from", "0"], stdout=subprocess.PIPE,
                               stderr=subprocess.PIPE, text=True, env={**os.environ, **who.env})
    try:
        client.call("events", "plan.open", {"year": 2071})
        assert "plan.opened" in process.stdout.readline()
        client.call("registry", "principal.revoke", {"id": "told"})
        _, said = process.communicate(timeout=5 * SLOW)
        assert process.returncode != 0 and "unauthenticated" in said or "does not know your key" in said
    finally:
        process.kill()
        process.wait()


def test_new_keys_are_made_once(stack, client, tmp_path):
    cbm, path = str(BUILD / "cbm"), tmp_path / "kz.key"
    made = subprocess.run([cbm, "key", "new", str(path)], capture_output=True, text=True, check=True)
    assert made.stdout.strip() == public_key(path) and path.with_name("kz.key_secret").stat().st_mode & 0o777 == 0o600
    again = subprocess.run([cbm, "key", "new", str(path)], capture_output=True, text=True)
    assert again.returncode == 1 and "not written over" in again.stderr and made.stdout.strip() == public_key(path)
    enrolled = client.call("registry", "principal.enroll", {"id": "made", "key": made.stdout.strip(),
                                                            "roles": ["subscriber"]})
    assert enrolled["status"] == "active"
    for wrong in (["--id", "No"], ["--roles", "king"], ["--member", "kz"], ["--trust", str(tmp_path)]):
        assert subprocess.run([cbm, "key", "new", str(tmp_path / "x"), *wrong], capture_output=True).returncode == 64
    assert not (tmp_path / "x").exists()
