//! The signals that a supervisor sends.

use std::sync::mpsc::{Receiver, channel};

use bigseg_core::tasks::TaskGroup;
use tokio::signal::unix::{SignalKind, signal};

use crate::failure::Failure;

/// What a signal asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Signal {
    End,
    Reload,
}

/// Hears signals from now on; blocks until that is sure.
pub(super) fn listen(tasks: &TaskGroup) -> Result<Receiver<Signal>, Failure> {
    let (sender, receiver) = channel();
    for (kind, meaning) in [
        (SignalKind::interrupt(), Signal::End),
        (SignalKind::terminate(), Signal::End),
        (SignalKind::hangup(), Signal::Reload),
    ] {
        let (sender, stop) = (sender.clone(), tasks.token().clone());
        let (ready, readiness) = channel();
        tasks.spawn(async move {
            let mut heard = match signal(kind) {
                Ok(heard) => heard,
                // The other end waits for it.
                Err(e) => return drop(ready.send(Err(e))),
            };
            let _ = ready.send(Ok(()));
            while stop.run_until_cancelled(heard.recv()).await.flatten().is_some() {
                // Fails when the command is over.
                let _ = sender.send(meaning);
            }
        });
        let outcome = readiness.recv().unwrap_or_else(|_| Err(std::io::Error::other("the task ended")));
        outcome.map_err(|e| Failure::io("listening to signals", &e))?;
    }
    Ok(receiver)
}
