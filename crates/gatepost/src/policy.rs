//! What is done with mail that fails DMARC.

use gatepost_dmarc::{Preset, Request};

/// What the server does with mail that fails DMARC. The result is recorded in its header in any case.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Policy {
    /// Deliver (the default).
    #[default]
    Record,
    /// Put it into the junk folder when the author domain asks for quarantine or reject (RFC 9989 §7.4).
    Quarantine,
    /// As the author domain asks: junk folder for quarantine, refusal for reject.
    Reject,
}

impl Policy {
    /// The preset that gives this policy's dispositions.
    pub(crate) fn preset(self) -> Preset {
        match self {
            Policy::Record => Preset::Record,
            Policy::Quarantine => Preset::Rfc9989,
            Policy::Reject => Preset::Strict,
        }
    }

    /// The policy of a word of the configuration.
    pub fn from_word(word: &str) -> Option<Self> {
        [Policy::Record, Policy::Quarantine, Policy::Reject].into_iter().find(|policy| policy.word() == word)
    }

    /// The word of the configuration.
    pub fn word(self) -> &'static str {
        match self {
            Policy::Record => "record",
            Policy::Quarantine => Request::Quarantine.word(),
            Policy::Reject => Request::Reject.word(),
        }
    }
}
