//! The tables of `docs/states/pop3.md` and `docs/states/pop3-client.md` are what the endpoints do.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)] // a test may

use gatepost_pop3::client::{Client, Config as ClientConfig, Event as Heard, Request};
use gatepost_pop3::server::{Config, Entry, Event, Server};
use gatepost_sasl::{Answer, Identity, PlainClient, Question, Secret};
use gatepost_wire::{Endpoint, Step, TlsInfo, TlsVersion};

/// Feeds a line; what the server said.
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
            Step::Event(Event::Open(_)) => server.opened(Ok(vec![Entry::new(4, "u1")])),
            Step::Event(Event::Commit(_)) => server.committed(true),
            Step::Event(_) => server.end(),
            Step::Read(_) | Step::StartTls | Step::Close => return replies,
        }
    }
}

/// The cells of a table.
fn rows(document: &str) -> Vec<Vec<String>> {
    let cell = |cell: &str| cell.trim().trim_matches('`').to_owned();
    let rows = document.lines().filter(|line| line.starts_with("| ") && !line.starts_with("| state "));
    rows.map(|line| line.trim_matches('|').split('|').map(cell).collect()).collect()
}

#[test]
fn the_server_follows_its_table() {
    let rows = rows(include_str!("../../../docs/states/pop3.md"));
    assert!(rows.len() > 30);
    for row in rows {
        let [state, line, reply, next, notes] = row.as_slice() else { panic!("{row:?}") };
        let mut server = Server::new(Config { stls: true, ..Config::default() }, "nonce");
        if !notes.contains("(tls: no)") {
            server.secured(TlsInfo::new(TlsVersion::Tls13, "TLS_AES_128_GCM_SHA256"));
        }
        say(
            &mut server,
            match state.as_str() {
                "Authorization" => "",
                "Named" => "USER u\r\n",
                "Authenticating" => "AUTH PLAIN\r\n",
                "Transaction" => "USER u\r\nPASS p\r\n",
                other => panic!("{other}"),
            },
        );
        assert_eq!(server.state(), state, "{row:?}");
        let said = say(&mut server, &format!("{line}\r\n"));
        let word = said.split([' ', '\r']).next().unwrap_or_default();
        assert_eq!((word, server.state()), (reply.as_str(), next.as_str()), "{row:?}: {said}");
    }
}

/// What the client says until it wants to hear something.
fn drain(client: &mut Client) -> String {
    let mut said = String::new();
    loop {
        match client.poll() {
            Step::Write(octets) => said.push_str(std::str::from_utf8(&octets).unwrap()),
            Step::Event(Heard::Ready(_) | Heard::Idle) | Step::Read(_) | Step::StartTls | Step::Close => return said,
            Step::Event(_) => {}
        }
    }
}

#[test]
fn the_client_follows_its_table() {
    let rows = rows(include_str!("../../../docs/states/pop3-client.md"));
    assert!(rows.len() > 20);
    for row in rows {
        let [state, reply, next, says, _notes] = row.as_slice() else { panic!("{row:?}") };
        let mut client = Client::new(ClientConfig { utf8: true, ..ClientConfig::default() });
        if ["Utf8", "User", "Pass", "Authenticating", "Transaction", "Stat", "Retr", "Quit"].contains(&state.as_str()) {
            let mut tls = TlsInfo::new(TlsVersion::Tls13, "TLS_AES_128_GCM_SHA256");
            tls.server_verified = true;
            client.secured(tls);
        }
        let hear = |client: &mut Client, replies: &str| {
            for reply in replies.split_inclusive('\n') {
                drain(client);
                client.feed(reply.as_bytes());
            }
            drain(client);
        };
        hear(
            &mut client,
            match state.as_str() {
                "Greeting" => "",
                "Capabilities" => "+OK\r\n",
                _ => "+OK\r\n+OK\r\nSTLS\r\nUTF8\r\nUSER\r\nSASL PLAIN\r\n.\r\n",
            },
        );
        match state.as_str() {
            "StartTls" | "Upgrading" => client.start_tls(),
            "Authenticating" => client.authenticate(Box::new(PlainClient::new("ann", Secret::new("p")))),
            "Quitting" => client.quit(),
            "Greeting" | "Capabilities" | "Authorization" => {}
            _ => client.user_and_pass("ann", &Secret::new("p")),
        }
        hear(
            &mut client,
            match state.as_str() {
                "Upgrading" | "Authenticating" | "User" => "+OK\r\n",
                "Pass" => "+OK\r\n+OK\r\n",
                "Transaction" | "Stat" | "Retr" | "Quit" => "+OK\r\n+OK\r\n+OK\r\n",
                _ => "",
            },
        );
        match state.as_str() {
            "Stat" => client.ask(Request::Stat),
            "Retr" => client.ask(Request::Retr(1)),
            "Quit" => client.quit(),
            _ => assert_eq!(client.state(), state, "{row:?}"),
        }
        drain(&mut client);
        client.feed(format!("{reply}\r\n").as_bytes());
        let said = drain(&mut client);
        assert_eq!((said.trim_end(), client.state()), (says.as_str(), next.as_str()), "{row:?}");
    }
}
