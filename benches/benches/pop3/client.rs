//! The measuring client: it does as little as a client can.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::Arc;
use std::time::{Duration, Instant};

use rustls::{ClientConnection, StreamOwned};

use crate::{Case, Target};

/// How long it took.
#[derive(Clone)]
pub(crate) struct Times {
    /// From the log-in to the end of STAT, and to the end of UIDL.
    pub(crate) to_stat: Duration,
    pub(crate) to_uidl: Duration,
    /// All messages.
    pub(crate) retrieved: Duration,
}

trait Stream: Read + Write {}
impl<T: Read + Write> Stream for T {}

pub(crate) struct Session {
    stream: Box<dyn Stream>,
    buffer: Vec<u8>,
}

impl Session {
    pub(crate) fn run(target: &Target, case: Case, messages: usize) -> Times {
        let mut session = Session::open(target, case.tls);
        session.ask("", b"\r\n", 1);
        let begun = Instant::now();
        session.ask(&format!("USER {}\r\n", target.user), b"\r\n", 1);
        session.ask(&format!("PASS {}\r\n", target.password), b"\r\n", 1);
        session.ask("STAT\r\n", b"\r\n", 1);
        let to_stat = begun.elapsed();
        session.ask("UIDL\r\n", b"\r\n.\r\n", 1);
        let to_uidl = begun.elapsed();
        let begun = Instant::now();
        let numbers: Vec<usize> = (1..=messages).collect();
        for window in numbers.chunks(case.window) {
            let commands: String = window.iter().map(|number| format!("RETR {number}\r\n")).collect();
            session.ask(&commands, b"\r\n.\r\n", window.len());
        }
        let retrieved = begun.elapsed();
        session.ask("QUIT\r\n", b"\r\n", 1);
        Times { to_stat, to_uidl, retrieved }
    }

    fn open(target: &Target, tls: bool) -> Self {
        let connect = |port| {
            let tcp = TcpStream::connect(("127.0.0.1", port)).unwrap();
            tcp.set_nodelay(true).unwrap();
            tcp
        };
        let stream: Box<dyn Stream> = if tls {
            let name = "localhost".try_into().unwrap();
            let connection = ClientConnection::new(Arc::clone(&target.config), name).unwrap();
            Box::new(StreamOwned::new(connection, connect(target.tls)))
        } else {
            Box::new(connect(target.plain))
        };
        Session { stream, buffer: vec![0; 256 << 10] }
    }

    /// Says something and reads until so many ends were seen; the first octet must be a plus.
    fn ask(&mut self, text: &str, end: &[u8], count: usize) {
        self.stream.write_all(text.as_bytes()).unwrap();
        self.stream.flush().unwrap();
        let (mut filled, mut seen, mut first) = (0, 0, true);
        while seen < count {
            let length = self.stream.read(&mut self.buffer[filled..]).unwrap();
            assert!(length > 0, "closed behind {text:?}");
            assert!(!first || self.buffer[0] == b'+', "{}", String::from_utf8_lossy(&self.buffer[..length]));
            first = false;
            let from = filled.saturating_sub(end.len() - 1);
            filled += length;
            seen += memchr::memmem::find_iter(&self.buffer[from..filled], end).count();
            if filled > self.buffer.len() / 2 {
                let keep = end.len() - 1;
                self.buffer.copy_within(filled - keep..filled, 0);
                filled = keep;
            }
        }
    }
}
