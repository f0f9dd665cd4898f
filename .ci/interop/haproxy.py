#!/usr/bin/env python3
# apt: haproxy
"""haproxy in front of the real server, with the two configurations that the cookbook shows: SPF and Received name the real peer."""
import glob, os, re, smtplib, socket, subprocess, sys, tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
import e2e, ports  # noqa: E402

PEER = "127.0.0.77"  # whom the server must see; haproxy connects from 127.0.0.1


def blocks():
    """language -> the block of that language under "Under a load balancer" in the cookbook"""
    text = open(os.path.join(e2e.ROOT, "docs/cookbook.md")).read()
    section = text.split("## Under a load balancer", 1)[1].split("\n## ", 1)[0]
    return dict(re.findall(r"```(\w+)\n(.*?)```", section, re.S))


def main():
    shown = blocks()
    with tempfile.TemporaryDirectory(prefix="gatepost-haproxy-") as folder:
        settings, balancer = os.path.join(folder, "gatepost.toml"), os.path.join(folder, "haproxy.cfg")
        open(settings, "w").write(shown["toml"])
        server = e2e.Server(folder, "--config", settings)
        front = ports.free_port()
        replaced = shown["text"].replace("127.0.0.1:10025", f"127.0.0.1:{front}").replace("127.0.0.1:2525", f"127.0.0.1:{server.port('mx')}")
        open(balancer, "w").write(replaced)
        haproxy = subprocess.Popen(["haproxy", "-q", "-f", balancer], stdin=subprocess.DEVNULL)
        try:
            if not ports.listens(front):
                raise SystemExit("haproxy did not start")
            user = next(iter(server.users))

            @e2e.check("through haproxy: Received and Received-SPF name the peer, not haproxy")
            def through():
                with smtplib.SMTP("127.0.0.1", front, local_hostname="c.test", timeout=10, source_address=(PEER, 0)) as smtp:
                    smtp.sendmail("ann@elsewhere.test", [user], e2e.message("ann@elsewhere.test", user, "balanced"))
                files = glob.glob(os.path.join(folder, "data/**/new/*"), recursive=True)
                head = next(text for text in (open(file, newline="").read() for file in files) if "balanced" in text).split("\r\n\r\n")[0]
                assert f"[{PEER}]" in head and f"client-ip={PEER}" in head and "[127.0.0.1]" not in head, head

            @e2e.check("through haproxy: STARTTLS")
            def starttls():
                with smtplib.SMTP("127.0.0.1", front, local_hostname="c.test", timeout=10, source_address=(PEER, 0)) as smtp:
                    assert smtp.starttls(context=server.context)[0] == 220
                    assert smtp.ehlo()[0] == 250

            @e2e.check("past haproxy: from its address without a header the connection is closed")
            def past():
                with socket.create_connection(("127.0.0.1", server.port("mx")), 5) as peer:
                    peer.settimeout(10)
                    peer.sendall(b"EHLO c.test\r\n")
                    try:
                        assert peer.recv(100) == b"", "no greeting without a header"
                    except ConnectionResetError:
                        pass  # closed with our octets unread

            for row in (through, starttls, past):
                row()
        finally:
            haproxy.terminate()
            haproxy.wait(10)
            server.stop()
    sys.exit(any(result != "pass" for _, result, _ in e2e.RESULTS))


if __name__ == "__main__":
    main()
