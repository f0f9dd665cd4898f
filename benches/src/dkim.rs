//! Messages to sign and to verify: 19 header fields of 1.8 KB before a body, and the floor beside them.

use std::sync::Arc;
use std::time::UNIX_EPOCH;

use gatepost_dkim::sign::{Signer, Spec};
use gatepost_dkim::{Algorithm, Limits, Outcome, PrivateKey, SigningKey, Verifier, canon};
use gatepost_dns::{Zone, block_on};
use gatepost_syntax::{HeaderBlock, HeaderLimits};
use ring::digest::{SHA256, digest};
use ring::rand::SystemRandom;
use ring::signature::{
    ED25519, Ed25519KeyPair, KeyPair, RSA_PKCS1_1024_8192_SHA256_FOR_LEGACY_USE_ONLY, UnparsedPublicKey,
};
use ring::signature::{RSA_PKCS1_SHA256, RsaKeyPair};
use rustls_pki_types::PrivateKeyDer;
use rustls_pki_types::pem::PemObject;

use crate::{base64, html, prose_of, ragged};

/// A key made for these benches; it signs nothing else.
pub const RSA_TEST_KEY: &str = include_str!("../keys/rsa2048-test.pem");
const ED25519_TEST_SEED: [u8; 32] = [7; 32];

/// Makes a body of about so many octets, another one for each seed.
pub type MakeBody = fn(u32, usize) -> Vec<u8>;

/// Bodies: name, octets, how they are made.
pub const BODIES: [(&str, usize, MakeBody); 7] = [
    ("2k-text", 2 << 10, prose_of),
    ("50k-text", 50 << 10, prose_of),
    ("50k-html", 50 << 10, html),
    ("50k-ragged", 50 << 10, ragged),
    ("1m-text", 1 << 20, prose_of),
    ("1m-base64", 1 << 20, base64),
    ("25m-base64", 25 << 20, base64),
];

/// The algorithms of the cases.
pub const ALGORITHMS: [Algorithm; 2] = [Algorithm::RsaSha256, Algorithm::Ed25519Sha256];

/// Keys of both kinds, ours and ring's of the same octets, and the zone that has them.
#[derive(Debug)]
pub struct Keys {
    rsa: (PrivateKey, RsaKeyPair),
    ed25519: (PrivateKey, Ed25519KeyPair),
    zone: Zone,
}

impl Default for Keys {
    fn default() -> Self {
        let rsa = PrivateKey::from_pem(RSA_TEST_KEY).unwrap();
        let ed25519 = PrivateKey::from_ed25519_seed(&ED25519_TEST_SEED).unwrap();
        let line = |key: &PrivateKey| format!("{}._domainkey.example.org TXT \"{}\"\n", name(key), key.public_record());
        let zone = Zone::parse(&(line(&rsa) + &line(&ed25519))).unwrap();
        let PrivateKeyDer::Pkcs1(der) = PrivateKeyDer::from_pem_slice(RSA_TEST_KEY.as_bytes()).unwrap() else {
            return Keys::default();
        };
        let pair = RsaKeyPair::from_der(der.secret_pkcs1_der()).unwrap();
        let ed25519_pair = Ed25519KeyPair::from_seed_unchecked(&ED25519_TEST_SEED).unwrap();
        Keys { rsa: (rsa, pair), ed25519: (ed25519, ed25519_pair), zone }
    }
}

fn name(key: &PrivateKey) -> &'static str {
    if key.algorithm() == Algorithm::RsaSha256 { "rsa" } else { "ed25519" }
}

/// One message with all that the floor needs: it does nothing but hash and check.
#[derive(Debug)]
pub struct Message {
    /// As it comes from the author.
    pub unsigned: Vec<u8>,
    /// With its DKIM-Signature on top.
    pub signed: Vec<u8>,
    canonical_body: Vec<u8>,
    canonical_fields: Vec<u8>,
    signature: Vec<u8>,
}

impl Keys {
    /// What is published at the selector `rsa` or `ed25519` of example.org.
    pub fn record(&self, algorithm: Algorithm) -> String {
        self.key(algorithm).public_record()
    }

    fn key(&self, algorithm: Algorithm) -> &PrivateKey {
        if algorithm == Algorithm::RsaSha256 { &self.rsa.0 } else { &self.ed25519.0 }
    }

    /// Messages of a kind of body, no two alike: 200, or as many as fit in 32 MB, which no predictor learns either.
    pub fn messages(&self, octets: usize, body: MakeBody, algorithm: Algorithm) -> Vec<Message> {
        let many = (32 << 20) / octets;
        (1..).take(many.clamp(1, 200)).map(|seed| self.message(seed, &body(seed, octets), algorithm)).collect()
    }

    /// One message.
    pub fn message(&self, seed: u32, body: &[u8], algorithm: Algorithm) -> Message {
        let key = self.key(algorithm);
        let unsigned = [head(seed).as_bytes(), body].concat();
        let (signer, _) = signer(&unsigned, name(key));
        let draft = signer.finish().unwrap();
        let canonical_fields = draft.to_sign(algorithm);
        let signature = key.sign(&canonical_fields).unwrap();
        let signed = [draft.sealed(algorithm, &signature).as_bytes(), &unsigned].concat();
        let canonical_body = canon::body(body, gatepost_dkim::Canonicalization::Relaxed);
        Message { unsigned, signed, canonical_body, canonical_fields, signature }
    }

    /// Verifies a message from its octets.
    pub fn verify(&self, message: &Message) -> bool {
        self.results(&message.signed).word() == "pass"
    }

    /// All that is found of a message.
    pub fn results(&self, signed: &[u8]) -> Outcome {
        let (headers, body) = HeaderBlock::parse(signed, &HeaderLimits::default()).unwrap();
        let mut verifier = Verifier::new(Arc::new(headers), &Limits::default());
        verifier.body(signed.get(body..).unwrap());
        block_on(verifier.finish().results(&self.zone, UNIX_EPOCH))
    }

    /// What no verifier of ring's can do without.
    pub fn verify_floor(&self, message: &Message, algorithm: Algorithm) -> bool {
        std::hint::black_box(digest(&SHA256, &message.canonical_body));
        if algorithm == Algorithm::RsaSha256 {
            let public = self.rsa.1.public().as_ref();
            let public = UnparsedPublicKey::new(&RSA_PKCS1_1024_8192_SHA256_FOR_LEGACY_USE_ONLY, public);
            return public.verify(&message.canonical_fields, &message.signature).is_ok();
        }
        let hash = digest(&SHA256, &message.canonical_fields);
        let public = UnparsedPublicKey::new(&ED25519, self.ed25519.1.public_key().as_ref());
        public.verify(hash.as_ref(), &message.signature).is_ok()
    }

    /// Signs a message from its octets.
    pub fn sign(&self, message: &Message, algorithm: Algorithm) -> String {
        let key = self.key(algorithm);
        signer(&message.unsigned, name(key)).0.finish().unwrap().sign(key).unwrap()
    }

    /// What no signer of ring's can do without.
    pub fn sign_floor(&self, message: &Message, algorithm: Algorithm) -> Vec<u8> {
        std::hint::black_box(digest(&SHA256, &message.canonical_body));
        if algorithm == Algorithm::RsaSha256 {
            let mut out = vec![0; self.rsa.1.public().modulus_len()];
            self.rsa.1.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), &message.canonical_fields, &mut out).unwrap();
            return out;
        }
        self.ed25519.1.sign(digest(&SHA256, &message.canonical_fields).as_ref()).as_ref().to_vec()
    }
}

fn signer(message: &[u8], selector: &str) -> (Signer, usize) {
    let (headers, at) = HeaderBlock::parse(message, &HeaderLimits::default()).unwrap();
    let spec = Spec::new("example.org".parse().unwrap(), selector.parse().unwrap());
    let mut signer = Signer::new(spec, headers).unwrap();
    signer.body(message.get(at..).unwrap());
    (signer, at)
}

/// A header section as it is found: some hops, some fields of the author, some of a list.
fn head(seed: u32) -> String {
    let hop = |from: &str, by: &str| {
        format!(
            "Received: from {from} ({from} [192.0.2.{}])\r\n\tby {by} (Postfix) with ESMTPS id {:08X}\r\n\t(using TLSv1.3 with \
             cipher TLS_AES_256_GCM_SHA384 (256/256 bits))\r\n\tfor <bob@example.net>; Tue, 24 Nov 2026 10:15:{:02} +0000\r\n",
            seed % 250,
            seed.wrapping_mul(0x9e37_79b9),
            seed % 60
        )
    };
    let hops = [
        ("out.example.org", "mx.example.net"),
        ("smtp.example.org", "out.example.org"),
        ("ann.example.org", "smtp.example.org"),
    ];
    let hops: String = hops.iter().map(|(from, by)| hop(from, by)).collect();
    format!(
        "Return-Path: <ann@example.org>\r\n{hops}From: Ann Example <ann@example.org>\r\nTo: Bob Example <bob@example.net>,\r\n \
         Carol Example <carol@example.net>\r\nCc: dave@example.net\r\nSubject: Minutes of the meeting about the new canonical \
         form,\r\n second part, number {seed}\r\nDate: Tue, 24 Nov 2026 10:14:58 +0000\r\nMessage-ID: \
         <{seed:08x}.4711@ann.example.org>\r\nIn-Reply-To: <20261123.0815@bob.example.net>\r\nReferences: \
         <20261120.1234@ann.example.org>\r\n <20261123.0815@bob.example.net>\r\nMIME-Version: 1.0\r\nContent-Type: text/plain; \
         charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\nUser-Agent: An Agent of Some Kind 128.3 (X11; Linux x86_64)\r\n\
         X-Mailer-Trace: a8f5f167f44f4964e6c998dee827110c\r\nList-Id: The people who care <care.example.org>\r\n\
         List-Unsubscribe: <mailto:care-leave@example.org>,\r\n <https://example.org/leave/4711>\r\nX-Spam-Status: No, score=-2.1 \
         required=5.0 tests=BAYES_00,DKIM_VALID\r\n\r\n"
    )
}
