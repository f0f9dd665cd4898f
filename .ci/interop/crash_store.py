#!/usr/bin/env python3
"""kill -9 in a loop under delivery and POP3: nothing that got 250 is lost, doubled or cut, nothing is deleted without QUIT.

KILLS=200 .ci/interop/crash_store.py for a long run (default 40).
"""
import glob, itertools, os, poplib, random, re, signal, smtplib, ssl, sys, tempfile, threading, time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
from e2e import Server  # noqa: E402

KILLS = int(os.environ.get("KILLS", "40"))
BOB = "bob@example.test"
BROKEN = (OSError, EOFError, smtplib.SMTPException, poplib.error_proto, ssl.SSLError)


class Book:
    """What was promised."""

    def __init__(self):
        self.lock, self.numbers = threading.Lock(), itertools.count(1)
        self.accepted, self.deleted, self.unsure, self.marked = set(), set(), set(), set()
        self.wrong, self.sessions, self.rude = [], 0, 0


def message(number):
    lines = 5 + number % 7 * 400
    return f"From: a@elsewhere.test\r\nTo: {BOB}\r\nSubject: message {number}\r\n\r\n" + f"line of {number}\r\n" * lines + f"the end of {number}\r\n"


def whole(octets):
    """The number of a message that is whole."""
    text = octets.decode("latin-1").replace("\r\n", "\n")
    found = re.search(r"^Subject: message (\d+)$", text, re.M)
    number = int(found.group(1)) if found else 0
    return number if text.endswith(message(number).replace("\r\n", "\n").partition("\n\n")[2]) else None


def deliver(server, book, over):
    try:
        with smtplib.SMTP("127.0.0.1", server.port("mx"), timeout=10) as smtp:
            while not over.is_set():
                with book.lock:
                    number = next(book.numbers)
                smtp.sendmail("a@elsewhere.test", [BOB], message(number))
                book.accepted.add(number)  # 250 was said
    except BROKEN:
        pass


def fetch(server, book, over):
    try:
        while not over.is_set():
            session(server, book)
    except BROKEN:
        pass
    except Exception as error:  # noqa: BLE001 - what is not the end of a connection is a fault
        book.wrong.append(repr(error))


def session(server, book):
    pop = poplib.POP3_SSL("localhost", server.port("pop3s"), timeout=10, context=server.context)
    pop.user(BOB)
    try:
        pop.pass_(server.users[BOB])
    except poplib.error_proto as error:
        if "IN-USE" in str(error):
            return pop.close()
        raise
    marked, count = set(), len(pop.list()[1])
    for at in sorted(random.sample(range(1, count + 1), min(count, 12))):
        number = whole(b"\r\n".join(pop.retr(at)[1]) + b"\r\n")
        if number is None:
            book.wrong.append(f"a part of a message was shown as number {at}")
        elif random.random() < 0.4:
            pop.dele(at)
            marked.add(number)
    book.sessions += 1
    if random.random() < 0.4:
        book.rude += 1
        with book.lock:
            book.marked |= marked  # marked, and never deleted
        return pop.close()
    with book.lock:
        book.unsure |= marked
    pop.quit()
    with book.lock:
        book.deleted |= marked
        book.unsure -= marked


def there(folder):
    numbers, parts = [], 0
    for path in glob.glob(os.path.join(folder, "data/mail/example.test/bob/[nc]*/*")):
        if os.path.basename(os.path.dirname(path)) in ("new", "cur"):
            with open(path, "rb") as file:
                number = whole(file.read())
            parts += number is None
            numbers.append(number)
    return numbers, parts


def main():
    random.seed(int(os.environ.get("SEED", "1")))
    book, began = Book(), time.time()
    base = Server.free_base()
    Server.free_base = staticmethod(lambda: base)  # a server that comes back has its ports again
    with tempfile.TemporaryDirectory() as folder:
        for _ in range(KILLS):
            server, over = Server(folder), threading.Event()
            workers = [threading.Thread(target=work, args=(server, book, over)) for work in (deliver, deliver, deliver, fetch, fetch)]
            for worker in workers:
                worker.start()
            before, patience = (len(book.accepted), book.sessions), time.time() + 4
            time.sleep(random.uniform(0.1, 0.6))
            while time.time() < patience and (len(book.accepted) < before[0] + 3 or book.sessions == before[1]):
                time.sleep(random.uniform(0.01, 0.1))  # a slow machine has something to lose, too
            server.process.send_signal(signal.SIGKILL)
            server.process.wait(10)
            over.set()
            for worker in workers:
                worker.join(20)
        server = Server(folder)
        pop = poplib.POP3_SSL("localhost", server.port("pop3s"), timeout=10, context=server.context)
        pop.user(BOB), pop.pass_(server.users[BOB])
        listed = pop.stat()[0]
        pop.quit()
        server.stop()
        numbers, parts = there(folder)
        left = len(glob.glob(os.path.join(folder, "data/mail/example.test/bob/tmp/*")))
    lost = book.accepted - book.deleted - book.unsure - set(numbers)
    rows = [
        ("every message that got 250 and was not deleted is there", not lost, sorted(lost)),
        ("each once", len(numbers) == len(set(numbers)), "twice: " + str([n for n in numbers if numbers.count(n) > 1])),
        ("each whole, in the folder and over POP3", not parts and not book.wrong, (parts, book.wrong[:5])),
        ("what QUIT deleted is gone", not book.deleted & set(numbers), sorted(book.deleted & set(numbers))),
        ("what was marked without QUIT is there", not book.marked - book.deleted - book.unsure - set(numbers), sorted(book.marked)),
        ("POP3 lists what is in the folder", listed == len(numbers), (listed, len(numbers))),
        ("there was something to lose", len(book.accepted) > KILLS and len(book.deleted) > KILLS / 4 and book.rude > 0, ""),
    ]
    for name, right, detail in rows:
        print(f"{'pass' if right else 'FAIL'}  {name}  {'' if right else str(detail)[:600]}")
    print(f"\n{KILLS} kills in {time.time() - began:.0f} s: {len(book.accepted)} messages got 250, {book.sessions} POP3 sessions, {len(book.deleted)} deleted by "
          f"QUIT, {len(book.unsure)} unsure (killed while QUIT was answered), {len(numbers)} left, {left} in tmp")
    sys.exit(0 if all(right for _, right, _ in rows) else 1)


if __name__ == "__main__":
    main()
