//! The tables of `docs/states` are what the endpoints do.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)] // a test may

use gatepost_sasl::{Answer, Identity, PlainClient, Question, Secret};
use gatepost_smtp::client::{Client, Config as ClientConfig, Envelope, Event as Heard};
use gatepost_smtp::server::{Config, Event, Profile, Server};
use gatepost_syntax::{ForwardPath, ReversePath};
use gatepost_wire::{Endpoint, Step, TlsInfo, TlsVersion};

/// The rows of a table: cells without their backticks.
fn rows(document: &str) -> Vec<Vec<String>> {
    let cell = |cell: &str| cell.trim().trim_matches('`').to_owned();
    let is_row = |line: &&str| line.starts_with("| ") && !line.starts_with("| state ");
    document.lines().filter(is_row).map(|line| line.trim_matches('|').split('|').map(cell).collect()).collect()
}

fn tls() -> TlsInfo {
    let mut tls = TlsInfo::new(TlsVersion::Tls13, "TLS_AES_128_GCM_SHA256");
    tls.server_verified = true;
    tls
}

/// Feeds a line and accepts everything; what the server said.
fn say(server: &mut Server, line: &str) -> String {
    server.feed(line.as_bytes());
    let mut replies = String::new();
    loop {
        match server.poll() {
            Step::Write(octets) => replies.push_str(std::str::from_utf8(&octets).unwrap()),
            Step::Event(Event::Auth(Question::Password { user, password, .. })) => {
                server.answer(match password.expose() {
                    b"p" => Answer::Grant(Identity { user }),
                    _ => Answer::Deny,
                })
            }
            Step::Event(Event::Data(_) | Event::Reset) => {}
            Step::Event(_) => server.accept(),
            Step::Read(_) | Step::StartTls | Step::Close => return replies,
        }
    }
}

#[test]
fn the_server_follows_its_table() {
    let rows = rows(include_str!("../../../docs/states/smtp-server.md"));
    assert!(rows.len() > 35);
    for row in rows {
        let [state, line, code, next, notes] = row.as_slice() else { panic!("{row:?}") };
        let mut config = Config::new("mx.example".parse().unwrap(), Profile::Submission);
        (config.extensions.dsn, config.extensions.binary_mime, config.extensions.require_tls) = (true, true, true);
        let mut server = Server::new(config, "nonce");
        if !notes.contains("(tls: no)") {
            server.secured(tls());
        }
        say(&mut server, "");
        let auth = "EHLO c\r\nAUTH PLAIN AHUAcA==\r\n";
        let way = match state.as_str() {
            "Connected" => String::new(),
            "Ready" => "EHLO c\r\n".to_owned(),
            "Authenticating" => "EHLO c\r\nAUTH PLAIN\r\n".to_owned(),
            "Authenticated" => auth.to_owned(),
            "Transaction" => format!("{auth}MAIL FROM:<u@example.test>\r\n"),
            "Recipients" => format!("{auth}MAIL FROM:<u@example.test>\r\nRCPT TO:<v@example.test>\r\n"),
            "Data" => {
                format!("{auth}MAIL FROM:<u@example.test>\r\nRCPT TO:<v@example.test>\r\nDATA\r\nhi\r\n")
            }
            "Binary" => format!("{auth}MAIL FROM:<u@example.test> BODY=BINARYMIME\r\nRCPT TO:<v@example.test>\r\n"),
            "Chunks" | "Failed" => {
                let chunk = if state == "Chunks" { "ab" } else { "a\n" };
                format!("{auth}MAIL FROM:<u@example.test>\r\nRCPT TO:<v@example.test>\r\nBDAT 2\r\n{chunk}")
            }
            other => panic!("{other}"),
        };
        say(&mut server, &way);
        let line = line.replace("\\r", "\r").replace("\\n", "\n");
        let end = if line.starts_with("BDAT") { "" } else { "\r\n" }; // its octets stand behind it
        let reply = say(&mut server, &format!("{line}{end}"));
        let last = reply.lines().find(|line| line.as_bytes().get(3) == Some(&b' ')).unwrap_or_default();
        assert_eq!((&last[..3], server.state()), (code.as_str(), next.as_str()), "{row:?}: {reply}");
    }
}

/// What the client says until it wants to hear something.
fn drain(client: &mut Client) -> String {
    let mut said = String::new();
    loop {
        match client.poll() {
            Step::Write(octets) => said.push_str(std::str::from_utf8(&octets).unwrap()),
            Step::Event(Heard::Ready(_) | Heard::SendData) | Step::Read(_) | Step::StartTls | Step::Close => {
                return said;
            }
            Step::Event(_) => {}
        }
    }
}

#[test]
fn the_client_follows_its_table() {
    let rows = rows(include_str!("../../../docs/states/smtp-client.md"));
    assert!(rows.len() > 15);
    for row in rows {
        let [state, reply, next, says, _] = row.as_slice() else { panic!("{row:?}") };
        let mut client = Client::new(ClientConfig {
            name: "c.example".parse().unwrap(),
            require_tls: false,
            limits: Default::default(),
        });
        if state != "StartTls" {
            client.secured(tls());
        }
        let hear = |client: &mut Client, replies: &[&str]| {
            for reply in replies {
                client.feed(format!("{reply}\r\n").as_bytes());
                drain(client);
            }
        };
        let offers = |more: &str| format!("250-x\r\n250-STARTTLS\r\n{more}250 AUTH PLAIN");
        let more = match state.as_str() {
            "Group" => "250-PIPELINING\r\n",
            "Chunks" => "250-CHUNKING\r\n",
            "Failing" => "250-CHUNKING\r\n250-PIPELINING\r\n",
            _ => "",
        };
        let ready = ["220 x", &offers(more)];
        let envelope = Envelope::new(
            ReversePath::parse("<u@example.test>").unwrap(),
            [ForwardPath::parse("<v@example.test>").unwrap()],
        );
        match state.as_str() {
            "Greeting" => {}
            "Hello" => hear(&mut client, &ready[..1]),
            _ => hear(&mut client, &ready),
        }
        match state.as_str() {
            "StartTls" => client.start_tls(),
            "Authenticating" => client.authenticate(Box::new(PlainClient::new("u", Secret::new("p")))),
            "Quitting" => client.quit(),
            "Envelope" | "Recipient" | "DataCommand" | "Ending" | "Group" | "Chunks" | "Failing" | "Reset" => {
                client.send(envelope)
            }
            _ => {}
        }
        drain(&mut client);
        match state.as_str() {
            "Recipient" => hear(&mut client, &["250 x"]),
            "DataCommand" => hear(&mut client, &["250 x", "250 x"]),
            "Group" => hear(&mut client, &["250 x", "550 x"]),
            "Reset" => hear(&mut client, &["550 x"]),
            "Chunks" => {
                hear(&mut client, &["250 x", "250 x"]);
                client.data(b"hi\r\n");
            }
            "Failing" => {
                hear(&mut client, &["250 x", "250 x"]);
                client.data(b"hi\r\n");
                client.data(b"hi\r\n");
                drain(&mut client);
                hear(&mut client, &["552 x"]);
            }
            "Ending" => {
                hear(&mut client, &["250 x", "250 x", "354 x"]);
                client.data(b"hi\r\n");
                client.end_data();
            }
            _ => {}
        }
        drain(&mut client);
        let before = match state.as_str() {
            "Recipient" => "Envelope",
            "Group" => "DataCommand",
            other => other,
        };
        assert_eq!(client.state(), before, "{row:?}");
        client.feed(format!("{reply}\r\n").as_bytes());
        let said = drain(&mut client);
        assert_eq!((client.state(), said.trim_end()), (next.as_str(), says.as_str()), "{row:?}");
    }
}
