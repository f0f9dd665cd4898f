//! After the log-in: what is asked, and the answers in that order.

use gatepost_wire::{DotReader, Unstuffed};

use super::failure::{Failure, Refusal, status};
use super::{Client, Event, Request, State};

/// What comes next, of the answer to the first of what was asked.
pub(super) enum Receiving {
    Status,
    Sizes(Vec<(u64, u64)>),
    Uids(Vec<(u64, String)>),
    Message { reader: DotReader, octets: u64 },
}

impl Client {
    /// Asks for something, at any time after [`Event::Authenticated`]; where the server offers PIPELINING, several are on
    /// their way at a time. The answers are events, in order. Nothing is asked behind QUIT.
    pub fn ask(&mut self, request: Request) {
        let last = self.waiting.back().or(self.asked.back());
        if matches!(self.state, State::Transaction(_)) && last != Some(&Request::Quit) {
            self.waiting.push_back(request);
        }
    }

    /// Says what waits. Half of what may be on its way has to be answered first, so that commands go in groups.
    pub(super) fn pump(&mut self) {
        let window = if self.capabilities.pipelining { self.config.limits.pipeline.max(1) } else { 1 };
        if !matches!(self.state, State::Transaction(_)) || self.asked.len() > window / 2 {
            return;
        }
        while self.asked.len() < window {
            let Some(request) = self.waiting.pop_front() else {
                return;
            };
            self.output.extend_from_slice(format!("{request}\r\n").as_bytes());
            self.asked.push_back(request);
        }
    }

    /// A line that is not of a message.
    pub(super) fn transaction(&mut self, receiving: Receiving, line: &[u8]) {
        self.state = State::Transaction(Receiving::Status);
        let limit = self.config.limits.messages;
        let next = match receiving {
            Receiving::Status => return self.answered(line),
            Receiving::Sizes(sizes) if line == b"." => return self.done(Event::Sizes(sizes)),
            Receiving::Uids(uids) if line == b"." => return self.done(Event::Uids(uids)),
            Receiving::Sizes(sizes) => {
                added(sizes, pair(line).and_then(|(n, size)| Some((n, number(size)?))), limit).map(Receiving::Sizes)
            }
            Receiving::Uids(uids) => {
                added(uids, pair(line).and_then(|(n, uid)| Some((n, unique(uid)?))), limit).map(Receiving::Uids)
            }
            Receiving::Message { .. } => None,
        };
        match next {
            Some(next) => self.state = State::Transaction(next),
            None => self.fail(Failure::Malformed, true),
        }
    }

    /// The status of what was asked first.
    fn answered(&mut self, line: &[u8]) {
        let (Some(&request), Some(status)) = (self.asked.front(), status(line, self.capabilities.resp_codes)) else {
            return self.fail(Failure::Malformed, true);
        };
        match (request, status) {
            (request, Err(refusal)) => self.refused(request, refusal),
            (Request::List, Ok(_)) => self.state = State::Transaction(Receiving::Sizes(Vec::new())),
            (Request::Uidl, Ok(_)) => self.state = State::Transaction(Receiving::Uids(Vec::new())),
            (Request::Retr(_) | Request::Top(..), Ok(_)) => {
                self.state = State::Transaction(Receiving::Message { reader: DotReader::new(), octets: 0 });
            }
            (Request::Stat, Ok(text)) => {
                match pair(text.as_bytes()).and_then(|(messages, octets)| Some((messages, number(octets)?))) {
                    Some((messages, octets)) => self.done(Event::Statistics { messages, octets }),
                    None => self.fail(Failure::Malformed, true),
                }
            }
            (Request::Quit, Ok(_)) => {
                self.done(Event::Committed);
                self.state = State::Closed;
            }
            (Request::Dele(_) | Request::Rset | Request::Noop, Ok(_)) => self.done(Event::Done(request)),
        }
    }

    fn refused(&mut self, request: Request, refusal: Refusal) {
        self.done(Event::Refused(request, refusal));
        if request == Request::Quit {
            self.state = State::Closed;
        }
    }

    /// The answer to what was asked first is whole.
    fn done(&mut self, event: Event) {
        self.asked.pop_front();
        self.events.push_back(event);
    }

    /// Octets of a message; whether there were some.
    pub(super) fn message(&mut self) -> bool {
        let (
            Some(Request::Retr(number) | Request::Top(number, _)),
            State::Transaction(Receiving::Message { reader, octets }),
        ) = (self.asked.front().copied(), &mut self.state)
        else {
            return false;
        };
        match reader.read(&mut self.input) {
            Unstuffed::NeedMore => return false,
            Unstuffed::Data(data) => {
                *octets = octets.saturating_add(u64::try_from(data.len()).unwrap_or(u64::MAX));
                if *octets > self.config.limits.message {
                    self.fail(Failure::TooLarge(number), true);
                } else {
                    self.events.push_back(Event::Message(data));
                }
            }
            Unstuffed::End { bare } => {
                self.state = State::Transaction(Receiving::Status);
                self.done(Event::MessageEnd { number, bare });
            }
        }
        true
    }
}

fn added<T>(mut list: Vec<T>, item: Option<T>, limit: usize) -> Option<Vec<T>> {
    list.push(item.filter(|_| list.len() < limit)?);
    Some(list)
}

/// A number and what is behind it; servers may add more words (RFC 1939 §5).
fn pair(line: &[u8]) -> Option<(u64, &str)> {
    let mut words = std::str::from_utf8(line).ok()?.split(' ');
    Some((number(words.next()?)?, words.next()?))
}

fn number(text: &str) -> Option<u64> {
    text.bytes().all(|octet| octet.is_ascii_digit()).then(|| text.parse().ok()).flatten()
}

/// `unique-id = 1*70(%x21-7E)` (RFC 1939 §7).
fn unique(text: &str) -> Option<String> {
    ((1..=70).contains(&text.len()) && text.bytes().all(|octet| octet.is_ascii_graphic())).then(|| text.to_owned())
}
