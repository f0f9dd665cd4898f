//! The one seam between the policies and the network.

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use crate::answer::{Answer, LookupError, Question};

/// Answers DNS questions: all that the policy crates ask of the network.
///
/// One method, dyn-safe: a cache, a recorder or a test zone is one short `impl`.
pub trait Resolver: Send + Sync {
    /// Asks one question. A CNAME is followed by the resolver; the answer holds records of the asked type.
    fn lookup<'a>(&'a self, question: &'a Question) -> Lookup<'a>;
}

impl<R: Resolver + ?Sized> Resolver for Arc<R> {
    fn lookup<'a>(&'a self, question: &'a Question) -> Lookup<'a> {
        (**self).lookup(question)
    }
}

/// The future of a look-up. An answer that is at hand, as in a cache, takes no box.
pub struct Lookup<'a>(State<'a>);

type Waiting<'a> = Pin<Box<dyn Future<Output = Result<Answer, LookupError>> + Send + 'a>>;

enum State<'a> {
    Ready(Result<Answer, LookupError>),
    Waiting(Waiting<'a>),
}

impl<'a> Lookup<'a> {
    /// An answer to wait for.
    pub fn new(answer: impl Future<Output = Result<Answer, LookupError>> + Send + 'a) -> Self {
        Lookup(State::Waiting(Box::pin(answer)))
    }

    /// An answer that is there.
    pub fn ready(answer: Result<Answer, LookupError>) -> Self {
        Lookup(State::Ready(answer))
    }

    /// The answer, if it is at hand. To look at it here is cheaper than to wait for it: an answer that was just written is not moved
    /// before it is read.
    ///
    /// ```
    /// use gatepost_dns::{Lookup, LookupError};
    /// assert_eq!(Lookup::ready(Err(LookupError::Refused)).at_hand(), Some(&Err(LookupError::Refused)));
    /// assert_eq!(Lookup::new(async { Err(LookupError::Refused) }).at_hand(), None);
    /// ```
    pub fn at_hand(&self) -> Option<&Result<Answer, LookupError>> {
        match &self.0 {
            State::Ready(answer) => Some(answer),
            State::Waiting(_) => None,
        }
    }
}

impl Future for Lookup<'_> {
    type Output = Result<Answer, LookupError>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        match &mut self.0 {
            // nobody polls a future again that is ready
            State::Ready(answer) => Poll::Ready(std::mem::replace(answer, Err(LookupError::Malformed))),
            State::Waiting(answer) => answer.as_mut().poll(context),
        }
    }
}

impl fmt::Debug for Lookup<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if matches!(self.0, State::Ready(_)) { "Lookup(ready)" } else { "Lookup(waiting)" })
    }
}
