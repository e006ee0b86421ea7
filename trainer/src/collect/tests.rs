//! Collected demonstrations held against published numbers, and against what was asked for.

use super::*;

fn wish(env: &str, episodes: usize) -> Wish {
    Wish {
        env: env.to_owned(),
        episodes,
        threads: 2,
        success_only: false,
        seed: 0,
        imperfection: Imperfection::default(),
    }
}

fn scripted(wish: &Wish, kind: ScriptKind, gain: Option<f64>) -> anyhow::Result<Collected> {
    let lend: &Lend<'_> = &|_, run| run(Demonstrator::Script(Script::new(kind, gain)));
    collect(wish, lend, &|_, _| ())
}

/// The script of Nair et al. was measured at a success of .99, a return of -32.9 ± 6.8 and 5 % of the steps beyond the
/// bounds of the action, over 100 episodes.
#[test]
fn the_published_script_does_as_well_here() {
    let collected = scripted(
        &wish("FetchPickAndPlace-v4", 100),
        ScriptKind::PickAndPlace,
        None,
    )
    .unwrap();
    let summary = collected.demonstrations.summary();
    assert!(summary.success >= 0.97, "{summary}");
    assert!((summary.ret.mean + 33.0).abs() < 2.0, "{summary}");
    let beyond = collected.clipping.steps as f64 / collected.clipping.of as f64;
    assert!((0.03..0.07).contains(&beyond), "{}", collected.clipping);
    assert!(summary.action.iter().all(|(l, h)| *l >= -1.0 && *h <= 1.0));
    // Every state can be begun in, with the observation that was seen there, but for what lags by 2 ms.
    let mut env = registry::open("FetchPickAndPlace-v4").unwrap();
    let mut observation = vec![0.0; 28];
    for episode in &collected.demonstrations.episodes[..3] {
        for (state, seen) in episode.state.iter().zip(episode.observation.chunks(25)) {
            env.reset_to(state, &mut observation).unwrap();
            for (ours, theirs) in observation[..6].iter().zip(seen) {
                assert!((ours - theirs).abs() < 5e-3, "{ours} {theirs}");
            }
        }
    }
}

#[test]
fn the_other_scripts_reach_what_they_say() {
    for (env, kind, least) in [
        ("FetchReach-v4", ScriptKind::Reach, 1.0),
        ("FetchPushDense-v4", ScriptKind::Push, 0.85),
        ("FetchSlide-v4", ScriptKind::Slide, 0.2),
    ] {
        let collected = scripted(&wish(env, 60), kind, None).unwrap();
        let summary = collected.demonstrations.summary();
        assert!(summary.success >= least, "{env}\n{summary}");
    }
}

#[test]
fn threads_change_nothing_and_only_successes_are_kept() {
    let mut wish = wish("FetchPush-v4", 12);
    wish.success_only = true;
    wish.imperfection.action_noise = vec![0.4];
    let alone = Wish {
        threads: 1,
        ..wish.clone()
    };
    let [many, one] = [wish, alone].map(|wish| scripted(&wish, ScriptKind::Push, None).unwrap());
    assert_eq!(many.demonstrations, one.demonstrations);
    assert_eq!((many.attempts, many.clipping), (one.attempts, one.clipping));
    assert_eq!(many.demonstrations.summary().success, 1.0);
    assert!(many.attempts > 12, "every episode succeeded");
}

#[test]
fn imperfections_are_what_they_are_called() {
    let reach = |change: &dyn Fn(&mut Imperfection)| {
        let mut wish = wish("FetchReach-v4", 20);
        change(&mut wish.imperfection);
        scripted(&wish, ScriptKind::Reach, None)
            .unwrap()
            .demonstrations
    };
    let stopped = reach(&|i| i.stop_after = Some(3));
    let is_still = |row: &[f64]| row.iter().all(|x| *x == 0.0);
    for episode in &stopped.episodes {
        let rows: Vec<bool> = episode.action.chunks(4).map(is_still).collect();
        assert!(rows[3..].iter().all(|still| *still) && !rows[2]);
    }
    let failing = reach(&|i| i.failures = 0.25);
    let given_up = |episode: &&Demonstration| is_still(&episode.action[40..]);
    assert_eq!(failing.episodes.iter().filter(given_up).count(), 5);
    let noisy = reach(&|i| i.action_noise = vec![0.0, 0.0, 0.0, 0.2]);
    let fingers: Vec<f64> = (noisy.episodes.iter())
        .flat_map(|episode| episode.action.chunks(4).map(|row| row[3]))
        .collect();
    let std = crate::data::Spread::of(&fingers).std;
    assert!((std - 0.2).abs() < 0.02, "{std}");

    let mut air = wish("FetchPickAndPlace-v4", 20);
    air.imperfection.air_only = true;
    let air = scripted(&air, ScriptKind::PickAndPlace, Some(4.0)).unwrap();
    for episode in &air.demonstrations.episodes {
        assert!(episode.desired_goal[2] > episode.achieved_goal[2] + AIR_M);
    }
}

#[test]
fn what_cannot_be_had_is_refused() {
    let refused = |env: &str, change: &dyn Fn(&mut Wish)| {
        let mut wish = wish(env, 2);
        change(&mut wish);
        scripted(&wish, ScriptKind::Reach, None)
            .unwrap_err()
            .to_string()
    };
    let message = refused("FetchReach-v4", &|wish| wish.imperfection.air_only = true);
    assert!(message.contains("no goals in the air"), "{message}");
    let message = refused("Hopper-v5", &|wish| wish.success_only = true);
    assert!(message.contains("has no goals"), "{message}");
    let message = refused("FetchReach-v4", &|w| {
        w.imperfection.action_noise = vec![0.1; 3]
    });
    assert!(message.contains("found 3 action noises"), "{message}");
    let message = refused("FetchReach-v4", &|wish| {
        wish.success_only = true;
        wish.imperfection.stop_after = Some(0);
    });
    assert!(message.contains("were asked for"), "{message}");
}

/// Of a point that goes straight at full speed the mean return is the known optimum, -3.474; noise makes it worse.
#[test]
fn a_straight_way_is_the_best_and_noise_spoils_it() {
    let mut asked = wish("Reach2DF-v1", 1000);
    let best = scripted(&asked, ScriptKind::Straight, None).unwrap();
    let summary = best.demonstrations.summary();
    assert!((summary.ret.mean + 3.474).abs() < 0.06, "{summary}");
    assert_eq!(summary.success, 1.0);
    asked.imperfection.action_noise = vec![1.0];
    let noisy = scripted(&asked, ScriptKind::Straight, None).unwrap();
    let summary = noisy.demonstrations.summary();
    assert!(summary.ret.mean < -5.0, "{summary}");
}
