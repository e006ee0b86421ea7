//! The runtime from C: the example of `firmware-examples/c`, compiled for this machine and for a Cortex-M4F, must print the bits
//! that Rust computes.

use std::convert::Infallible;
use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use rlfd_runtime::image::ImageBytes;
use rlfd_runtime::{
    Board, ControlOptions, Controller, EnginePolicy, Event, EventLog, ImagePolicy, Micros, Outcome,
    Phase, Policy, PolicyImage, SafetyLimits, Telemetry,
};

use crate::hil::images;

mod refused;

const HOST: &str = "x86_64-unknown-linux-gnu";
const CORTEX_M4F: &str = "thumbv7em-none-eabihf";

const STEPS: u32 = 20;

const WARNINGS: [&str; 4] = ["-Wall", "-Wextra", "-Werror", "-O2"];

#[test]
fn a_host_computes_the_same_bits_in_c() {
    let library = library(HOST);
    let folder = tempfile::tempdir().unwrap();
    let program = folder.path().join("example");
    run(gcc("gcc")
        .args(["example.c", "host.c", "-lrlfd", "-lpthread", "-ldl", "-lm"])
        .args(library_arguments(&library))
        .arg("-o")
        .arg(&program));
    for image in [images::learned(), images::learned_in_8_bits()] {
        let path = folder.path().join("policy.rlfd");
        fs::write(&path, &image).unwrap();
        assert_eq!(run(Command::new(&program).arg(&path)), expected(&image));
    }
    let damaged = folder.path().join("damaged.rlfd");
    let mut image = images::learned();
    image[500] ^= 1;
    fs::write(&damaged, image).unwrap();
    let refused = Command::new(&program).arg(&damaged).output().unwrap();
    assert_eq!(refused.status.code(), Some(1));
    assert_eq!(
        String::from_utf8_lossy(&refused.stdout),
        "rlfd_image_check: the image is damaged\n"
    );
}

#[test]
fn a_cortex_m4f_computes_the_same_bits_in_c() {
    let library = library(CORTEX_M4F);
    let folder = tempfile::tempdir().unwrap();
    let program = folder.path().join("example.elf");
    for image in [images::learned(), images::learned_in_8_bits()] {
        let path = folder.path().join("policy.rlfd");
        fs::write(&path, &image).unwrap();
        run(gcc("arm-none-eabi-gcc")
            .args([
                "-mcpu=cortex-m4",
                "-mthumb",
                "-mfloat-abi=hard",
                "-mfpu=fpv4-sp-d16",
            ])
            .args([
                "-ffreestanding",
                "-nostdlib",
                "-Wl,--gc-sections,-z,noexecstack",
            ])
            .arg(format!("-DIMAGE=\"{}\"", path.display()))
            .args(["example.c", "mps2-an386.c", "-T", "mps2-an386.ld"])
            .args(["-lrlfd", "-lgcc"])
            .args(library_arguments(&library))
            .arg("-o")
            .arg(&program));
        let symbols = run(Command::new("arm-none-eabi-nm").arg(&program));
        assert!(symbols.contains(" rlfd_controller_step\n"), "{symbols}");
        assert!(!symbols.contains("panic"), "{symbols}");
        let said = run(Command::new("timeout")
            .args(["60", "qemu-system-arm", "-machine", "mps2-an386"])
            .args(["-nodefaults", "-display", "none", "-monitor", "none"])
            .args(["-nic", "user,restrict=on", "-chardev", "stdio,id=log"])
            .args(["-semihosting-config", "enable=on,target=native,chardev=log"])
            .arg("-kernel")
            .arg(&program));
        assert_eq!(said, expected(&image));
    }
}

/// Everything the library refuses and every fault it latches, provoked from C. `RLFD_BLESS=1` rewrites the lines.
#[test]
fn c_is_told_every_refusal_and_every_fault() {
    let library = library(HOST);
    let folder = tempfile::tempdir().unwrap();
    refused::write_files(folder.path());
    let program = folder.path().join("refusals");
    run(Command::new("gcc")
        .current_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("c"))
        .arg("-std=c11")
        .args(WARNINGS)
        .args(["refusals.c", "-lrlfd", "-lpthread", "-ldl", "-lm"])
        .args(library_arguments(&library))
        .arg("-o")
        .arg(&program));
    let said = run(Command::new(&program).arg(folder.path()));
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("golden/c_refusals.txt");
    if std::env::var_os("RLFD_BLESS").is_some() {
        fs::write(&path, &said).unwrap();
    }
    let golden = fs::read_to_string(&path).unwrap_or_default();
    assert!(
        golden == said,
        "golden/c_refusals.txt differs (RLFD_BLESS=1 rewrites it); this run gave:\n{said}"
    );
}

#[test]
fn the_header_is_cpp_too() {
    let folder = tempfile::tempdir().unwrap();
    for compiler in ["g++", "arm-none-eabi-g++"] {
        for standard in ["-std=c++11", "-std=c++20"] {
            run(Command::new(compiler)
                .current_dir(sources())
                .args(WARNINGS)
                .args([
                    standard,
                    "-I",
                    "../../runtime/c/include",
                    "-c",
                    "header.cpp",
                    "-o",
                ])
                .arg(folder.path().join("header.o")));
        }
    }
}

fn sources() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../firmware-examples/c")
}

/// Builds the static library as the documentation says, and the folder where it then is.
fn library(target: &str) -> PathBuf {
    run(Command::new(env!("CARGO"))
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .args(["xtask", "c", "--target", target])
        .env_remove("CARGO_TARGET_DIR"));
    let built = Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/rlfd-c");
    built.join(target)
}

fn gcc(program: &str) -> Command {
    let mut command = Command::new(program);
    command
        .current_dir(sources())
        .arg("-std=c11")
        .args(WARNINGS);
    command
}

fn library_arguments(folder: &Path) -> [String; 2] {
    [
        format!("-I{}", folder.display()),
        format!("-L{}", folder.display()),
    ]
}

fn run(command: &mut Command) -> String {
    let output = command.output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(
        output.status.success(),
        "{command:?}: {}\n{said}\n{}",
        output.status,
        String::from_utf8_lossy(&output.stderr)
    );
    said
}

/// What `example.c` prints, computed here.
fn expected(image: &[u8]) -> String {
    let bytes = ImageBytes::new(image);
    let image = PolicyImage::view(&bytes).unwrap();
    let mut text = String::new();
    policy_alone(&bytes, &image, &mut text);
    whole_loop(&image, &mut text);
    text
}

fn policy_alone(bytes: &[u8], image: &PolicyImage<'_>, text: &mut String) {
    let mut policy = EnginePolicy::from_bytes(bytes).unwrap();
    let shape = policy.shape();
    let mut action = vec![0.0; shape.action_dim];
    policy.act(image.golden().observation, &mut action);
    bits(text, "golden", &action);
    policy.reset();
    let mut observation = vec![0.0; shape.observation_dim];
    let mut random = 1;
    for _ in 0..STEPS {
        observe(&mut random, &mut observation);
        policy.act(&observation, &mut action);
        bits(text, "action", &action);
    }
}

fn whole_loop(image: &PolicyImage<'_>, text: &mut String) {
    let contract = image.contract();
    let mut arena = vec![0.0; image.arena_len()];
    let policy = ImagePolicy::new(*image, &mut arena).unwrap();
    let limit = SafetyLimits {
        low: -2.5,
        high: 2.5,
        max_rate: f32::INFINITY,
    };
    let limits = vec![limit; contract.action_dim()];
    let mut memory = vec![0.0; Controller::<ImagePolicy<'_>>::memory_len(&contract)];
    let mut controller = Controller::new(policy, &contract, &limits, &mut memory)
        .unwrap()
        .with_options(ControlOptions {
            max_interval_us: 5 * contract.period_us,
            max_repeats: 5,
            ..ControlOptions::DEFAULT
        })
        .unwrap();
    let said = std::cell::RefCell::new(String::new());
    let mut machine = Machine {
        now_us: 0,
        random: 2,
        broken: false,
        said: &said,
    };
    let mut listener = Listener {
        said: &said,
        log: EventLog::new(),
    };
    controller
        .self_test(image.golden(), &mut machine, &mut listener)
        .unwrap();
    controller.start(machine.now(), &mut listener).unwrap();
    for step in 0..STEPS {
        machine.broken = step == STEPS - 3;
        let cycle = controller.step(&mut machine, &mut listener);
        let (outcome, fault) = match cycle.outcome {
            Outcome::Acted => (0, 0),
            Outcome::Refused(fault) => (1, fault.code()),
            Outcome::NotRunning => (2, 0),
            Outcome::Held(fault) => (3, fault.code()),
        };
        let (tick, clamped) = (cycle.tick, cycle.clamped);
        writeln!(
            said.borrow_mut(),
            "cycle {tick} {outcome} {fault} {clamped}"
        )
        .unwrap();
        machine.now_us += u64::from(contract.period_us);
    }
    let Phase::Faulted { fault, .. } = controller.phase() else {
        panic!("{:?}", controller.phase());
    };
    let counters = listener.log.counters();
    let (acted, refused) = (counters.acted, counters.refused);
    writeln!(
        said.borrow_mut(),
        "acted {acted} refused {refused}\nlatched {fault}"
    )
    .unwrap();
    text.push_str(&said.borrow());
}

/// Numbers from -2 to 2 out of a shift register.
fn observe(random: &mut u32, numbers: &mut [f32]) {
    for number in numbers {
        *random ^= *random << 13;
        *random ^= *random >> 17;
        *random ^= *random << 5;
        *number = ((*random >> 8).cast_signed() - 8_388_608) as f32 / 4_194_304.0;
    }
}

fn bits(text: &mut String, name: &str, numbers: &[f32]) {
    text.push_str(name);
    for number in numbers {
        write!(text, " {:x}", number.to_bits()).unwrap();
    }
    text.push('\n');
}

/// The machine of `example.c`.
struct Machine<'a> {
    now_us: u64,
    random: u32,
    broken: bool,
    said: &'a std::cell::RefCell<String>,
}

impl Board for Machine<'_> {
    type Error = Infallible;

    fn now(&self) -> Micros {
        Micros(self.now_us)
    }

    fn sense(&mut self, measurement: &mut [f32]) -> Result<(), Infallible> {
        observe(&mut self.random, measurement);
        if self.broken {
            measurement[0] = f32::NAN;
        }
        Ok(())
    }

    fn actuate(&mut self, command: &[f32]) -> Result<(), Infallible> {
        bits(&mut self.said.borrow_mut(), "command", command);
        Ok(())
    }

    fn make_safe(&mut self) {
        self.said.borrow_mut().push_str("safe\n");
    }
}

struct Listener<'a> {
    said: &'a std::cell::RefCell<String>,
    log: EventLog<1>,
}

impl Telemetry for Listener<'_> {
    fn record(&mut self, event: Event) {
        self.log.record(event);
        let Event::Entered { phase, at } = event else {
            return;
        };
        let number = match phase {
            Phase::Idle => 0,
            Phase::SelfTest => 1,
            Phase::Armed { .. } => 2,
            Phase::Running { .. } => 3,
            Phase::Faulted { .. } => 4,
            Phase::Fallback { .. } => 5,
        };
        let fault = phase.fault();
        let name = fault.map_or("no fault".to_owned(), |fault| fault.to_string());
        writeln!(self.said.borrow_mut(), "phase {number} {}: {name}", at.0).unwrap();
    }
}
