//! DATA (RFC 5321 §4.1.1.4) and BDAT (RFC 3030 §2): the message.

use gatepost_wire::{DotReader, LineCheck, Unstuffed};

use super::state::{Chunk, Chunks};
use super::{Event, Profile, Server, State};
use crate::command::Command;
use crate::reply::{self, Reply};

impl Server {
    pub(super) fn data(&mut self) {
        let transaction = match &self.state {
            State::Transaction(transaction) => transaction,
            _ => return self.fail(&reply::RECIPIENT_FIRST),
        };
        if transaction.binary || !matches!(transaction.chunks, Chunks::None) {
            return self.fail(&reply::NO_DATA_NOW); // RFC 3030 §2, §3
        }
        if transaction.recipients == 0 {
            return self.fail(&self.no_recipients());
        }
        if self.speaks_early() {
            return self.close(&reply::TOO_EARLY);
        }
        if let State::Transaction(transaction) = std::mem::replace(&mut self.state, State::Closed) {
            self.state = State::Data(transaction, DotReader::new());
        }
        self.say(&reply::SEND_IT);
    }

    /// Reads data; whether there was something to do.
    pub(super) fn read_data(&mut self) -> bool {
        let State::Data(transaction, reader) = &mut self.state else {
            return false;
        };
        let limit = self.config.limits.message;
        match reader.read(&mut self.input) {
            Unstuffed::NeedMore => return false,
            Unstuffed::Data(octets) => {
                transaction.size = transaction.size.saturating_add(length(&octets));
                if transaction.size <= limit {
                    self.pending = Some(Event::Data(octets)); // beyond the limit it is only counted
                } else if transaction.size > limit.saturating_add(self.config.limits.excess) {
                    self.abort(&reply::TOO_LARGE);
                }
            }
            Unstuffed::End { bare } => match (transaction.size > limit, bare) {
                (true, _) => self.forget(&reply::TOO_LARGE),
                (false, true) => self.forget(&reply::BARE),
                (false, false) => self.message(),
            },
        }
        true
    }

    /// BDAT. Its octets come in any case; where they are not wanted they are thrown away before that is said.
    pub(super) fn chunk(&mut self, octets: u64, last: bool) {
        let (limit, excess) = (self.config.limits.message, self.config.limits.excess);
        let refusal = self.chunk_refusal(octets, last);
        if refusal.is_some() && octets > limit.saturating_add(excess) {
            return self.abort(&refusal.unwrap_or(reply::TOO_LARGE)); // not worth reading
        }
        if let (None, State::Transaction(transaction)) = (&refusal, &mut self.state) {
            transaction.size = transaction.size.saturating_add(octets);
            if let Chunks::None = transaction.chunks {
                transaction.chunks = Chunks::Some(LineCheck::new());
            }
        }
        let within = Box::new(std::mem::replace(&mut self.state, State::Closed));
        self.state = State::Chunk(Chunk { left: octets, last, refusal, within });
    }

    fn chunk_refusal(&self, octets: u64, last: bool) -> Option<Reply> {
        if let Some(reply) = self.login_first(&Command::Bdat { octets, last }) {
            return Some(reply);
        }
        match &self.state {
            _ if !self.config.extensions.chunking => Some(reply::NOT_HERE),
            State::Transaction(transaction) => match transaction.chunks {
                _ if transaction.recipients == 0 => Some(self.no_recipients()),
                Chunks::Failed => Some(reply::CHUNKS_FAILED),
                _ if transaction.size.saturating_add(octets) > self.config.limits.message => Some(reply::TOO_LARGE),
                _ => None,
            },
            _ => Some(reply::RECIPIENT_FIRST),
        }
    }

    /// Reads a chunk; whether there was something to do.
    pub(super) fn read_chunk(&mut self) -> bool {
        let State::Chunk(chunk) = &mut self.state else {
            return false;
        };
        if chunk.left == 0 {
            self.end_of_chunk();
            return true;
        }
        let octets = self.input.take(usize::try_from(chunk.left).unwrap_or(usize::MAX));
        chunk.left -= length(&octets);
        if octets.is_empty() {
            return false;
        }
        if let (None, State::Transaction(transaction)) = (&chunk.refusal, &mut *chunk.within) {
            if let (false, Chunks::Some(check)) = (transaction.binary, &mut transaction.chunks) {
                check.feed(&octets); // a CR at a chunk's end may get its LF in the next one
            }
            self.pending = Some(Event::Data(octets));
        }
        true
    }

    fn end_of_chunk(&mut self) {
        let State::Chunk(chunk) = std::mem::replace(&mut self.state, State::Closed) else {
            return;
        };
        self.state = *chunk.within;
        let State::Transaction(transaction) = &mut self.state else {
            return chunk.refusal.iter().for_each(|reply| self.fail(reply));
        };
        let bare = match &transaction.chunks {
            Chunks::Some(check) if chunk.last => check.is_bare(),
            Chunks::Some(check) => check.is_bare_already(),
            _ => false,
        };
        match (chunk.refusal.or(bare.then_some(reply::BARE)), chunk.last) {
            (None, true) => self.message(),
            (None, false) => self.say(&reply::CHUNK_OK),
            (Some(reply), true) => self.forget(&reply),
            (Some(reply), false) => {
                // for want of recipients, too: those that came later would get a message without this chunk
                transaction.chunks = Chunks::Failed;
                self.pending = Some(Event::Reset);
                self.fail(&reply);
            }
        }
    }

    /// It is whole: the application decides.
    fn message(&mut self) {
        match std::mem::replace(&mut self.state, State::Closed) {
            State::Transaction(transaction) | State::Data(transaction, _) => {
                self.state = State::Ending(transaction);
                self.pending = Some(Event::EndOfData);
            }
            other => self.state = other,
        }
    }

    /// Refuses a whole message before the application is asked.
    fn forget(&mut self, reply: &Reply) {
        self.errors += 1;
        self.pending = Some(Event::Reset);
        self.say_for_each(reply);
        self.back_to_ready();
        self.end_on_errors();
    }

    fn abort(&mut self, reply: &Reply) {
        self.pending = self.state.transaction().map(|_| Event::Reset);
        self.close(reply);
    }

    /// Once, or over LMTP once a recipient (RFC 2033 §4.2).
    pub(super) fn say_for_each(&mut self, reply: &Reply) {
        let recipients = self.state.transaction().map_or(1, |transaction| transaction.recipients);
        for _ in 0..if self.config.profile == Profile::Lmtp { recipients } else { 1 } {
            self.say(reply);
        }
    }

    fn no_recipients(&self) -> Reply {
        // RFC 2033 §4.2
        if self.config.profile == Profile::Lmtp { reply::NO_LMTP_RECIPIENTS } else { reply::NO_RECIPIENTS }
    }
}

fn length(octets: &[u8]) -> u64 {
    u64::try_from(octets.len()).unwrap_or(u64::MAX)
}
