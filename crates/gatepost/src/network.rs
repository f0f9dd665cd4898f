//! Addresses of a prefix.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

use thiserror::Error;

/// `192.0.2.0/24`, `2001:db8::/32`, or one address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Network {
    address: IpAddr,
    length: u8,
}

/// A text is no network.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("expected an address or ADDRESS/LENGTH")]
pub struct NetworkError;

impl Network {
    /// 127.0.0.0/8 and ::1.
    pub fn loopback() -> [Network; 2] {
        [
            Network { address: Ipv4Addr::LOCALHOST.into(), length: 8 },
            Network { address: Ipv6Addr::LOCALHOST.into(), length: 128 },
        ]
    }

    /// Whether an address lies in it.
    pub fn contains(&self, address: IpAddr) -> bool {
        truncated(address.to_canonical(), self.length) == truncated(self.address, self.length)
            && address.to_canonical().is_ipv4() == self.address.is_ipv4()
    }
}

/// The first `length` bits of an address.
pub(crate) fn truncated(address: IpAddr, length: u8) -> IpAddr {
    match address {
        IpAddr::V4(v4) => {
            let mask = u32::MAX.checked_shl(32_u32.saturating_sub(length.into())).unwrap_or(0);
            Ipv4Addr::from_bits(v4.to_bits() & mask).into()
        }
        IpAddr::V6(v6) => {
            let mask = u128::MAX.checked_shl(128_u32.saturating_sub(length.into())).unwrap_or(0);
            Ipv6Addr::from_bits(v6.to_bits() & mask).into()
        }
    }
}

impl FromStr for Network {
    type Err = NetworkError;

    fn from_str(text: &str) -> Result<Self, NetworkError> {
        let (address, length) = match text.split_once('/') {
            Some((address, length)) => (address, Some(length)),
            None => (text, None),
        };
        let address: IpAddr = address.parse().map_err(|_| NetworkError)?;
        let bits = if address.is_ipv4() { 32 } else { 128 };
        let length = length.map_or(Ok(bits), str::parse).ok().filter(|length| *length <= bits).ok_or(NetworkError)?;
        Ok(Network { address, length })
    }
}

impl fmt::Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.address, self.length)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)] // a test may
mod tests {
    use super::*;

    #[test]
    fn prefixes_contain_addresses() {
        for (network, address, inside) in [
            ("192.0.2.0/24", "192.0.2.255", true),
            ("192.0.2.0/24", "::ffff:192.0.2.1", true),
            ("192.0.2.0/24", "192.0.3.0", false),
            ("0.0.0.0/0", "1.2.3.4", true),
            ("0.0.0.0/0", "::1", false),
            ("::1", "::1", true),
            ("2001:db8::/32", "2001:db8:1::", true),
            ("::/0", "2001:db8:1::", true),
            ("::/0", "192.0.2.1", false),
        ] {
            let network: Network = network.parse().unwrap();
            assert_eq!(network.contains(address.parse().unwrap()), inside, "{network} {address}");
            assert_eq!(network.to_string().parse(), Ok(network));
        }
        for wrong in ["", "192.0.2.0/33", "::/129", "192.0.2/24", "192.0.2.0/", "a.test"] {
            assert_eq!(wrong.parse::<Network>(), Err(NetworkError), "{wrong}");
        }
    }
}
