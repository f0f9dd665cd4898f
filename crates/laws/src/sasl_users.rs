//! The file of users: what is read prints the same, but for the ends of lines.
use gatepost_sasl::UserFile;

/// The law.
pub fn law(text: &str) {
    match text.parse::<UserFile>() {
        Ok(file) => {
            assert!(file.to_string().lines().eq(text.lines().map(|line| line.trim_end_matches('\r'))));
            assert_eq!(file.to_string().parse(), Ok(file));
        }
        Err(error) => assert!((1..=text.lines().count()).contains(&error.line)),
    }
}
