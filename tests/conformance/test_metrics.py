"""Metrics as Prometheus' own tool reads them, from every program."""
import os
import re
import shutil
import subprocess
import urllib.error
import urllib.request

import pytest

from conftest import BUILD, free_port, wait_for


@pytest.fixture(scope="module")
def scraped(stack):
    """{program: the text of a scrape}: one more replica of each, with CBM_METRICS."""
    texts, processes = {}, []
    try:
        for name in ("bus", "registry", "events", "notify", "gateway"):
            port = free_port()
            env = {**os.environ, **stack.env, "CBM_METRICS": f"127.0.0.1:{port}",
                   "CBM_KEYS": str(stack.dir / "keys")}
            for bind in ("CBM_CLIENT_BIND", "CBM_WORKER_BIND", "CBM_PUB_BIND"):
                env[bind] = f"tcp://127.0.0.1:{free_port()}"
            env["CBM_HTTP_BIND"] = f"127.0.0.1:{free_port()}"
            processes.append(subprocess.Popen([str(BUILD / f"cbm-{name}")], env=env,
                                              stderr=subprocess.DEVNULL))
            url = f"http://127.0.0.1:{port}"

            def scrape():
                try:
                    with urllib.request.urlopen(f"{url}/metrics", timeout=10) as answer:
                        text = answer.read().decode()
                        return text if "cbm_ready 1" in text else None
                except urllib.error.URLError:
                    return None
            texts[name] = wait_for(scrape, 20, f"metrics of a ready {name}")
            with pytest.raises(urllib.error.HTTPError) as other:
                urllib.request.urlopen(f"{url}/other", timeout=10)
            assert other.value.code == 404
        yield texts
    finally:
        for process in processes:
            process.terminate()
        assert all(process.wait(20) == 0 for process in processes)


def test_promtool_accepts_them(scraped):
    if not shutil.which("promtool"):
        pytest.skip("promtool is not installed (Debian: prometheus)")
    for name, text in scraped.items():
        done = subprocess.run(["promtool", "check", "metrics"], input=text, text=True,
                              capture_output=True)
        assert done.returncode == 0, (name, done.stdout + done.stderr)


def test_what_is_counted(scraped):
    assert re.search(r'cbm_requests_total\{service="events",method="event.get"\} 0', scraped["events"])
    assert 'cbm_durability{level="always"} 1' in scraped["registry"]
    assert "cbm_store_up 1" in scraped["notify"]
    assert "cbm_notify_records_published 0" in scraped["notify"]
    assert "cbm_bus_requests_total 0" in scraped["bus"]
    for name in ("cbm_streams", "cbm_stream_records_total", "cbm_stream_log_pages_total", "cbm_http_connections"):
        assert f"\n{name} 0" in scraped["gateway"], name
    for name in ("bus", "notify", "gateway"):
        assert 'cbm_auth_failures_total{reason="unknown"} 0' in scraped[name]
        assert "cbm_principals 1" in scraped[name]


def test_a_wrong_address_stops_the_start(stack):
    for bind in ("nonsense", "localhost:99999", "example.org:80"):
        done = subprocess.run([str(BUILD / "cbm-registry")], capture_output=True, text=True,
                              timeout=20, env={**os.environ, **stack.env, "CBM_METRICS": bind})
        assert done.returncode == 78 and "CBM_METRICS is wrong" in done.stderr, done
