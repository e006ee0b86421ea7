//! [`Port`]: what the application asks of a board. The protocol is none of its business.

/// A byte stream, a clock and a place to talk; a board is finished once it has these.
pub trait Port {
    /// The board's name, for people; 32 bytes at most.
    const NAME: &'static str;

    /// The next byte received, if there is one. Never waits.
    fn read(&mut self) -> Option<u8>;

    /// Sends one byte, waiting for room.
    fn write(&mut self, byte: u8);

    /// Sleeps until a byte may have arrived, a millisecond at most.
    fn wait(&mut self);

    /// Nanoseconds since power-on; asked often enough that a hardware counter cannot wrap twice in between.
    fn now_ns(&mut self) -> u64;

    /// Instructions run so far, exact in an emulator that counts them (`-icount shift=0`), otherwise the nearest
    /// thing the board has.
    fn instructions(&mut self) -> u64;

    /// Text for whoever watches the board start. May go nowhere.
    fn log(&mut self, text: &str);
}
