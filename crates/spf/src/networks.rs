//! The networks of a record side by side: one that the client is not in costs a comparison and nothing else.

use std::net::IpAddr;

use crate::record::Mechanism;

/// What is left of a client's address under a mask when a directive has its turn, and the mask, for each directive.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Networks {
    v4: Vec<(u32, u32)>,
    v6: Vec<(u128, u128)>,
}

impl Networks {
    /// Adds the next directive's.
    pub(crate) fn add(&mut self, mechanism: &Mechanism) {
        const ALWAYS: u8 = 0;
        const NEVER: u8 = 1; // no address has a bit left under an empty mask
        let ((bits4, mask4), (bits6, mask6)) = match mechanism {
            Mechanism::Ip(IpAddr::V4(network), length) => {
                let mask = u32::MAX.checked_shl(32_u32.saturating_sub((*length).into())).unwrap_or(0);
                ((network.to_bits() & mask, mask), (NEVER.into(), 0))
            }
            Mechanism::Ip(IpAddr::V6(network), length) => {
                let mask = u128::MAX.checked_shl(128_u32.saturating_sub((*length).into())).unwrap_or(0);
                ((NEVER.into(), 0), (network.to_bits() & mask, mask))
            }
            _ => ((ALWAYS.into(), 0), (ALWAYS.into(), 0)),
        };
        self.v4.push((bits4, mask4));
        self.v6.push((bits6, mask6));
    }

    /// How many directives from one on are networks that the client is not in.
    pub(crate) fn missed(&self, client: &IpAddr, begin: usize) -> usize {
        match client {
            IpAddr::V4(client) => missed(&self.v4, begin, |(bits, mask)| client.to_bits() & mask != *bits),
            IpAddr::V6(client) => missed(&self.v6, begin, |(bits, mask)| client.to_bits() & mask != *bits),
        }
    }
}

fn missed<T>(all: &[T], begin: usize, misses: impl Fn(&T) -> bool) -> usize {
    let rest = all.get(begin..).unwrap_or_default();
    rest.iter().position(|network| !misses(network)).unwrap_or(rest.len())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::address::in_network;
    use crate::record::Record;

    #[test]
    fn the_same_as_one_by_one() {
        let record = Record::parse(
            "v=spf1 ip4:192.0.2.1 ip4:198.51.100.0/24 ip6:2001:db8::1 ip6:2001:db8:1::/48 mx ip4:203.0.113.7/31 \
             ip6:::/0 ip4:0.0.0.0/0 -all",
        );
        let record = record.unwrap_or_else(|error| unreachable!("{error}"));
        let clients = ["192.0.2.1", "192.0.2.2", "198.51.100.9", "203.0.113.6", "203.0.113.8", "0.0.0.1", "::", "::1"];
        let more = ["2001:db8::1", "2001:db8::2", "2001:db8:1::9", "2001:db8:2::", "0.0.0.0", "255.255.255.255"];
        for client in clients.into_iter().chain(more).flat_map(str::parse::<IpAddr>) {
            for begin in 0..=record.directives.len() + 1 {
                let rest = record.directives.iter().skip(begin);
                let one_by_one = rest.take_while(|directive| match &directive.mechanism {
                    Mechanism::Ip(network, length) => !in_network(&client, network, *length),
                    _ => false,
                });
                assert_eq!(record.networks.missed(&client, begin), one_by_one.count(), "{client} from {begin}");
            }
        }
    }
}
