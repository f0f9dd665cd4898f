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
    /// The `tls-exporter` channel binding (RFC 9266): TLS 1.3, or 1.2 with the extended master secret, only.
    pub exporter: Option<Vec<u8>>,
    /// The `tls-server-end-point` channel binding: a hash of the server's certificate (RFC 5929 §4).
    pub server_end_point: Option<Vec<u8>>,
    /// On the server's side: the client's certificate in DER, if it was verified.
    pub client_certificate: Option<Vec<u8>>,
    /// On the client's side: whether the server's certificate was verified for the name that was meant.
    pub server_verified: bool,
}

impl TlsInfo {
    /// With nothing known but these.
    pub fn new(version: TlsVersion, cipher: &str) -> Self {
        TlsInfo {
            version,
            cipher: cipher.to_owned(),
            exporter: None,
            server_end_point: None,
            client_certificate: None,
            server_verified: false,
        }
    }
}
