"""A reader of server-sent events as WHATWG HTML (section 9.2) says they are to be read, over http.client. It must not
know the bus."""
import http.client
import json
import threading
import urllib.parse


class Stream:
    """Reads in a thread of its own. `events` is what was dispatched, `last_id` the place to come back to, `status`
    and `error` what was answered instead, `ended` whether the stream is over."""

    def __init__(self, base, token=None, last_id=None, headers=None, **query):
        self.events, self.comments, self.last_id, self.retry = [], 0, last_id, None
        self.ended, self.clean, self.error = False, False, None
        where = urllib.parse.urlsplit(base)
        self.connection = http.client.HTTPConnection(where.hostname, where.port, timeout=60)
        sent = {"Accept": "text/event-stream", **(headers or {})}
        if token:
            sent["Authorization"] = f"Bearer {token}"
        if last_id is not None:
            sent["Last-Event-ID"] = str(last_id)
        try:
            self.connection.request("GET", "/v1/stream?" + urllib.parse.urlencode(query, doseq=True), headers=sent)
            self.response = self.connection.getresponse()
        except (OSError, http.client.HTTPException):
            self.status, self.ended = 0, True
            return
        self.status = self.response.status
        if self.status != 200:
            self.error = json.loads(self.response.read())["error"]
            self.ended = True
            return
        assert self.response.headers["Content-Type"] == "text/event-stream"
        assert "no-store" in self.response.headers["Cache-Control"]
        self.socket = self.connection.sock or self.response.fp.raw._sock
        self.thread = threading.Thread(target=self._read, daemon=True)
        self.thread.start()

    def _read(self):
        try:
            fields = {}
            for line in iter(self.response.readline, b""):
                fields = self._line(line.decode().rstrip("\n"), fields)
            self.clean = True
        except (OSError, ValueError, AttributeError, http.client.HTTPException):
            pass
        self.ended = True

    def _line(self, line, fields):
        if not line:
            if "id" in fields:
                self.last_id = fields["id"]
            if "data" in fields:
                self.events.append({"id": self.last_id, "event": fields.get("event", "message"),
                                    "data": json.loads(fields["data"])})
            return {}
        name, _, value = line.partition(":")
        value = value[1:] if value.startswith(" ") else value
        if not name:
            self.comments += 1
        elif name == "retry":
            self.retry = int(value)
        elif name == "data" and "data" in fields:
            fields["data"] += "\n" + value
        else:
            fields[name] = value
        return fields

    def seqs(self):
        return [int(event["id"]) for event in self.events]

    def close(self):
        self.connection.close()
        if self.status == 200:
            self.response.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.status == 200:
            import socket
            try:
                self.socket.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
            self.thread.join(10)
        self.close()
