//! The example for robot computers: every engine in its periodic loop, with MuJoCo as the robot at the other end of a socket.

use std::net::TcpListener;
use std::path::Path;
use std::thread;
use std::time::Duration;

use rlfd_runtime::backend::ort::OrtPolicy;
use rlfd_runtime::backend::tract::TractPolicy;
use rlfd_runtime::image::ImageBytes;
use rlfd_runtime::{EnginePolicy, Policy, PolicyImage};
use rlfd_trainer::env::registry;
use rlfd_trainer::hil::{
    Disturbance, Expectation, Link, LinkAddress, Pace, Patience, Plant, Session,
};
use robot_computer::metronome::Metronome;
use robot_computer::punctuality::Punctuality;
use robot_computer::serve;
use robot_computer::server::Memory;

use crate::hil::images;

const PERIOD: Duration = Duration::from_millis(1);

type Open = fn(&Path) -> Box<dyn Policy>;

const ENGINES: [(&str, Open); 3] = [
    ("engine", |_| {
        Box::new(EnginePolicy::from_bytes(&images::learned()).unwrap())
    }),
    ("tract", |model| Box::new(TractPolicy::open(model).unwrap())),
    ("ort", |model| Box::new(OrtPolicy::open(model).unwrap())),
];

#[test]
fn every_engine_balances_the_pendulum_once_per_millisecond() {
    let model = Path::new(env!("CARGO_MANIFEST_DIR")).join(images::LEARNED_MODEL);
    for (name, open) in ENGINES {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let model = model.clone();
        let robot_computer = thread::spawn(move || -> (Punctuality, u64) {
            let bytes = ImageBytes::new(&images::learned());
            let image = PolicyImage::view(&bytes).unwrap();
            let mut policy = open(&model);
            let mut memory = Memory::new(&image, policy.as_mut()).unwrap();
            let mut server = memory.serve(image, policy.as_mut()).unwrap();
            let (mut stream, _) = listener.accept().unwrap();
            let metronome = Metronome::new(PERIOD).unwrap();
            serve(&mut server, &mut stream, metronome).unwrap()
        });
        play(port);
        let (kept, steps) = robot_computer.join().unwrap();
        assert_eq!(steps, 1000, "{name}");
        // A step per period at most; how late they are is the machine's affair, and the books agree with themselves.
        assert_eq!(kept.cycles() - kept.idle(), 1000, "{name}: {kept}");
        assert!(kept.late_by(0.5) <= kept.late_by(1.0), "{name}: {kept}");
        assert!(kept.step_took(0.5) > Duration::ZERO, "{name}: {kept}");
    }
}

/// A whole episode of the plant, with the board behind `port`.
fn play(port: u16) {
    let bytes = ImageBytes::new(&images::learned());
    let image = PolicyImage::view(&bytes).unwrap();
    let mut env = registry::open(image.environment()).unwrap();
    let address = LinkAddress::Tcp {
        host: "127.0.0.1".to_owned(),
        port,
    };
    let link = Link::open(&address).unwrap();
    let (patience, cable) = (Patience::default(), Disturbance::default());
    let mut session = Session::open(link, Expectation::from(&image), patience, cable).unwrap();
    assert_eq!(session.board().board, "robot-computer");
    let mut plant = Plant::new(env.as_mut(), &image, Pace::LockStep).unwrap();
    let reports = plant.play(&mut session, 1, 0, |_, _| Ok(())).unwrap();
    assert_eq!((reports[0].ret, reports[0].len), (1000.0, 1000));
    let board = session.close().unwrap();
    assert_eq!((board.acted, board.refused, board.bad_frames), (1000, 0, 0));
}

#[test]
fn another_policy_than_the_images_is_refused() {
    let bytes = ImageBytes::new(&images::balance_law());
    let image = PolicyImage::view(&bytes).unwrap();
    let mut learned = EnginePolicy::from_bytes(&images::learned()).unwrap();
    let refused = Memory::new(&image, &mut learned).map(|_| ()).unwrap_err();
    assert!(refused.to_string().contains("another policy"), "{refused}");
}
