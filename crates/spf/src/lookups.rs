//! Questions of an evaluation, each noted in its trail, and the names of the client (RFC 7208 §5.5, §7.3).

use gatepost_dns::{Answer, Family, Name, Question, RecordType};
use gatepost_syntax::Domain;

use crate::address::in_network;
use crate::evaluation::{Evaluation, Level};
use crate::outcome::TempError;
use crate::record::{Mechanism, Record};

impl Evaluation<'_> {
    /// Names of the client that lead back to it (RFC 7208 §5.5): errors skip a name, names beyond the limit are ignored.
    pub(crate) async fn validated_names(&mut self, depth: usize) -> Vec<Name> {
        let ip = self.query.ip;
        let Ok(answer) = self.ask(&Name::for_reverse(ip), RecordType::Ptr, depth).await else {
            return Vec::new();
        };
        let names: Vec<Name> = answer.pointers().take(self.limits.ptr_names).cloned().collect();
        let kind = Family::of(ip).record_type();
        names.iter().for_each(|name| self.prefetch(name.clone(), kind));
        let mut validated = Vec::new();
        for name in names {
            let found = self.ask(&name, kind, depth).await;
            if found.is_ok_and(|answer| answer.addresses().any(|address| address == ip)) {
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
        let best = exact.or_else(|| names.iter().find(|name| name.is_or_below(&own))).or(names.first());
        best.map_or_else(|| "unknown".to_owned(), |name| name.as_str().to_owned())
    }

    /// Asks and notes it in the trail.
    pub(crate) async fn ask(&mut self, name: &Name, kind: RecordType, depth: usize) -> Result<Answer, TempError> {
        let question = Question::new(name.clone(), kind);
        let answer = match &mut self.ahead {
            None => self.dns.lookup(&question).await,
            Some(ahead) => ahead.answer(&question).await,
        };
        let result = answer.clone().map_err(|error| TempError { question: question.clone(), error });
        self.trail.asked(depth, question, answer);
        result
    }

    /// Begins to ask what will be needed, if it may.
    pub(crate) fn prefetch(&mut self, name: Name, kind: RecordType) {
        if let Some(ahead) = &mut self.ahead {
            ahead.ask(Question::new(name, kind));
        }
    }

    /// Begins to ask what the terms of a record will ask, as far as the budget goes and no term before surely decides.
    pub(crate) fn look_ahead(&mut self, record: &Record, level: Level<'_>) {
        if self.ahead.is_none() {
            return;
        }
        let mut left = self.limits.terms.saturating_sub(self.terms);
        for directive in &record.directives {
            let kind = match &directive.mechanism {
                Mechanism::All => return,
                Mechanism::Ip(network, length) if in_network(self.query.ip, *network, *length) => return,
                Mechanism::Ip(..) => continue,
                Mechanism::Include(_) => RecordType::Txt,
                Mechanism::A(..) => Family::of(self.query.ip).record_type(),
                Mechanism::Mx(..) => RecordType::Mx,
                Mechanism::Ptr(_) => RecordType::Ptr,
                Mechanism::Exists(_) => RecordType::A,
            };
            if left == 0 {
                return;
            }
            left -= 1;
            let name = match directive.mechanism.spec() {
                _ if kind == RecordType::Ptr => Some(Name::for_reverse(self.query.ip)),
                None => Some(Name::from(level.domain)),
                // %{p} takes questions of its own
                Some(spec) if spec.uses("p") => None,
                Some(spec) => spec.expand_to_name(&self.values(level.domain, "")),
            };
            if let Some(name) = name {
                self.prefetch(name, kind);
            }
        }
    }
}
