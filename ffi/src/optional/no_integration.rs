//! Integrations, in a build without the feature `integration`.

use std::ffi::OsStr;

use bigseg::status::ListenerId;
use bigseg::{ContextHash, Engine, ErrorKind, ManualClock, Operation, Result, SegmentRef, StoreConfig};

use super::left_out::left_out;

/// Fails in a build without integrations.
pub(crate) fn require() -> Result<()> {
    Err(left_out("integration"))
}

pub(crate) fn start(_: &Settings) -> Result<Integration> {
    Err(left_out("integration"))
}

pub(crate) fn set_sdk_key(integration: &Integration, _: &str) -> Result<()> {
    match *integration {}
}

/// The options of an integration; none can be set in this build.
#[derive(Default)]
pub(crate) struct Settings;

impl Settings {
    pub(crate) fn set_id(&mut self, _: &str) -> Result<()> {
        Err(left_out("integration"))
    }

    pub(crate) fn set_name(&mut self, _: &str) -> Result<()> {
        Err(left_out("integration"))
    }

    pub(crate) fn set_environment(&mut self, _: &str, _: &str) -> Result<()> {
        Err(left_out("integration"))
    }

    pub(crate) fn set_on(&mut self, _: bool) -> Result<()> {
        Err(left_out("integration"))
    }

    pub(crate) fn set_sdk_key(&mut self, _: &str) -> Result<()> {
        Err(left_out("integration"))
    }

    pub(crate) fn set_base_url(&mut self, _: &str) -> Result<()> {
        Err(left_out("integration"))
    }

    pub(crate) fn set_stream_url(&mut self, _: &str) -> Result<()> {
        Err(left_out("integration"))
    }

    pub(crate) fn set_proxy(&mut self, _: &str) -> Result<()> {
        Err(left_out("integration"))
    }

    pub(crate) fn set_ca_file(&mut self, _: &OsStr) -> Result<()> {
        Err(left_out("integration"))
    }

    pub(crate) fn set_store(&mut self, _: &str) -> Result<()> {
        Err(left_out("integration"))
    }

    pub(crate) fn set_state_directory(&mut self, _: &OsStr) -> Result<()> {
        Err(left_out("integration"))
    }

    pub(crate) fn set_clock(&mut self, _: &ManualClock) -> Result<()> {
        Err(left_out("integration"))
    }

    pub(crate) fn add_engine(&mut self, _: &Engine) -> Result<()> {
        Err(left_out("integration"))
    }

    pub(crate) fn add_change_listener(
        &mut self,
        _: impl Fn(&SegmentRef, &[ContextHash]) + Send + Sync + 'static,
    ) -> Result<()> {
        Err(left_out("integration"))
    }
}

/// A running integration; there is none in this build.
pub(crate) enum Integration {}

impl Integration {
    pub(crate) fn set_on(&self, _: bool) -> Result<()> {
        match *self {}
    }

    pub(crate) fn set_name(&self, _: &str) -> Result<()> {
        match *self {}
    }

    pub(crate) fn set_store(&self, _: StoreConfig) -> Result<()> {
        match *self {}
    }

    pub(crate) fn close(&self) -> Operation<'_, ()> {
        match *self {}
    }

    pub(crate) fn status(&self) -> IntegrationStatus {
        match *self {}
    }

    pub(crate) fn error_log(&self) -> Vec<SyncFailure> {
        match *self {}
    }

    pub(crate) fn add_status_listener(
        &self,
        _: impl Fn(&IntegrationStatus) + Send + Sync + 'static,
    ) -> ListenerId {
        match *self {}
    }

    pub(crate) fn remove_status_listener(&self, _: ListenerId) {
        match *self {}
    }
}

/// The state of an integration. Its names do not depend on the build.
#[derive(Clone, Copy)]
pub(crate) enum IntegrationState {
    Off,
    Initializing,
    Healthy,
    Failing,
}

impl IntegrationState {
    pub(crate) const ALL: &'static [Self] = &[Self::Off, Self::Initializing, Self::Healthy, Self::Failing];

    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Off => "off",
            Self::Initializing => "initializing",
            Self::Healthy => "healthy",
            Self::Failing => "failing",
        }
    }
}

/// The status of an integration; there is none in this build.
#[derive(Clone)]
pub(crate) struct IntegrationStatus {
    pub(crate) state: IntegrationState,
    pub(crate) since: i64,
    pub(crate) last_synchronized: Option<i64>,
    pub(crate) error: Option<SyncFailure>,
    pub(crate) last_error: Option<i64>,
    pub(crate) progress: Progress,
    pub(crate) counters: Counters,
}

#[derive(Clone)]
pub(crate) struct Progress {
    pub(crate) patches: u64,
    pub(crate) operations: u64,
    pub(crate) operations_per_second: u64,
}

#[derive(Clone)]
pub(crate) struct Counters {
    pub(crate) patches: u64,
    pub(crate) operations: u64,
    pub(crate) repeated: u64,
    pub(crate) pages: u64,
    pub(crate) streams: u64,
    pub(crate) out_of_order: u64,
    pub(crate) data_losses: u64,
}

/// An error of an integration; there is none in this build.
#[derive(Clone)]
pub(crate) struct SyncFailure {
    pub(crate) kind: ErrorKind,
    pub(crate) status_code: Option<u16>,
    pub(crate) message: String,
    pub(crate) since: i64,
    pub(crate) timestamp: i64,
    pub(crate) times: u64,
}
