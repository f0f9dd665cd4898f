//! The example `send` as its users run it.
#![allow(clippy::unwrap_used, clippy::panic)] // a test may

use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;
use std::path::Path;
use std::process::Command;

/// A server that takes the message may close as it likes behind it: here QUIT stays unread, so that the system resets the
/// connection. Who is told of a failure sends the message again.
#[test]
fn what_becomes_of_quit_is_no_failure() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let server = listener.local_addr().unwrap().to_string();
    let receiver = std::thread::spawn(move || {
        let (stream, _) = listener.accept().unwrap();
        let mut reader = BufReader::new(&stream);
        (&stream).write_all(b"220 x\r\n").unwrap();
        for _ in 0..4 {
            let mut line = String::new();
            reader.read_line(&mut line).unwrap();
            (&stream).write_all(if line.starts_with("DATA") { b"354 x\r\n" } else { b"250 x\r\n" }).unwrap();
        }
        let mut message = String::new();
        while !message.ends_with("\r\n.\r\n") {
            reader.read_line(&mut message).unwrap();
        }
        (&stream).write_all(b"250 taken\r\n").unwrap();
        while stream.peek(&mut [0; 6]).unwrap() < 6 {}
        message
    });
    let file = std::env::temp_dir().join(format!("gatepost-test-{}-send.eml", std::process::id()));
    std::fs::write(&file, "Subject: hi\n\nHello\n").unwrap();
    // cargo builds the examples of a package before it runs the package's tests
    let here = std::env::current_exe().unwrap();
    let mut send = Command::new(here.parent().and_then(Path::parent).unwrap().join("examples/send"));
    send.args(["--no-tls", "--server", &server, "--from", "a@example.test", "--to", "b@example.test"]).arg(&file);
    let output = send.output().unwrap();
    std::fs::remove_file(file).unwrap();
    assert!(output.status.success(), "{output:?}");
    assert_eq!(receiver.join().unwrap(), "Subject: hi\r\n\r\nHello\r\n.\r\n");
}
