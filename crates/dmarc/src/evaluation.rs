//! What follows from a discovery: no look-ups here (RFC 9989 §4.4, §4.10.1, §5.3).

use gatepost_syntax::Domain;

use crate::discovery::Discovery;
use crate::outcome::{Identifiers, Outcome, Preset, Step, Verdict};
use crate::record::{Record, Request};

/// Judges one author domain.
pub fn evaluate(discovery: &Discovery, passed: &Identifiers, preset: Preset) -> Outcome {
    let mut outcome = Outcome::new(Verdict::None, Some(discovery.author.clone()));
    outcome.trail = discovery.trail.clone();
    outcome.org_domain = discovery.org_domain.clone();
    let (policy_domain, record) = match &discovery.policy {
        Ok(Some(found)) => found,
        Ok(None) => return outcome,
        Err(_) => {
            outcome.verdict = Verdict::TempError;
            return outcome;
        }
    };
    // RFC 9989 §4.10.1: without a valid policy and without rua there is no DMARC processing
    let Ok(requests) = record.requests() else {
        return outcome;
    };
    outcome.policy_domain = Some(policy_domain.clone());
    let request = match (*policy_domain == discovery.author, discovery.exists) {
        (true, _) => requests.own,
        (false, Ok(false)) => requests.nonexistent,
        (false, _) => requests.subdomain,
    };
    outcome.requested = Some(request);
    outcome.effective = if record.testing { request.lowered() } else { request };
    let undecided = compare(discovery, record, passed, &mut outcome) || discovery.exists.is_err();
    outcome.verdict = if outcome.aligned.spf || outcome.aligned.dkim {
        Verdict::Pass // an aligned pass needs nothing that failed
    } else if undecided || passed.undecided {
        Verdict::TempError // RFC 9989 §5.3.6
    } else {
        Verdict::Fail
    };
    if outcome.verdict == Verdict::Fail {
        outcome.disposition = preset.disposition(outcome.effective);
    }
    outcome
}

/// Compares the identifiers; whether a look-up that was needed failed.
fn compare(discovery: &Discovery, record: &Record, passed: &Identifiers, outcome: &mut Outcome) -> bool {
    let mut undecided = false;
    let spf = passed.spf.iter().map(|domain| ("spf", domain, record.strict_spf));
    for (method, identifier, strict) in spf.chain(passed.dkim.iter().map(|domain| ("dkim", domain, record.strict_dkim)))
    {
        let Some(aligned) = is_aligned(discovery, identifier, strict) else {
            undecided = true;
            continue;
        };
        outcome.aligned.spf |= aligned && method == "spf";
        outcome.aligned.dkim |= aligned && method == "dkim";
        outcome.trail.push(Step::Compared { method, identifier: identifier.clone(), strict, aligned });
    }
    undecided
}

/// RFC 9989 §4.4: identical, or relaxed: of the same organizational domain. `None`: a look-up failed.
fn is_aligned(discovery: &Discovery, identifier: &Domain, strict: bool) -> Option<bool> {
    if *identifier == discovery.author {
        return Some(true);
    }
    if strict {
        return Some(false);
    }
    match discovery.identifier_orgs.iter().find(|(domain, _)| domain == identifier) {
        Some((_, Ok(org))) => Some(discovery.org_domain.as_ref() == Some(org)),
        Some((_, Err(_))) => None,
        None => Some(false), // beyond the limit of identifiers
    }
}

/// How bad a verdict is, for messages with several authors: the worst one counts (RFC 9989 §11.5).
pub(crate) fn severity(outcome: &Outcome) -> (u8, Request) {
    let rank = match outcome.verdict {
        Verdict::Fail => 3,
        Verdict::PermError(_) | Verdict::TempError => 2,
        Verdict::None => 1,
        Verdict::Pass => 0,
    };
    (rank, outcome.effective)
}
