"""What every test of running processes uses: private stacks, a client that knows only RFC 18 and
MessagePack-RPC, a plain SUB socket, and waiting for conditions. It must not know libcbm."""
import calendar
import itertools
import os
import pathlib
import re
import shlex
import shutil
import signal
import socket
import subprocess
import tempfile
import time

import msgpack
import pytest
import zmq
from zmq.auth import load_certificate

ROOT = pathlib.Path(__file__).resolve().parent.parent
BUILD = (ROOT / os.environ.get("CBM_BUILD", "build")).resolve()
STACK = ROOT / "deploy" / "stack"
SANITIZER = re.compile(r"ERROR: (Address|Leak|Thread)Sanitizer|WARNING: ThreadSanitizer|: runtime error: ")
# Slower builds (sanitizers, valgrind) get more time by this factor, nothing else changes.
SLOW = float(os.environ.get("CBM_TEST_SLOW", "1"))


def pytest_configure(config):
    config.addinivalue_line("markers", "once: the same whatever the programs were built with")


def wait_for(condition, timeout=10.0, what="the condition", every=0.02):
    """The first true value of condition(), asked again and again for at most `timeout` seconds."""
    deadline = time.monotonic() + timeout * SLOW
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() >= deadline:
            raise AssertionError(f"{what} did not come true within {timeout * SLOW:g} s")
        time.sleep(every)


def time_text(ms):
    """RFC 3339 in UTC of milliseconds since 1970."""
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(ms // 1000)) + f".{ms % 1000:03d}Z"


def time_ms(text):
    """The reverse."""
    whole, _, fraction = text.rstrip("Z").partition(".")
    return calendar.timegm(time.strptime(whole, "%Y-%m-%dT%H:%M:%S")) * 1000 + int((fraction or "0").ljust(3, "0"))


def free_port():
    """A TCP port of 127.0.0.1 that nothing listens on now."""
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return sock.getsockname()[1]


def running(pid):
    """Whether the process exists and is no zombie."""
    try:
        stat = pathlib.Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return False
    return stat.rsplit(")", 1)[1].split()[0] not in "ZX"


class CallError(Exception):
    """An answer that is an error: {code, message, field?, details?}."""

    def __init__(self, error):
        super().__init__(f"{error.get('code')}: {error.get('message')}")
        self.error = error
        self.code = error.get("code")
        self.field = error.get("field")


def public_key(path):
    """The public key of a certificate."""
    return load_certificate(str(path))[0].decode()


def secure(socket, env):
    """Makes a socket a CURVE client as the environment says (CBM_SERVER_KEY, CBM_CERT); of a stack
    that asks for no keys it stays as it is."""
    if env and env.get("CBM_SERVER_KEY"):
        socket.curve_serverkey = env["CBM_SERVER_KEY"].encode()
        socket.curve_publickey, socket.curve_secretkey = load_certificate(env["CBM_CERT"])
    return socket


class Client:
    """A raw RFC 18 (MDP 0.2) client on one DEALER, with many requests in flight. `env` has its keys."""

    ids = itertools.count(1)

    def __init__(self, endpoint, timeout=10.0, env=None):
        self.context = zmq.Context.instance()
        self.socket = self.context.socket(zmq.DEALER)
        self.socket.linger = 0
        secure(self.socket, env)
        self.timeout = timeout * SLOW
        self.replies = {}
        for one in endpoint.split(","):
            self.socket.connect(one)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        self.socket.close()

    def send_raw(self, service, *body):
        self.socket.send_multipart(
            [b"MDPC02", b"\x01", service.encode() if isinstance(service, str) else service, *body])

    def send(self, service, method, params=None, **context):
        """Sends without waiting and returns the msgid."""
        msgid = next(Client.ids)
        body = [msgpack.packb([0, msgid, method, [params or {}]])]
        if context:
            body.append(msgpack.packb(context))
        self.send_raw(service, *body)
        return msgid

    def receive_frames(self, timeout=None):
        """[command, service, body…] of the next reply; fails after the timeout."""
        if not self.socket.poll(int((self.timeout if timeout is None else timeout * SLOW) * 1000)):
            raise TimeoutError("no reply")
        frames = self.socket.recv_multipart()
        assert frames[0] == b"MDPC02", frames
        return frames[1:]

    def receive(self, timeout=None):
        """(msgid, error, result) of the next FINAL; the items of PARTIALs before it are put in."""
        command, _service, body, *_ = self.receive_frames(timeout)
        kind, msgid, error, result = msgpack.unpackb(body, strict_map_key=False)
        assert kind == 1
        if command == b"\x02":
            self.replies.setdefault(("items", msgid), []).extend(result["items"])
            return self.receive(timeout)
        assert command == b"\x03"
        earlier = self.replies.pop(("items", msgid), None)
        if earlier:
            result["items"] = earlier + result["items"]
        return msgid, error, result

    def wait(self, msgid, timeout=None):
        """The result of the request; CallError if it failed. Other replies are kept."""
        while msgid not in self.replies:
            got, error, result = self.receive(timeout)
            self.replies[got] = (error, result)
        error, result = self.replies.pop(msgid)
        if error is not None:
            raise CallError(error)
        return result

    def call(self, service, method, params=None, **context):
        return self.wait(self.send(service, method, params, **context))

    def list(self, service, method, params=None):
        """Every item of a paged list."""
        items, cursor = [], None
        while True:
            page = self.call(service, method,
                             {**(params or {}), **({"cursor": cursor} if cursor else {})}, safe=True)
            items += page["items"]
            cursor = page.get("next")
            if not cursor:
                return items


def send_all(client, service, requests, window=400):
    """Many requests under way at once; all must succeed."""
    waiting = set()
    for method, params in requests:
        waiting.add(client.send(service, method, params, key=f"many-{len(waiting)}-{os.urandom(6).hex()}"))
        while len(waiting) >= window:
            msgid, error, _ = client.receive()
            assert error is None, error
            waiting.discard(msgid)
    while waiting:
        msgid, error, _ = client.receive()
        assert error is None, error
        waiting.discard(msgid)


class Subscriber:
    """A raw SUB socket: records and watermarks as they come, nothing filled in. `env` has its keys."""

    def __init__(self, endpoint, *prefixes, hwm=0, env=None):
        self.socket = secure(zmq.Context.instance().socket(zmq.SUB), env)
        self.socket.linger = 0
        self.socket.rcvhwm = hwm
        for prefix in prefixes or ("",):
            self.socket.subscribe(prefix.encode())
        for one in endpoint.split(","):
            self.socket.connect(one)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        self.socket.close()

    def next(self, timeout=10.0):
        """(topic, meta, data) of the next message; data is None for a watermark."""
        if not self.socket.poll(int(timeout * SLOW * 1000)):
            raise TimeoutError("nothing published")
        topic, meta, *data = self.socket.recv_multipart()
        return (topic.decode(), msgpack.unpackb(meta, strict_map_key=False),
                msgpack.unpackb(data[0], strict_map_key=False) if data and data[0] else None)

    def watermark(self, prefix="", timeout=5.0):
        """The seq of the next watermark of the prefix."""
        deadline = time.monotonic() + timeout * SLOW
        while True:
            topic, meta, _ = self.next(max(0.0, deadline - time.monotonic()) / SLOW)
            if meta.get("type") == "watermark" and prefix in (meta["prefix"], topic):
                return meta["seq"]

    def records(self, count, timeout=10.0):
        """The next `count` records, watermarks left out."""
        got, deadline = [], time.monotonic() + timeout * SLOW
        while len(got) < count:
            message = self.next(max(0.0, deadline - time.monotonic()) / SLOW)
            if message[1].get("type") != "watermark":
                got.append(message)
        return got


class Stack:
    """A private stack (deploy/stack) in a directory."""

    def __init__(self, directory, build=None):
        self.dir = pathlib.Path(directory)
        self.build = pathlib.Path(build or BUILD)
        self.env = {}

    def run(self, command, *arguments, check=True, timeout=120, **environment):
        words = [str(STACK), command, "--dir", str(self.dir), *map(str, arguments)]
        if command == "up":
            words += ["--build", str(self.build)]
        done = subprocess.run(words, capture_output=True, text=True, timeout=timeout * SLOW,
                              stdin=subprocess.DEVNULL, env={**os.environ, **environment})
        assert not check or done.returncode == 0, done.stdout + done.stderr
        return done

    def up(self, *arguments, **environment):
        self.run("up", *arguments, **environment)
        self.env = self.read_env()
        return self

    def down(self):
        """Ends the stack; what a sanitizer had to say of any of its processes fails the test."""
        if not self.dir.exists():
            return
        self.run("down")
        for log in sorted(self.dir.glob("log/*.log")):
            text = log.read_text(errors="replace")
            found = SANITIZER.search(text)
            assert not found, f"{log.name}: {text[found.start():found.start() + 6000]}"

    def status(self):
        """{name: pid or None}"""
        done = self.run("status", check=False)
        return {line.split()[0]: int(line.split()[-1]) if "runs" in line else None
                for line in done.stdout.splitlines()}

    def read_env(self):
        env = {}
        for line in (self.dir / "env").read_text().splitlines():
            words = shlex.split(line)
            if len(words) == 1 and "=" in words[0]:
                name, value = words[0].split("=", 1)
                env[name] = value
        return env

    @property
    def pids(self):
        return {name: int(pid) for name, pid in
                (pair.split("=") for pair in self.env["CBM_PIDS"].split())}

    def kill(self, name, how=signal.SIGKILL):
        """Ends one process and waits until it is gone."""
        pid = self.pids[name]
        os.kill(pid, how)
        wait_for(lambda: not running(pid), 20, f"the end of {name}")

    def client(self, timeout=10.0):
        return Client(self.env["CBM_BUS"], timeout, self.env)

    def subscriber(self, *prefixes, **options):
        return Subscriber(self.env["CBM_NOTIFY"], *prefixes, env=self.env, **options)

    def cbm(self, *arguments, check=True, timeout=60, **options):
        """Runs the command line against this stack."""
        done = subprocess.run([str(self.build / "cbm"), *map(str, arguments)], capture_output=True,
                              text=True, timeout=timeout * SLOW, stdin=subprocess.DEVNULL,
                              env={**os.environ, **self.env}, **options)
        assert not check or done.returncode == 0, done.stdout + done.stderr
        return done

    def log(self, name):
        return (self.dir / "log" / f"{name}.log").read_text(errors="replace")


def npm_package(name, version):
    """The node_modules with a package of npm, installed once into a cache outside the checkout. Skips
    the test where no registry can be reached."""
    if not shutil.which("npm") or not shutil.which("node"):
        pytest.fail("node and npm are needed: deploy/install-deps.sh installs them")
    cache = pathlib.Path(os.environ.get("XDG_CACHE_HOME", pathlib.Path.home() / ".cache"))
    cache = cache / "cbm-bus" / f"{name.strip('@').replace('/', '-')}-{version}"
    if not (cache / "installed").exists():
        cache.mkdir(parents=True, exist_ok=True)
        got = subprocess.run(["npm", "install", "--no-audit", "--no-fund", "--no-save", "--prefix", str(cache),
                              f"{name}@{version}"], capture_output=True, text=True, timeout=300)
        if got.returncode:
            if re.search(r"ENOTFOUND|EAI_AGAIN|ECONNREFUSED|ECONNRESET|ETIMEDOUT|ENETUNREACH", got.stderr):
                pytest.skip(f"the npm registry is not reachable, so {name} is not here")
            pytest.fail(got.stderr[-2000:])
        (cache / "installed").touch()
    return cache / "node_modules"


def scratch_directory():
    return pathlib.Path(tempfile.mkdtemp(prefix="cbm-"))


@pytest.fixture
def scratch():
    """A directory for this test."""
    directory = scratch_directory()
    yield directory
    shutil.rmtree(directory, ignore_errors=True)


@pytest.fixture
def make_stack():
    """make_stack(*arguments of up) gives a running stack; all are ended after the test."""
    made = []

    def make(*arguments, **environment):
        stack = Stack(scratch_directory())
        made.append(stack)
        return stack.up(*arguments, **environment)

    yield make
    for stack in made:
        stack.down()
        shutil.rmtree(stack.dir, ignore_errors=True)


@pytest.fixture(scope="module")
def stack():
    """One stack for all tests of a file, without data."""
    one = Stack(scratch_directory())
    try:
        yield one.up()
    finally:
        one.down()
        shutil.rmtree(one.dir, ignore_errors=True)


@pytest.fixture(scope="module")
def sample_stack():
    """One stack for all tests of a file, with the sample loaded; tests should not change its data."""
    one = Stack(scratch_directory())
    try:
        yield one.up("--sample")
    finally:
        one.down()
        shutil.rmtree(one.dir, ignore_errors=True)


@pytest.fixture
def client(stack):
    with stack.client() as one:
        yield one
