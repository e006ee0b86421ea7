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
};
#ifndef __cplusplus
#if __STDC_VERSION__ >= 202311L
typedef enum rlfd_status rlfd_status;
#else
typedef int32_t rlfd_status;
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

// A named group of measurements and how it becomes part of the observation:
// `clamp(measurement * scale + offset, -clip, clip)`.
typedef struct rlfd_observation_term {
    // e.g. "cart position".
    struct rlfd_text name;
    // SI unit of the measurement, "1" if it has none.
    struct rlfd_text unit;
    // How many numbers.
    uint16_t dim;
    // How many consecutive samples are stacked, oldest first; 1 is the newest alone.
    uint16_t history;
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
} rlfd_action_term;

// What a machine can do. Every function gets `context`; all but `entered` must be there. A function may be called only
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
} rlfd_stats;

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

// Latches `RLFD_FAULT_LATE` where a step begins more than this after the one before. Without it, never.
//
// # Safety
//
// `controller` is NULL or comes from `rlfd_controller_new`.
rlfd_status rlfd_controller_set_max_interval(struct rlfd_controller *controller, uint32_t max_interval_us);

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

// One step, once per period: senses, acts, bounds, actuates. Whatever goes wrong makes the machine safe, is latched and told.
// `cycle` may be NULL.
//
// # Safety
//
// `controller` is NULL or comes from `rlfd_controller_new`; `cycle` is NULL or leads to an `rlfd_cycle`.
rlfd_status rlfd_controller_step(struct rlfd_controller *controller,
                                 struct rlfd_cycle *cycle);

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

// How the steps kept time so far.
//
// # Safety
//
// `controller` is NULL or comes from `rlfd_controller_new`; `stats` is NULL or leads to an `rlfd_stats`.
rlfd_status rlfd_controller_stats(const struct rlfd_controller *controller, struct rlfd_stats *stats);

#ifdef __cplusplus
}  // extern "C"
#endif  // __cplusplus

#endif  /* RLFD_H */
