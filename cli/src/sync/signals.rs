//! The signals of a service manager.

use std::sync::mpsc::{Receiver, channel};

use bigseg::__internal::tasks::TaskGroup;
use tokio::signal::unix::{SignalKind, signal};

use crate::failure::Failure;

/// The request that a signal makes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Signal {
    End,
    Reload,
}

/// Starts to listen to signals; blocks until the handlers are installed.
pub(super) fn listen(tasks: &TaskGroup) -> Result<Receiver<Signal>, Failure> {
    let (sender, receiver) = channel();
    for (kind, request) in [
        (SignalKind::interrupt(), Signal::End),
        (SignalKind::terminate(), Signal::End),
        (SignalKind::hangup(), Signal::Reload),
    ] {
        let sender = sender.clone();
        let token = tasks.token().clone();
        let (installed, installation) = channel();
        tasks.spawn(async move {
            let mut signals = match signal(kind) {
                Ok(signals) => signals,
                // The receiver waits for this message.
                Err(e) => return drop(installed.send(Err(e))),
            };
            let _ = installed.send(Ok(()));
            while token.run_until_cancelled(signals.recv()).await.flatten().is_some() {
                // Fails when the command has ended.
                let _ = sender.send(request);
            }
        });
        let result = installation.recv().unwrap_or_else(|_| Err(std::io::Error::other("the task ended")));
        result.map_err(|e| Failure::io("listening to signals", &e))?;
    }
    Ok(receiver)
}
