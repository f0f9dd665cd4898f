//! What the first start makes in the data folder: users, a DKIM key, a certificate, a zone, a secret. Later starts find it.

use std::fs;
use std::io::Write;
use std::net::IpAddr;
use std::path::{Path, PathBuf};

use gatepost::{Directory, Users, UsersError};
use gatepost_dkim::PrivateKey;
use gatepost_sasl::Secret;
use gatepost_syntax::{Domain, Mailbox, base64};
use ring::rand::{SecureRandom, SystemRandom};

use crate::config::{Config, Failure};

/// What the server runs with.
pub(crate) struct Demo {
    pub(crate) users: Users,
    pub(crate) users_file: PathBuf,
    /// Names and passwords; only those that were made now or are remembered for the demo.
    pub(crate) passwords: Vec<(String, String)>,
    /// Domain, selector and key.
    pub(crate) keys: Vec<(Domain, Domain, PrivateKey)>,
    pub(crate) certificate: PathBuf,
    pub(crate) certificate_key: PathBuf,
    pub(crate) zone_file: PathBuf,
}

pub(crate) fn prepare(config: &Config) -> Result<Demo, Failure> {
    let data = &config.data;
    fs::create_dir_all(data).map_err(|error| Failure::file(data, error))?;
    let secret = secret(&data.join("secret"))?;
    let (users, users_file, passwords) = users(config, secret)?;
    let keys = keys(config)?;
    let (certificate, certificate_key) = certificate(config)?;
    let zone_file = data.join("zone");
    let demo = Demo { users, users_file, passwords, keys, certificate, certificate_key, zone_file };
    demo.write_zone(config)?;
    Ok(demo)
}

/// The configured DKIM keys, or one that is made.
fn keys(config: &Config) -> Result<Vec<(Domain, Domain, PrivateKey)>, Failure> {
    let parse = |text: &str| Domain::parse(text).map_err(|error| Failure::at("dkim", format!("`{text}`: {error}")));
    if config.dkim.is_empty() {
        return Ok(vec![(config.domain()?, parse(&config.selector)?, dkim_key(&config.data.join("dkim.pem"))?)]);
    }
    let read = |path: &Path| {
        let pem = fs::read_to_string(path).map_err(|error| Failure::file(path, error))?;
        PrivateKey::from_pem(&pem).map_err(|error| Failure::file(path, error))
    };
    config.dkim.iter().map(|dkim| Ok((parse(&dkim.domain)?, parse(&dkim.selector)?, read(&dkim.key)?))).collect()
}

fn random<const N: usize>() -> Result<[u8; N], Failure> {
    let mut octets = [0; N];
    SystemRandom::new().fill(&mut octets).map_err(|_| Failure::at("system", "no randomness"))?;
    Ok(octets)
}

/// Writes a file that only its owner can read.
fn write_private(path: &Path, text: &[u8]) -> Result<(), Failure> {
    use std::os::unix::fs::OpenOptionsExt;
    let mut options = fs::OpenOptions::new();
    let file = options.write(true).create(true).truncate(true).mode(0o600).open(path);
    file.and_then(|mut file| file.write_all(text)).map_err(|error| Failure::file(path, error))
}

fn read_if_there(path: &Path) -> Result<Option<String>, Failure> {
    match fs::read_to_string(path) {
        Ok(text) => Ok(Some(text)),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(Failure::file(path, error)),
    }
}

fn secret(path: &Path) -> Result<Secret, Failure> {
    if let Some(text) = read_if_there(path)? {
        return base64::decode(text.trim()).map(Secret::new).map_err(|error| Failure::file(path, error));
    }
    let octets = random::<32>()?;
    write_private(path, base64::encode(octets).as_bytes())?;
    Ok(Secret::new(octets))
}

type MadeUsers = (Users, PathBuf, Vec<(String, String)>);

/// The users' file. When it is made, two users get random passwords, which are kept beside it for the demo.
fn users(config: &Config, secret: Secret) -> Result<MadeUsers, Failure> {
    let given = !config.users.as_os_str().is_empty();
    let path = if given { config.users.clone() } else { config.data.join("users") };
    let remembered = config.data.join("demo-passwords");
    let mut passwords = Vec::new();
    if !given && !path.exists() {
        let users = Users::new(secret.clone());
        let mut text = String::new();
        for name in ["alice", "bob"] {
            let mailbox = Mailbox::new(name, config.domain()?).map_err(|error| Failure::at("domain", error))?;
            let password: String = base64::encode(random::<12>()?).replace(['+', '/'], "x");
            let added = users.add(&mailbox, &Secret::new(password.as_bytes()), &random::<16>()?);
            added.map_err(|error| Failure::at(&mailbox, error))?;
            text += &format!("{mailbox} {password}\n");
        }
        write_private(&path, users.to_text().as_bytes())?;
        write_private(&remembered, text.as_bytes())?;
    }
    if !given {
        let text = read_if_there(&remembered)?.unwrap_or_default();
        passwords =
            text.lines().filter_map(|line| line.split_once(' ')).map(|(n, p)| (n.to_owned(), p.to_owned())).collect();
    }
    let users = Users::open(&path, secret).map_err(|error| match error {
        UsersError::Io { error, .. } => Failure::file(&path, error), // it names the path, too
        error => Failure::file(&path, error),
    })?;
    Ok((users, path, passwords))
}

/// An Ed25519 key in PKCS#8, as OpenSSL writes it.
fn dkim_key(path: &Path) -> Result<PrivateKey, Failure> {
    let pem = match read_if_there(path)? {
        Some(pem) => pem,
        None => {
            let head = [0x30, 0x2e, 0x02, 0x01, 0x00, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x04, 0x22, 0x04, 0x20];
            let der = [head.as_slice(), &random::<32>()?].concat();
            let pem = format!("-----BEGIN PRIVATE KEY-----\n{}\n-----END PRIVATE KEY-----\n", base64::encode(der));
            write_private(path, pem.as_bytes())?;
            pem
        }
    };
    PrivateKey::from_pem(&pem).map_err(|error| Failure::file(path, error))
}

/// The configured certificate, or a self-signed one for the host and for localhost.
fn certificate(config: &Config) -> Result<(PathBuf, PathBuf), Failure> {
    let is_given = |path: &Path| !path.as_os_str().is_empty();
    if is_given(&config.certificate) != is_given(&config.key) {
        return Err(Failure::at("certificate", "`certificate` and `key` are given both, or neither"));
    }
    if is_given(&config.certificate) {
        return Ok((config.certificate.clone(), config.key.clone()));
    }
    let (certificate, key) = (config.data.join("certificate.pem"), config.data.join("certificate-key.pem"));
    if !certificate.exists() || !key.exists() {
        let names = vec![config.hostname.clone(), "localhost".to_owned(), "127.0.0.1".to_owned(), "::1".to_owned()];
        let made = rcgen::generate_simple_self_signed(names).map_err(|error| Failure::file(&certificate, error))?;
        write_private(&key, made.signing_key.serialize_pem().as_bytes())?;
        fs::write(&certificate, made.cert.pem()).map_err(|error| Failure::file(&certificate, error))?;
    }
    Ok((certificate, key))
}

impl Demo {
    /// Aliases and domains as configured. Somebody has to be postmaster (RFC 5321 §4.5.1): the first user, if nobody is.
    pub(crate) fn directory(&self, config: &Config) -> Result<Directory, Failure> {
        let mut directory = config.directory()?;
        let first = self.users.to_text().lines().find_map(|line| Some(line.split_once(":SCRAM")?.0.to_owned()));
        if let Some(first) = first.filter(|_| !config.aliases.contains_key("postmaster")) {
            directory = directory.alias("postmaster", &[first]).map_err(|error| Failure::at("aliases", error))?;
        }
        directory.check(&self.users).map_err(|error| Failure::at("aliases", error))?;
        Ok(directory)
    }

    /// DNS of the demo domain, and of a domain whose mail is to be rejected when somebody else sends it.
    fn write_zone(&self, config: &Config) -> Result<(), Failure> {
        if self.zone_file.exists() {
            return Ok(());
        }
        let text = format!(
            "; DNS of the demo: what is published, and a domain to spoof\n{}\n\
             bank.test.         TXT \"v=spf1 ip4:192.0.2.1 -all\"\n_dmarc.bank.test.  TXT \"v=DMARC1; p=reject\"\n",
            self.records(config)
        );
        fs::write(&self.zone_file, text).map_err(|error| Failure::file(&self.zone_file, error))
    }

    /// The records to publish.
    pub(crate) fn records(&self, config: &Config) -> String {
        let Config { domain, hostname, bind, .. } = config;
        let kind = |address: &IpAddr| if address.is_ipv4() { ("ip4", "A") } else { ("ip6", "AAAA") };
        let addresses: String =
            bind.iter().map(|address| format!("{hostname}.  {}  {address}\n", kind(address).1)).collect();
        let networks: String = bind.iter().map(|address| format!(" {}:{address}", kind(address).0)).collect();
        let mut out = addresses;
        for domain in std::iter::once(domain).chain(&config.domains) {
            out += &format!(
                "{domain}.  MX  10 {hostname}.\n{domain}.  TXT  \"v=spf1 mx{networks} -all\"\n\
                 _dmarc.{domain}.  TXT  \"v=DMARC1; p=quarantine; rua=mailto:postmaster@{domain}\"\n"
            );
        }
        for (domain, selector, key) in &self.keys {
            out += &format!("{selector}._domainkey.{domain}.  TXT  \"{}\"\n", key.public_record());
        }
        out.trim_end().to_owned()
    }
}
