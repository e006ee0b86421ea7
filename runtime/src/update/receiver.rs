//! [`Receiver`]: takes another image into the slot that does not run, and says why not where it does not.

use super::flash::{Flash, UNIT};
use super::manifest::{Manifest, SIGNATURE_LEN};
use super::slot::{IMAGE_AT, MANIFEST_AT, install};
use crate::checksum::CRC32;
use crate::image::PolicyImage;
use crate::wire::{UpdateMessage, UpdateRefusal, UpdateStatus};

/// The image that runs, as far as another is compared with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Incumbent {
    /// Its rollback counter; 0 for the image that was flashed with the firmware.
    pub counter: u32,
    /// CRC-32.
    pub checksum: u32,
    /// What it wires up.
    pub contract_id: u64,
    /// Its control period.
    pub period_us: u32,
    /// The how manieth installation it was; 0 for the one flashed with the firmware.
    pub sequence: u32,
}

impl Incumbent {
    /// Of an image with counter and sequence.
    #[must_use]
    pub fn new(image: &PolicyImage<'_>, counter: u32, sequence: u32) -> Self {
        Self {
            counter,
            checksum: image.checksum(),
            contract_id: image.contract_id(),
            period_us: image.period_us(),
            sequence,
        }
    }
}

/// The way of an image into a slot. The slot that runs is out of its reach.
#[derive(Debug)]
pub struct Receiver<'m, F> {
    slot: &'m mut F,
    key: &'m [u8; 32],
    incumbent: Incumbent,
    /// Numbers of memory a policy may work in.
    arena_len: usize,
    offered: Option<Manifest>,
    received: usize,
    is_committed: bool,
}

impl<'m, F: Flash> Receiver<'m, F> {
    /// Takes images signed with `key` into `slot`, which does not run, to follow `incumbent`, in at most `arena_len` numbers
    /// of working memory.
    pub fn new(slot: &'m mut F, key: &'m [u8; 32], incumbent: Incumbent, arena_len: usize) -> Self {
        Self {
            slot,
            key,
            incumbent,
            arena_len,
            offered: None,
            received: 0,
            is_committed: false,
        }
    }

    /// How far it is.
    #[must_use]
    pub fn status(&self) -> UpdateStatus {
        UpdateStatus {
            running_checksum: self.incumbent.checksum,
            running_counter: self.incumbent.counter,
            capacity: self.capacity(),
            received: self.received as u32,
            offered: self.offered.map_or(0, |manifest| manifest.image_len()),
            is_committed: self.is_committed,
        }
    }

    /// Whether another image passed everything and waits in the slot.
    #[must_use]
    pub fn is_committed(&self) -> bool {
        self.is_committed
    }

    /// Acts on a message. `scratch` is memory to test the image in, of which the policy that runs knows nothing.
    ///
    /// # Errors
    /// Why not; the policy that runs goes on. What was received so far is kept after [`UpdateRefusal::Checksum`] and
    /// [`UpdateRefusal::Order`] and forgotten after anything else.
    pub fn take(
        &mut self,
        message: UpdateMessage<'_>,
        scratch: &mut [f32],
    ) -> Result<UpdateStatus, UpdateRefusal> {
        let done = match message {
            UpdateMessage::Status => Ok(()),
            UpdateMessage::Begin {
                manifest,
                signature,
            } => self.begin(manifest, signature),
            UpdateMessage::Chunk {
                offset,
                checksum,
                bytes,
            } => self.chunk(offset, checksum, bytes),
            UpdateMessage::Commit => self.commit(scratch),
        };
        if let Err(refusal) = done {
            let goes_on = matches!(
                refusal,
                UpdateRefusal::Checksum | UpdateRefusal::Order { .. }
            );
            if !goes_on {
                self.forget();
            }
            return Err(refusal);
        }
        Ok(self.status())
    }

    fn forget(&mut self) {
        self.offered = None;
        self.received = 0;
    }

    fn capacity(&self) -> u32 {
        let len = self.slot.bytes().len().saturating_sub(IMAGE_AT);
        u32::try_from(len - len % UNIT).unwrap_or(u32::MAX)
    }

    fn begin(&mut self, manifest: &[u8], signature: &[u8]) -> Result<(), UpdateRefusal> {
        if self.is_committed {
            // The slot holds the image that takes over next.
            return Err(UpdateRefusal::Order { expected: 0 });
        }
        self.forget();
        let running = self.incumbent.counter;
        let manifest = Manifest::read(manifest).ok_or(UpdateRefusal::Manifest)?;
        if signature.is_empty() {
            return Err(UpdateRefusal::Unsigned);
        }
        if signature.len() != SIGNATURE_LEN {
            return Err(UpdateRefusal::Tampered);
        }
        if manifest.counter() < running {
            return Err(UpdateRefusal::Older { running });
        }
        if manifest.counter() == running || manifest.image_checksum() == self.incumbent.checksum {
            return Err(UpdateRefusal::Replayed { running });
        }
        let capacity = self.capacity();
        if manifest.image_len() > capacity {
            return Err(UpdateRefusal::Oversized { capacity });
        }
        if manifest.contract_id() != self.incumbent.contract_id {
            let board = self.incumbent.contract_id;
            return Err(UpdateRefusal::Contract { board });
        }
        let write = |slot: &mut F| {
            slot.erase()?;
            slot.write(MANIFEST_AT, zerocopy::IntoBytes::as_bytes(&manifest))?;
            slot.write(MANIFEST_AT + size_of::<Manifest>(), signature)
        };
        write(self.slot).map_err(|_| UpdateRefusal::Flash)?;
        self.offered = Some(manifest);
        Ok(())
    }

    fn chunk(&mut self, offset: u32, checksum: u32, bytes: &[u8]) -> Result<(), UpdateRefusal> {
        let out_of_order = UpdateRefusal::Order {
            expected: self.received as u32,
        };
        let manifest = self.offered.ok_or(out_of_order)?;
        let len = manifest.image_len() as usize;
        let start = self.received;
        let end = start.checked_add(bytes.len()).filter(|end| *end <= len);
        let end = end.filter(|end| offset as usize == start && !bytes.is_empty() && *end <= len);
        // Only the last chunk may end within a unit.
        let end = end.filter(|end| *end == len || end.is_multiple_of(UNIT));
        let end = end.ok_or(out_of_order)?;
        if self.is_committed {
            return Err(out_of_order);
        }
        if CRC32.checksum(bytes) != checksum {
            return Err(UpdateRefusal::Checksum);
        }
        let (units, rest) = bytes.as_chunks::<UNIT>();
        let mut at = IMAGE_AT + start;
        for unit in units {
            self.slot
                .write(at, unit)
                .map_err(|_| UpdateRefusal::Flash)?;
            at += UNIT;
        }
        if !rest.is_empty() {
            let mut unit = [0xff; UNIT];
            for (byte, new) in unit.iter_mut().zip(rest) {
                *byte = *new;
            }
            self.slot
                .write(at, &unit)
                .map_err(|_| UpdateRefusal::Flash)?;
        }
        // What arrived is what lies in the flash, or the flash is worn.
        let written = self.slot.bytes().get(IMAGE_AT + start..IMAGE_AT + end);
        if written != Some(bytes) {
            return Err(UpdateRefusal::Flash);
        }
        self.received = end;
        Ok(())
    }

    fn commit(&mut self, scratch: &mut [f32]) -> Result<(), UpdateRefusal> {
        let out_of_order = UpdateRefusal::Order {
            expected: self.received as u32,
        };
        let manifest = self.offered.ok_or(out_of_order)?;
        let len = manifest.image_len() as usize;
        if self.is_committed || self.received != len {
            return Err(out_of_order);
        }
        let (head, bytes) = self
            .slot
            .bytes()
            .split_at_checked(IMAGE_AT)
            .ok_or(UpdateRefusal::Flash)?;
        let bytes = bytes.get(..len).ok_or(UpdateRefusal::Flash)?;
        let signature = head
            .get(IMAGE_AT - SIGNATURE_LEN..)
            .ok_or(UpdateRefusal::Flash)?;
        if !manifest.is_signed(bytes, signature, self.key) {
            return Err(UpdateRefusal::Tampered);
        }
        let image = PolicyImage::view(bytes).map_err(|_| UpdateRefusal::Image)?;
        let is_described = image.checksum() == manifest.image_checksum()
            && image.contract_id() == manifest.contract_id();
        if !is_described {
            return Err(UpdateRefusal::Tampered);
        }
        if image.period_us() != self.incumbent.period_us {
            let board = self.incumbent.contract_id;
            return Err(UpdateRefusal::Contract { board });
        }
        let capacity = self.arena_len.min(scratch.len());
        if image.arena_len() > capacity {
            return Err(UpdateRefusal::Memory {
                capacity: u32::try_from(capacity).unwrap_or(u32::MAX),
            });
        }
        if !image.program().passes(scratch, image.golden()) {
            return Err(UpdateRefusal::Golden);
        }
        let sequence = self.incumbent.sequence.wrapping_add(1);
        install(self.slot, sequence, &manifest).map_err(|_| UpdateRefusal::Flash)?;
        self.is_committed = true;
        Ok(())
    }
}
