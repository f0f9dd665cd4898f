//! Channel binding: every channel of either side, with -PLUS offered or not, and with somebody in between who hides it.
#![allow(clippy::unwrap_used, clippy::panic)] // a test may

mod store;

use gatepost_sasl::{Credentials, Input, Limits, Name, Policy, Rejection, ScramHash, TlsInfo, TlsVersion, Turn};
use gatepost_sasl::{choose, mechanism, offered};
use store::Store;

/// What a side knows of its channel: nothing without TLS; in TLS 1.2 the server's certificate only, unless there is the
/// extended master secret (RFC 9266 §2); with Ed25519 no hash of the certificate (RFC 5929 §4.1).
#[derive(Clone, Copy, Debug, PartialEq)]
struct Channel {
    tls: bool,
    exporter: bool,
    end_point: bool,
}

impl Channel {
    fn all() -> impl Iterator<Item = Channel> {
        let known = [(false, false), (false, true), (true, false), (true, true)];
        let over_tls = known.map(|(exporter, end_point)| Channel { tls: true, exporter, end_point });
        over_tls.into_iter().chain([Channel { tls: false, exporter: false, end_point: false }])
    }

    fn info(self) -> Option<TlsInfo> {
        let mut info = TlsInfo::new(TlsVersion::Tls13, "TLS_AES_128_GCM_SHA256");
        info.exporter = self.exporter.then(|| vec![1; 32]);
        info.server_end_point = self.end_point.then(|| vec![2; 48]);
        self.tls.then_some(info)
    }
}

/// What the client said of channel binding, and what became of it.
fn log_in(client: Channel, server: Channel, plus: bool, hidden: bool) -> (String, Result<(), Rejection>) {
    let hash = ScramHash::Sha256;
    let names = if plus { vec![Name::ScramPlus(hash), Name::Scram(hash)] } else { vec![Name::Scram(hash)] };
    let (policy, ann, store) = (Policy::of(names), Credentials::password("ann", "pencil"), Store::new());
    let (client, server) = (client.info(), server.info());
    let words = offered(&policy, server.as_ref()).into_iter().filter(|name| !hidden || *name == Name::Scram(hash));
    let words: Vec<String> = words.map(|name| name.to_string()).collect();
    let mut client =
        choose(&words, &ann, &Policy::client(), client.as_ref(), "clientnonce", &Limits::default()).unwrap();
    let mut server = mechanism(client.name(), &policy, server.as_ref(), "servernonce").unwrap();
    let mut response = client.first().unwrap();
    let flag = String::from_utf8_lossy(response.expose()).split(',').next().unwrap().to_owned();
    loop {
        let mut turn = server.step(Input::Response(response.expose()));
        if let Turn::Ask(question) = turn {
            turn = server.step(Input::Answer(store.answer(&question)));
        }
        match turn {
            Turn::Challenge(challenge) => response = client.step(&challenge).unwrap(),
            Turn::Done(result) => return (flag, result.map(|_| assert!(client.may_succeed()))),
            Turn::Ask(_) => panic!(),
        }
    }
}

/// RFC 5802 §6, RFC 9266 §2, RFC 5929 §4.
#[test]
fn every_channel_of_either_side() {
    for client in Channel::all() {
        for server in Channel::all() {
            for (plus, hidden) in [(true, false), (true, true), (false, false), (false, true)] {
                let (could, offers) = (client.exporter || client.end_point, plus && server.exporter);
                let flag = match (could, offers && !hidden) {
                    (false, _) => "n",
                    (true, false) => "y",
                    (true, true) if client.exporter => "p=tls-exporter",
                    (true, true) => "p=tls-server-end-point",
                };
                let right = match flag {
                    "n" | "p=tls-exporter" => true,
                    "y" => !offers, // somebody hid the offer
                    _ => server.end_point,
                };
                let expected = (flag.to_owned(), if right { Ok(()) } else { Err(Rejection::ChannelBinding) });
                assert_eq!(log_in(client, server, plus, hidden), expected, "{client:?} {server:?} {plus} {hidden}");
            }
        }
    }
}
