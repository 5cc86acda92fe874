//! The library's own tokio runtime: the only place that starts tasks and threads, and that watches
//! `fork`.
//!
//! One runtime serves every engine of the process. It starts with the first engine and stops with
//! the last. The library never uses a runtime of the host application, and foreign code never runs
//! on a reactor thread.

use std::cell::RefCell;
use std::fmt;
use std::future::Future;
use std::mem::ManuallyDrop;
use std::ops::Deref;
use std::pin::{Pin, pin};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Once, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard, Weak};
use std::task::{Context, Poll};
use std::time::Duration;

use futures_util::future::{Either, select};
use parking_lot::Mutex;
use tokio::runtime::Handle;
use tokio::task::{JoinHandle, JoinSet};

use crate::clock::{Clock, Moment};
use crate::error::{Error, ErrorKind, Result};

/// A boxed future, as the store traits return them.
pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

const WORKERS: usize = 2;
/// The most threads for foreign code (listeners, completions, custom stores). An idle thread ends
/// by itself.
const BLOCKING_THREADS: usize = 64;
const SHUTDOWN_TIMEOUT: Duration = Duration::from_secs(2);

static FORKS: AtomicU32 = AtomicU32::new(0);
static SHARED: Mutex<Weak<Runtime>> = Mutex::new(Weak::new());

/// The number of forks between the first process and the one in which it was taken. A check costs
/// one relaxed load.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ForkGeneration(u32);

/// Held for reading while a thread holds a process-wide lock, and for writing by `fork`: otherwise
/// a child would inherit a lock whose owner does not exist there. The standard library's lock is
/// used because it keeps no list of waiters.
static FORK_GATE: RwLock<()> = RwLock::new(());

thread_local! {
    static FORKING: RefCell<Option<RwLockWriteGuard<'static, ()>>> = const { RefCell::new(None) };
}

/// Delays `fork` in this process while the guard lives. Hold it for moments only, and never across
/// foreign code.
///
/// Take it before locking anything process-wide that a child also uses. A thread must not take it
/// twice: a waiting `fork` has priority over later readers.
pub(crate) fn fork_guard() -> RwLockReadGuard<'static, ()> {
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
        // SAFETY: the handlers only touch atomics and locks of this module, which no thread can
        // hold in a child.
        unsafe {
            libc::pthread_atfork(Some(before_fork), Some(after_fork_in_parent), Some(after_fork_in_child))
        };
    });
}

impl ForkGeneration {
    /// Returns the generation of this process.
    pub fn current() -> Self {
        watch_forks();
        Self(FORKS.load(Ordering::Relaxed))
    }

    /// Returns whether this is a child, forked later: threads, sockets and file locks do not exist
    /// here.
    #[inline]
    pub fn is_stale(self) -> bool {
        self.0 != FORKS.load(Ordering::Relaxed)
    }

    /// Fails with [`ErrorKind::Forked`] in a child process.
    #[inline]
    pub fn check(self) -> Result<()> {
        if self.is_stale() { Err(forked()) } else { Ok(()) }
    }
}

#[cold]
fn forked() -> Error {
    Error::new(
        ErrorKind::Forked,
        "the engine was opened before fork(); open it in the child process, after fork()",
    )
}

/// A value that is leaked instead of dropped in a forked child.
///
/// Its drop may take a lock, and the child may have inherited that lock from a thread that exists
/// only in the parent.
pub struct LeakAfterFork<T> {
    value: ManuallyDrop<T>,
    generation: ForkGeneration,
}

impl<T> LeakAfterFork<T> {
    /// Wraps a value of this process.
    pub fn new(value: T) -> Self {
        Self { value: ManuallyDrop::new(value), generation: ForkGeneration::current() }
    }

    /// Returns the generation of the process that created the value.
    pub fn generation(&self) -> ForkGeneration {
        self.generation
    }
}

impl<T: Clone> Clone for LeakAfterFork<T> {
    fn clone(&self) -> Self {
        Self { value: self.value.clone(), generation: self.generation }
    }
}

impl<T> Deref for LeakAfterFork<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.value
    }
}

impl<T> Drop for LeakAfterFork<T> {
    fn drop(&mut self) {
        if !self.generation.is_stale() {
            // SAFETY: nothing uses the value after drop, and nothing dropped it before.
            unsafe { ManuallyDrop::drop(&mut self.value) };
        }
    }
}

/// An operation that has not started: await it, or block the thread with [`wait`](Self::wait).
#[must_use = "an operation does nothing until it is awaited or waited for"]
pub struct Operation<'a, T>(BoxFuture<'a, T>);

impl<'a, T> Operation<'a, T> {
    /// Wraps a future, which any executor may poll.
    pub fn new(work: impl Future<Output = T> + Send + 'a) -> Self {
        Self(Box::pin(work))
    }

    /// Runs the operation, and blocks the thread until it is done.
    pub fn wait(self) -> T {
        pollster::block_on(self.0)
    }
}

impl<'a, T> IntoFuture for Operation<'a, T> {
    type Output = T;
    type IntoFuture = BoxFuture<'a, T>;

    fn into_future(self) -> BoxFuture<'a, T> {
        self.0
    }
}

/// The deadline passed before the work was done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Elapsed;

impl fmt::Display for Elapsed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the deadline has elapsed")
    }
}

impl std::error::Error for Elapsed {}

/// A handle on the shared runtime. Dropping the last handle stops it.
pub struct Runtime {
    tokio: Option<tokio::runtime::Runtime>,
    generation: ForkGeneration,
}

impl Runtime {
    /// Returns the runtime of this process, and starts it if there is none.
    ///
    /// # Errors
    /// [`ErrorKind::Internal`] when the machine refuses more threads.
    pub fn shared() -> Result<Arc<Self>> {
        let _guard = fork_guard();
        let mut shared = SHARED.lock();
        if let Some(runtime) = shared.upgrade().filter(|runtime| !runtime.generation.is_stale()) {
            return Ok(runtime);
        }
        let generation = ForkGeneration::current();
        let tokio = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(WORKERS)
            .max_blocking_threads(BLOCKING_THREADS)
            .thread_name("bigseg")
            .enable_all()
            .build()
            .map_err(|e| Error::with_source(ErrorKind::Internal, "cannot start the engine's threads", e))?;
        let runtime = Arc::new(Self { tokio: Some(tokio), generation });
        *shared = Arc::downgrade(&runtime);
        Ok(runtime)
    }

    /// Returns the handle of the tokio runtime.
    pub(crate) fn handle(&self) -> &Handle {
        self.tokio.as_ref().expect("only drop takes the runtime").handle()
    }

    /// Starts a task as a member of a set; dropping the set aborts its tasks.
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

    /// Polls and drops a future inside this runtime's context, for libraries whose timers and tasks
    /// need one. The result may be awaited on any executor.
    pub fn in_context<F: Future>(&self, work: F) -> impl Future<Output = F::Output> + use<'_, F> {
        InContext { runtime: self, work: Some(Box::pin(work)) }
    }

    /// Completes once `clock` has reached `deadline`. The result may be awaited on any executor.
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

    /// Runs `work` until it completes or `clock` reaches `at`. Work that is done at the deadline
    /// counts as done. The result may be awaited on any executor.
    ///
    /// # Errors
    /// [`Elapsed`] when the deadline came first; `work` is dropped.
    pub async fn deadline<T>(
        &self,
        clock: &Clock,
        at: Moment,
        work: impl Future<Output = T>,
    ) -> Result<T, Elapsed> {
        match select(pin!(work), self.sleep_until(clock, at)).await {
            Either::Left((value, _)) => Ok(value),
            Either::Right(_) => Err(Elapsed),
        }
    }
}

/// A future that is polled and dropped in the runtime's context.
struct InContext<'a, F> {
    runtime: &'a Runtime,
    work: Option<Pin<Box<F>>>,
}

impl<F: Future> Future for InContext<'_, F> {
    type Output = F::Output;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<F::Output> {
        let _runtime = self.runtime.handle().enter();
        self.work.as_mut().expect("only drop takes it").as_mut().poll(context)
    }
}

impl<F> Drop for InContext<'_, F> {
    fn drop(&mut self) {
        let _runtime = self.runtime.handle().enter();
        self.work = None;
    }
}

impl Drop for Runtime {
    fn drop(&mut self) {
        let Some(tokio) = self.tokio.take() else { return };
        if self.generation.is_stale() {
            // Its threads do not exist in this process; waiting for them would hang for ever.
            std::mem::forget(tokio);
        } else if Handle::try_current().is_ok() {
            // Dropped on one of its own threads, or on an executor of the host: neither may block.
            tokio.shutdown_background();
        } else {
            tokio.shutdown_timeout(SHUTDOWN_TIMEOUT);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::ManualClock;

    #[test]
    fn work_that_is_done_at_the_deadline_counts_as_done() {
        let runtime = Runtime::shared().unwrap();
        let manual = ManualClock::new(0);
        let clock = Clock::Manual(manual.clone());
        let at = clock.now();
        manual.advance(Duration::from_secs(1));
        let done = pollster::block_on(runtime.deadline(&clock, at, async { 7 }));
        assert_eq!(done, Ok(7));
        let late = pollster::block_on(runtime.deadline(&clock, at, std::future::pending::<()>()));
        assert_eq!(late, Err(Elapsed));
    }
}
