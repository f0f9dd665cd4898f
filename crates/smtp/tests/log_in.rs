//! How a client chooses a mechanism.
#![allow(clippy::unwrap_used, clippy::panic)] // a test may

use gatepost_sasl::{ChoiceError, Credentials, Name, Policy, ScramHash};
use gatepost_smtp::client::{Client, Config, Event, Failure, Limits};
use gatepost_wire::{Endpoint, Step, TlsInfo, TlsVersion};

/// A server whose certificate was not verified gets no password, and one that does not offer SCRAM gets none either where
/// SCRAM is wanted.
#[test]
fn nothing_weaker_is_tried() {
    let ann = Credentials::password("ann", "pencil");
    let scram = Policy::of([Name::Scram(ScramHash::Sha256)]);
    for (offer, verified, policy, failure) in [
        ("PLAIN LOGIN", false, Policy::client(), Failure::NoMechanism(ChoiceError::NotProtected(Name::Plain))),
        ("PLAIN LOGIN", true, scram, Failure::NoMechanism(ChoiceError::NothingOffered)),
    ] {
        let mut client = Client::new(Config {
            name: "client.example".parse().unwrap(),
            require_tls: true,
            limits: Limits::default(),
        });
        let mut info = TlsInfo::new(TlsVersion::Tls13, "TLS_AES_128_GCM_SHA256");
        info.server_verified = verified;
        client.secured(info);
        client.feed(b"220 x\r\n");
        let mut heard = None;
        while heard.is_none() {
            match client.poll() {
                Step::Event(Event::Ready(_)) => client.log_in(&ann, &policy, "nonce"),
                Step::Event(Event::Failed(failure)) => heard = Some(failure),
                Step::Write(octets) => {
                    assert!(octets.starts_with(b"EHLO"));
                    client.feed(format!("250-x\r\n250 AUTH {offer}\r\n").as_bytes());
                }
                step => panic!("{step:?}"),
            }
        }
        assert_eq!(heard, Some(failure));
    }
}
