#!/usr/bin/env python3
"""Programs that people submit mail with, against our server, over STARTTLS and over implicit TLS; Postfix as a relay that logs in;
what sslscan finds; how fast smtp-source is served beside smtp-sink."""
# apt: curl swaks libnet-ssleay-perl libio-socket-ssl-perl msmtp s-nail openssl postfix libsasl2-modules sslscan nodejs npm
# pip: aiosmtplib
# npm: nodemailer
import asyncio, base64, glob, os, re, smtplib, socket, ssl, subprocess, sys, tempfile, time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
from e2e import ROOT, Server, message, run  # noqa: E402
from postfix import Postfix, free_port  # noqa: E402

ROWS = []
ALICE, BOB = "alice@example.test", "bob@example.test"
BODY = "Hello,\r\n\r\n.leading dot\r\n..\r\nFrom here\r\n" + "x" * 900 + "\r\nthe end\r\n"


def row(name, right, detail=""):
    ROWS.append(bool(right))
    print(f"{'pass' if right else 'FAIL'}  {name}  {'' if right else str(detail)[-900:]}", flush=True)


class Lab:
    def __init__(self, folder):
        self.folder, self.server, self.count = folder, Server(folder), 0
        self.password = self.server.users[ALICE]

    def port(self, tls):
        return self.server.port("submissions" if tls else "submission")

    def arrived(self, subject, body=BODY):
        """Bob's message of that subject, stored octet for octet."""
        for _ in range(100):
            for path in glob.glob(os.path.join(self.folder, "data/mail/example.test/bob/new/*")):
                octets = open(path, "rb").read()
                if re.search(rb"^Subject: " + re.escape(subject.encode()) + rb"\r$", octets, re.M):
                    got = octets.partition(b"\r\n\r\n")[2]
                    return body is None or got == body.encode(), got[-300:]
            time.sleep(0.1)
        return False, "it did not arrive"

    def attempt(self, name, work, *arguments, body=BODY):
        self.count += 1
        subject = f"message {self.count}"
        try:
            done = work(self, subject, *arguments)
            if done is not None and done.returncode:
                return row(name, False, f"{done.returncode}: {done.stdout}{done.stderr}")
            row(name, *self.arrived(subject, body))
        except Exception as error:  # noqa: BLE001 - any failure is a row of the table
            row(name, False, f"{type(error).__name__}: {error}")

    def write(self, name, text):
        path = os.path.join(self.folder, name)
        with open(path, "w", newline="") as file:
            file.write(text)
        os.chmod(path, 0o600)
        return path


def mail(subject):
    return message(ALICE, BOB, subject, body=BODY)


def curl(lab, subject, tls):
    path = lab.write("curl.eml", mail(subject))
    return run("curl", "-sS", "--max-time", "20", "--cacert", lab.server.ca, "--ssl-reqd", f"smtp{'s' if tls else ''}://localhost:{lab.port(tls)}",
               "--user", f"{ALICE}:{lab.password}", "--mail-from", ALICE, "--mail-rcpt", BOB, "--upload-file", path)


def swaks(lab, subject, tls, mechanism):
    return run("swaks", "--server", f"localhost:{lab.port(tls)}", "--tls-on-connect" if tls else "--tls", "--tls-verify", "--tls-ca-path", lab.server.ca,
               "--auth", mechanism, "--auth-user", ALICE, "--auth-password", lab.password, "--from", ALICE, "--to", BOB, "--timeout", "20s",
               "--data", mail(subject).replace("\r\n", "\n").rstrip("\n"))


def msmtp(lab, subject, tls, mechanism):
    return run("msmtp", "--file=/dev/null", "--host=localhost", f"--port={lab.port(tls)}", "--tls=on", f"--tls-starttls={'off' if tls else 'on'}",
               f"--tls-trust-file={lab.server.ca}", f"--auth={mechanism}", f"--user={ALICE}", f"--passwordeval=echo '{lab.password}'",
               f"--from={ALICE}", BOB, data=mail(subject).replace("\r\n", "\n"))


def python(lab, subject, tls):
    if tls:
        smtp = smtplib.SMTP_SSL("localhost", lab.port(tls), timeout=20, context=lab.server.context)
    else:
        smtp = smtplib.SMTP("localhost", lab.port(tls), timeout=20)
        smtp.starttls(context=lab.server.context)
    with smtp:
        smtp.login(ALICE, lab.password)
        refused = smtp.sendmail(ALICE, [BOB, "nobody@example.test"], mail(subject), ["BODY=8BITMIME"])
        assert list(refused) == ["nobody@example.test"] and refused["nobody@example.test"][0] == 550, refused


def aio(lab, subject, tls):
    import aiosmtplib
    how = {"use_tls": True} if tls else {"start_tls": True}
    errors, _ = asyncio.run(aiosmtplib.send(mail(subject), sender=ALICE, recipients=[BOB], hostname="localhost", port=lab.port(tls), username=ALICE,
                                            password=lab.password, tls_context=lab.server.context, timeout=20, **how))
    assert not errors, errors


def nodemailer(lab, subject, tls):
    script = """const [port, ca, user, pass, secure, raw, to] = process.argv.slice(1);
    const options = {host: 'localhost', port: +port, secure: secure == 'true', requireTLS: true, auth: {user, pass}, tls: {ca: require('fs').readFileSync(ca)}};
    require('nodemailer').createTransport(options).sendMail({envelope: {from: user, to}, raw: require('fs').readFileSync(raw)})
      .catch(error => { console.error(error.message); process.exit(1) })"""
    modules = os.path.join(os.environ.get("NODE_DIR", os.path.join(ROOT, "target/interop-node")), "node_modules")
    arguments = [str(lab.port(tls)), lab.server.ca, ALICE, lab.password, str(tls).lower(), lab.write("node.eml", mail(subject)), BOB]
    return subprocess.run(["node", "-e", script, *arguments], capture_output=True, text=True, timeout=30, env={**os.environ, "NODE_PATH": modules})


def s_nail(lab, subject, tls):
    url = f"{'smtps' if tls else 'smtp'}://alice%40example.test:{lab.password}@localhost:{lab.port(tls)}"
    more = [] if tls else ["-S", "smtp-use-starttls"]
    return run("s-nail", "-:/", "-S", "v15-compat", "-S", f"mta={url}", "-S", "smtp-auth=plain", "-S", f"tls-ca-file={lab.server.ca}", "-S", "tls-ca-no-defaults",
               "-S", "tls-verify=strict", *more, "-r", ALICE, "-s", subject, BOB, data="hello from s-nail\n")


def openssl(lab, subject, tls):
    """By hand, in chunks that cut a line end and a dot: octet for octet what was sent."""
    raw = socket.create_connection(("localhost", lab.port(tls)), 20)
    if not tls:
        raw.recv(1000), raw.sendall(b"EHLO hand.test\r\n"), raw.recv(4000), raw.sendall(b"STARTTLS\r\n")
        assert raw.recv(1000).startswith(b"220")
    peer = lab.server.context.wrap_socket(raw, server_hostname="localhost")
    file = peer.makefile("rb")

    def ask(octets, code):
        peer.sendall(octets)
        while True:
            line = file.readline()
            assert line.startswith(code), (octets[:60], line)
            if line[3:4] == b" ":
                return line
    if tls:
        ask(b"", b"220")
    ask(b"EHLO hand.test\r\n", b"250")
    token = base64.b64encode(f"\0{ALICE}\0{lab.password}".encode())
    ask(b"AUTH PLAIN " + token + b"\r\n", b"235")
    ask(f"MAIL FROM:<{ALICE}> BODY=8BITMIME\r\n".encode(), b"250"), ask(f"RCPT TO:<{BOB}>\r\n".encode(), b"250")
    octets = mail(subject).encode()
    cuts = [0, octets.index(b"\r\n") + 1, octets.index(b"\r\n.") + 2, len(octets)]
    for begin, end in zip(cuts, cuts[1:]):
        ask(b"BDAT %d\r\n" % (end - begin) + octets[begin:end], b"250")
    ask(b"DATA\r\n", b"503"), ask(b"BDAT 0 LAST\r\n", b"250"), ask(b"BDAT 1 LAST\r\nx", b"503"), ask(b"QUIT\r\n", b"221")


def s_client(lab):
    """openssl s_client itself: TLS 1.3 and 1.2 are spoken with a believed certificate, 1.1 is not."""
    for version, works in (("-tls1_3", True), ("-tls1_2", True), ("-tls1_1", False)):
        for tls in (False, True):
            how = [] if tls else ["-starttls", "smtp"]
            done = run("openssl", "s_client", "-connect", f"localhost:{lab.port(tls)}", *how, "-CAfile", lab.server.ca, "-verify_return_error", version,
                       "-cipher", "DEFAULT@SECLEVEL=0", "-brief", data="QUIT\r\n")
            assert (done.returncode == 0) == works, (version, tls, done.stderr[-300:])


def sslscan(lab):
    for tls in (False, True):
        how = [] if tls else ["--starttls-smtp"]
        text = run("sslscan", "--no-colour", *how, f"localhost:{lab.port(tls)}", timeout=120).stdout
        protocols = dict(re.findall(r"^(SSLv2|SSLv3|TLSv1\.\d)\s+(enabled|disabled)", text, re.M))
        wanted = {"SSLv2": "disabled", "SSLv3": "disabled", "TLSv1.0": "disabled", "TLSv1.1": "disabled", "TLSv1.2": "enabled", "TLSv1.3": "enabled"}
        assert protocols == wanted, protocols
        ciphers = re.findall(r"^(?:Preferred|Accepted)\s+TLSv1\.\d\s+\d+ bits\s+(\S+)", text, re.M)
        assert ciphers and all(re.match(r"TLS_|ECDHE-.*(GCM|CHACHA20)", cipher) for cipher in ciphers), ciphers
        assert "not vulnerable" in text and not re.search(r"(?<!not )vulnerable", text), text


def postfix(lab, subject):
    """Postfix has it from somebody and relays it: TLS whose certificate is verified, AUTH, PIPELINING."""
    folder = os.path.join(lab.folder, "postfix")
    os.makedirs(folder)
    main = f"""
relayhost = [localhost]:{lab.port(False)}
smtp_tls_security_level = secure
smtp_tls_secure_cert_match = localhost
smtp_tls_CAfile = {lab.server.ca}
smtp_tls_loglevel = 1
smtp_host_lookup = native
smtp_sasl_auth_enable = yes
smtp_sasl_security_options = noanonymous
smtp_sasl_password_maps = inline:{{ {{ [localhost]:{lab.port(False)} = {ALICE}:{lab.password} }} }}
"""
    os.chmod(lab.folder, 0o755)
    relay = Postfix(folder, main)
    try:
        with smtplib.SMTP("127.0.0.1", relay.port, timeout=20) as smtp:
            smtp.sendmail(ALICE, [BOB], mail(subject))
        right, detail = lab.arrived(subject)
        assert right, (detail, relay.log()[-900:])
        log = relay.log()
        assert "Verified TLS connection" in log and "status=sent" in log, log[-900:]
    finally:
        relay.stop()


def speed(lab):
    """smtp-source into our MX (judged, stored with fsync) beside smtp-sink (thrown away), by turns; told, not judged."""
    sink_port, rates = free_port(), {"ours": [], "smtp-sink": []}
    sink = subprocess.Popen(["smtp-sink", "-u", "nobody", f"127.0.0.1:{sink_port}", "100"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        time.sleep(0.5)
        for _ in range(3):
            for name, port in (("ours", lab.server.port("mx")), ("smtp-sink", sink_port)):
                count, began = 300, time.time()
                done = run("smtp-source", "-s", "10", "-m", str(count), "-l", "4096", "-d", "-f", "a@elsewhere.test", "-t", BOB, f"127.0.0.1:{port}", timeout=120)
                assert done.returncode == 0, done.stderr[-300:]
                rates[name].append(count / (time.time() - began))
    finally:
        sink.terminate()
        sink.wait(5)
    ours, theirs = (sorted(rates[name])[1] for name in ("ours", "smtp-sink"))
    print(f"      smtp-source, 4 KB, 10 sessions: ours {ours:.0f}/s (judged, fsync), smtp-sink {theirs:.0f}/s: x {ours / theirs:.2f}")


def plain(name, work, *arguments):
    try:
        work(*arguments)
        row(name, True)
    except Exception as error:  # noqa: BLE001
        row(name, False, f"{type(error).__name__}: {error}")


def main():
    with tempfile.TemporaryDirectory() as folder:
        lab = Lab(folder)
        try:
            for tls in (False, True):
                over = "implicit TLS" if tls else "STARTTLS"
                lab.attempt(f"curl, {over}", curl, tls)
                for mechanism in ("PLAIN", "LOGIN"):
                    lab.attempt(f"swaks: {mechanism}, {over}", swaks, tls, mechanism)
                for mechanism in ("plain", "scram-sha-256"):
                    lab.attempt(f"msmtp: {mechanism}, {over}", msmtp, tls, mechanism)
                lab.attempt(f"smtplib: one recipient of two, {over}", python, tls)
                lab.attempt(f"aiosmtplib, {over}", aio, tls)
                lab.attempt(f"nodemailer, {over}", nodemailer, tls)
                lab.attempt(f"s-nail, {over}", s_nail, tls, body=None)
                lab.attempt(f"by hand: BDAT that cuts line ends and dots, {over}", openssl, tls)
            lab.attempt("Postfix relays with verified TLS and AUTH", postfix)
            plain("openssl s_client: TLS 1.3 and 1.2, not 1.1", s_client, lab)
            plain("sslscan: nothing below TLS 1.2, AEAD with forward secrecy only", sslscan, lab)
            plain("smtp-source beside smtp-sink", speed, lab)
        finally:
            lab.server.stop()
    print(f"\n{'all right' if all(ROWS) else 'FAILED'}: {sum(ROWS)} of {len(ROWS)}")
    sys.exit(0 if all(ROWS) else 1)


if __name__ == "__main__":
    main()
