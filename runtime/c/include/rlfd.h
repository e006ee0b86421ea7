/* rlfd: runs a learned control policy in a real-time loop, from C and C++.
 *
 * Generated from runtime/c/src by cbindgen; `RLFD_BLESS=1 cargo test -p rlfd-c` rewrites it.
 *
 * Nothing here allocates, blocks or keeps a thread. All memory is the caller's: an image, the memory handed to a
 * `_new` function and what a board's `context` points to must stay where they are for as long as the object is used.
 * Functions are not reentrant: one object is used by one thread or interrupt level at a time, and not by its own
 * callbacks. */

#ifndef RLFD_H
#define RLFD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// Where the memory handed to a `_new` function must begin: at a multiple of this many bytes.
#define RLFD_MEMORY_ALIGNMENT 8

// Entries of `rlfd_counters.faults`: one more than there are faults.
#define RLFD_FAULTS 12

// Bytes of memory that `rlfd_updater_new` takes, at a multiple of `RLFD_MEMORY_ALIGNMENT`.
#define RLFD_UPDATER_MEMORY 320

// How a call went; 0 is well. The numbers never change.
enum rlfd_status
#if defined(__cplusplus) || __STDC_VERSION__ >= 202311L
  : int32_t
#endif // defined(__cplusplus) || __STDC_VERSION__ >= 202311L
 {
    // It went well.
    RLFD_STATUS_OK = 0,
    // A pointer that must lead somewhere is NULL.
    RLFD_STATUS_NULL_POINTER = 1,
    // The image does not begin at a multiple of 16 bytes.
    RLFD_STATUS_IMAGE_UNALIGNED = 2,
    // More or fewer bytes than the image says it has.
    RLFD_STATUS_IMAGE_LENGTH = 3,
    // The first bytes are not those of a policy image.
    RLFD_STATUS_IMAGE_MAGIC = 4,
    // The image is of another version of the format.
    RLFD_STATUS_IMAGE_VERSION = 5,
    // The image was damaged: its checksum differs.
    RLFD_STATUS_IMAGE_CHECKSUM = 6,
    // The image needs a feature of the runtime that this library was built without.
    RLFD_STATUS_IMAGE_FEATURE = 7,
    // The image contradicts itself.
    RLFD_STATUS_IMAGE_CONTENT = 8,
    // The memory is too small; `rlfd_contract` says how much is needed.
    RLFD_STATUS_MEMORY_TOO_SMALL = 9,
    // The memory does not begin at a multiple of `RLFD_MEMORY_ALIGNMENT`.
    RLFD_STATUS_MEMORY_UNALIGNED = 10,
    // An array has another length than the contract says.
    RLFD_STATUS_WIDTH = 11,
    // There is no term of this index.
    RLFD_STATUS_INDEX = 12,
    // A command's limits are no limits, or leave nothing of what the image allows.
    RLFD_STATUS_LIMITS = 13,
    // Not possible in the phase the loop is in.
    RLFD_STATUS_WRONG_PHASE = 14,
    // This machine does not compute the image's golden action, bit for bit.
    RLFD_STATUS_SELF_TEST = 15,
    // There is no fault of this number.
    RLFD_STATUS_UNKNOWN_FAULT = 16,
    // `steps_per_action` is more than the microseconds of a period, or `between` is no `rlfd_between`.
    RLFD_STATUS_OPTION_STEPS = 17,
    // `max_stuck` has another length than the contract has observation terms.
    RLFD_STATUS_OPTION_STUCK = 18,
    // `joints` are not one for each command, or one reads what is not measured, or its numbers are none.
    RLFD_STATUS_OPTION_JOINTS = 19,
    // `max_deviations` or its patience is not above 0, or the image has no statistics of its training.
    RLFD_STATUS_OPTION_FAMILIARITY = 20,
    // `fallback` is not one finite constant for each command, or a gain is not finite or of no measurement or command.
    RLFD_STATUS_OPTION_FALLBACK = 21,
    // There is nothing (more) to tell.
    RLFD_STATUS_EMPTY = 22,
};
#ifndef __cplusplus
#if __STDC_VERSION__ >= 202311L
typedef enum rlfd_status rlfd_status;
#else
typedef int32_t rlfd_status;
#endif // __STDC_VERSION__ >= 202311L
#endif // __cplusplus

// Where the numbers of an observation term come from.
enum rlfd_source
#if defined(__cplusplus) || __STDC_VERSION__ >= 202311L
  : uint8_t
#endif // defined(__cplusplus) || __STDC_VERSION__ >= 202311L
 {
    // Sensors: part of the measurement.
    RLFD_SOURCE_SENSOR = 0,
    // What is asked of the machine, see `rlfd_controller_set_setpoint`.
    RLFD_SOURCE_SETPOINT = 1,
    // The policy's last action, which the controller knows itself.
    RLFD_SOURCE_LAST_ACTION = 2,
};
#ifndef __cplusplus
#if __STDC_VERSION__ >= 202311L
typedef enum rlfd_source rlfd_source;
#else
typedef uint8_t rlfd_source;
#endif // __STDC_VERSION__ >= 202311L
#endif // __cplusplus

// Where the loop stands.
enum rlfd_phase
#if defined(__cplusplus) || __STDC_VERSION__ >= 202311L
  : uint8_t
#endif // defined(__cplusplus) || __STDC_VERSION__ >= 202311L
 {
    // Nothing is known about this machine yet.
    RLFD_PHASE_IDLE = 0,
    // The policy computes its golden action.
    RLFD_PHASE_SELF_TEST = 1,
    // Ready to run.
    RLFD_PHASE_ARMED = 2,
    // In control.
    RLFD_PHASE_RUNNING = 3,
    // The machine was made safe; only a reset leads out.
    RLFD_PHASE_FAULTED = 4,
    // The fallback law is in control; a reset leads out, a second fault to `RLFD_PHASE_FAULTED`.
    RLFD_PHASE_FALLBACK = 5,
};
#ifndef __cplusplus
#if __STDC_VERSION__ >= 202311L
typedef enum rlfd_phase rlfd_phase;
#else
typedef uint8_t rlfd_phase;
#endif // __STDC_VERSION__ >= 202311L
#endif // __cplusplus

// What became of a step.
enum rlfd_outcome
#if defined(__cplusplus) || __STDC_VERSION__ >= 202311L
  : uint8_t
#endif // defined(__cplusplus) || __STDC_VERSION__ >= 202311L
 {
    // A command reached the actuators.
    RLFD_OUTCOME_ACTED = 0,
    // The machine was made safe, or kept so.
    RLFD_OUTCOME_REFUSED = 1,
    // The loop was not running; nothing was touched.
    RLFD_OUTCOME_NOT_RUNNING = 2,
    // The fallback law's command reached the actuators.
    RLFD_OUTCOME_HELD = 3,
};
#ifndef __cplusplus
#if __STDC_VERSION__ >= 202311L
typedef enum rlfd_outcome rlfd_outcome;
#else
typedef uint8_t rlfd_outcome;
#endif // __STDC_VERSION__ >= 202311L
#endif // __cplusplus

// Why another image is not taken; 0 is that it is. The numbers never change.
enum rlfd_refusal
#if defined(__cplusplus) || __STDC_VERSION__ >= 202311L
  : int32_t
#endif // defined(__cplusplus) || __STDC_VERSION__ >= 202311L
 {
    // It is taken, as far as it is here.
    RLFD_REFUSAL_NONE = 0,
    // There is no signature.
    RLFD_REFUSAL_UNSIGNED = 1,
    // Signature, manifest and image do not belong together.
    RLFD_REFUSAL_TAMPERED = 2,
    // The counter or the image that runs.
    RLFD_REFUSAL_REPLAYED = 3,
    // A lower counter than the one that runs.
    RLFD_REFUSAL_OLDER = 4,
    // More than a slot holds.
    RLFD_REFUSAL_OVERSIZED = 5,
    // It works in more memory than is lent.
    RLFD_REFUSAL_MEMORY = 6,
    // It wires up another machine, or wants another period.
    RLFD_REFUSAL_CONTRACT = 7,
    // A chunk was altered; send it again.
    RLFD_REFUSAL_CHECKSUM = 8,
    // Not the next chunk, or a commit before the last, or another offer after a commit; `rlfd_update_status.received` says where
    // to go on.
    RLFD_REFUSAL_ORDER = 9,
    // No manifest of this version.
    RLFD_REFUSAL_MANIFEST = 10,
    // Signed, and no image that this library runs.
    RLFD_REFUSAL_IMAGE = 11,
    // It does not compute its golden action on this machine.
    RLFD_REFUSAL_GOLDEN = 12,
    // The flash cannot be erased or written, or does not hold what was written.
    RLFD_REFUSAL_FLASH = 13,
    // A pointer that must lead somewhere is NULL.
    RLFD_REFUSAL_NULL_POINTER = 14,
};
#ifndef __cplusplus
#if __STDC_VERSION__ >= 202311L
typedef enum rlfd_refusal rlfd_refusal;
#else
typedef int32_t rlfd_refusal;
#endif // __STDC_VERSION__ >= 202311L
#endif // __cplusplus

// What becomes of commands between two actions of a policy that is slower than the loop.
enum rlfd_between
#if defined(__cplusplus) || __STDC_VERSION__ >= 202311L
  : uint8_t
#endif // defined(__cplusplus) || __STDC_VERSION__ >= 202311L
 {
    // They stay.
    RLFD_BETWEEN_HOLD = 0,
    // They move in a straight line from one action's to the next's, and arrive one period of the policy late.
    RLFD_BETWEEN_INTERPOLATE = 1,
};
#ifndef __cplusplus
#if __STDC_VERSION__ >= 202311L
typedef enum rlfd_between rlfd_between;
#else
typedef uint8_t rlfd_between;
#endif // __STDC_VERSION__ >= 202311L
#endif // __cplusplus

// Why the loop made the machine safe; 0 is no fault. The numbers are those of the link protocol and never change.
enum rlfd_fault
#if defined(__cplusplus) || __STDC_VERSION__ >= 202311L
  : uint8_t
#endif // defined(__cplusplus) || __STDC_VERSION__ >= 202311L
 {
    // None.
    RLFD_FAULT_NONE = 0,
    // The policy does not compute its golden action on this machine.
    RLFD_FAULT_SELF_TEST = 1,
    // The board could not read its sensors.
    RLFD_FAULT_SENSE = 2,
    // A measurement is NaN or infinite.
    RLFD_FAULT_NON_FINITE_MEASUREMENT = 3,
    // The policy answered NaN or infinity.
    RLFD_FAULT_NON_FINITE_ACTION = 4,
    // The board could not set its actuators.
    RLFD_FAULT_ACTUATE = 5,
    // A step began later after the previous one than allowed.
    RLFD_FAULT_LATE = 6,
    // Somebody outside of the loop stopped it.
    RLFD_FAULT_EXTERNAL = 7,
    // Measurements are older than allowed.
    RLFD_FAULT_STALE = 8,
    // A step took longer than allowed.
    RLFD_FAULT_OVERRUN = 9,
    // Observations are unlike those of the training.
    RLFD_FAULT_UNFAMILIAR = 10,
    // A number of the measurement does not move by a bit while others do.
    RLFD_FAULT_STUCK = 11,
};
#ifndef __cplusplus
#if __STDC_VERSION__ >= 202311L
typedef enum rlfd_fault rlfd_fault;
#else
typedef uint8_t rlfd_fault;
#endif // __STDC_VERSION__ >= 202311L
#endif // __cplusplus

// A policy, a board's limits and a contract, joined once and then stepped. It lives in memory that the caller lends.
typedef struct rlfd_controller rlfd_controller;

// A policy image, ready to act. It lives in memory that the caller lends.
typedef struct rlfd_policy rlfd_policy;

// Takes another policy into the slot that does not run. It lives in memory that the caller lends.
typedef struct rlfd_updater rlfd_updater;

// Text in UTF-8, not ended by a zero: print it with `printf("%.*s", (int)text.len, text.data)`. It lies in the image.
typedef struct rlfd_text {
    // First byte.
    const char *data;
    // Bytes.
    size_t len;
} rlfd_text;

// What an image expects of the machine around it, and what it takes to run it.
typedef struct rlfd_contract {
    // Hash of the observation and action terms: equal ids mean equal wiring.
    uint64_t contract_id;
    // CRC-32 of the image.
    uint32_t checksum;
    // Control period in microseconds.
    uint32_t period_us;
    // Numbers the sensors give per step.
    size_t measurement_dim;
    // Numbers that say what is asked of the machine, see `rlfd_controller_set_setpoint`; 0 for a policy that takes none.
    size_t setpoint_dim;
    // Numbers in one observation, history included.
    size_t observation_dim;
    // Numbers in one action and in one command.
    size_t action_dim;
    // Numbers of recurrent state; 0 for a policy without one.
    size_t state_dim;
    // Terms of the observation, see `rlfd_image_observation_term`.
    size_t observation_terms;
    // Terms of the action, see `rlfd_image_action_term`.
    size_t action_terms;
    // Numbers that the policy works in; `rlfd_updater_new` wants as many again to test another one in.
    size_t arena_len;
    // Bytes of memory that `rlfd_policy_new` takes.
    size_t policy_memory;
    // Bytes of memory that `rlfd_controller_new` takes.
    size_t controller_memory;
    // The observation of the self-test, `observation_dim` numbers in the image.
    const float *golden_observation;
    // What the policy answers to it, `action_dim` numbers in the image.
    const float *golden_action;
    // The environment the policy was trained in.
    struct rlfd_text environment;
    // How it came to be, one line.
    struct rlfd_text provenance;
} rlfd_contract;

// A named group of numbers and how it becomes part of the observation: `clamp(number * scale + offset, -clip, clip)`.
typedef struct rlfd_observation_term {
    // e.g. "cart position".
    struct rlfd_text name;
    // SI unit before scaling, "1" if it has none.
    struct rlfd_text unit;
    // How many numbers.
    uint16_t dim;
    // How many consecutive samples are stacked, oldest first; 1 is the newest alone.
    uint16_t history;
    // Where the numbers come from.
    rlfd_source source;
    // Factor from measurement to observation.
    float scale;
    // Added after scaling.
    float offset;
    // Symmetric bound on the observation; infinite for none.
    float clip;
} rlfd_observation_term;

// A named group of commands and how it follows from the action: `clamp(action * scale + offset, low, high)`, changing by at
// most `max_rate` per second.
typedef struct rlfd_action_term {
    // The actuator, e.g. "slide".
    struct rlfd_text name;
    // SI unit of the command, e.g. "N".
    struct rlfd_text unit;
    // How many numbers.
    uint16_t dim;
    // Factor from action to command.
    float scale;
    // Added after scaling, in command units.
    float offset;
    // Least command.
    float low;
    // Greatest command.
    float high;
    // Greatest change of the command per second; infinite for none.
    float max_rate;
    // Gain from position error to torque, where the command is a joint's target position; 0 where it is not.
    float stiffness;
    // Gain from joint velocity to opposing torque; 0 for none.
    float damping;
    // Time constant of the low-pass that smooths the command, in seconds; 0 for none.
    float time_constant_s;
} rlfd_action_term;

// What a machine can do. Every function gets `context`; all but `entered` and `measured_at_us` must be there. A function may be called only
// from within a call of the controller, and must not call the controller itself.
typedef struct rlfd_board {
    // Handed to every function, for the caller's use.
    void *context;
    // The board's clock in microseconds.
    uint64_t (*now_us)(void *context);
    // Fills `measurement` with `len` numbers, in the order of the observation terms; false if the sensors do not answer,
    // which makes the machine safe.
    bool (*sense)(void *context, float *measurement, size_t len);
    // Carries out the `len` numbers of `command`, in the order of the action terms; false if the actuators do not answer,
    // which makes the machine safe.
    bool (*actuate)(void *context, const float *command, size_t len);
    // Brings the machine into the state in which it harms nobody. Cannot fail, may be called at any time and again.
    void (*make_safe)(void *context);
    // Told of every phase the loop enters, with the fault that led there if there is one. May be NULL.
    void (*entered)(void *context, rlfd_phase phase, uint8_t fault, uint64_t at_us);
    // When the last measurement was taken, by the clock of `now_us`, where sensors are read elsewhere, by an interrupt or at the
    // other end of a bus; `rlfd_options.max_age_us` bounds its age. NULL where a measurement is as old as the call of `sense`.
    uint64_t (*measured_at_us)(void *context);
} rlfd_board;

// What the board allows one command, in its units. An image may tighten this, never loosen it.
typedef struct rlfd_limits {
    // Least command; -INFINITY leaves it to the image.
    float low;
    // Greatest command; INFINITY leaves it to the image.
    float high;
    // Greatest change per second; INFINITY for none.
    float max_rate;
} rlfd_limits;

// One step.
typedef struct rlfd_cycle {
    // When it began, on the board's clock.
    uint64_t at_us;
    // Steps since the start, this one included; 0 where the loop was not running before this step.
    uint32_t tick;
    // How long it took.
    uint32_t duration_us;
    // Commands moved into their limits.
    uint16_t clamped;
    // Commands whose change was limited.
    uint16_t slew_limited;
    // What became of it, an `rlfd_outcome`.
    rlfd_outcome outcome;
    // Why it was refused or held, an `rlfd_fault`; 0 if it was not.
    uint8_t fault;
} rlfd_cycle;

// How steps kept to the period of the policy. An interval goes from the beginning of a step to the beginning of the next.
typedef struct rlfd_stats {
    // Intervals so far.
    uint32_t intervals;
    // Steps that took longer than the period.
    uint32_t overruns;
    // Largest difference between an interval and the period.
    uint32_t worst_us;
    // The longest step.
    uint32_t longest_us;
    // Mean difference between interval and period: positive is too slow.
    float bias_us;
    // Mean magnitude of the difference between interval and period.
    float jitter_us;
    // Mean duration of a step.
    float mean_duration_us;
} rlfd_stats;

// The loop entered a phase.
typedef struct rlfd_event {
    // When, on the board's clock.
    uint64_t at_us;
    // Which.
    rlfd_phase phase;
    // The fault that led there, an `rlfd_fault`; 0 if none did.
    uint8_t fault;
} rlfd_event;

// What happened how often since the controller was made; each counter wraps around.
typedef struct rlfd_counters {
    // Steps that reached the actuators.
    uint32_t acted;
    // Steps that were refused.
    uint32_t refused;
    // Steps in which the fallback law acted.
    uint32_t held;
    // Commands moved into their limits.
    uint32_t clamped;
    // Commands whose change was limited.
    uint32_t slew_limited;
    // Phases that were forgotten because nobody asked for them in time.
    uint32_t forgotten;
    // Times each `rlfd_fault` was latched, by its number; the first entry is 0.
    uint32_t faults[RLFD_FAULTS];
} rlfd_counters;

// Where the state of a joint is measured, and what its motor may do.
typedef struct rlfd_joint {
    // Which number of the measurement is its position.
    uint16_t position;
    // Which number of the measurement is its velocity.
    uint16_t velocity;
    // Added to the measured position: where that counts from a default pose, the default position.
    float offset;
    // Greatest magnitude of the torque; above 0, INFINITY for none.
    float max_torque;
} rlfd_joint;

// One number of the measurement fed back to one command.
typedef struct rlfd_gain {
    // Which command.
    uint16_t command;
    // Which number of the measurement.
    uint16_t measurement;
    // Where that number should be.
    float target;
    // Command units per unit of the measurement; negative pulls towards the target.
    float gain;
} rlfd_gain;

// How the loop runs. Zero in a field is its default, so that `rlfd_options options = {0};` is a loop without watchdogs, with one
// step per action, that makes the machine safe at the first fault. Arrays are not copied: they stay where they are for as long
// as the controller is used.
typedef struct rlfd_options {
    // Latches `RLFD_FAULT_LATE` where a step begins more than this after the one before; 0: never.
    uint32_t max_interval_us;
    // Latches `RLFD_FAULT_OVERRUN` where a step takes longer than this; 0: never.
    uint32_t max_duration_us;
    // Latches `RLFD_FAULT_STALE` where a measurement is older than this, see `rlfd_board.measured_at_us`; 0: never.
    uint32_t max_age_us;
    // Latches `RLFD_FAULT_STALE` where more than this many measurements in a row repeat the one before bit for bit; 0: never.
    uint16_t max_repeats;
    // Steps of the loop in each period of the policy; 0 and 1: one.
    uint16_t steps_per_action;
    // What becomes of commands between two actions, an `rlfd_between`; 0: they stay.
    uint8_t between;
    // Latches `RLFD_FAULT_UNFAMILIAR` at this many observations in a row further than `max_deviations` from the training's mean.
    uint16_t unfamiliar_patience;
    // Greatest distance from the training's mean, in standard deviations; 0: any.
    float max_deviations;
    // For each observation term in how many steps in a row a number of it may stay, bit for bit, while others move, before
    // `RLFD_FAULT_STUCK` is latched; `UINT16_MAX` for a sensor that may rest. NULL: no sensor is watched.
    const uint16_t *max_stuck;
    // Entries of `max_stuck`.
    size_t max_stuck_len;
    // One for each command, where the actuators take torques and the contract's commands are target positions:
    // `stiffness (target - position) - damping velocity` in each step of the loop. NULL: the actuators take the commands.
    const struct rlfd_joint *joints;
    // Entries of `joints`.
    size_t joints_len;
    // What holds the machine after a survivable fault: `command = constant + sum of gain (measurement - target)`, one constant for
    // each command. NULL: the machine is made safe instead.
    const float *fallback;
    // Entries of `fallback`.
    size_t fallback_len;
    // What the fallback law feeds back; NULL: nothing.
    const struct rlfd_gain *gains;
    // Entries of `gains`.
    size_t gains_len;
    // Steps in a row for which the fallback law repeats the last command where sensors cannot be used.
    uint16_t fallback_patience;
} rlfd_options;

// One slot of flash, mapped into memory at a multiple of 16.
typedef struct rlfd_flash {
    // Handed to both functions, for the caller's use.
    void *context;
    // Where the slot begins.
    const void *bytes;
    // Bytes of the slot; an image has room for 128 fewer.
    size_t len;
    // Sets the whole slot to ff; false if that cannot be done.
    bool (*erase)(void *context);
    // Writes `len` bytes, a multiple of 32, at `at`, another one, to a place that was not written since it was erased; false if
    // that cannot be done. What it wrote can then be read at `bytes`.
    bool (*write)(void *context, size_t at, const uint8_t *units, size_t len);
} rlfd_flash;

// A policy image that runs, or is to run.
typedef struct rlfd_installed {
    // The image.
    const void *image;
    // Its bytes.
    size_t image_len;
    // Its rollback counter; 0 for the image that was flashed with the firmware.
    uint32_t counter;
    // The how manieth installation it was; 0 for the image that was flashed with the firmware.
    uint32_t sequence;
    // Which of the two slots it lies in; 0 or 1.
    uint32_t slot;
} rlfd_installed;

// How far an update is.
typedef struct rlfd_update_status {
    // CRC-32 of the image that runs.
    uint32_t running_checksum;
    // Rollback counter of the image that runs.
    uint32_t running_counter;
    // Bytes an image may have.
    uint32_t capacity;
    // Bytes of the offered image received so far: the offset of the next chunk.
    uint32_t received;
    // Bytes of the offered image; 0 where none is offered.
    uint32_t offered;
    // Whether another image passed everything and waits in the slot.
    bool is_committed;
} rlfd_update_status;

#ifdef __cplusplus
extern "C" {
#endif // __cplusplus

// What an answer of type `rlfd_status` says, as text for people; never NULL.
const char *rlfd_status_name(int32_t status);

// What a number of type `rlfd_fault` says, as text for people; never NULL.
const char *rlfd_fault_name(uint8_t fault);

// Checks an image of `len` bytes, once and for all, and tells what it says about itself.
//
// # Safety
//
// `image` is NULL or leads to `len` bytes; `contract` is NULL or leads to an `rlfd_contract`. What is answered points into
// the image.
rlfd_status rlfd_image_check(const void *image,
                             size_t len,
                             struct rlfd_contract *contract);

// Tells the observation's term `index`, counted from 0. The image is checked again, which is for start-up, not for the loop.
//
// # Safety
//
// As for `rlfd_image_check`.
rlfd_status rlfd_image_observation_term(const void *image,
                                        size_t len,
                                        size_t index,
                                        struct rlfd_observation_term *term);

// Tells the action's term `index`, counted from 0. The image is checked again, which is for start-up, not for the loop.
//
// # Safety
//
// As for `rlfd_image_check`.
rlfd_status rlfd_image_action_term(const void *image, size_t len, size_t index, struct rlfd_action_term *term);

// Makes a policy of the image in the `memory_len` bytes at `memory`, at least `rlfd_contract.policy_memory` of them. There is
// nothing to free: the policy ends when the caller takes the memory back.
//
// # Safety
//
// `image` and `memory` are NULL or lead to as many bytes as is said, which nobody else changes for as long as the policy
// is used; `policy` is NULL or leads to a pointer.
rlfd_status rlfd_policy_new(const void *image,
                            size_t image_len,
                            void *memory,
                            size_t memory_len,
                            struct rlfd_policy **policy);

// One step: reads `observation_dim` numbers, writes `action_dim` numbers. Scaling, limits and checks are the controller's.
//
// # Safety
//
// `policy` is NULL or comes from `rlfd_policy_new`; the arrays are as long as is said and do not overlap.
rlfd_status rlfd_policy_act(struct rlfd_policy *policy,
                            const float *observation,
                            size_t observation_len,
                            float *action,
                            size_t action_len);

// Forgets everything seen so far.
//
// # Safety
//
// `policy` is NULL or comes from `rlfd_policy_new`.
rlfd_status rlfd_policy_reset(struct rlfd_policy *policy);

// Whether this machine computes the image's golden action, bit for bit; `RLFD_STATUS_SELF_TEST` if not. The policy is reset.
//
// # Safety
//
// `policy` is NULL or comes from `rlfd_policy_new`.
rlfd_status rlfd_policy_self_test(struct rlfd_policy *policy);

// Makes a controller of an image, a board and its limits, one for each of the `limits_len` commands, in the `memory_len` bytes
// at `memory`, at least `rlfd_contract.controller_memory` of them. The loop is then in `RLFD_PHASE_IDLE`. There is nothing to
// free.
//
// # Safety
//
// `image`, `limits` and `memory` are NULL or lead to as much as is said, which nobody else changes for as long as the
// controller is used; `board` is NULL or leads to an `rlfd_board`, which is copied, whose functions may be called for
// as long; `controller` is NULL or leads to a pointer.
rlfd_status rlfd_controller_new(const void *image,
                                size_t image_len,
                                const struct rlfd_board *board,
                                const struct rlfd_limits *limits,
                                size_t limits_len,
                                void *memory,
                                size_t memory_len,
                                struct rlfd_controller **controller);

// `RLFD_PHASE_IDLE` to `RLFD_PHASE_ARMED`, or to `RLFD_PHASE_FAULTED` and `RLFD_STATUS_SELF_TEST` where the policy does not
// compute the golden action bit for bit.
//
// # Safety
//
// `controller` is NULL or comes from `rlfd_controller_new`.
rlfd_status rlfd_controller_self_test(struct rlfd_controller *controller);

// `RLFD_PHASE_ARMED` to `RLFD_PHASE_RUNNING`: the next step moves the machine.
//
// # Safety
//
// `controller` is NULL or comes from `rlfd_controller_new`.
rlfd_status rlfd_controller_start(struct rlfd_controller *controller);

// `RLFD_PHASE_RUNNING` to `RLFD_PHASE_ARMED`, the machine made safe.
//
// # Safety
//
// `controller` is NULL or comes from `rlfd_controller_new`.
rlfd_status rlfd_controller_stop(struct rlfd_controller *controller);

// `RLFD_PHASE_ARMED` or `RLFD_PHASE_RUNNING` to `RLFD_PHASE_IDLE`, the machine made safe: it runs again only after another
// self-test. From `RLFD_PHASE_FALLBACK` to `RLFD_PHASE_FAULTED`, as `rlfd_controller_stop`: a latched fault is not stopped away.
//
// # Safety
//
// `controller` is NULL or comes from `rlfd_controller_new`.
rlfd_status rlfd_controller_disarm(struct rlfd_controller *controller);

// Any phase to `RLFD_PHASE_FAULTED`, the machine made safe. `fault` is an `rlfd_fault`; of several faults the first stands.
//
// # Safety
//
// `controller` is NULL or comes from `rlfd_controller_new`.
rlfd_status rlfd_controller_trip(struct rlfd_controller *controller,
                                 uint8_t fault);

// Any phase to `RLFD_PHASE_IDLE`, the machine made safe and the latch cleared: somebody has looked and taken responsibility.
//
// # Safety
//
// `controller` is NULL or comes from `rlfd_controller_new`.
rlfd_status rlfd_controller_reset(struct rlfd_controller *controller);

// Asks something else of the machine, from the next action on: `len` finite numbers in the order of the observation terms that are
// setpoints. Where they are refused, with `RLFD_STATUS_WIDTH`, the ones before stay.
//
// # Safety
//
// `controller` is NULL or comes from `rlfd_controller_new`; `setpoint` is NULL or leads to `len` numbers.
rlfd_status rlfd_controller_set_setpoint(struct rlfd_controller *controller,
                                         const float *setpoint,
                                         size_t len);

// The last command, `action_dim` numbers in the actuators' units; meaningful after a step that acted or held.
//
// # Safety
//
// `controller` is NULL or comes from `rlfd_controller_new`; `command` is NULL or leads to memory for `len` numbers.
rlfd_status rlfd_controller_command(struct rlfd_controller *controller, float *command, size_t len);

// The last command before `rlfd_options.joints` turned it into torques, `action_dim` numbers in the contract's units; before the
// first one, where the machine rests.
//
// # Safety
//
// As for `rlfd_controller_command`.
rlfd_status rlfd_controller_target(struct rlfd_controller *controller,
                                   float *target,
                                   size_t len);

// Takes the machine to be where `target` says rather than at rest: for a controller that takes over from another in the middle
// of a motion, after `rlfd_controller_start`, with the other's `rlfd_controller_target` and the `tick` of its last cycle, from
// which the count goes on. `RLFD_STATUS_WRONG_PHASE` where it does not run.
//
// # Safety
//
// `controller` is NULL or comes from `rlfd_controller_new`; `target` is NULL or leads to `len` numbers.
rlfd_status rlfd_controller_take_over(struct rlfd_controller *controller,
                                      const float *target,
                                      size_t len,
                                      uint32_t tick);

// Where the loop stands; `RLFD_PHASE_IDLE` for NULL.
//
// # Safety
//
// `controller` is NULL or comes from `rlfd_controller_new`.
rlfd_phase rlfd_controller_phase(const struct rlfd_controller *controller);

// The fault that is latched, an `rlfd_fault`; 0 if none is.
//
// # Safety
//
// `controller` is NULL or comes from `rlfd_controller_new`.
uint8_t rlfd_controller_fault(const struct rlfd_controller *controller);

// Which number of the measurement does not move, where that led to `RLFD_FAULT_STUCK`; -1 otherwise.
//
// # Safety
//
// `controller` is NULL or comes from `rlfd_controller_new`.
int32_t rlfd_controller_stuck(const struct rlfd_controller *controller);

// One step, once per period: senses, acts, bounds, actuates. Whatever goes wrong makes the machine safe, is latched and told.
// `cycle` may be NULL.
//
// # Safety
//
// `controller` is NULL or comes from `rlfd_controller_new`; `cycle` is NULL or leads to an `rlfd_cycle`.
rlfd_status rlfd_controller_step(struct rlfd_controller *controller,
                                 struct rlfd_cycle *cycle);

// How the steps kept time so far.
//
// # Safety
//
// `controller` is NULL or comes from `rlfd_controller_new`; `stats` is NULL or leads to an `rlfd_stats`.
rlfd_status rlfd_controller_stats(const struct rlfd_controller *controller, struct rlfd_stats *stats);

// Takes the oldest phase out of the log, which holds the last eight; `RLFD_STATUS_EMPTY` where there is none.
//
// # Safety
//
// `controller` is NULL or comes from `rlfd_controller_new`; `event` is NULL or leads to an `rlfd_event`.
rlfd_status rlfd_controller_next_event(struct rlfd_controller *controller, struct rlfd_event *event);

// What happened how often so far.
//
// # Safety
//
// `controller` is NULL or comes from `rlfd_controller_new`; `counters` is NULL or leads to an `rlfd_counters`.
rlfd_status rlfd_controller_counters(const struct rlfd_controller *controller, struct rlfd_counters *counters);

// Runs as `options` say, from the next start on. Possible in `RLFD_PHASE_IDLE` and `RLFD_PHASE_ARMED`; where one does not fit the
// image, `RLFD_STATUS_OPTION_...` names it and the ones before stay.
//
// # Safety
//
// `controller` is NULL or comes from `rlfd_controller_new`; `options` is NULL or leads to an `rlfd_options`, whose arrays are as
// long as is said and do not change for as long as the controller is used.
rlfd_status rlfd_controller_set_options(struct rlfd_controller *controller,
                                        const struct rlfd_options *options);

// After power-on: which of two slots to run, the one installed last that is whole and computes its golden action in the
// `arena_len` numbers at `arena`. `RLFD_STATUS_EMPTY` where neither does: run the image that was flashed with the firmware.
//
// # Safety
//
// `first` and `second` are NULL or lead to an `rlfd_flash` each, `arena` to as many numbers as is said, `installed` to an
// `rlfd_installed`; what that then names lies in the slot.
rlfd_status rlfd_update_choose(const struct rlfd_flash *first,
                               const struct rlfd_flash *second,
                               float *arena,
                               size_t arena_len,
                               struct rlfd_installed *installed);

// Makes an updater that takes images signed with `key`, 32 bytes, into `slot`, which does not run, to follow `running`, in the
// `RLFD_UPDATER_MEMORY` bytes at `memory`. An image is tested in the `arena_len` numbers at `arena`, of which the policy that runs
// knows nothing, and may not need more. There is nothing to free.
//
// # Safety
//
// `slot`, `key`, `running` and `updater` are NULL or lead to what is said; `arena`, `memory` and what `slot` and `running` name
// are the updater's for as long as it is used.
rlfd_status rlfd_updater_new(const struct rlfd_flash *slot,
                             const uint8_t *key,
                             const struct rlfd_installed *running,
                             float *arena,
                             size_t arena_len,
                             void *memory,
                             size_t memory_len,
                             struct rlfd_updater **updater);

// Offers an image: `manifest` is the first 32 bytes of a file of `rlfd-export sign`, `signature` the next 64, the image the rest.
// Erases the slot; what was received of another is forgotten.
//
// # Safety
//
// `updater` is NULL or comes from `rlfd_updater_new`; the arrays are NULL or as long as is said.
rlfd_refusal rlfd_updater_begin(struct rlfd_updater *updater,
                                const uint8_t *manifest,
                                size_t manifest_len,
                                const uint8_t *signature,
                                size_t signature_len);

// Hands over the next bytes of the image: `offset` went before, `checksum` is their CRC-32 (that of zlib and Ethernet), `len` is a
// multiple of 32 but for the last chunk. Writes them to the slot.
//
// # Safety
//
// `updater` is NULL or comes from `rlfd_updater_new`; `bytes` is NULL or leads to `len` of them.
rlfd_refusal rlfd_updater_chunk(struct rlfd_updater *updater,
                                uint32_t offset,
                                uint32_t checksum,
                                const uint8_t *bytes,
                                size_t len);

// All bytes are there: checks signature, image, contract and memory, computes the golden action, and only then makes the slot
// count. From then on `rlfd_update_choose` finds it.
//
// # Safety
//
// `updater` is NULL or comes from `rlfd_updater_new`.
rlfd_refusal rlfd_updater_commit(struct rlfd_updater *updater);

// How far it is.
//
// # Safety
//
// `updater` is NULL or comes from `rlfd_updater_new`; `status` is NULL or leads to an `rlfd_update_status`.
rlfd_status rlfd_updater_status(const struct rlfd_updater *updater, struct rlfd_update_status *status);

// What an answer of type `rlfd_refusal` says, as text for people; never NULL.
const char *rlfd_refusal_name(int32_t refusal);

#ifdef __cplusplus
}  // extern "C"
#endif  // __cplusplus

#endif  /* RLFD_H */
