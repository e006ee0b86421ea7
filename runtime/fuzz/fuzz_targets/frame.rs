//! Any bytes on the link, as a board and as a host read them; what is decoded is encoded again and must come out the same.

#![no_main]

use libfuzzer_sys::fuzz_target;
use rlfd_runtime::wire::{BoardMessage, Frame, FrameReader, HostMessage, frame_len};

const CAPACITY: usize = frame_len(400);

fuzz_target!(|data: &[u8]| {
    let mut reader = FrameReader::<CAPACITY>::new();
    for byte in data {
        let Some(Ok(content)) = reader.push(*byte) else {
            continue;
        };
        let mut buffer = [0; CAPACITY];
        if let Ok(frame) = Frame::<HostMessage<'_>>::decode(content) {
            again(
                &frame.encode(&mut buffer).expect("what was read fits"),
                content,
            );
        }
        let mut buffer = [0; CAPACITY];
        if let Ok(frame) = Frame::<BoardMessage<'_>>::decode(content) {
            again(
                &frame.encode(&mut buffer).expect("what was read fits"),
                content,
            );
        }
    }
});

/// Reads an encoded frame back and compares what is in it.
fn again(encoded: &[u8], content: &[u8]) {
    let mut reader = FrameReader::<CAPACITY>::new();
    let mut found = false;
    for byte in encoded {
        if let Some(read) = reader.push(*byte) {
            // Numbers have one shortest form and longer ones, so the content may be shorter the second time.
            assert!(read.expect("an encoded frame is whole").len() <= content.len());
            found = true;
        }
    }
    assert!(found, "an encoded frame is found");
}
