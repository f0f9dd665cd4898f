//! One attempt: the hosts of a destination in order, until nobody is left to be told.

use std::collections::BTreeMap;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use gatepost_smtp::client::{Client, Config};
use gatepost_smtp::{Class, Status};
use gatepost_syntax::Domain;

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

/// How a server is spoken to.
struct Terms<'s> {
    host: String,
    tls: &'s ClientTls,
    implicit: bool,
    require: bool,
    login: Option<Login>,
}

impl Sender {
    /// Tries recipients that share a destination. What comes back is about those who do not have the message.
    pub(super) async fn attempt(
        &self,
        live: &Arc<Live>,
        destination: &Destination,
        recipients: Vec<usize>,
    ) -> BTreeMap<usize, Said> {
        let (mut open, mut said) = (recipients, BTreeMap::new());
        let hops = match self.hops(destination).await {
            Ok(hops) => hops,
            Err(no_way) => return open.into_iter().map(|index| (index, no_way.clone())).collect(),
        };
        for hop in hops {
            let (mut next, mut rest) = (Vec::new(), open.as_slice());
            while !rest.is_empty() {
                let (now, later) = rest.split_at(rest.len().min(self.relay.limits.recipients.max(1)));
                for (index, verdict) in self.hop(live, &hop, now).await {
                    match verdict {
                        Verdict::Delivered => drop(said.remove(&index)),
                        Verdict::Final(answer) | Verdict::Later(answer) => drop(said.insert(index, answer)),
                        Verdict::NextHost(answer) => {
                            said.insert(index, answer);
                            next.push(index);
                        }
                    }
                }
                rest = later;
            }
            open = next;
            if open.is_empty() {
                break;
            }
        }
        said
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

    async fn hop(&self, live: &Arc<Live>, hop: &Hop, recipients: &[usize]) -> Vec<(usize, Verdict)> {
        match self.try_hop(live, hop, recipients).await {
            Ok(verdicts) => verdicts,
            Err(said) => recipients.iter().map(|index| (*index, Verdict::NextHost(said.clone()))).collect(),
        }
    }

    async fn try_hop(&self, live: &Arc<Live>, hop: &Hop, recipients: &[usize]) -> Result<Vec<(usize, Verdict)>, Said> {
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
        let talked = self.talk(live, &addresses, &terms, true, recipients).await?;
        match talked {
            Talked::Verdicts(verdicts) => Ok(verdicts),
            Talked::NoTls(error) if terms.require || terms.implicit => Err(self.no_tls(&terms.host, error)),
            // RFC 7435 §3: TLS that fails is worth no more than none, and none was promised
            Talked::NoTls(error) => {
                tracing::info!(host = terms.host, %error, "TLS failed: sent in clear");
                match self.talk(live, &addresses, &terms, false, recipients).await? {
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
        live: &Arc<Live>,
        addresses: &[SocketAddr],
        terms: &Terms<'_>,
        start_tls: bool,
        recipients: &[usize],
    ) -> Result<Talked, Said> {
        let limits = &self.relay.limits;
        let connected = client::connect_to(addresses, &terms.host, terms.tls, terms.implicit, &limits.connect).await;
        let connection = match connected {
            Ok(connection) => connection,
            Err(ConnectError::Handshake { error, .. }) => return Ok(Talked::NoTls(error)),
            Err(error) => return Err(self.local(&terms.host, (4, 1), error)),
        };
        let id = live.entry().id;
        let message = blocking(live, move |live| live.message()).await;
        let message = message.map_err(|error| self.local(&terms.host, (3, 0), error))?;
        let mut session = Session::new(live, message, recipients, &terms.host, self.now()).login(terms.login.clone());
        if start_tls && !terms.implicit {
            session = session.start_tls();
        }
        let config = Config { name: self.hostname.clone(), require_tls: terms.require, limits: limits.session.clone() };
        let talk = Talk { session: &mut session, require_tls: terms.require };
        let ended = client::run(connection, &mut Client::new(config), talk).await;
        if let Err(error) = &ended {
            tracing::info!(id, host = terms.host, %error, "the session broke off");
        }
        Ok(match ended {
            Err(Broken::Handshake(error)) => Talked::NoTls(error),
            Err(Broken::Io(error)) => Talked::Verdicts(session.verdicts(Some(&error))),
            Ok(()) => Talked::Verdicts(session.verdicts(None)),
        })
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

/// What a connection came to.
enum Talked {
    Verdicts(Vec<(usize, Verdict)>),
    /// TLS could not be set up; nothing was said of the message.
    NoTls(io::Error),
}
