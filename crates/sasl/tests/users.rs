//! The file of users: what it takes, what it prints, and what it answers to whom.
#![allow(clippy::unwrap_used, clippy::panic)] // a test may

use gatepost_sasl::{
    Answer, Argon2Hash, Fingerprint, ITERATIONS, Identity, Question, ScramHash, ScramKeys, Secret, UserFile,
    UserFileError, UserProblem, Verifier, VerifierError,
};
use proptest::prelude::*;

/// Keys of `pencil`, in the form of every earlier version.
const OLD: &str = "ann@example.test:SCRAM-SHA-256$4096:W22ZaJ0SNY7soEsUEjb6gQ==$WG5d8oPm3OtcPnkdi4Uo7BkeZkBFzpcXkuLmtbsT4qY=:wfPLwcE6nTWhTAmQ7tl2KeoiWGPlZqQxSrmfPwDl2dU=\n";

fn secret() -> Secret {
    Secret::new("32 octets of randomness, or so..")
}

fn password(user: &str, password: &str) -> Question {
    Question::Password { user: user.into(), authzid: None, password: Secret::new(password) }
}

fn granted(file: &UserFile, user: &str, typed: &str) -> bool {
    matches!(file.answer(&password(user, typed), &secret()), Answer::Grant(_))
}

fn keys(file: &UserFile, user: &str, hash: ScramHash) -> ScramKeys {
    match file.answer(&Question::ScramKeys { hash, user: user.into(), authzid: None }, &secret()) {
        Answer::Keys(keys, _) => keys,
        other => panic!("{other:?}"),
    }
}

#[test]
fn old_files_are_read() {
    let file: UserFile = OLD.parse().unwrap();
    assert_eq!(file.to_string(), OLD);
    assert!(granted(&file, "ann@example.test", "pencil"));
    assert!(granted(&file, "ANN@example.test", "pencil"));
    assert!(!granted(&file, "ann@example.test", "Pencil"));
    assert!(!granted(&file, "bob@example.test", "pencil"));
}

#[test]
fn every_line_is_checked() {
    let ann = OLD.trim_end();
    let hash = Argon2Hash::derive(&Secret::new("x"), &[7; 16]).unwrap();
    let argon2 = Verifier::Argon2(hash).to_string();
    let line = |problem| Err(UserFileError { line: 2, problem });
    let kind = |kind| line(UserProblem::Verifier(kind));
    for (text, result) in [
        (String::new(), Ok(())),
        ("# a comment".into(), Ok(())),
        (format!("bob:{argon2}"), Ok(())),
        (format!("a:b:c:{argon2}"), Ok(())),
        ("bob".into(), kind(VerifierError::Kind)),
        ("bob:secret".into(), kind(VerifierError::Kind)),
        ("bob:{SHA}x".into(), kind(VerifierError::Kind)),
        (ann.replace("4096", "0"), kind(VerifierError::Scram)),
        (ann.replace("4096", "+4096"), kind(VerifierError::Scram)),
        (ann.replace("4096", "04096"), kind(VerifierError::Scram)),
        (ann.replace("4096", "10000001"), kind(VerifierError::Scram)),
        (ann.replace("W22ZaJ0SNY7soEsUEjb6gQ==", &"AAAA".repeat(342)), kind(VerifierError::Scram)),
        (format!("{ann} "), kind(VerifierError::Scram)),
        (format!("{ann}$"), kind(VerifierError::Scram)),
        (ann.replace("W22ZaJ0SNY7soEsUEjb6gQ==", ""), kind(VerifierError::Scram)),
        (ann.replace("-256", "-1"), kind(VerifierError::Scram)),
        (format!("bob:{}", argon2.replace("m=19456", "m=4000000")), kind(VerifierError::Argon2)),
        (format!("bob:{}", argon2.replace("v=19$", "")), kind(VerifierError::Argon2)),
        ("bob:$argon2id$v=19$m=19456,t=2,p=1$AAAA".into(), kind(VerifierError::Argon2)),
        ("bob:X509-SHA256$AAAA".into(), kind(VerifierError::Certificate)),
        (format!(":{argon2}"), line(UserProblem::Name)),
        (format!(" bob:{argon2}"), line(UserProblem::Name)),
        (format!("b\tb:{argon2}"), line(UserProblem::Name)),
        (format!("\u{ad}bob:{argon2}"), line(UserProblem::Name)), // not as SASLprep leaves it
        (format!("{}:{argon2}", "b".repeat(256)), line(UserProblem::Name)),
        (ann.replace("ann", "ANN"), line(UserProblem::Repeated)),
    ] {
        assert_eq!(format!("{OLD}{text}\n").parse::<UserFile>().map(|_| ()), result, "{text}");
    }
}

#[test]
fn users_are_added_changed_and_removed() {
    let mut file: UserFile = format!("# keep me\n{OLD}\n# and me\n").parse().unwrap();
    let certificate = Verifier::Certificate(Fingerprint::of(b"a certificate"));
    file.add("Ann@example.test", certificate.clone()).unwrap();
    file.add("bob", Verifier::Argon2(Argon2Hash::derive(&Secret::new("stone"), &[1; 16]).unwrap())).unwrap();
    assert_eq!(file.names().collect::<Vec<_>>(), ["ann@example.test", "bob"]);
    assert_eq!(file.verifiers("ann@example.test").count(), 2);
    assert!(file.to_string().starts_with(&format!("# keep me\n{OLD}ann@example.test:{certificate}\n\n# and me\nbob:")));
    assert!(granted(&file, "bob", "stone") && !granted(&file, "bob", "stones"));
    let keys = ScramKeys::derive(ScramHash::Sha256, &Secret::new("new"), b"another salt....", ITERATIONS);
    file.add("ann@example.test", Verifier::Scram(keys)).unwrap();
    assert!(granted(&file, "ann@example.test", "new") && !granted(&file, "ann@example.test", "pencil"));
    assert_eq!(file.add("#bob", certificate.clone()), Err(UserProblem::Name));
    assert_eq!(file.add("", certificate), Err(UserProblem::Name));
    assert_eq!(file.remove("ann@example.test", Verifier::is_of_password), 1);
    assert!(!granted(&file, "ann@example.test", "new"));
    assert_eq!(file.remove("ANN@example.test", |_| true), 1);
    assert_eq!(file.names().collect::<Vec<_>>(), ["bob"]);
}

#[test]
fn a_certificate_is_its_owners() {
    let mut file = UserFile::new();
    let fingerprint = Verifier::Certificate(Fingerprint::of(b"a certificate"));
    file.add("ann", fingerprint.clone()).unwrap();
    file.add("role", fingerprint).unwrap(); // may be shown for either
    let ask = |certificate: &[u8], authzid: Option<&str>| {
        let authzid = authzid.map(str::to_owned);
        file.answer(&Question::Certificate { certificate: certificate.to_vec(), authzid }, &secret())
    };
    let grant = |user: &str| Answer::Grant(Identity { user: user.into() });
    assert_eq!(ask(b"a certificate", None), grant("ann"));
    assert_eq!(ask(b"a certificate", Some("role")), grant("role"));
    assert_eq!(ask(b"a certificate", Some("bob")), Answer::Deny);
    assert_eq!(ask(b"another", None), Answer::Deny);
    // however a line has the name, a user is one
    let other = Verifier::Certificate(Fingerprint::of(b"a third"));
    let file: UserFile = format!("{OLD}ANN@example.test:{other}\n").parse().unwrap();
    let question = Question::Certificate { certificate: b"a third".to_vec(), authzid: Some("aNN@example.test".into()) };
    assert_eq!(file.answer(&question, &secret()), grant("ann@example.test"));
}

/// Who says whom he acts as, and it is himself, however he writes it.
#[test]
fn anybody_may_act_as_himself() {
    let file: UserFile = OLD.parse().unwrap();
    for (authzid, right) in [("ann@example.test", true), ("Ann@Example.Test", true), ("bob@example.test", false)] {
        let (user, authzid) = ("ann@example.test".to_owned(), Some(authzid.to_owned()));
        let hash = ScramHash::Sha256;
        let scram = Question::ScramKeys { hash, user: user.clone(), authzid: authzid.clone() };
        let plain = Question::Password { user, authzid, password: Secret::new("pencil") };
        assert_eq!(matches!(file.answer(&plain, &secret()), Answer::Grant(_)), right);
        assert_eq!(matches!(file.answer(&scram, &secret()), Answer::Keys(..)), right);
    }
}

/// A store with columns: the parts make the same keys, and what is no key is refused.
#[test]
fn keys_are_made_of_their_parts() {
    let file: UserFile = OLD.parse().unwrap();
    let whole = keys(&file, "ann@example.test", ScramHash::Sha256);
    let again = |hash, salt: &[u8], stored: &Secret| {
        ScramKeys::from_parts(hash, salt, whole.iterations(), stored.clone(), whole.server_key().clone())
    };
    assert_eq!(again(ScramHash::Sha256, whole.salt(), whole.stored_key()).as_ref(), Ok(&whole));
    assert!(again(ScramHash::Sha1, whole.salt(), whole.stored_key()).is_err());
    assert!(again(ScramHash::Sha256, b"", whole.stored_key()).is_err());
    assert!(again(ScramHash::Sha256, whole.salt(), &Secret::new("short")).is_err());
}

/// RFC 5802 §5.1: who does not exist has keys too, always the same, and they look like those of who does.
#[test]
fn who_does_not_exist_looks_like_who_does() {
    let mut file: UserFile = OLD.parse().unwrap();
    let real = keys(&file, "ann@example.test", ScramHash::Sha256);
    let fake = keys(&file, "bob@example.test", ScramHash::Sha256);
    assert_eq!(fake, keys(&file, "BOB@example.test", ScramHash::Sha256));
    assert_ne!(fake, keys(&file, "eve@example.test", ScramHash::Sha256));
    assert_eq!((fake.iterations(), fake.to_string().len()), (real.iterations(), real.to_string().len()));
    // a user of whom only argon2 is kept is no different
    file.add("bob@example.test", Verifier::Argon2(Argon2Hash::derive(&Secret::new("x"), &[1; 16]).unwrap())).unwrap();
    assert_eq!(keys(&file, "bob@example.test", ScramHash::Sha256).iterations(), real.iterations());
    assert!(!keys(&file, "bob@example.test", ScramHash::Sha256).fits(&Secret::new("x")));
    // with other iterations there is another salt: of who exists both change with the password
    let other = file.to_string().replace("$4096:", "$5000:").parse().unwrap();
    let again = keys(&other, "eve@example.test", ScramHash::Sha256);
    assert_eq!(again.iterations().get(), 5000);
    assert_ne!(again.salt(), keys(&file, "eve@example.test", ScramHash::Sha256).salt());
    assert_ne!(
        ScramKeys::fake(ScramHash::Sha1, &secret(), "a", 1.try_into().unwrap()).salt(),
        ScramKeys::fake(ScramHash::Sha1, &secret(), "a", 2.try_into().unwrap()).salt()
    );
    // nobody at all
    assert_eq!(keys(&UserFile::new(), "ann", ScramHash::Sha1).iterations(), ITERATIONS);
    assert!(!granted(&UserFile::new(), "ann", "pencil"));
}

proptest! {
    /// What is printed is read back the same, whatever the names.
    #[test]
    fn parse_after_print_is_the_same(
        names in proptest::collection::vec("[a-z#:$ .\"\\\\é]{1,12}(:SCRAM-SHA-256\\$)?", 0..6), octets in any::<[u8; 32]>()
    ) {
        let mut file = UserFile::new();
        for (index, name) in names.iter().enumerate() {
            let _ = file.add(name, Verifier::Certificate(Fingerprint::of(&octets)));
            let hash = [ScramHash::Sha1, ScramHash::Sha256, ScramHash::Sha512][index % 3];
            let _ = file.add(name, Verifier::Scram(ScramKeys::fake(hash, &Secret::new(octets), name, ITERATIONS)));
        }
        prop_assert_eq!(file.to_string().parse::<UserFile>(), Ok(file));
    }

    /// Any text is read or refused with the line; what is read prints as it was.
    #[test]
    fn any_text_is_read_or_refused(text in "([ -~]{0,20}(:(SCRAM-SHA-(1|256)\\$1:AA==\\$|\\$argon2id\\$|X509-SHA256\\$))?[ -~]{0,20}\n){0,4}") {
        match text.parse::<UserFile>() {
            Ok(file) => prop_assert_eq!(file.to_string(), text),
            Err(error) => prop_assert!(error.line <= text.lines().count()),
        }
    }
}
