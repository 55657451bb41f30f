"""Trimming the log against a naive model: random commits and trims by Redis' functions, read back the way the
store does it (cbm_log_find, then the records by their seqs). It must not know any service."""
import copy
import random
import socket
import struct
import subprocess

import msgpack
import pytest

from conftest import ROOT, free_port, wait_for

LOG, PREFIX, BLOCK = "{t}:log", "{t}:log:prefix", "{t}:log:block"
KEYS = ("{t}:s:doc", "{t}:s:ix", LOG, PREFIX, BLOCK, "{t}:s:keys:1", "{t}:s:keys:2", "{t}:s:keys:3")
KEEP = "private.secretariat.registry.principal."


class Redis:
    """A private redis-server with the functions loaded, by RESP over one socket."""

    def __init__(self, directory):
        self.port = free_port()
        self.process = subprocess.Popen(
            ["redis-server", "--port", str(self.port), "--save", "", "--dir", str(directory), "--bind", "127.0.0.1"],
            stdout=subprocess.DEVNULL)
        wait_for(self.connect, 10, "redis-server")
        self("FUNCTION", "LOAD", "REPLACE", (ROOT / "common/store/commit.lua").read_bytes())

    def connect(self):
        try:
            self.sock = socket.create_connection(("127.0.0.1", self.port), 5)
        except OSError:
            return False
        self.file = self.sock.makefile("rb")
        return True

    def another(self):
        """One more connection to it."""
        one = copy.copy(self)
        assert one.connect()
        return one

    def __call__(self, *words):
        out = [b"*%d\r\n" % len(words)]
        for word in words:
            word = word if isinstance(word, bytes) else str(word).encode()
            out.append(b"$%d\r\n%s\r\n" % (len(word), word))
        self.sock.sendall(b"".join(out))
        return self.read()

    def read(self):
        line = self.file.readline()
        kind, rest = line[:1], line[1:-2]
        if kind == b"-":
            raise RuntimeError(rest.decode())
        if kind == b":":
            return int(rest)
        if kind == b"+":
            return rest
        if kind == b"$":
            if rest == b"-1":
                return None
            data = self.file.read(int(rest) + 2)[:-2]
            return data
        return None if rest == b"-1" else [self.read() for _ in range(int(rest))]

    def close(self):
        self.process.kill()
        self.process.wait()


@pytest.fixture
def redis(scratch):
    one = Redis(scratch)
    yield one
    one.close()


def commit(redis, topics):
    """One commit with a record on each topic."""
    day = int(redis("TIME")[0]) // 86400
    parents = sorted({topic[:topic.rstrip(".").rfind(".") + 1] for topic in topics})
    shape = [1, 0, 0, 0, 0, len(topics), 0, 0, 0, 2 * len(topics) + 1]
    for topic in topics:
        shape += [parents.index(topic[:topic.rstrip(".").rfind(".") + 1]) + 1, 0]
    head = msgpack.packb([1, day, 86400, parents, 0, len(topics), [shape]])
    records = []
    for topic in topics:
        data = b"data of " + topic.encode()
        records += [struct.pack(">HHIH", len(topic), 0, len(data), 0) + topic.encode(), data]
    before = redis("FCALL", "cbm_commit", 8, *KEYS, head, "", "", "", *topics, *records, b"")
    assert isinstance(before, int), before
    return before + len(topics)


def prefixes(topic):
    levels = topic.rstrip(".").split(".")
    start = 1 if levels[0] == "private" else 0
    return [".".join(levels[:n]) + "." if n else "" for n in range(start, len(levels) + 1)]


class Model:
    """The log as a list; what is kept is worked out anew each time."""

    def __init__(self):
        self.topics, self.prev, self.first, self.done, self.gone, self.last = [], [], 1, 0, set(), {}

    def add(self, topic):
        self.prev.append([self.last.get(prefix, 0) for prefix in prefixes(topic)])
        self.topics.append(topic)
        self.last.update({prefix: len(self.topics) for prefix in prefixes(topic)})

    def trim(self, first, limit):
        self.first = min(max(first, self.first), len(self.topics) + 1)
        upto = min(self.done + limit, self.first - 1)
        for seq in range(self.done + 1, upto + 1):
            topic = self.topics[seq - 1]
            if topic.startswith(KEEP):
                continue
            self.gone |= {s for s in range(1, seq) if self.topics[s - 1] == topic}
            if topic in self.topics[seq:]:
                self.gone.add(seq)
        self.done = max(self.done, upto)

    def kept(self, prefix, after):
        return [s for s, t in enumerate(self.topics, 1)
                if s > after and s not in self.gone and (prefix == "#" or prefix in prefixes(t))]


def find(redis, prefix, after, limit):
    """The seqs after `after` as reply_log_found takes them out of the answer, at most `limit`."""
    last, first, *blocks = redis("FCALL_RO", "cbm_log_find", 2, PREFIX, BLOCK, prefix, after, limit)
    out = []
    for block in blocks:
        end, *steps = map(int, block.split())
        seq = end - sum(steps)
        for step in (*steps, 0):
            if seq > after and len(out) < limit:
                out.append(seq)
            seq += step
        after = out[-1] if out else after
    assert out == sorted(set(out))
    return int(last), int(first), out


def read(redis, prefix, after, limit):
    """Page after page to the end, as the store reads: an empty find is the end."""
    got = []
    while True:
        last, first, seqs = find(redis, prefix, after, limit)
        if not seqs:
            return last, first, got
        records = redis("HMGET", LOG, *seqs)
        got += [(seq, record) for seq, record in zip(seqs, records) if record is not None]
        after = seqs[-1]


def check(redis, model, rng):
    for prefix in ("#", "", "a.", "a.x.", "private.s.", KEEP, rng.choice(model.topics)):
        after = rng.choice((0, 0, max(0, model.first - 1), rng.randrange(len(model.topics) + 1)))
        limit = rng.choice((1, 7, 128, 512))
        last, first, got = read(redis, prefix, after, limit)
        assert first == model.first
        assert [seq for seq, _ in got] == model.kept(prefix, after), (prefix, after, limit)
        assert last == max((s for s, t in enumerate(model.topics, 1) if prefix == "#" or prefix in prefixes(t)), default=0)
        for seq, record in got:
            numbers, rest = record.split(b"\n", 1)
            assert list(map(int, numbers.split()[:-1])) == model.prev[seq - 1]
            assert model.topics[seq - 1].encode() in rest


@pytest.mark.parametrize("seed", range(4))
def test_random_commits_and_trims(redis, seed):
    rng = random.Random(seed)
    topics = ["a.x.%d." % n for n in range(rng.choice((2, 5, 40)))] + ["a.y.1.", "b.", "private.s.z.1.", KEEP + "o."]
    model = Model()
    for _ in range(rng.choice((30, 70))):
        for _ in range(rng.randrange(1, 12)):
            some = [rng.choice(topics) if rng.random() < 0.9 else f"a.x.once-{rng.random()}.".replace("0.", "")
                    for _ in range(rng.randrange(1, 4))]
            last = commit(redis, some)
            for topic in some:
                model.add(topic)
            assert last == len(model.topics)
        if rng.random() < 0.4:
            want, limit = rng.randrange(0, len(model.topics) + 3), rng.choice((1, 20, 300))
            model.trim(want, limit)
            first, last, done, removed = redis("FCALL", "cbm_trim", 3, LOG, PREFIX, BLOCK, want, limit, KEEP)
            assert (first, last, done, removed) == (model.first, len(model.topics), model.done, len(model.gone))
        check(redis, model, rng)
    assert redis("HLEN", LOG) == len(model.topics) - len(model.gone)


def test_the_cost_of_reading_is_what_was_missed(redis):
    """Of 40,000 records, 39,900 trimmed: who missed 100 costs as few commands as before, who begins at 0 few more."""
    for _ in range(400):
        commit(redis, ["a.x.%d." % (n % 20) for n in range(100)])
    def commands(prefix, after):
        redis("CONFIG", "RESETSTAT")
        read(redis, prefix, after, 512)
        stats = redis("INFO", "commandstats").decode()
        return {line.split(":")[0][8:]: int(line.split("calls=")[1].split(",")[0])
                for line in stats.splitlines() if line.startswith("cmdstat_") and "hget" in line or "hmget" in line}
    before = commands("a.", 39900)
    trims = 0
    while True:
        trims += 1
        first, _, done, removed = redis("FCALL", "cbm_trim", 3, LOG, PREFIX, BLOCK, 39901, 1000, KEEP)
        if done == first - 1:
            break
    assert (first, removed, trims) == (39901, 39900, 40)
    assert commands("a.", 39900) == before
    whole = commands("a.", 0)
    assert whole["hmget"] < 30, whole
    blocks = redis("HGETALL", BLOCK)
    assert sum(map(len, blocks)) < 40_000, "blocks of what is gone are thin"
