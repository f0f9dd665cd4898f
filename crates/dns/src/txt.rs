//! TXT records, and what their readers make of them.

use std::any::Any;
use std::fmt;
use std::sync::{Arc, OnceLock};

/// A TXT record, its character-strings joined without a separator (RFC 7208 §3.3, RFC 6376 §3.6.2.2).
#[derive(Clone)]
pub struct Txt(Arc<Data>);

struct Data {
    octets: Box<[u8]>,
    reading: OnceLock<Box<dyn Any + Send + Sync>>,
}

impl Txt {
    /// Joins character-strings.
    pub fn from_strings<S: AsRef<[u8]>>(strings: impl IntoIterator<Item = S>) -> Self {
        let mut joined = Vec::new();
        for string in strings {
            joined.extend_from_slice(string.as_ref());
        }
        Txt(Arc::new(Data { octets: joined.into(), reading: OnceLock::new() }))
    }

    /// The joined octets.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0.octets
    }

    /// The joined octets as text, where they are UTF-8.
    pub fn as_str(&self) -> Option<&str> {
        std::str::from_utf8(&self.0.octets).ok()
    }

    /// What `read` makes of the octets. The first reading is kept with the record and its clones: for as long as a cache
    /// holds the answer, an SPF record is parsed once. `read` must depend on the octets alone.
    ///
    /// Reading again costs a clone of `T`: keep what is large behind an `Arc`, and the error with it, as in
    /// `txt.reading(|octets| KeyRecord::parse(octets).map(Arc::new))`. One type is kept, that of the first reader.
    ///
    /// ```
    /// use gatepost_dns::Txt;
    /// let txt = Txt::from_strings(["a b c"]);
    /// let words = |octets: &[u8]| octets.split(|octet| *octet == b' ').count();
    /// assert_eq!(txt.reading(words), 3);
    /// assert_eq!(txt.clone().reading(|_| -> usize { unreachable!("it was read before") }), 3);
    /// ```
    pub fn reading<T: Any + Clone + Send + Sync>(&self, read: impl FnOnce(&[u8]) -> T) -> T {
        if let Some(kept) = self.0.reading.get() {
            // a second kind of reader is rare: it reads anew each time
            return kept.downcast_ref().cloned().unwrap_or_else(|| read(&self.0.octets));
        }
        let made = read(&self.0.octets);
        let _ = self.0.reading.set(Box::new(made.clone())); // another thread may have been first with the same
        made
    }
}

impl PartialEq for Txt {
    fn eq(&self, other: &Self) -> bool {
        self.0.octets == other.0.octets
    }
}

impl Eq for Txt {}

impl fmt::Debug for Txt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Txt(\"{}\")", gatepost_syntax::escape(&self.0.octets))
    }
}
