//! Questions of an evaluation, each noted in its trail, and the names of the client (RFC 7208 §5.5, §7.3).

use std::future::Future;
use std::net::IpAddr;
use std::pin::Pin;

use gatepost_dns::{Family, LookupError, Name, Question, RecordType, Resolver, Rrset};
use gatepost_syntax::Domain;

use crate::check::{Evaluation, is_or_below};
use crate::outcome::{Step, TempError};

type Asking<'q, T> = Pin<Box<dyn Future<Output = Result<Rrset<T>, LookupError>> + Send + 'q>>;

impl Evaluation<'_> {
    /// Names of the client that lead back to it (RFC 7208 §5.5): errors skip a name, names beyond the limit are ignored.
    pub(crate) async fn validated_names(&mut self, depth: usize) -> Vec<Name> {
        let reverse = Name::for_reverse(self.query.ip);
        let ip = self.query.ip;
        let Ok(names) = self.ask(&reverse, RecordType::Ptr, depth, |dns, _| Box::pin(dns.ptr(ip))).await else {
            return Vec::new();
        };
        let mut validated = Vec::new();
        for name in names.records.into_iter().take(self.limits.ptr_names) {
            let addresses = self.addresses(&name, Family::of(ip), depth).await;
            if addresses.is_ok_and(|found| found.records.contains(&ip)) {
                validated.push(name);
            }
        }
        validated
    }

    /// `%{p}`: the domain itself, else a name below it, else any, else `unknown` (RFC 7208 §7.3).
    pub(crate) async fn validated(&mut self, domain: &Domain, depth: usize) -> String {
        let names = self.validated_names(depth).await;
        let own = Name::from(domain);
        let exact = names.iter().find(|name| **name == own);
        let best = exact.or_else(|| names.iter().find(|name| is_or_below(name, &own))).or(names.first());
        best.map_or_else(|| "unknown".to_owned(), |name| name.as_str().to_owned())
    }

    pub(crate) async fn addresses(
        &mut self,
        name: &Name,
        family: Family,
        depth: usize,
    ) -> Result<Rrset<IpAddr>, TempError> {
        self.ask(name, family.record_type(), depth, move |dns, name| Box::pin(dns.addresses(name, family))).await
    }

    /// Asks and notes it in the trail.
    pub(crate) async fn ask<T>(
        &mut self,
        name: &Name,
        kind: RecordType,
        depth: usize,
        lookup: impl for<'q> FnOnce(&'q dyn Resolver, &'q Name) -> Asking<'q, T>,
    ) -> Result<Rrset<T>, TempError> {
        let answer = lookup(self.dns, name).await;
        let question = Question::new(name.clone(), kind);
        let count = answer.as_ref().map(|found| found.records.len()).map_err(|error| *error);
        self.trail.push(Step::Asked { depth, question: question.clone(), answer: count });
        answer.map_err(|error| TempError { question, error })
    }
}
