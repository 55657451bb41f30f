"""The live publication and the reading back of the log, by a plain SUB socket and a plain RFC 18
client: topics, meta, prev, watermarks, log.read. It must not know libcbm."""
import contextlib
import os
import re
import signal
import socket
import time

import msgpack
import pytest
import zmq

from conftest import SLOW, CallError, secure, wait_for

ATTRIBUTES = {"specversion", "id", "source", "type", "subject", "time", "datacontenttype", "seq",
              "prev", "actor"}
CATALOGUE = {"adopted": "2021-10-12", "dimensions": [
    {"code": "economic", "name": "Economic", "areas": [{"code": "tourism", "name": "Tourism"}]},
    {"code": "human", "name": "Human", "areas": [{"code": "youth", "name": "Youth"}]}]}


@pytest.fixture(scope="module")
def members(stack):
    with stack.client() as client:
        fill_registry(client)
    return stack


@pytest.fixture
def client(members):
    with members.client() as one:
        yield one


def fill_registry(client):
    for code in ("KZ", "CN"):
        client.call("registry", "participant.put",
                    {"code": code, "name": code, "kind": "state", "status": "member",
                     "since": "1999-09-14"})
    client.call("registry", "catalogue.put", CATALOGUE)


def propose(client, event_id, dimension="economic", area="tourism", **fields):
    return client.call("events", "event.propose",
                       {"id": event_id, "title": event_id, "kind": "seminar", "host": "KZ",
                        "dimension": dimension, "year": 2021, **({"area": area} if area else {}),
                        **fields})


def life(client, event_id, **fields):
    """Drives an event through five records."""
    propose(client, event_id, **fields)
    client.call("events", "event.accept", {"id": event_id})
    client.call("events", "event.schedule",
                {"id": event_id, "format": "online",
                 "sessions": [{"start": "2021-08-17", "end": "2021-08-18"}]})
    client.call("events", "event.hold", {"id": event_id})
    return client.call("events", "event.report", {"id": event_id, "member_states": ["KZ", "CN"]})


def read(client, prefix="", after=0, limit=None):
    return client.call("notify", "log.read",
                       {"prefix": prefix, "after": after, **({"limit": limit} if limit else {})},
                       safe=True)


def whole_log(client, prefix="", after=0, limit=1000):
    items = []
    while True:
        page = read(client, prefix, after, limit)
        items += page["items"]
        assert len(page["items"]) <= limit
        assert page["next"] == (page["items"][-1]["meta"]["seq"] if page["items"] else after)
        after = page["next"]
        if after >= page["last"]:
            return [(item["topic"], item["meta"], item["data"]) for item in items]


def last(client, prefix=""):
    return client.call("notify", "log.last", {"prefix": prefix}, safe=True)["seq"]


def prefixes(topic):
    """Every prefix at a level, "" and the whole topic included."""
    return [topic[:match.end()] for match in re.finditer(r"^|\.", topic)]


def seqs(records):
    return [meta["seq"] for _, meta, _ in records]


@contextlib.contextmanager
def joined(stack, *wanted, **options):
    """A SUB socket whose subscriptions have reached the publisher."""
    with stack.subscriber(*wanted, **options) as one:
        for prefix in wanted:
            one.watermark(prefix)
        yield one


@pytest.fixture
def xsub():
    """xsub(stack) gives a peer that sends what it likes and filters nothing."""
    with contextlib.ExitStack() as closing:
        def make(stack):
            one = secure(zmq.Context.instance().socket(zmq.XSUB), stack.env)
            one.linger = 0
            one.connect(stack.env["CBM_NOTIFY"])
            closing.callback(one.close)
            return one
        yield make


def refused(client, params, method="log.read"):
    with pytest.raises(CallError) as caught:
        client.call("notify", method, params)
    return caught.value


def test_each_prefix_sees_exactly_its_part_of_the_log(members, client):
    with contextlib.ExitStack() as open_sockets:
        subs = {prefix: open_sockets.enter_context(joined(members, prefix))
                for prefix in ("", "events.", "events.economic.")}
        before = last(client)
        life(client, "parts-1")
        life(client, "parts-2", dimension="human", area=None)
        client.call("events", "plan.open", {"year": 2040})
        log = whole_log(client, after=before)
        assert len(log) == 11 and seqs(log) == list(range(before + 1, before + 12))
        for prefix, sub in subs.items():
            want = [record for record in log if record[0].startswith(prefix)]
            assert sub.records(len(want)) == want
            assert whole_log(client, prefix, before) == want
        assert {topic for topic, _, _ in log} == {"events.economic.tourism.parts-1.",
                                                  "events.human.-.parts-2.", "plan.2040."}


def test_meta_has_every_attribute(client):
    trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    client.call("events", "plan.open", {"year": 2041}, traceparent=trace)
    for topic, meta, data in whole_log(client):
        assert ATTRIBUTES <= set(meta) <= ATTRIBUTES | {"traceparent"}
        assert meta["specversion"] == "1.0" and meta["id"] == str(meta["seq"])
        assert meta["subject"] == topic.split(".")[-2]
        assert meta["datacontenttype"] == "application/msgpack"
        assert re.fullmatch(r"[a-z]+\.[a-z_]+", meta["type"]) and meta["source"]
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{3})?Z", meta["time"])
        assert meta["actor"] == "officer" and isinstance(data, dict)
    assert whole_log(client, "plan.2041.")[0][1]["traceparent"] == trace


def test_prev_is_right_at_every_level(client):
    life(client, "prev-1")
    life(client, "prev-2", dimension="human", area="youth")
    log, seen = whole_log(client), {}
    assert seqs(log) == list(range(1, len(log) + 1))
    for topic, meta, _ in log:
        levels = prefixes(topic)
        assert meta["prev"] == [seen.get(level, 0) for level in levels], topic
        seen.update((level, meta["seq"]) for level in levels)
    for level, seq in seen.items():
        assert last(client, level) == seq
    assert last(client, "nothing.here.") == 0


def test_watermarks_come_at_once_and_each_second(members, client):
    life(client, "marks")
    want = {"": last(client), "events.": last(client, "events."),
            "events.economic.tourism.marks.": last(client, "events.economic.tourism.marks."),
            "nothing.": 0}
    for prefix, seq in want.items():
        with members.subscriber(prefix) as sub:
            arrivals = []
            for _ in range(4):
                assert sub.watermark(prefix, 2) == seq
                arrivals.append(time.monotonic())
            gaps = [b - a for a, b in zip(arrivals, arrivals[1:])]
            assert max(gaps) <= 1.0 + 0.3 * SLOW, gaps


def test_a_watermark_is_two_frames_and_names_its_prefix(members):
    with joined(members, "events.") as sub:
        while True:
            assert sub.socket.poll(int(3000 * SLOW))
            frames = sub.socket.recv_multipart()
            if len(frames) == 2:
                break
    meta = msgpack.unpackb(frames[1])
    assert set(meta) == {"type", "prefix", "seq"}
    assert frames[0] == b"events." and meta["type"] == "watermark" and meta["prefix"] == "events."


def test_a_second_and_a_repeated_subscription_get_one_too(members):
    with joined(members, "plan.") as first, members.subscriber("plan.") as second:
        second.watermark("plan.", 0.7)
        while first.socket.poll(0):
            first.socket.recv_multipart()
        began = time.monotonic()
        first.socket.subscribe(b"plan.")
        first.watermark("plan.", 0.7)
        assert time.monotonic() - began < 0.7 * SLOW


def test_a_watermark_never_runs_ahead_of_the_records(members, client):
    """On one socket, whatever a watermark promises came before it."""
    with joined(members, "events.") as sub:
        seen = base = last(client, "events.")
        pending = [client.send("events", "event.propose",
                               {"id": f"ahead-{i}", "title": "t", "kind": "seminar", "host": "KZ",
                                "year": 2021}) for i in range(300)]
        while seen < base + 300:
            sub.socket.subscribe(b"events.")  # ask for as many watermarks as we can get
            _, meta, _ = sub.next()
            if meta["type"] == "watermark":
                assert meta["seq"] <= seen
            else:
                assert meta["prev"][1] == seen
                seen = meta["seq"]
        for msgid in pending:
            client.wait(msgid)


def test_subscriptions_that_end_at_no_level_get_records_only(members, client):
    with members.subscriber("eve", "plan", "events.e") as sub, joined(members, "events.") as other:
        propose(client, "no-level")
        assert sub.records(1)[0][0] == "events.economic.tourism.no-level."
        other.records(1)
        other.watermark("events.", 2)
        got = set()
        with contextlib.suppress(TimeoutError):
            while True:
                topic, meta, _ = sub.next(0.3)
                assert meta["type"] == "watermark"
                got.add(meta["prefix"])
        assert got <= {"events."}  # of the other socket's prefix, which matches "eve"


def batched(sub, count):
    """(topic, meta, data) as bytes of the next `count` records of a compact subscription."""
    got = []
    while len(got) < count:
        assert sub.socket.poll(int(10000 * SLOW))
        key, body = sub.socket.recv_multipart()
        mark = msgpack.unpackb(body)
        assert key == b"/compact/1/%s/" % mark["prefix"].encode() and mark["type"] == "watermark"
        parts = mark["records"]
        some = list(zip(parts[::3], parts[1::3], parts[2::3], strict=True))
        if some:
            assert msgpack.unpackb(some[-1][1])["seq"] == mark["seq"]
        got += [(topic.encode(), meta, data) for topic, meta, data in some]
    return got


def test_batches_carry_the_very_bytes_of_the_frames(members, client):
    with contextlib.ExitStack() as open_sockets:
        plain = {prefix: open_sockets.enter_context(joined(members, prefix))
                 for prefix in ("events.", "events.economic.", "plan.")}
        compact = {prefix: open_sockets.enter_context(joined(members, f"/compact/1/{prefix}/"))
                   for prefix in ("", *plain)}
        life(client, "batch-1")
        life(client, "batch-2", dimension="human", area="youth")
        client.call("events", "plan.open", {"year": 2901})
        want = {"events.": 10, "events.economic.": 5, "plan.": 1}
        frames = {}
        for prefix, sub in plain.items():
            some = (sub.socket.recv_multipart() for _ in iter(lambda: sub.socket.poll(5000), 0))
            frames[prefix] = [tuple(next(one for one in some if len(one) == 3))
                              for _ in range(want[prefix])]
        for prefix, sub in compact.items():
            if prefix:
                assert batched(sub, want[prefix]) == frames[prefix]
            else:
                assert batched(sub, 11) == frames["events."] + frames["plan."]


def test_batches_of_one_turn_go_together(make_stack):
    """And who subscribes to no level gets its frames, though nobody has a prefix in frames."""
    stack = make_stack()
    with stack.client(30) as client, joined(stack, "/compact/1/plan./") as sub, \
         stack.subscriber("pla") as other:
        wait_for(lambda: client.call("notify", "$stats")["subscriptions_received"] == 2, 5, "both")
        os.kill(stack.pids["notify.1"], signal.SIGSTOP)
        pending = [client.send("events", "plan.open", {"year": year}) for year in range(2000, 2100)]
        for msgid in pending:
            client.wait(msgid)
        os.kill(stack.pids["notify.1"], signal.SIGCONT)
        messages, topics = 0, []
        while len(topics) < 100:
            _, mark, _ = sub.next()
            messages += bool(mark["records"])
            topics += mark["records"][::3]
        assert messages <= 10
        assert topics == [record[0] for record in other.records(100)]
        assert sorted(topics) == [f"plan.{year}." for year in range(2000, 2100)]


def test_who_subscribes_to_all_in_frames_gets_no_batches(members, client):
    with joined(members, "/compact/1/events./"), joined(members, "") as sub:
        base, topics = last(client), set()
        life(client, "beside")
        for seq in range(base + 1, base + 6):
            topic, meta, data = sub.next()
            while data is None:
                topics.add(topic)
                topic, meta, data = sub.next()
            assert meta["seq"] == seq
        assert wait_for(lambda: sub.watermark("") == base + 5, 5, "the watermark")
        assert topics <= {"", "watermark."}


def test_all_means_every_root(members, client):
    """"" is matched for the open roots, the beginning of a word for those that begin so; what was asked for by
    itself stays when "" ends."""
    stats = lambda name: client.call("notify", "$stats")[name]
    before = stats("subscriptions_received")
    with joined(members, "", "plan.") as sub, members.subscriber("pl") as begun:
        wait_for(lambda: stats("subscriptions_received") == before + 3, 5, "all three")
        wait_for(lambda: stats("prefixes") == 2, 10, "the end of what other tests had")
        sub.socket.unsubscribe(b"")
        wait_for(lambda: stats("prefixes") == 1, 10, "the end of the empty prefix")
        client.call("events", "plan.open", {"year": 2902})
        assert sub.records(1)[0][0] == begun.records(1)[0][0] == "plan.2902."


def test_a_malformed_key_matches_nothing(members, client):
    for key in ("/", "/compact/1/", "/compact/1/events", "/compact/1/events/", "/compact/1/ev./x/"):
        with members.subscriber(key) as sub:
            propose(client, f"none-{abs(hash(key))}")
            with pytest.raises(TimeoutError):
                sub.next(0.5 / SLOW)


def test_data_is_what_get_answers(members, client):
    with joined(members, "events.economic.tourism.data.") as sub:
        propose(client, "data")
        states = ["proposed"]
        for method, params, status in (
                ("event.accept", {}, "accepted"),
                ("event.schedule", {"format": "online", "sessions": [
                    {"start": "2021-08-17T09:00:00+06:00", "end": "2021-08-17T11:00:00+06:00"}]},
                 "scheduled"),
                ("event.hold", {}, "held"),
                ("event.report", {"member_states": ["KZ"], "summary": "Good."}, "reported")):
            topic, meta, data = sub.records(1)[0]
            got = client.call("events", "event.get", {"id": "data"}, min_seq=meta["seq"])
            before = data.pop("from", None)
            assert before == (states[-2] if len(states) > 1 else None)
            assert data == got and data["status"] == states[-1]
            client.call("events", method, {"id": "data", **params})
            states.append(status)
        topic, meta, data = sub.records(1)[0]
        assert data.pop("from") == "held"
        assert data == client.call("events", "event.get", {"id": "data"})


def test_log_read_pages_with_every_limit(client):
    life(client, "paging-1")
    life(client, "paging-2")
    for prefix in ("", "events.", "events.economic.tourism.paging-1."):
        want = whole_log(client, prefix)
        for limit in (*range(1, 12), 17, 100, 999, 1000):
            assert whole_log(client, prefix, 0, limit) == want, limit
        for after in {0, *seqs(want[:3]), want[-1][1]["seq"] - 1, want[-1][1]["seq"]}:
            assert whole_log(client, prefix, after) == [r for r in want if r[1]["seq"] > after]
        page = read(client, prefix, 0, 2)
        assert set(page) == {"items", "next", "last", "first"} and page["first"] == 1
        assert page["last"] == want[-1][1]["seq"]
        assert set(page["items"][0]) == {"topic", "meta", "data"}
    assert len(read(client)["items"]) == min(100, last(client))
    beyond = read(client, "", 2**62)
    assert beyond["items"] == [] and beyond["next"] == 2**62 and beyond["last"] == last(client)
    assert read(client, "nothing.", 0) == {"items": [], "next": 0, "last": 0, "first": 1}


def unpacked(records):
    """The records of the compact form as docs/protocol.md has it: as (seq, prev, ms, topic, attributes, data)."""
    while records:
        seq, (line, rest) = int.from_bytes(records[:8], "big"), records[8:].split(b"\n", 1)
        sizes = [int.from_bytes(rest[at:at + size], "big") for at, size in ((0, 2), (2, 2), (4, 4), (8, 2))]
        topic, attributes, data, skip = sizes
        ends = [10, 10 + topic, 10 + topic + attributes, 10 + topic + attributes + data]
        *prev, ms = map(int, line.split(b" "))
        yield (seq, prev, ms, rest[10:ends[1]].decode(), msgpack.unpackb(rest[ends[1]:ends[2]]),
               msgpack.unpackb(rest[ends[2] + skip:ends[3]]))
        records = rest[ends[3]:]


def test_log_read_in_the_compact_form(client):
    """It says the same as items do."""
    life(client, "compact-1")
    client.call("events", "plan.open", {"year": 2077}, traceparent="00-" + "1" * 32 + "-" + "2" * 16 + "-01")
    for prefix in ("", "events.", "events.economic.tourism.compact-1.", "nothing."):
        params = {"prefix": prefix, "after": 0, "limit": 1000}
        items, compact = (client.call("notify", "log.read", {**params, "form": form}, safe=True)
                          for form in ("items", "compact/1"))
        assert client.call("notify", "log.read", params, safe=True) == items
        assert set(compact) == {"records", "next", "last", "first"}
        assert all(compact[key] == items[key] for key in ("next", "last", "first"))
        records = list(unpacked(compact["records"]))
        assert len(records) == len(items["items"])
        for (seq, prev, ms, topic, attributes, data), item in zip(records, items["items"]):
            meta = item["meta"]
            assert (topic, data) == (item["topic"], item["data"])
            assert (seq, prev) == (meta["seq"], meta["prev"])
            assert attributes == [meta["type"], meta["source"], meta["actor"], meta.get("traceparent")]
            assert meta["time"].startswith(time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(ms / 1000)))
    error = refused(client, {"prefix": "", "after": 0, "form": "compact/2"})
    assert (error.code, error.field) == ("invalid_argument", "form")


def test_prefixes_of_many_records(client):
    """Where the records of a prefix are is kept in blocks of 128: none is lost at their edges."""
    areas = (("economic", "tourism"), ("human", "youth"), ("human", None))
    pending = []
    for i in range(600):
        dimension, area = areas[0 if i % 50 else 1 + i // 50 % 2]
        pending.append(client.send("events", "event.propose", {
            "title": f"many {i}", "id": f"many-{i}", "kind": "seminar", "host": "KZ", "year": 2022,
            "dimension": dimension, **({"area": area} if area else {})}, key=f"many-{i}"))
    for msgid in pending:
        client.wait(msgid, 60)
    for i in range(300):
        client.call("events", "event.amend", {"id": "many-0", "title": f"amended {i}"})
    log = whole_log(client)
    assert seqs(log) == list(range(1, len(log) + 1)) and len(log) > 900
    for prefix in ("", "events.", "events.economic.", "events.human.", "events.human.youth.", "events.human.-.",
                   "events.human.youth.many-0.", "registry."):
        want = [record for record in log if record[0].startswith(prefix)]
        assert last(client, prefix) == want[-1][1]["seq"]
        for limit in (1, 127, 128, 129, 1000) if len(want) < 300 else (127, 128, 129, 500, 1000):
            assert whole_log(client, prefix, 0, limit) == want, (prefix, limit)
        for at in {0, 1, 126, 127, 128, 129, 255, 256, len(want) - 1} & set(range(len(want))):
            after = want[at][1]["seq"]
            for shift in (-1, 0, 1):
                assert whole_log(client, prefix, max(0, after + shift)) == [
                    record for record in want if record[1]["seq"] > after + shift], (prefix, at, shift)


@pytest.mark.parametrize("prefix", [
    "events", ".", "events..", ".events.", "events.*.", "events.>", "ev ents.", "événements.",
    "a." * 9, "x" * 299 + "..", "events.\n.", "events.\0."])
def test_bad_prefixes_are_refused(client, prefix):
    for method, params in (("log.read", {"after": 0}), ("log.last", {})):
        error = refused(client, {"prefix": prefix, **params}, method)
        assert (error.code, error.field) == ("invalid_argument", "prefix")


def test_bad_params_are_refused(client):
    for params, field in (({"after": 0}, "prefix"), ({"prefix": ""}, "after"),
                          ({"prefix": "", "after": -1}, "after"),
                          ({"prefix": "", "after": 2**63}, "after"),
                          ({"prefix": "", "after": "0"}, "after"),
                          ({"prefix": "", "after": 0, "limit": 0}, "limit"),
                          ({"prefix": "", "after": 0, "limit": 1001}, "limit"),
                          ({"prefix": 7, "after": 0}, "prefix"),
                          ({"prefix": "x" * 301, "after": 0}, "prefix"),
                          ({"prefix": "", "after": 0, "more": 1}, "more")):
        error = refused(client, params)
        assert (error.code, error.field) == ("invalid_argument", field), params


def test_a_page_stays_readable_however_large_the_records(members, client):
    titles = {f"l{chr(97 + i)}": "x" * 490 for i in range(16)}
    base = last(client)
    pending = [client.send("events", "event.propose",
                           {"id": f"large-{i}", "title": "t", "kind": "seminar", "host": "KZ",
                            "year": 2021, "titles": titles}) for i in range(200)]
    for msgid in pending:
        client.wait(msgid)
    page = read(client, "", base, 1000)
    assert 50 < len(page["items"]) < 200 and len(msgpack.packb(page)) < 1024 * 1024
    assert seqs(whole_log(client, "", base)) == list(range(base + 1, base + 201))
    assert seqs(whole_log(client, "events.", base)) == list(range(base + 1, base + 201))


def test_a_restart_of_notify_leaves_no_hole(members, client):
    with joined(members, "") as sub:
        base = last(client)
        client.call("events", "plan.open", {"year": 2060})
        assert seqs(sub.records(1)) == [base + 1]
        members.kill("notify.1", signal.SIGTERM)
        client.call("events", "plan.open", {"year": 2061})
        members.up()
        assert wait_for(lambda: sub.watermark("", 10) == base + 2, 20, "the watermark")
        client.call("events", "plan.open", {"year": 2062})
        topic, meta, _ = sub.records(1)[0]
        assert (topic, meta["seq"], meta["prev"][0]) == ("plan.2062.", base + 3, base + 2)
        assert seqs(whole_log(client, "", base + 1)) == [base + 2, base + 3]


def test_a_slow_subscriber_knows_exactly_what_it_missed(make_stack):
    stack = make_stack(CBM_PUB_HWM="10")
    with stack.client(30) as client:
        fill_registry(client)
        sub = stack.subscriber(hwm=10)
        sub.socket.disconnect(stack.env["CBM_NOTIFY"])
        sub.socket.rcvbuf = 4096
        sub.socket.connect(stack.env["CBM_NOTIFY"])
        seen = base = sub.watermark("")
        titles = {f"l{chr(97 + i)}": "x" * 490 for i in range(16)}
        for first in range(0, 2000, 200):
            pending = [client.send("events", "event.propose",
                                   {"id": f"slow-{i}", "title": "t", "kind": "seminar",
                                    "host": "KZ", "year": 2021, "titles": titles})
                       for i in range(first, first + 200)]
            for msgid in pending:
                client.wait(msgid)
        got, missed, newest = [], [], last(client)
        while seen < newest:
            _, meta, _ = sub.next()
            if meta["type"] != "watermark":
                missed += range(seen + 1, meta["prev"][0] + 1)
                got.append(meta["seq"])
                seen = meta["seq"]
            elif meta["seq"] == newest:
                missed += range(seen + 1, newest + 1)
                seen = newest
        sub.close()
        assert missed and got and sorted(got + missed) == list(range(base + 1, newest + 1))
        filled = {}
        for seq in missed:
            if seq not in filled:
                filled.update((item["meta"]["seq"], item) for item in read(client, "", seq - 1)["items"])
        assert set(missed) <= set(filled)


def test_garbage_on_the_live_socket_harms_nobody(members, client, xsub):
    host, port = members.env["CBM_NOTIFY"].rsplit("/", 1)[1].split(":")
    for junk in (b"", b"GET / HTTP/1.1\r\n\r\n", b"\xff" * 64, b"\xdd\xff\xff\xff\xff",
                 b"\xff\0\0\0\0\0\0\0\x01\x7f\x03\0NULL" + b"\0" * 48 + b"\xff" * 4096):
        with socket.create_connection((host, int(port)), timeout=5) as raw:
            with contextlib.suppress(OSError):
                raw.sendall(junk)
    flood = xsub(members)
    for frame in (b"\x01" + b"a" * 299 + b".", b"\x01" + b"b" * 900, b"\x00never.", b"\x01" + b"\xff" * 8,
                  b"\x01private.", b"\x01..", b"\x01/", b"\x01/compact/1/"):
        flood.send(frame)
    flood.send_multipart([b"\x01plan.", b"\x00"])
    for i in range(500):
        flood.send(b"\x01flood.%d." % i)
    prefix_count = lambda: client.call("notify", "$stats")["prefixes"]
    wait_for(lambda: prefix_count() >= 502, 10, "the prefixes")
    flood.send(b"\x01" + b"c" * 4096)  # longer than any subscription: this peer is cut
    for frames in ([b""], [b"hello"], [b"\x02events."], [b"\x01plan.", b"\x00", b"x"]):
        xsub(members).send_multipart(frames)  # these too: they are no subscriptions
    with joined(members, "events.") as sub:
        propose(client, "after-garbage")
        assert sub.records(1)[0][0].endswith("after-garbage.")
    flood.close()
    wait_for(lambda: prefix_count() < 10, 10, "the end of prefixes nobody subscribes to")


def test_nobody_takes_a_subscription_from_others(members, client):
    """A peer gives up, again and again, what it never had: who has it goes on."""
    xsub = zmq.Context.instance().socket(zmq.XSUB)
    xsub.linger = 0
    secure(xsub, members.env)
    xsub.connect(members.env["CBM_NOTIFY"])
    with joined(members, "/compact/1/events./") as compact, joined(members, "events.") as sub:
        for _ in range(5):
            for prefix in (b"events.", b"/compact/1/events./"):
                xsub.send(b"\x00" + prefix)
        xsub.send(b"\x01flood.")
        wait_for(lambda: client.call("notify", "$stats")["prefixes"] >= 2, 10, "what came before it to be taken")
        propose(client, "still-there")
        assert sub.records(1)[0][0].endswith("still-there.")
        assert batched(compact, 1)[0][0].endswith(b"still-there.")
        assert sub.watermark("events.") == compact.watermark("events.")
    xsub.close()


def topics_until(peer, wanted):
    """What comes up to a message of the topic."""
    got, deadline = [], time.monotonic() + 5 * SLOW
    while wanted not in got:
        assert time.monotonic() < deadline and peer.poll(5000 * SLOW), (wanted, got)
        got.append(peer.recv_multipart()[0].decode())
    return got


@pytest.mark.parametrize("access", ["curve", "open"])
def test_who_sends_something_else_moves_nobodys_subscription(make_stack, xsub, access):
    """What is asked for between such a message and the next look at the socket is granted to who asked for it."""
    stack = make_stack(CBM_ACCESS=access)
    intruder, one, other = (xsub(stack) for _ in range(3))
    for turn in range(12):
        for peer, name in ((intruder, "intruder"), (one, "one"), (other, "other")):
            peer.send(b"\x01%s.%d." % (name.encode(), turn))
            topics_until(peer, f"{name}.{turn}.")
        os.kill(stack.pids["notify.1"], signal.SIGSTOP)
        try:
            intruder.send(b"hello")
            one.send(b"\x01events.%d." % turn)
            other.send(b"\x01registry.%d." % turn)
        finally:
            os.kill(stack.pids["notify.1"], signal.SIGCONT)
        for peer, own, strange in ((one, "events.", "registry."), (other, "registry.", "events.")):
            assert not [topic for topic in topics_until(peer, f"{own}{turn}.") if topic.startswith(strange)]


def test_two_replicas_publish_the_same(make_stack):
    stack = make_stack("--scale", "notify=2")
    endpoints = stack.env["CBM_NOTIFY"].split(",")
    assert len(endpoints) == 2
    with stack.client() as client:
        subs = []
        for endpoint in endpoints:
            stack.env["CBM_NOTIFY"] = endpoint
            subs.append(stack.subscriber(""))
            subs[-1].watermark("")
        for year in range(2100, 2150):
            client.call("events", "plan.open", {"year": year})
        one, other = (sub.records(50) for sub in subs)
        assert one == other == whole_log(client)
        for sub in subs:
            sub.close()
