//! Laws: stuffing and unstuffing, whatever the chunks.
#![allow(clippy::unwrap_used, clippy::panic)] // a test may

use gatepost_wire::{DotReader, DotWriter, Input, Line, Unstuffed};
use proptest::prelude::*;

/// The data, whether it was bare, and what is left of the input.
fn read(wire: &[u8], chunk: usize) -> Option<(Vec<u8>, bool, Vec<u8>)> {
    let (mut reader, mut input, mut data) = (DotReader::new(), Input::new(), Vec::new());
    let mut chunks = wire.chunks(chunk);
    loop {
        match reader.read(&mut input) {
            Unstuffed::Data(run) => data.extend_from_slice(&run),
            Unstuffed::End { bare } => {
                let rest = [input.octets(), &chunks.flatten().copied().collect::<Vec<u8>>()].concat();
                return Some((data, bare, rest));
            }
            Unstuffed::NeedMore => input.feed(chunks.next()?),
        }
    }
}

fn octets() -> impl Strategy<Value = Vec<u8>> {
    let piece = prop_oneof![
        Just(b"\r\n".to_vec()),
        Just(b".".to_vec()),
        Just(b"\r".to_vec()),
        Just(b"\n".to_vec()),
        Just(b"ab".to_vec())
    ];
    proptest::collection::vec(piece, 0..20).prop_map(|pieces| pieces.concat())
}

proptest! {
    #[test]
    fn what_is_stuffed_is_unstuffed(data in octets(), chunk in 1usize..9) {
        let (mut writer, mut wire) = (DotWriter::new(), Vec::new());
        writer.write(&data, &mut wire);
        let bare = writer.is_bare();
        writer.finish(&mut wire);
        wire.extend_from_slice(b"QUIT\r\n");
        let (read, read_bare, rest) = read(&wire, chunk).unwrap();
        if !bare {
            let end: &[u8] = if data.is_empty() || data.ends_with(b"\r\n") { b"" } else { b"\r\n" };
            prop_assert_eq!(read, [&data, end].concat());
            prop_assert_eq!(rest, b"QUIT\r\n".to_vec());
        }
        prop_assert_eq!(bare, read_bare);
    }

    #[test]
    fn chunks_change_nothing(wire in octets(), chunk in 1usize..9) {
        prop_assert_eq!(read(&wire, chunk), read(&wire, usize::MAX));
    }
}

#[test]
fn only_crlf_dot_crlf_ends_data() {
    for end in [
        "\n.\n",
        "\n.\r\n",
        "\r\n.\n",
        "\r\n.\r",
        "\r.\r",
        "\r.\r\n",
        "\n.\r",
        "\r\n.\r\r\n",
        "\r\n\0.\r\n",
        "\r\n.\0\r\n",
    ] {
        let wire = format!("body{end}RSET\r\n.\r\n");
        for chunk in 1..wire.len() {
            let (data, bare, rest) = read(wire.as_bytes(), chunk).unwrap();
            assert!(bare && rest.is_empty() && data.ends_with(b"RSET\r\n"), "{end:?} in chunks of {chunk}");
        }
    }
}

#[test]
fn lines_are_bounded_and_found_again() {
    let mut input = Input::new();
    for _ in 0..1000 {
        input.feed(&[b'x'; 100]);
        assert_eq!(input.line(512), Line::Partial);
        assert!(input.octets().len() <= 614);
    }
    input.feed(b"\r\nNOOP\r\nA\nB\r\n");
    assert_eq!(input.line(512), Line::TooLong(*b"xxxx"));
    assert_eq!(input.line(512), Line::Whole(b"NOOP".as_slice().into()));
    assert_eq!(input.line(512), Line::Malformed([0; 4]));
    assert!(input.is_empty());
}
