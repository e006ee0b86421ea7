//! What a stretch of a Cortex-M4F program executes: instructions and cycles, from a trace of every instruction in QEMU.
//! Knows programs and traces; what an instruction costs is `thumb.rs`'s.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};
use object::{Object, ObjectSection, ObjectSymbol, SectionKind, SymbolKind};

use crate::thumb::Instruction;

/// The program calls this right before the stretch, and the other right after it.
const BEGIN: &str = "measure_begin";
const END: &str = "measure_end";

/// Instructions and cycles of one stretch.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Count {
    pub instructions: u64,
    pub cycles: u64,
}

/// What was found, and where it was spent.
#[derive(Clone, Debug, Default)]
pub struct Profile {
    pub total: Count,
    /// By function, most cycles first.
    pub functions: Vec<(String, Count)>,
}

/// A linked program: its code and the names in it.
#[derive(Debug)]
struct Program {
    sections: Vec<(u32, Vec<u8>)>,
    /// Start, end and name of each function, by start.
    functions: Vec<(u32, u32, String)>,
}

impl Program {
    fn parse(elf: &[u8]) -> Result<Self> {
        let file = object::File::parse(elf).context("not a linked program")?;
        let mut sections = Vec::new();
        for section in file.sections() {
            if section.kind() == SectionKind::Text {
                sections.push((address(section.address())?, section.data()?.to_vec()));
            }
        }
        let mut functions = Vec::new();
        for symbol in file.symbols() {
            if symbol.kind() == SymbolKind::Text {
                // The lowest bit says that it is Thumb code.
                let start = address(symbol.address() & !1)?;
                let end = start + address(symbol.size())?;
                functions.push((start, end, symbol.name()?.to_owned()));
            }
        }
        functions.sort();
        Ok(Self {
            sections,
            functions,
        })
    }

    fn function(&self, name: &str) -> Result<(u32, u32)> {
        self.functions
            .iter()
            .find(|(_, _, other)| other == name)
            .map(|(start, end, _)| (*start, *end))
            .with_context(|| format!("the program has no function {name}"))
    }

    fn function_at(&self, pc: u32) -> &str {
        let after = self.functions.partition_point(|(start, ..)| *start <= pc);
        self.functions[..after]
            .iter()
            .rev()
            .find(|(_, end, _)| pc < *end)
            .map_or("?", |(_, _, name)| name)
    }

    fn instruction(&self, pc: u32) -> Result<Instruction> {
        let halfword = |at: u32| {
            self.sections.iter().find_map(|(start, code)| {
                let bytes = code.get(at.checked_sub(*start)? as usize..)?;
                Some(u16::from_le_bytes(*bytes.first_chunk()?))
            })
        };
        let first = halfword(pc).with_context(|| format!("no code at {pc:#x}"))?;
        let second = halfword(pc + 2).unwrap_or(0);
        Ok(Instruction::decode(first, second))
    }
}

fn address(value: u64) -> Result<u32> {
    u32::try_from(value).context("not a 32-bit program")
}

/// Runs `emulator`, a QEMU that is about to start the program `elf`, and counts its first stretch.
///
/// # Errors
/// If the program has no such stretch, or the emulator cannot be started or says something else than expected.
pub fn profile(emulator: &mut Command, elf: &[u8]) -> Result<Profile> {
    let program = Program::parse(elf)?;
    // One instruction is one block, and each block is reported although it may have been linked to the one before.
    emulator
        .args(["-singlestep", "-d", "exec,nochain", "-D", "/dev/stderr"])
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped());
    let mut child = emulator.spawn().context("cannot start the emulator")?;
    let said = child.stderr.take().context("the trace is a pipe")?;
    let counted = count(&program, BufReader::new(said));
    // The stretch is behind us; what the program does next is not asked for.
    let _ = child.kill();
    child.wait()?;
    counted
}

fn count(program: &Program, trace: impl BufRead) -> Result<Profile> {
    let begin = program.function(BEGIN)?;
    let end = program.function(END)?;
    let within = |pc: u32, (start, end): (u32, u32)| start <= pc && pc < end;
    let mut cache: BTreeMap<u32, (Instruction, usize)> = BTreeMap::new();
    let mut names: Vec<(String, Count)> = Vec::new();
    let (mut began, mut before) = (false, Instruction::default());
    // Where it lies, what it is, and the place of its function among the names.
    let mut pending: Option<(u32, Instruction, usize)> = None;
    for line in trace.lines() {
        let Some(pc) = program_counter(&line?) else {
            continue;
        };
        if within(pc, begin) {
            began = true;
            continue;
        }
        if !began {
            continue;
        }
        if let Some((at, instruction, function)) = pending.take() {
            let count = &mut names[function].1;
            count.instructions += 1;
            count.cycles += instruction.cycles_after(&before, pc != at + instruction.bytes);
            before = instruction;
        }
        if within(pc, end) {
            let mut total = Count::default();
            for (_, count) in &names {
                total.instructions += count.instructions;
                total.cycles += count.cycles;
            }
            names.sort_by_key(|(_, count)| std::cmp::Reverse(count.cycles));
            return Ok(Profile {
                total,
                functions: names,
            });
        }
        let (instruction, function) = match cache.get(&pc) {
            Some(known) => *known,
            None => {
                let name = program.function_at(pc);
                let function = names.iter().position(|(other, _)| other == name);
                let function = function.unwrap_or_else(|| {
                    names.push((name.to_owned(), Count::default()));
                    names.len() - 1
                });
                let found = (program.instruction(pc)?, function);
                cache.insert(pc, found);
                found
            }
        };
        pending = Some((pc, instruction, function));
    }
    bail!("the program ended before {END}")
}

/// The second number in the brackets of `Trace 0: 0x7f… [flags/pc/…]`.
fn program_counter(line: &str) -> Option<u32> {
    let (_, numbers) = line.strip_prefix("Trace ")?.split_once('[')?;
    u32::from_str_radix(numbers.split('/').nth(1)?, 16).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn program() -> Program {
        // ldr r0, [r1]; ldr r2, [r1]; b to the first
        let code = [0x6808_u16, 0x680A, 0xE7FC];
        Program {
            sections: vec![(
                0x100,
                code.iter().flat_map(|half| half.to_le_bytes()).collect(),
            )],
            functions: vec![
                (0x100, 0x106, "work".to_owned()),
                (0x200, 0x204, BEGIN.to_owned()),
                (0x300, 0x304, END.to_owned()),
            ],
        }
    }

    #[test]
    fn the_stretch_between_the_marks_is_counted_and_nothing_else() {
        let trace = |addresses: &[u32]| {
            let lines = addresses.iter().map(|pc| {
                format!("Trace 0: 0x7f0000000000 [00800408/{pc:08x}/00000110/ff000201] name\n")
            });
            count(&program(), lines.collect::<String>().as_bytes())
        };
        let found = trace(&[
            0x100, 0x102, 0x200, 0x202, 0x100, 0x102, 0x104, 0x100, 0x300, 0x100,
        ]);
        let found = found.unwrap();
        // 2 + 1 for the loads, 3 for the branch, 2 for a load, 2 more because it is not followed by its neighbour.
        let expected = Count {
            instructions: 4,
            cycles: 2 + 1 + 3 + 2 + 2,
        };
        assert_eq!(found.total, expected);
        assert_eq!(found.functions, [("work".to_owned(), expected)]);
        assert!(trace(&[0x200, 0x100, 0x102]).is_err());
    }
}
