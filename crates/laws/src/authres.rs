//! What is written is read back the same, whatever it is; what is read can be written, and what could be ours is removed.
use gatepost_results::{AuthResults, ResInfo, authres, strip};
use gatepost_syntax::{HeaderBlock, HeaderLimits};

/// The law.
pub fn law(text: &str) {
    let word = || text.to_owned();
    let info = ResInfo::new(word(), word()).property(word(), word(), text).reason(text);
    let field = AuthResults::new("mx.example").with(info.clone().comment(text)).to_field();
    let (headers, _) = HeaderBlock::parse(field.as_bytes(), &HeaderLimits::default()).unwrap();
    assert_eq!((headers.fields().len(), headers.defect()), (1, None));
    assert_eq!(authres::parse(headers.fields().next().unwrap().text().unwrap()).unwrap().claims(), [info]);
    assert_eq!(strip(&headers, &["MX.example"]).removed, 1);
    let Ok(read) = authres::parse(text) else { return };
    let name = read.authserv_id().to_owned();
    let Some(ours) = read.at_trusted_place(&[&name]) else { return };
    assert_eq!(authres::parse(&ours.to_string()).unwrap().claims(), ours.results());
    let forged = format!("Authentication-Results:{text}\r\n");
    let Ok((headers, _)) = HeaderBlock::parse(forged.as_bytes(), &HeaderLimits::default()) else { return };
    if headers.fields().len() == 1 && headers.raw().len() == forged.len() {
        assert_eq!(strip(&headers, &[&name]).removed, 1);
    }
}
