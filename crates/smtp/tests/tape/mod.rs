//! A server out of a tape of octets.
#![allow(missing_docs, unreachable_pub)] // for one test file

/// A server that answers as a tape of octets says. It is in order: it takes nothing without MAIL and RCPT.
pub struct Tape {
    choices: std::vec::IntoIter<u8>,
    chunking: bool,
    pipelining: bool,
    pub lmtp: bool,
    heard: Vec<u8>,
    pub said: Vec<u8>,
    pub gone: bool,
    mail: bool,
    /// Recipients that were accepted, by their number.
    to: Vec<usize>,
    asked: usize,
    content: Vec<u8>,
    /// Within DATA, or so many octets of a chunk are left.
    data: bool,
    chunk: Option<(usize, bool)>,
    failed: bool,
    /// What it took: the content, and for whom.
    pub taken: Vec<(Vec<u8>, Vec<usize>)>,
}

impl Tape {
    pub fn new(choices: Vec<u8>, [chunking, pipelining, lmtp]: [bool; 3]) -> Self {
        let mut tape = Tape {
            choices: choices.into_iter(),
            chunking,
            pipelining,
            lmtp,
            heard: Vec::new(),
            said: Vec::new(),
            gone: false,
            mail: false,
            to: Vec::new(),
            asked: 0,
            content: Vec::new(),
            data: false,
            chunk: None,
            failed: false,
            taken: Vec::new(),
        };
        tape.answer(220, "hello");
        tape
    }

    /// Says a code, or something else; whether it said the code so that it can be understood.
    fn answer(&mut self, code: u16, text: &str) -> bool {
        if self.gone {
            return false;
        }
        let choice = self.choices.next().unwrap_or(0);
        let text = text.as_bytes();
        let say = |code: u16, text: &[u8]| [code.to_string().as_bytes(), b" ", text, b"\r\n"].concat();
        // another 2yz than the usual is as good
        let other = |other: u16| (say(other, b"no"), other == code || (other / 100, code / 100) == (2, 2), false);
        let (octets, yes, gone) = match choice {
            200 => (format!("{code}\r\n").into_bytes(), true, false),
            201 => (format!("{code} \r\n").into_bytes(), true, false),
            202 => ([format!("{code}-a\r\n").as_bytes(), &say(code, text)].concat(), true, false),
            203 => (say(code, b"caf\xe9 \xc3\xa9 \x07"), true, false),
            204 => (format!("{code}-\r\n{code}\r\n").into_bytes(), true, false),
            205..=214 => other(451),
            215..=224 => other(550),
            225..=227 => other(354),
            228..=229 => other(299),
            230 => other(552),
            231 => (say(421, b"going"), false, true),
            232 => (Vec::new(), false, true),
            233 => (format!("{code}-a\r\n550 b\r\n").into_bytes(), false, true),
            234 => (b"what?\r\n".to_vec(), false, true),
            235 => (format!("{code}_x\r\n").into_bytes(), false, true),
            236 => (format!("{code}-a\r\n").into_bytes(), false, true),
            _ => (say(code, text), true, false),
        };
        self.said.extend_from_slice(&octets);
        self.gone = gone;
        yes
    }

    fn reset(&mut self) {
        (self.mail, self.asked, self.failed) = (false, 0, false);
        self.to.clear();
        self.content.clear();
    }

    /// The end of a message: over LMTP a reply for each recipient.
    fn end(&mut self) {
        let (content, to) = (std::mem::take(&mut self.content), std::mem::take(&mut self.to));
        self.reset();
        let mut took = Vec::new();
        if self.lmtp {
            for number in to {
                let before = self.said.len();
                if self.answer(250, "yours") {
                    took.push(number);
                }
                // behind a 3yz nobody knows who is meant
                self.gone |= self.said[before..].starts_with(b"354");
            }
        } else if self.answer(250, "taken") {
            took = to;
        }
        if !took.is_empty() {
            self.taken.push((content, took));
        }
    }

    fn refuse(&mut self, code: u16, count: usize) {
        for _ in 0..count {
            self.said.extend_from_slice(format!("{code} no\r\n").as_bytes());
        }
    }

    pub fn hear(&mut self, octets: &[u8]) {
        self.heard.extend_from_slice(octets);
        while !self.gone && self.step() {}
    }

    fn step(&mut self) -> bool {
        if let Some((left, last)) = self.chunk {
            let now = left.min(self.heard.len());
            let octets: Vec<u8> = self.heard.drain(..now).collect();
            self.content.extend_from_slice(&octets);
            self.chunk = Some((left - now, last)).filter(|(left, _)| *left > 0);
            if now < left {
                return false;
            }
            match (self.failed || self.to.is_empty(), last) {
                (true, true) => {
                    self.refuse(503, if self.lmtp { self.to.len() } else { 1 });
                    self.reset();
                }
                (true, false) => self.refuse(503, 1),
                (false, true) => self.end(),
                (false, false) => self.failed = !self.answer(250, "go on"),
            }
            return true;
        }
        let Some(end) = self.heard.windows(2).position(|pair| pair == b"\r\n") else { return false };
        let line: Vec<u8> = self.heard.drain(..end + 2).collect();
        let line = &line[..end];
        if self.data {
            match line {
                b"." => {
                    self.data = false;
                    self.end();
                }
                _ => {
                    let line = line.strip_prefix(b".").unwrap_or(line);
                    self.content.extend_from_slice(&[line, b"\r\n"].concat());
                }
            }
            return true;
        }
        self.command(&String::from_utf8_lossy(line));
        true
    }

    fn command(&mut self, line: &str) {
        match line.split(' ').next().unwrap() {
            "EHLO" | "LHLO" => {
                let chunking = if self.chunking { "250-CHUNKING\r\n" } else { "" };
                let pipelining = if self.pipelining { "250-PIPELINING\r\n" } else { "" };
                self.said.extend_from_slice(format!("250-tape\r\n{chunking}{pipelining}250 8BITMIME\r\n").as_bytes());
            }
            "MAIL" => self.mail = self.answer(250, "sender"),
            "RCPT" if self.mail => {
                let number = self.asked;
                self.asked += 1;
                if self.answer(250, "recipient") {
                    self.to.push(number);
                }
            }
            "DATA" if self.to.is_empty() => {
                // it may say either (RFC 2920 §3.1), but over LMTP (RFC 2033 §4.2)
                self.data = !self.lmtp && self.choices.next().is_some_and(|choice| choice % 2 == 1);
                let reply = if self.data { "354 go\r\n" } else { "554 nobody\r\n" };
                self.said.extend_from_slice(reply.as_bytes());
            }
            "DATA" => self.data = self.answer(354, "go"),
            "BDAT" => {
                let last = line.ends_with("LAST");
                let size: usize = line.split(' ').nth(1).unwrap().parse().unwrap();
                assert!(self.chunking);
                self.chunk = Some((size, last));
            }
            "RSET" => {
                self.reset();
                self.answer(250, "reset");
            }
            "QUIT" => {
                self.said.extend_from_slice(b"221 bye\r\n");
                self.gone = true;
            }
            "RCPT" => self.refuse(503, 1),
            other => panic!("{other}: {line}"),
        }
    }
}
