//! What is written is read back.
#![no_main]
use gatepost_results::{AuthResults, ResInfo, authres};
libfuzzer_sys::fuzz_target!(|text: &str| {
    let _ = authres::parse(text);
    let info = ResInfo::new("spf", "fail").property("smtp", "mailfrom", text).reason(text);
    let written = AuthResults::new("mx.example").with(info.clone()).to_string();
    assert_eq!(authres::parse(&written).unwrap().results(), [info]);
});
