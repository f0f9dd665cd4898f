//! OAUTHBEARER: what is read is what our client would have written, and a refusal always ends it.
use gatepost_sasl::{Answer, ClientMechanism, Input, Name, OauthClient, Policy, Question, Turn, mechanism};

/// The law.
pub fn law(octets: &[u8]) {
    let mut policy = Policy::of([Name::OauthBearer]);
    policy.plaintext_without_tls = true;
    let ask = |message: &[u8]| {
        let mut server = mechanism("OAUTHBEARER", &policy, None, "n").unwrap();
        let turn = server.step(Input::Response(message));
        (server, turn)
    };
    match ask(octets) {
        (mut server, Turn::Ask(Question::Token { user, token, host, port })) => {
            assert!(matches!(server.step(Input::Answer(Answer::Deny)), Turn::Challenge(_)));
            assert!(matches!(server.step(Input::Response(octets)), Turn::Done(Err(_))));
            let mut client = OauthClient::bearer(user.as_deref(), token);
            if let (Some(host), Some(port)) = (&host, port) {
                client = client.host(host, port);
            }
            let again = client.first().unwrap();
            let Turn::Ask(Question::Token { user: name, .. }) = ask(again.expose()).1 else { panic!() };
            assert!(name == user || !octets.is_ascii());
        }
        (_, turn) => assert!(matches!(turn, Turn::Done(Err(_)))),
    }
}
