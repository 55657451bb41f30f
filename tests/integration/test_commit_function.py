"""The commit function against a naive model: calls of many commits, of which some are refused, on two logs whose
calls alternate, so that what the function keeps between calls is wrong for the next. It must not know any service."""
import random
import struct

import msgpack
import pytest

from test_retention_model import Redis, prefixes

DAY_MS = 86_400_000
# topics that are prefixes of others, of one level, private, with two, four and more prefixes
TOPICS = ["a.x.%d." % n for n in range(6)] + ["a.x.", "a.", "b.", "a.x.1.2.3.4.", "c.d.", "c.e.f.",
                                               "private.s.", "private.s.z.1.", "private.t.z.",
                                               "private.secretariat.registry.principal.o."]


class Store:
    """One organisation's keys, what should be in them, and the calls that put it there."""

    def __init__(self, redis, name):
        names = ("doc", "ix", "log", "prefix", "block", "keys:1", "keys:2", "keys:3")
        self.redis, self.keys = redis, ["{%s}:%s" % (name, key) for key in names]
        self.forget()

    def forget(self):
        self.docs, self.index, self.records, self.kept, self.under = {}, set(), [], {}, {}

    def call(self, commits):
        """Sends them in one call. Answers as the function should."""
        parents, shapes, before = [], [], None
        columns, bodies = ([], [], [], []), []
        for c in commits:
            shape = [len(c["checks"]), len(c["writes"]), len(c["removes"]), len(c["adds"]), len(c["records"]),
                     c["not_before"], 0, int(c["reply"] is None), 0]
            shape += [list(c["checks"]).index(field) + 1 for field in c["writes"]]
            body = [b"%d %s" % (c["checks"][field] + 1, data) for field, data in c["writes"].items()]
            body += [entry.encode() for entry in (*c["removes"], *c["adds"])]
            for topic in c["records"]:
                parent = topic[:topic.rstrip(".").rfind(".") + 1]
                if parent not in parents:
                    parents.append(parent)
                shape += [parents.index(parent) + 1, int(bool(c["writes"]))]
                body.append(struct.pack(">HHIH", len(topic), 0, 9, 0) + topic.encode())
                body += [] if c["writes"] else [b"some data"]
            body += [] if c["reply"] is None else [c["reply"]]
            shape[8] = len(body)
            revisions = "".join("%d " % n for n in c["checks"].values())
            if (shape, revisions) != before:
                shapes.append(([0, *shape], revisions))
            before = (shape, revisions)
            shapes[-1][0][0] += 1
            for column, values in zip(columns, ([c["key"]], ["digest"], c["checks"], c["records"])):
                column.extend(values)
            bodies += body
        day = int(self.redis("TIME")[0]) // 86400
        head = msgpack.packb([len(commits), day, 86400, parents, len(columns[2]), len(columns[3]),
                              [shape for shape, _ in shapes]])
        return self.redis("FCALL", "cbm_commit", 8, *self.keys, head, *[text for _, text in shapes],
                          *[value for column in columns for value in column], *bodies)

    def expect(self, commits):
        first, refused = len(self.records), []
        revisions = {field: int(value.split()[0]) for field, value in self.docs.items()}
        kept = set(self.kept)
        for number, c in enumerate(commits):
            if c["key"] in kept:
                refused += [number, b"2"]
            elif c["not_before"]:
                refused += [number, b"3"]
            elif any(revisions.get(field, 0) != n for field, n in c["checks"].items()):
                refused += [number, b"1"]
            else:
                self.apply(c)
        return [first, *refused] if refused else first

    def apply(self, c):
        for field, data in c["writes"].items():
            self.docs[field] = b"%d %s" % (c["checks"][field] + 1, data)
        self.index = self.index - {e.encode() for e in c["removes"]} | {e.encode() for e in c["adds"]}
        data = next((b"%d %s" % (c["checks"][f] + 1, d) for f, d in c["writes"].items()), b"some data")
        for topic in c["records"]:
            before = [self.under.get(prefix, [0])[-1] for prefix in prefixes(topic)]
            self.records.append((before, topic, data))
            for prefix in prefixes(topic):
                self.under.setdefault(prefix, []).append(len(self.records))
        if c["key"]:
            self.kept[c["key"]] = (len(self.records), b"=" if c["reply"] is None else c["reply"])

    def check(self):
        pairs = lambda key: dict(zip(*[iter(self.redis("HGETALL", key))] * 2))
        doc, index, log, prefix, block, *keys = self.keys
        assert pairs(doc) == {field.encode(): value for field, value in self.docs.items()}
        assert set(self.redis("ZRANGE", index, 0, -1)) == self.index
        stored = pairs(log)
        assert len(stored) == len(self.records)
        for seq, (before, topic, data) in enumerate(self.records, 1):
            numbers, rest = stored[b"%d" % seq].split(b"\n", 1)
            assert list(map(int, numbers.split()[:-1])) == before, (seq, topic)
            assert rest == struct.pack(">HHIH", len(topic), 0, 9, 0) + topic.encode() + data
        heads, blocks = pairs(prefix), {}
        for name, seqs in self.under.items():
            whole = len(seqs) // 128 * 128
            steps = "".join(" %d" % (b - a) for a, b in zip(seqs[whole:], seqs[whole + 1:]))
            assert heads.pop(name.encode()) == f"{seqs[-1]} {len(seqs)}{steps}".encode(), name
            for at in range(0, whole, 128):
                part = seqs[at:at + 128]
                blocks[f"{name} {at // 128 + 1}".encode()] = " ".join(
                    map(str, [part[-1], *(b - a for a, b in zip(part, part[1:]))])).encode()
        total = str(len(self.records)).encode()
        assert heads == ({b"#": total + b" " + total, b"#form": b"2"} if self.records else {})
        assert pairs(block) == blocks
        kept = {key: value for name in keys for key, value in pairs(name).items()}
        assert {key.decode(): value.split(b" ", 3)[2:] for key, value in kept.items()} == {
            key: [b"%d" % seq, reply] for key, (seq, reply) in self.kept.items()}
        assert not kept or all(self.redis("TTL", name) > 0 for name in keys if self.redis("EXISTS", name))


def plain(topics, **more):
    return {"checks": {}, "writes": {}, "removes": [], "adds": [], "records": topics, "not_before": 0, "key": "",
            "reply": b"reply", **more}


def some_commit(rng, store, taken):
    """A commit that touches nothing of `taken`, what others of its call touch."""
    field = rng.choice([f for f in ("d%d" % n for n in range(400)) if f not in taken])
    taken.add(field)
    now = int(store.docs.get(field, b"0").split()[0])
    checks = {"other": 0, field: now + (rng.random() < 0.1)}
    key = rng.choice(["", "k%d" % rng.randrange(60)])
    if key in taken:
        key = ""
    taken.add(key)
    return plain([rng.choice(TOPICS) for _ in range(rng.choice((0, 1, 1, 1, 2, 3)))],
                 checks=checks, key=key, not_before=4 * 10**12 if rng.random() < 0.05 else 0,
                 writes={field: b"data %02d" % rng.randrange(99)} if now < 9 and rng.random() < 0.7 else {},
                 removes=[e.decode() for e in sorted(store.index) if e.startswith(field.encode() + b"|")],
                 adds=["%s|%d" % (field, rng.randrange(9)) for _ in range(rng.randrange(3))])


def run(store, commits):
    expected = store.expect(commits)
    answer = store.call(commits)
    if isinstance(answer, list):
        answer = [part[:1] if isinstance(part, bytes) else part for part in answer]
    assert answer == expected


@pytest.fixture
def redis(scratch):
    one = Redis(scratch)
    yield one
    one.close()


@pytest.mark.parametrize("seed", range(4))
def test_random_calls(redis, seed):
    rng = random.Random(seed)
    stores = [Store(redis, "t"), Store(redis, "u")]
    for _ in range(150):
        store, taken = rng.choice(stores), set()
        run(store, [some_commit(rng, store, taken) for _ in range(rng.choice((1, 1, 1, 2, 5, 40)))])
        if rng.random() < 0.02:
            redis("FLUSHALL")
            for one in stores:
                one.forget()
    for store in stores:
        store.check()


def test_runs_of_every_length_across_blocks(redis):
    """Records of one parent in a row, from one to three blocks, beginning at every place of a block."""
    store = Store(redis, "t")
    for n in (1, 127, 1, 128, 126, 2, 129, 255, 256, 1, 383, 384, 3):
        run(store, [plain(["a.x.y.%d." % i]) for i in range(n)])
        run(store, [plain(["a.z.1."])] * 3)
        store.check()


def test_many_plans(redis):
    """More different heads and prefixes than are kept."""
    store = Store(redis, "t")
    for n in (*range(700), *range(0, 700, 50)):
        run(store, [plain(["p%d.q.r." % n, "p%d.q.s." % n])] * (1 + n % 3))
    run(store, [plain(["p%d.q.r." % n]) for n in range(700)])
    store.check()


@pytest.mark.parametrize("head", [
    b"", b"\xc1", b"x", [], [1], [1, 20000, 1, 1, 0, 1, []],
    *([1, None, 9, ["a."], fields, topics, [shape]] for fields, topics, shape in (
        (0, 1, [1, 0, 0, 0, 0, 1, 0, 0, 0, 2, 1, 0]),      # fewer arguments than there are
        (0, 1, [2, 0, 0, 0, 0, 1, 0, 0, 0, 3, 1, 0]),      # more commits than there are
        (0, 1, [1, 0, 0, 0, 0, 1, 0, 0, 0, 3, 2, 0]),      # a parent that is none
        (0, 1, [1, 0, 0, 0, 0, 1, 0, 0, 0, 3, 1, 1]),      # data that is not written
        (0, 1, [1, 0, 1, 0, 0, 1, 0, 0, 0, 4, 0, 1, 0]),   # a write that is not checked
        (1, 1, [1, 0, 0, 0, 0, 1, 0, 0, 0, 3, 1, 0]),      # a field too many
        (0, 2, [1, 0, 0, 0, 0, 1, 0, 0, 0, 3, 1, 0])))],   # a topic too many
    ids=lambda head: "head")
def test_a_malformed_call_changes_nothing(redis, head):
    store = Store(redis, "t")
    run(store, [plain(["a.x."], key="k")])
    if isinstance(head, list):
        day = int(redis("TIME")[0]) // 86400
        head = msgpack.packb([day if part is None else part for part in head])
    fixed = struct.pack(">HHIH", 4, 0, 9, 0) + b"a.y."
    with pytest.raises(RuntimeError):
        redis("FCALL", "cbm_commit", 8, *store.keys, head, "", "", "", "a.y.", fixed, b"some data", b"reply")
    store.check()
    run(store, [plain(["a.y."])])
    store.check()


def test_after_an_error_in_the_middle(redis):
    """A key of another type stops a call half way, as nothing of ours does: what the function keeps is not hurt."""
    store = Store(redis, "t")
    run(store, [plain(["a.x."])])
    redis("SET", store.keys[2], "no hash")
    with pytest.raises(RuntimeError):
        store.call([plain(["a.x."])])
    redis("FLUSHALL")
    store.forget()
    run(store, [plain(["a.x."]), plain(["a.y."])])
    store.check()


def test_a_malformed_call_that_had_begun(redis):
    """It has counted records under prefixes before it is found out."""
    store = Store(redis, "t")
    run(store, [plain(["a.x.", "b."])])
    fixed = struct.pack(">HHIH", 4, 0, 9, 0)
    day = int(redis("TIME")[0]) // 86400
    for shapes, rest in (([[1, 0, 0, 0, 0, 2, 0, 0, 0, 5, 1, 0, 2, 0]], ["too many"]),
                         ([[1, 0, 0, 0, 0, 1, 0, 0, 0, 4, 1, 0], [1, 0, 0, 0, 0, 1, 0, 0, 0, 2, 2, 0]], ["reply"])):
        head = msgpack.packb([len(shapes), day, 9, ["a.", ""], 0, 2, shapes])
        with pytest.raises(RuntimeError):
            redis("FCALL", "cbm_commit", 8, *store.keys, head, *[""] * 3 * len(shapes), "a.x.", "b.", fixed + b"a.x.",
                  b"some data", fixed + b"b.", b"some data", b"reply", *rest)
        store.check()
        run(store, [plain(["a.x.", "b."])])
        store.check()


def test_followers_are_told(redis):
    """Of the whole log with the records, at most eight a message; of each tree that has a new one, its last."""
    store, first = Store(redis, "t"), 0
    ear = redis.another()
    ear("PSUBSCRIBE", "{t}:log*")
    for topics in (["a.x.1."], ["a.x.1."] * 20, ["a.x.1.", "b.", "c.d.", "a."], ["b."], ["private.s.z.1.", "c.d.e."],
                   ["b.", "b.c.", "b.", "private.s."]):
        run(store, [plain([topic]) for topic in topics])
        stored = redis("HMGET", store.keys[2], *range(first + 1, first + 1 + len(topics)))
        for at in range(0, len(topics), 8):
            some = stored[at:at + 8]
            said = b"%d %d\n" % (first + 1 + at, first + at + len(some)) + b"".join(some)
            assert ear.read()[2:] == [b"{t}:log", said]
        trees = {topic.split(".")[0]: first + n for n, topic in enumerate(topics, 1)}
        told = dict(ear.read()[2:] for _ in trees)
        assert told == {b"{t}:log:%s." % tree.encode(): b"%d" % seq for tree, seq in trees.items()}
        first += len(topics)


def test_keys_get_their_time_again(redis):
    store = Store(redis, "t")
    run(store, [plain(["a.x."], key="one")])
    redis("DEL", *store.keys[5:])
    store.kept = {}
    run(store, [plain(["a.x."], key="k%d" % n) for n in range(1100)])
    run(store, [plain(["a.x."], key="two")])
    store.check()
