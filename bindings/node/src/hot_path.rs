//! The functions that lookups call, in raw Node-API: the conversions of napi cost several times
//! more than a cached lookup.
//!
//! Each is a plain function whose `data` is the engine, so no `this` has to be unwrapped. A key is
//! read into a buffer on the stack. Small numbers are return values; others go through shared
//! memory.

use std::ffi::{CStr, c_void};
use std::ptr;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use bigseg::engine::Leased;
use bigseg::{Answer, ContextHash, ContextKey, Epoch, Error, ErrorKind, Result};
use napi_sys as sys;

use crate::answer_codec::age_millis;
use crate::engine_state::{EngineState, L1_SLOTS, SHARED_BYTES, SharedMemory};
use crate::evaluation::Query;
use crate::raw_call::{Call, guard_number, guard_value, ok, set_property};

type Function = unsafe extern "C" fn(sys::napi_env, sys::napi_callback_info) -> sys::napi_value;

/// Gives `object` the functions of an engine, and the memory they share with JavaScript.
pub(crate) fn define(env: sys::napi_env, object: sys::napi_value, state: Rc<EngineState>) -> Option<()> {
    let mut memory = ptr::null_mut();
    let mut shared = ptr::null_mut();
    // SAFETY: on the thread of the environment, within a handle scope.
    ok(unsafe { sys::napi_create_arraybuffer(env, SHARED_BYTES, &mut memory, &mut shared) })?;
    state.shared.set(Some(SharedMemory(memory.cast())));
    set_property(env, object, c"shared", shared)?;
    if let Some(epoch) = epoch_buffer(env, &state) {
        set_property(env, object, c"epoch", epoch)?;
    }
    let functions: [(&CStr, Function); 8] = [
        (c"cached", cached),
        (c"cachedByHash", cached_by_hash),
        (c"lookupNow", lookup_now),
        (c"lookupNowByHash", lookup_now_by_hash),
        (c"recordL1Hits", record_l1_hits),
        (c"startLookups", start_lookups),
        (c"evaluateNow", evaluate_now),
        (c"recordEvaluationHit", record_evaluation_hit),
    ];
    for (name, function) in functions {
        let data = Rc::into_raw(state.clone()).cast::<c_void>().cast_mut();
        let mut value = ptr::null_mut();
        // SAFETY: on the thread of the environment. The function owns one reference to the state,
        // which `release_state` drops, and its property `shared` keeps the shared memory alive.
        unsafe {
            ok(sys::napi_create_function(
                env,
                name.as_ptr(),
                name.count_bytes() as isize,
                Some(function),
                data,
                &mut value,
            ))?;
            let finalizer = Some(release_state as FinalizeCallback);
            ok(sys::napi_add_finalizer(env, value, data, finalizer, ptr::null_mut(), ptr::null_mut()))?;
        }
        set_property(env, value, c"shared", shared)?;
        set_property(env, object, name, value)?;
    }
    Some(())
}

type FinalizeCallback = unsafe extern "C" fn(sys::napi_env, *mut c_void, *mut c_void);

/// Shares the engine's epoch with JavaScript: a number that changes when cached answers become
/// invalid.
///
/// Returns `None` where the host forbids buffers with foreign memory, as Electron does. The package
/// then has no L1 cache.
fn epoch_buffer(env: sys::napi_env, state: &Rc<EngineState>) -> Option<sys::napi_value> {
    let epoch = state.engine.epoch().clone();
    let data = epoch.as_ptr().cast::<c_void>();
    let owner = Arc::into_raw(epoch).cast::<c_void>().cast_mut();
    let mut buffer = ptr::null_mut();
    // SAFETY: the memory lives until `release_epoch`; JavaScript only reads it, atomically.
    let status = unsafe {
        sys::napi_create_external_arraybuffer(env, data, 4, Some(release_epoch), owner, &mut buffer)
    };
    if ok(status).is_none() {
        // SAFETY: the buffer was not created, so nothing else owns the epoch.
        drop(unsafe { Arc::from_raw(owner.cast::<Epoch>()) });
        return None;
    }
    Some(buffer)
}

unsafe extern "C" fn release_epoch(_env: sys::napi_env, _data: *mut c_void, owner: *mut c_void) {
    // SAFETY: the pointer comes from `epoch_buffer`, and Node calls this once.
    drop(unsafe { Arc::from_raw(owner.cast::<Epoch>()) });
}

unsafe extern "C" fn release_state(_env: sys::napi_env, state: *mut c_void, _hint: *mut c_void) {
    // SAFETY: the pointer comes from `define`, and Node calls this once for each function.
    drop(unsafe { Rc::from_raw(state.cast::<EngineState>().cast_const()) });
}

/// `cached(key, slot)` returns the code of the cached answer, or -1.
///
/// The numbers are its age and how long it is valid. JavaScript will keep the answer in the slot.
unsafe extern "C" fn cached(env: sys::napi_env, info: sys::napi_callback_info) -> sys::napi_value {
    guard_number(env, info, |call| {
        let hash = key_hash(call)?;
        cached_code(call, hash)
    })
}

/// `cachedByHash(hash, slot)` returns the code of the cached answer, or -1.
unsafe extern "C" fn cached_by_hash(env: sys::napi_env, info: sys::napi_callback_info) -> sys::napi_value {
    guard_number(env, info, |call| {
        let hash = call.text(0, |text| ContextHash::parse(text))?;
        cached_code(call, hash)
    })
}

/// `lookupNow(key)` returns the code of an answer from the cache or from an embedded store.
unsafe extern "C" fn lookup_now(env: sys::napi_env, info: sys::napi_callback_info) -> sys::napi_value {
    guard_number(env, info, |call| {
        let hash = key_hash(call)?;
        lookup_now_code(call, hash)
    })
}

/// `lookupNowByHash(hash)` returns the code of an answer from the cache or from an embedded store.
unsafe extern "C" fn lookup_now_by_hash(
    env: sys::napi_env,
    info: sys::napi_callback_info,
) -> sys::napi_value {
    guard_number(env, info, |call| {
        let hash = call.text(0, |text| ContextHash::parse(text))?;
        lookup_now_code(call, hash)
    })
}

/// `recordL1Hits(count, hits)`: the shared memory has the slots of `count` answers, in the order of
/// their last use; they were used `hits` times in total.
unsafe extern "C" fn record_l1_hits(env: sys::napi_env, info: sys::napi_callback_info) -> sys::napi_value {
    guard_number(env, info, |call| {
        let count = call.number(0) as usize;
        let hits = call.number(1) as u64;
        let slots = call.state.l1_slots.borrow();
        let shared = shared_memory(call);
        let used = (0..count.min(L1_SLOTS)).filter_map(|index| slots.get(shared.l1_hit(index)).copied());
        let used: Vec<ContextHash> = used.collect();
        call.state.engine.record_l1_hits(&used, hits);
        Ok(0)
    })
}

/// `startLookups(callId, texts, areHashes, deadline)` starts several lookups; a deadline of 0 is
/// the engine's.
unsafe extern "C" fn start_lookups(env: sys::napi_env, info: sys::napi_callback_info) -> sys::napi_value {
    guard_number(env, info, |call| {
        let are_hashes = call.number(2) != 0.0;
        let mut hashes = Vec::new();
        call.texts(1, &mut |text| {
            hashes.push(if are_hashes {
                ContextHash::parse(text)?
            } else {
                ContextKey::from_bytes(text)?.hash()
            });
            Ok(())
        })?;
        let deadline = match call.number(3) {
            milliseconds if milliseconds > 0.0 => Duration::try_from_secs_f64(milliseconds / 1e3).ok(),
            _ => None,
        };
        call.state.start_lookups(env, call.number(0) as u32, hashes, deadline.unwrap_or(Duration::MAX));
        Ok(0)
    })
}

/// `evaluateNow(query, key, context)` returns JSON, or an empty text if the store would have to be
/// queried. The second number is how long the result is valid.
unsafe extern "C" fn evaluate_now(env: sys::napi_env, info: sys::napi_callback_info) -> sys::napi_value {
    guard_value(env, info, |call| {
        let query = Query::from_number(call.number(0));
        let context = call.context(2)?;
        let engine = &call.state.engine;
        let result = call.text(1, |key| query.evaluate_now(engine, utf8(key)?, context))?;
        let Some(Leased { answer, valid_for }) = result else { return Ok(call.text_value("")) };
        shared_memory(call).set_numbers(0.0, valid_for.as_secs_f64() * 1e3);
        Ok(call.text_value(&answer))
    })
}

/// `recordEvaluationHit(query, key, context)` records that JavaScript returned a kept result.
unsafe extern "C" fn record_evaluation_hit(
    env: sys::napi_env,
    info: sys::napi_callback_info,
) -> sys::napi_value {
    guard_number(env, info, |call| {
        let query = Query::from_number(call.number(0));
        let context = call.context(2)?;
        call.text(1, |key| query.record_l1_hit(&call.state.engine, utf8(key)?, context))?;
        Ok(0)
    })
}

fn shared_memory(call: &Call<'_>) -> SharedMemory {
    call.state.shared.get().expect("set before the functions were created")
}

fn key_hash(call: &Call<'_>) -> Result<ContextHash> {
    call.text(0, |key| Ok(ContextKey::from_bytes(key)?.hash()))
}

fn utf8(text: &[u8]) -> Result<&str> {
    // Node-API writes only valid UTF-8.
    std::str::from_utf8(text).map_err(|_| Error::new(ErrorKind::InvalidArgument, "a key is a string"))
}

fn cached_code(call: &Call<'_>, hash: ContextHash) -> Result<i64> {
    let Some(leased) = call.state.engine.membership(hash).leased().cached()? else { return Ok(-1) };
    let valid_for = leased.valid_for.as_secs_f64() * 1e3;
    shared_memory(call).set_numbers(age_millis(&leased.answer), valid_for);
    let slot = call.number(1) as usize;
    if let Some(context) = call.state.l1_slots.borrow_mut().get_mut(slot) {
        *context = hash;
    }
    Ok(answer_code(call, &leased.answer))
}

fn lookup_now_code(call: &Call<'_>, hash: ContextHash) -> Result<i64> {
    if !call.state.is_embedded {
        return Err(Error::new(
            ErrorKind::Unsupported,
            "this store cannot answer without waiting; use membership() or cached() instead",
        ));
    }
    let answer = call.state.engine.membership(hash).wait()?;
    shared_memory(call).set_numbers(age_millis(&answer), 0.0);
    let code = answer_code(call, &answer);
    *call.state.last_failure.borrow_mut() = answer.error;
    Ok(code)
}

fn answer_code(call: &Call<'_>, answer: &Answer) -> i64 {
    let mut table = call.state.table.borrow_mut();
    table.clear_temporary();
    table.code(answer) as i64
}
