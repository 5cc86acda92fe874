//! What is cached is answered without touching the allocator.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::hint::black_box;

use bigseg::{ContextKey, Engine, EngineConfig};

thread_local! {
    /// How often this very thread has asked for memory.
    static ALLOCATIONS: Cell<u64> = const { Cell::new(0) };
}

struct Counting;

// SAFETY: it passes everything on to the system's allocator.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // Fails while the thread ends, when nobody counts any more.
        let _ = ALLOCATIONS.try_with(|count| count.set(count.get() + 1));
        // SAFETY: the caller's promises are the system allocator's conditions.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: as above.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static COUNTING: Counting = Counting;

fn allocations(mut work: impl FnMut()) -> u64 {
    let before = ALLOCATIONS.get();
    work();
    ALLOCATIONS.get() - before
}

#[test]
fn a_hit_allocates_nothing() {
    assert_eq!(allocations(|| drop(black_box(Box::new(1)))), 1, "the allocator does count");
    for capacity in [100, 5000] {
        let config = EngineConfig::new("memory:").unwrap().with_context_cache_size(capacity);
        let engine = Engine::open(config).unwrap();
        let keys: Vec<String> = (0..50).map(|n| format!("context-{n}")).collect();
        for key in &keys {
            engine.membership(key).wait().unwrap();
        }
        let hash = ContextKey::new(&keys[0]).unwrap().hash();
        let look_up_all = || {
            for key in &keys {
                assert!(black_box(engine.membership(key).cached().unwrap()).is_some());
                assert!(black_box(engine.membership(hash).cached().unwrap()).is_some());
                assert!(black_box(engine.membership(key).wait().unwrap()).error.is_none());
            }
        };
        // The first round may set up what belongs to this thread.
        look_up_all();
        assert_eq!(allocations(|| (0..100).for_each(|_| look_up_all())), 0, "with room for {capacity}");
        engine.close().wait();
    }
}
