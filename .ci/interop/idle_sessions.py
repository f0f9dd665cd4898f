#!/usr/bin/env python3
# apt: python3
"""Thousands of idle sessions, plain and TLS: what each takes, whether others are served meanwhile, and whether memory comes back.

IDLE_SESSIONS plain sessions are held at once, half of them POP3 and half SMTP, from many loopback addresses, then a fifth as many over
TLS: 10,000 by default, or as many as this process may open files for (root raises what it may). The server is started with room for
1,024 and has to ask for more itself. Beside them: floods of connections that say nothing, senders of an octet now and then, readers
that do not read.

A plain session may take 8 KiB. One over TLS may take 40 KiB, with what the allocator still keeps of the plain ones (12 to 27 KiB were
seen): rustls keeps its keys and its buffers of a record each way, and the
certificate's chain and tickets of the handshake.
"""
import os, re, resource, signal, socket, ssl, subprocess, sys, tempfile, time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
import e2e  # noqa: E402

SPARE = 500  # files beside the sessions


def may_open(wanted):
    """Asks for so many open files; how many are to be had."""
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    for limit in ((wanted, max(wanted, hard)), (min(wanted, hard), hard)):
        try:
            resource.setrlimit(resource.RLIMIT_NOFILE, limit)
            break
        except (OSError, ValueError):
            pass  # only root may have more than the hard limit
    return resource.getrlimit(resource.RLIMIT_NOFILE)[0]


WANTED = int(os.environ.get("IDLE_SESSIONS", "10000"))
SESSIONS = min(WANTED, may_open(WANTED + SPARE) - SPARE)
SECURE = max(SESSIONS // 5, 200)
PLAIN, TLS, SERVED = 8 * 1024, 40 * 1024, 5.0  # octets a session; seconds for a new session on a busy machine
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
    """A few sessions go on meanwhile: the allocator gives memory back when its threads work, not by a clock."""
    for turn in range(patience):
        if memory(server) <= below:
            break
        for number in range(8):
            plain(server, 8 * turn + number).close()
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


def idle(server, kind, open_one, count, bound, base):
    began = time.time()
    peers = [open_one(server, number) for number in range(count)]
    opened, took = time.time() - began, greeted(server)
    each = (memory(server) - base) / count
    row(f"{count} idle {kind} sessions, at most {bound >> 10} KiB each", each <= bound, f"{each / 1024:.1f} KiB; opened in {opened:.0f} s")
    row("a new session meanwhile", took < SERVED, f"answered in {1000 * took:.0f} ms")
    for peer in peers:
        peer.close()


def back(server, kind, base, bound):
    after = settled(server, base + bound // 4)
    row(f"memory after {kind}", after <= base + bound, f"{(after - base) / 1024:.0f} KiB above {base >> 20} MiB, where {bound >> 10} KiB are allowed")
    return after


def nuisance(server, base):
    flood = []
    for number in range(SECURE):  # half-open as far as the server can tell: nothing is ever said
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
    row("floods, slow senders, deaf readers", taken < SECURE * TLS, f"{taken >> 20} MiB")
    row("a new session meanwhile", took < SERVED, f"answered in {1000 * took:.0f} ms")
    for peer in flood + slow + deaf:
        peer.close()


def main():
    with tempfile.TemporaryDirectory(prefix="gatepost-idle-") as folder:
        config = os.path.join(folder, "idle.toml")
        with open(config, "w") as file:
            file.write(f"connections = {SESSIONS + 300}\nconnections_per_peer = 50\n")
        hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
        server = e2e.Server(folder, "--config", config, "--log-level", "warn", preexec=lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (1024, hard)))
        try:
            greeted(server)
            idle_base = memory(server)
            for number in range(200):  # what threads and the allocator take for themselves
                plain(server, number).close()
            base = max(idle_base, memory(server))
            idle(server, "plain", plain, SESSIONS, PLAIN, base)
            back(server, "plain sessions", base, SESSIONS * PLAIN)
            for number in range(50):
                secure(server, number).close()
            settled(server, base)
            idle(server, "TLS", secure, SECURE, TLS, base)  # with what the allocator still keeps of those before
            # The allocator keeps some of what it had; a leak would grow with each wave.
            once = back(server, "TLS sessions", base, SECURE * TLS)
            for peer in [secure(server, number) for number in range(SECURE)]:
                peer.close()
            again = settled(server, once)
            row("memory after as many TLS sessions again", again <= once + SECURE * TLS // 4, f"{(again - once) / 1024:+.0f} KiB")
            nuisance(server, base)
            time.sleep(1)
            took = greeted(server)
            row("service afterwards", took < SERVED, f"answered in {1000 * took:.0f} ms")
            back(server, "all of it", base, SECURE * TLS)
            said = open(server.log.name).read()
            row("the server took the files that it may open", "too many open files" not in said and "too few files" not in said, said[-500:] if "too " in said else "no complaint")
        finally:
            code = server.stop(signal.SIGTERM)
        row("SIGTERM", code == 0, f"exit status {code}")
    if SESSIONS < WANTED:
        print(f"      {SESSIONS} sessions in place of {WANTED}: no more files may be open here")
    sys.exit(0 if all(ROWS) else 1)


if __name__ == "__main__":
    main()
