"""`make bench`: this system and its peers side by side, in turn (A B A B …), on the same machine in the same
run. Prints a table; a run of all rows writes tests/bench/results.json, docs/performance/*.svg and the table in
docs/performance.md, a run of some rows writes BUILD/bench-results.json only (with --merge it replaces these rows
in results.json, if that is of the same commit). Numbers of one machine at one time: compare, do not quote."""
import argparse
import contextlib
import datetime
import json
import os
import pathlib
import platform
import resource
import shlex
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time

import plot
import rows as table
from servers import ROOT, NotMeasured, Servers, cpu_us, free_port

RESULTS = ROOT / "tests/bench/results.json"
PAGE = ROOT / "docs/performance.md"
PLOTS = ROOT / "docs/performance"


def say(text):
    print(text, file=sys.stderr, flush=True)


def rounded(value):
    return None if value is None else float(f"{value:.4g}")


# ---- one run --------------------------------------------------------------------------------------
class Bench:
    def __init__(self, servers, pairs, seconds):
        self.servers, self.pairs, self.seconds = servers, pairs, seconds
        self.rows, self.details, self.kept = [], [], {}

    def execute(self, run, words, more):
        words = {**words, **more}
        if callable(run.command):
            return run.command(self.servers, words)
        program, *arguments = shlex.split(run.command)
        arguments = [argument.format(**words) for argument in arguments]
        before, own = self.cpu(words), resource.getrusage(resource.RUSAGE_CHILDREN)
        limit = words.get("limit") or 120 + 20 * words["seconds"]
        try:
            done = subprocess.run([self.servers.program(program), *arguments], capture_output=True, text=True,
                                  check=False, timeout=limit)
        except subprocess.TimeoutExpired:
            raise NotMeasured(f"{run.name}: not done after {limit:.0f} s") from None
        if done.returncode or not done.stdout.strip():
            why = (done.stderr or done.stdout).strip().splitlines()
            raise NotMeasured(f"{run.name}: {why[-1][:300] if why else f'exit code {done.returncode}'}")
        found = json.loads(done.stdout.strip().splitlines()[-1])
        count = next((found[key] for key in ("count", "changes", "deliveries", "records") if found.get(key)), 0)
        if count:
            after = resource.getrusage(resource.RUSAGE_CHILDREN)
            spent = {name: value - before[name] for name, value in self.cpu(words).items()}
            spent["load"] = (after.ru_utime - own.ru_utime + after.ru_stime - own.ru_stime) * 1e6
            found["cpu_us"] = {name: round(value / count, 2) for name, value in spent.items() if value / count >= 0.05}
        return found

    @staticmethod
    def cpu(words):
        return {name[4:]: cpu_us(pid) for name, pid in words.items() if name.startswith("cpu:")}

    def once(self, run, kept, more):
        """One measurement, on servers that live for it alone, or on those that are kept for the case."""
        if run.name in kept:
            return self.execute(run, kept[run.name], more)
        with self.servers.running(run.servers) as words:
            return self.execute(run, words, more)

    def keep(self, case, more):
        """The servers that this case keeps: those of the case before are used again where they are the same."""
        wanted = {(run.servers, run.prepare): run for run in [case.ours, *case.peers] if run.keep}
        for place in [place for place in self.kept if place not in wanted]:
            self.kept.pop(place)[0].close()
        for place, run in wanted.items():
            if place in self.kept:
                continue
            with contextlib.ExitStack() as stack:
                words = stack.enter_context(self.servers.running(run.servers))
                for command in run.prepare.split(" && ") if run.prepare else ():
                    say(f"      prepare {command.split()[0]}")
                    self.execute(table.Run(run.name, command), words, {**more, "limit": 1800})
                self.kept[place] = (stack.pop_all(), words)
        return {run.name: self.kept[run.servers, run.prepare][1] for run in [case.ours, *case.peers] if run.keep}

    def close(self):
        for stack, _ in self.kept.values():
            stack.close()
        self.kept = {}

    def better_peer(self, case, kept, more):
        """Of several peers the better by the first metric, by a short trial of each."""
        if len(case.peers) == 1:
            return case.peers[0]
        metric, key, _ = case.metrics[0]
        found, why = [], None
        for peer in case.peers:
            try:
                found.append((self.once(peer, kept, {**more, "seconds": min(1.0, self.seconds)})[key], peer))
                say(f"      trial   {peer.name:<42} {key} {found[-1][0]:.6g}")
            except NotMeasured as reason:
                why = reason
        if not found:
            raise why
        found.sort(key=lambda one: one[0])
        return found[-1 if metric in table.HIGHER else 0][1]

    # ---- one case ---------------------------------------------------------------------------------
    def measure(self, case):
        say(f"row {case.row}: {case.case}")
        more = {"seconds": self.seconds, "port": free_port()}
        begin, ours, peers, peer, why = time.monotonic(), [], [], None, None
        try:
            if case.rate:
                more["rate"] = case.rate(self.rows)
            kept = self.keep(case, more)
            peer = self.better_peer(case, kept, more)
            for number in range(min(self.pairs, case.pairs)):
                ours.append(self.once(case.ours, kept, more))
                more["port"] = free_port()
                peers.append(self.once(peer, kept, more))
                more["port"] = free_port()
                key = case.metrics[0][1]
                say(f"      pair {number + 1}  ours {ours[-1][key]:.6g}  {peer.name} {peers[-1][key]:.6g}")
        except (NotMeasured, RuntimeError, subprocess.CalledProcessError) as reason:
            why = str(reason).strip()
            say(f"      not measured: {why}")
        self.keep_rows(case, ours, peers, why)
        self.details.append({"row": case.row, "case": case.case, "ours": case.ours.name,
                             "peer": peer.name if peer else " or ".join(one.name for one in case.peers),
                             **({"rate": more["rate"]} if "rate" in more else {}),
                             **({"not_measured": why} if why else {}), "took_s": round(time.monotonic() - begin, 1),
                             "samples": [[a, b] for a, b in zip(ours, peers)]})

    def keep_rows(self, case, ours, peers, why):
        for metric, key, goal in case.metrics:
            row = {"row": case.row, "case": case.case, "metric": metric, "ours": None, "peer": None, "ratio": None,
                   "spread": None, "goal": goal, "met": None}
            pairs = [(a[key], b[key]) for a, b in zip(ours, peers) if key in a and key in b]
            if pairs and not why:
                ratios = [a / b if b else 1.0 if a == b else float("inf") for a, b in pairs]
                row["ours"] = rounded(statistics.median(a for a, _ in pairs))
                row["peer"] = rounded(statistics.median(b for _, b in pairs))
                finite = [one for one in ratios if one != float("inf")]
                if finite:
                    row["ratio"] = rounded(statistics.median(finite))
                    row["spread"] = [rounded(min(finite)), rounded(max(finite))]
                row["met"] = met(goal, row)
                if goal and len(finite) < len(ratios):  # the peer took no time at all
                    row["met"] = False
            self.rows.append(row)


def met(goal, row):
    if not goal:
        return None
    sign, limit, *unit = goal.split()
    value = row["ours"] if unit else row["ratio"]
    if value is None:
        return None
    return value >= float(limit) if sign == ">=" else value <= float(limit)


# ---- what is written ------------------------------------------------------------------------------
def machine(base):
    """What matters for reading the numbers; no name of a host, processor or kernel."""
    memory = int(open("/proc/meminfo").readline().split()[1]) / 1024 / 1024
    kind = subprocess.run(["stat", "-f", "-c", "%T", str(base)], capture_output=True, text=True,
                          check=False).stdout.strip()
    path, times = base / "probe", []
    with open(path, "wb", buffering=0) as probe:
        for _ in range(60):
            probe.write(b"x" * 2048)
            begin = time.monotonic()
            os.fdatasync(probe.fileno())
            times.append((time.monotonic() - begin) * 1e6)
    path.unlink()
    return (f"{os.cpu_count()} cores, {platform.machine()}, {memory:.0f} GiB, data on {kind} with fdatasync of "
            f"{statistics.median(times):.0f} µs")


def commit():
    def git(*words):
        return subprocess.run(["git", *words], cwd=ROOT, text=True, capture_output=True, check=False).stdout.strip()
    dirty = git("status", "--porcelain", "--untracked-files=no", "--", "common", "services", "deploy", "tests/bench/*.c")
    return git("rev-parse", "--short", "HEAD") + ("+" if dirty else "")


def text_of(value):
    if value is None:
        return "–"
    if isinstance(value, bool):
        return "yes" if value else "**no**"
    if isinstance(value, list):
        return f"{value[0]:.3g} to {value[1]:.3g}"
    if isinstance(value, str):
        return value
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"


def print_table(result):
    for row in result["rows"]:
        said = {True: "met", False: "MISSED", None: ""}[row["met"]] if row["ours"] is not None else "not measured"
        print(f"{row['row']:>3}  {row['case'][:42]:<42} {row['metric'][:34]:<34} {text_of(row['ours']):>10} "
              f"{text_of(row['peer']):>10} {text_of(row['ratio']):>8}  {text_of(row['spread']):<16} "
              f"{row['goal'] or '':<11} {said}")


def markdown(result):
    lines = [f"Measured {result['date']} at commit {result['commit']} on {result['machine']}.", ""]
    peers = {(one["row"], one["case"]): one for one in result["details"]}
    for number, title in table.TITLES.items():
        rows = [row for row in result["rows"] if row["row"] == number]
        if not rows:
            continue
        lines += [f"### Row {number}: {title}", "",
                  "| case | measure | ours | peer | ratio | spread | goal | met |", "| --- | --- | ---: | ---: | ---: "
                  "| --- | --- | --- |"]
        for row in rows:
            detail = peers.get((row["row"], row["case"]), {})
            cells = [row["case"], row["metric"], *(text_of(row[key]) for key in ("ours", "peer", "ratio", "spread")),
                     row["goal"] or "", text_of(row["met"]) if row["goal"] and row["ours"] is not None else ""]
            if row["ours"] is None:
                cells[2:6] = ["not measured", "", "", ""]
            lines.append("| " + " | ".join(cells) + " |")
        said = sorted({one["peer"] for key, one in peers.items() if key[0] == number})
        lines += ["", "Peers: " + "; ".join(said) + ".", ""]
        lines += cpu_table([one for key, one in peers.items() if key[0] == number])
        why = [f"{one['case']}: {one['not_measured']}" for key, one in peers.items()
               if key[0] == number and "not_measured" in one]
        lines += [f"Not measured: {one}." for one in why] + ([""] if why else [])
        lines += [f"![row {number}: {title}](performance/row-{number}.svg)", ""]
    if result.get("instructions"):
        lines += ["### Instructions a request", "", "| method | " + " | ".join(table.OURS) + " |",
                  "| --- |" + " ---: |" * len(table.OURS)]
        lines += [f"| {method} | " + " | ".join(f"{counts.get(name, 0):,}" for name in table.OURS) + " |"
                  for method, counts in result["instructions"].items()] + [""]
    return "\n".join(lines)


def cpu_table(details):
    """CPU by process: what is busiest bounds the rate; all together, over the cores, is the other bound."""
    lines = []
    for one in details:
        for side, name in ((0, "ours"), (1, one["peer"])):
            samples = [pair[side]["cpu_us"] for pair in one["samples"] if "cpu_us" in pair[side]]
            if not samples or (side == 0 and any(line.startswith(f"| {one['case'].split(',')[0]} | ours")
                                                 for line in lines)):
                continue
            names = sorted({name for sample in samples for name in sample})
            medians = {name: statistics.median(sample.get(name, 0) for sample in samples) for name in names}
            case = one["case"].split(",")[0] if side == 0 else one["case"]
            lines.append(f"| {case} | {name} | " + ", ".join(
                f"{name} {value:.3g}" for name, value in sorted(medians.items(), key=lambda item: -item[1])) +
                f" | {sum(medians.values()):.3g} |")
    if not lines:
        return []
    return ["| case | side | CPU of each process, µs for each | all, µs |", "| --- | --- | --- | ---: |", *lines, ""]


def refresh_page(result):
    begin, end = "<!-- bench: begin -->", "<!-- bench: end -->"
    page = PAGE.read_text()
    before, rest = page.split(begin, 1)
    after = rest.split(end, 1)[1]
    PAGE.write_text(f"{before}{begin}\n{markdown(result)}\n{end}{after}")


def publish(result):
    RESULTS.write_text(json.dumps(result, indent=1, ensure_ascii=False) + "\n")
    PLOTS.mkdir(exist_ok=True)
    plot.write_all(result, table.TITLES, PLOTS)
    refresh_page(result)


def merged(result):
    """The last full run with these rows in place of its own."""
    old = json.loads(RESULTS.read_text()) if RESULTS.exists() else {**result, "rows": [], "details": []}
    if old["commit"] != result["commit"]:
        sys.exit(f"results.json is of commit {old['commit']}, this run of {result['commit']}: run all rows")
    new = {row["row"] for row in result["rows"]}
    for part in ("rows", "details"):
        kept = [one for one in old[part] if one["row"] not in new]
        result[part] = sorted(kept + result[part], key=lambda one: one["row"])
    return result


def arguments():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--build", default="build")
    parser.add_argument("--rows", default="", help="1,4: only these")
    parser.add_argument("--pairs", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=2)
    parser.add_argument("--merge", action="store_true")
    parser.add_argument("--only-publish", action="store_true", help="table and plots from results.json, no run")
    return parser.parse_args()


def main():
    options = arguments()
    if options.only_publish:
        publish(json.loads(RESULTS.read_text()))
        return
    wanted = {int(number) for number in options.rows.split(",") if number.strip()}
    base = pathlib.Path(tempfile.mkdtemp(prefix="cbm-bench-"))
    base.chmod(0o711)  # PostgreSQL runs as another user
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    bench = Bench(Servers(options.build, base), options.pairs, options.seconds)
    result = {"machine": machine(base), "commit": commit(), "date": datetime.date.today().isoformat(),
              "pairs": options.pairs, "seconds": options.seconds}
    try:
        for case in table.CASES:
            if not wanted or case.row in wanted:
                bench.measure(case)
    finally:
        bench.close()
        shutil.rmtree(base, ignore_errors=True)
    result["rows"], result["details"] = bench.rows, bench.details
    old = json.loads(RESULTS.read_text()) if RESULTS.exists() else {}
    if old.get("instructions"):
        result["instructions"] = old["instructions"]
    print_table(result)
    trial = pathlib.Path(options.build) / "bench-results.json"
    trial.write_text(json.dumps(result, indent=1, ensure_ascii=False) + "\n")
    if not wanted or options.merge:
        publish(merged(result) if wanted else result)
        say(f"bench: {RESULTS.relative_to(ROOT)}, {PAGE.relative_to(ROOT)} and {PLOTS.relative_to(ROOT)}/ written")
    else:
        say(f"bench: a run of some rows: {trial} written, nothing else")
    missing = [row for row in bench.rows if row["ours"] is None]
    if missing:
        say(f"bench: {len(missing)} of {len(bench.rows)} measures have no numbers")


if __name__ == "__main__":
    main()
