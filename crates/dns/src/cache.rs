//! A cache in front of a resolver.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::answer::{Answer, Question, Record};
use crate::resolver::{Lookup, Resolver};

/// Tells how long ago some fixed moment was. The cache reads no clock of its own (the moment is the caller's choice).
pub type Clock = Box<dyn Fn() -> Duration + Send + Sync>;

/// Bounds of a cache.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct CacheLimits {
    /// How many answers are kept (default 10,000).
    pub entries: usize,
    /// About how many octets all answers may take (default 64 MiB): a stranger's TXT record may have 64 KiB.
    pub octets: usize,
    /// The longest time an answer is kept, whatever its TTL says (default one hour; RFC 2308 §5 wants such a bound for
    /// negative answers, RFC 8767 §4 for all).
    pub ttl: Duration,
}

impl Default for CacheLimits {
    fn default() -> Self {
        CacheLimits { entries: 10_000, octets: 64 << 20, ttl: Duration::from_secs(3600) }
    }
}

/// A resolver that keeps answers, negative ones too (RFC 2308), for their TTL, and hands them out with what is left of
/// it. Failures and answers with a TTL of zero are not kept.
///
/// There are two generations, each with half of the room: when the young one is full, the old one goes. What is asked for
/// becomes young again, so a flood of names that are asked for once pushes out nothing but itself and what is idle.
pub struct Cached<R> {
    inner: R,
    clock: Clock,
    limits: CacheLimits,
    kept: Mutex<Kept>,
}

#[derive(Default)]
struct Kept {
    young: HashMap<Question, Entry>,
    old: HashMap<Question, Entry>,
    /// What the young answers take.
    octets: usize,
}

struct Entry {
    until: Duration,
    answer: Answer,
}

impl<R: Resolver> Cached<R> {
    /// A cache before `inner`.
    pub fn new(inner: R, limits: CacheLimits, clock: Clock) -> Self {
        Cached { inner, clock, limits, kept: Mutex::default() }
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn get(&self, question: &Question, now: Duration) -> Option<Answer> {
        let mut kept = self.kept();
        if let Some((question, entry)) = kept.old.remove_entry(question) {
            kept.insert(question, entry, &self.limits);
        }
        let Entry { until, answer } = kept.young.get(question)?;
        let ttl = until.checked_sub(now).filter(|left| !left.is_zero())?;
        Some(Answer { ttl, ..answer.clone() })
    }

    fn keep(&self, question: &Question, answer: &Answer, now: Duration) {
        let ttl = answer.ttl.min(self.limits.ttl);
        if !ttl.is_zero() {
            let entry = Entry { until: now.saturating_add(ttl), answer: answer.clone() };
            self.kept().insert(question.clone(), entry, &self.limits);
        }
    }
}

impl Kept {
    fn insert(&mut self, question: Question, entry: Entry, limits: &CacheLimits) {
        let octets = octets(&question, &entry.answer);
        if octets > limits.octets / 2 || limits.entries < 2 {
            return;
        }
        if self.young.len() >= limits.entries / 2 || self.octets + octets > limits.octets / 2 {
            self.old = std::mem::take(&mut self.young);
            self.octets = 0;
        }
        self.octets += octets;
        self.young.insert(question, entry);
    }
}

/// About what an answer takes.
fn octets(question: &Question, answer: &Answer) -> usize {
    let of = |record: &Record| match record {
        Record::Txt(txt) => txt.as_bytes().len(),
        Record::Tlsa(tlsa) => tlsa.data.len(),
        Record::Mx(mx) => mx.exchange.as_str().len(),
        Record::Ptr(name) | Record::Cname(name) => name.as_str().len(),
        Record::A(_) | Record::Aaaa(_) => 0,
    };
    let records = answer.records();
    let fixed = size_of::<Question>() + size_of::<Entry>() + size_of_val(records);
    fixed + question.name.as_str().len() + records.iter().map(of).sum::<usize>()
}

impl<R: Resolver> Resolver for Cached<R> {
    fn lookup<'a>(&'a self, question: &'a Question) -> Lookup<'a> {
        let now = (self.clock)();
        if let Some(answer) = self.get(question, now) {
            return Lookup::ready(Ok(answer));
        }
        Lookup::new(async move {
            let answer = self.inner.lookup(question).await?;
            self.keep(question, &answer, (self.clock)());
            Ok(answer)
        })
    }
}

impl<R: std::fmt::Debug> std::fmt::Debug for Cached<R> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Cached").field("inner", &self.inner).field("limits", &self.limits).finish_non_exhaustive()
    }
}
