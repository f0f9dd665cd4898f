//! Which octets of mail need a closer look: CR and LF that are not together, NUL, dots at the start of a line.

/// Octets that are looked at in one go, without a branch: long enough for the compiler to use vectors.
const BLOCK: usize = 1024;

/// Follows octets and remembers whether a CR, an LF or a NUL stood alone (RFC 5321 §2.3.8).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LineCheck {
    /// The two octets before: CR and LF at the start, since a line begins there.
    before: [u8; 2],
    bare: bool,
}

impl Default for LineCheck {
    fn default() -> Self {
        LineCheck::new()
    }
}

impl LineCheck {
    /// At the start of a line.
    pub fn new() -> Self {
        LineCheck { before: *b"\r\n", bare: false }
    }

    /// Goes on behind the octets of before.
    pub fn feed(&mut self, octets: &[u8]) {
        let mut rest = octets;
        while !rest.is_empty() {
            rest = rest.get(self.feed_line(rest)..).unwrap_or_default();
        }
    }

    /// Goes on up to a dot behind an LF. The first octet is taken as any other. At least one is taken.
    pub(crate) fn feed_line(&mut self, octets: &[u8]) -> usize {
        let ([_, before], Some(&first)) = (self.before, octets.first()) else {
            return 0;
        };
        self.bare |= look(&[before], &[first]).0;
        let mut length = 1;
        for (before, block) in octets.chunks(BLOCK).zip(octets.get(1..).unwrap_or_default().chunks(BLOCK)) {
            let (bare, dot) = look(before, block);
            if dot {
                for (&before, &octet) in before.iter().zip(block) {
                    if (before, octet) == (b'\n', b'.') {
                        break;
                    }
                    self.bare |= look(&[before], &[octet]).0;
                    length += 1;
                }
                break;
            }
            self.bare |= bare;
            length += block.len();
        }
        self.before = match octets.get(..length) {
            Some([.., last, end]) => [*last, *end],
            _ => [before, first],
        };
        length
    }

    /// Whether the octets so far end a line, or there are none.
    pub fn is_at_line_start(&self) -> bool {
        self.before == *b"\r\n"
    }

    /// Whether one that stands alone is certain already: a CR at the end may yet get its LF.
    pub fn is_bare_already(&self) -> bool {
        self.bare
    }

    /// Whether one stands alone if nothing follows.
    pub fn is_bare(&self) -> bool {
        self.bare || self.before.ends_with(b"\r")
    }
}

/// Octets beside those before them: is one bare, does a line begin with a dot?
fn look(before: &[u8], octets: &[u8]) -> (bool, bool) {
    let (mut bare, mut dot, mut least) = (false, false, u8::MAX);
    for (&before, &octet) in before.iter().zip(octets) {
        bare |= (before == b'\r') != (octet == b'\n');
        dot |= (before == b'\n') & (octet == b'.');
        least = least.min(octet);
    }
    (bare || least == 0, dot)
}
