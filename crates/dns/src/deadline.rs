//! An end to asking.

use std::time::Duration;

use crate::answer::{LookupError, Question};
use crate::cache::Clock;
use crate::resolver::{Lookup, Resolver};

/// A resolver for one evaluation, which answers every question after a moment with [`LookupError::Timeout`]: so an overall
/// time limit, as RFC 7208 §4.6.4 wants one of 20 seconds or more, ends in a verdict that says so.
///
/// A look-up that began before is not cut off: it lasts as long as `inner` lets it.
pub struct Deadline<R> {
    inner: R,
    until: Duration,
    clock: Clock,
}

impl<R: Resolver> Deadline<R> {
    /// Asks `inner` while `clock` tells less than `until`.
    pub fn new(inner: R, until: Duration, clock: Clock) -> Self {
        Deadline { inner, until, clock }
    }
}

impl<R: Resolver> Resolver for Deadline<R> {
    fn lookup<'a>(&'a self, question: &'a Question) -> Lookup<'a> {
        if (self.clock)() < self.until { self.inner.lookup(question) } else { Lookup::ready(Err(LookupError::Timeout)) }
    }
}

impl<R: std::fmt::Debug> std::fmt::Debug for Deadline<R> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Deadline").field("inner", &self.inner).field("until", &self.until).finish_non_exhaustive()
    }
}
