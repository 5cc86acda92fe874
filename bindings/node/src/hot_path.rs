//! The functions that a lookup calls: raw Node-API, because conversions for everyone cost several times the work itself.
//!
//! Each is a plain function whose `data` is the engine, so that there is no `this` to unwrap; a key is read into a buffer on
//! the stack; small numbers go out as the return value, others through memory that both sides see.

use std::ffi::{CString, c_char, c_void};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::ptr;
use std::rc::Rc;
use std::time::Duration;

use bigseg_core::engine::Leased;
use bigseg_core::{Answer, ContextHash, ContextKey, Engine, Error, ErrorKind, Result};
use napi::bindgen_prelude::{External, FromNapiValue};
use napi_sys as sys;

use crate::answer_codec::age;
use crate::engine::EngineState;
use crate::evaluation::Question;

/// Keys up to about this many bytes are read without allocating.
const STACK_BUFFER: usize = 1024;
/// How many answers the first-level cache in JavaScript may hold; `lib/l1_cache.ts` asks for it.
pub(crate) const SLOTS: usize = 1024;
/// Numbers at the beginning of the shared memory, of 8 bytes each: an answer's age, and for how long it holds.
const NUMBERS: usize = 2;
/// The shared memory: those, and the uses of the first-level cache's slots, of 4 bytes each.
const SHARED_BYTES: usize = NUMBERS * 8 + SLOTS * 4;

type Function = unsafe extern "C" fn(sys::napi_env, sys::napi_callback_info) -> sys::napi_value;

/// Memory that JavaScript owns and both sides see, on its thread only.
#[derive(Clone, Copy)]
pub(crate) struct SharedMemory(*mut u8);

impl SharedMemory {
    fn set_numbers(&self, numbers: [f64; NUMBERS]) {
        // SAFETY: the array buffer is as long as that, aligned as every allocation is, and kept alive by the functions.
        unsafe { self.0.cast::<[f64; NUMBERS]>().write(numbers) };
    }

    fn use_at(&self, place: usize) -> usize {
        // SAFETY: as above; `place` is below `SLOTS`.
        let slot = unsafe { self.0.add(NUMBERS * 8).cast::<u32>().add(place).read() };
        slot as usize
    }
}

/// Gives `object` the functions of an engine, and the memory they share with JavaScript.
pub(crate) fn define(env: sys::napi_env, object: sys::napi_value, state: Rc<EngineState>) -> Option<()> {
    let (mut shared, mut memory) = (ptr::null_mut(), ptr::null_mut());
    // SAFETY: on the environment's thread, within a handle scope.
    ok(unsafe { sys::napi_create_arraybuffer(env, SHARED_BYTES, &mut memory, &mut shared) })?;
    state.shared.set(Some(SharedMemory(memory.cast())));
    set(env, object, c"shared", shared)?;
    if let Some(epoch) = epoch_buffer(env, &state) {
        set(env, object, c"epoch", epoch)?;
    }
    let functions: [(&std::ffi::CStr, Function); 8] = [
        (c"recall", recall),
        (c"recallByHash", recall_by_hash),
        (c"lookUpNow", look_up_now),
        (c"lookUpNowByHash", look_up_now_by_hash),
        (c"noteRepeats", note_repeats),
        (c"begin", begin),
        (c"answerNow", answer_now),
        (c"noteAnswer", note_answer),
    ];
    for (name, function) in functions {
        let data = Rc::into_raw(state.clone()).cast::<c_void>().cast_mut();
        let mut value = ptr::null_mut();
        // SAFETY: as above. The function owns one count of the engine, given back by `release`; and it holds on to the
        // shared memory.
        unsafe {
            ok(sys::napi_create_function(
                env,
                name.as_ptr(),
                name.count_bytes() as isize,
                Some(function),
                data,
                &mut value,
            ))?;
            ok(sys::napi_add_finalizer(env, value, data, Some(release), ptr::null_mut(), ptr::null_mut()))?;
        }
        set(env, value, c"shared", shared)?;
        set(env, object, name, value)?;
    }
    Some(())
}

/// Shows JavaScript the word that changes when answers may have ceased to hold. Nothing where the host forbids memory that
/// is not its own (Electron does); the package then keeps no first-level cache.
fn epoch_buffer(env: sys::napi_env, state: &Rc<EngineState>) -> Option<sys::napi_value> {
    let epoch = state.engine.epoch().clone();
    let place = epoch.as_ptr().cast::<c_void>();
    let owned = std::sync::Arc::into_raw(epoch).cast::<c_void>().cast_mut();
    let mut buffer = ptr::null_mut();
    // SAFETY: the memory lives until `release_epoch`; JavaScript only ever reads it, atomically.
    let status = unsafe {
        sys::napi_create_external_arraybuffer(env, place, 4, Some(release_epoch), owned, &mut buffer)
    };
    if ok(status).is_none() {
        // SAFETY: the buffer was not made.
        drop(unsafe { std::sync::Arc::from_raw(owned.cast::<bigseg_core::Epoch>()) });
        return None;
    }
    Some(buffer)
}

unsafe extern "C" fn release_epoch(_env: sys::napi_env, _data: *mut c_void, owned: *mut c_void) {
    // SAFETY: it comes from `epoch_buffer`, and this is called once.
    drop(unsafe { std::sync::Arc::from_raw(owned.cast::<bigseg_core::Epoch>()) });
}

unsafe extern "C" fn release(_env: sys::napi_env, state: *mut c_void, _hint: *mut c_void) {
    // SAFETY: it comes from `define`, and this is called once for each function.
    drop(unsafe { Rc::from_raw(state.cast::<EngineState>().cast_const()) });
}

/// `recall(key, slot)`: the code of the cached answer, or -1; the numbers are its age and for how long it holds. The slot is
/// where JavaScript will keep it.
unsafe extern "C" fn recall(env: sys::napi_env, info: sys::napi_callback_info) -> sys::napi_value {
    guarded(env, info, |call| {
        let hash = call.hash_of_key()?;
        call.recall(hash)
    })
}

/// `recallByHash(hash, slot)`.
unsafe extern "C" fn recall_by_hash(env: sys::napi_env, info: sys::napi_callback_info) -> sys::napi_value {
    guarded(env, info, |call| {
        let hash = call.text(0, |text| ContextHash::parse(text))?;
        call.recall(hash)
    })
}

/// `lookUpNow(key)`: the code of an answer from the cache, or else from a store that answers in place.
unsafe extern "C" fn look_up_now(env: sys::napi_env, info: sys::napi_callback_info) -> sys::napi_value {
    guarded(env, info, |call| {
        let hash = call.hash_of_key()?;
        call.look_up_now(hash)
    })
}

/// `lookUpNowByHash(hash)`.
unsafe extern "C" fn look_up_now_by_hash(
    env: sys::napi_env,
    info: sys::napi_callback_info,
) -> sys::napi_value {
    guarded(env, info, |call| {
        let hash = call.text(0, |text| ContextHash::parse(text))?;
        call.look_up_now(hash)
    })
}

/// `noteRepeats(count, times)`: the shared memory holds the slots of `count` answers, in the order of their last use.
unsafe extern "C" fn note_repeats(env: sys::napi_env, info: sys::napi_callback_info) -> sys::napi_value {
    guarded(env, info, |call| {
        let (count, times) = (call.number(0) as usize, call.number(1) as u64);
        let slots = call.state.slots.borrow();
        let shared = call.shared();
        let uses = (0..count.min(SLOTS)).filter_map(|place| slots.get(shared.use_at(place)).copied());
        let uses: Vec<ContextHash> = uses.collect();
        call.state.engine.record_l1_hits(&uses, times);
        Ok(0)
    })
}

/// `begin(ticket, texts, areHashes, deadline)`: begins lookups together; a deadline of 0 is the engine's.
unsafe extern "C" fn begin(env: sys::napi_env, info: sys::napi_callback_info) -> sys::napi_value {
    guarded(env, info, |call| {
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
        call.state.begin_lookups(env, call.number(0) as u32, hashes, deadline.unwrap_or(Duration::MAX));
        Ok(0)
    })
}

/// `answerNow(question, key, context)`: the JSON of an answer, or an empty text if the store would have to be asked; the second
/// number is for how long the answer holds.
unsafe extern "C" fn answer_now(env: sys::napi_env, info: sys::napi_callback_info) -> sys::napi_value {
    guarded_value(env, info, |call| {
        let question = Question::of(call.number(0));
        let context = call.context(2)?;
        let answer = call.text(1, |key| question.answer_now(call.engine(), utf8(key)?, context))?;
        let Some(Leased { answer, valid_for }) = answer else { return Ok(text_value(env, "")) };
        call.shared().set_numbers([0.0, valid_for.as_secs_f64() * 1e3]);
        Ok(text_value(env, &answer))
    })
}

/// `noteAnswer(question, key, context)`: the answer was given again.
unsafe extern "C" fn note_answer(env: sys::napi_env, info: sys::napi_callback_info) -> sys::napi_value {
    guarded(env, info, |call| {
        let question = Question::of(call.number(0));
        let context = call.context(2)?;
        call.text(1, |key| question.note(call.engine(), utf8(key)?, context))?;
        Ok(0)
    })
}

fn utf8(text: &[u8]) -> Result<&str> {
    // Node writes nothing else.
    std::str::from_utf8(text).map_err(|_| not_a_string())
}

/// One call from JavaScript.
struct Call<'a> {
    env: sys::napi_env,
    arguments: [sys::napi_value; 4],
    state: &'a EngineState,
}

impl Call<'_> {
    fn engine(&self) -> &Engine {
        &self.state.engine
    }

    fn shared(&self) -> SharedMemory {
        self.state.shared.get().expect("set before the functions were made")
    }

    fn recall(&self, hash: ContextHash) -> Result<i64> {
        let Some(leased) = self.engine().membership(hash).leased().cached()? else { return Ok(-1) };
        self.shared().set_numbers([age(&leased.answer), leased.valid_for.as_secs_f64() * 1e3]);
        let slot = self.number(1) as usize;
        if let Some(place) = self.state.slots.borrow_mut().get_mut(slot) {
            *place = hash;
        }
        Ok(self.code(&leased.answer))
    }

    fn look_up_now(&self, hash: ContextHash) -> Result<i64> {
        if !self.state.in_place {
            return Err(Error::new(
                ErrorKind::Unsupported,
                "this store cannot answer without waiting; use membership() or cached() instead",
            ));
        }
        let answer = self.engine().membership(hash).wait()?;
        self.shared().set_numbers([age(&answer), 0.0]);
        let code = self.code(&answer);
        *self.state.last_failure.borrow_mut() = answer.error;
        Ok(code)
    }

    fn code(&self, answer: &Answer) -> i64 {
        let mut table = self.state.table.borrow_mut();
        table.begin();
        table.code(answer) as i64
    }

    /// Reads a number; what is none counts as -1, which is none of ours.
    fn number(&self, place: usize) -> f64 {
        let mut number = -1.0;
        // SAFETY: the argument is a value, `undefined` if it was not given.
        unsafe { sys::napi_get_value_double(self.env, self.arguments[place], &mut number) };
        number
    }

    fn context(&self, place: usize) -> Result<&bigseg_core::Context> {
        // SAFETY: the argument is a value, which is checked; and JavaScript holds on to it during the call.
        let context =
            unsafe { <&External<bigseg_core::Context>>::from_napi_value(self.env, self.arguments[place]) };
        let wrong = || Error::new(ErrorKind::InvalidArgument, "the context is none that was read");
        context.map(|context| &**context).map_err(|_| wrong())
    }

    fn hash_of_key(&self) -> Result<ContextHash> {
        self.text(0, |key| Ok(ContextKey::from_bytes(key)?.hash()))
    }

    fn text<T>(&self, place: usize, read: impl FnOnce(&[u8]) -> Result<T>) -> Result<T> {
        with_text(self.env, self.arguments[place], read)
    }

    /// Reads each text of an array.
    fn texts(&self, place: usize, read: &mut dyn FnMut(&[u8]) -> Result<()>) -> Result<()> {
        let (env, array) = (self.env, self.arguments[place]);
        let mut length = 0;
        // SAFETY: as above; what is no array is refused.
        ok(unsafe { sys::napi_get_array_length(env, array, &mut length) }).ok_or_else(not_a_string)?;
        for index in 0..length {
            let (mut scope, mut element) = (ptr::null_mut(), ptr::null_mut());
            // SAFETY: as above; each element's handle lives only as long as it is looked at.
            unsafe {
                sys::napi_open_handle_scope(env, &mut scope);
                sys::napi_get_element(env, array, index, &mut element);
            }
            let result = with_text(env, element, &mut *read);
            // SAFETY: opened above.
            unsafe { sys::napi_close_handle_scope(env, scope) };
            result?;
        }
        Ok(())
    }
}

/// Reads a string's UTF-8, in which lone surrogates have become U+FFFD (docs/spec.md#context-hash).
fn with_text<T>(
    env: sys::napi_env,
    value: sys::napi_value,
    read: impl FnOnce(&[u8]) -> Result<T>,
) -> Result<T> {
    let mut buffer = [0_u8; STACK_BUFFER];
    let mut length = 0;
    // SAFETY: the buffer is as long as is said, and the value is one of this environment's.
    let status = unsafe {
        sys::napi_get_value_string_utf8(
            env,
            value,
            buffer.as_mut_ptr().cast::<c_char>(),
            buffer.len(),
            &mut length,
        )
    };
    ok(status).ok_or_else(not_a_string)?;
    // A character that does not fit any more is left out, and one takes 4 bytes at most.
    if length + 5 <= buffer.len() {
        return read(&buffer[..length]);
    }
    // SAFETY: as above; without a buffer only the length is told, and then it is as long as that and a NUL.
    let whole = unsafe {
        sys::napi_get_value_string_utf8(env, value, ptr::null_mut(), 0, &mut length);
        let mut whole = vec![0_u8; length + 1];
        sys::napi_get_value_string_utf8(env, value, whole.as_mut_ptr().cast(), whole.len(), &mut length);
        whole
    };
    read(&whole[..length])
}

fn not_a_string() -> Error {
    Error::new(ErrorKind::InvalidArgument, "a key, or a context hash, is a string")
}

fn ok(status: sys::napi_status) -> Option<()> {
    (status == sys::Status::napi_ok).then_some(())
}

fn set(
    env: sys::napi_env,
    object: sys::napi_value,
    name: &std::ffi::CStr,
    value: sys::napi_value,
) -> Option<()> {
    // SAFETY: on the environment's thread, with values of its own.
    ok(unsafe { sys::napi_set_named_property(env, object, name.as_ptr(), value) })
}

/// Runs a function's body; an error becomes an exception, and so does a panic.
fn guarded(
    env: sys::napi_env,
    info: sys::napi_callback_info,
    body: impl FnOnce(&Call<'_>) -> Result<i64>,
) -> sys::napi_value {
    guarded_value(env, info, |call| {
        let (number, mut value) = (body(call)?, ptr::null_mut());
        // SAFETY: on the environment's thread.
        unsafe { sys::napi_create_int64(env, number, &mut value) };
        Ok(value)
    })
}

/// Makes a string.
fn text_value(env: sys::napi_env, text: &str) -> sys::napi_value {
    let mut value = ptr::null_mut();
    // SAFETY: on the environment's thread; the text is as long as is said.
    unsafe {
        sys::napi_create_string_utf8(env, text.as_ptr().cast::<c_char>(), text.len() as isize, &mut value)
    };
    value
}

/// Does the same for a body that makes its value itself.
fn guarded_value(
    env: sys::napi_env,
    info: sys::napi_callback_info,
    body: impl FnOnce(&Call<'_>) -> Result<sys::napi_value>,
) -> sys::napi_value {
    let mut arguments = [ptr::null_mut(); 4];
    let (mut count, mut data) = (arguments.len(), ptr::null_mut());
    // SAFETY: Node calls us with these; `data` is the engine that the function was made with and owns a count of.
    let state = unsafe {
        sys::napi_get_cb_info(env, info, &mut count, arguments.as_mut_ptr(), ptr::null_mut(), &mut data);
        &*data.cast::<EngineState>()
    };
    let call = Call { env, arguments, state };
    let result = catch_unwind(AssertUnwindSafe(|| body(&call)));
    match result.unwrap_or_else(|_| {
        Err(Error::new(ErrorKind::Internal, "a lookup panicked, which is a defect of bigseg"))
    }) {
        Ok(value) => value,
        Err(error) => {
            let text = |text: &str| CString::new(text.replace('\0', " ")).unwrap_or_default();
            let (code, message) = (text(error.kind().name()), text(error.message()));
            // SAFETY: as above.
            unsafe { sys::napi_throw_error(env, code.as_ptr(), message.as_ptr()) };
            ptr::null_mut()
        }
    }
}
