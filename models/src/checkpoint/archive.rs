//! The zip container of `torch.save`: `<folder>/data.pkl`, `byteorder`, `version`, `data/<key>` and our `spec.json`.
//! Knows records and bytes, not what the contract says.

use std::collections::BTreeMap;
use std::io::{Cursor, Read, Write};

use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, DateTime, System, ZipArchive, ZipWriter};

use super::pickle_reader;
use super::pickle_value::TensorRecord;
use super::{CheckpointError, Tensor, pickle_writer};

/// Folder of all records, as `torch.save` names it after the file.
const FOLDER: &str = "policy";
/// File format number in the record `version`; libtorch's reader wants 1 to 10, `torch.save` writes 3.
const FORMAT_VERSION: &str = "3\n";
/// `torch.load(…, mmap=True)` and libtorch read tensors in place at this alignment.
const ALIGNMENT: u16 = 64;

/// What an archive holds.
pub(super) struct Contents {
    /// By name.
    pub tensors: BTreeMap<String, Tensor>,
    /// Record `spec.json`.
    pub spec: Option<Vec<u8>>,
}

/// Lays out the container. The order of records is that of `torch.save`.
pub(super) fn write(
    tensors: &BTreeMap<String, Tensor>,
    spec: Option<&[u8]>,
) -> Result<Vec<u8>, CheckpointError> {
    let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
    // Time and system are fixed so that the same policy is the same file, byte for byte, everywhere.
    let options = SimpleFileOptions::default()
        .compression_method(CompressionMethod::Stored)
        .last_modified_time(DateTime::default())
        .system(System::Unix)
        .unix_permissions(0o644)
        .with_alignment(ALIGNMENT);
    let mut record = |name: &str, bytes: &[u8]| -> Result<(), CheckpointError> {
        zip.start_file(format!("{FOLDER}/{name}"), options)?;
        zip.write_all(bytes)?;
        Ok(())
    };
    record("data.pkl", &pickle_writer::write(tensors))?;
    record("byteorder", b"little")?;
    for (key, tensor) in tensors.values().enumerate() {
        let bytes: Vec<u8> = tensor.data.iter().flat_map(|x| x.to_le_bytes()).collect();
        record(&format!("data/{key}"), &bytes)?;
    }
    record("version", FORMAT_VERSION.as_bytes())?;
    if let Some(spec) = spec {
        record("spec.json", spec)?;
    }
    Ok(zip.finish()?.into_inner())
}

/// Takes the container apart.
pub(super) fn read(bytes: &[u8]) -> Result<Contents, CheckpointError> {
    let mut zip = ZipArchive::new(Cursor::new(bytes))?;
    let folder = folder(&zip)?;
    let mut records = Records {
        zip: &mut zip,
        folder,
        limit: bytes.len() as u64,
    };
    let byte_order = records.optional("byteorder")?;
    if byte_order.is_some_and(|order| order != b"little") {
        return Err(wrong("byteorder", "only `little` is supported"));
    }
    let pickle = records.required("data.pkl")?;
    let mut storages = BTreeMap::new();
    let mut tensors = BTreeMap::new();
    let mut n_numbers = 0_usize;
    for (name, record) in pickle_reader::read(&pickle)? {
        if !storages.contains_key(&record.key) {
            let data = floats(&records.required(&format!("data/{}", record.key))?, &record)?;
            storages.insert(record.key.clone(), data);
        }
        // Views may share a storage, but a file cannot honestly hold more views than it has bytes.
        let len = record.shape.iter().copied().fold(1, usize::saturating_mul);
        n_numbers = n_numbers.saturating_add(len);
        if n_numbers > bytes.len() {
            return Err(wrong("data.pkl", "its tensors are larger than the file"));
        }
        let data =
            gather(&record, &storages[&record.key]).ok_or_else(|| CheckpointError::Tensor {
                name: name.clone(),
                problem: format!("reaches outside its storage `data/{}`", record.key),
            })?;
        let shape = record.shape;
        tensors.insert(name, Tensor { shape, data });
    }
    let spec = records.optional("spec.json")?;
    Ok(Contents { tensors, spec })
}

/// The one folder that holds `data.pkl`.
fn folder(zip: &ZipArchive<Cursor<&[u8]>>) -> Result<String, CheckpointError> {
    let mut found = None;
    for name in zip.file_names() {
        let name = name?;
        if let Some((folder, "data.pkl")) = name.split_once('/') {
            found = Some(folder.to_string());
        }
    }
    found.ok_or_else(|| wrong("data.pkl", "missing; torch.save writes one in a top folder"))
}

/// Reading by name, with a bound on what is read.
struct Records<'a, 'b> {
    zip: &'a mut ZipArchive<Cursor<&'b [u8]>>,
    folder: String,
    /// Records are stored, not compressed: none can be longer than the whole file.
    limit: u64,
}

impl Records<'_, '_> {
    fn required(&mut self, record: &str) -> Result<Vec<u8>, CheckpointError> {
        self.optional(record)?
            .ok_or_else(|| wrong(record, "missing"))
    }

    fn optional(&mut self, record: &str) -> Result<Option<Vec<u8>>, CheckpointError> {
        let name = format!("{}/{record}", self.folder);
        if self.zip.index_for_name(&name).is_none() {
            return Ok(None);
        }
        let file = self.zip.by_name(&name)?;
        if file.compression() != CompressionMethod::Stored {
            return Err(wrong(record, "compressed; torch.save stores records as is"));
        }
        let size = file.size();
        if size > self.limit {
            return Err(wrong(record, "longer than the whole file"));
        }
        let mut bytes = Vec::new();
        // Reading to the end makes the zip reader compare the record's CRC.
        file.take(self.limit + 1)
            .read_to_end(&mut bytes)
            .map_err(|error| wrong(record, &error.to_string()))?;
        if bytes.len() as u64 != size {
            return Err(wrong(record, "shorter than the archive says"));
        }
        Ok(Some(bytes))
    }
}

/// Decodes a storage and compares its length with what the pickle says.
fn floats(bytes: &[u8], record: &TensorRecord) -> Result<Vec<f32>, CheckpointError> {
    let (numbers, rest) = bytes.as_chunks::<4>();
    if numbers.len() != record.storage_len || !rest.is_empty() {
        return Err(wrong(
            &format!("data/{}", record.key),
            &format!(
                "{} bytes where {} float32 are expected",
                bytes.len(),
                record.storage_len
            ),
        ));
    }
    Ok(numbers.iter().map(|x| f32::from_le_bytes(*x)).collect())
}

/// Row-major copy of the view that `record` describes; `None` if it reaches outside `storage`.
pub(super) fn gather(record: &TensorRecord, storage: &[f32]) -> Option<Vec<f32>> {
    let len = record
        .shape
        .iter()
        .try_fold(1_usize, |len, n| len.checked_mul(*n))?;
    if len == 0 {
        return Some(Vec::new());
    }
    // An expanded view (stride 0) may be larger than its storage; nothing honest is that much larger.
    if len > storage.len() {
        return None;
    }
    let mut last = record.storage_offset;
    for (n, stride) in record.shape.iter().zip(&record.stride) {
        last = last.checked_add((n - 1).checked_mul(*stride)?)?;
    }
    if last >= storage.len() {
        return None;
    }
    let mut index = vec![0; record.shape.len()];
    let mut data = Vec::with_capacity(len);
    for _ in 0..len {
        let at: usize = index.iter().zip(&record.stride).map(|(i, s)| i * s).sum();
        data.push(storage[record.storage_offset + at]);
        for (i, n) in index.iter_mut().zip(&record.shape).rev() {
            *i += 1;
            if *i < *n {
                break;
            }
            *i = 0;
        }
    }
    Some(data)
}

fn wrong(record: &str, problem: &str) -> CheckpointError {
    CheckpointError::Record {
        record: record.to_string(),
        problem: problem.to_string(),
    }
}
