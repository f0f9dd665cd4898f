//! PLAIN: what is read says the same when it is written again, and nobody is let in without an answer.
use gatepost_sasl::{Input, Policy, Question, Turn, mechanism};

/// The law.
pub fn law(octets: &[u8]) {
    let mut policy = Policy::default();
    policy.plaintext_without_tls = true;
    let ask = |message: &[u8]| mechanism("PLAIN", &policy, None, "n").unwrap().step(Input::Response(message));
    match ask(octets) {
        Turn::Ask(Question::Password { user, authzid, password }) => {
            let authzid = authzid.unwrap_or_default();
            let again = [authzid.as_bytes(), b"\0", user.as_bytes(), b"\0", password.expose()].concat();
            assert!(!octets.is_ascii() || ask(&again) == ask(octets));
        }
        turn => assert!(matches!(turn, Turn::Done(Err(_)))),
    }
}
