//! Fields re-concatenate to the input, whatever the chunks.
use gatepost_syntax::{Fed, HeaderBlock, HeaderLimits, Splitter, author};

/// The law.
pub fn law(message: &[u8]) {
    let Ok((headers, body)) = HeaderBlock::parse(message, &HeaderLimits::default()) else {
        return;
    };
    assert_eq!(headers.fields().flat_map(|field| field.raw().to_vec()).collect::<Vec<u8>>(), headers.raw());
    let mut splitter = Splitter::new(&HeaderLimits::default());
    let ended = message
        .iter()
        .take(body)
        .all(|octet| matches!(splitter.feed(&[*octet]), Ok(Fed::NeedMore | Fed::Complete { .. })));
    assert!(ended && splitter.finish().unwrap() == headers);
    let _ = author::authors(&headers);
}
