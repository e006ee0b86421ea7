//! Conversations with a server in memory: what is answered, what is refused and why, and that a question is acted on once.

use std::vec;
use std::vec::Vec;

use super::*;
use crate::image::{
    ActionTerm, Chain, ImageBytes, ImageSource, Layer, ObservationTerm, Source, write,
};
use crate::wire::{
    BoardMessage, Frame, FrameReader, HostMessage, Refusal, ReplyCache, UpdateMessage,
    UpdateRefusal, Values, WIRE_VERSION, frame_len,
};
use crate::{Controller, Fault, ImagePolicy, Phase, PolicyImage, SafetyLimits};

const LEN: usize = frame_len(16);

const PERIOD_US: u64 = 1_000;

/// `command = place + 2 speed + 10 goal`, of sensors `place` and `speed` and a setpoint `goal`.
fn law() -> ImageBytes {
    let term = |name, source| ObservationTerm {
        name,
        unit: "1",
        source,
        dim: 1,
        history: 1,
        scale: 1.0,
        offset: 0.0,
        clip: f32::INFINITY,
    };
    let chain = Chain::new(
        3,
        &[Layer::Dense {
            weight: &[1.0, 2.0, 10.0],
            bias: &[0.0],
            activation: None,
        }],
    );
    let bytes = write(&ImageSource {
        environment: "none",
        provenance: "by hand",
        period_us: PERIOD_US as u32,
        observation: &[
            term("place", Source::Sensor),
            term("speed", Source::Sensor),
            term("goal", Source::Setpoint),
        ],
        action: &[ActionTerm {
            name: "force",
            unit: "N",
            dim: 1,
            scale: 1.0,
            offset: 0.0,
            low: -100.0,
            high: 100.0,
            max_rate: f32::INFINITY,
            stiffness: 0.0,
            damping: 0.0,
            time_constant_s: 0.0,
        }],
        program: chain.unwrap().source(),
        golden_observation: &[0.5, 0.25, 1.0],
        statistics: None,
    });
    ImageBytes::new(&bytes.unwrap())
}

/// Gathers what is sent; its clock counts questions of the time.
#[derive(Default)]
struct Wire {
    sent: Vec<u8>,
    clock_ns: u64,
}

impl Channel for Wire {
    const NAME: &'static str = "a test";

    fn send(&mut self, bytes: &[u8]) {
        self.sent.extend_from_slice(bytes);
    }

    fn now_ns(&mut self) -> u64 {
        self.clock_ns += 700;
        self.clock_ns
    }
}

type Served<'a> = Server<'a, ImagePolicy<'a>, NoUpdates, LEN, LEN>;

/// A host that numbers its questions.
struct Host<'s, 'a> {
    server: &'s mut Served<'a>,
    wire: Wire,
    sequence: u32,
    steps: u32,
}

impl Host<'_, '_> {
    /// Sends a question under a number and hands every message that comes back to `see`.
    fn send(
        &mut self,
        sequence: u32,
        message: HostMessage<'_>,
        mut see: impl FnMut(BoardMessage<'_>),
    ) {
        let question = Frame {
            session: 5,
            sequence,
            message,
        };
        let mut buffer = [0; LEN];
        self.wire.sent.clear();
        for byte in question.encode(&mut buffer).unwrap() {
            let cycle = self.server.receive(*byte, &mut self.wire);
            self.steps += u32::from(cycle.is_some());
        }
        let mut reader = FrameReader::<LEN>::new();
        for byte in &self.wire.sent {
            if let Some(content) = reader.push(*byte) {
                let frame = Frame::<BoardMessage<'_>>::decode(content.unwrap()).unwrap();
                assert_eq!((frame.session, frame.sequence), (5, sequence));
                see(frame.message);
            }
        }
    }

    /// Asks the next question and answers how the last message was, as text, after the phases that were announced.
    fn ask(&mut self, message: HostMessage<'_>) -> (Vec<Phase>, std::string::String) {
        self.sequence += 1;
        let (mut phases, mut last) = (Vec::new(), std::string::String::new());
        self.send(self.sequence, message, |message| match message {
            BoardMessage::Event(crate::Event::Entered { phase, .. }) => phases.push(phase),
            other => last = std::format!("{other:?}"),
        });
        (phases, last)
    }

    fn refused(&mut self, message: HostMessage<'_>) -> Option<Refusal> {
        self.sequence += 1;
        let mut found = None;
        self.send(self.sequence, message, |message| {
            if let BoardMessage::Refused(refusal) = message {
                found = Some(refusal);
            }
        });
        found
    }

    /// Sends a measurement and answers tick, fault and command.
    fn step(&mut self, values: &[f32]) -> (u32, Option<Fault>, f32) {
        self.sequence += 1;
        let mut found = None;
        let message = HostMessage::Measurement {
            time_us: u64::from(self.sequence) * PERIOD_US,
            values: Values::from(values),
        };
        self.send(self.sequence, message, |message| {
            if let BoardMessage::Command {
                tick,
                fault,
                values,
                duration_ns,
                ..
            } = message
            {
                assert_eq!(duration_ns, 700);
                found = values.iter().next().map(|number| (tick, fault, number));
            }
        });
        found.unwrap()
    }
}

/// Plays with a server for an image; without one, with a server for a damaged one.
fn play(bytes: Option<&ImageBytes>, body: impl FnOnce(&mut Host<'_, '_>)) {
    let image = bytes.map(|bytes| PolicyImage::view(bytes).unwrap());
    let (mut arena, mut memory) = (vec![0.0; 64], vec![0.0; 64]);
    let (mut measurement, mut command) = ([0.0; 2], [0.0; 1]);
    let limits = [SafetyLimits::NONE];
    let control = image.map(|image| {
        let policy = ImagePolicy::new(image, &mut arena).unwrap();
        let contract = image.contract();
        let controller = Controller::new(policy, &contract, &limits, &mut memory)
            .unwrap()
            .with_max_interval_us(MAX_INTERVAL_PERIODS * image.period_us());
        let machine = LinkedMachine::new(&mut measurement, &mut command);
        LinkedLoop::new(image, image.golden(), controller, machine)
    });
    let (mut reader, mut replies) = (FrameReader::new(), ReplyCache::new());
    let tally = Tally::default();
    let mut server = Server::new(control, &mut reader, &mut replies, NoUpdates, tally);
    body(&mut Host {
        server: &mut server,
        wire: Wire::default(),
        sequence: 0,
        steps: 0,
    });
}

fn hello(bytes: &ImageBytes) -> HostMessage<'static> {
    HostMessage::Hello {
        version: WIRE_VERSION,
        contract_id: PolicyImage::view(bytes).unwrap().contract_id(),
    }
}

#[test]
fn an_episode_from_hello_to_bye() {
    let bytes = law();
    play(Some(&bytes), |host| {
        let (phases, greeting) = host.ask(hello(&bytes));
        assert!(matches!(
            phases[..],
            [Phase::Idle, Phase::SelfTest, Phase::Armed { .. }]
        ));
        assert!(greeting.contains("board: \"a test\""), "{greeting}");
        assert!(
            greeting.contains("measurement_dim: 2, command_dim: 1"),
            "{greeting}"
        );
        let (phases, ready) = host.ask(HostMessage::Reset { episode: 9 });
        assert_eq!(phases.len(), 4);
        assert_eq!(ready, "Ready { episode: 9, phase: Running { tick: 0 } }");
        assert_eq!(host.step(&[1.0, 2.0]), (1, None, 5.0));
        let goal = [3.0];
        let values = Values::from(goal.as_slice());
        assert_eq!(host.ask(HostMessage::Setpoint { values }).1, "Accepted");
        assert_eq!(host.step(&[1.0, 2.0]), (2, None, 35.0));
        // In parts, the second of which completes it.
        let first = [4.0];
        let values = Values::from(first.as_slice());
        let part = HostMessage::Part { first: 0, values };
        assert_eq!(host.ask(part).1, "Accepted");
        assert_eq!(host.step(&[0.5]), (3, None, 35.0));
        let (fault, safe) = (Some(Fault::NonFiniteMeasurement), 0.0);
        assert_eq!(host.step(&[f32::NAN, 0.0]), (4, fault, safe));
        assert_eq!(host.step(&[1.0, 2.0]), (0, fault, safe), "latched");
        assert_eq!(host.steps, 5);
        let (_, bye) = host.ask(HostMessage::Bye);
        let expected = "Bye { acted: 3, refused: 2, bad_frames: 0, repeated: 0 }";
        assert_eq!(bye, expected);
    });
}

#[test]
fn what_cannot_be_answered_is_refused_with_its_reason() {
    let bytes = law();
    static TWO: [f32; 2] = [1.0, 2.0];
    let measurement = |values: &'static [f32]| HostMessage::Measurement {
        time_us: 0,
        values: Values::from(values),
    };
    play(Some(&bytes), |host| {
        let reset = HostMessage::Reset { episode: 0 };
        assert_eq!(host.refused(reset), Some(Refusal::NoSession));
        let HostMessage::Hello { contract_id, .. } = hello(&bytes) else {
            panic!("it is a Hello");
        };
        let other = HostMessage::Hello {
            version: WIRE_VERSION,
            contract_id: contract_id + 1,
        };
        let board = contract_id;
        assert_eq!(host.refused(other), Some(Refusal::Contract { board }));
        let newer = HostMessage::Hello {
            version: WIRE_VERSION + 1,
            contract_id,
        };
        let board = WIRE_VERSION;
        assert_eq!(host.refused(newer), Some(Refusal::Version { board }));
        assert_eq!(host.refused(hello(&bytes)), None);
        assert_eq!(host.refused(measurement(&TWO)), Some(Refusal::NoEpisode));
        let values = Values::from(TWO.as_slice());
        let part = |first| HostMessage::Part { first, values };
        assert_eq!(host.refused(part(0)), Some(Refusal::NoEpisode));
        assert_eq!(host.refused(reset), None);
        let expected = 2;
        assert_eq!(
            host.refused(measurement(&TWO[..1])),
            Some(Refusal::Width { expected })
        );
        let expected = 0;
        assert_eq!(host.refused(part(1)), Some(Refusal::Part { expected }));
        assert_eq!(
            host.refused(part(u32::MAX)),
            Some(Refusal::Part { expected })
        );
        for bad in [&TWO[..], &[], &[f32::INFINITY]] {
            let values = Values::from(bad);
            let refused = host.refused(HostMessage::Setpoint { values });
            assert_eq!(refused, Some(Refusal::Setpoint { expected: 1 }));
        }
        let refused = host.refused(HostMessage::Update(UpdateMessage::Status));
        assert_eq!(refused, Some(Refusal::Update(UpdateRefusal::Unsupported)));
        assert_eq!(host.steps, 0);
    });
    play(None, |host| {
        assert_eq!(host.refused(hello(&bytes)), Some(Refusal::Image));
    });
}

#[test]
fn a_question_is_acted_on_once_and_noise_not_at_all() {
    let bytes = law();
    play(Some(&bytes), |host| {
        host.ask(hello(&bytes));
        host.ask(HostMessage::Reset { episode: 0 });
        host.step(&[1.0, 0.0]);
        let again = HostMessage::Measurement {
            time_us: 77,
            values: Values::from([9.0, 9.0].as_slice()),
        };
        let mut answers = Vec::new();
        host.send(host.sequence, again, |message| {
            answers.push(std::format!("{message:?}"));
        });
        assert_eq!(answers.len(), 1);
        assert!(answers[0].starts_with("Command { tick: 1,"), "{answers:?}");
        // A latecomer is not even answered.
        host.send(host.sequence - 1, again, |message| panic!("{message:?}"));
        for byte in [7, 1, 2, 3, 0, 9, 9, 0] {
            assert!(host.server.receive(byte, &mut host.wire).is_none());
        }
        let tally = Tally {
            bad_frames: 2,
            repeated: 2,
        };
        assert_eq!((host.steps, host.server.tally()), (1, tally));
        let (_, bye) = host.ask(HostMessage::Bye);
        assert!(bye.contains("bad_frames: 2, repeated: 2"), "{bye}");
    });
}

#[test]
fn a_loop_goes_on_for_another_and_counts_on() {
    let bytes = law();
    play(Some(&bytes), |host| {
        host.ask(hello(&bytes));
        host.ask(HostMessage::Reset { episode: 0 });
        host.step(&[1.0, 0.0]);
        let control = host.server.control().unwrap();
        let counters = control.events().counters();
        control.restart();
        assert_eq!(control.events().counters().acted, 0);
        control.resume(&[4.0], &[3.0], Some(41), counters);
        assert_eq!(
            (control.target(), control.setpoint()),
            (&[4.0][..], &[3.0][..])
        );
        assert_eq!(host.step(&[1.0, 0.0]), (42, None, 31.0));
        let (_, bye) = host.ask(HostMessage::Bye);
        assert!(bye.starts_with("Bye { acted: 2,"), "{bye}");
        // One that was not in control does not begin to be.
        let control = host.server.control().unwrap();
        control.resume(&[4.0], &[0.0], None, counters);
        assert!(matches!(control.phase(), Phase::Armed { .. }));
    });
}
