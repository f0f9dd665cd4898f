#!/usr/bin/env python3
# What we sign, opendkim, dkimpy, Perl's Mail::DKIM and mailauth verify; what they sign, we verify: over canonicalizations,
# algorithms, odd bodies and odd header fields. No network: every peer gets the key records handed in.
# apt: opendkim libmail-dkim-perl openssl nodejs npm
# pip: dkimpy pynacl
# npm: mailauth
import base64, itertools, json, os, pathlib, re, subprocess, sys, tempfile

TARGET = pathlib.Path(os.environ.get("CARGO_TARGET_DIR", "target"))
EVALUATE = TARGET / "release/examples/evaluate"
NODE = pathlib.Path(os.environ.get("NODE_DIR", "target/interop-node")) / "node_modules/mailauth"
CANON = ["/".join(pair) for pair in itertools.product(("relaxed", "simple"), repeat=2)]
DOMAIN, CLOCK = "example.test", 1_790_000_000
BODIES = {
    "plain": b"Hello,\r\n\r\n two  words\tand a tab \r\nend\r\n",
    "empty": b"",
    "no final CRLF": b"one line",
    "blank lines": b"\r\n\r\n\r\n",
    "blank at end": b"text\r\n \t\r\n\r\n\r\n",
    "8-bit": "Gr\u00fc\u00dfe \u2014 \u20ac\r\n".encode() + bytes(range(0x80, 0x100)) + b"\r\n",
    "long lines": b"x" * 5000 + b"  " + b"y" * 997 + b"\r\n" + b"word " * 400 + b"\r\n",
    "dots": b".\r\n..\r\n.leading\r\n",
}
HEADS = {
    "plain": b"From: Ann <ann@example.test>\r\nTo: bob@example.net\r\nSubject: hi\r\nDate: Tue, 24 Nov 2026 10:00:00 +0000\r\n",
    "odd": b"Received: from a\r\n\tby b;\r\n  Tue, 24 Nov 2026 10:00:00 +0000\r\nReceived: from c by d\r\n"
           b"FROM:  Ann  \t<ann@example.test>\r\nTo:\r\n bob@example.net,\r\n\t carol@example.net\r\nSubject:  two   blanks \t \r\n"
           b"Cc: \r\nComments: one\r\nComments: two\r\nMessage-ID:<1@example.test>\r\nX-Bits: " + "\u00e4\u00f6\u00fc".encode() + b"\r\n",
}

def run(command, **more):
    return subprocess.run(command, check=True, capture_output=True, **more).stdout

def evaluate(requests):
    lines = "".join(json.dumps(request) + "\n" for request in requests).encode()
    return [json.loads(line) for line in run([EVALUATE, "--base", "/"], input=lines).splitlines()]

def keys(folder):
    run(["openssl", "genrsa", "-out", folder / "rsa.pem", "2048"])
    run(["openssl", "genpkey", "-algorithm", "ed25519", "-out", folder / "ed.pem"])
    records = {}
    for selector, kind in (("rsa", "rsa"), ("ed", "ed25519")):
        public = run(["openssl", "pkey", "-in", folder / f"{selector}.pem", "-pubout", "-outform", "DER"])
        public = public[-32:] if kind == "ed25519" else public
        records[f"{selector}._domainkey.{DOMAIN}"] = f"v=DKIM1; k={kind}; p={base64.b64encode(public).decode()}"
    private = run(["openssl", "pkey", "-in", folder / "ed.pem", "-outform", "DER"])
    (folder / "ed.seed").write_text(base64.b64encode(private[-32:]).decode())
    run(["openssl", "rsa", "-in", folder / "rsa.pem", "-traditional", "-out", folder / "rsa1.pem"])
    return records

# What a peer can not be given: opendkim's test mode hands over whole lines and header fields as milters see them, without
# the white space after the colon, and its own Ed25519 signatures over simple header fields fail with itself, too; Mail::DKIM
# adds no CRLF to a simple body that lacks it (RFC 6376 section 3.4.3).
def can(peer, signs, selector, canon, head, body):
    simple_header, simple_body = (word == "simple" for word in canon.split("/"))
    open_end = body == "no final CRLF"
    if selector not in peer.algorithms:
        return False
    if peer.name == "opendkim":
        return not (open_end or simple_header and (head == "odd" or signs and selector == "ed"))
    return not (peer.name == "Mail::DKIM" and open_end and simple_body)

# --- peers: sign(message, selector, canon) -> field, and verify(paths) -> {path: word}

class Dkimpy:
    name, algorithms = "dkimpy", ("rsa", "ed")
    def __init__(self, folder, records):
        import dkim
        self.dkim, self.folder = dkim, folder
        self.dns = lambda name, timeout=5: records.get(name.decode().rstrip("."), "").encode() or None
    def sign(self, message, selector, canon):
        header, body = (word.encode() for word in canon.split("/"))
        key = (self.folder / ("ed.seed" if selector == "ed" else "rsa1.pem")).read_bytes()
        algorithm = b"ed25519-sha256" if selector == "ed" else b"rsa-sha256"
        return self.dkim.sign(message, selector.encode(), DOMAIN.encode(), key, canonicalize=(header, body), signature_algorithm=algorithm)
    def verify(self, paths):
        word = lambda path: "pass" if self.dkim.verify(path.read_bytes(), dnsfunc=self.dns) else "fail"
        return {path: word(path) for path in paths}

PERL = r'''
use Mail::DKIM::Signer; use Mail::DKIM::Verifier; use Mail::DKIM::PrivateKey; use Net::DNS;
my ($what, $zone, @rest) = @ARGV; my %zone; open my $z, '<', $zone; while (<$z>) { chomp; my ($n, $v) = split / /, $_, 2; $zone{$n} = $v }
{ no warnings; *Mail::DKIM::DNS::query = sub { my ($n, $t) = @_; $n =~ s/\.$//; return unless exists $zone{$n};
    my $rr = Net::DNS::RR->new(owner => $n, type => 'TXT', txtdata => [$zone{$n} =~ /(.{1,200})/g]); return ($rr) }; }
binmode STDOUT;
sub slurp { open my $f, '<:raw', $_[0]; local $/; <$f> }
if ($what eq 'verify') { for my $m (<STDIN>) { chomp $m; my $v = Mail::DKIM::Verifier->new; $v->PRINT(slurp($m)); $v->CLOSE; print $v->result, "\n" } }
else { my ($key, $d) = @rest; for my $line (<STDIN>) { chomp $line; my ($c, $m) = split / /, $line, 2;
    my $s = Mail::DKIM::Signer->new(Algorithm => 'rsa-sha256', Method => $c, Domain => $d, Selector => 'rsa', Key => Mail::DKIM::PrivateKey->load(File => $key));
    $s->PRINT(slurp($m)); $s->CLOSE; my $h = $s->signature->as_string; $h =~ s/\r?\n/\r\n/g; print "$h\r\n\0" } }
'''

class MailDkim:
    name, algorithms = "Mail::DKIM", ("rsa",)  # Debian's has no Ed25519
    def __init__(self, folder, records):
        self.folder, self.zone = folder, folder / "zone"
        self.zone.write_text("".join(f"{name} {value}\n" for name, value in records.items()))
    def sign(self, message, selector, canon):
        path = self.folder / "to-sign"
        path.write_bytes(message)
        out = run(["perl", "-e", PERL, "sign", self.zone, self.folder / "rsa1.pem", DOMAIN], input=f"{canon} {path}\n".encode())
        return out.split(b"\0")[0]
    def verify(self, paths):
        out = run(["perl", "-e", PERL, "verify", self.zone], input="".join(f"{path}\n" for path in paths).encode())
        return dict(zip(paths, out.decode().split()))

class OpenDkim:
    name, algorithms = "opendkim", ("rsa", "ed")
    def __init__(self, folder, records):
        self.folder, self.zone = folder, folder / "opendkim-zone"
        self.zone.write_text("".join(f"{name} {value}\n" for name, value in records.items()))
    def config(self, name, text):
        path = self.folder / name
        path.write_text(f"RequireSafeKeys no\nTestDNSData file:{self.zone}\n{text}")
        return path
    def sign(self, message, selector, canon):
        algorithm = "ed25519-sha256" if selector == "ed" else "rsa-sha256"
        config = self.config("sign.conf", f"Mode s\nDomain {DOMAIN}\nSelector {selector}\nKeyFile {self.folder}/{selector}.pem\n"
                             f"Canonicalization {canon}\nSignatureAlgorithm {algorithm}\nOversignHeaders From\n")
        path = self.folder / "to-sign"
        path.write_bytes(message)
        out = run(["opendkim", "-x", config, "-v", "-t", path])
        field = re.search(rb"^DKIM-Signature:.*?(?=^\S|\Z)", out, re.M | re.S).group(0).strip()
        return re.sub(rb"\r?\n", b"\r\n", field) + b"\r\n"
    def verify(self, paths):
        config = self.config("verify.conf", "Mode v\nAlwaysAddARHeader yes\nAuthservID x\n")
        words = {}
        for path in paths:
            out = run(["opendkim", "-x", config, "-vv", "-t", path])
            words[path] = (re.findall(rb"dkim=(\w+)", out) or [b"none"])[0].decode()
        return words

JS = r'''
const fs = require("fs"), { dkimVerify } = require(process.argv[1] + "/lib/dkim/verify"), { dkimSign } = require(process.argv[1] + "/lib/dkim/sign");
const zone = JSON.parse(fs.readFileSync(process.argv[2])), input = JSON.parse(fs.readFileSync(0));
const resolver = async (name, type) => { const value = zone[name.replace(/\.$/, "")]; if (!value || type != "TXT") { const e = new Error("no"); e.code = "ENOTFOUND"; throw e; } return [[value]]; };
(async () => { const out = []; for (const one of input) {
    if (one.key) { const r = await dkimSign(fs.readFileSync(one.path), { canonicalization: one.canon, algorithm: one.algorithm, signTime: new Date(), signatureData: [{ signingDomain: one.domain, selector: one.selector, privateKey: fs.readFileSync(one.key, "utf8") }] }); out.push(r.signatures); }
    else { const r = await dkimVerify(fs.readFileSync(one.path), { resolver }); out.push(r.results[0].status.result); } }
  console.log(JSON.stringify(out)); process.exit(0); })();
'''

class Mailauth:
    name, algorithms = "mailauth", ("rsa", "ed")
    def __init__(self, folder, records):
        self.folder, self.zone = folder, folder / "zone.json"
        self.zone.write_text(json.dumps(records))
    def node(self, requests):
        return json.loads(run(["node", "-e", JS, NODE.resolve(), self.zone], input=json.dumps(requests).encode()))
    def sign(self, message, selector, canon):
        path = self.folder / "to-sign"
        path.write_bytes(message)
        algorithm = "ed25519-sha256" if selector == "ed" else "rsa-sha256"
        field = self.node([{"path": str(path), "key": str(self.folder / f"{selector}.pem"), "selector": selector, "domain": DOMAIN,
                            "canon": canon, "algorithm": algorithm}])[0]
        return re.sub(r"\r?\n", "\r\n", field.strip()).encode() + b"\r\n"
    def verify(self, paths):
        return dict(zip(paths, self.node([{"path": str(path)} for path in paths])))

def peers(folder, records):
    for peer in (OpenDkim, Dkimpy, MailDkim, Mailauth):
        if peer is Mailauth and not NODE.exists():
            print(f"{peer.name}: not installed, left out")
            continue
        yield peer(folder, records)

def ours_to_theirs(folder, records, all_peers):
    """Every message of the matrix, signed by us, in one process; every peer verifies them."""
    cases = list(itertools.product(("rsa", "ed"), CANON, HEADS, BODIES))
    pem = {selector: (folder / f"{selector}.pem").read_text() for selector in ("rsa", "ed")}
    requests, messages = [], []
    for number, (selector, canon, head, body) in enumerate(cases):
        message, path = HEADS[head] + b"\r\n" + BODIES[body], folder / f"unsigned-{number}"
        path.write_bytes(message)
        messages.append(message)
        requests.append({"op": "dkim-sign", "message_file": str(path), "domain": DOMAIN, "selector": selector, "key": pem[selector],
                         "canonicalization": canon, "clock": CLOCK - 60})
    paths = {}
    for case, message, verdict in zip(cases, messages, evaluate(requests)):
        path = folder / ("signed-" + re.sub(r"\W", "-", " ".join(case)))
        path.write_bytes(verdict["header"].encode() + message)
        paths[case] = path
    failed = 0
    for peer in all_peers:
        mine = {case: path for case, path in paths.items() if can(peer, False, *case)}
        words = peer.verify(list(mine.values()))
        failed += report(f"ours -> {peer.name}", {case: words.get(path) for case, path in mine.items()})
    return failed

def theirs_to_ours(folder, records, all_peers):
    """Each peer signs canonicalizations x algorithms over every body and head once; we verify."""
    failed = 0
    for peer in all_peers:
        requests, cases = [], []
        for number, (selector, head, body) in enumerate(itertools.product(peer.algorithms, HEADS, BODIES)):
            for canon in CANON if body == "plain" else [CANON[number % 4]]:
                if not can(peer, True, selector, canon, head, body):
                    continue
                message = HEADS[head] + b"\r\n" + BODIES[body]
                path = folder / f"theirs-{peer.name.replace(':', '')}-{len(cases)}"
                path.write_bytes(peer.sign(message, selector, canon) + message)
                cases.append((selector, canon, head, body))
                requests.append({"op": "dkim", "message_file": str(path), "dns": {name: {"TXT": [value]} for name, value in records.items()}})
        verdicts = evaluate(requests)
        failed += report(f"{peer.name} -> ours", {case: verdict.get("result") or verdict for case, verdict in zip(cases, verdicts)})
    return failed

def report(title, words):
    wrong = {case: word for case, word in words.items() if word != "pass"}
    print(f"{'FAIL' if wrong else 'pass'}  {title:<22} {len(words) - len(wrong):>4} of {len(words)}")
    for case, word in list(wrong.items())[:8]:
        print(f"        {' | '.join(case)}: {word}")
    return len(wrong)

def main():
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        records = keys(folder)
        all_peers = list(peers(folder, records))
        failed = ours_to_theirs(folder, records, all_peers) + theirs_to_ours(folder, records, all_peers)
    sys.exit(1 if failed else 0)

main()
