//! English.

use super::Phrase;

pub(crate) fn template(phrase: Phrase) -> &'static str {
    match phrase {
        Phrase::AnswerRecords => "{0} → records: {1}",
        Phrase::AnswerNoData => "{0} → no record of this type",
        Phrase::AnswerNoName => "{0} → no such name",
        Phrase::AnswerFailed => "{0} → {1}",
        Phrase::SpfRecord => "record of {0}: \"{1}\"",
        Phrase::TermMatches => "{0} matches",
        Phrase::TermDoesNotMatch => "{0} does not match",
        Phrase::TermUndecided => "{0} could not be decided",
        Phrase::SpfNoDomain => "there is no domain to check: none was given, or what was given is none",
        Phrase::SpfNoRecord => "there is no SPF record",
        Phrase::SpfCounts => "{0} terms caused look-ups (limit {1}), {2} look-ups found nothing (limit {3})",
        Phrase::NoSignature => "the message has no DKIM-Signature field",
        Phrase::Key => "algorithm {0}",
        Phrase::KeyBits => "algorithm {0}, key of {1} bits",
        Phrase::Signs => "signs the fields {0}",
        Phrase::CoversPart => "covers {0} of {1} octets of the body",
        Phrase::KeyTesting => "the domain is testing (t=y)",
        Phrase::SignatureRight => "body hash and signature are right",
        Phrase::NoArcSet => "the message has no ARC Set",
        Phrase::ArcUnchanged => "all message signatures verify: nobody changed the message on the way",
        Phrase::ArcChanged => "the message was changed before {0} was sealed",
        Phrase::SealerTrusted => {
            "the policy is not applied: {0}, who is on the list of trusted sealers, recorded dmarc=pass in {1}"
        }
        Phrase::NoRecord => "{0} → no DMARC record",
        Phrase::OrgDomain => "the organizational domain of {0} is {1}",
        Phrase::AuthorExists => "the author domain exists",
        Phrase::AuthorDoesNotExist => "the author domain does not exist",
        Phrase::Passed => "{0} passed for {1}: {2}",
        Phrase::FailedForNow => "{0} could not be checked for now for {1}: {2}",
        Phrase::AlignedRelaxed => "aligned (relaxed)",
        Phrase::AlignedStrict => "aligned (strict)",
        Phrase::NotAlignedRelaxed => "not aligned (relaxed)",
        Phrase::NotAlignedStrict => "not aligned (strict)",
        Phrase::Policy => "policy of {0}: requested {1}, effective {2}, done here {3}",
        Phrase::Testing => "the domain is testing (t=y): one level less than requested",
        Phrase::NoPolicy => "there is no policy for the author domain",
        Phrase::NotApplied => "a look-up failed for now: the policy is not applied",
        Phrase::OneOfSeveral => "author domain {0}: dmarc={1} (of several author domains the worst result counts)",
        Phrase::RecordedBy => "recorded by {0}",
        Phrase::NothingRecorded => "no field of a trusted server stands above the first hop",
        Phrase::NotBelieved => {
            "a field that claims to be of {0} stands where the sender could have written it: not believed"
        }
        Phrase::Unknown => "a result that is not known here",
        Phrase::Because => "because: {0}",
        Phrase::SpfPass => "{0} allows the server that delivered the message to use its name",
        Phrase::SpfFail => "{0} forbids the server that delivered the message to use its name",
        Phrase::SpfSoftFail => "{0} does not list the server that delivered the message, and suspects it",
        Phrase::SpfNeutral => "{0} says nothing of the server that delivered the message",
        Phrase::SpfNone => "{0} publishes no list of its servers",
        Phrase::SpfTempError => "the list of servers of {0} could not be asked for just then",
        Phrase::SpfPermError => "the list of servers of {0} is faulty",
        Phrase::DkimPass => "the signature of {0} is right: what it covers is unchanged",
        Phrase::DkimFail => "the signature of {0} is wrong: the message was changed, or the signature is forged",
        Phrase::DkimNone => "the message carries no signature",
        Phrase::DkimPolicy => "the signature of {0} is right, but too weak to count",
        Phrase::DkimNeutral => "the signature of {0} is malformed",
        Phrase::DkimTempError => "the key of {0} could not be asked for just then",
        Phrase::DkimPermError => "the signature of {0} can not be checked",
        Phrase::ArcPass => "the servers that passed the message on left an unbroken record",
        Phrase::ArcFail => "the record of the servers that passed the message on is broken",
        Phrase::ArcNone => "no server on the way left a record",
        Phrase::DmarcPass => "a check above passed for the same organization as the author, {0}",
        Phrase::DmarcFail => "no check above passed for the organization of the author, {0}",
        Phrase::DmarcNone => "{0} publishes no DMARC policy",
        Phrase::DmarcTempError => "the policy of {0} could not be asked for just then",
        Phrase::DmarcPermError => "it can not be told who the author is",
        Phrase::AuthPass => "{0} logged in to send the message",
        Phrase::AsksNothing => "{0} asks for nothing special if that fails",
        Phrase::AsksQuarantine => "{0} asks to treat such messages as suspicious",
        Phrase::AsksReject => "{0} asks to refuse such messages",
        Phrase::TheSender => "the sender's domain",
        Phrase::ReaderGenuine => "This message was sent with the approval of {0}.",
        Phrase::ReaderDoubtful => "This message says that it is from {0}, but nothing confirms that. It may be forged.",
        Phrase::ReaderUnprotected => {
            "This message says that it is from {0}, which has published no rules to check that by."
        }
        Phrase::ReaderUndecided => "Whether this message is from {0} could not be checked when it arrived.",
        Phrase::ReaderNoAuthor => "It can not be told whom this message is from.",
        Phrase::ReaderNothing => "Our servers recorded nothing about the sender of this message.",
        Phrase::AdviceDoubtful => {
            "Do not open links or attachments, and do not answer, unless you know in another way that it is genuine."
        }
        Phrase::AdviceForwarded => "Mailing lists and forwarding can cause this as well.",
        Phrase::AdviceGenuine => "That confirms the domain only, not what the message says.",
    }
}
