//! Writes the pickle (protocol 2) of a dictionary of contiguous float tensors, as `torch.save` does: each tensor is a
//! call of `torch._utils._rebuild_tensor_v2` on a storage named by a persistent id.
//!
//! Opcodes: CPython, `Lib/pickletools.py`.

use std::collections::BTreeMap;

use super::Tensor;

/// `data.pkl` for `tensors`, whose storages are `data/0`, `data/1`, … in the map's order.
pub(super) fn write(tensors: &BTreeMap<String, Tensor>) -> Vec<u8> {
    let mut out = Vec::new();
    out.extend([0x80, 2]); // PROTO 2
    out.push(b'}'); // EMPTY_DICT
    out.push(b'('); // MARK
    for (key, (name, tensor)) in tensors.iter().enumerate() {
        string(&mut out, name);
        rebuild_tensor(&mut out, key, tensor);
    }
    out.push(b'u'); // SETITEMS
    out.push(b'.'); // STOP
    out
}

/// `_rebuild_tensor_v2(storage, 0, shape, stride, requires_grad=False, OrderedDict())`.
fn rebuild_tensor(out: &mut Vec<u8>, key: usize, tensor: &Tensor) {
    out.extend(b"ctorch._utils\n_rebuild_tensor_v2\n"); // GLOBAL
    out.push(b'('); // MARK
    out.push(b'('); // MARK
    string(out, "storage");
    out.extend(b"ctorch\nFloatStorage\n");
    string(out, &key.to_string());
    string(out, "cpu");
    integer(out, tensor.data.len());
    out.push(b't'); // TUPLE
    out.push(b'Q'); // BINPERSID
    integer(out, 0);
    integers(out, &tensor.shape);
    integers(out, &contiguous(&tensor.shape));
    out.push(0x89); // NEWFALSE
    out.extend(b"ccollections\nOrderedDict\n)R"); // GLOBAL, EMPTY_TUPLE, REDUCE
    out.push(b't'); // TUPLE
    out.push(b'R'); // REDUCE
}

/// Strides of a row-major array.
fn contiguous(shape: &[usize]) -> Vec<usize> {
    let mut stride = vec![1; shape.len()];
    for axis in (1..shape.len()).rev() {
        stride[axis - 1] = stride[axis] * shape[axis].max(1);
    }
    stride
}

fn integers(out: &mut Vec<u8>, values: &[usize]) {
    out.push(b'('); // MARK
    for value in values {
        integer(out, *value);
    }
    out.push(b't'); // TUPLE
}

/// The shortest opcode that holds `value`, as CPython chooses.
fn integer(out: &mut Vec<u8>, value: usize) {
    if let Ok(byte) = u8::try_from(value) {
        out.extend([b'K', byte]); // BININT1
    } else if let Ok(short) = u16::try_from(value) {
        out.push(b'M'); // BININT2
        out.extend(short.to_le_bytes());
    } else if let Ok(int) = i32::try_from(value) {
        out.push(b'J'); // BININT
        out.extend(int.to_le_bytes());
    } else {
        out.extend([0x8a, 9]); // LONG1: two's complement, so one byte more than the value has
        out.extend((value as u64).to_le_bytes());
        out.push(0);
    }
}

fn string(out: &mut Vec<u8>, text: &str) {
    out.push(b'X'); // BINUNICODE
    out.extend((text.len() as u32).to_le_bytes());
    out.extend(text.as_bytes());
}
