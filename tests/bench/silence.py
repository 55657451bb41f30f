#!/usr/bin/python3
"""How late the outcomes of many pending silences are: each decision's outcome record against its deadline,
both by the store's clock. Once on an idle stack, once right after every registry was killed and started
again, and once with all deadlines past while none ran. Exit code 1 if one was over 50 ms late (of those that
fell due while a registry ran), or an outcome was missing or written twice."""
import argparse
import pathlib
import shutil
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))
from conftest import Stack, scratch_directory, time_ms, time_text, wait_for  # noqa: E402

LIMIT_MS = 50
OUTCOMES = ("decision.adopted", "decision.silence_broken")


def prepare(client):
    for code in ("KZ", "TJ", "AZ"):
        client.call("registry", "participant.put", {"code": code, "name": code, "kind": "state",
                                                    "status": "member", "since": "2000-01-01"})
    client.call("registry", "body.put", {"code": "MC", "name": "MC", "kind": "governing", "level": 3})
    client.call("registry", "procedure.put", {"code": "SILENCE", "mode": "silence", "may_shorten": True})


def open_all(client, name, count, first_ms, spread_ms):
    """Opens them, 200 at a time under way."""
    open_now = []
    for i in range(count):
        deadline = time_text(first_ms + i * spread_ms // count)
        open_now.append(client.send("registry", "decision.open", {
            "id": f"{name}-{i}", "title": name, "body": "MC", "procedure": "SILENCE", "deadline": deadline}))
        if len(open_now) == 200:
            client.wait(open_now.pop(0))
    for msgid in open_now:
        client.wait(msgid)


def lateness(client, name, after):
    """ms from each deadline to its outcome's record, and the ids seen."""
    late, seen = [], []
    while True:
        page = client.call("notify", "log.read", {"prefix": "decisions.MC.", "after": after, "limit": 1000},
                           safe=True)
        for item in page["items"]:
            id = item["topic"].split(".")[2]
            if item["meta"]["type"] in OUTCOMES and id.startswith(name + "-"):
                seen.append(id)
                late.append(time_ms(item["meta"]["time"]) - time_ms(item["data"]["outcome_at"]))
        after = page["next"]
        if after >= page["last"]:
            return late, seen


def report(what, late, seen, count):
    late = sorted(late)
    over = sum(one > LIMIT_MS for one in late)
    print(f"{what:28} {len(seen)} outcomes of {len(set(seen))} decisions; late by p50 {late[len(late) // 2]} "
          f"p99 {late[len(late) * 99 // 100]} max {late[-1]} ms; over {LIMIT_MS} ms: {over}", flush=True)
    return len(seen) == len(set(seen)) == count and late[0] >= 0


def run(stack, options, name, kill_before_ms=None, down_ms=0):
    """One round: opens, perhaps kills every registry, waits for the last outcome."""
    client = stack.client(60)
    after = client.call("notify", "log.last", {"prefix": ""}, safe=True)["seq"]
    first = int(time.time() * 1000) + options.lead * 1000
    spread = options.spread * 1000
    open_all(client, name, options.count, first, spread)
    assert time.time() * 1000 < first, "opening took too long: more --lead"
    if kill_before_ms is not None:
        time.sleep(max(0.0, (first - kill_before_ms) / 1000 - time.time()))
        for replica in range(options.replicas):
            stack.kill(f"registry.{replica + 1}")
        time.sleep(max(0.0, down_ms / 1000 - time.time() + (first - kill_before_ms) / 1000))
        started = time.time() * 1000
        stack.up("--scale", f"registry={options.replicas}")
    end = max(first + spread, int(time.time() * 1000)) / 1000
    time.sleep(max(0.0, end - time.time()))
    wait_for(lambda: len(lateness(client, name, after)[1]) >= options.count, 60, "every outcome", every=0.3)
    late, seen = lateness(client, name, after)
    client.close()
    if down_ms:
        written = max(ms for ms in late) + first - started
        print(f"{'':28} the last of the overdue was written about {written:.0f} ms after the restart began")
    return late, seen


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=10000)
    parser.add_argument("--spread", type=int, default=20, help="seconds over which the deadlines lie")
    parser.add_argument("--lead", type=int, default=15, help="seconds for opening them")
    parser.add_argument("--replicas", type=int, default=1)
    options = parser.parse_args()
    stack, good = Stack(scratch_directory()), True
    try:
        stack.up("--scale", f"registry={options.replicas}")
        with stack.client(60) as client:
            prepare(client)
        late, seen = run(stack, options, "idle")
        good = report("idle", late, seen, options.count) and max(late) <= LIMIT_MS
        late, seen = run(stack, options, "restart", kill_before_ms=1000)
        good &= report("restarted 1 s before", late, seen, options.count) and max(late) <= LIMIT_MS
        short = argparse.Namespace(**{**vars(options), "spread": 1})
        late, seen = run(stack, short, "overdue", kill_before_ms=1000, down_ms=3000)
        good &= report("all overdue at the restart", late, seen, options.count)
    finally:
        stack.down()
        shutil.rmtree(stack.dir, ignore_errors=True)
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
