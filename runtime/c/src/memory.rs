//! The caller's memory, divided into an object and the numbers it works on.

use core::ffi::c_void;
use core::mem::{align_of, size_of};
use core::ptr;
use core::slice;

use rlfd_runtime::PolicyImage;

use crate::status::Status;

/// Where the memory handed to a `_new` function must begin: at a multiple of this many bytes.
pub const RLFD_MEMORY_ALIGNMENT: usize = 8;

/// Bytes of an object of type `T` and `numbers` numbers behind it.
pub(crate) const fn len_of<T>(numbers: usize) -> usize {
    size_of::<T>().saturating_add(numbers.saturating_mul(size_of::<f32>()))
}

/// A place for a `T` at the beginning of the memory, and the `numbers` numbers behind it, zero.
///
/// # Safety
///
/// `memory` is NULL or leads to `len` bytes that belong to the caller alone for as long as what is returned is used.
pub(crate) unsafe fn divide<T>(
    memory: *mut c_void,
    len: usize,
    numbers: usize,
) -> Result<(*mut T, &'static mut [f32]), Status> {
    const { assert!(align_of::<T>() <= RLFD_MEMORY_ALIGNMENT) };
    const { assert!(size_of::<T>().is_multiple_of(align_of::<f32>())) };
    if memory.is_null() {
        return Err(Status::NullPointer);
    }
    if !memory.addr().is_multiple_of(RLFD_MEMORY_ALIGNMENT) {
        return Err(Status::MemoryUnaligned);
    }
    if len < len_of::<T>(numbers) {
        return Err(Status::MemoryTooSmall);
    }
    let object = memory.cast::<T>();
    // SAFETY: the memory holds the object and the numbers behind it, and is the caller's alone; the object's size keeps the
    // numbers aligned.
    unsafe {
        let first = object.add(1).cast::<f32>();
        ptr::write_bytes(first, 0, numbers);
        Ok((object, slice::from_raw_parts_mut(first, numbers)))
    }
}

/// The image in `len` bytes at `image`.
///
/// # Safety
///
/// `image` is NULL or leads to `len` bytes that nobody changes for as long as what is returned is used.
pub(crate) unsafe fn view(
    image: *const c_void,
    len: usize,
) -> Result<PolicyImage<'static>, Status> {
    // SAFETY: bytes have no alignment, and the rest is promised.
    let bytes = unsafe { array::<u8>(image.cast(), len)? };
    Ok(PolicyImage::view(bytes)?)
}

/// An array that C lends.
///
/// # Safety
///
/// `first` is NULL or leads to `len` aligned values that nobody changes for as long as what is returned is used.
pub(crate) unsafe fn array<'a, T>(first: *const T, len: usize) -> Result<&'a [T], Status> {
    if first.is_null() {
        return Err(Status::NullPointer);
    }
    // SAFETY: promised.
    Ok(unsafe { slice::from_raw_parts(first, len) })
}

/// An array that C lends, or nothing: `len` 0 needs no pointer.
///
/// # Safety
///
/// As for [`array`].
pub(crate) unsafe fn array_or_none<'a, T>(first: *const T, len: usize) -> Result<&'a [T], Status> {
    if len == 0 {
        return Ok(&[]);
    }
    // SAFETY: promised.
    unsafe { array(first, len) }
}

/// Copies numbers into an array of C's that has room for just as many.
///
/// # Safety
///
/// `place` is NULL or leads to memory for `len` numbers.
pub(crate) unsafe fn copy_out(numbers: &[f32], place: *mut f32, len: usize) -> Result<(), Status> {
    if place.is_null() {
        return Err(Status::NullPointer);
    }
    if len != numbers.len() {
        return Err(Status::Width);
    }
    // SAFETY: promised.
    unsafe { ptr::copy_nonoverlapping(numbers.as_ptr(), place, len) };
    Ok(())
}

/// Writes an answer where C wants it.
///
/// # Safety
///
/// `place` is NULL or leads to aligned memory for a `T`.
pub(crate) unsafe fn answer<T>(place: *mut T, value: T) -> Result<(), Status> {
    if place.is_null() {
        return Err(Status::NullPointer);
    }
    // SAFETY: promised.
    unsafe { place.write(value) };
    Ok(())
}
