#!/usr/bin/env python3
"""kill -9 in a loop while mail is submitted and relayed. What was answered with 250 is delivered, and nothing is delivered again
unless the kill came between a receiver's 250 and our record of it.

There no protocol has a way to be sure (RFC 1047). Such a message is told from others by what our server said next, which is
nothing at all, and by its times: the kill came within WINDOW seconds (1 by default, for busy machines) after the 250.
What the receiver had answered when a kill came, and was not delivered again, was recorded in time.

KILLS=200 for the long run (30 by default), LIFE for the longest time to live, SEED for the same waits.
"""
import bisect, os, random, shutil, smtplib, socket, statistics, sys, tempfile, threading, time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from queue_relay import Relaying, free  # noqa: E402

KILLS = int(os.environ.get("KILLS", "30"))
LIFE = float(os.environ.get("LIFE", "0.8"))
WINDOW = float(os.environ.get("WINDOW", "1"))
SENDERS = 4


class Receiver:
    """Takes all, and remembers for each message whether the sender was heard after its 250."""

    def __init__(self, port):
        self.listener = socket.create_server(("127.0.0.2", port), backlog=200)
        self.taken, self.lock = {}, threading.Lock()
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            stream, _ = self.listener.accept()
            threading.Thread(target=self.session, args=(stream,), daemon=True).start()

    def session(self, stream):
        unsure, began = None, time.time()
        try:
            stream.settimeout(60)
            file = stream.makefile("rb")
            stream.sendall(b"220 mx.else.test\r\n")
            while line := file.readline():
                if unsure:
                    unsure["sure"] = True
                    unsure = None
                verb = line[:4].upper()
                if verb == b"DATA":
                    stream.sendall(b"354 go on\r\n")
                    text = []
                    while (line := file.readline()) not in (b".\r\n", b""):
                        text.append(line)
                    if line == b"":
                        return  # never ended: not taken
                    name = next(line[9:].strip() for line in text if line.startswith(b"Subject: ")).decode()
                    whole = text[-1] == b"end of " + name.encode() + b"\r\n"
                    unsure = {"sure": False, "whole": whole, "began": began, "text": b"".join(text)}
                    with self.lock:
                        self.taken.setdefault(name, []).append(unsure)
                    stream.sendall(b"250 2.0.0 taken\r\n")
                    unsure["said"] = time.time()
                elif verb == b"QUIT":
                    stream.sendall(b"221 bye\r\n")
                    return
                else:
                    stream.sendall(b"250-mx.else.test\r\n250-PIPELINING\r\n250 8BITMIME\r\n" if verb == b"EHLO" else b"250 fine\r\n")
        except OSError:
            pass
        finally:
            stream.close()


class Load:
    """Submits messages with names of their own as fast as it goes, and remembers which were accepted."""

    def __init__(self):
        self.accepted, self.server, self.halt, self.number = set(), None, False, 0
        self.lock = threading.Lock()
        self.threads = [threading.Thread(target=self.run, args=(index,), daemon=True) for index in range(SENDERS)]
        for thread in self.threads:
            thread.start()

    def run(self, index):
        while not self.halt:
            server = self.server
            if server is None:
                time.sleep(0.005)
                continue
            try:
                with smtplib.SMTP_SSL("localhost", server.port("submissions"), context=server.context, timeout=10) as smtp:
                    smtp.login("alice@example.test", server.users["alice@example.test"])
                    while server is self.server:
                        with self.lock:
                            self.number += 1
                            name = f"m{self.number}"
                        to = ["bob@else.test"] if self.number % 3 else ["bob@else.test", "carol@else.test"]
                        body = f"From: <alice@example.test>\r\nSubject: {name}\r\n\r\n" + "x" * 70 + f"\r\nend of {name}\r\n"
                        if not smtp.sendmail("alice@example.test", to, body):
                            self.accepted.add(name)
            except (OSError, smtplib.SMTPException):
                time.sleep(0.01)


def subject(path):
    with open(path, "rb") as file:
        return next((line[9:].strip().decode() for line in file if line.startswith(b"Subject: ")), None)


def main():
    seed = int(os.environ.get("SEED", random.randrange(1 << 32)))
    chance, folder = random.Random(seed), tempfile.mkdtemp(prefix="gatepost-crash-")
    port = free(["127.0.0.2"])
    receiver, load = Receiver(port), Load()
    zone, relay = "else.test MX 10 mx.else.test\nmx.else.test A 127.0.0.2\n", f"port = {port}\nretry_seconds = 1\n"
    server, began, kills = None, time.time(), []
    try:
        for kill in range(KILLS):
            server = Relaying(folder, zone, relay)
            load.server = server
            time.sleep(chance.uniform(0.02, LIFE))
            kills.append(time.time())
            server.process.kill()
            server.process.wait(10)
            load.server = None
        load.halt = True
        for thread in load.threads:
            thread.join(15)
        server = Relaying(folder, zone, relay)
        drained = server.empty(120 + KILLS)
        listing = server.queue()
        stopped = server.stop()
    finally:
        if server and server.process.poll() is None:
            server.process.kill()
        left = os.listdir(os.path.join(folder, "data", "queue"))
        waiting = {subject(os.path.join(folder, "data", "queue", name)) for name in left if name.endswith(".eml")}
        shutil.rmtree(folder, ignore_errors=True)
    lost = sorted(name for name in load.accepted if name not in receiver.taken and name not in waiting)
    broken = [name for name, times in receiver.taken.items() if not all(one["whole"] for one in times)]
    twice = [name for name, times in receiver.taken.items() if len(times) > 1]
    # delivered again although our server had gone on after the 250, or no kill came soon after it
    def gap(one):
        """From the 250 to the kill that ended the session; nothing where the receiver said it to a sender that was gone."""
        at = bisect.bisect(kills, one["began"])
        return max(0, kills[at] - one.get("said", kills[at])) if at < len(kills) else float("inf")

    first = [one for name in twice for one in receiver.taken[name][:-1]]
    wrong = [name for name in twice if any(one["sure"] or gap(one) > WINDOW for one in receiver.taken[name][:-1])]
    changed = [name for name in twice if len({one["text"].partition(b"\r\n\r\n")[2] for one in receiver.taken[name]}) > 1
               or len({line for one in receiver.taken[name] for line in one["text"].splitlines() if line.lower().startswith(b"message-id:")}) != 1]
    silent = [one for times in receiver.taken.values() for one in times if not one["sure"] and gap(one) <= WINDOW]
    print(f"seed {seed}: {KILLS} kills in {time.time() - began:.0f} s, {len(load.accepted)} accepted, {len(receiver.taken)} received, {len(lost)} lost, {len(twice)} delivered twice")
    print(f"      of {len(silent)} that were answered less than {WINDOW:g} s before a kill and heard no more, {len(first)} were not recorded yet", end="")
    print(f": the kill came {1000 * statistics.median(map(gap, first)):.1f} ms after the 250 (median; at most {1000 * max(map(gap, first)):.0f} ms)" if first else "")
    rows = [("the queue drains after the last start", drained and stopped == 0, listing[-500:]), ("nothing that was accepted is lost", not lost, lost[:10]),
            ("nothing is cut short", not broken, broken[:10]), ("nothing is delivered again but for a kill between the 250 and the record", not wrong, wrong[:10]),
            ("what is delivered again is the same, with the same Message-ID", not changed, changed[:10]),
            ("no file is left", not left, left[:10]), ("there was load", len(load.accepted) > 2 * KILLS, len(load.accepted))]
    for name, ok, detail in rows:
        print(f"{'pass' if ok else 'FAIL'}  {name}{'' if ok else '  ' + str(detail)}")
    sys.exit(0 if all(ok for _, ok, _ in rows) else 1)


if __name__ == "__main__":
    main()
