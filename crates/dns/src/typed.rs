//! Typed questions, written once over [`Resolver::lookup`].

use std::net::IpAddr;
use std::time::Duration;

use crate::answer::{Answer, Found, LookupError, Mx, Question, RecordType, Security, Tlsa};
use crate::name::Name;
use crate::resolver::Resolver;
use crate::txt::Txt;

/// The records of one type; empty when there is none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rrset<T> {
    /// The records in the order of the answer.
    pub records: Vec<T>,
    /// Whether the name does not exist at all; then there are no records.
    pub nxdomain: bool,
    /// Whether DNSSEC proves it.
    pub security: Security,
    /// How long it may be kept.
    pub ttl: Duration,
}

/// Which addresses are wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Family {
    /// A records.
    V4,
    /// AAAA records.
    V6,
}

impl Family {
    /// The family of an address.
    pub fn of(address: IpAddr) -> Self {
        if address.is_ipv4() { Family::V4 } else { Family::V6 }
    }

    /// The record type of the family.
    pub fn record_type(self) -> RecordType {
        match self {
            Family::V4 => RecordType::A,
            Family::V6 => RecordType::Aaaa,
        }
    }
}

impl dyn Resolver + '_ {
    /// TXT records, character-strings joined.
    pub async fn txt(&self, name: &Name) -> Result<Rrset<Txt>, LookupError> {
        self.typed(name, RecordType::Txt, |answer| answer.texts().cloned().collect()).await
    }

    /// Addresses of one family.
    pub async fn addresses(&self, name: &Name, family: Family) -> Result<Rrset<IpAddr>, LookupError> {
        self.typed(name, family.record_type(), |answer| answer.addresses().collect()).await
    }

    /// Mail exchangers, in the order of the answer.
    pub async fn mx(&self, name: &Name) -> Result<Rrset<Mx>, LookupError> {
        self.typed(name, RecordType::Mx, |answer| answer.mail_exchangers().cloned().collect()).await
    }

    /// The names of an address.
    pub async fn ptr(&self, address: IpAddr) -> Result<Rrset<Name>, LookupError> {
        let name = Name::for_reverse(address);
        self.typed(&name, RecordType::Ptr, |answer| answer.pointers().cloned().collect()).await
    }

    /// TLSA records.
    pub async fn tlsa(&self, name: &Name) -> Result<Rrset<Tlsa>, LookupError> {
        self.typed(name, RecordType::Tlsa, |answer| answer.tlsas().cloned().collect()).await
    }

    async fn typed<T>(
        &self,
        name: &Name,
        kind: RecordType,
        pick: impl Fn(&Answer) -> Vec<T>,
    ) -> Result<Rrset<T>, LookupError> {
        let question = Question::new(name.clone(), kind);
        let answer = self.lookup(&question).await?;
        let nxdomain = answer.found == Found::NxDomain;
        Ok(Rrset { records: pick(&answer), nxdomain, security: answer.security, ttl: answer.ttl })
    }
}
