#!/usr/bin/env python3
"""Our client (the example `send`) logs in at SASL servers of others: scramp with and without channel binding, gsasl; and at servers that cheat."""
# apt: gsasl openssl
# pip: scramp
import base64, hashlib, os, socketserver, ssl, subprocess, sys, tempfile, threading

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
from e2e import SERVER  # noqa: E402
from postfix import certificate  # noqa: E402
from scramp import ScramException, ScramMechanism  # noqa: E402

SEND = os.path.join(os.path.dirname(SERVER), "send")
ANN, PASSWORD = "ann,=é@example.test", "pen cil"
ROWS = []


def row(name, right, detail=""):
    ROWS.append(bool(right))
    print(f"{'pass' if right else 'FAIL'}  {name}  {'' if right else str(detail)[-900:]}", flush=True)


class Scramp:
    """One exchange; `binding` is what this server knows of the channel."""

    def __init__(self, name, binding=None, knows=PASSWORD, proves=None):
        mechanism = ScramMechanism(name)
        keys = mechanism.make_auth_info(knows, iteration_count=4096)
        self.server = mechanism.make_server(lambda user: keys if user == ANN else None, channel_binding=binding)
        self.steps, self.proves = [self.first, self.last], proves

    def first(self, text):
        self.server.set_client_first(text)
        return self.server.get_server_first()

    def last(self, text):
        self.server.set_client_final(text)
        return self.proves or self.server.get_server_final()

    def __call__(self, response):
        """The next challenge; None when it is over, an exception when it failed."""
        return self.steps.pop(0)(response.decode()).encode() if self.steps else None


class Gsasl:
    """One exchange of SCRAM with `gsasl --server`, a line of base64 each way."""

    def __init__(self, name):
        words = ["gsasl", "--server", "--mechanism", name, "--password", PASSWORD, "--no-cb", "--quiet"]
        self.process = subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        self.left = 2
        while self.process.stdout.readline().strip():  # the mechanism's name, and an empty challenge
            pass

    def __call__(self, response):
        if self.left == 0:
            return None
        self.left -= 1
        self.process.stdin.write(base64.b64encode(response).decode() + "\n")
        self.process.stdin.flush()
        line = self.process.stdout.readline()
        if not line.strip():
            self.process.kill()
            raise ValueError(self.process.stderr.read())
        return base64.b64decode(line)


class Session(socketserver.StreamRequestHandler):
    """As much SMTP as there has to be around AUTH."""

    def say(self, line):
        self.wfile.write(line.encode() + b"\r\n")

    def handle(self):
        try:
            self.connection = self.server.tls.wrap_socket(self.connection, server_side=True)
        except (ssl.SSLError, OSError):
            return
        self.rfile, self.wfile = self.connection.makefile("rb"), self.connection.makefile("wb", buffering=0)
        self.say("220 mx.test ESMTP")
        while line := self.rfile.readline().decode().rstrip("\r\n"):
            verb, *words = line.split(" ")
            if verb == "EHLO":
                self.say(f"250-mx.test\r\n250 AUTH {self.server.offers}")
            elif verb == "AUTH":
                self.server.seen.append(words[0])
                self.auth(*words)
            elif verb == "DATA":
                self.say("354 go")
                while self.rfile.readline() != b".\r\n":
                    pass
                self.say("250 ok")
            elif verb == "QUIT":
                return self.say("221 bye")
            else:
                self.say("250 ok")

    def auth(self, name, initial=None):
        try:
            step = self.server.begin(name)
            if initial is None:
                self.say("334 ")
                initial = self.rfile.readline().decode().rstrip("\r\n")
            response = b"" if initial == "=" else base64.b64decode(initial)
            while (challenge := step(response)) is not None:
                self.say("334 " + base64.b64encode(challenge).decode())
                if (line := self.rfile.readline().strip()) == b"*":
                    return self.say("501 cancelled")
                response = base64.b64decode(line)
            self.say("235 welcome")
        except (ScramException, ValueError) as error:
            self.server.errors.append(str(error))
            self.say("535 no")


class Server(socketserver.ThreadingTCPServer):
    daemon_threads = True

    def __init__(self, tls, offers, begin):
        super().__init__(("127.0.0.1", 0), Session)
        self.tls, self.offers, self.begin, self.seen, self.errors = tls, offers, begin, [], []
        threading.Thread(target=self.serve_forever, daemon=True).start()


def log_in(folder, tls, offers, begin, password=PASSWORD):
    """Whether it was a success, the mechanism that our client chose, and what was said."""
    with Server(tls, offers, begin) as server:
        words = [SEND, "--server", f"localhost:{server.server_address[1]}", "--ca", os.path.join(folder, "server.pem"), "--user", ANN,
                 "--from", "ann@example.test", "--to", "bob@example.test", "--verbose"]
        done = subprocess.run(words, input="Subject: x\n\nx\n", capture_output=True, text=True, timeout=30, env={**os.environ, "SMTP_PASSWORD": password})
        server.shutdown()
        return done.returncode == 0, " ".join(server.seen), done.stderr + " ".join(server.errors)


def table(folder, tls, end_point):
    plus = lambda name: Scramp(name, end_point if name.endswith("PLUS") else None)  # noqa: E731
    for offers, wanted in [("SCRAM-SHA-256", "SCRAM-SHA-256"), ("PLAIN SCRAM-SHA-512 SCRAM-SHA-256", "SCRAM-SHA-512"),
                           ("SCRAM-SHA-256 SCRAM-SHA-256-PLUS PLAIN", "SCRAM-SHA-256-PLUS"), ("SCRAM-SHA-512 SCRAM-SHA-512-PLUS", "SCRAM-SHA-512-PLUS")]:
        done, chosen, said = log_in(folder, tls, offers, plus)
        row(f"scramp offers {offers}: logged in with {wanted}", done and chosen == wanted, (chosen, said))
        done, chosen, said = log_in(folder, tls, offers, plus, password="pencil")
        row(f"scramp, {wanted}, a wrong password is refused, and nothing weaker is tried", not done and chosen == wanted, (chosen, said))
    done, chosen, said = log_in(folder, tls, "SCRAM-SHA-256 X-OTHER", Gsasl)
    row("gsasl --server, SCRAM-SHA-256", done and chosen == "SCRAM-SHA-256", (chosen, said))
    done, chosen, said = log_in(folder, tls, "SCRAM-SHA-1", Gsasl)
    row("gsasl --server, SCRAM-SHA-1 is refused by our policy", not done and not chosen, (chosen, said))
    done, chosen, said = log_in(folder, tls, "SCRAM-SHA-256", Gsasl, password="pencil")
    row("gsasl --server, a wrong password is refused", not done, (chosen, said))
    # servers that cheat, or that somebody stands in front of
    kind, octets = end_point
    other = lambda name: Scramp(name, (kind, bytes(len(octets))))  # noqa: E731
    done, _, said = log_in(folder, tls, "SCRAM-SHA-256-PLUS", other)
    row("another channel: the binding does not fit", not done and "bind" in said.lower(), said)
    done, chosen, said = log_in(folder, tls, "SCRAM-SHA-256", lambda name: Scramp(name, end_point))
    row("-PLUS was taken out of the offer: scramp notices", not done and chosen == "SCRAM-SHA-256" and "channel-binding" in said, (chosen, said))
    done, _, said = log_in(folder, tls, "SCRAM-SHA-256", lambda name: Scramp(name, proves="v=" + base64.b64encode(bytes(32)).decode()))
    row("a server that can not prove that it knows the password is not believed", not done and "prove" in said, said)
    done, chosen, said = log_in(folder, tls, "GSSAPI CRAM-MD5", Gsasl)
    row("nothing is offered that we have", not done and not chosen and "no mechanism" in said, said)


def main():
    with tempfile.TemporaryDirectory() as folder:
        pem, key = certificate(folder)
        tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        tls.load_cert_chain(pem, key)
        # scramp has no tls-exporter; over TLS 1.2 both sides have tls-server-end-point (RFC 5929)
        tls.maximum_version = ssl.TLSVersion.TLSv1_2
        table(folder, tls, ("tls-server-end-point", hashlib.sha256(ssl.PEM_cert_to_DER_cert(open(pem).read())).digest()))
    print(f"{sum(ROWS)} of {len(ROWS)} rows pass")
    sys.exit(0 if all(ROWS) else 1)


if __name__ == "__main__":
    main()
