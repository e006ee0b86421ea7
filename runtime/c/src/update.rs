//! [`Updater`]: another policy for a board in operation, over flash and a channel that are the caller's. The protocol is
//! `runtime/docs/update.md`.

use core::ffi::c_void;

use rlfd_runtime::update::{self, FlashError, Incumbent, Receiver};
use rlfd_runtime::wire::UpdateMessage;

use crate::memory::{RLFD_MEMORY_ALIGNMENT, answer, array, array_or_none, view};
use crate::refusal::Refusal;
use crate::status::{Status, status_of};

/// One slot of flash, mapped into memory at a multiple of 16.
#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub struct Flash {
    /// Handed to both functions, for the caller's use.
    pub context: *mut c_void,
    /// Where the slot begins.
    pub bytes: *const c_void,
    /// Bytes of the slot; an image has room for 128 fewer.
    pub len: usize,
    /// Sets the whole slot to ff; false if that cannot be done.
    pub erase: Option<unsafe extern "C" fn(context: *mut c_void) -> bool>,
    /// Writes `len` bytes, a multiple of 32, at `at`, another one, to a place that was not written since it was erased; false if
    /// that cannot be done. What it wrote can then be read at `bytes`.
    pub write: Option<
        unsafe extern "C" fn(context: *mut c_void, at: usize, units: *const u8, len: usize) -> bool,
    >,
}

/// A policy image that runs, or is to run.
#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub struct Installed {
    /// The image.
    pub image: *const c_void,
    /// Its bytes.
    pub image_len: usize,
    /// Its rollback counter; 0 for the image that was flashed with the firmware.
    pub counter: u32,
    /// The how manieth installation it was; 0 for the image that was flashed with the firmware.
    pub sequence: u32,
    /// Which of the two slots it lies in; 0 or 1.
    pub slot: u32,
}

/// How far an update is.
#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub struct UpdateStatus {
    /// CRC-32 of the image that runs.
    pub running_checksum: u32,
    /// Rollback counter of the image that runs.
    pub running_counter: u32,
    /// Bytes an image may have.
    pub capacity: u32,
    /// Bytes of the offered image received so far: the offset of the next chunk.
    pub received: u32,
    /// Bytes of the offered image; 0 where none is offered.
    pub offered: u32,
    /// Whether another image passed everything and waits in the slot.
    pub is_committed: bool,
}

/// A slot whose functions are all there.
#[derive(Clone, Copy, Debug)]
struct Slot {
    context: *mut c_void,
    bytes: *const u8,
    len: usize,
    erase: unsafe extern "C" fn(*mut c_void) -> bool,
    write: unsafe extern "C" fn(*mut c_void, usize, *const u8, usize) -> bool,
}

impl Slot {
    /// # Safety
    ///
    /// `flash` is NULL or leads to an `rlfd_flash`.
    unsafe fn read(flash: *const Flash) -> Result<Self, Status> {
        // SAFETY: promised.
        let flash = unsafe { flash.as_ref() }.ok_or(Status::NullPointer)?;
        let (Some(erase), Some(write)) = (flash.erase, flash.write) else {
            return Err(Status::NullPointer);
        };
        if flash.bytes.is_null() {
            return Err(Status::NullPointer);
        }
        Ok(Self {
            context: flash.context,
            bytes: flash.bytes.cast(),
            len: flash.len,
            erase,
            write,
        })
    }
}

// SAFETY of the calls: whoever handed the slot over promised that it is mapped and that its functions may be called for as long as
// it is used; nothing read from it is kept while it is written.
impl update::Flash for Slot {
    fn bytes(&self) -> &[u8] {
        // SAFETY: see above.
        unsafe { core::slice::from_raw_parts(self.bytes, self.len) }
    }

    fn erase(&mut self) -> Result<(), FlashError> {
        // SAFETY: see above.
        let done = unsafe { (self.erase)(self.context) };
        done.then_some(()).ok_or(FlashError)
    }

    fn write(&mut self, at: usize, units: &[u8]) -> Result<(), FlashError> {
        // SAFETY: see above.
        let done = unsafe { (self.write)(self.context, at, units.as_ptr(), units.len()) };
        done.then_some(()).ok_or(FlashError)
    }
}

/// Takes another policy into the slot that does not run. It lives in memory that the caller lends.
#[derive(Debug)]
pub struct Updater {
    receiver: Receiver<'static, Slot>,
    scratch: &'static mut [f32],
    slot: Slot,
    key: [u8; 32],
}

/// Bytes of memory that `rlfd_updater_new` takes, at a multiple of `RLFD_MEMORY_ALIGNMENT`.
pub const RLFD_UPDATER_MEMORY: usize = 320;

const _: () = assert!(size_of::<Updater>() <= RLFD_UPDATER_MEMORY);
const _: () = assert!(align_of::<Updater>() <= RLFD_MEMORY_ALIGNMENT);

/// Numbers that C lends to work in.
///
/// # Safety
///
/// `first` is NULL or leads to `len` numbers that belong to the caller alone for as long as what is returned is used.
unsafe fn numbers<'a>(first: *mut f32, len: usize) -> Result<&'a mut [f32], Status> {
    if first.is_null() {
        return Err(Status::NullPointer);
    }
    // SAFETY: promised.
    Ok(unsafe { core::slice::from_raw_parts_mut(first, len) })
}

/// After power-on: which of two slots to run, the one installed last that is whole and computes its golden action in the
/// `arena_len` numbers at `arena`. `RLFD_STATUS_EMPTY` where neither does: run the image that was flashed with the firmware.
///
/// # Safety
///
/// `first` and `second` are NULL or lead to an `rlfd_flash` each, `arena` to as many numbers as is said, `installed` to an
/// `rlfd_installed`; what that then names lies in the slot.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rlfd_update_choose(
    first: *const Flash,
    second: *const Flash,
    arena: *mut f32,
    arena_len: usize,
    installed: *mut Installed,
) -> Status {
    // SAFETY: promised by the caller.
    let choose = || unsafe {
        let slots = [Slot::read(first)?, Slot::read(second)?];
        let index = update::choose(&slots, numbers(arena, arena_len)?).ok_or(Status::Empty)?;
        let found = slots.get(index).and_then(update::Installed::read);
        let found = found.ok_or(Status::Empty)?;
        let told = Installed {
            image: found.image.as_ptr().cast(),
            image_len: found.image.len(),
            counter: found.manifest.counter(),
            sequence: found.sequence,
            slot: index as u32,
        };
        answer(installed, told)
    };
    status_of(choose())
}

/// Makes an updater that takes images signed with `key`, 32 bytes, into `slot`, which does not run, to follow `running`, in the
/// `RLFD_UPDATER_MEMORY` bytes at `memory`. An image is tested in the `arena_len` numbers at `arena`, of which the policy that runs
/// knows nothing, and may not need more. There is nothing to free.
///
/// # Safety
///
/// `slot`, `key`, `running` and `updater` are NULL or lead to what is said; `arena`, `memory` and what `slot` and `running` name
/// are the updater's for as long as it is used.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rlfd_updater_new(
    slot: *const Flash,
    key: *const u8,
    running: *const Installed,
    arena: *mut f32,
    arena_len: usize,
    memory: *mut c_void,
    memory_len: usize,
    updater: *mut *mut Updater,
) -> Status {
    // SAFETY: promised by the caller; the object's slot and key are written before a receiver borrows them, and stay.
    let make = || unsafe {
        let slot = Slot::read(slot)?;
        let mut own_key = [0; 32];
        for (place, byte) in own_key.iter_mut().zip(array(key, 32)?) {
            *place = *byte;
        }
        let running = running.as_ref().ok_or(Status::NullPointer)?;
        let image = view(running.image, running.image_len)?;
        let incumbent = Incumbent::new(&image, running.counter, running.sequence);
        let scratch = numbers(arena, arena_len)?;
        if memory.is_null() || updater.is_null() {
            return Err(Status::NullPointer);
        }
        if !memory.addr().is_multiple_of(RLFD_MEMORY_ALIGNMENT) {
            return Err(Status::MemoryUnaligned);
        }
        if memory_len < RLFD_UPDATER_MEMORY {
            return Err(Status::MemoryTooSmall);
        }
        let object = memory.cast::<Updater>();
        (&raw mut (*object).slot).write(slot);
        (&raw mut (*object).key).write(own_key);
        let lent_slot: &'static mut Slot = &mut (*object).slot;
        let lent_key: &'static [u8; 32] = &(*object).key;
        let receiver = Receiver::new(lent_slot, lent_key, incumbent, arena_len);
        (&raw mut (*object).receiver).write(receiver);
        (&raw mut (*object).scratch).write(scratch);
        answer(updater, object)
    };
    status_of(make())
}

/// Hands a message to an updater.
///
/// # Safety
///
/// `updater` is NULL or comes from [`rlfd_updater_new`], and nobody else uses it meanwhile.
unsafe fn take(updater: *mut Updater, message: UpdateMessage<'_>) -> Refusal {
    if updater.is_null() {
        return Refusal::NullPointer;
    }
    // SAFETY: promised. The two fields are borrowed by themselves, because the receiver borrows others of the same object.
    let taken = unsafe {
        let receiver = &mut (*updater).receiver;
        let scratch = &mut (*updater).scratch;
        receiver.take(message, scratch)
    };
    match taken {
        Ok(_) => Refusal::None,
        Err(refusal) => refusal.into(),
    }
}

/// Offers an image: `manifest` is the first 32 bytes of a file of `rlfd-export sign`, `signature` the next 64, the image the rest.
/// Erases the slot; what was received of another is forgotten.
///
/// # Safety
///
/// `updater` is NULL or comes from `rlfd_updater_new`; the arrays are NULL or as long as is said.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rlfd_updater_begin(
    updater: *mut Updater,
    manifest: *const u8,
    manifest_len: usize,
    signature: *const u8,
    signature_len: usize,
) -> Refusal {
    // SAFETY: promised by the caller.
    unsafe {
        let arrays = (
            array_or_none(manifest, manifest_len),
            array_or_none(signature, signature_len),
        );
        let (Ok(manifest), Ok(signature)) = arrays else {
            return Refusal::NullPointer;
        };
        let begin = UpdateMessage::Begin {
            manifest,
            signature,
        };
        take(updater, begin)
    }
}

/// Hands over the next bytes of the image: `offset` went before, `checksum` is their CRC-32 (that of zlib and Ethernet), `len` is a
/// multiple of 32 but for the last chunk. Writes them to the slot.
///
/// # Safety
///
/// `updater` is NULL or comes from `rlfd_updater_new`; `bytes` is NULL or leads to `len` of them.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rlfd_updater_chunk(
    updater: *mut Updater,
    offset: u32,
    checksum: u32,
    bytes: *const u8,
    len: usize,
) -> Refusal {
    // SAFETY: promised by the caller.
    unsafe {
        let Ok(bytes) = array_or_none(bytes, len) else {
            return Refusal::NullPointer;
        };
        let chunk = UpdateMessage::Chunk {
            offset,
            checksum,
            bytes,
        };
        take(updater, chunk)
    }
}

/// All bytes are there: checks signature, image, contract and memory, computes the golden action, and only then makes the slot
/// count. From then on `rlfd_update_choose` finds it.
///
/// # Safety
///
/// `updater` is NULL or comes from `rlfd_updater_new`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rlfd_updater_commit(updater: *mut Updater) -> Refusal {
    // SAFETY: promised by the caller.
    unsafe { take(updater, UpdateMessage::Commit) }
}

/// How far it is.
///
/// # Safety
///
/// `updater` is NULL or comes from `rlfd_updater_new`; `status` is NULL or leads to an `rlfd_update_status`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rlfd_updater_status(
    updater: *const Updater,
    status: *mut UpdateStatus,
) -> Status {
    if updater.is_null() {
        return Status::NullPointer;
    }
    // SAFETY: promised by the caller.
    let kept = unsafe { (*updater).receiver.status() };
    let told = UpdateStatus {
        running_checksum: kept.running_checksum,
        running_counter: kept.running_counter,
        capacity: kept.capacity,
        received: kept.received,
        offered: kept.offered,
        is_committed: kept.is_committed,
    };
    // SAFETY: promised by the caller.
    status_of(unsafe { answer(status, told) })
}
