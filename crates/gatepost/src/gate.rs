//! Lets in as many as the limits say: connections, rates, and log-ins of those who failed before.

mod recent;

use std::collections::HashMap;
use std::hash::Hash;
use std::net::IpAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use arc_swap::ArcSwap;

use crate::limits::Limits;
use crate::network::truncated;
use recent::{Penalty, Recent, Spaced};

/// Counts who is here and remembers who was.
pub(crate) struct Gate {
    limits: ArcSwap<Limits>,
    /// Connections that have a place.
    taken: AtomicUsize,
    began: Instant,
    state: Mutex<State>,
}

struct State {
    present: HashMap<Who, usize>,
    connections: Recent<Who, Spaced>,
    messages: Recent<Who, Spaced>,
    penalties: Recent<Who, Penalty>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Who {
    Peer(IpAddr),
    User(String),
}

impl Who {
    /// IPv6 hosts have a /64 for themselves.
    pub(crate) fn peer(address: IpAddr) -> Self {
        Who::Peer(if address.is_ipv4() { address } else { truncated(address, 64) })
    }
}

/// Why somebody is not let in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refused {
    Full,
    TooMany,
    TooFast,
}

impl Refused {
    pub(crate) fn word(self) -> &'static str {
        match self {
            Refused::Full => "full",
            Refused::TooMany => "too_many",
            Refused::TooFast => "too_fast",
        }
    }
}

/// The longest wait of a peer and of a user.
const LONGEST: (Duration, Duration) = (Duration::from_secs(3600), Duration::from_secs(60));

/// How many more failures a user may have than a peer: his peers are many, and not all are his.
const USER_FACTOR: u32 = 5;

impl Gate {
    pub(crate) fn new(limits: Limits) -> Self {
        let remembered = limits.remembered;
        Gate {
            limits: ArcSwap::from_pointee(limits),
            taken: AtomicUsize::new(0),
            began: Instant::now(),
            state: Mutex::new(State {
                present: HashMap::new(),
                connections: Recent::new(remembered),
                messages: Recent::new(remembered),
                penalties: Recent::new(remembered),
            }),
        }
    }

    /// Takes other bounds. Who is here stays; what is remembered of others, too, in tables of the size that they have.
    pub(crate) fn adopt(&self, limits: Limits) {
        self.limits.store(Arc::new(limits));
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A place for a connection whose peer is yet to be told.
    pub(crate) fn place(self: &Arc<Self>) -> Result<Place, Refused> {
        let limit = self.limits.load().connections;
        let one_more = |taken| (taken < limit).then_some(taken + 1);
        let taken = self.taken.fetch_update(Ordering::Relaxed, Ordering::Relaxed, one_more);
        taken.map(|_| Place { gate: Arc::clone(self) }).map_err(|_| Refused::Full)
    }

    /// Whether places are getting rare: then nobody may be silent for long.
    pub(crate) fn is_crowded(&self) -> bool {
        let limit = self.limits.load().connections;
        limit.saturating_sub(self.taken.load(Ordering::Relaxed)) <= limit / 10
    }

    /// Lets a peer in.
    pub(crate) fn enter(self: &Arc<Self>, peer: IpAddr) -> Result<Pass, Refused> {
        let limits = self.limits.load();
        let exempt = self.is_exempt(peer);
        let pass = self.pass(Who::peer(peer), if exempt { usize::MAX } else { limits.per_peer })?;
        let rate = limits.connection_rate;
        let fits = exempt || self.state().connections.of(&pass.who).take(self.began.elapsed(), rate);
        if fits { Ok(pass) } else { Err(Refused::TooFast) }
    }

    /// Lets a user in who has logged in.
    pub(crate) fn enter_user(self: &Arc<Self>, user: &str) -> Result<Pass, Refused> {
        self.pass(Who::User(user.to_owned()), self.limits.load().per_user)
    }

    fn pass(self: &Arc<Self>, who: Who, limit: usize) -> Result<Pass, Refused> {
        let mut state = self.state();
        let count = state.present.entry(who.clone()).or_default();
        if *count >= limit {
            return Err(Refused::TooMany);
        }
        *count += 1;
        Ok(Pass { gate: Arc::clone(self), who })
    }

    fn is_exempt(&self, peer: IpAddr) -> bool {
        self.limits.load().exempt.iter().any(|network| network.contains(peer))
    }

    /// Whether this peer, or this user from this peer, may send one more message now.
    pub(crate) fn may_send(&self, peer: IpAddr, user: Option<&str>) -> bool {
        let limits = self.limits.load();
        let (who, rate) = match user {
            Some(user) => (Who::User(user.to_owned()), limits.user_message_rate),
            None => (Who::peer(peer), limits.message_rate),
        };
        self.is_exempt(peer) || self.state().messages.of(&who).take(self.began.elapsed(), rate)
    }

    /// Whether this peer may try to log in now, as this user if he is named: a token or a certificate may tell who it is.
    pub(crate) fn may_log_in(&self, peer: IpAddr, user: Option<&str>) -> bool {
        let asked = (!self.is_exempt(peer)).then(|| Who::peer(peer));
        let (now, mut state) = (self.began.elapsed(), self.state());
        let mut whose = asked.into_iter().chain(user.map(named));
        !whose.any(|who| state.penalties.of(&who).is_waiting(now))
    }

    /// A log-in failed.
    pub(crate) fn failed(&self, peer: IpAddr, user: Option<&str>) {
        let Limits { auth_failures: limit, auth_penalty: first, .. } = **self.limits.load();
        let (now, mut state) = (self.began.elapsed(), self.state());
        state.penalties.of(&Who::peer(peer)).add(now, limit, first, LONGEST.0);
        if let Some(user) = user {
            state.penalties.of(&named(user)).add(now, limit.saturating_mul(USER_FACTOR), first, LONGEST.1);
        }
    }

    /// A log-in succeeded: what failed before as this user was forgetfulness. What the peer failed as others was not: who has an
    /// account would try passwords of all others, and log in as himself in between.
    pub(crate) fn succeeded(&self, peer: IpAddr, user: &str) {
        let mut state = self.state();
        let own = std::mem::take(state.penalties.of(&named(user)));
        state.penalties.of(&Who::peer(peer)).forgive(own.failures());
    }
}

/// Names are told by whoever fails to log in: their case does not make others of them, and their length does not fill memory.
fn named(user: &str) -> Who {
    Who::User(user.to_ascii_lowercase().chars().take(254).collect())
}

/// A connection's place; given back when dropped.
pub(crate) struct Place {
    gate: Arc<Gate>,
}

impl Drop for Place {
    fn drop(&mut self) {
        self.gate.taken.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Somebody's presence; ends when dropped.
pub(crate) struct Pass {
    gate: Arc<Gate>,
    who: Who,
}

impl Drop for Pass {
    fn drop(&mut self) {
        let mut state = self.gate.state();
        if let Some(count) = state.present.get_mut(&self.who) {
            *count -= 1;
            if *count == 0 {
                state.present.remove(&self.who);
            }
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)] // a test may
mod tests {
    use super::*;

    #[test]
    fn peers_and_users_are_counted_apart() {
        let limits = Limits {
            connections: 3,
            per_peer: 2,
            per_user: 1,
            connection_rate: 4,
            exempt: Vec::new(),
            ..Limits::default()
        };
        let gate = Arc::new(Gate::new(limits.clone()));
        let peer = |text: &str| text.parse().unwrap();
        let places: Vec<_> = (0..3).map(|_| gate.place().unwrap()).collect();
        assert!(gate.place().is_err() && gate.is_crowded());
        gate.adopt(Limits { connections: 4, ..limits.clone() });
        let one_more = gate.place().unwrap();
        gate.adopt(limits);
        assert!(gate.place().is_err() && gate.is_crowded());
        drop((places, one_more));
        assert!(!gate.is_crowded() && gate.place().is_ok());
        let one = gate.enter(peer("2001:db8::1")).unwrap();
        let two = gate.enter(peer("2001:db8::2")).unwrap(); // the same /64
        assert_eq!(gate.enter(peer("2001:db8::3")).err(), Some(Refused::TooMany));
        assert!(gate.enter(peer("192.0.2.1")).is_ok());
        drop(one);
        drop(gate.enter(peer("2001:db8::3")).unwrap());
        drop(gate.enter(peer("2001:db8::3")).unwrap());
        assert_eq!(gate.enter(peer("2001:db8::3")).err(), Some(Refused::TooFast));
        drop(two);
        let user = gate.enter_user("a@a.test").unwrap();
        assert!(gate.enter_user("a@a.test").is_err());
        drop(user);
        assert!(gate.enter_user("a@a.test").is_ok());
        assert!(gate.state().present.is_empty());
    }

    #[test]
    fn who_fails_often_waits() {
        let gate = Arc::new(Gate::new(Limits { auth_failures: 2, ..Limits::default() }));
        let (peer, other): (IpAddr, IpAddr) = ("192.0.2.1".parse().unwrap(), "192.0.2.2".parse().unwrap());
        gate.failed(peer, Some("a@a.test"));
        assert!(gate.may_log_in(peer, Some("a@a.test")));
        gate.failed(peer, Some("a@a.test"));
        assert!(!gate.may_log_in(peer, Some("b@a.test")) && !gate.may_log_in(peer, None));
        assert!(gate.may_log_in(other, Some("A@a.test")));
        let mut others = (3..).map(|last| IpAddr::from([192, 0, 2, last]));
        for peer in others.by_ref().take(8) {
            gate.failed(peer, Some("A@A.test"));
        }
        assert!(!gate.may_log_in(other, Some("a@a.test")));
        assert!(gate.may_log_in(other, Some("b@a.test")) && gate.may_log_in(other, None));
        // one's own failures are forgiven; what was tried as others is not, by whomever else the peer logs in as
        for _ in 0..9 {
            gate.failed(other, Some("b@a.test"));
            gate.succeeded(other, "b@a.test");
        }
        assert!(gate.may_log_in(other, None));
        for user in ["c@a.test", "d@a.test"] {
            gate.failed(other, Some(user));
            gate.succeeded(other, "b@a.test");
        }
        assert!(!gate.may_log_in(other, Some("b@a.test")));
        let passes: Vec<_> = (0..100).map(|_| gate.enter("127.0.0.1".parse().unwrap()).unwrap()).collect();
        assert_eq!((passes.len(), gate.enter(other).is_ok()), (100, true));
        // many are behind one that is exempt, and those who fail are not to keep the others out
        let near = "127.0.0.1".parse().unwrap();
        (0..10).for_each(|_| gate.failed(near, Some("e@a.test")));
        assert!(gate.may_log_in(near, None) && gate.may_log_in(near, Some("f@a.test")));
        assert!(!gate.may_log_in(near, Some("e@a.test")));
    }
}
