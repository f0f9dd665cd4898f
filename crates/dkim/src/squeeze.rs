//! White space of relaxed bodies (RFC 6376 §3.4.4), 64 octets at a time: a run becomes one space, at the end of a line
//! nothing. Clean stretches go out from where they lie; the rest is squeezed together in a small buffer.

use wide::{CmpEq, i8x16};

const BLOCK: usize = 64;
/// How far an octet's fate depends on what follows: white space may stand before CR LF.
const AHEAD: usize = 2;
const LANES: usize = 16;

/// Squeezes octets whose last one is not white space, nor part of a line end: nothing that follows matters.
pub(crate) fn squeeze(octets: &[u8], out: &mut impl FnMut(&[u8])) {
    let mut piece = Piece { octets: [0; PIECE], len: 0 };
    let (mut from, mut at) = (0, 0);
    while let Some(block) = octets.get(at..).and_then(|rest| rest.first_chunk()) {
        let stays = classify(block);
        if !stays.all() {
            piece.clean(octets.get(from..at).unwrap_or_default(), out);
            piece.block(block, &stays, out);
            from = at + BLOCK;
        }
        at += BLOCK;
    }
    piece.clean(octets.get(from..at).unwrap_or_default(), out);
    let mut rest = octets.get(at..).unwrap_or_default();
    while !rest.is_empty() {
        // padded with what is no white space
        let mut block = [b'.'; BLOCK + AHEAD];
        block.iter_mut().zip(rest).for_each(|(to, octet)| *to = *octet);
        let (now, later) = rest.split_at_checked(BLOCK).unwrap_or((rest, &[]));
        let mut stays = classify(&block);
        stays.kept &= u64::MAX >> (BLOCK - now.len());
        piece.block(&block, &stays, out);
        rest = later;
    }
    piece.flush(out);
}

/// Which octets of a block stay, a bit each.
struct Stays {
    kept: u64,
    /// Tabs, which become spaces where they stay.
    tabs: u64,
}

impl Stays {
    fn all(&self) -> bool {
        self.kept == u64::MAX && self.tabs == 0
    }
}

fn classify(octets: &[u8; BLOCK + AHEAD]) -> Stays {
    let mut stays = Stays { kept: 0, tabs: 0 };
    for lane in 0..BLOCK / LANES {
        let at = lane * LANES;
        let (here, next, second) = (load(octets, at), load(octets, at + 1), load(octets, at + 2));
        let tabs = is(here, b'\t');
        let dropped =
            (is(here, b' ') | tabs) & (is(next, b' ') | is(next, b'\t') | (is(next, b'\r') & is(second, b'\n')));
        stays.kept |= bits(!dropped) << at;
        stays.tabs |= bits(tabs) << at;
    }
    stays
}

fn load(octets: &[u8; BLOCK + AHEAD], at: usize) -> i8x16 {
    let lanes = octets.get(at..).and_then(|rest| rest.first_chunk::<LANES>());
    i8x16::from(lanes.map_or([0; LANES], |lanes| lanes.map(u8::cast_signed)))
}

fn is(lanes: i8x16, octet: u8) -> i8x16 {
    lanes.cmp_eq(i8x16::splat(octet.cast_signed()))
}

fn bits(lanes: i8x16) -> u64 {
    u64::from(lanes.move_mask().cast_unsigned() & 0xffff)
}

/// Collects short runs, so that the hash is called in larger ones.
struct Piece {
    octets: [u8; PIECE],
    len: usize,
}

const PIECE: usize = 2 << 10;
/// Clean stretches from here on are not copied.
const LONG: usize = 256;

impl Piece {
    fn clean(&mut self, stretch: &[u8], out: &mut impl FnMut(&[u8])) {
        if self.len + stretch.len() > PIECE || stretch.len() >= LONG {
            self.flush(out);
        }
        if stretch.len() >= LONG {
            return out(stretch);
        }
        if let Some(to) = self.octets.get_mut(self.len..self.len + stretch.len()) {
            to.copy_from_slice(stretch);
            self.len += stretch.len();
        }
    }

    /// Copies the octets of a block that stay. Whole lanes are copied and the next run overwrites what was too much: a
    /// copy of fixed size is cheaper than one that counts.
    fn block(&mut self, block: &[u8; BLOCK + AHEAD], stays: &Stays, out: &mut impl FnMut(&[u8])) {
        if self.len + 2 * BLOCK > PIECE {
            self.flush(out);
        }
        let mut source = [0; 2 * BLOCK];
        source.iter_mut().zip(block).for_each(|(to, octet)| *to = *octet);
        let mut tabs = stays.tabs;
        while tabs != 0 {
            if let Some(octet) = source.get_mut(index(tabs.trailing_zeros())) {
                *octet = b' ';
            }
            tabs &= tabs - 1;
        }
        let (mut kept, mut at) = (stays.kept, 0);
        while kept != 0 {
            let gap = kept.trailing_zeros();
            kept >>= gap;
            at += index(gap);
            let run = kept.trailing_ones();
            kept = kept.checked_shr(run).unwrap_or(0);
            let length = index(run);
            if length <= LANES {
                self.copy::<LANES>(&source, at)
            } else {
                self.copy::<BLOCK>(&source, at)
            }
            at += length;
            self.len += length;
        }
    }

    fn copy<const N: usize>(&mut self, source: &[u8; 2 * BLOCK], at: usize) {
        let from = source.get(at..).and_then(|rest| rest.first_chunk::<N>());
        let to = self.octets.get_mut(self.len..).and_then(|rest| rest.first_chunk_mut::<N>());
        if let (Some(from), Some(to)) = (from, to) {
            *to = *from;
        }
    }

    fn flush(&mut self, out: &mut impl FnMut(&[u8])) {
        let len = std::mem::take(&mut self.len);
        if let Some(run) = self.octets.get(..len).filter(|run| !run.is_empty()) {
            out(run);
        }
    }
}

/// At most 64.
fn index(bits: u32) -> usize {
    usize::try_from(bits).unwrap_or(0)
}
