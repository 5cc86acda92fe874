//! `cargo bench -p bigseg-ffi`: compares a cached answer through the C ABI to the same in Rust,
//! alternately.
//!
//! The shared library is loaded as a C program loads it, so nothing is inlined across the C ABI.

#[path = "../tests/library/mod.rs"]
#[allow(dead_code, reason = "the tests use more of it")]
mod library;
#[path = "../../core/benches/engine/population.rs"]
#[allow(dead_code, reason = "the core's benchmarks use more of it")]
mod population;
#[path = "../../core/benches/engine/rounds.rs"]
#[allow(dead_code, reason = "the core's benchmarks use more of it")]
mod rounds;

use std::ffi::{CString, c_char, c_void};
use std::ptr::{null, null_mut};
use std::sync::Arc;
use std::time::Duration;

use bigseg::store::StoreConfig;
use bigseg::{Engine, EngineConfig};
use library::Library;
use population::{fill, key, scatter};
use rounds::compare;

const CONTEXTS: usize = 1_000;
const CALLS: usize = 200_000;

#[repr(C)]
struct Str {
    data: *const c_char,
    length: usize,
}

impl Str {
    fn of(text: &str) -> Self {
        Self { data: text.as_ptr().cast(), length: text.len() }
    }
}

type New = unsafe extern "C" fn() -> *mut c_void;
type SetStr = unsafe extern "C" fn(*mut c_void, Str) -> u32;
type SetNumber = unsafe extern "C" fn(*mut c_void, u64) -> u32;
type Open = unsafe extern "C" fn(*mut c_void, *mut *mut c_void, *mut *mut c_void) -> u32;
type Lookup = unsafe extern "C" fn(*const c_void, Str, *mut *const c_void, *mut u32, *mut *mut c_void) -> u32;
type FreeConst = unsafe extern "C" fn(*const c_void);
type Free = unsafe extern "C" fn(*mut c_void);

/// Loads the shared library.
fn load() -> *mut c_void {
    let path = Library::built().directory.join("libbigseg.so");
    let path = CString::new(path.to_string_lossy().as_bytes()).expect("no NUL");
    // SAFETY: the path is NUL-terminated.
    let library = unsafe { libc::dlopen(path.as_ptr(), libc::RTLD_NOW | libc::RTLD_LOCAL) };
    assert!(!library.is_null(), "the library loads");
    library
}

/// Returns a function of the library.
///
/// # Safety
/// `F` is the type of the function.
unsafe fn symbol<F: Copy>(library: *mut c_void, name: &str) -> F {
    let name = CString::new(name).expect("no NUL");
    // SAFETY: the library is loaded, and the name is NUL-terminated.
    let address = unsafe { libc::dlsym(library, name.as_ptr()) };
    assert!(!address.is_null(), "{name:?} is exported");
    // SAFETY: all function pointers have the same size, and the caller guarantees the type.
    unsafe { std::mem::transmute_copy(&address) }
}

fn main() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    // One file each: the two copies of the storage library must not open the same file.
    let [store, store_of_c] = ["rust", "c"].map(|name| {
        let store = format!("local:{}", directory.path().join(name).display());
        fill(
            store.parse::<StoreConfig>().expect("a good store string").writer().expect("it opens"),
            CONTEXTS,
        );
        store
    });
    let keys: Vec<String> = (0..CONTEXTS).map(key).collect();
    let hour = Duration::from_secs(3600);

    let library = load();
    // SAFETY: the types are those of the header, and every pointer below is live.
    unsafe {
        let config = symbol::<New>(library, "bigseg_config_new")();
        symbol::<SetStr>(library, "bigseg_config_set_store")(config, Str::of(&store_of_c));
        symbol::<SetNumber>(library, "bigseg_config_set_context_cache_time")(config, hour.as_millis() as u64);
        let mut engine = null_mut();
        assert_eq!(symbol::<Open>(library, "bigseg_engine_open")(config, &mut engine, null_mut()), 0);
        let membership = symbol::<Lookup>(library, "bigseg_engine_membership");
        let cached = symbol::<Lookup>(library, "bigseg_engine_cached");
        let free = symbol::<FreeConst>(library, "bigseg_membership_free");
        let (mut found, mut status) = (null(), 0);
        for key in &keys {
            assert_eq!(membership(engine, Str::of(key), &mut found, &mut status, null_mut()), 0);
            free(found);
        }

        let config = EngineConfig::new(&store).expect("good").with_context_cache_time(hour);
        let rust = Arc::new(Engine::open(config).expect("it opens"));
        for key in &keys {
            rust.membership(key).wait().expect("usable");
        }

        let through_c = |key: &str, found: &mut *const c_void, status: &mut u32| {
            assert_eq!(cached(engine, Str::of(key), found, status, null_mut()), 0);
            free(*found);
        };
        println!("| what | floor | engine | ratio |\n|---|---|---|---|");
        compare(
            "cached through C, one hot key (floor: from Rust)",
            CALLS,
            |_| rust.membership(&keys[500]).cached().expect("usable").expect("cached"),
            |_| through_c(&keys[500], &mut found, &mut status),
        );
        compare(
            "cached through C, random keys among 1000 (floor: from Rust)",
            CALLS,
            |i| rust.membership(&keys[scatter(i, CONTEXTS)]).cached().expect("usable").expect("cached"),
            |i| through_c(&keys[scatter(i, CONTEXTS)], &mut found, &mut status),
        );
        symbol::<Free>(library, "bigseg_engine_free")(engine);
    }
}
