//! Structs that begin with their size, so that they can grow without breaking compiled programs.

use bigseg_core::Result;

use crate::guard::invalid;

/// No struct of ours will ever be larger; a greater size is memory nobody has initialised.
const LARGEST: usize = 4096;

/// A plain struct whose first field is `struct_size: usize`.
///
/// # Safety
/// It is `repr(C)`, `struct_size` is its first field, and zeros are valid in every other one.
pub(crate) unsafe trait SizedStruct: Copy {
    /// The size of the first version that was published.
    const FIRST_SIZE: usize;
}

/// Reads the size the caller's struct says it has, and checks that it can be.
///
/// # Safety
/// `place` is NULL or points to a struct whose `struct_size` may be read.
pub(crate) unsafe fn size_of_struct<T: SizedStruct>(place: *const T, name: &str) -> Result<usize> {
    if place.is_null() {
        return Err(invalid(format!("{name} is NULL")));
    }
    // SAFETY: the caller promises it, and the size comes first.
    let size = unsafe { place.cast::<usize>().read() };
    if !(T::FIRST_SIZE..=LARGEST).contains(&size) {
        return Err(invalid(format!("{name}: struct_size is {size}; set it to sizeof the struct")));
    }
    Ok(size)
}

/// Writes as much of `value` as the caller's struct has room for, and zeros into what we do not know.
///
/// # Safety
/// `place` points to a struct of `size` bytes, as [`size_of_struct`] found.
pub(crate) unsafe fn write_struct<T: SizedStruct>(place: *mut T, size: usize, value: &T) {
    let head = size_of::<usize>();
    let known = size.min(size_of::<T>());
    let (from, to) = (std::ptr::from_ref(value).cast::<u8>(), place.cast::<u8>());
    // SAFETY: both are at least `known` bytes long; what lies beyond `head` is the caller's to be overwritten.
    unsafe { std::ptr::copy_nonoverlapping(from.add(head), to.add(head), known - head) };
    // SAFETY: the caller's struct is `size` bytes long.
    unsafe { to.add(known).write_bytes(0, size - known) };
}

/// Reads a struct of the caller's; fields it does not have yet are zero.
///
/// # Safety
/// `place` is NULL or points to a struct that is as long as its `struct_size` says.
pub(crate) unsafe fn read_struct<T: SizedStruct>(place: *const T, name: &str) -> Result<T> {
    // SAFETY: the caller promises it.
    let size = unsafe { size_of_struct(place, name) }?.min(size_of::<T>());
    let mut value = std::mem::MaybeUninit::<T>::zeroed();
    // SAFETY: `size` bytes are there to be read, and are no more than `value` has.
    unsafe { std::ptr::copy_nonoverlapping(place.cast::<u8>(), value.as_mut_ptr().cast::<u8>(), size) };
    // SAFETY: zeros are valid, and the rest is the caller's.
    Ok(unsafe { value.assume_init() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[repr(C)]
    #[derive(Clone, Copy, Debug, PartialEq)]
    struct Grown {
        struct_size: usize,
        old: u64,
        new: u64,
    }

    // SAFETY: plain numbers.
    unsafe impl SizedStruct for Grown {
        const FIRST_SIZE: usize = 16;
    }

    #[test]
    fn an_old_caller_gets_and_gives_what_it_knows() {
        let mut place = Grown { struct_size: 16, old: 1, new: 2 };
        // SAFETY: the struct is longer than it says.
        let (read, size) =
            unsafe { (read_struct(&raw const place, "place"), size_of_struct(&raw const place, "place")) };
        assert_eq!(read.ok(), Some(Grown { struct_size: 16, old: 1, new: 0 }));
        assert_eq!(size.ok(), Some(16));
        // SAFETY: as above.
        unsafe { write_struct(&raw mut place, 16, &Grown { struct_size: 0, old: 8, new: 9 }) };
        assert_eq!(place, Grown { struct_size: 16, old: 8, new: 2 });
    }

    #[test]
    fn a_size_that_cannot_be_is_refused() {
        for struct_size in [0, 15, LARGEST + 1, usize::MAX] {
            let place = Grown { struct_size, old: 1, new: 2 };
            // SAFETY: only the size is read.
            assert!(unsafe { size_of_struct(&raw const place, "place") }.is_err());
        }
    }
}
