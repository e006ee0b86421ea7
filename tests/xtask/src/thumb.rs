//! What an instruction of a Cortex-M4F costs at zero wait states, after the tables of Arm's Technical Reference Manual
//! (100166, sections 3.3 and 7.2.3). Knows single instructions and their neighbour, neither programs nor traces.
//!
//! | instructions | cycles |
//! |---|---|
//! | data processing, SMLAD and its kin, VADD, VMUL, VCVT, VCMP, VMOV | 1 |
//! | MLA, MLS; VMOV of two | 2 |
//! | VMLA, VFMA | 3 |
//! | VDIV, VSQRT | 14 |
//! | SDIV, UDIV (2 to 12) | 12 |
//! | load or store of one register | 2, or 1 right after another such |
//! | LDRD, STRD | 3 |
//! | load or store of N registers | N + 1 |
//! | branch taken | 2 more |
//! | the instruction after a floating-point operation that reads its result | 1 more |

/// A decoded instruction, as far as its cost goes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Instruction {
    /// 2 or 4.
    pub bytes: u32,
    cycles: u64,
    /// Loads or stores one register.
    single: bool,
    /// Floating-point registers it reads and that it computes, by bit; bit 32 is the flags.
    reads: u64,
    computes: u64,
}

const FLAGS: u64 = 1 << 32;

impl Instruction {
    /// Decodes the halfwords at an address; the second counts only where the first asks for it.
    pub fn decode(first: u16, second: u16) -> Self {
        if first >> 11 < 0b11101 {
            Self {
                bytes: 2,
                ..Self::narrow(first)
            }
        } else {
            Self {
                bytes: 4,
                ..Self::wide(first, second)
            }
        }
    }

    /// Cycles when it comes after `before`; `taken`: the next one does not lie behind it.
    pub fn cycles_after(&self, before: &Self, taken: bool) -> u64 {
        let pipelined = u64::from(self.single && before.single);
        let waits = u64::from(before.computes & self.reads != 0);
        self.cycles - pipelined + waits + if taken { 2 } else { 0 }
    }

    fn cycles(cycles: u64) -> Self {
        Self {
            cycles,
            ..Self::default()
        }
    }

    fn single() -> Self {
        Self {
            single: true,
            ..Self::cycles(2)
        }
    }

    fn multiple(registers: u32) -> Self {
        Self::cycles(u64::from(registers) + 1)
    }

    fn narrow(code: u16) -> Self {
        match code >> 12 {
            // Literal, register, immediate, halfword and stack addressing.
            0b0100 if code >> 11 == 0b01001 => Self::single(),
            0b0101..=0b1001 => Self::single(),
            0b1100 => Self::multiple((code & 0xFF).count_ones()),
            0b1011 if code & 0x0600 == 0x0400 => Self::multiple((code & 0x1FF).count_ones()),
            _ => Self::cycles(1),
        }
    }

    fn wide(first: u16, second: u16) -> Self {
        let is_float = first & 0xEC00 == 0xEC00 && second & 0x0E00 == 0x0A00;
        match first {
            _ if is_float => Self::float(first, second),
            _ if first & 0xFE40 == 0xE800 => Self::multiple(second.count_ones()),
            // Table branches and exclusive accesses read or write one register.
            _ if first & 0xFF60 == 0xE840 || first & 0xFFF0 == 0xE8D0 => Self::cycles(2),
            _ if first & 0xFE40 == 0xE840 => Self::cycles(3),
            _ if first & 0xFE00 == 0xF800 => Self::single(),
            // MLA has a register where MUL has none; MLS.
            _ if first & 0xFFF0 == 0xFB00 && second & 0xF000 != 0xF000 => Self::cycles(2),
            _ if first & 0xFFF0 == 0xFB90 || first & 0xFFF0 == 0xFBB0 => Self::cycles(12),
            _ => Self::cycles(1),
        }
    }

    fn float(first: u16, second: u16) -> Self {
        let register = |four: u16, one: u16| 1_u64 << ((four & 15) << 1 | one & 1);
        let d = register(second >> 12, first >> 6);
        let n = register(first, second >> 7);
        let m = register(second, second >> 5);
        if first & 0xFFE0 == 0xEC40 {
            // VMOV of two; one bit tells the direction.
            let reads = if first & 0x10 != 0 { m | m << 1 } else { 0 };
            return Self {
                reads,
                ..Self::cycles(2)
            };
        }
        if first & 0xFE00 == 0xEC00 {
            // Of one register these bits are an offset, and not looked at.
            let words = (second & 0xFF).min(32);
            let stored = (((1_u64 << words) - 1) * d) & (FLAGS - 1);
            let is_load = first & 0x10 != 0;
            let one = first & 0xFF20 == 0xED00;
            return match (one, is_load) {
                (true, true) => Self::single(),
                (true, false) => Self {
                    reads: d,
                    ..Self::single()
                },
                (false, true) => Self::multiple(words.into()),
                (false, false) => Self {
                    reads: stored,
                    ..Self::multiple(words.into())
                },
            };
        }
        if second & 0x10 != 0 {
            // Transfers to and from one core register; VMRS reads the flags.
            let to_core = first & 0x10 != 0;
            let of_flags = first & 0xE0 == 0xE0;
            return Self {
                reads: match (of_flags, to_core) {
                    (true, _) => FLAGS,
                    (false, true) => n,
                    (false, false) => 0,
                },
                ..Self::cycles(1)
            };
        }
        let (cycles, reads, computes) = match (first & 0x80 != 0, first >> 4 & 3) {
            (false, 0 | 1) | (true, 1 | 2) => (3, d | n | m, d),
            (false, _) => (1, n | m, d),
            (true, 0) => (14, n | m, d),
            // One operand: an immediate has none of its own, a comparison writes flags.
            _ if second & 0x40 == 0 => (1, 0, d),
            _ => match (first & 15, second & 0x80 != 0) {
                (1, true) => (14, m, d),
                (4, _) => (1, d | m, FLAGS),
                (5, _) => (1, d, FLAGS),
                _ => (1, m, d),
            },
        };
        Self {
            reads,
            computes,
            ..Self::cycles(cycles)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Cycles of a run of instructions, none of them a taken branch.
    fn cycles(codes: &[u32]) -> u64 {
        let mut before = Instruction::default();
        let mut sum = 0;
        for code in codes {
            let instruction = match code >> 16 {
                0 => Instruction::decode(*code as u16, 0),
                first => Instruction::decode(first as u16, *code as u16),
            };
            sum += instruction.cycles_after(&before, false);
            before = instruction;
        }
        sum
    }

    /// Encodings from GNU as, cycles from the manual.
    #[test]
    fn instructions_cost_what_the_manual_says() {
        let table = [
            (0x4608, 1, "mov r0, r1"),
            (0x6808, 2, "ldr r0, [r1]"),
            (0x4800, 2, "ldr r0, [pc]"),
            (0x9801, 2, "ldr r0, [sp, #4]"),
            (0xB5F0, 6, "push {r4-r7, lr}"),
            (0xBDF0, 6, "pop {r4-r7, pc}"),
            (0xC90F, 5, "ldm r1!, {r0-r3}"),
            (0xE89E_000F, 5, "ldm lr, {r0-r3}"),
            (0xE92D_4FF0, 10, "push {r4-r11, lr}"),
            (0xE9DD_4515, 3, "ldrd r4, r5, [sp, #84]"),
            (0xF8DD_C000, 2, "ldr r12, [sp]"),
            (0xFB23_440C, 1, "smlad r4, r3, r12, r4"),
            (0xFA2F_F383, 1, "sxtb16 r3, r3"),
            (0xFB01_F002, 1, "mul r0, r1, r2"),
            (0xFB01_3002, 2, "mla r0, r1, r2, r3"),
            (0xFBB1_F0F2, 12, "udiv r0, r1, r2"),
            (0xED96_8A00, 2, "vldr s16, [r6]"),
            (0xEDC3_0A00, 2, "vstr s1, [r3]"),
            (0xECB7_EA04, 5, "vldmia r7!, {s28-s31}"),
            (0xED2D_8A10, 17, "vpush {s16-s31}"),
            (0xEE28_8A0E, 1, "vmul.f32 s16, s16, s28"),
            (0xEE30_0A08, 1, "vadd.f32 s0, s0, s16"),
            (0xEEA0_0A81, 3, "vfma.f32 s0, s1, s2"),
            (0xEE00_0A81, 3, "vmla.f32 s0, s1, s2"),
            (0xEE80_0A81, 14, "vdiv.f32 s0, s1, s2"),
            (0xEEB1_0AE0, 14, "vsqrt.f32 s0, s1"),
            (0xEEB4_0A60, 1, "vcmp.f32 s0, s1"),
            (0xEE18_0A10, 1, "vmov r0, s16"),
            (0xEC57_6A10, 2, "vmov r6, r7, s0, s1"),
            (0xF7FF_FFFE, 1, "bl, not taken"),
        ];
        for (code, expected, text) in table {
            assert_eq!(cycles(&[code]), expected, "{text}");
        }
    }

    #[test]
    fn neighbours_change_the_cost() {
        // vldr s16, vldr s17: the second address goes out with the first word.
        assert_eq!(cycles(&[0xED96_8A00, 0xEDD6_8A01]), 3);
        // vmul s16, then vadd s0, s0, s16 waits; vadd s0, s0, s1 does not.
        assert_eq!(cycles(&[0xEE28_8A0E, 0xEE30_0A08]), 3);
        assert_eq!(cycles(&[0xEE28_8A0E, 0xEE30_0A20]), 2);
        // vadd s1, then vstr s1; vadd s0, then vstr s1.
        assert_eq!(cycles(&[0xEE70_0AA8, 0xEDC3_0A00]), 4);
        assert_eq!(cycles(&[0xEE30_0A08, 0xEDC3_0A00]), 3);
        // vcmp, then vmrs.
        assert_eq!(cycles(&[0xEEB4_0A60, 0xEEF1_FA10]), 3);
        let branch = Instruction::decode(0xE7FE, 0);
        assert_eq!(branch.cycles_after(&Instruction::default(), true), 3);
    }
}
