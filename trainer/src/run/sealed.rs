//! Files of a run that only the trainer reads: a mark of the layout, a CRC-32, and plain data in postcard's encoding.

use std::path::Path;

use anyhow::{Context, bail};
use rlfd_models::atomic_file;
use serde::Serialize;
use serde::de::DeserializeOwned;

/// Eight letters that a file begins with, the last of them a version.
pub(super) type Mark = [u8; 8];

/// Of whatever a run checks.
pub(super) const CRC: crc::Crc<u32> = crc::Crc::<u32>::new(&crc::CRC_32_ISO_HDLC);

/// Replaces the file at `path`.
///
/// # Errors
/// If the file system refuses.
pub(super) fn write(path: &Path, mark: &Mark, content: &impl Serialize) -> anyhow::Result<()> {
    let body = postcard::to_allocvec(content).context("plain data")?;
    let mut bytes = mark.to_vec();
    bytes.extend_from_slice(&CRC.checksum(&body).to_le_bytes());
    bytes.extend_from_slice(&body);
    atomic_file::replace(path, &bytes)
        .with_context(|| format!("{}: cannot be written", path.display()))
}

/// What [`write`] wrote; nothing if there is no file.
///
/// # Errors
/// If it is damaged or of another version.
pub(super) fn read<T: DeserializeOwned>(path: &Path, mark: &Mark) -> anyhow::Result<Option<T>> {
    if !path.exists() {
        return Ok(None);
    }
    let name = path.display();
    let bytes = std::fs::read(path).with_context(|| format!("{name}: cannot be read"))?;
    let Some((crc, body)) = bytes
        .strip_prefix(mark)
        .and_then(|rest| rest.split_first_chunk::<4>())
    else {
        let mark = String::from_utf8_lossy(mark);
        bail!(
            "{name}: not a checkpoint of this version of the trainer (it should begin with {mark})"
        );
    };
    if CRC.checksum(body) != u32::from_le_bytes(*crc) {
        bail!("{name}: damaged: its CRC does not match its contents");
    }
    let content =
        postcard::from_bytes(body).with_context(|| format!("{name}: cannot be decoded"))?;
    Ok(Some(content))
}
