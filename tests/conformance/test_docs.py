"""The examples in the documents do what the documents say, and the documents name what there is."""
import os
import pathlib
import re
import shlex
import subprocess
import sys
import threading

import pytest
import zmq

from conftest import npm_package, wait_for
from events_in import Stream

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILD = ROOT / os.environ.get("CBM_BUILD", "build")


def example(page, language):
    found = re.findall(rf"```{language}\n(.*?)```", (ROOT / page).read_text(), re.S)
    assert len(found) == 1, f"{page} has {len(found)} examples in {language}"
    return found[0]


def environment(stack):
    return {**os.environ, **{k: v for k, v in stack.env.items() if k.startswith("CBM_")}}


def first_lines(command, count, change=None, **options):
    """The first lines that a program prints which goes on for ever; `change` is called when it runs."""
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, **options) as process:
        too_long = threading.Timer(30, process.kill)
        too_long.start()
        try:
            lines = []
            for line in process.stdout:
                lines.append(line.split())
                if change and "watermark" in lines[-1]:
                    change()
                    change = None
                if len([one for one in lines if "watermark" not in one]) == count:
                    return lines
            pytest.fail(f"it ended: {lines}")
        finally:
            too_long.cancel()
            process.kill()


def test_integrator_request(sample_stack, monkeypatch):
    code = example("docs/integrator.md", "python").replace("tcp://127.0.0.1:5550",
                                                           sample_stack.env["CBM_BUS"].split(",")[0])
    for name in ("CBM_SERVER_KEY", "CBM_CERT"):
        monkeypatch.setenv(name, sample_stack.env[name])
    names = {}
    exec(compile(code, "integrator.md", "exec"), names)  # pylint: disable=exec-used
    assert names["error"] is None and names["msgid"] == 7 and names["command"] == b"\x03"
    assert names["result"]["id"] == "smart-agriculture-seminar-1-2021"


def test_readme_subscription_in_python(sample_stack, tmp_path):
    script = tmp_path / "example.py"
    script.write_text(example("README.md", "python"))

    def change():
        sample_stack.cbm("call", "events", "event.propose", '{"title": "An example of the README", "kind":'
                         ' "seminar", "host": "KZ", "year": 2027}')
    lines = first_lines([sys.executable, "-u", str(script)], 1, change, env=environment(sample_stack))
    assert lines[-1][1] == "event.proposed" and lines[-1][2].endswith("an-example-of-the-readme.")


def test_readme_subscription_in_c(sample_stack, tmp_path):
    if any(san in str(BUILD) for san in ("address", "undefined", "thread")):
        pytest.skip("the library of this build needs its sanitizer")
    source = tmp_path / "example.c"
    source.write_text("#include <stdio.h>\n#include \"cbm.h\"\nint main(void)\n{\nsetvbuf(stdout, NULL, _IOLBF, 0);\n"
                      + example("README.md", "c") + "return 0;\n}\n")
    program = tmp_path / "example"
    subprocess.run(["cc", "-Wall", "-Werror", f"-I{ROOT}/common/client", str(source), "-o", str(program),
                    str(BUILD / "libcbm.a"), str(BUILD / "libcommon.a"), "-lczmq", "-lzmq", "-lmsgpackc",
                    "-lhiredis"], check=True)
    lines = first_lines([str(program)], 20, cwd=tmp_path, env=environment(sample_stack))
    assert all(len(line) == 3 and line[2].startswith("events.") for line in lines)
    seqs = [int(line[0]) for line in lines]
    assert seqs == sorted(set(seqs))


@pytest.fixture(scope="module")
def reader(sample_stack):
    """The environment of somebody who has a token that the gateway knows."""
    with sample_stack.client() as client:
        public, _ = zmq.curve_keypair()
        client.call("registry", "principal.enroll", {"id": "docs-reader", "key": public.decode(), "roles": ["subscriber"]})
    token = sample_stack.cbm("principal", "token", "docs-reader").stdout.strip()

    def known():
        with Stream(sample_stack.env["CBM_HTTP"], token) as stream:
            return stream.status == 200
    wait_for(known, 10, "the token to be known")
    return {**environment(sample_stack), "CBM_TOKEN": token}


def test_stream_by_curl(reader):
    words = shlex.split(os.path.expandvars(example("docs/stream.md", "sh")
                                           .replace("$CBM_TOKEN", reader["CBM_TOKEN"]).replace("$CBM_HTTP", reader["CBM_HTTP"])))
    lines = first_lines(words, 7, env=reader)
    assert lines[0] == ["retry:", "2000"] and ["event:", "event.scheduled"] in lines


def test_stream_in_python(reader, tmp_path):
    script = tmp_path / "stream.py"
    script.write_text(example("docs/stream.md", "python"))
    lines = first_lines([sys.executable, "-u", str(script)], 50, env=reader)
    seqs = [int(line[0]) for line in lines]
    assert seqs == sorted(set(seqs)) and all(line[2].startswith("events.") for line in lines)


def test_stream_in_node(reader, tmp_path):
    (tmp_path / "node_modules").symlink_to(npm_package("eventsource", "5.1.5"))
    script = tmp_path / "stream.mjs"
    script.write_text(example("docs/stream.md", "js"))
    lines = first_lines(["node", str(script)], 10, env=reader, cwd=tmp_path)
    assert all(line[1] == "event.scheduled" and line[2].startswith("events.") for line in lines)


@pytest.mark.parametrize("program", ["cbm-bus", "cbm-registry", "cbm-events", "cbm-notify", "cbm-gateway"])
def test_operator_page_names_every_setting(program):
    page = (ROOT / "docs/operator.md").read_text()
    said = subprocess.run([str(BUILD / program), "--help"], capture_output=True, text=True, check=True).stdout
    rows = re.findall(r"^\s+(CBM_\w+)\s.*\(default: (.*)\)$", said, re.M)
    assert rows
    for name, default in rows:
        assert f"`{name}`" in page, f"docs/operator.md does not name {name}"
        row = next(line for line in page.splitlines() if line.startswith("|") and f"`{name}`" in line)
        assert default in row or default == "268435456", f"{name}: the default is {default}"


def test_method_page_and_quickstart_commands_exist():
    said = subprocess.run([str(BUILD / "cbm"), "--help"], capture_output=True, text=True, check=True).stdout
    known = set(re.findall(r"^  (\w+) ", said, re.M))
    for page in ("README.md", "docs/quickstart.md", "docs/operator.md"):
        used = set(re.findall(r"build/cbm (\w+)", (ROOT / page).read_text()))
        assert used <= known, f"{page} uses {used - known}"


def test_pages_name_the_limits():
    text = (ROOT / "common/msg/mp.h").read_text() + (ROOT / "common/bus/sock.h").read_text()
    items, depth = (int(re.search(rf"#define {name} (\d+)", text)[1]) for name in ("MP_ITEMS_MAX", "MP_DEPTH_MAX"))
    frame = int(re.search(r"#define SOCK_MESSAGE_MAX \((\d+) \* 1024 \* 1024\)", text)[1])
    for page in ("protocol.md", "integrator.md", "spec/cloudevents-msgpack-format.md"):
        said = (ROOT / "docs" / page).read_text()
        assert f"{items:,} values" in said and str(depth) in said, page
    assert f"a frame above {frame} MiB" in (ROOT / "docs/integrator.md").read_text()
