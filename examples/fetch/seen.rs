//! Unique ids of what is here, a line each: `HOST USER UID`. Lines of other accounts stay as they are.

use std::collections::HashSet;
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::Path;

pub(crate) struct Seen {
    /// `HOST USER `
    account: String,
    uids: HashSet<String>,
    others: Vec<String>,
}

impl Seen {
    pub(crate) fn read(path: &Path, host: &str, user: &str) -> io::Result<Self> {
        let account = format!("{} {} ", host.to_ascii_lowercase(), user.replace([' ', '\n', '\r'], "_"));
        let mut seen = Seen { account, uids: HashSet::new(), others: Vec::new() };
        let text = match fs::read_to_string(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => String::new(),
            text => text?,
        };
        for line in text.lines() {
            match line.strip_prefix(&seen.account) {
                Some(uid) => drop(seen.uids.insert(uid.to_owned())),
                None => seen.others.push(line.to_owned()),
            }
        }
        Ok(seen)
    }

    pub(crate) fn has(&self, uid: &str) -> bool {
        self.uids.contains(uid)
    }

    pub(crate) fn add(&mut self, uid: &str) {
        self.uids.insert(uid.to_owned());
    }

    pub(crate) fn retain(&mut self, there: impl Fn(&str) -> bool) {
        self.uids.retain(|uid| there(uid));
    }

    /// Whoever reads the file sees the old one or the new one, whole.
    pub(crate) fn write(&self, path: &Path) -> io::Result<()> {
        let mut uids: Vec<&String> = self.uids.iter().collect();
        uids.sort();
        let mut text: String = self.others.iter().map(|line| format!("{line}\n")).collect();
        text.extend(uids.iter().map(|uid| format!("{}{uid}\n", self.account)));
        let mut name = path.as_os_str().to_owned();
        name.push(".new");
        if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
            fs::create_dir_all(folder)?;
        }
        let mut file = File::create(&name)?;
        file.write_all(text.as_bytes())?;
        file.sync_all()?;
        fs::rename(name, path)
    }
}
