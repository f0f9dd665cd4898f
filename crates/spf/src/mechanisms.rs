//! The mechanisms that ask DNS for more than another record (RFC 7208 §5.3 to §5.7).

use gatepost_dns::{Answer, Family, Name, RecordType};

use crate::address::in_network;
use crate::evaluation::{Evaluation, Frame, Stop};
use crate::outcome::PermError;
use crate::record::{Mechanism, Prefixes};

impl Evaluation<'_> {
    /// Whether a mechanism matches that asks DNS.
    pub(crate) async fn asking_matches(&mut self, mechanism: &Mechanism, frame: &Frame) -> Result<bool, Stop> {
        self.count_term()?;
        let name = match mechanism.spec() {
            None => self.trail.domain(frame.found).cloned(),
            Some(spec) => self.expand(spec, frame.found, frame.depth).await?,
        };
        // RFC 7208 §4.8 leaves open what becomes no name; RFC 8616 §4 has it so for local parts that are not ASCII
        let Some(name) = name else {
            return Ok(false);
        };
        let depth = frame.depth + 1;
        match mechanism {
            Mechanism::A(_, prefixes) => self.has_address(name, *prefixes, depth).await,
            Mechanism::Mx(_, prefixes) => self.mx_has_address(name, *prefixes, depth).await,
            Mechanism::Ptr(_) => {
                let names = self.validated_names(depth).await?;
                Ok(names.iter().any(|validated| validated.is_or_below(&name)))
            }
            // RFC 7208 §5.7: an A look-up, whatever the client's family
            Mechanism::Exists(_) => {
                self.term_asks(name, RecordType::A, depth, |answer| !answer.records().is_empty()).await
            }
            Mechanism::Include(_) | Mechanism::All | Mechanism::Ip(..) => Ok(false), // they have their turn elsewhere
        }
    }

    async fn has_address(&mut self, name: Name, prefixes: Prefixes, depth: usize) -> Result<bool, Stop> {
        let ip = self.query.ip;
        let length = if ip.is_ipv4() { prefixes.v4 } else { prefixes.v6 };
        let holds = |answer: &Answer| answer.addresses().any(|address| in_network(&ip, &address, length));
        self.term_asks(name, Family::of(ip).record_type(), depth, holds).await
    }

    /// RFC 7208 §5.4.
    async fn mx_has_address(&mut self, name: Name, prefixes: Prefixes, depth: usize) -> Result<bool, Stop> {
        let limit = self.limits.mx_names;
        let exchanges = self.term_asks(name, RecordType::Mx, depth, |answer| {
            // RFC 7208 §4.6.4: more than 10 names of one mx are a permerror
            match answer.records().len() > limit {
                true => Err(Stop::Perm(PermError::MxNames { limit })),
                false => Ok(answer.mail_exchangers().map(|mx| mx.exchange.clone()).collect::<Vec<_>>()),
            }
        });
        let mut exchanges = exchanges.await??;
        exchanges.retain(|exchange| !exchange.is_root()); // RFC 7505
        for exchange in &exchanges {
            self.prefetch(exchange.clone(), Family::of(self.query.ip).record_type());
        }
        for exchange in exchanges {
            if self.has_address(exchange, prefixes, depth).await? {
                return Ok(true);
            }
        }
        Ok(false)
    }
}
