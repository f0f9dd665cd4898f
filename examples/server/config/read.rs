//! Reading and printing the file: what is wrong is told with its place.

use std::path::Path;

use serde::de::{DeserializeOwned, IntoDeserializer};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::{Config, Failure, Flags, Level};

/// The documented configuration: its comments are printed by `--print-config`, too.
const DOCUMENTED: &str = include_str!("../gatepost.toml");

impl Config {
    /// The file, with the flags on top of it.
    pub(crate) fn read(flags: &Flags) -> Result<Self, Failure> {
        let mut config = match &flags.config {
            None => Config::default(),
            Some(path) => {
                let text = std::fs::read_to_string(path).map_err(|error| Failure::file(path, error))?;
                Config::parse(path, &text)?
            }
        };
        let Flags { data, users, resolver, port_base, log_format, log_level, .. } = flags;
        config.data = data.clone().unwrap_or(config.data);
        config.users = users.clone().unwrap_or(config.users);
        config.resolver = resolver.clone().unwrap_or(config.resolver);
        config.port_base = port_base.unwrap_or(config.port_base);
        config.log_format = log_format.unwrap_or(config.log_format);
        config.log_level = log_level.or(level_of_environment()?).unwrap_or(config.log_level);
        if !flags.bind.is_empty() {
            config.bind.clone_from(&flags.bind);
        }
        Ok(config)
    }

    /// The settings of a file.
    pub(crate) fn parse(path: &Path, text: &str) -> Result<Self, Failure> {
        toml::from_str(text).map_err(|error| {
            let begin = error.span().map_or(0, |span| span.start);
            let before = text.get(..begin).unwrap_or_default();
            let (line, column) =
                (before.matches('\n').count() + 1, before.chars().rev().take_while(|c| *c != '\n').count() + 1);
            let message = error.message();
            let suggestion = suggestion(message).map(|word| format!("; did you mean `{word}`?")).unwrap_or_default();
            Failure::at(format!("{}:{line}:{column}", path.display()), format!("{message}{suggestion}"))
        })
    }

    /// The settings as a file, with the comments of the documented one.
    pub(crate) fn to_toml(&self) -> Result<String, Failure> {
        let text = toml::to_string(self).map_err(|error| Failure::at("settings", error))?;
        let mut out = "# gatepost example server\n".to_owned();
        for line in text.lines() {
            let comment = line.split_once(" = ").and_then(|(key, _)| comment(key)).filter(|_| !line.starts_with('['));
            match comment {
                Some(comment) => out += &format!("{line}  {comment}\n"),
                None => out += &format!("{line}\n"),
            }
        }
        Ok(out)
    }
}

/// What stands behind the value of a key in the documented file.
fn comment(key: &str) -> Option<&'static str> {
    let mut lines = DOCUMENTED.lines().map(|line| line.trim_start_matches("# "));
    let line = lines.find(|line| line.strip_prefix(key).is_some_and(|rest| rest.starts_with(" = ")))?;
    line.find("# ").and_then(|at| line.get(at..))
}

/// The word of an error's list that is nearest to the one that is wrong: serde puts all of them between backticks.
fn suggestion(message: &str) -> Option<&str> {
    let mut words = message.split('`').skip(1).step_by(2);
    let wrong = words.next().filter(|_| message.starts_with("unknown"))?;
    let near = |word: &&str| (strsim::jaro_winkler(wrong, word) * 1000.0).round();
    words.filter(|word| near(word) > 750.0).max_by(|one, other| near(one).total_cmp(&near(other)))
}

fn level_of_environment() -> Result<Option<Level>, Failure> {
    let Some(word) = std::env::var_os("GATEPOST_LOG") else {
        return Ok(None);
    };
    let word = word.to_string_lossy().to_lowercase();
    let level: Result<Level, serde::de::value::Error> = Level::deserialize(word.as_str().into_deserializer());
    level.map(Some).map_err(|error| Failure::at("GATEPOST_LOG", error))
}

/// A value, or a list of values.
pub(super) mod one_or_many {
    use super::*;

    #[derive(Deserialize)]
    #[serde(untagged, expecting = "expected a text or a list of texts")]
    enum OneOrMany {
        One(String),
        Many(Vec<String>),
    }

    pub(in super::super) fn serialize<T: Serialize, S: Serializer>(
        values: &[T],
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        values.serialize(serializer)
    }

    pub(in super::super) fn deserialize<'de, T, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<T>, D::Error>
    where
        T: DeserializeOwned,
    {
        let texts = match OneOrMany::deserialize(deserializer)? {
            OneOrMany::One(text) => vec![text],
            OneOrMany::Many(texts) => texts,
        };
        texts.into_iter().map(|text| T::deserialize(text.into_deserializer())).collect()
    }
}

/// Values that are written as texts.
pub(super) mod texts {
    use super::*;

    pub(in super::super) fn serialize<T: ToString, S: Serializer>(
        values: &[T],
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        values.iter().map(ToString::to_string).collect::<Vec<_>>().serialize(serializer)
    }

    pub(in super::super) fn deserialize<'de, T, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<T>, D::Error>
    where
        T: std::str::FromStr<Err: std::fmt::Display>,
    {
        let texts = Vec::<String>::deserialize(deserializer)?;
        let parsed = texts.iter().map(|text| text.parse().map_err(|error| (text, error)));
        parsed.collect::<Result<_, _>>().map_err(|(text, error)| serde::de::Error::custom(format!("`{text}`: {error}")))
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::panic)] // a test may
mod tests {
    use super::*;

    fn failure(text: &str) -> String {
        Config::parse(Path::new("g.toml"), text).unwrap_err().to_string()
    }

    #[test]
    fn the_documented_file_is_the_default_with_examples() {
        let config = Config::parse(Path::new("gatepost.toml"), DOCUMENTED).unwrap();
        assert_eq!(config, Config::default());
        // what is commented out is right, too
        let all: String = DOCUMENTED
            .lines()
            .map(|line| {
                line.strip_prefix("# ")
                    .filter(|line| line.contains(" = ") || line.starts_with('['))
                    .unwrap_or(line)
                    .to_owned()
                    + "\n"
            })
            .collect();
        let config = Config::parse(Path::new("gatepost.toml"), &all).unwrap();
        assert_eq!((config.aliases.len(), config.listen.len(), config.dkim.len()), (3, 2, 2));
        config.directory().unwrap();
        // and every setting is in it
        for key in
            toml::to_string(&config).unwrap().lines().filter_map(|line| line.split_once(" = ")).map(|(key, _)| key)
        {
            assert!(key.contains('"') || DOCUMENTED.contains(&format!("{key} = ")), "{key} is not documented");
        }
    }

    #[test]
    fn what_is_printed_is_read_again() {
        let text = "bind = ['::1', '127.0.0.1']\nmetrics = '127.0.0.1:9090'\nproxies = ['10.0.0.0/8']\n[aliases]\n\"a b@x.test\" = 'c@x.test'\n\
            [[listen]]\nservice = 'mx'\naddress = '[::]:25'\n[[dkim]]\ndomain = 'x.test'\nselector = 's'\nkey = 'k \"#.pem'\n[limits]\nexempt = []";
        for config in [Config::default(), Config::parse(Path::new("g.toml"), text).unwrap()] {
            let printed = config.to_toml().unwrap();
            assert_eq!(Config::parse(Path::new("printed"), &printed).unwrap(), config, "{printed}");
        }
    }

    #[test]
    fn what_is_wrong_is_told_with_its_place() {
        for (text, place, reason) in [
            ("hostname = 'a.test'\nhostnme = 'a.test'", "g.toml:2:1", "did you mean `hostname`?"),
            ("[limits]\nsesions_per_user = 3", "g.toml:2:1", "did you mean `sessions_per_user`?"),
            ("[limits]\nremembered = 1\ngrace_seconds = 'x'", "g.toml:3:17", "expected u64"),
            ("[limits]\nexempt = ['x']", "g.toml:2:10", "expected an address"),
            ("policy = 'rejct'", "g.toml:1:10", "did you mean `reject`?"),
            ("[[listen]]\nservice = 'smtp'\naddress = '[::]:25'", "g.toml:2:11", "expected one of `mx`"),
            ("[[listen]]\nservice = 'mx'\naddress = '25'", "g.toml:3:11", "invalid socket address"),
            ("proxies = ['10.0.0.0/33']", "g.toml:1:11", "`10.0.0.0/33`: expected an address or ADDRESS/LENGTH"),
            ("bind = 'localhost'", "g.toml:1:8", "invalid IP address"),
            ("message_limit = '5'", "g.toml:1:17", "expected u64"),
            ("message_limit = ", "g.toml:1:17", ""),
            ("quux = 1", "g.toml:1:1", "unknown field `quux`"),
        ] {
            let failure = failure(text);
            assert!(failure.starts_with(&format!("{place}: ")) && failure.contains(reason), "{text}: {failure}");
        }
    }
}
