//! When users logged in last (RFC 2449 §6.5).

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Users who logged in, as many as there are users at most.
#[derive(Debug, Default)]
pub(crate) struct Logins(Mutex<HashMap<String, Instant>>);

impl Logins {
    /// Whether a user may log in again; this counts as a log-in then.
    pub(crate) fn may(&self, user: &str, delay: Option<Duration>) -> bool {
        let Some(delay) = delay else {
            return true;
        };
        let (mut last, now) = (self.0.lock().unwrap_or_else(PoisonError::into_inner), Instant::now());
        let soon = last.get(user).is_some_and(|then| now.duration_since(*then) < delay);
        if !soon {
            last.insert(user.to_owned(), now);
        }
        !soon
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_user_waits_for_himself() {
        let (logins, day) = (Logins::default(), Some(Duration::from_secs(86_400)));
        assert!(logins.may("ann", day) && logins.may("bob", day));
        assert!(!logins.may("ann", day) && logins.may("ann", Some(Duration::ZERO)) && logins.may("ann", None));
    }
}
