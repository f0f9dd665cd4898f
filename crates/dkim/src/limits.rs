//! Bounds and policy of verification.

/// What is accepted, and how much work a message may make.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Limits {
    /// How many signatures are evaluated, those of the author's domain first (default 10; RFC 6376 §8.4 warns of messages
    /// with many). Others get `policy`.
    pub signatures: usize,
    /// How many DKIM-Signature fields are read (default 100); others are only counted.
    pub fields: usize,
    /// Octets of one such field (default 16 KiB).
    pub field_bytes: usize,
    /// Tags of one such field (default 128).
    pub tags: usize,
    /// How many names `h=` may list (default 1000).
    pub signed_names: usize,
    /// How many distinct body hashes are computed (default 8).
    pub body_hashes: usize,
    /// How many key records of one name are tried (default 2; RFC 6376 §3.6.2.2 leaves several undefined).
    pub keys: usize,
    /// The shortest RSA key in bits (default 1024, RFC 8301 §3.2; less can not be verified).
    pub rsa_min_bits: usize,
    /// The longest RSA key in bits (default 8192; RFC 8301 §3.2 asks for 4096; more can not be verified).
    pub rsa_max_bits: usize,
    /// Seconds that clocks may differ by when `x=` and `t=` are checked (default 300).
    pub clock_skew: u64,
    /// How many seconds after `t=` a signature still passes (default none: for ever). A bound makes replay harder
    /// (RFC 6376 §8.6); a signature without `t=` does not meet it.
    pub max_age: Option<u64>,
    /// Whether a signature may be made in the future (default yes; RFC 6376 §3.5 lets either be).
    pub allow_future: bool,
    /// Whether rsa-sha1 is accepted (default no, RFC 8301 §3.1).
    pub allow_sha1: bool,
    /// Whether a signature that covers only the front of the body (`l=`) passes (default no: what is appended is
    /// anybody's, RFC 6376 §8.2).
    pub allow_partial_body: bool,
    /// How often a signature that fails may be checked again, and at how many line ends its body be hashed, to say what
    /// would have made it pass (default 0: no diagnosis); see [`crate::Diagnosis`].
    pub diagnoses: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Limits {
            signatures: 10,
            fields: 100,
            field_bytes: 16 << 10,
            tags: 128,
            signed_names: 1000,
            body_hashes: 8,
            keys: 2,
            rsa_min_bits: 1024,
            rsa_max_bits: 8192,
            clock_skew: 300,
            max_age: None,
            allow_future: true,
            allow_sha1: false,
            allow_partial_body: false,
            diagnoses: 0,
        }
    }
}
