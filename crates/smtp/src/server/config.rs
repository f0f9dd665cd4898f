//! How a server behaves, and within which bounds.

use std::time::Duration;

use gatepost_sasl::Policy;
use gatepost_syntax::Domain;

use crate::command::Paths;

/// Whom the server serves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Profile {
    /// Other servers (RFC 5321).
    Mx,
    /// Users (RFC 6409): nothing without AUTH, and domains are fully qualified.
    Submission,
    /// A server beside it that keeps the queue (RFC 2033): each recipient has a reply of its own after the message.
    Lmtp,
}

/// Bounds of a session.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Limits {
    /// Octets of a command line (default 2048; RFC 5321 §4.5.3.1.4 wants 512 and room for parameters).
    pub line: usize,
    /// Octets of a SASL response, and of AUTH with an initial one (default 12,288, RFC 4954 §4).
    pub auth_line: usize,
    /// Octets of a message (default 50 MiB).
    pub message: u64,
    /// Octets beyond that which are read and thrown away to hear the end, before the session is ended (default 50 MiB).
    pub excess: u64,
    /// Recipients of a message (default 100, RFC 5321 §4.5.3.1.8); told as RCPTMAX (RFC 9422).
    pub recipients: usize,
    /// Commands that fail between two messages before the session ends (default 20).
    pub errors: u32,
    /// Senders and recipients that the application refuses between two messages before the session ends (default 100).
    pub refusals: u32,
    /// Failed AUTH commands before the session ends (default 3).
    pub auth_failures: u32,
    /// Commands that bring no message forward (EHLO, NOOP, RSET, VRFY and the like) between two messages (default 100).
    pub idle_commands: u32,
    /// Commands of a session (default 10,000), BDAT with 1024 octets or more not counted.
    pub commands: u32,
    /// How long to wait for the client (default 5 minutes, RFC 5321 §4.5.3.2.7).
    pub idle: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Limits {
            line: 2048,
            auth_line: 12_288,
            message: 50 << 20,
            excess: 50 << 20,
            recipients: 100,
            errors: 20,
            refusals: 100,
            auth_failures: 3,
            idle_commands: 100,
            commands: 10_000,
            idle: Duration::from_secs(300),
        }
    }
}

/// What is offered beside PIPELINING, SIZE, 8BITMIME, ENHANCEDSTATUSCODES and LIMITS. Off is what an application must
/// do something for.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Extensions {
    /// CHUNKING (RFC 3030; default on).
    pub chunking: bool,
    /// BINARYMIME (RFC 3030; default off): the application keeps every octet of what is not made of lines.
    pub binary_mime: bool,
    /// SMTPUTF8 (RFC 6531; default on).
    pub smtp_utf8: bool,
    /// DSN (RFC 3461; default off): the application sends the reports that are asked for.
    pub dsn: bool,
    /// REQUIRETLS within TLS (RFC 8689; default off): the application relays such messages over verified TLS only.
    pub require_tls: bool,
}

impl Default for Extensions {
    fn default() -> Self {
        Extensions { chunking: true, binary_mime: false, smtp_utf8: true, dsn: false, require_tls: false }
    }
}

/// What is done with clients that do not wait for their turn.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum EarlyTalkers {
    /// What they say is read when it is due.
    #[default]
    Heard,
    /// They are refused, since only programs that send spam do so: who speaks before the greeting, which is held back for
    /// this long, or behind EHLO or DATA before the reply (RFC 2920 §3.1).
    Refused(Duration),
}

/// How a server behaves.
#[derive(Clone, Debug)]
pub struct Config {
    /// What it calls itself.
    pub hostname: Domain,
    /// Whom it serves.
    pub profile: Profile,
    /// Whether STARTTLS is offered.
    pub starttls: bool,
    /// Which mechanisms are offered; AUTH is for submission only.
    pub sasl: Policy,
    /// Which extensions are offered.
    pub extensions: Extensions,
    /// How paths may be written.
    pub paths: Paths,
    /// What is done with clients that do not wait for their turn.
    pub early_talkers: EarlyTalkers,
    /// Bounds.
    pub limits: Limits,
}

impl Config {
    /// With STARTTLS and the defaults.
    pub fn new(hostname: Domain, profile: Profile) -> Self {
        Config {
            hostname,
            profile,
            starttls: true,
            sasl: Policy::default(),
            extensions: Extensions::default(),
            paths: Paths::default(),
            early_talkers: EarlyTalkers::default(),
            limits: Limits::default(),
        }
    }
}
