#!/usr/bin/env python3
# apt: python3
"""Thousands of idle sessions, plain and TLS: what each takes, whether others are served meanwhile, and whether memory comes back.

IDLE_SESSIONS (default 1000) sessions are opened from many loopback addresses, half of them POP3 and half SMTP, then as many over TLS.
Beside them: floods of connections that say nothing and are closed, senders of an octet now and then, readers that do not read.
"""
import os, re, resource, signal, socket, ssl, subprocess, sys, tempfile, time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
import e2e  # noqa: E402

SESSIONS = int(os.environ.get("IDLE_SESSIONS", "1000"))
LIMIT, SERVED = 64 * 1024, 5.0  # octets a session that fail a row, the aim being 8 KiB beside TLS; seconds for a new session on a busy machine
ROWS = []


def row(name, ok, detail):
    ROWS.append(ok)
    print(f"{'pass' if ok else 'FAIL'}  {name}: {detail}", flush=True)


def memory(server):
    return 1024 * int(re.search(r"VmRSS:\s+(\d+)", open(f"/proc/{server.process.pid}/status").read()).group(1))


def address(number):
    return f"127.{1 + number // 60000}.{number // 250 % 240}.{1 + number % 250}"


def connect(server, service, number):
    peer = socket.create_connection(("127.0.0.1", server.port(service)), 30, source_address=(address(number // 20), 0))
    peer.settimeout(30)
    return peer


def greeted(server):
    """Seconds until a new session has a greeting and an answer."""
    began = time.time()
    for service, command in (("mx", b"EHLO new.test\r\n"), ("pop3", b"CAPA\r\n")):
        with socket.create_connection(("127.0.0.1", server.port(service)), 30, source_address=("127.200.0.1", 0)) as peer:
            assert peer.recv(1000)[:1] in b"2+", service
            peer.sendall(command)
            assert peer.recv(1000)[:1] in b"2+", service
    return time.time() - began


def settled(server, below, patience=100):
    for _ in range(patience):
        if memory(server) <= below:
            break
        time.sleep(0.1)
    return memory(server)


def plain(server, number):
    service, command = (("mx", b"EHLO idle.test\r\n"), ("pop3", b"CAPA\r\n"))[number % 2]
    peer = connect(server, service, number)
    peer.recv(1000), peer.sendall(command), peer.recv(1000)
    return peer


def secure(server, number):
    peer = server.context.wrap_socket(connect(server, ("submissions", "pop3s")[number % 2], number), server_hostname="localhost")
    peer.recv(1000)
    return peer


def idle(server, kind, open_one, base):
    peers = [open_one(server, number) for number in range(SESSIONS)]
    took = greeted(server)
    each = (memory(server) - base) / SESSIONS
    row(f"{SESSIONS} idle {kind} sessions", each <= LIMIT, f"{each / 1024:.1f} KiB each; a new one is answered in {1000 * took:.0f} ms")
    ROWS.append(took < SERVED)
    for peer in peers:
        peer.close()


def nuisance(server, base):
    flood = []
    for number in range(SESSIONS):  # half-open as far as the server can tell: nothing is ever said
        flood.append(socket.create_connection(("127.0.0.1", server.port("submissions")), 30, source_address=(address(number // 20), 0)))
    slow = [connect(server, "mx", 4000 + number) for number in range(100)]
    deaf = [connect(server, "pop3", 8000 + number) for number in range(50)]
    for peer in deaf:
        peer.setblocking(False)
        try:
            while True:
                peer.send(b"CAPA\r\n" * 1000)
        except OSError:
            pass
    for octet in b"EHLO":
        for peer in slow:
            peer.sendall(bytes([octet]))
        time.sleep(0.05)
    took, taken = greeted(server), memory(server) - base
    row("floods, slow senders, deaf readers", took < SERVED and taken < SESSIONS * LIMIT, f"a new session is answered in {1000 * took:.0f} ms, {taken >> 20} MiB")
    for peer in flood + slow + deaf:
        peer.close()


def main():
    wanted = 2 * SESSIONS + 1000
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(max(wanted, soft), hard), hard))
    with tempfile.TemporaryDirectory(prefix="gatepost-idle-") as folder:
        config = os.path.join(folder, "idle.toml")
        with open(config, "w") as file:
            file.write(f"connections = {SESSIONS * 2}\nconnections_per_peer = 50\n")
        server = e2e.Server(folder, "--config", config, "--log-level", "error")
        try:
            greeted(server)
            idle_base = memory(server)
            for number in range(200):  # what threads and the allocator take for themselves
                plain(server, number).close()
            base = max(idle_base, memory(server))
            idle(server, "plain", plain, base)
            after = settled(server, base + SESSIONS * 1024)
            row("memory after plain sessions", after <= base + SESSIONS * LIMIT // 2, f"{(after - base) / 1024:.0f} KiB above {base >> 20} MiB")
            idle(server, "TLS", secure, after)
            after = settled(server, base + SESSIONS * 4096)
            row("memory after TLS sessions", after <= base + SESSIONS * LIMIT // 2, f"{(after - base) / 1024:.0f} KiB above the base line")
            nuisance(server, base)
            time.sleep(1)
            began = time.time()
            greeted(server)
            row("service afterwards", time.time() - began < SERVED, f"{1000 * (time.time() - began):.0f} ms, {(memory(server) - base) >> 10} KiB above the base line")
        finally:
            code = server.stop(signal.SIGTERM)
        row("SIGTERM", code == 0, f"exit status {code}")
    sys.exit(0 if all(ROWS) else 1)


if __name__ == "__main__":
    main()
