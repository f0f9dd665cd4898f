//! Keeps a file of users: who may log in, and by what.
#![allow(clippy::print_stderr)] // a program for people

use std::fs::{self, File, OpenOptions};
use std::io::{self, BufRead, Read, Write};
use std::num::NonZeroU32;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, fchown};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Args, Parser, Subcommand};
use gatepost_examples::output::print;
use gatepost_sasl::{
    Answer, Argon2Hash, Fingerprint, ITERATIONS, PrepareError, Question, ScramHash, ScramKeys, Secret, UserFile,
    UserFileError, UserProblem, Verifier,
};
use gatepost_syntax::{Mailbox, MailboxError};
use ring::rand::{SecureRandom, SystemRandom};
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject;

/// Keeps a file of users: who may log in, and by what.
///
/// The file holds no passwords, only what they are verified with: keys of SCRAM, from which nobody can log in, or a hash of
/// argon2. It is written as a whole or not at all, for its owner's eyes only. Send the server SIGHUP to have it read again.
///
///     passwd add ann@example.test                    asks for the password twice
///     pwgen 20 1 | passwd add bob@example.test --stdin
///     passwd check ann@example.test                  tells whether a password is right; exit status 1 if not
///     passwd certificate ann@example.test ann.pem    lets her log in with EXTERNAL, too
///     passwd list
#[derive(Parser)]
#[command(name = "passwd", verbatim_doc_comment)]
struct Flags {
    /// The file
    #[arg(long, short = 'f', value_name = "FILE", global = true, default_value = "gatepost-data/users")]
    users: PathBuf,
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Add a user; the name is the mailbox
    Add(Set),
    /// Change a user's password
    Change(Set),
    /// Remove a user with everything
    Remove {
        /// The mailbox
        name: String,
    },
    /// Tell whether a password is the user's
    Check {
        /// The mailbox
        name: String,
        /// Read the password from the first line of standard input
        #[arg(long)]
        stdin: bool,
    },
    /// Let a user log in by a certificate, with EXTERNAL
    Certificate {
        /// The mailbox
        name: String,
        /// The certificate in PEM; the first one in the file counts
        file: PathBuf,
    },
    /// List the users and what they can log in by
    List,
}

#[derive(Args)]
struct Set {
    /// The mailbox
    name: String,
    /// Read the password from the first line of standard input
    #[arg(long)]
    stdin: bool,
    /// Keep a hash of argon2 and no SCRAM keys: harder to guess if the file is stolen, and the password goes over the wire
    /// (within TLS) at each log-in
    #[arg(long, conflicts_with_all = ["sha1", "iterations"])]
    argon2: bool,
    /// Keep keys of SCRAM-SHA-1, too, for clients that know nothing newer
    #[arg(long)]
    sha1: bool,
    /// Iterations of the SCRAM keys, 4096 at least (RFC 7677 §4): more make guessing and each log-in slower
    #[arg(long, value_name = "N", default_value_t = ITERATIONS, value_parser = iterations)]
    iterations: NonZeroU32,
}

fn iterations(text: &str) -> Result<NonZeroU32, String> {
    let count = text.parse::<NonZeroU32>().ok().filter(|count| (4096..=1_000_000).contains(&count.get()));
    count.ok_or_else(|| "a number from 4096 to 1000000; clients refuse others".to_owned())
}

/// Why nothing was done.
#[derive(Debug, thiserror::Error)]
enum Failure {
    #[error("{path}: {error}")]
    File { path: PathBuf, error: io::Error },
    #[error("{0} is not there; `passwd --users FILE` names another file, `passwd add` makes one")]
    NoFile(PathBuf),
    #[error("{0} lies in no folder that there is; `passwd --users FILE` names another file")]
    NoFolder(PathBuf),
    #[error("{0} is there: another passwd is at work, or broke off; if none is, remove it")]
    Busy(PathBuf),
    #[error("{path}: {error}")]
    Users { path: PathBuf, error: UserFileError },
    #[error("{0} holds no certificate in PEM")]
    NoCertificate(PathBuf),
    #[error("{path}: {error}")]
    Pem { path: PathBuf, error: rustls_pki_types::pem::Error },
    #[error("{name:?} is no mailbox such as ann@example.test: {error}")]
    Name { name: String, error: MailboxError },
    #[error("{0} is in the file already; `passwd change` gives a new password")]
    Exists(String),
    #[error("{0} is not in the file; `passwd list` tells who is")]
    Unknown(String),
    #[error("the password is empty, or longer than 255 octets")]
    Length,
    #[error("the password has {0}: control characters, say")]
    Characters(#[from] PrepareError),
    #[error("the two passwords are not the same")]
    Different,
    #[error("no password can be read: {0}")]
    Terminal(io::Error),
    #[error("there is no terminal to ask at: {0}; --stdin reads the password from standard input")]
    NoTerminal(io::Error),
    #[error(transparent)]
    User(#[from] UserProblem),
    #[error("{0} has no password like this")]
    Wrong(String),
    #[error("the system has no randomness")]
    Random,
    #[error("argon2 can not be computed")]
    Argon2,
}

fn main() -> ExitCode {
    let flags = Flags::parse();
    match run(&flags) {
        Ok(said) => {
            print(&said);
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("passwd: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(flags: &Flags) -> Result<String, Failure> {
    let path = &flags.users;
    match &flags.command {
        Command::Add(set) => {
            let name = mailbox(&set.name)?;
            let absent = |users: &UserFile| match users.name(&name) {
                Some(_) => Err(Failure::Exists(name.clone())),
                None => Ok(()),
            };
            if path.parent().is_some_and(|folder| !folder.as_os_str().is_empty() && !folder.is_dir()) {
                return Err(Failure::NoFolder(path.clone()));
            }
            absent(&read(path)?)?; // before a password is asked for
            let verifiers = verifiers(set)?;
            edit(path, |users| {
                absent(users)?;
                put(users, &name, verifiers)
            })?;
            Ok(format!("{name} added\n"))
        }
        Command::Change(set) => {
            known(&existing(path)?, &set.name)?;
            let verifiers = verifiers(set)?;
            let name = edit(path, |users| {
                let name = known(users, &set.name)?;
                users.remove(&name, Verifier::is_of_password);
                put(users, &name, verifiers)?;
                Ok(name)
            })?;
            Ok(format!("{name} has a new password\n"))
        }
        Command::Remove { name } => {
            known(&existing(path)?, name)?;
            let name = edit(path, |users| {
                let name = known(users, name)?;
                users.remove(&name, |_| true);
                Ok(name)
            })?;
            Ok(format!("{name} removed\n"))
        }
        Command::Check { name, stdin } => {
            let (name, users) = (mailbox(name)?, existing(path)?);
            let password = password(*stdin, false)?;
            let question = Question::Password { user: name.clone(), authzid: None, password };
            match users.answer(&question, &Secret::new(random::<32>()?)) {
                Answer::Grant(identity) => Ok(format!("right: the password is {}'s\n", identity.user)),
                _ => Err(Failure::Wrong(name)),
            }
        }
        Command::Certificate { name, file } => {
            let name = mailbox(name)?;
            let pem = |error| match error {
                rustls_pki_types::pem::Error::NoItemsFound => Failure::NoCertificate(file.clone()),
                error => Failure::Pem { path: file.clone(), error },
            };
            let certificate = CertificateDer::from_pem_file(file).map_err(pem)?;
            let verifier = Verifier::Certificate(Fingerprint::of(&certificate));
            edit(path, |users| put(users, &name, vec![verifier]))?;
            Ok(format!("{name} may log in by this certificate, where the server knows its authority\n"))
        }
        Command::List => {
            let users = existing(path)?;
            Ok(users.names().map(|name| line(&users, name)).collect())
        }
    }
}

/// A name with what it can log in by.
fn line(users: &UserFile, name: &str) -> String {
    let word = |verifier: &Verifier| match verifier {
        Verifier::Scram(keys) => format!("{} ({} iterations)", keys.hash().as_str(), keys.iterations()),
        Verifier::Argon2(_) => "argon2 (PLAIN and LOGIN only)".to_owned(),
        _ => "certificate".to_owned(),
    };
    format!("{name}: {}\n", users.verifiers(name).map(word).collect::<Vec<_>>().join(", "))
}

fn mailbox(name: &str) -> Result<String, Failure> {
    let mailbox = Mailbox::parse(name).map_err(|error| Failure::Name { name: name.to_owned(), error })?;
    Ok(mailbox.to_string())
}

/// The name as it stands in the file.
fn known(users: &UserFile, name: &str) -> Result<String, Failure> {
    let name = mailbox(name)?;
    users.name(&name).map(str::to_owned).ok_or(Failure::Unknown(name))
}

/// What is to be kept of a password that is asked for.
fn verifiers(set: &Set) -> Result<Vec<Verifier>, Failure> {
    let password = password(set.stdin, true)?;
    if set.argon2 {
        let hash = Argon2Hash::derive(&password, &random()?).map_err(|_| Failure::Argon2)?;
        return Ok(vec![Verifier::Argon2(hash)]);
    }
    let hashes = [ScramHash::Sha256].into_iter().chain(set.sha1.then_some(ScramHash::Sha1));
    let keys = |hash| Ok(ScramKeys::derive(hash, &password, &random::<16>()?, set.iterations));
    hashes.map(|hash| keys(hash).map(Verifier::Scram)).collect()
}

fn put(users: &mut UserFile, name: &str, verifiers: Vec<Verifier>) -> Result<(), Failure> {
    for verifier in verifiers {
        users.add(name, verifier)?;
    }
    Ok(())
}

/// From standard input or the terminal, prepared.
fn password(stdin: bool, twice: bool) -> Result<Secret, Failure> {
    let typed = if stdin {
        let mut line = Vec::with_capacity(1024); // it does not grow, which would leave copies behind
        let read = io::stdin().lock().take(1024).read_until(b'\n', &mut line);
        let line = Secret::new(line);
        read.map_err(Failure::Terminal)?;
        let text = std::str::from_utf8(line.expose()).map_err(|error| Failure::Terminal(io::Error::other(error)))?;
        Secret::new(text.trim_end_matches(['\r', '\n']))
    } else {
        let ask = |prompt| rpassword::prompt_password(prompt).map(Secret::new).map_err(Failure::NoTerminal);
        let typed = ask("Password: ")?;
        if twice && ask("Once more: ")? != typed {
            return Err(Failure::Different);
        }
        typed
    };
    if !(1..=255).contains(&typed.expose().len()) {
        return Err(Failure::Length);
    }
    Ok(typed.prepared()?)
}

fn random<const N: usize>() -> Result<[u8; N], Failure> {
    let mut octets = [0; N];
    SystemRandom::new().fill(&mut octets).map_err(|_| Failure::Random)?;
    Ok(octets)
}

fn read(path: &Path) -> Result<UserFile, Failure> {
    match fs::read_to_string(path) {
        Ok(text) => text.parse().map_err(|error| Failure::Users { path: path.to_owned(), error }),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(UserFile::new()),
        Err(error) => Err(Failure::File { path: path.to_owned(), error }),
    }
}

/// The same where it makes no sense without a file: a name that was mistyped is not an empty file.
fn existing(path: &Path) -> Result<UserFile, Failure> {
    match path.try_exists() {
        Ok(false) => Err(Failure::NoFile(path.to_owned())),
        _ => read(path),
    }
}

/// Reads, changes and writes: into a new file beside it, durable, then in its place. Who reads sees the old file or the new
/// one, and a second `passwd` at the same time finds the new file there and gives up. Whose the old file is, and who may read
/// it, stays: the server may be another user. A link stays a link.
fn edit<T>(path: &Path, change: impl FnOnce(&mut UserFile) -> Result<T, Failure>) -> Result<T, Failure> {
    let path = &fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(".new");
    let new = path.with_file_name(name);
    let opened = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&new);
    let mut file = opened.map_err(|error| match error.kind() {
        io::ErrorKind::AlreadyExists => Failure::Busy(new.clone()),
        _ => Failure::File { path: new.clone(), error },
    })?;
    let changed = || {
        let mut users = read(path)?;
        let done = change(&mut users)?;
        let written = like(&file, path).and_then(|()| file.write_all(users.to_string().as_bytes()));
        written
            .and_then(|()| file.sync_all())
            .and_then(|()| fs::rename(&new, path))
            .and_then(|()| sync_folder(path))
            .map_err(|error| Failure::File { path: path.to_owned(), error })?;
        Ok(done)
    };
    changed().inspect_err(|_| {
        let _ = fs::remove_file(&new); // what is told is why nothing was changed
    })
}

/// Makes the file's new name durable: after a loss of power nobody has an old password who was told that it was changed.
fn sync_folder(file: &Path) -> io::Result<()> {
    let folder = file.parent().filter(|folder| !folder.as_os_str().is_empty());
    File::open(folder.unwrap_or(Path::new(".")))?.sync_all()
}

/// Gives a new file the owner and the permissions of the one that it replaces, if there is one.
fn like(new: &File, old: &Path) -> io::Result<()> {
    let old = match fs::metadata(old) {
        Ok(old) => old,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(error),
    };
    let now = new.metadata()?;
    if (old.uid(), old.gid()) != (now.uid(), now.gid()) {
        fchown(new, Some(old.uid()), Some(old.gid()))?;
    }
    new.set_permissions(old.permissions())
}
