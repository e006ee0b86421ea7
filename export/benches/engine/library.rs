//! A function of a library that was just built, loaded to stay.

use std::ffi::{CStr, CString, c_char, c_int, c_void};
use std::path::Path;

use anyhow::{Result, bail};

unsafe extern "C" {
    fn dlopen(path: *const c_char, flags: c_int) -> *mut c_void;
    fn dlsym(library: *mut c_void, name: *const c_char) -> *mut c_void;
    fn dlerror() -> *const c_char;
}

/// Its address; never null.
pub fn function(library: &Path, name: &CStr) -> Result<*mut c_void> {
    const NOW: c_int = 2;
    let path = CString::new(library.as_os_str().as_encoded_bytes())?;
    // SAFETY: the libraries of this program have no initialisers of their own; names end in a zero.
    unsafe {
        let library = dlopen(path.as_ptr(), NOW);
        if library.is_null() {
            bail!("{}", CStr::from_ptr(dlerror()).to_string_lossy());
        }
        let function = dlsym(library, name.as_ptr());
        if function.is_null() {
            bail!("the library has no function {name:?}");
        }
        Ok(function)
    }
}
