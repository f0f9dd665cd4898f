//! White space of relaxed forms (RFC 6376 §3.4.2, §3.4.4), 64 octets at a time: a run becomes one space, at the end of a
//! line nothing. Clean stretches go out from where they lie; the rest is squeezed together where it is collected.

use smallvec::SmallVec;
use wide::u8x16;

pub(crate) const BLOCK: usize = 64;
const LANES: usize = 16;
/// Octets copied at a time.
const PIECE: usize = 2 * LANES;
/// A block with what is behind it: white space may stand before CR LF, and whole pieces are copied.
const WINDOW: usize = BLOCK + PIECE;
/// Clean octets go out at the latest after so many: what was looked at is still near when it is hashed.
const STRETCH: usize = 2 << 10;

/// Header fields as they are signed mostly fit in this.
pub(crate) const SMALL: usize = 3 << 10;

/// Where canonical octets go.
pub(crate) trait Sink {
    /// Takes octets as they are.
    fn write(&mut self, run: &[u8]);
    /// Takes a few octets that are known when this is compiled.
    fn put<const N: usize>(&mut self, octets: [u8; N]) {
        self.fill(|room| {
            *room = octets;
            N
        });
    }
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

/// A text in room that is there already.
#[derive(Default)]
pub(crate) struct Text {
    room: SmallVec<[u8; SMALL]>,
    filled: usize,
}

impl Text {
    pub(crate) fn as_slice(&self) -> &[u8] {
        self.room.get(..self.filled).unwrap_or_default()
    }

    /// Room for so many octets more.
    #[inline]
    fn reserve(&mut self, octets: usize) {
        let needed = self.filled + octets;
        if needed > self.room.len() {
            self.grow(needed);
        }
    }

    #[cold]
    fn grow(&mut self, needed: usize) {
        self.room.resize(SMALL.max(needed.saturating_mul(2)), 0);
    }
}

impl Sink for Text {
    #[inline]
    fn write(&mut self, run: &[u8]) {
        self.reserve(run.len());
        if let Some(to) = self.room.get_mut(self.filled..self.filled + run.len()) {
            to.copy_from_slice(run);
            self.filled += run.len();
        }
    }

    #[inline]
    fn fill<const N: usize>(&mut self, fill: impl FnOnce(&mut [u8; N]) -> usize) {
        self.reserve(N);
        let room = self.room.get_mut(self.filled..).and_then(|room| room.first_chunk_mut());
        self.filled += room.map_or(0, fill);
    }
}

/// Squeezes octets of a body, the last of which is neither white space nor part of a line end: nothing that follows matters.
pub(crate) fn squeeze(octets: &[u8], out: &mut impl Sink) {
    let mut rest = octets;
    let mut dirty = false; // as one block is, the next one mostly is
    while let Some(window) = rest.first_chunk() {
        let clean = if dirty { 0 } else { clean_front(rest) };
        if clean > 0 {
            out.write(rest.get(..clean).unwrap_or_default());
            rest = rest.get(clean..).unwrap_or_default();
        } else {
            let classes = classify(window);
            dirty = classes.dropped | classes.tabs != 0;
            out.fill(|room| pack(window, !classes.dropped, room));
            rest = rest.get(BLOCK..).unwrap_or_default();
        }
    }
    while !rest.is_empty() {
        let window = padded(rest);
        out.fill(|room| pack(&window, !classify(&window).dropped & first(rest.len()), room));
        rest = rest.get(BLOCK..).unwrap_or_default();
    }
}

/// Squeezes so many octets, the body of a header field without white space at either end, and unfolds it. What stands behind
/// them is looked at, and changes nothing.
pub(crate) fn unfold(octets: &[u8], length: usize, out: &mut impl Sink) {
    let (mut rest, mut left) = (octets, length);
    let mut fold = 0; // whether the block before ended in the CR of a fold
    while left > 0 {
        let end; // of the section: a copy, with something behind it
        let window = match rest.first_chunk() {
            Some(window) => window,
            None => {
                end = padded(rest);
                &end
            }
        };
        // most blocks have nothing but words with a space between
        let Classes { dropped, line_ends, .. } = words(window, left).unwrap_or_else(|| classify(window));
        out.fill(|room| pack(window, !(dropped | line_ends | line_ends << 1 | fold) & first(left), room));
        fold = line_ends >> (BLOCK - 1);
        rest = rest.get(BLOCK..).unwrap_or_default();
        left = left.saturating_sub(BLOCK);
    }
}

/// The classes of a block whose octets as far as they count are no control characters and have no two spaces together.
fn words(window: &[u8; WINDOW], left: usize) -> Option<Classes> {
    let (mut spaces, mut controls) = (0, 0);
    for at in [0, LANES, 2 * LANES, 3 * LANES] {
        let lanes = load(window, at);
        spaces |= bits(lanes, b' ') << at;
        controls |= bits(lanes.max(u8x16::splat(0x1f)), 0x1f) << at;
    }
    // the last one may stand before white space, or before a fold
    let behind = matches!(behind(window), [b' ' | b'\t', _] | [b'\r', b'\n']) && left > BLOCK;
    let together = spaces & (spaces >> 1 | u64::from(behind) << (BLOCK - 1));
    ((controls | together) & first(left) == 0).then(Classes::default)
}

/// How many octets of a list are one of these.
pub(crate) fn count_of<const N: usize>(list: &[u8], these: [u8; N]) -> usize {
    let (blocks, rest) = list.as_chunks();
    let found = |block: &[u8; BLOCK]| these.iter().fold(0, |found, octet| found | places(block, *octet));
    let within: u32 = blocks.iter().map(|block| found(block).count_ones()).sum();
    index(within) + index((found(&padded(rest)) & first(rest.len())).count_ones())
}

/// The pieces of a list between separators.
pub(crate) fn pieces(list: &[u8], separator: u8) -> impl Iterator<Item = &[u8]> {
    let (mut begin, mut block) = (Some(0), 0);
    let mut found = separators(list, separator);
    std::iter::from_fn(move || {
        let from = begin?;
        while found == 0 {
            block += BLOCK;
            match list.get(block..) {
                None | Some([]) => {
                    begin = None;
                    return list.get(from..);
                }
                Some(rest) => found = separators(rest, separator),
            }
        }
        let at = block + index(found.trailing_zeros());
        found &= found.wrapping_sub(1);
        begin = Some(at + 1);
        list.get(from..at)
    })
}

/// Where separators stand in the first block.
fn separators(list: &[u8], separator: u8) -> u64 {
    match list.first_chunk() {
        Some(block) => places(block, separator),
        None => places(&padded(list), separator) & first(list.len()),
    }
}

/// Which octets of a block are this one.
pub(crate) fn places(block: &[u8; BLOCK], octet: u8) -> u64 {
    [0, LANES, 2 * LANES, 3 * LANES].into_iter().fold(0, |found, at| found | bits(load(block, at), octet) << at)
}

/// A bit for each of the first octets of a block, of which there are so many.
pub(crate) fn first(octets: usize) -> u64 {
    if octets < BLOCK { !(u64::MAX << octets) } else { u64::MAX }
}

/// The first octets, before what is no white space.
pub(crate) fn padded<const N: usize>(octets: &[u8]) -> [u8; N] {
    let mut window = [b'.'; N];
    let length = octets.len().min(N);
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
#[derive(Default)]
struct Classes {
    /// White space that does not stay.
    dropped: u64,
    /// The CRs of line ends.
    line_ends: u64,
    tabs: u64,
}

fn classify(window: &[u8; WINDOW]) -> Classes {
    let (mut spaces, mut tabs, mut cr, mut lf) = (0, 0, 0, 0);
    for at in [0, LANES, 2 * LANES, 3 * LANES] {
        let lanes = load(window, at);
        spaces |= bits(lanes, b' ') << at;
        tabs |= bits(lanes, b'\t') << at;
        cr |= bits(lanes, b'\r') << at;
        lf |= bits(lanes, b'\n') << at;
    }
    let [one, other] = behind(window);
    let white = spaces | tabs;
    let next = |bits: u64, behind: bool| bits >> 1 | u64::from(behind) << (BLOCK - 1);
    let line_ends = cr & next(lf, one == b'\n');
    let dropped = white & (next(white, matches!(one, b' ' | b'\t')) | next(line_ends, [one, other] == *b"\r\n"));
    Classes { dropped, line_ends, tabs }
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

/// The first octets behind the block.
fn behind(window: &[u8; WINDOW]) -> [u8; 2] {
    window.get(BLOCK..).and_then(|rest| rest.first_chunk().copied()).unwrap_or_default()
}

/// Copies the octets of a block that are kept, tabs as spaces, and says how many they are. Whole pieces are copied, and the
/// next run overwrites what was too much: neither a copy that counts nor a branch that can not be foreseen is as cheap.
fn pack(window: &[u8; WINDOW], mut kept: u64, room: &mut [u8; WINDOW]) -> usize {
    let mut length = 0;
    while kept != 0 {
        let begin = index(kept.trailing_zeros());
        // carries over the lowest run of ones
        let carried = kept.wrapping_add(kept & kept.wrapping_neg());
        let run = index(carried.trailing_zeros()) - begin;
        copy_piece(window, begin, room, length);
        if run > PIECE {
            copy_piece(window, begin + PIECE, room, length + PIECE);
        }
        length += run;
        kept &= carried;
    }
    length
}

/// Both are places in a block.
fn copy_piece(window: &[u8; WINDOW], from: usize, room: &mut [u8; WINDOW], to: usize) {
    let (from, to) = (from % BLOCK, to % BLOCK);
    for lanes in [0, LANES] {
        let octets = load(window, from + lanes);
        let octets = octets ^ (is(octets, b'\t') & u8x16::splat(b'\t' ^ b' '));
        if let Some(to) = room.get_mut(to + lanes..).and_then(|rest| rest.first_chunk_mut()) {
            *to = octets.to_array();
        }
    }
}

/// At most 64.
fn index(bits: u32) -> usize {
    usize::try_from(bits).unwrap_or(0)
}
