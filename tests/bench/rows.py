"""The table of what is measured. A new row is one Case: our command, the peers' commands, and what of
their JSON is compared. Everything in braces is given by the servers named (servers.py) or by bench.py."""
import dataclasses
import json
import os
import pathlib
import signal
import subprocess
import threading
import time
import typing

from servers import NotMeasured, find, free_port, resident_kib


@dataclasses.dataclass
class Run:
    """One side: `command` is a program of tests/bench with its arguments, or a function of (servers, words)
    that returns what a program would print. The servers live for this run only; with `keep` for the whole
    case, prepared once by `prepare` (commands by " && ")."""
    name: str
    command: typing.Union[str, typing.Callable]
    servers: tuple = ("stack",)
    keep: bool = False
    prepare: typing.Optional[str] = None


@dataclasses.dataclass
class Case:
    """`metrics`: (what it is called, its key in the JSON, the goal or None). A goal without a unit is about
    the ratio ours / peer, one with a unit about ours. Of several peers a short trial picks the better by the
    first metric. `pairs` bounds the pairs where time is all they cost. `rate` is a function of the results
    so far that gives {rate}."""
    row: int
    case: str
    ours: Run
    peers: list
    metrics: list
    pairs: int = 99
    rate: typing.Optional[typing.Callable] = None


HIGHER = {"throughput", "deliveries", "records"}  # metrics of which more is better


# ---- 1: event.get ---------------------------------------------------------------------------------
def get_peers(options):
    return [Run(f"NATS micro service, {mode}", f"peers/nats_get_load {{nats}} {mode} bench-event {options}",
                ("stack", "nats", f"nats_get_service:{mode}")) for mode in ("asap", "buffered")]


def half_of_peak(rows):
    peaks = [one["peer"] for one in rows if one["row"] == 1 and one["metric"] == "throughput" and one["peer"]]
    if not peaks:
        raise NotMeasured("no throughput of the peer was measured in this run")
    return round(max(peaks) / 2)


def get_case(in_flight, goal, p50_goal=None):
    options = f"--in-flight {in_flight} --seconds {{seconds}}"
    return Case(1, f"{in_flight} in flight", Run("event.get", f"load {{bus}} get:bench-event {options}"),
                get_peers(options),
                [("throughput", "rate", goal), ("p50, µs", "p50_us", p50_goal), ("p99, µs", "p99_us", None)])


PACED = "--rate {rate} --seconds {seconds}"
ROW_1 = [get_case(1, None, "<= 1.2"), get_case(16, ">= 2"), get_case(64, ">= 2"), get_case(1000, ">= 1.2"),
         Case(1, "half of the peer's peak", Run("event.get", f"load {{bus}} get:bench-event {PACED}"),
              get_peers(PACED),
              [("p99, µs", "p99_us", "<= 0.7"), ("p50, µs", "p50_us", None), ("reached, requests/s", "rate", None)],
              rate=half_of_peak)]

# ---- 2 and 3: event.propose -----------------------------------------------------------------------
PROPOSE = "load {bus} propose"
COMMIT = "--in-flight %d --seconds {seconds}"


def propose_case(row, in_flight, goal, label, peers):
    options = COMMIT % in_flight
    return Case(row, f"{in_flight} in flight, {label}", Run("event.propose", f"{PROPOSE} {options}"), peers(options),
                [("throughput", "rate", goal), ("p50, µs", "p50_us", None), ("p99, µs", "p99_us", None)])


def on_redis(options):
    return [Run("Redis alone, the same commands", f"peers/redis_commit_load {{redis}} commit {options}", ("redis",))]


def on_postgres(options):
    return [Run(f"PostgreSQL, {n} connections", f"peers/pg_commit_load \"{{pg}}\" {n} {options}", ("postgres",))
            for n in (4, 16, 64)]


def on_jetstream(options):
    return [Run(f"JetStream KV + stream, {mode}", f"peers/nats_commit_load {{nats}} {mode} {options}", ("nats:js",))
            for mode in ("asap", "buffered")]


ROW_2 = [propose_case(2, n, ">= 0.8", "Redis alone", on_redis) for n in (1, 64, 1000)]
ROW_3 = [propose_case(3, n, ">= 3", "PostgreSQL", on_postgres) for n in (1, 64, 1000)] + \
        [propose_case(3, n, ">= 1" if n >= 64 else None, "JetStream", on_jetstream) for n in (1, 64, 1000)]


# ---- 4: a change to its notification --------------------------------------------------------------
def notify_cases(label, rate):
    ours = Run("event.propose to SUB", f"notify_live {{bus}} {{notify}} {rate} {{seconds}}")
    key = "ack_to_arrival"
    return [
        Case(4, f"{label}, JetStream", ours,
             [Run("JetStream push consumer", f"peers/jetstream_notify {{nats}} {rate} {{seconds}}", ("nats:js",))],
             [("p50, µs", f"{key}_p50_us", "<= 0.8"), ("p99, µs", f"{key}_p99_us", "<= 0.8"),
              ("sending to arrival p50, µs", "send_to_arrival_p50_us", None)]),
        Case(4, f"{label}, raw Redis stream", ours,
             [Run("XADD to XREAD", f"peers/redis_stream {{redis}} live {rate} {{seconds}}", ("redis",))],
             [("p50, µs", f"{key}_p50_us", "<= 1.5"), ("p99, µs", f"{key}_p99_us", None),
              ("sending to arrival p50, µs", "send_to_arrival_p50_us", None)])]


ROW_4 = notify_cases("one at a time", 0) + notify_cases("10,000/s", 10000)


# ---- 5: fan-out -----------------------------------------------------------------------------------
def fanout_cases(subscribers):
    """Ours is what a subscriber of libcbm gets: batches. libzmq alone sends three frames a record, as we do to who
    subscribes to no batches: what ZeroMQ costs without them."""
    records = {10: 5000, 100: 2000, 1000: 500}[subscribers]  # a burst that a socket's queue holds
    ours = Run("notify, batches", f"notify_fanout {{bus}} {{notify}} {{notify_pid}} {subscribers} {records}")
    lossy = [Run("NATS core", f"peers/nats_fanout {{nats}} {subscribers} {records}", ("nats",)),
             Run("mosquitto QoS 0", f"peers/mosquitto_fanout 127.0.0.1 {{mqtt_port}} {subscribers} {records}",
                 ("mosquitto",))]
    metric = [("deliveries", "rate")]
    return [Case(5, f"{subscribers} subscribers, {label}", ours, peers, [(*metric[0], goal)]) for label, peers, goal in (
        ("the better lossy peer", lossy, ">= 1.3"),
        ("JetStream", [Run("JetStream push consumers", f"peers/jetstream_fanout {{nats}} {subscribers} {records}",
                           ("nats:js",))], ">= 5"),
        ("libzmq alone", [Run("libzmq PUB, three frames a record",
                              f"peers/zmq_fanout tcp://127.0.0.1:{{port}} {subscribers} {records}", ())], ">= 0.9"))]


ROW_5 = [case for subscribers in (10, 100, 1000) for case in fanout_cases(subscribers)]

# ---- 6: catch-up ----------------------------------------------------------------------------------
RECORDS = int(os.environ.get("BENCH_RECORDS", "1000000"))
FILL = f"notify_fill {{redis}} cica {RECORDS}"
JS_FILL = f"peers/jetstream_replay {{nats}} fill {RECORDS}"


def replay(prefix, records):
    return Run("subscriber of libcbm", f"notify_replay {{bus}} {{notify}} subscriber {prefix} {records}",
               keep=True, prepare=FILL)


ROW_6 = [
    Case(6, f"1 % of {RECORDS:,}, JetStream", replay("events.human.youth.", RECORDS // 100),
         [Run("JetStream filtered consumer", f"peers/jetstream_replay {{nats}} events.human.youth.> {RECORDS // 100}",
              ("nats:js",), keep=True, prepare=JS_FILL)], [("records", "rate", ">= 10")]),
    Case(6, f"all of {RECORDS:,}, JetStream", replay("events.", RECORDS),
         [Run("JetStream consumer", f"peers/jetstream_replay {{nats}} events.> {RECORDS}", ("nats:js",), keep=True,
              prepare=JS_FILL)], [("records", "rate", ">= 2")]),
    Case(6, f"all of {RECORDS:,}, XRANGE", replay("events.", RECORDS),
         [Run("XRANGE over all", f"peers/redis_stream {{redis}} range {RECORDS}", ("redis",), keep=True,
              prepare=f"peers/redis_stream {{redis}} fill {RECORDS}")],
         [("records", "rate", None)]),
]

# ---- 7: clashes and spans -------------------------------------------------------------------------
CALENDARS = [int(size) for size in os.environ.get("BENCH_EVENTS", "10000,100000,1000000").split(",")]


def on_gist(what, size, options):
    load = "peers/pg_clash_load \"{pg}\""
    return [Run(f"PostgreSQL, GiST, {n} connections", f"{load} {what}:{size} {n} {options}", ("postgres",), keep=True,
                prepare=f"{load} fill {size} && {load} span:{size} 16 --in-flight 16 --seconds 5") for n in (4, 16, 64)]


def calendar_case(what, name, size, in_flight, metrics):
    options = f"--in-flight {in_flight} --seconds {{seconds}}"
    ours = Run(name, f"load {{bus}} {what}:{size} {options}", keep=True,
               prepare=f"clash_fill {{redis}} cica {size} && "
                       f"load {{bus}} walk:{size} --in-flight 16 --count {size * 365 // 30000 + 1} && "
                       f"load {{bus}} clashes:{size} --in-flight 16 --count {size // 4}")
    return Case(7, f"{name}, {size:,} events, {in_flight} in flight", ours, on_gist(what, size, options), metrics)


def growth_of(name):
    """How much longer the median takes with the most events than with the fewest: ours, the peer's."""
    def growth(rows):
        found = {size: [row for row in rows if row["row"] == 7 and row["case"] == f"{name}, {size:,} events, 4 in flight"
                        and row["metric"] == "p50, µs" and row["ours"]] for size in (CALENDARS[0], CALENDARS[-1])}
        if not all(found.values()):
            raise NotMeasured("no medians were measured in this run")
        few, many = (found[size][0] for size in (CALENDARS[0], CALENDARS[-1]))
        return many["ours"] / few["ours"], many["peer"] / few["peer"]
    return growth


def growth_case(name):
    return Case(7, f"{name}, {CALENDARS[0]:,} to {CALENDARS[-1]:,} events",
                Run(name, lambda _, words: {"times": words["rate"][0]}, ()),
                [Run("PostgreSQL, GiST", lambda _, words: {"times": words["rate"][1]}, ())],
                [("growth of p50, times", "times", "<= 2 times")], pairs=1, rate=growth_of(name))


ROW_7 = [case for size in CALENDARS for what, name in (("clashes", "event.clashes"), ("span", "event.list of a span"))
         for case in (
             calendar_case(what, name, size, 4, [("p50, µs", "p50_us", None), ("p99, µs", "p99_us", "<= 1000 µs")]),
             calendar_case(what, name, size, 64, [("throughput", "rate", ">= 5"), ("p99, µs", "p99_us", None)]))] + \
        [growth_case(name) for name in ("event.clashes", "event.list of a span")]

# ---- 8: which subscriptions a record is for --------------------------------------------------------
SUBSCRIPTIONS = [int(size) for size in os.environ.get("BENCH_SUBSCRIPTIONS", "100,10000,100000").split(",")]
ON_NATS = "NATS, its server's CPU"


def match_case(by, peer, size):
    ours = Run("the index", f"match index {by} {size} {{seconds}}", ())
    peers = {"a scan": Run("a scan", f"match scan {by} {size} {{seconds}}", ()),
             "NATS": Run(ON_NATS, f"peers/nats_match {{nats}} {{nats_pid}} {size} {{seconds}}", ("nats",))}
    return Case(8, f"by {by}, {size:,} subscriptions, {peer}", ours, [peers[peer]], [("µs a record", "us", None)])


def match_growth(by, peer):
    """How much longer a record takes beside the most subscriptions than beside the fewest: ours, the peer's."""
    def growth(rows):
        found = [next((row for row in rows if row["row"] == 8 and row["case"] == match_case(by, peer, size).case and row["ours"]),
                      None) for size in (SUBSCRIPTIONS[0], SUBSCRIPTIONS[-1])]
        if not all(found):
            raise NotMeasured("no times were measured in this run")
        few, many = found
        return many["ours"] / few["ours"], many["peer"] / few["peer"]
    return Case(8, f"by {by}, {SUBSCRIPTIONS[0]:,} to {SUBSCRIPTIONS[-1]:,} subscriptions",
                Run("the index", lambda _, words: {"times": words["rate"][0]}, ()),
                [Run(ON_NATS if peer == "NATS" else peer, lambda _, words: {"times": words["rate"][1]}, ())],
                [("growth, times", "times", "<= 3 times")], pairs=1, rate=growth)


ROW_8 = [match_case(by, peer, size) for by, peer in (("topic", "a scan"), ("topic", "NATS"), ("host", "a scan"))
         for size in SUBSCRIPTIONS] + [match_growth("topic", "NATS"), match_growth("host", "a scan")]

# ---- 9: webhooks ----------------------------------------------------------------------------------
def webhook_case(in_flight):
    """Nothing of the stack: the sender, and a receiver that costs as little as one can, the same for both."""
    return Case(9, f"{in_flight} in flight", Run("notify's sender", f"webhooks {in_flight} {{seconds}}", ()),
                [Run("libcurl multi alone", f"peers/curl_multi {in_flight} {{seconds}} 748", ())],
                [("deliveries", "rate", ">= 0.7"), ("deliveries/s", "rate", ">= 3000 /s")])


ROW_9 = [webhook_case(in_flight) for in_flight in (16, 64, 256)]

# ---- 11: memory -----------------------------------------------------------------------------------
EVENTS = 20000


def redis_cli(words, *command):
    return subprocess.run(["redis-cli", "-u", words["redis_tcp"], *command], check=True, capture_output=True,
                          text=True).stdout


def used_memory(words):
    redis_cli(words, "MEMORY", "PURGE")
    lines = redis_cli(words, "INFO", "memory").splitlines()
    return int(next(line for line in lines if line.startswith("used_memory:")).split(":")[1])


def load(servers, words, arguments):
    done = subprocess.run([servers.program("load"), words["bus"], *arguments], capture_output=True, text=True,
                          check=False)
    if done.returncode:
        raise RuntimeError(f"load {arguments}: {done.stderr}")
    return json.loads(done.stdout)


def bytes_in_redis(servers, words):
    before = used_memory(words)
    load(servers, words, ["propose", "--count", str(EVENTS), "--in-flight", "256"])
    with_keys = used_memory(words)
    keys = [key for key in redis_cli(words, "--scan", "--pattern", "*:events:key*").splitlines() if key]
    for at in range(0, len(keys), 500):
        redis_cli(words, "DEL", *keys[at:at + 500])
    return {"bytes": (used_memory(words) - before) / EVENTS, "with_keys": (with_keys - before) / EVENTS}


def bytes_of_text(servers, words):
    """The JSON text of an event as a request answers it, without a space."""
    load(servers, words, ["propose", "--count", "1"])
    listed = servers.call(words, "events", "event.list", {"limit": 2})["items"]
    event = max(listed, key=lambda one: len(json.dumps(one)))
    size = len(json.dumps(event, separators=(",", ":"), ensure_ascii=False).encode())
    return {"bytes": size, "with_keys": size}


def most_resident(pids, seconds, run):
    """The resident size of each while `run` loads them: the most that was seen."""
    most, over = {}, threading.Event()

    def watch():
        while not over.wait(0.05):
            for name, pid in pids.items():
                most[name] = max(most.get(name, 0), resident_kib(pid))
    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        run(seconds)
    finally:
        over.set()
        watcher.join()
    return most


OURS = ("bus", "registry", "events", "notify")


def resident_ours(servers, words):
    pids = {name: words["pids"][f"{name}.1"] for name in OURS}
    found = {f"{name} idle": resident_kib(pid) for name, pid in pids.items()}

    def run(seconds):
        for what in ("get:bench-event", "propose"):
            load(servers, words, [what, "--in-flight", "64", "--seconds", str(seconds)])
    found.update({f"{name} under load": kib for name, kib in most_resident(pids, words["seconds"], run).items()})
    return found


def resident_nats(servers, words):
    idle = resident_kib(words["nats_pid"])

    def run(seconds):
        subprocess.run([servers.program("peers/nats_get_load"), words["nats"], "asap", "bench-event", "--in-flight",
                        "64", "--seconds", str(seconds)], check=True, stdout=subprocess.DEVNULL)
    busy = most_resident({"nats": words["nats_pid"]}, words["seconds"], run)["nats"]
    return {f"{name} {state}": kib for name in OURS for state, kib in (("idle", idle), ("under load", busy))}


ROW_11 = [
    Case(11, "an event in Redis", Run("Redis memory", bytes_in_redis), [Run("its JSON text", bytes_of_text)],
         [("bytes with all indexes and log", "bytes", "<= 3"),
          ("bytes, in the first days with its idempotency key", "with_keys", None)], pairs=2),
    Case(11, "resident", Run("our service", resident_ours),
         [Run("nats-server", resident_nats, ("stack", "nats", "nats_get_service:asap"))],
         [(f"{name} {state}, KiB", f"{name} {state}", "<= 0.5") for name in OURS for state in ("idle", "under load")],
         pairs=3),
]


# ---- 12: start ------------------------------------------------------------------------------------
def start_stack(servers, words):
    directory = servers.directory("cold")
    begin = time.monotonic()
    try:
        servers.stack_run("up", directory)
        return {"ms": (time.monotonic() - begin) * 1000}
    finally:
        servers.stack_run("down", directory)


def start_replica(servers, words):
    """Ends the only replica of events and starts another with its settings."""
    pid = int(words["events_pid"])
    settings = dict(item.split("=", 1) for item in
                    pathlib.Path(f"/proc/{pid}/environ").read_text().split("\0") if "=" in item)
    settings.pop("CBM_READY_FILE", None)
    os.kill(pid, signal.SIGTERM)
    done = subprocess.run([servers.program("start"), "cbm", words["bus"], "events", str(servers.build / "cbm-events")],
                          env=settings, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(done.stderr[-1000:])
    return json.loads(done.stdout)


def start_nats(servers, words):
    port = str(free_port())
    done = subprocess.run([servers.program("start"), "nats", port, find("nats-server"), "-a", "127.0.0.1", "-p", port],
                          capture_output=True, text=True, check=True)
    return json.loads(done.stdout)


NATS_START = [Run("nats-server alone", start_nats, ())]
ROW_12 = [
    Case(12, "deploy/stack up to the first answer", Run("the stack", start_stack, ()), NATS_START,
         [("ms", "ms", "<= 1500 ms")]),
    Case(12, "one replica of events to serving", Run("cbm-events", start_replica), NATS_START,
         [("ms", "ms", "<= 150 ms")]),
]

CASES = ROW_1 + ROW_2 + ROW_3 + ROW_4 + ROW_5 + ROW_6 + ROW_7 + ROW_8 + ROW_9 + ROW_11 + ROW_12
TITLES = {
    1: "event.get", 2: "event.propose on disk, against Redis alone", 3: "event.propose, against other stores",
    4: "from a change to its notification", 5: "fan-out", 6: "catch-up", 7: "clashes and spans",
    8: "the subscriptions that a record is for", 9: "webhooks", 11: "memory", 12: "start",
}
