//! TLS: the one file that names rustls, with the client's side below it.

pub(crate) mod client;

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arc_swap::ArcSwap;
use gatepost_wire::{TlsInfo, TlsVersion};
use rustls::{ConnectionCommon, ServerConfig};
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use thiserror::Error;
use tokio::net::TcpStream;
use tokio_rustls::TlsAcceptor;
pub(crate) use tokio_rustls::TlsStream;

/// A certificate with its key, for TLS 1.2 and 1.3. Clones share it; [`Tls::reload`] changes it for new connections.
#[derive(Clone)]
pub struct Tls {
    config: Arc<ArcSwap<ServerConfig>>,
    files: Arc<(PathBuf, PathBuf)>,
    /// What is to be spoken within it (RFC 7301); a client that wants something else is refused.
    alpn: Option<&'static str>,
}

impl std::fmt::Debug for Tls {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Tls").field("certificate", &self.files.0).finish_non_exhaustive()
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

/// Reads a certificate chain and its key from PEM files.
pub fn from_pem(certificate: impl Into<PathBuf>, key: impl Into<PathBuf>) -> Result<Tls, TlsError> {
    let files = (certificate.into(), key.into());
    let config = load(&files.0, &files.1)?;
    Ok(Tls { config: Arc::new(ArcSwap::from_pointee(config)), files: Arc::new(files), alpn: None })
}

fn load(certificate: &Path, key: &Path) -> Result<ServerConfig, TlsError> {
    let pem = |path: &Path, error: rustls_pki_types::pem::Error| TlsError::Pem {
        path: path.display().to_string(),
        error: io::Error::other(error),
    };
    let chain = CertificateDer::pem_file_iter(certificate)
        .and_then(Iterator::collect::<Result<Vec<_>, _>>)
        .map_err(|error| pem(certificate, error))?;
    let private = PrivateKeyDer::from_pem_file(key).map_err(|error| pem(key, error))?;
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .and_then(|builder| builder.with_no_client_auth().with_single_cert(chain, private))
        .map_err(|error| TlsError::Unusable { path: certificate.display().to_string(), error: io::Error::other(error) })
}

impl Tls {
    /// Reads the files again, for connections to come; when they can not be used all stays as it was.
    pub fn reload(&self) -> Result<(), TlsError> {
        self.config.store(Arc::new(load(&self.files.0, &self.files.1)?));
        Ok(())
    }

    /// For a port on which TLS comes first. Behind STARTTLS and STLS it is clear what is spoken.
    pub(crate) fn alpn(mut self, protocol: Option<&'static str>) -> Self {
        self.alpn = protocol;
        self
    }

    /// The server's side of a handshake.
    pub(crate) async fn accept(&self, tcp: TcpStream) -> io::Result<(TlsStream<TcpStream>, TlsInfo)> {
        let mut config = self.config.load_full();
        if let Some(protocol) = self.alpn {
            Arc::make_mut(&mut config).alpn_protocols = vec![protocol.as_bytes().to_vec()];
        }
        let stream = TlsAcceptor::from(config).accept(tcp).await?;
        let info = info(stream.get_ref().1);
        Ok((stream.into(), info))
    }
}

/// What endpoints may know of a connection, on either side.
fn info<Data>(connection: &ConnectionCommon<Data>) -> TlsInfo {
    let version = match connection.protocol_version() {
        Some(rustls::ProtocolVersion::TLSv1_3) => TlsVersion::Tls13,
        _ => TlsVersion::Tls12,
    };
    let cipher = connection.negotiated_cipher_suite().map(|suite| format!("{:?}", suite.suite())).unwrap_or_default();
    let mut info = TlsInfo::new(version, &cipher);
    info.exporter = connection.export_keying_material(vec![0; 32], b"EXPORTER-Channel-Binding", Some(b"")).ok();
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
