//! XOAUTH2: what is read is what our client would have written, and a refusal always ends it.
use gatepost_sasl::{Answer, ClientMechanism, Input, Name, OauthClient, Policy, Question, Turn, mechanism};

/// The law.
pub fn law(octets: &[u8]) {
    let mut policy = Policy::of([Name::Xoauth2]);
    policy.plaintext_without_tls = true;
    let ask = |message: &[u8]| {
        let mut server = mechanism("XOAUTH2", &policy, None, "n").unwrap();
        let turn = server.step(Input::Response(message));
        (server, turn)
    };
    match ask(octets) {
        (mut server, Turn::Ask(Question::Token { user, token, host, port })) => {
            assert!(matches!(server.step(Input::Answer(Answer::Deny)), Turn::Challenge(_)));
            assert!(matches!(server.step(Input::Response(octets)), Turn::Done(Err(_))));
            let _ = (host, port);
            let again = OauthClient::xoauth2(user.as_deref().unwrap(), token).first().unwrap();
            let Turn::Ask(Question::Token { user: name, .. }) = ask(again.expose()).1 else { panic!() };
            assert!(name == user || !octets.is_ascii());
        }
        (_, turn) => assert!(matches!(turn, Turn::Done(Err(_)))),
    }
}
