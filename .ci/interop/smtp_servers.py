#!/usr/bin/env python3
"""Our client (the example `send`) at Postfix, Exim and aiosmtpd: TLS, log-in, groups, chunks, UTF-8, and what it says when it fails."""
# apt: postfix dovecot-core openssl libdb5.3 libgnutls-dane0 libidn12 libnsl2 libpcre2-8-0
# pip: aiosmtpd
import glob, os, shutil, subprocess, sys, tempfile, time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
from e2e import SERVER, run  # noqa: E402
from ports import free_port, listens  # noqa: E402
from postfix import Postfix, certificate  # noqa: E402

SEND = os.path.join(os.path.dirname(SERVER), "send")
ALICE, BOB, PASSWORD = "alice@example.test", "bob@example.test", "pen cil"
ROWS = []
BODIES = {
    "plain": "Hello,\nthe end\n",
    "dots": ".\n..\n.x\n\n.\n",
    "no last line end": "x",
    "8 bits": "grüße\n",
    "large": ("0123456789abcdef" * 4 + "\n") * 40_000,
    "long line": "x" * 990 + "\n",
}


def row(name, right, detail=""):
    ROWS.append(bool(right))
    print(f"{'pass' if right else 'FAIL'}  {name}  {'' if right else str(detail)[-900:]}", flush=True)


def send(folder, server, *arguments, subject="x", body="x\n", password=PASSWORD, to=(BOB,), sender=ALICE):
    path = os.path.join(folder, "letter.eml")
    with open(path, "w", newline="", encoding="utf-8") as file:
        file.write(f"From: {ALICE}\nTo: {BOB}\nSubject: {subject}\n\n{body}")
    recipients = [word for recipient in to for word in ("--to", recipient)]
    return subprocess.run([SEND, "--server", server, "--from", sender, *recipients, *arguments, path], capture_output=True, text=True, timeout=60,
                          env={**os.environ, "SMTP_PASSWORD": password})


def stored(pattern, subject):
    for _ in range(100):
        for path in glob.glob(pattern):
            octets = open(path, "rb").read().replace(b"\r\n", b"\n")
            if f"\nSubject: {subject}\n".encode() in octets:
                return octets.partition(b"\n\n")[2]
        time.sleep(0.1)
    return None


def messages(folder, server, pattern, over, *arguments):
    for name, body in BODIES.items():
        subject = f"{name} {over}".replace(" ", "-")
        done = send(folder, server, *arguments, subject=subject, body=body)
        got = stored(pattern, subject) if done.returncode == 0 else None
        wanted = body.encode() if body.endswith("\n") else body.encode() + b"\n"
        row(f"{over}: {name}", got is not None and got.rstrip(b"\n") == wanted.rstrip(b"\n"), (done.returncode, done.stdout, done.stderr, (got or b"")[:200]))


def wait_for(port):
    assert listens(port, 30), f"nothing listens on port {port}"


DOVECOT = """
base_dir = {folder}/run
state_dir = {folder}/state
log_path = {folder}/log
protocols =
ssl = no
auth_mechanisms = plain login scram-sha-256
disable_plaintext_auth = no
first_valid_uid = 1
service auth {{
  inet_listener {{
    address = 127.0.0.1
    port = {port}
  }}
}}
service anvil {{
  chroot =
}}
passdb {{
  driver = passwd-file
  args = scheme=PLAIN username_format=%u {folder}/users
}}
userdb {{
  driver = static
  args = uid=nobody gid=nogroup home={folder}
}}
"""


def postfix(folder):
    """SCRAM by way of Dovecot; its CHUNKING, PIPELINING, SMTPUTF8, DSN."""
    auth, login = free_port(), os.path.join(folder, "login")
    for part in ("run", "state"):
        os.makedirs(os.path.join(login, part))
    with open(os.path.join(login, "users"), "w") as file:
        file.write(f"{ALICE}:{{PLAIN}}{PASSWORD}\n")
    with open(os.path.join(login, "dovecot.conf"), "w") as file:
        file.write(DOVECOT.format(folder=login, port=auth))
    dovecot = subprocess.Popen(["dovecot", "-F", "-c", os.path.join(login, "dovecot.conf")], stdout=subprocess.DEVNULL, stderr=subprocess.STDOUT)
    place, tls = os.path.join(folder, "postfix"), free_port()
    os.makedirs(place)
    pem, key = os.path.join(folder, "server.pem"), os.path.join(folder, "server.key")
    main = f"""
virtual_mailbox_domains = example.test
virtual_mailbox_base = {{folder}}/mail
virtual_mailbox_maps = inline:{{ {{ {BOB} = bob/ }} }}
virtual_minimum_uid = 1
virtual_uid_maps = static:65534
virtual_gid_maps = static:65534
message_size_limit = 5000000
smtpd_tls_cert_file = {pem}
smtpd_tls_key_file = {key}
smtpd_tls_security_level = encrypt
smtpd_sasl_auth_enable = yes
smtpd_sasl_type = dovecot
smtpd_sasl_path = inet:127.0.0.1:{auth}
smtpd_client_restrictions = permit_sasl_authenticated, reject
smtpd_relay_restrictions = reject_unauth_destination
smtpd_delay_reject = yes
mynetworks =
"""
    peer = None
    try:
        wait_for(auth)
        peer = Postfix(place, main, f"127.0.0.1:{tls} inet n - n - - smtpd -o smtpd_tls_wrappermode=yes\n")
        where, pattern = f"localhost:{peer.port}", os.path.join(place, "mail/bob/new/*")
        login = ["--ca", pem, "--user", ALICE]
        messages(folder, where, pattern, "Postfix STARTTLS", "--starttls", *login)
        messages(folder, f"localhost:{tls}", pattern, "Postfix implicit TLS", *login)
        done = send(folder, where, "--starttls", "--verbose", *login, "--notify", "failure,delay", "--envelope-id", "a b+c=", "--return-header", subject="reports")
        row("Postfix: SCRAM-SHA-256 is chosen; a report is asked for", done.returncode == 0 and "SCRAM-SHA-256" in done.stderr and stored(pattern, "reports"),
            done.stdout + done.stderr + peer.log())
        done = send(folder, where, "--starttls", *login, to=(BOB, "nobody@example.test"), subject="two")
        row("Postfix: each recipient has its own answer", done.returncode == 1 and f"{BOB}: accepted" in done.stdout and "nobody@example.test: refused: 550" in done.stdout
            and stored(pattern, "two"), done.stdout + done.stderr)
        done = send(folder, where, "--starttls", *login, subject="grüße", to=("bob@example.test",))
        row("Postfix: UTF-8 in the header goes by SMTPUTF8", done.returncode == 0, done.stdout + done.stderr)
        refusals(folder, where, pem, login)
        done = send(folder, where, "--starttls", *login, body="x" * 70 + "\n" + ("y" * 70 + "\n") * 80_000)
        row("Postfix: too large by its SIZE is not sent", done.returncode == 1 and "5000000" in done.stderr, done.stdout + done.stderr)
    finally:
        if peer:
            peer.stop()
        dovecot.terminate()
        dovecot.wait(10)


def refusals(folder, where, pem, login):
    """What is said when it does not work, and that nothing was sent then."""
    done = send(folder, where, "--starttls", *login, password="wrong")
    row("a wrong password is told", done.returncode == 1 and "535" in done.stderr, done.stdout + done.stderr)
    done = send(folder, where, "--starttls", "--user", ALICE)
    row("a certificate that nobody vouches for is told", done.returncode == 1 and "ertificate" in done.stderr + done.stdout, done.stdout + done.stderr)
    done = send(folder, where, "--starttls", "--ca", pem)
    row("no log-in: each recipient is told", done.returncode == 1 and "refused" in done.stdout + done.stderr, done.stdout + done.stderr)
    done = send(folder, where, *login)
    row("TLS on a port that begins in clear is told", done.returncode == 1 and "TLS" in done.stderr, done.stdout + done.stderr)
    done = send(folder, f"localhost:{free_port()}", *login)
    row("nobody there is told", done.returncode == 1 and "refused" in done.stderr, done.stdout + done.stderr)
    done = send(folder, where, "--starttls", *login, to=("b\r\nRCPT TO:<evil@x.test>@example.test",))
    row("a line end in an address is refused", done.returncode == 1 and "no address" in done.stderr, done.stdout + done.stderr)
    done = send(folder, where, "--starttls", *login, body="bare\rreturn\r\n")
    row("a bare CR is refused", done.returncode == 1 and "bare CR" in done.stderr, done.stdout + done.stderr)


AIOSMTPD = """
import asyncio, os, ssl, sys
from aiosmtpd.smtp import SMTP, AuthResult
from aiosmtpd.handlers import Mailbox
folder, port, implicit = sys.argv[1], int(sys.argv[2]), sys.argv[3] == "True"
context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
context.load_cert_chain(folder + "/server.pem", folder + "/server.key")
def login(server, session, envelope, mechanism, data):
    return AuthResult(success=data.login == b"alice@example.test" and data.password == b"pen cil", handled=False)
def make():
    return SMTP(Mailbox(folder + "/aiosmtpd"), hostname="localhost", enable_SMTPUTF8=True, authenticator=login, auth_required=True, auth_require_tls=not implicit,
                tls_context=None if implicit else context, require_starttls=not implicit, data_size_limit=5_000_000)
async def main():
    server = await asyncio.get_running_loop().create_server(make, "127.0.0.1", port, ssl=context if implicit else None)
    await server.serve_forever()
asyncio.run(main())
"""


def aiosmtpd(folder):
    for implicit in (False, True):
        port = free_port()
        server = subprocess.Popen([sys.executable, "-W", "ignore", "-c", AIOSMTPD, folder, str(port), str(implicit)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            wait_for(port)
            login = ["--ca", os.path.join(folder, "server.pem"), "--user", ALICE]
            how = [] if implicit else ["--starttls"]
            messages(folder, f"localhost:{port}", os.path.join(folder, "aiosmtpd/new/*"), f"aiosmtpd {'implicit TLS' if implicit else 'STARTTLS'}", *how, *login)
        finally:
            server.terminate()
            server.wait(10)


EXIM = """
exim_user = nobody
exim_group = nogroup
primary_hostname = localhost
spool_directory = {folder}/spool
exim_path = {folder}/usr/sbin/exim4
log_file_path = {folder}/log-%s
pid_file_path = {folder}/pid
daemon_smtp_ports = {port} : {tls}
tls_on_connect_ports = {tls}
local_interfaces = 127.0.0.1
tls_advertise_hosts = *
tls_certificate = {pem}
tls_privatekey = {key}
chunking_advertise_hosts = *
pipelining_advertise_hosts = *
smtputf8_advertise_hosts = *
acl_smtp_rcpt = rcpt
never_users =
begin acl
rcpt:
  accept authenticated = *
         domains = example.test
  deny
begin routers
all:
  driver = accept
  transport = box
begin transports
box:
  driver = appendfile
  maildir_format
  directory = {folder}/mail
  create_directory
  user = nobody
  group = nogroup
begin authenticators
plain:
  driver = plaintext
  public_name = PLAIN
  server_advertise_condition = ${{if def:tls_in_cipher}}
  server_prompts = :
  server_condition = ${{if and{{{{eq{{$auth2}}{{alice@example.test}}}}{{eq{{$auth3}}{{pen cil}}}}}}}}
  server_set_id = $auth2
"""


def exim(folder):
    """Its package and Postfix's can not be installed together: the program alone is unpacked."""
    place = os.path.join(folder, "exim")
    os.makedirs(place)
    done = run("sh", "-c", f"cd {place} && apt-get download -qq exim4-daemon-light && dpkg -x exim4-daemon-light_*.deb .", timeout=120)
    program = os.path.join(place, "usr/sbin/exim4")
    if not os.path.exists(program):
        return row("Exim can be had", False, done.stderr)
    for part in ("spool", "mail"):
        os.makedirs(os.path.join(place, part), exist_ok=True)
    pem, key = certificate(place)
    port, tls = free_port(), free_port()
    path = os.path.join(place, "exim.conf")
    with open(path, "w") as file:
        file.write(EXIM.format(folder=place, port=port, tls=tls, pem=pem, key=key))
    run("chown", "-R", "nobody:nogroup", place)
    run("chown", "root:root", path)
    # it insists on the user and the group that its package would make: they are there for it alone
    mounts = ""
    for name, line in (("passwd", "Debian-exim:x:65533:65533::/:/bin/false\n"), ("group", "Debian-exim:x:65533:\n")):
        shutil.copy(f"/etc/{name}", place)
        with open(os.path.join(place, name), "a") as file:
            file.write(line)
        mounts += f"mount --bind {place}/{name} /etc/{name} && "
    start = f"{mounts}exec {program} -C {path} -bdf -q10m"
    server = subprocess.Popen(["unshare", "--mount", "sh", "-c", start], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    try:
        wait_for(port)
        login = ["--ca", pem, "--user", ALICE]
        pattern = os.path.join(place, "mail/new/*")
        messages(folder, f"localhost:{port}", pattern, "Exim STARTTLS", "--starttls", *login)
        messages(folder, f"localhost:{tls}", pattern, "Exim implicit TLS", *login)
    except AssertionError as error:
        server.terminate()
        row("Exim runs", False, f"{error} {server.stderr.read()[-500:]}")
    finally:
        server.terminate()
        server.wait(10)


def main():
    with tempfile.TemporaryDirectory() as folder:
        os.chmod(folder, 0o755)
        certificate(folder)
        for name, work in (("Postfix", postfix), ("aiosmtpd", aiosmtpd), ("Exim", exim)):
            try:
                work(folder)
            except Exception as error:  # noqa: BLE001
                row(name, False, f"{type(error).__name__}: {error}")
    print(f"\n{'all right' if all(ROWS) else 'FAILED'}: {sum(ROWS)} of {len(ROWS)}")
    sys.exit(0 if all(ROWS) else 1)


if __name__ == "__main__":
    main()
