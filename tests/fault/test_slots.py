"""Two schedulings race for one slot: 1,000 rounds against three replicas of events. Of each round's two events,
which cannot both take place, exactly one gets its dates and the other is told with which it clashes. A checker
then reads the log alone and finds no two events of a host, people present, at one time."""
import datetime
import random

from conftest import CallError, time_ms

ROUNDS = 1000
AT_ONCE = 16  # rounds under way
HOSTS = ["KZ", "TR", "AZ", "CN"]
FIRST = datetime.date(2031, 1, 1)


def prepare(client):
    for code in HOSTS:
        client.call("registry", "participant.put", {"code": code, "name": code, "kind": "state", "status": "member",
                                                    "since": "1999-09-14"})


def rival(number, one, random_):
    """The parameters of one of the two schedulings: the same day or days around it, or times in another zone."""
    day = FIRST + datetime.timedelta(days=4 * (number // len(HOSTS)))
    form = random_.choice(["in-person", "hybrid"])
    how = number % 4
    if how == 3 and one:  # noon of that day, by the clocks of another place
        return {"sessions": [{"start": f"{day}T12:00:00+03:00", "end": f"{day}T13:00:00+03:00"}],
                "format": form, "zone": "Europe/Istanbul"}
    first, last = day, day
    if how == 2:  # they share a day
        first, last = (day - datetime.timedelta(days=1), day) if one else (day, day + datetime.timedelta(days=1))
    return {"sessions": [{"start": str(first), "end": str(last)}], "format": form, "zone": "Asia/Almaty"}


def propose_all(client, host_of):
    """Every event, accepted; those of every fourth round have had a schedule before, far away."""
    for method, params in (
            ("event.propose", lambda id, n: {"id": id, "title": id, "kind": "seminar", "host": host_of(n), "year": 2031}),
            ("event.accept", lambda id, _: {"id": id}),
            ("event.schedule", lambda id, n: {"id": id, "format": "online", "sessions": [
                {"start": f"{1992 + n % 30}-03-01", "end": f"{1992 + n % 30}-03-01"}]})):
        under_way = []
        for number in range(ROUNDS):
            if method == "event.schedule" and number % 4 != 1:
                continue
            for one in range(2):
                under_way.append(client.send("events", method, params(f"r{number}-{one}", number)))
                if len(under_way) == 100:
                    client.wait(under_way.pop(0))
        for msgid in under_way:
            client.wait(msgid)


def outcome(client, msgid):
    try:
        client.wait(msgid, timeout=30)
        return None
    except CallError as error:
        return error.error


def race(clients, random_):
    """The outcomes of each round, of both events: None or the error."""
    found = []
    for begin in range(0, ROUNDS, AT_ONCE):
        sent = []
        for number in range(begin, min(begin + AT_ONCE, ROUNDS)):
            pair = [(one, rival(number, one, random_)) for one in range(2)]
            random_.shuffle(pair)
            sent.append(sorted((one, clients[one].send("events", "event.schedule", {"id": f"r{number}-{one}", **dates}))
                               for one, dates in pair))
        found += [[outcome(clients[one], msgid) for one, msgid in pair] for pair in sent]
    return found


def replicas_that_served(client, method):
    """How often each replica was asked the method, by its id."""
    seen = {}
    for _ in range(60):
        stats = client.call("events", "$stats", safe=True)
        seen[stats["id"]] = stats["methods"].get(method, {}).get("requests", 0)
    return seen


def read_log(client):
    after, items = 0, []
    while True:
        page = client.call("notify", "log.read", {"prefix": "events.", "after": after, "limit": 1000}, safe=True)
        items += page["items"]
        after = page["next"]
        if after >= page["last"]:
            return items


def instants(event):
    """Its sessions in ms; days are those of Almaty, 5 hours ahead of UTC in 2031."""
    def ms(text, add):
        if "T" in text:
            return time_ms(text)
        return time_ms(f"{text}T00:00:00Z") + (add * 24 - 5) * 3600000
    return [(ms(one["start"], 0), ms(one["end"], 1)) for one in event["sessions"]]


def check_log(items):
    """No host has two events with people present at once, at any moment of the log."""
    booked, moved = {}, 0
    for item in items:
        event = item["data"]
        if item["meta"]["type"] not in ("event.scheduled", "event.rescheduled") or event["format"] == "online":
            continue
        moved += 1
        for id, (host, spans) in booked.items():
            if id != event["id"] and host == event["host"]:
                assert not any(a < d and c < b for a, b in spans for c, d in instants(event)), (id, event)
        booked[event["id"]] = (event["host"], instants(event))
    return booked, moved


def test_of_two_that_race_for_a_slot_exactly_one_wins(make_stack):
    stack = make_stack("--scale", "events=3")
    random_ = random.Random(11)
    with stack.client() as client, stack.client() as other:
        prepare(client)
        propose_all(client, lambda number: HOSTS[number % len(HOSTS)])
        rounds = race([client, other], random_)
        for number, pair in enumerate(rounds):
            assert pair.count(None) == 1, (number, pair)
            lost = next(error for error in pair if error)
            winner = f"r{number}-{pair.index(None)}"
            assert lost["code"] == "failed_precondition", lost
            assert lost["details"]["clash"]["with"] == {"kind": "event", "id": winner}, lost
        served = replicas_that_served(client, "event.schedule")
        assert len(served) == 3 and all(count > ROUNDS // 10 for count in served.values()), served
        booked, moved = check_log(read_log(client))
        assert len(booked) == moved == ROUNDS
        winners = {f"r{number}-{pair.index(None)}" for number, pair in enumerate(rounds)}
        assert set(booked) == winners
