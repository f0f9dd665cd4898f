//! A file of users, and the answers that it gives.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;
use std::num::NonZeroU32;
use std::str::FromStr;

use thiserror::Error;

use crate::crypto::ScramHash;
use crate::prepare::prepare;
use crate::scram::ScramKeys;
use crate::seam::{Answer, Identity, Question};
use crate::secret::Secret;
use crate::verifier::{Fingerprint, Verifier, VerifierError};

/// How many iterations new SCRAM keys take, unless something else is said.
pub const ITERATIONS: NonZeroU32 = match NonZeroU32::new(10_000) {
    Some(iterations) => iterations,
    None => NonZeroU32::MIN,
};

/// Users with what is kept of them. As text: `name:verifier` a line, a line for each of a user's verifiers; empty lines and
/// those that begin with `#` are comments, and stay. Names are compared without ASCII case. `std::fs::read_to_string(path)?.parse()`
/// reads it, and `to_string` gives the text.
///
/// It answers every [`Question`] but [`Question::Token`], to users that exist as to those that do not: with SCRAM keys that
/// look like all the others, and after the same work.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct UserFile {
    lines: Vec<Row>,
    /// The rows of each user, by the name in lower case.
    index: BTreeMap<String, Vec<usize>>,
    /// The rows that answer questions about passwords (no hash) or keys, by what they cost.
    costs: BTreeMap<Option<ScramHash>, Vec<usize>>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Row {
    Comment(String),
    Entry(String, Verifier),
}

/// Why a file can not be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("line {line}: {problem}")]
pub struct UserFileError {
    /// Which line, from 1.
    pub line: usize,
    /// What is wrong with it.
    pub problem: UserProblem,
}

/// What is wrong with a user.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum UserProblem {
    /// A name that nobody can log in with: empty, too long, with control characters, or not as [`prepare`] leaves it.
    #[error("no name of a user: it is empty, begins with `#`, has over 255 octets or characters that no name may have")]
    Name,
    /// What stands behind the name.
    #[error(transparent)]
    Verifier(#[from] VerifierError),
    /// The same kind of verifier twice.
    #[error("the user has this already, in another line")]
    Repeated,
}

impl UserFile {
    /// Nobody.
    pub fn new() -> Self {
        UserFile::default()
    }

    /// The name as it is stored.
    pub fn name<'a>(&'a self, user: &str) -> Option<&'a str> {
        self.entries(user).next().map(|(name, _)| name)
    }

    /// All names, in order.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.index.values().filter_map(|rows| self.entry(*rows.first()?)).map(|(name, _)| name)
    }

    /// What is kept of a user.
    pub fn verifiers(&self, user: &str) -> impl Iterator<Item = &Verifier> {
        self.entries(user).map(|(_, verifier)| verifier)
    }

    /// Adds a verifier; one of the same kind is replaced.
    pub fn add(&mut self, user: &str, verifier: Verifier) -> Result<(), UserProblem> {
        let user = self.name(user).unwrap_or(user).to_owned();
        if !is_name(&user) {
            return Err(UserProblem::Name);
        }
        let rows = self.index.get(&user.to_ascii_lowercase()).cloned().unwrap_or_default();
        let same = rows.iter().find(|row| self.entry(**row).is_some_and(|(_, old)| old.same_kind(&verifier)));
        match same.and_then(|row| self.lines.get_mut(*row)) {
            Some(line) => {
                *line = Row::Entry(user, verifier);
                self.rank();
            }
            None => {
                let at = rows.last().map_or(self.lines.len(), |row| row + 1); // beside the user's other lines
                self.lines.insert(at, Row::Entry(user, verifier));
                self.reindex();
            }
        }
        Ok(())
    }

    /// Removes what `which` is true for; how many lines that were.
    pub fn remove(&mut self, user: &str, which: impl Fn(&Verifier) -> bool) -> usize {
        let before = self.lines.len();
        self.lines.retain(
            |row| !matches!(row, Row::Entry(name, verifier) if name.eq_ignore_ascii_case(user) && which(verifier)),
        );
        self.reindex();
        before - self.lines.len()
    }

    fn reindex(&mut self) {
        self.index.clear();
        for (at, row) in self.lines.iter().enumerate() {
            if let Row::Entry(name, _) = row {
                self.index.entry(name.to_ascii_lowercase()).or_default().push(at);
            }
        }
        self.rank();
    }

    /// Puts the rows in the order of their costs, so that one user more or less moves the bounds between these a bit.
    fn rank(&mut self) {
        let keys = |row: &usize| match self.entry(*row) {
            Some((_, Verifier::Scram(keys))) => Some((Some(keys.hash()), *row)),
            _ => None,
        };
        let passwords = self.index.values().filter_map(|rows| Some((None, self.best(rows)?)));
        let mut costs: BTreeMap<_, Vec<usize>> = BTreeMap::new();
        for (kind, row) in passwords.chain(self.index.values().flatten().filter_map(keys)) {
            costs.entry(kind).or_default().push(row);
        }
        for rows in costs.values_mut() {
            rows.sort_by_key(|row| self.entry(*row).map(|(_, verifier)| verifier.cost()));
        }
        self.costs = costs;
    }

    /// Which of a user's rows a password is held against.
    fn best(&self, rows: &[usize]) -> Option<usize> {
        let of = |row: &usize| self.entry(*row).map(|(_, verifier)| verifier);
        let mut all = rows.iter().filter(|row| of(row).is_some_and(Verifier::is_of_password));
        let first = all.clone().next();
        all.find(|row| matches!(of(row), Some(Verifier::Argon2(_)))).or(first).copied()
    }

    fn entry(&self, row: usize) -> Option<(&str, &Verifier)> {
        match self.lines.get(row) {
            Some(Row::Entry(name, verifier)) => Some((name, verifier)),
            _ => None,
        }
    }

    fn entries(&self, user: &str) -> impl Iterator<Item = (&str, &Verifier)> {
        let rows = self.index.get(&user.to_ascii_lowercase()).map(Vec::as_slice).unwrap_or_default();
        rows.iter().filter_map(|row| self.entry(*row))
    }

    /// Answers a question; nobody may act as somebody else, and as oneself in any spelling of the name. It may take as long as a password takes to hash. `secret` is 32
    /// octets of randomness that stay the same for as long as possible: without it nobody tells who exists (RFC 5802 §5.1).
    pub fn answer(&self, question: &Question, secret: &Secret) -> Answer {
        let grant = |identity: Option<Identity>| identity.map_or(Answer::Deny, Answer::Grant);
        match question {
            Question::Password { user, authzid, password } if is_oneself(user, authzid.as_deref()) => {
                grant(self.password(user, password, secret))
            }
            Question::ScramKeys { hash, user, authzid } if is_oneself(user, authzid.as_deref()) => {
                let (keys, identity) = self.scram(*hash, user, secret);
                Answer::Keys(keys, identity)
            }
            Question::Certificate { certificate, authzid } => grant(self.certificate(certificate, authzid.as_deref())),
            _ => Answer::Deny,
        }
    }

    /// One derivation, whoever it is: a password that fits is of no use to somebody without a name.
    fn password(&self, user: &str, password: &Secret, secret: &Secret) -> Option<Identity> {
        let (verifier, name) = self.work(user, secret);
        let fits = verifier.fits(password);
        name.filter(|_| fits).map(|name| Identity { user: name.to_owned() })
    }

    /// What a password is held against, and whose it is. For who does not exist, or has no password, it is the work that it
    /// would be for somebody who does, and nobody's.
    fn work(&self, user: &str, secret: &Secret) -> (Cow<'_, Verifier>, Option<&str>) {
        let rows = self.index.get(&user.to_ascii_lowercase()).map(Vec::as_slice).unwrap_or_default();
        let own = self.best(rows).and_then(|row| self.entry(row)).map(|(_, verifier)| verifier);
        match (own, self.somebody(user, secret, None)) {
            (Some(verifier), _) => (Cow::Borrowed(verifier), self.name(user)),
            (None, Some(verifier)) => (Cow::Borrowed(verifier), None),
            (None, None) => {
                let fake = ScramKeys::fake(ScramHash::Sha256, secret, user, ITERATIONS);
                (Cow::Owned(Verifier::Scram(fake)), None)
            }
        }
    }

    fn scram(&self, hash: ScramHash, user: &str, secret: &Secret) -> (ScramKeys, Identity) {
        let keys = |user: &str| {
            self.verifiers(user).find_map(|verifier| match verifier {
                Verifier::Scram(keys) if keys.hash() == hash => Some(keys),
                _ => None,
            })
        };
        // for who exists, too: it is the same work
        let lower = user.to_ascii_lowercase();
        let fake = match self.somebody(user, secret, Some(hash)) {
            Some(Verifier::Scram(keys)) => keys.fake_like(secret, &lower),
            _ => ScramKeys::fake(hash, secret, &lower, ITERATIONS),
        };
        match (keys(user), self.name(user)) {
            (Some(keys), Some(name)) => (keys.clone(), Identity { user: name.to_owned() }),
            _ => (fake, Identity { user: user.to_owned() }),
        }
    }

    /// What a user has who exists: for a password, or keys of a hash. For a name that does not exist it costs the same each time,
    /// but for few names where users came or went; with users whose keys cost differently, these names are as different.
    fn somebody(&self, user: &str, secret: &Secret, kind: Option<ScramHash>) -> Option<&Verifier> {
        let rows = self.costs.get(&kind)?;
        let draw = ScramHash::Sha256.hmac(secret, format!("somebody:{}", user.to_ascii_lowercase()).as_bytes());
        let draw = draw.expose().iter().take(4).fold(0_u64, |sum, octet| (sum << 8) | u64::from(*octet));
        let place = (draw * u64::try_from(rows.len()).ok()?) >> 32;
        self.entry(*rows.get(usize::try_from(place).ok()?)?).map(|(_, verifier)| verifier)
    }

    fn certificate(&self, certificate: &[u8], authzid: Option<&str>) -> Option<Identity> {
        let fingerprint = Verifier::Certificate(Fingerprint::of(certificate));
        let mut owners = self.lines.iter().filter_map(|row| match row {
            Row::Entry(name, verifier) if *verifier == fingerprint => Some(name),
            _ => None,
        });
        let user = match authzid {
            None => owners.next(),
            Some(authzid) => owners.find(|name| name.eq_ignore_ascii_case(authzid)),
        };
        // by one name, however the certificate's line has it
        user.and_then(|user| self.name(user)).map(|user| Identity { user: user.to_owned() })
    }
}

fn is_oneself(user: &str, authzid: Option<&str>) -> bool {
    authzid.is_none_or(|authzid| authzid.eq_ignore_ascii_case(user))
}

fn is_name(name: &str) -> bool {
    let possible = !name.is_empty() && name.len() <= 255 && !name.starts_with('#') && name.trim() == name;
    possible && !name.chars().any(char::is_control) && prepare(name).is_ok_and(|prepared| prepared == name)
}

impl fmt::Display for UserFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.lines.iter().try_for_each(|row| match row {
            Row::Comment(text) => writeln!(f, "{text}"),
            Row::Entry(name, verifier) => writeln!(f, "{name}:{verifier}"),
        })
    }
}

impl FromStr for UserFile {
    type Err = UserFileError;
    fn from_str(text: &str) -> Result<Self, UserFileError> {
        let mut file = UserFile::new();
        for (index, text) in text.lines().enumerate() {
            let row = row(text).and_then(|row| match &row {
                Row::Entry(name, verifier) if file.verifiers(name).any(|old| old.same_kind(verifier)) => {
                    Err(UserProblem::Repeated)
                }
                _ => Ok(row),
            });
            let row = row.map_err(|problem| UserFileError { line: index + 1, problem })?;
            if let Row::Entry(name, _) = &row {
                file.index.entry(name.to_ascii_lowercase()).or_default().push(index);
            }
            file.lines.push(row);
        }
        file.rank();
        Ok(file)
    }
}

fn row(text: &str) -> Result<Row, UserProblem> {
    if text.trim().is_empty() || text.starts_with('#') {
        // a CR without an LF would become an end of line when it is written
        return Ok(Row::Comment(text.trim_end_matches('\r').to_owned()));
    }
    let (name, verifier) = Verifier::split(text).ok_or(VerifierError::Kind)?;
    let verifier = verifier.parse()?;
    if is_name(name) { Ok(Row::Entry(name.to_owned(), verifier)) } else { Err(UserProblem::Name) }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)] // a test may
mod tests {
    use super::*;
    use crate::verifier::Argon2Hash;

    /// What a derivation costs, without its clock: the hash function and how often, or what argon2 is told.
    fn cost(verifier: &Verifier) -> String {
        let text = verifier.to_string();
        let end = if text.starts_with("$argon2id$") {
            text.rfind("$").and_then(|end| text[..end].rfind('$'))
        } else {
            text.find(':')
        };
        text[..end.unwrap()].to_owned()
    }

    /// With users of different costs, a name that does not exist keeps its keys when users come and go, but for few names: whoever
    /// asked before and after would know it by the change, for those of who exists change with the password only.
    #[test]
    fn who_does_not_exist_stays_the_same() {
        let secret = Secret::new("a secret of the server");
        let scram = |count: u32| {
            let salt = b"salt of 16 bytes";
            Verifier::Scram(ScramKeys::derive(ScramHash::Sha256, &secret, salt, count.try_into().unwrap()))
        };
        let mut file = UserFile::new();
        for number in 0..40 {
            file.add(&format!("user{number}"), scram(if number % 2 == 0 { 10 } else { 20 })).unwrap();
        }
        let all = |file: &UserFile| -> Vec<_> {
            let keys = |number| file.scram(ScramHash::Sha256, &format!("nobody{number}"), &secret).0;
            (0..200).map(|number| (keys(number).iterations(), keys(number).salt().to_vec())).collect()
        };
        let before = all(&file);
        file.add("someone", scram(20)).unwrap();
        file.remove("user3", |_| true);
        file.add("user5", scram(10)).unwrap();
        file.add("user3", scram(20)).unwrap();
        let after = all(&file.to_string().parse().unwrap());
        let changed = before.iter().zip(&after).filter(|(before, after)| before != after).count();
        assert!(changed < 20, "{changed} of 200");
        let many = after.iter().filter(|(iterations, _)| iterations.get() == 10).count();
        assert!((70..130).contains(&many), "{many} of 200, as half of who exists");
    }

    /// An unknown user, a user without a password and a wrong password are one derivation of the same cost each; a timing
    /// could only tell them apart by the look-up of a name.
    #[test]
    fn who_does_not_exist_is_the_same_work() {
        let (secret, pencil) = (Secret::new("a secret of the server"), Secret::new("pencil"));
        let scram = |count: u32| {
            Verifier::Scram(ScramKeys::derive(
                ScramHash::Sha256,
                &pencil,
                b"salt of 16 bytes",
                count.try_into().unwrap(),
            ))
        };
        let argon2 = Verifier::Argon2(Argon2Hash::derive(&pencil, b"salt of 16 bytes").unwrap());
        for verifier in [scram(4096), scram(777), argon2] {
            let mut file = UserFile::new();
            file.add("ann", verifier.clone()).unwrap();
            file.add("certified", Verifier::Certificate(Fingerprint::of(b"a certificate"))).unwrap();
            assert_eq!(file.work("ann", &secret), (Cow::Borrowed(&verifier), Some("ann")));
            for nobody in ["bob", "certified", "ANN ", ""] {
                let (work, name) = file.work(nobody, &secret);
                assert_eq!((cost(&work), name), (cost(&verifier), None), "{nobody:?}");
                assert_eq!(file.password(nobody, &pencil, &secret), None, "the password of somebody else");
            }
        }
        let nobody_at_all = UserFile::new();
        assert_eq!(cost(&nobody_at_all.work("ann", &secret).0), cost(&scram(ITERATIONS.get())));
    }
}
