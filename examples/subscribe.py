#!/usr/bin/python3
"""Notifications in Python with nothing but pyzmq and msgpack: python3-zmq, python3-msgpack.

   subscribe.py PREFIX [COUNT [FROM]]      COUNT 0: for ever; FROM: the first seq, without it: now
"""
import itertools, os, sys
import msgpack, zmq, zmq.auth

prefix, count, start = (sys.argv[1:] + ["0", "-1"][len(sys.argv) - 2:])[:3]
count, start, ids = int(count), int(start), itertools.count(1)
live, bus = map(zmq.Context.instance().socket, (zmq.SUB, zmq.DEALER))
for made in (live, bus) if os.environ.get("CBM_SERVER_KEY") else ():  # our key, shown to the server that has that one
    made.curve_serverkey = os.environ["CBM_SERVER_KEY"].encode()
    made.curve_publickey, made.curve_secretkey = zmq.auth.load_certificate(os.environ["CBM_CERT"])
live.subscribe(prefix)
for endpoint in os.environ.get("CBM_NOTIFY", "tcp://127.0.0.1:5560").split(","):
    live.connect(endpoint)
bus.connect(os.environ.get("CBM_BUS", "tcp://127.0.0.1:5550").split(",")[0])


def call(method, params):
    """A request to notify: RFC 18/MDP carrying MessagePack-RPC; asked again until it is answered."""
    while True:
        number = next(ids)
        bus.send_multipart([b"MDPC02", b"\x01", b"notify", msgpack.packb([0, number, method, [params]]),
                            msgpack.packb({"safe": True, "deadline": 5000})])
        while bus.poll(6000):
            _, _, _, body = bus.recv_multipart()
            _, msgid, error, result = msgpack.unpackb(body)
            if msgid == number and not error:
                return result
            if msgid == number and error["code"] != "unavailable":
                sys.exit(f"{error['code']}: {error['message']}")


def records():
    """Every record under the prefix, once, in order."""
    last = start - 1 if start > 0 else 0 if start == 0 else call("log.last", {"prefix": prefix})["seq"]
    level, newest = prefix.count(".") - prefix.startswith("private."), None  # None: read the log first
    while True:
        while newest is None or last < newest:  # something is missing: fill it from the log
            page = call("log.read", {"prefix": prefix, "after": last, "limit": 1000})
            for item in page["items"]:
                last = item["meta"]["seq"]
                yield item["topic"], item["meta"], item["data"]
            newest = max(newest or 0, page["last"])
        topic, meta, *data = live.recv_multipart()
        meta = msgpack.unpackb(meta)
        if meta["type"] == "watermark":
            newest = max(newest, meta["seq"]) if meta["prefix"] == prefix else newest
        elif meta["seq"] > last and meta["prev"][level] <= last:
            last = meta["seq"]
            yield topic.decode(), meta, msgpack.unpackb(data[0])
        elif meta["seq"] > last:
            newest = meta["seq"]


for topic, meta, data in itertools.islice(records(), count or None):
    print(meta["seq"], meta["type"], topic, flush=True)
