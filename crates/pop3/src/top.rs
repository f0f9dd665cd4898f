//! TOP (RFC 1939 §7): the header section, the blank line and so many lines of the body.

use memchr::memchr_iter;

/// Cuts a message off as it streams by.
#[derive(Clone, Debug)]
pub(crate) struct Top {
    lines: u64,
    /// Lines of the body that are still wanted; `None` within the header section.
    left: Option<u64>,
    /// Whether the line that is not ended yet has nothing in it.
    empty: bool,
}

impl Top {
    pub(crate) fn new(lines: u64) -> Self {
        Top { lines, left: None, empty: true }
    }

    pub(crate) fn is_over(&self) -> bool {
        self.left == Some(0)
    }

    /// What is wanted of the next octets.
    pub(crate) fn take<'a>(&mut self, octets: &'a [u8]) -> &'a [u8] {
        let mut begin = 0;
        for end in memchr_iter(b'\n', octets) {
            if self.is_over() {
                break;
            }
            let line = octets.get(begin..end).unwrap_or_default();
            let blank = self.empty && matches!(line, [] | [b'\r']);
            self.left = match self.left {
                None if blank => Some(self.lines),
                left => left.map(|left| left - 1),
            };
            (begin, self.empty) = (end + 1, true);
        }
        if self.is_over() {
            return octets.get(..begin).unwrap_or_default();
        }
        self.empty &= matches!(octets.get(begin..), Some([] | [b'\r']));
        octets
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MESSAGE: &[u8] = b"A: b\r\n c\r\n\r\none\r\n\r\nthree\r\nno end";

    #[test]
    fn it_takes_the_header_section_and_so_many_lines_whatever_the_chunks() {
        let wanted = ["A: b\r\n c\r\n\r\n", "one\r\n", "\r\n", "three\r\n", "no end"];
        for lines in [0, 1, 2, 3, 4, 5, u64::MAX] {
            let whole = wanted[..wanted.len().min(usize::try_from(lines).unwrap_or(9).saturating_add(1))].concat();
            for chunk in 1..=MESSAGE.len() {
                let mut top = Top::new(lines);
                let taken: Vec<u8> = MESSAGE.chunks(chunk).flat_map(|chunk| top.take(chunk).to_vec()).collect();
                assert_eq!(String::from_utf8(taken).unwrap(), whole, "{lines} lines in chunks of {chunk}");
                assert_eq!(top.is_over(), lines <= 3);
            }
        }
    }
}
