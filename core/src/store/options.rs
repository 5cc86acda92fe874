//! The options of stores: their names and types, and their values as store strings and programs
//! give them.
#![cfg_attr(
    not(any(feature = "dynamodb", feature = "redis")),
    allow(dead_code, unused_imports, reason = "some are for stores that have a server")
)]

use std::fmt;
use std::time::Duration;

use percent_encoding::{AsciiSet, CONTROLS, utf8_percent_encode};

/// The value of an option that is given by name; see
/// [`StoreConfig::from_parts`](crate::StoreConfig::from_parts).
///
/// `Debug` hides texts, because an option may be a password.
#[derive(Clone, PartialEq)]
pub enum OptionValue {
    /// A text. A number, a duration or a flag may be given as text too, as in a store string.
    Text(String),
    /// A number; a duration is a whole number of milliseconds, a size a whole number of bytes.
    Number(f64),
    /// A truth value.
    Flag(bool),
}

impl fmt::Debug for OptionValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text(_) => f.write_str("Text(…)"),
            Self::Number(number) => write!(f, "Number({number})"),
            Self::Flag(flag) => write!(f, "Flag({flag})"),
        }
    }
}

impl From<&str> for OptionValue {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

impl From<String> for OptionValue {
    fn from(text: String) -> Self {
        Self::Text(text)
    }
}

impl From<f64> for OptionValue {
    fn from(number: f64) -> Self {
        Self::Number(number)
    }
}

impl From<bool> for OptionValue {
    fn from(flag: bool) -> Self {
        Self::Flag(flag)
    }
}

impl OptionValue {
    fn text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            Self::Number(_) | Self::Flag(_) => None,
        }
    }

    pub(super) fn integer(&self) -> Option<u64> {
        match self {
            Self::Text(text) => text.parse().ok(),
            Self::Number(number) => {
                let integer = *number as u64;
                // Also false for numbers that are negative, infinite or not a number.
                (integer as f64 == *number).then_some(integer)
            }
            Self::Flag(_) => None,
        }
    }

    fn flag(&self) -> Option<bool> {
        match self {
            Self::Flag(flag) => Some(*flag),
            Self::Text(text) => text.parse().ok(),
            Self::Number(_) => None,
        }
    }

    /// Reads a duration: `500ms`, `2s`, or a number of milliseconds.
    fn duration(&self) -> Option<Duration> {
        let millis = match self {
            Self::Text(text) => {
                let (digits, unit) = match text.strip_suffix("ms") {
                    Some(digits) => (digits, 1),
                    None => text.strip_suffix('s').map_or((text.as_str(), 1), |digits| (digits, 1000)),
                };
                digits.parse::<u64>().ok()?.checked_mul(unit)?
            }
            number => number.integer()?,
        };
        Some(Duration::from_millis(millis))
    }

    /// Reads a size: a number of bytes, as text also with one of the suffixes K, M, G and T (powers
    /// of 1024).
    fn size(&self) -> Option<u64> {
        let Self::Text(text) = self else { return self.integer() };
        let exponent = text
            .bytes()
            .last()
            .and_then(|last| b"KMGT".iter().position(|unit| last.eq_ignore_ascii_case(unit)));
        match exponent {
            Some(exponent) => {
                text[..text.len() - 1].parse::<u64>().ok()?.checked_mul(1 << (10 * (exponent + 1)))
            }
            None => text.parse().ok(),
        }
    }
}

/// What the value of an option is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum OptionType {
    /// A text.
    Text,
    /// The path of a file, as text.
    Path,
    /// One of these words.
    Choice(&'static [&'static str]),
    /// A truth value.
    Flag,
    /// A whole number.
    Integer,
    /// A number of bytes.
    Size,
    /// A number of milliseconds; each language may have its own type for durations.
    Duration,
}

/// An option that can be given by name besides a store string; the store decides whether it takes
/// it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct StoreOption {
    /// The name, in `snake_case`.
    pub name: &'static str,
    /// What its value is.
    pub value: OptionType,
    /// What it means, with its default, as a sentence of documentation.
    pub summary: &'static str,
}

const fn option(name: &'static str, value: OptionType, summary: &'static str) -> StoreOption {
    StoreOption { name, value, summary }
}

impl StoreOption {
    /// Every option of every store, whether or not this build has the store.
    pub const ALL: &'static [Self] = &{
        use OptionType::{Choice, Duration, Flag, Integer, Path, Size, Text};
        [
            option(
                "prefix",
                Text,
                "The prefix of all keys. Default: `launchdarkly` in Redis, none in DynamoDB.",
            ),
            option("raw_prefix", Text, "The first bytes of all keys in Redis, for layouts without a prefix."),
            option("username", Text, "The user to log in to Redis as. Default: the default user."),
            option("password", Text, "The password for Redis; any characters. It is never shown."),
            option("database", Integer, "The number of the Redis database. Default: 0."),
            option(
                "tls",
                Flag,
                "Encrypts the connection to Redis: `redis` in the scheme becomes `rediss`. Default: false.",
            ),
            option(
                "ca_file",
                Path,
                "A PEM file of the authorities to trust. Default: those of the operating system.",
            ),
            option(
                "cert_file",
                Path,
                "A PEM file with the client's certificate, for servers that require one.",
            ),
            option("key_file", Path, "A PEM file with the private key of `cert_file`."),
            option(
                "server_name",
                Text,
                "The name that the server's certificate must have. Default: the host.",
            ),
            option(
                "connect_timeout",
                Duration,
                "The limit for connecting and logging in. Default: 750 ms in Redis, 500 ms in DynamoDB.",
            ),
            option(
                "response_timeout",
                Duration,
                "The limit for a reader's reply. Default: 500 ms in Redis, 900 ms in DynamoDB.",
            ),
            option(
                "read_from",
                Choice(&["master", "replica"]),
                "The servers that a cluster or a sentinel store is read from. Default: `master`.",
            ),
            option("sentinel_user", Text, "The user to log in to sentinels as. Default: the default user."),
            option("sentinel_password", Text, "The password for sentinels. It is never shown."),
            option(
                "region",
                Text,
                "The region of the DynamoDB table. Default: that of the environment, the profile or the instance.",
            ),
            option(
                "endpoint",
                Text,
                "The URL of DynamoDB, such as `http://localhost:8000`. Default: that of the region.",
            ),
            option(
                "consistency",
                Choice(&["strong", "eventual"]),
                "The consistency of reads from DynamoDB. Default: `strong`.",
            ),
            option("profile", Text, "The profile of the AWS configuration files. Default: `AWS_PROFILE`."),
            option(
                "role_arn",
                Text,
                "The ARN of a role to assume before the DynamoDB table is read or written.",
            ),
            option(
                "external_id",
                Text,
                "The external id that the role's trust policy requires. It is never shown.",
            ),
            option(
                "session_name",
                Text,
                "The name of the session in the logs of the role's account. Default: `bigseg`.",
            ),
            option(
                "write_units_per_second",
                Integer,
                "The write units that an import into DynamoDB may use. Default: no limit.",
            ),
            option("map_size", Size, "The largest size of an embedded store's file. Default: 16 GiB."),
        ]
    };

    /// Returns the option of that name.
    pub fn named(name: &str) -> Option<&'static Self> {
        Self::ALL.iter().find(|option| option.name == name)
    }
}

/// The options given for one store, each at most once.
#[derive(Default)]
pub(super) struct GivenOptions(Vec<(String, OptionValue)>);

impl GivenOptions {
    /// Adds an option; returns whether its name is new.
    pub(super) fn add(&mut self, name: String, value: OptionValue) -> bool {
        let is_new = self.get(&name).is_none();
        self.0.push((name, value));
        is_new
    }

    fn get(&self, name: &str) -> Option<&OptionValue> {
        self.0.iter().find(|(known, _)| known == name).map(|(_, value)| value)
    }

    fn read<T>(
        &self,
        name: &str,
        read: impl FnOnce(&OptionValue) -> Option<T>,
        expected: &str,
    ) -> Result<Option<T>, String> {
        let Some(value) = self.get(name) else { return Ok(None) };
        read(value).map(Some).ok_or_else(|| format!("{name} {expected}"))
    }

    pub(super) fn text(&self, name: &str) -> Result<Option<String>, String> {
        self.read(name, |value| value.text().map(str::to_owned), "must be a text")
    }

    pub(super) fn flag(&self, name: &str) -> Result<Option<bool>, String> {
        self.read(name, OptionValue::flag, "must be true or false")
    }

    pub(super) fn integer(&self, name: &str, example: &str) -> Result<Option<u64>, String> {
        self.read(name, OptionValue::integer, &format!("is not a number, such as {example}"))
    }

    pub(super) fn timeout(&self, name: &str, longest: Duration) -> Result<Option<Duration>, String> {
        let timeout = self.read(name, OptionValue::duration, "is not a time, such as 500ms or 2s")?;
        if timeout.is_some_and(|timeout| timeout.is_zero() || timeout > longest) {
            return Err(format!("{name} must lie between 1ms and {}s", longest.as_secs()));
        }
        Ok(timeout)
    }

    pub(super) fn size(&self, name: &str, min: u64, max: u64) -> Result<Option<u64>, String> {
        let size =
            self.read(name, OptionValue::size, "is not a number of bytes, such as 17179869184 or 16G")?;
        if size.is_some_and(|size| !(min..=max).contains(&size)) {
            return Err(format!("{name} must lie between {min} and {max} bytes"));
        }
        Ok(size)
    }
}

/// The characters that would end or change the part of a store string that they are in.
pub(super) const RESERVED: &AsciiSet =
    &CONTROLS.add(b' ').add(b'%').add(b'&').add(b'+').add(b'#').add(b'=').add(b'?').add(b'@');

/// Writes the options of a store string.
#[cfg(any(feature = "dynamodb", feature = "redis"))]
pub(super) fn write(f: &mut fmt::Formatter<'_>, options: &[(&str, String)]) -> fmt::Result {
    for (number, (name, value)) in options.iter().enumerate() {
        let mark = if number == 0 { '?' } else { '&' };
        write!(f, "{mark}{name}={}", utf8_percent_encode(value, RESERVED))?;
    }
    Ok(())
}
