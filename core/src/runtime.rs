//! Our own tokio runtime: the only place that starts tasks and threads, and the only one that knows about `fork`.
//!
//! One runtime serves every engine of the process; it starts with the first and stops with the last. Nothing here
//! ever adopts a runtime of the host application, and no foreign code ever runs on a reactor thread.

use std::cell::RefCell;
use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Once, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard, Weak};
use std::task::{Context, Poll};
use std::time::Duration;

use parking_lot::Mutex;
use tokio::task::{JoinHandle, JoinSet};

use crate::clock::{Clock, Moment};
use crate::error::{Error, ErrorKind, Result};

/// A boxed future, as the store traits return them.
pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

const WORKERS: usize = 2;
/// Blocking threads are for foreign code (listeners, completions, custom stores); an idle one ends after a while.
const BLOCKING_THREADS: usize = 64;
const SHUTDOWN_PATIENCE: Duration = Duration::from_secs(2);

static FORKS: AtomicU32 = AtomicU32::new(0);
static SHARED: Mutex<Weak<Runtime>> = Mutex::new(Weak::new());

/// Tells whether the process it was taken in is still this one; a check costs one relaxed load.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ProcessStamp(u32);

/// Held for reading by whoever holds a lock of the whole process, and for writing by whoever forks: in a child, a lock that
/// another thread held would stay locked for ever. It is one of the standard library's, which keep no list of waiters.
static FORK_GATE: RwLock<()> = RwLock::new(());

thread_local! {
    static FORKING: RefCell<Option<RwLockWriteGuard<'static, ()>>> = const { RefCell::new(None) };
}

/// Holds off `fork` in this process for as long as the result lives, which must be moments only, without foreign code.
///
/// To be called before locking anything that every process has one of, and that a child uses as it finds it; not twice by one
/// thread, since whoever forks comes before those who ask later.
pub(crate) fn hold_off_fork() -> RwLockReadGuard<'static, ()> {
    watch_forks();
    FORK_GATE.read().unwrap_or_else(PoisonError::into_inner)
}

extern "C" fn before_fork() {
    let gate = FORK_GATE.write().unwrap_or_else(PoisonError::into_inner);
    FORKING.set(Some(gate));
}

extern "C" fn after_fork_in_parent() {
    FORKING.set(None);
}

extern "C" fn after_fork_in_child() {
    FORKS.fetch_add(1, Ordering::Relaxed);
    FORKING.set(None);
}

fn watch_forks() {
    static REGISTER: Once = Once::new();
    REGISTER.call_once(|| {
        // SAFETY: the handlers only touch atomics and locks of this module, which no thread can hold in a child.
        unsafe {
            libc::pthread_atfork(Some(before_fork), Some(after_fork_in_parent), Some(after_fork_in_child))
        };
    });
}

impl ProcessStamp {
    /// Stamps this process.
    pub fn current() -> Self {
        watch_forks();
        Self(FORKS.load(Ordering::Relaxed))
    }

    /// Returns whether the process has been forked since: threads, sockets and file locks are then gone.
    pub fn is_stale(self) -> bool {
        self.0 != FORKS.load(Ordering::Relaxed)
    }

    /// Fails with [`ErrorKind::Forked`] in a child process.
    pub fn check(self) -> Result<()> {
        if self.is_stale() {
            return Err(Error::new(
                ErrorKind::Forked,
                "the engine was opened before fork(); open it in the child process, after fork()",
            ));
        }
        Ok(())
    }
}

/// A handle on the shared runtime; the last one to go stops it.
pub struct Runtime {
    tokio: Option<tokio::runtime::Runtime>,
    stamp: ProcessStamp,
}

impl Runtime {
    /// Returns the runtime of this process, starting it when nobody holds one.
    ///
    /// # Errors
    /// [`ErrorKind::Internal`] when the machine refuses more threads.
    pub fn shared() -> Result<Arc<Self>> {
        let _gate = hold_off_fork();
        let mut shared = SHARED.lock();
        if let Some(runtime) = shared.upgrade().filter(|runtime| !runtime.stamp.is_stale()) {
            return Ok(runtime);
        }
        let stamp = ProcessStamp::current();
        let tokio = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(WORKERS)
            .max_blocking_threads(BLOCKING_THREADS)
            .thread_name("bigseg")
            .enable_all()
            .build()
            .map_err(|e| Error::with_source(ErrorKind::Internal, "cannot start the engine's threads", e))?;
        let runtime = Arc::new(Self { tokio: Some(tokio), stamp });
        *shared = Arc::downgrade(&runtime);
        Ok(runtime)
    }

    fn handle(&self) -> &tokio::runtime::Handle {
        self.tokio.as_ref().expect("only drop takes the runtime").handle()
    }

    /// Starts a task as a member of a set.
    pub fn spawn_in(&self, set: &mut JoinSet<()>, task: impl Future<Output = ()> + Send + 'static) {
        set.spawn_on(task, self.handle());
    }

    /// Runs foreign or blocking code on a thread of its own, away from the reactor.
    pub fn run_blocking<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> JoinHandle<T> {
        self.handle().spawn_blocking(work)
    }

    /// Polls a future with this runtime around it, for libraries whose timers and tasks need one; may be awaited on any
    /// executor.
    pub fn surround<F: Future>(&self, work: F) -> impl Future<Output = F::Output> + use<'_, F> {
        Surrounded { runtime: self, work: Some(Box::pin(work)) }
    }

    /// Completes once `clock` has reached `deadline`; may be awaited on any executor.
    pub fn sleep_until(&self, clock: &Clock, deadline: Moment) -> BoxFuture<'static, ()> {
        match clock {
            Clock::System if deadline == Moment::NEVER => Box::pin(std::future::pending()),
            Clock::System => {
                let duration = deadline.since(clock.now());
                let _context = self.handle().enter();
                Box::pin(tokio::time::sleep(duration))
            }
            Clock::Manual(manual) => {
                let manual = manual.clone();
                Box::pin(async move { manual.reached(deadline).await })
            }
        }
    }
}

/// A future that sees the runtime around it wherever it is polled, or given up.
struct Surrounded<'a, F> {
    runtime: &'a Runtime,
    work: Option<Pin<Box<F>>>,
}

impl<F: Future> Future for Surrounded<'_, F> {
    type Output = F::Output;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<F::Output> {
        let _runtime = self.runtime.handle().enter();
        self.work.as_mut().expect("only drop takes it").as_mut().poll(context)
    }
}

impl<F> Drop for Surrounded<'_, F> {
    fn drop(&mut self) {
        let _runtime = self.runtime.handle().enter();
        self.work = None;
    }
}

impl Drop for Runtime {
    fn drop(&mut self) {
        let Some(tokio) = self.tokio.take() else { return };
        if self.stamp.is_stale() {
            // Its threads do not exist in this process; waiting for them would hang for ever.
            std::mem::forget(tokio);
        } else if tokio::runtime::Handle::try_current().is_ok() {
            // Dropped on one of its own threads, or on an executor of the host: neither may block.
            tokio.shutdown_background();
        } else {
            tokio.shutdown_timeout(SHUTDOWN_PATIENCE);
        }
    }
}
