//! A table of what criterion measured, each case beside the floor of its group, and two such tables side by side.
//!
//! Nothing is measured or estimated here: criterion's own `estimates.json` are read, the median and its confidence interval.

use std::collections::BTreeMap;
use std::fmt::{self, Write};
use std::io;
use std::path::Path;
use std::time::SystemTime;

use serde_json::{Value, json};

/// Names of cases begin with their group, which ends at the slash; within it a floor is `floor` or `floor-NAME`.
const FLOOR: &str = "floor";

/// Smaller changes say nothing on machines that do other things too, whatever the intervals say.
const NOISE: f64 = 0.03;

/// A median with its confidence interval, in nanoseconds or as a ratio.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Estimate {
    /// The median.
    pub median: f64,
    /// Where its confidence interval begins.
    pub low: f64,
    /// Where it ends.
    pub high: f64,
}

impl Estimate {
    /// One as a multiple of another; the interval is the widest that both allow.
    pub fn over(self, floor: Estimate) -> Estimate {
        Estimate { median: self.median / floor.median, low: self.low / floor.high, high: self.high / floor.low }
    }

    /// The intervals do not meet, and the medians are some percent apart.
    fn differs(self, other: Estimate) -> bool {
        (self.low > other.high || self.high < other.low) && (self.median / other.median - 1.0).abs() > NOISE
    }

    fn from_json(value: &Value) -> Option<Estimate> {
        let number = |name: &str| value.get(name)?.as_f64();
        Some(Estimate { median: number("median")?, low: number("low")?, high: number("high")? })
    }
}

/// What was measured, by the name of the case.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Table(BTreeMap<String, Estimate>);

impl Table {
    /// What lies in criterion's folder, and was measured since then.
    pub fn from_criterion(folder: &Path, since: SystemTime) -> io::Result<Table> {
        let mut table = Table::default();
        table.read(folder, since)?;
        Ok(table)
    }

    fn read(&mut self, folder: &Path, since: SystemTime) -> io::Result<()> {
        let estimates = folder.join("new/estimates.json");
        if estimates.exists() {
            if estimates.metadata()?.modified()? >= since {
                let (name, estimate) = read_case(&folder.join("new/benchmark.json"), &estimates)?;
                self.0.insert(name, estimate);
            }
            return Ok(());
        }
        for entry in std::fs::read_dir(folder)? {
            let path = entry?.path();
            if path.is_dir() {
                self.read(&path, since)?;
            }
        }
        Ok(())
    }

    /// Reads what `to_json` wrote.
    pub fn from_json(text: &str) -> io::Result<Table> {
        let value: Value = serde_json::from_str(text)?;
        let cases = value.as_object().ok_or_else(|| invalid("an object of cases is expected"))?;
        let read = |(name, case): (&String, &Value)| Some((name.clone(), Estimate::from_json(case)?));
        let table: Option<_> = cases.iter().map(read).collect();
        table.map(Table).ok_or_else(|| invalid("each case has `median`, `low` and `high`, in nanoseconds"))
    }

    /// For `from_json`: nanoseconds by the name of the case.
    pub fn to_json(&self) -> String {
        let case = |e: &Estimate| json!({"median": e.median, "low": e.low, "high": e.high});
        let cases: serde_json::Map<String, Value> = self.0.iter().map(|(name, e)| (name.clone(), case(e))).collect();
        format!("{:#}\n", Value::Object(cases))
    }

    /// The floors of a case's group, each with what is left of its name.
    fn floors(&self, name: &str) -> impl Iterator<Item = (&str, Estimate)> {
        let (group, function) = name.rsplit_once('/').unwrap_or((name, ""));
        let floors = self.0.iter().filter_map(move |(other, estimate)| {
            let floor = other.strip_prefix(group)?.strip_prefix('/')?.strip_prefix(FLOOR)?;
            Some((floor.trim_start_matches('-'), *estimate))
        });
        floors.filter(move |_| !function.starts_with(FLOOR))
    }

    /// This table and a newer one: for each case of both the change of its time, and of its multiple of each floor, which
    /// says more where the machine was not as busy. `*` marks what is beyond noise.
    pub fn compare(&self, newer: &Table) -> String {
        let mut out = format!("{:<44} {:>10} {:>10} {:>8}    × floor\n", "", "old", "new", "new/old");
        let mut marked = 0;
        for (name, new) in &newer.0 {
            let Some(old) = self.0.get(name) else {
                writeln!(out, "{name:<44} {:>10} {:>10}", "–", time(new.median)).unwrap();
                continue;
            };
            let times = change(*old, *new, &mut marked);
            write!(out, "{name:<44} {:>10} {:>10} {times}", time(old.median), time(new.median)).unwrap();
            let olds: BTreeMap<&str, Estimate> = self.floors(name).collect();
            for (floor, estimate) in newer.floors(name) {
                let Some(before) = olds.get(floor) else { continue };
                let (before, after) = (old.over(*before), new.over(estimate));
                let change = change(before, after, &mut marked);
                write!(out, "  {:.3} → {:.3} {} {floor}", before.median, after.median, change.trim()).unwrap();
            }
            out.push('\n');
        }
        for name in self.0.keys().filter(|name| !newer.0.contains_key(*name)) {
            writeln!(out, "{name:<44} is only in the old one").unwrap();
        }
        writeln!(
            out,
            "\n{marked} changes beyond noise (*): intervals that do not meet, and more than {:.0} %",
            NOISE * 100.0
        )
        .unwrap();
        out
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{:<44} {:>10} {:>7}    × floor", "", "median", "±")?;
        for (name, estimate) in &self.0 {
            let spread = (estimate.high - estimate.low) / 2.0 / estimate.median * 100.0;
            write!(f, "{name:<44} {:>10} {spread:>5.1} %", time(estimate.median))?;
            for (floor, it) in self.floors(name) {
                write!(f, "  {:>7.3} {floor}", estimate.over(it).median)?;
            }
            writeln!(f)?;
        }
        Ok(())
    }
}

fn change(old: Estimate, new: Estimate, marked: &mut usize) -> String {
    let differs = old.differs(new);
    *marked += usize::from(differs);
    format!("{:>8.3}{}", new.median / old.median, if differs { "*" } else { " " })
}

fn time(nanoseconds: f64) -> String {
    match nanoseconds {
        ns if ns < 1e3 => format!("{ns:.1} ns"),
        ns if ns < 1e6 => format!("{:.2} us", ns / 1e3),
        ns => format!("{:.2} ms", ns / 1e6),
    }
}

/// One of criterion's cases: its name, and the median.
fn read_case(benchmark: &Path, estimates: &Path) -> io::Result<(String, Estimate)> {
    let read = |path: &Path| -> io::Result<Value> { Ok(serde_json::from_slice(&std::fs::read(path)?)?) };
    let (benchmark, estimates) = (read(benchmark)?, read(estimates)?);
    let number = |pointer: &str| estimates.pointer(pointer).and_then(Value::as_f64);
    let estimate = || {
        Some(Estimate {
            median: number("/median/point_estimate")?,
            low: number("/median/confidence_interval/lower_bound")?,
            high: number("/median/confidence_interval/upper_bound")?,
        })
    };
    let name = benchmark.get("full_id").and_then(Value::as_str).map(str::to_owned);
    name.zip(estimate()).ok_or_else(|| invalid("criterion writes another format now"))
}

fn invalid(what: &'static str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table(cases: &[(&str, f64)]) -> Table {
        let case =
            |&(name, ns): &(&str, f64)| (name.to_owned(), Estimate { median: ns, low: ns * 0.99, high: ns * 1.01 });
        Table(cases.iter().map(case).collect())
    }

    #[test]
    fn a_case_is_shown_beside_the_floors_of_its_group() {
        let shown = table(&[("a/ours", 120.0), ("a/floor", 100.0), ("ab/floor", 1.0), ("b", 5e6)]).to_string();
        let line = |name: &str| shown.lines().find(|line| line.starts_with(name)).unwrap().to_owned();
        assert!(line("a/ours").trim_end().ends_with("120.0 ns   1.0 %    1.200"), "{shown}");
        assert!(line("a/floor").ends_with('%') && line("b").ends_with("5.00 ms   1.0 %"), "{shown}");
    }

    #[test]
    fn a_busier_machine_is_no_change_of_the_multiple() {
        let old = table(&[("a/ours", 120.0), ("a/floor", 100.0), ("gone", 1.0)]);
        let new = table(&[("a/ours", 240.0), ("a/floor", 200.0), ("b", 1.0)]);
        let said = old.compare(&new);
        assert!(said.contains("2.000*  1.200 → 1.200 1.000 "), "{said}");
        assert!(said.contains("gone") && said.contains("2 changes"), "{said}"); // the two times
    }

    #[test]
    fn json_is_read_as_written() {
        let old = table(&[("a/ours", 120.25), ("a/floor", 100.0)]);
        assert_eq!(Table::from_json(&old.to_json()).unwrap(), old);
        assert!(Table::from_json("{\"a\": {\"median\": 1}}").is_err() && Table::from_json("[]").is_err());
    }
}
