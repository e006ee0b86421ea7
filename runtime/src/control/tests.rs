//! Every state of the loop × every event, through the public functions. What happens is the committed table
//! `walk.txt`; what must hold whatever the table says is asserted.

use std::fmt::Write;
use std::string::String;
use std::vec;
use std::vec::Vec;

use super::*;
use crate::board::Board;
use crate::image::{ActionRule, Contract, Golden, ObservationRule, Statistics};
use crate::policy::{Policy, Shape};
use crate::{Event, Fault, Micros, SafetyLimits};

mod pipelines;

const PERIOD_US: u32 = 10_000;

pub(super) const TORQUE: ActionRule = ActionRule {
    dim: 1,
    reserved: 0,
    scale: 1.0,
    offset: 0.0,
    low: -10.0,
    high: 10.0,
    max_rate: f32::INFINITY,
    stiffness: 0.0,
    damping: 0.0,
    time_constant_s: 0.0,
};

/// What reached the actuators last.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Actuated {
    Nothing,
    Command(f32),
    Safe,
}

/// A machine whose every answer is set by hand.
#[derive(Debug)]
struct Bench {
    now: Micros,
    measured_at: Option<Micros>,
    /// What the clock gains while sensors are read.
    sensing_us: u64,
    measurement: Result<f32, ()>,
    /// A second sensor, which the policy does not look at.
    other: f32,
    can_actuate: bool,
    actuated: Actuated,
}

impl Bench {
    fn new() -> Self {
        Self {
            now: Micros(0),
            measured_at: None,
            sensing_us: 0,
            measurement: Ok(0.25),
            other: 0.0,
            can_actuate: true,
            actuated: Actuated::Nothing,
        }
    }
}

impl Board for Bench {
    type Error = ();

    fn now(&self) -> Micros {
        self.now
    }

    fn sense(&mut self, measurement: &mut [f32]) -> Result<(), ()> {
        self.now.0 += self.sensing_us;
        measurement[0] = self.measurement?;
        measurement[1] = self.other;
        Ok(())
    }

    fn measured_at(&self) -> Micros {
        self.measured_at.unwrap_or(self.now)
    }

    fn actuate(&mut self, command: &[f32]) -> Result<(), ()> {
        if !self.can_actuate {
            return Err(());
        }
        self.actuated = Actuated::Command(command[0]);
        Ok(())
    }

    fn make_safe(&mut self) {
        self.actuated = Actuated::Safe;
    }
}

/// Answers twice what it observes, and NaN beyond 100.
#[derive(Debug)]
struct Twice;

impl Policy for Twice {
    fn shape(&self) -> Shape {
        Shape {
            observation_dim: 2,
            action_dim: 1,
        }
    }

    fn reset(&mut self) {}

    fn act(&mut self, observation: &[f32], action: &mut [f32]) {
        action[0] = if observation[0] > 100.0 {
            f32::NAN
        } else {
            2.0 * observation[0]
        };
    }
}

const GOLDEN: Golden<'static> = Golden {
    observation: &[0.5, 0.0],
    action: &[1.0],
};

/// Pulls with 1 N m per unit towards 0 and adds 3.
const LAW: Fallback<'static> = Fallback {
    constant: &[3.0],
    gains: &[Gain {
        command: 0,
        measurement: 0,
        target: 0.0,
        gain: -1.0,
    }],
    patience: 1,
};

fn options(fallback: bool) -> ControlOptions<'static> {
    ControlOptions {
        max_interval_us: 2 * PERIOD_US,
        max_duration_us: 1_000,
        max_age_us: 5_000,
        max_repeats: 3,
        max_stuck: &[3, u16::MAX],
        familiarity: Some(Familiarity {
            statistics: Statistics {
                mean: &[0.0, 0.0],
                deviation: &[10.0, 0.0],
            },
            max_deviations: 20.0,
            patience: 1,
        }),
        fallback: fallback.then_some(LAW),
        ..ControlOptions::DEFAULT
    }
}

type Loop<'a> = Controller<'a, Twice>;

/// Brings a fresh loop into a state by the shortest way.
fn bring(state: State, controller: &mut Loop<'_>, bench: &mut Bench) {
    let log = &mut ();
    if state == State::Idle {
        return;
    }
    if state == State::Faulted {
        controller.trip(Fault::External, bench, log);
        return;
    }
    controller.self_test(GOLDEN, bench, log).unwrap();
    if state == State::Armed {
        return;
    }
    controller.start(bench.now, log).unwrap();
    controller.step(bench, log);
    bench.now.0 += u64::from(PERIOD_US);
    if state == State::Fallback {
        let seen = bench.measurement;
        bench.measurement = Ok(150.0);
        controller.step(bench, log);
        bench.measurement = seen;
        bench.now.0 += u64::from(PERIOD_US);
    }
}

/// Something that happens to a loop; the text is what the call answered.
type Happening = fn(&mut Loop<'_>, &mut Bench, &mut Vec<Event>) -> String;

struct Log<'l>(&'l mut Vec<Event>);

impl crate::Telemetry for Log<'_> {
    fn record(&mut self, event: Event) {
        self.0.push(event);
    }
}

fn answer(result: Result<(), WrongPhase>) -> String {
    String::from(if result.is_ok() { "done" } else { "refused" })
}

fn stepped(controller: &mut Loop<'_>, bench: &mut Bench, log: &mut Vec<Event>) -> String {
    let cycle = controller.step(bench, &mut Log(log));
    std::format!("{:?}", cycle.outcome)
}

const HAPPENINGS: [(&str, Happening); 21] = [
    ("self_test that passes", |c, b, l| {
        answer(c.self_test(GOLDEN, b, &mut Log(l)).map(|_| ()))
    }),
    ("self_test that fails", |c, b, l| {
        let golden = Golden {
            action: &[1.5],
            ..GOLDEN
        };
        answer(c.self_test(golden, b, &mut Log(l)).map(|_| ()))
    }),
    ("start", |c, b, l| answer(c.start(b.now, &mut Log(l)))),
    ("stop", |c, b, l| answer(c.stop(b, &mut Log(l)))),
    ("disarm", |c, b, l| answer(c.disarm(b, &mut Log(l)))),
    ("reset", |c, b, l| {
        c.reset(b, &mut Log(l));
        String::from("done")
    }),
    ("trip, External", |c, b, l| {
        c.trip(Fault::External, b, &mut Log(l));
        String::from("done")
    }),
    ("trip, Late", |c, b, l| {
        c.trip(Fault::Late, b, &mut Log(l));
        String::from("done")
    }),
    ("step", stepped),
    ("step, command out of limits", |c, b, l| {
        b.measurement = Ok(50.0);
        stepped(c, b, l)
    }),
    ("step, sensors silent", |c, b, l| {
        b.measurement = Err(());
        stepped(c, b, l)
    }),
    ("step, sensors silent twice", |c, b, l| {
        b.measurement = Err(());
        stepped(c, b, l);
        stepped(c, b, l)
    }),
    ("step, measurement NaN", |c, b, l| {
        b.measurement = Ok(f32::NAN);
        stepped(c, b, l)
    }),
    ("step, action NaN", |c, b, l| {
        b.measurement = Ok(150.0);
        stepped(c, b, l)
    }),
    ("step, actuators silent", |c, b, l| {
        b.can_actuate = false;
        stepped(c, b, l)
    }),
    ("step, begun late", |c, b, l| {
        b.now.0 += 2 * u64::from(PERIOD_US);
        stepped(c, b, l)
    }),
    ("step, measurement old", |c, b, l| {
        b.measured_at = Some(Micros(b.now.0 - 5_001));
        stepped(c, b, l)
    }),
    ("step, measurement repeated 4 times", |c, b, l| {
        for _ in 0..3 {
            stepped(c, b, l);
        }
        stepped(c, b, l)
    }),
    ("step, one sensor stuck, another not", |c, b, l| {
        for _ in 0..4 {
            b.other += 1.0;
            stepped(c, b, l);
        }
        b.other += 1.0;
        stepped(c, b, l)
    }),
    ("step, too long", |c, b, l| {
        b.sensing_us = 1_001;
        stepped(c, b, l)
    }),
    ("step, unfamiliar", |c, b, l| {
        b.measurement = Ok(-201.0);
        stepped(c, b, l)
    }),
];

#[test]
fn every_state_and_every_event_are_in_the_committed_table() {
    let mut table = String::from(
        "Every state of the loop and every event, through the public functions; RLFD_BLESS=1 rewrites this file. Twice what is\n\
         measured (0.25) is the policy's command, 3 less what is measured the fallback law's; it repeats a command once where it\n\
         cannot see. `SelfTest` is left within the call that enters it. A loop is idle, or was brought into its state by the\n\
         shortest way, Fallback by an action of NaN.\n",
    );
    for fallback in [false, true] {
        for state in State::ALL {
            if state == State::SelfTest || (state == State::Fallback && !fallback) {
                continue;
            }
            let law = if fallback { "with" } else { "without" };
            writeln!(
                table,
                "\n{state:?}, {law} a fallback law\n{:<36} {:<32} {:<9} {:<21} actuators",
                "event", "answer", "state", "latched"
            )
            .unwrap();
            for (name, happening) in HAPPENINGS {
                table += &row(state, fallback, name, happening);
            }
        }
    }
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/src/control/walk.txt");
    if std::env::var_os("RLFD_BLESS").is_some() {
        std::fs::write(path, &table).unwrap();
    }
    let golden = std::fs::read_to_string(path).unwrap_or_default();
    assert!(
        golden == table,
        "{path} differs (RLFD_BLESS=1 rewrites it); this run gave:\n{table}"
    );
}

/// One line, and what holds of it whatever it says.
fn row(state: State, fallback: bool, name: &str, happening: Happening) -> String {
    let contract = Contract {
        period_us: PERIOD_US,
        observation: &[ObservationRule::SENSOR; 2],
        action: &[TORQUE],
    };
    let mut memory = vec![0.0; Loop::memory_len(&contract)];
    let mut controller = Controller::new(Twice, &contract, &[SafetyLimits::NONE], &mut memory)
        .unwrap()
        .with_options(options(fallback))
        .unwrap();
    let mut bench = Bench::new();
    bench.now = Micros(1_000_000);
    bring(state, &mut controller, &mut bench);
    assert_eq!(controller.phase().state(), state);
    let before = controller.phase();
    bench.actuated = Actuated::Nothing;
    let mut events = Vec::new();
    let answer = happening(&mut controller, &mut bench, &mut events);
    let after = controller.phase();

    let entered: Vec<State> = events
        .iter()
        .filter_map(|event| match event {
            Event::Entered { phase, .. } => Some(phase.state()),
            Event::Stepped(_) => None,
        })
        .collect();
    // Every way is one of the table, and the last phase told is the phase.
    let mut at = state;
    for next in &entered {
        assert!(
            Signal::ALL
                .into_iter()
                .any(|signal| at.on(signal) == Some(*next)),
            "{state:?} {name}: {at:?} to {next:?}"
        );
        at = *next;
    }
    assert_eq!(at, after.state());
    // A refusal touches nothing.
    if answer == "refused" {
        assert_eq!((after, bench.actuated), (before, Actuated::Nothing));
    }
    // A latched fault stands, whatever comes, until a reset.
    if let Some(fault) = before.fault()
        && name != "reset"
    {
        assert_eq!(after.fault(), Some(fault), "{state:?} {name}");
    }
    assert_eq!(after.fault().is_some(), after.state() >= State::Fallback);
    // What has just become faulted is safe, and stays so.
    if after.state() == State::Faulted && answer != "refused" {
        assert_eq!(bench.actuated, Actuated::Safe, "{state:?} {name}");
    }
    // Nothing moves but in control.
    if let Actuated::Command(command) = bench.actuated {
        assert!(state == State::Running || state == State::Fallback);
        assert!(command.is_finite() && command.abs() <= 10.0);
    }
    let latched = match after.fault() {
        Some(fault) => std::format!("{fault:?}"),
        None => String::from("–"),
    };
    std::format!(
        "{name:<36} {answer:<32} {:<9} {latched:<21} {:?}\n",
        std::format!("{:?}", after.state()),
        bench.actuated
    )
}

#[test]
fn a_fallback_outlives_its_patience_by_nothing() {
    let contract = Contract {
        period_us: PERIOD_US,
        observation: &[ObservationRule::SENSOR; 2],
        action: &[TORQUE],
    };
    let mut memory = vec![0.0; Loop::memory_len(&contract)];
    let mut controller = Controller::new(Twice, &contract, &[SafetyLimits::NONE], &mut memory)
        .unwrap()
        .with_options(ControlOptions {
            fallback: Some(Fallback { patience: 3, ..LAW }),
            ..ControlOptions::DEFAULT
        })
        .unwrap();
    let mut bench = Bench::new();
    bring(State::Running, &mut controller, &mut bench);
    bench.measurement = Err(());
    let mut steps = Vec::new();
    for _ in 0..6 {
        controller.step(&mut bench, &mut ());
        steps.push(bench.actuated);
    }
    let (held, safe) = (Actuated::Command(0.5), Actuated::Safe);
    assert_eq!(steps, [held, held, held, safe, safe, safe]);
    // It sees again in time: the count begins anew.
    controller.reset(&mut bench, &mut ());
    bench.measurement = Ok(0.25);
    bring(State::Running, &mut controller, &mut bench);
    for _ in 0..10 {
        bench.measurement = Err(());
        for _ in 0..3 {
            let cycle = controller.step(&mut bench, &mut ());
            assert_eq!(cycle.outcome, Outcome::Held(Fault::Sense));
        }
        bench.measurement = Ok(1.0);
        controller.step(&mut bench, &mut ());
        assert_eq!(bench.actuated, Actuated::Command(2.0), "3 - 1");
    }
}
