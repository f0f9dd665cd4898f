//! `blocking`: signs and judges a message without any async runtime, and with DNS answers given by hand.
#![allow(clippy::print_stdout)] // a program talks

use std::time::SystemTime;

use gatepost_dkim::PrivateKey;
use gatepost_dkim::sign::{Signer, Spec};
use gatepost_dns::{Progress, Resolver, Stepper, Zone, block_on};
use gatepost_examples::{Envelope, judge};
use gatepost_results::Explain;
use gatepost_syntax::{HeaderBlock, HeaderLimits};

const MESSAGE: &[u8] =
    b"From: Alice <alice@example.test>\r\nTo: bob@example.test\r\nSubject: hello\r\n\r\nHello, Bob.\r\n";

fn main() -> Result<(), Box<dyn std::error::Error>> {
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
    let envelope = Envelope {
        ip: "192.0.2.10".parse()?,
        helo: "mail.example.test".into(),
        mail_from: "alice@example.test".into(),
        now: SystemTime::now(),
    };

    println!("On this thread, with block_on:\n");
    let judgement = block_on(judge(&zone, &envelope, signed.chunks(7)))?;
    print!(
        "{}\n{}",
        judgement.results("mx.example.test").to_field(),
        judgement.explain()
    );

    println!("\nStep by step, answering each question:\n");
    let mut steps = Stepper::new(|dns| async move { judge(&*dns, &envelope, signed.chunks(7)).await });
    loop {
        match steps.poll() {
            Progress::Ask(question) => {
                println!("? {question}");
                let answer = block_on(zone.lookup(&question));
                steps.answer(&question, answer);
            }
            Progress::Done(judgement) => {
                println!("= {}", judgement?.explain().line);
                return Ok(());
            }
            Progress::Idle => return Err("the judgement waits for something else than DNS".into()),
        }
    }
}
