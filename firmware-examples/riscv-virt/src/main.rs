#![no_std]
#![no_main]
mod board;
use rlfd_firmware::Port;
#[panic_handler]
fn panic(_: &core::panic::PanicInfo) -> ! { loop {} }
#[riscv_rt::entry]
fn main() -> ! {
    let stack = board::paint_stack();
    let mut b = board::Virt::take().unwrap();
    b.log("up\n");
    if stack.high_water() > 8 { b.log("paint\n"); }
    rlfd_firmware::echo(&mut b)
}
