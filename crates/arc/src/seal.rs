//! Sealing (RFC 8617 §5.1) while the message streams: headers, then the body in chunks, then the three fields.

use std::sync::Arc;
use std::time::UNIX_EPOCH;

use gatepost_dkim::sign::{self, Kind as SignedKind, SignError, Signer, Spec, push_signature};
use gatepost_dkim::{Canonicalization, SigningError, SigningKey, canon};
use gatepost_results::{AuthResults, authres};
use gatepost_syntax::{Field, HeaderBlock, cfws};
use thiserror::Error;

use crate::chain::{Chain, Limits};
use crate::field::{ChainStatus, Kind, MAX_INSTANCE};
use crate::outcome::{Fail, Outcome, Status};

/// Why a message can not be sealed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum SealError {
    /// The newest seal says `cv=fail`: "there is no need to proceed" (RFC 8617 §5.1, step 2).
    #[error("the chain is marked as broken already")]
    Marked,
    /// There is no instance above [`MAX_INSTANCE`] (RFC 8617 §4.2.1).
    #[error("the chain has {MAX_INSTANCE} sets already")]
    Full,
    /// The outcome is not of this chain: the header section has other instances.
    #[error("the outcome is not that of this header section")]
    OtherChain,
    /// The fields to sign include Authentication-Results or one of ARC's (RFC 8617 §4.1.2).
    #[error("Authentication-Results and ARC fields must not be signed")]
    Covered,
    /// The message can not be signed.
    #[error(transparent)]
    Sign(#[from] SignError),
}

impl From<SigningError> for SealError {
    fn from(error: SigningError) -> Self {
        SealError::Sign(SignError::Key(error))
    }
}

/// What an ARC-Authentication-Results field says: all results of the own servers together (RFC 8617 §4.1.1).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Payload(String);

impl From<&AuthResults> for Payload {
    fn from(results: &AuthResults) -> Self {
        Payload(results.to_payload())
    }
}

impl Payload {
    /// Merges the Authentication-Results fields that `own` servers wrote, in their words, comments included; nothing
    /// without one. The caller has removed forged ones when the message came (RFC 8601 §5).
    pub fn merged(headers: &HeaderBlock, own: &[&str]) -> Option<Self> {
        let mut server = None;
        let mut results = String::new();
        for text in headers.named("Authentication-Results").filter_map(|field| field.text()) {
            let Ok(Some(read)) = authres::parse(text).map(|read| read.at_trusted_place(own)) else { continue };
            if !read.results().is_empty() {
                let own_words = authres::results_text(text).unwrap_or_default();
                results.push_str(own_words.trim_end_matches([' ', '\t', '\r', '\n', ';']));
            }
            server.get_or_insert_with(|| cfws::quote_unless_token(read.authserv_id()));
        }
        if results.is_empty() {
            results.push_str("; none"); // RFC 8601 §2.2, no-result
        }
        server.map(|server| Payload(server + &results))
    }
}

/// Takes the body of a message to seal.
#[derive(Debug)]
pub struct Sealer {
    signer: Signer,
    set: NewSet,
}

/// What a new set will have besides its signatures.
#[derive(Clone, Debug)]
struct NewSet {
    instance: u8,
    status: ChainStatus,
    spec: Spec,
    /// ARC-Authentication-Results with its CRLF.
    results: String,
    /// The canonical fields of the sets below.
    below: Vec<u8>,
}

impl Sealer {
    /// Prepares the next set of a message that is about to leave: all else has been done to it, DKIM signatures included
    /// (RFC 8617 §5.1, step 1).
    ///
    /// `arrived` is what verification found when the message came, before it was changed. A chain that was broken then is
    /// marked so, once: the new set says `cv=fail`, and later ones are refused.
    pub fn new(spec: Spec, headers: HeaderBlock, arrived: &Outcome, payload: &Payload) -> Result<Self, SealError> {
        let chain = Chain::new(Arc::new(headers.clone()), &Limits::default());
        if chain.instances != arrived.instances {
            return Err(SealError::OtherChain);
        }
        let status = match (&arrived.status, &chain.sets) {
            (Status::Fail(Fail::Marked { .. }), _) | (_, Err(Fail::Marked { .. })) => return Err(SealError::Marked),
            (Status::Fail(_), _) => ChainStatus::Fail,
            (_, Err(_)) => return Err(SealError::OtherChain),
            (Status::None, Ok(_)) => ChainStatus::None,
            (Status::Pass, Ok(_)) => ChainStatus::Pass,
        };
        // step 3: "1 more than the highest instance number"
        let instance = chain.instances + 1;
        if instance > MAX_INSTANCE {
            return Err(SealError::Full);
        }
        // RFC 8617 §4.1.2: these are taken away or added to on the way
        let unfit = |name: &String| {
            let fields = Kind::ALL.map(Kind::name).into_iter().chain(["Authentication-Results"]);
            fields.into_iter().any(|unfit| unfit.eq_ignore_ascii_case(name))
        };
        if spec.headers.iter().flatten().any(unfit) {
            return Err(SealError::Covered);
        }
        // RFC 8617 §5.1.2: the seal of a broken chain covers its own set only
        let below = if status == ChainStatus::Fail { Vec::new() } else { chain.sealed_octets() };
        let results = format!("{}: i={instance}; {}\r\n", Kind::AuthenticationResults, payload.0);
        let signer = Signer::of_kind(SignedKind::ArcMessage { instance }, spec.clone(), headers)?;
        Ok(Sealer { signer, set: NewSet { instance, status, spec, results, below } })
    }

    /// Takes the next octets of the body.
    pub fn body(&mut self, chunk: &[u8]) {
        self.signer.body(chunk);
    }

    /// The body has ended.
    pub fn finish(self) -> Result<Draft, SealError> {
        Ok(Draft { message: self.signer.finish()?, set: self.set })
    }
}

/// All but the signatures.
#[derive(Clone, Debug)]
pub struct Draft {
    message: sign::Draft,
    set: NewSet,
}

impl Draft {
    /// Signs the message and then seals the chain.
    pub fn seal(&self, key: &dyn SigningKey) -> Result<Sealed, SealError> {
        let message_signature = self.message.sign(key)?;
        let mut seal = self.set.unsigned(key);
        let mut octets = self.set.below.clone();
        for field in [&self.set.results, &message_signature] {
            canon::header(Field::new(field.as_bytes()), Canonicalization::Relaxed, &mut octets);
        }
        canon::header(Field::new(seal.as_bytes()), Canonicalization::Relaxed, &mut octets);
        octets.truncate(octets.len().saturating_sub(2)); // without its CRLF (RFC 6376 §3.7)
        push_signature(&mut seal, &key.sign(&octets)?);
        Ok(Sealed {
            instance: self.set.instance,
            status: self.set.status,
            seal,
            message_signature,
            authentication_results: self.set.results.clone(),
        })
    }
}

impl NewSet {
    /// The seal up to and with `b=` (RFC 8617 §4.1.3).
    fn unsigned(&self, key: &dyn SigningKey) -> String {
        let (spec, status) = (&self.spec, self.status.word());
        let since = spec.time.map(|time| time.duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs()));
        let time = since.map_or(String::new(), |seconds| format!(" t={seconds};"));
        format!(
            "{}: i={}; a={};{time} cv={status};\r\n\td={}; s={};\r\n\tb=",
            Kind::Seal,
            self.instance,
            key.algorithm().word(),
            spec.domain,
            spec.selector
        )
    }
}

/// The fields of a new set, each with its CRLF. Displayed they are in the order in which they are put on top of the message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sealed {
    /// Their instance.
    pub instance: u8,
    /// What the seal says of the chain before it.
    pub status: ChainStatus,
    /// ARC-Seal.
    pub seal: String,
    /// ARC-Message-Signature.
    pub message_signature: String,
    /// ARC-Authentication-Results.
    pub authentication_results: String,
}

impl std::fmt::Display for Sealed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}{}{}", self.seal, self.message_signature, self.authentication_results)
    }
}
