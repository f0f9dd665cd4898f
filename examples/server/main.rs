//! `server`: a mail server. Without a configuration it serves the demo domain `example.test` on loopback.
#![allow(clippy::print_stdout, clippy::print_stderr)] // a program talks

mod config;
mod demo;

use std::net::SocketAddr;
use std::process::ExitCode;
use std::sync::Arc;

use clap::Parser;
use config::{Config, Failure, Flags};
use demo::Demo;
use gatepost::{Maildir, Server, ServerLimits, Service, tls};
use gatepost_dns::{Resolver, Zone};
use gatepost_resolver::{ConfigError, SystemResolver};

/// The services with their ports.
const PORTS: [(Service, u16); 5] = [
    (Service::Mx, 2525),
    (Service::Submission, 2587),
    (Service::Submissions, 2465),
    (Service::Pop3, 2110),
    (Service::Pop3s, 2995),
];

fn main() -> ExitCode {
    tracing_subscriber::fmt().with_writer(std::io::stderr).with_target(false).init();
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
        print!("{}", config.to_toml());
        return Ok(());
    }
    let demo = demo::prepare(config)?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    let runtime = runtime.map_err(|error| Failure::at("runtime", error))?;
    let introduction = introduction(config, &demo)?;
    runtime.block_on(async {
        let (users, users_file) = (demo.users.clone(), demo.users_file.clone());
        let handle = server(config, demo)?.start().await.map_err(|error| Failure::at("start", error))?;
        println!("{introduction}\nready");
        let reload = || match users.reload(&users_file) {
            Ok(()) => tracing::info!("users and certificate were read again"),
            Err(error) => tracing::error!(%error, "the users stay as they were"),
        };
        handle.until_signal(reload).await.map_err(|error| Failure::at("signals", error))
    })
}

fn server(config: &Config, demo: Demo) -> Result<Server, Failure> {
    let certificate = tls::from_pem(&demo.certificate, &demo.certificate_key);
    let mail = config.data.join("mail");
    let store = Maildir::open(&mail).map_err(|error| Failure::file(&mail, error))?;
    let mut limits = ServerLimits::default();
    limits.message = config.message_limit;
    limits.connections = config.connections;
    limits.per_peer = config.connections_per_peer;
    let mut server = Server::new(config.hostname()?)
        .resolver(resolver(config, &demo)?)
        .tls(certificate.map_err(|error| Failure::at("certificate", error))?)
        .users(demo.users)
        .store(store)
        .spool(config.data.join("spool"))
        .policy(config.policy()?)
        .trusted_sealers(config.trusted_sealers()?)
        .sign(config.domain()?, config.selector()?, demo.key)
        .limits(limits);
    if !config.bundles.as_os_str().is_empty() {
        server = server.bundles(&config.bundles);
    }
    for (service, port) in PORTS {
        let address = SocketAddr::new(config.bind, config.port(port)?);
        server = server.listen(service, address).map_err(|error| Failure::at("listen", error))?;
    }
    Ok(server)
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
    let text = std::fs::read_to_string(&path).map_err(|error| Failure::file(&path, error))?;
    Ok(Arc::new(Zone::parse(&text).map_err(|error| Failure::file(&path, error))?))
}

fn network(resolver: Result<SystemResolver, ConfigError>) -> Result<Arc<dyn Resolver>, Failure> {
    Ok(Arc::new(resolver.map_err(|error| Failure::at("resolver", error))?))
}

/// What was made, and what to do with it.
fn introduction(config: &Config, demo: &Demo) -> Result<String, Failure> {
    let absolute =
        |path: &std::path::Path| std::path::absolute(path).unwrap_or_else(|_| path.to_owned()).display().to_string();
    let certificate = absolute(&demo.certificate);
    let mut out = format!("{} serves {}\n\nUsers and passwords\n", config.hostname, config.domain);
    for (name, password) in &demo.passwords {
        out += &format!("  {name}  {password}\n");
    }
    if demo.passwords.is_empty() {
        out += &format!("  as in {}\n", absolute(&demo.users_file));
    }
    out += "\nPorts\n";
    for (service, port) in PORTS {
        out += &format!("  {:<12} {}\n", service.name(), SocketAddr::new(config.bind, config.port(port)?));
    }
    out += &format!("\nCertificate\n  {certificate}\n\nDNS records to publish\n");
    for line in demo::records(config, &demo.key).lines() {
        out += &format!("  {line}\n");
    }
    if let [(alice, password), (bob, bobs), ..] = demo.passwords.as_slice() {
        out += &curl_lines(config, &certificate, (alice, password), (bob, bobs))?;
    }
    Ok(out)
}

fn curl_lines(config: &Config, certificate: &str, alice: (&str, &str), bob: (&str, &str)) -> Result<String, Failure> {
    let port = |index: usize| PORTS.get(index).map_or(Ok(0), |(_, port)| config.port(*port));
    let message = |from: &str, to: &str, subject: &str| {
        format!("printf 'From: <{from}>\\r\\nTo: <{to}>\\r\\nSubject: {subject}\\r\\n\\r\\nHello.\\r\\n'")
    };
    let curl = format!("curl -sS --cacert '{certificate}'");
    let (user, password) = alice;
    let (reader, readers) = bob;
    Ok(format!(
        "\nSubmit a message over STARTTLS, and over implicit TLS\n  {m1} | \\\n    {curl} --ssl-reqd smtp://localhost:{p1} -u '{user}:{password}' \
         --mail-from {user} --mail-rcpt {reader} -T -\n  {m1} | \\\n    {curl} smtps://localhost:{p2} -u '{user}:{password}' --mail-from {user} --mail-rcpt {reader} -T -\n\
         \nDeliver one as another server would; this one pretends to come from a bank\n  {m2} | \\\n    {curl} smtp://localhost:{p0}/elsewhere.test \
         --mail-from someone@elsewhere.test --mail-rcpt {reader} -T -\n\nList what came, and read the first; Authentication-Results is on top\n  \
         {curl} pop3s://localhost:{p4}/ -u '{reader}:{readers}'\n  {curl} pop3s://localhost:{p4}/1 -u '{reader}:{readers}'\n",
        m1 = message(user, reader, "hello"),
        m2 = message("service@bank.test", reader, "your account"),
        p0 = port(0)?,
        p1 = port(1)?,
        p2 = port(2)?,
        p4 = port(4)?,
    ))
}
