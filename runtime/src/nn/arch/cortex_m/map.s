@ Functions of one and of two numbers on a Cortex-M4F or -M7, four numbers at a time so that nothing waits for a result.

    .syntax unified
    .fpu fpv4-sp-d16

@ One step of two polynomials in t: value = coefficient + t * value, for four values.
.macro RATIONAL_STEP coefficient, v0, v1, v2, v3
    vmul.f32 \v0, \v0, s4
    vmul.f32 \v1, \v1, s5
    vmul.f32 \v2, \v2, s6
    vmul.f32 \v3, \v3, s7
    vadd.f32 \v0, \v0, \coefficient
    vadd.f32 \v1, \v1, \coefficient
    vadd.f32 \v2, \v2, \coefficient
    vadd.f32 \v3, \v3, \coefficient
.endm

@ value = min(value, s16), NaN stays out of it: its x is NaN too.
.macro RATIONAL_NEAR value, bits
    cmp \bits, r3
    it hi
    vmovhi.f32 \value, s16
.endm

@ value = value moved into [s29, s27]; NaN stays.
.macro RATIONAL_CLAMP value
    vcmp.f32 \value, s27
    vmrs APSR_nzcv, fpscr
    it gt
    vmovgt.f32 \value, s27
    vcmp.f32 \value, s29
    vmrs APSR_nzcv, fpscr
    it mi
    vmovmi.f32 \value, s29
.endm

@ rlfd_odd_rational(values, fours, table, far)
@
@ `base + clamp(x p(t) / q(t))` with `t = min(x^2, square)`, for `fours` (not 0) times four values; the table is square, p0 to
@ p4, q0 to q4, limit, base, -limit. Where all four x^2 are at most `far`, no minimum is needed, nor a clamp.
@ r0 values, r1 fours left, r2 far, r3 square, r4-r7 bits of t
@ s0-s3 x, s4-s7 t, s8-s11 p, s12-s15 q, s16 square, s17-s21 p, s22-s26 q, s27 limit, s28 base, s29 -limit
    .section .text.rlfd_odd_rational, "ax", %progbits
    .global rlfd_odd_rational
    .type rlfd_odd_rational, %function
    .thumb_func
    .p2align 2
rlfd_odd_rational:
    push {r4-r7, lr}
    vpush {s16-s29}
    vldmia r2, {s16-s29}
    vmov r2, s0
    vmov r3, s16
1:
    vldmia r0, {s0-s3}
    vmul.f32 s4, s0, s0
    vmul.f32 s5, s1, s1
    vmul.f32 s6, s2, s2
    vmul.f32 s7, s3, s3
    vmov r4, r5, s4, s5
    vmov r6, r7, s6, s7
    cmp r4, r2
    it ls
    cmpls r5, r2
    it ls
    cmpls r6, r2
    it ls
    cmpls r7, r2
    bls 2f
    RATIONAL_NEAR s4, r4
    RATIONAL_NEAR s5, r5
    RATIONAL_NEAR s6, r6
    RATIONAL_NEAR s7, r7
    @ Tells the branch below that not all were near.
    mov r4, #0xFFFFFFFF
2:
    vmul.f32 s8, s21, s4
    vmul.f32 s9, s21, s5
    vmul.f32 s10, s21, s6
    vmul.f32 s11, s21, s7
    vmul.f32 s12, s26, s4
    vmul.f32 s13, s26, s5
    vmul.f32 s14, s26, s6
    vmul.f32 s15, s26, s7
    vadd.f32 s8, s8, s20
    vadd.f32 s9, s9, s20
    vadd.f32 s10, s10, s20
    vadd.f32 s11, s11, s20
    vadd.f32 s12, s12, s25
    vadd.f32 s13, s13, s25
    vadd.f32 s14, s14, s25
    vadd.f32 s15, s15, s25
    RATIONAL_STEP s19, s8, s9, s10, s11
    RATIONAL_STEP s24, s12, s13, s14, s15
    RATIONAL_STEP s18, s8, s9, s10, s11
    RATIONAL_STEP s23, s12, s13, s14, s15
    RATIONAL_STEP s17, s8, s9, s10, s11
    RATIONAL_STEP s22, s12, s13, s14, s15
    vmul.f32 s0, s0, s8
    vmul.f32 s1, s1, s9
    vmul.f32 s2, s2, s10
    vmul.f32 s3, s3, s11
    vdiv.f32 s0, s0, s12
    vdiv.f32 s1, s1, s13
    vdiv.f32 s2, s2, s14
    vdiv.f32 s3, s3, s15
    cmp r4, r2
    bls 3f
    RATIONAL_CLAMP s0
    RATIONAL_CLAMP s1
    RATIONAL_CLAMP s2
    RATIONAL_CLAMP s3
3:
    vadd.f32 s0, s0, s28
    vadd.f32 s1, s1, s28
    vadd.f32 s2, s2, s28
    vadd.f32 s3, s3, s28
    vstmia r0!, {s0-s3}
    subs r1, r1, #1
    bne 1b
    vpop {s16-s29}
    pop {r4-r7, pc}
    .size rlfd_odd_rational, . - rlfd_odd_rational

@ Negative numbers, from the least in magnitude to -infinity, become 0; -0 and NaN stay.
.macro RELU value
    sub r12, \value, r2
    cmp r12, r3
    it ls
    movls \value, #0
.endm

@ rlfd_relu(values, eights): `eights` (not 0) times eight values
@ r0 values, r1 eights left, r2 first pattern of a negative number, r3 how many follow, r4-r11 values
    .section .text.rlfd_relu, "ax", %progbits
    .global rlfd_relu
    .type rlfd_relu, %function
    .thumb_func
    .p2align 2
rlfd_relu:
    push {r4-r11, lr}
    movw r2, #0x0001
    movt r2, #0x8000
    movw r3, #0xFFFF
    movt r3, #0x7F7F
1:
    ldm r0, {r4-r11}
    .irp value, r4, r5, r6, r7, r8, r9, r10, r11
    RELU \value
    .endr
    stmia r0!, {r4-r11}
    subs r1, r1, #1
    bne 1b
    pop {r4-r11, pc}
    .size rlfd_relu, . - rlfd_relu

@ rlfd_zip_*(values, others, fours): value = value operation other, for `fours` (not 0) times four values
@ r0 values, r1 others, r2 fours left
.macro ZIP name, operation
    .section .text.rlfd_zip_\name, "ax", %progbits
    .global rlfd_zip_\name
    .type rlfd_zip_\name, %function
    .thumb_func
    .p2align 2
rlfd_zip_\name:
    vldmia r0, {s0-s3}
    vldmia r1!, {s4-s7}
    \operation s0, s0, s4
    \operation s1, s1, s5
    \operation s2, s2, s6
    \operation s3, s3, s7
    vstmia r0!, {s0-s3}
    subs r2, r2, #1
    bne rlfd_zip_\name
    bx lr
    .size rlfd_zip_\name, . - rlfd_zip_\name
.endm
    ZIP add, vadd.f32
    ZIP subtract, vsub.f32
    ZIP multiply, vmul.f32
