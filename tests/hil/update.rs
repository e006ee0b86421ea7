//! Another policy over the link while the pendulum is balanced, and every refusal of a board that stands.

use rlfd_runtime::image::ImageBytes;
use rlfd_runtime::update::sign;
use rlfd_runtime::wire::{UpdateMessage, UpdateRefusal};
use rlfd_runtime::{Phase, PolicyImage};
use rlfd_trainer::hil::emulator::machine;
use rlfd_trainer::hil::{Disturbance, Upload};

use super::bench::Bench;
use super::firmware::Firmware;
use super::{STEPS, images, open};

const SEED: [u8; 32] = [42; 32];

/// Of [`SEED`], by Python's `cryptography`: an implementation of somebody else's.
const PUBLIC_KEY: &str = "197f6b23e16c8532c6abc838facd5ea789be0c76b2920334039bfa8b3d368d61";

/// The step after which the other policy is sent.
const BEGUN: u32 = 100;

fn signed(image: &[u8], counter: u32) -> Vec<u8> {
    let aligned = ImageBytes::new(image);
    sign(&PolicyImage::view(&aligned).unwrap(), image, counter, SEED).unwrap()
}

fn firmware() -> Firmware {
    let machine = machine("mps2-an386").unwrap();
    Firmware::build_with(machine, &images::balance_law(), |build, folder| {
        let key = folder.join("update.pub");
        std::fs::write(&key, PUBLIC_KEY).unwrap();
        build
            .args(["--features", "update"])
            .env("RLFD_UPDATE_KEY", key);
    })
}

/// The balance law begins, the learned policy ends: a thousand steps upright, each command with the bits of the host's own
/// engine for the policy that is in control, and no step left out for the change.
#[test]
fn a_board_changes_its_policy_while_it_balances() {
    let firmware = firmware();
    let mut bench = Bench::open(&firmware, Disturbance::default());
    let learned = images::learned();
    bench.update_after(BEGUN, Upload::new(signed(&learned, 1)).unwrap(), learned);
    let outcome = bench.episode(STEPS, |_, _, _| {});
    assert_eq!((outcome.steps, outcome.ret), (STEPS, 1000.0), "{outcome:?}");
    assert!(!outcome.fell && outcome.fault.is_none(), "{outcome:?}");
    assert_eq!(outcome.differing, 0, "{outcome:?}");
    let board = bench.close();
    assert_eq!((board.acted, board.refused), (STEPS, 0), "it counts on");
    let changed = outcome.changed.expect("the policy was changed");
    assert!(changed > BEGUN && changed < STEPS, "{changed}");
    println!(
        "changed after step {changed} of {STEPS}, return {}",
        outcome.ret
    );
}

#[test]
fn a_board_refuses_what_is_not_for_it_and_says_why() {
    let firmware = firmware();
    let mut session = open(&firmware).unwrap();
    let phase = session.reset(0).unwrap();
    assert_eq!(phase, Phase::Running { tick: 0 });
    let mut send = |mut file: Vec<u8>, alter: Option<usize>| {
        if let Some(at) = alter {
            file[at] ^= 1;
        }
        let mut upload = Upload::new(file).unwrap();
        while !upload.is_done() {
            if let Err(error) = upload.advance(&mut session) {
                let text = format!("{:#}", anyhow::Error::from(error));
                return Err(text);
            }
        }
        Ok(())
    };
    let learned = signed(&images::learned(), 3);
    let refused = [
        (send(learned.clone(), Some(1000)), "do not belong together"),
        (send(learned.clone(), Some(40)), "do not belong together"),
        (
            send(signed(&images::balance_law(), 1), None),
            "is the one that runs",
        ),
        (
            send(signed(&images::every_operation(), 1), None),
            "contract",
        ),
    ];
    for (result, reason) in refused {
        let message = result.unwrap_err();
        assert!(message.contains(reason), "{message}");
        assert!(
            message.contains("goes on with the policy it runs"),
            "{message}"
        );
    }
    // What the host's own side would not send.
    let unsigned = UpdateMessage::Begin {
        manifest: &learned[..32],
        signature: &[],
    };
    let answer = session.update(unsigned).unwrap();
    assert_eq!(answer, Err(UpdateRefusal::Unsigned));
    let status = session.update(UpdateMessage::Status).unwrap().unwrap();
    assert_eq!((status.running_counter, status.received), (0, 0));
    // It was never stopped, and takes a good one; then not the same again, and none before it.
    let mut upload = Upload::new(learned.clone()).unwrap();
    while !upload.is_done() {
        upload.advance(&mut session).unwrap();
    }
    let status = session.update(UpdateMessage::Status).unwrap().unwrap();
    assert_eq!(status.running_counter, 3);
    for (counter, expected) in [
        (3, UpdateRefusal::Replayed { running: 3 }),
        (2, UpdateRefusal::Older { running: 3 }),
    ] {
        let older = signed(&images::balance_law(), counter);
        let begin = UpdateMessage::Begin {
            manifest: &older[..32],
            signature: &older[32..96],
        };
        assert_eq!(session.update(begin).unwrap(), Err(expected));
    }
    session.close().unwrap();
}

/// A board without the feature says so.
#[test]
fn firmware_without_updates_says_so() {
    let machine = machine("mps2-an386").unwrap();
    let firmware = Firmware::build(machine, &images::balance_law());
    let mut session = open(&firmware).unwrap();
    let answer = session.update(UpdateMessage::Commit).unwrap();
    assert_eq!(answer, Err(UpdateRefusal::Unsupported));
}
