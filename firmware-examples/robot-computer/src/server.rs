//! [`Server`]: the board's side of the link protocol (`runtime/docs/wire.md`) around any policy. It keeps no time.

use anyhow::{Context, Result, ensure};
use rlfd_runtime::image::{Golden, IMAGE_VERSION};
use rlfd_runtime::wire::{
    BoardMessage, Frame, FrameReader, HostMessage, Judgement, MAX_FRAME_LEN, Refusal, ReplyCache,
    UpdateRefusal, Values, WIRE_VERSION,
};
use rlfd_runtime::{
    Board, Controller, Event, EventLog, Outcome, Phase, Policy, PolicyImage, SafetyLimits,
};

use crate::machine::LinkedRobot;

/// As on the boards: measurements may stay away for this many periods of the plant's clock.
const MAX_INTERVAL_PERIODS: u32 = 5;

/// Another engine may add in another order; more than this is another policy.
const GOLDEN_TOLERANCE: f32 = 1e-4;

const NAME: &str = "robot-computer";

/// What a server borrows.
#[derive(Debug)]
pub struct Memory {
    control: Vec<f32>,
    limits: Vec<SafetyLimits>,
    golden_action: Vec<f32>,
}

impl Memory {
    /// As much as the image takes, and what this policy answers to the image's golden observation.
    ///
    /// # Errors
    /// If the policy is not the image's.
    pub fn new(image: &PolicyImage<'_>, policy: &mut dyn Policy) -> Result<Self> {
        let contract = image.contract();
        ensure!(
            policy.shape() == image.shape(),
            "the image's policy is {:?}, the model's {:?}",
            image.shape(),
            policy.shape()
        );
        let golden = image.golden();
        let mut golden_action = vec![0.0; contract.action_dim()];
        policy.reset();
        policy.act(golden.observation, &mut golden_action);
        for (index, (ours, theirs)) in golden_action.iter().zip(golden.action).enumerate() {
            let difference = (ours - theirs).abs();
            ensure!(
                difference <= GOLDEN_TOLERANCE * theirs.abs().max(1.0),
                "action {index} of the golden observation is {ours}, and {theirs} in the image: another policy"
            );
        }
        Ok(Self {
            control: vec![0.0; Controller::<&mut dyn Policy>::memory_len(&contract)],
            limits: vec![SafetyLimits::NONE; contract.action_dim()],
            golden_action,
        })
    }
}

/// The loop and both ends of its side of the link.
#[derive(Debug)]
pub struct Server<'a, P> {
    image: PolicyImage<'a>,
    golden: Golden<'a>,
    controller: Controller<'a, P>,
    robot: LinkedRobot,
    events: EventLog<16>,
    reader: FrameReader<MAX_FRAME_LEN>,
    replies: ReplyCache<MAX_FRAME_LEN>,
    bad_frames: u32,
    repeated: u32,
    steps: u64,
}

impl<'a, P: Policy> Server<'a, P> {
    /// Joins a policy to the contract of an image.
    ///
    /// # Errors
    /// If they do not fit together.
    pub fn new(image: PolicyImage<'a>, policy: P, memory: &'a mut Memory) -> Result<Self> {
        let contract = image.contract();
        let controller = Controller::new(policy, &contract, &memory.limits, &mut memory.control)
            .context("policy and image do not fit together")?
            .with_max_interval_us(contract.period_us.saturating_mul(MAX_INTERVAL_PERIODS));
        Ok(Self {
            golden: Golden {
                observation: image.golden().observation,
                action: &memory.golden_action,
            },
            robot: LinkedRobot::new(contract.measurement_dim(), contract.action_dim()),
            image,
            controller,
            events: EventLog::new(),
            reader: FrameReader::new(),
            replies: ReplyCache::new(),
            bad_frames: 0,
            repeated: 0,
            steps: 0,
        })
    }

    /// Measurements acted on so far.
    #[must_use]
    pub fn steps(&self) -> u64 {
        self.steps
    }

    /// Takes one byte, and adds what there is to say to `answer`.
    pub fn receive(&mut self, byte: u8, answer: &mut Vec<u8>) {
        // A question lies in the reader's memory; what acts on it is the rest.
        let mut reader = std::mem::take(&mut self.reader);
        if let Some(received) = reader.push(byte) {
            match received.and_then(Frame::<HostMessage<'_>>::decode) {
                Ok(question) => self.respond(&question, answer),
                Err(_) => self.bad_frames = self.bad_frames.wrapping_add(1),
            }
        }
        self.reader = reader;
    }

    fn respond(&mut self, question: &Frame<HostMessage<'_>>, answer: &mut Vec<u8>) {
        let opens = matches!(question.message, HostMessage::Hello { .. });
        match self.replies.judge(question, opens) {
            Judgement::New => match self.act(question, answer) {
                Ok(()) => answer.extend_from_slice(self.replies.reply()),
                Err(refusal) => say(question, BoardMessage::Refused(refusal), answer),
            },
            Judgement::Repeated => {
                self.repeated = self.repeated.wrapping_add(1);
                answer.extend_from_slice(self.replies.reply());
            }
            Judgement::Stale => self.repeated = self.repeated.wrapping_add(1),
            Judgement::Stranger => {
                say(question, BoardMessage::Refused(Refusal::NoSession), answer);
            }
        }
    }

    /// Acts on a new question and stores the answer.
    fn act(
        &mut self,
        question: &Frame<HostMessage<'_>>,
        answer: &mut Vec<u8>,
    ) -> Result<(), Refusal> {
        let message = match question.message {
            HostMessage::Hello {
                version,
                contract_id,
            } => {
                self.agree(version, contract_id)?;
                (self.bad_frames, self.repeated) = (0, 0);
                self.events = EventLog::new();
                self.arm();
                self.announce(question, answer);
                self.greeting()
            }
            HostMessage::Reset { episode } => {
                self.arm();
                // Not armed means faulted, which the phase tells.
                let _ = self.controller.start(self.robot.now(), &mut self.events);
                self.announce(question, answer);
                let phase = self.controller.phase();
                BoardMessage::Ready { episode, phase }
            }
            HostMessage::Measurement { time_us, values } => {
                self.measure(time_us, values)?;
                let began = std::time::Instant::now();
                let cycle = self.controller.step(&mut self.robot, &mut self.events);
                let duration_ns = u32::try_from(began.elapsed().as_nanos()).unwrap_or(u32::MAX);
                self.steps += 1;
                self.announce(question, answer);
                BoardMessage::Command {
                    tick: cycle.tick,
                    duration_ns,
                    clamped: cycle.clamped,
                    slew_limited: cycle.slew_limited,
                    fault: match cycle.outcome {
                        Outcome::Refused(fault) | Outcome::Held(fault) => Some(fault),
                        Outcome::Acted | Outcome::NotRunning => None,
                    },
                    values: Values::from(self.robot.command()),
                }
            }
            HostMessage::Part { first, values } => {
                self.expect_episode()?;
                if !usize::try_from(first).is_ok_and(|first| self.robot.part(first, values)) {
                    let expected = self.robot.received() as u32;
                    return Err(Refusal::Part { expected });
                }
                BoardMessage::Accepted
            }
            HostMessage::Setpoint { values } => {
                let mut setpoint = vec![0.0; values.len()];
                let set = values.copy_to(&mut setpoint)
                    && self.controller.set_setpoint(&setpoint).is_ok();
                if !set {
                    let expected = self.controller.setpoint().len() as u16;
                    return Err(Refusal::Setpoint { expected });
                }
                BoardMessage::Accepted
            }
            // A computer with files has better ways.
            HostMessage::Update(_) => return Err(Refusal::Update(UpdateRefusal::Unsupported)),
            HostMessage::Bye => {
                let counters = self.events.counters();
                self.arm();
                self.announce(question, answer);
                BoardMessage::Bye {
                    acted: counters.acted,
                    refused: counters.refused,
                    bad_frames: self.bad_frames,
                    repeated: self.repeated,
                }
            }
        };
        let numbered = Frame {
            session: question.session,
            sequence: question.sequence,
            message,
        };
        // The answer's memory is that of the longest frame there is.
        let _ = self.replies.answer(&numbered);
        Ok(())
    }

    fn agree(&self, version: u16, contract_id: u64) -> Result<(), Refusal> {
        if version != WIRE_VERSION {
            return Err(Refusal::Version {
                board: WIRE_VERSION,
            });
        }
        let board = self.image.contract_id();
        if contract_id != board {
            return Err(Refusal::Contract { board });
        }
        Ok(())
    }

    fn greeting(&self) -> BoardMessage<'static> {
        let contract = self.image.contract();
        BoardMessage::Hello {
            version: WIRE_VERSION,
            image_version: IMAGE_VERSION,
            image_checksum: self.image.checksum(),
            contract_id: self.image.contract_id(),
            period_us: contract.period_us,
            measurement_dim: contract.measurement_dim() as u16,
            command_dim: contract.action_dim() as u16,
            board: NAME,
        }
    }

    fn measure(&mut self, time_us: u64, values: Values<'_>) -> Result<(), Refusal> {
        self.expect_episode()?;
        if self.robot.measured(time_us, values) {
            return Ok(());
        }
        let expected = self.robot.measurement_dim() as u16;
        Err(Refusal::Width { expected })
    }

    fn expect_episode(&self) -> Result<(), Refusal> {
        match self.controller.phase() {
            Phase::Running { .. } | Phase::Faulted { .. } | Phase::Fallback { .. } => Ok(()),
            Phase::Idle | Phase::SelfTest | Phase::Armed { .. } => Err(Refusal::NoEpisode),
        }
    }

    fn arm(&mut self) {
        self.controller.reset(&mut self.robot, &mut self.events);
        // After a reset the loop is idle, from where a self-test may start; how it went is the phase.
        let _ = self
            .controller
            .self_test(self.golden, &mut self.robot, &mut self.events);
    }

    fn announce(&mut self, question: &Frame<HostMessage<'_>>, answer: &mut Vec<u8>) {
        while let Some(event) = self.events.pop() {
            if matches!(event, Event::Entered { .. }) {
                say(question, BoardMessage::Event(event), answer);
            }
        }
    }
}

/// Says something that is not remembered: whoever misses it asks again, or can do without.
fn say(question: &Frame<HostMessage<'_>>, message: BoardMessage<'_>, answer: &mut Vec<u8>) {
    let numbered = Frame {
        session: question.session,
        sequence: question.sequence,
        message,
    };
    let mut buffer = [0; MAX_FRAME_LEN];
    if let Ok(bytes) = numbered.encode(&mut buffer) {
        answer.extend_from_slice(bytes);
    }
}
