"""The examples that integrators start from: each is built and run as its first lines say, and shows
what the log holds, history and live. It must not know libcbm."""
import json
import os
import shutil
import signal
import subprocess
import urllib.request

import pytest

from conftest import BUILD, ROOT, SLOW, wait_for

EXAMPLES = ROOT / "examples"


def build_c(place):
    subprocess.run(["make", "-s", "-C", str(ROOT), f"BUILD={os.environ.get('CBM_BUILD', 'build')}",
                    f"DESTDIR={place}", "PREFIX=/usr", "install-client"], check=True,
                   capture_output=True, timeout=300 * SLOW, env={**os.environ, "MAKEFLAGS": ""})
    flags = subprocess.run(["pkg-config", "--define-variable", f"prefix={place}/usr", "--cflags",
                            "--libs", "cbm"], check=True, capture_output=True, text=True,
                           env={**os.environ, "PKG_CONFIG_PATH": f"{place}/usr/lib/pkgconfig"}).stdout
    sanitize = [f"-fsanitize={os.environ['SAN']}"] if os.environ.get("SAN") else []
    subprocess.run(["cc", "-std=c11", "-Wall", "-Wextra", "-Werror", *sanitize,
                    str(EXAMPLES / "subscribe.c"), *flags.split(), "-o", str(place / "subscribe")],
                   check=True)
    return [str(place / "subscribe")]


def build_python(_place):
    return ["/usr/bin/python3", str(EXAMPLES / "subscribe.py")]


def build_node(place):
    """npm install into the directory of this test; without a registry to reach there is nothing to run."""
    if not shutil.which("npm"):
        pytest.skip("npm is not installed")
    for name in ("package.json", "subscribe.mjs"):
        shutil.copy(EXAMPLES / name, place)
    done = subprocess.run(["npm", "install", "--no-audit", "--no-fund", "--prefer-offline"], cwd=place,
                          capture_output=True, text=True, timeout=240)
    if done.returncode:
        registry = subprocess.run(["npm", "config", "get", "registry"], capture_output=True,
                                  text=True).stdout.strip()
        try:
            urllib.request.urlopen(registry, timeout=10)
        except OSError as error:
            pytest.skip(f"no npm registry is reachable: {error}")
        pytest.fail(done.stderr)
    return ["node", str(place / "subscribe.mjs")]


BUILDERS = {"c": build_c, "python": build_python, "node": build_node}


@pytest.fixture(scope="module", params=BUILDERS)
def example(request, tmp_path_factory):
    return BUILDERS[request.param](tmp_path_factory.mktemp(request.param))


def start(example, stack, *arguments):
    return subprocess.Popen([*example, *map(str, arguments)], stdout=subprocess.PIPE,
                            stderr=subprocess.PIPE, text=True, env={**os.environ, **stack.env})


def finish(process):
    out, err = process.communicate(timeout=60 * SLOW)
    assert process.returncode == 0, err
    return out.splitlines()


def lines_of(client, prefix, after=0):
    page = client.call("notify", "log.read", {"prefix": prefix, "after": after, "limit": 1000})
    return [f"{item['meta']['seq']} {item['meta']['type']} {item['topic']}" for item in page["items"]]


def open_plans(client, years):
    for year in years:
        client.call("events", "plan.open", {"year": year}, key=f"plan-{year}")


def put_bodies(client, first, count):
    for number in range(first, first + count):
        client.call("registry", "body.put", {"code": f"B-{number}", "name": "b", "kind": "forum"},
                    key=f"body-{number}")


def test_each_is_short():
    for name in ("subscribe.c", "subscribe.py", "subscribe.mjs"):
        assert len((EXAMPLES / name).read_text().splitlines()) < 60, name


def test_history_then_live(example, make_stack):
    stack = make_stack()
    with stack.client() as client:
        open_plans(client, range(2001, 2006))
        put_bodies(client, 1, 5)
        process = start(example, stack, "plan.", 10, 0)
        put_bodies(client, 6, 5)
        open_plans(client, range(2006, 2011))
        assert finish(process) == lines_of(client, "plan.")
        process = start(example, stack, "", 12, 9)
        assert finish(process) == lines_of(client, "", 8)


def test_through_a_restart_of_notify(example, make_stack):
    """What was published while the publisher was away is shown all the same."""
    stack = make_stack()
    with stack.client() as client:
        open_plans(client, [2001])
        process = start(example, stack, "plan.", 6, 0)
        assert process.stdout.readline().startswith("1 plan.opened")
        open_plans(client, [2002])
        stack.kill("notify.1", signal.SIGKILL)
        open_plans(client, [2003, 2004])
        stack.up()
        open_plans(client, [2005, 2006])
        rest = finish(process)
        wait_for(lambda: len(lines_of(client, "plan.")) == 6, what="six plans")
        assert rest == lines_of(client, "plan.")[1:]


def test_package_names_what_it_needs():
    package = json.loads((EXAMPLES / "package.json").read_text())
    assert set(package["dependencies"]) == {"zeromq", "@msgpack/msgpack"}
