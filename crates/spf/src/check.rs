//! `check_host` for an identity, and for both of a session.

use gatepost_dns::Resolver;

use crate::evaluation::{Evaluation, Found, Spent, Stop};
use crate::outcome::{Outcome, Scope, Verdict};
use crate::query::{Limits, Query};

/// Evaluates whether a client may use an identity. Total: whatever the records hold, it ends within the limits.
pub async fn check(dns: &dyn Resolver, query: &Query<'_>, limits: &Limits) -> Outcome {
    let domain = query.domain();
    let mut evaluation = Evaluation::new(dns, query, limits, domain.as_ref());
    let found = match &domain {
        // RFC 7208 §4.3: malformed, a literal or a single label
        None => Err(Stop::Nothing),
        Some(domain) => evaluation.check_host(domain).await,
    };
    let found = found.unwrap_or_else(|stop| Found::undecided(stop.verdict()));
    let explanation = match found {
        Found { verdict: Verdict::Fail, explain: Some(step), .. } => evaluation.explain(step).await,
        _ => None,
    };
    let Found { verdict, decided, .. } = found;
    let Spent { terms, voids, uses_sender, trail } = evaluation.spent();
    let (scope, client, limits) = (query.scope, query.ip, *limits);
    Outcome { verdict, scope, domain, explanation, decided, terms, voids, trail, limits, client, uses_sender }
}

/// The outcomes of both identities of a session.
#[derive(Clone, Debug)]
pub struct Both {
    /// Of the HELO name. DMARC never uses it (RFC 9989 §4.4.2).
    pub helo: Outcome,
    /// Of the reverse-path.
    pub mail_from: Outcome,
}

/// Checks the HELO name and then the reverse-path (RFC 7208 §2.3, §2.4). `query` is one made by [`Query::mail_from`].
///
/// Where both lead to the same domain and no record asks for the sender, the second evaluation is the first.
pub async fn check_both(dns: &dyn Resolver, query: &Query<'_>, limits: &Limits) -> Both {
    let helo = check(dns, &query.helo_identity(), limits).await;
    let same = !helo.uses_sender && helo.domain == query.domain();
    let mail_from =
        if same { Outcome { scope: Scope::MailFrom, ..helo.clone() } } else { check(dns, query, limits).await };
    Both { helo, mail_from }
}
