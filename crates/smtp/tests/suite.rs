//! Sessions of RFCs, both sides, and messages as clients send them.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)] // a test may

use gatepost_conformance::cases;
use gatepost_smtp::Reply;
use gatepost_smtp::client::{Client, Config as ClientConfig, Envelope, Event as Heard, Failure};
use gatepost_smtp::server::{Config, Event, Profile, Server};
use gatepost_syntax::{ForwardPath, ReversePath, base64};
use gatepost_wire::{Endpoint, Step};

/// Who said which line.
type Lines = Vec<(bool, String)>;

/// The transcripts that have mail in them: CRAM-MD5 of the other one is not built.
fn transcripts() -> Vec<(String, Lines)> {
    let line = |line: &serde_json::Value| (line["side"] == "client", line["line"].as_str().unwrap().to_owned());
    let listed = cases("smtp/sessions.jsonl").into_iter().map(|case| {
        let lines: Lines = case["input"]["transcript"].as_array().unwrap().iter().map(line).collect();
        (case["id"].as_str().unwrap().to_owned(), lines)
    });
    listed.filter(|(id, _)| id != "smtp-rfc2554-auth").collect()
}

fn said(lines: &Lines, by_client: bool) -> Vec<&str> {
    lines.iter().filter(|(client, _)| *client == by_client).map(|(_, line)| line.as_str()).collect()
}

/// Last lines of replies.
fn is_last(line: &&str) -> bool {
    line.as_bytes().get(3) != Some(&b'-')
}

#[test]
fn the_server_answers_as_in_the_transcripts() {
    for (id, lines) in transcripts() {
        let mut server = Server::new(Config::new("foo.com".parse().unwrap(), Profile::Mx), "nonce");
        let script = said(&lines, true).join("\r\n") + "\r\n";
        server.feed(script.as_bytes());
        let mut replies = String::new();
        loop {
            match server.poll() {
                Step::Write(octets) => replies.push_str(std::str::from_utf8(&octets).unwrap()),
                Step::Event(Event::Recipient(to)) if to.path.to_string() == "<Green@foo.com>" => {
                    server.refuse(&Reply::permanent(550, "5.1.1", "no such user here"));
                }
                Step::Event(Event::Data(_) | Event::Reset) => {}
                Step::Event(_) => server.accept(),
                _ => break,
            }
        }
        let wanted = said(&lines, false).into_iter().filter(is_last).map(|line| &line[..1]);
        let codes = replies.lines().filter(is_last).map(|line| &line[..1]);
        assert_eq!(codes.collect::<Vec<_>>(), wanted.collect::<Vec<_>>(), "{id}: {replies}");
    }
}

#[test]
fn the_client_says_what_the_transcripts_say() {
    // the client of D.2 changes its mind when one of two recipients is refused; ours sends to the other one
    for (id, lines) in transcripts().into_iter().filter(|(id, _)| id != "smtp-rfc5321-d2") {
        let (commands, replies) = (said(&lines, true), said(&lines, false).join("\r\n") + "\r\n");
        let after = |verb: &str| commands.iter().filter_map(|line| line.strip_prefix(verb)).collect::<Vec<_>>();
        let to: Vec<ForwardPath> = after("RCPT TO:").iter().map(|to| ForwardPath::parse(to).unwrap()).collect();
        let mut envelope = Some(Envelope::new(ReversePath::parse(after("MAIL FROM:")[0]).unwrap(), to));
        let message: String = commands
            .iter()
            .skip_while(|line| **line != "DATA")
            .skip(1)
            .take_while(|line| **line != ".")
            .map(|line| format!("{}\r\n", line.strip_prefix('.').unwrap_or(line)))
            .collect();
        let name = after("EHLO ")[0].parse().unwrap();
        let mut client = Client::new(ClientConfig { name, require_tls: false, limits: Default::default() });
        let skipped = commands.iter().any(|line| line.starts_with("VRFY")); // our client has none
        let mut replies = replies.split_inclusive("\r\n").filter(|line| !(skipped && line.contains("Mark Crispin")));
        let mut spoken = String::new();
        loop {
            match client.poll() {
                Step::Write(octets) => spoken.push_str(std::str::from_utf8(&octets).unwrap()),
                Step::Event(Heard::Ready(_)) => match envelope.take() {
                    Some(envelope) => client.send(envelope),
                    None => client.quit(),
                },
                Step::Event(Heard::SendData) => {
                    client.data(message.as_bytes());
                    client.end_data();
                }
                Step::Event(_) => {}
                Step::Read(_) => match replies.next() {
                    Some(reply) => client.feed(reply.as_bytes()),
                    None => panic!("{id}: {spoken}"),
                },
                _ => break,
            }
        }
        let wanted: Vec<&str> = commands.into_iter().filter(|line| !line.starts_with("VRFY")).collect();
        assert_eq!(spoken.lines().collect::<Vec<_>>(), wanted, "{id}");
    }
}

#[test]
fn messages_are_sent_as_the_table_says() {
    for case in cases("smtp/data.jsonl").iter().filter(|case| case["direction"] == "send") {
        let content = base64::decode(case["input"]["content_base64"].as_str().unwrap()).unwrap();
        let config = ClientConfig { require_tls: false, ..ClientConfig::new("c.example".parse().unwrap()) };
        let mut client = Client::new(config);
        let mut replies = ["220 x\r\n", "250 x\r\n", "250 x\r\n", "250 x\r\n", "354 x\r\n"].into_iter();
        let (mut wire, mut failed) = (Vec::new(), None);
        loop {
            match client.poll() {
                Step::Write(octets) => wire = octets.to_vec(),
                Step::Event(Heard::Ready(_)) => {
                    let to = [ForwardPath::parse("<b@c.example>").unwrap()];
                    client.send(Envelope::new(ReversePath::Null, to));
                }
                Step::Event(Heard::SendData) => {
                    client.data(&content);
                    client.end_data();
                }
                Step::Event(Heard::Failed(failure)) => failed = Some(failure),
                Step::Event(_) => {}
                Step::Read(_) => match replies.next() {
                    Some(reply) => client.feed(reply.as_bytes()),
                    None => break,
                },
                _ => break,
            }
        }
        match case["expect"]["wire_base64"].as_str() {
            Some(wanted) => assert_eq!(base64::encode(wire), wanted, "{case}"),
            None => assert_eq!(failed, Some(Failure::BareLineEnd), "{case}"),
        }
    }
}
