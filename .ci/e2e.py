#!/usr/bin/env python3
"""The real server, met by the clients that people use: curl, swaks, smtplib, poplib, openssl.

Starts target/release/examples/server on free loopback ports with a fresh folder, reads what it printed, runs every
check, prints a table, and exits 1 if one failed. Every wait is bounded; only the server started here is ended.
"""
import base64, os, poplib, re, shutil, signal, smtplib, socket, ssl, subprocess, sys, tempfile, time

import operations
import ports

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
SERVER = os.path.join(os.environ.get("CARGO_TARGET_DIR", os.path.join(ROOT, "target")), "release/examples/server")
PORTS = {"mx": 2525, "submission": 2587, "submissions": 2465, "pop3": 2110, "pop3s": 2995}
RESULTS = []


class Server:
    """The example server in a folder of its own."""

    def __init__(self, folder, *extra, preexec=None):
        self.base = self.free_base()
        self.folder = folder
        self.log = open(os.path.join(folder, "output.txt"), "w+")
        self.process = subprocess.Popen(
            [SERVER, "--data", os.path.join(folder, "data"), "--port-base", str(self.base), *extra],
            stdout=self.log, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL, cwd=folder, preexec_fn=preexec)
        self.wait_until_ready()
        self.text = open(self.log.name).read()
        self.users = dict(re.findall(r"^\s*(\S+@example\.test)\s+(?:password:?\s+)?(\S+)\s*$", self.text, re.M))
        self.ca = re.search(r"(\S+\.(?:pem|crt))", self.text).group(1)
        if not os.path.isabs(self.ca):
            self.ca = os.path.join(folder, self.ca)
        self.context = ssl.create_default_context(cafile=self.ca)

    @staticmethod
    def free_base():
        return ports.free_base(PORTS.values())

    def port(self, name):
        return PORTS[name] + self.base

    def wait_until_ready(self):
        for _ in range(100):
            if self.process.poll() is not None:
                raise SystemExit("the server ended:\n" + open(self.log.name).read())
            try:
                for name in PORTS:
                    socket.create_connection(("127.0.0.1", self.port(name)), 1).close()
                time.sleep(0.2)
                return
            except OSError:
                time.sleep(0.1)
        raise SystemExit("the server was not ready within 10 s:\n" + open(self.log.name).read())

    def stop(self, sign=signal.SIGTERM):
        if self.process.poll() is None:
            self.process.send_signal(sign)
            try:
                self.process.wait(15)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait(5)
                return "did not stop within 15 s"
        return self.process.returncode


def check(name):
    def wrap(function):
        def run(*arguments):
            began = time.time()
            try:
                function(*arguments)
                RESULTS.append((name, "pass", ""))
            except Exception as error:  # noqa: BLE001 - any failure is a row of the table
                RESULTS.append((name, "FAIL", f"{type(error).__name__}: {error}"[:600]))
            print(f"{RESULTS[-1][1]}  {name}  ({time.time() - began:.1f} s) {RESULTS[-1][2]}", flush=True)
        return run
    return wrap


def message(author, to, subject, extra="", body="Hello,\r\n\r\n.leading dot\r\nthe end\r\n"):
    return (f"{extra}From: <{author}>\r\nTo: <{to}>\r\nSubject: {subject}\r\nDate: Tue, 24 Nov 2026 09:00:00 +0000\r\n"
            f"Message-ID: <{subject.replace(' ', '-')}@client.test>\r\n\r\n{body}")


def run(*command, data=None, timeout=30):
    return subprocess.run(command, input=data, capture_output=True, text=True, timeout=timeout)


def curl(server, url, *arguments, ok=True):
    done = run("curl", "-sS", "--max-time", "20", "--cacert", server.ca, url, *arguments)
    if ok and done.returncode:
        raise AssertionError(f"curl {done.returncode}: {done.stderr.strip()}")
    return done


def mailbox(server, user, wanted, patience=50):
    """The first message of `user` whose text holds `wanted`, fetched with poplib over POP3S."""
    for _ in range(patience):
        pop = poplib.POP3_SSL("localhost", server.port("pop3s"), timeout=10, context=server.context)
        pop.user(user), pop.pass_(server.users[user])
        try:
            for number in range(1, len(pop.list()[1]) + 1):
                text = "\r\n".join(line.decode("latin-1") for line in pop.retr(number)[1])
                if wanted in text:
                    return text
        finally:
            pop.quit()
        time.sleep(0.1)
    raise AssertionError(f"no message with {wanted!r} for {user}")


def upload(server, folder, name, text):
    path = os.path.join(folder, name + ".eml")
    with open(path, "w", newline="") as file:
        file.write(text)
    return path


@check("curl: submit over STARTTLS with AUTH, fetch over POP3S")
def curl_starttls(server, folder, alice, bob):
    path = upload(server, folder, "a", message(alice, bob, "curl starttls"))
    curl(server, f"smtp://localhost:{server.port('submission')}", "--ssl-reqd", "--user", f"{alice}:{server.users[alice]}",
         "--mail-from", alice, "--mail-rcpt", bob, "--upload-file", path)
    text = curl(server, f"pop3s://localhost:{server.port('pop3s')}/1", "--user", f"{bob}:{server.users[bob]}").stdout
    assert "curl starttls" in text, text
    assert "DKIM-Signature:" in text, "not signed"
    assert ".leading dot" in text and "..leading" not in text, "dot stuffing"
    # RFC 5321 §4.4: additional clauses behind the others; RFC 8314 §4.3: the suite as IANA names it
    assert re.search(r"\tby \S+ with ESMTPSA\r\n\tid \S+\r\n\tfor <[^>]+>\r\n\ttls TLS_(?!1)[A-Z0-9_]+ \(TLS1\.[23]\);", text.replace("\r\n", "\n").replace("\n", "\r\n")), text


@check("curl: submit over implicit TLS")
def curl_implicit(server, folder, alice, bob):
    path = upload(server, folder, "b", message(alice, bob, "curl implicit"))
    curl(server, f"smtps://localhost:{server.port('submissions')}", "--user", f"{alice}:{server.users[alice]}",
         "--mail-from", alice, "--mail-rcpt", bob, "--upload-file", path)
    mailbox(server, bob, "curl implicit")


@check("curl: submission without AUTH is refused")
def curl_without_auth(server, folder, alice, bob):
    path = upload(server, folder, "c", message(alice, bob, "no auth"))
    done = curl(server, f"smtp://localhost:{server.port('submission')}", "-v", "--ssl-reqd", "--mail-from", alice, "--mail-rcpt", bob,
                "--upload-file", path, ok=False)
    assert done.returncode and "530" in done.stderr, done.stderr[-400:]


@check("curl: MX delivery is judged, forged results are removed")
def curl_mx(server, folder, alice, bob):
    forged = "Authentication-Results: {}; dmarc=pass header.from=bank.test; x-forged=pass\r\n"
    host = re.search(r"220 (\S+)", smtp_banner(server)).group(1)
    text = message("ann@elsewhere.test", bob, "curl mx", extra=forged.format(host) + forged.format(host.upper()))
    path = upload(server, folder, "d", text)
    curl(server, f"smtp://localhost:{server.port('mx')}/client.test", "--mail-from", "ann@elsewhere.test", "--mail-rcpt", bob,
         "--upload-file", path)
    got = mailbox(server, bob, "curl mx")
    head = got.split("\r\n\r\n")[0]
    assert "x-forged" not in head, "forged field kept"
    results = re.search(r"^Authentication-Results:.*?(?=^\S)", head + "\r\nX", re.M | re.S).group(0)
    for method in ("spf=", "dkim=", "dmarc="):
        assert method in results, f"{method} missing: {results}"
    for field in ("Return-Path:", "Received-SPF:", "Received:"):
        assert field in head, f"{field} missing"


def smtp_banner(server):
    with socket.create_connection(("127.0.0.1", server.port("mx")), 5) as peer:
        return peer.recv(1000).decode()


@check("curl: POP3 with STLS")
def curl_stls(server, folder, alice, bob):
    done = curl(server, f"pop3://localhost:{server.port('pop3')}/", "--ssl-reqd", "--user", f"{bob}:{server.users[bob]}")
    assert re.match(r"1 \d+", done.stdout), done.stdout


@check("swaks: STARTTLS, AUTH PLAIN and LOGIN")
def swaks_auth(server, folder, alice, bob):
    for mechanism in ("PLAIN", "LOGIN"):
        done = run("swaks", "--server", f"localhost:{server.port('submission')}", "--tls", "--tls-verify", "--tls-ca-path", server.ca,
                   "--auth", mechanism, "--auth-user", alice, "--auth-password", server.users[alice], "--from", alice, "--to", bob,
                   "--header", f"Subject: swaks {mechanism}", "--timeout", "20s")
        assert done.returncode == 0, done.stdout[-600:] + done.stderr[-300:]
        mailbox(server, bob, f"swaks {mechanism}")


@check("smtplib: AUTH, pipelined recipients, a wrong password is 535")
def python_smtplib(server, folder, alice, bob):
    with smtplib.SMTP("localhost", server.port("submission"), timeout=20) as smtp:
        smtp.ehlo()
        assert not smtp.has_extn("auth"), "AUTH offered in clear"
        smtp.starttls(context=server.context)
        try:
            smtp.login(alice, "wrong")
            raise AssertionError("a wrong password was accepted")
        except smtplib.SMTPAuthenticationError as refused:
            assert refused.smtp_code == 535, refused
    with smtplib.SMTP_SSL("localhost", server.port("submissions"), timeout=20, context=server.context) as smtp:
        smtp.login(alice, server.users[alice])
        smtp.sendmail(alice, [bob, alice], message(alice, bob, "python smtplib"))
    mailbox(server, alice, "python smtplib")


@check("smtplib: another user's address as sender is refused, Bcc is removed")
def python_other_sender(server, folder, alice, bob):
    with smtplib.SMTP_SSL("localhost", server.port("submissions"), timeout=20, context=server.context) as smtp:
        smtp.login(alice, server.users[alice])
        for envelope, author, sender in ((bob, bob, ""), (alice, bob, ""), (alice, alice, f"Sender: Bob <{bob}>\r\n")):
            try:
                smtp.sendmail(envelope, [alice], message(author, alice, "borrowed", sender))
                raise AssertionError(f"{envelope} / {author} {sender} was accepted for {alice}")
            except smtplib.SMTPResponseException as refused:
                assert 500 <= refused.smtp_code < 600, refused
        smtp.sendmail(alice, [bob], message(alice, "others@example.test", "in secret", f"Bcc: {bob}\r\n"))
    assert bob not in mailbox(server, bob, "in secret").split("\r\n\r\n")[0].split("\tfor <")[1].split(">", 1)[1], "Bcc"


@check("wrong password and unknown user: same reply")
def same_reply(server, folder, alice, bob):
    replies = []
    for user in (alice, "nobody@example.test"):
        with smtplib.SMTP_SSL("localhost", server.port("submissions"), timeout=20, context=server.context) as smtp:
            smtp.ehlo()
            replies.append(smtp.docmd("AUTH", "PLAIN " + base64.b64encode(f"\0{user}\0wrong".encode()).decode()))
    assert replies[0] == replies[1] and replies[0][0] == 535, replies


@check("STARTTLS and a command in one packet: refused and closed")
def starttls_injection(server, folder, alice, bob):
    for name, greeting, command in (("mx", b"EHLO x.test\r\n", b"STARTTLS\r\nNOOP\r\n"), ("pop3", b"CAPA\r\n", b"STLS\r\nNOOP\r\n")):
        with socket.create_connection(("127.0.0.1", server.port(name)), 5) as peer:
            peer.settimeout(5)
            peer.recv(1000), peer.sendall(greeting), time.sleep(0.2), peer.recv(5000), peer.sendall(command)
            answer = b""
            while chunk := peer.recv(5000):
                answer += chunk
            assert b"220" not in answer and b"+OK" not in answer, answer
            assert answer[:1] in (b"5", b"-", b"4"), answer


@check("a message over the limit: 552 with memory flat")
def too_large(server, folder, alice, bob):
    def memory():
        return int(re.search(r"VmRSS:\s+(\d+)", open(f"/proc/{server.process.pid}/status").read()).group(1))
    with socket.create_connection(("127.0.0.1", server.port("mx")), 20) as peer:
        peer.settimeout(60)
        reader = peer.makefile("rb")
        reader.readline()
        for line in (b"HELO client.test\r\n", b"MAIL FROM:<ann@elsewhere.test>\r\n", b"RCPT TO:<" + bob.encode() + b">\r\n", b"DATA\r\n"):
            peer.sendall(line)
            reply = reader.readline()
            assert reply[:1] in b"23", reply
        before, block = memory(), (b"x" * 998 + b"\r\n") * 1000
        peer.sendall(b"Subject: large\r\n\r\n")
        for _ in range(100):
            peer.sendall(block)
        peer.sendall(b".\r\n")
        reply = reader.readline()
        assert reply.startswith(b"552"), reply
        assert memory() - before < 20_000, f"memory grew by {memory() - before} KiB"


@check("killing the server loses nothing that got 250")
def kill_during_data(folder):
    path = os.path.join(folder, "kill")
    os.mkdir(path)
    server = Server(path)
    bob = sorted(server.users)[1]
    accepted, peers = [], []
    for number in range(20):
        peer = smtplib.SMTP("localhost", server.port("mx"), timeout=20)
        peer.helo("client.test"), peer.mail("ann@elsewhere.test"), peer.rcpt(bob)
        peers.append(peer)
        if number % 2:
            subject = f"kept {number:02}"
            code, _ = peer.data(message("ann@elsewhere.test", bob, subject))
            assert code == 250, code
            accepted.append(subject)
        else:
            peer.docmd("DATA")
            peer.send(b"Subject: half\r\n\r\nhalf a mess")
    server.stop(signal.SIGKILL)
    passwords = server.users
    again = Server(path)
    again.users = {**passwords, **again.users}
    for subject in accepted:
        mailbox(again, bob, subject, patience=1)
    try:
        mailbox(again, bob, "half a mess", patience=1)
        raise AssertionError("a message that got no 250 is visible")
    except AssertionError as error:
        assert "no message with" in str(error), error
    assert again.stop() == 0, "SIGTERM"


@check("poplib: DELE counts only with QUIT")
def pop_delete(server, folder, alice, bob):
    def login():
        pop = poplib.POP3_SSL("localhost", server.port("pop3s"), timeout=10, context=server.context)
        pop.user(alice), pop.pass_(server.users[alice])
        return pop
    pop = login()
    count = pop.stat()[0]
    assert count >= 1
    identifiers = pop.uidl()[1]
    assert len(set(identifiers)) == count
    pop.dele(1)
    pop.close()
    pop = login()
    assert pop.stat()[0] == count, "deleted without QUIT"
    assert pop.uidl()[1] == identifiers, "identifiers changed"
    pop.dele(1), pop.quit()
    pop = login()
    assert pop.stat()[0] == count - 1
    pop.quit()


def main():
    if not os.path.exists(SERVER):
        raise SystemExit(f"{SERVER} is missing: cargo build --release --examples")
    for program in ("curl", "swaks"):
        if not shutil.which(program):
            raise SystemExit(f"{program} is not installed")
    with tempfile.TemporaryDirectory(prefix="gatepost-e2e-") as folder:
        began = time.time()
        server = Server(folder)
        print(f"ready after {time.time() - began:.1f} s")
        try:
            alice, bob = sorted(server.users)[:2]
            for each in (curl_starttls, curl_implicit, curl_without_auth, curl_mx, curl_stls, swaks_auth, python_smtplib, python_other_sender,
                         same_reply, starttls_injection, too_large, pop_delete):
                each(server, folder, alice, bob)
        finally:
            code = server.stop()
        RESULTS.append(("SIGTERM: clean end", "pass" if code == 0 else "FAIL", str(code)))
        kill_during_data(folder)
        path = os.path.join(folder, "operations")
        os.mkdir(path)
        operations.rows(sys.modules[__name__], path)
    failed = [row for row in RESULTS if row[1] != "pass"]
    print(f"\n{len(RESULTS) - len(failed)} passed, {len(failed)} failed")
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
