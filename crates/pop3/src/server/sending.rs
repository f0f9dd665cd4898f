//! A message on its way to the client: its header section in ASCII, as much as TOP wants, and dots.

use gatepost_wire::DotWriter;

use super::head::Head;
use crate::top::Top;

/// What is done to the octets that the application gives.
pub(super) struct Sending {
    /// `None` where the client takes UTF-8.
    head: Option<Head>,
    body: Body,
}

struct Body {
    top: Option<Top>,
    writer: DotWriter,
}

impl Sending {
    /// `lines` is what TOP wants of the body.
    pub(super) fn new(utf8: bool, lines: Option<u64>) -> Self {
        let body = Body { top: lines.map(Top::new), writer: DotWriter::new() };
        Sending { head: (!utf8).then(Head::new), body }
    }

    /// Whether more is wanted. A header section of more than `limit` octets is not looked at as a whole.
    pub(super) fn write(&mut self, octets: &[u8], limit: usize, out: &mut Vec<u8>) -> bool {
        match &mut self.head {
            Some(head) => head.write(octets, limit, |octets| self.body.pass(octets, out)),
            None => self.body.pass(octets, out),
        }
    }

    pub(super) fn finish(self, out: &mut Vec<u8>) {
        let Sending { head, mut body } = self;
        if let Some(head) = head {
            head.finish(|octets| body.pass(octets, out));
        }
        body.writer.finish(out);
    }
}

impl Body {
    /// Whether more is wanted.
    fn pass(&mut self, octets: &[u8], out: &mut Vec<u8>) -> bool {
        let octets = self.top.as_mut().map_or(octets, |top| top.take(octets));
        self.writer.write(octets, out);
        self.top.as_ref().is_none_or(|top| !top.is_over())
    }
}
