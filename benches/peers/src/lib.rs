#![forbid(unsafe_code)]
//! mail-auth as a receiver would hold it: every record parsed and cached, so that nothing but its own work is measured.
#![allow(clippy::unwrap_used)] // a bench may

use std::borrow::Borrow;
use std::collections::HashMap;
use std::hash::Hash;
use std::time::Instant;

use gatepost_dns::{Name, Resolver, Zone, block_on};
use mail_auth::dkim::DomainKey;
use mail_auth::dmarc::DmarcRecord;
use mail_auth::dns::{DnsCache, NoCache, ResolverCache, TxtRecord, TxtRecordParser};
use mail_auth::hickory_resolver::proto::op::ResponseCode;
use mail_auth::spf::SpfRecord;
use mail_auth::{DnsError, Error};

/// The cheapest cache that mail-auth's traits allow: no lock, no expiry; what is not in it does not exist.
pub struct Txt(HashMap<Box<str>, TxtRecord>);

impl Txt {
    /// The TXT records at these names of a zone, parsed as what they are.
    pub fn new(zone: &Zone, names: &[&str]) -> Txt {
        let read = |name: &&str| {
            let zone: &dyn Resolver = zone;
            let text = block_on(zone.txt(&Name::parse(name).unwrap())).unwrap().records.first().unwrap().clone();
            (format!("{name}.").into(), parse(text.as_bytes()))
        };
        Txt(names.iter().map(read).collect())
    }
}

fn parse(text: &[u8]) -> TxtRecord {
    match text {
        text if text.starts_with(b"v=spf1") => SpfRecord::parse(text).into(),
        text if text.starts_with(b"v=DMARC1") => DmarcRecord::parse(text).into(),
        text => DomainKey::parse(text).into(),
    }
}

impl ResolverCache<Box<str>, TxtRecord> for Txt {
    fn get<Q>(&self, name: &Q) -> Option<TxtRecord>
    where
        Box<str>: Borrow<Q>,
        Q: Hash + Eq + ?Sized,
    {
        let missing = || TxtRecord::Error(Error::Dns(DnsError::RecordNotFound(ResponseCode::NXDomain)));
        Some(self.0.get(name).cloned().unwrap_or_else(missing))
    }

    fn remove<Q>(&self, _: &Q) -> Option<TxtRecord>
    where
        Box<str>: Borrow<Q>,
        Q: Hash + Eq + ?Sized,
    {
        None
    }

    fn insert(&self, _: Box<str>, _: TxtRecord, _: Instant) {}
}

impl DnsCache for Txt {
    type Txt = Txt;
    type Mx = NoCache;
    type Ipv4 = NoCache;
    type Ipv6 = NoCache;
    type Ptr = NoCache;

    fn txt(&self) -> Option<&Txt> {
        Some(self)
    }

    fn mx(&self) -> Option<&NoCache> {
        None
    }

    fn ipv4(&self) -> Option<&NoCache> {
        None
    }

    fn ipv6(&self) -> Option<&NoCache> {
        None
    }

    fn ptr(&self) -> Option<&NoCache> {
        None
    }
}
