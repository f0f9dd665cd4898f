//! A session's log-ins: asked of the users' store, counted against the limits.

use std::net::IpAddr;
use std::sync::Arc;

use gatepost_sasl::{Answer, Question};

use crate::delivery::Shared;
use crate::gate::Pass;
use crate::metrics::Count;

/// Log-ins of one session.
pub(crate) struct LogIn {
    shared: Arc<Shared>,
    peer: IpAddr,
    /// Who was named last.
    named: Option<String>,
    /// How many failures of the endpoint were counted.
    counted: u32,
    /// The user and his presence, once he is known.
    present: Option<(String, Pass)>,
}

impl LogIn {
    pub(crate) fn new(shared: Arc<Shared>, peer: IpAddr) -> Self {
        LogIn { shared, peer, named: None, counted: 0, present: None }
    }

    /// Asks the users' store, unless peer or user failed too often, by whatever mechanism. `failures` is how often the session failed so far.
    pub(crate) async fn answer(&mut self, question: &Question, failures: u32) -> Answer {
        self.count(failures);
        self.named = question.user().map(str::to_owned);
        let user = self.named.as_deref();
        if !self.shared.gate.may_log_in(self.peer, user) {
            self.counted += 1; // it fails, and is no failure of the user's
            self.shared.metrics.add(Count::LogIns, "throttled");
            let user = user.map(gatepost_syntax::escape).unwrap_or_default();
            tracing::warn!(peer = %self.peer, %user, "has to wait after failed log-ins");
            return Answer::Unavailable;
        }
        let answer = self.shared.answer(question).await;
        match answer {
            Answer::Deny | Answer::RefuseToken(_) => self.failed(), // at once: the peer may leave before the exchange has ended
            Answer::Unavailable => self.counted += 1,               // nobody's fault but the store's
            _ => {}
        }
        answer
    }

    /// Counts failures that the endpoint had since the last call: wrong proofs, cancelled and malformed exchanges.
    pub(crate) fn count(&mut self, failures: u32) {
        while self.counted < failures {
            self.failed();
        }
    }

    fn failed(&mut self) {
        self.counted += 1;
        let user = self.named.as_deref();
        self.shared.gate.failed(self.peer, user);
        self.shared.metrics.add(Count::LogIns, "failed");
        let user = user.map(gatepost_syntax::escape).unwrap_or_default();
        tracing::warn!(peer = %self.peer, %user, "failed to log in");
    }

    /// The user is known; whether he may go on, for he may have too many sessions. Where his maildrop is locked another user may
    /// follow in the same session.
    pub(crate) fn enter(&mut self, user: &str) -> bool {
        if !matches!(&self.present, Some((present, _)) if present == user) {
            self.present = None;
            self.shared.gate.succeeded(self.peer, user);
            self.shared.metrics.add(Count::LogIns, "succeeded");
            match self.shared.gate.enter_user(user) {
                Ok(pass) => self.present = Some((user.to_owned(), pass)),
                Err(_) => self.shared.metrics.add(Count::Refused, "user_sessions"),
            }
        }
        self.present.is_some()
    }
}
