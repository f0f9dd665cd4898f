//! The client's side of TLS: whom it believes.

use std::io;
use std::path::Path;
use std::sync::Arc;

use gatepost_wire::TlsInfo;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature};
use rustls::sign::{CertifiedKey, SingleCertAndKey};
use rustls::{ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme};
use rustls_pki_types::{CertificateDer, ServerName, UnixTime};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use super::{TlsError, TlsStream, certificates, end_point, info, private, unusable};

/// Whom a client believes, for TLS 1.2 and 1.3. Cheap to clone.
#[derive(Clone)]
pub struct ClientTls {
    config: Arc<ClientConfig>,
    verified: bool,
}

impl std::fmt::Debug for ClientTls {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ClientTls").field("verified", &self.verified).finish_non_exhaustive()
    }
}

impl ClientTls {
    /// Believes the authorities that the system believes.
    pub fn system() -> Result<Self, TlsError> {
        let found = rustls_native_certs::load_native_certs();
        let mut roots = RootCertStore::empty();
        // the system's list may have certificates that are not understood here: the others count
        roots.add_parsable_certificates(found.certs);
        match (roots.is_empty(), found.errors.into_iter().next()) {
            (false, _) => Self::verified(roots, "the system's certificates"),
            (true, Some(error)) => Err(unusable("the system's certificates", error)),
            (true, None) => Err(unusable("the system's certificates", "there is none")),
        }
    }

    /// Believes the authorities, or the very certificates, of a PEM file, and nobody else.
    pub fn with_roots(path: impl AsRef<Path>) -> Result<Self, TlsError> {
        let (path, mut roots) = (path.as_ref(), RootCertStore::empty());
        for certificate in certificates(path)? {
            roots.add(certificate).map_err(|error| unusable(path.display(), error))?;
        }
        Self::verified(roots, &path.display().to_string())
    }

    /// Believes anybody: this keeps listeners out, and stops nobody who can change what is sent. It is what SMTP between
    /// servers does where nothing better was promised (RFC 7435); never send a password over it.
    pub fn opportunistic() -> Result<Self, TlsError> {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ClientConfig::builder_with_provider(Arc::clone(&provider))
            .with_safe_default_protocol_versions()
            .map_err(|error| unusable("opportunistic TLS", error))?
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(Anybody(provider)))
            .with_no_client_auth();
        Ok(ClientTls { config: Arc::new(config), verified: false })
    }

    /// Shows servers that ask for it a certificate of ours: a chain and its key in PEM. It is what EXTERNAL logs in with.
    pub fn certificate(mut self, chain: impl AsRef<Path>, key: impl AsRef<Path>) -> Result<Self, TlsError> {
        let (path, key) = (chain.as_ref(), private(key.as_ref())?);
        let provider = rustls::crypto::ring::default_provider();
        let shown = CertifiedKey::from_der(certificates(path)?, key, &provider);
        let shown = shown.map_err(|error| unusable(path.display(), error))?;
        Arc::make_mut(&mut self.config).client_auth_cert_resolver = Arc::new(SingleCertAndKey::from(shown));
        Ok(self)
    }

    /// Says in the handshake which protocol is to be spoken (RFC 7301), such as `pop3`.
    #[must_use]
    pub fn alpn(mut self, protocol: &str) -> Self {
        Arc::make_mut(&mut self.config).alpn_protocols = vec![protocol.as_bytes().to_vec()];
        self
    }

    /// Whether certificates are verified.
    pub fn is_verified(&self) -> bool {
        self.verified
    }

    fn verified(roots: RootCertStore, place: &str) -> Result<Self, TlsError> {
        if roots.is_empty() {
            return Err(unusable(place, "no certificate"));
        }
        let config = ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
            .with_safe_default_protocol_versions()
            .map_err(|error| unusable(place, error))?
            .with_root_certificates(roots)
            .with_no_client_auth();
        Ok(ClientTls { config: Arc::new(config), verified: true })
    }
}

/// A server to shake hands with: its name, which the certificate must have, and whom to believe.
#[derive(Clone, Debug)]
pub(crate) struct Peer {
    name: ServerName<'static>,
    tls: ClientTls,
}

impl Peer {
    /// A host name or an address; nothing else can be in a certificate (RFC 7817 §3: never a name out of insecure DNS).
    pub(crate) fn new(name: &str, tls: &ClientTls) -> Option<Self> {
        let name = name.strip_suffix('.').unwrap_or(name).to_owned();
        Some(Peer { name: ServerName::try_from(name).ok()?, tls: tls.clone() })
    }

    pub(crate) async fn handshake(&self, tcp: TcpStream) -> io::Result<(TlsStream<TcpStream>, TlsInfo)> {
        let connector = TlsConnector::from(Arc::clone(&self.tls.config));
        let stream = connector.connect(self.name.clone(), tcp).await?;
        let mut info = info(stream.get_ref().1);
        info.server_verified = self.tls.verified;
        let shown = stream.get_ref().1.peer_certificates().and_then(|chain| chain.first());
        info.server_end_point = shown.and_then(|certificate| end_point::of(certificate));
        Ok((stream.into(), info))
    }
}

/// Believes every certificate whose key the peer has.
#[derive(Debug)]
struct Anybody(Arc<CryptoProvider>);

impl ServerCertVerifier for Anybody {
    fn verify_server_cert(
        &self,
        _certificate: &CertificateDer<'_>,
        _others: &[CertificateDer<'_>],
        _name: &ServerName<'_>,
        _ocsp: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls12_signature(message, certificate, signed, &self.0.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls13_signature(message, certificate, signed, &self.0.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}
