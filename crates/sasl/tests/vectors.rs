//! The examples of the RFCs.
#![allow(clippy::unwrap_used, clippy::panic)] // a test may

use gatepost_sasl::{
    Answer, ClientError, ClientMechanism, Identity, Input, Limits, Mechanism, Name, OauthClient, PlainClient, Policy,
    Question, Rejection, ScramClient, ScramHash, ScramKeys, Secret, TokenRefusal, Turn, mechanism,
};
use gatepost_syntax::base64;
use gatepost_wire::{TlsInfo, TlsVersion};

fn server(name: Name, nonce: &str) -> Box<dyn Mechanism> {
    let tls = TlsInfo::new(TlsVersion::Tls13, "TLS_AES_128_GCM_SHA256");
    mechanism(name.as_str(), &Policy::of(Name::ALL), Some(&tls), nonce).unwrap()
}

/// Both sides say word for word what an RFC has; the fields are the client's nonce, the server's, the salt and four messages.
fn scram(hash: ScramHash, [client_nonce, server_nonce, salt, one, two, three, four]: [&str; 7]) {
    let (pencil, user) = (Secret::new("pencil"), Identity { user: "user".into() });
    let mut client = ScramClient::new("user", &pencil, client_nonce, Limits::default()).hash(hash);
    let mut server = server(Name::Scram(hash), server_nonce);
    let keys = ScramKeys::derive(hash, &pencil, &base64::decode(salt).unwrap(), 4096.try_into().unwrap());
    assert_eq!(client.first(), Some(Secret::new(one)));
    assert!(matches!(server.step(Input::Response(one.as_bytes())), Turn::Ask(Question::ScramKeys { .. })));
    let challenge = server.step(Input::Answer(Answer::Keys(keys, user.clone())));
    assert_eq!(challenge, Turn::Challenge(two.into()));
    assert_eq!(client.step(two.as_bytes()), Ok(Secret::new(three)));
    assert_eq!(server.step(Input::Response(three.as_bytes())), Turn::Challenge(four.into()));
    assert_eq!(client.step(four.as_bytes()), Ok(Secret::new([])));
    assert!(client.may_succeed());
    assert_eq!(server.step(Input::Response(b"")), Turn::Done(Ok(user)));
}

#[test]
fn rfc_5802_section_5() {
    scram(
        ScramHash::Sha1,
        [
            "fyko+d2lbbFgONRv9qkxdawL",
            "3rfcNHYJY1ZVvWVs7j",
            "QSXCR+Q6sek8bf92",
            "n,,n=user,r=fyko+d2lbbFgONRv9qkxdawL",
            "r=fyko+d2lbbFgONRv9qkxdawL3rfcNHYJY1ZVvWVs7j,s=QSXCR+Q6sek8bf92,i=4096",
            "c=biws,r=fyko+d2lbbFgONRv9qkxdawL3rfcNHYJY1ZVvWVs7j,p=v0X8v3Bz2T0CJGbJQyF0X+HI4Ts=",
            "v=rmF9pqV8S7suAoZWja4dJRkFsKQ=",
        ],
    );
}

#[test]
fn rfc_7677_section_3() {
    scram(
        ScramHash::Sha256,
        [
            "rOprNGfwEbeRWgbNEkqO",
            "%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0",
            "W22ZaJ0SNY7soEsUEjb6gQ==",
            "n,,n=user,r=rOprNGfwEbeRWgbNEkqO",
            "r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096",
            "c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=",
            "v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=",
        ],
    );
}

#[test]
fn rfc_4616_section_4() {
    let first = PlainClient::new("tim", Secret::new("tanstaaftanstaaf")).first().unwrap();
    assert_eq!(first, Secret::new("\0tim\0tanstaaftanstaaf"));
    let first = PlainClient::new("Kurt", Secret::new("xipj3plmq")).authzid(Some("Ursel".into())).first().unwrap();
    assert_eq!(first, Secret::new("Ursel\0Kurt\0xipj3plmq"));
    let password = Secret::new("xipj3plmq");
    let question = Question::Password { user: "Kurt".into(), authzid: Some("Ursel".into()), password };
    assert_eq!(server(Name::Plain, "").step(Input::Response(first.expose())), Turn::Ask(question));
}

#[test]
fn rfc_7628_section_4() {
    let token = "vF9dft4qmTc2Nvb3RlckBhbHRhdmlzdGEuY29tCg==";
    let mut client = OauthClient::bearer(Some("user@example.com"), Secret::new(token)).host("server.example.com", 143);
    let first = client.first().unwrap();
    let expected =
        format!("n,a=user@example.com,\x01host=server.example.com\x01port=143\x01auth=Bearer {token}\x01\x01");
    assert_eq!(first, Secret::new(expected));
    let mut server = server(Name::OauthBearer, "");
    assert!(matches!(server.step(Input::Response(first.expose())), Turn::Ask(Question::Token { .. })));
    // §4.3: the refusal, the client's ^A, and the end
    let mut refusal = TokenRefusal::default();
    refusal.scope = Some("example_scope".into());
    refusal.openid_configuration = Some("https://example.com/.well-known/openid-configuration".into());
    let Turn::Challenge(json) = server.step(Input::Answer(Answer::RefuseToken(refusal))) else { panic!() };
    let text = r#"{"status":"invalid_token","scope":"example_scope","openid-configuration":"https://example.com/.well-known/openid-configuration"}"#;
    assert_eq!(json, text.as_bytes());
    assert_eq!(client.step(&json), Ok(Secret::new("\x01")));
    assert_eq!(server.step(Input::Response(b"\x01")), Turn::Done(Err(Rejection::Denied)));
    assert_eq!(client.told(), Some(ClientError::Told(text.into())));
    assert!(!client.may_succeed());
}
