//! What follows from a discovery: no look-ups here (RFC 9989 §4.4, §4.10.1, §5.3).

use gatepost_syntax::Domain;

use crate::discovery::{Discovery, Policy, needs_walk};
use crate::outcome::{Identifier, Identifiers, Outcome, Preset, Step, Verdict, note};
use crate::record::{Record, Request};

/// Judges one author domain.
pub fn evaluate(mut discovery: Discovery, passed: &Identifiers, preset: Preset) -> Outcome {
    let mut outcome = Outcome::new(Verdict::None, None);
    outcome.trail = std::mem::take(&mut discovery.trail);
    outcome.method = discovery.method;
    match std::mem::replace(&mut discovery.policy, Ok(None)) {
        Ok(Some(policy)) => apply(&discovery, policy, passed, preset, &mut outcome),
        Ok(None) => {}
        Err(_) => outcome.verdict = Verdict::TempError,
    }
    outcome.org_domain = discovery.org_domain.and_then(Result::ok);
    outcome.author = Some(discovery.author);
    outcome
}

/// What the record of the policy domain makes of a message.
fn apply(
    discovery: &Discovery,
    (policy_domain, record): Policy,
    passed: &Identifiers,
    preset: Preset,
    outcome: &mut Outcome,
) {
    // RFC 9989 §4.10.1: without a valid policy and without rua there is no DMARC processing
    let Ok(requests) = record.requests() else {
        return;
    };
    let (own, exists) = (policy_domain == discovery.author, discovery.exists != Ok(false));
    let request = match (own, exists) {
        (true, _) => requests.own,
        (false, false) => requests.nonexistent,
        (false, true) => requests.subdomain,
    };
    outcome.requested = Some(request);
    outcome.deciding = Some(record.deciding(own, exists));
    outcome.effective = if record.testing { request.lowered() } else { request };
    let undecided = compare(discovery, &record, passed, outcome) || discovery.exists.is_err();
    outcome.verdict = if outcome.aligned.spf || outcome.aligned.dkim {
        Verdict::Pass // an aligned pass needs nothing that failed
    } else if undecided {
        Verdict::TempError // RFC 9989 §5.3.6
    } else {
        Verdict::Fail
    };
    if outcome.verdict == Verdict::Fail {
        outcome.disposition = preset.disposition(outcome.effective);
    }
    outcome.policy_domain = Some(policy_domain);
    outcome.record = Some(record);
}

/// Compares the identifiers. Whether one that might be aligned could not be decided: its own check failed for now, or a
/// look-up that alignment needs did. Others do not matter (RFC 9989 §5.3.6).
fn compare(discovery: &Discovery, record: &Record, passed: &Identifiers, outcome: &mut Outcome) -> bool {
    let mut undecided = false;
    for identifier in passed.compared(record) {
        let Some(aligned) = is_aligned(discovery, &identifier) else {
            undecided = true;
            continue;
        };
        let Identifier { method, domain, strict, passed } = identifier;
        undecided |= aligned && !passed;
        outcome.aligned.spf |= aligned && passed && method == "spf";
        outcome.aligned.dkim |= aligned && passed && method == "dkim";
        let identifier = domain.clone();
        note(&mut outcome.trail, || Step::Compared { method, identifier, strict, passed, aligned });
    }
    undecided
}

/// RFC 9989 §4.4: identical, or relaxed: of the same organizational domain. `None`: a look-up failed.
fn is_aligned(discovery: &Discovery, identifier: &Identifier<'_>) -> Option<bool> {
    if *identifier.domain == discovery.author {
        return Some(true);
    }
    let own_org = match &discovery.org_domain {
        None => return Some(false),
        Some(Ok(own_org)) => own_org,
        // domains of different top-level domains have no organizational domain in common
        Some(Err(_)) => return if may_be_aligned(&discovery.author, identifier) { None } else { Some(false) },
    };
    if !needs_walk(&discovery.author, own_org, identifier) {
        return Some(false);
    }
    match discovery.identifier_orgs.iter().find(|(domain, _)| domain == identifier.domain) {
        Some((_, Ok(org))) => Some(own_org == org),
        Some((_, Err(_))) => None,
        None => Some(false), // beyond the limit of identifiers
    }
}

fn may_be_aligned(author: &Domain, identifier: &Identifier<'_>) -> bool {
    !identifier.strict && author.labels().next_back() == identifier.domain.labels().next_back()
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
