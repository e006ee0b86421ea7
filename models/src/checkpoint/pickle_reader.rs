//! A pickle machine that can build one thing: a dictionary from names to tensors.
//!
//! It knows the opcodes and the five globals that `torch.save` uses for that, imports and calls nothing, and bounds
//! depth and amount of what it builds, so a hostile file costs no more than an error.
//!
//! Opcodes: CPython, `Lib/pickletools.py`. Arguments of the globals: PyTorch, `torch/_utils.py`.

use super::CheckpointError;
use super::pickle_value::{Global, Outcome, TensorRecord, Value, call, storage};

/// Containers nest this deep at most; a state dictionary needs five.
const MAX_DEPTH: usize = 16;
/// Values built or copied in all. A policy needs some dozens per tensor.
const MAX_VALUES: usize = 1 << 20;
/// Runs the pickle; the dictionary's entries in its order.
pub(super) fn read(bytes: &[u8]) -> Result<Vec<(String, TensorRecord)>, CheckpointError> {
    let mut machine = Machine {
        bytes,
        at: 0,
        stack: Vec::new(),
        marks: Vec::new(),
        memo: Vec::new(),
        n_values: 0,
    };
    let outcome = machine.run().and_then(entries);
    outcome.map_err(|problem| CheckpointError::Pickle {
        offset: machine.at,
        problem,
    })
}

fn entries(value: Value) -> Result<Vec<(String, TensorRecord)>, String> {
    let Value::Dict(items) = value else {
        return Err(format!(
            "a dictionary of tensors is expected, not {}",
            value.kind()
        ));
    };
    let mut entries: Vec<(String, TensorRecord)> = Vec::new();
    for item in items {
        match item {
            (Value::Text(name), Value::Tensor(tensor)) => {
                if entries.iter().any(|(other, _)| *other == name) {
                    return Err(format!("tensor `{name}` occurs twice"));
                }
                entries.push((name, tensor));
            }
            (Value::Text(name), other) => {
                return Err(format!(
                    "`{name}` is {}, a float32 tensor is expected",
                    other.kind()
                ));
            }
            (other, _) => return Err(format!("a key is {}, text is expected", other.kind())),
        }
    }
    Ok(entries)
}

struct Machine<'a> {
    bytes: &'a [u8],
    at: usize,
    stack: Vec<Value>,
    /// Heights of `stack` at each open MARK.
    marks: Vec<usize>,
    memo: Vec<(u32, Value)>,
    n_values: usize,
}

impl Machine<'_> {
    fn run(&mut self) -> Outcome<Value> {
        loop {
            match self.byte()? {
                0x80 => match self.byte()? {
                    2 => {}
                    other => return Err(format!("pickle protocol {other}, 2 is expected")),
                },
                b'.' => return self.pop(),
                b'(' => self.marks.push(self.stack.len()),
                b'N' => self.push(Value::None)?,
                0x88 | 0x89 => self.push(Value::Bool)?,
                b'G' => {
                    self.take(8)?;
                    self.push(Value::Float)?;
                }
                b'K' => {
                    let value = self.byte()?;
                    self.push(Value::Int(value.into()))?;
                }
                b'M' => {
                    let value = u16::from_le_bytes(self.array()?);
                    self.push(Value::Int(value.into()))?;
                }
                b'J' => {
                    let value = i32::from_le_bytes(self.array()?);
                    self.push(Value::Int(value.into()))?;
                }
                0x8a => {
                    let value = self.long()?;
                    self.push(Value::Int(value))?;
                }
                b'X' => {
                    let len = u32::from_le_bytes(self.array()?) as usize;
                    let text = std::str::from_utf8(self.take(len)?)
                        .map_err(|_| "text is not UTF-8")?
                        .to_string();
                    self.push(Value::Text(text))?;
                }
                b'c' => {
                    let global = self.global()?;
                    self.push(Value::Global(global))?;
                }
                b'q' => {
                    let slot = self.byte()?;
                    self.remember(slot.into())?;
                }
                b'r' => {
                    let slot = u32::from_le_bytes(self.array()?);
                    self.remember(slot)?;
                }
                b'h' => {
                    let slot = self.byte()?;
                    self.recall(slot.into())?;
                }
                b'j' => {
                    let slot = u32::from_le_bytes(self.array()?);
                    self.recall(slot)?;
                }
                b')' => self.push(Value::Tuple(Vec::new()))?,
                b']' => self.push(Value::List(Vec::new()))?,
                b'}' => self.push(Value::Dict(Vec::new()))?,
                code @ 0x85..=0x87 => {
                    let n = usize::from(code - 0x84);
                    let items = self.split_off(self.stack.len().checked_sub(n))?;
                    self.push(Value::Tuple(items))?;
                }
                b't' => {
                    let items = self.since_mark()?;
                    self.push(Value::Tuple(items))?;
                }
                b'a' => {
                    let item = self.pop()?;
                    self.extend_list(vec![item])?;
                }
                b'e' => {
                    let items = self.since_mark()?;
                    self.extend_list(items)?;
                }
                b's' => {
                    let items = self.split_off(self.stack.len().checked_sub(2))?;
                    self.extend_dict(items)?;
                }
                b'u' => {
                    let items = self.since_mark()?;
                    self.extend_dict(items)?;
                }
                b'Q' => {
                    let id = self.pop()?;
                    self.push(storage(id)?)?;
                }
                b'R' => {
                    let arguments = self.pop()?;
                    let callee = self.pop()?;
                    self.push(call(callee, arguments)?)?;
                }
                // Attributes of a state dictionary (`_metadata`: versions of modules). They hold no tensors.
                b'b' => {
                    self.pop()?;
                    match self.stack.last() {
                        Some(Value::Dict(_)) => {}
                        _ => return Err("BUILD of something other than a dictionary".into()),
                    }
                }
                other => {
                    return Err(format!(
                        "opcode 0x{other:02x} does not occur in a dictionary of tensors"
                    ));
                }
            }
        }
    }

    fn take(&mut self, n: usize) -> Outcome<&[u8]> {
        let bytes = self.bytes.get(self.at..).and_then(|rest| rest.get(..n));
        let bytes = bytes.ok_or("the pickle ends too early")?;
        self.at += n;
        Ok(bytes)
    }

    fn byte(&mut self) -> Outcome<u8> {
        Ok(self.take(1)?[0])
    }

    fn array<const N: usize>(&mut self) -> Outcome<[u8; N]> {
        let mut array = [0; N];
        array.copy_from_slice(self.take(N)?);
        Ok(array)
    }

    fn line(&mut self) -> Outcome<&str> {
        let rest = &self.bytes[self.at..];
        let len = rest.iter().position(|b| *b == b'\n');
        let line = self.take(len.ok_or("the pickle ends too early")? + 1)?;
        std::str::from_utf8(&line[..line.len() - 1]).map_err(|_| "a name is not UTF-8".into())
    }

    fn long(&mut self) -> Outcome<i64> {
        let len = usize::from(self.byte()?);
        let bytes = self.take(len)?;
        // A positive 64-bit count may need a ninth byte for its sign.
        let negative = bytes.last().is_some_and(|b| b & 0x80 != 0);
        let mut wide = [if negative { 0xff } else { 0 }; 16];
        wide.get_mut(..len)
            .ok_or("an integer is too long")?
            .copy_from_slice(bytes);
        i64::try_from(i128::from_le_bytes(wide)).map_err(|_| "an integer is too long".into())
    }

    fn global(&mut self) -> Outcome<Global> {
        let module = self.line()?.to_string();
        let name = self.line()?;
        match (module.as_str(), name) {
            ("torch._utils", "_rebuild_tensor_v2") => Ok(Global::RebuildTensor),
            ("torch._utils", "_rebuild_parameter") => Ok(Global::RebuildParameter),
            ("collections", "OrderedDict") => Ok(Global::OrderedDict),
            ("torch", "FloatStorage") => Ok(Global::FloatStorage),
            ("torch", other) if other.ends_with("Storage") => Err(format!(
                "a tensor is stored as torch.{other}; only float32 (torch.FloatStorage) is supported"
            )),
            (module, name) => Err(format!(
                "global `{module}.{name}` does not occur in a dictionary of tensors"
            )),
        }
    }

    fn push(&mut self, value: Value) -> Outcome<()> {
        let depth = value.depth();
        if depth > MAX_DEPTH {
            return Err(format!("containers nest more than {MAX_DEPTH} deep"));
        }
        self.charge(value.n_values())?;
        self.stack.push(value);
        Ok(())
    }

    fn charge(&mut self, n: usize) -> Outcome<()> {
        self.n_values = self.n_values.saturating_add(n);
        if self.n_values > MAX_VALUES {
            return Err(format!("more than {MAX_VALUES} values"));
        }
        Ok(())
    }

    fn pop(&mut self) -> Outcome<Value> {
        if self.marks.last() == Some(&self.stack.len()) {
            return Err("a MARK is where a value is expected".into());
        }
        self.stack.pop().ok_or_else(|| "the stack is empty".into())
    }

    fn since_mark(&mut self) -> Outcome<Vec<Value>> {
        let mark = self.marks.pop().ok_or("no MARK is open")?;
        self.split_off(Some(mark))
    }

    fn split_off(&mut self, height: Option<usize>) -> Outcome<Vec<Value>> {
        let floor = self.marks.last().copied().unwrap_or(0);
        match height {
            Some(height) if height >= floor && height <= self.stack.len() => {
                Ok(self.stack.split_off(height))
            }
            _ => Err("the stack is empty".into()),
        }
    }

    fn remember(&mut self, slot: u32) -> Outcome<()> {
        let value = self.stack.last().ok_or("the stack is empty")?.clone();
        self.charge(value.n_values())?;
        match self.memo.binary_search_by_key(&slot, |(slot, _)| *slot) {
            Ok(at) => self.memo[at].1 = value,
            Err(at) => self.memo.insert(at, (slot, value)),
        }
        Ok(())
    }

    fn recall(&mut self, slot: u32) -> Outcome<()> {
        let found = self.memo.binary_search_by_key(&slot, |(slot, _)| *slot);
        let at = found.map_err(|_| format!("memo {slot} is empty"))?;
        let value = self.memo[at].1.clone();
        // A container is filled after it is remembered, so the memo's copy would be stale.
        if matches!(value, Value::Dict(_) | Value::List(_)) {
            return Err("a shared dictionary or list is not supported".into());
        }
        self.push(value)
    }

    fn extend_list(&mut self, items: Vec<Value>) -> Outcome<()> {
        let Value::List(mut list) = self.pop()? else {
            return Err("items are appended to something other than a list".into());
        };
        list.extend(items);
        self.push(Value::List(list))
    }

    fn extend_dict(&mut self, items: Vec<Value>) -> Outcome<()> {
        let Value::Dict(mut dict) = self.pop()? else {
            return Err("items are set in something other than a dictionary".into());
        };
        if !items.len().is_multiple_of(2) {
            return Err("a key has no value".into());
        }
        let mut items = items.into_iter();
        while let (Some(key), Some(value)) = (items.next(), items.next()) {
            dict.push((key, value));
        }
        self.push(Value::Dict(dict))
    }
}
