//! `bigseg sync`: integrations that run until somebody says otherwise, shown on a terminal, in log lines and over HTTP.

mod auth;
mod log_lines;
mod metrics;
mod server;
mod signals;
mod status_json;
mod systemd;
mod terminal;
mod ui;

pub(crate) use auth::Token;

use std::io::IsTerminal;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use bigseg_core::integration::{FileProblems, Registry, RegistryConfig};
use bigseg_core::runtime::Runtime;
use bigseg_core::tasks::TaskGroup;

use crate::exit::Exit;
use crate::failure::Failure;
use signals::Signal;
use terminal::TerminalView;

/// How often a terminal is drawn anew, and log lines are looked for.
const TICK: Duration = Duration::from_millis(250);

/// Words a file that is refused.
pub(crate) fn refused(path: &Path, problems: &FileProblems) -> Failure {
    let listed: String = problems.0.iter().map(|problem| format!("\n  {problem}")).collect();
    Failure::new(Exit::Data, format!("{} is refused:{listed}", path.display()))
}

/// Runs the integrations of a file until a signal ends it.
pub(crate) fn run(
    config: RegistryConfig,
    listen: Option<(SocketAddr, Option<Token>)>,
) -> Result<Exit, Failure> {
    let path = config.path.clone();
    let tasks = Arc::new(TaskGroup::new(Runtime::shared()?));
    let signals = signals::listen(&tasks)?;
    let registry = Arc::new(Registry::open(config).map_err(|problems| refused(&path, &problems))?);
    if let Some((address, token)) = listen {
        let address = server::start(&tasks, registry.clone(), address, token)?;
        anstream::eprintln!("bigseg: listening at http://{address}/");
    }
    systemd::tell("READY=1");
    let can_draw =
        std::io::stdout().is_terminal() && std::env::var_os("TERM").is_none_or(|term| term != "dumb");
    let mut terminal = can_draw.then(TerminalView::open);
    let mut lines = log_lines::Lines::default();
    loop {
        match &mut terminal {
            Some(view) => view.draw(&registry.integrations())?,
            None => lines.print(&registry.integrations()),
        }
        match signals.recv_timeout(TICK) {
            Ok(Signal::End) => break,
            Ok(Signal::Reload) => {
                let said = match registry.reload() {
                    Ok(report) => format!(
                        "bigseg: reloaded {}: {} started, {} changed, {} stopped, {} unchanged",
                        path.display(),
                        report.started,
                        report.changed,
                        report.stopped,
                        report.unchanged
                    ),
                    Err(problems) => format!("bigseg: not reloaded, going on as before:\n{problems}"),
                };
                match &mut terminal {
                    Some(view) => view.note(said),
                    None => anstream::eprintln!("{said}"),
                }
            }
            Err(_) => {}
        }
    }
    systemd::tell("STOPPING=1");
    drop(terminal);
    anstream::eprintln!("bigseg: stopping; transactions under way are finished");
    tasks.cancel();
    registry.close_blocking();
    lines.print(&registry.integrations());
    Ok(Exit::Success)
}
