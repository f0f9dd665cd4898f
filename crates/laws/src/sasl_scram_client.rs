//! SCRAM, the client's side: no challenges of a server that does not know the password are believed.
use gatepost_sasl::{ClientMechanism, Limits, ScramClient, Secret};

/// The law.
pub fn law(octets: &[u8]) {
    let mut limits = Limits::default();
    (limits.min_iterations, limits.max_iterations) = (1, 64);
    let mut client = ScramClient::new("ann", &Secret::new("pencil"), "cn", limits);
    client.first();
    for challenge in octets.split(|octet| *octet == b'|') {
        if let Ok(response) = client.step(challenge) {
            assert!(challenge.starts_with(b"r=cn") && response.expose().starts_with(b"c=biws,r=cn"));
        }
        assert!(!client.may_succeed());
    }
}
