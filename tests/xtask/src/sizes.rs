//! `cargo xtask firmware sizes`: what the firmware takes of a board, beside the committed numbers. Reads flash, static
//! RAM and symbols out of the program; stack and instructions are what the board's measuring program says, where an emulator
//! can run it. Knows no board by name.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};
use object::{Object, ObjectSection, ObjectSymbol, SectionFlags, SectionKind};

use crate::cargo;
use crate::firmware::{self, Board, Selection};
use crate::process;
use crate::stack_bound;
use crate::workspace::Workspace;

/// A number may differ from the committed one by this share: compilers of different versions place code differently.
const TOLERANCE: f64 = 0.05;

/// One that takes policies over the link.
const WHOLE_ENGINE_BOARD: &str = "mps2-an386";

/// Public key of the first test of RFC 8032, section 7.1, in hexadecimal.
const RFC_8032_KEY: &str = "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a\n";

/// Regions that a linker script reserves for the stack and the heap are not static data.
const RESERVED: [&str; 2] = [".stack", ".heap"];

/// `(board, quantity)` to value.
type Numbers = BTreeMap<(String, String), u64>;

/// Prints the numbers of the selected boards, for the default image beside the committed ones; false if one is out of tolerance. With
/// `bless` they become the committed ones.
///
/// # Errors
/// If a board cannot be built or measured, or there are no committed numbers.
pub fn sizes(workspace: &Workspace, selection: &Selection, bless: bool) -> Result<bool> {
    let is_default = selection.image.is_none() && selection.update_key.is_none();
    if bless && !is_default {
        bail!(
            "the committed numbers are those of the default image; leave out --image, --update-key or --bless"
        );
    }
    let mut measured = Numbers::new();
    for board in firmware::selected(workspace, selection)? {
        for (quantity, value) in measure(workspace, &board, selection)? {
            measured.insert((board.name.clone(), quantity), value);
        }
    }
    if !is_default {
        print!("{}", table(&measured));
        return Ok(true);
    }
    let golden_path = workspace.firmware().join("sizes.golden");
    if bless {
        let mut golden = if golden_path.exists() {
            read(&golden_path)?
        } else {
            Numbers::new()
        };
        golden.retain(|(board, _), _| !measured.keys().any(|(measured, _)| measured == board));
        golden.extend(measured.clone());
        fs::write(&golden_path, written(&golden))?;
    }
    let golden = read(&golden_path).with_context(
        || "there are no committed numbers; `cargo xtask firmware sizes --bless` writes them",
    )?;
    let (table, holds) = compare(&measured, &golden);
    print!("{table}");
    Ok(holds)
}

/// Bounds the stack of firmware that takes any policy over the link, and so has every operation.
///
/// # Errors
/// If it recurses, calls what cannot be followed, or uses more than its bound.
pub fn whole_engine(workspace: &Workspace) -> Result<()> {
    let key = cargo::target_folder(workspace)?.join("whole-engine.pub");
    fs::write(&key, RFC_8032_KEY).with_context(|| format!("cannot write {}", key.display()))?;
    let selection = Selection {
        board: Some(WHOLE_ENGINE_BOARD.to_owned()),
        update_key: Some(key),
        ..Selection::default()
    };
    sizes(workspace, &selection, false).map(drop)
}

/// Flash, static RAM and panic symbols of the board's firmware; what its measuring program says, if it has one.
///
/// # Errors
/// If it does not compile or says nothing.
pub fn measure(
    workspace: &Workspace,
    board: &Board,
    selection: &Selection,
) -> Result<Vec<(String, u64)>> {
    let program = executable(workspace, board, selection, &board.name)?;
    let bytes = fs::read(&program).with_context(|| format!("cannot read {}", program.display()))?;
    let (flash, ram) = footprint(&bytes).with_context(|| program.display().to_string())?;
    let mut numbers = vec![
        ("flash_bytes".to_owned(), flash),
        ("static_ram_bytes".to_owned(), ram),
        ("panic_symbols".to_owned(), panic_symbols(&bytes)?),
    ];
    if let Some(meter) = board.program("measure") {
        let found = measured(workspace, board, selection, &meter)?;
        numbers.push(bounded_stack(workspace, board, selection, &meter, &found)?);
        numbers.extend(found);
    }
    Ok(numbers)
}

/// What the board's measuring program says.
fn measured(
    workspace: &Workspace,
    board: &Board,
    selection: &Selection,
    meter: &str,
) -> Result<Vec<(String, u64)>> {
    let mut run = firmware::cargo_in(workspace, board, selection, "run")?;
    run.args(["--release", "--bin", meter])
        .stderr(Stdio::inherit());
    let said = process::output(&mut run)?;
    let found = readings(&said);
    if found.is_empty() {
        bail!("{meter} measured nothing; it said:\n{said}");
    }
    Ok(found)
}

/// The deepest way through the measuring program's calls, which no measurement may exceed.
fn bounded_stack(
    workspace: &Workspace,
    board: &Board,
    selection: &Selection,
    meter: &str,
    found: &[(String, u64)],
) -> Result<(String, u64)> {
    let measuring = executable(workspace, board, selection, meter)?;
    let bytes =
        fs::read(&measuring).with_context(|| format!("cannot read {}", measuring.display()))?;
    let bound = stack_bound::bound(&bytes).with_context(|| measuring.display().to_string())?;
    let used = found.iter().find(|(name, _)| name == "stack_bytes");
    if let Some((_, used)) = used
        && *used > bound.bytes
    {
        bail!(
            "{meter} used {used} bytes of stack, more than the bound of {}: {:?}",
            bound.bytes,
            bound.way
        );
    }
    Ok(("stack_bound_bytes".to_owned(), bound.bytes))
}

/// Instructions of one control step with the selected image.
///
/// # Errors
/// If the board cannot be built or does not say.
pub fn instructions_per_step(
    workspace: &Workspace,
    board: &Board,
    selection: &Selection,
) -> Result<u64> {
    let meter = board.program("measure");
    let meter = meter.with_context(|| format!("{} measures nothing", board.name))?;
    let found = measured(workspace, board, selection, &meter)?;
    found
        .into_iter()
        .find(|(name, _)| name == "instructions_per_step")
        .map(|(_, instructions)| instructions)
        .with_context(|| format!("{} does not count instructions", board.name))
}

/// Builds one program of the board and says where it is.
///
/// # Errors
/// If it does not compile.
pub fn executable(
    workspace: &Workspace,
    board: &Board,
    selection: &Selection,
    name: &str,
) -> Result<PathBuf> {
    let build = firmware::cargo_in(workspace, board, selection, "build")?;
    built(build, name)
}

/// What a cargo in a board's folder, on its way to build something, makes of the program `name`.
///
/// # Errors
/// If it does not compile.
pub fn built(mut build: Command, name: &str) -> Result<PathBuf> {
    build
        .args([
            "--release",
            "--bin",
            name,
            "--message-format",
            "json-render-diagnostics",
        ])
        .stderr(Stdio::inherit());
    cargo::executable(&process::output(&mut build)?, "bin", name)
        .with_context(|| format!("cargo built no program {name}"))
}

/// Bytes in flash and bytes of static RAM of a linked program.
///
/// # Errors
/// If it is no program.
pub fn footprint(elf: &[u8]) -> Result<(u64, u64)> {
    let file = object::File::parse(elf).context("not a linked program")?;
    let (mut flash, mut ram) = (0, 0);
    for section in file.sections() {
        let SectionFlags::Elf { sh_flags } = section.flags() else {
            bail!("not an ELF file");
        };
        if sh_flags & u64::from(object::elf::SHF_ALLOC) == 0 || RESERVED.contains(&section.name()?)
        {
            continue;
        }
        if section.kind() != SectionKind::UninitializedData {
            flash += section.size();
        }
        if sh_flags & u64::from(object::elf::SHF_WRITE) != 0 {
            ram += section.size();
        }
    }
    Ok((flash, ram))
}

/// Symbols of the panic machinery. The linker keeps what is reachable, so none means that nothing can panic.
fn panic_symbols(elf: &[u8]) -> Result<u64> {
    let file = object::File::parse(elf).context("not a linked program")?;
    let named = file.symbols().filter(|symbol| {
        symbol
            .name()
            .is_ok_and(|name| name.contains("panic") || name.contains("rust_begin_unwind"))
    });
    Ok(named.count() as u64)
}

/// The lines that are a name and a number.
pub fn readings(text: &str) -> Vec<(String, u64)> {
    text.lines()
        .filter_map(|line| {
            let mut words = line.split_whitespace();
            let (name, value) = (words.next()?, words.next()?.parse().ok()?);
            words.next().is_none().then(|| (name.to_owned(), value))
        })
        .collect()
}

fn read(path: &Path) -> Result<Numbers> {
    let text =
        fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
    let mut numbers = Numbers::new();
    for (index, line) in text.lines().enumerate() {
        if line.starts_with('#') || line.trim().is_empty() {
            continue;
        }
        let words: Vec<&str> = line.split_whitespace().collect();
        let (&[board, quantity, value], true) = (words.as_slice(), words.len() == 3) else {
            bail!(
                "{}, line {}: expected `board quantity value`",
                path.display(),
                index + 1
            );
        };
        let value = value
            .parse()
            .with_context(|| format!("{}, line {}: `{value}`", path.display(), index + 1))?;
        numbers.insert((board.to_owned(), quantity.to_owned()), value);
    }
    Ok(numbers)
}

fn written(numbers: &Numbers) -> String {
    let mut text = format!(
        "# What the firmware takes, within {:.0} %: `cargo xtask firmware sizes --bless` rewrites this file.\n",
        TOLERANCE * 100.0
    );
    for ((board, quantity), value) in numbers {
        text += &format!("{board:<12} {quantity:<24} {value}\n");
    }
    text
}

/// The numbers of an image that nothing is committed about.
fn table(measured: &Numbers) -> String {
    let mut text = format!("{:<12} {:<24} {:>9}\n", "board", "quantity", "measured");
    for ((board, quantity), value) in measured {
        text += &format!("{board:<12} {quantity:<24} {value:>9}\n");
    }
    text
}

fn compare(measured: &Numbers, golden: &Numbers) -> (String, bool) {
    let mut holds = true;
    let mut text = format!(
        "{:<12} {:<24} {:>9} {:>9}\n",
        "board", "quantity", "measured", "committed"
    );
    for ((board, quantity), value) in measured {
        let verdict = match golden.get(&(board.clone(), quantity.clone())) {
            Some(committed)
                if value.abs_diff(*committed) as f64 <= TOLERANCE * *committed as f64 =>
            {
                format!("{committed:>9}")
            }
            Some(committed) => {
                holds = false;
                format!("{committed:>9}  out of tolerance")
            }
            None => {
                holds = false;
                "     none  not committed".to_owned()
            }
        };
        text += &format!("{board:<12} {quantity:<24} {value:>9} {verdict}\n");
    }
    for (board, quantity) in golden.keys() {
        let board_is_measured = measured.keys().any(|(name, _)| name == board);
        if board_is_measured && !measured.contains_key(&(board.clone(), quantity.clone())) {
            holds = false;
            text += &format!("{board:<12} {quantity:<24} is committed and no longer measured\n");
        }
    }
    (text, holds)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn numbers(rows: &[(&str, u64)]) -> Numbers {
        rows.iter()
            .map(|(quantity, value)| (("board".to_owned(), (*quantity).to_owned()), *value))
            .collect()
    }

    #[test]
    fn readings_are_lines_of_a_name_and_a_number() {
        let said =
            "booted\nstack_bytes 1234\nimage ok, 3 layers\n\ninstructions_per_step 20561\r\n";
        let expected = [("stack_bytes", 1234), ("instructions_per_step", 20561)];
        assert_eq!(
            readings(said),
            expected.map(|(name, value)| (name.to_owned(), value))
        );
    }

    #[test]
    fn a_number_out_of_tolerance_missing_or_new_is_a_no() {
        let golden = numbers(&[("flash_bytes", 1000), ("stack_bytes", 200)]);
        let judge = |rows: &[(&str, u64)]| compare(&numbers(rows), &golden).1;
        assert!(judge(&[("flash_bytes", 1050), ("stack_bytes", 190)]));
        assert!(!judge(&[("flash_bytes", 1051), ("stack_bytes", 200)]));
        assert!(!judge(&[("flash_bytes", 1000)]));
        assert!(!judge(&[
            ("flash_bytes", 1000),
            ("stack_bytes", 200),
            ("new", 1)
        ]));
    }

    #[test]
    fn what_is_written_is_read_back() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("sizes.golden");
        let golden = numbers(&[("flash_bytes", 1000), ("stack_bytes", 200)]);
        fs::write(&path, written(&golden)).unwrap();
        assert_eq!(read(&path).unwrap(), golden);
        fs::write(&path, "board flash_bytes many\n").unwrap();
        assert!(format!("{:#}", read(&path).unwrap_err()).contains("line 1"));
    }

    #[test]
    fn code_counts_as_flash_and_not_as_ram() {
        let bytes = fs::read(std::env::current_exe().unwrap()).unwrap();
        let (flash, ram) = footprint(&bytes).unwrap();
        assert!(flash > 100_000 && flash < bytes.len() as u64, "{flash}");
        assert!(ram > 0 && ram < flash, "{ram}");
        assert!(footprint(&bytes[..100]).is_err());
        // This test can panic, and says so.
        assert!(panic_symbols(&bytes).unwrap() > 0);
    }
}
