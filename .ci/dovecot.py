"""A private Dovecot on free loopback ports, for the scripts of interop: POP3 and LMTP over Maildirs in a folder of ours."""
import os, shutil, signal, subprocess

from ports import free_port, listens

CONFIG = """
base_dir = {run}
state_dir = {run}/state
log_path = {folder}/dovecot.log
protocols = pop3 lmtp
listen = 127.0.0.1
ssl = yes
ssl_cert = <{certificate}
ssl_key = <{key}
auth_mechanisms = plain login scram-sha-256
disable_plaintext_auth = {strict}
mail_location = maildir:{mail}/%d/%n
first_valid_uid = 1
pop3_uidl_format = %f
default_vsz_limit = 0
mail_max_userip_connections = 100
service pop3-login {{
  inet_listener pop3 {{
    port = {pop3}
  }}
  inet_listener pop3s {{
    port = {pop3s}
    ssl = yes
  }}
}}
service lmtp {{
  inet_listener lmtp {{
    address = 127.0.0.1
    port = {lmtp}
  }}
}}
service anvil {{
  chroot =
}}
passdb {{
  driver = passwd-file
  args = scheme=PLAIN username_format=%u {folder}/users
}}
userdb {{
  driver = static
  args = uid=nobody gid=nogroup home={folder}/home/%u
}}
"""


class Dovecot:
    def __init__(self, folder, mail, users, strict=True):
        """`users` are names with passwords; `mail` has a Maildir at DOMAIN/LOCAL-PART for each. `strict`: no password in clear."""
        self.folder, self.mail = folder, mail
        for part in ("run", "run/state", "home"):
            os.makedirs(os.path.join(folder, part), exist_ok=True)
        os.chmod(folder, 0o755)
        shutil.chown(os.path.join(folder, "home"), "nobody", "nogroup")
        self.certificate, key = os.path.join(folder, "dovecot.pem"), os.path.join(folder, "dovecot-key.pem")
        subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost",
                        "-addext", "basicConstraints=critical,CA:FALSE", "-keyout", key, "-out", self.certificate], check=True, capture_output=True)
        with open(os.path.join(folder, "users"), "w") as file:
            file.writelines(f"{user}:{{PLAIN}}{password}\n" for user, password in users.items())
        self.pop3, self.pop3s, self.lmtp = free_port(), free_port(), free_port()
        self.config = os.path.join(folder, "dovecot.conf")
        with open(self.config, "w") as file:
            file.write(CONFIG.format(folder=folder, run=os.path.join(folder, "run"), mail=mail, certificate=self.certificate, key=key,
                                     pop3=self.pop3, pop3s=self.pop3s, lmtp=self.lmtp, strict="yes" if strict else "no"))
        self.process = subprocess.Popen(["dovecot", "-F", "-c", self.config], stdin=subprocess.DEVNULL)
        if not listens(self.pop3):
            raise SystemExit("dovecot was not ready within 10 s:\n" + open(os.path.join(folder, "dovecot.log")).read())

    def own(self):
        """Gives Dovecot's user what others have written."""
        for root, folders, files in os.walk(self.mail):
            for name in ["."] + folders + files:
                shutil.chown(os.path.join(root, name), "nobody", "nogroup")

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
