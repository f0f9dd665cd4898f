//! When a recipient is tried again (RFC 5321 §4.5.4.1).

use std::time::{Duration, SystemTime};

/// When a recipient is tried again, and for how long.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Retry {
    /// After the first attempt (default 5 minutes); then twice as long each time.
    pub first: Duration,
    /// The longest time between attempts (default 4 hours).
    pub longest: Duration,
    /// After how long it is given up (default 5 days; RFC 5321 §4.5.4.1 wants 4 to 5).
    pub give_up: Duration,
    /// After how long the sender is told that it takes time (default 4 hours); never, if longer than `give_up`.
    pub warn: Duration,
}

impl Default for Retry {
    fn default() -> Self {
        let minutes = |minutes: u64| Duration::from_secs(60 * minutes);
        Retry { first: minutes(5), longest: minutes(240), give_up: minutes(5 * 24 * 60), warn: minutes(240) }
    }
}

impl Retry {
    /// When it is tried again after so many attempts; `None` when it is given up.
    pub(crate) fn next(&self, arrived: SystemTime, attempts: u32, now: SystemTime) -> Option<SystemTime> {
        let until = self.until(arrived);
        if now >= until {
            return None;
        }
        let doubled = self.first.saturating_mul(1u32.checked_shl(attempts.saturating_sub(1)).unwrap_or(u32::MAX));
        // the last attempt is at the end of the time, not long before it
        Some(after(now, doubled.min(self.longest)).min(until))
    }

    /// Until when a message is tried.
    pub(crate) fn until(&self, arrived: SystemTime) -> SystemTime {
        after(arrived, self.give_up)
    }

    pub(crate) fn is_late(&self, arrived: SystemTime, now: SystemTime) -> bool {
        now >= after(arrived, self.warn)
    }
}

/// A setting of centuries is as good as one of a century.
pub(super) fn after(time: SystemTime, wait: Duration) -> SystemTime {
    const CENTURY: Duration = Duration::from_secs(100 * 365 * 86_400);
    time.checked_add(wait.min(CENTURY)).unwrap_or(time)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)] // a test may
mod tests {
    use super::*;

    #[test]
    fn waits_double_up_to_the_longest_and_end() {
        let (retry, arrived) = (Retry::default(), SystemTime::UNIX_EPOCH);
        let (mut now, mut waits, mut attempts) = (arrived, Vec::new(), 1);
        while let Some(next) = retry.next(arrived, attempts, now) {
            waits.push(next.duration_since(now).unwrap().as_secs() / 60);
            (now, attempts) = (next, attempts + 1);
        }
        assert_eq!(waits.iter().take(8).copied().collect::<Vec<_>>(), [5, 10, 20, 40, 80, 160, 240, 240]);
        assert_eq!(waits.iter().sum::<u64>(), 5 * 24 * 60);
        assert!(retry.next(arrived, u32::MAX, arrived).is_some());
        let for_ever = Retry { give_up: Duration::MAX, longest: Duration::MAX, ..Retry::default() };
        assert!(for_ever.next(SystemTime::now(), 100, SystemTime::now()).is_some());
    }
}
