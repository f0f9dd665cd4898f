//! Whether an address lies in a network.

use std::net::IpAddr;

/// Whether the first `length` bits agree. Addresses of different families never do.
pub(crate) fn in_network(address: &IpAddr, network: &IpAddr, length: u8) -> bool {
    match (address, network) {
        (IpAddr::V4(a), IpAddr::V4(n)) => {
            let rest = 32_u32.saturating_sub(length.into());
            (a.to_bits() ^ n.to_bits()).checked_shr(rest).unwrap_or(0) == 0
        }
        (IpAddr::V6(a), IpAddr::V6(n)) => {
            let rest = 128_u32.saturating_sub(length.into());
            (a.to_bits() ^ n.to_bits()).checked_shr(rest).unwrap_or(0) == 0
        }
        _ => false,
    }
}
