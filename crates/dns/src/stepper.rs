//! Evaluations without an executor: they ask, you answer.

use std::collections::HashMap;
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use crate::answer::{Answer, LookupError, Question};
use crate::resolver::{Lookup, Resolver};

/// Runs an evaluation step by step: [`Stepper::poll`] says what it wants to know, [`Stepper::answer`] tells it.
pub struct Stepper<T> {
    task: Pin<Box<dyn Future<Output = T> + Send>>,
    desk: Arc<Desk>,
    done: bool,
}

/// What an evaluation wants.
#[derive(Debug, PartialEq, Eq)]
pub enum Progress<T> {
    /// An answer to this question. The same question is shown until it is answered.
    Ask(Question),
    /// Nothing more: this is the result.
    Done(T),
    /// Nothing: the result was handed out before, or the evaluation waits for something else than DNS.
    Idle,
}

#[derive(Default)]
struct Desk {
    sheet: Mutex<Sheet>,
}

#[derive(Default)]
struct Sheet {
    open: Vec<Question>,
    answers: HashMap<Question, Result<Answer, LookupError>>,
}

impl Desk {
    fn sheet(&self) -> MutexGuard<'_, Sheet> {
        self.sheet.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Resolver for Desk {
    fn lookup<'a>(&'a self, question: &'a Question) -> Lookup<'a> {
        Lookup::new(poll_fn(move |_| {
            let mut sheet = self.sheet();
            if let Some(answer) = sheet.answers.get(question) {
                return Poll::Ready(answer.clone());
            }
            if !sheet.open.contains(question) {
                sheet.open.push(question.clone());
            }
            Poll::Pending
        }))
    }
}

impl<T> Stepper<T> {
    /// Prepares an evaluation over the resolver that `task` is given.
    pub fn new<F: Future<Output = T> + Send + 'static>(task: impl FnOnce(Arc<dyn Resolver>) -> F) -> Self {
        let desk = Arc::new(Desk::default());
        let resolver: Arc<dyn Resolver> = desk.clone();
        Stepper { task: Box::pin(task(resolver)), desk, done: false }
    }

    /// Runs until the evaluation needs an answer or has ended.
    pub fn poll(&mut self) -> Progress<T> {
        if !self.done {
            let mut context = Context::from_waker(Waker::noop());
            if let Poll::Ready(result) = self.task.as_mut().poll(&mut context) {
                self.done = true;
                return Progress::Done(result);
            }
        }
        match self.desk.sheet().open.first() {
            Some(question) if !self.done => Progress::Ask(question.clone()),
            _ => Progress::Idle,
        }
    }

    /// Answers an open question; questions may be answered in any order.
    pub fn answer(&mut self, question: &Question, answer: Result<Answer, LookupError>) {
        let mut sheet = self.desk.sheet();
        sheet.open.retain(|open| open != question);
        sheet.answers.insert(question.clone(), answer);
    }

    /// All questions that are open: more than one when the evaluation asks in parallel.
    pub fn open(&self) -> Vec<Question> {
        self.desk.sheet().open.clone()
    }
}

impl<T> std::fmt::Debug for Stepper<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Stepper").field("open", &self.open()).field("done", &self.done).finish_non_exhaustive()
    }
}
