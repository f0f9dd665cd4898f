//! What tests of servers need: a folder of their own, a certificate, users.
#![allow(dead_code)] // each takes what it needs

use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};

use gatepost::Users;
use gatepost_sasl::Secret;
use gatepost_syntax::Mailbox;

/// A folder of its own for each test, gone at its end.
pub(crate) struct Place(pub(crate) PathBuf);

impl Place {
    pub(crate) fn new(test: &str) -> Self {
        static NEXT: AtomicUsize = AtomicUsize::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let folder = std::env::temp_dir().join(format!("gatepost-test-{}-{number}-{test}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        Place(folder)
    }

    /// The files of a self-signed certificate and of its key, made once.
    pub(crate) fn certificate(&self) -> (PathBuf, PathBuf) {
        let (certificate, key) = (self.0.join("certificate.pem"), self.0.join("key.pem"));
        if !key.exists() {
            let names = vec!["localhost".to_owned(), "mx.else.test".to_owned()];
            let made = rcgen::generate_simple_self_signed(names).unwrap();
            std::fs::write(&certificate, made.cert.pem()).unwrap();
            std::fs::write(&key, made.signing_key.serialize_pem()).unwrap();
        }
        (certificate, key)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// Users with the password `pencil`.
pub(crate) fn users(names: &[&str]) -> Users {
    let users = Users::new(Secret::new("a test secret"));
    for name in names {
        users.add(&Mailbox::parse(name).unwrap(), &Secret::new("pencil"), b"sixteen octets..").unwrap();
    }
    users
}
