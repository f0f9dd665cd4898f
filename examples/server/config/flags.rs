//! The command line.

use std::net::IpAddr;
use std::path::PathBuf;

use clap::Parser;

use super::{Level, LogFormat};

/// A mail server: it judges arriving mail by SPF, DKIM, ARC and DMARC and records the result in its header; users submit over
/// TLS with AUTH, and fetch their mail by POP3 with TLS.
///
/// Without a configuration it serves the demo domain example.test on loopback: it makes users, a key, a certificate and a
/// zone in the data folder, and prints what it made and lines to paste.
///
/// Ports: 2525 MX, 2587 submission (STARTTLS), 2465 submission (TLS), 2110 POP3 (STLS), 2995 POP3 (TLS).
/// SIGTERM finishes what is in flight; SIGHUP reads the configuration, certificate, users, keys and zone again.
#[derive(Parser)]
#[command(name = "server", verbatim_doc_comment)]
pub(crate) struct Flags {
    /// Settings; see --print-config for all of them
    #[arg(long, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    /// Where mail, keys and users are kept
    #[arg(long, value_name = "DIR")]
    pub(crate) data: Option<PathBuf>,
    /// The address to listen on; may be given more than once
    #[arg(long, value_name = "ADDR")]
    pub(crate) bind: Vec<IpAddr>,
    /// Whom to ask for DNS data: system, ADDR:PORT or a zone file
    #[arg(long, value_name = "system|ADDR:PORT|ZONEFILE")]
    pub(crate) resolver: Option<String>,
    /// Added to each port
    #[arg(long, value_name = "N")]
    pub(crate) port_base: Option<u16>,
    /// Users, one `name:keys` a line; made by the first run
    #[arg(long, value_name = "FILE")]
    pub(crate) users: Option<PathBuf>,
    /// How logs are written to stderr
    #[arg(long, value_enum, value_name = "text|json", hide_possible_values = true)]
    pub(crate) log_format: Option<LogFormat>,
    /// Which logs: error, warn, info, debug or trace; the environment's GATEPOST_LOG if this is not given
    #[arg(long, value_enum, value_name = "LEVEL", hide_possible_values = true)]
    pub(crate) log_level: Option<Level>,
    /// Print the settings as TOML and end
    #[arg(long)]
    pub(crate) print_config: bool,
}
