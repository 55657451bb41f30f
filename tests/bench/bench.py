"""`make bench`, first form: this system alone, on a private stack as a user gets it. Prints a table and
writes tests/bench/results.json. Numbers of one machine at one time: compare, do not quote.
usage: bench.py BUILD LOAD [SECONDS]"""
import json
import os
import pathlib
import platform
import shlex
import shutil
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
RUNS = 3  # of each case; the median counts


def stack(directory, build, command, *arguments):
    words = [str(ROOT / "deploy/stack"), command, "--dir", directory, *arguments]
    if command == "up":
        words += ["--build", str(build)]
    subprocess.run(words, check=True, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)


def read_env(directory):
    lines = (shlex.split(line) for line in open(os.path.join(directory, "env")))
    return dict(words[0].split("=", 1) for words in lines if words)


def resident_kib(pid):
    for line in open(f"/proc/{pid}/status"):
        if line.startswith("VmRSS"):
            return int(line.split()[1])
    return 0


def median(values):
    return sorted(values)[len(values) // 2]


def load(binary, env, what, in_flight, seconds):
    out = subprocess.run([binary, env["CBM_BUS"], env["CBM_NOTIFY"], what, str(in_flight),
                          str(seconds)], check=True, capture_output=True, text=True).stdout
    return json.loads(out)


def row(rows, number, case, metric, runs, key):
    values = [run[key] for run in runs]
    rows.append({"row": number, "case": case, "metric": metric, "ours": median(values),
                 "spread": [min(values), max(values)]})


def measure_requests(rows, binary, env, seconds):
    for number, what, name in ((1, "get:bench-event", "event.get"), (2, "propose", "event.propose")):
        for in_flight in (1, 64):
            runs = [load(binary, env, what, in_flight, seconds) for _ in range(RUNS)]
            assert all(run["errors"] == 0 for run in runs), runs
            case = f"{name}, {in_flight} in flight"
            row(rows, number, case, "requests/s", runs, "rate")
            row(rows, number, case, "p50 µs", runs, "p50_us")
            row(rows, number, case, "p99 µs", runs, "p99_us")
    runs = [load(binary, env, "notify", 1, seconds) for _ in range(RUNS)]
    row(rows, 4, "acknowledgement to SUB, one at a time", "p50 µs", runs, "p50_us")
    row(rows, 4, "acknowledgement to SUB, one at a time", "p99 µs", runs, "p99_us")


def prepare(build, env):
    cbm = str(build / "cbm")
    calls = [("registry", "participant.put", {"code": "KZ", "name": "Kazakhstan", "kind": "state",
                                              "status": "member", "since": "1999-09-14"}),
             ("registry", "catalogue.put", {"adopted": "2021-10-12", "dimensions": [
                 {"code": "economic", "name": "Economic", "areas": [
                     {"code": "tourism", "name": "Tourism"}]}]}),
             ("events", "event.propose", {"id": "bench-event", "title": "Seminar on tourism",
                                          "kind": "seminar", "dimension": "economic",
                                          "area": "tourism", "host": "KZ", "year": 2031})]
    for service, method, params in calls:
        subprocess.run([cbm, "call", service, method, json.dumps(params)], check=True,
                       env={**os.environ, **env}, stdout=subprocess.DEVNULL)


def main():
    build, binary = pathlib.Path(sys.argv[1]).resolve(), os.path.abspath(sys.argv[2])
    seconds = sys.argv[3] if len(sys.argv) > 3 else "3"
    rows, directory = [], tempfile.mkdtemp(prefix="cbm-bench-")
    try:
        starts = []
        for _ in range(RUNS):
            shutil.rmtree(directory)
            begin = time.monotonic()
            stack(directory, build, "up")
            starts.append({"ms": round((time.monotonic() - begin) * 1000)})
            if len(starts) < RUNS:
                stack(directory, build, "down")
        row(rows, 12, "deploy/stack up, empty directory, to the first answer", "ms", starts, "ms")
        env = read_env(directory)
        prepare(build, env)
        for pair in env["CBM_PIDS"].split():
            name, pid = pair.split("=")
            row(rows, 11, f"resident, idle: {name}", "KiB", [{"kib": resident_kib(pid)}], "kib")
        measure_requests(rows, binary, env, seconds)
    finally:
        stack(directory, build, "down")
        shutil.rmtree(directory, ignore_errors=True)
    commit = subprocess.run(["git", "rev-parse", "--short", "HEAD"], cwd=ROOT, text=True,
                            capture_output=True).stdout.strip()
    result = {"machine": f"{os.cpu_count()} cores, {platform.machine()}", "commit": commit,
              "rows": rows}
    (ROOT / "tests/bench/results.json").write_text(json.dumps(result, indent=1) + "\n")
    for one in rows:
        low, high = one["spread"]
        print(f"{one['row']:>3}  {one['case']:<55} {one['metric']:<11} {one['ours']:>9} "
              f"({low} to {high})")


if __name__ == "__main__":
    main()
