#!/usr/bin/env python3
"""Mail for other domains: our server relays to Postfix, aiosmtpd and smtp-sink over MX records and a smarthost, and what
it reports is read by Python's email package and by Perl.

All on loopback, each receiver on an address of its own. Only what is started here is ended.
"""
# apt: postfix openssl libemail-mime-perl libmail-deliverystatus-bounceparser-perl
# pip: aiosmtpd dkimpy
import email, email.policy, logging, os, poplib, pwd, re, shutil, smtplib, socket, ssl, subprocess, sys, tempfile, time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
from e2e import SERVER, Server  # noqa: E402

QUEUE = os.path.join(os.path.dirname(SERVER), "queue")
ROWS = []


def row(name, ok, detail=""):
    ROWS.append(bool(ok))
    print(f"{'pass' if ok else 'FAIL'}  {name}{'' if ok else '  ' + str(detail)[:1500]}", flush=True)


def free(addresses):
    """A port that is free on all of these."""
    for port in range(20025, 30000, 37):
        try:
            for address in addresses:
                with socket.socket() as probe:
                    probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                    probe.bind((address, port))
            return port
        except OSError:
            continue
    sys.exit("no free port")


def until(condition, seconds=20):
    end = time.time() + seconds
    while time.time() < end:
        found = condition()
        if found:
            return found
        time.sleep(0.1)
    return condition()


class Relaying(Server):
    """Ours, with a zone and a table [relay]."""

    def __init__(self, folder, zone, relay):
        os.makedirs(folder, exist_ok=True)
        files = {name: os.path.join(folder, name) for name in ("zone", "gatepost.toml")}
        for name, text in (("zone", zone), ("gatepost.toml", "[relay]\n" + relay)):
            with open(files[name], "w") as file:
                file.write(text)
        super().__init__(folder, "--resolver", files["zone"], "--config", files["gatepost.toml"])
        self.data = os.path.join(folder, "data")

    def said(self):
        with open(self.log.name) as file:
            return file.read()[-1500:]

    def submit(self, to, subject, body="Hello.\r\n", options=(), rcpt_options=()):
        with smtplib.SMTP_SSL("localhost", self.port("submissions"), context=self.context, timeout=20) as smtp:
            smtp.login("alice@example.test", self.users["alice@example.test"])
            text = f"From: <alice@example.test>\r\nTo: <{to}>\r\nSubject: {subject}\r\n\r\n{body}"
            smtp.sendmail("alice@example.test", [to], text.encode(), list(options), list(rcpt_options))

    def inbox(self):
        pop = poplib.POP3_SSL("localhost", self.port("pop3s"), timeout=20, context=self.context)
        pop.user("alice@example.test"), pop.pass_(self.users["alice@example.test"])
        found = [b"\r\n".join(pop.retr(number + 1)[1]) + b"\r\n" for number in range(len(pop.list()[1]))]
        for number in range(len(found)):
            pop.dele(number + 1)
        pop.quit()
        return found

    def queue(self, *arguments):
        done = subprocess.run([QUEUE, "--data", self.data, *arguments], capture_output=True, text=True, timeout=20)
        return done.stdout + done.stderr

    def empty(self, seconds=20):
        return until(lambda: "is empty" in self.queue(), seconds)


class Postfix:
    """A real smtpd that stores in a Maildir."""

    def __init__(self, folder, address, port, certificate, key):
        self.config, self.mail = os.path.join(folder, "postfix"), os.path.join(folder, "postfix-mail")
        for path in (self.config, self.mail, self.config + "/queue", self.config + "/data"):
            os.makedirs(path)
        os.chmod(folder, 0o755)
        shutil.chown(self.config + "/data", "postfix"), shutil.chown(self.mail, "nobody", "nogroup")
        nobody = pwd.getpwnam("nobody")
        with open(self.config + "/main.cf", "w") as file:
            file.write(f"""compatibility_level = 3.6
queue_directory = {self.config}/queue
command_directory = /usr/sbin
daemon_directory = /usr/lib/postfix/sbin
data_directory = {self.config}/data
maillog_file = {folder}/postfix.log
maillog_file_prefixes = {folder}
myhostname = mx.postfix.test
mydestination =
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
alias_maps =
local_recipient_maps =
smtpd_tls_cert_file = {certificate}
smtpd_tls_key_file = {key}
smtpd_tls_security_level = may
smtpd_tls_received_header = yes
smtpd_peername_lookup = no
smtpd_relay_restrictions = reject_unauth_destination
virtual_mailbox_domains = postfix.test
virtual_mailbox_maps = inline:{{ {{ bob@postfix.test = bob/ }} }}
virtual_mailbox_base = {self.mail}
virtual_uid_maps = static:{nobody.pw_uid}
virtual_gid_maps = static:{nobody.pw_gid}
""")
        services = ["cleanup unix n - n - 0 cleanup", "qmgr unix n - n 300 1 qmgr", "rewrite unix - - n - - trivial-rewrite",
                    "bounce unix - - n - 0 bounce", "defer unix - - n - 0 bounce", "trace unix - - n - 0 bounce",
                    "virtual unix - n n - - virtual", "postlog unix-dgram n - n - 1 postlogd", "tlsmgr unix - - n 1000? 1 tlsmgr",
                    "anvil unix - - n - 1 anvil", "pickup unix n - n 60 1 pickup", "proxymap unix - - n - - proxymap", "error unix - - n - - error",
                    "retry unix - - n - - error", "flush unix n - n 1000? 0 flush", "showq unix n - n - - showq", "smtp unix - - n - - smtp"]
        with open(self.config + "/master.cf", "w") as file:
            file.write(f"{address}:{port} inet n - n - - smtpd\n" + "\n".join(services) + "\n")
        started = subprocess.run(["postfix", "-c", self.config, "start"], capture_output=True, text=True, timeout=30)
        if started.returncode:
            sys.exit("postfix: " + started.stdout + started.stderr)

    def mailbox(self):
        new = os.path.join(self.mail, "bob", "new")
        return [open(os.path.join(new, name), "rb").read() for name in os.listdir(new)] if os.path.isdir(new) else []

    def stop(self):
        subprocess.run(["postfix", "-c", self.config, "stop"], capture_output=True, timeout=30)


class Aio:
    """aiosmtpd: with STARTTLS and AUTH, and a mood."""

    def __init__(self, address, port, context, **settings):
        from aiosmtpd.controller import Controller
        from aiosmtpd.smtp import AuthResult
        self.messages, self.refused, self.logins, outer = [], [], [], self

        class Handler:
            async def handle_RCPT(self, server, session, envelope, to, options):
                outer.refused.append(to)
                if to.startswith("later@") and outer.refused.count(to) < 2:
                    return "451 4.7.1 come back later"
                if to.startswith("never@"):
                    return "550 5.1.1 nobody \\ called \x1b[31m that"
                envelope.rcpt_tos.append(to)
                return "250 2.1.5 fine"

            async def handle_DATA(self, server, session, envelope):
                outer.messages.append((envelope.mail_from, list(envelope.rcpt_tos), envelope.content, session.ssl is not None))
                return "250 2.0.0 taken"

        def login(server, session, envelope, mechanism, data):
            outer.logins.append((mechanism, data.login, data.password, session.ssl is not None))
            return AuthResult(success=data.login == b"customer" and data.password == b"pa55")

        self.controller = Controller(Handler(), hostname=address, port=port, tls_context=context, authenticator=login, **settings)
        self.controller.start()

    def stop(self):
        self.controller.stop()


def certificate(folder):
    cert, key = os.path.join(folder, "receiver.pem"), os.path.join(folder, "receiver.key")
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2",
                    "-subj", "/CN=receiver", "-addext", "basicConstraints=critical,CA:FALSE", "-addext", "subjectAltName=DNS:localhost,DNS:mx.aio.test", "-keyout", key, "-out", cert],
                   check=True, capture_output=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(cert, key)
    return cert, key, context


def report_rows(server, folder, zone):
    """A failure's report, read by others."""
    server.submit("never@aio.test", "to nobody", "Hällo.\r\n", ["BODY=8BITMIME", "RET=HDRS", "ENVID=an+2Bid"], ["ORCPT=rfc822;Never@aio.test"])
    raw = (until(server.inbox) or [b""])[0]
    open(os.path.join(folder, "report.eml"), "wb").write(raw)
    report = email.message_from_bytes(raw, policy=email.policy.default)
    parts = list(report.iter_parts()) if report.is_multipart() else []
    kinds = [part.get_content_type() for part in parts]
    row("report: Python reads three parts", report.get_content_type() == "multipart/report" and report.get_param("report-type") == "delivery-status"
        and kinds == ["text/plain", "message/delivery-status", "text/rfc822-headers"], raw)
    row("report: null reverse-path and Auto-Submitted", report["Return-Path"] == "<>" and report["Auto-Submitted"] == "auto-replied", raw)
    if len(parts) != 3:
        return
    message, recipient = parts[1].get_payload()
    fields = {name: re.sub(r"\s+", " ", value) for name, value in recipient.items()}
    row("report: per-message fields", message["Reporting-MTA"] == "dns; mx.example.test" and message["Original-Envelope-Id"] == "an+id", message.items())
    row("report: per-recipient fields", fields.get("Final-Recipient") == "rfc822; never@aio.test" and fields.get("Action") == "failed"
        and fields.get("Status") == "5.1.1" and fields.get("Original-Recipient") == "rfc822; Never@aio.test" and fields.get("Remote-MTA") == "dns; mx.aio.test", fields)
    row("report: a hostile reply is harmless", fields.get("Diagnostic-Code") == r"smtp; 550 5.1.1 nobody \\ called \u{1b}[31m that" and b"\x1b" not in raw, fields)
    row("report: no defects", not any(part.defects for part in report.walk()), [part.defects for part in report.walk()])
    import dkim
    records = dict(re.findall(r"^\s*(\S+\._domainkey\.example\.test)\.\s+TXT\s+\"([^\"]+)\"", server.text, re.M))
    lookup = lambda name, timeout=5: records.get(name.decode().rstrip(".")).encode()
    row("report: our DKIM signature verifies (dkimpy)", dkim.verify(raw, dnsfunc=lookup), raw)
    perl = """use Email::MIME; my $mail = Email::MIME->new(join '', <STDIN>); print join(' ', map { $_->content_type =~ m{^([^;]+)} } $mail->parts), "\\n";"""
    done = subprocess.run(["perl", "-e", perl], input=raw, capture_output=True, timeout=20)
    row("report: Perl's Email::MIME reads the parts", done.stdout.decode().split() == kinds, done)
    perl = """use Mail::DeliveryStatus::BounceParser; my $b = Mail::DeliveryStatus::BounceParser->new(join '', <STDIN>);
        my ($r) = $b->reports; print join ' ', $b->is_bounce, $r->get('email'), $r->get('std_reason'), $r->get('smtp_code');"""
    done = subprocess.run(["perl", "-e", perl], input=raw, capture_output=True, timeout=20)
    row("report: Perl's BounceParser names recipient and reason", done.stdout.decode() == "1 Never@aio.test user_unknown 550", done)


def main():
    logging.disable(logging.CRITICAL)  # aiosmtpd's
    folder = tempfile.mkdtemp(prefix="gatepost-relay-")
    started = []
    try:
        port = free(["127.0.0.2", "127.0.0.3", "127.0.0.4", "127.0.0.5"])
        cert, key, context = certificate(folder)
        postfix = Postfix(folder, "127.0.0.2", port, cert, key)
        aio, plain = Aio("127.0.0.3", port, context), Aio("127.0.0.4", port, None, enable_SMTPUTF8=False)
        started += [postfix, aio, plain]
        sink = subprocess.Popen(["smtp-sink", "-u", "nobody", "-c", f"127.0.0.5:{port}", "100"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        zone = """postfix.test MX 10 dead.test\npostfix.test MX 20 mx.postfix.test\nmx.postfix.test A 127.0.0.2\ndead.test A 127.0.0.9
aio.test MX 10 mx.aio.test\nmx.aio.test A 127.0.0.3\nplain.test A 127.0.0.4\nsink.test MX 10 mx.sink.test\nmx.sink.test A 127.0.0.5\nnull.test MX 0 .\n"""
        server = Relaying(os.path.join(folder, "mx"), zone, f'port = {port}\nretry_seconds = 1\n')
        started.append(server)

        server.submit("bob@postfix.test", "to postfix", "Line.\r\n.dot\r\n")
        mail = (until(postfix.mailbox) or [b""])[0]
        row("Postfix has the message, from its second MX", b"Subject: to postfix" in mail and b"\n.dot\n" in mail, server.said())
        row("Postfix saw TLS 1.3", b"using TLSv1.3" in mail, mail)
        row("Postfix saw a DKIM signature", b"DKIM-Signature: v=1; a=ed25519-sha256" in mail, mail)
        server.submit("nobody@postfix.test", "to nobody at postfix")
        text = (until(server.inbox) or [b""])[0]
        row("Postfix's refusal is reported", b"Action: failed" in text and b"Status: 5.1.1" in text, text)

        server.submit("bob@aio.test", "to aiosmtpd")
        row("aiosmtpd has the message over STARTTLS", until(lambda: aio.messages) and aio.messages[0][3], server.said())
        server.submit("bob@plain.test", "no MX, no STARTTLS")
        row("a host without MX and STARTTLS has it in clear", until(lambda: plain.messages) and not plain.messages[0][3], server.said())
        server.submit("later@aio.test", "greylisted")
        waiting = until(lambda: re.search(r"tried 1 times", server.queue()) and server.queue())
        row("queue: lists who waits and why", waiting and "451 4.7.1 come back later" in waiting and "to later@aio.test" in waiting, waiting)
        row("a refusal for now is tried again", until(lambda: any("later@aio.test" in message[1] for message in aio.messages)), server.queue())
        server.submit("bob@null.test", "to a null MX")
        text = (until(server.inbox) or [b""])[0]
        row("a null MX is reported with 5.1.10", b"Status: 5.1.10" in text, text)
        report_rows(server, folder, zone)

        began = time.time()
        with smtplib.SMTP_SSL("localhost", server.port("submissions"), context=server.context, timeout=20) as smtp:
            smtp.login("alice@example.test", server.users["alice@example.test"])
            for number in range(80):
                smtp.sendmail("alice@example.test", [f"user{number}@sink.test"], f"From: <alice@example.test>\r\nSubject: {number}\r\n\r\nhi\r\n")
        row("smtp-sink takes 80 messages", server.empty(30), server.queue())
        print(f"      {80 / (time.time() - began):.0f} messages a second from submission to smtp-sink, each fsynced")
        row("the server stops on SIGTERM", server.stop() == 0, server.said())

        open(os.path.join(folder, "password"), "w").write("pa55\n")
        aio.messages.clear()
        smart = Relaying(os.path.join(folder, "smart"), "", f'mode = "smarthost"\nsmarthost = "localhost:{port}"\nsmarthost_user = "customer"\n'
                       f'smarthost_password = "{folder}/password"\nauthorities = "{cert}"\nretry_seconds = 1\n')
        started.append(smart)
        local = Aio("127.0.0.1", port, context, auth_require_tls=True, auth_required=True)
        started.append(local)
        smart.submit("anybody@anywhere.test", "through the smarthost")
        row("the smarthost has it, logged in to over verified TLS", until(lambda: local.messages) and local.messages[0][3]
            and local.logins[:1] == [("PLAIN", b"customer", b"pa55", True)], (local.logins, smart.said()))
        off = Relaying(os.path.join(folder, "off"), zone, 'mode = "off"\n')
        started.append(off)
        try:
            off.submit("bob@aio.test", "refused")
            row("relay = off refuses", False)
        except smtplib.SMTPRecipientsRefused as error:
            row("relay = off refuses", list(error.recipients.values())[0][0] == 550, error)
    finally:
        for one in reversed(started):
            one.stop()
        if "sink" in locals():
            sink.terminate(), sink.wait(10)
        shutil.rmtree(folder, ignore_errors=True)
    print(f"{sum(ROWS)} of {len(ROWS)}")
    sys.exit(0 if all(ROWS) else 1)


if __name__ == "__main__":
    main()
