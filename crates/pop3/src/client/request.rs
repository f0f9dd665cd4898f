//! What can be asked once we are logged in.

use std::fmt;

/// A command of the TRANSACTION state (RFC 1939 §5, §7). Message numbers are from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
#[allow(missing_docs)]
pub enum Request {
    Stat,
    /// Sizes of all messages.
    List,
    /// Unique ids of all messages.
    Uidl,
    Retr(u64),
    /// The header section and so many lines of the body.
    Top(u64, u64),
    Dele(u64),
    Rset,
    Noop,
    Quit,
}

impl fmt::Display for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Request::Stat => f.write_str("STAT"),
            Request::List => f.write_str("LIST"),
            Request::Uidl => f.write_str("UIDL"),
            Request::Retr(number) => write!(f, "RETR {number}"),
            Request::Top(number, lines) => write!(f, "TOP {number} {lines}"),
            Request::Dele(number) => write!(f, "DELE {number}"),
            Request::Rset => f.write_str("RSET"),
            Request::Noop => f.write_str("NOOP"),
            Request::Quit => f.write_str("QUIT"),
        }
    }
}
