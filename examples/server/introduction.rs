//! What the server says when it begins.

use gatepost::Service;

use crate::config::{Config, Failure};
use crate::demo::Demo;

/// What was made, and what to do with it.
pub(crate) fn text(config: &Config, demo: &Demo) -> Result<String, Failure> {
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
    for (service, address) in config.listen()? {
        out += &format!("  {:<12} {address}\n", service.name());
    }
    if let Some(address) = config.metrics {
        out += &format!("  {:<12} {address}\n", "metrics");
    }
    out += &format!("\nCertificate\n  {certificate}\n\nDNS records to publish\n");
    for line in demo.records(config).lines() {
        out += &format!("  {line}\n");
    }
    if let [(alice, password), (bob, bobs), ..] = demo.passwords.as_slice() {
        out += &curl_lines(config, &certificate, (alice, password), (bob, bobs))?;
    }
    Ok(out)
}

fn curl_lines(config: &Config, certificate: &str, alice: (&str, &str), bob: (&str, &str)) -> Result<String, Failure> {
    let all = config.listen()?;
    let port = |service| all.iter().find(|(other, _)| *other == service).map_or(0, |(_, address)| address.port());
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
         --mail-from someone@elsewhere.test --mail-rcpt {reader} -T -\n\nList what came, and read the bank's message, the third after these; Authentication-Results is on top\n  \
         {curl} pop3s://localhost:{p4}/ -u '{reader}:{readers}'\n  {curl} pop3s://localhost:{p4}/3 -u '{reader}:{readers}'\n",
        m1 = message(user, reader, "hello"),
        m2 = message("service@bank.test", reader, "your account"),
        p0 = port(Service::Mx),
        p1 = port(Service::Submission),
        p2 = port(Service::Submissions),
        p4 = port(Service::Pop3s),
    ))
}
