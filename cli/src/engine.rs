//! Opens an engine like an application does, so that the command shows the status that applications
//! see.

use std::str::FromStr;
use std::time::Duration;

use bigseg::engine::{PushInvalidation, Source};
use bigseg::{Engine, EngineConfig, StoreConfig};

use crate::failure::Failure;
use crate::store::StoreArgument;

/// The store, and the age at which its data count as stale.
#[derive(clap::Args)]
pub(crate) struct EngineArguments {
    #[command(flatten)]
    store: StoreArgument,

    /// Age of the store's sync time from which answers are STALE: 90s, 10m, 12h, 7d; or "never" for
    /// a list that was imported once and that nothing keeps in sync
    #[arg(
        long,
        env = "BIGSEG_STALE_AFTER",
        hide_env_values = true,
        value_name = "DURATION",
        default_value = "120s"
    )]
    stale_after: StaleAfter,
}

impl EngineArguments {
    /// Opens an engine for one query; a missing store shows in its answers.
    pub(crate) fn open(&self) -> Result<(Engine, StoreConfig), Failure> {
        self.open_with(PushInvalidation::Off)
    }

    /// Opens an engine with a choice of push invalidation.
    pub(crate) fn open_with(
        &self,
        push_invalidation: PushInvalidation,
    ) -> Result<(Engine, StoreConfig), Failure> {
        let store = self.store.config()?;
        let source = Source::Store(store.clone());
        let stale_after = self.stale_after.0;
        let config = EngineConfig::default()
            .with_source(source)
            .with_stale_after(stale_after)
            .with_push_invalidation(push_invalidation);
        Ok((Engine::open(config)?, store))
    }
}

/// The command-line form of `EngineConfig::stale_after`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct StaleAfter(Option<Duration>);

impl FromStr for StaleAfter {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text == "never" {
            return Ok(Self(None));
        }
        let (digits, seconds) = match text.as_bytes().last() {
            Some(b's') => (&text[..text.len() - 1], 1),
            Some(b'm') => (&text[..text.len() - 1], 60),
            Some(b'h') => (&text[..text.len() - 1], 3600),
            Some(b'd') => (&text[..text.len() - 1], 86_400),
            _ => (text, 1),
        };
        let number: u64 = digits.parse().map_err(|_| "use a number of seconds, or one with s, m, h or d")?;
        Ok(Self(Some(Duration::from_secs(number.saturating_mul(seconds)))))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_default_is_the_engines() {
        assert_eq!("120s".parse(), Ok(StaleAfter(EngineConfig::default().stale_after)));
    }

    #[test]
    fn durations_have_units() {
        for (text, seconds) in [("90", 90), ("90s", 90), ("10m", 600), ("12h", 43_200), ("7d", 604_800)] {
            assert_eq!(text.parse(), Ok(StaleAfter(Some(Duration::from_secs(seconds)))));
        }
        assert_eq!("never".parse(), Ok(StaleAfter(None)));
        for text in ["", "s", "-1s", "1w", "é"] {
            assert!(text.parse::<StaleAfter>().is_err());
        }
    }
}
