/* The example on Arm's MPS2 with AN386 (Cortex-M4F), without any library but rlfd's: start-up, semihosting for the text,
 * and the image that IMAGE names, in flash at a multiple of 16. */

#include <stdint.h>

#include "example.h"

extern uint32_t data_begin[], data_end[], data_flash[], bss_begin[], bss_end[], stack_top[];
extern const unsigned char image_begin[], image_end[];

__asm__(".section .rodata.image, \"a\"\n"
        ".balign 16\n"
        ".global image_begin, image_end\n"
        "image_begin: .incbin \"" IMAGE "\"\n"
        "image_end:\n"
        ".text\n");

/* A call to the debugger or emulator, "Semihosting for AArch32 and AArch64". */
static uintptr_t semihosting(uintptr_t operation, const void *argument)
{
    register uintptr_t r0 __asm__("r0") = operation;
    register const void *r1 __asm__("r1") = argument;
    __asm__ volatile("bkpt 0xab" : "+r"(r0) : "r"(r1) : "memory");
    return r0;
}

void put(const char *text)
{
    semihosting(0x04, text); /* SYS_WRITE0 */
}

static void leave(int status)
{
    const uintptr_t why[2] = {0x20026, (uintptr_t)status}; /* ADP_Stopped_ApplicationExit */
    semihosting(0x20, why);                                /* SYS_EXIT_EXTENDED */
    for (;;) {
    }
}

void reset(void)
{
    for (uint32_t *to = data_begin, *from = data_flash; to < data_end;)
        *to++ = *from++;
    for (uint32_t *to = bss_begin; to < bss_end;)
        *to++ = 0;
    /* Full access to the floating-point unit: CP10 and CP11 in CPACR. */
    *(volatile uint32_t *)0xE000ED88 |= 0xFu << 20;
    __asm__ volatile("dsb\nisb" ::: "memory");
    leave(example(image_begin, (size_t)(image_end - image_begin)));
}

static void trapped(void)
{
    put("trapped\n");
    leave(3);
}

__attribute__((section(".vectors"), used)) static void *const vectors[16] = {
    stack_top, (void *)reset, (void *)trapped, (void *)trapped, (void *)trapped, (void *)trapped, (void *)trapped,
};
