"""An endpoint for webhooks: one small HTTP server with as many paths as a test wants, each with its own manners.
It keeps what came in the order in which it came. It must not know the bus."""
import asyncio
import json
import threading
import time


class Got:
    """One request: `id` is its webhook-id, `event` the CloudEvent in its body."""

    def __init__(self, path, headers, body):
        self.path, self.headers, self.body, self.at = path, headers, body, time.monotonic()
        self.id = headers.get("webhook-id")
        try:
            self.event = json.loads(body) if body else {}
        except ValueError:
            self.event = {}
        self.type = headers.get("ce-type") or self.event.get("type")
        self.seq = int(headers.get("ce-sequence") or self.event.get("sequence") or 0)


class Receiver:
    """`manners[path]` is called with what came and answers a status, or (status, headers, body), or one of "hang",
    "reset", "garbage"; the default is 204. Handshakes are answered, unless "verify" in `rude` has the path."""

    def __init__(self):
        self.got, self.manners, self.rude = {}, {}, set()
        self.lock = threading.Lock()
        self.loop = asyncio.new_event_loop()
        started = threading.Event()
        self.thread = threading.Thread(target=self._run, args=(started,), daemon=True)
        self.thread.start()
        started.wait(10)

    def _run(self, started):
        asyncio.set_event_loop(self.loop)
        self.server = self.loop.run_until_complete(
            asyncio.start_server(self._serve, "127.0.0.1", 0, backlog=4096))
        self.port = self.server.sockets[0].getsockname()[1]
        started.set()
        self.loop.run_forever()

    def close(self):
        def end():
            for task in asyncio.all_tasks(self.loop):
                task.cancel()
            self.server.close()
            self.loop.call_later(0.05, self.loop.stop)
        self.loop.call_soon_threadsafe(end)
        self.thread.join(10)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def url(self, path):
        return f"http://127.0.0.1:{self.port}/{path}"

    def records(self, path):
        """What came there of the log, handshakes and pings left out."""
        with self.lock:
            return [one for one in self.got.get(path, ()) if one.seq]

    def all(self, path):
        with self.lock:
            return list(self.got.get(path, ()))

    async def _serve(self, reader, writer):
        try:
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
                headers = {k.lower(): v.strip() for k, _, v in (line.partition(":") for line in head[1:] if line)}
                body = await reader.readexactly(int(headers.get("content-length", 0)))
                if not await self._answer(writer, Got(head[0].split()[1].lstrip("/"), headers, body)):
                    return
        except (asyncio.IncompleteReadError, ConnectionError, asyncio.CancelledError):
            pass
        finally:
            writer.close()

    async def _answer(self, writer, got):
        with self.lock:
            self.got.setdefault(got.path, []).append(got)
        if got.type == "subscription.verify" and got.path not in self.rude:
            answer = (200, {}, json.dumps({"challenge": got.event["data"]["challenge"]}))
        else:
            manner = self.manners.get(got.path)
            answer = manner(got) if manner else 204
        if answer == "hang":
            await asyncio.sleep(3600)
        if answer == "reset":
            writer.transport.abort()
            return False
        if answer == "garbage":
            writer.write(b"\x00\xff this is no HTTP\r\n\r\n")
            await writer.drain()
            return False
        status, headers, body = answer if isinstance(answer, tuple) else (answer, {}, "")
        lines = [f"HTTP/1.1 {status} X"] + [f"{k}: {v}" for k, v in headers.items()]
        if status != 204:
            lines.append(f"content-length: {len(body.encode())}")
        writer.write(("\r\n".join(lines) + "\r\n\r\n" + body).encode())
        await writer.drain()
        return True
