//! TLS: the one file that names rustls, with the client's side below it.

mod certificate;
pub(crate) mod client;
mod end_point;

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

use arc_swap::ArcSwap;
use gatepost_syntax::Domain;
use gatepost_wire::{TlsInfo, TlsVersion};
use rustls::crypto::CryptoProvider;
use rustls::server::WebPkiClientVerifier;
use rustls::server::danger::ClientCertVerifier;
use rustls::{ConnectionCommon, RootCertStore, ServerConfig};
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use thiserror::Error;
use tokio::net::TcpStream;
use tokio_rustls::TlsAcceptor;
pub(crate) use tokio_rustls::TlsStream;

pub use certificate::CertificateProblem;

/// A certificate with its key, for TLS 1.2 and 1.3. Clones share it; [`Tls::reload`] changes it for new connections.
#[derive(Clone)]
pub struct Tls {
    loaded: Arc<ArcSwap<Loaded>>,
    files: Arc<Files>,
    /// What is to be spoken within it (RFC 7301); a client that wants something else is refused.
    alpn: Option<&'static str>,
}

impl std::fmt::Debug for Tls {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Tls").field("files", &self.files).finish_non_exhaustive()
    }
}

/// Why a certificate can not be used.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum TlsError {
    /// A file can not be read, or holds no PEM of its kind.
    #[error("{path}: {error}")]
    Pem {
        /// Which file.
        path: String,
        /// Why.
        error: io::Error,
    },
    /// Certificate and key can not be used together.
    #[error("{path}: {error}")]
    Unusable {
        /// The certificate's file.
        path: String,
        /// Why, in rustls' words.
        error: io::Error,
    },
}

/// Where the PEM is.
#[derive(Debug)]
struct Files {
    certificate: PathBuf,
    key: PathBuf,
    client_authorities: Option<PathBuf>,
}

/// What was read.
struct Loaded {
    config: Arc<ServerConfig>,
    /// The server's own, without those that vouch for it.
    leaf: Option<CertificateDer<'static>>,
    end_point: Option<Vec<u8>>,
}

/// Reads a certificate chain and its key from PEM files.
pub fn from_pem(certificate: impl Into<PathBuf>, key: impl Into<PathBuf>) -> Result<Tls, TlsError> {
    let files = Files { certificate: certificate.into(), key: key.into(), client_authorities: None };
    Ok(Tls { loaded: Arc::new(ArcSwap::from_pointee(files.load()?)), files: Arc::new(files), alpn: None })
}

fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let certificates = CertificateDer::pem_file_iter(path).and_then(Iterator::collect);
    let certificates: Vec<_> = certificates.map_err(|error| pem(path, error))?;
    if certificates.is_empty() {
        return Err(pem(path, "no certificate in it"));
    }
    Ok(certificates)
}

fn private(path: &Path) -> Result<PrivateKeyDer<'static>, TlsError> {
    PrivateKeyDer::from_pem_file(path).map_err(|error| match error {
        rustls_pki_types::pem::Error::NoItemsFound => pem(path, "no private key in it"),
        error => pem(path, error),
    })
}

fn pem(path: &Path, error: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> TlsError {
    TlsError::Pem { path: path.display().to_string(), error: io::Error::other(error) }
}

fn unusable(place: impl std::fmt::Display, error: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> TlsError {
    TlsError::Unusable { path: place.to_string(), error: io::Error::other(error) }
}

impl Files {
    fn load(&self) -> Result<Loaded, TlsError> {
        let wrong = |error| unusable(self.certificate.display(), error);
        let chain = certificates(&self.certificate)?;
        let private = private(&self.key)?;
        let leaf = chain.first().cloned();
        let end_point = leaf.as_ref().and_then(|leaf| end_point::of(leaf));
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let builder = ServerConfig::builder_with_provider(Arc::clone(&provider))
            .with_safe_default_protocol_versions()
            .map_err(wrong)?;
        let builder = match &self.client_authorities {
            None => builder.with_no_client_auth(),
            Some(path) => builder.with_client_cert_verifier(client_verifier(path, provider)?),
        };
        let config = builder.with_single_cert(chain, private).map_err(|error| match error {
            rustls::Error::InconsistentKeys(_) => {
                unusable(self.certificate.display(), format!("the key in {} is another one's", self.key.display()))
            }
            error => wrong(error),
        })?;
        let config = Arc::new(config);
        Ok(Loaded { config, leaf, end_point })
    }
}

/// Clients may show a certificate; if they do it has to be of these authorities.
fn client_verifier(path: &Path, provider: Arc<CryptoProvider>) -> Result<Arc<dyn ClientCertVerifier>, TlsError> {
    let mut roots = RootCertStore::empty();
    for certificate in certificates(path)? {
        roots.add(certificate).map_err(|error| unusable(path.display(), error))?;
    }
    let builder = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider).allow_unauthenticated();
    builder.build().map_err(|error| unusable(path.display(), error))
}

impl Tls {
    /// Asks clients for a certificate of the authorities in a PEM file. Those that show one can log in with EXTERNAL, if the
    /// users' file has its fingerprint; those that show none are served as before.
    pub fn client_authorities(self, path: impl Into<PathBuf>) -> Result<Self, TlsError> {
        let Files { certificate, key, .. } = &*self.files;
        let files = Files { certificate: certificate.clone(), key: key.clone(), client_authorities: Some(path.into()) };
        Ok(Tls { loaded: Arc::new(ArcSwap::from_pointee(files.load()?)), files: Arc::new(files), alpn: self.alpn })
    }

    /// Reads the files again, for connections to come; when they can not be used all stays as it was.
    pub fn reload(&self) -> Result<(), TlsError> {
        self.loaded.store(Arc::new(self.files.load()?));
        Ok(())
    }

    /// What clients that verify will find wrong with the certificate of this host.
    pub fn problems(&self, host: &Domain, now: SystemTime) -> Vec<CertificateProblem> {
        let loaded = self.loaded.load();
        loaded.leaf.iter().flat_map(|leaf| certificate::problems(leaf, host, now)).collect()
    }

    /// Tells the log of them.
    pub(crate) fn warn(&self, host: &Domain, now: SystemTime) {
        for problem in self.problems(host, now) {
            let certificate = self.files.certificate.display();
            tracing::warn!(%certificate, %host, "clients that verify will refuse the certificate: {problem}");
        }
    }

    /// For a port on which TLS comes first. Behind STARTTLS and STLS it is clear what is spoken.
    pub(crate) fn alpn(mut self, protocol: Option<&'static str>) -> Self {
        self.alpn = protocol;
        self
    }

    /// The server's side of a handshake.
    pub(crate) async fn accept(&self, tcp: TcpStream) -> io::Result<(TlsStream<TcpStream>, TlsInfo)> {
        let loaded = self.loaded.load_full();
        let mut config = Arc::clone(&loaded.config);
        if let Some(protocol) = self.alpn {
            Arc::make_mut(&mut config).alpn_protocols = vec![protocol.as_bytes().to_vec()];
        }
        let stream = TlsAcceptor::from(config).accept(tcp).await?;
        let mut info = info(stream.get_ref().1);
        info.server_end_point.clone_from(&loaded.end_point);
        let shown = stream.get_ref().1.peer_certificates().and_then(|chain| chain.first());
        info.client_certificate = shown.map(|certificate| certificate.to_vec());
        Ok((stream.into(), info))
    }
}

/// What endpoints may know of a connection, on either side.
fn info<Data>(connection: &ConnectionCommon<Data>) -> TlsInfo {
    let version = match connection.protocol_version() {
        Some(rustls::ProtocolVersion::TLSv1_3) => TlsVersion::Tls13,
        _ => TlsVersion::Tls12,
    };
    // rustls calls those of TLS 1.3 otherwise than IANA does
    let named = |suite: rustls::SupportedCipherSuite| format!("{:?}", suite.suite()).replacen("TLS13_", "TLS_", 1);
    let cipher = connection.negotiated_cipher_suite().map(named).unwrap_or_default();
    let mut info = TlsInfo::new(version, &cipher);
    // in TLS 1.2 only with the extended master secret (RFC 9266 §2), and rustls does not tell
    if version == TlsVersion::Tls13 {
        info.exporter = connection.export_keying_material(vec![0; 32], b"EXPORTER-Channel-Binding", Some(b"")).ok();
    }
    info
}

/// Which side of a handshake a connection takes.
pub(crate) enum Side {
    Server(Tls),
    Client(client::Peer),
}

impl Side {
    pub(crate) async fn handshake(&self, tcp: TcpStream) -> io::Result<(TlsStream<TcpStream>, TlsInfo)> {
        match self {
            Side::Server(tls) => tls.accept(tcp).await,
            Side::Client(peer) => peer.handshake(tcp).await,
        }
    }
}
