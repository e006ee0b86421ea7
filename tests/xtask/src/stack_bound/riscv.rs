//! Frames and calls of RV32 code with compressed instructions.

use std::collections::BTreeMap;

use anyhow::{Result, bail};

use super::{Body, Text};

const RETURN: u32 = 1;
const STACK: u32 = 2;

/// Reads the instructions from `start` to `stop`.
///
/// # Errors
/// If the stack pointer moves by something that is not known here.
pub fn body(text: &Text<'_>, start: u64, stop: u64) -> Result<Body> {
    let mut body = Body::default();
    // What registers hold that were made of constants and the program counter.
    let mut known: BTreeMap<u32, u32> = BTreeMap::new();
    let mut at = start;
    while at < stop {
        if text.is_data(at) {
            at += 2;
            continue;
        }
        let Some(half) = text.half(at) else { break };
        if half & 3 == 3 {
            let Some(code) = text.word(at) else { break };
            wide(&mut body, &mut known, at, code)?;
            at += 4;
        } else {
            compressed(&mut body, &mut known, at, u32::from(half));
            at += 2;
        }
    }
    Ok(body)
}

fn bits(code: u32, from: u32, count: u32) -> u32 {
    code >> from & ((1 << count) - 1)
}

/// The lowest `count` bits as a number with sign.
fn signed(value: u32, count: u32) -> i32 {
    (value << (32 - count)).cast_signed() >> (32 - count)
}

fn take(body: &mut Body, moved: i32) {
    body.frame += u64::from(moved.min(0).unsigned_abs());
}

fn compressed(body: &mut Body, known: &mut BTreeMap<u32, u32>, at: u64, code: u32) {
    let register = bits(code, 7, 5);
    match (code & 3, code >> 13) {
        // C.ADDI16SP
        (1, 3) if register == STACK => {
            let value = bits(code, 12, 1) << 9
                | bits(code, 3, 2) << 7
                | bits(code, 5, 1) << 6
                | bits(code, 2, 1) << 5
                | bits(code, 6, 1) << 4;
            take(body, signed(value, 10));
        }
        // C.LUI
        (1, 3) => {
            let value = signed(bits(code, 12, 1) << 17 | bits(code, 2, 5) << 12, 18);
            known.insert(register, value.cast_unsigned());
        }
        // C.ADDI
        (1, 0) => {
            let value = signed(bits(code, 12, 1) << 5 | bits(code, 2, 5), 6);
            if register == STACK {
                take(body, value);
            } else if let Some(held) = known.get_mut(&register) {
                *held = held.wrapping_add_signed(value);
                body.addresses.insert((*held).into());
            }
        }
        // C.LI
        (1, 2) => {
            let value = signed(bits(code, 12, 1) << 5 | bits(code, 2, 5), 6);
            known.insert(register, value.cast_unsigned());
        }
        // C.JAL and C.J
        (1, 1 | 5) => {
            let value = bits(code, 12, 1) << 11
                | bits(code, 8, 1) << 10
                | bits(code, 9, 2) << 8
                | bits(code, 6, 1) << 7
                | bits(code, 7, 1) << 6
                | bits(code, 2, 1) << 5
                | bits(code, 11, 1) << 4
                | bits(code, 3, 3) << 1;
            let is_call = code >> 13 == 1;
            let ways = if is_call {
                &mut body.calls
            } else {
                &mut body.jumps
            };
            ways.insert(at.wrapping_add_signed(signed(value, 12).into()));
        }
        // C.JR and C.JALR, but for the return
        (2, 4) if bits(code, 2, 5) == 0 && register != 0 => {
            let is_call = bits(code, 12, 1) == 1;
            match known.get(&register) {
                Some(target) => {
                    body.calls.insert((*target).into());
                }
                None if is_call || register != RETURN => body.is_indirect = true,
                None => {}
            }
        }
        _ => {}
    }
}

fn wide(body: &mut Body, known: &mut BTreeMap<u32, u32>, at: u64, code: u32) -> Result<()> {
    let (target, source) = (bits(code, 7, 5), bits(code, 15, 5));
    let immediate = code.cast_signed() >> 20;
    match code & 0x7F {
        // LUI and AUIPC
        0x37 => {
            known.insert(target, code & 0xFFFF_F000);
        }
        0x17 => {
            known.insert(target, (at as u32).wrapping_add(code & 0xFFFF_F000));
        }
        // ADDI
        0x13 if bits(code, 12, 3) == 0 => {
            if target == STACK && source == STACK {
                take(body, immediate);
                return Ok(());
            }
            let held = if source == 0 {
                Some(0)
            } else {
                known.get(&source).copied()
            };
            match held {
                Some(held) => {
                    let value = held.wrapping_add_signed(immediate);
                    known.insert(target, value);
                    body.addresses.insert(value.into());
                }
                None => {
                    known.remove(&target);
                }
            }
        }
        // ADD and SUB of the stack pointer and a register
        0x33 if target == STACK && source == STACK && bits(code, 12, 3) == 0 => {
            let amount = known.get(&bits(code, 20, 5)).copied();
            let Some(amount) = amount else {
                bail!("{at:#x}: the stack pointer moves by a register");
            };
            let moved = match bits(code, 25, 7) {
                0x20 => amount.cast_signed().wrapping_neg(),
                _ => amount.cast_signed(),
            };
            take(body, moved);
        }
        // JAL
        0x6F => {
            let value = bits(code, 31, 1) << 20
                | bits(code, 12, 8) << 12
                | bits(code, 20, 1) << 11
                | bits(code, 21, 10) << 1;
            let ways = if target == 0 {
                &mut body.jumps
            } else {
                &mut body.calls
            };
            ways.insert(at.wrapping_add_signed(signed(value, 21).into()));
            known.remove(&target);
        }
        // JALR, but for the return
        0x67 => {
            match known.get(&source) {
                Some(held) => {
                    let ways = if target == 0 {
                        &mut body.jumps
                    } else {
                        &mut body.calls
                    };
                    ways.insert(held.wrapping_add_signed(immediate).into());
                }
                None if target != 0 || source != RETURN => body.is_indirect = true,
                None => {}
            }
            known.remove(&target);
        }
        // Anything else that writes a register makes it unknown.
        0x03 | 0x13 | 0x33 | 0x53 | 0x73 | 0x2F => {
            known.remove(&target);
        }
        _ => {}
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::tests::body_of;
    use super::*;

    /// Encodings from GNU as.
    #[test]
    fn frames_and_calls_by_hand() {
        for (code, frame, text) in [
            (&[0x1141_u16][..], 16, "addi sp, sp, -16"),
            (&[0x7139], 64, "addi sp, sp, -64"),
            (&[0x0141], 0, "addi sp, sp, 16"),
            (&[0x0113, 0xC001], 1024, "addi sp, sp, -1024"),
            // lui t0, 1; sub sp, sp, t0
            (&[0x6285, 0x0133, 0x4051], 4096, "sub sp, sp, t0"),
        ] {
            assert_eq!(body_of(code, body).unwrap().frame, frame, "{text}");
        }
        // auipc ra, 0; jalr 256(ra): a far call to 0x200.
        let found = body_of(&[0x0097, 0x0000, 0x80E7, 0x1000], body).unwrap();
        assert_eq!(found.calls.into_iter().collect::<Vec<_>>(), [0x200]);
        assert!(!found.is_indirect);
        // jal ra, 0x1100 - ret is no call.
        let found = body_of(&[0x10EF, 0x0000, 0x8082], body).unwrap();
        assert_eq!(found.calls.into_iter().collect::<Vec<_>>(), [0x1100]);
        assert!(!found.is_indirect);
        assert!(body_of(&[0x9502], body).unwrap().is_indirect, "jalr a0");
        assert!(body_of(&[0x0133, 0x4051], body).is_err(), "sub sp, sp, t0");
    }
}
