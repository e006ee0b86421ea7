//! Recordings that come back as they were, and such as are refused.

use rlfd_models::npz::NpzWriter;

use super::*;

fn episode(len: usize, offset: f64) -> Demonstration {
    let numbers = |n: usize| (0..n).map(|i| offset + i as f64).collect::<Vec<f64>>();
    Demonstration {
        observation: numbers((len + 1) * 3),
        achieved_goal: numbers((len + 1) * 2),
        desired_goal: numbers(len * 2),
        action: numbers(len),
        reward: vec![-1.0; len],
        terminated: (0..len).map(|i| i + 1 == len).collect(),
        is_success: (0..len).map(|i| i > 0).collect(),
        state: (0..=len).map(|_| numbers(4)).collect(),
    }
}

fn two() -> Demonstrations {
    Demonstrations {
        env: "Some-v1".to_owned(),
        shape: DemonstrationShape {
            observation: 3,
            goal: 2,
            action: 1,
        },
        episodes: vec![episode(2, 0.5), episode(4, -1.0)],
    }
}

#[test]
fn episodes_of_different_lengths_come_back() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("two.npz");
    two().write(&path).unwrap();
    assert_eq!(Demonstrations::read(&path).unwrap(), two());

    let mut bare = two();
    bare.shape.goal = 0;
    for episode in &mut bare.episodes {
        episode.achieved_goal.clear();
        episode.desired_goal.clear();
        episode.state.clear();
    }
    bare.write(&path).unwrap();
    assert_eq!(Demonstrations::read(&path).unwrap(), bare);
    assert!(bare.append(two()).is_err());
    let mut four = two();
    four.append(two()).unwrap();
    assert_eq!((four.episodes.len(), four.n_steps()), (4, 12));
}

#[test]
fn what_is_wrong_is_named_by_file_array_episode_and_step() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("bad.npz");
    let refused = |change: &dyn Fn(&mut Demonstrations)| {
        let mut bad = two();
        change(&mut bad);
        let message = bad.write(&path).unwrap_err().to_string();
        assert!(!path.exists() && message.contains("bad.npz"), "{message}");
        message
    };
    let message = refused(&|bad| bad.episodes[1].observation[7] = f64::NAN);
    assert!(
        message.contains("`observation`, episode 1, step 2: expected finite numbers, found NaN"),
        "{message}"
    );
    let message = refused(&|bad| bad.episodes[0].action.push(0.0));
    assert!(message.contains("`action`, episode 0"), "{message}");
    let message = refused(&|bad| bad.episodes[1].state[3][1] = f64::INFINITY);
    assert!(message.contains("`state`, episode 1, step 3"), "{message}");
    let message = refused(&|bad| bad.episodes[1].state.clear());
    assert!(message.contains("expected 5 simulator states"), "{message}");
    let message = refused(&|bad| bad.episodes.clear());
    assert!(message.contains("at least one episode"), "{message}");
}

/// Dimensions and the number that fills them.
type Filled = (Vec<usize>, f64);

/// A file of two episodes of three steps, with one thing changed.
fn file(path: &Path, change: &dyn Fn(&str) -> Option<Filled>) {
    let mut npz = NpzWriter::new();
    for (name, shape) in [
        ("observation", vec![2, 4, 3]),
        ("achieved_goal", vec![2, 4, 2]),
        ("desired_goal", vec![2, 3, 2]),
        ("action", vec![2, 3, 1]),
        ("reward", vec![2, 3, 1]),
        ("is_success", vec![2, 3]),
        ("length", vec![2]),
    ] {
        let (shape, value) = match change(name) {
            Some(changed) => changed,
            None => (shape, if name == "length" { 3.0 } else { 0.5 }),
        };
        let n = shape.iter().product();
        npz.f64(name, &shape, &vec![value; n]).unwrap();
    }
    npz.write(path).unwrap();
}

#[test]
fn files_of_others_are_read_or_refused_by_array() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("theirs.npz");
    file(&path, &|_| None);
    let read = Demonstrations::read(&path).unwrap();
    assert_eq!((read.episodes.len(), read.env.as_str()), (2, ""));
    assert_eq!(read.episodes[1].reward, [0.5; 3]);
    assert!(!read.episodes[0].terminated[2] && read.episodes[0].is_success[0]);

    for (array, shape, value, words) in [
        ("observation", vec![2, 3, 3], 0.5, "expected [2, 4, ·]"),
        (
            "desired_goal",
            vec![2, 3, 3],
            0.5,
            "expected 2 numbers in a row",
        ),
        ("action", vec![6], 0.5, "expected [E, T, ·]"),
        ("action", vec![0, 3, 1], 0.5, "expected episodes with steps"),
        ("length", vec![2], 4.0, "expected 1 to 3, found 4"),
        ("length", vec![3], 3.0, "expected [2]"),
        ("reward", vec![2, 3], f64::NAN, "episode 0, step 0"),
    ] {
        file(&path, &|name| {
            (name == array).then(|| (shape.clone(), value))
        });
        let message = Demonstrations::read(&path).unwrap_err().to_string();
        assert!(
            message.contains(words) && message.contains(array) && message.contains("theirs.npz"),
            "{message}"
        );
    }
    let mut npz = NpzWriter::new();
    npz.f64("action", &[1, 1, 1], &[0.0]).unwrap();
    npz.write(&path).unwrap();
    let message = Demonstrations::read(&path).unwrap_err().to_string();
    assert!(message.contains("no array `observation`"), "{message}");
}

#[test]
fn the_layout_of_letters_is_converted() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("letters.npz");
    let count = |n: usize| (0..n).map(|i| i as f64).collect::<Vec<f64>>();
    // First with T+1 states, then cut to T with those that followed.
    for cut in [false, true] {
        let mut npz = NpzWriter::new();
        npz.f64("u", &[1, 2, 1], &[0.1, 0.2]).unwrap();
        npz.f64("r", &[1, 2, 1], &[-1.0, 0.0]).unwrap();
        npz.f64("info_is_success", &[1, 2, 1], &[0.0, 1.0]).unwrap();
        if cut {
            npz.f64("o", &[1, 2, 2], &count(4)).unwrap();
            npz.f64("o_2", &[1, 2, 2], &[2.0, 3.0, 4.0, 5.0]).unwrap();
        } else {
            npz.f64("o", &[1, 3, 2], &count(6)).unwrap();
            npz.f64("ag", &[1, 3, 1], &count(3)).unwrap();
            npz.f64("g", &[1, 2, 1], &[7.0, 7.0]).unwrap();
        }
        npz.write(&path).unwrap();
        let message = Demonstrations::read(&path).unwrap_err().to_string();
        assert!(message.contains("trainer demos convert"), "{message}");
        let read = Demonstrations::read_letters(&path, "Reach2D").unwrap();
        let episode = &read.episodes[0];
        assert_eq!(episode.observation, count(6));
        assert_eq!((&*read.env, episode.ret()), ("Reach2D", -1.0));
        assert!(episode.succeeds());
        assert_eq!(read.shape.goal, usize::from(!cut));
        if !cut {
            assert_eq!(episode.desired_goal, [7.0, 7.0]);
        }
    }
}

/// Some recordings have goals of no number, others goals that their task hides.
#[test]
fn goals_that_are_none_are_left_out() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("letters.npz");
    let write = |goal: usize| {
        let mut npz = NpzWriter::new();
        npz.f64("u", &[1, 2, 1], &[0.1, 0.2]).unwrap();
        npz.f64("r", &[1, 2, 1], &[-1.0, 0.0]).unwrap();
        npz.f64("o", &[1, 3, 2], &[0.5; 6]).unwrap();
        npz.f64("ag", &[1, 3, goal], &vec![0.1; 3 * goal]).unwrap();
        npz.f64("g", &[1, 2, goal], &vec![0.1; 2 * goal]).unwrap();
        npz.write(&path).unwrap();
        Demonstrations::read_letters(&path, "").unwrap()
    };
    assert_eq!(write(0).shape.goal, 0);
    let mut hidden = write(3);
    assert_eq!(hidden.shape.goal, 3);
    hidden.drop_goals();
    assert_eq!((hidden.shape.goal, hidden.check().is_ok()), (0, true));
    assert_eq!(hidden.episodes[0].achieved_goal, [0.0; 0]);
}

#[test]
fn actions_are_clipped_and_counted() {
    let mut all = two();
    // Actions 0.5, 1.5 and -1, 0, 1, 2.
    let clipping = all.clip(&[-0.5], &[1.0]);
    assert_eq!((clipping.steps, clipping.of), (3, 6));
    assert_eq!(clipping.farthest, 1.0);
    assert_eq!(all.episodes[0].action, [0.5, 1.0]);
    assert_eq!(all.episodes[1].action, [-0.5, 0.0, 1.0, 1.0]);
    assert!(clipping.to_string().contains("3 of 6 steps (50.0 %)"));
    assert_eq!(all.clip(&[-0.5], &[1.0]).steps, 0);
}

#[test]
fn a_summary_is_right_by_hand() {
    let summary = two().summary();
    assert_eq!((summary.episodes, summary.steps), (2, 6));
    assert_eq!((summary.lengths, summary.success), ((2, 4), 1.0));
    assert_eq!((summary.ret.mean, summary.ret.std), (-3.0, 1.0));
    assert_eq!(summary.action, [(-1.0, 2.0)]);
    // The last rows are 4.5, 5.5 and 2.5, 3.5; then 7, 8 and 5, 6.
    let distance = summary.final_distance.unwrap();
    assert!((distance.mean - 8.0_f64.sqrt()).abs() < 1e-12 && distance.std < 1e-12);
}

/// Two episodes of two and one steps, one after the other; the second ends because its time ran out.
#[test]
fn letters_in_one_row_are_parted_where_episodes_end() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("flat.npz");
    let write = |done: &[f64], rewards: &[usize]| {
        let mut npz = NpzWriter::new();
        npz.f64("u", &[3, 1], &[0.1, 0.2, 0.3]).unwrap();
        npz.f64("r", rewards, &[-1.0, 0.0, -1.0]).unwrap();
        npz.f64("o", &[3, 2], &[0.0, 1.0, 2.0, 3.0, 10.0, 11.0])
            .unwrap();
        npz.f64("o_2", &[3, 2], &[2.0, 3.0, 4.0, 5.0, 12.0, 13.0])
            .unwrap();
        npz.f64("ag", &[3, 1], &[0.0, 2.0, 10.0]).unwrap();
        npz.f64("ag_2", &[3, 1], &[2.0, 4.0, 12.0]).unwrap();
        npz.f64("g", &[3, 1], &[4.0, 4.0, 4.0]).unwrap();
        npz.f64("done", &[3, 1], done).unwrap();
        npz.f64("info_is_success", &[3, 1], &[0.0, 1.0, 0.0])
            .unwrap();
        npz.write(&path).unwrap();
        Demonstrations::read_letters(&path, "Reach2DF-v1")
    };
    let read = write(&[0.0, 1.0, 1.0], &[3]).unwrap();
    let [first, second] = &read.episodes[..] else {
        panic!("{read:?}")
    };
    assert_eq!(first.observation, [0.0, 1.0, 2.0, 3.0, 4.0, 5.0]);
    assert_eq!(first.achieved_goal, [0.0, 2.0, 4.0]);
    assert_eq!((&*first.action, first.ret()), (&[0.1, 0.2][..], -1.0));
    assert_eq!(first.terminated, [false, true]);
    assert_eq!(second.observation, [10.0, 11.0, 12.0, 13.0]);
    assert_eq!(
        (&*second.desired_goal, second.terminated[0]),
        (&[4.0][..], false)
    );
    let unfinished = write(&[0.0, 1.0, 0.0], &[3]).unwrap_err().to_string();
    assert!(
        unfinished.contains("flat.npz") && unfinished.contains("rows to end an episode"),
        "{unfinished}"
    );
    let wide = write(&[0.0, 1.0, 1.0], &[1, 3]).unwrap_err().to_string();
    assert!(
        wide.contains("expected [3, ·] beside `u`, found [1, 3]"),
        "{wide}"
    );
}
