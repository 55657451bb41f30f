"""A wall clock that is a year off: an idempotency key used through one replica is known to another.
It must not know how keys are kept."""
import time

import pytest

from test_silence import Replica, alone_answers

from conftest import time_text, wait_for


@pytest.mark.timeout(120)
def test_a_key_is_known_to_a_replica_of_another_year(make_stack):
    stack = make_stack()
    replicas = [Replica(stack, number) for number in range(2)]
    asked = {"title": "A text", "body": "SOC", "procedure": "SILENCE", "deadline": time_text(int(time.time() * 1000) + 600_000)}

    def alone(which, by):
        """The answers come from this replica only, whose clock is so far off."""
        for replica in replicas:
            if replica.process.poll() is None:
                replica.kill()
        which.step(by)
        which.start()
        wait_for(lambda: alone_answers(client), what="the replica")
    try:
        stack.kill("registry.1")
        with stack.client(20) as client:
            alone(replicas[0], "+0")
            call = lambda method, params, **how: client.call("registry", method, params, **how)
            call("participant.put", {"code": "KZ", "name": "Kazakhstan", "kind": "state", "status": "member",
                                     "since": "1992-10-05"})
            call("body.put", {"code": "SOC", "name": "SOC", "kind": "governing", "level": 2, "from": "1992-10-05"})
            call("procedure.put", {"code": "SILENCE", "mode": "silence", "may_shorten": True})
            first = call("decision.open", asked, key="one")
            for which, by in ((replicas[1], "+365d"), (replicas[0], "-400d"), (replicas[1], "+0")):
                alone(which, by)
                assert call("decision.open", asked, key="one") == first, by
            alone(replicas[0], "+365d")
            second = call("decision.open", asked, key="two")
            assert second["id"] != first["id"]
            alone(replicas[1], "-3d")
            assert call("decision.open", asked, key="two") == second
    finally:
        for replica in replicas:
            replica.close()
