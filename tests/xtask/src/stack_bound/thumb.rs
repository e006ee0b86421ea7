//! Frames and calls of Thumb code, ARMv6-M to ARMv8-M.

use std::collections::BTreeMap;

use anyhow::{Result, bail};

use super::{Body, Text};

/// Reads the instructions from `start` to `stop`.
///
/// # Errors
/// If the stack pointer moves by something that is not known here.
pub fn body(text: &Text<'_>, start: u64, stop: u64) -> Result<Body> {
    let mut body = Body::default();
    // What registers hold that were loaded from literals or by moves of constants.
    let mut known: BTreeMap<u16, u32> = BTreeMap::new();
    let mut at = start;
    while at < stop {
        if text.is_data(at) {
            at += 2;
            continue;
        }
        let Some(first) = text.half(at) else { break };
        if first >> 11 < 0b11101 {
            narrow(&mut body, &mut known, text, at, first)?;
            at += 2;
        } else {
            let second = text.half(at + 2).unwrap_or_default();
            wide(&mut body, &mut known, at, first, second)?;
            at += 4;
        }
    }
    Ok(body)
}

fn narrow(
    body: &mut Body,
    known: &mut BTreeMap<u16, u32>,
    text: &Text<'_>,
    at: u64,
    code: u16,
) -> Result<()> {
    let register = (code >> 3) & 15;
    match code {
        // PUSH
        _ if code & 0xFE00 == 0xB400 => body.frame += 4 * u64::from((code & 0x1FF).count_ones()),
        // SUB sp, #imm
        _ if code & 0xFF80 == 0xB080 => body.frame += 4 * u64::from(code & 0x7F),
        // ADD sp, Rm, which takes off where Rm is negative
        _ if code & 0xFF87 == 0x4485 => match known.get(&register) {
            Some(value) => body.frame += u64::from(value.cast_signed().min(0).unsigned_abs()),
            None => bail!("{at:#x}: the stack pointer moves by a register"),
        },
        // LDR Rt, [pc, #imm]
        _ if code & 0xF800 == 0x4800 => {
            let literal = (at & !3) + 4 + 4 * u64::from(code & 0xFF);
            if let Some(word) = text.word(literal) {
                known.insert((code >> 8) & 7, word);
                body.addresses.insert(word.into());
            }
        }
        // BLX Rm, and BX Rm but for the return
        _ if code & 0xFF87 == 0x4780 => body.is_indirect = true,
        _ if code & 0xFF87 == 0x4700 && register != 14 => body.is_indirect = true,
        // B
        _ if code & 0xF800 == 0xE000 => {
            let offset = i64::from((code << 5).cast_signed() >> 4);
            body.jumps.insert((at + 4).wrapping_add_signed(offset));
        }
        // B<c>, but for the undefined and the supervisor call
        _ if code & 0xF000 == 0xD000 && code & 0x0E00 != 0x0E00 => {
            let offset = i64::from((code << 8).cast_signed() >> 7);
            body.jumps.insert((at + 4).wrapping_add_signed(offset));
        }
        _ => {}
    }
    Ok(())
}

fn wide(
    body: &mut Body,
    known: &mut BTreeMap<u16, u32>,
    at: u64,
    first: u16,
    second: u16,
) -> Result<()> {
    let target = (second >> 8) & 15;
    match first {
        // STMDB sp!
        0xE92D => body.frame += 4 * u64::from(second.count_ones()),
        // STR Rt, [sp, #-4]!
        0xF84D if second & 0x0FFF == 0x0D04 => body.frame += 4,
        // STRD, Rt, Rt2, [sp, #-imm]!
        0xE96D => body.frame += 4 * u64::from(second & 0xFF),
        // VPUSH
        _ if first & 0xFFBF == 0xED2D && second & 0x0E00 == 0x0A00 => {
            body.frame += 4 * u64::from(second & 0xFF);
        }
        // SUB.W sp, sp, #const
        _ if first & 0xFBEF == 0xF1AD && target == 13 => {
            body.frame += u64::from(expanded(first, second));
        }
        // SUBW sp, sp, #imm12
        _ if first & 0xFBFF == 0xF2AD && target == 13 => {
            body.frame +=
                u64::from((first >> 10 & 1) << 11 | (second >> 12 & 7) << 8 | second & 0xFF);
        }
        // SUB.W sp, sp, Rm
        _ if first & 0xFFEF == 0xEBAD && target == 13 => match known.get(&(second & 15)) {
            Some(value) if second & 0x70C0 == 0 => body.frame += u64::from(*value),
            _ => bail!("{at:#x}: the stack pointer moves by a register"),
        },
        // MOVW and MOVT
        _ if first & 0xFB70 == 0xF240 && second & 0x8000 == 0 => {
            let half = u32::from(
                (first & 15) << 12
                    | (first >> 10 & 1) << 11
                    | (second >> 12 & 7) << 8
                    | second & 0xFF,
            );
            let value = known.entry(target).or_default();
            *value = if first & 0x80 == 0 {
                half
            } else {
                *value & 0xFFFF | half << 16
            };
            body.addresses.insert((*value).into());
        }
        // BL, B.W; conditional B.W stays within a function or leaves it as a tail call
        _ if first & 0xF800 == 0xF000 && second & 0x8000 != 0 => {
            let (s, j1, j2) = (
                u32::from(first >> 10 & 1),
                second >> 13 & 1,
                second >> 11 & 1,
            );
            let is_long = second & 0x1000 != 0;
            let offset = if is_long {
                let i = |j: u16| u32::from(j ^ 1) ^ s;
                let bits = s << 24
                    | i(j1) << 23
                    | i(j2) << 22
                    | u32::from(first & 0x3FF) << 12
                    | u32::from(second & 0x7FF) << 1;
                (bits << 7).cast_signed() >> 7
            } else if first >> 6 & 0xE == 0xE {
                // System instructions and barriers.
                return Ok(());
            } else {
                let bits = s << 20
                    | u32::from(j2) << 19
                    | u32::from(j1) << 18
                    | u32::from(first & 0x3F) << 12
                    | u32::from(second & 0x7FF) << 1;
                (bits << 11).cast_signed() >> 11
            };
            let is_call = second & 0x5000 == 0x5000;
            let ways = if is_call {
                &mut body.calls
            } else {
                &mut body.jumps
            };
            ways.insert((at + 4).wrapping_add_signed(offset.into()));
        }
        _ => {}
    }
    Ok(())
}

/// ThumbExpandImm of the manual.
fn expanded(first: u16, second: u16) -> u32 {
    let code = (first >> 10 & 1) << 11 | (second >> 12 & 7) << 8 | second & 0xFF;
    let byte = u32::from(code & 0xFF);
    match code >> 8 {
        0 => byte,
        1 => byte << 16 | byte,
        2 => byte << 24 | byte << 8,
        3 => byte << 24 | byte << 16 | byte << 8 | byte,
        _ => (0x80 | byte & 0x7F).rotate_right(u32::from(code >> 7)),
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::body_of;
    use super::*;

    /// Encodings from GNU as.
    #[test]
    fn frames_and_calls_by_hand() {
        for (code, frame, text) in [
            (&[0xB5F0_u16][..], 20, "push {r4-r7, lr}"),
            (&[0xB082], 8, "sub sp, #8"),
            (&[0xE92D, 0x4FF0], 36, "push {r4-r11, lr}"),
            (&[0xF84D, 0x8D04], 4, "str r8, [sp, #-4]!"),
            (&[0xED2D, 0x8B10], 64, "vpush {d8-d15}"),
            (&[0xED2D, 0x8A10], 64, "vpush {s16-s31}"),
            (&[0xF5AD, 0x5DB8], 5888, "sub.w sp, sp, #5888"),
            (&[0xF2AD, 0x4DE4], 1252, "subw sp, sp, #1252"),
            // ldr r7, [pc, #0]; add sp, r7; nop; .word -1000
            (&[0x4F00, 0x44BD, 0xFC18, 0xFFFF], 1000, "add sp, r7"),
        ] {
            let mut halves = code.to_vec();
            if text == "add sp, r7" {
                // The literal lies behind the function.
                halves.truncate(4);
            }
            assert_eq!(body_of(&halves, body).unwrap().frame, frame, "{text}");
        }
        // bl to 0x200 from 0x100: offset 0xFC; b.n to itself; blx r4; bx lr.
        let found = body_of(&[0xF000, 0xF87E, 0x47A0, 0x4770], body).unwrap();
        assert_eq!(found.calls.into_iter().collect::<Vec<_>>(), [0x200]);
        assert!(found.is_indirect);
        assert!(!body_of(&[0x4770], body).unwrap().is_indirect);
        // movw r0, #0x201; movt r0, #0x2000.
        let found = body_of(&[0xF240, 0x2001, 0xF2C2, 0x0000], body).unwrap();
        assert!(found.addresses.contains(&0x2000_0201), "{found:?}");
        assert!(
            body_of(&[0xEBAD, 0x0D04], body).is_err(),
            "sub.w sp, sp, r4"
        );
    }
}
