//! What is remembered of peers and users for a while: bounded, whoever comes.

use std::collections::HashMap;
use std::hash::Hash;
use std::time::Duration;

/// A map of at most so many entries. There are two generations: when the younger is full it becomes the older, and what
/// nobody asked for since then is forgotten.
#[derive(Debug)]
pub(super) struct Recent<K, V> {
    young: HashMap<K, V>,
    old: HashMap<K, V>,
    half: usize,
}

impl<K: Clone + Eq + Hash, V: Default> Recent<K, V> {
    pub(super) fn new(limit: usize) -> Self {
        Recent { young: HashMap::new(), old: HashMap::new(), half: (limit / 2).max(1) }
    }

    /// What is known of somebody, as of now.
    pub(super) fn of(&mut self, key: &K) -> &mut V {
        if self.young.len() >= self.half && !self.young.contains_key(key) {
            self.old = std::mem::take(&mut self.young);
        }
        let known = self.old.remove(key);
        self.young.entry(key.clone()).or_insert_with(|| known.unwrap_or_default())
    }
}

/// Events that should be a certain time apart on average. Times are durations since the gate was made.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Spaced {
    /// When all that was taken is paid for.
    due: Duration,
}

/// How far ahead of the average somebody may be.
const BURST: Duration = Duration::from_secs(60);

impl Spaced {
    /// Takes one, if the rate allows it.
    pub(super) fn take(&mut self, now: Duration, per_minute: u32) -> bool {
        let Some(apart) = Duration::from_secs(60).checked_div(per_minute) else {
            return false;
        };
        let due = self.due.max(now) + apart;
        let fits = due <= now + BURST;
        if fits {
            self.due = due;
        }
        fits
    }
}

/// Failed log-ins.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Penalty {
    failures: u32,
    until: Duration,
}

impl Penalty {
    pub(super) fn is_waiting(&self, now: Duration) -> bool {
        now < self.until
    }

    pub(super) fn failures(&self) -> u32 {
        self.failures
    }

    /// So many failures were forgetfulness.
    pub(super) fn forgive(&mut self, failures: u32) {
        self.failures = self.failures.saturating_sub(failures);
    }

    /// From the `limit`th failure on there is a wait, twice as long each time; who was quiet for the longest begins anew.
    pub(super) fn add(&mut self, now: Duration, limit: u32, first: Duration, longest: Duration) {
        if self.until + longest < now {
            *self = Penalty { failures: 0, until: now };
        }
        self.failures = self.failures.saturating_add(1);
        self.until = now;
        if let Some(beyond) = self.failures.checked_sub(limit.max(1)) {
            self.until += first.saturating_mul(1_u32.checked_shl(beyond).unwrap_or(u32::MAX)).min(longest);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn seconds(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    #[test]
    fn those_not_seen_for_longest_are_forgotten() {
        let mut recent = Recent::<u32, u32>::new(8);
        *recent.of(&0) = 7;
        for key in 1..100 {
            *recent.of(&key) = key;
            assert_eq!(*recent.of(&0), 7); // seen all the time
            assert!(recent.young.len() + recent.old.len() <= 8);
        }
        assert_eq!(*recent.of(&1), 0);
        assert_eq!(*recent.of(&99), 99);
    }

    #[test]
    fn rates_have_a_burst_and_an_average() {
        let mut spaced = Spaced::default();
        let taken = |spaced: &mut Spaced, now| (0..100).filter(|_| spaced.take(seconds(now), 6)).count();
        assert_eq!(taken(&mut spaced, 100), 6);
        assert_eq!(taken(&mut spaced, 109), 0);
        assert_eq!(taken(&mut spaced, 110), 1);
        assert_eq!(taken(&mut spaced, 130), 2);
        assert_eq!(taken(&mut spaced, 1000), 6);
        assert!(!spaced.take(seconds(9999), 0));
    }

    #[test]
    fn waits_double_and_end() {
        let mut penalty = Penalty::default();
        let waits: Vec<u64> = (0..6)
            .map(|_| {
                penalty.add(seconds(10), 3, seconds(60), seconds(200));
                (penalty.until - seconds(10)).as_secs()
            })
            .collect();
        assert_eq!(waits, [0, 0, 60, 120, 200, 200]);
        assert!(penalty.is_waiting(seconds(209)) && !penalty.is_waiting(seconds(210)));
        penalty.add(seconds(411), 3, seconds(60), seconds(200));
        assert!(!penalty.is_waiting(seconds(411)));
    }
}
