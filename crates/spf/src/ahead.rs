//! Questions that are asked before their term is reached. The evaluation stays one term after the other: only the
//! waiting is shared.

use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::task::{Context, Poll};

use gatepost_dns::{Question, Resolver};

use crate::lookups::Asked;

type Running<'a> = Pin<Box<dyn Future<Output = Asked> + Send + 'a>>;

pub(crate) struct Ahead<'a> {
    dns: &'a dyn Resolver,
    /// How many questions may be open at once.
    limit: usize,
    running: Vec<(Question, Running<'a>)>,
    /// Bounded by what the terms of all records may ask.
    ready: Vec<(Question, Asked)>,
}

impl<'a> Ahead<'a> {
    pub(crate) fn new(dns: &'a dyn Resolver, limit: usize) -> Self {
        Ahead { dns, limit, running: Vec::new(), ready: Vec::new() }
    }

    /// Begins to ask, unless enough is open.
    pub(crate) fn ask(&mut self, question: Question) {
        if self.running.len() < self.limit && !self.knows(&question) {
            self.start(question);
        }
    }

    /// The answer to a question whose turn it is.
    pub(crate) async fn answer(&mut self, question: &Question) -> Asked {
        if !self.knows(question) {
            self.start(question.clone());
        }
        poll_fn(|context| self.poll(question, context)).await
    }

    fn knows(&self, question: &Question) -> bool {
        self.running.iter().any(|(open, _)| open == question) || self.ready.iter().any(|(had, _)| had == question)
    }

    fn start(&mut self, question: Question) {
        let (dns, asked) = (self.dns, question.clone());
        self.running.push((question, Box::pin(async move { dns.lookup(&asked).await })));
    }

    fn poll(&mut self, wanted: &Question, context: &mut Context<'_>) -> Poll<Asked> {
        let mut index = 0;
        while let Some((_, running)) = self.running.get_mut(index) {
            match running.as_mut().poll(context) {
                Poll::Pending => index += 1,
                Poll::Ready(answer) => {
                    let (question, _) = self.running.swap_remove(index);
                    self.ready.push((question, answer));
                }
            }
        }
        match self.ready.iter().find(|(question, _)| question == wanted) {
            Some((_, answer)) => Poll::Ready(answer.clone()),
            None => Poll::Pending,
        }
    }
}
