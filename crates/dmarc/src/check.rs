//! Discovery and evaluation for a whole message.

use gatepost_dns::Resolver;
use gatepost_syntax::{AuthorError, Authors, Domain};

use crate::discovery::{Asking, Limits};
use crate::evaluation::{evaluate, severity};
use crate::outcome::{Identifiers, Method, Outcome, PermError, Preset, Step, Verdict};

/// Judges a message by its authors. Total: without one usable author the result is `permerror`; with several author domains
/// each is judged, and the worst result counts (RFC 9989 §5.3.1, §11.5).
pub async fn check(
    dns: &dyn Resolver,
    authors: &Result<Authors, AuthorError>,
    passed: &Identifiers,
    limits: &Limits,
    preset: Preset,
) -> Outcome {
    check_by(Method::TreeWalk, dns, authors, passed, limits, preset).await
}

/// The same with a method of one's own for organizational domains.
pub async fn check_by(
    method: Method,
    dns: &dyn Resolver,
    authors: &Result<Authors, AuthorError>,
    passed: &Identifiers,
    limits: &Limits,
    preset: Preset,
) -> Outcome {
    let domains = match authors {
        Ok(authors) => authors.domains(),
        Err(error) => return Outcome::new(Verdict::PermError(PermError::Author(error.clone())), None),
    };
    if domains.len() > limits.authors {
        return Outcome::new(Verdict::PermError(PermError::ManyAuthors { count: domains.len() }), None);
    }
    let mut asking = Asking::new(dns, limits, method);
    match domains {
        [] => Outcome::new(Verdict::PermError(PermError::Author(AuthorError::NoAddress)), None),
        [author] => evaluate(asking.discover(author, passed).await, passed, preset),
        several => worst_of(several, asking, passed, preset).await,
    }
}

/// Judges each of several author domains: the worst result counts (RFC 9989 §11.5).
async fn worst_of(authors: &[Domain], mut asking: Asking<'_>, passed: &Identifiers, preset: Preset) -> Outcome {
    let mut worst: Option<Outcome> = None;
    let mut judged = Vec::new();
    for author in authors {
        let discovery = asking.discover(author, passed).await;
        asking.next(&discovery);
        let outcome = evaluate(discovery, passed, preset);
        judged.push(Step::Judged { author: author.clone(), verdict: outcome.verdict.clone() });
        if worst.as_ref().is_none_or(|worst| severity(&outcome) > severity(worst)) {
            worst = Some(outcome);
        }
    }
    let mut worst = worst.unwrap_or_else(|| Outcome::new(Verdict::None, None));
    worst.trail.splice(..0, judged);
    worst
}
