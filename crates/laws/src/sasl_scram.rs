//! SCRAM, the server's side, with every hash and with channel binding: no message that is not the client's proof gets in.
use gatepost_sasl::{Answer, Identity, Input, Name, Policy, ScramHash, ScramKeys, Secret, Turn, mechanism};
use gatepost_wire::{TlsInfo, TlsVersion};

/// The law.
pub fn law(octets: &[u8]) {
    let mut tls = TlsInfo::new(TlsVersion::Tls13, "c");
    (tls.exporter, tls.server_end_point) = (Some(vec![1; 32]), Some(vec![2; 32]));
    let (kind, octets) = octets.split_first().unwrap_or((&0, octets));
    let hash = [ScramHash::Sha1, ScramHash::Sha256, ScramHash::Sha512][usize::from(*kind) % 3];
    let name = if *kind < 128 { Name::Scram(hash) } else { Name::ScramPlus(hash) };
    let policy = Policy::of([name, Name::ScramPlus(ScramHash::Sha256)].into_iter().take(1 + usize::from(kind % 2)));
    let keys = ScramKeys::fake(hash, &Secret::new("s"), "ann", 4096.try_into().unwrap());
    let mut server = mechanism(name.as_str(), &policy, Some(&tls), "sn").unwrap();
    for message in octets.split(|octet| *octet == b'|') {
        let mut turn = server.step(Input::Response(message));
        if let Turn::Ask(_) = turn {
            turn = server.step(Input::Answer(Answer::Keys(keys.clone(), Identity { user: "ann".into() })));
            assert!(matches!(&turn, Turn::Challenge(challenge) if challenge.starts_with(b"r=")));
        } else {
            assert!(matches!(turn, Turn::Done(Err(_))), "a proof for a key that nobody has");
        }
    }
}
