//! Discovery and evaluation for a whole message.

use gatepost_dns::Resolver;
use gatepost_syntax::{AuthorError, Authors};

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
    let mut worst: Option<Outcome> = None;
    let mut judged = Vec::new();
    let mut asking = Asking::new(dns, limits, method);
    for author in domains {
        let discovery = asking.discover(author, passed).await;
        if domains.len() > 1 {
            asking.next(&discovery);
        }
        let outcome = evaluate(discovery, passed, preset);
        if domains.len() > 1 {
            judged.push(Step::Judged { author: author.clone(), verdict: outcome.verdict.clone() });
        }
        if worst.as_ref().is_none_or(|worst| severity(&outcome) > severity(worst)) {
            worst = Some(outcome);
        }
    }
    let no_address = || Outcome::new(Verdict::PermError(PermError::Author(AuthorError::NoAddress)), None);
    let mut worst = worst.unwrap_or_else(no_address);
    if !judged.is_empty() {
        worst.trail.splice(..0, judged);
    }
    worst
}
