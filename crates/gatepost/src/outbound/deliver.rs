//! One attempt: the hosts of a destination in order, until nobody is left to be told.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use gatepost_smtp::client::{Client, Config};
use gatepost_smtp::{Class, Status};
use gatepost_syntax::Domain;
use tokio::sync::Notify;

use super::kept::{Kept, Key};
use super::live::{Live, blocking};
use super::policy::Promise;
use super::route::{self, Destination, no_way};
use super::session::{Login, Session, Talk, Verdict};
use super::{Sender, SmarthostTls};
use crate::client::{self, Broken, ClientTls, ConnectError};
use crate::queue::Said;

/// A server to be tried.
enum Hop {
    /// A mail exchanger of a domain.
    Exchanger(Domain, Domain),
    Address(SocketAddr),
    Smarthost,
}

/// What is delivered.
pub(super) struct Mail<'m> {
    pub(super) live: &'m Arc<Live>,
    /// Whether more is due for the same destination.
    pub(super) is_more_due: &'m (dyn Fn() -> bool + Send + Sync),
}

/// How a server is spoken to.
struct Terms<'s> {
    host: String,
    tls: &'s ClientTls,
    implicit: bool,
    require: bool,
    login: Option<Login>,
}

impl Terms<'_> {
    fn key(&self) -> Key {
        Key { host: self.host.clone(), require: self.require, implicit: self.implicit }
    }
}

impl Sender {
    /// Tries recipients that share a destination. What comes back is about those who do not have the message.
    pub(super) async fn attempt(
        &self,
        mail: &Mail<'_>,
        destination: &Destination,
        recipients: Vec<usize>,
    ) -> BTreeMap<usize, Said> {
        let (mut open, mut said, mut delivered) = (recipients.clone(), BTreeMap::new(), BTreeSet::new());
        let hops = match self.hops(destination).await {
            Ok(hops) => hops,
            Err(no_way) => return open.into_iter().map(|index| (index, no_way.clone())).collect(),
        };
        for hop in hops {
            let (mut next, mut rest) = (Vec::new(), open.as_slice());
            while !rest.is_empty() {
                let now = rest.get(..self.relay.limits.recipients.max(1)).unwrap_or(rest);
                let verdicts = self.hop(mail, &hop, now).await;
                // the server may take fewer at a time
                rest = rest.get(verdicts.len().max(1)..).unwrap_or_default();
                for (index, verdict) in verdicts {
                    match verdict {
                        Verdict::Delivered => drop(delivered.insert(index)),
                        Verdict::Final(answer) | Verdict::Later(answer) => drop(said.insert(index, answer)),
                        Verdict::NextHost(answer) => {
                            remember(&mut said, index, answer);
                            next.push(index);
                        }
                    }
                }
            }
            open = next;
            if open.is_empty() {
                break;
            }
        }
        said.retain(|index, _| !delivered.contains(index));
        // nobody has a message by default
        for index in recipients.into_iter().filter(|index| !delivered.contains(index)) {
            said.entry(index).or_insert_with(|| self.untried());
        }
        said
    }

    fn untried(&self) -> Said {
        no_way(None, Status::new(Class::Transient, 4, 0), "no host was tried", self.now())
    }

    async fn hops(&self, destination: &Destination) -> Result<Vec<Hop>, Said> {
        let (relay, now) = (&self.relay, self.now());
        match destination {
            Destination::Smarthost => Ok(vec![Hop::Smarthost]),
            Destination::Address(address) if relay.address_literals => {
                Ok(vec![Hop::Address(SocketAddr::new(*address, relay.port))])
            }
            Destination::Address(_) | Destination::Nowhere => {
                let status = Status::new(Class::Permanent, 1, 2);
                Err(no_way(None, status, "mail is not sent to this address literal", now))
            }
            Destination::Domain(domain) => {
                let hosts = route::hosts(&*self.dns, domain, &self.hostname, &relay.limits.mx, now).await?;
                Ok(hosts.into_iter().map(|host| Hop::Exchanger(domain.clone(), host)).collect())
            }
        }
    }

    async fn hop(&self, mail: &Mail<'_>, hop: &Hop, recipients: &[usize]) -> Vec<(usize, Verdict)> {
        match self.try_hop(mail, hop, recipients).await {
            Ok(verdicts) => verdicts,
            Err(said) => recipients.iter().map(|index| (*index, Verdict::NextHost(said.clone()))).collect(),
        }
    }

    async fn try_hop(&self, mail: &Mail<'_>, hop: &Hop, recipients: &[usize]) -> Result<Vec<(usize, Verdict)>, Said> {
        let (addresses, terms) = match hop {
            Hop::Exchanger(domain, host) => {
                let terms = self.terms(domain, host).await?;
                let may_be_alias = self.relay.mx_aliases || domain == host;
                let port = self.relay.port;
                let addresses = route::addresses(&*self.dns, host, port, may_be_alias, self.now()).await?;
                (addresses, terms)
            }
            Hop::Address(address) => (vec![*address], self.opportunistic(&address.ip().to_string())),
            Hop::Smarthost => self.smarthost().await?,
        };
        let talked = self.talk(mail, &addresses, &terms, true, recipients).await?;
        match talked {
            Talked::Verdicts(verdicts) => Ok(verdicts),
            Talked::NoTls(error) if terms.require || terms.implicit => Err(self.no_tls(&terms.host, error)),
            // RFC 7435 §3: TLS that fails is worth no more than none, and none was promised
            Talked::NoTls(error) => {
                tracing::info!(host = terms.host, %error, "TLS failed: sent in clear");
                match self.talk(mail, &addresses, &terms, false, recipients).await? {
                    Talked::Verdicts(verdicts) => Ok(verdicts),
                    Talked::NoTls(error) => Err(self.no_tls(&terms.host, error)),
                }
            }
        }
    }

    fn opportunistic(&self, host: &str) -> Terms<'_> {
        Terms { host: host.to_owned(), tls: &self.anybody, implicit: false, require: false, login: None }
    }

    /// What the policy says of a mail exchanger.
    async fn terms(&self, domain: &Domain, host: &Domain) -> Result<Terms<'_>, Said> {
        let refused = |reason: &str| Err(no_way(Some(host), Status::new(Class::Transient, 7, 5), reason, self.now()));
        match (self.relay.policy.promise(domain, host).await, &self.verified) {
            (Promise::Opportunistic, _) => Ok(self.opportunistic(host.as_str())),
            (Promise::Verified, Some(tls)) => Ok(Terms { tls, require: true, ..self.opportunistic(host.as_str()) }),
            (Promise::Verified, None) => refused("there is nobody to believe about its certificate"),
            (Promise::NotThisHost, _) => refused("the domain's policy does not name this host"),
        }
    }

    async fn smarthost(&self) -> Result<(Vec<SocketAddr>, Terms<'_>), Said> {
        let refused =
            |detail: u16, reason: String| no_way(None, Status::new(Class::Transient, 4, detail), reason, self.now());
        let smarthost = self.relay.smarthost.as_ref().ok_or_else(|| refused(4, "there is no smarthost".to_owned()))?;
        let found = tokio::net::lookup_host((smarthost.host.as_str(), smarthost.port)).await;
        let found = found.map_err(|error| refused(3, format!("{}: {error}", smarthost.host)))?;
        let mut terms = self.opportunistic(&smarthost.host);
        if smarthost.tls != SmarthostTls::Opportunistic {
            let verified = self.verified.as_ref();
            terms.tls =
                verified.ok_or_else(|| refused(4, "there is nobody to believe about its certificate".into()))?;
            terms.require = true;
            terms.implicit = smarthost.tls == SmarthostTls::Implicit;
            terms.login.clone_from(&smarthost.login);
        } else if smarthost.login.is_some() {
            return Err(refused(4, "the password of the smarthost is told over verified TLS only".into()));
        }
        Ok((found.collect(), terms))
    }

    async fn talk(
        &self,
        mail: &Mail<'_>,
        addresses: &[SocketAddr],
        terms: &Terms<'_>,
        start_tls: bool,
        recipients: &[usize],
    ) -> Result<Talked, Said> {
        let kept = if start_tls { self.kept.take(&terms.key(), addresses) } else { None };
        if let Some(kept) = kept {
            let mut session = self.session(mail, terms, recipients).await?;
            let ended = self.say(mail, terms, &mut session, kept, true).await;
            if session.was_heard() {
                return Ok(Talked::Verdicts(session.verdicts(ended.err().map(io::Error::from).as_ref())));
            }
            // it had ended meanwhile, or had taken enough: a fresh one is another matter
        }
        self.talk_afresh(mail, addresses, terms, start_tls, recipients).await
    }

    /// Over a connection of its own, to one address after the other until the message may be spoken of (RFC 5321 §5.1).
    async fn talk_afresh(
        &self,
        mail: &Mail<'_>,
        addresses: &[SocketAddr],
        terms: &Terms<'_>,
        start_tls: bool,
        recipients: &[usize],
    ) -> Result<Talked, Said> {
        let limits = &self.relay.limits;
        let (mut left, mut before) = (addresses.get(..limits.connect.addresses).unwrap_or(addresses), None);
        loop {
            let connected = client::connect_to(left, &terms.host, terms.tls, terms.implicit, &limits.connect).await;
            let connection = match (connected, before) {
                (Ok(connection), _) => connection,
                (Err(_), Some(verdicts)) => return Ok(Talked::Verdicts(verdicts)),
                (Err(ConnectError::Handshake { error, .. }), None) => return Ok(Talked::NoTls(error)),
                (Err(error), None) => return Err(self.local(&terms.host, (4, 1), error)),
            };
            let at = left.iter().position(|address| *address == connection.address());
            left = at.and_then(|at| left.get(at + 1..)).unwrap_or_default();
            let mut session = self.session(mail, terms, recipients).await?.login(terms.login.clone());
            if start_tls && !terms.implicit {
                session = session.start_tls();
            }
            let (name, limits) = (self.hostname.clone().into(), limits.session.clone());
            let smtp = Client::new(Config { name, require_tls: terms.require, limits });
            let fresh = Kept { connection, smtp, messages: 0 };
            // who could not do TLS is not asked again over the same connection
            let verdicts = match self.say(mail, terms, &mut session, fresh, start_tls).await {
                Err(Broken::Handshake(error)) => return Ok(Talked::NoTls(error)),
                Err(Broken::Io(error)) => session.verdicts(Some(&error)),
                Ok(()) => session.verdicts(None),
            };
            // a password that is wrong is so everywhere
            let is_known = terms.login.is_some() && session.is_login_said();
            if left.is_empty() || session.was_begun() || is_known {
                return Ok(Talked::Verdicts(verdicts));
            }
            before = Some(verdicts);
        }
    }

    async fn session(&self, mail: &Mail<'_>, terms: &Terms<'_>, recipients: &[usize]) -> Result<Session, Said> {
        let message = blocking(mail.live, move |live| live.message()).await;
        let message = message.map_err(|error| self.local(&terms.host, (3, 0), error))?;
        let words = self.relay.limits.report.words;
        Ok(Session::new(mail.live, message, recipients, &terms.host, self.now(), words))
    }

    /// Speaks for a message. If all went well, more is due, and the connection may take it, it is kept.
    async fn say(
        &self,
        mail: &Mail<'_>,
        terms: &Terms<'_>,
        session: &mut Session,
        over: Kept,
        may_be_kept: bool,
    ) -> Result<(), Broken> {
        let Kept { mut connection, mut smtp, messages } = over;
        let messages = messages + 1;
        let may_be_kept = may_be_kept && messages < self.relay.limits.per_connection;
        let stays = |is_rest: bool| may_be_kept && (is_rest || (mail.is_more_due)());
        let resting = Notify::new();
        let mut talk = Talk { session, require_tls: terms.require, stays: &stays, resting: &resting };
        let ended = tokio::select! {
            biased;
            ended = client::go_on(&mut connection, &mut smtp, &mut talk) => Some(ended),
            () = resting.notified() => None,
        };
        match ended {
            Some(Err(error)) => {
                tracing::info!(id = mail.live.entry().id, host = terms.host, %error, "the session broke off");
                Err(error)
            }
            Some(Ok(())) => Ok(()),
            None => {
                self.kept.keep(terms.key(), Kept { connection, smtp, messages });
                Ok(())
            }
        }
    }

    fn no_tls(&self, host: &str, error: io::Error) -> Said {
        self.local(host, (7, 5), format!("TLS: {error}"))
    }

    fn local(&self, host: &str, (subject, detail): (u16, u16), reason: impl ToString) -> Said {
        let status = Status::new(Class::Transient, subject, detail);
        let (host, reason) = (Some(host.to_owned()), Some(reason.to_string()));
        Said { at: self.now(), status, host, reply: None, reason }
    }
}

/// What is known of a recipient whom no host has taken yet: that one of them may take it later outweighs that another never
/// will, be it a backup that is gone.
fn remember(said: &mut BTreeMap<usize, Said>, index: usize, answer: Said) {
    let is_hopeful = said.get(&index).is_some_and(|before| !before.status.is_permanent());
    if !is_hopeful || !answer.status.is_permanent() {
        said.insert(index, answer);
    }
}

/// What a connection came to.
enum Talked {
    Verdicts(Vec<(usize, Verdict)>),
    /// TLS could not be set up; nothing was said of the message.
    NoTls(io::Error),
}
