"""`make bench-instructions`: what a request costs each service in instructions, by callgrind. Each method is
run twice with different numbers of requests on a stack of its own; the difference is the cost of the requests,
free of start and end. Unlike times, it hardly depends on the machine, so it can fail: exit code 1 when any grew
by more than 10 % over tests/bench/baseline.json. --update writes that file, and the numbers into results.json."""
import argparse
import json
import pathlib
import shutil
import subprocess
import sys
import tempfile

from servers import ROOT, NotMeasured, Servers, find

BASELINE = ROOT / "tests/bench/baseline.json"
RESULTS = ROOT / "tests/bench/results.json"
SERVICES = ("bus", "events", "notify")
METHODS = {"event.get": "get:bench-event", "event.propose": "propose"}
FEW, MANY = 300, 1500
IN_FLIGHT = 64  # the batches are full, however fast the machine
# what of libc depends on the processor, such as copying, is the same everywhere
PINNED = "glibc.cpu.hwcaps=-AVX2,-AVX,-ERMS,-FSRM,-BMI2,-LZCNT,-MOVBE,-AVX_Fast_Unaligned_Load"
GROWTH = 1.10
SMALL = 500  # instructions; what is less is the noise of timers


def totals(directory, pids):
    found = {}
    for name in SERVICES:
        files = directory.glob(f"callgrind.{pids[name + '.1']}*")
        found[name] = sum(int(line.split()[1]) for file in files for line in open(file, errors="replace")
                          if line.startswith("totals:"))
        if not found[name]:
            raise RuntimeError(f"callgrind wrote nothing for {name}")
    return found


def run(servers, what, count):
    """Instructions of each service from start to end with so many requests between."""
    directory = servers.directory("callgrind")
    wrap = f"{find('valgrind')} --tool=callgrind -q --callgrind-out-file={directory}/callgrind.%p"
    with servers.stack({}, "", CBM_STACK_WRAP=wrap, CBM_STACK_WAIT_S="120", GLIBC_TUNABLES=PINNED) as words:
        done = subprocess.run([servers.program("load"), words["bus"], what, "--count", str(count), "--in-flight",
                               str(IN_FLIGHT)], capture_output=True, text=True, check=False, timeout=300)
        if done.returncode:
            raise RuntimeError(f"load {what}: {done.stderr or done.stdout}")
        pids = words["pids"]
    return totals(directory, pids)


def measure(servers, method, rounds):
    """The least of some rounds: what disturbs only adds."""
    least = {}
    for _ in range(rounds):
        few, many = (run(servers, METHODS[method], count) for count in (FEW, MANY))
        for name in SERVICES:
            cost = max(0, round((many[name] - few[name]) / (MANY - FEW)))
            least[name] = min(cost, least.get(name, cost))
        print(f"{method:<14} " + "  ".join(f"{name} {least[name]:,}" for name in SERVICES), file=sys.stderr, flush=True)
    return least


def grown(found, baseline):
    lines = []
    for method, counts in found.items():
        for name, count in counts.items():
            before = baseline.get(method, {}).get(name)
            if before is None:
                lines.append(f"{method} in {name}: {count:,}, no baseline")
            elif count > before * GROWTH and count - before > SMALL:
                lines.append(f"{method} in {name}: {count:,} instructions, {before:,} before: "
                             f"{(count / before - 1) * 100 if before else 100:+.0f} %")
    return lines


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--build", default="build")
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--update", action="store_true", help="these numbers are the new baseline")
    options = parser.parse_args()
    base = pathlib.Path(tempfile.mkdtemp(prefix="cbm-instructions-"))
    servers = Servers(options.build, base)
    try:
        found = {method: measure(servers, method, options.rounds) for method in METHODS}
        baseline = json.loads(BASELINE.read_text()) if BASELINE.exists() else {}
        if not options.update and grown(found, baseline):  # a second look before it is said
            again = {method: measure(servers, method, 1) for method in METHODS}
            found = {method: {name: min(found[method][name], again[method][name]) for name in SERVICES}
                     for method in METHODS}
    except NotMeasured as why:
        sys.exit(f"instructions: not measured: {why}")
    finally:
        shutil.rmtree(base, ignore_errors=True)
    if options.update:
        BASELINE.write_text(json.dumps(found, indent=1) + "\n")
        baseline = found
        if RESULTS.exists():
            result = json.loads(RESULTS.read_text())
            result["instructions"] = found
            RESULTS.write_text(json.dumps(result, indent=1, ensure_ascii=False) + "\n")
    print(json.dumps(found))
    lines = grown(found, baseline)
    if lines:
        sys.exit("instructions: grown by more than 10 %:\n  " + "\n  ".join(lines) +
                 "\n  if that is meant: tests/bench/instructions.py --update, and say why in the commit")


if __name__ == "__main__":
    main()
