//! LOGIN: at most one question, of two messages, and nobody is let in without an answer.
use gatepost_sasl::{Input, Policy, Turn, mechanism};

/// The law.
pub fn law(octets: &[u8]) {
    let mut policy = Policy::default();
    policy.plaintext_without_tls = true;
    let mut server = mechanism("LOGIN", &policy, None, "n").unwrap();
    let mut asked = 0;
    for (index, message) in octets.split(|octet| *octet == b'|').enumerate() {
        match server.step(Input::Response(message)) {
            Turn::Done(Ok(_)) => unreachable!(),
            Turn::Ask(_) => asked += usize::from(index == 1),
            Turn::Challenge(_) => assert_eq!(index, 0),
            Turn::Done(Err(_)) => {}
        }
    }
    assert!(asked <= 1);
}
