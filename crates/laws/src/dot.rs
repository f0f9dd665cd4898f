//! Unstuffing is independent of chunks and ends at CRLF.CRLF only.
use gatepost_wire::{DotReader, Input, Unstuffed};
fn read(wire: &[u8], chunk: usize) -> Option<(Vec<u8>, bool)> {
    let (mut reader, mut input, mut data, mut chunks) =
        (DotReader::new(), Input::new(), Vec::new(), wire.chunks(chunk));
    loop {
        match reader.read(&mut input) {
            Unstuffed::Data(run) => data.extend_from_slice(&run),
            Unstuffed::End { bare } => return Some((data, bare)),
            Unstuffed::NeedMore => input.feed(chunks.next()?),
        }
    }
}

/// The law.
pub fn law(wire: &[u8]) {
    assert_eq!(read(wire, 1), read(wire, usize::MAX));
    let ended = wire.starts_with(b".\r\n") || wire.windows(5).any(|window| window == b"\r\n.\r\n");
    assert_eq!(read(wire, 3).is_some(), ended);
}
