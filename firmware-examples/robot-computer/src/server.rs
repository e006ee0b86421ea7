//! [`Server`]: the runtime's server around any policy, with the memory of a computer. [`Answers`] is its channel.

use std::time::Instant;

use anyhow::{Context, Result, ensure};
use rlfd_runtime::image::Golden;
use rlfd_runtime::serve::{
    self, Channel, LinkedLoop, LinkedMachine, MAX_INTERVAL_PERIODS, NoUpdates, Tally,
};
use rlfd_runtime::wire::{FrameReader, MAX_FRAME_LEN, ReplyCache};
use rlfd_runtime::{Controller, Policy, PolicyImage, SafetyLimits};

/// Another engine may add in another order; more than this is another policy.
const GOLDEN_TOLERANCE: f32 = 1e-4;

/// The loop and both ends of its side of the link. A computer with files has better ways than the link to change its policy.
pub type Server<'a, P> = serve::Server<'a, P, NoUpdates, MAX_FRAME_LEN, MAX_FRAME_LEN>;

/// What a server borrows.
#[derive(Debug)]
pub struct Memory {
    control: Vec<f32>,
    limits: Vec<SafetyLimits>,
    golden_action: Vec<f32>,
    measurement: Vec<f32>,
    command: Vec<f32>,
    reader: FrameReader<MAX_FRAME_LEN>,
    replies: ReplyCache<MAX_FRAME_LEN>,
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
            measurement: vec![0.0; contract.measurement_dim()],
            command: vec![0.0; contract.action_dim()],
            reader: FrameReader::new(),
            replies: ReplyCache::new(),
        })
    }

    /// Joins a policy to the contract of an image, and serves it.
    ///
    /// # Errors
    /// If they do not fit together.
    pub fn serve<'a, P: Policy>(
        &'a mut self,
        image: PolicyImage<'a>,
        policy: P,
    ) -> Result<Server<'a, P>> {
        let contract = image.contract();
        let controller = Controller::new(policy, &contract, &self.limits, &mut self.control)
            .context("policy and image do not fit together")?
            .with_max_interval_us(contract.period_us.saturating_mul(MAX_INTERVAL_PERIODS));
        let golden = Golden {
            observation: image.golden().observation,
            action: &self.golden_action,
        };
        let machine = LinkedMachine::new(&mut self.measurement, &mut self.command);
        let control = LinkedLoop::new(image, golden, controller, machine);
        let (reader, replies) = (&mut self.reader, &mut self.replies);
        let tally = Tally::default();
        Ok(serve::Server::new(
            Some(control),
            reader,
            replies,
            NoUpdates,
            tally,
        ))
    }
}

/// What there is to say, gathered to be written at once.
#[derive(Debug)]
pub struct Answers {
    /// The bytes so far.
    pub bytes: Vec<u8>,
    began: Instant,
}

impl Answers {
    /// Nothing yet.
    #[must_use]
    pub fn new() -> Self {
        Self {
            bytes: Vec::new(),
            began: Instant::now(),
        }
    }
}

impl Default for Answers {
    fn default() -> Self {
        Self::new()
    }
}

impl Channel for Answers {
    const NAME: &'static str = "robot-computer";

    fn send(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
    }

    fn now_ns(&mut self) -> u64 {
        u64::try_from(self.began.elapsed().as_nanos()).unwrap_or(u64::MAX)
    }
}
