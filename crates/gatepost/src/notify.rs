//! Tells systemd how the service is (sd_notify): a datagram to the socket that `NOTIFY_SOCKET` names.

use std::os::unix::ffi::OsStrExt;
use std::os::unix::net::UnixDatagram;

/// Sends `READY=1` and the like. Without a socket there is nobody to tell.
pub(crate) fn notify(state: &str) {
    let Some(name) = std::env::var_os("NOTIFY_SOCKET") else {
        return;
    };
    let sent = UnixDatagram::unbound().and_then(|socket| match name.as_bytes().strip_prefix(b"@") {
        #[cfg(target_os = "linux")]
        Some(name) => {
            use std::os::linux::net::SocketAddrExt;
            socket.send_to_addr(state.as_bytes(), &std::os::unix::net::SocketAddr::from_abstract_name(name)?)
        }
        _ => socket.send_to(state.as_bytes(), &name),
    });
    if let Err(error) = sent {
        tracing::warn!(%error, "NOTIFY_SOCKET");
    }
}
