//! Questions of an evaluation, each noted in its trail, and the names of the client (RFC 7208 §5.5, §7.3).

use gatepost_dns::{Answer, Family, Lookup, LookupError, Name, Question, RecordType};

use crate::address::in_network;
use crate::evaluation::{Evaluation, Frame, Stop};
use crate::outcome::{PermError, TempError};
use crate::record::Mechanism;

/// What came of a question.
pub(crate) type Asked = Result<Answer, LookupError>;

impl Evaluation<'_> {
    /// Names of the client that lead back to it (RFC 7208 §5.5): errors skip a name, names beyond the limit are ignored.
    /// That the client has none is a void look-up; that one of its names leads nowhere is none, since the names are the
    /// client's and not the domain's (RFC 7208 §4.6.4).
    pub(crate) async fn validated_names(&mut self, depth: usize) -> Result<Vec<Name>, Stop> {
        let (ip, limit) = (self.query.ip, self.limits.ptr_names);
        let pointers = |answer: &Answer| answer.pointers().take(limit).cloned().collect();
        let pointers = self.term_asks(Name::for_reverse(ip), RecordType::Ptr, depth, pointers);
        let names: Vec<Name> = match pointers.await {
            Err(Stop::Temp(_)) => Vec::new(),
            names => names?,
        };
        let kind = Family::of(ip).record_type();
        names.iter().for_each(|name| self.prefetch(name.clone(), kind));
        let mut validated = Vec::new();
        for name in names {
            let leads_back = |answer: &Answer| answer.addresses().any(|address| address == ip);
            if self.ask(name.clone(), kind, depth, |_, answer| leads_back(answer)).await.is_ok_and(|leads| leads) {
                validated.push(name);
            }
        }
        Ok(validated)
    }

    /// `%{p}` in the record that a step found: its domain, else a name below it, else any (RFC 7208 §7.3).
    pub(crate) async fn validated(&mut self, found: usize, depth: usize) -> Result<Option<Name>, Stop> {
        let mut names = self.validated_names(depth).await?;
        let Some(domain) = self.trail.domain(found) else {
            return Ok(None);
        };
        let exact = names.iter().position(|name| name == domain);
        let best = exact.or_else(|| names.iter().position(|name| name.is_or_below(domain))).unwrap_or(0);
        Ok((best < names.len()).then(|| names.swap_remove(best)))
    }

    /// Asks a term's own question. RFC 7208 §4.6.4: at most 2 of them may be void.
    pub(crate) async fn term_asks<T>(
        &mut self,
        name: Name,
        kind: RecordType,
        depth: usize,
        read: impl FnOnce(&Answer) -> T,
    ) -> Result<T, Stop> {
        let (is_void, made) = self
            .ask(name, kind, depth, |_, answer| (answer.records().is_empty(), read(answer)))
            .await
            .map_err(Stop::Temp)?;
        if is_void {
            self.voids += 1;
            if self.voids > self.limits.voids {
                return Err(Stop::Perm(PermError::Voids { limit: self.limits.voids }));
            }
        }
        Ok(made)
    }

    /// Asks, notes it in the trail, and returns what `read` makes of the answer.
    pub(crate) async fn ask<T>(
        &mut self,
        name: Name,
        kind: RecordType,
        depth: usize,
        read: impl FnOnce(&Question, &Answer) -> T,
    ) -> Result<T, TempError> {
        let question = Question::new(name, kind);
        let answer = self.lookup(&question).await;
        self.note(question, answer, depth, read)
    }

    /// The answer to a question, which may have been asked before its turn.
    pub(crate) fn lookup<'q>(&'q mut self, question: &'q Question) -> Lookup<'q> {
        match &mut self.ahead {
            None => self.dns.lookup(question),
            Some(ahead) => Lookup::new(ahead.answer(question)),
        }
    }

    /// Notes an answer in the trail, and returns what `read` makes of it.
    pub(crate) fn note<T>(
        &mut self,
        question: Question,
        answer: Asked,
        depth: usize,
        read: impl FnOnce(&Question, &Answer) -> T,
    ) -> Result<T, TempError> {
        let made = match &answer {
            Ok(answer) => Ok(read(&question, answer)),
            Err(error) => Err(TempError { question: question.clone(), error: *error }),
        };
        self.trail.asked(depth, question, answer);
        made
    }

    /// Begins to ask what will be needed, if it may.
    pub(crate) fn prefetch(&mut self, name: Name, kind: RecordType) {
        if let Some(ahead) = &mut self.ahead {
            ahead.ask(Question::new(name, kind));
        }
    }

    /// Begins to ask what the terms of a record will ask, as far as the budget goes and no term before surely decides.
    pub(crate) fn look_ahead(&mut self, frame: &Frame) {
        if self.ahead.is_none() {
            return;
        }
        let mut left = self.limits.terms.saturating_sub(self.terms);
        for directive in &frame.record.directives {
            let kind = match &directive.mechanism {
                Mechanism::All => return,
                Mechanism::Ip(network, length) if in_network(&self.query.ip, network, *length) => return,
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
                None => self.trail.domain(frame.found).cloned(),
                // %{p} takes questions of its own
                Some(spec) if spec.uses("p") => None,
                Some(spec) => spec.expand_to_name(&self.values(frame.found, None)),
            };
            if let Some(name) = name {
                self.prefetch(name, kind);
            }
        }
    }
}
