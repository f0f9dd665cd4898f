//! Who may be believed (RFC 8601 §4.1, §5, §7.1): what our own servers wrote, and nothing else.

use gatepost_syntax::HeaderBlock;

use super::AuthResults;
use super::parse::{Limits, parse_within, same_server};
use crate::result::ResInfo;

/// A field as it came: whoever sent the message may have written it. It yields no results until [`Trust`] has found that one
/// of our servers wrote it, by its identifier and by its place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Untrusted {
    pub(super) authserv_id: String,
    pub(super) version: Option<u32>,
    pub(super) results: Vec<ResInfo>,
}

impl Untrusted {
    /// Who claims to say so.
    pub fn authserv_id(&self) -> &str {
        &self.authserv_id
    }

    /// The version, where one is written; 1 is the only one there is (RFC 8601 §2.2).
    pub fn version(&self) -> Option<u32> {
        self.version
    }

    /// What the field claims, to show or to test a writer. Who acts on it believes the sender of the message.
    pub fn claims(&self) -> &[ResInfo] {
        &self.results
    }

    /// What the field says, if one of our servers wrote it in a version that we know; results of versions of a method that
    /// we do not know are left out (RFC 8601 §4.1). The caller answers for the place of the field: that it stands above
    /// all that a stranger could have added. For whole messages [`Trust::results`] sees to that.
    pub fn at_trusted_place(self, own: &[&str]) -> Option<AuthResults> {
        let ours = own.iter().any(|id| same_server(id, &self.authserv_id));
        let known = |version: Option<u32>| version.is_none_or(|version| version == 1);
        let Untrusted { authserv_id, version, mut results } = self;
        results.retain(|result| known(result.version()));
        (ours && known(version)).then_some(AuthResults { authserv_id, results })
    }
}

/// Which fields of a message count: those of our servers that stand where only they can write.
///
/// ```
/// use gatepost_results::Trust;
/// use gatepost_syntax::{HeaderBlock, HeaderLimits};
/// let message = b"Authentication-Results: mx.example.org; spf=pass\r\nReceived: by mx.example.org; today\r\n\
///     Authentication-Results: mx.example.org; dmarc=pass\r\n\r\n";
/// let (headers, _) = HeaderBlock::parse(message, &HeaderLimits::default()).unwrap();
/// let found = Trust::new(&["mx.example.org"]).results(&headers);
/// assert_eq!(found.len(), 1); // the second one came with the message
/// assert_eq!(found[0].results()[0].method(), "spf");
/// ```
#[derive(Clone, Debug)]
pub struct Trust<'a> {
    servers: &'a [&'a str],
    hops: usize,
    limits: Limits,
}

impl<'a> Trust<'a> {
    /// Believes servers of these names, one of which adds the uppermost Received field.
    pub fn new(servers: &'a [&'a str]) -> Self {
        Trust { servers, hops: 1, limits: Limits::default() }
    }

    /// How many Received fields our own servers add, from the border inwards (default 1). A field below the last of them
    /// came with the message.
    #[must_use]
    pub fn hops(mut self, hops: usize) -> Self {
        self.hops = hops;
        self
    }

    /// Other bounds of reading.
    #[must_use]
    pub fn limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }

    /// The results of our servers, from top to bottom. Without as many Received fields as we add the message did not come
    /// through our servers: nothing is believed.
    pub fn results(&self, headers: &HeaderBlock) -> Vec<AuthResults> {
        let mut passed = 0;
        let mut found = Vec::new();
        for field in headers.fields() {
            if passed == self.hops {
                return found;
            }
            if field.is("Received") {
                passed += 1;
            } else if field.is("Authentication-Results") {
                let read = field.text().and_then(|text| parse_within(text, &self.limits).ok());
                found.extend(read.and_then(|read| read.at_trusted_place(self.servers)));
            }
        }
        if passed == self.hops { found } else { Vec::new() }
    }
}
