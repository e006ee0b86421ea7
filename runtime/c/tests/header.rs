//! `include/rlfd.h` is what cbindgen makes of the sources; `RLFD_BLESS=1` writes it.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]

use std::fs;
use std::path::Path;

#[test]
fn the_committed_header_is_the_sources() {
    let package = Path::new(env!("CARGO_MANIFEST_DIR"));
    let config = cbindgen::Config::from_file(package.join("cbindgen.toml")).unwrap();
    let mut builder = cbindgen::Builder::new().with_config(config);
    for source in [
        "memory",
        "status",
        "fault",
        "contract",
        "policy",
        "board",
        "controller",
        "cycle",
        "options",
        "update",
        "refusal",
    ] {
        builder = builder.with_src(package.join(format!("src/{source}.rs")));
    }
    let mut generated = Vec::new();
    builder.generate().unwrap().write(&mut generated);
    let generated = String::from_utf8(generated).unwrap();
    let path = package.join("include/rlfd.h");
    if std::env::var_os("RLFD_BLESS").is_some() {
        fs::write(&path, &generated).unwrap();
    }
    let committed = fs::read_to_string(&path).unwrap();
    assert!(
        committed == generated,
        "include/rlfd.h differs from the sources; RLFD_BLESS=1 rewrites it"
    );
}
