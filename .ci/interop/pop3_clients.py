#!/usr/bin/env python3
"""Programs that people fetch mail with, against our server, over STLS and over implicit TLS."""
# apt: curl fetchmail mpop getmail6 openssl
import glob, os, poplib, re, shutil, smtplib, socket, ssl, subprocess, sys, tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
from e2e import Server, run  # noqa: E402

ROWS = []
BODIES = {
    "plain": "Hello,\r\nthe end\r\n",
    "dots": ".\r\n..\r\n.x\r\n\r\n.\r\n",
    "empty": "",
    "blank lines": "\r\n\r\n\r\n",
    "long line": "x" * 900 + "\r\n",
    "large": ("0123456789abcdef" * 4 + "\r\n") * 40_000,
    "from": "From me\r\n>From you\r\n",
}


def row(name, right, detail=""):
    ROWS.append(right)
    print(f"{'pass' if right else 'FAIL'}  {name}  {'' if right else str(detail)[-700:]}", flush=True)


def attempt(name, work, *arguments):
    try:
        row(name, *work(*arguments))
    except Exception as error:  # noqa: BLE001 - any failure is a row of the table
        row(name, False, f"{type(error).__name__}: {error}")


class Lab:
    """A server, and what bob's maildrop holds."""

    def __init__(self, folder):
        self.folder, self.server = folder, Server(folder)
        self.bob = "bob@example.test"
        self.password = self.server.users[self.bob]
        self.fill()

    def fill(self):
        with smtplib.SMTP("localhost", self.server.port("mx"), timeout=30) as smtp:
            for name, body in BODIES.items():
                smtp.sendmail("a@elsewhere.test", [self.bob], f"From: a@elsewhere.test\r\nTo: {self.bob}\r\nSubject: {name}\r\n\r\n{body}")
        files = glob.glob(os.path.join(self.folder, "data/mail/example.test/bob/*/*.gatepost*"))
        self.stored = [open(path, "rb").read() for path in sorted(files, key=os.path.basename)]
        assert len(self.stored) == len(BODIES), files

    def port(self, tls):
        return self.server.port("pop3s" if tls else "pop3")

    def left(self):
        return len(glob.glob(os.path.join(self.folder, "data/mail/example.test/bob/[nc]*/*")))

    def path(self, *parts):
        return os.path.join(self.folder, *parts)

    def write(self, name, text):
        with open(self.path(name), "w") as file:
            file.write(text)
        os.chmod(self.path(name), 0o600)
        return self.path(name)

    def pop(self, tls):
        if tls:
            pop = poplib.POP3_SSL("localhost", self.port(True), timeout=20, context=self.server.context)
        else:
            pop = poplib.POP3("localhost", self.port(False), timeout=20)
            pop.stls(self.server.context)
        return pop


def same(messages, stored):
    """Whether these are the stored messages, line ends aside; what a program put on top of them aside, too."""
    plain = [message.replace(b"\r\n", b"\n").rstrip(b"\n") for message in messages]
    wanted = [message.replace(b"\r\n", b"\n").rstrip(b"\n") for message in stored]
    missing = [subject(want) for want in wanted if not any(body(got) == body(want) and subject(got) == subject(want) for got in plain)]
    return not missing and len(plain) == len(wanted), f"{len(plain)} of {len(wanted)}, not there: {missing}"


def subject(message):
    return re.search(rb"^Subject: (.*)$", message, re.M).group(1)


def body(message):
    return message.partition(b"\n\n")[2].rstrip(b"\n")


def curl(lab, tls):
    scheme, how = ("pop3s", []) if tls else ("pop3", ["--ssl-reqd"])
    def ask(path, *more):
        url = f"{scheme}://localhost:{lab.port(tls)}/{path}"
        done = subprocess.run(["curl", "-sS", "--max-time", "20", "--cacert", lab.server.ca, *how, "-u", f"{lab.bob}:{lab.password}", url, *more],
                              capture_output=True, timeout=30)
        assert done.returncode == 0, done.stderr
        return done.stdout
    listed = ask("").split()
    sizes = [int(size) for size in listed[1::2]]
    got = [ask(str(number)) for number in range(1, len(sizes) + 1)]
    uids = ask("", "-X", "UIDL").split()[1::2]
    top = ask("", "-X", "TOP 1 0")
    right = got == lab.stored and sizes == [len(message) for message in lab.stored] and len(set(uids)) == len(sizes)
    return right and b"Subject: plain" in top and b"Hello" not in top, (sizes, uids, top)


def python(lab, tls):
    pop = lab.pop(tls)
    before = pop.capa()
    pop.utf8()
    pop.user(lab.bob), pop.pass_(lab.password)
    count, octets = pop.stat()
    got = [b"\r\n".join(pop.retr(number)[1]) + b"\r\n" for number in range(1, count + 1)]
    sizes = [int(line.split()[1]) for line in pop.list()[1]]
    tops = [b"\r\n".join(pop.top(number, 1)[1]) for number in range(1, count + 1)]
    pop.dele(1), pop.rset(), pop.noop()
    pop.dele(2)
    pop.close()  # without QUIT: nothing is deleted
    right = got == lab.stored and sum(sizes) == octets and sizes == [len(message) for message in got] and lab.left() == count
    return right and all(got[at].startswith(top) for at, top in enumerate(tops)) and {"UIDL", "SASL", "UTF8", "LANG"} <= before.keys(), (before, sizes)


def in_use(lab):
    first = lab.pop(True)
    first.user(lab.bob), first.pass_(lab.password)
    second = lab.pop(True)
    second.user(lab.bob)
    try:
        second.pass_(lab.password)
        said = "let in"
    except poplib.error_proto as error:
        said = str(error)
    first.quit()
    third = lab.pop(True)
    third.user(lab.bob), third.pass_(lab.password)  # unlocked before QUIT was answered
    third.quit()
    return "[IN-USE]" in said, said


def openssl(lab, tls):
    how = [] if tls else ["-starttls", "pop3"]
    command = ["openssl", "s_client", "-quiet", "-verify_return_error", "-CAfile", lab.server.ca, "-connect", f"localhost:{lab.port(tls)}", *how]
    done = run(*command, data=f"USER {lab.bob}\r\nPASS {lab.password}\r\nSTAT\r\nQUIT\r\n")
    return f"+OK {len(lab.stored)} {sum(map(len, lab.stored))}" in done.stdout, done.stdout + done.stderr


def alpn(lab):
    def ask(protocol):
        return run("openssl", "s_client", "-CAfile", lab.server.ca, "-connect", f"localhost:{lab.port(True)}", "-alpn", protocol, data="QUIT\r\n")
    right, wrong = ask("pop3"), ask("imap")
    return "ALPN protocol: pop3" in right.stdout and "no application protocol" in wrong.stderr, right.stdout[-300:] + wrong.stderr


def fetchmail(lab, tls):
    box = lab.path(f"fetchmail-{tls}")
    os.mkdir(box)
    mda = lab.write(f"mda-{tls}.sh", f"#!/bin/sh\nexec cat > {box}/$$\n")
    os.chmod(mda, 0o700)
    # with `ssl` it begins with TLS, without it asks for STLS
    how = "ssl" if tls else "sslproto TLS1.2+"
    rc = lab.write(f"fetchmailrc-{tls}", f'set no bouncemail\npoll localhost protocol pop3 port {lab.port(tls)} uidl\n  username "{lab.bob}" password '
                   f'"{lab.password}"\n  {how} sslcertck sslcertfile "{lab.server.ca}" sslcommonname "localhost"\n  keep fetchall mda "{mda}"\n')
    done = run("fetchmail", "-f", rc, "--nosyslog", "--nodetach", "--pidfile", lab.path(f"fetchmail-{tls}.pid"), "--idfile", lab.path(f"fetchids-{tls}"), "-v", timeout=60)
    messages = [open(path, "rb").read() for path in glob.glob(box + "/*")]
    right, detail = same(messages, lab.stored)
    return right, detail + done.stdout[-300:] + done.stderr[-300:]


def mpop(lab, tls, auth):
    box = lab.path(f"mpop-{tls}-{auth}")
    for part in ("tmp", "new", "cur"):
        os.makedirs(os.path.join(box, part))
    rc = lab.write(f"mpoprc-{tls}-{auth}", f"account bob\nhost localhost\nport {lab.port(tls)}\ntls on\ntls_starttls {'off' if tls else 'on'}\ntls_trust_file {lab.server.ca}\n"
                   f"auth {auth}\nuser {lab.bob}\npassword {lab.password}\nkeep on\ndelivery maildir {box}\nuidls_file {box}.uidls\npipelining on\n")
    done = run("mpop", "-C", rc, "bob", timeout=60)
    right, detail = same([open(path, "rb").read() for path in glob.glob(box + "/new/*")], lab.stored)
    again = run("mpop", "-C", rc, "bob", timeout=60)
    return right and "new: no messages" in again.stdout, detail + done.stderr + again.stdout


def getmail(lab, tls):
    if not tls:
        return True, ""
    box, home = lab.path("getmail-box"), lab.path("getmail-home")
    for part in (home, *(os.path.join(box, part) for part in ("tmp", "new", "cur"))):
        os.makedirs(part)
        shutil.chown(part, "nobody")
    shutil.chown(box, "nobody")  # it does not deliver as root
    rc = lab.write("getmailrc", f"[retriever]\ntype = SimplePOP3SSLRetriever\nserver = localhost\nport = {lab.port(True)}\nusername = {lab.bob}\npassword = {lab.password}\n"
                   f"ca_certs = {lab.server.ca}\n\n[destination]\ntype = Maildir\npath = {box}/\nuser = nobody\n\n[options]\ndelete = false\nread_all = false\nreceived = false\ndelivered_to = false\n")
    done = run("getmail", f"--getmaildir={home}", f"--rcfile={rc}", timeout=60)
    right, detail = same([open(path, "rb").read() for path in glob.glob(box + "/new/*")], lab.stored)
    again = run("getmail", f"--getmaildir={home}", f"--rcfile={rc}", timeout=60)
    return right and "0 messages" in again.stdout, detail + done.stdout[-200:] + done.stderr + again.stdout


def thunderbird(lab):
    """The order in which Thunderbird speaks: CAPA, STLS, CAPA, AUTH, STAT, LIST, UIDL, RETR, DELE, QUIT."""
    import base64
    raw = socket.create_connection(("localhost", lab.port(False)), 20)
    file = raw.makefile("rb")
    def ask(line, many=False):
        raw.sendall(line + b"\r\n")
        said = file.readline()
        while many and said.startswith(b"+OK") and not said.endswith(b"\r\n.\r\n"):
            said += file.readline()
        return said
    greeting = file.readline()
    first = ask(b"CAPA", True)
    assert b"STLS" in first and b"SASL" not in first and b"<" not in greeting, (greeting, first)
    assert ask(b"STLS").startswith(b"+OK")
    raw = lab.server.context.wrap_socket(raw, server_hostname="localhost")
    file = raw.makefile("rb")
    second = ask(b"CAPA", True)
    assert b"SASL" in second and b"PLAIN" in second and b"STLS" not in second, second
    assert ask(b"AUTH PLAIN").startswith(b"+ ")
    assert ask(base64.b64encode(f"\0{lab.bob}\0{lab.password}".encode())).startswith(b"+OK")
    count = int(ask(b"STAT").split()[1])
    assert ask(b"LIST", True).count(b"\r\n") == count + 2 and ask(b"UIDL", True).count(b"\r\n") == count + 2
    message = ask(b"RETR 1", True)
    assert message.partition(b"\r\n")[2][:-3] == lab.stored[0], message
    assert ask(b"DELE 1").startswith(b"+OK") and lab.left() == count
    said = ask(b"QUIT")
    return said.startswith(b"+OK") and lab.left() == count - 1, (said, lab.left())


def main():
    with tempfile.TemporaryDirectory() as folder:
        os.chmod(folder, 0o755)
        lab = Lab(folder)
        try:
            for tls in (False, True):
                over = "implicit TLS" if tls else "STLS"
                attempt(f"curl: list, sizes, UIDL, TOP, every octet of every message, {over}", curl, lab, tls)
                attempt(f"poplib: all it can do, close without QUIT, {over}", python, lab, tls)
                attempt(f"openssl s_client: {over}", openssl, lab, tls)
                attempt(f"fetchmail: {over}", fetchmail, lab, tls)
                attempt(f"mpop: pipelined, USER, {over}", mpop, lab, tls, "user")
                attempt(f"mpop: pipelined, SCRAM-SHA-256, {over}", mpop, lab, tls, "scram-sha-256")
                if tls:
                    attempt(f"getmail6: twice, {over}", getmail, lab, tls)
            attempt("ALPN on the TLS port: pop3 is taken, imap refused", alpn, lab)
            attempt("a second session: IN-USE, and free before QUIT is answered", in_use, lab)
            attempt("as Thunderbird does: CAPA, STLS, CAPA, AUTH, STAT, LIST, UIDL, RETR, DELE, QUIT", thunderbird, lab)
        finally:
            lab.server.stop()
    print(f"\n{'all right' if all(ROWS) else 'FAILED'}: {sum(ROWS)} of {len(ROWS)}")
    sys.exit(0 if all(ROWS) else 1)


if __name__ == "__main__":
    main()
