//! The example `passwd` as its users run it: what it writes, what it says, and that a failure changes nothing.
#![allow(clippy::unwrap_used, clippy::panic)] // a test may

use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// A folder with the file of users in it.
struct Office(PathBuf);

impl Office {
    fn new(test: &str) -> Self {
        let folder = std::env::temp_dir().join(format!("gatepost-test-{}-passwd-{test}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        Office(folder)
    }

    fn users(&self) -> PathBuf {
        self.0.join("users")
    }

    fn text(&self) -> String {
        std::fs::read_to_string(self.users()).unwrap_or_default()
    }

    /// Runs it with a line on standard input: what it said, or how it failed.
    fn run(&self, arguments: &[&str], input: &str) -> Result<String, String> {
        // cargo builds the examples of a package before it runs the package's tests
        let here = std::env::current_exe().unwrap();
        let program = here.parent().and_then(Path::parent).unwrap().join("examples/passwd");
        let mut command = Command::new(&program);
        command.arg("--users").arg(self.users()).args(arguments);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap_or_else(|error| panic!("{}: {error}", program.display()));
        let _ = child.stdin.take().unwrap().write_all(input.as_bytes()); // it may have failed before it read
        let output = child.wait_with_output().unwrap();
        let text = |octets| String::from_utf8(octets).unwrap();
        if output.status.success() { Ok(text(output.stdout)) } else { Err(text(output.stderr)) }
    }

    /// It fails, says why, and leaves the file alone.
    fn fails(&self, arguments: &[&str], input: &str, why: &str) {
        let before = self.text();
        let said = self.run(arguments, input).unwrap_err();
        assert!(said.starts_with("passwd: ") && said.contains(why), "{arguments:?}: {said}");
        assert_eq!(self.text(), before, "{arguments:?}");
        assert!(!self.0.join("users.new").exists(), "{arguments:?}");
    }
}

impl Drop for Office {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

const ANN: &str = "ann@example.test";

fn check(office: &Office, password: &str) -> Result<String, String> {
    office.run(&["check", ANN, "--stdin"], password)
}

/// Whose the file is and who may read it stays as it was, for the server may be another user; and a link to it stays a link.
#[test]
fn the_file_stays_its_owners() {
    let office = Office::new("owner");
    office.run(&["add", ANN, "--stdin"], "pencil\n").unwrap();
    let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&office.users()), 0o600);
    let elsewhere = office.0.join("elsewhere");
    std::fs::rename(office.users(), &elsewhere).unwrap();
    std::fs::set_permissions(&elsewhere, std::fs::Permissions::from_mode(0o640)).unwrap();
    std::os::unix::fs::symlink(&elsewhere, office.users()).unwrap();
    office.run(&["change", ANN, "--stdin"], "stone\n").unwrap();
    assert!(check(&office, "stone").is_ok());
    assert!(office.users().is_symlink());
    assert_eq!(mode(&elsewhere), 0o640);
}

#[test]
fn a_user_is_added_changed_and_removed() {
    let office = Office::new("life");
    assert_eq!(office.run(&["add", ANN, "--stdin"], "pencil\n"), Ok("ann@example.test added\n".to_owned()));
    let text = office.text();
    assert!(text.starts_with("ann@example.test:SCRAM-SHA-256$10000:") && !text.contains("pencil"), "{text}");
    let mode = std::fs::metadata(office.users()).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600, "for its owner's eyes only");
    assert_eq!(check(&office, "pencil\n"), Ok("right: the password is ann@example.test's\n".to_owned()));
    assert!(check(&office, "Pencil\n").is_err());

    let changed = office.run(&["change", "ANN@Example.test", "--stdin", "--sha1", "--iterations", "4096"], "crayon\n");
    assert!(changed.is_ok(), "{changed:?}");
    assert!(check(&office, "pencil").is_err() && check(&office, "crayon").is_ok());
    let listed = "ann@example.test: SCRAM-SHA-256 (4096 iterations), SCRAM-SHA-1 (4096 iterations)\n";
    assert_eq!(office.run(&["list"], ""), Ok(listed.to_owned()));

    assert!(office.run(&["add", "bob@example.test", "--stdin", "--argon2"], "eraser\r\n").is_ok());
    assert!(office.run(&["check", "bob@example.test", "--stdin"], "eraser\n").is_ok());
    assert!(office.run(&["remove", ANN], "").is_ok());
    assert_eq!(office.run(&["list"], ""), Ok("bob@example.test: argon2 (PLAIN and LOGIN only)\n".to_owned()));
    assert!(check(&office, "crayon").is_err());
}

#[test]
fn a_certificate_is_kept_beside_the_password() {
    let office = Office::new("certificate");
    let made = rcgen::generate_simple_self_signed(vec!["ann.example.test".to_owned()]).unwrap(); // a test key
    let pem = office.0.join("ann.pem");
    std::fs::write(&pem, made.cert.pem()).unwrap();
    assert!(office.run(&["add", ANN, "--stdin"], "pencil\n").is_ok());
    assert!(office.run(&["certificate", ANN, pem.to_str().unwrap()], "").is_ok());
    let before = office.text();
    assert!(before.contains("ann@example.test:X509-SHA256$"), "{before}");
    assert!(office.run(&["change", ANN, "--stdin"], "crayon\n").is_ok());
    assert!(office.text().contains("X509-SHA256$"), "a new password leaves certificates alone");
    std::fs::write(&pem, "no PEM").unwrap();
    office.fails(&["certificate", ANN, pem.to_str().unwrap()], "", "ann.pem holds no certificate in PEM");
}

#[test]
fn failures_are_told_and_change_nothing() {
    let office = Office::new("failures");
    // a file that is not there is none without users: its name may be mistyped
    for arguments in [&["change", ANN, "--stdin"][..], &["remove", ANN], &["check", ANN, "--stdin"], &["list"]] {
        office.fails(arguments, "x\n", "users is not there; `passwd --users FILE` names another file");
    }
    assert!(!office.users().exists());
    let lost = Office(office.0.join("no/such"));
    lost.fails(&["add", ANN, "--stdin"], "x\n", "no/such/users lies in no folder that there is");
    assert!(office.run(&["add", ANN, "--stdin"], "pencil\n").is_ok());
    for (arguments, input, why) in [
        (&["add", ANN, "--stdin"][..], "x\n", "in the file already; `passwd change` gives a new password"),
        (&["add", "ann", "--stdin"], "x\n", "\"ann\" is no mailbox such as ann@example.test"),
        (&["add", "bob@example.test", "--stdin"], "\n", "the password is empty, or longer than 255 octets"),
        (&["add", "bob@example.test", "--stdin"], &"x".repeat(256), "the password is empty, or longer than 255 octets"),
        (&["add", "bob@example.test", "--stdin"], "a\u{7}b\n", "control characters"),
        (&["remove", "bob@example.test"], "", "bob@example.test is not in the file"),
        (&["check", ANN, "--stdin"], "wrong\n", "ann@example.test has no password like this"),
    ] {
        office.fails(arguments, input, why);
    }
    // beyond what clients accept: clap says so, before anything is read
    assert!(office.run(&["change", ANN, "--stdin", "--iterations", "1000"], "x\n").is_err());
    assert!(check(&office, "pencil").is_ok());

    // a second one at the same time, or one that broke off
    std::fs::write(office.0.join("users.new"), "").unwrap();
    let busy = office.run(&["remove", ANN], "").unwrap_err();
    assert!(busy.contains("another passwd is at work, or broke off; if none is, remove it"), "{busy}");
    std::fs::remove_file(office.0.join("users.new")).unwrap();

    // a file that is none tells its line
    let whole = office.text();
    std::fs::write(office.users(), format!("{whole}bob@example.test:secret\n")).unwrap();
    office.fails(&["remove", ANN], "", "users: line 2: expected `SCRAM-SHA-256$");
    office.fails(&["list"], "", "line 2");
}
