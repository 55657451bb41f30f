"""Streams while gateways and Redis are killed under load: who comes back with its Last-Event-ID has in the end what
log.read gives, each record once and in order."""
import signal
import time

import pytest
import zmq
from test_kill import Writer, read_log

from conftest import SLOW, running, wait_for
from events_in import Stream


def token_of(stack, id="follower"):
    with stack.client() as client:
        public, _ = zmq.curve_keypair()
        client.call("registry", "principal.enroll", {"id": id, "key": public.decode(), "roles": ["subscriber"]})
        return client.call("registry", "principal.token", {"id": id})["token"]


class Follower:
    """Reads as an EventSource does: comes back at whichever gateway answers, with the last id it had."""

    def __init__(self, stack, token, **query):
        self.stack, self.token, self.query = stack, token, query
        self.events, self.last_id, self.stream, self.turns = [], None, None, 0

    def turn(self):
        if self.stream and self.stream.ended:
            self.take()
        if not self.stream:
            bases = self.stack.env["CBM_HTTP"].split(",")
            self.turns += 1
            one = Stream(bases[self.turns % len(bases)], self.token, last_id=self.last_id, **self.query)
            assert one.status in (0, 200, 401), one.error  # 401 until the token is known there
            self.stream = one if one.status == 200 else None

    def take(self):
        """What the stream gave goes to the rest."""
        one, self.stream = self.stream, None
        one.__exit__()
        self.events += one.events
        self.last_id = one.last_id

    def seqs(self):
        return [int(event["id"]) for event in self.events + (self.stream.events if self.stream else [])]

    def finish(self, last):
        def all_there():
            self.turn()
            return self.stream and self.stream.last_id is not None and int(self.stream.last_id) >= last
        wait_for(all_there, 60, f"{last} to have come")
        self.take()


@pytest.fixture
def pair(make_stack):
    return make_stack("--scale", "gateway=2", CBM_HTTP_HEARTBEAT_MS="300")


def check(stack, writer, followers):
    writer.finish()
    with stack.client() as client:
        records = read_log(client)
    last = records[-1]["meta"]["seq"]
    for follower, prefix in followers:
        follower.finish(last)
        wanted = [r for r in records if r["topic"].startswith(prefix)]
        assert [int(event["id"]) for event in follower.events] == [r["meta"]["seq"] for r in wanted]
        assert [event["data"]["data"] for event in follower.events] == [r["data"] for r in wanted]


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM], ids=["killed", "told-to-end"])
def test_gateways_that_end_in_turn(pair, how):
    token, writer = token_of(pair), Writer(pair, f"stream-{how.name.lower()}")
    followers = [(Follower(pair, token, **{"from": "start"}), ""), (Follower(pair, token, **{"from": "start"}), ""),
                 (Follower(pair, token, **{"from": "start", "topics": "events.>"}), "events.")]
    for turn in range(8):
        writer.acknowledge(80)
        for follower, _ in followers:
            follower.turn()
        name = f"gateway.{turn % 2 + 1}"
        streams = [follower.stream for follower, _ in followers if follower.stream]
        began = time.monotonic()
        pair.kill(name, how)
        if how == signal.SIGTERM:
            assert time.monotonic() - began < 4 * SLOW, "streams do not hold it up"
            assert all(stream.clean for stream in streams if stream.ended), "they end cleanly"
        for follower, _ in followers:
            follower.turn()
        writer.acknowledge(40)
        pair.up(CBM_HTTP_HEARTBEAT_MS="300")
    check(pair, writer, followers)
    assert all(follower.turns > 2 for follower, _ in followers)
    writer.close()


def test_redis_lost_and_back(pair):
    token, writer = token_of(pair), Writer(pair, "stream-redis")
    followers = [(Follower(pair, token, **{"from": "start"}), ""), (Follower(pair, token, topics="events.>"), "events.")]
    for follower, _ in followers:
        wait_for(lambda: follower.turn() or follower.stream, 10, "a stream")
    for how in (signal.SIGKILL, signal.SIGTERM) * 2:
        writer.acknowledge(100)
        for follower, _ in followers:
            wait_for(lambda: follower.seqs(), 10, "records")
        pair.kill("redis", how)
        pids = [pair.pids[f"gateway.{n}"] for n in (1, 2)]
        pair.up(CBM_HTTP_HEARTBEAT_MS="300")
        assert all(map(running, pids)), "the gateways stay"
        assert not any(follower.stream.ended for follower, _ in followers), "and so do their streams"
    check(pair, writer, followers)
    writer.close()


def test_who_comes_while_redis_is_away_waits(pair):
    token = token_of(pair)
    with pair.client() as client:
        client.call("events", "event.propose", {"title": "One", "kind": "seminar", "host": "SECRETARIAT", "year": 2032})
    first = Follower(pair, token)
    wait_for(lambda: first.turn() or first.stream, 10, "the token to be known")
    pair.kill("redis")
    import threading
    came = []
    thread = threading.Thread(target=lambda: came.append(Stream(pair.env["CBM_HTTP"].split(",")[0], token, **{"from": "start"})))
    thread.start()
    thread.join(0.5)
    assert not came, "it waits for its place to be known"
    pair.up(CBM_HTTP_HEARTBEAT_MS="300")
    thread.join(20 * SLOW)
    assert came and came[0].status == 200
    wait_for(lambda: len(came[0].events) >= 1, 10, "the record")
    came[0].__exit__()
    first.take()
