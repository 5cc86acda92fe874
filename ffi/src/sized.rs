//! Structs that start with their size, so that a new version can add fields without breaking
//! compiled programs.

use bigseg::Result;

use crate::guard::invalid;

/// No struct will be larger. A greater `struct_size` means that the caller did not set it.
const MAX_SIZE: usize = 4096;

/// A plain struct whose first field is `struct_size: usize`.
///
/// # Safety
/// It is `repr(C)`, `struct_size` is its first field, and zeros are valid in every other one.
pub(crate) unsafe trait SizedStruct: Copy {
    /// The size of the first published version.
    const FIRST_SIZE: usize;
}

/// Returns the `struct_size` of the caller's struct, if it is valid.
///
/// # Safety
/// `place` is NULL or points to a struct whose `struct_size` can be read.
pub(crate) unsafe fn size_of_struct<T: SizedStruct>(place: *const T, name: &str) -> Result<usize> {
    if place.is_null() {
        return Err(invalid(format!("{name} is NULL")));
    }
    // SAFETY: the caller guarantees it, and the size comes first.
    let size = unsafe { place.cast::<usize>().read() };
    if !(T::FIRST_SIZE..=MAX_SIZE).contains(&size) {
        return Err(invalid(format!("{name}: struct_size is {size}; set it to sizeof the struct")));
    }
    Ok(size)
}

/// Writes as much of `value` as the caller's struct has room for, and zeros to newer fields.
///
/// # Safety
/// `place` points to a struct of `size` bytes, as [`size_of_struct`] found.
pub(crate) unsafe fn write_struct<T: SizedStruct>(place: *mut T, size: usize, value: &T) {
    let head = size_of::<usize>();
    let known = size.min(size_of::<T>());
    let from = std::ptr::from_ref(value).cast::<u8>();
    let to = place.cast::<u8>();
    // SAFETY: both are at least `known` bytes long, and the caller permits writes after `head`.
    unsafe { std::ptr::copy_nonoverlapping(from.add(head), to.add(head), known - head) };
    // SAFETY: the caller's struct is `size` bytes long.
    unsafe { to.add(known).write_bytes(0, size - known) };
}

/// Reads the caller's struct. Fields that its version does not have are zero.
///
/// # Safety
/// `place` is NULL or points to a struct of at least `struct_size` bytes.
pub(crate) unsafe fn read_struct<T: SizedStruct>(place: *const T, name: &str) -> Result<T> {
    // SAFETY: the caller guarantees it.
    let size = unsafe { size_of_struct(place, name) }?.min(size_of::<T>());
    let mut value = std::mem::MaybeUninit::<T>::zeroed();
    // SAFETY: the struct has `size` bytes, and `value` has at least as many.
    unsafe { std::ptr::copy_nonoverlapping(place.cast::<u8>(), value.as_mut_ptr().cast::<u8>(), size) };
    // SAFETY: zeros are valid, and the caller initialised the rest.
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
    fn an_old_caller_reads_and_writes_the_fields_that_it_has() {
        let mut place = Grown { struct_size: 16, old: 1, new: 2 };
        // SAFETY: the struct is longer than `struct_size`.
        let read = unsafe { read_struct(&raw const place, "place") };
        // SAFETY: as above.
        let size = unsafe { size_of_struct(&raw const place, "place") };
        assert_eq!(read.ok(), Some(Grown { struct_size: 16, old: 1, new: 0 }));
        assert_eq!(size.ok(), Some(16));
        // SAFETY: as above.
        unsafe { write_struct(&raw mut place, 16, &Grown { struct_size: 0, old: 8, new: 9 }) };
        assert_eq!(place, Grown { struct_size: 16, old: 8, new: 2 });
    }

    #[test]
    fn an_invalid_size_is_rejected() {
        for struct_size in [0, 15, MAX_SIZE + 1, usize::MAX] {
            let place = Grown { struct_size, old: 1, new: 2 };
            // SAFETY: only the size is read.
            assert!(unsafe { size_of_struct(&raw const place, "place") }.is_err());
        }
    }
}
