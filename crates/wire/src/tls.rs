//! What an endpoint may know of TLS.

/// TLS versions that are good enough to be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum TlsVersion {
    /// RFC 5246.
    Tls12,
    /// RFC 8446.
    Tls13,
}

impl TlsVersion {
    /// As trace fields write it.
    pub fn word(self) -> &'static str {
        match self {
            TlsVersion::Tls12 => "TLS1.2",
            TlsVersion::Tls13 => "TLS1.3",
        }
    }
}

/// What is known of a TLS connection.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct TlsInfo {
    /// The version.
    pub version: TlsVersion,
    /// The cipher suite as IANA names it.
    pub cipher: String,
    /// The `tls-exporter` channel binding (RFC 9266).
    pub exporter: Option<[u8; 32]>,
    /// The client's verified certificate in DER.
    pub client_certificate: Option<Vec<u8>>,
}

impl TlsInfo {
    /// Without channel binding and client certificate.
    pub fn new(version: TlsVersion, cipher: &str) -> Self {
        TlsInfo { version, cipher: cipher.to_owned(), exporter: None, client_certificate: None }
    }
}
