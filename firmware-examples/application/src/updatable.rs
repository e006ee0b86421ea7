//! [`serve_updatable`]: the server with another policy under way. It runs one image at a time and begins again with the next,
//! between an answer and the next question; link, session and the commands' course go on.

use rlfd_runtime::update::{Flash, Incumbent, Installed, Receiver, choose};
use rlfd_runtime::wire::{UpdateMessage, UpdateRefusal, UpdateStatus};
use rlfd_runtime::{Phase, PolicyImage};

use crate::control_loop::ControlLoop;
use crate::machine::LinkedMachine;
use crate::memory::{ARENA_LEN, IMAGE, Memory, UPDATE_KEY};
use crate::port::Port;
use crate::server::{Server, Updates, report};

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

/// Serves for good: the policy that was installed last in `slots`, or the linked-in one, until another is committed; then that
/// one.
pub fn serve_updatable<F: Flash, P: Port>(
    memory: &'static mut Memory,
    slots: &'static mut [F; 2],
    port: &mut P,
) -> ! {
    // Steps done by the policy before, if it was in control.
    let mut ticks = None;
    loop {
        ticks = serve_one(memory, slots, ticks, port);
    }
}

/// Serves one policy until another is committed, and answers how many steps it did if it is in control.
fn serve_one<F: Flash, P: Port>(
    memory: &mut Memory,
    slots: &mut [F; 2],
    ticks: Option<u32>,
    port: &mut P,
) -> Option<u32> {
    let index = choose(slots, &mut memory.scratch);
    let [first, second] = slots;
    let (running, free) = match index {
        Some(0) => (Installed::read(&*first), second),
        Some(_) => (Installed::read(&*second), first),
        None => (None, second),
    };
    let bytes = running.map_or(&IMAGE.0, |installed| installed.image);
    let machine = LinkedMachine::new(&mut memory.measurement, &mut memory.command);
    let mut control = ControlLoop::new(bytes, &mut memory.arena, &mut memory.control, machine);
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
    if let (Some(control), Some(tick)) = (&mut control, ticks) {
        control.resume(&memory.target, tick);
    }
    let inbox = Inbox {
        receiver: Receiver::new(free, &UPDATE_KEY, incumbent, ARENA_LEN),
        scratch: &mut memory.scratch,
    };
    let mut server = Server::open(control, &mut memory.reader, &mut memory.replies, inbox);
    loop {
        match port.read() {
            Some(byte) => server.receive(byte, port),
            None => port.wait(),
        }
        if !server.updates().receiver.is_committed() {
            continue;
        }
        // What is latched is looked at before anything else takes over.
        let phase = server
            .control()
            .map_or(Phase::Idle, |control| control.phase());
        if phase.fault().is_some() {
            continue;
        }
        let Some(control) = server.control() else {
            return None;
        };
        for (place, number) in memory.target.iter_mut().zip(control.target()) {
            *place = *number;
        }
        return match phase {
            Phase::Running { tick } => Some(tick),
            _ => None,
        };
    }
}
