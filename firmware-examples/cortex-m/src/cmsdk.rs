//! [`CmsdkUart`] and [`CmsdkTimer`]: the devices of Arm's Cortex-M System Design Kit. They know no board.

use rlfd_firmware::Register;

const TRANSMIT_FULL: u32 = 1 << 0;
const RECEIVE_FULL: u32 = 1 << 1;
const TRANSMIT_ENABLE: u32 = 1 << 0;
const RECEIVE_ENABLE: u32 = 1 << 1;
const RECEIVE_INTERRUPT_ENABLE: u32 = 1 << 3;
const RECEIVE_INTERRUPT: u32 = 1 << 1;

/// "CMSDK APB UART".
#[derive(Clone, Copy, Debug)]
pub struct CmsdkUart {
    data: Register<u32>,
    state: Register<u32>,
    control: Register<u32>,
    interrupt: Register<u32>,
    baud_divisor: Register<u32>,
}

impl CmsdkUart {
    /// # Safety
    ///
    /// Such a device lies at `address`.
    #[must_use]
    pub const unsafe fn at(address: usize) -> Self {
        // SAFETY: these are the device's registers, as the caller vouches.
        unsafe {
            Self {
                data: Register::at(address),
                state: Register::at(address + 0x4),
                control: Register::at(address + 0x8),
                interrupt: Register::at(address + 0xC),
                baud_divisor: Register::at(address + 0x10),
            }
        }
    }

    /// Both ways on, with a request for every byte received.
    pub fn start(self, clock_hz: u32, baud: u32) {
        self.baud_divisor.write(clock_hz / baud);
        self.control
            .write(TRANSMIT_ENABLE | RECEIVE_ENABLE | RECEIVE_INTERRUPT_ENABLE);
    }

    /// The byte received, if there is one.
    #[must_use]
    pub fn read(self) -> Option<u8> {
        if self.state.read() & RECEIVE_FULL == 0 {
            return None;
        }
        let [byte, ..] = self.data.read().to_le_bytes();
        // The request is cleared after the byte is out, so a byte that comes now raises it again.
        self.interrupt.write(RECEIVE_INTERRUPT);
        Some(byte)
    }

    /// Sends a byte, waiting for room.
    pub fn write(self, byte: u8) {
        while self.state.read() & TRANSMIT_FULL != 0 {}
        self.data.write(u32::from(byte));
    }
}

/// "CMSDK APB timer": 32 bits, counts down at the clock's rate and starts over.
#[derive(Clone, Copy, Debug)]
pub struct CmsdkTimer {
    control: Register<u32>,
    value: Register<u32>,
    reload: Register<u32>,
}

impl CmsdkTimer {
    /// # Safety
    ///
    /// Such a device lies at `address`.
    #[must_use]
    pub const unsafe fn at(address: usize) -> Self {
        // SAFETY: these are the device's registers, as the caller vouches.
        unsafe {
            Self {
                control: Register::at(address),
                value: Register::at(address + 0x4),
                reload: Register::at(address + 0x8),
            }
        }
    }

    /// Counts down from the largest number, for good.
    pub fn start(self) {
        self.reload.write(u32::MAX);
        self.value.write(u32::MAX);
        self.control.write(1);
    }

    /// Where it stands.
    #[must_use]
    pub fn value(self) -> u32 {
        self.value.read()
    }
}
