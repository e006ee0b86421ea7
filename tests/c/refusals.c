/* Everything that rlfd.h can refuse and every fault it can latch, provoked from C; one line each, which tests/c_library.rs compares
 * with tests/golden/c_refusals.txt. The images are in the folder that the command line names. */

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "rlfd.h"

#define PERIOD_US 10000
#define SLOT_LEN 2048
#define ARENA_LEN 16

struct file {
    unsigned char *bytes;
    size_t len;
};

static const char *folder;
static struct file law, plain, wrong_golden;
static uint64_t memory[512];

/* At a multiple of 16, as an image wants to lie. */
static struct file read_file(const char *name)
{
    char path[1024];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    FILE *stream = fopen(path, "rb");
    if (stream == NULL || fseek(stream, 0, SEEK_END) != 0) {
        perror(path);
        exit(2);
    }
    struct file file = {.len = (size_t)ftell(stream)};
    rewind(stream);
    file.bytes = aligned_alloc(16, (file.len + 15) / 16 * 16);
    if (file.bytes == NULL || fread(file.bytes, 1, file.len, stream) != file.len) {
        perror(path);
        exit(2);
    }
    fclose(stream);
    return file;
}

static void told(const char *what, rlfd_status status)
{
    printf("%-52s %s\n", what, rlfd_status_name(status));
}

/* The machine: every answer is set by hand. */
struct machine {
    uint64_t now_us, measured_at_us;
    uint32_t sensing_us;
    float place, speed, command;
    bool is_deaf, is_mute;
    unsigned safe;
};

static uint64_t now_us(void *context)
{
    return ((struct machine *)context)->now_us;
}

static uint64_t measured_at_us(void *context)
{
    const struct machine *machine = context;
    return machine->measured_at_us != 0 ? machine->measured_at_us : machine->now_us;
}

static bool sense(void *context, float *measurement, size_t len)
{
    struct machine *machine = context;
    machine->now_us += machine->sensing_us;
    if (len != 2)
        abort();
    measurement[0] = machine->place;
    measurement[1] = machine->speed;
    return !machine->is_deaf;
}

static bool actuate(void *context, const float *command, size_t len)
{
    struct machine *machine = context;
    if (len != 1)
        abort();
    machine->command = command[0];
    return !machine->is_mute;
}

static void make_safe(void *context)
{
    struct machine *machine = context;
    machine->command = 0.0f;
    machine->safe++;
}

static struct machine machine;
static const rlfd_limits limits[] = {{.low = -8.0f, .high = 8.0f, .max_rate = INFINITY}};
static const rlfd_board board = {
    .context = &machine,
    .now_us = now_us,
    .sense = sense,
    .actuate = actuate,
    .make_safe = make_safe,
    .measured_at_us = measured_at_us,
};

static rlfd_status make(struct file image, rlfd_controller **controller)
{
    machine = (struct machine){.now_us = 1000000, .place = 1.0f, .speed = 0.5f};
    return rlfd_controller_new(image.bytes, image.len, &board, limits, 1, memory, sizeof memory, controller);
}

static rlfd_controller *made(void)
{
    rlfd_controller *controller;
    if (make(law, &controller) != RLFD_STATUS_OK)
        exit(3);
    return controller;
}

static rlfd_controller *started(const rlfd_options *options)
{
    rlfd_controller *controller = made();
    if (rlfd_controller_set_options(controller, options) != RLFD_STATUS_OK ||
        rlfd_controller_self_test(controller) != RLFD_STATUS_OK || rlfd_controller_start(controller) != RLFD_STATUS_OK)
        exit(4);
    return controller;
}

static rlfd_cycle step(rlfd_controller *controller)
{
    rlfd_cycle cycle;
    if (rlfd_controller_step(controller, &cycle) != RLFD_STATUS_OK)
        exit(5);
    machine.now_us += PERIOD_US;
    return cycle;
}

static void images(void)
{
    rlfd_contract contract;
    rlfd_observation_term observed;
    rlfd_action_term acted;
    told("image: NULL", rlfd_image_check(NULL, 16, &contract));
    told("image: nowhere to tell", rlfd_image_check(law.bytes, law.len, NULL));
    told("image: too short", rlfd_image_check(law.bytes, law.len - 16, &contract));
    told("image: nothing", rlfd_image_check(law.bytes, 0, &contract));
    unsigned char *copy = aligned_alloc(16, law.len + 16);
    memcpy(copy + 1, law.bytes, law.len);
    told("image: unaligned", rlfd_image_check(copy + 1, law.len, &contract));
    memcpy(copy, law.bytes, law.len);
    copy[0] ^= 1;
    told("image: another magic", rlfd_image_check(copy, law.len, &contract));
    copy[0] ^= 1;
    copy[8] ^= 1;
    told("image: another version", rlfd_image_check(copy, law.len, &contract));
    copy[8] ^= 1;
    copy[law.len - 1] ^= 1;
    told("image: damaged", rlfd_image_check(copy, law.len, &contract));
    free(copy);
    told("image: whole", rlfd_image_check(law.bytes, law.len, &contract));
    printf("  %zu measured, %zu asked, %zu observed, %zu commanded, every %u us\n", contract.measurement_dim,
           contract.setpoint_dim, contract.observation_dim, contract.action_dim, (unsigned)contract.period_us);
    for (size_t index = 0; index <= contract.observation_terms; index++) {
        rlfd_status status = rlfd_image_observation_term(law.bytes, law.len, index, &observed);
        if (status != RLFD_STATUS_OK) {
            told("observation term: behind the last", status);
            continue;
        }
        static const char *const sources[] = {"sensor", "setpoint", "last action"};
        printf("  term %.*s of %u from %s\n", (int)observed.name.len, observed.name.data, observed.dim,
               sources[observed.source]);
    }
    told("action term: behind the last", rlfd_image_action_term(law.bytes, law.len, 1, &acted));
    told("action term: the first", rlfd_image_action_term(law.bytes, law.len, 0, &acted));
}

static void policies(void)
{
    rlfd_contract contract;
    rlfd_policy *policy;
    float observation[4] = {0}, action[1];
    rlfd_image_check(law.bytes, law.len, &contract);
    told("policy: no memory", rlfd_policy_new(law.bytes, law.len, NULL, sizeof memory, &policy));
    told("policy: memory unaligned",
         rlfd_policy_new(law.bytes, law.len, (char *)memory + 4, sizeof memory - 4, &policy));
    told("policy: a byte too few", rlfd_policy_new(law.bytes, law.len, memory, contract.policy_memory - 1, &policy));
    told("policy: nowhere to tell", rlfd_policy_new(law.bytes, law.len, memory, sizeof memory, NULL));
    told("policy: as much as needed", rlfd_policy_new(law.bytes, law.len, memory, contract.policy_memory, &policy));
    told("act: NULL", rlfd_policy_act(NULL, observation, 4, action, 1));
    told("act: no observation", rlfd_policy_act(policy, NULL, 4, action, 1));
    told("act: no action", rlfd_policy_act(policy, observation, 4, NULL, 1));
    told("act: observation too short", rlfd_policy_act(policy, observation, 3, action, 1));
    told("act: action too short", rlfd_policy_act(policy, observation, 4, action, 0));
    told("act", rlfd_policy_act(policy, observation, 4, action, 1));
    told("policy self-test: NULL", rlfd_policy_self_test(NULL));
    told("policy self-test", rlfd_policy_self_test(policy));
    told("policy reset: NULL", rlfd_policy_reset(NULL));
    rlfd_policy_new(wrong_golden.bytes, wrong_golden.len, memory, sizeof memory, &policy);
    told("policy self-test: another golden action", rlfd_policy_self_test(policy));
}

static void controllers(void)
{
    rlfd_controller *controller;
    rlfd_contract contract;
    rlfd_image_check(law.bytes, law.len, &contract);
    const void *image = law.bytes;
    size_t needed = contract.controller_memory;
    rlfd_board deaf = board;
    deaf.sense = NULL;
    const rlfd_limits two[] = {limits[0], limits[0]}, upside_down[] = {{.low = 1.0f, .high = -1.0f, .max_rate = 1.0f}},
                      beyond[] = {{.low = 11.0f, .high = 12.0f, .max_rate = 1.0f}};
    told("controller: no board", rlfd_controller_new(image, law.len, NULL, limits, 1, memory, needed, &controller));
    told("controller: a board that cannot sense",
         rlfd_controller_new(image, law.len, &deaf, limits, 1, memory, needed, &controller));
    told("controller: no limits", rlfd_controller_new(image, law.len, &board, NULL, 1, memory, needed, &controller));
    told("controller: limits of two commands",
         rlfd_controller_new(image, law.len, &board, two, 2, memory, needed, &controller));
    told("controller: limits upside down",
         rlfd_controller_new(image, law.len, &board, upside_down, 1, memory, needed, &controller));
    told("controller: limits beyond the image's",
         rlfd_controller_new(image, law.len, &board, beyond, 1, memory, needed, &controller));
    told("controller: a byte too few",
         rlfd_controller_new(image, law.len, &board, limits, 1, memory, needed - 1, &controller));
    told("controller: nowhere to tell",
         rlfd_controller_new(image, law.len, &board, limits, 1, memory, needed, NULL));
    told("controller: as much as needed",
         rlfd_controller_new(image, law.len, &board, limits, 1, memory, needed, &controller));
}

static void options_of_every_kind(void)
{
    static const float one[] = {0.5f}, no_number[] = {NAN}, two[] = {0.0f, 0.0f};
    static const uint16_t stuck[] = {3, 0};
    static const rlfd_joint joint[] = {{.position = 0, .velocity = 1, .max_torque = 5.0f}},
                            two_joints[2] = {{0}, {0}}, far_joint[] = {{.position = 2, .velocity = 1, .max_torque = 5.0f}},
                            weak_joint[] = {{.position = 0, .velocity = 1, .max_torque = 0.0f}};
    static const rlfd_gain gain[] = {{.command = 0, .measurement = 1, .gain = -1.0f}},
                           far_gain[] = {{.command = 0, .measurement = 2, .gain = -1.0f}};
    static const rlfd_options good[] = {
        {0},
        {.max_interval_us = 20000, .max_duration_us = 1, .max_age_us = 1, .max_repeats = 1, .steps_per_action = 10,
         .between = RLFD_BETWEEN_INTERPOLATE, .max_deviations = 5.0f, .unfamiliar_patience = 1, .joints = joint,
         .joints_len = 1, .fallback = one, .fallback_len = 1, .gains = gain, .gains_len = 1, .fallback_patience = 3},
    };
    static const struct {
        const char *what;
        rlfd_options options;
    } bad[] = {
        {"options: more steps than microseconds", {.steps_per_action = 10001}},
        {"options: between is no rlfd_between", {.between = 2}},
        {"options: max_stuck for two of three terms", {.max_stuck = stuck, .max_stuck_len = 2}},
        {"options: max_stuck without its array", {.max_stuck = NULL, .max_stuck_len = 3}},
        {"options: two joints", {.joints = two_joints, .joints_len = 2}},
        {"options: a joint that is not measured", {.joints = far_joint, .joints_len = 1}},
        {"options: a joint without torque", {.joints = weak_joint, .joints_len = 1}},
        {"options: no patience with the unfamiliar", {.max_deviations = 3.0f}},
        {"options: deviations below 0", {.max_deviations = -3.0f, .unfamiliar_patience = 1}},
        {"options: fallback for two commands", {.fallback = two, .fallback_len = 2}},
        {"options: fallback that is no number", {.fallback = no_number, .fallback_len = 1}},
        {"options: a gain that is not measured",
         {.fallback = one, .fallback_len = 1, .gains = far_gain, .gains_len = 1}},
        {"options: gains without constants", {.gains = gain, .gains_len = 1}},
    };
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++)
        told(i == 0 ? "options: {0}" : "options: all of them", rlfd_controller_set_options(made(), &good[i]));
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        told(bad[i].what, rlfd_controller_set_options(made(), &bad[i].options));
    rlfd_controller *controller;
    make(plain, &controller);
    const rlfd_options guard = {.max_deviations = 3.0f, .unfamiliar_patience = 1};
    told("options: a guard for an image without statistics", rlfd_controller_set_options(controller, &guard));
    told("options: NULL", rlfd_controller_set_options(controller, NULL));
    told("options: of no controller", rlfd_controller_set_options(NULL, &guard));
    told("options: of a loop that runs", rlfd_controller_set_options(started(&good[0]), &good[0]));
}

static void phases(void)
{
    rlfd_controller *controller = made();
    const float target[] = {2.0f};
    told("start: idle", rlfd_controller_start(controller));
    told("stop: idle", rlfd_controller_stop(controller));
    told("disarm: idle", rlfd_controller_disarm(controller));
    printf("  idle: a step has outcome %d\n", step(controller).outcome);
    told("self-test: idle", rlfd_controller_self_test(controller));
    told("self-test: armed", rlfd_controller_self_test(controller));
    told("disarm: armed", rlfd_controller_disarm(controller));
    rlfd_controller_self_test(controller);
    told("take over: armed", rlfd_controller_take_over(controller, target, 1, 7));
    told("start: armed", rlfd_controller_start(controller));
    told("start: running", rlfd_controller_start(controller));
    told("take over: two numbers", rlfd_controller_take_over(controller, target, 2, 7));
    told("take over: running", rlfd_controller_take_over(controller, target, 1, 7));
    printf("  step %u\n", (unsigned)step(controller).tick);
    told("stop: running", rlfd_controller_stop(controller));
    rlfd_controller_start(controller);
    told("disarm: running", rlfd_controller_disarm(controller));
    told("trip: no such fault", rlfd_controller_trip(controller, 99));
    told("trip: no fault", rlfd_controller_trip(controller, RLFD_FAULT_NONE));
    told("trip", rlfd_controller_trip(controller, RLFD_FAULT_EXTERNAL));
    told("start: faulted", rlfd_controller_start(controller));
    told("disarm: faulted", rlfd_controller_disarm(controller));
    told("reset: faulted", rlfd_controller_reset(controller));
    make(wrong_golden, &controller);
    told("self-test: another golden action", rlfd_controller_self_test(controller));
    told("NULL: self-test", rlfd_controller_self_test(NULL));
    told("NULL: start", rlfd_controller_start(NULL));
    told("NULL: stop", rlfd_controller_stop(NULL));
    told("NULL: disarm", rlfd_controller_disarm(NULL));
    told("NULL: trip", rlfd_controller_trip(NULL, RLFD_FAULT_LATE));
    told("NULL: reset", rlfd_controller_reset(NULL));
    told("NULL: step", rlfd_controller_step(NULL, NULL));
    told("NULL: stats", rlfd_controller_stats(NULL, NULL));
    told("NULL: counters", rlfd_controller_counters(NULL, NULL));
    printf("  NULL: phase %d, fault %d, stuck %d\n", rlfd_controller_phase(NULL), rlfd_controller_fault(NULL),
           (int)rlfd_controller_stuck(NULL));
}

static void numbers_in_and_out(void)
{
    const rlfd_options none = {0};
    rlfd_controller *controller = started(&none);
    const float asked[] = {2.0f, 1.0f}, no_number[] = {NAN};
    float command[2];
    told("setpoint: none", rlfd_controller_set_setpoint(controller, NULL, 1));
    told("setpoint: two numbers", rlfd_controller_set_setpoint(controller, asked, 2));
    told("setpoint: no number", rlfd_controller_set_setpoint(controller, no_number, 1));
    told("setpoint: of no controller", rlfd_controller_set_setpoint(NULL, asked, 1));
    told("setpoint", rlfd_controller_set_setpoint(controller, asked, 1));
    told("command: two numbers", rlfd_controller_command(controller, command, 2));
    told("command: nowhere to tell", rlfd_controller_command(controller, NULL, 1));
    told("target: two numbers", rlfd_controller_target(controller, command, 2));
    step(controller);
    told("command", rlfd_controller_command(controller, command, 1));
    printf("  2 - 1 - 0.5 is %g at the actuators and %g here\n", machine.command, command[0]);
    /* The last action is fed back by a quarter. */
    step(controller);
    rlfd_controller_target(controller, command, 1);
    printf("  and with a quarter of that %g, %g\n", machine.command, command[0]);
    rlfd_stats stats;
    told("stats: nowhere to tell", rlfd_controller_stats(controller, NULL));
    told("stats", rlfd_controller_stats(controller, &stats));
    printf("  %u interval, worst %u us off\n", (unsigned)stats.intervals, (unsigned)stats.worst_us);
}

/* What one fault leads to, without a fallback law and with one. */
static void fault(const char *what, rlfd_options options, void (*provoke)(unsigned step))
{
    static const float constant[] = {0.25f};
    for (int has_law = 0; has_law < 2; has_law++) {
        if (has_law) {
            options.fallback = constant;
            options.fallback_len = 1;
        }
        rlfd_controller *controller = started(&options);
        rlfd_cycle cycle = {0};
        unsigned steps = 0;
        while (steps < 20 && rlfd_controller_fault(controller) == RLFD_FAULT_NONE) {
            provoke(++steps);
            cycle = step(controller);
        }
        rlfd_event event, last = {0};
        unsigned events = 0;
        for (; rlfd_controller_next_event(controller, &event) == RLFD_STATUS_OK; events++)
            last = event;
        rlfd_counters counters;
        rlfd_controller_counters(controller, &counters);
        printf("%-30s %-8s step %u: %s; phase %d, outcome %d, command %g, stuck %d; %u events, the last %d %d; acted %u, "
               "refused %u, held %u, latched %u\n",
               what, has_law ? "law" : "no law", steps, rlfd_fault_name(rlfd_controller_fault(controller)),
               rlfd_controller_phase(controller), cycle.outcome, machine.command, (int)rlfd_controller_stuck(controller),
               events, last.phase, last.fault, (unsigned)counters.acted, (unsigned)counters.refused,
               (unsigned)counters.held, (unsigned)counters.faults[rlfd_controller_fault(controller)]);
    }
}

static void moves(unsigned step)
{
    machine.place += 0.125f;
    machine.speed = 0.5f + (float)(step % 2);
}

static void deaf(unsigned step)
{
    moves(step);
    machine.is_deaf = step == 3;
}

static void not_a_number(unsigned step)
{
    moves(step);
    if (step == 3)
        machine.speed = NAN;
}

static void overflows(unsigned step)
{
    moves(step);
    if (step == 3)
        machine.place = machine.speed = 3e38f;
}

static void mute(unsigned step)
{
    moves(step);
    machine.is_mute = step == 3;
}

static void late(unsigned step)
{
    moves(step);
    if (step == 3)
        machine.now_us += PERIOD_US + 1;
}

static void old(unsigned step)
{
    moves(step);
    machine.measured_at_us = step == 3 ? machine.now_us - 5001 : machine.now_us;
}

static void still(unsigned step)
{
    (void)step;
}

static void slow(unsigned step)
{
    moves(step);
    machine.sensing_us = step == 3 ? 1001 : 1000;
}

static void strange(unsigned step)
{
    moves(step);
    if (step >= 3)
        machine.place = 100.0f;
}

static void stuck(unsigned step)
{
    machine.place += step < 3 ? 0.125f : 0.0f;
    machine.speed = 0.5f + (float)(step % 2);
}

static void faults(void)
{
    static const uint16_t max_stuck[] = {4, 0, 0};
    fault("sensors silent", (rlfd_options){0}, deaf);
    fault("a measurement is NaN", (rlfd_options){0}, not_a_number);
    fault("an action overflows", (rlfd_options){0}, overflows);
    fault("actuators silent", (rlfd_options){0}, mute);
    fault("begun late", (rlfd_options){.max_interval_us = 2 * PERIOD_US}, late);
    fault("a measurement is old", (rlfd_options){.max_age_us = 5000}, old);
    fault("measurements repeat", (rlfd_options){.max_repeats = 4}, still);
    fault("took too long", (rlfd_options){.max_duration_us = 1000}, slow);
    fault("strange for two steps", (rlfd_options){.max_deviations = 10.0f, .unfamiliar_patience = 2}, strange);
    fault("one sensor stuck", (rlfd_options){.max_stuck = max_stuck, .max_stuck_len = 3}, stuck);
    fault("nothing", (rlfd_options){0}, moves);
    for (int number = 0; number < RLFD_FAULTS + 1; number++)
        printf("  fault %d: %s\n", number, rlfd_fault_name((uint8_t)number));
}

/* Flash that is erased as a whole and written once. */
struct slot {
    _Alignas(16) unsigned char bytes[SLOT_LEN];
    bool is_worn;
};

static struct slot slots[2];

static bool erase(void *context)
{
    struct slot *slot = context;
    memset(slot->bytes, 0xff, SLOT_LEN);
    return !slot->is_worn;
}

static bool write_units(void *context, size_t at, const uint8_t *units, size_t len)
{
    struct slot *slot = context;
    if (at % 32 != 0 || len % 32 != 0 || at + len > SLOT_LEN)
        abort();
    for (size_t i = 0; i < len; i++)
        if (slot->bytes[at + i] != 0xff)
            abort();
    memcpy(slot->bytes + at, units, len);
    return true;
}

static rlfd_flash flash(unsigned index)
{
    return (rlfd_flash){
        .context = &slots[index], .bytes = slots[index].bytes, .len = SLOT_LEN, .erase = erase, .write = write_units};
}

static uint32_t crc32_of(const unsigned char *bytes, size_t len)
{
    uint32_t crc = 0xffffffff;
    for (size_t i = 0; i < len; i++) {
        crc ^= bytes[i];
        for (int bit = 0; bit < 8; bit++)
            crc = crc >> 1 ^ (crc & 1 ? 0xedb88320 : 0);
    }
    return ~crc;
}

static float arena[ARENA_LEN];
static uint64_t updater_memory[RLFD_UPDATER_MEMORY / 8];
static unsigned char key[32];

static rlfd_updater *updater_after(uint32_t counter)
{
    slots[1].is_worn = false;
    const rlfd_flash free_slot = flash(1);
    const rlfd_installed running = {.image = law.bytes, .image_len = law.len, .counter = counter};
    rlfd_updater *updater;
    if (rlfd_updater_new(&free_slot, key, &running, arena, ARENA_LEN, updater_memory, sizeof updater_memory, &updater) !=
        RLFD_STATUS_OK)
        exit(6);
    return updater;
}

static rlfd_refusal send(rlfd_updater *updater, struct file file)
{
    rlfd_refusal refusal = rlfd_updater_begin(updater, file.bytes, 32, file.bytes + 32, 64);
    for (size_t at = 96; refusal == RLFD_REFUSAL_NONE && at < file.len; at += 128) {
        size_t len = file.len - at < 128 ? file.len - at : 128;
        refusal = rlfd_updater_chunk(updater, (uint32_t)(at - 96), crc32_of(file.bytes + at, len), file.bytes + at, len);
    }
    return refusal == RLFD_REFUSAL_NONE ? rlfd_updater_commit(updater) : refusal;
}

static void refused(const char *what, rlfd_refusal refusal)
{
    printf("%-52s %s\n", what, rlfd_refusal_name(refusal));
}

static void updates(void)
{
    static const struct {
        const char *what, *file;
        uint32_t counter;
    } bad[] = {
        {"update: an altered weight", "tampered.rlfu", 0},
        {"update: another's key", "stranger.rlfu", 0},
        {"update: the counter that runs", "good.rlfu", 5},
        {"update: the image that runs", "same.rlfu", 0},
        {"update: a counter below", "good.rlfu", 6},
        {"update: more than a slot holds", "huge.rlfu", 0},
        {"update: more memory than lent", "wide.rlfu", 0},
        {"update: another contract", "contract.rlfu", 0},
        {"update: a golden action of its own", "golden.rlfu", 0},
        {"update: signed, and no image", "nothing.rlfu", 0},
    };
    struct file public_key = read_file("key");
    memcpy(key, public_key.bytes, sizeof key);
    rlfd_updater *updater;
    rlfd_installed chosen, running = {.image = law.bytes, .image_len = law.len};
    const rlfd_flash first = flash(0), second = flash(1);
    rlfd_flash readonly = second;
    readonly.write = NULL;
    erase(&slots[0]);
    erase(&slots[1]);
    told("choose: two empty slots", rlfd_update_choose(&first, &second, arena, ARENA_LEN, &chosen));
    told("choose: no slot", rlfd_update_choose(&first, NULL, arena, ARENA_LEN, &chosen));
    told("choose: no arena", rlfd_update_choose(&first, &second, NULL, ARENA_LEN, &chosen));
    size_t len = sizeof updater_memory;
    told("updater: read-only flash", rlfd_updater_new(&readonly, key, &running, arena, 16, updater_memory, len, &updater));
    told("updater: no key", rlfd_updater_new(&second, NULL, &running, arena, 16, updater_memory, len, &updater));
    told("updater: nothing runs", rlfd_updater_new(&second, key, NULL, arena, 16, updater_memory, len, &updater));
    running.image_len -= 16;
    told("updater: what runs is none", rlfd_updater_new(&second, key, &running, arena, 16, updater_memory, len, &updater));
    running.image_len += 16;
    told("updater: no arena", rlfd_updater_new(&second, key, &running, NULL, 16, updater_memory, len, &updater));
    told("updater: a byte too few",
         rlfd_updater_new(&second, key, &running, arena, 16, updater_memory, RLFD_UPDATER_MEMORY - 1, &updater));
    told("updater: memory unaligned",
         rlfd_updater_new(&second, key, &running, arena, 16, (char *)updater_memory + 4, len, &updater));
    told("updater: no memory", rlfd_updater_new(&second, key, &running, arena, 16, NULL, len, &updater));

    struct file good = read_file("good.rlfu"), last = read_file("last.rlfu");
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        updater = updater_after(bad[i].counter);
        refused(bad[i].what, send(updater, read_file(bad[i].file)));
        rlfd_update_status status;
        rlfd_updater_status(updater, &status);
        if (status.is_committed || rlfd_update_choose(&first, &second, arena, ARENA_LEN, &chosen) != RLFD_STATUS_EMPTY)
            exit(7);
    }
    updater = updater_after(0);
    refused("update: no signature", rlfd_updater_begin(updater, good.bytes, 32, NULL, 0));
    refused("update: a manifest cut short", rlfd_updater_begin(updater, good.bytes, 31, good.bytes + 32, 64));
    refused("update: no manifest", rlfd_updater_begin(updater, NULL, 32, good.bytes + 32, 64));
    refused("update: a commit before an offer", rlfd_updater_commit(updater));
    refused("update: an offer", rlfd_updater_begin(updater, good.bytes, 32, good.bytes + 32, 64));
    refused("update: an altered chunk", rlfd_updater_chunk(updater, 0, 1, good.bytes + 96, 64));
    refused("update: not the next chunk",
            rlfd_updater_chunk(updater, 64, crc32_of(good.bytes + 160, 64), good.bytes + 160, 64));
    refused("update: a chunk of nothing", rlfd_updater_chunk(updater, 0, 0, NULL, 64));
    refused("update: of nobody", rlfd_updater_commit(NULL));
    told("update status: of nobody", rlfd_updater_status(NULL, NULL));
    slots[1].is_worn = true;
    refused("update: worn flash", rlfd_updater_begin(updater, good.bytes, 32, good.bytes + 32, 64));

    updater = updater_after(4);
    refused("update: a good one", send(updater, good));
    refused("update: another after it", rlfd_updater_begin(updater, last.bytes, 32, last.bytes + 32, 64));
    told("choose: one of two", rlfd_update_choose(&first, &second, arena, ARENA_LEN, &chosen));
    printf("  slot %u, counter %u, installation %u\n", (unsigned)chosen.slot, (unsigned)chosen.counter,
           (unsigned)chosen.sequence);

    /* The loop goes on with it where the other stopped. */
    static uint64_t other_memory[512];
    const rlfd_options none = {0};
    rlfd_controller *before = started(&none), *after;
    float target[1], place = 1.0f;
    rlfd_cycle cycle = {0};
    for (int i = 0; i < 3; i++)
        cycle = step(before);
    told("switch: where it is", rlfd_controller_target(before, target, 1));
    told("switch: the other", rlfd_controller_new(chosen.image, chosen.image_len, &board, limits, 1, other_memory,
                                                 sizeof other_memory, &after));
    told("switch: tested", rlfd_controller_self_test(after));
    told("switch: started", rlfd_controller_start(after));
    told("switch: taken over", rlfd_controller_take_over(after, target, 1, cycle.tick));
    machine.place = place;
    rlfd_controller_step(after, &cycle);
    printf("  step %u, command %g\n", (unsigned)cycle.tick, machine.command);

    /* And the next goes into the other slot. */
    rlfd_updater_new(&first, key, &chosen, arena, ARENA_LEN, updater_memory, len, &updater);
    refused("update: the next", send(updater, last));
    rlfd_update_choose(&first, &second, arena, ARENA_LEN, &chosen);
    printf("  slot %u, counter %u, installation %u\n", (unsigned)chosen.slot, (unsigned)chosen.counter,
           (unsigned)chosen.sequence);
    for (int number = 0; number < 16; number++)
        printf("  refusal %d: %s\n", number, rlfd_refusal_name(number));
}

int main(int argc, char **argv)
{
    if (argc != 2) {
        fprintf(stderr, "usage: %s FOLDER\n", argv[0]);
        return 2;
    }
    folder = argv[1];
    law = read_file("law.rlfd");
    plain = read_file("plain.rlfd");
    wrong_golden = read_file("golden.rlfd");
    images();
    policies();
    controllers();
    options_of_every_kind();
    phases();
    numbers_in_and_out();
    faults();
    updates();
    return 0;
}
