@ Sums of an integer layer on a core with the DSP extension, from weights packed in pairs.
@
@ A word of weights is two halves, for two inputs of one pair of outputs a and b: `256 * b + (a + 128)`. SMLAD of the whole
@ word sums `t = a's sum + 256 * b's sum + 128 * (sum of inputs)`; SXTB16 takes the two b out, SMLAD sums them. At the end
@ `a's sum = t - 256 * b's sum - 128 * (sum of inputs)`. All of it modulo 2^32, so nothing is lost on the way.

    .syntax unified
    .fpu fpv4-sp-d16

@ One word of weights: t and b are sums, w is spent.
.macro PAIR t, b, w
    smlad \t, \w, r12, \t
    sxtb16 \w, \w, ror #8
    smlad \b, \w, r12, \b
.endm

@ One pair of inputs against four pairs of outputs, whose sums are r4 to r11.
.macro PAIRS_ROW x
    vmov r12, \x
    ldm lr, {r0-r3}
    add lr, lr, #128
    PAIR r4, r5, r0
    PAIR r6, r7, r1
    PAIR r8, r9, r2
    PAIR r10, r11, r3
.endm

@ t from a's and b's bias
.macro PAIR_START t, b, surplus
    sub \t, \t, \surplus
    add \t, \t, \b, lsl #8
.endm

@ rlfd_pairs_panel(weight, input, rows, sums, bias, surplus)
@
@ A panel of 32 pairs of outputs, four at a time; `bias` and `sums` hold a number for a and one for b side by side, `rows`
@ counts pairs of inputs, `surplus` is 128 * (sum of inputs).
@ r0-r3 weights, r4-r11 sums t, b, t, b, and so on, r12 inputs, lr weight here
@ s0-s7 inputs, s8 input here, s9 rows left in eights, s10 rows in eights, s11 rows beside, s12 sums, s13 weight,
@ s14 end of sums, s15 input, s16 bias, s17 surplus
    .section .text.rlfd_pairs_panel, "ax", %progbits
    .global rlfd_pairs_panel
    .type rlfd_pairs_panel, %function
    .thumb_func
    .p2align 2
rlfd_pairs_panel:
    push {r4-r11, lr}
    vpush {s16-s17}
    vldr s16, [sp, #44]
    vldr s17, [sp, #48]
    vmov s15, r1
    vmov s13, r0
    bic r12, r2, #7
    vmov s10, r12
    and r2, r2, #7
    vmov s11, r2
    add r12, r3, #256
    vmov s14, r12
1:
    vmov s12, r3
    vmov r12, s16
    ldmia r12!, {r4-r11}
    vmov s16, r12
    vmov r12, s17
    PAIR_START r4, r5, r12
    PAIR_START r6, r7, r12
    PAIR_START r8, r9, r12
    PAIR_START r10, r11, r12
    vmov lr, s13
    add r12, lr, #16
    vmov s13, r12
    vmov r12, s15
    vmov r2, s10
    cmp r2, #0
    beq 3f
2:
    vmov s9, r2
    vldmia r12!, {s0-s7}
    vmov s8, r12
    .irp x, s0, s1, s2, s3, s4, s5, s6, s7
    PAIRS_ROW \x
    .endr
    vmov r12, s8
    vmov r2, s9
    subs r2, r2, #8
    bne 2b
3:
    vmov r2, s11
    cmp r2, #0
    beq 5f
4:
    vmov s9, r2
    vldmia r12!, {s0}
    vmov s8, r12
    PAIRS_ROW s0
    vmov r12, s8
    vmov r2, s9
    subs r2, r2, #1
    bne 4b
5:
    sub r4, r4, r5, lsl #8
    sub r6, r6, r7, lsl #8
    sub r8, r8, r9, lsl #8
    sub r10, r10, r11, lsl #8
    vmov r3, s12
    stmia r3!, {r4-r11}
    vmov r0, s14
    cmp r3, r0
    bne 1b
    vpop {s16-s17}
    pop {r4-r11, pc}
    .size rlfd_pairs_panel, . - rlfd_pairs_panel

@ rlfd_pairs_3(weight, input, rows, sums, bias, surplus, stride): three pairs of outputs; `stride` is the bytes from row to row
@ r0 weight, r1 input, r2 rows left (not 0), r3 stride, r4-r9 sums t, b, t, b, t, b, r10, r11, lr weights, r12 inputs
    .section .text.rlfd_pairs_3, "ax", %progbits
    .global rlfd_pairs_3
    .type rlfd_pairs_3, %function
    .thumb_func
    .p2align 2
rlfd_pairs_3:
    push {r3-r11, lr}
    ldr r12, [sp, #40]
    ldr r10, [sp, #44]
    ldr r3, [sp, #48]
    ldm r12, {r4-r9}
    PAIR_START r4, r5, r10
    PAIR_START r6, r7, r10
    PAIR_START r8, r9, r10
1:
    ldr r12, [r1], #4
    ldm r0, {r10, r11, lr}
    add r0, r0, r3
    PAIR r4, r5, r10
    PAIR r6, r7, r11
    PAIR r8, r9, lr
    subs r2, r2, #1
    bne 1b
    sub r4, r4, r5, lsl #8
    sub r6, r6, r7, lsl #8
    sub r8, r8, r9, lsl #8
    pop {r3}
    stm r3, {r4-r9}
    pop {r4-r11, pc}
    .size rlfd_pairs_3, . - rlfd_pairs_3

@ rlfd_pairs_1(weight, input, rows, sums, bias, surplus, stride): one pair of outputs
@ r0 weight, r1 input, r2 rows left (not 0), r3 sums, r4 t, r5 b, r6 weights, r7 stride, r12 inputs
    .section .text.rlfd_pairs_1, "ax", %progbits
    .global rlfd_pairs_1
    .type rlfd_pairs_1, %function
    .thumb_func
    .p2align 2
rlfd_pairs_1:
    push {r4-r7}
    ldrd r12, r6, [sp, #16]
    ldr r7, [sp, #24]
    ldrd r4, r5, [r12]
    PAIR_START r4, r5, r6
1:
    ldr r12, [r1], #4
    ldr r6, [r0]
    add r0, r0, r7
    PAIR r4, r5, r6
    subs r2, r2, #1
    bne 1b
    sub r4, r4, r5, lsl #8
    strd r4, r5, [r3]
    pop {r4-r7}
    bx lr
    .size rlfd_pairs_1, . - rlfd_pairs_1

@ rlfd_pairs_sum(input, rows): the sum of all inputs
    .section .text.rlfd_pairs_sum, "ax", %progbits
    .global rlfd_pairs_sum
    .type rlfd_pairs_sum, %function
    .thumb_func
    .p2align 2
rlfd_pairs_sum:
    push {r4-r5, lr}
    mov r2, r0
    mov r0, #0
    mov r12, #0x00010001
    subs r1, r1, #4
    blo 2f
1:
    ldmia r2!, {r3-r5, lr}
    smlad r0, r3, r12, r0
    smlad r0, r4, r12, r0
    smlad r0, r5, r12, r0
    smlad r0, lr, r12, r0
    subs r1, r1, #4
    bhs 1b
2:
    adds r1, r1, #4
    beq 4f
3:
    ldr r3, [r2], #4
    smlad r0, r3, r12, r0
    subs r1, r1, #1
    bne 3b
4:
    pop {r4-r5, pc}
    .size rlfd_pairs_sum, . - rlfd_pairs_sum

@ Whole numbers from four sums, at r6, r7, r8 and r12. VCVTR rounds half to even as long as nobody sets FPSCR otherwise,
@ and saturates.
.macro REQUANTISE_4
    vldmia r0!, {s0-s3}
    vldmia r1!, {s4-s7}
    vcvt.f32.s32 s0, s0
    vcvt.f32.s32 s1, s1
    vcvt.f32.s32 s2, s2
    vcvt.f32.s32 s3, s3
    vmul.f32 s0, s0, s4
    vmul.f32 s1, s1, s5
    vmul.f32 s2, s2, s6
    vmul.f32 s3, s3, s7
    vcvtr.s32.f32 s0, s0
    vcvtr.s32.f32 s1, s1
    vcvtr.s32.f32 s2, s2
    vcvtr.s32.f32 s3, s3
    vmov r6, r7, s0, s1
    vmov r8, r12, s2, s3
.endm

.macro SATURATE_4 operation, bits
    \operation r6, #\bits, r6
    \operation r7, #\bits, r7
    \operation r8, #\bits, r8
    \operation r12, #\bits, r12
    pkhbt r6, r6, r7, lsl #16
    pkhbt r8, r8, r12, lsl #16
.endm

@ rlfd_requantise(sums, multipliers, out, fours, bounds)
@
@ Halves `clamp(round_half_even(sum * multiplier), low, high)`, `fours` (not 0) times four of them; `bounds` has both halves of
@ low, then both of high. What a ReLU in front of a signed byte leaves, 0 to 127, has a loop of its own.
@ r0 sums, r1 multipliers, r2 out, r3 fours left, r4 low, r5 high, r6-r8 and r12 results
    .section .text.rlfd_requantise, "ax", %progbits
    .global rlfd_requantise
    .type rlfd_requantise, %function
    .thumb_func
    .p2align 2
rlfd_requantise:
    ldr r12, [sp]
    push {r4-r8, lr}
    ldrd r4, r5, [r12]
    cmp r5, #0x007F007F
    it eq
    cmpeq r4, #0
    beq 2f
1:
    REQUANTISE_4
    SATURATE_4 ssat, 16
    ssub16 r7, r6, r4
    sel r6, r6, r4
    ssub16 r12, r8, r4
    sel r8, r8, r4
    ssub16 r7, r5, r6
    sel r6, r6, r5
    ssub16 r12, r5, r8
    sel r8, r8, r5
    strd r6, r8, [r2], #8
    subs r3, r3, #1
    bne 1b
    pop {r4-r8, pc}
2:
    REQUANTISE_4
    SATURATE_4 usat, 7
    strd r6, r8, [r2], #8
    subs r3, r3, #1
    bne 2b
    pop {r4-r8, pc}
    .size rlfd_requantise, . - rlfd_requantise
