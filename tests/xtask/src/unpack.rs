//! Unpacks the wanted members of a wheel, all or nothing. Does not know where wheels come from.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use zip::ZipArchive;

use crate::progress::Progress;
use crate::wheels::Wheel;

/// Unpacks `wheel` from `archive` and returns the names of the top folders and files it put into `into`.
///
/// Members are written below `scratch` first and then renamed, one rename for each top entry, so that what stands in
/// `into` is whole; an entry of an earlier version is replaced, not merged.
///
/// # Errors
/// If the archive is damaged, holds a path that leaves its folder, or lacks a pinned member.
pub fn unpack(wheel: &Wheel, archive: &Path, into: &Path, scratch: &Path) -> Result<Vec<String>> {
    let fresh = scratch.join(format!("unpack-{}", wheel.name));
    let stale = scratch.join(format!("replaced-{}", wheel.name));
    for folder in [&fresh, &stale] {
        if folder.exists() {
            fs::remove_dir_all(folder)?;
        }
        fs::create_dir_all(folder)?;
    }
    extract(wheel, archive, &fresh)
        .with_context(|| format!("cannot unpack {}", archive.display()))?;
    for prefix in &wheel.keep {
        if !fresh.join(prefix).exists() {
            bail!("{} holds no `{prefix}`", wheel.file);
        }
    }
    let mut entries = BTreeSet::new();
    for entry in fs::read_dir(&fresh)? {
        entries.insert(entry?.file_name().to_string_lossy().into_owned());
    }
    fs::create_dir_all(into)?;
    for entry in &entries {
        let target = into.join(entry);
        if target.symlink_metadata().is_ok() {
            fs::rename(&target, stale.join(entry))?;
        }
        fs::rename(fresh.join(entry), &target)?;
    }
    fs::remove_dir_all(&stale)?;
    fs::remove_dir_all(&fresh)?;
    Ok(entries.into_iter().collect())
}

fn extract(wheel: &Wheel, archive: &Path, fresh: &Path) -> Result<()> {
    let mut archive = ZipArchive::new(io::BufReader::new(File::open(archive)?))?;
    let mut wanted = Vec::new();
    let mut total = 0;
    for index in 0..archive.len() {
        let member = archive.by_index_raw(index)?;
        if !member.is_dir() && wheel.wants(&member.name()?) {
            wanted.push(index);
            total += member.size();
        }
    }
    let mut progress = Progress::bytes(format!("unpack {}", wheel.requirement()), total);
    let mut done = 0;
    for index in wanted {
        let mut member = archive.by_index(index)?;
        let name = member.name()?.into_owned();
        let Some(relative) = member.enclosed_name() else {
            bail!("member `{name}` leaves the folder");
        };
        let path: PathBuf = fresh.join(relative);
        if let Some(parent) = path.parent() {
            fs::create_dir_all(parent)?;
        }
        let mut file = File::create(&path)?;
        io::copy(&mut member, &mut file).with_context(|| format!("member `{name}`"))?;
        if let Some(mode) = member.unix_mode() {
            // A wheel may hold files without the owner's read or write bit.
            fs::set_permissions(&path, fs::Permissions::from_mode(mode & 0o777 | 0o644))?;
        }
        done += member.size();
        progress.set(done);
    }
    progress.finish();
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use zip::write::{SimpleFileOptions, ZipWriter};

    use super::*;

    fn wheel(keep: &str) -> Wheel {
        toml::from_str(&format!(
            "name = \"a\"\nversion = \"1\"\nfile = \"a-1-py3-none-any.whl\"\nsha256 = \"\"\nbytes = 0\n\
             part = \"tests\"\ninto = \"python\"\nkeep = [{keep}]"
        ))
        .unwrap()
    }

    fn archive(path: &Path, members: &[(&str, &str)]) {
        let mut writer = ZipWriter::new(File::create(path).unwrap());
        for (name, text) in members {
            writer
                .start_file(*name, SimpleFileOptions::default())
                .unwrap();
            writer.write_all(text.as_bytes()).unwrap();
        }
        writer.finish().unwrap();
    }

    #[test]
    fn only_what_is_wanted_arrives_and_an_older_version_is_replaced_whole() {
        let folder = tempfile::tempdir().unwrap();
        let (into, scratch) = (folder.path().join("python"), folder.path().join("tmp"));
        let path = folder.path().join("a.whl");
        archive(&path, &[("a/old.py", "old"), ("b/x", "x")]);
        let entries = unpack(&wheel(""), &path, &into, &scratch).unwrap();
        assert_eq!(entries, ["a", "b"]);
        archive(&path, &[("a/new.py", "new"), ("c/y", "y")]);
        let entries = unpack(&wheel("\"a/\""), &path, &into, &scratch).unwrap();
        assert_eq!(entries, ["a"]);
        assert_eq!(fs::read_to_string(into.join("a/new.py")).unwrap(), "new");
        assert!(!into.join("a/old.py").exists());
        assert!(!into.join("c").exists());
    }

    #[test]
    fn a_damaged_archive_or_a_missing_member_puts_nothing_in_place() {
        let folder = tempfile::tempdir().unwrap();
        let (into, scratch) = (folder.path().join("python"), folder.path().join("tmp"));
        let path = folder.path().join("a.whl");
        archive(&path, &[("a/file.py", "text of some length")]);
        let error = unpack(&wheel("\"a/lib.so\""), &path, &into, &scratch).unwrap_err();
        assert!(format!("{error:#}").contains("a/lib.so"), "{error:#}");
        let whole = fs::read(&path).unwrap();
        fs::write(&path, &whole[..whole.len() / 2]).unwrap();
        assert!(unpack(&wheel(""), &path, &into, &scratch).is_err());
        assert!(!into.join("a").exists());
    }

    #[test]
    fn a_member_that_leaves_its_folder_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let (into, scratch) = (folder.path().join("python"), folder.path().join("tmp"));
        let path = folder.path().join("a.whl");
        archive(&path, &[("../outside", "x")]);
        assert!(unpack(&wheel(""), &path, &into, &scratch).is_err());
        assert!(!folder.path().join("outside").exists());
    }
}
