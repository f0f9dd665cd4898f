#!/usr/bin/env python3
"""Dovecot and we: our client at its server, and both servers over the same Maildir.

`pop3_dovecot.py --bench` measures both in the same rounds instead, beside a floor (cargo bench --bench pop3).
"""
# apt: dovecot-core dovecot-pop3d dovecot-lmtpd mutt openssl
import glob, os, poplib, pty, re, select, smtplib, ssl, subprocess, sys, tempfile, time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
from dovecot import Dovecot  # noqa: E402
from e2e import ROOT, SERVER, Server, run  # noqa: E402

FETCH = os.path.join(os.path.dirname(SERVER), "fetch")
ANN, BOB, PASSWORD = "ann@example.test", "bob@example.test", "pen cil"
ROWS = []
BODIES = ["Hello,\r\nthe end\r\n", ".\r\n..\r\nFrom me\r\n>From you\r\n", "", "\r\n\r\n", ("0123456789" * 7 + "\r\n") * 20_000, "grüße\r\n"]


def row(name, right, detail=""):
    ROWS.append(bool(right))
    print(f"{'pass' if right else 'FAIL'}  {name}  {'' if right else str(detail)[-900:]}", flush=True)


def message(number, body):
    return f"From: a@elsewhere.test\r\nTo: {ANN}\r\nSubject: message {number}\r\n\r\n{body}".encode()


def listing(port, user, password, certificate):
    """What a server shows of a maildrop: number -> (size, uid, octets)."""
    pop = poplib.POP3_SSL("localhost", port, timeout=20, context=ssl.create_default_context(cafile=certificate))
    pop.utf8() if "UTF8" in pop.capa() else None
    pop.user(user), pop.pass_(password)
    sizes, uids = ([line.split() for line in answer[1]] for answer in (pop.list(), pop.uidl()))
    shown = [(int(size), uid.decode(), b"\r\n".join(pop.retr(int(number))[1]) + b"\r\n") for (number, size), (_, uid) in zip(sizes, uids)]
    pop.quit()
    return shown


def unix(octets):
    return octets.replace(b"\r\n", b"\n")


def fetch(dovecot, *arguments, password=PASSWORD, port=None, ca=None):
    command = [FETCH, "localhost", "--user", ANN, "--ca", ca or dovecot.certificate, "--port", str(port or dovecot.pop3s), *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, env={**os.environ, "POP3_PASSWORD": password})


def our_client(folder, dovecot):
    with smtplib.LMTP("127.0.0.1", dovecot.lmtp) as lmtp:
        for number, body in enumerate(BODIES):
            lmtp.sendmail("a@elsewhere.test", [ANN], message(number, body))
    there = [octets for _, _, octets in listing(dovecot.pop3s, ANN, PASSWORD, dovecot.certificate)]
    assert len(there) == len(BODIES)
    maildir, mbox = os.path.join(folder, "fetched"), os.path.join(folder, "fetched.mbox")
    done = fetch(dovecot, "--maildir", maildir)
    got = sorted((open(path, "rb").read() for path in glob.glob(maildir + "/new/*")))
    row("fetch: Maildir, implicit TLS, SCRAM-SHA-256", done.returncode == 0 and got == sorted(map(unix, there)), done)
    again = fetch(dovecot, "--maildir", maildir)
    row("fetch: the second run takes nothing", again.stdout.startswith(f"0 new of {len(BODIES)} messages"), again)
    done = fetch(dovecot, "--mbox", mbox, "--starttls", port=dovecot.pop3)
    text = open(mbox, "rb").read()
    parts = [re.sub(rb"^>(>*From )", rb"\1", part, flags=re.M).removesuffix(b"\n") for part in re.split(rb"^From MAILER-DAEMON .*\n", text, flags=re.M)[1:]]
    row("fetch: mbox (mboxrd), STLS", done.returncode == 0 and parts == list(map(unix, there)), (done, len(parts)))
    wrong = fetch(dovecot, "--maildir", maildir, password="wrong")
    row("fetch: a wrong password is told", wrong.returncode == 1 and "refused" in wrong.stderr and len(wrong.stderr) < 300, wrong)
    stranger = fetch(dovecot, "--maildir", maildir, ca=os.path.join(folder, "server/data/certificate.pem"))
    row("fetch: a certificate that is not believed is told", stranger.returncode == 1 and "TLS" in stranger.stderr, stranger)
    nobody = fetch(dovecot, "--maildir", maildir, port=1)
    row("fetch: a closed port is told", nobody.returncode == 1 and "refused" in nobody.stderr, nobody)
    done = fetch(dovecot, "--maildir", maildir, "--delete")
    left = listing(dovecot.pop3s, ANN, PASSWORD, dovecot.certificate)
    row("fetch: --delete deletes what is here", done.returncode == 0 and f"{len(BODIES)} deleted" in done.stdout and not left, done)


def same_folder(server, dovecot, maildir):
    password = server.users[BOB]
    ours = lambda: listing(server.port("pop3s"), BOB, password, server.ca)  # noqa: E731
    def theirs():
        dovecot.own()
        return listing(dovecot.pop3s, BOB, password, dovecot.certificate)
    def agree(mine, other):
        return mine and [(size, octets) for size, _, octets in mine] == [(size, octets) for size, _, octets in other] and \
            all(b.startswith(a) for (_, a, _), (_, b, _) in zip(mine, other))

    with smtplib.SMTP("localhost", server.port("mx"), timeout=30) as smtp:
        for number, body in enumerate(BODIES[:-1]):
            smtp.sendmail("a@elsewhere.test", [BOB], message(number, body))
    mine, other = ours(), theirs()
    row("Dovecot reads what our server wrote: octets, sizes, unique ids", agree(mine, other), [(m[:2], o[:2]) for m, o in zip(mine, other)])
    row("our unique ids stay when Dovecot moved the files to cur", [m[1] for m in ours()] == [m[1] for m in mine] and not glob.glob(maildir + "/new/*"))
    with smtplib.LMTP("127.0.0.1", dovecot.lmtp) as lmtp:
        for number, body in enumerate(BODIES):
            lmtp.sendmail("a@elsewhere.test", [BOB], message(10 + number, body))
    mine, other = ours(), theirs()
    row("our server reads what Dovecot wrote, with LF line ends", len(mine) == 2 * len(BODIES) - 1 and agree(mine, other), [(m[:2], o[:2]) for m, o in zip(mine, other)])
    for path in glob.glob(maildir + "/*/*,S=*")[::2]:  # as a program names files that tells no sizes
        os.rename(path, re.sub(r",S=\d+(,W=\d+)?(,A=\d+)?", "", path))
    bare = ours()
    row("sizes where names tell none, and from the index", [m[::2] for m in bare] == [m[::2] for m in mine] and bare == ours() and os.path.exists(maildir + "/gatepost.index"))
    pop = poplib.POP3_SSL("localhost", server.port("pop3s"), timeout=20, context=server.context)
    pop.user(BOB), pop.pass_(password), pop.dele(1), pop.dele(3)
    pop.quit()
    row("what we delete is gone for Dovecot", sorted(o[2] for o in theirs()) == sorted(m[2] for at, m in enumerate(bare) if at not in (0, 2)))
    with smtplib.SMTP("localhost", server.port("mx"), timeout=30) as smtp:
        smtp.sendmail("a@elsewhere.test", [BOB], message(30, "for mutt\r\n"))
    before = ours()
    code = mutt(maildir)
    row("mutt reads the folder and marks mail; our unique ids and sizes stay", code == 0 and not glob.glob(maildir + "/new/*") and ours() == before, code)


def mutt(maildir):
    """Opens the folder on a terminal of its own, reads a message, quits; mail becomes old."""
    pid, terminal = pty.fork()
    if pid == 0:
        os.environ["TERM"] = "vt100"
        os.execvp("mutt", ["mutt", "-n", "-F", "/dev/null", "-e", "set folder=/ quit=yes mark_old=yes wait_key=no move=no header_cache=''; push '<last-entry><display-message><exit><quit>'",
                           "-f", maildir])
    end = time.time() + 20
    while time.time() < end:
        if select.select([terminal], [], [], 0.2)[0]:
            try:
                os.read(terminal, 4096)
            except OSError:
                break
    else:
        os.kill(pid, 9)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def bench(folder):
    mail = os.path.join(folder, "mail")
    maildir = os.path.join(mail, "example.test/bob/new")
    for part in ("new", "cur", "tmp"):
        os.makedirs(os.path.join(os.path.dirname(maildir), part))
    text = b"From: a@example.test\r\nTo: bob@example.test\r\nSubject: a message of a bench\r\n\r\n"
    while len(text) < 8 << 10:
        text += b"The quick brown fox jumps over the lazy dog, and goes home to its den.\r\n"
    for number in range(2000):
        with open(f"{maildir}/{1_700_000_000 + number}.M1P1.bench,S={len(text)},W={len(text)}", "wb") as file:
            file.write(text)
    dovecot = Dovecot(os.path.join(folder, "dovecot"), mail, {BOB: PASSWORD.replace(" ", "")}, strict=False)
    dovecot.own()
    peer = f"dovecot,{dovecot.pop3},{dovecot.pop3s},{BOB},{PASSWORD.replace(' ', '')},{dovecot.certificate}"
    try:
        subprocess.run(["cargo", "bench", "-q", "-p", "gatepost-benches", "--bench", "pop3"], cwd=ROOT, env={**os.environ, "POP3_PEER": peer}, check=True)
    finally:
        dovecot.stop()


def main():
    with tempfile.TemporaryDirectory() as folder:
        os.chmod(folder, 0o755)  # Dovecot is another user
        if "--bench" in sys.argv:
            return bench(folder)
        os.mkdir(os.path.join(folder, "server"))
        server = Server(os.path.join(folder, "server"))
        mail = os.path.join(folder, "server/data/mail")
        os.chmod(os.path.join(folder, "server"), 0o755), os.chmod(os.path.join(folder, "server/data"), 0o755)
        dovecot = Dovecot(os.path.join(folder, "dovecot"), mail, {ANN: PASSWORD, BOB: server.users[BOB]})
        try:
            dovecot.own()
            our_client(folder, dovecot)
            same_folder(server, dovecot, os.path.join(mail, "example.test/bob"))
        finally:
            dovecot.stop()
            server.stop()
    print(f"\n{'all right' if all(ROWS) else 'FAILED'}: {sum(ROWS)} of {len(ROWS)}")
    sys.exit(0 if all(ROWS) else 1)


if __name__ == "__main__":
    main()
