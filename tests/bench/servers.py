"""The servers that a measurement needs, ours and the peers': each on free ports of 127.0.0.1, with all
it keeps in a directory of its own, started and ended here, nothing system-wide."""
import contextlib
import json
import os
import pathlib
import pwd
import shlex
import shutil
import socket
import subprocess
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
WAIT_S = 30

PREPARED = [
    ("registry", "participant.put", {"code": "KZ", "name": "Kazakhstan", "kind": "state", "status": "member",
                                     "since": "1999-09-14"}),
    ("registry", "catalogue.put", {"adopted": "2021-10-12", "dimensions": [
        {"code": "economic", "name": "Economic", "areas": [{"code": "tourism", "name": "Tourism"}]}]}),
    ("events", "event.propose", {"id": "bench-event", "kind": "seminar", "dimension": "economic", "area": "tourism",
                                 "title": "Seminar on the development of secure and effective transport corridors",
                                 "host": "KZ", "year": 2031, "sessions": [{"start": "2031-05-01", "end": "2031-05-01"}]}),
]


class NotMeasured(Exception):
    """Why a row has no numbers."""


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def find(program):
    """A peer's program; Debian keeps PostgreSQL's out of the PATH."""
    for folder in os.get_exec_path() + ["/usr/sbin", "/usr/lib/postgresql/15/bin"]:
        if os.access(os.path.join(folder, program), os.X_OK):
            return os.path.join(folder, program)
    raise NotMeasured(f"{program} is not installed (deploy/install-deps.sh --bench)")


def wait_for(what, ready, process=None):
    until = time.monotonic() + WAIT_S
    while not ready():
        if process and process.poll() is not None:
            raise NotMeasured(f"{what} ended while it started")
        if time.monotonic() > until:
            raise NotMeasured(f"{what} does not answer after {WAIT_S} s")
        time.sleep(0.005)


def accepts(address, family=socket.AF_INET):
    with socket.socket(family) as probe:
        return probe.connect_ex(address) == 0


def end(process, signal_name="terminate"):
    if process.poll() is None:
        getattr(process, signal_name)()
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def resident_kib(pid):
    for line in open(f"/proc/{pid}/status"):
        if line.startswith("VmRSS"):
            return int(line.split()[1])
    return 0


def cpu_us(pid):
    """CPU of a process and of its children, those that ended too."""
    def of(one, first):
        fields = open(f"/proc/{one}/stat").read().rsplit(") ", 1)[1].split()
        return sum(int(field) for field in fields[first:15])
    total = 0
    with contextlib.suppress(OSError, IndexError):
        total = of(pid, 11)
        for child in open(f"/proc/{pid}/task/{pid}/children").read().split():
            total += of(child, 11)
    return total * 1000000 // os.sysconf("SC_CLK_TCK")


class Servers:
    """Starts servers by name. The words they give may stand in commands, in braces; a word "cpu:NAME" is the id
    of a process whose CPU is counted."""

    def __init__(self, build, base):
        self.build, self.base = pathlib.Path(build).resolve(), pathlib.Path(base)
        self.bench = self.build / "tests/bench"
        for name in ("cbm-bus", "cbm-registry", "cbm-events", "cbm-notify", "cbm"):
            if not (self.build / name).exists():  # deploy/stack would look for it elsewhere
                raise SystemExit(f"bench: no {self.build / name}: run make first")
        self.number = 0

    def directory(self, name):
        self.number += 1
        path = self.base / f"{name}{self.number}"
        path.mkdir()
        return path

    def program(self, name):
        """One of ours is a failure when it is missing, a peer's is a library that is not installed."""
        path = self.bench / name
        if not path.exists():
            raise NotMeasured(f"{name} was not built: its library is not installed (deploy/install-deps.sh --bench)")
        return str(path)

    @contextlib.contextmanager
    def running(self, names):
        """The servers in order, with the words they give; ended in reverse."""
        with contextlib.ExitStack() as stack:
            words = {"build": str(self.build)}
            for name in names:
                kind, _, argument = name.partition(":")
                words.update(stack.enter_context(getattr(self, kind)(words, argument)))
            yield words

    def log(self, directory, name):
        return open(directory / f"{name}.log", "wb")

    # ---- ours --------------------------------------------------------------------------------
    def stack_run(self, command, directory, **environment):
        words = [str(ROOT / "deploy/stack"), command, "--dir", str(directory)]
        if command == "up":
            words += ["--build", str(self.build)]
        done = subprocess.run(words, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False,
                              env={**os.environ, **environment})
        if done.returncode:
            raise RuntimeError(f"deploy/stack {command}: {done.stderr[-2000:]}")

    def stack_words(self, directory):
        lines = (shlex.split(line) for line in open(directory / "env"))
        env = dict(words[0].split("=", 1) for words in lines if words and "=" in words[0])
        pids = dict(pair.split("=") for pair in env["CBM_PIDS"].split())
        return {"stack": str(directory), "bus": env["CBM_BUS"], "notify": env["CBM_NOTIFY"], "pids": pids,
                "notify_pid": pids["notify.1"], "events_pid": pids["events.1"],
                "socket": f"{directory}/redis.sock",
                "password": (pathlib.Path(directory) / "secrets/operator/password").read_text(),
                "redis": f"unix://operator@{directory}/redis.sock?password_file={directory}/secrets/operator/password",
                "redis_tcp": env["CBM_REDIS"],
                **{f"cpu:{name.partition('.')[0]}": pid for name, pid in pids.items()}}

    def call(self, words, service, method, params):
        done = subprocess.run([str(self.build / "cbm"), "call", service, method, json.dumps(params)], check=True,
                              env={**os.environ, "CBM_BUS": words["bus"], "CBM_NOTIFY": words["notify"]},
                              capture_output=True, text=True)
        return json.loads(done.stdout)

    @contextlib.contextmanager
    def stack(self, _words, _argument, **environment):
        """deploy/stack as a user gets it but for encryption, with a participant, a catalogue and one event."""
        directory = self.directory("stack")
        try:
            # none of the peers encrypts, so neither do we
            self.stack_run("up", directory, **{"CBM_ACCESS": "open", **environment})
            words = self.stack_words(directory)
            for service, method, params in PREPARED:
                self.call(words, service, method, params)
            yield words
        finally:
            self.stack_run("down", directory)
            shutil.rmtree(directory, ignore_errors=True)

    @contextlib.contextmanager
    def redis(self, _words, _argument):
        """A Redis alone, with the stack's own settings."""
        directory, port = self.directory("redis"), free_port()
        process = subprocess.Popen(
            [find("redis-server"), str(ROOT / "deploy/redis.conf"), "--port", str(port), "--dir", str(directory),
             "--unixsocket", f"{directory}/redis.sock", "--unixsocketperm", "700"],
            stdout=self.log(directory, "redis"), stderr=subprocess.STDOUT)
        try:
            wait_for("redis-server", lambda: accepts(("127.0.0.1", port)), process)
            yield {"redis": f"unix://{directory}/redis.sock", "socket": f"{directory}/redis.sock",
                   "redis_tcp": f"redis://127.0.0.1:{port}", "cpu:redis": process.pid}
        finally:
            end(process)
            shutil.rmtree(directory, ignore_errors=True)

    # ---- peers -------------------------------------------------------------------------------
    @contextlib.contextmanager
    def nats(self, _words, argument):
        """nats-server as it comes; nats:js with JetStream on files."""
        directory, port = self.directory("nats"), free_port()
        more = ["-js", "-sd", str(directory / "js")] if argument == "js" else []
        process = subprocess.Popen([find("nats-server"), "-a", "127.0.0.1", "-p", str(port), *more],
                                   stdout=self.log(directory, "nats"), stderr=subprocess.STDOUT)
        try:
            wait_for("nats-server", lambda: accepts(("127.0.0.1", port)), process)
            yield {"nats": f"nats://127.0.0.1:{port}", "nats_pid": str(process.pid), "cpu:nats-server": process.pid}
        finally:
            end(process)
            shutil.rmtree(directory, ignore_errors=True)

    @contextlib.contextmanager
    def nats_get_service(self, words, mode):
        """The peer of event.get, reading what our events service reads: the same Redis."""
        process = subprocess.Popen([self.program("peers/nats_get_service"), words["nats"], words["socket"],
                                    "{cica}:events:doc", mode], stdout=subprocess.PIPE,
                                   env={**os.environ, "REDISCLI_AUTH": words["password"]})
        try:
            if process.stdout.readline() != b"ready\n":
                raise NotMeasured("nats_get_service does not start")
            yield {"cpu:service": process.pid}
        finally:
            end(process)

    @contextlib.contextmanager
    def postgres(self, _words, _argument):
        """PostgreSQL with initdb's settings (fsync and synchronous_commit on), on a socket only."""
        directory = self.directory("pg")
        as_user = []
        if os.getuid() == 0:  # it refuses to be root
            user = next((name for name in ("postgres", "nobody") if name in {u.pw_name for u in pwd.getpwall()}), None)
            as_user = ["setpriv", f"--reuid={user}", f"--regid={pwd.getpwnam(user).pw_gid}", "--clear-groups"]
            shutil.chown(directory, user)
        kept = self.base / "pg.initdb"
        if not kept.exists():
            subprocess.run([*as_user, find("initdb"), "-D", str(directory / "data"), "-A", "trust", "-U", "bench",
                            "--no-locale", "-E", "UTF8"], check=True, stdout=subprocess.DEVNULL, cwd="/")
            subprocess.run(["cp", "-a", str(directory / "data"), str(kept)], check=True)
        else:
            subprocess.run(["cp", "-a", str(kept), str(directory / "data")], check=True)
        log = self.log(directory, "pg")
        process = subprocess.Popen([*as_user, find("postgres"), "-D", str(directory / "data"), "-k", str(directory),
                                    "-c", "listen_addresses=", "-c", "max_connections=200"],
                                   stdout=log, stderr=subprocess.STDOUT, cwd="/")
        try:
            ready = [find("pg_isready"), "-q", "-h", str(directory), "-d", "postgres"]
            wait_for("PostgreSQL", lambda: subprocess.run(ready, check=False).returncode == 0, process)
            yield {"pg": f"host={directory} user=bench dbname=postgres", "cpu:postgres": process.pid}
        finally:
            if process.poll() is None:
                process.send_signal(2)  # fast shutdown
            end(process)
            shutil.rmtree(directory, ignore_errors=True)

    @contextlib.contextmanager
    def mosquitto(self, _words, _argument):
        directory, port = self.directory("mosquitto"), free_port()
        (directory / "conf").write_text(f"listener {port} 127.0.0.1\nallow_anonymous true\npersistence false\n"
                                        "max_queued_messages 0\nuser root\n")
        process = subprocess.Popen([find("mosquitto"), "-c", str(directory / "conf")],
                                   stdout=self.log(directory, "mosquitto"), stderr=subprocess.STDOUT)
        try:
            wait_for("mosquitto", lambda: accepts(("127.0.0.1", port)), process)
            yield {"mqtt_port": str(port), "cpu:mosquitto": process.pid}
        finally:
            end(process)
            shutil.rmtree(directory, ignore_errors=True)
