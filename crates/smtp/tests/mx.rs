//! Which hosts take a domain's mail.
#![allow(clippy::unwrap_used)] // a test may

use gatepost_smtp::mx::{Limits, MxError, plan};
use gatepost_syntax::Domain;
use proptest::prelude::*;

/// `mx 10 a.test, 20 b.test`, or `nxdomain`, or nothing; we are `us.test`.
fn planned(answer: &str) -> Result<String, MxError> {
    let records: Vec<(u16, &str)> = answer
        .split(", ")
        .filter_map(|record| record.split_once(' '))
        .map(|(preference, host)| (preference.parse().unwrap(), host))
        .collect();
    let records = (answer != "nxdomain").then_some(records.as_slice());
    let mut count = 0;
    let random = || {
        count += 1;
        u64::MAX - count // the later the earlier
    };
    let ours = |host: &Domain| host.as_str() == "us.test";
    let hosts = plan(&"example.test".parse().unwrap(), records, ours, random, &Limits::default())?;
    Ok(hosts.iter().map(Domain::as_str).collect::<Vec<_>>().join(" "))
}

#[test]
fn exchangers_are_ordered_and_sorted_out() {
    for (answer, expected) in [
        ("20 b.test, 10 a.test", Ok("a.test b.test")),
        ("10 a.test, 10 b.test, 10 c.test, 5 d.test", Ok("d.test c.test b.test a.test")), // equal ones at random
        ("10 a.test, 20 A.TEST., 30 b.test", Ok("a.test b.test")),
        ("", Ok("example.test")),           // the implicit MX (RFC 5321 §5.1)
        ("0 .", Err(MxError::Null)),        // RFC 7505 §3
        ("10 .", Err(MxError::Null)),       // any preference says the same
        ("0 ., 10 a.test", Ok("a.test")),   // not alone: a mistake
        ("0 a..b", Err(MxError::Unusable)), // and the implicit MX is no way out
        ("10 a b.test, 20 c.test", Ok("c.test")),
        ("nxdomain", Err(MxError::NoSuchDomain)),
        ("10 a.test, 20 us.test, 20 b.test, 30 c.test", Ok("a.test")), // ours, equal and worse ones are left out
        ("10 us.test, 20 a.test", Err(MxError::Loop)),
        ("10 US.test, 10 a.test", Err(MxError::Loop)),
    ] {
        assert_eq!(planned(answer), expected.map(str::to_owned), "{answer}");
    }
}

#[test]
fn errors_have_their_codes() {
    let codes = [MxError::NoSuchDomain, MxError::Null, MxError::Loop, MxError::Unusable];
    assert_eq!(codes.map(|error| error.status().to_string()), ["5.1.2", "5.1.10", "5.4.6", "5.4.4"]);
}

proptest! {
    /// A plan is sorted by preference, names nobody twice, and is as long as the limits allow.
    #[test]
    fn plans_are_sorted_and_bounded(records in prop::collection::vec((0u16..4, "[a-c]\\.test"), 1..40), seed: u64, hosts in 0usize..5) {
        let records: Vec<(u16, &str)> = records.iter().map(|(preference, host)| (*preference, host.as_str())).collect();
        let mut state = seed;
        let random = || { state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1); state };
        let mut limits = Limits::default();
        limits.hosts = hosts;
        let planned = plan(&"example.test".parse().unwrap(), Some(&records), |_| false, random, &limits).unwrap();
        let best = |host: &Domain| records.iter().filter(|(_, name)| *name == host.as_str()).map(|(p, _)| *p).min().unwrap();
        prop_assert!(planned.windows(2).all(|pair| best(&pair[0]) <= best(&pair[1]) && pair[0] != pair[1]));
        prop_assert!(planned.len() <= hosts.max(1) && !planned.is_empty());
    }
}
