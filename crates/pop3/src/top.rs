//! TOP (RFC 1939 §7).

/// The header section, the blank line and the first `lines` lines of the body; all of it where there are fewer.
///
/// ```
/// assert_eq!(gatepost_pop3::top(b"A: b\r\n\r\none\r\ntwo\r\n", 1), b"A: b\r\n\r\none\r\n");
/// ```
pub fn top(message: &[u8], lines: u64) -> &[u8] {
    let mut left = None;
    let mut begin = 0;
    for end in message.windows(2).enumerate().filter(|(_, pair)| *pair == b"\r\n").map(|(at, _)| at + 2) {
        let blank = end - begin == 2;
        left = match left {
            None if blank => Some(lines),
            None => None,
            Some(left) => Some(left - 1),
        };
        if left == Some(0) {
            return message.get(..end).unwrap_or(message);
        }
        begin = end;
    }
    message
}
