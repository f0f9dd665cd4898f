//! `server`: a mail server. Without a configuration it serves the demo domain `example.test` on loopback.
#![allow(clippy::print_stderr)] // a program talks

mod config;
mod demo;
mod introduction;
mod logs;
mod relay;

use std::net::SocketAddr;
use std::process::ExitCode;
use std::sync::Arc;

use clap::Parser;
use config::{Config, Failure, Flags, Store};
use demo::Demo;
use gatepost::{Discard, Handle, MailStore, Maildir, Server, tls};
use gatepost_dns::{Resolver, Zone};
use gatepost_examples::output::{line, print};
use gatepost_resolver::{ConfigError, SystemResolver};

/// The system's allocator keeps what a flood of sessions took.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    let flags = Flags::parse();
    match Config::read(&flags).and_then(|config| run(&flags, &config)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("server: {failure}");
            ExitCode::FAILURE
        }
    }
}

fn run(flags: &Flags, config: &Config) -> Result<(), Failure> {
    if flags.print_config {
        print(config.to_toml()?);
        return Ok(());
    }
    let _logs = logs::begin(config);
    let demo = demo::prepare(config)?;
    let runtime = runtime(config.threads)?;
    let introduction = introduction::text(config, &demo)?;
    runtime.block_on(async {
        let server = server(config, demo, store(config)?)?;
        let handle = server.start().await.map_err(|error| Failure::at("start", error))?;
        line(format_args!("{introduction}\nready"));
        handle.until_signal(|handle| reload(handle, flags, config)).await.map_err(|error| Failure::at("signals", error))
    })
}

/// More would only be in each other's way.
const MOST_THREADS: usize = 1024;

fn runtime(threads: usize) -> Result<tokio::runtime::Runtime, Failure> {
    let mut builder = tokio::runtime::Builder::new_multi_thread();
    match threads {
        0 => {}
        1..=MOST_THREADS => _ = builder.worker_threads(threads),
        _ => return Err(Failure::at("threads", format!("{threads} are more than {MOST_THREADS}"))),
    }
    builder.enable_all().build().map_err(|error| Failure::at("runtime", error))
}

/// Reads all again; when something can not be used nothing changes.
fn reload(handle: &Handle, flags: &Flags, running: &Config) {
    let adopted = Config::read(flags).and_then(|config| {
        let server = server(&config, demo::prepare(&config)?, Arc::new(Discard))?; // the store that runs is kept
        handle.adopt(server).map_err(|error| Failure::at("reload", error))?;
        Ok(running.needs_restart(&config))
    });
    match adopted {
        Ok(later) if later.is_empty() => {
            tracing::info!("configuration, certificate, users, keys and zone were read again")
        }
        Ok(later) => tracing::warn!("all was read again; what changed in {} needs a restart", later.join(", ")),
        Err(failure) => tracing::error!(%failure, "all stays as it was"),
    }
}

fn server(config: &Config, demo: Demo, store: Arc<dyn MailStore>) -> Result<Server, Failure> {
    let directory = demo.directory(config)?;
    let mut certificate = tls::from_pem(&demo.certificate, &demo.certificate_key);
    if !config.client_authorities.as_os_str().is_empty() {
        certificate = certificate.and_then(|tls| tls.client_authorities(&config.client_authorities));
    }
    let mut server = Server::new(config.hostname()?)
        .resolver(resolver(config, &demo)?)
        .tls(certificate.map_err(|error| Failure::at("certificate", error))?)
        .users(demo.users)
        .sasl(config.sasl()?)
        .pop3_config(config.pop3()?)
        .directory(directory)
        .store(store)
        .spool(config.data.join("spool"))
        .policy(config.policy.into())
        .trusted_sealers(config.trusted_sealers()?)
        .proxies(config.proxies.iter().copied())
        .limits(config.limits());
    for (domain, selector, key) in demo.keys {
        server = server.sign(domain, selector, key);
    }
    if !config.bundles.as_os_str().is_empty() {
        server = server.bundles(&config.bundles);
    }
    if let Some(address) = config.metrics {
        server = server.metrics(address);
    }
    if let Some(relay) = config.relay.relay(config)? {
        server = server.relay(relay);
    }
    for (service, address) in config.listen()? {
        server = server.listen(service, address).map_err(|error| Failure::at("listen", error))?;
    }
    Ok(server)
}

fn store(config: &Config) -> Result<Arc<dyn MailStore>, Failure> {
    match config.store {
        Store::Maildir => {
            let mail = config.data.join("mail");
            let maildir = Maildir::open(&mail).map_err(|error| Failure::file(&mail, error))?;
            Ok(Arc::new(maildir.junk(&config.junk_folder).map_err(|error| Failure::at("junk_folder", error))?))
        }
        Store::Discard => {
            tracing::warn!("store = \"discard\": all mail is thrown away");
            Ok(Arc::new(Discard))
        }
    }
}

fn resolver(config: &Config, demo: &Demo) -> Result<Arc<dyn Resolver>, Failure> {
    let path = match config.resolver.as_str() {
        "" => demo.zone_file.clone(),
        "system" => return network(SystemResolver::from_system()),
        other => match other.parse::<SocketAddr>() {
            Ok(address) => return network(SystemResolver::at(address)),
            Err(_) => other.into(),
        },
    };
    let text = std::fs::read_to_string(&path).map_err(|error| {
        Failure::at(
            "resolver",
            format!("`{}` is neither `system` nor ADDR:PORT nor a zone file: {error}", path.display()),
        )
    })?;
    Ok(Arc::new(Zone::parse(&text).map_err(|error| Failure::file(&path, error))?))
}

fn network(resolver: Result<SystemResolver, ConfigError>) -> Result<Arc<dyn Resolver>, Failure> {
    Ok(Arc::new(resolver.map_err(|error| Failure::at("resolver", error))?))
}
