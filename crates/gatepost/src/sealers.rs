//! When an ARC chain keeps a DMARC policy from being applied: only if the operator trusts who sealed it, and on record.

use std::fmt;

use gatepost_arc::{SetOutcome, recorded};
use gatepost_dmarc::Verdict;
use gatepost_syntax::{Domain, HeaderBlock};

/// A trusted sealer saw the message pass DMARC before it was changed, as mailing lists do (RFC 8617 §7.2.1). The result of
/// DMARC stays what it is; its policy is not applied.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Overruled {
    /// Who sealed.
    pub sealer: Domain,
    /// The instance whose ARC-Authentication-Results field says `dmarc=pass`.
    pub instance: u8,
}

/// What is recorded in the comment of the result (RFC 9990 §3.1.1.8 calls it a trusted forwarder).
impl fmt::Display for Overruled {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "policy not applied: trusted sealer {} has dmarc=pass in arc i={}", self.sealer, self.instance)
    }
}

/// Goes down a whole chain for as long as its sealers are trusted: what one of them records he saw himself, since nobody
/// who is not trusted handled the message after him.
pub(crate) fn overruled(
    headers: &HeaderBlock,
    arc: &gatepost_arc::Outcome,
    dmarc: &gatepost_dmarc::Outcome,
    trusted: &[Domain],
) -> Option<Overruled> {
    let author = dmarc.author.as_ref().filter(|_| dmarc.verdict == Verdict::Fail)?;
    if arc.status != gatepost_arc::Status::Pass {
        return None;
    }
    let is_trusted =
        |set: &&SetOutcome| trusted.contains(&set.seal.domain) && trusted.contains(&set.message_signature.domain);
    let passed = |instance| {
        recorded(headers, instance).is_some_and(|results| {
            let mut results = results.claims().iter().filter(|result| result.method() == "dmarc");
            let domain = |from: &str| Domain::parse(from).is_ok_and(|from| from == *author);
            results.any(|dmarc| {
                dmarc.result() == "pass" && dmarc.get("header", "from").is_some_and(|value| domain(&value))
            })
        })
    };
    let mut sets = arc.sets.iter().rev().take_while(is_trusted);
    let set = sets.find(|set| passed(set.instance))?;
    Some(Overruled { sealer: set.seal.domain.clone(), instance: set.instance })
}
