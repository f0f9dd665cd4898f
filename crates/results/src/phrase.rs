//! All that explanations can say. Each language is one file with a sentence for every phrase; the compiler sees to it that
//! none is forgotten, a test that each puts in what it is given.

pub(crate) mod en;
pub(crate) mod ja;

/// A sentence of the catalogue; what stands in braces in its comment is put into it in this order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[allow(missing_docs)] // the English catalogue is their documentation
#[non_exhaustive]
pub enum Phrase {
    // look-ups
    AnswerRecords,
    AnswerNoData,
    AnswerNoName,
    AnswerFailed,
    // SPF
    SpfRecord,
    TermMatches,
    TermDoesNotMatch,
    TermUndecided,
    SpfNoDomain,
    SpfNoRecord,
    SpfCounts,
    // DKIM and ARC
    NoSignature,
    Key,
    KeyBits,
    Signs,
    CoversPart,
    KeyTesting,
    SignatureRight,
    NoArcSet,
    ArcUnchanged,
    ArcChanged,
    SealerTrusted,
    // DMARC
    NoRecord,
    OrgDomain,
    AuthorExists,
    AuthorDoesNotExist,
    Passed,
    FailedForNow,
    AlignedRelaxed,
    AlignedStrict,
    NotAlignedRelaxed,
    NotAlignedStrict,
    Policy,
    Testing,
    NoPolicy,
    NotApplied,
    OneOfSeveral,
    // results that somebody recorded
    RecordedBy,
    NothingRecorded,
    NotBelieved,
    Unknown,
    Because,
    SpfPass,
    SpfFail,
    SpfSoftFail,
    SpfNeutral,
    SpfNone,
    SpfTempError,
    SpfPermError,
    DkimPass,
    DkimFail,
    DkimNone,
    DkimPolicy,
    DkimNeutral,
    DkimTempError,
    DkimPermError,
    ArcPass,
    ArcFail,
    ArcNone,
    DmarcPass,
    DmarcFail,
    DmarcNone,
    DmarcTempError,
    DmarcPermError,
    AuthPass,
    AsksNothing,
    AsksQuarantine,
    AsksReject,
    TheSender,
    // for readers of mail
    ReaderGenuine,
    ReaderDoubtful,
    ReaderUnprotected,
    ReaderUndecided,
    ReaderNoAuthor,
    ReaderNothing,
    AdviceDoubtful,
    AdviceForwarded,
    AdviceGenuine,
}

impl Phrase {
    /// All phrases.
    pub const ALL: &'static [Phrase] = {
        use Phrase::*;
        &[
            AnswerRecords,
            AnswerNoData,
            AnswerNoName,
            AnswerFailed,
            SpfRecord,
            TermMatches,
            TermDoesNotMatch,
            TermUndecided,
            SpfNoDomain,
            SpfNoRecord,
            SpfCounts,
            NoSignature,
            Key,
            KeyBits,
            Signs,
            CoversPart,
            KeyTesting,
            SignatureRight,
            NoArcSet,
            ArcUnchanged,
            ArcChanged,
            SealerTrusted,
            NoRecord,
            OrgDomain,
            AuthorExists,
            AuthorDoesNotExist,
            Passed,
            FailedForNow,
            AlignedRelaxed,
            AlignedStrict,
            NotAlignedRelaxed,
            NotAlignedStrict,
            Policy,
            Testing,
            NoPolicy,
            NotApplied,
            OneOfSeveral,
            RecordedBy,
            NothingRecorded,
            NotBelieved,
            Unknown,
            Because,
            SpfPass,
            SpfFail,
            SpfSoftFail,
            SpfNeutral,
            SpfNone,
            SpfTempError,
            SpfPermError,
            DkimPass,
            DkimFail,
            DkimNone,
            DkimPolicy,
            DkimNeutral,
            DkimTempError,
            DkimPermError,
            ArcPass,
            ArcFail,
            ArcNone,
            DmarcPass,
            DmarcFail,
            DmarcNone,
            DmarcTempError,
            DmarcPermError,
            AuthPass,
            AsksNothing,
            AsksQuarantine,
            AsksReject,
            TheSender,
            ReaderGenuine,
            ReaderDoubtful,
            ReaderUnprotected,
            ReaderUndecided,
            ReaderNoAuthor,
            ReaderNothing,
            AdviceDoubtful,
            AdviceForwarded,
            AdviceGenuine,
        ]
    };
}

#[cfg(test)]
mod tests {
    use super::*;

    fn places(template: &str) -> Vec<&str> {
        let mut places: Vec<&str> = template.split('{').skip(1).filter_map(|part| part.split('}').next()).collect();
        places.sort_unstable();
        places.dedup();
        places
    }

    /// The list and the enum have the same phrases in the same order, up to the last one of the enum.
    #[test]
    #[allow(clippy::as_conversions)] // the only way to a variant's number
    fn no_phrase_is_missing() {
        let numbers: Vec<usize> = Phrase::ALL.iter().map(|phrase| *phrase as usize).collect();
        assert_eq!(numbers, (0..=Phrase::AdviceGenuine as usize).collect::<Vec<_>>());
    }

    #[test]
    fn languages_say_the_same() {
        for phrase in Phrase::ALL {
            let (english, japanese) = (en::template(*phrase), ja::template(*phrase));
            assert_eq!(places(english), places(japanese), "{phrase:?}");
            assert!(english.is_ascii() || english.contains('→'), "{phrase:?}");
            assert!(!japanese.is_ascii(), "{phrase:?}");
        }
    }

    #[test]
    fn reasons_say_the_same() {
        for (english, japanese) in ja::REASONS {
            assert_eq!(places(english), places(japanese), "{english}");
            let asked = crate::text::fill(english, &["7".to_owned(), "8".to_owned()]);
            let wanted = crate::text::fill(japanese, &["7".to_owned(), "8".to_owned()]);
            assert_eq!(ja::reason(&asked), Some(wanted), "another sentence stands before {english}");
        }
    }
}
