#!/usr/bin/env python3
"""ARC beside dkimpy: chains that it seals are verified here, chains sealed here are verified there, and mixed ones; each also
with a change that must break it. Nothing is asked of the network.
"""
# apt: openssl
# pip: dkimpy

import json
import os
import subprocess
import sys

import dkim

TARGET = os.environ.get("CARGO_TARGET_DIR", "target")
EVALUATE = os.path.join(TARGET, "release", "examples", "evaluate")
DOMAIN, SELECTOR, SERVER = b"list.test", b"s", b"mx.list.test"
MESSAGE = (b"Authentication-Results: mx.list.test; dkim=none; spf=pass smtp.mailfrom=a.test\r\n"
           b"From: ann@a.test\r\nTo: list@list.test\r\nSubject: [list]  a  chain \r\nDate: Tue, 24 Nov 2026 09:00:00 +0000\r\n"
           b"Message-ID: <1@a.test>\r\n\r\nHello,\r\n\r\n two  blanks \t and a tab\r\n\r\n\r\n")


def key():
    private = subprocess.run(["openssl", "genrsa", "2048"], capture_output=True, check=True).stdout
    private = subprocess.run(["openssl", "rsa", "-traditional"], input=private, capture_output=True, check=True).stdout
    public = subprocess.run(["openssl", "rsa", "-pubout"], input=private, capture_output=True, check=True).stdout
    return private, b"".join(line for line in public.splitlines() if not line.startswith(b"-----"))


def evaluate(**request):
    run = subprocess.run([EVALUATE], input=json.dumps(request), capture_output=True, text=True, timeout=60, check=True)
    answer = json.loads(run.stdout)
    if "error" in answer:
        raise SystemExit(f"evaluate: {answer['error']}")
    return answer


class Peers:
    def __init__(self):
        self.private, public = key()
        self.record = b"v=DKIM1; k=rsa; p=" + public
        self.dns = {"s._domainkey.list.test": {"TXT": [self.record.decode()]}}

    def ask(self, name, timeout=5):
        return self.record if name.rstrip(b".") == b"s._domainkey.list.test" else None

    def seal_theirs(self, message):
        status, _, _ = dkim.arc_verify(message, dnsfunc=self.ask)
        # dkimpy takes cv= from what the own server recorded
        message = b"Authentication-Results: " + SERVER + b"; arc=" + status + b"\r\n" + message
        fields = dkim.arc_sign(message, SELECTOR, DOMAIN, self.private, SERVER,
                               include_headers=[b"from", b"to", b"subject", b"date", b"message-id"])
        return b"".join(fields) + message

    def seal_ours(self, message):
        answer = evaluate(op="arc-seal", message=message.decode(), dns=self.dns, domain=DOMAIN.decode(), selector=SELECTOR.decode(),
                          key=self.private.decode(), authserv_id=SERVER.decode())
        return answer["header"].encode() + message

    def verify_theirs(self, message):
        status, _, _ = dkim.arc_verify(message, dnsfunc=self.ask)
        return status.decode()

    def verify_ours(self, message):
        return evaluate(op="arc", message=message.decode(), dns=self.dns)["result"]


def main():
    peers = Peers()
    seal = {"dkimpy": peers.seal_theirs, "gatepost": peers.seal_ours}
    failed = 0
    print(f"{'sealed by':<28} {'change':<22} {'dkimpy':<7} gatepost")
    chains = [["dkimpy"], ["gatepost"], ["dkimpy", "gatepost"], ["gatepost", "dkimpy"], ["gatepost", "dkimpy", "gatepost"], []]
    changes = [("none", lambda message: message), ("a word of the body", lambda message: message.replace(b"Hello", b"Hallo")),
               ("a signed field", lambda message: message.replace(b"Subject: [list]", b"Subject: [lost]")),
               ("a recorded result", lambda message: message.replace(b"spf=pass", b"spf=none", 1)),
               ("the oldest seal is gone", lambda message: message.replace(b"ARC-Seal: i=1", b"X-Seal: i=1"))]
    for chain in chains:
        message = MESSAGE
        for name in chain:
            message = seal[name](message)
        for change, changed in changes if chain else changes[:1]:
            altered = changed(message)
            theirs, own = peers.verify_theirs(altered), peers.verify_ours(altered)
            wanted = "none" if not chain else "pass" if change == "none" else "fail"
            right = theirs == own == wanted
            failed += not right
            print(f"{' + '.join(chain) or 'nobody':<28} {change:<22} {theirs:<7} {own:<9} {'pass' if right else 'FAIL'}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
