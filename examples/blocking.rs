//! `blocking`: signs and judges a message with the protocol crates alone, on one thread, without any async runtime.

use std::io::Write;
use std::sync::Arc;
use std::time::SystemTime;

use clap::Parser;
use gatepost_dkim::PrivateKey;
use gatepost_dkim::Verifier;
use gatepost_dkim::sign::{Signer, Spec};
use gatepost_dmarc::{Identifiers, Preset};
use gatepost_dns::{Resolver, Zone, block_on};
use gatepost_results::{AuthResults, Explain, Outline};
use gatepost_spf::Query;
use gatepost_syntax::{HeaderBlock, HeaderError, HeaderLimits, author};

const MESSAGE: &[u8] =
    b"From: Alice <alice@example.test>\r\nTo: bob@example.test\r\nSubject: hello\r\n\r\nHello, Bob.\r\n";

/// Signs a message of its own with a key of its own, and judges it as a server would, without any async runtime.
#[derive(Parser)]
#[command(name = "blocking")]
struct Arguments {}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    Arguments::parse();
    // a key for this run only; real seeds come from the system's randomness
    let key = PrivateKey::from_ed25519_seed(&[42; 32])?;
    let zone = Zone::parse(&format!(
        "example.test TXT \"v=spf1 ip4:192.0.2.10 -all\"\n_dmarc.example.test TXT \"v=DMARC1; p=reject\"\n\
         s1._domainkey.example.test TXT \"{}\"",
        key.public_record()
    ))?;
    let (headers, body) = HeaderBlock::parse(MESSAGE, &HeaderLimits::default())?;
    let mut signer = Signer::new(Spec::new("example.test".parse()?, "s1".parse()?), headers)?;
    signer.body(MESSAGE.get(body..).unwrap_or_default());
    let signed = [signer.finish()?.sign(&key)?.as_bytes(), MESSAGE].concat();
    let query = Query::mail_from("192.0.2.10".parse()?, "alice@example.test", "mail.example.test");

    let (results, explanation) = block_on(judge(&zone, &query, &signed))?;
    Ok(write!(std::io::stdout(), "{}\n{explanation}", results.to_field())?)
}

/// SPF, DKIM and DMARC of a message that arrives in small chunks.
async fn judge(dns: &dyn Resolver, query: &Query<'_>, message: &[u8]) -> Result<(AuthResults, Outline), HeaderError> {
    let (headers, body) = HeaderBlock::parse(message, &HeaderLimits::default())?;
    let headers = Arc::new(headers);
    let mut verifier = Verifier::new(Arc::clone(&headers), &gatepost_dkim::Limits::default());
    message.get(body..).unwrap_or_default().chunks(7).for_each(|chunk| verifier.body(chunk));

    let spf = gatepost_spf::check(dns, query, &gatepost_spf::Limits::default()).await;
    let dkim = verifier.finish().results(dns, SystemTime::now()).await;
    // with the facade: gatepost::identifiers(&spf, &dkim)
    let passed = Identifiers {
        spf: spf.passed().cloned(),
        dkim: dkim.passed(),
        spf_undecided: spf.undecided().cloned(),
        dkim_undecided: dkim.undecided(),
    };
    let limits = gatepost_dmarc::Limits::default();
    let dmarc = gatepost_dmarc::check(dns, &author::authors(&headers), &passed, &limits, Preset::Record).await;

    let results =
        AuthResults::new("mx.example.test").with(spf.res_info()).with_all(dkim.res_infos()).with(dmarc.res_info());
    Ok((results, Outline::new("the message").children([spf.explain(), dkim.explain(), dmarc.explain()])))
}
