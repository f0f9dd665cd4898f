//! What programs take from their command line: where to ask for DNS data, files, languages.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use gatepost_dns::{Resolver, Zone};
use gatepost_resolver::SystemResolver;
use gatepost_results::Lang;

/// Options of programs that ask DNS.
#[derive(Debug, clap::Args)]
#[group(multiple = false)]
pub struct Source {
    /// Ask this file: lines such as `example.org TXT "v=spf1 -all"`, or JSON where it ends in .json
    #[arg(long, value_name = "FILE")]
    zone: Option<PathBuf>,
    /// Ask the DNS server at this address
    #[arg(long, value_name = "ADDRESS:PORT")]
    dns: Option<SocketAddr>,
    /// Ask the servers of this machine
    #[arg(long)]
    system: bool,
}

impl Source {
    /// Whom to ask; nobody without an option. Within a tokio runtime.
    pub fn resolver(&self) -> Result<Option<Arc<dyn Resolver>>, String> {
        if let Some(path) = &self.zone {
            return Ok(Some(Arc::new(zone(path).map_err(|error| format!("{}: {error}", path.display()))?)));
        }
        let network = match self.dns {
            Some(address) => SystemResolver::at(address),
            None if self.system => SystemResolver::from_system(),
            None => return Ok(None),
        };
        Ok(Some(Arc::new(network.map_err(|error| error.to_string())?)))
    }
}

fn zone(path: &Path) -> Result<Zone, String> {
    let text = std::fs::read_to_string(path).map_err(|error| error.to_string())?;
    let is_json = path.extension().is_some_and(|extension| extension == "json");
    let zone = if is_json { Zone::from_json(&text) } else { Zone::parse(&text) };
    zone.map_err(|error| error.to_string())
}

/// A file's octets, or why there are none, with its name.
pub fn read(path: &Path) -> Result<Vec<u8>, String> {
    std::fs::read(path).map_err(|error| format!("{}: {error}", path.display()))
}

/// The language of a tag on the command line.
pub fn language(tag: &str) -> Result<Lang, &'static str> {
    Lang::from_tag(tag).ok_or("en and ja are known")
}
