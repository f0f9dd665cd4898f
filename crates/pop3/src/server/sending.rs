//! A message on its way to the client: its header section in ASCII, as much as TOP wants, and dots.

use gatepost_wire::DotWriter;

use crate::surrogate::surrogate;
use crate::top::Top;

/// What is done to the octets that the application gives.
pub(super) struct Sending {
    /// The header section until it is whole; `None` where it need not be looked at, or is through.
    head: Option<Vec<u8>>,
    top: Option<Top>,
    writer: DotWriter,
}

impl Sending {
    /// `lines` is what TOP wants of the body.
    pub(super) fn new(utf8: bool, lines: Option<u64>) -> Self {
        Sending { head: (!utf8).then(Vec::new), top: lines.map(Top::new), writer: DotWriter::new() }
    }

    /// Whether more is wanted. A header section of more than `limit` octets is not looked at as a whole.
    pub(super) fn write(&mut self, octets: &[u8], limit: usize, out: &mut Vec<u8>) -> bool {
        let Some(mut head) = self.head.take() else {
            return self.pass(octets, out);
        };
        if head.is_empty() && head_length(octets).is_some_and(|end| octets.get(..end).is_some_and(<[u8]>::is_ascii)) {
            return self.pass(octets, out); // nearly always
        }
        head.extend_from_slice(octets);
        match head_length(&head) {
            Some(end) => {
                let (head, body) = head.split_at(end);
                self.pass(&surrogate(head), out) && self.pass(body, out)
            }
            None if head.len() > limit => self.pass(&surrogate(&head), out),
            None => {
                self.head = Some(head);
                true
            }
        }
    }

    fn pass(&mut self, octets: &[u8], out: &mut Vec<u8>) -> bool {
        let octets = self.top.as_mut().map_or(octets, |top| top.take(octets));
        self.writer.write(octets, out);
        self.top.as_ref().is_none_or(|top| !top.is_over())
    }

    pub(super) fn finish(mut self, out: &mut Vec<u8>) {
        if let Some(head) = self.head.take() {
            self.pass(&surrogate(&head), out); // a header section and no body
        }
        self.writer.finish(out);
    }
}

/// Where the body begins.
fn head_length(octets: &[u8]) -> Option<usize> {
    match octets {
        [b'\r', b'\n', ..] => Some(2),
        _ => memchr::memmem::find(octets, b"\r\n\r\n").map(|at| at + 4),
    }
}
