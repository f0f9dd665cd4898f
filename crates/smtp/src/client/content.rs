//! The message on its way: as data with stuffed dots, or in chunks (RFC 3030).

use gatepost_wire::{DotWriter, LineCheck};

use super::transaction::Ending;
use super::{Capabilities, Client, Event, Failure, Limits, Response, State};
use crate::envelope::Body;

/// A message in chunks.
pub(super) struct Chunks {
    check: LineCheck,
    /// Chunks that were not answered yet.
    open: usize,
}

impl Chunks {
    pub(super) fn new() -> Self {
        Chunks { check: LineCheck::new(), open: 0 }
    }

    /// Whether another chunk may be sent before those before it are answered: the first one in any case.
    pub(super) fn may_go_on(&self, offered: &Capabilities, limits: &Limits) -> bool {
        self.open < if offered.pipelining { limits.chunks.max(1) } else { 1 }
    }

    /// Whether a reply is to come.
    pub(super) fn is_awaited(&self) -> bool {
        self.open > 0
    }
}

impl Client {
    /// Gives octets of the message after [`Event::SendData`]; lines end with CRLF. Large pieces are good: each is a chunk
    /// where the server takes chunks.
    pub fn data(&mut self, octets: &[u8]) {
        if !self.may_be_told() {
            return;
        }
        let octets_are_ascii = octets.is_ascii();
        let (bare, body) = match &mut self.state {
            State::Data(writer, ending) => {
                writer.write(octets, &mut self.output);
                (writer.is_bare_already(), ending.body)
            }
            State::Chunks(chunks, ending) if !octets.is_empty() => {
                self.output.extend_from_slice(format!("BDAT {}\r\n", octets.len()).as_bytes());
                self.output.extend_from_slice(octets);
                chunks.open += 1;
                chunks.check.feed(octets);
                (chunks.check.is_bare_already() && ending.body != Body::BinaryMime, ending.body)
            }
            _ => return,
        };
        if bare {
            self.break_off(Failure::BareLineEnd);
        } else if body == Body::SevenBit && !octets_are_ascii {
            self.break_off(Failure::EightBit);
        }
    }

    /// The message has ended. A last line without CRLF gets one.
    pub fn end_data(&mut self) {
        if !self.may_be_told() {
            return;
        }
        match std::mem::replace(&mut self.state, State::Closed) {
            State::Data(writer, ending) if !writer.is_bare() => {
                writer.finish(&mut self.output);
                self.state = State::Ending(ending);
            }
            State::Chunks(chunks, mut ending) if ending.body == Body::BinaryMime || !chunks.check.is_bare() => {
                let whole = ending.body == Body::BinaryMime || chunks.check.is_at_line_start();
                self.output.extend_from_slice(if whole { b"BDAT 0 LAST\r\n" } else { b"BDAT 2 LAST\r\n\r\n" });
                ending.chunks = chunks.open;
                self.state = State::Ending(ending);
            }
            State::Data(..) | State::Chunks(..) => self.break_off(Failure::BareLineEnd),
            other => self.state = other,
        }
    }

    /// Whether the server has said nothing but what it was asked: it can not have an opinion of what it does not have yet.
    fn may_be_told(&mut self) -> bool {
        match &self.state {
            State::Data(..) => self.is_silent(),
            State::Chunks(chunks, _) => chunks.is_awaited() || self.is_silent(),
            _ => false,
        }
    }

    /// A message that must not be sent: it is not ended, so that the server does not keep it.
    fn break_off(&mut self, failure: Failure) {
        self.output.clear();
        self.fail(failure, true);
    }

    /// A reply to DATA.
    pub(super) fn data_command(&mut self, mut ending: Ending, response: Response) {
        match (response.code == 354, ending.failure.is_some()) {
            (true, false) if self.is_silent() => self.state = State::Data(DotWriter::new(), ending),
            (true, false) => {}
            (true, true) => {
                // RFC 2920 §3.1: DATA was sent before anybody was accepted; what the server takes now is nothing
                self.output.extend_from_slice(b".\r\n");
                self.state = State::Ending(ending);
            }
            (false, _) => {
                let failure = ending.failure.take().unwrap_or(Failure::Refused(response));
                self.events.push_back(Event::Failed(failure));
                self.give_up(0);
            }
        }
    }

    /// A reply to a chunk that is not the last one.
    pub(super) fn chunk(&mut self, mut chunks: Chunks, ending: Ending, response: Response) {
        chunks.open -= 1;
        if response.is_positive() {
            self.state = State::Chunks(chunks, ending);
        } else {
            // RFC 3030 §2: no other chunk is sent, the message is refused
            self.events.push_back(Event::Done(response));
            self.give_up(chunks.open);
        }
    }

    /// A reply to the message, or to a chunk on the way there.
    pub(super) fn ending(&mut self, mut ending: Ending, response: Response) {
        if ending.chunks > 0 {
            ending.chunks -= 1;
            if !response.is_positive() {
                ending.refused.get_or_insert(response);
            }
            self.state = State::Ending(ending);
            return;
        }
        if let Some(refused) = ending.refused {
            self.events.push_back(Event::Done(refused));
            // RFC 2033 §4.3: the last chunk is answered for each recipient
            return self.give_up(if self.lmtp { ending.accepted.len().saturating_sub(1) } else { 0 });
        }
        if let Some(failure) = ending.failure {
            self.events.push_back(Event::Failed(failure));
            return self.give_up(0);
        }
        if (300..400).contains(&response.code) {
            return self.fail(Failure::Refused(response), true); // it waits for what was said already: who knows what it has
        }
        if self.lmtp {
            if let Some(index) = ending.accepted.pop_front() {
                self.events.push_back(Event::Delivered(index, response.clone()));
            }
            if !ending.accepted.is_empty() {
                self.state = State::Ending(ending);
                return;
            }
        }
        self.events.push_back(Event::Done(response));
        self.state = State::Ready;
    }
}
