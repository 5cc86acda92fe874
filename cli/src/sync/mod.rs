//! `bigseg sync`: runs integrations until a signal arrives, and shows their state on a terminal, in
//! log lines and over HTTP.

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

use bigseg::__internal::runtime::Runtime;
use bigseg::__internal::tasks::TaskGroup;
use bigseg::integration::{FileProblems, Registry, RegistryConfig};

use crate::exit::Exit;
use crate::failure::Failure;
use log_lines::LogLines;
use signals::Signal;
use terminal::TerminalView;

/// The interval at which the terminal view and the log lines are updated.
const UPDATE_INTERVAL: Duration = Duration::from_millis(250);

/// Returns the failure of an invalid configuration file.
pub(crate) fn invalid_file(path: &Path, problems: &FileProblems) -> Failure {
    let list: String = problems.0.iter().map(|problem| format!("\n  {problem}")).collect();
    Failure::new(Exit::Data, format!("{} is invalid:{list}", path.display()))
}

/// Runs the integrations of a file until a signal ends the command.
pub(crate) fn run(
    config: RegistryConfig,
    listen: Option<(SocketAddr, Option<Token>)>,
) -> Result<Exit, Failure> {
    let path = config.path.clone();
    let tasks = Arc::new(TaskGroup::new(Runtime::shared()?));
    let signals = signals::listen(&tasks)?;
    let registry = Arc::new(Registry::open(config).map_err(|problems| invalid_file(&path, &problems))?);
    if let Some((address, token)) = listen {
        let address = server::start(&tasks, registry.clone(), address, token)?;
        anstream::eprintln!("bigseg: listening at http://{address}/");
    }
    systemd::notify_ready();
    let mut terminal = can_draw().then(TerminalView::open);
    let mut log_lines = LogLines::default();
    loop {
        match &mut terminal {
            Some(view) => view.draw(&registry.integrations())?,
            None => log_lines.print_changes(&registry.integrations()),
        }
        match signals.recv_timeout(UPDATE_INTERVAL) {
            Ok(Signal::End) => break,
            Ok(Signal::Reload) => {
                let message = reload(&registry, &path);
                match &mut terminal {
                    Some(view) => view.show_message(message),
                    None => anstream::eprintln!("{message}"),
                }
            }
            Err(_) => {}
        }
    }
    systemd::notify_stopping();
    drop(terminal);
    anstream::eprintln!("bigseg: stopping; running transactions are finished");
    tasks.cancel();
    registry.close().wait();
    log_lines.print_changes(&registry.integrations());
    Ok(Exit::Success)
}

/// Returns whether standard output is a terminal that can be redrawn.
fn can_draw() -> bool {
    std::io::stdout().is_terminal() && std::env::var_os("TERM").is_none_or(|term| term != "dumb")
}

/// Reloads the file; returns a message for people.
fn reload(registry: &Registry, path: &Path) -> String {
    match registry.reload() {
        Ok(summary) => format!(
            "bigseg: reloaded {}: {} started, {} changed, {} stopped, {} unchanged",
            path.display(),
            summary.started,
            summary.changed,
            summary.stopped,
            summary.unchanged
        ),
        Err(problems) => format!("bigseg: not reloaded, nothing changed:\n{problems}"),
    }
}
