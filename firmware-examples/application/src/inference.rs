//! [`infer`]: one step of the linked-in policy and nothing else, for whoever counts what it takes; [`infer_nothing`], the same without
//! the policy, for whoever counts what the program around it takes.

use rlfd_runtime::PolicyImage;

use crate::memory::{COMMAND_DIM, IMAGE, Memory};
use crate::port::Port;
use crate::text::log_decimal;

/// Answers the image's golden observation between `begin` and `end`, and says whether the answer is the golden one.
pub fn infer(memory: &'static mut Memory, begin: fn(), end: fn(), port: &mut impl Port) {
    // The compiler knows the image, and would leave out of the engine what this one does not need.
    let Ok(image) = PolicyImage::view(core::hint::black_box(&IMAGE.0)) else {
        return;
    };
    let (program, golden) = (image.program(), image.golden());
    let arena = memory.arena.as_mut_slice();
    let mut action = [0.0; COMMAND_DIM];
    program.reset(arena);
    begin();
    program.act(arena, golden.observation, &mut action);
    end();
    port.log("golden ");
    log_decimal(golden.matches(&action).into(), port);
    port.log("\n");
}

/// Copies an observation to the place of the action: what is left of [`infer`] where no engine is.
pub fn infer_nothing(memory: &'static mut Memory, port: &mut impl Port) {
    let mut action = [0.0; COMMAND_DIM];
    // Copying and clearing memory is what any program does.
    memory.control.fill(0.0);
    let answer = core::hint::black_box(memory.arena.as_slice());
    let len = answer.len().min(action.len());
    if let (Some(place), Some(answer)) = (action.get_mut(..len), answer.get(..len)) {
        place.copy_from_slice(answer);
    }
    port.log("golden ");
    let zeros = core::hint::black_box(action);
    log_decimal(zeros.iter().all(|number| *number == 0.0).into(), port);
    port.log("\n");
}
