"""Server-sent events as their readers see them, on a running stack of two gateways: the same records, ids and order
as log.read gives, whoever reads, from where on, how slowly. It must not know how they are kept."""
import concurrent.futures
import itertools
import json
import re
import shutil
import signal
import socket
import subprocess
import time
import urllib.parse

import pytest
from test_chain import Raw
from test_visibility import Who

from conftest import CallError, ROOT, SLOW, Stack, npm_package, running, scratch_directory, send_all, wait_for
from events_in import Stream

HEARTBEAT = "400"
names = itertools.count(1)


@pytest.fixture(scope="module")
def stack():
    one = Stack(scratch_directory())
    try:
        yield one.up("--scale", "gateway=2", CBM_HTTP_HEARTBEAT_MS=HEARTBEAT, CBM_HTTP_PER_ADDRESS="40")
    finally:
        one.down()
        shutil.rmtree(one.dir, ignore_errors=True)


def gateways(stack):
    return stack.env["CBM_HTTP"].split(",")


def token_of(stack, id):
    with stack.client() as officer:
        return officer.call("registry", "principal.token", {"id": id})["token"]


@pytest.fixture(scope="module")
def people(stack, tmp_path_factory):
    directory = tmp_path_factory.mktemp("keys")
    with stack.client() as officer:
        for code, name, status in (("KZ", "Kazakhstan", "member"), ("CN", "China", "member"), ("ID", "Indonesia", "observer")):
            officer.call("registry", "participant.put", {"code": code, "name": name, "kind": "state", "status": status,
                                                         "since": "1992-10-05"})
    made = {"reader": Who(stack, directory, "reader", ["subscriber"]),
            "kz": Who(stack, directory, "kz", ["member"], "KZ"), "cn": Who(stack, directory, "cn", ["member"], "CN"),
            "id": Who(stack, directory, "id", ["observer"], "ID"),
            "desk": Who(stack, directory, "desk", ["secretariat"])}
    for id, who in made.items():
        who.token = wait_token(stack, token_of(stack, id))
    return made


def wait_token(stack, token):
    """The token once every gateway knows it."""
    for base in gateways(stack):
        def known():
            with Stream(base, token) as stream:
                return stream.status == 200
        wait_for(known, 10, "the token to be known")
    return token


@pytest.fixture
def read(stack, people):
    """read(**query) opens a stream of the reader at the first gateway; all are closed after the test."""
    made = []

    def make(base=None, token=people["reader"].token, **query):
        made.append(Stream(base or gateways(stack)[0], token, **query))
        return made[-1]
    yield make
    for one in made:
        one.__exit__()


def propose(client, count, prefix=None, **more):
    """So many events of their own; their seqs."""
    prefix = prefix or f"stream-{next(names)}"
    return sorted(client.wait(msgid, 60)["seq"] for msgid in [
        client.send("events", "event.propose", {"id": f"{prefix}-{n}", "title": f"Seminar {n}", "kind": "seminar",
                                                "host": "SECRETARIAT", "year": 2032, **more}) for n in range(count)])


def log(client, prefix="", after=0):
    """All records under a prefix, as log.read gives them."""
    items = []
    while True:
        page = client.call("notify", "log.read", {"prefix": prefix, "after": after, "limit": 1000}, safe=True)
        items += page["items"]
        if not page["items"]:
            return items
        after = page["next"]


def as_event(item):
    """What a stream says of a record of log.read."""
    meta = {key: value for key, value in item["meta"].items() if key not in ("seq", "prev")}
    seq = str(item["meta"]["seq"])
    return {"id": seq, "event": meta["type"],
            "data": {**meta, "datacontenttype": "application/json", "sequence": seq, "topic": item["topic"],
                     "data": item["data"]}}


def test_all_that_log_read_gives(client, read):
    propose(client, 20)
    stream = read(**{"from": "start"})
    seqs = propose(client, 20)  # and what comes while it is read
    wait_for(lambda: stream.seqs() and stream.seqs()[-1] >= seqs[-1], 10, "the end of the log")
    assert stream.events == [as_event(item) for item in log(client)][:len(stream.events)]
    assert stream.retry > 0 and len(stream.events) >= 40


def test_from_now_from_a_seq_from_a_time_and_from_the_last_id(client, read):
    propose(client, 3)
    last = client.call("notify", "log.last", {"prefix": ""})["seq"]
    stream = read()
    wait_for(lambda: stream.last_id == str(last), 5, "a place to come back to, though nothing was sent")
    first, second, third = propose(client, 3)
    for wanted, more in (([first, second, third], {"from": last}), ([second, third], {"from": str(first)}),
                         ([third], {"from": "start", "last_id": second}), ([], {"last_id": str(third)})):
        one = read(**more)
        wait_for(lambda: one.seqs() == wanted and one.last_id == str(third), 5, f"{wanted} of {more}")
    wait_for(lambda: stream.seqs() == [first, second, third], 5, "what is new")
    time_of = next(item["meta"]["time"] for item in log(client) if item["meta"]["seq"] == first)
    expected = [item["meta"]["seq"] for item in log(client) if item["meta"]["time"] >= time_of]
    one = read(**{"from": time_of})
    wait_for(lambda: one.seqs() == expected, 5, "all since a time")
    assert read(**{"from": "2099-01-01T00:00:00Z"}).status == 200


@pytest.mark.parametrize("query, wanted", [
    ({"topics": "events.>"}, lambda e: e["topic"].startswith("events.")),
    ({"topics": ["plan.*", "events.human.>"]}, lambda e: e["topic"].startswith(("plan.", "events.human."))),
    ({"topics": "plan.*,events.human.>"}, lambda e: e["topic"].startswith(("plan.", "events.human."))),
    ({"types": "event.amended"}, lambda e: e["type"] == "event.amended"),
    ({"types": "event.*", "hosts": "KZ"}, lambda e: e["type"].startswith("event.") and e["data"].get("host") == "KZ"),
    ({"dimensions": "human"}, lambda e: e["topic"].startswith("events.human.")),
    ({"statuses": "accepted"}, lambda e: e["data"].get("status") == "accepted"),
], ids=["topics", "repeated", "comma", "types", "hosts", "dimensions", "statuses"])
def test_filters(client, people, read, query, wanted):
    n = next(names)
    client.call("registry", "catalogue.put", {"adopted": "2000-01-01", "dimensions": [
        {"code": "human", "name": "Human", "areas": [{"code": "health", "name": "Health"}]}]})
    propose(client, 1, f"human-{n}", dimension="human", area="health")
    propose(client, 1, f"host-{n}", host="KZ")
    client.call("events", "event.amend", {"id": f"host-{n}-0", "title": "Another"})
    client.call("events", "plan.open", {"year": 2100 + n})
    client.call("events", "event.accept", {"id": f"human-{n}-0"})
    expected = [event for event in map(as_event, log(client)) if wanted(event["data"])]
    stream = read(**{"from": "start", **query})
    wait_for(lambda: len(stream.events) >= len(expected), 10, "all that match")
    assert expected and stream.events == expected
    thin = read(**{"from": "start", "payload": "thin", **query})
    wait_for(lambda: len(thin.events) >= len(expected), 10, "all that match, thin")
    assert [e["id"] for e in thin.events] == [e["id"] for e in expected]
    assert all("data" not in e["data"] and e["data"]["dataref"].startswith("notify/log.read?") for e in thin.events)


def test_a_heartbeat_moves_the_place_where_nothing_matches(client, read):
    stream = read(topics="nothing.>")
    seqs = propose(client, 5)
    wait_for(lambda: stream.last_id == str(seqs[-1]), 5, "its place to be that of the log's end")
    assert stream.events == [] and stream.comments >= 1
    before = stream.comments
    wait_for(lambda: stream.comments >= before + 2, 5, "it goes on")


@pytest.mark.parametrize("query, code, field", [
    ({"from": "9999999"}, "invalid_argument", "from"), ({"from": "-1"}, "invalid_argument", "from"),
    ({"from": "yesterday"}, "invalid_argument", "from"), ({"from": ["1", "2"]}, "invalid_argument", "from"),
    ({"from": ""}, "invalid_argument", "from"), ({"from": "1" * 30}, "invalid_argument", "from"),
    ({"last_id": "9999999"}, "invalid_argument", "Last-Event-ID"), ({"last_id": "x"}, "invalid_argument", "Last-Event-ID"),
    ({"topics": "events.>.x"}, "invalid_argument", "topics[0]"), ({"topics": "a,,b"}, "invalid_argument", "topics[1]"),
    ({"topics": "events.\0.x"}, "invalid_argument", "topics[0]"), ({"types": "A b"}, "invalid_argument", "types[0]"),
    ({"areas": "?"}, "invalid_argument", "areas[0]"), ({"hosts": "kz"}, "invalid_argument", "hosts[0]"),
    ({"topics": ["a.>"] * 33}, "invalid_argument", "topics"), ({"topics": ",".join("a" * 300)}, "invalid_argument", "topics"),
    ({"payload": "some"}, "invalid_argument", "payload"), ({"topic": "events.>"}, "invalid_argument", None),
    ({"types": "x" * 9000}, "invalid_argument", None), ({"topics": "private.>"}, "permission_denied", "topics"),
    ({"topics": "events.>,private.KZ.>"}, "permission_denied", "topics"),
], ids=lambda value: None if not isinstance(value, dict) else
    re.sub(r"[^a-z0-9.]+", "-", "-".join(f"{k}-{v}"[:24] for k, v in value.items()).lower()))
def test_what_is_refused(read, query, code, field):
    stream = read(**query)
    assert stream.status == {"invalid_argument": 400, "permission_denied": 403}[code]
    assert stream.error["code"] == code and stream.error.get("field") == field and stream.error["message"]


def test_nobody_is_anonymous(stack, people, read):
    base, token = gateways(stack)[0], people["reader"].token
    for one in (Stream(base), Stream(base, "cbm_" + "A" * 43), Stream(base, token[:-1]), Stream(base, access_token="x"),
                Stream(base, headers={"Authorization": f"Basic {token}"})):
        with one:
            assert one.status == 401 and one.error["code"] == "unauthenticated"
            assert one.response.headers["WWW-Authenticate"].startswith("Bearer")
    assert read(token=None, access_token=token).status == 200
    both = read(access_token=token)
    assert both.status == 400 and both.error["field"] == "access_token"
    for name in ("gateway.1", "registry.1", "bus.1", "notify.1"):
        assert token not in stack.log(name)


def curl(*arguments):
    return subprocess.run(["curl", "-sS", "-m", "5", *arguments], capture_output=True, text=True, check=False).stdout


def test_other_paths_and_methods(stack, people):
    base = gateways(stack)[0]
    health = json.loads(curl(f"{base}/healthz"))
    assert health["name"] == "gateway" and health["status"] == "ready"
    for path, method, code, word in (("/", "GET", 404, "not_found"), ("/v1/streams", "GET", 404, "not_found"),
                                     ("/v1/stream/", "GET", 404, "not_found"), ("/v1/stream", "POST", 405, "unimplemented"),
                                     ("/healthz", "DELETE", 405, "unimplemented")):
        said = curl("-X", method, "-w", "\n%{http_code}", base + path)
        body, status = said.rsplit("\n", 1)
        assert int(status) == code and json.loads(body)["error"]["code"] == word, said
    said = curl("-N", "-m", "1", "-H", f"Authorization: Bearer {people['reader'].token}", f"{base}/v1/stream?from=start")
    assert said.startswith("retry: 2000\nid: 0\n\nid: 1\nevent: ")


def test_each_sees_what_it_sees_on_the_other_sockets(stack, people, client):
    n = next(names)
    people["kz"].call("events", "event.propose", id=f"kz-{n}", title="Draft", kind="seminar", host="KZ", year=2033)
    everything = log(client) + log(client, "private.")
    for name, roots in (("reader", []), ("kz", ["private.KZ.", "private.members."]), ("cn", ["private.CN.", "private.members."]),
                        ("id", ["private.ID."]), ("desk", ["private."])):
        who = people[name]
        seen = log(who.client)
        for root in roots:
            seen += log(who.client, root)
        seen.sort(key=lambda item: item["meta"]["seq"])
        query = {"from": "start", "topics": [">", *(root + ">" for root in roots)]}
        with Stream(gateways(stack)[0], who.token, **query) as stream:
            assert stream.status == 200
            wait_for(lambda: len(stream.events) >= len(seen), 10, f"what {name} may see")
            wait_for(lambda: int(stream.last_id) >= max(i["meta"]["seq"] for i in everything), 5, "the end")
            assert stream.events == [as_event(item) for item in seen], name
        assert (len(seen) == len(everything)) == (name == "desk")


def test_private_records_as_they_come(stack, people, client):
    with Stream(gateways(stack)[0], people["desk"].token, topics="private.>") as desk, \
            Stream(gateways(stack)[0], people["reader"].token) as reader:
        wait_for(lambda: desk.last_id and reader.last_id, 5, "both to have begun")
        token_of(stack, "id")  # is told to the Secretariat only
        people["id"].token = None
        seq = propose(client, 1)[0]
        wait_for(lambda: seq in reader.seqs(), 5, "the open record")
        wait_for(lambda: [e["event"] for e in desk.events] == ["principal.token_made"], 5, "the private record")
        assert not any(e["data"]["topic"].startswith("private.") for e in reader.events)
    people["id"].token = wait_token(stack, token_of(stack, "id"))


def ended(stream, seconds=2.0):
    began = time.monotonic()
    wait_for(lambda: stream.ended, 10, "the end of the stream")
    return time.monotonic() - began <= seconds * SLOW and stream.clean


def test_who_is_revoked_is_cut_and_who_has_a_new_token_too(stack, people, client, tmp_path):
    base = gateways(stack)
    who = Who(stack, tmp_path, "leaver", ["subscriber"])
    first = wait_token(stack, token_of(stack, "leaver"))
    streams = [Stream(one, first) for one in base]
    other = Stream(base[0], people["reader"].token)
    answer = client.call("registry", "principal.token", {"id": "leaver"}, key="once")
    assert all(ended(stream) for stream in streams)
    again = client.call("registry", "principal.token", {"id": "leaver"}, key="once")
    assert again == {key: value for key, value in answer.items() if key != "token"}
    second = wait_token(stack, answer["token"])
    with Stream(base[0], first) as refused:
        assert refused.status == 401
    streams = [Stream(one, second) for one in base]
    client.call("registry", "principal.enroll", {"id": "leaver", "key": zmq_key(who), "roles": ["member"], "member": "KZ"})
    assert all(ended(stream) for stream in streams), "with other roles it is somebody else"
    streams = [Stream(one, wait_token(stack, second), topics="private.members.>") for one in base]
    assert all(stream.status == 200 for stream in streams)
    client.call("registry", "principal.revoke", {"id": "leaver"})
    assert all(ended(stream) for stream in streams)
    for one in base:
        with Stream(one, second) as refused:
            assert refused.status == 401
    with pytest.raises(CallError) as caught:
        client.call("registry", "principal.token", {"id": "leaver"})
    assert caught.value.code == "failed_precondition"
    assert not other.ended
    other.__exit__()


def zmq_key(who):
    return re.search('public-key = "(.*)"', open(who.env["CBM_CERT"], encoding="ascii").read()).group(1)


def test_what_is_kept_of_a_token(stack, people, client):
    entry = next(one for one in client.list("registry", "principal.list") if one["id"] == "reader")
    assert len(entry["token"]) == 40
    with Raw(stack) as redis:
        kept = b"".join(part for key in redis("KEYS", "*") if redis("TYPE", key) == b"hash" for part in redis("HGETALL", key))
    assert b"principal.token_made" in kept and people["reader"].token.encode() not in kept
    for id, code in (("nobody", "not_found"), ("officer", "not_found")):
        with pytest.raises(CallError) as caught:
            client.call("registry", "principal.token", {"id": id})
        assert caught.value.code == code
    assert people["kz"].refused("registry", "principal.token", id="kz") == "permission_denied"
    said = stack.cbm("principal", "token", "cn").stdout
    assert re.fullmatch(r"cbm_[A-Za-z0-9_-]{43}\n", said), said
    people["cn"].token = wait_token(stack, said.strip())


def test_two_gateways_say_the_same(stack, people, client):
    last = client.call("notify", "log.last", {"prefix": ""})["seq"]
    streams = [Stream(base, people["reader"].token, **{"from": last}) for base in gateways(stack)]
    seqs = propose(client, 300)
    late = [Stream(base, people["reader"].token, **{"from": last}) for base in gateways(stack)]
    for stream in streams + late:
        wait_for(lambda: stream.seqs()[-1:] == seqs[-1:], 20, "all of it")
        assert stream.events == streams[0].events and stream.seqs() == seqs
        stream.__exit__()


def raw_stream(base, token, window=4096, **query):
    """A connection that asked for a stream and reads nothing."""
    where = urllib.parse.urlsplit(base)
    one = socket.socket()
    one.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, window)
    one.settimeout(20 * SLOW)
    one.connect((where.hostname, where.port))
    one.sendall(f"GET /v1/stream?{urllib.parse.urlencode(query)} HTTP/1.0\r\nAuthorization: Bearer {token}\r\n\r\n".encode())
    return one


def resident_kib(pid):
    return int(re.search(r"VmRSS:\s+(\d+)", open(f"/proc/{pid}/status", encoding="ascii").read()).group(1))


def test_slow_readers_hold_nobody_up_and_cost_no_memory(stack, people, client):
    base, token = gateways(stack)[0], people["reader"].token
    last = client.call("notify", "log.last", {"prefix": ""})["seq"]
    slow = [raw_stream(base, token, **{"from": last}) for _ in range(10)]
    fast = Stream(base, token, **{"from": last})
    wait_for(lambda: fast.last_id, 5, "the fast one to have begun")
    before = resident_kib(stack.pids["gateway.1"])
    many = f"slow-{next(names)}"
    send_all(client, "events", [("event.propose", {
        "id": f"{many}-{n}", "title": "A long title. " * 20, "kind": "seminar", "host": "SECRETARIAT", "year": 2034})
        for n in range(2000)])  # more than the ring has, and some MB a stream
    wait_for(lambda: len(fast.events) == 2000, 30, "the fast one to have all")
    grown = resident_kib(stack.pids["gateway.1"]) - before
    assert grown < 40000 * SLOW, f"{grown} KiB more"
    for one in slow:
        got = b""
        while got.count(b"\ndata: ") < 2000 or not got.endswith(b"\n\n"):
            piece = one.recv(1 << 20)
            assert piece, "cut"
            got += piece
        ids = [int(id) for id in re.findall(rb"^id: (\d+)\nevent: ", got, re.M)]
        assert ids == fast.seqs()
        one.close()
    # whole pages of the log at once, of one tree and of both
    with Stream(base, token, payload="thin", **{"from": last}) as late, \
            Stream(base, people["desk"].token, payload="thin", topics=">,private.>", **{"from": "start"}) as desk:
        end = fast.seqs()[-1]
        for stream, wanted in ((late, fast.seqs()), (desk, list(range(1, end + 1)))):
            wait_for(lambda: stream.seqs()[-1:] == [end], 20, "the end")
            assert stream.seqs() == wanted
    fast.__exit__()


def test_foreign_readers(stack, people, client, tmp_path):
    source, parser = npm_package("eventsource", "5.1.5"), npm_package("eventsource-parser", "4.1.3")
    last = client.call("notify", "log.last", {"prefix": ""})["seq"]
    process = subprocess.Popen(["node", str(ROOT / "tests/integration/stream_read.mjs"), str(source), str(parser),
                                gateways(stack)[0], people["reader"].token, str(last), "200"], text=True,
                               stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert process.stdout.readline() == "open\n"
    seqs = propose(client, 100)
    # the gateway ends in the midst of it: the library comes back by itself, with its Last-Event-ID
    port = urllib.parse.urlsplit(gateways(stack)[0]).port
    stack.kill("gateway.1", signal.SIGTERM)
    seqs += propose(client, 100)
    stack.up(CBM_HTTP_HEARTBEAT_MS=HEARTBEAT, CBM_HTTP_PER_ADDRESS="40")
    assert urllib.parse.urlsplit(gateways(stack)[0]).port == port
    out, error = process.communicate(timeout=60 * SLOW)
    assert process.returncode == 0, error
    said = json.loads(out)
    expected = [as_event(item) for item in log(client, "events.", last)]
    assert [int(e["id"]) for e in said["eventsource"]] == seqs and said["eventsource"] == expected
    assert said["parser"] == expected and said["opened"] >= 2


def talk(base, data, seconds=15.0):
    """What is answered to these bytes until the connection ends; None: it did not end."""
    where = urllib.parse.urlsplit(base)
    with socket.create_connection((where.hostname, where.port), timeout=seconds * SLOW) as one:
        got = b""
        try:
            one.sendall(data)
            one.shutdown(socket.SHUT_WR)
            while piece := one.recv(65536):
                got += piece
        except ConnectionError:
            pass
        except TimeoutError:
            return None
        return got


def test_garbage_on_the_socket(stack, people):
    base, pid = gateways(stack)[1], stack.pids["gateway.2"]
    good = f"GET /v1/stream HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {people['reader'].token}\r\n".encode()
    garbage = (b"", b"\0" * 10000, b"\xff\xfe\r\n\r\n", b"GET\r\n\r\n", b"GET / HTTP/9.9\r\n\r\n", b"GET " + b"/" * 60000,
                 b"GET /v1/stream?" + b"a=b&" * 10000 + b" HTTP/1.1\r\nHost: x\r\n\r\n", good[:-2] + b"\0\r\n\r\n",
                 good + b"X: " + b"y" * 60000 + b"\r\n\r\n", good + b"Last-Event-ID: \0\r\n\r\n",
                 good + b"Last-Event-ID: 99999999999999999999999\r\n\r\n", b"GET /v1/stream?topics=%ff%fe HTTP/1.0\r\n\r\n",
                 b"GET /v1/stream?%00=%00 HTTP/1.0\r\n\r\n", b"POST /v1/stream HTTP/1.1\r\nHost: x\r\nContent-Length: 9999999999\r\n\r\nx",
                 b"POST /v1/stream HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nffffffffffffffff\r\n",
                 b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"a" * 500)
    with concurrent.futures.ThreadPoolExecutor(len(garbage)) as pool:  # what is no whole head ends with its time
        answers = list(pool.map(lambda data: talk(base, data), garbage))
    for data, got in zip(garbage, answers):
        assert got is not None and b"200 OK" not in got, data[:60]
    assert running(pid) and json.loads(curl(f"{base}/healthz"))["status"] == "ready"


def test_who_trickles_is_cut_and_one_address_is_not_everybody(stack, people):
    base = gateways(stack)[1]
    where = urllib.parse.urlsplit(base)
    tricklers = [socket.create_connection((where.hostname, where.port), timeout=30) for _ in range(40)]
    more = socket.create_connection((where.hostname, where.port), timeout=10)
    more.sendall(b"GET /healthz HTTP/1.0\r\n\r\n")
    try:
        assert more.recv(100) == b"", "the 41st of one address"
    except ConnectionError:
        pass
    began, open_ones = time.monotonic(), list(tricklers)

    def all_cut():
        for one in list(open_ones):
            try:
                one.sendall(b"G" if one is open_ones[0] else b"")
                one.setblocking(False)
                if one.recv(1) == b"":
                    open_ones.remove(one)
            except BlockingIOError:
                one.setblocking(True)
            except OSError:
                open_ones.remove(one)
        return not open_ones
    wait_for(all_cut, 20, "every one to be cut", every=0.5)
    assert time.monotonic() - began > 5
    for one in (*tricklers, more):
        one.close()
    assert json.loads(curl(f"{base}/healthz"))["status"] == "ready"


def test_without_access_control_everybody_is_the_secretariat(make_stack):
    stack = make_stack(CBM_ACCESS="open")
    with stack.client() as client:
        seq = propose(client, 1)[0]
    with Stream(gateways(stack)[0], topics=">,private.>", **{"from": "start"}) as stream:
        wait_for(lambda: stream.seqs() == [seq], 5, "the record")


def test_the_log_is_followed_while_somebody_reads(make_stack):
    """Then what one stream missed before the log was followed comes from the log, and what comes later as it comes."""
    stack = make_stack(CBM_ACCESS="open", CBM_HTTP_HEARTBEAT_MS=HEARTBEAT)
    with Raw(stack) as redis, stack.client() as client:
        def followers():
            return redis("PUBSUB", "NUMSUB", "{cica}:log")[1]
        others = followers()
        seqs = propose(client, 2)
        for _ in range(2):
            with Stream(gateways(stack)[0], **{"from": "start"}) as stream:
                wait_for(lambda: stream.seqs() == seqs, 5, "what was there")
                seqs += propose(client, 1)
                wait_for(lambda: stream.seqs() == seqs, 5, "what is new")
                assert followers() == others + 1
            wait_for(lambda: followers() == others, 20, "nobody to follow")
            seqs += propose(client, 1)
