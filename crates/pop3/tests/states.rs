//! The table of `docs/states/pop3.md` is what the endpoint does.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)] // a test may

use gatepost_pop3::server::{Config, Entry, Event, Server};
use gatepost_sasl::{Answer, Identity, Question};
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
            Step::Event(Event::Open(_)) => server.opened(Ok(vec![Entry { size: 4, uid: "u1".into() }])),
            Step::Event(Event::Commit(_)) => server.committed(true),
            Step::Event(_) => server.end(),
            Step::Read(_) | Step::StartTls | Step::Close => return replies,
        }
    }
}

#[test]
fn the_server_follows_its_table() {
    let cell = |cell: &str| cell.trim().trim_matches('`').to_owned();
    let document = include_str!("../../../docs/states/pop3.md");
    let rows: Vec<Vec<String>> = document
        .lines()
        .filter(|line| line.starts_with("| ") && !line.starts_with("| state "))
        .map(|line| line.trim_matches('|').split('|').map(cell).collect())
        .collect();
    assert!(rows.len() > 30);
    for row in rows {
        let [state, line, reply, next, notes] = row.as_slice() else { panic!("{row:?}") };
        let mut server = Server::new(Config { stls: true, ..Config::default() }, "nonce");
        if !notes.contains("(tls: no)") {
            server.secured(TlsInfo::new(TlsVersion::Tls13, "TLS13_AES_128_GCM_SHA256"));
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
