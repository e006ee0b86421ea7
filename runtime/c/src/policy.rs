//! [`Policy`]: the network alone, for whoever has a loop already.

use core::ffi::c_void;
use core::slice;

use rlfd_runtime::{ImagePolicy, Policy as _};

use crate::memory::{answer, array, divide, view};
use crate::status::{Status, status_of};

/// A policy image, ready to act. It lives in memory that the caller lends.
#[derive(Debug)]
pub struct Policy {
    policy: ImagePolicy<'static>,
}

/// Makes a policy of the image in the `memory_len` bytes at `memory`, at least `rlfd_contract.policy_memory` of them. There is
/// nothing to free: the policy ends when the caller takes the memory back.
///
/// # Safety
///
/// `image` and `memory` are NULL or lead to as many bytes as is said, which nobody else changes for as long as the policy
/// is used; `policy` is NULL or leads to a pointer.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rlfd_policy_new(
    image: *const c_void,
    image_len: usize,
    memory: *mut c_void,
    memory_len: usize,
    policy: *mut *mut Policy,
) -> Status {
    // SAFETY: promised by the caller.
    status_of(unsafe { view(image, image_len) }.and_then(|image| {
        // SAFETY: promised by the caller; the object is written before anybody sees it.
        unsafe {
            let (object, arena) = divide::<Policy>(memory, memory_len, image.arena_len())?;
            let inner = ImagePolicy::new(image, arena)?;
            answer(policy, object)?;
            object.write(Policy { policy: inner });
        }
        Ok(())
    }))
}

/// One step: reads `observation_dim` numbers, writes `action_dim` numbers. Scaling, limits and checks are the controller's.
///
/// # Safety
///
/// `policy` is NULL or comes from `rlfd_policy_new`; the arrays are as long as is said and do not overlap.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rlfd_policy_act(
    policy: *mut Policy,
    observation: *const f32,
    observation_len: usize,
    action: *mut f32,
    action_len: usize,
) -> Status {
    // SAFETY: promised by the caller.
    let result = unsafe { policy.as_mut() }
        .ok_or(Status::NullPointer)
        .and_then(|policy| {
            if action.is_null() {
                return Err(Status::NullPointer);
            }
            // SAFETY: promised by the caller.
            let observation = unsafe { array(observation, observation_len)? };
            // SAFETY: promised by the caller.
            let action = unsafe { slice::from_raw_parts_mut(action, action_len) };
            let shape = policy.policy.shape();
            if (shape.observation_dim, shape.action_dim) != (observation_len, action_len) {
                return Err(Status::Width);
            }
            policy.policy.act(observation, action);
            Ok(())
        });
    status_of(result)
}

/// Forgets everything seen so far.
///
/// # Safety
///
/// `policy` is NULL or comes from `rlfd_policy_new`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rlfd_policy_reset(policy: *mut Policy) -> Status {
    // SAFETY: promised by the caller.
    match unsafe { policy.as_mut() } {
        Some(policy) => {
            policy.policy.reset();
            Status::Ok
        }
        None => Status::NullPointer,
    }
}

/// Whether this machine computes the image's golden action, bit for bit; `RLFD_STATUS_SELF_TEST` if not. The policy is reset.
///
/// # Safety
///
/// `policy` is NULL or comes from `rlfd_policy_new`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rlfd_policy_self_test(policy: *mut Policy) -> Status {
    // SAFETY: promised by the caller.
    let passed = unsafe { policy.as_mut() }.map(|policy| policy.policy.self_test());
    match passed {
        Some(true) => Status::Ok,
        Some(false) => Status::SelfTest,
        None => Status::NullPointer,
    }
}
