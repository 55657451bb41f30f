"""Metrics as Prometheus' own tool reads them, from every program."""
import os
import re
import shutil
import socket
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
        for name in ("bus", "registry", "events", "notify"):
            port = free_port()
            env = {**os.environ, **stack.env, "CBM_METRICS": f"127.0.0.1:{port}",
                   "CBM_KEYS": str(stack.dir / "keys")}
            for bind in ("CBM_CLIENT_BIND", "CBM_WORKER_BIND", "CBM_PUB_BIND"):
                env[bind] = f"tcp://127.0.0.1:{free_port()}"
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
    for name in ("bus", "notify"):
        assert 'cbm_auth_failures_total{reason="unknown"} 0' in scraped[name]
        assert "cbm_principals 1" in scraped[name]


@pytest.fixture(scope="module")
def listener(stack):
    """("127.0.0.1", port) of one more registry's metrics."""
    address = ("127.0.0.1", free_port())
    process = subprocess.Popen([str(BUILD / "cbm-registry")], stderr=subprocess.DEVNULL, env={
        **os.environ, **stack.env, "CBM_METRICS": "%s:%d" % address})
    wait_for(lambda: socket.socket().connect_ex(address) == 0, 20, "the listener")
    yield address
    process.terminate()
    assert process.wait(20) == 0


def exchange(address, *pieces, patience=10):
    """(the status line and headers, body) that come for what is sent in pieces."""
    with socket.create_connection(address, timeout=patience) as sock:
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for piece in pieces:
            sock.sendall(piece)
        answer = b"".join(iter(lambda: sock.recv(65536), b""))
    head, _, body = answer.partition(b"\r\n\r\n")
    return head.decode().split("\r\n"), body


@pytest.mark.parametrize("request_head, status", [
    (b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n", 200), (b"GET /metrics?x=1 HTTP/1.0\n\n", 200),
    (b"POST /metrics HTTP/1.1\r\nContent-Length: 9\r\n\r\nsomething", 405), (b"GET /metricsx HTTP/1.1\r\n\r\n", 404),
    (b"GET  /metrics HTTP/1.1\r\n\r\n", 400), (b"GET /metrics\r\n\r\n", 400), (b"GET /metrics HTTP/2.0\r\n\r\n", 400),
    (b"\r\n\r\n", 400), (b"\x00\xff \x00 \x00\r\n\r\n", 400), (b"GET /" + b"x" * 5000, 431),
], ids=["get", "query", "post", "path", "spaces", "no version", "version", "empty", "bytes", "long"])
def test_heads(listener, request_head, status):
    """Each is answered, whole or in pieces, and the answer arrives whatever was sent besides."""
    for pieces in ((request_head,), (request_head[:5], request_head[5:]), [request_head[i:i + 1] for i in range(60)]):
        if b"".join(pieces) != request_head:
            continue
        (first, *headers), body = exchange(listener, *pieces)
        assert first.split()[:2] == ["HTTP/1.1", str(status)]
        assert f"Content-Length: {len(body)}" in headers and "Connection: close" in headers
        assert (b"cbm_ready" in body) == (status == 200)


def test_head_has_no_body(listener):
    (first, *headers), body = exchange(listener, b"HEAD /metrics HTTP/1.1\r\n\r\n")
    assert " 200 " in first and body == b"" and "Content-Length: 0" not in headers


def test_who_says_nothing_keeps_nobody_out_for_long(listener):
    silent = [socket.create_connection(listener, timeout=30) for _ in range(20)]
    for sock in silent:
        sock.sendall(b"GET")
    (first, *_), _ = exchange(listener, b"GET /metrics HTTP/1.1\r\n\r\n", patience=30)
    assert " 200 " in first
    for sock in silent:
        sock.close()
    assert " 200 " in exchange(listener, b"GET /metrics HTTP/1.1\r\n\r\n")[0][0]


def test_a_wrong_address_stops_the_start(stack):
    for bind in ("nonsense", "localhost:99999", "example.org:80"):
        done = subprocess.run([str(BUILD / "cbm-registry")], capture_output=True, text=True,
                              timeout=20, env={**os.environ, **stack.env, "CBM_METRICS": bind})
        assert done.returncode == 78 and "CBM_METRICS is wrong" in done.stderr, done
