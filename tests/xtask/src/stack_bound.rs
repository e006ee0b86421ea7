//! The deepest a program's stack can get: frames and calls read out of its machine code, and the longest way through them.
//! Knows ELF and graphs; instructions are `thumb` and `riscv`.
//!
//! A function's frame is the sum of everything it ever takes off the stack pointer. A call through a register may lead to any
//! function whose address is taken somewhere, unless that one leads back to the caller; a program that recurses by
//! name is refused. Interrupts are not in it: the firmware takes none.

mod riscv;
mod thumb;

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context, Result, bail};
use object::{Architecture, Object, ObjectSection, ObjectSymbol, SectionKind, SymbolKind};

/// What a function does to the stack.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Body {
    /// Bytes it takes at most.
    frame: u64,
    /// Addresses it calls.
    calls: BTreeSet<u64>,
    /// Addresses it jumps to.
    jumps: BTreeSet<u64>,
    /// Addresses it computes.
    addresses: BTreeSet<u64>,
    /// Whether it calls through a register.
    is_indirect: bool,
}

/// The deepest way through a program.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bound {
    /// Bytes.
    pub bytes: u64,
    /// Functions on the way, the outermost first, with their frames.
    pub way: Vec<(String, u64)>,
}

struct Function {
    name: String,
    body: Body,
    callees: BTreeSet<usize>,
}

/// Finds it.
///
/// # Errors
/// If this is no program of an architecture known here, it recurses, or a frame depends on the input.
pub fn bound(elf: &[u8]) -> Result<Bound> {
    let file = object::File::parse(elf).context("not a linked program")?;
    let mut functions = functions(&file)?;
    let starts: BTreeMap<u64, usize> = functions
        .iter()
        .enumerate()
        .map(|(index, (start, _))| (*start, index))
        .collect();
    let mut taken: BTreeSet<usize> = words(&file)
        .filter_map(|word| starts.get(&(word & !1)).copied())
        .collect();
    for (_, function) in &mut functions {
        let indices = |addresses: &BTreeSet<u64>| -> BTreeSet<usize> {
            let known = addresses.iter().filter_map(|at| starts.get(&(at & !1)));
            known.copied().collect()
        };
        function.callees = indices(&function.body.calls);
        // A jump to another function is a call that does not return here, one within the function a loop.
        function.callees.extend(indices(&function.body.jumps));
        taken.extend(indices(&function.body.addresses));
    }
    let functions: Vec<Function> = functions
        .into_iter()
        .map(|(_, function)| function)
        .collect();
    let reach = reachable(&functions);
    let mut graph: Vec<BTreeSet<usize>> = functions.iter().map(|f| f.callees.clone()).collect();
    for (index, function) in functions.iter().enumerate() {
        if function.body.is_indirect {
            let leads_back = |other: &usize| *other == index || reach[*other].contains(&index);
            graph[index].extend(taken.iter().filter(|other| !leads_back(other)));
        }
    }
    let mut deepest = Deepest {
        functions: &functions,
        graph: &graph,
        known: vec![None; functions.len()],
        open: Vec::new(),
    };
    let mut most: Option<(u64, usize)> = None;
    for index in 0..functions.len() {
        let bytes = deepest.from(index)?;
        if most.is_none_or(|(other, _)| bytes > other) {
            most = Some((bytes, index));
        }
    }
    let (bytes, mut at) = most.context("the program has no functions")?;
    let mut way = vec![(functions[at].name.clone(), functions[at].body.frame)];
    while let Some((_, Some(next))) = deepest.known[at] {
        at = next;
        way.push((functions[at].name.clone(), functions[at].body.frame));
    }
    Ok(Bound { bytes, way })
}

struct Deepest<'g> {
    functions: &'g [Function],
    graph: &'g [BTreeSet<usize>],
    /// Bytes from here on, and the next function on the deepest way.
    known: Vec<Option<(u64, Option<usize>)>>,
    open: Vec<usize>,
}

impl Deepest<'_> {
    fn from(&mut self, index: usize) -> Result<u64> {
        if let Some((bytes, _)) = self.known[index] {
            return Ok(bytes);
        }
        if self.open.contains(&index) {
            let names = self.open.iter().map(|at| self.functions[*at].name.as_str());
            bail!(
                "the program recurses: {}",
                names.collect::<Vec<_>>().join(" > ")
            );
        }
        self.open.push(index);
        let (mut most, mut next) = (0, None);
        for callee in &self.graph[index] {
            let bytes = self.from(*callee)?;
            if bytes > most || next.is_none() {
                (most, next) = (bytes, Some(*callee));
            }
        }
        self.open.pop();
        let bytes = self.functions[index].body.frame + most;
        self.known[index] = Some((bytes, next));
        Ok(bytes)
    }
}

/// Of each function, what it leads to by name.
fn reachable(functions: &[Function]) -> Vec<BTreeSet<usize>> {
    let from = |start: usize| {
        let mut seen = BTreeSet::new();
        let mut open = vec![start];
        while let Some(at) = open.pop() {
            for callee in &functions[at].callees {
                if seen.insert(*callee) {
                    open.push(*callee);
                }
            }
        }
        seen
    };
    (0..functions.len()).map(from).collect()
}

/// Functions by address, decoded.
fn functions(file: &object::File<'_>) -> Result<Vec<(u64, Function)>> {
    let is_thumb = match file.architecture() {
        Architecture::Arm => true,
        Architecture::Riscv32 => false,
        other => bail!("instructions of {other:?} are not known here"),
    };
    let mut starts: BTreeMap<u64, (String, u64)> = BTreeMap::new();
    let mut data = BTreeSet::new();
    let mut code = BTreeSet::new();
    for symbol in file.symbols() {
        let name = symbol.name().unwrap_or_default();
        match name.get(..2) {
            Some("$d") => {
                data.insert(symbol.address());
            }
            Some("$t" | "$x") => {
                code.insert(symbol.address());
            }
            _ if symbol.kind() == SymbolKind::Text && !name.is_empty() => {
                let entry = starts.entry(symbol.address() & !1).or_default();
                if symbol.size() >= entry.1 {
                    *entry = (name.to_owned(), symbol.size());
                }
            }
            _ => {}
        }
    }
    let mut found = Vec::new();
    for section in file.sections().filter(|s| s.kind() == SectionKind::Text) {
        let bytes = section.data()?;
        let end = section.address() + bytes.len() as u64;
        let inside: Vec<_> = starts.range(section.address()..end).collect();
        for (index, (start, (name, size))) in inside.iter().enumerate() {
            let next = inside.get(index + 1).map_or(end, |(next, _)| **next);
            let stop = if *size == 0 { next } else { **start + size };
            let text = Text {
                bytes,
                origin: section.address(),
                data: &data,
                code: &code,
            };
            let body = if is_thumb {
                thumb::body(&text, **start, stop)
            } else {
                riscv::body(&text, **start, stop)
            };
            let mut body = body.with_context(|| name.clone())?;
            body.jumps
                .retain(|target| !(**start..stop).contains(target));
            let function = Function {
                name: name.clone(),
                body,
                callees: BTreeSet::new(),
            };
            found.push((**start, function));
        }
    }
    Ok(found)
}

/// Every aligned word of what is loaded.
fn words<'f>(file: &'f object::File<'_>) -> impl Iterator<Item = u64> + use<'f> {
    let kinds = [
        SectionKind::Text,
        SectionKind::ReadOnlyData,
        SectionKind::Data,
    ];
    let sections = file.sections().filter(move |s| kinds.contains(&s.kind()));
    sections.flat_map(|section| {
        let (words, _) = section.data().unwrap_or_default().as_chunks::<4>();
        let numbers: Vec<u64> = words
            .iter()
            .map(|word| u32::from_le_bytes(*word).into())
            .collect();
        numbers
    })
}

/// Instructions of a section, and where there are none.
pub struct Text<'t> {
    bytes: &'t [u8],
    origin: u64,
    data: &'t BTreeSet<u64>,
    code: &'t BTreeSet<u64>,
}

impl Text<'_> {
    /// The halfword at an address.
    fn half(&self, at: u64) -> Option<u16> {
        let from = usize::try_from(at.checked_sub(self.origin)?).ok()?;
        let bytes = self.bytes.get(from..from + 2)?;
        Some(u16::from_le_bytes([bytes[0], bytes[1]]))
    }

    /// The word at an address.
    fn word(&self, at: u64) -> Option<u32> {
        let high = u32::from(self.half(at + 2)?);
        Some(u32::from(self.half(at)?) | high << 16)
    }

    /// Whether data lie there, according to the assembler's marks.
    fn is_data(&self, at: u64) -> bool {
        let before = |marks: &BTreeSet<u64>| marks.range(..=at).next_back().copied();
        match (before(self.data), before(self.code)) {
            (Some(data), Some(code)) => data > code,
            (Some(_), None) => true,
            (None, _) => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn graph(frames: &[u64], calls: &[(usize, usize)]) -> (Vec<Function>, Vec<BTreeSet<usize>>) {
        let functions: Vec<Function> = frames
            .iter()
            .enumerate()
            .map(|(index, frame)| Function {
                name: format!("f{index}"),
                body: Body {
                    frame: *frame,
                    ..Body::default()
                },
                callees: calls.iter().filter(|c| c.0 == index).map(|c| c.1).collect(),
            })
            .collect();
        let graph = functions.iter().map(|f| f.callees.clone()).collect();
        (functions, graph)
    }

    fn deepest(frames: &[u64], calls: &[(usize, usize)]) -> Result<u64> {
        let (functions, graph) = graph(frames, calls);
        let mut deepest = Deepest {
            functions: &functions,
            graph: &graph,
            known: vec![None; functions.len()],
            open: Vec::new(),
        };
        deepest.from(0)
    }

    #[test]
    fn the_deepest_way_counts_and_recursion_is_refused() {
        assert_eq!(deepest(&[8], &[]).unwrap(), 8);
        let diamond = [(0, 1), (0, 2), (1, 3), (2, 3)];
        assert_eq!(deepest(&[8, 16, 100, 4], &diamond).unwrap(), 112);
        let error = deepest(&[8, 16], &[(0, 1), (1, 0)]).unwrap_err();
        assert!(error.to_string().contains("f0 > f1"), "{error}");
    }

    /// Code by hand in a section at 0x100.
    pub fn text(halves: &[u16]) -> Vec<u8> {
        halves.iter().flat_map(|half| half.to_le_bytes()).collect()
    }

    pub fn body_of(
        halves: &[u16],
        decode: fn(&Text<'_>, u64, u64) -> Result<Body>,
    ) -> Result<Body> {
        let bytes = text(halves);
        let none = BTreeSet::new();
        let text = Text {
            bytes: &bytes,
            origin: 0x100,
            data: &none,
            code: &none,
        };
        decode(&text, 0x100, 0x100 + bytes.len() as u64)
    }
}
