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

@ One pair of inputs against four pairs of outputs; the sums are r4 to r11.
.macro PAIRS_ROW x
    vmov r12, \x
    ldm lr, {r0-r3}
    PAIR r10, r11, r3
.endm
.macro PAIRS_ROW_REST
    PAIR r4, r5, r0
    PAIR r6, r7, r1
    PAIR r8, r9, r2
.endm

@ rlfd_pairs_4(weight, input, rows, sums, stride, groups)
@
@ `sums` holds what a's and b's sums start from, side by side for `groups` (not 0) times four pairs of outputs, and
@ receives the sums; a's are less by 128 * (sum of inputs) from the start. `rows` (not 0) counts pairs of inputs, `stride`
@ is the bytes from row to row.
@ r0-r3 weights, r4-r11 sums t, b, t, b, …, r12 inputs, lr weight here
@ s0-s7 inputs, s8 input here, s9 rows left, s10 stride, s12 sums, s13 weight, s14 groups left, s15 input
    .section .text.rlfd_pairs_4, "ax", %progbits
    .global rlfd_pairs_4
    .type rlfd_pairs_4, %function
    .thumb_func
    .p2align 2
rlfd_pairs_4:
    push {r4-r11, lr}
    vldr s10, [sp, #36]
    vldr s14, [sp, #40]
    vmov s15, r1
    vmov s13, r0
    vmov s12, r3
1:
    @ r2 is rows here
    ldm r3, {r4-r11}
    add r4, r4, r5, lsl #8
    add r6, r6, r7, lsl #8
    add r8, r8, r9, lsl #8
    add r10, r10, r11, lsl #8
    vmov.f32 s8, s15
    vmov lr, s13
    push {r2}
    vmov r0, s10
    cmp r0, #128
    bne 4f
    subs r2, r2, #8
    blo 3f
2:  @ eight rows of a panel 32 pairs wide
    vmov s9, r2
    vmov r12, s8
    vldmia r12!, {s0-s7}
    vmov s8, r12
    .irp x, s0, s1, s2, s3, s4, s5, s6, s7
    PAIRS_ROW \x
    add lr, lr, #128
    PAIRS_ROW_REST
    .endr
    vmov r2, s9
    subs r2, r2, #8
    bhs 2b
3:
    adds r2, r2, #8
    beq 5f
4:  @ one row
    vmov s9, r2
    vmov r12, s8
    vldmia r12!, {s0}
    vmov s8, r12
    PAIRS_ROW s0
    vmov r3, s10
    add lr, lr, r3
    PAIRS_ROW_REST
    vmov r2, s9
    subs r2, r2, #1
    bne 4b
5:
    pop {r2}
    vmov r3, s12
    sub r4, r4, r5, lsl #8
    sub r6, r6, r7, lsl #8
    sub r8, r8, r9, lsl #8
    sub r10, r10, r11, lsl #8
    stmia r3!, {r4-r11}
    vmov s12, r3
    vmov r0, s13
    add r0, r0, #16
    vmov s13, r0
    vmov r0, s14
    subs r0, r0, #1
    vmov s14, r0
    bne 1b
    pop {r4-r11, pc}
    .size rlfd_pairs_4, . - rlfd_pairs_4

@ rlfd_pairs_1(weight, input, rows, sums, stride): one pair of outputs, two rows at a time
@ r0 weight, r1 input, r2 rows left, r3 sums, r4 t, r5 b, r6 stride, r7-r8 weights, r12 and lr inputs
    .section .text.rlfd_pairs_1, "ax", %progbits
    .global rlfd_pairs_1
    .type rlfd_pairs_1, %function
    .thumb_func
    .p2align 2
rlfd_pairs_1:
    push {r4-r8, lr}
    ldr r6, [sp, #24]
    ldrd r4, r5, [r3]
    add r4, r4, r5, lsl #8
    subs r2, r2, #2
    blo 2f
1:
    ldr r8, [r0]
    ldr r7, [r0, r6]
    ldr r12, [r1], #4
    ldr lr, [r1], #4
    add r0, r0, r6, lsl #1
    PAIR r4, r5, r8
    mov r12, lr
    PAIR r4, r5, r7
    subs r2, r2, #2
    bhs 1b
2:
    adds r2, r2, #2
    beq 3f
    ldr r7, [r0]
    ldr r12, [r1]
    PAIR r4, r5, r7
3:
    sub r4, r4, r5, lsl #8
    strd r4, r5, [r3]
    pop {r4-r8, pc}
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

@ rlfd_requantise(sums, multipliers, out, pairs, bounds)
@
@ Halves `clamp(round_half_even(sum * multiplier), low, high)` from whole sums; `bounds` has both halves of low, then both of
@ high. VCVTR rounds half to even as long as nobody sets FPSCR otherwise, and saturates.
@ r0 sums, r1 multipliers, r2 out, r3 pairs left, r4 low, r5 high, r6-r8, r12 results
    .section .text.rlfd_requantise, "ax", %progbits
    .global rlfd_requantise
    .type rlfd_requantise, %function
    .thumb_func
    .p2align 2
rlfd_requantise:
    ldr r12, [sp]
    push {r4-r8, lr}
    ldrd r4, r5, [r12]
    subs r3, r3, #2
    blo 2f
1:
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
    ssat r6, #16, r6
    ssat r7, #16, r7
    ssat r8, #16, r8
    ssat r12, #16, r12
    pkhbt r6, r6, r7, lsl #16
    pkhbt r8, r8, r12, lsl #16
    ssub16 r7, r6, r4
    sel r6, r6, r4
    ssub16 r12, r8, r4
    sel r8, r8, r4
    ssub16 r7, r5, r6
    sel r6, r6, r5
    ssub16 r12, r5, r8
    sel r8, r8, r5
    strd r6, r8, [r2], #8
    subs r3, r3, #2
    bhs 1b
2:
    adds r3, r3, #2
    beq 3f
    vldmia r0!, {s0-s1}
    vldmia r1!, {s4-s5}
    vcvt.f32.s32 s0, s0
    vcvt.f32.s32 s1, s1
    vmul.f32 s0, s0, s4
    vmul.f32 s1, s1, s5
    vcvtr.s32.f32 s0, s0
    vcvtr.s32.f32 s1, s1
    vmov r6, r7, s0, s1
    ssat r6, #16, r6
    ssat r7, #16, r7
    pkhbt r6, r6, r7, lsl #16
    ssub16 r7, r6, r4
    sel r6, r6, r4
    ssub16 r7, r5, r6
    sel r6, r6, r5
    str r6, [r2]
3:
    pop {r4-r8, pc}
    .size rlfd_requantise, . - rlfd_requantise
