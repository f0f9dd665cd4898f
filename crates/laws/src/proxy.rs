//! A PROXY header is the same however its octets come, and nothing behind it is taken.
use gatepost_wire::proxy::{ProxyHeader, ProxyLimits, read};

/// The law.
pub fn law(wire: &[u8]) {
    let (limits, mut taken) = (ProxyLimits::default(), 0);
    let found = loop {
        match read(&wire[..taken], &limits) {
            ProxyHeader::NeedMore(0) => panic!("more of nothing"),
            ProxyHeader::NeedMore(more) if taken + more <= wire.len() => taken += more,
            found => break found,
        }
    };
    match read(wire, &limits) {
        whole @ ProxyHeader::Complete { used, .. } => assert_eq!((found, taken), (whole, used)),
        ProxyHeader::NeedMore(_) => assert!(matches!(found, ProxyHeader::NeedMore(_))),
        ProxyHeader::Malformed => assert!(!matches!(found, ProxyHeader::Complete { .. })),
    }
}
