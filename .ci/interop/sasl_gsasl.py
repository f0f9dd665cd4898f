#!/usr/bin/env python3
"""GNU SASL against our submission server: each mechanism that both have, with and without channel binding, and what must fail."""
# apt: gsasl openssl
import os, re, signal, subprocess, sys, tempfile, time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
from e2e import Server  # noqa: E402

ROWS = []
PASSWORD = "pencil, and more"
MECHANISMS = '["EXTERNAL", "SCRAM-SHA-256-PLUS", "SCRAM-SHA-256", "SCRAM-SHA-1-PLUS", "SCRAM-SHA-1", "PLAIN", "LOGIN"]'
PASSWD = os.path.join(os.environ.get("CARGO_TARGET_DIR", "target"), "release/examples/passwd")
if not os.path.isabs(PASSWD):
    PASSWD = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../..", PASSWD)


def row(name, right, detail=""):
    ROWS.append(right)
    print(f"{'pass' if right else 'FAIL'}  {name}  {'' if right else detail[-700:]}", flush=True)


def run(*words, text=None):
    return subprocess.run(words, input=text, capture_output=True, text=True, timeout=30)


def certificates(folder):
    """An authority, and a client's certificate of it."""
    path = lambda name: os.path.join(folder, name)  # noqa: E731
    made = [
        ("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2", "-subj", "/CN=test authority",
         "-keyout", path("ca.key"), "-out", path("ca.pem")),
        ("req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj", "/CN=carol",
         "-keyout", path("carol.key"), "-out", path("carol.csr")),
        ("x509", "-req", "-days", "2", "-in", path("carol.csr"), "-CA", path("ca.pem"), "-CAkey", path("ca.key"), "-CAcreateserial",
         "-extfile", path("ext"), "-out", path("carol.pem")),
    ]
    open(path("ext"), "w").write("basicConstraints=CA:FALSE\nextendedKeyUsage=clientAuth\n")
    for words in made:
        done = run("openssl", *words)
        assert done.returncode == 0, done.stderr


class Lab:
    def __init__(self, folder):
        self.folder = folder
        certificates(folder)
        self.users = os.path.join(folder, "users")
        config = os.path.join(folder, "server.toml")
        open(config, "w").write(f'users = "{self.users}"\nclient_authorities = "{folder}/ca.pem"\nmechanisms = {MECHANISMS}\n'
                                '[limits]\nauth_failures = 1000\n')  # this client fails on purpose, and often
        self.passwd("add", "carol@example.test", "--stdin", "--sha1", text=PASSWORD + "\n")
        self.passwd("add", "dan@example.test", "--stdin", "--argon2", text=PASSWORD + "\n")
        self.server = Server(folder, "--config", config)

    def passwd(self, *words, text=None):
        done = run(PASSWD, "--users", self.users, *words, text=text)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def gsasl(self, mechanism, *more, user="carol@example.test", password=PASSWORD, priority=None, authzid=""):
        words = ["gsasl", "--smtp", "--connect", f"localhost:{self.server.port('submission')}", "--mechanism", mechanism, "--verbose",
                 "--x509-ca-file", self.server.ca, "--authentication-id", user, "--password", password,
                 "--no-client-first" if mechanism == "LOGIN" else "--quality-of-protection=qop-auth"]
        if mechanism in ("PLAIN", "EXTERNAL"):  # with SCRAM it would write an empty `a=`, which no grammar has
            words += ["--authorization-id", authzid]
        if priority:
            words += ["--priority", priority]
        done = run(*words, *more, text="")
        said = done.stdout + done.stderr
        return "235 2.7.0" in said, said

    def close(self):
        self.server.stop()


def main():
    with tempfile.TemporaryDirectory() as folder:
        lab = Lab(folder)
        try:
            table(lab)
        finally:
            lab.close()
    print(f"{sum(ROWS)} of {len(ROWS)} rows pass")
    sys.exit(0 if all(ROWS) else 1)


def table(lab):
    tls12 = "NORMAL:-VERS-ALL:+VERS-TLS1.2"
    certificate = ["--x509-cert-file", os.path.join(lab.folder, "carol.pem"), "--x509-key-file", os.path.join(lab.folder, "carol.key")]
    for mechanism in ["SCRAM-SHA-256", "SCRAM-SHA-1", "PLAIN", "LOGIN"]:
        no_binding = ["--no-cb"] if mechanism.startswith("SCRAM") else []
        row(f"{mechanism}", *lab.gsasl(mechanism, *no_binding))
        row(f"{mechanism} over TLS 1.2", *lab.gsasl(mechanism, *no_binding, priority=tls12))
        right, said = lab.gsasl(mechanism, *no_binding, password="pencil")
        row(f"{mechanism}, a wrong password is refused", not right and "535 5.7.8" in said, said)
        right, said = lab.gsasl(mechanism, *no_binding, user="nobody@example.test")
        row(f"{mechanism}, an unknown user is refused alike", not right and "535 5.7.8" in said, said)
    for mechanism in ["SCRAM-SHA-256-PLUS", "SCRAM-SHA-1-PLUS"]:
        row(f"{mechanism}", *lab.gsasl(mechanism))
        right, said = lab.gsasl(mechanism, password="pencil")
        row(f"{mechanism}, a wrong password is refused", not right and "535 5.7.8" in said, said)
    row("PLAIN with argon2", *lab.gsasl("PLAIN", user="dan@example.test"))
    right, said = lab.gsasl("SCRAM-SHA-256", "--no-cb", user="dan@example.test")
    row("SCRAM without keys is refused", not right and "535 5.7.8" in said, said)
    right, said = lab.gsasl("PLAIN", authzid="dan@example.test")
    row("PLAIN, acting as somebody else is refused", not right and "535 5.7.8" in said, said)
    right, said = lab.gsasl("PLAIN", "--no-starttls")
    row("nothing without TLS", not right and "334" not in said, said)
    right, said = lab.gsasl("EXTERNAL", *certificate)
    row("EXTERNAL with a certificate that nobody has is refused", not right, said)
    lab.passwd("certificate", "carol@example.test", os.path.join(lab.folder, "carol.pem"))
    lab.passwd("change", "dan@example.test", "--stdin", text="another one\n")
    lab.server.process.send_signal(signal.SIGHUP)
    time.sleep(1)
    row("EXTERNAL with a certificate", *lab.gsasl("EXTERNAL", *certificate))
    right, said = lab.gsasl("EXTERNAL")
    row("EXTERNAL without a certificate is refused", not right, said)
    row("SCRAM-SHA-256 after a change and SIGHUP", *lab.gsasl("SCRAM-SHA-256", "--no-cb", user="dan@example.test", password="another one"))
    listed = lab.passwd("list")
    row("passwd lists", bool(re.fullmatch(r"carol@example\.test: SCRAM-SHA-256 .*, SCRAM-SHA-1 .*, certificate\ndan@example\.test: SCRAM-SHA-256 .*\n", listed)), listed)


if __name__ == "__main__":
    main()
