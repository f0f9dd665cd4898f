#!/usr/bin/env python3
"""Runs the example programs as a reader of the README would, and evaluate over the conformance data. Prints a table."""
import base64, json, os, re, shutil, subprocess, sys, tempfile

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
BIN = os.path.join(os.environ.get("CARGO_TARGET_DIR", os.path.join(ROOT, "target")), "release/examples")
DATA = os.environ["GATEPOST_CONFORMANCE"]
failed = []


def check(name, right, detail=""):
    print(f"{'pass' if right else 'FAIL'}  {name}  {detail if not right else ''}", flush=True)
    if not right:
        failed.append(name)


def run(program, *arguments, data=None):
    return subprocess.run([os.path.join(BIN, program), *arguments], cwd=ROOT, input=data, capture_output=True, text=True, timeout=120)


def evaluate(requests, base=ROOT):
    done = run("evaluate", "--base", base, data="".join(json.dumps(request) + "\n" for request in requests))
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


def cases(path):
    with open(os.path.join(DATA, path), encoding="utf-8") as file:
        return [json.loads(line) for line in file]


def accepts(expected, got):
    return expected is None or got == expected or (isinstance(expected, list) and got in expected)


def score(name, rows):
    wrong = [(identifier, got) for identifier, right, got in rows if not right]
    check(f"evaluate {name}: {len(rows) - len(wrong)} of {len(rows)}", not wrong, wrong[:5])


def readme():
    text = open(os.path.join(ROOT, "README.md")).read()
    command = re.search(r"--example verify -- ((?:.*\\\n)*.*)\n", text).group(1).replace("\\\n", " ").split()
    done = run("verify", *command)
    wanted = ("spf=pass", "dkim=pass", "dmarc=pass", "RFC 9989")
    check("README: verify", done.returncode == 0 and all(word in done.stdout for word in wanted), done.stdout + done.stderr)
    spoofed = run("verify", *[word.replace("192.0.2.10", "203.0.113.1") for word in command])
    check("verify: another client", "spf=fail" in spoofed.stdout and "dmarc=pass" in spoofed.stdout, spoofed.stdout)
    missing = run("verify", "no.eml", "--ip", "192.0.2.1", "--zone", "examples/data/example.test.zone")
    check("verify: a missing file is named", missing.returncode == 1 and "no.eml" in missing.stderr, missing.stderr)
    check("blocking", run("blocking").stdout.count("dmarc=pass") >= 2)
    answers = '"v=spf1 a:mail.example.test -all"\n\nnodata\n'
    stepped = run("stepper", data=answers)
    check("stepper", stepped.returncode == 0 and "spf=fail" in stepped.stdout, stepped.stdout + stepped.stderr)
    silent = run("stepper", data="")
    check("stepper: no answer is told", silent.returncode == 1 and "no answer to TXT example.test" in silent.stderr, silent.stderr)


def crate():
    """The README's ten lines as a crate of somebody's own, with the dependencies that it names."""
    text = open(os.path.join(ROOT, "README.md")).read().split("## Ten lines", 1)[1]
    wanted, program = re.search(r"```toml\n(.*?)```", text, re.S).group(1), re.search(r"```rust\n(.*?)```", text, re.S).group(1)
    wanted = re.sub(r'^gatepost-(\w+) = "[\d.]+"', rf'gatepost-\1 = {{ path = "{ROOT}/crates/\1" }}', wanted, flags=re.M)
    with tempfile.TemporaryDirectory(prefix="gatepost-readme-") as folder:
        os.mkdir(os.path.join(folder, "src"))
        open(os.path.join(folder, "Cargo.toml"), "w").write(f'[package]\nname = "readme"\nedition = "2024"\n\n{wanted}\n[workspace]\n')
        open(os.path.join(folder, "src/main.rs"), "w").write(program)
        shutil.copy(os.path.join(ROOT, "Cargo.lock"), folder)
        environment = {**os.environ, "CARGO_TARGET_DIR": os.path.join(ROOT, "target/readme")}
        done = subprocess.run(["cargo", "run", "--quiet", "--offline"], cwd=folder, env=environment, capture_output=True, text=True, timeout=900)
    check("README: ten lines as a crate", done.returncode == 0 and "ip4:192.0.2.0/24 matches" in done.stdout, done.stdout + done.stderr)


def suites():
    spf = cases("spf-rfc7208-appendix-a/cases.jsonl")
    verdicts = evaluate([{"op": "spf", **case["input"], "dns": case["dns"]} for case in spf])
    wanted = [case["expect"].get("result") if isinstance(case["expect"], dict) else case["expect"] for case in spf]
    score("spf", [(c["id"], accepts(w, v.get("result")), v) for c, w, v in zip(spf, wanted, verdicts)])
    for suite in ("dkim-rfc", "dkim-gen", "dkim-opendkim"):
        listed = cases(f"{suite}/cases.jsonl")
        for weak, key in ((False, "result"), (True, "result_if_weak_allowed")):
            some = [case for case in listed if key in case["expect"]]
            requests = [{"op": "dkim", "message_file": c["input"]["file"], "dns_file": c["dns_file"], "clock": c["clock"], "allow_weak": weak}
                        for c in some]
            verdicts = evaluate(requests, os.path.join(DATA, suite))
            if some:
                score(f"{suite} {key}", [(c["id"], accepts(c["expect"][key], v.get("result")), v) for c, v in zip(some, verdicts)])
    arc = cases("arc-suite/validation.jsonl")
    verdicts = evaluate([{"op": "arc", "message": c["input"]["message"], "dns": c["dns"], "clock": 12345} for c in arc])
    score("arc", [(c["id"], accepts(c["expect"]["cv"], v.get("result")), v) for c, v in zip(arc, verdicts)])
    listed = cases("dmarc/cases.jsonl")
    verdicts = evaluate([{"op": "dmarc", **case["input"], "dns": case["dns"]} for case in listed])
    def right(e, v):
        return (accepts(e.get("dmarc"), v.get("result")) and all(accepts(e.get(key), v.get(key)) for key in ("policy", "policy_domain", "org_domain"))
                and accepts(e.get("spf_aligned"), v["aligned"]["spf"]) and accepts(e.get("dkim_aligned"), v["aligned"]["dkim"]))
    score("dmarc", [(c["id"], right(c["expect"], v), v) for c, v in zip(listed, verdicts)])
    # a public suffix has no registrable domain: it stays what it is; null and names with an empty label are no domains
    with open(os.path.join(DATA, "psl/test_psl.txt"), encoding="utf-8") as file:
        listed = [c for c in re.findall(r"^checkPublicSuffix\('([^']*)', (?:null|'([^']*)')\);", file.read(), re.M) if not c[0].startswith(".")]
    verdicts = evaluate([{"op": "org-domain", "domain": name, "method": "psl"} for name, _ in listed])
    ascii = lambda name: name.lower().encode("idna").decode()
    score("psl", [(c[0], v.get("org_domain") == ascii(c[1] or c[0]), v) for c, v in zip(listed, verdicts)])
    listed = cases("smtp/addresses.jsonl")
    verdicts = evaluate([{"op": "address", "path": case["input"]} for case in listed])
    score("address", [(c["id"], accepts(c["expect"]["valid"], v.get("valid")), v) for c, v in zip(listed, verdicts)])
    sessions()
    pop3()
    spoofing()


def sessions():
    """No smuggling sequence yields a second message, by DATA or BDAT; DATA is read as its table says."""
    head = ["EHLO c\r\n", "MAIL FROM:<a@x.test>\r\n", "RCPT TO:<v@y.test>\r\n"]
    rows = []
    for case in cases("smtp/smuggling.jsonl"):
        content = base64.b64decode(case["input"]["after_354_base64"]).decode("latin-1")
        for way, tail in (("DATA", ["DATA\r\n", content]), ("BDAT", [f"BDAT {len(content)} LAST\r\n", content])):
            verdict = evaluate([{"op": "smtp", "script": head + tail}])[0]
            senders = [message["from"] for message in verdict["messages"]]
            rows.append((f"{case['id']} {way}", len(senders) <= case["expect"]["messages_accepted_max"] and "evil@x" not in senders, verdict))
    score("smuggling", rows)
    rows = []
    for case in cases("smtp/data.jsonl"):
        if case["direction"] != "receive":
            continue  # crates/smtp/tests/suite.rs sends them
        wire = base64.b64decode(case["input"]["wire_base64"]).decode("latin-1")
        got = [message["data_base64"] for message in evaluate([{"op": "smtp", "script": head + ["DATA\r\n", wire]}])[0]["messages"]]
        wanted = case["expect"].get("content_base64")
        rows.append((case["id"], got == ([] if wanted is None else [wanted]), got))
    score("data", rows)
    rows = []
    for case in cases("smtp/sessions.jsonl"):
        request, wanted = transcript(case["input"]["transcript"])
        got = evaluate([request])[0]["replies"]
        rows.append((case["id"], alike(wanted, got), got))
    score("sessions", rows)
    rows = []
    for case in cases("smtp/dialogs.jsonl"):
        for request, wanted in dialogs(case["input"]["steps"]):
            got = evaluate([request])[0]["replies"]
            rows.append((case["id"], alike(wanted, got), got))
    sloppy = ["HELO c.example\r\n", "MAIL FROM: <ann@example.org>\r\n", "MAIL FROM:ann@example.org\r\n"]
    got = evaluate([{"op": "smtp", "script": sloppy, "paths": "strict"}])[0]["replies"]
    rows.append(("strict-paths", [reply[:3] for reply in got] == ["220", "250", "501", "501"], got))
    score("dialogs", rows)


def alike(wanted, replies):
    """The same classes of replies, in order."""
    return [code[0] for code in wanted] == [reply[0] for reply in replies]


def transcript(lines):
    """A session as a request, and the codes it shall have. Whom the server knows is not told: recipients that it refuses are put
    into a domain that is not its own."""
    said = [(line["side"], line["line"]) for line in lines]
    cut = next((index for index, (_, line) in enumerate(said) if line == "AUTH CRAM-MD5"), len(said))  # not built: it is broken
    said = said[:cut]
    wanted = [line[:3] for side, line in said if side == "server" and line[3:4] != "-"]
    commands = [line for side, line in said if side == "client"]
    for refused in (commands[index] for index, code in enumerate(wanted[1:]) if code == "550"):
        commands[commands.index(refused)] = refused.replace("@foo.com", "@elsewhere.test")
    request = {"op": "smtp", "script": [line + "\r\n" for line in commands], "tls": True, "users": {"u": "p"}}
    request["mode"] = "submission" if any(line.startswith("AUTH") for line in commands) else "mx"
    if "elsewhere.test" in str(commands):
        request["local_domains"] = ["foo.com"]
    return request, wanted


def dialogs(steps):
    """Each connection as a request and its codes."""
    connections = []
    for step in steps:
        if "connect" in step:
            connections.append(({"op": "smtp", "script": [], "tls": step["connect"] == "tls",
                                 "users": {"user@testserver": "secretpassword"}, "local_domains": ["testserver"]}, []))
        request, wanted = connections[-1]
        if "send" in step:
            request["script"].append(step["send"])
        if "expect_code" in step or "expect_until" in step:
            wanted.append(step.get("expect_code", "250"))
        if step.get("send", "").startswith("AUTH"):
            request["mode"] = "submission"
    return connections


def pop3():
    """The transcripts of the RFCs: status words, numbers, dots. APOP is never offered: USER and PASS stand in for it."""
    rows = []
    for case in cases("pop3/sessions.jsonl"):
        given = case["input"]
        maildrop = [("From: a@x.test\r\n\r\n" + "x" * size)[:size - 2] + "\r\n" for size in given.get("maildrop_sizes", [])]
        user, secret = given.get("user", "test"), given.get("secret", "test")
        steps = []  # a command with the lines that are wanted
        for turn in given["transcript"]:
            if turn["side"] == "client":
                apop = turn["line"].startswith("APOP ")
                steps += [(f"USER {user}", ["+OK"]), (f"PASS {secret}", [])] if apop else [(turn["line"], [])]
            elif steps:
                steps[-1][1].append(turn["line"])
        request = {"op": "pop3", "tls": True, "users": {user: secret}, "maildrop": maildrop, "script": [line + "\r\n" for line, _ in steps]}
        verdict = evaluate([request])[0]
        right = len(verdict["replies"]) == len(steps) + 1 and all(answers(w, got.split("\r\n"), maildrop) for (_, w), got in zip(steps, verdict["replies"][1:]))
        ended = steps[-1][0] != "QUIT" or (verdict["closed"] and verdict["deleted"] == [1, 2])
        rows.append((case["id"], right and ended, verdict))
    score("pop3", rows)


def answers(wanted, got, maildrop):
    """The status word, what it counts, how many lines of a list, and messages as they are."""
    if wanted[0].split(" ")[0] != got[0].split(" ")[0]:
        return False
    retrieved = re.match("<the POP3 server sends message (.)>", wanted[1] if len(wanted) > 1 else "")
    if retrieved:
        return "\r\n".join(got[1:]) + "\r\n" == maildrop[int(retrieved.group(1)) - 1] + ".\r\n"
    counted = re.fullmatch(r"\+OK \d+ \d+", wanted[0])
    lists = [line for line in wanted[1:] if re.fullmatch(r"[\d .]+", line) or line.startswith(("SASL", "STLS"))]
    if any(line.startswith("SASL") for line in lists):
        return any(line.startswith("SASL ") and " PLAIN" in line for line in got[1:]) and got[-1] == "."
    return (not counted or got[0] == wanted[0]) and got[1:] == lists


def spoofing():
    """From a stranger's client: no case may pass for the spoofed domain."""
    rows = []
    for case in cases("spoofing/cases.jsonl"):
        given = case["input"]
        request = {"op": "dmarc", "message_file": given["file"], "ip": given["client_ip"], "helo": given["helo"],
                   "mail_from": given["mail_from_raw"].strip("<>"), "dns": case["dns"], "clock": case["clock"]}
        verdict = evaluate([request], os.path.join(DATA, "spoofing"))[0]
        spoofed = verdict.get("result") == "pass" and verdict.get("header_from") == "legitimate.com"
        rows.append((case["id"], not spoofed, verdict))
    score("spoofing", rows)


def bad_lines():
    done = run("evaluate", data='nonsense\n[]\n{"id":7,"op":"x"}\n{"id":8,"op":"spf"}\n')
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    check("evaluate answers bad lines", done.returncode == 0 and len(lines) == 4 and all("error" in line for line in lines), done.stdout)


if __name__ == "__main__":
    readme()
    crate()
    bad_lines()
    suites()
    print(f"\n{'FAILED: ' + ', '.join(failed) if failed else 'all right'}")
    sys.exit(1 if failed else 0)
