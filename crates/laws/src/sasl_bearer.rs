//! OAUTHBEARER and XOAUTH2: what is read is what our client would have written, and a refusal always ends it.
use gatepost_sasl::{Answer, ClientMechanism, Input, Name, OauthClient, Policy, Question, Secret, Turn, mechanism};

/// The law of OAUTHBEARER.
pub fn oauthbearer(octets: &[u8]) {
    law(Name::OauthBearer, octets, |user, token, host| {
        let client = OauthClient::bearer(user, token);
        match host {
            Some((host, port)) => client.host(host, port),
            None => client,
        }
    });
}

/// The law of XOAUTH2, which always names a user.
pub fn xoauth2(octets: &[u8]) {
    law(Name::Xoauth2, octets, |user, token, _| OauthClient::xoauth2(user.unwrap(), token));
}

fn law(name: Name, octets: &[u8], client: impl Fn(Option<&str>, Secret, Option<(&str, u16)>) -> OauthClient) {
    let mut policy = Policy::of([name]);
    policy.plaintext_without_tls = true;
    let ask = |message: &[u8]| {
        let mut server = mechanism(name.as_str(), &policy, None, "n").unwrap();
        let turn = server.step(Input::Response(message));
        (server, turn)
    };
    match ask(octets) {
        (mut server, Turn::Ask(Question::Token { user, token, host, port })) => {
            assert!(matches!(server.step(Input::Answer(Answer::Deny)), Turn::Challenge(_)));
            assert!(matches!(server.step(Input::Response(octets)), Turn::Done(Err(_))));
            let again = client(user.as_deref(), token, host.as_deref().zip(port)).first().unwrap();
            let Turn::Ask(Question::Token { user: name, .. }) = ask(again.expose()).1 else { panic!() };
            assert!(name == user || !octets.is_ascii());
        }
        (_, turn) => assert!(matches!(turn, Turn::Done(Err(_)))),
    }
}
