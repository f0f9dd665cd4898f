//! The PROXY protocol, versions 1 and 2: what a balancer says of a connection before its first octet.
//!
//! Anybody can write such a header: believe it of configured addresses only, and from those insist on it.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

/// Bounds of a header.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ProxyLimits {
    /// Octets behind the first 16 of a version 2 header: addresses and TLVs (default 2048; §2.2 wants 520 at least).
    pub rest: u16,
}

impl Default for ProxyLimits {
    fn default() -> Self {
        ProxyLimits { rest: 2048 }
    }
}

/// What the octets so far are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ProxyHeader {
    /// The header goes on for at least so many octets; reading just these never takes what is behind it.
    NeedMore(usize),
    /// The header is whole.
    Complete {
        /// Its length.
        used: usize,
        /// The peer; none if the balancer speaks for itself (`LOCAL`, a health check) or does not know (`UNKNOWN`).
        peer: Option<SocketAddr>,
    },
    /// This is no header.
    Malformed,
}

/// The first octets of version 2 (§2.2): no line of any protocol.
const SIGNATURE: &[u8; 12] = b"\r\n\r\n\0\r\nQUIT\n";
/// The longest line of version 1 with its CRLF (§2.1).
const LINE: usize = 107;
/// `PROXY UNKNOWN` with its CRLF.
const SHORTEST: usize = 15;

/// Reads a header at the start of the octets.
///
/// ```
/// use gatepost_wire::proxy::{ProxyHeader, ProxyLimits, read};
/// let octets = b"PROXY TCP4 192.0.2.1 198.51.100.1 56324 25\r\nEHLO";
/// let peer = Some("192.0.2.1:56324".parse().unwrap());
/// assert_eq!(read(octets, &ProxyLimits::default()), ProxyHeader::Complete { used: 44, peer });
/// assert_eq!(read(b"EHLO a.test\r\n", &ProxyLimits::default()), ProxyHeader::Malformed);
/// ```
pub fn read(octets: &[u8], limits: &ProxyLimits) -> ProxyHeader {
    let common = octets.len().min(SIGNATURE.len());
    if octets.is_empty() {
        return ProxyHeader::NeedMore(1); // it tells the version
    }
    if octets.get(..common) == SIGNATURE.get(..common) { version_2(octets, limits) } else { version_1(octets) }
}

fn version_1(octets: &[u8]) -> ProxyHeader {
    let start = b"PROXY ";
    let common = octets.len().min(start.len());
    if octets.get(..common) != start.get(..common) {
        return ProxyHeader::Malformed;
    }
    let within = octets.get(..LINE.min(octets.len())).unwrap_or_default();
    let Some(end) = memchr::memchr(b'\n', within) else {
        let more = SHORTEST.saturating_sub(within.len()).max(1);
        return if within.len() < LINE { ProxyHeader::NeedMore(more) } else { ProxyHeader::Malformed };
    };
    let line =
        within.get(..end).and_then(|line| line.strip_suffix(b"\r")).and_then(|line| std::str::from_utf8(line).ok());
    match line.and_then(parse_line) {
        Some(peer) => ProxyHeader::Complete { used: end + 1, peer },
        None => ProxyHeader::Malformed,
    }
}

/// `PROXY TCP4 source destination source-port destination-port`, or `PROXY UNKNOWN` and whatever (§2.1).
fn parse_line(line: &str) -> Option<Option<SocketAddr>> {
    let rest = line.strip_prefix("PROXY ")?;
    if rest == "UNKNOWN" || rest.starts_with("UNKNOWN ") {
        return Some(None);
    }
    let mut words = rest.split(' ');
    let family = words.next()?;
    let (source, destination) = (address(family, words.next()?)?, address(family, words.next()?)?);
    let (port, _) = (port(words.next()?)?, port(words.next()?)?);
    let _ = destination; // checked, and not needed
    words.next().is_none().then_some(Some(SocketAddr::new(source, port)))
}

fn address(family: &str, text: &str) -> Option<IpAddr> {
    match family {
        "TCP4" => text.parse::<Ipv4Addr>().ok().map(IpAddr::from),
        "TCP6" => text.parse::<Ipv6Addr>().ok().map(IpAddr::from),
        _ => None,
    }
}

/// Digits without zeros in front.
fn port(text: &str) -> Option<u16> {
    let plain = text.bytes().all(|octet| octet.is_ascii_digit()) && (text == "0" || !text.starts_with('0'));
    text.parse().ok().filter(|_| plain)
}

fn version_2(octets: &[u8], limits: &ProxyLimits) -> ProxyHeader {
    let Some((head, rest)) = octets.split_first_chunk::<16>() else {
        return ProxyHeader::NeedMore(16 - octets.len());
    };
    let [.., command, family, high, low] = *head;
    let length = u16::from_be_bytes([high, low]);
    if length > limits.rest || !matches!(command, 0x20 | 0x21) {
        return ProxyHeader::Malformed;
    }
    let Some(rest) = rest.get(..length.into()) else {
        return ProxyHeader::NeedMore(usize::from(length) - rest.len());
    };
    let used = 16 + usize::from(length);
    if command == 0x20 {
        return ProxyHeader::Complete { used, peer: None }; // LOCAL: the rest is to be thrown away
    }
    let found = match family {
        0x00 => Some((None, &[][..])), // UNSPEC: likewise
        0x11 => inet::<4>(rest)
            .map(|(source, port, tlvs)| (Some(SocketAddr::new(Ipv4Addr::from(source).into(), port)), tlvs)),
        0x21 => inet::<16>(rest)
            .map(|(source, port, tlvs)| (Some(SocketAddr::new(Ipv6Addr::from(source).into(), port)), tlvs)),
        _ => None, // datagrams and Unix sockets do not carry mail
    };
    match found {
        Some((peer, tlvs)) if are_tlvs(tlvs) => ProxyHeader::Complete { used, peer },
        _ => ProxyHeader::Malformed,
    }
}

/// Source address, source port, and what is behind both addresses and both ports.
fn inet<const N: usize>(rest: &[u8]) -> Option<([u8; N], u16, &[u8])> {
    let (source, rest) = rest.split_first_chunk::<N>()?;
    let (_, rest) = rest.split_first_chunk::<N>()?;
    let ([high, low, ..], tlvs) = rest.split_first_chunk::<4>()?;
    Some((*source, u16::from_be_bytes([*high, *low]), tlvs))
}

/// Whether the octets are type-length-values (§2.2.7), each as long as it says. What they say is not used.
fn are_tlvs(mut octets: &[u8]) -> bool {
    while let Some(([_, high, low], rest)) = octets.split_first_chunk::<3>() {
        match rest.get(u16::from_be_bytes([*high, *low]).into()..) {
            Some(rest) => octets = rest,
            None => return false,
        }
    }
    octets.is_empty()
}
