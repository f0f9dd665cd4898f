//! Records, header fields and addresses: what only needs a parser.

use gatepost_dkim::record::KeyRecord;
use gatepost_dkim::signature::Signature;
use gatepost_dkim::{Canonicalization, Limits, canon};
use gatepost_results::{Finding, Lang, Property, ResInfo, authres, strip};
use gatepost_spf::lint::{Lint, lint};
use gatepost_syntax::{Mailbox, base64};
use serde_json::{Value, json};

use crate::request::{Error, Request, split};

/// `{"valid": false, "error": …}`
fn invalid(error: impl ToString) -> Value {
    json!({"valid": false, "error": error.to_string()})
}

pub(crate) fn spf_record(request: &Request) -> Result<Value, Error> {
    let text = request.text("record")?;
    let advice =
        |lint: Lint| -> Value { serde_json::from_str(&Finding::from(lint).to_json(Lang::En)).unwrap_or_default() };
    Ok(match lint(text) {
        Ok(found) => json!({"valid": true, "lint": found.into_iter().map(advice).collect::<Vec<_>>()}),
        Err(error) => json!({"valid": false, "error": error.to_string(), "lint": []}),
    })
}

pub(crate) fn dkim_key(request: &Request) -> Result<Value, Error> {
    Ok(match KeyRecord::parse(request.text("record")?) {
        Err(error) => invalid(error),
        Ok(record) => json!({
            "valid": true, "k": record.key_type(), "bits": record.bits(), "revoked": record.is_revoked(), "h": record.hashes,
            "s": record.services, "t": {"y": record.testing, "s": record.strict}, "n": record.notes,
        }),
    })
}

pub(crate) fn dkim_signature(request: &Request) -> Result<Value, Error> {
    let header = request.text("header")?;
    let body = header.split_once(':').filter(|(name, _)| name.trim().eq_ignore_ascii_case("DKIM-Signature"));
    let body = body.map_or(header, |(_, body)| body);
    Ok(match Signature::parse(body.trim_end_matches(['\r', '\n']), &Limits::default()) {
        Err(error) => invalid(error),
        Ok(signature) => json!({
            "valid": true, "a": signature.algorithm.word(), "d": signature.domain.as_str(), "s": signature.selector.as_str(),
            "i": signature.identity, "h": signature.headers.iter().collect::<Vec<_>>(), "l": signature.length, "t": signature.timestamp,
            "x": signature.expiration, "b": base64::encode(signature.signature()), "bh": base64::encode(signature.body_hash()),
            "c": format!("{}/{}", signature.canonicalization.header.word(), signature.canonicalization.body.word()),
        }),
    })
}

pub(crate) fn dmarc_record(request: &Request) -> Result<Value, Error> {
    use gatepost_dmarc::record::{Psd, Record};
    let record = match Record::parse(request.text("record")?) {
        Ok(record) => record,
        Err(error) => return Ok(invalid(error)),
    };
    let requests = match record.requests() {
        Ok(requests) => requests,
        Err(error) => return Ok(invalid(error)),
    };
    let mode = |strict: bool| if strict { "s" } else { "r" };
    let psd = match record.psd {
        Psd::Yes => "y",
        Psd::No => "n",
        Psd::Unknown => "u",
    };
    Ok(json!({"valid": true, "tags": {
        "p": requests.own.word(), "sp": requests.subdomain.word(), "np": requests.nonexistent.word(),
        "adkim": mode(record.strict_dkim), "aspf": mode(record.strict_spf), "t": if record.testing { "y" } else { "n" },
        "psd": psd, "rua": record.rua, "ruf": record.ruf, "fo": record.failure_options,
    }}))
}

pub(crate) fn auth_results(request: &Request) -> Result<Value, Error> {
    let header = request.text("header")?;
    let named = header.split_once(':').filter(|(name, _)| name.trim().eq_ignore_ascii_case("Authentication-Results"));
    let body = named.map_or(header, |(_, body)| body);
    let parsed = match authres::parse(body.trim_end_matches(['\r', '\n'])) {
        Ok(parsed) => parsed,
        Err(error) => return Ok(invalid(error)),
    };
    let property = |p: Property<'_>| json!({"ptype": p.ptype(), "property": p.name(), "value": p.value()});
    let result = |info: &ResInfo| {
        let props: Vec<Value> = info.properties().map(property).collect();
        json!({"method": info.method(), "result": info.result(), "reason": info.why(), "props": props})
    };
    let results: Vec<Value> = parsed.claims().iter().map(result).collect();
    Ok(json!({"valid": true, "authserv_id": parsed.authserv_id(), "version": parsed.version(), "results": results}))
}

pub(crate) fn strip_auth_results(request: &Request) -> Result<Value, Error> {
    let message = request.message()?;
    let (headers, _) = split(&message)?;
    let stripped = strip(&headers, &[request.text("authserv_id")?]);
    let rest = message.get(headers.raw().len()..).unwrap_or_default();
    let message = [stripped.headers.as_slice(), rest].concat();
    Ok(json!({"removed": stripped.removed, "message": String::from_utf8_lossy(&message)}))
}

pub(crate) fn canonicalize(request: &Request) -> Result<Value, Error> {
    let which = |field: &'static str| {
        let word = request.text(field)?;
        Canonicalization::from_word(word).ok_or(Error::Type { field, expected: "simple or relaxed" })
    };
    let (header, body) = (which("header")?, which("body")?);
    let message = request.message()?;
    let (headers, octets) = split(&message)?;
    let mut out = Vec::new();
    match request.texts("headers")? {
        None => headers.fields().for_each(|field| canon::header(field, header, &mut out)),
        Some(names) => canon::selected_headers(&headers, names.iter().map(String::as_str), header, &mut out),
    }
    Ok(json!({
        "headers_base64": base64::encode(out),
        "body_base64": base64::encode(canon::body(octets, body)),
        "body_hash": canon::body_hash(octets, body),
    }))
}

pub(crate) fn address(request: &Request) -> Result<Value, Error> {
    // a mailbox as it stands within a path's angle brackets
    Ok(match Mailbox::parse(request.text("path")?) {
        Ok(mailbox) => json!({"valid": true, "local": mailbox.local(), "domain": mailbox.host().to_string()}),
        Err(error) => invalid(error),
    })
}
