//! [`serve_updatable`]: the server with another policy under way. It runs one image at a time and begins again with the next,
//! between an answer and the next question; link, session and the commands' course go on.

use rlfd_runtime::serve::{self, LinkedMachine, Tally, Updates};
use rlfd_runtime::update::{Flash, Incumbent, Installed, Receiver, choose};
use rlfd_runtime::wire::{UpdateMessage, UpdateRefusal, UpdateStatus};
use rlfd_runtime::{Counters, Phase, PolicyImage};

use crate::control_loop::control_loop;
use crate::memory::{ARENA_LEN, IMAGE, Memory, UPDATE_KEY};
use crate::port::Port;
use crate::server::{Server, report};

/// Takes other policies into the slot that does not run.
#[derive(Debug)]
struct Inbox<'m, F> {
    receiver: Receiver<'m, F>,
    scratch: &'m mut [f32],
}

impl<F: Flash> Updates for Inbox<'_, F> {
    fn take(&mut self, message: UpdateMessage<'_>) -> Result<UpdateStatus, UpdateRefusal> {
        self.receiver.take(message, self.scratch)
    }
}

/// What one policy leaves to the next, besides where its commands ended and what was asked of it.
#[derive(Clone, Copy, Debug)]
struct Handover {
    /// Steps done, if it was in control.
    ticks: Option<u32>,
    counters: Counters,
    tally: Tally,
}

/// Serves for good: the policy that was installed last in `slots`, or the linked-in one, until another is committed; then that
/// one.
pub fn serve_updatable<F: Flash, P: Port>(
    memory: &'static mut Memory,
    slots: &'static mut [F; 2],
    port: &mut P,
) -> ! {
    let mut before = Handover {
        ticks: None,
        counters: Counters::NONE,
        tally: Tally::default(),
    };
    loop {
        before = serve_one(memory, slots, before, port);
    }
}

/// Serves one policy until another is committed, and answers what it leaves to that one.
fn serve_one<F: Flash, P: Port>(
    memory: &mut Memory,
    slots: &mut [F; 2],
    before: Handover,
    port: &mut P,
) -> Handover {
    let index = choose(slots, &mut memory.scratch);
    let [first, second] = slots;
    let (running, free) = match index {
        Some(0) => (Installed::read(&*first), second),
        Some(_) => (Installed::read(&*second), first),
        None => (None, second),
    };
    let bytes = running.map_or(&IMAGE.0, |installed| installed.image);
    let machine = LinkedMachine::new(&mut memory.measurement, &mut memory.command);
    let mut control = control_loop(bytes, &mut memory.arena, &mut memory.control, machine);
    let (counter, sequence) = running.map_or((0, 0), |installed| {
        (installed.manifest.counter(), installed.sequence)
    });
    let incumbent = match PolicyImage::view(bytes) {
        Ok(image) => Incumbent::new(&image, counter, sequence),
        // A damaged image serves nothing; another may be sent for a contract that nobody has.
        Err(_) => Incumbent {
            counter,
            checksum: 0,
            contract_id: 0,
            period_us: 0,
            sequence,
        },
    };
    report(&mut control, port);
    if let Some(control) = &mut control {
        control.resume(
            &memory.target,
            &memory.setpoint,
            before.ticks,
            before.counters,
        );
    }
    let inbox = Inbox {
        receiver: Receiver::new(free, &UPDATE_KEY, incumbent, ARENA_LEN),
        scratch: &mut memory.scratch,
    };
    let (reader, replies) = (&mut memory.reader, &mut memory.replies);
    let mut server = Server(serve::Server::new(
        control,
        reader,
        replies,
        inbox,
        before.tally,
    ));
    loop {
        match port.read() {
            Some(byte) => server.receive(byte, port),
            None => port.wait(),
        }
        if !server.0.updates().receiver.is_committed() {
            continue;
        }
        let tally = server.0.tally();
        let Some(control) = server.control() else {
            return Handover {
                ticks: None,
                counters: before.counters,
                tally,
            };
        };
        // What is latched is looked at before anything else takes over.
        if control.phase().fault().is_some() {
            continue;
        }
        for (place, number) in memory.target.iter_mut().zip(control.target()) {
            *place = *number;
        }
        for (place, number) in memory.setpoint.iter_mut().zip(control.setpoint()) {
            *place = *number;
        }
        return Handover {
            ticks: match control.phase() {
                Phase::Running { tick } => Some(tick),
                _ => None,
            },
            counters: control.events().counters(),
            tally,
        };
    }
}
