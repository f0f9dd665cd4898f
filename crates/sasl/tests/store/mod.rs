//! A store with a user ann, whose password and token are `pencil`, and a user bob with others.
#![allow(dead_code)] // no test needs all of it

use std::sync::LazyLock;

use gatepost_sasl::{Answer, Fingerprint, Identity, Question, ScramHash, ScramKeys, Secret, UserFile, Verifier};
use gatepost_wire::{TlsInfo, TlsVersion};

pub(crate) const CERTIFICATE: &[u8] = b"the certificate of ann, verified by TLS";

/// TLS with channel bindings made of an octet.
pub(crate) fn tls(binding: u8) -> TlsInfo {
    let mut tls = TlsInfo::new(TlsVersion::Tls13, "TLS_AES_128_GCM_SHA256");
    tls.exporter = Some(vec![binding; 32]);
    tls.server_end_point = Some(vec![!binding; 32]);
    tls.client_certificate = Some(CERTIFICATE.to_vec());
    tls.server_verified = true;
    tls
}

pub(crate) struct Store {
    pub(crate) file: &'static UserFile,
}

static FILE: LazyLock<UserFile> = LazyLock::new(|| {
    let mut file = UserFile::new();
    for (user, password) in [("ann", "pencil"), ("bob", "other")] {
        for hash in [ScramHash::Sha1, ScramHash::Sha256, ScramHash::Sha512] {
            let salt = format!("salt of {user}, 16 octets");
            let keys = ScramKeys::derive(hash, &Secret::new(password), salt.as_bytes(), 4096.try_into().unwrap());
            file.add(user, Verifier::Scram(keys)).unwrap();
        }
    }
    file.add("ann", Verifier::Certificate(Fingerprint::of(CERTIFICATE))).unwrap();
    file
});

impl Store {
    pub(crate) fn new() -> Self {
        Store { file: &FILE }
    }

    /// With the token beside what the file answers.
    pub(crate) fn answer(&self, question: &Question) -> Answer {
        match question {
            Question::Token { user: Some(user), token, .. } if user == "ann" && *token == Secret::new("pencil") => {
                Answer::Grant(Identity { user: user.clone() })
            }
            question => self.file.answer(question, &Secret::new("server secret")),
        }
    }

    pub(crate) fn keys(&self, hash: ScramHash) -> ScramKeys {
        let keys = self.file.verifiers("ann").find_map(|verifier| match verifier {
            Verifier::Scram(keys) if keys.hash() == hash => Some(keys.clone()),
            _ => None,
        });
        keys.unwrap()
    }
}
