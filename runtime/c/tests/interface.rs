//! What the library says to what C can do wrong.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]

use std::ffi::{CStr, c_void};
use std::ptr;

use rlfd::*;

static IMAGE: &[u8] =
    rlfd_runtime::include_image!("../../../models/zoo/InvertedPendulum-v5/sac/policy.rlfd");

#[repr(align(8))]
struct Memory([u8; 8192]);

impl Memory {
    fn new() -> Box<Self> {
        Box::new(Self([0xAA; 8192]))
    }

    fn first(&mut self) -> *mut c_void {
        self.0.as_mut_ptr().cast()
    }
}

fn contract() -> Contract {
    let mut contract = std::mem::MaybeUninit::uninit();
    // SAFETY: the image is as long as is said, and an answer of `Ok` has filled the contract.
    unsafe {
        let status = rlfd_image_check(IMAGE.as_ptr().cast(), IMAGE.len(), contract.as_mut_ptr());
        assert_eq!(status, Status::Ok);
        contract.assume_init()
    }
}

fn check(image: &[u8]) -> Status {
    let mut contract = std::mem::MaybeUninit::uninit();
    // SAFETY: the image is as long as is said.
    unsafe { rlfd_image_check(image.as_ptr().cast(), image.len(), contract.as_mut_ptr()) }
}

#[test]
fn a_contract_is_the_images() {
    let image = rlfd_runtime::PolicyImage::view(IMAGE).unwrap();
    let told = contract();
    assert_eq!(told.contract_id, image.contract_id());
    assert_eq!(told.checksum, image.checksum());
    assert_eq!(told.period_us, 40_000);
    assert_eq!(
        (told.measurement_dim, told.observation_dim, told.action_dim),
        (4, 4, 1)
    );
    assert_eq!(told.golden_action, image.golden().action.as_ptr());
    // SAFETY: the text lies in the image.
    let name = unsafe {
        std::slice::from_raw_parts(told.environment.data.cast::<u8>(), told.environment.len)
    };
    assert_eq!(name, b"InvertedPendulum-v5");
    let mut term = std::mem::MaybeUninit::uninit();
    let mut ask = |index| {
        // SAFETY: the image is as long as is said.
        unsafe {
            rlfd_image_action_term(IMAGE.as_ptr().cast(), IMAGE.len(), index, term.as_mut_ptr())
        }
    };
    assert_eq!(ask(1), Status::Index);
    assert_eq!(ask(0), Status::Ok);
    // SAFETY: the last answer was `Ok`.
    let term = unsafe { term.assume_init() };
    assert_eq!((term.dim, term.low, term.high), (1, -3.0, 3.0));
}

#[test]
fn a_bad_image_is_refused_by_name() {
    let copy = rlfd_runtime::image::ImageBytes::new(IMAGE);
    assert_eq!(check(&copy), Status::Ok);
    let changed = |at: usize| {
        let mut bytes = IMAGE.to_vec();
        bytes[at] ^= 1;
        check(&rlfd_runtime::image::ImageBytes::new(&bytes))
    };
    assert_eq!(changed(0), Status::ImageMagic);
    assert_eq!(changed(IMAGE.len() - 1), Status::ImageChecksum);
    assert_eq!(check(&IMAGE[..IMAGE.len() - 16]), Status::ImageLength);
    assert_eq!(check(&[]), Status::ImageLength);
    // Somewhere in this block is a place that is one past a multiple of 16.
    let mut block = vec![0; IMAGE.len() + 32];
    let odd = block.as_ptr().align_offset(16) + 1;
    block[odd..][..IMAGE.len()].copy_from_slice(IMAGE);
    let shifted = &block[odd..][..IMAGE.len()];
    assert_eq!(check(shifted), Status::ImageUnaligned);
    // SAFETY: NULL is allowed.
    let none = unsafe { rlfd_image_check(ptr::null(), 16, ptr::null_mut()) };
    assert_eq!(none, Status::NullPointer);
    // SAFETY: as above.
    let none = unsafe { rlfd_image_check(IMAGE.as_ptr().cast(), IMAGE.len(), ptr::null_mut()) };
    assert_eq!(none, Status::NullPointer);
}

#[test]
fn a_policy_wants_as_much_memory_as_the_contract_says() {
    let needed = contract().policy_memory;
    let mut memory = Memory::new();
    let mut policy = ptr::null_mut();
    let mut make = |first: *mut c_void, len: usize| {
        // SAFETY: the memory has at least `len` bytes.
        unsafe {
            rlfd_policy_new(
                IMAGE.as_ptr().cast(),
                IMAGE.len(),
                first,
                len,
                &raw mut policy,
            )
        }
    };
    let first = memory.first();
    assert_eq!(make(ptr::null_mut(), needed), Status::NullPointer);
    assert_eq!(
        make(first.wrapping_byte_add(4), needed),
        Status::MemoryUnaligned
    );
    assert_eq!(make(first, needed - 1), Status::MemoryTooSmall);
    assert_eq!(make(first, needed), Status::Ok);
    let (observation, mut action) = ([0.1_f32; 4], [0.0_f32; 1]);
    let mut act = |observed: usize, acted: usize| {
        // SAFETY: the arrays are at least as long as is said.
        unsafe {
            rlfd_policy_act(
                policy,
                observation.as_ptr(),
                observed,
                action.as_mut_ptr(),
                acted,
            )
        }
    };
    assert_eq!(act(4, 1), Status::Ok);
    assert_eq!(act(3, 1), Status::Width);
    assert_eq!(act(4, 0), Status::Width);
    // SAFETY: NULL is allowed.
    let none = unsafe { rlfd_policy_act(ptr::null_mut(), ptr::null(), 0, ptr::null_mut(), 0) };
    assert_eq!(none, Status::NullPointer);
    // SAFETY: the policy was made above.
    assert_eq!(unsafe { rlfd_policy_self_test(policy) }, Status::Ok);
    // Nothing was written behind the memory that was lent.
    assert!(memory.0[needed..].iter().all(|byte| *byte == 0xAA));
}

unsafe extern "C" fn now_us(_: *mut c_void) -> u64 {
    7
}

unsafe extern "C" fn sense(_: *mut c_void, measurement: *mut f32, len: usize) -> bool {
    // SAFETY: the caller lends an array of `len` numbers.
    unsafe { std::slice::from_raw_parts_mut(measurement, len) }.fill(0.01);
    true
}

unsafe extern "C" fn actuate(_: *mut c_void, _: *const f32, _: usize) -> bool {
    false
}

unsafe extern "C" fn make_safe(context: *mut c_void) {
    // SAFETY: the context is a counter.
    unsafe { *context.cast::<u32>() += 1 };
}

#[test]
fn a_controller_keeps_to_its_phases_and_latches_what_goes_wrong() {
    let needed = contract().controller_memory;
    let mut memory = Memory::new();
    let mut safe = 0_u32;
    let board = Board {
        context: (&raw mut safe).cast(),
        now_us: Some(now_us),
        sense: Some(sense),
        actuate: Some(actuate),
        make_safe: Some(make_safe),
        entered: None,
        measured_at_us: None,
    };
    let limits = [Limits {
        low: -1.0,
        high: 1.0,
        max_rate: f32::INFINITY,
    }];
    let mut controller = ptr::null_mut();
    let first = memory.first();
    let mut make = |board: &Board, limits: &[Limits], len: usize| {
        // SAFETY: everything is as long as is said.
        unsafe {
            rlfd_controller_new(
                IMAGE.as_ptr().cast(),
                IMAGE.len(),
                board,
                limits.as_ptr(),
                limits.len(),
                first,
                len,
                &raw mut controller,
            )
        }
    };
    let deaf = Board {
        sense: None,
        ..board
    };
    assert_eq!(make(&deaf, &limits, needed), Status::NullPointer);
    assert_eq!(make(&board, &[limits[0]; 2], needed), Status::Width);
    let nothing = [Limits {
        low: 4.0,
        high: 5.0,
        ..limits[0]
    }];
    assert_eq!(make(&board, &nothing, needed), Status::Limits);
    assert_eq!(make(&board, &limits, needed - 1), Status::MemoryTooSmall);
    assert_eq!(make(&board, &limits, needed), Status::Ok);
    // SAFETY: the controller was made above.
    unsafe {
        assert_eq!(rlfd_controller_start(controller), Status::WrongPhase);
        assert_eq!(rlfd_controller_self_test(controller), Status::Ok);
        assert_eq!(rlfd_controller_phase(controller), Phase::Armed);
        assert_eq!(rlfd_controller_start(controller), Status::Ok);
        assert_eq!(
            rlfd_controller_step(controller, ptr::null_mut()),
            Status::Ok
        );
        assert_eq!(rlfd_controller_phase(controller), Phase::Faulted);
        assert_eq!(rlfd_controller_fault(controller), Fault::Actuate as u8);
        assert_eq!(safe, 1);
        // This policy takes no setpoint.
        assert_eq!(contract().setpoint_dim, 0);
        let setpoint = [1.0_f32];
        let set = |len| rlfd_controller_set_setpoint(controller, setpoint.as_ptr(), len);
        assert_eq!((set(0), set(1)), (Status::Ok, Status::Width));
        assert_eq!(rlfd_controller_stop(controller), Status::WrongPhase);
        assert_eq!(rlfd_controller_trip(controller, 99), Status::UnknownFault);
        assert_eq!(rlfd_controller_reset(controller), Status::Ok);
        assert_eq!(rlfd_controller_phase(controller), Phase::Idle);
        assert_eq!(rlfd_controller_fault(controller), Fault::None as u8);
        assert_eq!(
            rlfd_controller_trip(controller, Fault::External as u8),
            Status::Ok
        );
        assert_eq!(rlfd_controller_fault(controller), Fault::External as u8);
        assert_eq!(
            rlfd_controller_step(ptr::null_mut(), ptr::null_mut()),
            Status::NullPointer
        );
    }
    assert!(memory.0[needed..].iter().all(|byte| *byte == 0xAA));
}

#[test]
fn every_status_has_a_name() {
    let name = |status: i32| {
        // SAFETY: names are text that ends with a zero and lives for good.
        let text: &'static CStr = unsafe { CStr::from_ptr(rlfd_status_name(status)) };
        text.to_str().unwrap()
    };
    let names: std::collections::BTreeSet<_> = (0..=22).map(name).collect();
    assert_eq!(names.len(), 23);
    assert!(!names.contains("unknown status"));
    assert_eq!(
        (name(0), name(23), name(-1)),
        ("ok", "unknown status", "unknown status")
    );
}
