"""The stack in containers: built, healthy, hardened, reachable from the host, scaled, restarted.
Skipped where there is no Docker engine and none can be brought up. It must not know the services."""
import json
import os
import shutil
import subprocess
import tempfile

import pytest
import zmq

from conftest import ROOT, Client, Subscriber, free_port, public_key, wait_for
from events_in import Stream

# a folder beside the checkout may offer an engine and the base images where none can be pulled
LOCAL_ENGINE = ROOT.parent / "shared" / "docker-local.sh"
SERVICES = ["redis", "bus", "registry", "events", "notify", "gateway"]

pytestmark = [pytest.mark.once, pytest.mark.timeout(1200)]


def quiet(*words, **options):
    return subprocess.run(words, capture_output=True, text=True, stdin=subprocess.DEVNULL, **options)


def local_engine(functions):
    return quiet("bash", "-c", f'. "{LOCAL_ENGINE}" && {functions}', timeout=900)


@pytest.fixture(scope="module")
def engine():
    """Makes sure that `docker compose` works here."""
    started = False
    if LOCAL_ENGINE.exists():
        os.environ["PATH"] = "/usr/bin:/usr/sbin:/bin:/sbin:" + os.environ["PATH"]
    answers = quiet("docker", "info").returncode == 0 if has_docker() else False
    if LOCAL_ENGINE.exists():
        done = local_engine("docker_up && docker_base_images")
        if done.returncode != 0:
            pytest.skip("no Docker engine could be brought up: " + done.stderr.strip()[-200:])
        started = not answers
    elif not answers:
        pytest.skip("no Docker engine answers")
    if quiet("docker", "compose", "version").returncode != 0:
        pytest.skip("the Docker engine has no compose")
    yield
    if started:
        local_engine("docker_down")


def has_docker():
    return any(os.access(os.path.join(folder, "docker"), os.X_OK)
               for folder in os.environ["PATH"].split(":"))


class Compose:
    """The compose project of this test, on ports of its own."""

    def __init__(self):
        self.bus, self.copied = free_port(), None
        first = free_port()
        while abs(first - self.bus) < 20 or first > 65000:
            first = free_port()
        self.environment = {**os.environ, "CBM_BUS_PORT": str(self.bus),
                            "CBM_PUB_PORT": f"{first}-{first + 7}",
                            "CBM_HTTP_PORT": f"{first + 8}-{first + 15}", "COMPOSE_PROJECT_NAME": f"cbm-test-{os.getpid()}"}

    def __call__(self, *words, check=True, timeout=600):
        done = quiet("docker", "compose", *words, cwd=ROOT, env=self.environment, timeout=timeout)
        assert not check or done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
        return done.stdout

    def containers(self, service):
        ids = self("ps", "-q", service).split()
        return json.loads(quiet("docker", "inspect", *ids).stdout) if ids else []

    def healthy(self, service):
        return sum(c["State"].get("Health", {}).get("Status") == "healthy" and c["State"]["Running"]
                   for c in self.containers(service))

    def published(self, service="notify", scheme="tcp"):
        """The endpoints at which the host reaches the replicas of notify (or gateway)."""
        ports = [bound[0]["HostPort"] for container in self.containers(service)
                 for bound in container["NetworkSettings"]["Ports"].values() if bound]
        return ",".join(f"{scheme}://127.0.0.1:{port}" for port in sorted(ports))

    def keys(self):
        """What a client on the host needs: the keys, copied out of their volume."""
        if not self.copied:
            self.copied = tempfile.mkdtemp(prefix="cbm-compose-")
            self("cp", "bus:/keys", self.copied)
        return {"CBM_SERVER_KEY": public_key(f"{self.copied}/keys/server.key"),
                "CBM_CERT": f"{self.copied}/keys/officer.key_secret"}

    def client(self):
        return Client(f"tcp://127.0.0.1:{self.bus}", timeout=20, env=self.keys())


@pytest.fixture(scope="module")
def compose(engine):
    project = Compose()
    project("down", "-v", "--remove-orphans", check=False)
    try:
        project("build")
        try:
            project("up", "-d", "--wait", "--wait-timeout", "120")
        except AssertionError:
            print(project("logs", "--tail", "30", check=False))
            raise
        yield project
    finally:
        project("down", "-v", "--remove-orphans", "--timeout", "15", check=False)
        shutil.rmtree(project.copied or "", ignore_errors=True)


def test_everything_is_healthy(compose):
    assert {service: compose.healthy(service) for service in SERVICES} == dict.fromkeys(SERVICES, 1)


@pytest.mark.parametrize("service", SERVICES)
def test_containers_are_hardened(compose, service):
    for container in compose.containers(service):
        host = container["HostConfig"]
        assert container["Config"]["User"] not in ("", "root", "0"), service
        assert host["ReadonlyRootfs"] and host["CapDrop"] == ["ALL"] and not host["Privileged"]
        assert any(option.startswith("no-new-privileges") for option in host["SecurityOpt"])
        for bound in (host["PortBindings"] or {}).values():
            assert all(one["HostIp"] == "127.0.0.1" for one in bound), "loopback unless the operator says more"


def test_requests_and_notifications_reach_the_host(compose):
    with compose.client() as client, Subscriber(compose.published(), "plan.", env=compose.keys()) as subscriber:
        for service in ("registry", "events", "notify"):
            client.call(service, "$ping")
        subscriber.watermark("plan.", 10)
        seq = client.call("events", "plan.open", {"year": 2041}, key="compose-2041")["seq"]
        topic, meta, data = subscriber.records(1, 10)[0]
        assert (topic, meta["seq"], meta["type"]) == ("plan.2041.", seq, "plan.opened")
        assert data["year"] == 2041
        page = client.call("notify", "log.read", {"prefix": "plan.", "after": 0})
        assert [item["meta"]["seq"] for item in page["items"]] == [seq]
        public, _ = zmq.curve_keypair()
        client.call("registry", "principal.enroll", {"id": "browser", "key": public.decode(), "roles": ["subscriber"]})
        token = client.call("registry", "principal.token", {"id": "browser"})["token"]

    def read():
        with Stream(compose.published("gateway", "http"), token, topics="plan.>", **{"from": "start"}) as stream:
            return stream.status == 200 and wait_for(lambda: stream.seqs() == [seq], 10, "the record over HTTP")
    wait_for(read, 10, "the token to be known")


def test_the_cli_in_a_container(compose):
    compose("build", "cli")
    out = compose("run", "--rm", "-T", "cli", "call", "registry", "$ping")
    assert json.loads(out) is not None


def test_one_service_scales_with_no_other_change(compose):
    compose("up", "-d", "--wait", "--wait-timeout", "120", "--no-recreate", "--scale", "events=3", "--scale", "notify=2",
            "--scale", "gateway=2")
    assert [compose.healthy(service) for service in ("events", "notify", "gateway")] == [3, 2, 2]
    assert len(compose.published().split(",")) == 2
    with compose.client() as client:
        wanted = [client.send("events", "plan.list", safe=True) for _ in range(300)]
        assert all("items" in client.wait(msgid) for msgid in wanted)


def test_a_killed_service_comes_back_and_keeps_its_word(compose):
    with compose.client() as client:
        client.call("events", "plan.open", {"year": 2042}, key="compose-2042")
        for service in ("events", "redis"):
            victim = compose.containers(service)[0]
            os.kill(victim["State"]["Pid"], 9)
            count = len(compose.containers(service))

            def restarted():
                now = [c for c in compose.containers(service) if c["Id"] == victim["Id"]]
                return now and now[0]["State"]["Pid"] not in (0, victim["State"]["Pid"]) and \
                    compose.healthy(service) == count
            wait_for(restarted, 60, f"the restart of {service}", every=0.2)

        def known():
            try:
                return client.call("events", "plan.get", {"year": 2042}, safe=True)
            except Exception:  # while redis comes back
                return None
        assert wait_for(known, 30, "an answer")["year"] == 2042


def test_stop_is_prompt_and_clean(compose):
    compose("stop", "--timeout", "12", "events", "registry", "notify", "gateway", "bus")
    for service in ("events", "registry", "notify", "gateway", "bus"):
        ids = compose("ps", "-aq", service).split()
        for container in json.loads(quiet("docker", "inspect", *ids).stdout):
            assert container["State"]["ExitCode"] == 0, (service, container["State"])
