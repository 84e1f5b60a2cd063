//! The exports that `worker.js` calls: plain numbers in and out, no glue generator.
//!
//! 1. `alloc(length)` answers where to copy the file to, or 0 where it is too long.
//! 2. `decode_thumbnail(file, length, cover)` and `decode(file, length, cover)` answer where the
//!    [`Reply`] lies. It stays there until the next call.
//! 3. `free(file, length)` gives the file's memory back.
//!
//! Only the wasm exports these names: elsewhere `free` would take the place of the C library's.
//!
//! A panic or an exhausted memory is a trap: the instance must not be called again.
#![expect(unsafe_code, reason = "the boundary of the module is raw memory; every line of it is in this file")]

use std::cell::RefCell;

use crate::{Limits, Pixels, Refusal};

/// What a decode call answers: five 32-bit numbers in a row.
#[derive(Debug)]
#[repr(C)]
pub struct Reply {
    /// 0 for a preview, else the number of a [`Refusal`].
    pub status: u32,
    /// Width in pixels; 0 without a preview.
    pub width: u32,
    /// Height in pixels; 0 without a preview.
    pub height: u32,
    /// Where the pixels lie, four bytes each: red, green, blue, 255.
    pub pixels: *const u8,
    /// How many bytes lie there.
    pub length: usize,
}

thread_local! {
    static LAST: RefCell<(Vec<u8>, Reply)> = const {
        RefCell::new((Vec::new(), Reply { status: 0, width: 0, height: 0, pixels: std::ptr::null(), length: 0 }))
    };
}

/// Room for a file of so many bytes, or null where [`Limits`] forbids it or memory is short.
#[cfg_attr(target_arch = "wasm32", unsafe(no_mangle))]
pub extern "C" fn alloc(length: usize) -> *mut u8 {
    let mut room = Vec::<u8>::new();
    if length == 0 || length > Limits::default().bytes || room.try_reserve_exact(length).is_err() {
        return std::ptr::null_mut();
    }
    room.resize(length, 0);
    Box::into_raw(room.into_boxed_slice()).cast()
}

/// Gives back what [`alloc`] answered.
///
/// # Safety
/// `file` and `length` are those of one call of [`alloc`] that did not answer null, and are not used afterwards.
#[cfg_attr(target_arch = "wasm32", unsafe(no_mangle))]
pub unsafe extern "C" fn free(file: *mut u8, length: usize) {
    // SAFETY: by this function's contract the pair describes one boxed slice that nobody else owns.
    drop(unsafe { Box::from_raw(std::ptr::slice_from_raw_parts_mut(file, length)) });
}

/// [`crate::thumbnail`] of the file that lies at `file`.
///
/// # Safety
/// `file` and `length` are those of one call of [`alloc`] that did not answer null, not yet freed.
#[cfg_attr(target_arch = "wasm32", unsafe(no_mangle))]
pub unsafe extern "C" fn decode_thumbnail(file: *mut u8, length: usize, cover: u32) -> *const Reply {
    // SAFETY: by this function's contract the memory is ours, of this length, and zeroed or written.
    let file = unsafe { std::slice::from_raw_parts_mut(file, length) };
    keep(crate::thumbnail(file, cover, Limits::default()))
}

/// [`crate::whole`] of the file that lies at `file`.
///
/// # Safety
/// As for [`decode_thumbnail`].
#[cfg_attr(target_arch = "wasm32", unsafe(no_mangle))]
pub unsafe extern "C" fn decode(file: *const u8, length: usize, cover: u32) -> *const Reply {
    // SAFETY: by this function's contract the memory is ours, of this length, and zeroed or written.
    let file = unsafe { std::slice::from_raw_parts(file, length) };
    keep(crate::whole(file, cover, Limits::default()))
}

fn keep(outcome: Result<Pixels, Refusal>) -> *const Reply {
    let (status, picture) = match outcome {
        Ok(picture) => (0, picture),
        Err(refusal) => (refusal as u32, Pixels { width: 0, height: 0, rgba: Vec::new() }),
    };
    LAST.with_borrow_mut(|(rgba, reply)| {
        *rgba = picture.rgba;
        *reply = Reply {
            status,
            width: picture.width,
            height: picture.height,
            pixels: rgba.as_ptr(),
            length: rgba.len(),
        };
        std::ptr::from_ref(reply)
    })
}
