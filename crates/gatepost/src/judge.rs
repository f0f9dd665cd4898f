//! Judging a message while it streams in: SPF, DKIM, ARC and DMARC together.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::SystemTime;

use gatepost_arc::Chain;
use gatepost_dkim::Verifier;
use gatepost_dmarc::{Identifiers, Preset, Request};
use gatepost_dns::Resolver;
use gatepost_results::{AuthResults, Explain, Key, Outline, Phrase, ResInfo, for_reader};
use gatepost_spf::Query;
use gatepost_syntax::{AuthorLimits, Defect, Domain, Fed, HeaderBlock, HeaderError, HeaderLimits, Splitter, author};
use thiserror::Error;

use crate::bundle::{Bundle, Recording};
use crate::sealers::{Overruled, overruled};

/// What is known of a message besides its octets.
#[derive(Clone, Debug, PartialEq, Eq)]
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
    /// Of the From field.
    pub authors: AuthorLimits,
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
    pub(crate) authserv_id: String,
    pub(crate) preset: Preset,
    pub(crate) sealers: Vec<Domain>,
    pub(crate) limits: Limits,
    bundles: bool,
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
        Judge {
            resolver,
            authserv_id: authserv_id.to_owned(),
            preset: Preset::Record,
            sealers: Vec::new(),
            limits: Limits::default(),
            bundles: false,
        }
    }

    /// What is made of DMARC requests; [`Preset::Record`] by default.
    #[must_use]
    pub fn preset(mut self, preset: Preset) -> Self {
        self.preset = preset;
        self
    }

    /// Whose ARC seals may keep a DMARC policy from being applied, see [`Overruled`]; nobody's by default.
    #[must_use]
    pub fn trusted_sealers(mut self, sealers: Vec<Domain>) -> Self {
        self.sealers = sealers;
        self
    }

    /// Keeps all that a judgement depends on with it, see [`Inbound::bundle`].
    #[must_use]
    pub fn bundles(mut self) -> Self {
        self.bundles = true;
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
            recording: self.bundles.then(|| Recording::new(Arc::clone(&self.resolver))),
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
        let recording = judging.recording;
        let dns: &dyn Resolver = recording.as_ref().map_or(&*self.resolver, |recording| &recording.resolver);
        let spf_query = Query::mail_from(envelope.ip, &envelope.mail_from, &envelope.helo)
            .receiver(&self.authserv_id)
            .at(envelope.now);
        let gatepost_spf::Both { helo, mail_from: spf } =
            gatepost_spf::check_both(dns, &spf_query, &self.limits.spf).await;
        let received_spf = spf.received_spf(&spf_query);
        let finished = verifier.finish();
        let dkim = finished.results(dns, envelope.now).await;
        let arc = chain.results(finished.body_digests(), dns, envelope.now).await;
        let authors = author::authors_within(&headers, &self.limits.authors);
        let passed = identifiers(&spf, &dkim);
        let dmarc = gatepost_dmarc::check(dns, &authors, &passed, &self.limits.dmarc, self.preset).await;
        let overruled = overruled(&headers, &arc, &dmarc, &self.sealers);
        let (authserv_id, client) = (self.authserv_id.clone(), envelope.ip);
        let mut inbound = Inbound {
            authserv_id,
            client,
            auth: None,
            helo,
            spf,
            received_spf,
            dkim,
            arc,
            dmarc,
            overruled,
            bundle: None,
            headers,
        };
        inbound.bundle = recording.map(|recording| Box::new(recording.finish(self, envelope, &inbound)));
        Ok(inbound)
    }
}

/// What SPF and DKIM give DMARC to compare with the author: the one place where they meet.
pub fn identifiers(spf: &gatepost_spf::Outcome, dkim: &gatepost_dkim::Outcome) -> Identifiers {
    Identifiers {
        spf: spf.passed().cloned(),
        dkim: dkim.passed(),
        spf_undecided: spf.undecided().cloned(),
        dkim_undecided: dkim.undecided(),
    }
}

/// A message that is arriving. Only its header section is kept.
pub struct Judging {
    splitter: Option<Splitter>,
    headers: Option<Arc<HeaderBlock>>,
    /// In a box: the buffers in it are too large to be moved with each step.
    verifier: Option<Box<Verifier>>,
    chain: Option<Chain>,
    recording: Option<Recording>,
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
        if let Some(recording) = &mut self.recording {
            recording.octets(chunk);
        }
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
            let mut verifier = Box::new(Verifier::new(Arc::clone(&headers), &self.limits.dkim));
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
    /// ARC: who handed the message on. It changes no other result; see [`Judge::trusted_sealers`] for the policy.
    pub arc: gatepost_arc::Outcome,
    /// DMARC of the author domain.
    pub dmarc: gatepost_dmarc::Outcome,
    /// Why the policy of the author domain is not applied although DMARC failed, if it is not.
    pub overruled: Option<Overruled>,
    /// All that the judgement depends on, if the judge was told to keep it: see [`Judge::bundles`].
    pub bundle: Option<Box<Bundle>>,
    /// The header section as it came.
    pub headers: Arc<HeaderBlock>,
}

impl Inbound {
    /// Notes that the client was authenticated by SMTP AUTH (RFC 8601 §2.7.4).
    #[must_use]
    pub fn authenticated_as(mut self, user: &str) -> Self {
        self.auth = Some(ResInfo::new("auth", "pass").with(Key::SmtpAuth, user));
        self
    }

    /// What is to be done under the judge's preset: as DMARC asks, unless a trusted sealer overrules it.
    pub fn disposition(&self) -> Request {
        if self.overruled.is_some() { Request::None } else { self.dmarc.disposition }
    }

    /// The results to record.
    pub fn results(&self) -> AuthResults {
        let dmarc = self.dmarc.res_info();
        let dmarc = match &self.overruled {
            Some(overruled) => dmarc.comment(overruled.to_string()),
            None => dmarc,
        };
        AuthResults::new(&self.authserv_id)
            .with_all(self.auth.clone())
            .with(self.spf.res_info())
            .with(self.helo.res_info())
            .with_all(self.dkim.res_infos())
            .with(self.arc.res_info(Some(self.client)))
            .with(dmarc)
    }

    /// Why the message says pass or fail, in plain words for its reader.
    pub fn for_reader(&self) -> Outline {
        for_reader(&[self.results()])
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
        let overruled = self.overruled.as_ref().map(|Overruled { sealer, instance }| {
            Phrase::SealerTrusted.with([sealer.as_str(), &format!("i={instance}")]).into()
        });
        Outline::new(line).children([
            self.helo.explain(),
            self.spf.explain(),
            self.dkim.explain(),
            self.arc.explain(),
            self.dmarc.explain().children(overruled),
        ])
    }
}
