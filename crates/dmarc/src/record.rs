//! DMARC records (RFC 9989 §4.7, §4.8).

use std::ops::Range;

use gatepost_syntax::taglist;
use thiserror::Error;

/// What a domain asks receivers to do with failing mail.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Request {
    /// Nothing.
    None,
    /// Treat it as suspicious.
    Quarantine,
    /// Refuse it.
    Reject,
}

impl Request {
    /// The word of the record.
    pub fn word(self) -> &'static str {
        match self {
            Request::None => "none",
            Request::Quarantine => "quarantine",
            Request::Reject => "reject",
        }
    }

    fn parse(word: &str) -> Option<Self> {
        [Request::None, Request::Quarantine, Request::Reject].into_iter().find(|r| r.word().eq_ignore_ascii_case(word))
    }

    /// One level lower, for domains that are testing (RFC 9989 §4.7, `t`).
    #[must_use]
    pub fn lowered(self) -> Self {
        if self == Request::Reject { Request::Quarantine } else { Request::None }
    }
}

/// A tag with one of the requests.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tag {
    /// The tag is not there.
    Absent,
    /// Its value is none of the three.
    Invalid,
    /// Its value.
    Valid(Request),
}

impl Tag {
    fn get(self) -> Option<Request> {
        match self {
            Tag::Valid(request) => Some(request),
            _ => None,
        }
    }
}

/// `psd=` (RFC 9989 §4.7).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Psd {
    /// A public suffix domain.
    Yes,
    /// An organizational domain.
    No,
    /// Unsaid.
    #[default]
    Unknown,
}

/// A record. Syntax errors behind `v=DMARC1` leave a tag at its default (RFC 9989 §4.8).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    text: Box<str>,
    /// `p=`
    pub policy: Tag,
    /// `sp=`
    pub subdomain_policy: Tag,
    /// `np=`
    pub nonexistent_policy: Tag,
    /// `adkim=s`
    pub strict_dkim: bool,
    /// `aspf=s`
    pub strict_spf: bool,
    /// `t=y`
    pub testing: bool,
    /// `psd=`
    pub psd: Psd,
    /// `rua=`: the URIs that are syntactically valid, without size limits.
    pub rua: Vec<String>,
    /// `ruf=`, likewise.
    pub ruf: Vec<String>,
    /// `fo=` as written, `0` by default.
    pub failure_options: String,
}

/// Why a TXT record is not a DMARC record.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum RecordError {
    /// The first tag is not `v=DMARC1`.
    #[error("the record does not begin with `v=DMARC1`")]
    Version,
    /// `p` is missing or invalid, or `sp` or `np` is invalid, and there is no `rua` (RFC 9989 §4.10.1).
    #[error("no valid policy, and no address for reports")]
    NoPolicy,
}

/// The tags that are read; others, pct, rf and ri among them, are ignored (RFC 9989 §4.7).
pub(crate) const TAGS: [&str; 10] = ["p", "sp", "np", "adkim", "aspf", "t", "psd", "rua", "ruf", "fo"];

impl Record {
    /// Reads a record; an error when it is not one at all (RFC 9989 §4.7: `v` first, its value case-sensitive).
    pub fn parse(text: &str) -> Result<Self, RecordError> {
        let mut tags = taglist::split(text);
        match tags.next() {
            Some(Ok(tag)) if tag.name.eq_ignore_ascii_case("v") && tag.value == "DMARC1" && tag.at == 0 => {}
            _ => return Err(RecordError::Version),
        }
        let mut record = Record {
            text: text.into(),
            policy: Tag::Absent,
            subdomain_policy: Tag::Absent,
            nonexistent_policy: Tag::Absent,
            strict_dkim: false,
            strict_spf: false,
            testing: false,
            psd: Psd::Unknown,
            rua: Vec::new(),
            ruf: Vec::new(),
            failure_options: "0".to_owned(),
        };
        let mut seen = [false; TAGS.len()];
        for tag in tags.flatten() {
            let known = TAGS.iter().zip(&mut seen).find(|(name, _)| name.eq_ignore_ascii_case(tag.name));
            // of tags that repeat the first counts
            if let Some((name, seen @ false)) = known {
                record.set(name, tag.value);
                *seen = true;
            }
        }
        Ok(record)
    }

    fn set(&mut self, name: &str, value: &str) {
        let request = || Request::parse(value).map_or(Tag::Invalid, Tag::Valid);
        let is = |word: &str| value.eq_ignore_ascii_case(word);
        match name {
            "p" => self.policy = request(),
            "sp" => self.subdomain_policy = request(),
            "np" => self.nonexistent_policy = request(),
            "adkim" => self.strict_dkim = is("s"),
            "aspf" => self.strict_spf = is("s"),
            "t" => self.testing = is("y"),
            "psd" if is("y") => self.psd = Psd::Yes,
            "psd" if is("n") => self.psd = Psd::No,
            "rua" => self.rua = uris(value),
            "ruf" => self.ruf = uris(value),
            "fo" if failure_options(value) => self.failure_options = value.to_ascii_lowercase(),
            _ => {}
        }
    }

    /// The record as it was published.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Where the first tag of this name stands in the record, with its value.
    pub fn span(&self, name: &str) -> Option<Range<usize>> {
        let tag = taglist::split(&self.text).flatten().find(|tag| tag.name.eq_ignore_ascii_case(name))?;
        let written = self.text.get(tag.at..tag.value_span.end)?;
        Some(tag.at..tag.at + written.trim_end().len())
    }

    /// The requests of `p`, `sp` and `np` with their fallbacks; none when the record asks for no DMARC processing
    /// (RFC 9989 §4.10.1).
    pub fn requests(&self) -> Result<Requests, RecordError> {
        match self.policy {
            Tag::Valid(own) if self.is_sound() => {
                let subdomain = self.subdomain_policy.get().unwrap_or(own);
                let nonexistent = self.nonexistent_policy.get().unwrap_or(subdomain);
                Ok(Requests { own, subdomain, nonexistent })
            }
            _ if self.rua.is_empty() => Err(RecordError::NoPolicy),
            _ => Ok(Requests { own: Request::None, subdomain: Request::None, nonexistent: Request::None }),
        }
    }

    /// Whether there is a `p`, and no policy has an invalid value.
    pub(crate) fn is_sound(&self) -> bool {
        let invalid = [self.subdomain_policy, self.nonexistent_policy].contains(&Tag::Invalid);
        matches!(self.policy, Tag::Valid(_)) && !invalid
    }

    /// The tag that says what is asked for a domain: the policy domain itself, or one below it that exists or does not.
    pub(crate) fn deciding(&self, own: bool, exists: bool) -> &'static str {
        let said = |tag: Tag| matches!(tag, Tag::Valid(_));
        match (own, exists) {
            (false, false) if said(self.nonexistent_policy) => "np",
            (false, _) if said(self.subdomain_policy) => "sp",
            _ => "p",
        }
    }
}

/// `dmarc-fo`: each option at most once, `0` and `1` not together (RFC 9989 §4.8).
fn failure_options(value: &str) -> bool {
    let options: Vec<String> = value.split(':').map(|option| option.trim().to_ascii_lowercase()).collect();
    let count = |wanted: &str| options.iter().filter(|option| *option == wanted).count();
    let [zero, one, dkim, spf] = ["0", "1", "d", "s"].map(count);
    zero + one <= 1 && dkim <= 1 && spf <= 1 && zero + one + dkim + spf == options.len()
}

/// What is asked for the domain itself, for its subdomains, and for those that do not exist.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Requests {
    /// For the policy domain.
    pub own: Request,
    /// For domains below it.
    pub subdomain: Request,
    /// For domains below it that do not exist.
    pub nonexistent: Request,
}

/// The valid URIs of a list; a size limit behind `!` is ignored (RFC 9989 §4.8).
fn uris(value: &str) -> Vec<String> {
    let valid = |uri: &str| {
        let (scheme, rest) = uri.split_once(':')?;
        let scheme_ok = scheme.starts_with(|c: char| c.is_ascii_alphabetic())
            && scheme.chars().all(|c| c.is_ascii_alphanumeric() || "+-.".contains(c));
        let rest_ok = !rest.is_empty() && rest.chars().all(|c| c.is_ascii_graphic() && !"<>\"{}|\\^`".contains(c));
        let mailto_ok = !scheme.eq_ignore_ascii_case("mailto") || rest.contains('@');
        (scheme_ok && rest_ok && mailto_ok).then(|| uri.to_owned())
    };
    value.split(',').filter_map(|uri| valid(without_size(uri.trim())?)).collect()
}

/// `obs-dmarc-report-size = "!" 1*DIGIT [ "k" / "m" / "g" / "t" ]`; any other `!` had to be encoded (RFC 9989 §4.8).
fn without_size(uri: &str) -> Option<&str> {
    let Some((uri, size)) = uri.split_once('!') else { return Some(uri) };
    let digits = size.strip_suffix(['k', 'K', 'm', 'M', 'g', 'G', 't', 'T']).unwrap_or(size);
    (!digits.is_empty() && digits.bytes().all(|octet| octet.is_ascii_digit())).then_some(uri)
}
