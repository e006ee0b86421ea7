#![no_std]
mod port; mod register; mod stack;
pub use port::Port;
pub use register::Register;
pub use stack::Stack;
pub fn echo(port: &mut impl Port) -> ! {
    loop {
        if let Some(b) = port.read() { port.write(b); } else { port.wait() }
    }
}
