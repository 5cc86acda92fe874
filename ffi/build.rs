//! Names the shared library for the dynamic linker; the number is `BIGSEG_ABI_VERSION`.

fn main() {
    println!("cargo:rustc-cdylib-link-arg=-Wl,-soname,libbigseg.so.0");
    println!("cargo:rerun-if-changed=build.rs");
}
