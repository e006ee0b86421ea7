@ Sums of a dense layer on a Cortex-M4F or -M7: `sums[c] = bias[c]`, then `sums[c] += weight[row][c] * input[row]` for each
@ row in order. The bias may lie where the sums do.
@
@ A product and a sum are two instructions of one cycle each; VFMA takes three, and would round once instead of twice.
@ Loads of one register stand side by side: each but the first then takes one cycle. A product is not read by the
@ instruction after it.

    .syntax unified
    .fpu fpv4-sp-d16

@ Four weights at an offset from r6.
.macro LOAD4 offset, w0, w1, w2, w3
    vldr \w0, [r6, #\offset]
    vldr \w1, [r6, #\offset + 4]
    vldr \w2, [r6, #\offset + 8]
    vldr \w3, [r6, #\offset + 12]
.endm

@ weight *= input
.macro MUL4 x, w0, w1, w2, w3
    vmul.f32 \w0, \w0, \x
    vmul.f32 \w1, \w1, \x
    vmul.f32 \w2, \w2, \x
    vmul.f32 \w3, \w3, \x
.endm

@ sum += product
.macro ADD4 a0, a1, a2, a3, w0, w1, w2, w3
    vadd.f32 \a0, \a0, \w0
    vadd.f32 \a1, \a1, \w1
    vadd.f32 \a2, \a2, \w2
    vadd.f32 \a3, \a3, \w3
.endm

@ The same with the columns and one of the three places for weights named.
.macro PLACE_A operation, arguments:vararg
    \operation \arguments, s16, s17, s18, s19
.endm
.macro PLACE_B operation, arguments:vararg
    \operation \arguments, s20, s21, s22, s23
.endm
.macro PLACE_C operation, arguments:vararg
    \operation \arguments, s24, s25, s26, s27
.endm
.macro ADD_0 place
    \place ADD4, s0, s1, s2, s3
.endm
.macro ADD_4 place
    \place ADD4, s4, s5, s6, s7
.endm
.macro ADD_8 place
    \place ADD4, s8, s9, s10, s11
.endm
.macro ADD_12 place
    \place ADD4, s12, s13, s14, s15
.endm

@ Twelve weights of a panel 64 wide: three times four columns, each of some row.
.macro TWELVE r0, x0, c0, r1, x1, c1, r2, x2, c2
    PLACE_A LOAD4, 256 * \r0 + 4 * \c0
    PLACE_B LOAD4, 256 * \r1 + 4 * \c1
    PLACE_C LOAD4, 256 * \r2 + 4 * \c2
    PLACE_A MUL4, \x0
    PLACE_B MUL4, \x1
    PLACE_C MUL4, \x2
    ADD_\c0 PLACE_A
    ADD_\c1 PLACE_B
    ADD_\c2 PLACE_C
.endm

@ rlfd_dense_16(weight, input, rows, sums, stride, groups, bias)
@
@ `groups` (not 0) times sixteen columns; `stride` is the bytes from row to row, `rows` is not 0.
@ r0 weight of the group, r1 input, r2 rows, r3 sums, r4 stride, r5 groups left, r6 weight, r7 input here, r8 bias, r12 rows left
    .section .text.rlfd_dense_16, "ax", %progbits
    .global rlfd_dense_16
    .type rlfd_dense_16, %function
    .thumb_func
    .p2align 2
rlfd_dense_16:
    push {r4-r8, lr}
    vpush {s16-s31}
    ldrd r4, r5, [sp, #88]
    ldr r8, [sp, #96]
1:
    mov r6, r0
    mov r7, r1
    vldmia r8!, {s0-s15}
    mov r12, r2
    cmp r4, #256
    bne 4f
    subs r12, r12, #4
    blo 3f
2:  @ four rows of a panel 64 wide
    vldmia r7!, {s28-s31}
    TWELVE 0, s28, 0,  0, s28, 4,  0, s28, 8
    TWELVE 0, s28, 12, 1, s29, 0,  1, s29, 4
    TWELVE 1, s29, 8,  1, s29, 12, 2, s30, 0
    TWELVE 2, s30, 4,  2, s30, 8,  2, s30, 12
    TWELVE 3, s31, 0,  3, s31, 4,  3, s31, 8
    PLACE_A LOAD4, 256 * 3 + 4 * 12
    PLACE_A MUL4, s31
    ADD_12 PLACE_A
    add r6, r6, #1024
    subs r12, r12, #4
    bhs 2b
3:
    adds r12, r12, #4
    beq 5f
4:  @ one row
    vldmia r7!, {s28}
    PLACE_A LOAD4, 0
    PLACE_B LOAD4, 16
    PLACE_C LOAD4, 32
    PLACE_A MUL4, s28
    PLACE_B MUL4, s28
    PLACE_C MUL4, s28
    ADD_0 PLACE_A
    ADD_4 PLACE_B
    ADD_8 PLACE_C
    PLACE_A LOAD4, 48
    PLACE_A MUL4, s28
    ADD_12 PLACE_A
    add r6, r6, r4
    subs r12, r12, #1
    bne 4b
5:
    vstmia r3!, {s0-s15}
    add r0, r0, #64
    subs r5, r5, #1
    bne 1b
    vpop {s16-s31}
    pop {r4-r8, pc}
    .size rlfd_dense_16, . - rlfd_dense_16

@ rlfd_dense_4(weight, input, rows, sums, stride, bias): four columns
@ r0 weight, r1 input, r2 rows left, r3 sums, r12 stride
    .section .text.rlfd_dense_4, "ax", %progbits
    .global rlfd_dense_4
    .type rlfd_dense_4, %function
    .thumb_func
    .p2align 2
rlfd_dense_4:
    ldr r12, [sp, #4]
    vldmia r12, {s0-s3}
    ldr r12, [sp]
    subs r2, r2, #2
    blo 2f
1:
    vldmia r1!, {s12-s13}
    vldmia r0, {s4-s7}
    add r0, r0, r12
    vldmia r0, {s8-s11}
    add r0, r0, r12
    MUL4 s12, s4, s5, s6, s7
    MUL4 s13, s8, s9, s10, s11
    ADD4 s0, s1, s2, s3, s4, s5, s6, s7
    ADD4 s0, s1, s2, s3, s8, s9, s10, s11
    subs r2, r2, #2
    bhs 1b
2:
    adds r2, r2, #2
    beq 3f
    vldr s12, [r1]
    vldmia r0, {s4-s7}
    MUL4 s12, s4, s5, s6, s7
    ADD4 s0, s1, s2, s3, s4, s5, s6, s7
3:
    vstmia r3, {s0-s3}
    bx lr
    .size rlfd_dense_4, . - rlfd_dense_4

@ rlfd_dense_2(weight, input, rows, sums, stride, bias): two columns, registers as above
    .section .text.rlfd_dense_2, "ax", %progbits
    .global rlfd_dense_2
    .type rlfd_dense_2, %function
    .thumb_func
    .p2align 2
rlfd_dense_2:
    ldr r12, [sp, #4]
    vldmia r12, {s0-s1}
    ldr r12, [sp]
    subs r2, r2, #4
    blo 2f
1:
    vldmia r1!, {s12-s15}
    vldmia r0, {s2-s3}
    add r0, r0, r12
    vldmia r0, {s4-s5}
    add r0, r0, r12
    vldmia r0, {s6-s7}
    add r0, r0, r12
    vldmia r0, {s8-s9}
    add r0, r0, r12
    vmul.f32 s2, s2, s12
    vmul.f32 s3, s3, s12
    vmul.f32 s4, s4, s13
    vadd.f32 s0, s0, s2
    vmul.f32 s5, s5, s13
    vadd.f32 s1, s1, s3
    vmul.f32 s6, s6, s14
    vadd.f32 s0, s0, s4
    vmul.f32 s7, s7, s14
    vadd.f32 s1, s1, s5
    vmul.f32 s8, s8, s15
    vadd.f32 s0, s0, s6
    vmul.f32 s9, s9, s15
    vadd.f32 s1, s1, s7
    vadd.f32 s0, s0, s8
    vadd.f32 s1, s1, s9
    subs r2, r2, #4
    bhs 1b
2:
    adds r2, r2, #4
    beq 4f
3:
    vldmia r1!, {s12}
    vldmia r0, {s2-s3}
    add r0, r0, r12
    vmul.f32 s2, s2, s12
    vmul.f32 s3, s3, s12
    vadd.f32 s0, s0, s2
    vadd.f32 s1, s1, s3
    subs r2, r2, #1
    bne 3b
4:
    vstmia r3, {s0-s1}
    bx lr
    .size rlfd_dense_2, . - rlfd_dense_2

@ rlfd_dense_1(weight, input, rows, sum, stride, bias): one column, registers as above
    .section .text.rlfd_dense_1, "ax", %progbits
    .global rlfd_dense_1
    .type rlfd_dense_1, %function
    .thumb_func
    .p2align 2
rlfd_dense_1:
    ldr r12, [sp, #4]
    vldr s0, [r12]
    ldr r12, [sp]
    subs r2, r2, #4
    blo 2f
1:
    vldmia r1!, {s4-s7}
    vldr s8, [r0]
    add r0, r0, r12
    vldr s9, [r0]
    add r0, r0, r12
    vldr s10, [r0]
    add r0, r0, r12
    vldr s11, [r0]
    add r0, r0, r12
    vmul.f32 s8, s8, s4
    vmul.f32 s9, s9, s5
    vadd.f32 s0, s0, s8
    vmul.f32 s10, s10, s6
    vadd.f32 s0, s0, s9
    vmul.f32 s11, s11, s7
    vadd.f32 s0, s0, s10
    subs r2, r2, #4
    vadd.f32 s0, s0, s11
    bhs 1b
2:
    adds r2, r2, #4
    beq 4f
3:
    vldmia r1!, {s4}
    vldr s8, [r0]
    add r0, r0, r12
    vmul.f32 s8, s8, s4
    subs r2, r2, #1
    vadd.f32 s0, s0, s8
    bne 3b
4:
    vstr s0, [r3]
    bx lr
    .size rlfd_dense_1, . - rlfd_dense_1
