//! The TRANSACTION state (RFC 1939 §5).

use super::{Event, Listed, Server, State};
use crate::command::Command;

const MISSING: &str = "no such message";

impl Server {
    pub(super) fn transaction(&mut self, command: Command) {
        let State::Transaction(entries) = &mut self.state else {
            return;
        };
        let utf8 = self.utf8;
        let known = |number: usize| entries.get(number - 1).filter(|listed| !listed.deleted);
        match command {
            Command::Stat => {
                let (mut count, mut octets) = (0, 0_u64);
                for (_, listed) in left(entries) {
                    count += 1;
                    octets = octets.saturating_add(listed.entry.told(utf8));
                }
                self.ok(&format!("{count} {octets}"));
            }
            Command::List(None) => {
                let lines: Vec<String> =
                    left(entries).map(|(number, l)| format!("{number} {}", l.entry.told(utf8))).collect();
                self.listing("sizes follow", lines);
            }
            Command::Uidl(None) => {
                let lines: Vec<String> = left(entries).map(|(number, l)| format!("{number} {}", l.entry.uid)).collect();
                self.listing("identifiers follow", lines);
            }
            Command::List(Some(number)) => match known(number).map(|listed| listed.entry.told(utf8)) {
                Some(size) => self.ok(&format!("{number} {size}")),
                None => self.fail(MISSING),
            },
            Command::Uidl(Some(number)) => match known(number).map(|listed| listed.entry.uid.clone()) {
                Some(uid) => self.ok(&format!("{number} {uid}")),
                None => self.fail(MISSING),
            },
            Command::Retr(number) => self.retrieve(number, None),
            Command::Top(number, lines) => self.retrieve(number, Some(lines)),
            Command::Dele(number) => match entries.get_mut(number - 1).filter(|listed| !listed.deleted) {
                Some(listed) => {
                    listed.deleted = true;
                    self.ok("marked");
                }
                None => self.fail(MISSING),
            },
            Command::Rset => {
                entries.iter_mut().for_each(|listed| listed.deleted = false);
                self.ok("unmarked");
            }
            Command::Noop => self.ok("yes"),
            Command::Lang(range) => self.language(range.as_deref()),
            _ => self.fail("not in this state"),
        }
    }

    /// RETR, and TOP with a number of lines.
    fn retrieve(&mut self, number: usize, lines: Option<u64>) {
        match &self.state {
            State::Transaction(entries) if entries.get(number - 1).is_some_and(|listed| !listed.deleted) => {
                self.pending = Some(Event::Retrieve(number - 1));
                self.lines = lines;
            }
            _ => self.fail(MISSING),
        }
    }
}

/// The messages that are not marked, with their numbers.
fn left(entries: &[Listed]) -> impl Iterator<Item = (usize, &Listed)> {
    entries.iter().enumerate().filter(|(_, listed)| !listed.deleted).map(|(index, listed)| (index + 1, listed))
}
