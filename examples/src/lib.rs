#![forbid(unsafe_code)]
//! What the example programs share: judging one message by SPF, DKIM and DMARC, as a filter or a server would.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::SystemTime;

use gatepost_dkim::Verifier;
use gatepost_dmarc::{Identifiers, Preset};
use gatepost_dns::Resolver;
use gatepost_results::{AuthResults, Explain, Outline};
use gatepost_spf::Query;
use gatepost_syntax::{Fed, HeaderError, HeaderLimits, Splitter, author};

/// What is known of a message besides its octets.
#[derive(Clone, Debug)]
pub struct Envelope {
    /// The client's address.
    pub ip: IpAddr,
    /// What the client called itself.
    pub helo: String,
    /// The reverse-path without brackets; empty for the null one.
    pub mail_from: String,
    /// When the message came.
    pub now: SystemTime,
}

/// All three verdicts.
#[derive(Debug)]
pub struct Judgement {
    /// Of the reverse-path.
    pub spf: gatepost_spf::Outcome,
    /// Of the signatures.
    pub dkim: gatepost_dkim::Outcome,
    /// Of the author domain.
    pub dmarc: gatepost_dmarc::Outcome,
}

impl Judgement {
    /// The field to put on top of the message.
    pub fn results(&self, authserv_id: &str) -> AuthResults {
        let results = AuthResults::new(authserv_id).with(self.spf.res_info());
        results
            .with_all(self.dkim.res_infos())
            .with(self.dmarc.res_info())
    }
}

impl Explain for Judgement {
    fn explain(&self) -> Outline {
        let line = format!(
            "spf={} dkim={} dmarc={}",
            self.spf.verdict.word(),
            self.dkim.word(),
            self.dmarc.verdict.word()
        );
        Outline::new(line).children([self.spf.explain(), self.dkim.explain(), self.dmarc.explain()])
    }
}

/// Judges a message that arrives in chunks; only its header section is kept.
pub async fn judge<'m>(
    dns: &dyn Resolver,
    envelope: &Envelope,
    chunks: impl IntoIterator<Item = &'m [u8]>,
) -> Result<Judgement, HeaderError> {
    let mut chunks = chunks.into_iter();
    let mut splitter = Splitter::new(&HeaderLimits::default());
    let mut body: &[u8] = &[];
    for chunk in chunks.by_ref() {
        if let Fed::Complete { used } = splitter.feed(chunk)? {
            body = chunk.get(used..).unwrap_or_default();
            break;
        }
    }
    let headers = Arc::new(splitter.finish()?);
    let mut verifier = Verifier::new(Arc::clone(&headers), &gatepost_dkim::Limits::default());
    verifier.body(body);
    chunks.for_each(|chunk| verifier.body(chunk));

    let query = Query::mail_from(envelope.ip, &envelope.mail_from, &envelope.helo).at(envelope.now);
    let spf = gatepost_spf::check(dns, &query, &gatepost_spf::Limits::default()).await;
    let dkim = verifier.finish().results(dns, envelope.now).await;
    let undecided =
        !dkim.undecided().is_empty() || matches!(spf.verdict, gatepost_spf::Verdict::TempError(_));
    let passed = Identifiers {
        spf: spf.passed().cloned(),
        dkim: dkim.passed(),
        undecided,
    };
    let limits = gatepost_dmarc::Limits::default();
    let dmarc =
        gatepost_dmarc::check(dns, &author::authors(&headers), &passed, &limits, Preset::Record).await;
    Ok(Judgement { spf, dkim, dmarc })
}

/// The README's code, compiled and run.
#[doc = include_str!("../../README.md")]
#[cfg(doctest)]
pub struct Readme;
