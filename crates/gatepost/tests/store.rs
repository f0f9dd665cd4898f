//! The stores: what was delivered is there, whole, until it is deleted, whoever else reads the folder.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, clippy::as_conversions)] // a test may

use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use gatepost::store::{Folder, Maildrop, OpenError};
use gatepost::{MailStore, Maildir, Memory};
use gatepost_sasl::Identity;
use gatepost_syntax::Mailbox;

/// A folder that is gone after the test.
struct Temporary(PathBuf);

impl Temporary {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("gatepost-store-{}-{name}", std::process::id()));
        Temporary(path)
    }

    fn bob(&self) -> PathBuf {
        self.0.join("example.test/bob")
    }
}

impl Drop for Temporary {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn bob() -> Identity {
    Identity { user: "bob@example.test".into() }
}

fn deliver(store: &dyn MailStore, text: &str) {
    store.deliver(&Mailbox::parse("bob@example.test").unwrap(), Folder::Inbox, &mut text.as_bytes()).unwrap();
}

fn read(maildrop: &dyn Maildrop, index: usize) -> String {
    let mut text = String::new();
    maildrop.read(index).unwrap().read_to_string(&mut text).unwrap();
    text
}

fn uids(maildrop: &dyn Maildrop) -> Vec<String> {
    maildrop.entries().iter().map(|entry| entry.uid.clone()).collect()
}

fn names(folder: &Path) -> Vec<String> {
    let mut names: Vec<String> =
        fs::read_dir(folder).unwrap().map(|file| file.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

/// An operator is told where.
#[test]
fn errors_name_the_folder() {
    let place = Temporary::new("named");
    let store = Maildir::open(&place.0).unwrap();
    fs::create_dir(place.0.join("example.test")).unwrap();
    fs::write(place.bob(), b"not a folder").unwrap();
    let error = store.deliver(&Mailbox::parse("bob@example.test").unwrap(), Folder::Inbox, &mut &b"x"[..]).unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::NotADirectory);
    assert!(error.to_string().starts_with(&format!("{}: ", place.bob().display())), "{error}");
}

#[test]
fn both_stores_keep_their_promises() {
    let folder = Temporary::new("both");
    let stores: [Box<dyn MailStore>; 2] = [Box::new(Maildir::open(&folder.0).unwrap()), Box::new(Memory::new())];
    for store in stores {
        assert!(store.open(&bob()).unwrap().entries().is_empty());
        for text in ["one\r\n", "one\r\n", "lf\nonly\n", ""] {
            deliver(&*store, text);
        }
        let open = store.open(&bob()).unwrap();
        assert_eq!(store.open(&bob()).err(), Some(OpenError::InUse));
        let uids_then = uids(&*open);
        assert!((0..4).all(|i| (i + 1..4).all(|j| uids_then[i] != uids_then[j])), "{uids_then:?}");
        assert!(uids_then.iter().all(|uid| (1..=70).contains(&uid.len())), "{uids_then:?}");
        for (index, wanted) in ["one\r\n", "one\r\n", "lf\r\nonly\r\n", ""].into_iter().enumerate() {
            assert_eq!(read(&*open, index), wanted);
            assert_eq!(open.entries()[index].size, wanted.len() as u64);
        }
        deliver(&*store, "later\r\n");
        assert_eq!(open.entries().len(), 4, "numbers stay");
        assert!(open.commit(&[0, 2]));
        drop(open);
        let open = store.open(&bob()).unwrap();
        assert_eq!(uids(&*open)[..2], [uids_then[1].clone(), uids_then[3].clone()]);
        assert_eq!(read(&*open, 2), "later\r\n");
        assert!(!open.commit(&[7]));
        drop(open);
        assert_eq!(store.open(&bob()).unwrap().entries().len(), 3);
    }
}

#[test]
fn another_process_has_the_lock_until_it_ends() {
    let folder = Temporary::new("lock");
    let (first, second) = (Maildir::open(&folder.0).unwrap(), Maildir::open(&folder.0).unwrap());
    let open = first.open(&bob()).unwrap();
    assert_eq!(second.open(&bob()).err(), Some(OpenError::InUse)); // a lock of the open file, as from a process of its own
    drop(open);
    assert!(second.open(&bob()).is_ok());
}

#[test]
fn mail_readers_may_move_and_mark_files_meanwhile() {
    let folder = Temporary::new("moved");
    let store = Maildir::open(&folder.0).unwrap();
    for text in ["one\r\n", "two\r\n", "three\r\n"] {
        deliver(&store, text);
    }
    let open = store.open(&bob()).unwrap();
    let before = uids(&*open);
    let files = names(&folder.bob().join("new"));
    for (file, flags) in files.iter().zip(["2,", "2,RS", "2,S"]) {
        fs::rename(folder.bob().join("new").join(file), folder.bob().join("cur").join(format!("{file}:{flags}")))
            .unwrap();
    }
    assert_eq!((read(&*open, 1), read(&*open, 2)), ("two\r\n".into(), "three\r\n".into()));
    fs::remove_file(folder.bob().join("cur").join(format!("{}:2,S", files[2]))).unwrap();
    assert!(open.read(2).is_err());
    assert!(open.commit(&[0, 2]), "what somebody else deleted is deleted");
    drop(open);
    let open = store.open(&bob()).unwrap();
    assert_eq!((uids(&*open), read(&*open, 0)), (before[1..2].to_vec(), "two\r\n".into()));
}

#[test]
fn the_index_is_a_hint() {
    let folder = Temporary::new("index");
    let store = Maildir::open(&folder.0).unwrap();
    deliver(&store, "ours\r\n");
    let index = folder.bob().join("gatepost.index");
    let sizes = || store.open(&bob()).unwrap().entries().iter().map(|entry| entry.size).collect::<Vec<_>>();
    assert_eq!(sizes(), [6]);
    assert!(!index.exists(), "names tell all");
    fs::write(folder.bob().join("cur/1.foreign:2,S"), "lf\nonly\n").unwrap();
    fs::write(folder.bob().join("cur/1.gourier,S=3:2,"), "a\nb").unwrap();
    assert_eq!(sizes(), [10, 6, 6], "a last line without end gets one when it is sent");
    let written = fs::read_to_string(&index).unwrap();
    assert!(written.contains("8 10 - 1.foreign\n") && written.contains("3 6 - 1.gourier,S=3\n"), "{written}");
    fs::write(&index, written.replace("8 10", "8 11")).unwrap();
    assert_eq!(sizes(), [11, 6, 6], "it is used");
    fs::write(folder.bob().join("cur/1.foreign:2,S"), "other\n\n").unwrap();
    assert_eq!(sizes(), [9, 6, 6], "a file of another length is read again");
    for broken in ["", "gatepost-index 1\n", &written[..30], "gatepost-index 9\n0\n"] {
        fs::write(&index, broken).unwrap();
        assert_eq!(sizes(), [9, 6, 6], "{broken:?}");
        assert!(fs::read_to_string(&index).unwrap().ends_with("\n2\n"));
    }
    fs::remove_file(folder.bob().join("cur/1.foreign:2,S")).unwrap();
    assert_eq!(sizes(), [6, 6]);
    assert!(!fs::read_to_string(&index).unwrap().contains("foreign"), "what is gone is forgotten");
}

/// RFC 6856 §2.1 wants LIST to tell what RETR sends: of a surrogate, too, without reading the message then.
#[test]
fn the_size_of_a_surrogate_is_known() {
    let folder = Temporary::new("surrogates");
    let (maildir, memory) = (Maildir::open(&folder.0).unwrap(), Memory::new());
    let text = "Subject: grüße\r\n\r\nö\r\n";
    let surrogate = "Subject: =?utf-8?B?Z3LDvMOfZQ==?=\r\n\r\nö\r\n";
    let sizes = |store: &dyn MailStore| -> Vec<(u64, Option<u64>)> {
        store.open(&bob()).unwrap().entries().iter().map(|entry| (entry.size, entry.surrogate)).collect()
    };
    let wanted = (text.len() as u64, Some(surrogate.len() as u64));
    for store in [&maildir as &dyn MailStore, &memory] {
        deliver(store, text);
        deliver(store, "Subject: ascii\r\n\r\nö\r\n");
        assert_eq!(sizes(store), [wanted, (22, None)]);
    }
    let index = folder.bob().join("gatepost.index");
    assert!(!index.exists(), "names tell all");
    assert!(uids(&*maildir.open(&bob()).unwrap()).iter().all(|uid| uid.ends_with(".gatepost")));
    fs::write(folder.bob().join("cur/1.foreign:2,S"), text.replace("\r\n", "\n")).unwrap();
    assert_eq!(sizes(&maildir), [wanted, wanted, (22, None)]);
    let written = fs::read_to_string(&index).unwrap();
    assert!(written.contains(&format!(" {} {} 1.foreign\n", text.len(), surrogate.len())), "{written}");
    fs::write(&index, written.replace(&format!(" {} 1.", surrogate.len()), " 99 1.")).unwrap();
    assert_eq!(sizes(&maildir)[0].1, Some(99), "it is used");
}

#[test]
fn names_of_other_programs_become_unique_ids() {
    let folder = Temporary::new("names");
    let store = Maildir::open(&folder.0).unwrap();
    assert!(store.open(&bob()).unwrap().entries().is_empty());
    let long = "9".repeat(100);
    for name in ["1.a:2,S", "1.a,S=1:2,", "2 spaces", &long, &format!("{long}x"), "ümlaut", ".hidden"] {
        fs::write(folder.bob().join("new").join(name), "x").unwrap();
    }
    fs::create_dir(folder.bob().join("new/folder")).unwrap();
    let first = uids(&*store.open(&bob()).unwrap());
    let again = uids(&*store.open(&bob()).unwrap());
    assert_eq!(first, again);
    assert_eq!(first.len(), 6);
    let distinct: std::collections::HashSet<_> = first.iter().collect();
    assert_eq!(distinct.len(), 6, "{first:?}");
    assert!(first.iter().all(|uid| uid.len() <= 70 && uid.bytes().all(|octet| octet.is_ascii_graphic())), "{first:?}");
}

/// A message that breaks off.
struct Broken;

impl Read for Broken {
    fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
        Err(io::ErrorKind::ConnectionReset.into())
    }
}

#[test]
fn nothing_is_left_of_what_was_not_delivered() {
    let folder = Temporary::new("left");
    let store = Maildir::open(&folder.0).unwrap();
    let half = &mut b"half a mess".as_slice().chain(Broken);
    assert!(store.deliver(&Mailbox::parse("bob@example.test").unwrap(), Folder::Junk, half).is_err());
    let junk = folder.bob().join(".Junk");
    assert_eq!(names(&junk), ["cur", "maildirfolder", "new", "tmp"]);
    assert!(["cur", "new", "tmp"].iter().all(|part| names(&junk.join(part)).is_empty()));
    deliver(&store, "whole\r\n");
    for (name, days) in [("old", 2), ("young", 1)] {
        let file = File::create(folder.bob().join("tmp").join(name)).unwrap();
        file.set_modified(SystemTime::now() - Duration::from_secs(days * 24 * 60 * 60)).unwrap();
    }
    assert_eq!(store.open(&bob()).unwrap().entries().len(), 1);
    assert_eq!(names(&folder.bob().join("tmp")), ["young"]);
}

#[test]
fn what_the_system_has_in_memory_is_read_at_once() {
    let folder = Temporary::new("at-once");
    let store = Maildir::open(&folder.0).unwrap();
    for text in ["", "a\r\nb\r\n", "a\nb\n"] {
        deliver(&store, text);
    }
    let open = store.open(&bob()).unwrap();
    let at_once = |index, limit| open.read_at_once(index, limit);
    if !cfg!(target_os = "linux") {
        return assert_eq!(at_once(0, 100), None);
    }
    // it was just written; a folder in memory alone (tmpfs) may not be asked on older systems
    assert!([Some(vec![]), None].contains(&at_once(0, 0)));
    for index in [1, 2] {
        assert_eq!(at_once(index, 3), None, "longer than the limit");
        assert!([Some(b"a\r\nb\r\n".to_vec()), None].contains(&at_once(index, 6)));
    }
    assert_eq!(at_once(3, 100), None);
    // a mail reader moved it: that is found out where waiting is fine
    let name = names(&folder.bob().join("new")).remove(1);
    fs::rename(folder.bob().join("new").join(&name), folder.bob().join("cur").join(format!("{name}:2,S"))).unwrap();
    assert_eq!(at_once(1, 100), None);
    assert_eq!(read(&*open, 1), "a\r\nb\r\n");
}
