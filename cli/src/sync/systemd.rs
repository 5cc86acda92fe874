//! Reports the state of the service to systemd (`Type=notify`). Does nothing if `NOTIFY_SOCKET` is
//! not set, and on systems without systemd.

/// Reports that all integrations are started.
pub(super) fn notify_ready() {
    #[cfg(target_os = "linux")]
    notify(sd_notify::NotifyState::Ready);
}

/// Reports that the service is stopping.
pub(super) fn notify_stopping() {
    #[cfg(target_os = "linux")]
    notify(sd_notify::NotifyState::Stopping);
}

#[cfg(target_os = "linux")]
fn notify(state: sd_notify::NotifyState<'_>) {
    if let Err(e) = sd_notify::notify(&[state]) {
        log::debug!("notifying systemd: {e}");
    }
}
