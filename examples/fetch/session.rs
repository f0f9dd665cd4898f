//! The session: log in, list, fetch what is new, delete what is here.

use std::collections::HashMap;
use std::io;
use std::time::Instant;

use gatepost_pop3::client::{Client, Event, Failure, Request};
use gatepost_sasl::{Credentials, Policy, Secret};
use gatepost_syntax::{base64, escape};
use indicatif::{BinaryBytes, ProgressBar, ProgressStyle};
use ring::rand::{SecureRandom, SystemRandom};

use crate::keep::{Keep, Part};
use crate::seen::Seen;

/// What is done when all that was asked is answered.
enum Next {
    List,
    Fetch,
    Finish,
    Nothing,
}

pub(crate) struct Session {
    user: String,
    password: Secret,
    starttls: bool,
    delete: bool,
    keep: Keep,
    seen: Seen,
    next: Next,
    logged_in: bool,
    sizes: HashMap<u64, u64>,
    uids: Vec<(u64, String)>,
    /// The message that is coming in.
    part: Option<Part>,
    bar: ProgressBar,
    begun: Instant,
    fetched: u64,
    octets: u64,
    deleted: u64,
    refused: Vec<String>,
    /// Whether the session came to its end.
    committed: bool,
    failure: Option<String>,
}

impl Session {
    pub(crate) fn new(user: &str, password: Secret, starttls: bool, delete: bool, keep: Keep, seen: Seen) -> Self {
        Session {
            user: user.to_owned(),
            password,
            starttls,
            delete,
            keep,
            seen,
            next: Next::List,
            logged_in: false,
            sizes: HashMap::new(),
            uids: Vec::new(),
            part: None,
            bar: ProgressBar::hidden(),
            begun: Instant::now(),
            fetched: 0,
            octets: 0,
            deleted: 0,
            refused: Vec::new(),
            committed: false,
            failure: None,
        }
    }

    pub(crate) fn on(&mut self, client: &mut Client, event: Event) -> io::Result<()> {
        match event {
            Event::Ready(_) if self.failure.is_some() => client.quit(),
            Event::Ready(_) if self.starttls => {
                self.starttls = false;
                client.start_tls();
            }
            Event::Ready(_) => self.log_in(client)?,
            Event::Authenticated(_) => self.logged_in = true,
            Event::Idle => self.go_on(client),
            Event::Sizes(sizes) => self.sizes = sizes.into_iter().collect(),
            Event::Uids(uids) => self.uids = uids,
            Event::Message(octets) => {
                self.bar.inc(u64::try_from(octets.len()).unwrap_or(0));
                let part = match &mut self.part {
                    Some(part) => part,
                    None => self.part.insert(self.keep.begin()?),
                };
                part.write(&octets)?;
            }
            Event::MessageEnd { number, .. } => self.fetched(number)?,
            Event::Done(Request::Dele(_)) => self.deleted += 1,
            Event::Refused(request, refusal) => self.refused.push(format!("{request}: {refusal}")),
            Event::Committed => self.committed = true,
            Event::Failed(failure) => self.fail(failure),
            _ => {}
        }
        Ok(())
    }

    /// The strongest way that the server offers; never a weaker one after a no.
    fn log_in(&mut self, client: &mut Client) -> io::Result<()> {
        let mut octets = [0; 18];
        SystemRandom::new().fill(&mut octets).map_err(|_| io::Error::other("the system has no randomness"))?;
        let credentials = Credentials::password(&self.user, self.password.clone());
        client.log_in(&credentials, &Policy::client(), &base64::encode(octets));
        Ok(())
    }

    fn go_on(&mut self, client: &mut Client) {
        match std::mem::replace(&mut self.next, Next::Nothing) {
            Next::List => {
                client.ask(Request::List);
                client.ask(Request::Uidl);
                self.next = Next::Fetch;
            }
            // without unique ids nothing is known of what is here
            Next::Fetch if !self.refused.is_empty() => client.quit(),
            Next::Fetch => {
                let new: Vec<u64> =
                    self.uids.iter().filter(|(_, uid)| !self.seen.has(uid)).map(|(number, _)| *number).collect();
                self.bar = bar(new.iter().filter_map(|number| self.sizes.get(number)).sum());
                new.into_iter().for_each(|number| client.ask(Request::Retr(number)));
                self.next = Next::Finish;
            }
            Next::Finish => {
                self.bar.finish_and_clear();
                let here = self.uids.iter().filter(|(_, uid)| self.delete && self.seen.has(uid));
                here.for_each(|(number, _)| client.ask(Request::Dele(*number)));
                client.quit();
            }
            Next::Nothing => client.quit(),
        }
    }

    /// A message is whole: it is put on the disk, then remembered.
    fn fetched(&mut self, number: u64) -> io::Result<()> {
        let part = match self.part.take() {
            Some(part) => part,
            None => self.keep.begin()?, // an empty one
        };
        self.octets += part.finish()?;
        self.fetched += 1;
        if let Some((_, uid)) = self.uids.iter().find(|(other, _)| *other == number) {
            self.seen.add(uid);
        }
        self.bar.set_message(format!("{} messages", self.fetched));
        Ok(())
    }

    fn fail(&mut self, failure: Failure) {
        let hint = match &failure {
            Failure::Refused(_) | Failure::Authentication(_) if !self.logged_in => {
                format!(" (as {})", escape(&self.user))
            }
            Failure::TlsNotOffered => " (without --starttls TLS begins at once, on port 995)".to_owned(),
            _ => String::new(),
        };
        self.failure.get_or_insert(format!("{failure}{hint}"));
    }

    /// What was done, for people; or what went wrong.
    pub(crate) fn report(&self) -> Result<String, String> {
        let here = format!("{} new of {} messages", self.fetched, self.uids.len());
        match (&self.failure, self.refused.as_slice()) {
            (Some(failure), _) if self.fetched > 0 => Err(format!("{failure}\n{here} are here all the same")),
            (Some(failure), _) => Err(failure.clone()),
            (None, [first, rest @ ..]) => Err(format!("{first} ({} more were refused)\n{here} are here", rest.len())),
            (None, []) => Ok(format!(
                "{here}, {} in {:.1} s; {} were here already, {} deleted on the server",
                BinaryBytes(self.octets),
                self.begun.elapsed().as_secs_f64(),
                self.uids.len().saturating_sub(usize::try_from(self.fetched).unwrap_or(usize::MAX)),
                self.deleted
            )),
        }
    }

    /// What to remember; once the session came to its end, nothing of messages that are not on the server any more.
    pub(crate) fn into_seen(mut self) -> Seen {
        if self.committed {
            self.seen.retain(|uid| self.uids.iter().any(|(_, there)| there == uid));
        }
        self.seen
    }
}

/// It shows itself on a terminal only.
fn bar(octets: u64) -> ProgressBar {
    let bar = ProgressBar::new(octets);
    let template = "[{bar:40}] {binary_bytes} of {binary_total_bytes}, {binary_bytes_per_sec}, {eta} left, {msg}";
    if let Ok(style) = ProgressStyle::with_template(template) {
        bar.set_style(style.progress_chars("=> "));
    }
    bar
}
