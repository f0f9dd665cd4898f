#!/usr/bin/env python3
# pip: pyspf dnspython
"""Two readings of RFC 7208: our `evaluate` and pyspf judge the same queries over the same zones, made from a fixed seed.

A difference must go away when pyspf is changed in one of the ways below, each with its section; any other fails. `spf_pyspf.py COUNT SEED` for more."""
import collections, ipaddress, json, os, random, re, subprocess, sys

import spf

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
EVALUATE = os.path.join(os.environ.get("CARGO_TARGET_DIR", os.path.join(ROOT, "target")), "release/examples/evaluate")
COUNT = int(sys.argv[1]) if len(sys.argv) > 1 else 6000
SEED = int(sys.argv[2]) if len(sys.argv) > 2 else 7208

DOMAINS = [f"{letter}.example" for letter in "abcdef"]
HOSTS = [f"h{number}.{letter}.example" for letter in "abc" for number in range(3)]
CLIENTS = ["192.0.2.1", "192.0.2.2", "198.51.100.7", "2001:db8::1", "2001:db8::2", "::ffff:192.0.2.1"]
MACROS = ["%{d}", "%{o}", "%{i}", "%{ir}.%{v}", "%{l}", "%{s}", "%{h}", "%{d1}", "%{d2r}", "%{l1r-}", "%{lr+}", "%{D}",
          "%{S}", "%{d99}", "%{o1}", "%%", "%_", "%-", "%{L1}", "%{l-}", "%{V}"]
LOCALS = ["ann", "", "ann-bob+list", "o'hara", "x=y_z", "a/b", "A.B.c", "a..b"]


def zone(rng):
    """A zone as `evaluate` takes it: {name: {TYPE: [values]} or {TYPE: "TIMEOUT"}}."""
    names = collections.defaultdict(dict)
    for host in HOSTS:
        if rng.random() < 0.7:
            names[host]["A"] = rng.sample(["192.0.2.1", "192.0.2.2", "192.0.2.77", "203.0.113.9"], rng.randint(1, 2))
        if rng.random() < 0.4:
            names[host]["AAAA"] = rng.sample(["2001:db8::1", "2001:db8:1::9"], 1)
        if rng.random() < 0.05:
            names[host][rng.choice(["A", "AAAA"])] = "TIMEOUT"
    for domain in DOMAINS:
        if rng.random() < 0.5:
            names[domain]["A"] = [rng.choice(["192.0.2.1", "198.51.100.7", "203.0.113.1"])]
        if rng.random() < 0.5:
            count = rng.choice([1, 2, 2, 3, 11])
            names[domain]["MX"] = [[rng.randint(0, 20), rng.choice(HOSTS)] for _ in range(count)]
        texts = [record(rng) for _ in range(rng.choice([0, 1, 1, 1, 1, 1, 1, 2]))]
        texts += ["v=spf10 -all"] * (rng.random() < 0.1) + ["some text"] * (rng.random() < 0.2)
        if texts:
            names[domain]["TXT"] = texts
        if rng.random() < 0.03:
            names[domain]["TXT"] = "SERVFAIL"
    for reverse in ("1.2.0.192.in-addr.arpa", "2.2.0.192.in-addr.arpa"):
        if rng.random() < 0.7:
            names[reverse]["PTR"] = rng.sample(HOSTS + DOMAINS, rng.choice([1, 2, 3]))
    names["why.example"]["TXT"] = [rng.choice(["%{i} is not one of %{d}'s", "See %{h}%_%{c} %{r}", "bad %{x}", "50%% of %{S}"])]
    for owner in ("ann.a.example", "ann.x.example", "a.b.c.x.example", "postmaster.x.example"):
        names[owner]["A"] = ["127.0.0.2"]
    return dict(names)


def record(rng):
    terms = [term(rng) for _ in range(rng.choice([0, 1, 2, 3, 4, 5, 8, 13]))]
    if rng.random() < 0.2:
        terms.insert(rng.randint(0, len(terms)), rng.choice(["redirect=", "Redirect="]) + target(rng))
    if rng.random() < 0.2:
        terms.insert(rng.randint(0, len(terms)), "exp=" + rng.choice(["why.example", "why.%{d1}", target(rng)]))
    if rng.random() < 0.15:
        terms.insert(rng.randint(0, len(terms)), rng.choice(["x=", "op=auth", "y.-_9=%{l}/z", "unknown=%{d2r-}"]))
    if rng.random() < 0.7:
        terms.append(rng.choice(["-all", "~all", "?all", "+all", "-ALL", "all"]))
    if rng.random() < 0.05:
        terms.insert(rng.randint(0, len(terms)), rng.choice(BROKEN))
    return rng.choice(["v=spf1", "v=spf1", "v=spf1", "V=SPF1"]) + "".join(rng.choice([" ", " ", " ", "  "]) + t for t in terms)


BROKEN = ["foo", "foo:b.example", "a:", "a:b.example/", "a/33", "a//129", "a/024", "ip4:1.2.3", "ip4:192.0.2.1/33", "ip4:2001:db8::1",
          "ip6:192.0.2.1", "ip6:2001:db8::/129", "include:", "include", "exists", "exists:", "all:x", "-all/8", "a:b.123", "a:b..example.",
          "a:%{x}.example", "a:%{d0}.example", "a:%a.example", "redirect=", "exp=", "include:b.example/24", "ptr/24", "ip4:192.0.2.1//32",
          "=x", "a:localhost", "exists:%{c}.example", "9x=1", "-", "a:\tb.example", "exists:%{d", "ip4:192.0.2.256", "ip6:1:2:3:4:5:6:7"]


def target(rng):
    choice = rng.random()
    if choice < 0.55:
        return rng.choice(DOMAINS)
    if choice < 0.75:
        return rng.choice(HOSTS + ["none.example", "B.Example", "c.example."])
    return rng.choice(MACROS) + rng.choice([".x.example", ".example", ".b.example"])


def term(rng):
    qualifier = rng.choice(["", "", "", "", "+", "-", "~", "?"])
    prefix = rng.choice(["", "", "", "", "/24", "/31", "/0", "//64", "/24//64", "//0"])
    return qualifier + rng.choice([
        lambda: "ip4:" + rng.choice(["192.0.2.0/30", "192.0.2.1", "198.51.100.0/24", "10.0.0.0/8", "192.0.2.7/29", "0.0.0.0/0"]),
        lambda: "ip4:" + rng.choice(["203.0.113.0/24", "10.9.0.0/16", "192.0.2.128/25"]),
        lambda: "ip6:" + rng.choice(["2001:db8::/64", "2001:db8::1", "fe80::/10", "::ffff:192.0.2.1", "2001:db8::2/127"]),
        lambda: "a" + prefix, lambda: "mx" + prefix,
        lambda: f"a:{target(rng)}{prefix}", lambda: f"mx:{target(rng)}{prefix}", lambda: f"A:{target(rng)}",
        lambda: f"include:{target(rng)}", lambda: f"include:{target(rng)}", lambda: f"exists:{target(rng)}",
        lambda: "ptr", lambda: f"ptr:{target(rng)}",
    ])()


def query(rng):
    helo = rng.choice(DOMAINS + HOSTS)
    sender = rng.choice(["", f"{rng.choice(LOCALS)}@{rng.choice(DOMAINS)}", f"{rng.choice(LOCALS)}@a.example", "a.example"])
    return {"ip": rng.choice(CLIENTS), "helo": helo, "mail_from": sender}


# Where pyspf 2.0.14 reads otherwise. Each is a change to pyspf, or to what it is asked, that makes it read as we do.
def any_case(names, asked):
    """pyspf knows `redirect` and `exp` in lower case only."""
    return rewritten(names, lambda text: re.sub("(?i)( redirect| exp)=", lambda found: found[0].lower(), text)), asked


def no_zero(names, asked):
    """pyspf takes `%{d0}`, all of the parts."""
    return rewritten(names, lambda text: text.replace("%{d0}", "%{x}")), asked


def no_tab(names, asked):
    """pyspf takes a tab within a domain-spec."""
    return rewritten(names, lambda text: text.replace("\t", "%{x}")), asked


def postmaster(names, asked):
    """pyspf has `postmaster` for %{l}, but not for %{s}."""
    sender = asked["mail_from"].removeprefix("@")
    return names, asked if "@" in sender or not sender else {**asked, "mail_from": f"postmaster@{sender}"}


def rewritten(names, change):
    texts = lambda values: [change(text) for text in values] if isinstance(values, list) else values
    return {name: {kind: texts(values) if kind == "TXT" else values for kind, values in types.items()} for name, types in names.items()}


class SkippedNames:
    """pyspf lets a failing look-up for one of the client's names end the evaluation, and counts it as void."""
    def validated_ptrs(self):
        try:
            names = self.dns_ptr(self.i)[:spf.MAX_PTR]
        except spf.TempError:
            return []
        return [name for name in names if self.leads_back(name)]

    def leads_back(self, name):
        try:
            return self.cidrmatch(self.dns(name, self.A, ignore_void=True), self.cidrmax)
        except spf.TempError:
            return False


class ExchangesInTurn:
    """pyspf asks for the addresses of all mail exchangers before it compares any."""
    def dns_mx(self, domain):
        exchanges = self.dns(domain, "MX")
        if len(exchanges) > spf.MAX_MX:
            raise spf.PermError("too many")
        return (address for exchange in exchanges for address in self.dns_a(exchange[1], self.A))

    def cidrmatch(self, addresses, length):
        return any(self.ipaddr in ipaddress.ip_network((address, length), strict=False) for address in addresses)


class OwnInclude:
    """pyspf refuses a record that includes itself even where the term is not reached."""
    def validate_mechanism(self, term):
        try:
            return super().validate_mechanism(term)
        except spf.PermError as error:
            if "trivial recursion" not in str(error) or "%" in term:
                raise
            own, self.d = self.d, "elsewhere.invalid"
            try:
                return super().validate_mechanism(term)
            finally:
                self.d = own


class LowerNibbles:
    """pyspf writes the nibbles of IPv6 in upper case."""
    def set_ip(self, ip):
        super().set_ip(ip)
        self.i = self.i.lower()


DIFFERENCES = {
    "modifier names in any case (RFC 7208 §4.6.1)": any_case,
    "a macro's digits are not zero (§7.3)": no_zero,
    "a tab stands in no term (§7.1)": no_tab,
    "a sender without a local part is the postmaster, in %{s}, too (§4.3)": postmaster,
    "errors and voids of a client's names skip the name (§5.5)": SkippedNames,
    "mail exchangers are tried one after the other (§5.4)": ExchangesInTurn,
    "an include of the record's own domain counts when it is reached (§5.2)": OwnInclude,
    "nibbles are lower case (§7.3, §7.4)": LowerNibbles,
}


def theirs(names, asked, changes=()):
    """pyspf over the same zone, with some of the changes."""
    for change in changes:
        if not isinstance(change, type):
            names, asked = change(names, asked)

    def lookup(name, qtype, *_):
        values = names.get(name.lower().rstrip("."), {}).get(qtype, [])
        if isinstance(values, str):
            raise spf.TempError("DNS " + values)
        shape = {"TXT": lambda v: (v.encode(),), "MX": tuple}.get(qtype, str)
        return [((name, qtype), shape(value)) for value in values]

    spf.DNSLookup = lookup
    judge = type("Judge", (*(change for change in changes if isinstance(change, type)), spf.query), {})
    try:
        result, _, text = judge(asked["ip"], asked["mail_from"], asked["helo"], receiver="unknown").check()
        return result, None if result != "fail" or text in spf.EXPLANATIONS.values() else text
    except Exception as error:  # pyspf does not catch all of its own
        return f"raised {error!r}", None


def ours(cases):
    lines = "".join(json.dumps({"op": "spf", "id": index, "dns": names, **asked}) + "\n" for index, (names, asked) in enumerate(cases))
    done = subprocess.run([EVALUATE], input=lines, capture_output=True, text=True, timeout=120, check=True)
    return [json.loads(line) for line in done.stdout.splitlines()]


def reason(names, asked, got):
    """The difference that explains why pyspf says something else, if there is one."""
    for name, change in DIFFERENCES.items():
        if theirs(names, asked, [change]) == got:
            return name
    return "several of these" if theirs(names, asked, DIFFERENCES.values()) == got else None


def main():
    rng = random.Random(SEED)
    cases = []
    for _ in range(COUNT // 4):
        names = zone(rng)
        cases += [(names, query(rng)) for _ in range(4)]
    same, known, results, wrong = 0, collections.Counter(), collections.Counter(), []
    for (names, asked), verdict in zip(cases, ours(cases)):
        expected = theirs(names, asked)
        got = verdict.get("result"), verdict.get("explanation")
        results[got[0]] += 1
        if got == expected:
            same += 1
            continue
        if name := reason(names, asked, got):
            known[name] += 1
        else:
            wrong.append((names, asked, verdict, expected))
    for result, count in results.most_common():
        print(f"      {result}: {count} cases")
    print(f"{'pass' if same else 'FAIL'}  the same verdict and explanation: {same} of {COUNT}, seed {SEED}")
    for name, count in known.most_common():
        print(f"pass  pyspf reads otherwise: {name}: {count}")
    print(f"{'FAIL' if wrong else 'pass'}  any other difference: {len(wrong)}")
    for names, asked, verdict, expected in wrong[:3]:
        print(json.dumps({"dns": names, **asked}), "\n  ours:", verdict.get("result"), verdict.get("reason"), verdict.get("explanation"),
              "\n  pyspf:", expected, file=sys.stderr)
    sys.exit(bool(wrong) or not same)


main()
