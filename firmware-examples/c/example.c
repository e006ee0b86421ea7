/* A policy in C, twice: the network alone, and the whole loop around it. It prints the bits of what it computes, which
 * tests/c_library.rs compares with the same in Rust. Knows neither processor nor operating system. */

#include "example.h"

#include "rlfd.h"

#define STEPS 20
#define WIDTH 64

/* Without <math.h>, which needs a C library. */
#define UNBOUNDED (1.0f / 0.0f)
#define NO_NUMBER (0.0f / 0.0f)

/* One block for whichever of the two is in use; `rlfd_contract` says how much an image takes. */
static uint64_t memory[1024];

static void put_number(uint32_t number, uint32_t base)
{
    char digits[11];
    char *first = digits + sizeof digits - 1;
    *first = '\0';
    do {
        *--first = "0123456789abcdef"[number % base];
        number /= base;
    } while (number != 0);
    put(first);
}

/* A number as its bits, since decimals round. */
static void put_bits(const float *numbers, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        const union {
            float number;
            uint32_t bits;
        } one = {.number = numbers[i]};
        put(" ");
        put_number(one.bits, 16);
    }
    put("\n");
}

static int failed(const char *what, rlfd_status status)
{
    put(what);
    put(": ");
    put(rlfd_status_name(status));
    put("\n");
    return 1;
}

/* Numbers from -2 to 2 out of a shift register; every step of the arithmetic is exact, so any machine gets the same. */
static void observe(uint32_t *random, float *numbers, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        *random ^= *random << 13;
        *random ^= *random >> 17;
        *random ^= *random << 5;
        numbers[i] = (float)((int32_t)(*random >> 8) - 8388608) * (1.0f / 4194304.0f);
    }
}

static int policy_alone(const void *image, size_t len, const rlfd_contract *contract)
{
    rlfd_policy *policy;
    rlfd_status status = rlfd_policy_new(image, len, memory, sizeof memory, &policy);
    if (status != RLFD_STATUS_OK)
        return failed("rlfd_policy_new", status);
    status = rlfd_policy_self_test(policy);
    if (status != RLFD_STATUS_OK)
        return failed("rlfd_policy_self_test", status);

    float observation[WIDTH], action[WIDTH];
    size_t observed = contract->observation_dim, acted = contract->action_dim;
    status = rlfd_policy_act(policy, contract->golden_observation, observed, action, acted);
    if (status != RLFD_STATUS_OK)
        return failed("rlfd_policy_act", status);
    put("golden");
    put_bits(action, acted);
    rlfd_policy_reset(policy);
    uint32_t random = 1;
    for (int step = 0; step < STEPS; step++) {
        observe(&random, observation, observed);
        rlfd_policy_act(policy, observation, observed, action, acted);
        put("action");
        put_bits(action, acted);
    }
    return 0;
}

/* A machine whose sensors give random numbers and whose actuators are the output. */
struct machine {
    uint64_t now_us;
    uint32_t random;
    bool broken;
};

static uint64_t now_us(void *context)
{
    const struct machine *machine = context;
    return machine->now_us;
}

static bool sense(void *context, float *measurement, size_t len)
{
    struct machine *machine = context;
    observe(&machine->random, measurement, len);
    if (machine->broken)
        measurement[0] = NO_NUMBER;
    return true;
}

static bool actuate(void *context, const float *command, size_t len)
{
    (void)context;
    put("command");
    put_bits(command, len);
    return true;
}

static void make_safe(void *context)
{
    (void)context;
    put("safe\n");
}

static void entered(void *context, rlfd_phase phase, uint8_t fault, uint64_t at_us)
{
    (void)context;
    put("phase ");
    put_number(phase, 10);
    put(" ");
    put_number((uint32_t)at_us, 10);
    put(": ");
    put(rlfd_fault_name(fault));
    put("\n");
}

static int whole_loop(const void *image, size_t len, const rlfd_contract *contract)
{
    struct machine machine = {.now_us = 0, .random = 2, .broken = false};
    const rlfd_board board = {
        .context = &machine,
        .now_us = now_us,
        .sense = sense,
        .actuate = actuate,
        .make_safe = make_safe,
        .entered = entered,
    };
    rlfd_limits limits[WIDTH];
    for (size_t i = 0; i < contract->action_dim; i++)
        limits[i] = (rlfd_limits){.low = -2.5f, .high = 2.5f, .max_rate = UNBOUNDED};

    rlfd_controller *controller;
    rlfd_status status = rlfd_controller_new(image, len, &board, limits, contract->action_dim, memory, sizeof memory,
                                             &controller);
    if (status != RLFD_STATUS_OK)
        return failed("rlfd_controller_new", status);
    /* Zero in a field is its default: no other watchdog, no fallback law. */
    const rlfd_options options = {.max_interval_us = 5 * contract->period_us, .max_repeats = 5};
    status = rlfd_controller_set_options(controller, &options);
    if (status != RLFD_STATUS_OK)
        return failed("rlfd_controller_set_options", status);
    status = rlfd_controller_self_test(controller);
    if (status != RLFD_STATUS_OK)
        return failed("rlfd_controller_self_test", status);
    status = rlfd_controller_start(controller);
    if (status != RLFD_STATUS_OK)
        return failed("rlfd_controller_start", status);

    for (int step = 0; step < STEPS; step++) {
        rlfd_cycle cycle;
        /* A cable comes loose near the end; the loop latches that, and says so from then on. */
        machine.broken = step == STEPS - 3;
        rlfd_controller_step(controller, &cycle);
        put("cycle ");
        put_number(cycle.tick, 10);
        put(" ");
        put_number(cycle.outcome, 10);
        put(" ");
        put_number(cycle.fault, 10);
        put(" ");
        put_number(cycle.clamped, 10);
        put("\n");
        machine.now_us += contract->period_us;
    }
    rlfd_counters counters;
    rlfd_controller_counters(controller, &counters);
    put("acted ");
    put_number(counters.acted, 10);
    put(" refused ");
    put_number(counters.refused, 10);
    put("\nlatched ");
    put(rlfd_fault_name(rlfd_controller_fault(controller)));
    put("\n");
    return rlfd_controller_phase(controller) == RLFD_PHASE_FAULTED ? 0 : 1;
}

int example(const void *image, size_t len)
{
    rlfd_contract contract;
    rlfd_status status = rlfd_image_check(image, len, &contract);
    if (status != RLFD_STATUS_OK)
        return failed("rlfd_image_check", status);
    if (contract.observation_dim > WIDTH || contract.action_dim > WIDTH)
        return failed("the example's arrays", RLFD_STATUS_WIDTH);
    if (policy_alone(image, len, &contract) != 0)
        return 1;
    return whole_loop(image, len, &contract);
}
