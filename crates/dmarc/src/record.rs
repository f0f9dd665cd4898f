//! DMARC records (RFC 9989 §4.7, §4.8).

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

/// How many tags of a record are read.
const MAX_TAGS: usize = 64;
/// How many URIs of a tag are kept.
const MAX_URIS: usize = 100;

impl Record {
    /// Reads a record; `None` when it is not one at all (RFC 9989 §4.7: `v` first, its value case-sensitive).
    pub fn parse(text: &str) -> Result<Self, RecordError> {
        let mut tags = taglist::split(text);
        match tags.next() {
            Some(Ok(tag)) if tag.name.eq_ignore_ascii_case("v") && tag.value == "DMARC1" && tag.at == 0 => {}
            _ => return Err(RecordError::Version),
        }
        let mut record = Record {
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
        let mut seen: Vec<String> = Vec::new();
        for tag in tags.take(MAX_TAGS).flatten() {
            let name = tag.name.to_ascii_lowercase();
            // of tags that repeat the first counts
            if !seen.contains(&name) {
                record.set(&name, tag.value);
                seen.push(name);
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
            "fo" if value.split(':').all(|o| ["0", "1", "d", "s", "D", "S"].contains(&o.trim())) => {
                self.failure_options = value.to_ascii_lowercase();
            }
            _ => {} // RFC 9989 §4.7: unknown tags, pct, rf and ri among them, are ignored
        }
    }

    /// The requests of `p`, `sp` and `np` with their fallbacks; none when the record asks for no DMARC processing
    /// (RFC 9989 §4.10.1).
    pub fn requests(&self) -> Result<Requests, RecordError> {
        let sound = matches!(self.policy, Tag::Valid(_))
            && self.subdomain_policy != Tag::Invalid
            && self.nonexistent_policy != Tag::Invalid;
        if let (true, Some(own)) = (sound, self.policy.get()) {
            let subdomain = self.subdomain_policy.get().unwrap_or(own);
            let nonexistent = self.nonexistent_policy.get().unwrap_or(subdomain);
            return Ok(Requests { own, subdomain, nonexistent });
        }
        if self.rua.is_empty() {
            return Err(RecordError::NoPolicy);
        }
        Ok(Requests { own: Request::None, subdomain: Request::None, nonexistent: Request::None })
    }
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
    let without_size = |uri: &str| uri.split('!').next().unwrap_or_default().trim().to_owned();
    value.split(',').take(MAX_URIS).filter_map(|uri| valid(&without_size(uri))).collect()
}
