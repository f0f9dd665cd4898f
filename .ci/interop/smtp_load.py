#!/usr/bin/env python3
# apt: postfix
"""Messages a second: Postfix's smtp-source into our server, into smtp-sink and into Postfix itself, in turns; the ratios are what counts.

LOAD_MESSAGES (default 1000) messages of 4 KiB in 20 sessions a round, LOAD_ROUNDS (default 3) rounds; with new sessions and with
sessions that go on. The server judges every message (SPF, DKIM, ARC, DMARC) and throws it away, by a thread for each core and by one
thread, as smtp-sink has, or stores it with fsync. Postfix keeps it in its queue on the same disk, with fsync, and its delivery
throws it away; no TLS, no DNS, `in_flow_delay = 0`.
Only that all messages were taken is a pass or a failure, and that we are not half as fast as Postfix: rates depend on the machine.
"""
import os, re, signal, socket, statistics, subprocess, sys, tempfile, time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
import e2e  # noqa: E402
from postfix import Postfix  # noqa: E402

MESSAGES, ROUNDS = int(os.environ.get("LOAD_MESSAGES", "1000")), int(os.environ.get("LOAD_ROUNDS", "3"))
SOURCE, SINK = "/usr/sbin/smtp-source", "/usr/sbin/smtp-sink"
DISCARD = """
relay_domains = example.test
relay_recipient_maps =
relay_transport = discard:
smtpd_peername_lookup = no
disable_dns_lookups = yes
in_flow_delay = 0
smtpd_client_connection_count_limit = 0
"""


def load(port, reuse):
    began = time.time()
    command = [SOURCE, "-s", "20", "-m", str(MESSAGES), "-l", "4096", "-f", "ann@elsewhere.test", "-t", "bob@example.test"]
    done = subprocess.run([*command, *(["-d"] if reuse else []), f"inet:127.0.0.1:{port}"], capture_output=True, text=True, timeout=300)
    assert done.returncode == 0 and not done.stderr, done.stderr[-500:]
    return MESSAGES / (time.time() - began)


def spread(folder):
    """Gives each folder in this one a part of an ext4 of its own: one without a journal looks at all inodes that were deleted
    there within the last minutes whenever it makes a file, and nobody shall pay for the files that another one deleted."""
    subprocess.run(["chattr", "+T", folder], stderr=subprocess.DEVNULL)  # other file systems know no such thing


def settled(postfix):
    """Waits until Postfix has delivered all: it would work on while it is our turn."""
    for _ in range(1200):
        if not any(files for part in ("incoming", "active") for _, _, files in os.walk(os.path.join(postfix.folder, "queue", part))):
            return
        time.sleep(0.05)
    raise AssertionError("Postfix does not come to an end")


def main():
    with tempfile.TemporaryDirectory(prefix="gatepost-load-") as folder, socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
        probe.close()
        sink = subprocess.Popen([SINK, "-u", "nobody", f"inet:127.0.0.1:{port}", "1000"], stderr=subprocess.DEVNULL)
        servers = {}
        os.chmod(folder, 0o755)  # Postfix has users of its own
        spread(folder)
        os.mkdir(os.path.join(folder, "postfix"))
        postfix = Postfix(os.path.join(folder, "postfix"), DISCARD)
        try:
            for name, settings in (("discard", 'store = "discard"'), ("1 thread", 'store = "discard"\nthreads = 1'), ("maildir", "")):
                path = os.path.join(folder, name.replace(" ", ""))
                os.mkdir(path)
                with open(os.path.join(path, "load.toml"), "w") as file:
                    file.write(f"{settings}\n")
                servers[name] = e2e.Server(path, "--config", os.path.join(path, "load.toml"), "--log-level", "error")
            for reuse in (False, True):
                rates = {"smtp-sink": [], "postfix": [], **{name: [] for name in servers}}
                for _ in range(ROUNDS):
                    rates["smtp-sink"].append(load(port, reuse))
                    rates["postfix"].append(load(postfix.port, reuse))
                    settled(postfix)
                    for name, server in servers.items():
                        rates[name].append(load(server.port("mx"), reuse))
                kind = "session reused" if reuse else "new sessions"
                ratio = lambda one, other: statistics.median(a / b for a, b in zip(rates[one], rates[other]))  # noqa: E731
                for name, each in rates.items():
                    print(f"pass  {kind:<15} {name:<10} {statistics.median(each):7.0f}/s  {ratio(name, 'smtp-sink'):5.2f} x smtp-sink"
                          f"  {ratio(name, 'postfix'):5.2f} x Postfix", flush=True)
                assert ratio("maildir", "postfix") > 0.5, "half as fast as Postfix: something is broken"
            folder = os.path.join(servers["maildir"].folder, "data/mail/example.test/bob/new")
            assert len(os.listdir(folder)) == 2 * ROUNDS * MESSAGES, "a message is missing"
        finally:
            sink.terminate()
            postfix.stop()
            for server in servers.values():
                server.stop(signal.SIGTERM)


if __name__ == "__main__":
    main()
