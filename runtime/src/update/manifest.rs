//! [`Manifest`]: what is said, and signed, about an image that is offered to a board.

use zerocopy::little_endian::{U16, U32, U64};
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

use crate::image::PolicyImage;

/// First bytes of a manifest, and thereby of a file with a signed image.
pub const UPDATE_MAGIC: [u8; 8] = *b"\x89RLFU\r\n\x1a";

/// Version of the layout below.
const VERSION: u16 = 1;

/// Bytes of a manifest.
pub const MANIFEST_LEN: usize = size_of::<Manifest>();

/// Bytes of an Ed25519 signature.
pub const SIGNATURE_LEN: usize = 64;

/// What is signed, in front of the image itself.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned,
)]
#[repr(C)]
pub struct Manifest {
    magic: [u8; 8],
    version: U16,
    reserved: U16,
    counter: U32,
    image_len: U32,
    image_checksum: U32,
    contract_id: U64,
}

impl Manifest {
    /// The manifest of an image of `image_len` bytes. A board takes no image with a counter that is not above that of the
    /// one it runs.
    #[must_use]
    pub fn new(image: &PolicyImage<'_>, image_len: u32, counter: u32) -> Self {
        Self {
            magic: UPDATE_MAGIC,
            version: VERSION.into(),
            reserved: 0.into(),
            counter: counter.into(),
            image_len: image_len.into(),
            image_checksum: image.checksum().into(),
            contract_id: image.contract_id().into(),
        }
    }

    /// Reads a manifest; `None` for bytes that are none of this version.
    #[must_use]
    pub fn read(bytes: &[u8]) -> Option<Self> {
        let manifest = Self::read_from_bytes(bytes).ok()?;
        let is_one = manifest.magic == UPDATE_MAGIC
            && manifest.version.get() == VERSION
            && manifest.reserved.get() == 0;
        is_one.then_some(manifest)
    }

    /// The rollback counter.
    #[must_use]
    pub fn counter(&self) -> u32 {
        self.counter.get()
    }

    /// Bytes of the image.
    #[must_use]
    pub fn image_len(&self) -> u32 {
        self.image_len.get()
    }

    /// CRC-32 of the image, as the image states it.
    #[must_use]
    pub fn image_checksum(&self) -> u32 {
        self.image_checksum.get()
    }

    /// What the image wires up.
    #[must_use]
    pub fn contract_id(&self) -> u64 {
        self.contract_id.get()
    }

    /// Whether `signature` is the key's over this manifest and `image`.
    #[must_use]
    pub fn is_signed(&self, image: &[u8], signature: &[u8], key: &[u8; 32]) -> bool {
        let Ok(signature) = ed25519_compact::Signature::from_slice(signature) else {
            return false;
        };
        let key = ed25519_compact::PublicKey::new(*key);
        let Ok(mut state) = key.verify_incremental(&signature) else {
            return false;
        };
        state.absorb(self.as_bytes());
        state.absorb(image);
        state.verify().is_ok()
    }
}

/// A file with an image and what was signed about it: manifest, signature, image, one behind the other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SignedImage<'a> {
    /// What is said about it.
    pub manifest: Manifest,
    /// Over manifest and image.
    pub signature: &'a [u8],
    /// The policy image, at no particular alignment.
    pub image: &'a [u8],
}

impl<'a> SignedImage<'a> {
    /// Takes a file apart, checking nothing but its shape; `None` where it has another.
    #[must_use]
    pub fn read(bytes: &'a [u8]) -> Option<Self> {
        let (manifest, rest) = bytes.split_at_checked(MANIFEST_LEN)?;
        let (signature, image) = rest.split_at_checked(SIGNATURE_LEN)?;
        let manifest = Manifest::read(manifest)?;
        (manifest.image_len() as usize == image.len()).then_some(Self {
            manifest,
            signature,
            image,
        })
    }
}

/// The file of a signed image; `seed` is the private key. `image` has been viewed, `bytes` are its bytes.
///
/// # Errors
/// [`ed25519_compact::Error`] for a seed that gives no key.
#[cfg(feature = "alloc")]
pub fn sign(
    image: &PolicyImage<'_>,
    bytes: &[u8],
    counter: u32,
    seed: [u8; 32],
) -> Result<alloc::vec::Vec<u8>, ed25519_compact::Error> {
    let manifest = Manifest::new(
        image,
        u32::try_from(bytes.len()).unwrap_or(u32::MAX),
        counter,
    );
    let pair = ed25519_compact::KeyPair::try_from_seed(ed25519_compact::Seed::new(seed))?;
    let message = [manifest.as_bytes(), bytes].concat();
    let signature = pair.sk.sign(message, None);
    Ok([manifest.as_bytes(), &*signature, bytes].concat())
}
