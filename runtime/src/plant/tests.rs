//! The whole loop on the pendulum: an image, a controller, a board that breaks.

use std::vec;
use std::vec::Vec;

use super::Pendulum;
use crate::board::{Board, Recorder, Replay};
use crate::image::{
    self, ActionTerm, Chain, ImageBytes, ImageSource, Layer, ObservationTerm, Source,
};
use crate::policy::ImagePolicy;
use crate::{
    ControlError, ControlOptions, Controller, Event, EventLog, Fault, Micros, Outcome, Phase,
    PolicyImage, SafetyLimits, Shape, Telemetry, WrongPhase,
};

mod fault_table;

const PERIOD_US: u32 = 10_000;

const OBSERVATION: [ObservationTerm<'static>; 2] = [
    ObservationTerm {
        name: "angle",
        unit: "rad",
        dim: 1,
        history: 1,
        scale: 1.0,
        offset: 0.0,
        source: Source::Sensor,
        clip: f32::INFINITY,
    },
    ObservationTerm {
        name: "speed",
        unit: "rad/s",
        dim: 1,
        history: 1,
        scale: 1.0,
        offset: 0.0,
        source: Source::Sensor,
        clip: f32::INFINITY,
    },
];

const ACTION: ActionTerm<'static> = ActionTerm {
    name: "torque",
    unit: "N m",
    dim: 1,
    scale: 1.0,
    offset: 0.0,
    low: -10.0,
    high: 10.0,
    max_rate: f32::INFINITY,
    stiffness: 0.0,
    damping: 0.0,
    time_constant_s: 0.0,
};

/// `torque = -stiffness * angle - 8 * speed`, as an image.
fn balancing(stiffness: f32) -> ImageBytes {
    let chain = Chain::new(
        2,
        &[Layer::Dense {
            weight: &[-stiffness, -8.0],
            bias: &[0.0],
            activation: None,
        }],
    )
    .unwrap();
    let source = ImageSource {
        environment: "Pendulum",
        provenance: "by hand",
        period_us: PERIOD_US,
        observation: &OBSERVATION,
        action: &[ACTION],
        program: chain.source(),
        golden_observation: &[0.1, -0.2],
        statistics: None,
    };
    ImageBytes::new(&image::write(&source).unwrap())
}

/// Lends a running controller for the balancing policy to `body`.
fn with_controller<R>(
    bytes: &ImageBytes,
    limits: SafetyLimits,
    body: impl FnOnce(&mut Controller<'_, ImagePolicy<'_>>, image::Golden<'_>) -> R,
) -> R {
    with_options(bytes, limits, ControlOptions::DEFAULT, body)
}

/// The same with options.
fn with_options<R>(
    bytes: &ImageBytes,
    limits: SafetyLimits,
    options: ControlOptions<'_>,
    body: impl FnOnce(&mut Controller<'_, ImagePolicy<'_>>, image::Golden<'_>) -> R,
) -> R {
    let image = PolicyImage::view(bytes).unwrap();
    let contract = image.contract();
    let mut arena = vec![0.0; image.arena_len()];
    let policy = ImagePolicy::new(image, &mut arena).unwrap();
    let limits = [limits];
    let mut memory = vec![0.0; Controller::<ImagePolicy<'_>>::memory_len(&contract)];
    let mut controller = Controller::new(policy, &contract, &limits, &mut memory)
        .unwrap()
        .with_options(options)
        .unwrap();
    body(&mut controller, image.golden())
}

#[test]
fn the_phases_in_order() {
    let bytes = balancing(30.0);
    with_controller(&bytes, SafetyLimits::NONE, |controller, golden| {
        let mut pendulum = Pendulum::leaning(0.1);
        let mut story: heapless::Vec<Event, 32> = heapless::Vec::new();
        assert_eq!(controller.phase(), Phase::Idle);
        assert_eq!(
            controller.step(&mut pendulum, &mut ()).outcome,
            Outcome::NotRunning
        );
        assert_eq!(
            controller.start(Micros(0), &mut ()),
            Err(WrongPhase { found: Phase::Idle })
        );
        let armed = Phase::Armed { since: Micros(0) };
        assert_eq!(
            controller.self_test(golden, &mut pendulum, &mut story),
            Ok(armed)
        );
        assert_eq!(
            controller.self_test(golden, &mut pendulum, &mut story),
            Err(WrongPhase { found: armed })
        );
        assert_eq!(
            controller.stop(&mut pendulum, &mut story),
            Err(WrongPhase { found: armed })
        );
        controller.start(Micros(0), &mut story).unwrap();
        let cycle = controller.step(&mut pendulum, &mut story);
        assert_eq!((cycle.tick, cycle.outcome), (1, Outcome::Acted));
        assert_eq!(pendulum.torque, -3.0);
        assert_eq!(controller.command(), [-3.0]);
        controller.stop(&mut pendulum, &mut story).unwrap();
        assert_eq!(pendulum.torque, 0.0);
        controller.start(pendulum.now(), &mut story).unwrap();
        controller.trip(Fault::External, &mut pendulum, &mut story);
        controller.trip(Fault::Late, &mut pendulum, &mut story);
        let cycle = controller.step(&mut pendulum, &mut story);
        assert_eq!(cycle.outcome, Outcome::Refused(Fault::External));
        controller.reset(&mut pendulum, &mut story);
        assert_eq!(controller.phase(), Phase::Idle);
        let phases: Vec<Phase> = story
            .iter()
            .filter_map(|event| match event {
                Event::Entered { phase, .. } => Some(*phase),
                Event::Stepped(_) => None,
            })
            .collect();
        let faulted = Phase::Faulted {
            fault: Fault::External,
            at: Micros(0),
        };
        let running = Phase::Running { tick: 0 };
        assert_eq!(
            phases,
            [
                Phase::SelfTest,
                armed,
                running,
                armed,
                running,
                faulted,
                Phase::Idle
            ]
        );
    });
}

#[test]
fn a_policy_that_computes_otherwise_never_runs() {
    let (bytes, other) = (balancing(30.0), balancing(31.0));
    let wrong = PolicyImage::view(&other).unwrap().golden();
    with_controller(&bytes, SafetyLimits::NONE, |controller, _| {
        let mut pendulum = Pendulum::leaning(0.1);
        let mut log = EventLog::<8>::new();
        let phase = controller
            .self_test(wrong, &mut pendulum, &mut log)
            .unwrap();
        assert!(matches!(
            phase,
            Phase::Faulted {
                fault: Fault::SelfTest,
                ..
            }
        ));
        assert!(controller.start(Micros(0), &mut log).is_err());
        assert_eq!(log.counters().of(Fault::SelfTest), 1);
    });
}

#[test]
fn a_step_too_late_is_refused_and_books_are_kept() {
    let bytes = balancing(30.0);
    let image = PolicyImage::view(&bytes).unwrap();
    let contract = image.contract();
    let mut arena = [0.0; 4];
    let mut memory = [0.0; 16];
    let policy = ImagePolicy::new(image, &mut arena).unwrap();
    let mut controller = Controller::new(policy, &contract, &[SafetyLimits::NONE], &mut memory)
        .unwrap()
        .with_max_interval_us(2 * PERIOD_US);
    let mut pendulum = Pendulum::leaning(0.1);
    controller
        .self_test(image.golden(), &mut pendulum, &mut ())
        .unwrap();
    controller.start(Micros(0), &mut ()).unwrap();
    for interval in [10_000, 10_500, 20_000] {
        assert_eq!(
            controller.step(&mut pendulum, &mut ()).outcome,
            Outcome::Acted
        );
        pendulum.advance(interval);
    }
    assert_eq!(
        controller.step(&mut pendulum, &mut ()).outcome,
        Outcome::Acted
    );
    assert_eq!(controller.stats().worst_us(), 10_000);
    assert_eq!(controller.stats().bias_us(), 3500.0);
    pendulum.advance(20_001);
    assert_eq!(
        controller.step(&mut pendulum, &mut ()).outcome,
        Outcome::Refused(Fault::Late)
    );
    assert_eq!(pendulum.torque, 0.0);
}

#[test]
fn a_record_replays_bit_for_bit_and_shows_another_policy() {
    let bytes = balancing(30.0);
    let mut memory = vec![0.0; 300 * 3];
    let mut board = Recorder::new(Pendulum::leaning(0.2), &mut memory);
    with_controller(&bytes, SafetyLimits::NONE, |controller, golden| {
        controller.self_test(golden, &mut board, &mut ()).unwrap();
        controller.start(Micros(0), &mut ()).unwrap();
        for _ in 0..400 {
            assert_eq!(controller.step(&mut board, &mut ()).outcome, Outcome::Acted);
            board.board_mut().advance(PERIOD_US);
        }
    });
    assert_eq!(board.record().len(), 900, "400 steps, memory for 300");
    for (stiffness, is_same) in [(30.0, true), (30.001, false)] {
        let mut replay = Replay::new(board.record(), 1, PERIOD_US);
        with_controller(
            &balancing(stiffness),
            SafetyLimits::NONE,
            |controller, golden| {
                controller.self_test(golden, &mut replay, &mut ()).unwrap();
                controller.start(Micros(0), &mut ()).unwrap();
                for _ in 0..300 {
                    assert_eq!(
                        controller.step(&mut replay, &mut ()).outcome,
                        Outcome::Acted
                    );
                }
                let over = controller.step(&mut replay, &mut ());
                assert_eq!(
                    over.outcome,
                    Outcome::Refused(Fault::Sense),
                    "the record is over"
                );
            },
        );
        assert_eq!(replay.n_steps(), 300);
        assert_eq!(replay.n_mismatches() == 0, is_same);
    }
}

#[test]
fn what_does_not_fit_together_is_named() {
    let bytes = balancing(30.0);
    let image = PolicyImage::view(&bytes).unwrap();
    let contract = image.contract();
    let refusal = |contract: &image::Contract<'_>,
                   n_limits: usize,
                   limits: SafetyLimits,
                   memory_len: usize| {
        let mut arena = [0.0; 4];
        let policy = ImagePolicy::new(image, &mut arena).unwrap();
        let limits = vec![limits; n_limits];
        let mut memory = vec![0.0; memory_len];
        Controller::new(policy, contract, &limits, &mut memory).err()
    };
    let none = SafetyLimits::NONE;
    assert_eq!(refusal(&contract, 1, none, 14), None);
    assert_eq!(
        refusal(&contract, 1, none, 13),
        Some(ControlError::Memory {
            needed: 14,
            found: 13
        })
    );
    assert_eq!(
        refusal(&contract, 2, none, 14),
        Some(ControlError::Channels {
            needed: 1,
            found: 2
        })
    );
    let beyond = SafetyLimits { low: 10.5, ..none };
    assert_eq!(
        refusal(&contract, 1, beyond, 14),
        Some(ControlError::Limits { index: 0 })
    );
    let narrow = image::Contract {
        observation: &contract.observation[..1],
        ..contract
    };
    assert_eq!(
        refusal(&narrow, 1, none, 14),
        Some(ControlError::PolicyShape {
            needed: Shape {
                observation_dim: 1,
                action_dim: 1
            },
            found: Shape {
                observation_dim: 2,
                action_dim: 1
            },
        })
    );
    let endless = image::Contract {
        period_us: 0,
        ..contract
    };
    assert_eq!(
        refusal(&endless, 1, none, 14),
        Some(ControlError::Contract(image::ImageError::Missing(
            "control period"
        )))
    );
}

#[test]
fn a_slew_limit_holds_through_the_loop() {
    let limits = SafetyLimits {
        low: -5.0,
        high: 5.0,
        max_rate: 100.0,
    };
    let bytes = balancing(30.0);
    with_controller(&bytes, limits, |controller, golden| {
        let mut pendulum = Pendulum::leaning(0.3);
        controller
            .self_test(golden, &mut pendulum, &mut ())
            .unwrap();
        controller.start(Micros(0), &mut ()).unwrap();
        let mut previous = 0.0f32;
        let mut n_limited = 0;
        for _ in 0..300 {
            let cycle = controller.step(&mut pendulum, &mut ());
            n_limited += cycle.slew_limited + cycle.clamped;
            assert!((pendulum.torque - previous).abs() <= 1.0 + 1e-5);
            assert!(pendulum.torque.abs() <= 5.0);
            previous = pendulum.torque;
            pendulum.advance(PERIOD_US);
        }
        assert!(n_limited > 0);
    });
}

/// A sink that only counts, to see that the loop tells every step once.
struct Count(u32);

impl Telemetry for Count {
    fn record(&mut self, _event: Event) {
        self.0 += 1;
    }
}

#[test]
fn every_step_and_every_phase_is_told_once() {
    let bytes = balancing(30.0);
    with_controller(&bytes, SafetyLimits::NONE, |controller, golden| {
        let mut pendulum = Pendulum::leaning(0.1);
        let mut count = Count(0);
        let mut log = EventLog::<4>::new();
        controller
            .self_test(golden, &mut pendulum, &mut count)
            .unwrap();
        controller.start(Micros(0), &mut count).unwrap();
        assert_eq!(count.0, 3, "self-test, armed, running");
        for _ in 0..10 {
            controller.step(&mut pendulum, &mut log);
        }
        assert_eq!((log.counters().acted, log.counters().forgotten), (10, 6));
        let ticks: Vec<u32> = log
            .events()
            .filter_map(|event| match event {
                Event::Stepped(cycle) => Some(cycle.tick),
                Event::Entered { .. } => None,
            })
            .collect();
        assert_eq!(ticks, [7, 8, 9, 10]);
    });
}
