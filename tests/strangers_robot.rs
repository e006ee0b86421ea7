//! A policy as others export them: target positions around a default pose, stiffness, damping and joints in the metadata of an
//! ONNX file without a contract of ours. The controller turns targets into torques five times for each of its actions, on
//! MuJoCo's cheetah.
//!
//! The function is the zoo's HalfCheetah-v5 policy, which answers shares of the motors' torques `u`. Its export answers
//! the target that gives the same torque at the state it was asked in: `a = (u gear + k (q - q0) + d q') / (k s)`. At the rate of the
//! policy the loop must therefore repeat the original; at five times that rate the springs act in between.

use std::collections::BTreeMap;
use std::path::Path;

use rand::Rng;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;
use rlfd_export::graph::{Attribute, Data, Dim, Node, Port, Value};
use rlfd_export::onnx::SPEC_KEY;
use rlfd_export::{ImageOptions, Model, make_image, model_of};
use rlfd_models::checkpoint::Checkpoint;
use rlfd_models::spec::ObservationTerm;
use rlfd_runtime::control::{Between, ControlOptions, Drive, Joint};
use rlfd_runtime::image::{OwnedImage, Source};
use rlfd_runtime::{
    Board, Controller, EnginePolicy, ImagePolicy, Micros, Outcome, Policy, SafetyLimits,
};
use rlfd_trainer::env::mujoco::half_cheetah::HalfCheetah;
use rlfd_trainer::env::mujoco::{Control, Definition, MujocoEnv, Simulation, Task};
use rlfd_trainer::env::{Env, EnvError, Step};

const POLICY: &str = "../models/zoo/HalfCheetah-v5/sac/policy.pt";

/// Control period of the policy.
const PERIOD_US: u32 = 50_000;

/// Physics steps in a period.
const SUBSTEPS: u16 = 5;

/// What the robot's description says of its joints: name, torque of the motor in N m, default position in rad.
const JOINTS: [(&str, f32, f32); 6] = [
    ("bthigh", 120.0, 0.1),
    ("bshin", 90.0, -0.2),
    ("bfoot", 60.0, 0.0),
    ("fthigh", 120.0, -0.1),
    ("fshin", 60.0, 0.2),
    ("ffoot", 30.0, 0.0),
];

/// Joint positions among the 17 numbers of the observation, and joint velocities.
const POSITIONS: usize = 2;
const VELOCITIES: usize = 11;

/// Radians for an action of 1.
const SCALE: f32 = 0.25;

fn stiffness(torque: f32) -> f32 {
    torque / 4.0
}

fn damping(torque: f32) -> f32 {
    torque / 400.0
}

/// The policy's file as another trainer would have written it.
fn foreign_model() -> Model {
    let checkpoint = Path::new(env!("CARGO_MANIFEST_DIR")).join(POLICY);
    let mut model = model_of(&Checkpoint::read(&checkpoint).unwrap()).unwrap();
    let list = |number: &dyn Fn(&(&str, f32, f32)) -> String| -> String {
        JOINTS.iter().map(number).collect::<Vec<_>>().join(",")
    };
    model.metadata.retain(|(key, _)| key != SPEC_KEY);
    for (key, value) in [
        ("joint_names", list(&|joint| joint.0.to_owned())),
        (
            "joint_stiffness",
            list(&|joint| stiffness(joint.1).to_string()),
        ),
        ("joint_damping", list(&|joint| damping(joint.1).to_string())),
        ("default_joint_pos", list(&|joint| joint.2.to_string())),
        ("action_scale", SCALE.to_string()),
        // The torso's height and pitch, and three velocities of it.
        (
            "observation_names",
            "torso,joint_pos,base_lin_vel,joint_vel,actions".to_owned(),
        ),
    ] {
        model.metadata.push((key.to_owned(), value));
    }
    let graph = &mut model.graph;
    let last = graph.nodes.last_mut().unwrap();
    last.outputs = vec!["share".to_owned()];
    let mut constant = |name: &str, number: &dyn Fn(&(&str, f32, f32)) -> f32| {
        let value = Value::f32(&[6], JOINTS.iter().map(number).collect());
        graph.constants.insert(name.to_owned(), value);
    };
    constant("of share", &|joint| joint.1 / (stiffness(joint.1) * SCALE));
    constant("of position", &|_| 1.0 / SCALE);
    constant("of velocity", &|joint| {
        damping(joint.1) / (stiffness(joint.1) * SCALE)
    });
    constant("of pose", &|joint| -joint.2 / SCALE);
    for (name, first) in [("positions", POSITIONS), ("velocities", VELOCITIES)] {
        let indices: Vec<i64> = (first..first + 6).map(|index| index as i64).collect();
        let value = Value {
            shape: vec![6],
            data: Data::I64(indices),
        };
        graph.constants.insert(format!("{name} of joints"), value);
    }
    let mut node = |op: &str, inputs: [&str; 2], output: &str| {
        let axis = ("axis".to_owned(), Attribute::Int(1));
        let attributes = if op == "Gather" {
            BTreeMap::from([axis])
        } else {
            BTreeMap::new()
        };
        graph.nodes.push(Node {
            name: format!("to {output}"),
            op: op.to_owned(),
            domain: String::new(),
            inputs: inputs.map(ToOwned::to_owned).to_vec(),
            outputs: vec![output.to_owned()],
            attributes,
        });
    };
    // It observes its last action too, as a stranger's policy does, and makes nothing of it.
    let n_measured = VELOCITIES + JOINTS.len();
    graph.inputs = vec![Port {
        name: "obs".to_owned(),
        dtype: "float32",
        shape: Some(vec![
            Dim::Symbol("batch".to_owned()),
            Dim::Fixed(n_measured + JOINTS.len()),
        ]),
    }];
    let value = Value {
        shape: vec![n_measured],
        data: Data::I64((0..n_measured as i64).collect()),
    };
    graph.constants.insert("measured".to_owned(), value);
    node("Gather", ["obs", "measured"], "observation");
    node("Gather", ["observation", "positions of joints"], "q");
    node("Gather", ["observation", "velocities of joints"], "q'");
    node("Mul", ["share", "of share"], "a of share");
    node("Mul", ["q", "of position"], "a of q");
    node("Mul", ["q'", "of velocity"], "a of q'");
    node("Add", ["a of share", "a of q"], "a of both");
    node("Add", ["a of both", "a of q'"], "a of all");
    node("Add", ["a of all", "of pose"], "action");
    // Nodes stand in the order they run.
    let is_first = |node: &Node| node.inputs[0] == "obs";
    graph.nodes.sort_by_key(|node| !is_first(node));
    model
}

/// The cheetah with a period of one physics step.
#[derive(Debug)]
struct FastCheetah(HalfCheetah);

impl Task for FastCheetah {
    const DEFINITION: Definition = Definition {
        id: "HalfCheetah-v5 at 100 Hz",
        frame_skip: 1,
        max_episode_steps: 5000,
        ..HalfCheetah::DEFINITION
    };

    fn new(simulation: &Simulation) -> Result<Self, EnvError> {
        HalfCheetah::new(simulation).map(Self)
    }

    fn observation_terms(&self, simulation: &Simulation) -> Vec<ObservationTerm> {
        self.0.observation_terms(simulation)
    }

    fn sample(&self, rng: &mut dyn Rng, qpos: &mut [f64], qvel: &mut [f64]) {
        self.0.sample(rng, qpos, qvel);
    }

    fn progress(&self, simulation: &Simulation) -> f64 {
        self.0.progress(simulation)
    }

    fn observe(&self, simulation: &Simulation, observation: &mut [f64]) {
        self.0.observe(simulation, observation);
    }

    fn judge(&self, simulation: &Simulation, rate: f64, control: Control<'_>) -> Step {
        self.0.judge(simulation, rate, control)
    }
}

/// The robot: encoders and motors that take torques.
struct Robot {
    env: Box<dyn Env>,
    observation: Vec<f64>,
    torques: Vec<f32>,
    steps: u64,
    ret: f64,
}

impl Robot {
    fn new(mut env: Box<dyn Env>) -> Self {
        let mut observation = vec![0.0; env.spec().observation_dim()];
        env.reset(&mut ChaCha8Rng::seed_from_u64(0), &mut observation);
        Self {
            env,
            observation,
            torques: vec![0.0; JOINTS.len()],
            steps: 0,
            ret: 0.0,
        }
    }
}

impl Board for Robot {
    type Error = std::convert::Infallible;

    fn now(&self) -> Micros {
        Micros(self.steps * u64::from(self.env.spec().period_us))
    }

    fn sense(&mut self, measurement: &mut [f32]) -> Result<(), Self::Error> {
        for (number, wide) in measurement.iter_mut().zip(&self.observation) {
            *number = *wide as f32;
        }
        Ok(())
    }

    fn actuate(&mut self, torques: &[f32]) -> Result<(), Self::Error> {
        self.torques.copy_from_slice(torques);
        let shares: Vec<f64> = torques
            .iter()
            .zip(JOINTS)
            .map(|(torque, joint)| f64::from(torque / joint.1))
            .collect();
        let step = self.env.step(&shares, &mut self.observation);
        self.ret += step.reward;
        self.steps += 1;
        Ok(())
    }

    fn make_safe(&mut self) {
        self.torques.fill(0.0);
    }
}

fn joints() -> Vec<Joint> {
    let joint = |(index, (_, torque, _)): (usize, &(&str, f32, f32))| Joint {
        position: (POSITIONS + index) as u16,
        velocity: (VELOCITIES + index) as u16,
        offset: 0.0,
        max_torque: *torque,
    };
    JOINTS.iter().enumerate().map(joint).collect()
}

/// Plays one episode and answers its return; `each` sees every step.
fn play(
    image: &OwnedImage,
    robot: &mut Robot,
    options: ControlOptions<'_>,
    mut each: impl FnMut(&[f32], &[f32]),
) -> f64 {
    let view = image.view().unwrap();
    let contract = view.contract();
    let mut arena = vec![0.0; view.arena_len()];
    let policy = ImagePolicy::new(view, &mut arena).unwrap();
    let mut memory = vec![0.0; Controller::<ImagePolicy<'_>>::memory_len(&contract)];
    let limits = [SafetyLimits::NONE; JOINTS.len()];
    let mut controller = Controller::new(policy, &contract, &limits, &mut memory)
        .unwrap()
        .with_options(options)
        .unwrap();
    controller.self_test(view.golden(), robot, &mut ()).unwrap();
    controller.start(robot.now(), &mut ()).unwrap();
    for _ in 0..robot.env.spec().max_episode_steps {
        let seen: Vec<f32> = robot.observation.iter().map(|wide| *wide as f32).collect();
        let cycle = controller.step(robot, &mut ());
        assert_eq!(cycle.outcome, Outcome::Acted);
        each(&seen, &robot.torques);
    }
    robot.ret
}

#[test]
fn a_strangers_policy_runs_with_gains_and_pose_from_its_metadata() {
    let options = ImageOptions {
        period_us: Some(PERIOD_US),
        ..ImageOptions::default()
    };
    let made = make_image(&foreign_model(), &options).unwrap();
    let image = OwnedImage::new(&made.bytes).unwrap();
    let view = image.view().unwrap();
    for (term, (name, torque, pose)) in view.action_terms().zip(JOINTS) {
        assert_eq!((term.name, term.unit), (name, "rad"));
        let numbers = [term.scale, term.offset, term.stiffness, term.damping];
        assert_eq!(numbers, [SCALE, pose, stiffness(torque), damping(torque)]);
    }
    let observed: Vec<_> = view
        .observation_terms()
        .map(|term| (term.name, term.dim, term.source))
        .collect();
    assert_eq!(observed[0], ("torso", 2, Source::Sensor));
    assert_eq!(observed[4], ("actions", 6, Source::LastAction));
    assert_eq!(view.contract().measurement_dim(), 17);
    let note = "`actions`, 6 numbers, is the policy's last action";
    assert!(
        made.notes.iter().any(|told| told.contains(note)),
        "{:?}",
        made.notes
    );
    let joints = joints();
    let drive = Drive::Torque(&joints);

    // At the rate of the policy the torques are those of the original.
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(POLICY);
    let original = model_of(&Checkpoint::read(&path).unwrap()).unwrap();
    let original = make_image(&original, &ImageOptions::default()).unwrap();
    let mut original = EnginePolicy::from_bytes(&original.bytes).unwrap();
    let mut greatest = 0.0_f32;
    let mut robot = Robot::new(Box::new(MujocoEnv::<HalfCheetah>::open().unwrap()));
    let once = ControlOptions {
        drive,
        ..ControlOptions::DEFAULT
    };
    let repeated = play(&image, &mut robot, once, |seen, torques| {
        let mut share = vec![0.0; JOINTS.len()];
        original.act(seen, &mut share);
        for ((torque, share), joint) in torques.iter().zip(share).zip(JOINTS) {
            greatest = greatest.max((torque / joint.1 - share).abs());
        }
    });
    // Singles, scaled up and down again: targets of up to 10 rad, gains of up to 30.
    assert!(greatest < 1e-4, "{greatest}");
    assert!(repeated > 9000.0, "{repeated}");

    // At five times that rate the springs act between the actions.
    for between in [Between::Hold, Between::Interpolate] {
        let mut robot = Robot::new(Box::new(MujocoEnv::<FastCheetah>::open().unwrap()));
        let options = ControlOptions {
            steps_per_action: SUBSTEPS,
            between,
            drive,
            ..ControlOptions::DEFAULT
        };
        let ret = play(&image, &mut robot, options, |_, _| {}) / f64::from(SUBSTEPS);
        println!(
            "HalfCheetah by position targets: {repeated:.0} with a step per action (torques within {greatest:.1e} of the \
             original's), {ret:.0} with {SUBSTEPS}, {between:?}"
        );
        if between == Between::Hold {
            // Standing still gives 0. The policy was trained for constant torques, not for springs.
            assert!(ret > 8000.0, "{ret}");
        }
    }
}
