//! Every law over the seeds of its fuzz target, and over every input that once broke it.

#![allow(clippy::unwrap_used, clippy::print_stdout)] // a test may

use std::path::Path;

use gatepost_laws::LAWS;

#[test]
fn seeds_and_regressions_keep_the_laws() {
    let fuzz = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz");
    let mut inputs = 0;
    for (name, law) in LAWS {
        for folder in ["seeds", "regressions"] {
            let Ok(files) = std::fs::read_dir(fuzz.join(folder).join(name)) else { continue };
            for file in files {
                let path = file.unwrap().path();
                println!("{}", path.display()); // shown when a law breaks
                law(&std::fs::read(&path).unwrap());
                inputs += 1;
            }
        }
        law(b"");
    }
    assert!(inputs >= LAWS.len(), "{inputs} inputs for {} laws: where are the seeds?", LAWS.len());
}

#[test]
fn every_target_has_a_law_and_seeds() {
    let fuzz = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz");
    let mut targets: Vec<String> = std::fs::read_dir(fuzz.join("fuzz_targets"))
        .unwrap()
        .map(|file| file.unwrap().path().file_stem().unwrap().to_string_lossy().into_owned())
        .collect();
    targets.sort();
    let laws: Vec<&str> = LAWS.iter().map(|(name, _)| *name).collect();
    assert_eq!(targets, laws);
    for name in laws {
        assert!(fuzz.join("seeds").join(name).is_dir(), "no seeds for {name}");
    }
}
