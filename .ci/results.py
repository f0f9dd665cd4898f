#!/usr/bin/env python3
"""Writes the tables of docs/results.md from the output of .ci/run.

    bash .ci/run 2>&1 | tee log; .ci/results.py log

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


def stages(log):
    """stage -> its lines"""
    parts = re.split(r"^=== (\w+)\n", log, flags=re.M)
    return dict(zip(parts[1::2], parts[2::2]))


def table(head, rows):
    return ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)] + ["| " + " | ".join(row) + " |" for row in rows] + [""]


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    log = open(sys.argv[1], errors="replace").read()
    by = stages(log)
    today = datetime.date.today().isoformat()
    out = ["# Results", "", f"Written by `.ci/results.py` from a run of `.ci/run` on {today}: {machine()}.", ""]
    tests = [tuple(map(int, pair)) for pair in re.findall(r"test result: \w+\. (\d+) passed; (\d+) failed", by.get("test", ""))]
    out += ["## Tests", "", f"`cargo test --workspace`: {sum(p for p, _ in tests)} passed, {sum(f for _, f in tests)} failed.", ""]
    rows = re.findall(r"^(pass|FAIL)  evaluate (.*?): (\d+) of (\d+)", by.get("examples", ""), re.M)
    out += ["## Conformance, through `evaluate`", ""] + table(["suite", "right", "of"], [(name, right, of) for _, name, right, of in rows])
    rows = re.findall(r"^(pass|FAIL)  (.*?)  \(", by.get("e2e", ""), re.M)
    out += ["## The real server", "", f"`.ci/e2e.py`: {sum(r == 'pass' for r, _ in rows)} of {len(rows)} passed.", ""]
    rows = re.findall(r"^(pass|FAIL) +(\d+) s  \.ci/interop/(\S+)", by.get("interop", ""), re.M)
    out += ["## Interop", "", "Each script meets programs of others and prints a row for each thing tried; it fails if a row fails.", ""]
    out += table(["script", "result", "seconds"], [(f"`{name}`", result, seconds) for result, seconds, name in rows])
    rows = [row for row in re.findall(r"^(\w+) +(\d+) s$", log, re.M) if row[0] != "total"]
    out += ["## Time", ""] + table(["stage", "seconds"], rows)
    old = open(PAGE).read() if os.path.exists(PAGE) else ""
    kept = old.split(MARK, 1)[1] if MARK in old else "\n"
    open(PAGE, "w").write("\n".join(out) + MARK + kept)


if __name__ == "__main__":
    main()
