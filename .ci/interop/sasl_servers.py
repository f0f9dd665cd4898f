#!/usr/bin/env python3
"""Our client (the example `send`) logs in at SASL servers of others: scramp with and without channel binding, gsasl likewise, bound to TLS 1.2 and to TLS 1.3; and at servers that cheat."""
# apt: gsasl openssl
# pip: scramp pyopenssl
import base64, hashlib, io, os, socketserver, ssl, subprocess, sys, tempfile, threading

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
from e2e import SERVER  # noqa: E402
from postfix import certificate  # noqa: E402
from OpenSSL import SSL  # noqa: E402
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
    """One exchange with `gsasl --server`, a line of base64 each way. An empty line is a challenge without words: PLAIN ends with one,
    behind which gsasl wants to hear something once more before it says that all is well. Where it fails, its output ends.

    It asks for the channel binding of -PLUS behind the client's first message, in the line that it answers in."""

    def __init__(self, name, exporter=None):
        bound = [] if exporter else ["--no-cb"]
        words = ["gsasl", "--server", "--mechanism", name, "--password", PASSWORD, "--quiet", *bound]
        self.process = subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        self.exporter, self.left = exporter, 2 if name.startswith("SCRAM") else 1
        while self.process.stdout.readline().strip():  # the mechanism's name, and an empty challenge
            pass

    def write(self, octets):
        self.process.stdin.write(base64.b64encode(octets).decode() + "\n")
        self.process.stdin.flush()

    def __call__(self, response):
        if self.left:
            self.left -= 1
            self.write(response)
            if self.exporter:
                self.write(self.exporter)
                self.exporter = None
            if not (line := self.process.stdout.readline()):
                raise ValueError(self.process.stderr.read())
            if line.strip():
                return base64.b64decode(line.rpartition(": ")[2])
        self.process.kill()
        return None


class Stream(io.RawIOBase):
    """A connection of pyOpenSSL as a file."""

    def __init__(self, connection):
        self.connection = connection

    def readable(self):
        return True

    def readinto(self, buffer):
        try:
            octets = self.connection.recv(len(buffer))
        except SSL.Error:
            return 0
        buffer[:len(octets)] = octets
        return len(octets)

    def write(self, octets):
        self.connection.sendall(bytes(octets))
        return len(octets)

    def makefile(self, mode, buffering=-1):
        return io.BufferedReader(self) if mode == "rb" else self


class Exporting:
    """TLS 1.3 that tells what binds the channel to it (RFC 9266 §2), which Python's own module does not."""

    def __init__(self, pem, key):
        self.context, self.exporter = SSL.Context(SSL.TLS_SERVER_METHOD), None
        self.context.set_min_proto_version(SSL.TLS1_3_VERSION)
        self.context.use_certificate_chain_file(pem)
        self.context.use_privatekey_file(key)

    def wrap_socket(self, connection, server_side):
        tls = SSL.Connection(self.context, connection)
        tls.set_accept_state()
        tls.do_handshake()
        self.exporter = tls.export_keying_material(b"EXPORTER-Channel-Binding", 32, b"")
        return Stream(tls)


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
    done, chosen, said = log_in(folder, tls, "PLAIN", Gsasl)
    row("gsasl --server, PLAIN", done and chosen == "PLAIN", (chosen, said))
    done, chosen, said = log_in(folder, tls, "PLAIN", Gsasl, password="pencil")
    row("gsasl --server, PLAIN, a wrong password is refused", not done and chosen == "PLAIN", (chosen, said))
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


def bound_to_tls13(folder, tls):
    plus, offers = "SCRAM-SHA-256-PLUS", "SCRAM-SHA-256 SCRAM-SHA-256-PLUS"
    bound = lambda name: Gsasl(name, tls.exporter)  # noqa: E731
    done, chosen, said = log_in(folder, tls, offers, bound)
    row(f"gsasl --server over TLS 1.3, {plus} by tls-exporter", done and chosen == plus, (chosen, said))
    done, chosen, said = log_in(folder, tls, offers, bound, password="pencil")
    row(f"gsasl --server over TLS 1.3, {plus}, a wrong password is refused", not done and chosen == plus, (chosen, said))
    done, chosen, said = log_in(folder, tls, offers, lambda name: Gsasl(name, bytes(32)))
    row("gsasl --server over TLS 1.3: the binding of another channel does not fit", not done and chosen == plus and "error" in said, (chosen, said))


def main():
    with tempfile.TemporaryDirectory() as folder:
        pem, key = certificate(folder)
        tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        tls.load_cert_chain(pem, key)
        bound_to_tls13(folder, Exporting(pem, key))
        # scramp has no tls-exporter; over TLS 1.2 both sides have tls-server-end-point (RFC 5929)
        tls.maximum_version = ssl.TLSVersion.TLSv1_2
        table(folder, tls, ("tls-server-end-point", hashlib.sha256(ssl.PEM_cert_to_DER_cert(open(pem).read())).digest()))
    print(f"{sum(ROWS)} of {len(ROWS)} rows pass")
    sys.exit(0 if all(ROWS) else 1)


if __name__ == "__main__":
    main()
