//! Judging a message while it streams in: SPF, DKIM, ARC and DMARC together.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::SystemTime;

use gatepost_arc::Chain;
use gatepost_dkim::Verifier;
use gatepost_dmarc::{Identifiers, Preset, Request};
use gatepost_dns::Resolver;
use gatepost_results::{AuthResults, Explain, Outline, ResInfo};
use gatepost_spf::Query;
use gatepost_syntax::{Defect, Fed, HeaderBlock, HeaderError, HeaderLimits, Splitter, author};
use thiserror::Error;

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

/// Bounds of all that is done to judge.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct Limits {
    /// Of the header section.
    pub headers: HeaderLimits,
    /// Of SPF.
    pub spf: gatepost_spf::Limits,
    /// Of DKIM.
    pub dkim: gatepost_dkim::Limits,
    /// Of ARC.
    pub arc: gatepost_arc::Limits,
    /// Of DMARC.
    pub dmarc: gatepost_dmarc::Limits,
}

/// Judges messages. Cheap to clone.
#[derive(Clone)]
pub struct Judge {
    resolver: Arc<dyn Resolver>,
    authserv_id: String,
    preset: Preset,
    limits: Limits,
}

impl std::fmt::Debug for Judge {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Judge")
            .field("authserv_id", &self.authserv_id)
            .field("preset", &self.preset)
            .finish_non_exhaustive()
    }
}

/// Why a message can not be judged, and should be refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum JudgeError {
    /// The header section is larger than the limits.
    #[error(transparent)]
    Limit(#[from] HeaderError),
    /// The header section is malformed: readers may disagree about its fields.
    #[error("malformed header section: {0}")]
    Malformed(Defect),
}

impl Judge {
    /// A judge who calls himself `authserv_id` (RFC 8601 §2.5).
    pub fn new(resolver: Arc<dyn Resolver>, authserv_id: &str) -> Self {
        Judge { resolver, authserv_id: authserv_id.to_owned(), preset: Preset::Record, limits: Limits::default() }
    }

    /// What is made of DMARC requests; [`Preset::Record`] by default.
    #[must_use]
    pub fn preset(mut self, preset: Preset) -> Self {
        self.preset = preset;
        self
    }

    /// Other bounds.
    #[must_use]
    pub fn limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }

    /// Begins with a message that is to arrive in chunks.
    pub fn begin(&self) -> Judging {
        Judging {
            splitter: Some(Splitter::new(&self.limits.headers)),
            verifier: None,
            chain: None,
            headers: None,
            limits: self.limits.clone(),
        }
    }

    /// Judges a whole message in one call.
    pub async fn message(&self, envelope: &Envelope, message: &[u8]) -> Result<Inbound, JudgeError> {
        let mut judging = self.begin();
        judging.feed(message)?;
        self.finish(judging, envelope).await
    }

    /// The message has ended: asks what is left to ask, and judges.
    pub async fn finish(&self, mut judging: Judging, envelope: &Envelope) -> Result<Inbound, JudgeError> {
        judging.end_of_headers()?;
        let (Some(headers), Some(verifier), Some(chain)) = (judging.headers, judging.verifier, judging.chain) else {
            return Err(JudgeError::Malformed(Defect::NoColon { at: 0 }));
        };
        if let Some(defect) = headers.defect() {
            return Err(JudgeError::Malformed(defect));
        }
        let dns = &*self.resolver;
        let spf_query = Query::mail_from(envelope.ip, &envelope.mail_from, &envelope.helo)
            .receiver(&self.authserv_id)
            .at(envelope.now);
        let gatepost_spf::Both { helo, mail_from: spf } =
            gatepost_spf::check_both(dns, &spf_query, &self.limits.spf).await;
        let received_spf = spf.received_spf(&spf_query);
        let finished = verifier.finish();
        let dkim = finished.results(dns, envelope.now).await;
        let arc = chain.results(finished.body_digests(), dns, envelope.now).await;
        let authors = author::authors(&headers);
        let passed = Identifiers {
            spf: spf.passed().cloned(),
            dkim: dkim.passed(),
            spf_undecided: spf.undecided().cloned(),
            dkim_undecided: dkim.undecided(),
        };
        let dmarc = gatepost_dmarc::check(dns, &authors, &passed, &self.limits.dmarc, self.preset).await;
        let (authserv_id, client) = (self.authserv_id.clone(), envelope.ip);
        Ok(Inbound { authserv_id, client, auth: None, helo, spf, received_spf, dkim, arc, dmarc, headers })
    }
}

/// A message that is arriving. Only its header section is kept.
pub struct Judging {
    splitter: Option<Splitter>,
    headers: Option<Arc<HeaderBlock>>,
    verifier: Option<Verifier>,
    chain: Option<Chain>,
    limits: Limits,
}

impl std::fmt::Debug for Judging {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Judging").field("verifier", &self.verifier).finish_non_exhaustive()
    }
}

impl Judging {
    /// Takes the next octets; returns those that belong to the body.
    pub fn feed<'c>(&mut self, chunk: &'c [u8]) -> Result<&'c [u8], JudgeError> {
        let mut body = chunk;
        if let Some(splitter) = &mut self.splitter {
            match splitter.feed(chunk)? {
                Fed::NeedMore => return Ok(&[]),
                Fed::Complete { used } => body = chunk.get(used..).unwrap_or_default(),
            }
            self.end_of_headers()?;
        }
        if let Some(verifier) = &mut self.verifier {
            verifier.body(body);
        }
        Ok(body)
    }

    /// The header section, once it is complete.
    pub fn headers(&self) -> Option<&Arc<HeaderBlock>> {
        self.headers.as_ref()
    }

    fn end_of_headers(&mut self) -> Result<(), JudgeError> {
        if let Some(splitter) = self.splitter.take() {
            let headers = Arc::new(splitter.finish()?);
            let mut verifier = Verifier::new(Arc::clone(&headers), &self.limits.dkim);
            let chain = Chain::new(Arc::clone(&headers), &self.limits.arc);
            chain.register(verifier.body_hashes()); // one pass over the body for both
            (self.verifier, self.chain) = (Some(verifier), Some(chain));
            self.headers = Some(headers);
        }
        Ok(())
    }
}

/// A judged message.
#[derive(Debug)]
pub struct Inbound {
    authserv_id: String,
    client: IpAddr,
    auth: Option<ResInfo>,
    /// SPF of the HELO name.
    pub helo: gatepost_spf::Outcome,
    /// SPF of the reverse-path.
    pub spf: gatepost_spf::Outcome,
    received_spf: String,
    /// DKIM of all signatures.
    pub dkim: gatepost_dkim::Outcome,
    /// ARC: who handed the message on. It changes nothing about the other results.
    pub arc: gatepost_arc::Outcome,
    /// DMARC of the author domain.
    pub dmarc: gatepost_dmarc::Outcome,
    /// The header section as it came.
    pub headers: Arc<HeaderBlock>,
}

impl Inbound {
    /// Notes that the client was authenticated by SMTP AUTH (RFC 8601 §2.7.4).
    #[must_use]
    pub fn authenticated_as(mut self, user: &str) -> Self {
        self.auth = Some(ResInfo::new("auth", "pass").property("smtp", "auth", user));
        self
    }

    /// What DMARC asks to be done under the judge's preset.
    pub fn disposition(&self) -> Request {
        self.dmarc.disposition
    }

    /// The results to record.
    pub fn results(&self) -> AuthResults {
        AuthResults::new(&self.authserv_id)
            .with_all(self.auth.clone())
            .with(self.spf.res_info())
            .with(self.helo.res_info())
            .with_all(self.dkim.res_infos())
            .with(self.arc.res_info(Some(self.client)))
            .with(self.dmarc.res_info())
    }

    /// The Received-SPF field with its CRLF.
    pub fn received_spf(&self) -> &str {
        &self.received_spf
    }
}

impl Explain for Inbound {
    fn explain(&self) -> Outline {
        let (spf, dmarc) = (self.spf.verdict.word(), self.dmarc.verdict.word());
        let line = format!("spf={spf} dkim={} arc={} dmarc={dmarc}", self.dkim.word(), self.arc.word());
        Outline::new(line).children([
            self.helo.explain(),
            self.spf.explain(),
            self.dkim.explain(),
            self.arc.explain(),
            self.dmarc.explain(),
        ])
    }
}
