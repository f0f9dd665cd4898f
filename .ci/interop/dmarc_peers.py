#!/usr/bin/env python3
"""DMARC beside libopendmarc, Perl Mail::DMARC and authheaders, over the same zones, identifiers and results.

They follow RFC 7489, we follow RFC 9989. Where the two say the same all must agree; each difference is listed with the
section behind it, and the answer of each side is what it must be. Nothing is asked of the network.
"""
# apt: libopendmarc2 libmail-dmarc-perl libnet-dns-perl
# pip: authheaders

import ctypes
import itertools
import json
import os
import subprocess
import sys
import tempfile

TARGET = os.environ.get("CARGO_TARGET_DIR", "target")
EVALUATE = os.path.join(TARGET, "release", "examples", "evaluate")

# --- cases: zone of {name: records at _dmarc.name}, author domain, SPF and DKIM results


def generated():
    """The author at the organizational domain and below it, whose record every standard finds."""
    records = ["p=none", "p=quarantine", "p=reject", "p=reject; sp=none", "p=none; sp=reject", "p=reject; adkim=s; aspf=s",
               "p=quarantine; adkim=s", "p=reject; aspf=s; pct=100; fo=1; ri=3600; rua=mailto:d@example.com",
               "p=Reject; ADKIM=R; unknown=1"]
    senders = [None, ("example.com", "pass"), ("a.example.com", "pass"), ("bounce.example.com", "pass"), ("notexample.com", "pass"),
               ("example.com.evil.net", "pass"), ("example.com", "fail")]
    authors = ["example.com", "a.example.com", "a.b.example.com"]
    for record, author, (spf, dkim) in itertools.product(records, authors, itertools.product(senders, senders)):
        yield dict(zone={"example.com": ["v=DMARC1; " + record]}, author=author, spf=spf, dkim=dkim)
    for author, spf in itertools.product(authors, senders):  # nothing published; and something that is no DMARC record
        yield dict(zone={}, author=author, spf=spf, dkim=None)
        yield dict(zone={"example.com": ["v=spf1 -all"]}, author=author, spf=spf, dkim=None)
    for spf in senders:  # a record of its own below the organizational domain
        zone = {"example.com": ["v=DMARC1; p=reject"], "a.example.com": ["v=DMARC1; p=quarantine"]}
        yield dict(zone=zone, author="a.example.com", spf=spf, dkim=("example.com", "pass"))


# What the standards say differently: case, what RFC 9989 makes of it, what the peers do, the section.
DIFFERENCES = [
    ("a record only below the organizational domain is an organization of its own", "4.10.2",
     dict(zone={"a.example.com": ["v=DMARC1; p=reject"]}, author="a.example.com", spf=("example.com", "pass"), dkim=None),
     ("fail", "reject"), ("pass", "reject")),
    ("np= for an author domain that does not exist", "4.7",
     dict(zone={"example.com": ["v=DMARC1; p=none; np=reject"]}, author="gone.example.com", spf=None, dkim=None, gone=True),
     ("fail", "reject"), ("fail", "none")),
    ("psd=n makes a domain an organization of its own", "4.10.2",
     dict(zone={"example.com": ["v=DMARC1; p=reject"], "a.example.com": ["v=DMARC1; p=reject; psd=n"]}, author="a.example.com",
          spf=("example.com", "pass"), dkim=None),
     ("fail", "reject"), ("pass", "reject")),
    ("a domain between author and organization is not asked for a policy, and a public suffix is", "4.10.1",
     dict(zone={"com": ["v=DMARC1; p=reject; psd=y"]}, author="example.com", spf=None, dkim=None),
     ("fail", "reject"), ("none", None)),
    ("pct= is history", "4.7",
     dict(zone={"example.com": ["v=DMARC1; p=reject; pct=0"]}, author="example.com", spf=None, dkim=None),
     ("fail", "reject"), ("fail", "reject")),
]

# --- ours


def ours(cases):
    lines = []
    for number, case in enumerate(cases):
        dns = {"_dmarc." + name: {"TXT": records} for name, records in case["zone"].items()}
        if not case.get("gone"):
            dns[case["author"]] = {"A": ["192.0.2.1"]}
        request = {"id": number, "op": "dmarc", "from_domain": case["author"], "dns": dns}
        if case["spf"]:
            request["spf"] = dict(zip(("domain", "result"), case["spf"]))
        if case["dkim"]:
            request["dkim"] = [dict(zip(("domain", "result"), case["dkim"]))]
        lines.append(json.dumps(request))
    run = subprocess.run([EVALUATE], input="\n".join(lines), capture_output=True, text=True, timeout=120, check=True)
    verdicts = [json.loads(line) for line in run.stdout.splitlines()]
    return [(verdict["result"], verdict["policy"]) for verdict in verdicts]


# --- RFC 7489: the record at the author domain, else at the organizational domain


def organizational(domain):
    return ".".join(domain.split(".")[-2:])


def record_of(case):
    for name in (case["author"], organizational(case["author"])):
        found = [record for record in case["zone"].get(name, []) if record.startswith("v=DMARC1")]
        if len(found) == 1:
            return name, found[0]
    return None, None


def libopendmarc(cases):
    library = ctypes.CDLL("libopendmarc.so.2")
    library.opendmarc_policy_connect_init.restype = ctypes.c_void_p
    with tempfile.NamedTemporaryFile("w", suffix=".dat") as suffixes:
        suffixes.write("com\nnet\n")
        suffixes.flush()
        library.opendmarc_tld_read_file(suffixes.name.encode(), b"//", b"*.", b"!")
    answers = []
    for case in cases:
        pctx = ctypes.c_void_p(library.opendmarc_policy_connect_init(b"192.0.2.1", 4))
        library.opendmarc_policy_store_from_domain(pctx, case["author"].encode())
        if case["spf"]:
            domain, result = case["spf"]
            library.opendmarc_policy_store_spf(pctx, domain.encode(), 1 if result == "pass" else 2, 0, None)
        if case["dkim"]:
            domain, result = case["dkim"]
            library.opendmarc_policy_store_dkim(pctx, domain.encode(), b"s", 1 if result == "pass" else 2, None)
        name, record = record_of(case)
        if record is None:
            answers.append(("none", None))
        else:
            own = organizational(case["author"])
            library.opendmarc_policy_store_dmarc(pctx, record.encode(), case["author"].encode(),
                                                 own.encode() if name != case["author"] else None)
            enforced = library.opendmarc_get_policy_to_enforce(pctx)
            word = {15: "pass", 16: "fail", 17: "fail", 18: "fail", 14: "none"}.get(enforced, f"?{enforced}")
            policy = {16: "reject", 17: "quarantine", 18: "none"}.get(enforced)
            answers.append((word, policy))
        library.opendmarc_policy_connect_shutdown(pctx)
    return answers


PERL = r"""
use strict; use warnings; use JSON::PP; use Net::DNS; use Mail::DMARC::PurePerl;
{ package Zone; our %zone;
  sub new { bless {}, shift }
  sub answer { my ($self, $name, $type) = @_; $name = lc $name;
    my $packet = Net::DNS::Packet->new($name, $type);
    if ($type eq 'TXT') { $packet->push(answer => map { Net::DNS::RR->new(name => $name, type => 'TXT', txtdata => $_) }
        @{ $zone{ $name =~ s/^_dmarc\.//r } || [] }) if $name =~ /^_dmarc\./ }
    elsif ($type eq 'A') { $packet->push(answer => Net::DNS::RR->new("$name. 60 A 192.0.2.1")) }
    return $packet }
  sub send { my $self = shift; $self->answer(@_) }
  sub query { my $self = shift; my $packet = $self->answer(@_); $packet->answer ? $packet : undef }
}
{ no warnings 'redefine'; *Mail::DMARC::Base::get_resolver = sub { Zone->new };
  *Mail::DMARC::PurePerl::get_resolver = sub { Zone->new };
  *Mail::DMARC::PurePerl::get_organizational_domain = sub { my ($self, $domain) = @_; $domain ||= $self->header_from;
      join '.', (split /\./, $domain)[-2, -1] };
}
while (my $line = <STDIN>) {
  my $case = decode_json($line); %Zone::zone = %{ $case->{zone} };
  my $dmarc = Mail::DMARC::PurePerl->new; $dmarc->config->{report_store}{auto_save} = 0;
  $dmarc->source_ip('192.0.2.1'); $dmarc->header_from($case->{author});
  $dmarc->envelope_from($case->{spf} ? $case->{spf}[0] : 'unknown.net');
  $dmarc->dkim($case->{dkim} ? [{ domain => $case->{dkim}[0], selector => 's', result => $case->{dkim}[1] }] : []);
  $dmarc->spf([{ scope => 'mfrom', domain => $case->{spf} ? $case->{spf}[0] : 'unknown.net', result => $case->{spf} ? $case->{spf}[1] : 'none' }]);
  my $result = eval { $dmarc->validate }; my $failed = $@;
  my $policy = eval { $result->published } ;
  print encode_json({ result => $failed ? "error: $failed" : $policy ? $result->result : 'none',
      disposition => $failed ? undef : $result->disposition }), "\n";
}
"""


def mail_dmarc(cases):
    """Says the disposition: that of a pass is none."""
    with tempfile.TemporaryDirectory() as folder:
        script = os.path.join(folder, "peer.pl")
        with open(script, "w") as file:
            file.write(PERL)
        lines = "\n".join(json.dumps(case) for case in cases)
        run = subprocess.run(["perl", script], input=lines, capture_output=True, text=True, timeout=240, cwd=folder)
    if run.returncode:
        raise SystemExit(f"Mail::DMARC: {run.stderr}")
    answers = [json.loads(line) for line in run.stdout.splitlines()]
    return [(answer["result"], answer["disposition"].lower() if answer["result"] == "fail" else None) for answer in answers]


def authheaders_peer(cases):
    import authheaders
    from authres import DKIMAuthenticationResult, SPFAuthenticationResult
    answers = []
    for case in cases:
        def ask(name, qtype="TXT", case=case):
            name = (name.decode() if isinstance(name, bytes) else name).rstrip(".")
            if qtype == "TXT" and name.startswith("_dmarc."):
                return next(iter(case["zone"].get(name[len("_dmarc."):], [])), None)
            return None
        spf = case["spf"] and SPFAuthenticationResult(result=case["spf"][1], smtp_mailfrom="a@" + case["spf"][0])
        dkim = case["dkim"] and DKIMAuthenticationResult(result=case["dkim"][1], header_d=case["dkim"][0])
        message = f"From: a@{case['author']}\r\n\r\nhi\r\n".encode()
        result = authheaders.check_dmarc(message, spf_result=spf, dkim_result=dkim, dnsfunc=ask)
        answers.append((result.result, (result.policy or None) if result.result == "fail" else None))
    return answers


def apart(mine, theirs):
    """The cases in which two sides differ: in the result, or in what is asked for a fail."""
    return [number for number, (own, other) in enumerate(zip(mine, theirs))
            if own[0] != other[0] or (own[0] == "fail" and own[1] != other[1])]


def main():
    everything = list(generated())
    mine, arbiter = ours(everything), mail_dmarc(everything)
    strict = ["=s" in str(case["zone"]) for case in everything]
    own_sp = ["sp=" in str(case["zone"]) and case["author"] == "example.com" for case in everything]
    # authheaders reads its list of suffixes anew for each case, so that it gets a part of them
    parts = {"libopendmarc": (libopendmarc, 1, strict), "authheaders": (authheaders_peer, 12, own_sp)}
    # Where a peer leaves RFC 7489 too, the other peer must side with us: adkim=s and aspf=s mean the same name (§3.1.1, §3.1.2),
    # and sp= is not for the organizational domain itself (§6.3).
    known = {"libopendmarc": "takes a subdomain for aligned in strict mode", "authheaders": "applies sp= to the organizational domain"}
    failed = 0
    print(f"{'peer':<14} {'cases':>6} {'agree':>6} {'known':>6}")
    differ = apart(mine, arbiter)
    print(f"{'Mail::DMARC':<14} {len(everything):>6} {len(everything) - len(differ):>6} {0:>6}  {'FAIL' if differ else 'pass'}")
    failed += bool(differ)
    for name, (peer, step, excused) in parts.items():
        cases, answers = everything[::step], peer(everything[::step])
        differ = apart(mine[::step], answers)
        bad = [number for number in differ if not excused[number * step] or apart(mine[number * step:][:1], arbiter[number * step:][:1])]
        known_here = len(differ) - len(bad)
        print(f"{name:<14} {len(cases):>6} {len(cases) - len(differ):>6} {known_here:>6}  {'FAIL' if bad else 'pass'}"
              + (f"  ({known[name]}; Mail::DMARC sides with us in each)" if known_here else ""))
        for number in bad[:5]:
            print(f"    {cases[number]}: we say {mine[number * step]}, {name} says {answers[number]}")
        failed += bool(bad)
    print("\nDifferences between RFC 9989 and RFC 7489")
    ours_differ = ours([case for _, _, case, _, _ in DIFFERENCES])
    theirs_differ = libopendmarc([case for _, _, case, _, _ in DIFFERENCES])
    for (title, section, _, wanted, other), own, peer in zip(DIFFERENCES, ours_differ, theirs_differ):
        right = own == wanted and peer[0] == other[0]
        print(f"  {'pass' if right else 'FAIL'}  RFC 9989 §{section:<7} {title}: we {own[0]} {own[1]}, libopendmarc {peer[0]} {peer[1]}")
        failed += not right
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
