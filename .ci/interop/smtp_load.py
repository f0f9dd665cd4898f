#!/usr/bin/env python3
# apt: postfix
"""Messages a second: Postfix's smtp-source into our server and into smtp-sink, in turns; the ratio is what counts.

LOAD_MESSAGES (default 1000) messages of 4 KiB in 20 sessions a round, LOAD_ROUNDS (default 3) rounds; with new sessions and with
sessions that go on. The server judges every message (SPF, DKIM, ARC, DMARC) and throws it away, or stores it with fsync.
Only that all messages were taken is a pass or a failure: rates depend on the machine.
"""
import os, re, signal, socket, statistics, subprocess, sys, tempfile, time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
import e2e  # noqa: E402

MESSAGES, ROUNDS = int(os.environ.get("LOAD_MESSAGES", "1000")), int(os.environ.get("LOAD_ROUNDS", "3"))
SOURCE, SINK = "/usr/sbin/smtp-source", "/usr/sbin/smtp-sink"


def load(port, reuse):
    began = time.time()
    command = [SOURCE, "-s", "20", "-m", str(MESSAGES), "-l", "4096", "-f", "ann@elsewhere.test", "-t", "bob@example.test"]
    done = subprocess.run([*command, *(["-d"] if reuse else []), f"inet:127.0.0.1:{port}"], capture_output=True, text=True, timeout=300)
    assert done.returncode == 0 and not done.stderr, done.stderr[-500:]
    return MESSAGES / (time.time() - began)


def main():
    with tempfile.TemporaryDirectory(prefix="gatepost-load-") as folder, socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
        probe.close()
        sink = subprocess.Popen([SINK, "-u", "nobody", f"inet:127.0.0.1:{port}", "1000"], stderr=subprocess.DEVNULL)
        servers = {}
        try:
            for store in ("discard", "maildir"):
                path = os.path.join(folder, store)
                os.mkdir(path)
                with open(os.path.join(path, "load.toml"), "w") as file:
                    file.write(f'store = "{store}"\n')
                servers[store] = e2e.Server(path, "--config", os.path.join(path, "load.toml"), "--log-level", "error")
            for reuse in (False, True):
                rates = {"smtp-sink": [], **{store: [] for store in servers}}
                for _ in range(ROUNDS):
                    rates["smtp-sink"].append(load(port, reuse))
                    for store, server in servers.items():
                        rates[store].append(load(server.port("mx"), reuse))
                kind = "session reused" if reuse else "new sessions"
                for name, each in rates.items():
                    ratio = statistics.median(ours / sink for ours, sink in zip(each, rates["smtp-sink"]))
                    print(f"pass  {kind:<15} {name:<10} {statistics.median(each):7.0f}/s  {ratio:5.2f} x smtp-sink", flush=True)
            folder = os.path.join(servers["maildir"].folder, "data/mail/example.test/bob/new")
            assert len(os.listdir(folder)) == 2 * ROUNDS * MESSAGES, "a message is missing"
        finally:
            sink.terminate()
            for server in servers.values():
                server.stop(signal.SIGTERM)


if __name__ == "__main__":
    main()
