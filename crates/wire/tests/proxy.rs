//! PROXY headers: both versions, octet by octet, and what is none.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)] // a test may

use gatepost_wire::proxy::{ProxyHeader, ProxyLimits, read};
use proptest::prelude::*;

/// Reads as a driver does: never more than was asked for.
fn driven(wire: &[u8]) -> (ProxyHeader, usize) {
    let mut taken = 0;
    loop {
        match read(&wire[..taken], &ProxyLimits::default()) {
            ProxyHeader::NeedMore(more) if taken + more <= wire.len() => taken += more,
            found => return (found, taken),
        }
    }
}

fn version_2(command: u8, family: u8, rest: &[u8]) -> Vec<u8> {
    let length = u16::try_from(rest.len()).unwrap().to_be_bytes();
    [b"\r\n\r\n\0\r\nQUIT\n", &[command, family][..], &length, rest].concat()
}

#[test]
fn headers_tell_the_peer() {
    let v4 = [192, 0, 2, 1, 198, 51, 100, 1, 0xdc, 0x04, 0, 25];
    let v6 = [&[0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1][..], &[0; 16], &[0xdc, 0x04, 0, 25]].concat();
    let tlvs = [&v4[..], &[0x04, 0, 2, 0, 0, 0x05, 0, 0]].concat();
    for (wire, peer) in [
        (b"PROXY TCP4 192.0.2.1 198.51.100.1 56324 25\r\n".to_vec(), Some("192.0.2.1:56324")),
        (b"PROXY TCP6 2001:db8::1 ::1 56324 25\r\n".to_vec(), Some("[2001:db8::1]:56324")),
        (b"PROXY UNKNOWN\r\n".to_vec(), None),
        (b"PROXY UNKNOWN ffff:f...f:ffff ffff:f...f:ffff 65535 65535\r\n".to_vec(), None),
        (version_2(0x21, 0x11, &v4), Some("192.0.2.1:56324")),
        (version_2(0x21, 0x11, &tlvs), Some("192.0.2.1:56324")),
        (version_2(0x21, 0x21, &v6), Some("[2001:db8::1]:56324")),
        (version_2(0x21, 0x00, b"anything"), None),
        (version_2(0x20, 0x00, b""), None),
        (version_2(0x20, 0x11, b"anything"), None),
    ] {
        let expected = ProxyHeader::Complete { used: wire.len(), peer: peer.map(|peer| peer.parse().unwrap()) };
        let behind = [&wire[..], b"EHLO a.test\r\n"].concat();
        assert_eq!(read(&behind, &ProxyLimits::default()), expected, "{}", wire.escape_ascii());
        assert_eq!(driven(&behind), (expected, wire.len()), "{}", wire.escape_ascii());
        for short in 0..wire.len() {
            assert!(matches!(read(&wire[..short], &ProxyLimits::default()), ProxyHeader::NeedMore(_)), "{short}");
        }
    }
}

#[test]
fn what_is_no_header_is_refused() {
    let v4 = [192, 0, 2, 1, 198, 51, 100, 1, 0xdc, 0x04, 0, 25];
    for wire in [
        b"EHLO a.test\r\n".to_vec(),
        b"proxy TCP4 192.0.2.1 198.51.100.1 1 25\r\n".to_vec(),
        b"PROXY TCP4 192.0.2.1 198.51.100.1 1 25\n".to_vec(),
        b"PROXY TCP4 192.0.2.1 198.51.100.1 01 25\r\n".to_vec(),
        b"PROXY TCP4 192.0.2.1 198.51.100.1 +1 25\r\n".to_vec(),
        b"PROXY TCP4 192.0.2.1 198.51.100.1 65536 25\r\n".to_vec(),
        b"PROXY TCP4 192.0.2.1 198.51.100.1 1 25 \r\n".to_vec(),
        b"PROXY TCP4 192.0.2.1  198.51.100.1 1 25\r\n".to_vec(),
        b"PROXY TCP4 192.0.2.01 198.51.100.1 1 25\r\n".to_vec(),
        b"PROXY TCP4 ::1 ::1 1 25\r\n".to_vec(),
        b"PROXY TCP6 192.0.2.1 ::1 1 25\r\n".to_vec(),
        b"PROXY UDP4 192.0.2.1 198.51.100.1 1 25\r\n".to_vec(),
        b"PROXY UNKNOWNX\r\n".to_vec(),
        b"PROXY \r\n".to_vec(),
        [b"PROXY UNKNOWN ".to_vec(), vec![b'x'; 200], b"\r\n".to_vec()].concat(),
        version_2(0x11, 0x11, &v4),
        version_2(0x22, 0x11, &v4),
        version_2(0x21, 0x12, &v4),
        version_2(0x21, 0x31, &[0; 216]),
        version_2(0x21, 0x11, &v4[..11]),
        version_2(0x21, 0x21, &v4),
        version_2(0x21, 0x11, &[&v4[..], &[0x04, 0]].concat()),
        version_2(0x21, 0x11, &[&v4[..], &[0x04, 0, 9, 0]].concat()),
        version_2(0x20, 0x00, &[0; 2049]),
    ] {
        assert_eq!(read(&wire, &ProxyLimits::default()), ProxyHeader::Malformed, "{}", wire.escape_ascii());
        assert!(!matches!(driven(&wire).0, ProxyHeader::Complete { .. }), "{}", wire.escape_ascii());
    }
}

proptest! {
    #[test]
    fn no_more_is_taken_than_the_header(wire in proptest::collection::vec(any::<u8>(), 0..300), start in 0usize..4, cut in 0usize..20) {
        let starts = [&b""[..], b"PROXY TCP4 1.2.3.4 ", b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0", b"PROXY UNKNOWN"];
        let wire = [&starts[start][..cut.min(starts[start].len())], &wire].concat();
        let whole = read(&wire, &ProxyLimits::default());
        if let ProxyHeader::Complete { used, .. } = whole {
            prop_assert!(used <= wire.len());
            prop_assert_eq!(driven(&wire), (whole, used));
        }
    }
}
