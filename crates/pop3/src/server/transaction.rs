//! The TRANSACTION state (RFC 1939 §5).

use super::{Event, Server, State};
use crate::command::Command;

impl Server {
    pub(super) fn transaction(&mut self, command: Command) {
        let State::Transaction(entries) = &mut self.state else {
            return;
        };
        let left = || entries.iter().enumerate().filter(|(_, listed)| !listed.deleted);
        let known = |number: usize| entries.get(number - 1).filter(|listed| !listed.deleted);
        let missing = "no such message";
        match command {
            Command::Stat => {
                let (count, size) = (left().count(), left().map(|(_, listed)| listed.entry.size).sum::<u64>());
                self.ok(&format!("{count} {size}"));
            }
            Command::List(None) => {
                let lines: String =
                    left().map(|(index, listed)| format!("{} {}\r\n", index + 1, listed.entry.size)).collect();
                self.output.extend_from_slice(format!("+OK sizes follow\r\n{lines}.\r\n").as_bytes());
            }
            Command::Uidl(None) => {
                let lines: String =
                    left().map(|(index, listed)| format!("{} {}\r\n", index + 1, listed.entry.uid)).collect();
                self.output.extend_from_slice(format!("+OK identifiers follow\r\n{lines}.\r\n").as_bytes());
            }
            Command::List(Some(number)) => match known(number).map(|listed| listed.entry.size) {
                Some(size) => self.ok(&format!("{number} {size}")),
                None => self.fail(missing),
            },
            Command::Uidl(Some(number)) => match known(number).map(|listed| listed.entry.uid.clone()) {
                Some(uid) => self.ok(&format!("{number} {uid}")),
                None => self.fail(missing),
            },
            Command::Retr(number) if known(number).is_some() => self.pending = Some(Event::Retrieve(number - 1)),
            Command::Top(number, lines) if known(number).is_some() => {
                self.pending = Some(Event::Top(number - 1, lines))
            }
            Command::Dele(number) => match entries.get_mut(number - 1).filter(|listed| !listed.deleted) {
                Some(listed) => {
                    listed.deleted = true;
                    self.ok("marked");
                }
                None => self.fail(missing),
            },
            Command::Retr(_) | Command::Top(..) => self.fail(missing),
            Command::Rset => {
                entries.iter_mut().for_each(|listed| listed.deleted = false);
                self.ok("unmarked");
            }
            Command::Noop => self.ok("yes"),
            _ => self.fail("not in this state"),
        }
    }
}
