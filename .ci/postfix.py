"""A private Postfix in a folder of ours, for the scripts of interop."""
import os, shutil, subprocess

from ports import free_port, listens

MAIN = """
compatibility_level = 3.6
queue_directory = {folder}/queue
data_directory = {folder}/data
command_directory = /usr/sbin
daemon_directory = /usr/lib/postfix/sbin
maillog_file = {folder}/log
maillog_file_prefixes = {folder}
myhostname = postfix.test
mydestination =
inet_interfaces = 127.0.0.1
mynetworks = 127.0.0.0/8
alias_maps =
smtputf8_enable = yes
"""

MASTER = """
{port} inet n - n - - smtpd
cleanup unix n - n - 0 cleanup
qmgr unix n - n 300 1 qmgr
tlsmgr unix - - n 1000? 1 tlsmgr
rewrite unix - - n - - trivial-rewrite
bounce unix - - n - 0 bounce
defer unix - - n - 0 bounce
trace unix - - n - 0 bounce
proxymap unix - - n - - proxymap
smtp unix - - n - - smtp
relay unix - - n - - smtp
error unix - - n - - error
retry unix - - n - - error
discard unix - - n - - discard
virtual unix - n n - - virtual
anvil unix - - n - 1 anvil
scache unix - - n - 1 scache
postlog unix-dgram n - n - 1 postlogd
{more}
"""


class Postfix:
    def __init__(self, folder, main, more=""):
        """`main` is added to main.cf, `more` to master.cf, both with {folder} filled in."""
        self.folder, self.port = folder, free_port()
        for part in ("queue", "data", "mail"):
            os.makedirs(os.path.join(folder, part))
        os.chmod(folder, 0o755)
        shutil.chown(os.path.join(folder, "data"), "postfix")
        shutil.chown(os.path.join(folder, "mail"), "nobody")
        with open(os.path.join(folder, "main.cf"), "w") as file:
            file.write((MAIN + main).replace("{folder}", folder))
        with open(os.path.join(folder, "master.cf"), "w") as file:
            file.write(MASTER.replace("{port}", f"127.0.0.1:{self.port}").replace("{more}", more))
        # not in the foreground: `stop` ends this one by its own pid file
        done = subprocess.run(["postfix", "-c", folder, "start"], capture_output=True, text=True, timeout=30)
        if not listens(self.port):
            raise SystemExit(f"Postfix did not start: {done.stderr}\n{self.log()}")

    def log(self):
        path = os.path.join(self.folder, "log")
        return open(path, errors="replace").read() if os.path.exists(path) else ""

    def stop(self):
        subprocess.run(["postfix", "-c", self.folder, "stop"], capture_output=True, timeout=30)


def certificate(folder):
    """A certificate for localhost that is its own authority: (certificate, key)."""
    pem, key = os.path.join(folder, "server.pem"), os.path.join(folder, "server.key")
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2", "-subj", "/CN=localhost",
                    "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1", "-addext", "basicConstraints=critical,CA:FALSE",
                    "-keyout", key, "-out", pem], check=True, capture_output=True, timeout=30)
    os.chmod(key, 0o644)  # a test key, for this run
    return pem, key
