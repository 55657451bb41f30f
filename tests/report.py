#!/usr/bin/env python3
"""Runs unit tests and whole steps of `make test`, keeps what happened as JUnit files, and adds them up.

    report.py unit OUT.xml [--wrap "valgrind …"] BINARY…
    report.py fuzz OUT.xml SECONDS BINARY…
    report.py test REPORTS STEP…        runs `make STEP` for each and prints the one summary line
    report.py coverage BUILD            lines covered by folder, from gcov's counts
"""
import concurrent.futures
import os
import pathlib
import re
import shlex
import subprocess
import sys
import time
import xml.etree.ElementTree as xml

RESULT = re.compile(r"^\[\s+(OK|FAILED|ERROR|SKIPPED)\s+\] (\w+)\s*$", re.M)


def write(path, suite, cases):
    """cases: (name, outcome passed|failed|skipped, text, seconds)"""
    root = xml.Element("testsuite", name=suite, tests=str(len(cases)), errors="0",
                       failures=str(sum(c[1] == "failed" for c in cases)),
                       skipped=str(sum(c[1] == "skipped" for c in cases)))
    for name, outcome, text, seconds in cases:
        case = xml.SubElement(root, "testcase", classname=suite, name=name, time=f"{seconds:.3f}")
        if outcome != "passed":
            what = xml.SubElement(case, "failure" if outcome == "failed" else "skipped")
            what.text = "".join(c for c in text if c >= " " or c in "\n\t")
    path.parent.mkdir(parents=True, exist_ok=True)
    xml.ElementTree(root).write(path, encoding="unicode")


def run_binary(binary, wrap):
    began = time.monotonic()
    try:
        done = subprocess.run([*wrap, binary], stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                              timeout=600, stdin=subprocess.DEVNULL)
        text, code = done.stdout.decode(errors="replace"), done.returncode
    except subprocess.TimeoutExpired as expired:
        text, code = (expired.stdout or b"").decode(errors="replace"), "a timeout of 600 s"
    outcomes = {}
    for word, name in RESULT.findall(text):
        outcome = {"OK": "passed", "SKIPPED": "skipped"}.get(word, "failed")
        outcomes[name] = "failed" if "failed" in (outcome, outcomes.get(name)) else outcome
    if code != 0 and "failed" not in outcomes.values():
        outcomes[f"ends with {code}"] = "failed"
    elif not outcomes:
        outcomes["has no test"] = "failed"
    return binary, code, text, outcomes, time.monotonic() - began


def unit(out, arguments):
    wrap = []
    if arguments and arguments[0] == "--wrap":
        wrap, arguments = shlex.split(arguments[1]), arguments[2:]
    cases, failed = [], False
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        for binary, code, text, outcomes, seconds in pool.map(lambda b: run_binary(b, wrap), arguments):
            name = pathlib.Path(binary).name
            bad = "failed" in outcomes.values()
            failed = failed or bad
            passed = sum(o == "passed" for o in outcomes.values())
            print(f"{'FAILED' if bad else 'ok':<7}{name:<32}{passed:>4} passed  {seconds:6.2f} s",
                  flush=True)
            if bad:
                print("    " + text.strip().replace("\n", "\n    "))
            cases += [(f"{name}.{test}", outcome, text, seconds / len(outcomes))
                      for test, outcome in outcomes.items()]
    write(pathlib.Path(out), "unit", cases)
    return 1 if failed or not cases else 0


def fuzz_one(binary, seconds):
    began = time.monotonic()
    binary = pathlib.Path(binary)
    name = binary.name.removeprefix("fuzz_")
    work, artifacts = binary.parent / "corpus" / name, binary.parent / "artifacts"
    for folder in (work, artifacts):
        folder.mkdir(parents=True, exist_ok=True)
    kept = pathlib.Path("tests/fuzz/corpus") / name
    done = subprocess.run(
        [str(binary), f"-max_total_time={seconds}", "-timeout=5", "-rss_limit_mb=1024", "-max_len=65536",
         "-print_final_stats=1", f"-artifact_prefix={artifacts}/{name}-", str(work),
         *([str(kept)] if kept.is_dir() else [])],
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL, timeout=int(seconds) + 300)
    return name, done.returncode, done.stdout.decode(errors="replace"), time.monotonic() - began


def fuzz(out, seconds, binaries):
    cases = []
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        for name, code, text, took in pool.map(lambda b: fuzz_one(b, seconds), binaries):
            runs = re.search(r"number_of_executed_units: (\d+)", text)
            print(f"{'FAILED' if code else 'ok':<7}{name:<20}{runs.group(1) if runs else '?':>12} inputs",
                  flush=True)
            if code:
                print("    " + text[-4000:].strip().replace("\n", "\n    "))
            cases.append((name, "failed" if code else "passed", text[-4000:], took))
    write(pathlib.Path(out), "fuzz", cases)
    return 1 if not cases or any(c[1] == "failed" for c in cases) else 0


def counts(path):
    total = {"passed": 0, "failed": 0, "skipped": 0}
    for suite in xml.parse(path).getroot().iter("testsuite"):
        failed = int(suite.get("failures", 0)) + int(suite.get("errors", 0))
        skipped = int(suite.get("skipped", 0))
        total["failed"] += failed
        total["skipped"] += skipped
        total["passed"] += int(suite.get("tests", 0)) - failed - skipped
    return total


def test(reports, steps):
    reports = pathlib.Path(reports)
    reports.mkdir(parents=True, exist_ok=True)
    for old in reports.glob("*.xml"):
        old.unlink()
    lines, seen, bad_steps = [], set(), 0
    for step in steps:
        print(f"\n==== {step}", flush=True)
        began = time.monotonic()
        code = subprocess.run([os.environ.get("MAKE", "make"), "--no-print-directory",
                               f"-j{os.cpu_count()}", step]).returncode
        seconds = time.monotonic() - began
        new = sorted(set(reports.glob("*.xml")) - seen)
        sums = [counts(path) for path in new]
        if not new or (code != 0 and not sum(s["failed"] for s in sums)):
            path = reports / f"step-{step}.xml"
            write(path, "step", [(step, "failed" if code else "passed", f"exit code {code}", seconds)])
            new.append(path)
            sums.append(counts(path))
        seen |= set(new)
        step_sum = {word: sum(s[word] for s in sums) for word in ("passed", "failed", "skipped")}
        bad_steps += code != 0
        lines.append((step, step_sum, code, seconds))
    print("\n==== what happened")
    for step, sums, code, seconds in lines:
        print(f"{'FAILED' if code else 'ok':<7}{step:<14}{sums['passed']:>5} passed {sums['failed']:>3}"
              f" failed {sums['skipped']:>3} skipped  {seconds:6.1f} s")
    for path in sorted(seen):
        for case in xml.parse(path).getroot().iter("testcase"):
            skip = case.find("skipped")
            if case.find("failure") is not None or case.find("error") is not None:
                print(f"failed:  {case.get('classname')} {case.get('name')}")
            elif skip is not None:
                print(f"skipped: {case.get('name')}: {skip.get('message') or (skip.text or '').strip()[:100]}")
    total = {word: sum(s[word] for _, s, _, _ in lines) for word in ("passed", "failed", "skipped")}
    print(f"{total['passed']} passed, {total['failed']} failed, {total['skipped']} skipped")
    return 1 if bad_steps or total["failed"] else 0


def coverage(build):
    folders = {}
    notes = [str(p) for p in pathlib.Path(build).rglob("*.gcda")]
    text = subprocess.run(["gcov", "-n", *notes], capture_output=True, text=True).stdout
    best = {}
    for name, percent, lines in re.findall(r"File '([^']+)'\nLines executed:([\d.]+)% of (\d+)", text):
        name = os.path.relpath(name) if name.startswith("/") else name
        if not name.startswith((".", "tests/")):
            covered = round(float(percent) * int(lines) / 100)
            best[name] = max(best.get(name, (0, 0)), (covered, int(lines)))
    for name, (covered, lines) in best.items():
        folder = folders.setdefault(os.path.dirname(name), [0, 0])
        folder[0] += covered
        folder[1] += lines
    for folder, (covered, lines) in sorted(folders.items()):
        print(f"{100 * covered / max(lines, 1):6.1f} %  {covered:>6} of {lines:>6}  {folder}")
    covered, lines = (sum(f[i] for f in folders.values()) for i in (0, 1))
    print(f"{100 * covered / max(lines, 1):6.1f} %  {covered:>6} of {lines:>6}  all")
    return 0


def main(arguments):
    if len(arguments) >= 2 and arguments[0] == "unit":
        return unit(arguments[1], arguments[2:])
    if len(arguments) >= 3 and arguments[0] == "fuzz":
        return fuzz(arguments[1], arguments[2], arguments[3:])
    if len(arguments) >= 3 and arguments[0] == "test":
        return test(arguments[1], arguments[2:])
    if len(arguments) == 2 and arguments[0] == "coverage":
        return coverage(arguments[1])
    print(__doc__, file=sys.stderr)
    return 64


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
