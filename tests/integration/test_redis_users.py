"""Redis' users: each service its own keys and commands, and nobody without a password.
It must not know what the services keep under their keys."""
import subprocess

import pytest

SERVICES = ("registry", "events", "notify")
LOG = ("{cica}:log", "{cica}:log:prefix", "{cica}:log:block")


class As:
    """redis-cli as a user of a stack's Redis; None is nobody."""

    def __init__(self, stack, user):
        self.port = stack.env["CBM_REDIS"].rsplit(":", 1)[1]
        password = user and (stack.dir / f"secrets/{user}/password").read_text()
        self.login = ["--user", user, "--pass", password, "--no-auth-warning"] if user else []

    def __call__(self, *words):
        done = subprocess.run(["redis-cli", "-p", self.port, *self.login, *words], capture_output=True, text=True,
                              timeout=20, check=False)
        return (done.stdout + done.stderr).strip()

    def refused(self, *words):
        said = self(*words)
        return said.startswith(("NOPERM", "NOAUTH")), said


@pytest.fixture(scope="module")
def used(sample_stack):
    """A stack in which every service has read and written."""
    with sample_stack.client() as client:
        client.call("events", "event.list", {"year": 2021})
        client.call("notify", "log.read", {"prefix": "events.", "after": 0})
        client.call("notify", "log.last", {"prefix": ""})
        client.call("events", "plan.open", {"year": 2040}, key="users")
        client.call("events", "plan.get", {"year": 2040}, key="users-read")
    return sample_stack


def test_services_are_never_refused_what_they_need(used):
    assert As(used, "operator")("ACL", "LOG") == ""


def test_nobody_comes_in_without_a_password(used):
    for words in (("PING",), ("GET", "x"), ("AUTH", "events", "wrong"), ("CONFIG", "GET", "*")):
        assert As(used, None)(*words).startswith(("NOAUTH", "WRONGPASS")), words


@pytest.mark.parametrize("service", SERVICES)
def test_a_service_has_its_own_keys(used, service):
    redis = As(used, service)
    assert redis("HSET", f"{{cica}}:{service}:test", "a", "1") == "1"
    assert redis("HGET", f"{{cica}}:{service}:test", "a") == "1"
    for key in LOG:
        assert not redis.refused("HGET", key, "#")[0]


@pytest.mark.parametrize("service", SERVICES)
def test_a_service_cannot_touch_the_keys_of_another(used, service):
    redis = As(used, service)
    others = [f"{{cica}}:{other}:{key}" for other in SERVICES if other != service
              for key in ("doc", "ix", "keys:20000")]
    for key in (*others, "{other}:" + service + ":doc", "anything"):
        for words in (("HGET", key, "x"), ("HSET", key, "x", "1"), ("ZADD", key, "0", "x"), ("ZREM", key, "x"),
                      ("ZRANGEBYLEX", key, "-", "+"), ("EXPIRE", key, "0"), ("TYPE", key),
                      ("FCALL", "cbm_commit", "8", key, key, *LOG, key, key, key, "0"),
                      ("FCALL_RO", "cbm_key", "4", LOG[0], key, key, key, "x")):
            refused, said = redis.refused(*words)
            assert refused, (service, words, said)


@pytest.mark.parametrize("service", (*SERVICES, "bus", "gateway"))
def test_a_service_cannot_do_what_it_does_not_need(used, service):
    redis = As(used, service)
    own = f"{{cica}}:{service}:doc"
    for words in (("FLUSHALL",), ("KEYS", "*"), ("SCAN", "0"), ("CONFIG", "SET", "appendonly", "no"), ("ACL", "LIST"),
                  ("EVAL", "return 1", "0"), ("DEL", own), ("RENAME", own, own), ("SHUTDOWN",),
                  ("MONITOR",), ("SAVE",), ("REPLICAOF", "NO", "ONE"), ("FUNCTION", "FLUSH"), ("SUBSCRIBE", "other")):
        refused, said = redis.refused(*words)
        assert refused, (service, words, said)


def test_notify_alone_trims_the_log(used):
    for service in (*SERVICES, "bus"):
        redis = As(used, service)
        for key in (*LOG, "{cica}:events:doc", "{cica}:registry:doc", "{cica}:notify:doc", "{cica}:notify:ix"):
            may = service == "notify" and key in (LOG[0], "{cica}:notify:doc")
            assert redis.refused("HDEL", key, "none")[0] != may, (service, key)
        assert redis.refused("HEXISTS", LOG[0], "none")[0] == (service != "notify")
    assert As(used, "notify")("FCALL", "cbm_trim", "3", *LOG, "0", "10", "x").split()[0] == "1"
    assert As(used, "notify").refused("FCALL", "cbm_drop", "2", "{cica}:events:doc", "{cica}:events:ix", "0")[0]


def test_the_bus_only_reads(used):
    redis = As(used, "bus")
    for key in LOG:
        assert not redis.refused("HGET", key, "x")[0]
        assert redis.refused("HSET", key, "x", "1")[0]
    for key in ("{cica}:events:doc", "{cica}:registry:doc", "{cica}:registry:ix"):
        assert redis.refused("HGET", key, "x")[0]


def test_a_new_password_needs_no_restart_of_the_service(make_stack):
    """The file and Redis change; the service's next connection takes the new one."""
    stack = make_stack()
    operator = As(stack, "operator")
    new = "n" * 40
    (stack.dir / "secrets/events/password").write_text(new)
    operator("ACL", "SETUSER", "events", "resetpass", ">" + new)
    operator("CLIENT", "KILL", "USER", "events")
    with stack.client() as client:
        assert client.call("events", "plan.open", {"year": 2041})["year"] == 2041
    assert operator("ACL", "LOG") == ""
