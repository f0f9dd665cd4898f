//! White space of relaxed forms (RFC 6376 §3.4.2, §3.4.4), 64 octets at a time: a run becomes one space, at the end of a
//! line nothing. Clean stretches go out from where they lie; the rest is squeezed together where it is collected.

use smallvec::SmallVec;
use wide::u8x16;

const BLOCK: usize = 64;
const LANES: usize = 16;
/// A block with what is behind it: white space may stand before CR LF, and whole lanes are copied.
const WINDOW: usize = BLOCK + LANES;
/// Clean octets go out at the latest after so many: what was looked at is still near when it is hashed.
const STRETCH: usize = 2 << 10;

/// Header fields as they are signed mostly fit in this.
pub(crate) const SMALL: usize = 3 << 10;

/// Where canonical octets go.
pub(crate) trait Sink {
    /// Takes octets as they are.
    fn write(&mut self, run: &[u8]);
    /// Lets `fill` write the next octets; it says how many they are.
    fn fill<const N: usize>(&mut self, fill: impl FnOnce(&mut [u8; N]) -> usize);
}

impl Sink for Vec<u8> {
    fn write(&mut self, run: &[u8]) {
        self.extend_from_slice(run);
    }

    fn fill<const N: usize>(&mut self, fill: impl FnOnce(&mut [u8; N]) -> usize) {
        let before = self.len();
        self.resize(before + N, 0);
        let length = self.get_mut(before..).and_then(|room| room.first_chunk_mut()).map_or(0, fill);
        self.truncate(before + length);
    }
}

impl Sink for SmallVec<[u8; SMALL]> {
    fn write(&mut self, run: &[u8]) {
        self.extend_from_slice(run);
    }

    fn fill<const N: usize>(&mut self, fill: impl FnOnce(&mut [u8; N]) -> usize) {
        let before = self.len();
        self.resize(before + N, 0);
        let length = self.get_mut(before..).and_then(|room| room.first_chunk_mut()).map_or(0, fill);
        self.truncate(before + length);
    }
}

/// Squeezes octets of a body, the last of which is neither white space nor part of a line end: nothing that follows matters.
pub(crate) fn squeeze(octets: &[u8], out: &mut impl Sink) {
    let mut rest = octets;
    while let Some(window) = rest.first_chunk() {
        match clean_front(rest) {
            0 => {
                out.fill(|room| pack(window, classify(window).dropped, BLOCK, room));
                rest = rest.get(BLOCK..).unwrap_or_default();
            }
            clean => {
                out.write(rest.get(..clean).unwrap_or_default());
                rest = rest.get(clean..).unwrap_or_default();
            }
        }
    }
    while !rest.is_empty() {
        let window = padded(rest);
        out.fill(|room| pack(&window, classify(&window).dropped, rest.len().min(BLOCK), room));
        rest = rest.get(BLOCK..).unwrap_or_default();
    }
}

/// Squeezes the body of a header field, without white space at either end, and unfolds it.
pub(crate) fn unfold(octets: &[u8], out: &mut impl Sink) {
    let mut rest = octets;
    let mut fold = 0; // whether the block before ended in the CR of a fold
    while !rest.is_empty() {
        let window = rest.first_chunk().copied().unwrap_or_else(|| padded(rest));
        let Classes { dropped, cr } = classify(&window);
        out.fill(|room| pack(&window, dropped | cr | cr << 1 | fold, rest.len().min(BLOCK), room));
        fold = cr >> (BLOCK - 1);
        rest = rest.get(BLOCK..).unwrap_or_default();
    }
}

/// The first octets, before what is no white space.
fn padded(octets: &[u8]) -> [u8; WINDOW] {
    let mut window = [b'.'; WINDOW];
    let length = octets.len().min(WINDOW);
    if let Some((to, from)) = window.get_mut(..length).zip(octets.get(..length)) {
        to.copy_from_slice(from);
    }
    window
}

/// How many octets at the front, in whole blocks and up to [`STRETCH`], surely stay as they are: no tab, and no space beside
/// a space or a control character.
fn clean_front(octets: &[u8]) -> usize {
    let octets = octets.get(..STRETCH + 1).unwrap_or(octets);
    let (here, next) = (octets.as_chunks::<BLOCK>().0, octets.get(1..).unwrap_or_default().as_chunks::<BLOCK>().0);
    here.iter().zip(next).take_while(|(here, next)| is_clean(here, next)).count() * BLOCK
}

fn is_clean(here: &[u8; BLOCK], next: &[u8; BLOCK]) -> bool {
    let space = u8x16::splat(b' ');
    let (mut blanks, mut least) = (u8x16::splat(0), space);
    for at in [0, LANES, 2 * LANES, 3 * LANES] {
        let (here, next) = (load(here, at), load(next, at));
        blanks |= here.max(next).cmp_eq(space);
        least = least.min(here);
    }
    // octets up to the tab are taken for tabs
    bits(blanks | least.min(u8x16::splat(b'\t')).cmp_eq(least), 0) == 0xffff
}

/// Whether every CR has its LF and every LF its CR, from `previous` on; a last CR may still get it.
pub(crate) fn in_pairs(mut previous: u8, octets: &[u8]) -> bool {
    let mut odd = u8x16::splat(0);
    let mut windows = octets;
    while let Some(window) = windows.first_chunk::<WINDOW>() {
        for at in [0, LANES, 2 * LANES, 3 * LANES] {
            odd |= is(load(window, at), b'\r') ^ is(load(window, at + 1), b'\n');
        }
        windows = windows.get(BLOCK..).unwrap_or_default();
    }
    // the windows look at what follows an octet, hence what precedes the first and all that is left is looked at here
    let first = octets.first().is_none_or(|first| (previous == b'\r') == (*first == b'\n'));
    previous = windows.first().copied().unwrap_or(previous);
    let rest = windows.iter().skip(1).all(|octet| {
        let paired = (previous == b'\r') == (*octet == b'\n');
        previous = *octet;
        paired
    });
    first && rest && bits(odd, 0) == 0xffff
}

/// Octets of a block, a bit each.
struct Classes {
    /// White space that does not stay.
    dropped: u64,
    /// The CRs of line ends.
    cr: u64,
}

fn classify(window: &[u8; WINDOW]) -> Classes {
    let mut classes = Classes { dropped: 0, cr: 0 };
    for at in [0, LANES, 2 * LANES, 3 * LANES] {
        let (here, next, second) = (load(window, at), load(window, at + 1), load(window, at + 2));
        let white = |lanes| is(lanes, b' ') | is(lanes, b'\t');
        let line_end = |first, second| is(first, b'\r') & is(second, b'\n');
        let dropped = white(here) & (white(next) | line_end(next, second));
        classes.dropped |= bits(dropped, u8::MAX) << at;
        classes.cr |= bits(line_end(here, next), u8::MAX) << at;
    }
    classes
}

fn load<const N: usize>(window: &[u8; N], at: usize) -> u8x16 {
    u8x16::new(window.get(at..).and_then(|rest| rest.first_chunk().copied()).unwrap_or_default())
}

fn is(lanes: u8x16, octet: u8) -> u8x16 {
    lanes.cmp_eq(u8x16::splat(octet))
}

/// Which lanes have this value.
fn bits(lanes: u8x16, value: u8) -> u64 {
    u64::from(is(lanes, value).move_mask().cast_unsigned() & 0xffff)
}

/// Copies the octets of a block up to `end` but for the dropped ones, tabs as spaces, and says how many they are. Whole
/// lanes are copied and the next run overwrites what was too much: a copy of fixed size is cheaper than one that counts.
fn pack(window: &[u8; WINDOW], dropped: u64, end: usize, room: &mut [u8; WINDOW]) -> usize {
    // where runs of dropped octets begin, and what follows such runs
    let (mut gaps, mut runs) = (dropped & !(dropped << 1), !dropped & dropped << 1);
    let (mut from, mut length) = (0, 0);
    loop {
        let run = index(gaps.trailing_zeros()).min(end).saturating_sub(from);
        let mut done = 0;
        while done < run {
            let lanes = load(window, from + done);
            let lanes = lanes ^ (is(lanes, b'\t') & u8x16::splat(b'\t' ^ b' '));
            if let Some(to) = room.get_mut(length + done..).and_then(|rest| rest.first_chunk_mut()) {
                *to = lanes.to_array();
            }
            done += LANES;
        }
        length += run;
        if gaps == 0 {
            return length;
        }
        from = index(runs.trailing_zeros());
        (gaps, runs) = (gaps & (gaps - 1), runs & runs.wrapping_sub(1));
    }
}

/// At most 64.
fn index(bits: u32) -> usize {
    usize::try_from(bits).unwrap_or(0)
}
