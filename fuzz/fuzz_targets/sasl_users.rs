//! The file of users: what is read prints the same, but for the ends of lines.
#![no_main]
use gatepost_sasl::UserFile;
libfuzzer_sys::fuzz_target!(|text: &str| {
    match text.parse::<UserFile>() {
        Ok(file) => {
            assert!(file.to_string().lines().eq(text.lines()));
            assert_eq!(file.to_string().parse(), Ok(file));
        }
        Err(error) => assert!((1..=text.lines().count()).contains(&error.line)),
    }
});
