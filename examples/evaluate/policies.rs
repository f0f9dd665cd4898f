//! SPF, DKIM, DMARC and ARC.

use std::sync::Arc;

use gatepost_arc::seal::{Payload, SealError, Sealer};
use gatepost_dkim::sign::{Signer, Spec};
use gatepost_dkim::{Canonicalizations, PrivateKey, Verifier};
use gatepost_dmarc::{Identifiers, Method, Preset};
use gatepost_dns::{LookupError, Resolver, block_on};
use gatepost_results::{AuthResults, Explain, Lang};
use gatepost_spf::Query;
use gatepost_syntax::{AuthorError, Authors, Domain, HeaderBlock, author};
use serde_json::{Value, json};

use crate::request::{Error, Request, split};

pub(crate) fn spf(request: &Request) -> Result<Value, Error> {
    let zone = request.zone()?;
    let query = spf_query(request)?;
    let outcome = block_on(gatepost_spf::check(&zone, &query, &gatepost_spf::Limits::default()));
    Ok(json!({
        "result": outcome.verdict.word(),
        "domain": outcome.domain.as_ref().map(Domain::as_str),
        "explanation": outcome.explanation,
        "mechanism": outcome.mechanism(),
        "terms": outcome.terms,
        "voids": outcome.voids,
        "reason": outcome.reason(),
        "received_spf": outcome.received_spf(&query),
        "trail": tree(&outcome),
    }))
}

fn spf_query(request: &Request) -> Result<Query<'_>, Error> {
    let query = Query::mail_from(request.ip()?, request.text("mail_from")?, request.text("helo")?).at(request.now()?);
    Ok(match request.optional_text("receiver")? {
        Some(receiver) => query.receiver(receiver),
        None => query,
    })
}

/// An explanation as JSON.
fn tree(outcome: &dyn Explain) -> Value {
    serde_json::from_str(&outcome.explain().to_json(Lang::En)).unwrap_or_default()
}

/// RFC 6376 has a signature pass that covers the front of the body only; our library's default is stricter. The clock is the
/// request's, exact to the second.
fn dkim_limits(request: &Request) -> Result<gatepost_dkim::Limits, Error> {
    let mut limits = gatepost_dkim::Limits::default();
    limits.allow_sha1 = request.flag("allow_weak")?;
    limits.allow_partial_body = !request.flag("whole_body_only")?;
    limits.diagnoses = 32;
    limits.clock_skew = 0;
    Ok(limits)
}

fn verify(
    request: &Request,
    dns: &dyn Resolver,
    message: &[u8],
) -> Result<(gatepost_dkim::Outcome, Arc<HeaderBlock>), Error> {
    let (headers, body) = split(message)?;
    let headers = Arc::new(headers);
    let mut verifier = Verifier::new(Arc::clone(&headers), &dkim_limits(request)?);
    verifier.body(body);
    Ok((block_on(verifier.finish().results(dns, request.now()?)), headers))
}

fn signatures(outcome: &gatepost_dkim::Outcome) -> Value {
    let one = |signature: &gatepost_dkim::SignatureOutcome| {
        json!({
            "result": signature.verdict.word(),
            "domain": signature.domain.as_ref().map(Domain::as_str),
            "selector": signature.selector.as_ref().map(Domain::as_str),
            "identity": signature.identity,
            "algorithm": signature.algorithm.map(|algorithm| algorithm.word()),
            "reason": signature.verdict.reason(),
            "covered": signature.coverage.map(|coverage| [coverage.covered, coverage.total]),
            "diagnosis": signature.diagnosis.as_ref().map(ToString::to_string),
        })
    };
    outcome.signatures.iter().map(one).collect()
}

pub(crate) fn dkim(request: &Request) -> Result<Value, Error> {
    let zone = request.zone()?;
    let (outcome, _) = verify(request, &zone, &request.message()?)?;
    Ok(json!({"result": outcome.word(), "signatures": signatures(&outcome), "trail": tree(&outcome)}))
}

pub(crate) fn arc(request: &Request) -> Result<Value, Error> {
    let zone = request.zone()?;
    let message = request.message()?;
    let (headers, body) = split(&message)?;
    let mut limits = gatepost_arc::Limits::default();
    limits.signatures = dkim_limits(request)?;
    let mut verifier = gatepost_arc::Verifier::new(Arc::new(headers), &limits);
    verifier.body(body);
    let outcome = block_on(verifier.finish().results(&zone, request.now()?));
    Ok(json!({
        "result": outcome.word(),
        "instances": outcome.instances,
        "oldest_pass": outcome.oldest_pass,
        "reason": outcome.fail().map(ToString::to_string),
        "trail": tree(&outcome),
    }))
}

/// Verifies the chain, and seals it with the results that `authserv_id` recorded.
pub(crate) fn arc_seal(request: &Request) -> Result<Value, Error> {
    let zone = request.zone()?;
    let message = request.message()?;
    let (headers, body) = split(&message)?;
    let mut verifier = gatepost_arc::Verifier::new(Arc::new(headers.clone()), &gatepost_arc::Limits::default());
    verifier.body(body);
    let arrived = block_on(verifier.finish().results(&zone, request.now()?));
    let server = request.text("authserv_id")?;
    let payload = Payload::merged(&headers, &[server]).unwrap_or_else(|| Payload::from(&AuthResults::new(server)));
    let domain = |field| Domain::parse(request.text(field)?).map_err(|error| Error::value(field, error));
    let mut spec = Spec::new(domain("domain")?, domain("selector")?);
    spec.time = request.get("clock").map(|_| request.now()).transpose()?;
    let key = PrivateKey::from_pem(request.text("key")?).map_err(|error| Error::value("key", error))?;
    let failed = |error: SealError| Error::value("message", error);
    let mut sealer = Sealer::new(spec, headers, &arrived, &payload).map_err(failed)?;
    sealer.body(body);
    let sealed = sealer.finish().and_then(|draft| draft.seal(&key)).map_err(failed)?;
    Ok(json!({"header": sealed.to_string(), "instance": sealed.instance, "cv": sealed.status.word()}))
}

pub(crate) fn dkim_sign(request: &Request) -> Result<Value, Error> {
    let name =
        |field| request.text(field).and_then(|text| Domain::parse(text).map_err(|error| Error::value(field, error)));
    let mut spec = Spec::new(name("domain")?, name("selector")?);
    spec.headers = request.texts("headers")?;
    if let Some(text) = request.optional_text("canonicalization")? {
        let expected = "simple or relaxed, or two of them with a slash between";
        spec.canonicalization =
            Canonicalizations::parse(text).ok_or(Error::Type { field: "canonicalization", expected })?;
    }
    spec.time = request.get("clock").map(|_| request.now()).transpose()?;
    let key = PrivateKey::from_pem(request.text("key")?).map_err(|error| Error::value("key", error))?;
    let message = request.message()?;
    let (headers, body) = split(&message)?;
    let mut signer = Signer::new(spec, headers).map_err(|error| Error::value("message", error))?;
    signer.body(body);
    let draft = signer.finish().map_err(|error| Error::value("message", error))?;
    let header = draft.sign(&key).map_err(|error| Error::value("key", error))?;
    Ok(json!({"header": header}))
}

pub(crate) fn dmarc(request: &Request) -> Result<Value, Error> {
    let zone = request.zone()?;
    if request.get("from_domain").is_some() {
        return direct(request, &zone);
    }
    let message = request.message()?;
    let (dkim, headers) = verify(request, &zone, &message)?;
    let spf = block_on(gatepost_spf::check(&zone, &spf_query(request)?, &gatepost_spf::Limits::default()));
    let authors = author::authors(&headers);
    let passed = gatepost::identifiers(&spf, &dkim);
    let outcome = judge(method(request)?, &zone, &authors, &passed);
    let results =
        AuthResults::new("evaluate.invalid").with(spf.res_info()).with_all(dkim.res_infos()).with(outcome.res_info());
    let mut verdict = dmarc_verdict(&zone, &outcome);
    if let Value::Object(fields) = &mut verdict {
        fields.insert(
            "spf".into(),
            json!({"result": spf.verdict.word(), "domain": spf.domain.as_ref().map(Domain::as_str)}),
        );
        fields.insert("dkim".into(), json!({"result": dkim.word(), "signatures": signatures(&dkim)}));
        fields.insert("authentication_results".into(), json!(results.to_string()));
    }
    Ok(verdict)
}

fn direct(request: &Request, dns: &dyn Resolver) -> Result<Value, Error> {
    let domain = Domain::parse(request.text("from_domain")?);
    let authors = match domain {
        Ok(domain) => author::parse(&format!("author@{domain}")),
        Err(error) => return Err(Error::value("from_domain", error)),
    };
    let mut passed = Identifiers::default();
    if let Some(spf) = request.get("spf")
        && let Some((domain, result)) = checked(spf).ok_or(Error::Type { field: "spf", expected: CHECKED })?
    {
        passed = passed.with_spf(&domain, result);
    }
    let dkim = match request.get("dkim") {
        None => &[][..],
        Some(Value::Array(dkim)) => dkim,
        Some(_) => return Err(Error::Type { field: "dkim", expected: "a list" }),
    };
    for one in dkim {
        if let Some((domain, result)) = checked(one).ok_or(Error::Type { field: "dkim", expected: CHECKED })? {
            passed = passed.with_dkim(&domain, result);
        }
    }
    Ok(dmarc_verdict(dns, &judge(method(request)?, dns, &authors, &passed)))
}

const CHECKED: &str = "objects with a result and a domain";

/// An identifier with its result; without a domain it is none that could be aligned.
fn checked(value: &Value) -> Option<Option<(Domain, &str)>> {
    let result = value.get("result")?.as_str()?;
    match value.get("domain") {
        None | Some(Value::Null) => Some(None),
        Some(domain) => Some(Domain::parse(domain.as_str()?).ok().map(|domain| (domain, result))),
    }
}

/// How organizational domains are to be told: `walk` by the tree walk, as without the field, `psl` by the public suffix list.
fn method(request: &Request) -> Result<Method, Error> {
    match request.optional_text("method")? {
        None | Some("walk") => Ok(Method::TreeWalk),
        Some("psl") => Ok(Method::PublicSuffixList),
        Some(_) => Err(Error::Type { field: "method", expected: "walk or psl" }),
    }
}

fn judge(
    method: Method,
    dns: &dyn Resolver,
    authors: &Result<Authors, AuthorError>,
    passed: &Identifiers,
) -> gatepost_dmarc::Outcome {
    let limits = gatepost_dmarc::Limits::default();
    block_on(gatepost_dmarc::check_by(method, dns, authors, passed, &limits, Preset::Rfc9989))
}

fn dmarc_verdict(dns: &dyn Resolver, outcome: &gatepost_dmarc::Outcome) -> Value {
    // the judgement asks for the organizational domain only where it matters; the verdict always shows it
    let org_domain = outcome.org_domain.clone().or_else(|| {
        if outcome.method == Method::PublicSuffixList {
            return outcome.author.as_ref().map(gatepost_dmarc::psl::org_domain);
        }
        let limits = gatepost_dmarc::Limits::default();
        block_on(gatepost_dmarc::org_domain(dns, outcome.author.as_ref()?, &limits)).0.ok()
    });
    json!({
        "result": outcome.verdict.word(),
        "header_from": outcome.author.as_ref().map(Domain::as_str),
        "policy": outcome.requested.map(|request| request.word()),
        "effective": outcome.effective.word(),
        "disposition": outcome.disposition.word(),
        "policy_domain": outcome.policy_domain.as_ref().map(Domain::as_str),
        "org_domain": org_domain.as_ref().map(Domain::as_str),
        "aligned": {"spf": outcome.aligned.spf, "dkim": outcome.aligned.dkim},
        "trail": tree(outcome),
    })
}

pub(crate) fn org_domain(request: &Request) -> Result<Value, Error> {
    let zone = request.zone()?;
    let domain = Domain::parse(request.text("domain")?).map_err(|error| Error::value("domain", error))?;
    if method(request)? == Method::PublicSuffixList {
        let org = gatepost_dmarc::psl::org_domain(&domain);
        return Ok(json!({"org_domain": org.as_str(), "queries": [], "method": "psl"}));
    }
    let (org, asked) = block_on(gatepost_dmarc::org_domain(&zone, &domain, &gatepost_dmarc::Limits::default()));
    let queries: Vec<String> = asked.iter().map(|question| question.name.to_string()).collect();
    match org {
        Ok(org) => Ok(json!({"org_domain": org.as_str(), "queries": queries})),
        Err(error) => Ok(json!({"org_domain": null, "queries": queries, "error": temporary(error)})),
    }
}

fn temporary(error: LookupError) -> String {
    format!("temperror: {error}")
}
