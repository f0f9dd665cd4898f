//! What recorded results mean: for who runs the servers, and for who reads the mail.

use crate::authres::AuthResults;
use crate::outline::{Cite, Explain, Outline};
use crate::phrase::Phrase;
use crate::result::ResInfo;
use crate::text::Text;

impl Explain for AuthResults {
    /// Each result as it is written, and what it means.
    fn explain(&self) -> Outline {
        let root = Outline::from(Phrase::RecordedBy.with([self.authserv_id()]));
        root.children(self.results().iter().map(|result| {
            let mut outline = Outline::new(result.to_string());
            let meaning = Outline::from(sentence(result).unwrap_or(Phrase::Unknown.into()));
            outline = outline.child(match cite(result) {
                Some(Cite { rfc, section }) => meaning.cite(rfc, section),
                None => meaning,
            });
            outline.children(why(result).into_iter().chain(request(result)).map(Outline::from))
        }))
    }
}

/// Why a message says pass or fail, for its reader: one sentence, what it rests on, and what to do. The results are those
/// that [`crate::Trust`] found, or that were made just now.
pub fn for_reader(results: &[AuthResults]) -> Outline {
    let all = || results.iter().flat_map(AuthResults::results);
    let of = |method: &'static str| all().filter(move |result| result.method() == method);
    let Some(dmarc) = of("dmarc").next() else {
        return Phrase::ReaderNothing.into();
    };
    let author = subject(dmarc, &[("header", "from")]);
    let checks = || of("spf").filter(|spf| spf.get("smtp", "helo").is_none()).chain(of("dkim"));
    let passed = |result: &&ResInfo| result.result() == "pass";
    let tell = |results: &mut dyn Iterator<Item = &ResInfo>| -> Vec<Outline> {
        results.filter_map(sentence).map(Outline::from).collect()
    };
    match dmarc.result() {
        "pass" => Outline::from(Phrase::ReaderGenuine.of([author]))
            .children(tell(&mut checks().filter(passed)))
            .child(Phrase::AdviceGenuine.into()),
        "fail" => Outline::from(Phrase::ReaderDoubtful.of([author]))
            .children(tell(&mut checks()))
            .children(request(dmarc).map(Outline::from))
            .child(Phrase::AdviceForwarded.into())
            .child(Phrase::AdviceDoubtful.into()),
        "none" => Outline::from(Phrase::ReaderUnprotected.of([author])).children(tell(&mut checks())),
        "temperror" => Outline::from(Phrase::ReaderUndecided.of([author])).child(Phrase::AdviceDoubtful.into()),
        _ => Outline::from(Phrase::ReaderNoAuthor)
            .children(why(dmarc).map(Outline::from))
            .child(Phrase::AdviceDoubtful.into()),
    }
}

/// Whom a result is about.
fn subject(result: &ResInfo, properties: &[(&str, &str)]) -> Text {
    let value = properties.iter().find_map(|(ptype, name)| result.get(ptype, name));
    let domain = value.as_deref().map(|value| value.rsplit_once('@').map_or(value, |(_, domain)| domain));
    domain.map_or(Phrase::TheSender.into(), Text::fact)
}

/// What a result means; nothing for one that is not known (RFC 8601 §2.7; RFC 9989 §9.1).
fn sentence(result: &ResInfo) -> Option<Text> {
    let (phrase, properties): (Phrase, &[(&str, &str)]) = match (result.method(), result.result()) {
        ("spf", word) => (spf(word)?, &[("smtp", "mailfrom"), ("smtp", "helo")]),
        ("dkim", word) => (dkim(word)?, &[("header", "d"), ("header", "i")]),
        ("dmarc", "pass") => (Phrase::DmarcPass, &[("header", "from")]),
        ("dmarc", "fail") => (Phrase::DmarcFail, &[("header", "from")]),
        ("dmarc", "none") => (Phrase::DmarcNone, &[("header", "from")]),
        ("dmarc", "temperror") => (Phrase::DmarcTempError, &[("header", "from")]),
        ("dmarc", "permerror") => (Phrase::DmarcPermError, &[]),
        ("arc", "pass") => (Phrase::ArcPass, &[]),
        ("arc", "fail") => (Phrase::ArcFail, &[]),
        ("arc", "none") => (Phrase::ArcNone, &[]),
        ("auth", "pass") => {
            return Some(Phrase::AuthPass.with([&*result.get("smtp", "auth").or(result.get("smtp", "mailfrom"))?]));
        }
        _ => return None,
    };
    Some(phrase.of([subject(result, properties)]))
}

fn spf(word: &str) -> Option<Phrase> {
    Some(match word {
        "pass" => Phrase::SpfPass,
        "fail" => Phrase::SpfFail,
        "softfail" => Phrase::SpfSoftFail,
        "neutral" => Phrase::SpfNeutral,
        "none" => Phrase::SpfNone,
        "temperror" => Phrase::SpfTempError,
        "permerror" => Phrase::SpfPermError,
        _ => return None,
    })
}

fn dkim(word: &str) -> Option<Phrase> {
    Some(match word {
        "pass" => Phrase::DkimPass,
        "fail" => Phrase::DkimFail,
        "none" => Phrase::DkimNone,
        "policy" => Phrase::DkimPolicy,
        "neutral" => Phrase::DkimNeutral,
        "temperror" => Phrase::DkimTempError,
        "permerror" => Phrase::DkimPermError,
        _ => return None,
    })
}

/// The section that defines a result.
fn cite(result: &ResInfo) -> Option<Cite> {
    let section = match result.method() {
        "spf" => match result.result() {
            "none" => "2.6.1",
            "neutral" => "2.6.2",
            "pass" => "2.6.3",
            "fail" => "2.6.4",
            "softfail" => "2.6.5",
            "temperror" => "2.6.6",
            _ => "2.6.7",
        },
        "dkim" => return Some(Cite::new(8601, "2.7.1")),
        "auth" => return Some(Cite::new(8601, "2.7.4")),
        "dmarc" => return Some(Cite::new(9989, "9.1")),
        "arc" => return Some(Cite::new(8617, "4.4")),
        _ => return None,
    };
    Some(Cite::new(7208, section))
}

fn why(result: &ResInfo) -> Option<Text> {
    result.why().map(|why| Phrase::Because.of([Text::reason(why)]))
}

/// What the owner of the author domain asks for (RFC 9989 §9.2).
fn request(result: &ResInfo) -> Option<Text> {
    let phrase = match &*result.get("policy", "dmarc")? {
        "none" => Phrase::AsksNothing,
        "quarantine" => Phrase::AsksQuarantine,
        "reject" => Phrase::AsksReject,
        _ => return None,
    };
    Some(phrase.of([subject(result, &[("header", "from")])]))
}
