//! A cache in front of a resolver.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use crate::answer::{Answer, Question};
use crate::resolver::{Lookup, Resolver};

/// Tells how long ago some fixed moment was. The cache reads no clock of its own (the moment is the caller's choice).
pub type Clock = Box<dyn Fn() -> Duration + Send + Sync>;

/// Bounds of a cache.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct CacheLimits {
    /// How many answers are kept (default 10,000). When full, what has expired goes first, then all of it.
    pub entries: usize,
    /// The longest time an answer is kept, whatever its TTL says (default one hour).
    pub ttl: Duration,
}

impl Default for CacheLimits {
    fn default() -> Self {
        CacheLimits { entries: 10_000, ttl: Duration::from_secs(3600) }
    }
}

/// A resolver that keeps answers, negative ones too (RFC 2308), for their TTL. Failures are not kept.
pub struct Cached<R> {
    inner: R,
    clock: Clock,
    limits: CacheLimits,
    kept: Mutex<HashMap<Question, (Duration, Answer)>>,
}

impl<R: Resolver> Cached<R> {
    /// A cache before `inner`.
    pub fn new(inner: R, limits: CacheLimits, clock: Clock) -> Self {
        Cached { inner, clock, limits, kept: Mutex::new(HashMap::new()) }
    }

    fn get(&self, question: &Question, now: Duration) -> Option<Answer> {
        let kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept.get(question).filter(|(until, _)| now < *until).map(|(_, answer)| answer.clone())
    }

    fn keep(&self, question: &Question, answer: &Answer, now: Duration) {
        let until = now + answer.ttl.min(self.limits.ttl);
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.len() >= self.limits.entries {
            kept.retain(|_, (until, _)| now < *until);
            if kept.len() >= self.limits.entries {
                kept.clear();
            }
        }
        kept.insert(question.clone(), (until, answer.clone()));
    }
}

impl<R: Resolver> Resolver for Cached<R> {
    fn lookup<'a>(&'a self, question: &'a Question) -> Lookup<'a> {
        let now = (self.clock)();
        if let Some(answer) = self.get(question, now) {
            return Lookup::ready(Ok(answer));
        }
        Lookup::new(async move {
            let answer = self.inner.lookup(question).await?;
            self.keep(question, &answer, now);
            Ok(answer)
        })
    }
}

impl<R: std::fmt::Debug> std::fmt::Debug for Cached<R> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Cached").field("inner", &self.inner).field("limits", &self.limits).finish_non_exhaustive()
    }
}
