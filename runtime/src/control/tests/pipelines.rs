//! The pipelines as a whole: several rates, torques from targets, setpoints, a change of controllers, options that do not fit.

use std::vec;
use std::vec::Vec;

use super::TORQUE;
use crate::board::Board;
use crate::control::*;
use crate::image::{ActionRule, Contract, Golden, ObservationRule, Source, Statistics};
use crate::policy::{Policy, Shape};
use crate::{Micros, SafetyLimits};

/// Answers its observation, the first numbers of it.
#[derive(Debug)]
struct Echo {
    shape: Shape,
    asked: usize,
}

impl Policy for Echo {
    fn shape(&self) -> Shape {
        self.shape
    }

    fn reset(&mut self) {
        self.asked = 0;
    }

    fn act(&mut self, observation: &[f32], action: &mut [f32]) {
        self.asked += 1;
        action.copy_from_slice(&observation[..action.len()]);
    }
}

/// A mass on a rail, `m x'' = force`, one kilogram: measures place and velocity.
#[derive(Debug, Default)]
struct Rail {
    place: f64,
    velocity: f64,
    force: f32,
    commands: Vec<f32>,
}

impl Board for Rail {
    type Error = core::convert::Infallible;

    fn now(&self) -> Micros {
        Micros(self.commands.len() as u64 * 1_000)
    }

    fn sense(&mut self, measurement: &mut [f32]) -> Result<(), Self::Error> {
        measurement.copy_from_slice(&[self.place as f32, self.velocity as f32]);
        Ok(())
    }

    fn actuate(&mut self, command: &[f32]) -> Result<(), Self::Error> {
        self.force = command[0];
        self.commands.push(command[0]);
        // Exact for a constant force over a millisecond.
        let (force, h) = (f64::from(self.force), 1e-3);
        self.place += h * self.velocity + 0.5 * h * h * force;
        self.velocity += h * force;
        Ok(())
    }

    fn make_safe(&mut self) {
        self.force = 0.0;
    }
}

const SETPOINT: ObservationRule = ObservationRule::SENSOR.of(Source::Setpoint);

/// A critically damped spring of 100 N/m: `2 sqrt(100)`.
const SPRING: ActionRule = ActionRule {
    scale: 1.0,
    stiffness: 100.0,
    damping: 20.0,
    ..TORQUE
};

const GOLDEN: Golden<'static> = Golden {
    observation: &[0.5, 0.0, 0.0],
    action: &[0.5],
};

/// The policy answers its setpoint, every 10 ms; the loop runs at 1 kHz.
fn contract<'a>(observation: &'a [ObservationRule], action: &'a [ActionRule]) -> Contract<'a> {
    Contract {
        period_us: 10_000,
        observation,
        action,
    }
}

fn on_rail(
    action: ActionRule,
    options: ControlOptions<'_>,
    play: impl FnOnce(&mut Controller<'_, Echo>, &mut Rail),
) {
    let observation = [
        SETPOINT,
        ObservationRule {
            dim: 2,
            ..ObservationRule::SENSOR
        },
    ];
    let action = [action];
    let contract = contract(&observation, &action);
    let shape = Shape {
        observation_dim: 3,
        action_dim: 1,
    };
    let mut memory = vec![f32::NAN; Controller::<Echo>::memory_len(&contract)];
    let limits = [SafetyLimits::NONE];
    let policy = Echo { shape, asked: 0 };
    let mut controller = Controller::new(policy, &contract, &limits, &mut memory)
        .unwrap()
        .with_options(options)
        .unwrap();
    let mut rail = Rail::default();
    controller.self_test(GOLDEN, &mut rail, &mut ()).unwrap();
    controller.start(Micros(0), &mut ()).unwrap();
    play(&mut controller, &mut rail);
}

const JOINT: Joint = Joint {
    position: 0,
    velocity: 1,
    offset: 0.0,
    max_torque: f32::INFINITY,
};

/// From rest to 1 under the critically damped spring: `x(t) = 1 - (1 + w t) exp(-w t)`, w = 10 per second.
#[test]
fn targets_become_torques_at_the_rate_of_the_loop() {
    let options = ControlOptions {
        steps_per_action: 10,
        drive: Drive::Torque(&[JOINT]),
        ..ControlOptions::DEFAULT
    };
    on_rail(SPRING, options, |controller, rail| {
        controller.set_setpoint(&[1.0]).unwrap();
        for step in 1..=1000 {
            controller.step(rail, &mut ());
            let wt = 10.0 * f64::from(step) * 1e-3;
            let expected = 1.0 - (1.0 + wt) * (-wt).exp();
            // The loop holds its torque for a millisecond: an error of first order in it.
            assert!(
                (rail.place - expected).abs() < 5e-3,
                "step {step}: {}",
                rail.place
            );
        }
        assert!((rail.place - 1.0).abs() < 2e-3);
        assert_eq!(controller.target(), [1.0]);
        assert_eq!(controller.stats().jitter_us(), 0.0, "a period of the loop");
    });
    // At the rate of the policy the same gains are not the same spring.
    let bounded = ControlOptions {
        drive: Drive::Torque(&[Joint {
            max_torque: 3.0,
            ..JOINT
        }]),
        ..options
    };
    on_rail(SPRING, bounded, |controller, rail| {
        controller.set_setpoint(&[1.0]).unwrap();
        let cycle = controller.step(rail, &mut ());
        assert_eq!((cycle.clamped, rail.force), (1, 3.0));
    });
}

#[test]
fn a_policy_slower_than_the_loop_is_asked_once_per_period() {
    for (between, expected) in [
        (Between::Hold, [2.0, 2.0, 2.0, 2.0, 4.0, 4.0, 4.0, 4.0]),
        (
            Between::Interpolate,
            [0.5, 1.0, 1.5, 2.0, 2.5, 3.0, 3.5, 4.0],
        ),
    ] {
        let options = ControlOptions {
            steps_per_action: 4,
            between,
            ..ControlOptions::DEFAULT
        };
        on_rail(TORQUE, options, |controller, rail| {
            for step in 0..8 {
                // What is asked in between is not seen before the next action.
                let asked = if step < 4 { [2.0, 9.0] } else { [4.0, 9.0] };
                controller
                    .set_setpoint(&asked[usize::from(step % 4 != 0)..][..1])
                    .unwrap();
                controller.step(rail, &mut ());
            }
            assert_eq!(rail.commands, expected, "{between:?}");
        });
    }
}

#[test]
fn limits_of_rate_count_per_step_of_the_loop() {
    let slow = ActionRule {
        max_rate: 100.0,
        ..TORQUE
    };
    let options = ControlOptions {
        steps_per_action: 10,
        ..ControlOptions::DEFAULT
    };
    on_rail(slow, options, |controller, rail| {
        controller.set_setpoint(&[1.0]).unwrap();
        for _ in 0..12 {
            controller.step(rail, &mut ());
        }
        // 0.1 per millisecond.
        for (step, command) in rail.commands.iter().enumerate() {
            let expected = (0.1 * (step + 1) as f32).min(1.0);
            assert!((command - expected).abs() < 1e-5, "step {step}: {command}");
        }
    });
}

#[test]
fn a_controller_that_takes_over_goes_on_where_the_other_was() {
    let slow = ActionRule {
        max_rate: 10.0,
        ..TORQUE
    };
    for (takes_over, first) in [(false, 0.1), (true, 4.9)] {
        on_rail(slow, ControlOptions::DEFAULT, |controller, rail| {
            if takes_over {
                controller.take_over(&[5.0], 7);
            }
            controller
                .set_setpoint(&[if takes_over { 0.0 } else { 5.0 }])
                .unwrap();
            let cycle = controller.step(rail, &mut ());
            assert_eq!(cycle.tick, if takes_over { 8 } else { 1 });
            assert!((rail.force - first).abs() < 1e-5, "{}", rail.force);
        });
    }
}

#[test]
fn a_setpoint_that_is_none_is_refused_and_the_last_one_stays() {
    on_rail(TORQUE, ControlOptions::DEFAULT, |controller, rail| {
        assert_eq!(controller.setpoint(), [0.0]);
        controller.set_setpoint(&[0.5]).unwrap();
        for (bad, found) in [(&[f32::NAN][..], 1), (&[1.0, 2.0], 2), (&[], 0)] {
            let refused = controller.set_setpoint(bad);
            assert_eq!(refused, Err(WrongSetpoint { needed: 1, found }));
        }
        controller.reset(rail, &mut ());
        assert_eq!(controller.setpoint(), [0.5], "kept through a reset");
    });
}

#[test]
fn the_last_action_is_observed() {
    let last = ObservationRule::SENSOR.of(Source::LastAction);
    let half = ObservationRule {
        scale: 0.5,
        offset: 1.0,
        ..last
    };
    let observation = [
        half,
        ObservationRule {
            dim: 2,
            ..ObservationRule::SENSOR
        },
    ];
    let action = [TORQUE];
    let contract = contract(&observation, &action);
    let shape = Shape {
        observation_dim: 3,
        action_dim: 1,
    };
    let mut memory = vec![0.0; Controller::<Echo>::memory_len(&contract)];
    let limits = [SafetyLimits::NONE];
    let policy = Echo { shape, asked: 0 };
    let mut controller = Controller::new(policy, &contract, &limits, &mut memory).unwrap();
    let mut rail = Rail::default();
    controller.self_test(GOLDEN, &mut rail, &mut ()).unwrap();
    controller.start(Micros(0), &mut ()).unwrap();
    for _ in 0..4 {
        controller.step(&mut rail, &mut ());
    }
    // a = a / 2 + 1, from 0.
    assert_eq!(rail.commands, [1.0, 1.5, 1.75, 1.875]);
}

#[test]
fn options_that_do_not_fit_are_named() {
    let observation = [ObservationRule {
        dim: 2,
        ..ObservationRule::SENSOR
    }];
    let action = [SPRING];
    let contract = contract(&observation, &action);
    let default = ControlOptions::DEFAULT;
    let gain = Gain {
        command: 0,
        measurement: 1,
        target: 0.0,
        gain: 1.0,
    };
    let (far, lost) = (
        Joint {
            velocity: 2,
            ..JOINT
        },
        Joint {
            max_torque: f32::NAN,
            ..JOINT
        },
    );
    let (near, beyond, wild) = (
        [gain],
        [Gain {
            measurement: 2,
            ..gain
        }],
        [Gain { command: 1, ..gain }],
    );
    let statistics = Statistics {
        mean: &[0.0; 2],
        deviation: &[1.0; 2],
    };
    let familiarity = Familiarity {
        statistics,
        max_deviations: 5.0,
        patience: 1,
    };
    let fallback = |constant, gains| {
        Some(Fallback {
            constant,
            gains,
            patience: 0,
        })
    };
    let short = Statistics {
        mean: &[0.0],
        ..statistics
    };
    let good = [
        default,
        ControlOptions {
            steps_per_action: 10_000,
            ..default
        },
        ControlOptions {
            drive: Drive::Torque(&[JOINT]),
            ..default
        },
        ControlOptions {
            max_stuck: &[u16::MAX],
            ..default
        },
        ControlOptions {
            familiarity: Some(familiarity),
            ..default
        },
        ControlOptions {
            fallback: fallback(&[0.0], &near),
            ..default
        },
    ];
    for options in good {
        assert_eq!(options.check(&contract), Ok(()), "{options:?}");
    }
    let bad = [
        (
            ControlOptions {
                max_stuck: &[1, 1],
                ..default
            },
            "one entry for each observation term",
        ),
        (
            ControlOptions {
                steps_per_action: 0,
                ..default
            },
            "steps per action",
        ),
        (
            ControlOptions {
                steps_per_action: 10_001,
                ..default
            },
            "steps per action",
        ),
        (
            ControlOptions {
                drive: Drive::Torque(&[]),
                ..default
            },
            "one joint for each",
        ),
        (
            ControlOptions {
                drive: Drive::Torque(&[far]),
                ..default
            },
            "not in the measurement",
        ),
        (
            ControlOptions {
                drive: Drive::Torque(&[lost]),
                ..default
            },
            "torque limit",
        ),
        (
            ControlOptions {
                familiarity: Some(Familiarity {
                    statistics: short,
                    ..familiarity
                }),
                ..default
            },
            "one mean and deviation",
        ),
        (
            ControlOptions {
                familiarity: Some(Familiarity {
                    patience: 0,
                    ..familiarity
                }),
                ..default
            },
            "patience above 0",
        ),
        (
            ControlOptions {
                fallback: fallback(&[], &[]),
                ..default
            },
            "one finite constant",
        ),
        (
            ControlOptions {
                fallback: fallback(&[f32::NAN], &[]),
                ..default
            },
            "one finite constant",
        ),
        (
            ControlOptions {
                fallback: fallback(&[0.0], &beyond),
                ..default
            },
            "no measurement",
        ),
        (
            ControlOptions {
                fallback: fallback(&[0.0], &wild),
                ..default
            },
            "no measurement",
        ),
    ];
    for (options, reason) in bad {
        let Err(found) = options.check(&contract) else {
            panic!("{options:?}");
        };
        assert!(std::format!("{found}").contains(reason), "{found}");
    }
}
