//! One field of a header section, and how its name is told from others.

/// One header field of a [`HeaderBlock`](super::HeaderBlock).
#[derive(Clone, Copy)]
pub struct Field<'a> {
    /// The section from the field on.
    onwards: &'a [u8],
    length: usize,
    shape: Shape,
}

impl PartialEq for Field<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.raw() == other.raw()
    }
}

impl Eq for Field<'_> {}

impl std::fmt::Debug for Field<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Field").field("raw", &self.raw()).finish_non_exhaustive()
    }
}

/// How a field is divided; name and body are 0 when it is malformed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub(super) struct Shape {
    /// Octets of the name.
    pub(super) name: usize,
    /// Where the body begins.
    body: usize,
    key: NameKey,
}

impl Shape {
    #[inline] // what is returned in memory and read again at once is waited for
    pub(super) fn of(raw: &[u8]) -> Self {
        // RFC 5322 §2.2: printable US-ASCII except colon; §4.5 lets WSP precede the colon
        let name = raw.iter().position(|octet| FTEXT.get(usize::from(*octet)) != Some(&true)).unwrap_or(raw.len());
        let rest = raw.get(name..).unwrap_or_default();
        let blanks = rest.iter().take_while(|octet| matches!(octet, b' ' | b'\t')).count();
        match rest.get(blanks) {
            Some(b':') if name > 0 => {
                let key = NameKey::of(raw.get(..name).unwrap_or_default());
                Shape { name, body: name + blanks + 1, key }
            }
            _ => Shape::default(),
        }
    }
}

/// What field names are made of.
#[allow(clippy::as_conversions, clippy::indexing_slicing)] // an octet, when it is compiled
const FTEXT: [bool; 256] = {
    let (mut table, mut octet) = ([false; 256], 0u8);
    while octet < 0x80 {
        table[octet as usize] = octet.is_ascii_graphic() && octet != b':';
        octet += 1;
    }
    table
};

/// Tells most field names apart in one comparison: names that are equal in any case have equal keys. What two names of one
/// key are is up to [`Field::is`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct NameKey(u64);

impl NameKey {
    /// The key of a name: its first eight octets in lower case (some other octets fall together as well) and its length.
    pub fn of(name: &[u8]) -> Self {
        // of less than eight octets: the first and the last ones, which may be the same
        let front = match (name, name.first_chunk(), name.first_chunk::<4>().zip(name.last_chunk::<4>())) {
            (_, Some(front), _) => u64::from_le_bytes(*front),
            (_, _, Some((first, last))) => {
                u64::from(u32::from_le_bytes(*first)) | u64::from(u32::from_le_bytes(*last)) << (8 * (name.len() - 4))
            }
            ([one, two, three], ..) => u64::from_le_bytes([*one, *two, *three, 0, 0, 0, 0, 0]),
            ([one, two], ..) => u64::from_le_bytes([*one, *two, 0, 0, 0, 0, 0, 0]),
            _ => name.first().copied().map_or(0, u64::from),
        };
        let length = u64::from(u8::try_from(name.len()).unwrap_or(u8::MAX));
        NameKey((front | 0x2020_2020_2020_2020) ^ length << 56)
    }

    /// An octet that tells most keys apart, for tables.
    pub fn octet(self) -> u8 {
        let [.., last] = self.0.wrapping_mul(0x9e37_79b9_7f4a_7c15).to_le_bytes(); // every octet has its part in the last one
        last
    }
}

impl<'a> Field<'a> {
    /// The field at the front of a section's rest, of which so many octets and this shape are known.
    pub(super) fn within(onwards: &'a [u8], length: usize, shape: Shape) -> Self {
        Field { onwards, length, shape }
    }

    /// Reads one field from its octets, with or without the final CRLF.
    pub fn new(raw: &'a [u8]) -> Self {
        Field { onwards: raw, length: raw.len(), shape: Shape::of(raw) }
    }

    /// The field name as written, without white space before the colon; empty when the field is malformed.
    pub fn name(&self) -> &'a str {
        std::str::from_utf8(self.name_octets()).unwrap_or_default()
    }

    /// The octets of the name.
    pub fn name_octets(&self) -> &'a [u8] {
        self.onwards.get(..self.shape.name).unwrap_or_default()
    }

    /// All octets of the field with its CRLF.
    pub fn raw(&self) -> &'a [u8] {
        self.onwards.get(..self.length).unwrap_or_default()
    }

    /// The octets of the field and of all that is below it in its section: who looks at many octets at a time may look at those
    /// behind a field, too.
    pub fn onwards(&self) -> &'a [u8] {
        self.onwards
    }

    /// The same from the body on.
    pub fn body_onwards(&self) -> &'a [u8] {
        self.onwards.get(self.shape.body..).filter(|_| self.shape.body > 0).unwrap_or_default()
    }

    /// The octets after the colon, without the final CRLF; folds are kept. Empty when the field is malformed.
    pub fn body(&self) -> &'a [u8] {
        let body = self.raw().get(self.shape.body..).filter(|_| self.shape.body > 0).unwrap_or_default();
        body.strip_suffix(b"\r\n").unwrap_or(body)
    }

    /// The body as UTF-8 text (RFC 6532), or nothing.
    pub fn text(&self) -> Option<&'a str> {
        std::str::from_utf8(self.body()).ok()
    }

    /// The key of the name.
    pub fn key(&self) -> NameKey {
        self.shape.key
    }

    /// Whether the field has this name, in any case.
    pub fn is(&self, name: &str) -> bool {
        self.is_named(NameKey::of(name.as_bytes()), name.as_bytes())
    }

    /// Whether the field has this name, whose key is known, in any case.
    pub fn is_named(&self, key: NameKey, name: &[u8]) -> bool {
        self.shape.key == key && (self.name_octets() == name || self.name_octets().eq_ignore_ascii_case(name))
    }
}
