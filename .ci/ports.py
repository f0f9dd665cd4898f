"""Ports of loopback for the servers that the scripts start: which are free, and when somebody listens."""
import random, socket, time


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def free_base(offsets):
    """A number that makes each of the offsets a free port, below the ports that the system gives out by itself.

    A port that waits out a closed session is free here as it is for a server, which sets the same option.
    """
    for base in random.sample(range(8000, 29000), 200):
        try:
            for offset in offsets:
                with socket.socket() as probe:
                    probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                    probe.bind(("127.0.0.1", base + offset))
            return base
        except OSError:
            continue
    raise SystemExit("no free ports")


def listens(port, seconds=10):
    """Whether somebody listens on a port, now or within some seconds."""
    end = time.monotonic() + seconds
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
            return True
        except OSError:
            if time.monotonic() > end:
                return False
            time.sleep(0.1)
