//! Keeps what was asked and answered.

use std::sync::{Mutex, PoisonError};

use crate::answer::{Answer, LookupError, Question};
use crate::resolver::{Lookup, Resolver};

/// One question with its answer.
pub type Asked = (Question, Result<Answer, LookupError>);

/// A resolver that remembers each question and its answer, in the order of the answers: for explanations
/// and replays. It grows with every question: make one for each evaluation.
#[derive(Debug, Default)]
pub struct Recorder<R> {
    inner: R,
    asked: Mutex<Vec<Asked>>,
}

impl<R: Resolver> Recorder<R> {
    /// Records what `inner` is asked.
    pub fn new(inner: R) -> Self {
        Recorder { inner, asked: Mutex::new(Vec::new()) }
    }

    /// What was asked so far.
    pub fn asked(&self) -> Vec<Asked> {
        self.asked.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl<R: Resolver> Resolver for Recorder<R> {
    fn lookup<'a>(&'a self, question: &'a Question) -> Lookup<'a> {
        Lookup::new(async move {
            let answer = self.inner.lookup(question).await;
            let mut asked = self.asked.lock().unwrap_or_else(PoisonError::into_inner);
            asked.push((question.clone(), answer.clone()));
            answer
        })
    }
}
