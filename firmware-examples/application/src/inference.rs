//! [`infer`]: one step of the linked-in policy and nothing else, for whoever counts what it takes.

use rlfd_runtime::PolicyImage;

use crate::memory::{COMMAND_DIM, IMAGE, Memory};
use crate::port::Port;
use crate::text::log_decimal;

/// Answers the image's golden observation between `begin` and `end`, and says whether the answer is the golden one.
pub fn infer(memory: &'static mut Memory, begin: fn(), end: fn(), port: &mut impl Port) {
    let Ok(image) = PolicyImage::view(&IMAGE.0) else {
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
