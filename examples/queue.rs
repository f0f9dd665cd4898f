//! `queue`: what waits to be sent, and why. It works on the folder, whether or not a server runs on it.
#![allow(clippy::print_stderr)] // a program talks

use std::io;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::{Duration, SystemTime};

use clap::{Parser, Subcommand};
use gatepost::queue::{Entry, Queue, Recipient, State};
use gatepost_examples::output::line;

/// Lists the queue of the example server, makes messages due, and removes them.
///
/// A running server notices within seconds. Removing tells nobody: the sender gets no report.
#[derive(Parser)]
#[command(name = "queue", verbatim_doc_comment)]
struct Flags {
    /// The server's data folder; the queue is in it
    #[arg(long, value_name = "DIR", default_value = "gatepost-data")]
    data: PathBuf,
    #[command(subcommand)]
    action: Option<Action>,
}

#[derive(Subcommand)]
enum Action {
    /// List what waits (this is done without a command, too)
    List,
    /// Print a message as it is sent
    Show { id: String },
    /// Make messages due now
    Retry {
        #[arg(required = true)]
        ids: Vec<String>,
    },
    /// Make all messages due now
    RetryAll,
    /// Forget messages
    Remove {
        #[arg(required = true)]
        ids: Vec<String>,
    },
}

fn main() -> ExitCode {
    let flags = Flags::parse();
    let folder = flags.data.join("queue");
    if !folder.is_dir() {
        eprintln!("queue: {}: there is no queue; is --data the server's folder?", folder.display());
        return ExitCode::FAILURE;
    }
    match Queue::open(&folder).and_then(|queue| act(&queue, flags.action.unwrap_or(Action::List), &folder)) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("queue: {}: {error}", folder.display());
            ExitCode::FAILURE
        }
    }
}

/// Whether all that was named was there.
fn act(queue: &Queue, action: Action, folder: &std::path::Path) -> io::Result<bool> {
    let now = SystemTime::now();
    match action {
        Action::List => list(queue, now),
        Action::Show { id } => match queue.read(&id)? {
            Some(_) => {
                let mut message = std::fs::File::open(folder.join(format!("{id}.eml")))?;
                io::copy(&mut message, &mut io::stdout().lock()).map(|_| true)
            }
            None => Ok(missing(&id)),
        },
        Action::Retry { ids } => each(&ids, "due now", |id| queue.retry(id, now)),
        Action::Remove { ids } => each(&ids, "removed", |id| queue.remove(id)),
        Action::RetryAll => {
            let ids: Vec<String> = queue.entries()?.into_iter().flatten().map(|entry| entry.id).collect();
            each(&ids, "due now", |id| queue.retry(id, now))
        }
    }
}

fn each(ids: &[String], done: &str, act: impl Fn(&str) -> io::Result<bool>) -> io::Result<bool> {
    let mut all = true;
    for id in ids {
        match act(id)? {
            true => {
                line(format_args!("{id} {done}"));
            }
            false => all = missing(id),
        }
    }
    Ok(all)
}

fn missing(id: &str) -> bool {
    eprintln!("queue: {id}: no such message; it may have been delivered just now");
    false
}

fn list(queue: &Queue, now: SystemTime) -> io::Result<bool> {
    let (mut count, mut octets, mut readable) = (0u64, 0, true);
    for entry in queue.entries()? {
        match entry {
            Ok(entry) => {
                count += 1;
                octets += entry.size;
                print_entry(&entry, now);
            }
            Err(error) => {
                eprintln!("queue: {error}");
                readable = false;
            }
        }
    }
    match count {
        0 => line("the queue is empty"),
        1 => line(format_args!("1 message, {}", size(octets))),
        _ => line(format_args!("{count} messages, {}", size(octets))),
    };
    Ok(readable)
}

fn print_entry(entry: &Entry, now: SystemTime) {
    let age = now.duration_since(entry.arrived).unwrap_or_default();
    line(format_args!("{}  {}  {} old  from {}", entry.id, size(entry.size), span(age), entry.from));
    for recipient in &entry.recipients {
        line(format_args!("  to {}: {}", recipient.to, state(recipient, now)));
        if let Some(said) = recipient.last.as_ref().filter(|_| recipient.state != State::Delivered) {
            line(format_args!("     {said}"));
        }
    }
}

fn state(recipient: &Recipient, now: SystemTime) -> String {
    match (recipient.state, recipient.next.duration_since(now)) {
        (State::Pending, Ok(wait)) if !wait.is_zero() => {
            format!("tried {} times, again in {}", recipient.attempts, span(wait))
        }
        (State::Pending, _) if recipient.attempts == 0 => "about to be tried".to_owned(),
        (State::Pending, _) => format!("tried {} times, due now", recipient.attempts),
        (state, _) => state.word().to_owned(),
    }
}

fn span(time: Duration) -> String {
    match time.as_secs() {
        seconds @ 0..120 => format!("{seconds} s"),
        seconds @ 120..7200 => format!("{} min", seconds / 60),
        seconds @ 7200..172_800 => format!("{} h", seconds / 3600),
        seconds => format!("{} d", seconds / 86_400),
    }
}

fn size(octets: u64) -> String {
    match octets {
        0..10_000 => format!("{octets} octets"),
        10_000..10_000_000 => format!("{} KiB", octets >> 10),
        _ => format!("{} MiB", octets >> 20),
    }
}
