//! EXTERNAL: one question with the certificate of TLS, whatever is said.
use gatepost_sasl::{Input, Name, Policy, Question, Turn, mechanism};
use gatepost_wire::{TlsInfo, TlsVersion};

/// The law.
pub fn law(octets: &[u8]) {
    let mut tls = TlsInfo::new(TlsVersion::Tls13, "c");
    tls.client_certificate = Some(b"der".to_vec());
    let mut server = mechanism("EXTERNAL", &Policy::of([Name::External]), Some(&tls), "n").unwrap();
    for message in octets.split(|octet| *octet == b'|') {
        match server.step(Input::Response(message)) {
            Turn::Ask(Question::Certificate { certificate, authzid }) => {
                assert_eq!(certificate, b"der");
                assert_eq!(authzid.is_none(), message.is_empty());
            }
            turn => assert!(matches!(turn, Turn::Done(Err(_)))),
        }
    }
}
