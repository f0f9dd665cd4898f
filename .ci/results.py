#!/usr/bin/env python3
"""Writes the tables of docs/results.md from the output of .ci/run.

    bash .ci/run; .ci/results.py target/ci.log
    .ci/results.py --summary target/ci.log      prints them, as .ci/run does at its end

What stands in the page below the line `<!-- below: written by hand -->` is kept.
"""
import datetime, os, re, subprocess, sys

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
PAGE = os.path.join(ROOT, "docs/results.md")
MARK = "<!-- below: written by hand -->"


def machine():
    cpu = open("/proc/cpuinfo").read()
    model = re.search(r"model name\s*: (.*)", cpu)
    release = re.search(r'PRETTY_NAME="(.*)"', open("/etc/os-release").read())
    rustc = subprocess.run(["rustc", "--version"], capture_output=True, text=True, check=True).stdout.split(" (")[0]
    return f"{os.cpu_count()} cores ({model.group(1) if model else 'unknown'}), {release.group(1)}, {rustc}"


class Run:
    """What a log of .ci/run says."""

    def __init__(self, log):
        parts = re.split(r"^=== (\w+)\n", log, flags=re.M)
        said = dict(zip(parts[1::2], parts[2::2]))
        self.stages = re.findall(r"^=== (\w+) (pass|FAIL) (\d+) s$", log, re.M)  # name, result, seconds
        tests = re.findall(r"test result: \w+\. (\d+) passed; (\d+) failed", said.get("test", ""))
        self.tests = [sum(int(pair[side]) for pair in tests) for side in (0, 1)]  # passed, failed
        self.suites = re.findall(r"^(pass|FAIL)  evaluate (.*?): (\d+) of (\d+)", said.get("examples", ""), re.M)
        self.suites = [(result, name.replace(" result_if_weak_allowed", ", weak").removesuffix(" result"), right, of) for result, name, right, of in self.suites]
        self.server = [result for result, _ in re.findall(r"^(pass|FAIL)  (.*?)  \(", said.get("e2e", ""), re.M)]
        self.interop = []  # script, result, seconds, rows that passed, rows
        for script, text in re.findall(r"^--- \.ci/interop/(\S+)\n(.*?)(?=^--- |\Z)", said.get("interop", ""), re.M | re.S):
            ended = re.search(rf"^(pass|FAIL) +(\d+) s  \.ci/interop/{re.escape(script)}$", said["interop"], re.M)
            # the rows of a script have their result in front or at the end
            rows = re.findall(r"^ *(?:pass|FAIL)\b(?! +\d+ s  \.ci/)|\b(?:pass|FAIL)$", text, re.M)
            passed = sum("pass" in row for row in rows)
            self.interop.append((script, *(ended.groups() if ended else ("FAIL", "?")), passed, len(rows)))
        self.targets = re.findall(r"^--- fuzz (\w+)", said.get("fuzz", ""), re.M)
        self.broken = re.findall(r"a law is broken: fuzz/regressions/(\w+)", said.get("fuzz", ""))


def summary(run):
    """Everything in one table of plain text; a part that was not run is not there."""
    out = ["", f"{'stage':<34} {'result':<6} {'of':>9} {'seconds':>8}"]
    for name, result, seconds in run.stages:
        out.append(f"{name:<34} {result:<6} {'':>9} {seconds:>8}")
        if name == "test" and any(run.tests):
            out.append(f"  {'tests':<32} {'FAIL' if run.tests[1] else 'pass':<6} {run.tests[0]:>4}/{sum(run.tests):<4}")
        if name == "examples":
            out += [f"  {'conformance: ' + suite:<32.32} {result:<6} {right:>4}/{of:<4}" for result, suite, right, of in run.suites]
        if name == "e2e" and run.server:
            passed = run.server.count("pass")
            out.append(f"  {'the real server':<32} {'pass' if passed == len(run.server) else 'FAIL':<6} {passed:>4}/{len(run.server):<4}")
        if name == "interop":
            out += [f"  {'interop: ' + script:<32.32} {result:<6} {f'{passed:>4}/{rows:<4}' if rows else '':>9} {seconds:>8}"
                    for script, result, seconds, passed, rows in run.interop]
        if name == "fuzz" and run.targets:
            sound = len(run.targets) - len(set(run.broken))
            out.append(f"  {'targets':<32} {'FAIL' if run.broken else 'pass':<6} {sound:>4}/{len(run.targets):<4}")
    total = sum(int(seconds) for _, _, seconds in run.stages)
    result = "pass" if run.stages and all(result == "pass" for _, result, _ in run.stages) else "FAIL"
    return "\n".join(out + [f"{'total':<34} {result:<6} {'':>9} {total:>8}"])


def table(head, rows):
    return ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)] + ["| " + " | ".join(row) + " |" for row in rows] + [""]


def page(run):
    today = datetime.date.today().isoformat()
    out = ["# Results", "", f"Written by `.ci/results.py` from a run of `.ci/run` on {today}: {machine()}.", ""]
    out += ["## Tests", "", f"`cargo test --workspace`: {run.tests[0]} passed, {run.tests[1]} failed.", ""]
    rows = [(name, right, of) for _, name, right, of in run.suites]
    out += ["## Conformance, through `evaluate`", ""] + table(["suite", "right", "of"], rows)
    out += ["## The real server", "", f"`.ci/e2e.py`: {run.server.count('pass')} of {len(run.server)} passed.", ""]
    out += ["## Interop", "", "Each script meets programs of others and prints a row for each thing tried; it fails if a row fails.", ""]
    rows = [(f"`{script}`", result, f"{passed} of {rows}" if rows else "", seconds) for script, result, seconds, passed, rows in run.interop]
    out += table(["script", "result", "rows", "seconds"], rows)
    out += ["## Time", ""] + table(["stage", "result", "seconds"], [(name, result, seconds) for name, result, seconds in run.stages])
    return "\n".join(out)


def main():
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    run = Run(open(sys.argv[-1], errors="replace").read())
    if sys.argv[1] == "--summary":
        print(summary(run))
        return
    old = open(PAGE).read() if os.path.exists(PAGE) else ""
    kept = old.split(MARK, 1)[1] if MARK in old else "\n"
    open(PAGE, "w").write(page(run) + MARK + kept)


if __name__ == "__main__":
    main()
