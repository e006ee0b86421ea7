//! Keeping two processes off one folder.

use std::fs::{File, TryLockError};
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context, bail};

/// Keeps every other process from working in `folder`, which holds `what`, until the answer is dropped or this process ends, however
/// it ends. Waits for at most `patience` for one that does.
///
/// # Errors
/// If another process still works there, or the file system has no locks.
pub fn lock(folder: &Path, what: &str, patience: Duration) -> anyhow::Result<File> {
    let path = folder.join(".lock");
    let name = path.display();
    let file = File::create(&path).with_context(|| format!("{name}: cannot be made"))?;
    let started = Instant::now();
    loop {
        match file.try_lock() {
            Ok(()) => return Ok(file),
            Err(TryLockError::WouldBlock) if started.elapsed() < patience => {
                std::thread::sleep(Duration::from_millis(50));
            }
            Err(TryLockError::WouldBlock) => bail!(
                "{}: another process is working on this {what}",
                folder.display()
            ),
            Err(TryLockError::Error(error)) => {
                return Err(error).with_context(|| format!("{name}: cannot be locked"));
            }
        }
    }
}
