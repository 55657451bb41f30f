"""What the tests of the sender share: the sender driven by lines, a receiver of webhooks that behaves as its
path says, certificates, events. It must not know the stack."""
import json
import os
import queue
import socket
import socketserver
import subprocess
import threading
import time

from conftest import BUILD, SANITIZER, SLOW, wait_for

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
EVENT = {"id": "smart-agriculture", "title": "Seminar on <Smart> Agriculture & \"IoT\"",
         "titles": {"ru": "Семинар «Умное сельское хозяйство»"}, "kind": "seminar", "host": "KZ", "year": 2021,
         "place": "Алматы", "zone": "Asia/Almaty", "status": "scheduled", "additional": False, "rev": 7,
         "sessions": [{"start": "2021-07-13T08:00:00Z", "end": "2021-07-13T10:30:00Z"}]}


def record(kind="event.scheduled", seq=42, **changes):
    return {"seq": seq, "time_ms": 1626163200000, "topic": "events.economic.agriculture.smart-agriculture.",
            "type": kind, "actor": "officer «1»", "data": {**EVENT, **changes}}


class Sender:
    """The driver: tests/drive/sender.c."""

    def __init__(self, wrap=(), **settings):
        env = {**os.environ, "CBM_WEBHOOK_ALLOW": "127.0.0.1", "CBM_WEBHOOK_TIMEOUT_MS": str(int(3000 * SLOW)),
               "https_proxy": "http://127.0.0.1:1", "http_proxy": "http://127.0.0.1:1", **settings}
        self.process = subprocess.Popen([*wrap, str(BUILD / "tests/drive/sender")], stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=env)
        self.errors, self.answers = [], queue.Queue()
        self.readers = [threading.Thread(target=lambda: self.errors.extend(self.process.stderr)),
                        threading.Thread(target=lambda: [self.answers.put(line) for line in self.process.stdout])]
        for reader in self.readers:
            reader.start()

    def __enter__(self):
        return self

    def __exit__(self, kind, *_):
        if self.process.poll() is None and kind:
            self.process.kill()
        self.end()
        if not kind:
            text = "".join(self.errors)
            assert not SANITIZER.search(text), text
            assert self.process.returncode == 0, text

    def end(self):
        """What is under way is waited for."""
        if not self.process.stdin.closed:
            self.process.stdin.close()
        try:
            self.process.wait(60 * SLOW)
        finally:
            if self.process.poll() is None:
                self.process.kill()
            for reader in self.readers:
                reader.join()

    def ask(self, *lines):
        self.process.stdin.write("".join(json.dumps(line) + "\n" for line in lines))
        self.process.stdin.flush()

    def answer(self, timeout=30):
        try:
            return json.loads(self.answers.get(timeout=timeout * SLOW))
        except queue.Empty:
            raise AssertionError("no receipt: " + "".join(self.errors)) from None

    def post(self, url, **more):
        """One attempt and its receipt."""
        self.ask({"post": {"url": url, "id": "msg-1", "time_ms": int(time.time() * 1000),
                           "headers": {"content-type": "application/json"}, "body": "{}", **more}})
        return self.answer()

    def mail(self, to="newsroom@example.org", **more):
        self.ask({"mail": {"to": to, **more}})
        return self.answer()

    def allowed(self, url):
        self.ask({"url": url})
        answer = self.answer()
        return answer["allowed"] or answer["why"]


def read_request(stream):
    """(head, headers, body) of a request; None at the end."""
    head = stream.readline().decode("latin-1").strip()
    if not head:
        return None
    headers = {}
    for line in iter(lambda: stream.readline().decode("latin-1").strip(), ""):
        name, _, value = line.partition(":")
        headers[name.strip().lower()] = value.strip()
    return head, headers, stream.read(int(headers.get("content-length", 0)))


def endless(write, piece):
    for _ in range(100000):
        write(piece)


class Receiver(socketserver.ThreadingTCPServer):
    """Answers 200 or /<status>, or misbehaves as its path says; remembers what came."""
    daemon_threads = True
    request_queue_size = 1024

    def __init__(self, context=None):
        self.requests, self.connections, self.over = [], 0, threading.Event()
        self.cut = 0  # connections on which an endless answer was cut by the other side
        self.context = context
        super().__init__(("127.0.0.1", 0), None)
        self.port = self.server_address[1]
        threading.Thread(target=self.serve_forever, daemon=True).start()

    def url(self, path="/", host="127.0.0.1"):
        return f"http{'s' if self.context else ''}://{host}:{self.port}{path}"

    def __exit__(self, *_):
        self.over.set()
        self.shutdown()
        self.server_close()

    def handle_error(self, request, client_address):
        pass  # the sender breaks off: that is what the tests are about

    def finish_request(self, request, client_address):
        self.connections += 1
        request.settimeout(60 * SLOW)
        if self.context:
            request = self.context.wrap_socket(request, server_side=True)
        with request, request.makefile("rb") as stream:
            while (got := read_request(stream)) and self.respond(request, *got):
                pass

    def respond(self, sock, head, headers, body):
        self.requests.append((head, headers, body))
        path = head.split()[1]
        write = sock.sendall
        if path.startswith("/hang"):
            self.over.wait(60 * SLOW)
            return False
        if path == "/reset":
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
            return False
        try:
            if path == "/garbage":
                write(os.urandom(3000).replace(b"\n", b""))
                return False
            if path == "/endless-headers":
                write(b"HTTP/1.1 200 OK\r\n")
                endless(write, b"x-more: " + b"a" * 1000 + b"\r\n")
            if path == "/endless-continue":
                endless(write, b"HTTP/1.1 100 Continue\r\n\r\n")
            if path == "/endless-line":
                endless(write, b"HTTP/1.1 200 " + b"a" * 1000)
            if path == "/endless-body":
                write(b"HTTP/1.1 200 OK\r\n\r\n")
                endless(write, b"b" * 1000)
        except OSError:
            self.cut += 1
            return False
        status, more, text = 200, "", b"ok"
        if path == "/slow-body":
            write(b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nbeginning")
            self.over.wait(60 * SLOW)
            return False
        if path == "/redirect":
            status, more = 307, "location: http://127.0.0.1:1/\r\n"
        elif path.startswith("/retry/"):
            status, more = 503, f"retry-after: {path[7:].replace('_', ' ')}\r\n"
        elif path == "/close":
            more = "connection: close\r\n"
        elif path == "/long":
            text = b"\x01\x02line\nof text " + "Ж".encode() * 5000
        elif path[1:].isdigit():
            status = int(path[1:])
        write(f"HTTP/1.1 {status} x\r\ncontent-length: {len(text)}\r\n{more}\r\n".encode() + text)
        return "close" not in more


def certificate(directory, name="authority"):
    """(certificate, key) that a server for receiver.test and 127.0.0.1 has, and that is its own authority."""
    cert, key = directory / f"{name}.pem", directory / f"{name}.key"
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days",
                    "2", "-subj", f"/CN={name}", "-addext", "subjectAltName=DNS:receiver.test,DNS:localhost,IP:127.0.0.1",
                    "-keyout", str(key), "-out", str(cert)], check=True, capture_output=True)
    return cert, key


__all__ = ["Sender", "Receiver", "certificate", "record", "SECRET", "EVENT", "wait_for", "SLOW"]
