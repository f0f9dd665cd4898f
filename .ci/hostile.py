#!/usr/bin/env python3
"""Gives the programs what they can not use: no arguments, files that are missing, folders, empty, binary or unreadable, a standard
output that is closed or full. Each ends by itself, without a panic, and says what was wrong. Prints a table."""
import os, shutil, subprocess, sys, tempfile

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
BIN = os.path.join(os.environ.get("CARGO_TARGET_DIR", os.path.join(ROOT, "target")), os.environ.get("GATEPOST_PROFILE", "release"), "examples")
ZONE, SIGNED = "examples/data/example.test.zone", "examples/data/signed.eml"
ASK = ["--ip", "192.0.2.10", "--zone", ZONE]
failed = []

# What takes a file: the arguments, {} for the file.
TAKES = [
    ("verify", ["{}", *ASK]),
    ("verify", [SIGNED, "--ip", "192.0.2.10", "--zone", "{}"]),
    ("verify", [SIGNED, "--replay", "{}"]),
    ("verify", [SIGNED, *ASK, "--html", "{}/below/page.html"]),
    ("explain", ["{}", "--authserv-id", "mx.example.test"]),
    ("lint", ["--name", "example.test", "--zone", "{}"]),
    ("keygen", ["--domain", "example.test", "--selector", "s", "--from", "{}"]),
    ("keygen", ["--domain", "example.test", "--selector", "s", "--out", "{}/below/key.pem"]),
    ("sign", ["--domain", "example.test", "--key", "s={}", SIGNED]),
    ("sign", ["--domain", "example.test", "--key", "s=KEY", "{}"]),
    ("send", ["--server", "localhost:1", "--user", "ann", "--password-file", "{}", "--from", "ann@example.test", "--to", "bob@example.test", SIGNED]),
    ("passwd", ["--users", "{}", "list"]),
    ("queue", ["--data", "{}"]),
    ("server", ["--config", "{}", "--print-config"]),
]
# What talks on the standard output.
TALKS = [
    ("verify", [SIGNED, *ASK]), ("verify", ["examples/data", *ASK]), ("verify", ["--help"]), ("explain", [SIGNED, "--authserv-id", "x"]),
    ("lint", ["v=spf1 ptr"]), ("lint", ["v=spf1 ptr", "--json"]), ("blocking", []), ("evaluate", []), ("stepper", []), ("queue", []),
    ("keygen", ["--domain", "example.test", "--selector", "s", "--from", "KEY"]), ("sign", ["--domain", "example.test", "--key", "s=KEY", SIGNED]),
    ("server", ["--print-config"]), ("fetch", ["--help"]), ("send", ["--help"]), ("passwd", ["--help"]),
]


def check(name, right, detail):
    print(f"{'pass' if right else 'FAIL'}  {name}{'' if right else '  ' + detail.strip()}", flush=True)
    if not right:
        failed.append(name)


def run(program, arguments, **more):
    options = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "timeout": 60, "text": True, "errors": "replace"}
    try:
        done = subprocess.run([os.path.join(BIN, program), *arguments], cwd=ROOT, **{**options, **more})
    except subprocess.TimeoutExpired:
        return None, "it did not end"
    return done.returncode, done.stderr


def sound(status, said):
    return status is not None and status in (0, 1, 2) and "panicked" not in said


def files(folder):
    """Bad files by name; the key is a good one."""
    made = {name: os.path.join(folder, name) for name in ("missing", "folder", "empty", "binary", "unreadable")}
    os.mkdir(made["folder"])
    open(made["empty"], "w").close()
    open(made["binary"], "wb").write(bytes(range(256)) * 40)
    open(made["unreadable"], "w").write("text\n")
    os.chmod(made["unreadable"], 0)
    if os.access(made["unreadable"], os.R_OK):  # root reads all
        del made["unreadable"]
    return made


def main():
    with tempfile.TemporaryDirectory(prefix="gatepost-hostile-") as folder:
        key = os.path.join(folder, "key.pem")
        run("keygen", ["--domain", "example.test", "--selector", "s", "--out", key])
        fill = lambda arguments, path: [argument.replace("{}", path).replace("KEY", key) for argument in arguments]
        for program in sorted({program for program, _ in TAKES + TALKS}):
            status, said = run(program, ["--no-such-option"])
            check(f"{program}: an option that is not known", status == 2 and "--no-such-option" in said, said)
        for program in ("verify", "explain", "lint", "keygen", "sign", "send", "fetch", "passwd"):
            status, said = run(program, [])
            check(f"{program}: no arguments", status in (1, 2) and said and "panicked" not in said, said)
        for kind, path in files(folder).items():
            for program, arguments in TAKES:
                status, said = run(program, fill(arguments, path))
                named = status == 0 or path in said or "no message" in said or "no record" in said
                check(f"{program} {' '.join(arguments)}: {kind}", sound(status, said) and named, f"{status}: {said}")
        for program, arguments in TALKS:
            reader, writer = os.pipe()
            os.close(reader)
            status, said = run(program, fill(arguments, ""), stdout=writer)
            os.close(writer)
            check(f"{program} {' '.join(arguments)}: nobody reads", sound(status, said), f"{status}: {said}")
            with open("/dev/full", "w") as full:
                status, said = run(program, fill(arguments, ""), stdout=full)
            check(f"{program} {' '.join(arguments)}: the disk is full", sound(status, said), f"{status}: {said}")
    print(f"\n{'FAILED: ' + ', '.join(failed) if failed else 'all right'}")
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
