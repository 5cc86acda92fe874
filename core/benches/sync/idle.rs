//! What a hundred integrations cost while nothing happens.

use std::time::{Duration, Instant};

use bigseg::StoreConfig;
use bigseg::integration::{Integration, IntegrationConfig, IntegrationDefinition, IntegrationState};

use crate::initial_load::upstream;
use crate::upstream_process::UpstreamProcess;

const INTEGRATIONS: usize = 100;
/// Two intervals of the sync marker.
const IDLE_TIME: Duration = Duration::from_secs(60);
/// The kernel counts processor time in hundredths of a second.
const TICK: Duration = Duration::from_millis(10);

/// Measures the processor time of a hundred idle integrations, each with an embedded store.
#[expect(clippy::disallowed_methods, reason = "a benchmark measures real time")]
pub(crate) fn run() {
    let directory = tempfile::tempdir().expect("there is room");
    let upstream_process = UpstreamProcess::start(1, 1);
    let start = |number: usize| {
        let path = directory.path().join(number.to_string());
        let store = StoreConfig::parse(&format!("local:{}?map_size=64M", path.display()));
        let store = store.expect("a good store string");
        let definition =
            IntegrationDefinition::new(number.to_string(), upstream(&upstream_process.url), store);
        Integration::start(IntegrationConfig::new(definition)).expect("it starts")
    };
    let integrations: Vec<Integration> = (0..INTEGRATIONS).map(start).collect();
    while integrations.iter().any(|integration| integration.status().state != IntegrationState::Healthy) {
        std::thread::sleep(Duration::from_millis(10));
    }
    let begin = Instant::now();
    let used = processor_time();
    std::thread::sleep(IDLE_TIME);
    let share = (processor_time() - used).as_secs_f64() / begin.elapsed().as_secs_f64();
    println!("| {INTEGRATIONS} integrations at rest, embedded | | {:.2} % of a core | |", share * 100.0);
    integrations.iter().for_each(|integration| integration.close().wait());
}

/// Returns the processor time of this process so far.
fn processor_time() -> Duration {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let fields = stat.rsplit(") ").next().unwrap_or_default();
    let ticks = fields.split(' ').skip(11).take(2).filter_map(|ticks| ticks.parse::<u32>().ok());
    ticks.sum::<u32>() * TICK
}
