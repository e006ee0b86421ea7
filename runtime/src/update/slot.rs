//! What lies in a slot: a record that is written last and makes the rest count, manifest, signature, image; and [`choose`],
//! which finds the image to run after power-on.

use zerocopy::little_endian::U32;
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

use super::flash::{Flash, FlashError, UNIT};
use super::manifest::{MANIFEST_LEN, Manifest, SIGNATURE_LEN};
use crate::checksum::CRC32;
use crate::image::PolicyImage;

/// Where the manifest lies; the record before it has one unit.
pub(super) const MANIFEST_AT: usize = UNIT;

/// Where the image lies, a multiple of 16 and of [`UNIT`].
pub const IMAGE_AT: usize = MANIFEST_AT + MANIFEST_LEN + SIGNATURE_LEN;

const RECORD_MAGIC: u32 = u32::from_le_bytes(*b"run!");

/// One unit, written when everything else in the slot has been checked.
#[derive(Clone, Copy, Debug, FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
struct Record {
    magic: U32,
    /// Counts installations on this board; the higher of two slots runs.
    sequence: U32,
    /// Of the manifest, which holds the image's own.
    manifest_checksum: U32,
    reserved: [U32; 4],
    /// Of everything before.
    checksum: U32,
}

impl Record {
    fn new(sequence: u32, manifest: &Manifest) -> Self {
        let mut record = Self {
            magic: RECORD_MAGIC.into(),
            sequence: sequence.into(),
            manifest_checksum: CRC32.checksum(manifest.as_bytes()).into(),
            reserved: [0.into(); 4],
            checksum: 0.into(),
        };
        record.checksum = record.checksum().into();
        record
    }

    fn checksum(&self) -> u32 {
        let (content, _) = self
            .as_bytes()
            .split_at(size_of::<Self>() - size_of::<U32>());
        CRC32.checksum(content)
    }
}

/// An image that was installed whole.
#[derive(Clone, Copy, Debug)]
pub struct Installed<'f> {
    /// What was signed about it.
    pub manifest: Manifest,
    /// Its bytes, aligned.
    pub image: &'f [u8],
    /// The how manieth installation on this board it was.
    pub sequence: u32,
}

impl<'f> Installed<'f> {
    /// What a slot holds; `None` where the record is missing, torn, or not of what lies behind it.
    #[must_use]
    pub fn read(slot: &'f (impl Flash + ?Sized)) -> Option<Self> {
        let bytes = slot.bytes();
        let (record, _) = Record::read_from_prefix(bytes).ok()?;
        let manifest = Manifest::read(bytes.get(MANIFEST_AT..MANIFEST_AT + MANIFEST_LEN)?)?;
        let is_whole = record.magic.get() == RECORD_MAGIC
            && record.checksum.get() == record.checksum()
            && record.manifest_checksum.get() == CRC32.checksum(manifest.as_bytes());
        let end = IMAGE_AT.checked_add(manifest.image_len() as usize)?;
        let image = bytes.get(IMAGE_AT..end)?;
        is_whole.then_some(Self {
            manifest,
            image,
            sequence: record.sequence.get(),
        })
    }

    /// Whether the image is whole, works in `arena` and computes its golden action there.
    pub fn runs(&self, arena: &mut [f32]) -> bool {
        PolicyImage::view(self.image).is_ok_and(|image| {
            image.checksum() == self.manifest.image_checksum()
                && image.arena_len() <= arena.len()
                && image.program().passes(arena, image.golden())
        })
    }
}

/// Makes what was written count.
pub(super) fn install(
    slot: &mut impl Flash,
    sequence: u32,
    manifest: &Manifest,
) -> Result<(), FlashError> {
    slot.write(0, Record::new(sequence, manifest).as_bytes())
}

/// Which of two slots to run: the one installed last that is whole and passes its self-test in `arena`; `None` where neither
/// does, which leaves the image that was flashed with the firmware.
#[must_use]
pub fn choose<F: Flash>(slots: &[F; 2], arena: &mut [f32]) -> Option<usize> {
    let installed = slots.each_ref().map(Installed::read);
    let [first, second] = &installed;
    let newer = |a: &Option<Installed<'_>>, b: &Option<Installed<'_>>| match (a, b) {
        // Sequences wrap around in theory; in flash they end with the part's life.
        (Some(a), Some(b)) => a.sequence.wrapping_sub(b.sequence).cast_signed() > 0,
        (a, _) => a.is_some(),
    };
    let order = if newer(second, first) { [1, 0] } else { [0, 1] };
    order.into_iter().find(|index| {
        let slot = installed.get(*index).copied().flatten();
        slot.is_some_and(|slot| slot.runs(arena))
    })
}
