#![forbid(unsafe_code)]
//! What must hold for any input: one law a parser or endpoint. The fuzz targets run them under libFuzzer, `tests/replay.rs` over the
//! seeds and over every input that once broke one.
#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::as_conversions
)] // laws assert

use arbitrary::{Arbitrary, Unstructured};

pub mod arc;
pub mod authres;
pub mod canon;
pub mod dkim;
pub mod dkim_der;
pub mod dkim_key;
pub mod dkim_signature;
pub mod dmarc;
pub mod dot;
pub mod header;
pub mod mailbox;
pub mod pop3_client;
pub mod pop3_server;
pub mod proxy;
pub mod queue_entry;
pub mod sasl_bearer;
pub mod sasl_external;
pub mod sasl_login;
pub mod sasl_plain;
pub mod sasl_scram;
pub mod sasl_scram_client;
pub mod sasl_users;
pub mod smtp_client;
pub mod smtp_command;
pub mod smtp_path;
pub mod smtp_reply;
pub mod smtp_server;
pub mod spf;
pub mod spf_record;

/// A law over octets.
pub type Law = fn(&[u8]);

/// All laws by their names, which are those of the fuzz targets, of the seeds' folders and of the dictionaries.
pub const LAWS: [(&str, Law); 30] = [
    ("arc", arc::law),
    ("authres", |octets| taken(octets, authres::law)),
    ("canon", canon::law),
    ("dkim", dkim::law),
    ("dkim_der", dkim_der::law),
    ("dkim_key", dkim_key::law),
    ("dkim_signature", |octets| taken(octets, dkim_signature::law)),
    ("dmarc", |octets| taken(octets, dmarc::law)),
    ("dot", dot::law),
    ("header", header::law),
    ("mailbox", |octets| taken(octets, mailbox::law)),
    ("pop3_client", pop3_client::law),
    ("pop3_server", pop3_server::law),
    ("proxy", proxy::law),
    ("queue_entry", queue_entry::law),
    ("sasl_external", sasl_external::law),
    ("sasl_login", sasl_login::law),
    ("sasl_oauthbearer", sasl_bearer::oauthbearer),
    ("sasl_plain", sasl_plain::law),
    ("sasl_scram", sasl_scram::law),
    ("sasl_scram_client", sasl_scram_client::law),
    ("sasl_users", |octets| taken(octets, sasl_users::law)),
    ("sasl_xoauth2", sasl_bearer::xoauth2),
    ("smtp_client", |octets| taken(octets, smtp_client::law)),
    ("smtp_command", smtp_command::law),
    ("smtp_path", |octets| taken(octets, smtp_path::law)),
    ("smtp_reply", smtp_reply::law),
    ("smtp_server", |octets| taken(octets, smtp_server::law)),
    ("spf", |octets| taken(octets, spf::law)),
    ("spf_record", |octets| taken(octets, spf_record::law)),
];

/// Makes what a law wants of octets, as libFuzzer does.
fn taken<'a, T: Arbitrary<'a>>(octets: &'a [u8], law: impl Fn(T)) {
    if let Ok(value) = T::arbitrary_take_rest(Unstructured::new(octets)) {
        law(value);
    }
}
