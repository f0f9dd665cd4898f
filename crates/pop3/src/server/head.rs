//! The header section of a message for a client that did not say UTF8: in ASCII (RFC 6856 §2.1), and how long that is.

use super::Limits;
use crate::surrogate::surrogate;

/// The header section of a message that comes in pieces, until it is whole.
#[derive(Debug)]
pub(super) struct Head(Option<Vec<u8>>);

impl Head {
    pub(super) fn new() -> Self {
        Head(Some(Vec::new()))
    }

    /// Passes on what can be sent; whether whoever gets it wants more. Of a header section of more than `limit` octets only
    /// that much is looked at.
    pub(super) fn write(&mut self, octets: &[u8], limit: usize, mut pass: impl FnMut(&[u8]) -> bool) -> bool {
        let Some(mut head) = self.0.take() else {
            return pass(octets);
        };
        if head.is_empty() && head_length(octets).is_some_and(|end| octets.get(..end).is_some_and(<[u8]>::is_ascii)) {
            return pass(octets); // nearly always
        }
        head.extend_from_slice(octets);
        match head_length(&head) {
            Some(end) => {
                let (head, body) = head.split_at(end);
                pass(&surrogate(head)) && pass(body)
            }
            None if head.len() > limit => pass(&surrogate(&head)),
            None => {
                self.0 = Some(head);
                true
            }
        }
    }

    /// The message has ended: a header section and no body is passed on.
    pub(super) fn finish(self, mut pass: impl FnMut(&[u8]) -> bool) {
        if let Head(Some(head)) = self {
            pass(&surrogate(&head));
        }
    }

    fn is_through(&self) -> bool {
        self.0.is_none()
    }
}

/// Where the body begins.
fn head_length(octets: &[u8]) -> Option<usize> {
    match octets {
        [b'\r', b'\n', ..] => Some(2),
        _ => memchr::memmem::find(octets, b"\r\n\r\n").map(|at| at + 4),
    }
}

/// Learns from the header section of a message, while the message is stored, how many octets its surrogate has: whoever lists a
/// maildrop later need not read it for that.
///
/// ```
/// use gatepost_pop3::server::SurrogateSize;
/// let message = "Subject: gr\u{fc}\u{df}e\r\n\r\nbody\r\n".as_bytes();
/// let mut size = SurrogateSize::new();
/// let (front, rest) = message.split_at(12); // in any pieces
/// assert!(size.write(front));
/// assert!(!size.write(rest)); // no more is needed
/// assert_eq!(size.of(message.len() as u64), Some("Subject: =?utf-8?B?Z3LDvMOfZQ==?=\r\n\r\nbody\r\n".len() as u64));
/// ```
#[derive(Debug)]
pub struct SurrogateSize {
    head: Head,
    given: Octets,
    passed: Octets,
}

/// How many, and whether the last line has no end.
#[derive(Debug, Default)]
struct Octets {
    count: u64,
    open: bool,
}

impl Octets {
    fn add(&mut self, octets: &[u8]) {
        self.count = self.count.saturating_add(u64::try_from(octets.len()).unwrap_or(u64::MAX));
        self.open = octets.last().map_or(self.open, |last| *last != b'\n');
    }

    /// A last line that does not end gets its CRLF.
    fn sent(&self) -> u64 {
        self.count.saturating_add(if self.open { 2 } else { 0 })
    }
}

impl Default for SurrogateSize {
    fn default() -> Self {
        SurrogateSize::new()
    }
}

impl SurrogateSize {
    /// Before the first octet.
    pub fn new() -> Self {
        SurrogateSize { head: Head::new(), given: Octets::default(), passed: Octets::default() }
    }

    /// The next octets, with CRLF line ends; whether more are wanted. Those behind the header section change nothing. It holds
    /// what the server does by default, [`Limits::header`]; of a longer header section the number is not exact.
    pub fn write(&mut self, octets: &[u8]) -> bool {
        if self.head.is_through() {
            return false;
        }
        self.given.add(octets);
        let passed = &mut self.passed;
        self.head.write(octets, Limits::default().header, |octets| {
            passed.add(octets);
            true
        });
        !self.head.is_through()
    }

    /// The size of the surrogate of the message whose header section this was and which has `size` octets as sent; nothing
    /// where it is the same.
    pub fn of(mut self, size: u64) -> Option<u64> {
        let within_header = !self.head.is_through();
        let passed = &mut self.passed;
        self.head.finish(|octets| {
            passed.add(octets);
            true
        });
        // what was looked at may end anywhere in the body, which is the same in both
        let sent = |octets: &Octets| if within_header { octets.sent() } else { octets.count };
        let surrogate = size.saturating_sub(sent(&self.given)).saturating_add(sent(&self.passed));
        (surrogate != size).then_some(surrogate)
    }
}
