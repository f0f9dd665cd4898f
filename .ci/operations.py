"""What an operator does with the server, and what strangers do to it: part of e2e.py, which runs these rows."""
import http.client, json, os, poplib, resource, shutil, signal, smtplib, socket, ssl, struct, subprocess, time

from ports import free_port


def converse(address, lines, source=None, first=b"", timeout=10):
    """Sends lines one by one, each after the reply to the one before; all replies' last lines."""
    with socket.create_connection(address, timeout, source_address=(source, 0) if source else None) as peer:
        peer.settimeout(timeout)
        peer.sendall(first)
        reader, replies = peer.makefile("rb"), []
        for line in (None, *lines):
            try:
                if line is not None:
                    peer.sendall(line)
                reply = reader.readline()
                while reply[3:4] == b"-" and reply[:3].isdigit():
                    reply = reader.readline()
            except ConnectionError:  # closed with something unread
                reply = b""
            replies.append(reply)
        return replies


def deliver(e2e, server, sender, recipients, text, source=None, first=b""):
    """Over MX, without a library; the reply to the data."""
    lines = [b"EHLO client.test\r\n", f"MAIL FROM:<{sender}>\r\n".encode()]
    lines += [f"RCPT TO:<{to}>\r\n".encode() for to in recipients]
    lines += [b"DATA\r\n", text.encode() + b"\r\n.\r\n"]
    replies = converse(("127.0.0.1", server.port("mx")), lines, source, first)
    for reply in replies[:-1]:
        assert reply[:1] in b"23", replies
    return replies[-1]


def count(server, user):
    pop = poplib.POP3_SSL("localhost", server.port("pop3s"), timeout=10, context=server.context)
    pop.user(user), pop.pass_(server.users[user])
    number = pop.stat()[0]
    pop.quit()
    return number


def http_get(port, path, method="GET"):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    connection.request(method, path)
    answer = connection.getresponse()
    return answer.status, answer.read().decode()


CONFIG = """
policy = "{policy}"
domains = ["second.test"]
proxies = ["127.0.0.2"]
metrics = "127.0.0.1:{metrics}"
connections_per_peer = 5
log_format = "json"
bind = {bind}
[aliases]
"sales@example.test" = ["alice@example.test", "bob@example.test"]
"@second.test" = "bob@example.test"
{alias}
[limits]
exempt = []
auth_failures = 3
user_messages_per_minute = 3
handshake_seconds = 1
"""


def rows(e2e, folder):
    """All rows, in order; they share a server."""
    metrics, notified = free_port(), os.path.join(folder, "notify")
    systemd = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    systemd.bind(notified)
    systemd.settimeout(10)
    config = os.path.join(folder, "gatepost.toml")
    six = socket.has_ipv6 and os.path.exists("/proc/net/if_inet6") and "00000000000000000000000000000001" in open("/proc/net/if_inet6").read()
    bind = '["127.0.0.1", "::1"]' if six else '"127.0.0.1"'

    def configure(policy="record", alias="", extra=""):
        with open(config, "w") as file:
            file.write(extra + CONFIG.format(policy=policy, metrics=metrics, alias=alias, bind=bind))

    configure()
    os.environ["NOTIFY_SOCKET"] = notified
    server = e2e.Server(folder, "--config", config)
    del os.environ["NOTIFY_SOCKET"]
    alice, bob = "alice@example.test", "bob@example.test"
    mx = ("127.0.0.1", server.port("mx"))

    def log():
        return open(server.log.name).read()

    def reload(expected):
        before = log().count(expected)
        server.process.send_signal(signal.SIGHUP)
        for _ in range(100):
            if log().count(expected) > before:
                return
            time.sleep(0.05)
        raise AssertionError(f"{expected!r} is not in the log: {log()[-600:]}")

    @e2e.check("sd_notify: READY=1")
    def ready():
        assert systemd.recv(200) == b"READY=1"

    @e2e.check("aliases, sub-addresses, postmaster, catch-all, other domains")
    def addresses():
        before = count(server, alice), count(server, bob)
        reply = deliver(e2e, server, "ann@elsewhere.test", ["Sales@example.test", "alice+tag@example.test", "any.body@second.test"],
                        e2e.message("ann@elsewhere.test", "sales@example.test", "aliased"))
        assert reply.startswith(b"250"), reply
        assert (count(server, alice), count(server, bob)) == (before[0] + 1, before[1] + 1), "once for each user"
        refused = converse(mx, [b"HELO c.test\r\n", b"MAIL FROM:<>\r\n", b"RCPT TO:<postmaster>\r\n", b"RCPT TO:<Postmaster@second.test>\r\n",
                                b"RCPT TO:<nobody@example.test>\r\n", b"RCPT TO:<ann@elsewhere.test>\r\n", b"QUIT\r\n"])
        assert refused[3][:3] == refused[4][:3] == b"250", refused
        assert refused[5].startswith(b"550 5.1.1") and refused[6].startswith(b"550 5.7.1"), refused

    @e2e.check("PROXY v1 and v2: SPF sees the real peer; none from a proxy, and one from others, is refused")
    def proxy():
        v1 = b"PROXY TCP4 192.0.2.77 127.0.0.1 4321 25\r\n"
        v2 = b"\r\n\r\n\0\r\nQUIT\n\x21\x21\0\x24" + socket.inet_pton(socket.AF_INET6, "2001:db8::77") * 2 + struct.pack(">HH", 4321, 25)
        for header, address in ((v1, "192.0.2.77"), (v2, "2001:db8::77")):
            subject = f"proxied {address}"
            assert deliver(e2e, server, "x@bank.test", [bob], e2e.message("x@bank.test", bob, subject), "127.0.0.2", header).startswith(b"250")
            text = e2e.mailbox(server, bob, subject)
            assert f"{address}]" in text and any(f"client-ip={quote}{address}{quote};" in text for quote in ("", '"')) and "spf=fail" in text, text[:1500]
        began = time.time()
        assert converse(mx, [], "127.0.0.2", b"EHLO client.test\r\n") == [b""], "a greeting without a header"
        assert converse(mx, [], "127.0.0.2") == [b""] and time.time() - began < 5
        assert converse(mx, [v1])[1][:1] == b"5"
        assert converse(mx, [v2])[1][:1] == b"5"

    @e2e.check("limits: the sixth connection of a peer is told 421 and -ERR")
    def connections():
        peers = [socket.create_connection(mx, 5, source_address=("127.0.0.3", 0)) for _ in range(5)]
        assert all(peer.recv(100).startswith(b"220") for peer in peers)
        assert converse(mx, [], "127.0.0.3")[0].startswith(b"421 4.7.0"), "mx"
        assert converse(("127.0.0.1", server.port("pop3")), [], "127.0.0.3")[0].startswith(b"-ERR [SYS/TEMP]"), "pop3"
        assert converse(mx, [], "127.0.0.33")[0].startswith(b"220"), "others"
        for peer in peers:
            peer.close()
        time.sleep(0.3)
        assert converse(mx, [], "127.0.0.3")[0].startswith(b"220"), "again"

    @e2e.check("limits: who fails to log in three times waits, and others do not")
    def backoff():
        def login(password, source):
            with smtplib.SMTP_SSL("localhost", server.port("submissions"), timeout=10, context=server.context, source_address=(source, 0)) as smtp:
                try:
                    smtp.login(alice, password, initial_response_ok=True)
                    return 235
                except smtplib.SMTPAuthenticationError as refused:
                    return refused.smtp_code
        # smtplib tries several mechanisms, each a failure
        codes = [login("wrong", "127.0.0.4"), login("wrong", "127.0.0.4")]
        assert 535 in codes or 421 in codes, codes
        assert login(server.users[alice], "127.0.0.4") in (454, 421), "the right password too early"
        assert login(server.users[alice], "127.0.0.5") == 235

    @e2e.check("limits: a user who submits too fast is told 450")
    def rate():
        with smtplib.SMTP_SSL("localhost", server.port("submissions"), timeout=10, context=server.context) as smtp:
            smtp.login(bob, server.users[bob])
            codes = [smtp.mail(bob)[0] for _ in range(5) if smtp.rset()]
            assert codes == [250, 250, 250, 450, 450], codes

    @e2e.check("limits: a TLS handshake that does not come is given up")
    def handshake():
        with socket.create_connection(("127.0.0.1", server.port("submissions")), 5) as peer:
            peer.settimeout(5)
            assert peer.recv(10) == b""

    @e2e.check("TLS that ends without close_notify within DATA: no message")
    def truncated():
        with smtplib.SMTP("localhost", server.port("mx"), timeout=10) as smtp:
            smtp.starttls(context=server.context), smtp.ehlo(), smtp.mail("ann@elsewhere.test"), smtp.rcpt(alice), smtp.docmd("DATA")
            smtp.send(b"Subject: truncated\r\n\r\nhalf\r\n.\r\n"[:-3])
            raw = socket.socket(fileno=os.dup(smtp.sock.fileno()))
            raw.shutdown(socket.SHUT_WR)
            raw.close()
            smtp.sock.close()
            smtp.sock = smtp.file = None
        time.sleep(0.3)
        try:
            e2e.mailbox(server, alice, "Subject: truncated", patience=1)
        except AssertionError:
            return
        raise AssertionError("half a message was delivered")

    @e2e.check("a message with 100 Received fields: 554 5.4.6")
    def circles():
        text = e2e.message("ann@elsewhere.test", bob, "circle", extra="Received: from a by b; Tue, 24 Nov 2026 09:00:00 +0000\r\n" * 100)
        assert deliver(e2e, server, "ann@elsewhere.test", [bob], text).startswith(b"554 5.4.6")

    @e2e.check("IPv6: a listener on ::1")
    def ipv6():
        if six:
            assert converse(("::1", server.port("mx")), [])[0].startswith(b"220")

    @e2e.check("metrics, health and readiness by HTTP")
    def operators():
        status, text = http_get(metrics, "/metrics")
        assert status == 200
        for line in ("# TYPE gatepost_sessions_total counter", 'gatepost_messages_total{result="accepted"}', 'gatepost_spf_total{result="fail"} 2',
                     'gatepost_dmarc_total{result="fail"}', 'gatepost_refused_total{reason="too_many"} 2', 'gatepost_logins_total{result="failed"}',
                     'gatepost_logins_total{result="throttled"}', 'gatepost_octets_total{direction="received"}'):
            assert line in text, f"{line} is not in\n{text}"
        assert http_get(metrics, "/health") == (200, "ok\n") and http_get(metrics, "/ready") == (200, "ready\n")
        assert http_get(metrics, "/ready", "HEAD") == (200, "") and http_get(metrics, "/")[0] == 404 and http_get(metrics, "/", "POST")[0] == 405
        assert converse(("127.0.0.1", metrics), [], first=b"\x16\x03\x01\r\n\r\n")[0].startswith(b"HTTP/1.1 400")
        assert converse(("127.0.0.1", metrics), [], first=b"GET /" + b"x" * 20000)[0].startswith(b"HTTP/1.1 400")

    @e2e.check("SIGHUP: certificate, aliases and policy change, sessions go on, what is wrong changes nothing")
    def reloaded():
        open_session = smtplib.SMTP("localhost", server.port("mx"), timeout=10, source_address=("127.0.0.6", 0))
        open_session.ehlo()
        old = ssl.get_server_certificate(("127.0.0.1", server.port("pop3s")))
        for name in ("certificate.pem", "certificate-key.pem"):
            os.remove(os.path.join(folder, "data", name))
        configure("reject", 'new@example.test = "x"')
        reload("all stays as it was")
        assert "gatepost.toml:12:4: " in log(), log()[-500:]
        configure("reject", '"new@example.test" = "alice@example.test"')
        reload("were read again")
        assert ssl.get_server_certificate(("127.0.0.1", server.port("pop3s"))) != old, "the old certificate"
        server.context = ssl.create_default_context(cafile=server.ca)
        spoofed = e2e.message("x@bank.test", alice, "spoofed")
        assert deliver(e2e, server, "x@elsewhere.test", ["new@example.test"], spoofed).startswith(b"550 5.7.1")
        assert open_session.mail("x@elsewhere.test")[0] == 250 and open_session.rcpt("new@example.test")[0] == 550, "began before"
        open_session.quit()

    @e2e.check("SIGHUP: bounds of the gate hold at once, another folder for junk needs a restart")
    def bounds():
        configure("reject", extra="connections = 2\njunk_folder = 'Spam'\n")
        reload("what changed in store or junk_folder needs a restart")
        time.sleep(0.3)  # those before are gone
        peers = [socket.create_connection(mx, 5, source_address=("127.0.0.9", 0)) for _ in range(2)]
        assert all(peer.recv(100).startswith(b"220") for peer in peers)
        assert converse(mx, [], "127.0.0.10")[0].startswith(b"421 4.7.0"), "the third connection"
        for peer in peers:
            peer.close()
        configure("reject")
        reload("were read again")
        time.sleep(0.3)
        assert converse(mx, [], "127.0.0.9")[0].startswith(b"220"), "again"

    @e2e.check("SIGHUP: a certificate for another host, or out of its time, is told with its date")
    def certificates():
        paths = [os.path.join(folder, "data", name) for name in ("certificate.pem", "certificate-key.pem")]
        ours = [open(path, "rb").read() for path in paths]
        for days, wanted in ((1, "it does not name the server's host"), (-1, "it expired on ")):
            make = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj", "/CN=other.test",
                    "-addext", "subjectAltName=DNS:other.test", "-keyout", paths[1], "-out", paths[0]]
            before = ["-not_before", "20200101000000Z", "-not_after", "20210101000000Z"] if days < 0 else ["-days", "1"]
            done = subprocess.run(make + before, capture_output=True, text=True)
            if done.returncode != 0 and days < 0:
                continue  # an OpenSSL before 3.4 makes none in the past
            assert done.returncode == 0, done.stderr
            reload(wanted)
        for path, octets in zip(paths, ours):
            with open(path, "wb") as file:
                file.write(octets)
        reload("were read again")

    @e2e.check("logs: each line is a JSON object, without secrets, and what strangers sent is escaped")
    def logs():
        evil = b"MAIL FROM:<\"a\x1b[31m\xe2\x80\xae\"@bank.test> SMTPUTF8\r\n"
        replies = converse(mx, [b"EHLO c.test\r\n", evil, b"RCPT TO:<" + alice.encode() + b">\r\n", b"DATA\r\n", b"From: a@b.test\r\n\r\nhi\r\n.\r\n"], "127.0.0.7")
        lines = [line for line in log().split("\nready\n", 1)[1].splitlines() if line]
        assert len(lines) > 10, log()
        for line in lines:
            json.loads(line)
            assert line.isascii() and "\\u001b" not in line.replace("\\\\u", "") and not any(password in line for password in server.users.values()), line
        return replies

    @e2e.check("SIGTERM: STOPPING=1, and a session in flight finishes")
    def stopping():
        peer = smtplib.SMTP("localhost", server.port("mx"), timeout=10, source_address=("127.0.0.8", 0))
        peer.ehlo(), peer.mail("ann@elsewhere.test"), peer.rcpt(bob), peer.docmd("DATA")
        server.process.send_signal(signal.SIGTERM)
        assert systemd.recv(200) == b"STOPPING=1"
        assert http_get(metrics, "/ready")[0] == 503
        peer.send(e2e.message("ann@elsewhere.test", bob, "last").encode() + b"\r\n.\r\n")
        assert peer.getreply()[0] == 250
        assert server.process.wait(15) == 0

    try:
        for row in (ready, addresses, proxy, connections, backoff, rate, handshake, truncated, circles, ipv6, operators, reloaded, bounds, certificates, logs, stopping):
            row()
    finally:
        server.stop(signal.SIGKILL)
    startup(e2e, folder)


def startup(e2e, folder):
    """What is said when the server can not start, or the disk is full."""

    def fails(*arguments, config=None, data="broken"):
        path = os.path.join(folder, "broken.toml")
        if config is not None:
            with open(path, "w") as file:
                file.write(config)
            arguments += ("--config", path)
        done = subprocess.run([e2e.SERVER, "--data", os.path.join(folder, data), "--port-base", str(e2e.Server.free_base()), *arguments],
                              capture_output=True, text=True, timeout=20, stdin=subprocess.DEVNULL)
        assert done.returncode == 1, (done.returncode, done.stderr)
        return done.stderr

    @e2e.check("a start that fails says where, why, and what to do")
    def failures():
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", 0))
            taken.listen()
            port = taken.getsockname()[1]
            text = fails(config=f'[[listen]]\nservice = "mx"\naddress = "127.0.0.1:{port}"\n')
            assert f"mx on 127.0.0.1:{port}: " in text and "another program listens there" in text, text
        assert 'broken.toml:1:1: unknown field `hostnam`' in (text := fails(config='hostnam = "x"')) and "did you mean `hostname`?" in text, text
        assert "broken.toml:2:1" in (text := fails(config='domain = "a.test"\n= 3\n')), text
        assert "nowhere.toml: No such file" in (text := fails("--config", "nowhere.toml")), text
        assert "`no-such-zone` is neither" in (text := fails("--resolver", "no-such-zone")), text
        assert "leads to no user" in (text := fails(config='[aliases]\n"a@example.test" = "b@example.test"')), text
        data = os.path.join(folder, "broken")
        with open(os.path.join(data, "dkim.pem"), "w") as key:
            key.write("no key\n")
        assert "broken/dkim.pem: no private key in PEM form" in (text := fails()), text
        os.remove(os.path.join(data, "dkim.pem"))
        other = os.path.join(folder, "data")
        shutil.copy(os.path.join(other, "certificate-key.pem"), os.path.join(data, "certificate-key.pem"))
        assert "broken/certificate.pem: " in (text := fails()) and "key" in text.lower(), text

    @e2e.check("a second server on one queue is refused")
    def twice():
        path = os.path.join(folder, "twice")
        os.mkdir(path)
        server = e2e.Server(path)
        try:
            text = fails(data="twice/data")
            assert "twice/data/queue: another server works on it" in text, text
        finally:
            server.stop()

    @e2e.check("a full disk: 451, the log says so, and the server goes on")
    def full():
        def small_files():
            resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, 200_000))
            signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        path = os.path.join(folder, "full")
        os.mkdir(path)
        server = e2e.Server(path, preexec=small_files)
        try:
            bob = sorted(server.users)[1]
            large = e2e.message("ann@elsewhere.test", bob, "large", body=("x" * 70 + "\r\n") * 10_000)
            reply = deliver(e2e, server, "ann@elsewhere.test", [bob], large)
            assert reply.startswith(b"451 4.3.0"), reply
            assert "a message can not be stored" in open(server.log.name).read()
            assert deliver(e2e, server, "ann@elsewhere.test", [bob], e2e.message("ann@elsewhere.test", bob, "small")).startswith(b"250")
        finally:
            server.stop()

    failures()
    twice()
    full()
