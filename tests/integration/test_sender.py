"""The sender of webhooks by itself: where it goes, what it makes of the answers, and that nothing outside
holds it up."""
import os
import pathlib
import socket
import subprocess
import time

import pytest

from conftest import ROOT, free_port
from sender_receiver import SECRET, SLOW, Receiver, Sender, certificate, read_request, tls, wait_for


@pytest.fixture(name="receiver")
def start_receiver():
    with Receiver() as receiver:
        yield receiver


def post_line(url, number=0):
    return {"post": {"url": url, "id": f"msg-{number}", "time_ms": 1614265330000, "body": "{}",
                     "headers": {"content-type": "application/json"}, "secrets": [SECRET]}}


# ---- answers ----------------------------------------------------------------------------------------

def test_an_attempt_and_its_receipt(receiver):
    with Sender() as sender:
        got = sender.post(receiver.url("/hook?x=1"), secrets=[SECRET], headers={"content-type": "text/x", "ce-id": "7"})
    assert (got["outcome"], got["code"], got["body"], got["error"]) == ("taken", 200, "ok", "")
    head, headers, body = receiver.requests[0]
    assert head == "POST /hook?x=1 HTTP/1.1" and body == b"{}"
    assert headers["content-type"] == "text/x" and headers["ce-id"] == "7"
    assert headers["user-agent"].startswith("cbm-notify/")
    assert headers["webhook-id"] == "msg-1" and headers["webhook-signature"].startswith("v1,")
    assert "expect" not in headers and "cookie" not in headers and "authorization" not in headers


@pytest.mark.parametrize("path, outcome, code", [
    ("/201", "taken", 201), ("/204", "taken", 204), ("/302", "failed", 302), ("/400", "failed", 400),
    ("/404", "failed", 404), ("/410", "gone", 410), ("/500", "failed", 500), ("/999", "failed", 999),
    ("/redirect", "failed", 307)])
def test_outcomes(receiver, path, outcome, code):
    with Sender() as sender:
        got = sender.post(receiver.url(path))
    assert (got["outcome"], got["code"]) == (outcome, code), got
    assert outcome == "taken" or str(code) in got["error"]
    assert len(receiver.requests) == 1


@pytest.mark.parametrize("path, said", [
    ("/reset", ""), ("/garbage", ""), ("/hang", "time"), ("/endless-headers", "the head"), ("/endless-continue", "the head"),
    ("/endless-line", "")])
def test_bad_receivers_fail_within_the_time(receiver, path, said):
    with Sender() as sender:
        got = sender.post(receiver.url(path))
        assert got["outcome"] == "failed" and got["code"] == 0, got
        assert got["error"] and said in got["error"].lower(), got
        assert got["took_ms"] < 4000 * SLOW
        assert sender.post(receiver.url("/200"))["outcome"] == "taken"  # and the next one goes on


def test_bodies_are_cut(receiver):
    with Sender() as sender:
        got = sender.post(receiver.url("/endless-body"))
        assert got["outcome"] == "taken" and len(got["body"]) == 1024, got
        wait_for(lambda: receiver.cut == 1, what="the end of the endless answer")
        got = sender.post(receiver.url("/long"))
        assert got["outcome"] == "taken" and got["body"].startswith("  line of text Ж")
        assert len(got["body"].encode()) <= 1024 and set(got["body"][15:]) == {"Ж"}
        got = sender.post(receiver.url("/slow-body"))  # the head has said it
        assert got["outcome"] == "taken" and got["body"] == "beginning"


@pytest.mark.parametrize("value, low, high", [
    ("7", 7000, 7000), ("0", -1, -1), ("-5", -1, -1), ("99999999999999999999999", -1, -1), ("100000000", 86400000, 86400000), ("soon", -1, -1),
    ("1e3", 1000, 1000), ("Fri,_01_Jan_1990_00:00:00_GMT", -1, -1)])
def test_retry_after(receiver, value, low, high):
    with Sender() as sender:
        assert low <= sender.post(receiver.url(f"/retry/{value}"))["retry_after_ms"] <= high


def test_retry_after_a_date(receiver):
    date = time.strftime("%a,_%d_%b_%Y_%H:%M:%S_GMT", time.gmtime(time.time() + 100))
    with Sender() as sender:
        assert 60000 <= sender.post(receiver.url(f"/retry/{date}"))["retry_after_ms"] <= 100000


def test_nothing_breaks_out_of_a_header(receiver):
    with Sender() as sender:
        for more in ({"headers": {"x": "a\r\nx-evil: 1"}}, {"headers": {"x y": "a"}}, {"id": "a\r\nx-evil: 1"}, {"id": ""},
                     {"headers": {"x": "a\0b"}}, {"secrets": ["whsec_short"]}, {"secrets": [SECRET, "x"]}):
            got = sender.post(receiver.url(), **more)
            assert got["outcome"] == "forbidden" and "none" in got["error"], (more, got)
    assert not receiver.requests


def test_connections_are_used_again(receiver):
    with Sender() as sender:
        for _ in range(5):
            assert sender.post(receiver.url())["outcome"] == "taken"
    assert len(receiver.requests) == 5 and receiver.connections == 1


def busy_seconds(process):
    user, system = pathlib.Path(f"/proc/{process.pid}/stat").read_text().rpartition(")")[2].split()[11:13]
    return (int(user) + int(system)) / os.sysconf("SC_CLK_TCK")


def test_a_connection_that_ends_while_it_is_idle():
    """It keeps nobody busy, and the next attempt opens another."""
    with socket.create_server(("127.0.0.1", 0)) as server, Sender() as sender:
        for _ in range(2):
            sender.ask(post_line(f"http://127.0.0.1:{server.getsockname()[1]}/"))
            connection, _ = server.accept()
            with connection, connection.makefile("rb") as stream:
                assert read_request(stream)
                connection.sendall(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n")
                assert sender.answer()["outcome"] == "taken"
            before = busy_seconds(sender.process)
            time.sleep(0.5)  # what is measured, not waited for
            assert busy_seconds(sender.process) - before < 0.2


# ---- where it may go --------------------------------------------------------------------------------

FORBIDDEN = ["127.0.0.1", "10.0.0.1", "169.254.169.254", "192.168.1.1", "172.16.0.1", "100.64.0.1", "0.0.0.0", "224.0.0.1",
             "255.255.255.255", "192.0.2.1", "198.18.0.1", "168.63.129.16",
             "0x7f.1", "2130706433", "0177.0.0.1", "0x7f000001", "127.1", "127.0.1",
             "[::1]", "[::]", "[::ffff:127.0.0.1]", "[::ffff:7f00:1]", "[::127.0.0.1]", "[64:ff9b::7f00:1]", "[2002:7f00:1::]",
             "[fe80::1]", "[fc00::1]", "[ff02::1]", "[2001:db8::1]", "localhost", "LOCALHOST", "a.localhost", "localhost.",
             "127.0.0.1."]


def test_urls_at_creation():
    with Sender(CBM_WEBHOOK_ALLOW="") as sender:
        for host in FORBIDDEN:
            answer = sender.allowed(f"https://{host}/x")
            assert answer is not True, host
        for url in ("https://receiver.example/x", "https://8.8.8.8:8443/", "https://[2606:4700::1111]/a?b=c",
                    "https://xn--e1aybc.example/"):
            assert sender.allowed(url) is True, url
        for url in ("", "x", "/x", "ftp://receiver.example/", "file:///etc/passwd", "gopher://receiver.example/", "https://",
                    "https://user@receiver.example/", "https://user:word@receiver.example/", "https://:@receiver.example/",
                    "https://receiver.example:0/", "https://receiver.example:65536/", "https://receiver.example:x/",
                    "https://receiver.example/#part", "https://receiver.example/\r\nx: y", "https://receiver.example/ x",
                    "https://[fe80::1%25eth0]/", "https://receiver.example/" + "x" * 2000, "https://a\0b/",
                    "http://receiver.example/", "http://8.8.8.8/", "https:receiver", "javascript:alert(1)"):
            assert sender.allowed(url) is not True, url
    with Sender(CBM_WEBHOOK_ALLOW="127.0.0.0/8,8.8.8.8") as sender:
        for url in ("http://127.0.0.1/", "http://localhost:8080/", "http://2130706433/", "http://[::ffff:127.0.0.1]/",
                    "http://8.8.8.8/", "http://receiver.example/"):  # the last is judged when it is resolved
            assert sender.allowed(url) is True, url
        for url in ("http://10.0.0.1/", "https://[::1]/", "http://9.9.9.9/", "https://[::127.0.0.1]/"):
            assert sender.allowed(url) is not True, url


def test_no_connection_is_made_to_what_is_forbidden():
    """Whatever the way of writing it, and by name: the receiver listens on all addresses of the machine."""
    with Receiver() as receiver, Sender(CBM_WEBHOOK_ALLOW="192.0.2.77") as sender:
        for host in FORBIDDEN:
            got = sender.post(f"http://{host}:{receiver.port}/")
            assert got["outcome"] == "forbidden" or (host.endswith(".") and "resolve" in got["error"]), (host, got)
        assert receiver.connections == 0


def names(path, **known):
    path.write_text("".join(f"{name.replace('_', '.')} {address}\n" for name, address in known.items()))
    return str(path)


def test_a_name_is_judged_at_every_attempt(receiver, scratch):
    """The first attempt's address is listed; then the name is given another, which is not."""
    hosts = scratch / "hosts"
    with Sender(CBM_TEST_HOSTS=names(hosts, receiver_test="127.0.0.1")) as sender:
        assert sender.post(receiver.url("/close", "receiver.test"))["outcome"] == "taken"
        for address in ("127.0.0.2", "10.0.0.1", "169.254.169.254", "::1", "::ffff:127.0.0.2", "0.0.0.0"):
            names(hosts, receiver_test=address)
            got = sender.post(receiver.url("/", "receiver.test"))
            assert got["outcome"] == "forbidden" and "CBM_WEBHOOK_ALLOW" in got["error"], (address, got)
        names(hosts, receiver_test="127.0.0.1")
        assert sender.post(receiver.url("/close", "receiver.test"))["outcome"] == "taken"
        names(hosts, receiver_test="8.8.8.8")
        got = sender.post(receiver.url("/", "receiver.test"))
        assert got["outcome"] == "forbidden" and "plain http" in got["error"], got
    assert len(receiver.requests) == 2


def test_a_connection_was_judged_when_it_was_opened(receiver, scratch):
    hosts = scratch / "hosts"
    with Sender(CBM_TEST_HOSTS=names(hosts, receiver_test="127.0.0.1", other_test="127.0.0.2")) as sender:
        assert sender.post(receiver.url("/", "receiver.test"))["outcome"] == "taken"
        assert sender.post(receiver.url("/", "other.test"))["outcome"] == "forbidden"
        names(hosts, receiver_test="127.0.0.2")
        assert sender.post(receiver.url("/", "receiver.test"))["outcome"] == "taken"
    assert receiver.connections == 1


def test_of_several_addresses_the_allowed_one_is_taken(receiver):
    """Where there is IPv6, localhost is ::1 as well, which is not listed."""
    with Sender() as sender:
        got = sender.post(receiver.url("/", "localhost"))
    assert (got["outcome"], got["body"], got["error"]) == ("taken", "ok", ""), got


def test_a_resolver_that_hangs_holds_nothing_up(receiver, scratch):
    hosts = names(scratch / "hosts", slow_test="hangs")
    with Sender(CBM_TEST_HOSTS=hosts) as sender:
        sender.ask(post_line(receiver.url("/", "slow.test"), "slow"), *(post_line(receiver.url(), i) for i in range(20)))
        got = [sender.answer() for _ in range(21)]
        assert [one["outcome"] for one in got] == ["taken"] * 20 + ["failed"]
        assert "time" in got[-1]["error"].lower()
        sender.ask(post_line(receiver.url("/", "slow.test"), "slow"), {"leave": True})
        began = time.monotonic()
        sender.end()
        assert time.monotonic() - began < 2 * SLOW


# ---- TLS and HTTP/2 ---------------------------------------------------------------------------------

def test_certificates(scratch):
    cert, key = certificate(scratch)
    hosts = names(scratch / "hosts", receiver_test="127.0.0.1", wrong_test="127.0.0.1")
    with Receiver(tls(cert, key)) as receiver:
        with Sender() as sender:
            got = sender.post(receiver.url())
            assert got["outcome"] == "failed" and "certificate" in got["error"].lower(), got
        with Sender(CBM_WEBHOOK_CA=str(cert), CBM_TEST_HOSTS=hosts) as sender:
            assert sender.post(receiver.url())["outcome"] == "taken"
            assert sender.post(receiver.url("/", "receiver.test").replace("https", "HTTPS"))["outcome"] == "taken"
            got = sender.post(receiver.url("/", "wrong.test"))
            assert got["outcome"] == "failed" and "certificate" in got["error"].lower(), got
    assert len(receiver.requests) == 2


H2 = """
const server = require('node:http2').createSecureServer({
    key: require('node:fs').readFileSync(process.argv[1]), cert: require('node:fs').readFileSync(process.argv[2])});
let sessions = 0;
server.on('session', () => sessions++);
server.on('stream', (stream, headers) => {
    let body = '';
    stream.on('data', (piece) => body += piece);
    stream.on('end', () => { stream.respond({':status': 200}); stream.end(`h2 ${sessions} ${headers['webhook-id']} ${body}`); });
});
server.listen(0, '127.0.0.1', () => console.log(server.address().port));
"""


def test_http2_over_tls(scratch):
    cert, key = certificate(scratch)
    node = subprocess.Popen(["node", "-e", H2, str(key), str(cert)], stdout=subprocess.PIPE, text=True)
    try:
        port = int(node.stdout.readline())
        with Sender(CBM_WEBHOOK_CA=str(cert)) as sender:
            sender.ask(*(post_line(f"https://127.0.0.1:{port}/", i) for i in range(50)))
            got = [sender.answer() for _ in range(50)]
        assert {one["outcome"] for one in got} == {"taken"}, got
        assert {one["body"] for one in got} == {f"h2 1 msg-{i} {{}}" for i in range(50)}  # one connection
    finally:
        node.kill()
        node.wait()


# ---- many -------------------------------------------------------------------------------------------

def test_a_thousand_at_once_of_which_a_hundred_hang(receiver):
    with Sender() as sender:
        sender.ask(*(post_line(receiver.url("/hang" if i % 10 == 0 else "/"), i) for i in range(1000)))
        got = [sender.answer() for _ in range(1000)]
    hung = [one for one in got if one["outcome"] == "failed"]
    assert len(hung) == 100 and all("time" in one["error"].lower() and int(one["id"][4:]) % 10 == 0 for one in hung), hung[0]
    assert sum(one["outcome"] == "taken" for one in got) == 900
    assert {one["id"] for one in got} == {f"msg-{i}" for i in range(1000)}
    assert [one["outcome"] for one in got[:900]] == ["taken"] * 900  # none of them waited for those that hang


def test_more_than_the_connections_wait(receiver):
    with Sender(CBM_WEBHOOK_CONNECTIONS="4") as sender:
        sender.ask(*(post_line(receiver.url(), i) for i in range(200)))
        assert {sender.answer()["outcome"] for _ in range(200)} == {"taken"}
    assert receiver.connections <= 4


def test_those_that_hang_do_not_wait_for_one_another(scratch):
    """Attempts share a connection only if its receiver speaks HTTP/2."""
    cert, key = certificate(scratch)
    with Receiver(tls(cert, key)) as receiver, Sender(CBM_WEBHOOK_CA=str(cert)) as sender:
        sender.ask(*(post_line(receiver.url("/hang"), i) for i in range(10)))
        wait_for(lambda: len(receiver.requests) == 10, 3, "10 attempts under way")


def test_leaving_does_not_wait(receiver):
    with Sender(CBM_WEBHOOK_TIMEOUT_MS="600000") as sender:
        sender.ask(*(post_line(receiver.url("/hang"), i) for i in range(20)))
        wait_for(lambda: len(receiver.requests) == 20, what="20 attempts under way")
        began = time.monotonic()
        sender.ask({"leave": True})
        sender.end()
        assert time.monotonic() - began < 5 * SLOW


def test_nobody_there():
    with Sender() as sender:
        got = sender.post(f"http://127.0.0.1:{free_port()}/")
        assert (got["outcome"], got["code"]) == ("failed", 0) and got["error"]
        with socket.socket() as full:  # never accepts, and its queue is full
            full.bind(("127.0.0.1", 0))
            full.listen(0)
            sender.ask(*(post_line(f"http://127.0.0.1:{full.getsockname()[1]}/", i) for i in range(5)))
            assert {sender.answer()["outcome"] for _ in range(5)} == {"failed"}


@pytest.mark.parametrize("setting, value, said", [
    ("CBM_WEBHOOK_ALLOW", "10.0.0.1/8", "10.0.0.1/8"), ("CBM_WEBHOOK_CA", "/nowhere.pem", "/nowhere.pem"),
    ("CBM_SMTP", "http://relay.example", "CBM_SMTP"), ("CBM_SMTP", "smtp://127.0.0.1:1", "CBM_SMTP_FROM"),
    ("CBM_SMTP_PASSWORD_FILE", "/nowhere", "/nowhere"), ("CBM_WEBHOOK_TIMEOUT_MS", "0", "CBM_WEBHOOK_TIMEOUT_MS")])
def test_wrong_settings_stop_the_start(setting, value, said):
    sender = Sender(**{setting: value})
    sender.end()
    assert sender.process.returncode == 78 and said in "".join(sender.errors), sender.errors


@pytest.mark.once
def test_threads_under_helgrind(receiver):
    wrap = ("valgrind", "--tool=helgrind", "-q", "--error-exitcode=9", f"--suppressions={ROOT / 'tests/valgrind.supp'}")
    with Sender(wrap, CBM_WEBHOOK_TIMEOUT_MS="20000") as sender:
        sender.ask(*(post_line(receiver.url(), i) for i in range(50)))
        assert {sender.answer(60)["outcome"] for _ in range(50)} == {"taken"}
        sender.ask(*(post_line(receiver.url("/hang"), i) for i in range(5)), {"leave": True})
