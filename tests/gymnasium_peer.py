"""The real Gymnasium as a peer to compare with.

usage: gymnasium_peer.py record SEEDS STEPS FOLDER   one FOLDER/ENVIRONMENT.KIND.npz each
       gymnasium_peer.py compare FOLDER              each against its FOLDER/ENVIRONMENT.KIND.ours.npz
       gymnasium_peer.py resets COUNT                statistics of initial states

A recording resets the environment with each seed, keeps MuJoCo's full integration state, and
applies uniformly random actions without time limit and on past termination. Its arrays are those
that `trainer replay` reads (`init_state`, `actions`) and writes (all others). The kinds are actions
over the whole range, as float32 and as float64, and `gentle` ones from more seeds: what falls slowly
comes close to the bounds of termination on either side.
"""

import pathlib
import sys

import gymnasium
import mujoco
import numpy as np

ENVIRONMENTS = """InvertedPendulum InvertedDoublePendulum HalfCheetah Hopper Walker2d Ant Humanoid
Reacher Swimmer Pusher""".split()
OUTCOMES = "obs rewards terminated truncated qpos qvel".split()
GENTLE_SEEDS, GENTLE_STEPS, GENTLE = 40, 100, 0.02
INTEGRATION = mujoco.mjtState.mjSTATE_INTEGRATION


def record(env, seed, n_steps, float_type, strength=1.0):
    model, data = env.model, env.data
    observation, _ = env.reset(seed=seed)
    state = np.empty(mujoco.mj_stateSize(model, INTEGRATION))
    mujoco.mj_getState(model, data, state, INTEGRATION)
    random = np.random.default_rng(1000 + seed)
    low, high = strength * env.action_space.low, strength * env.action_space.high
    actions = random.uniform(low, high, size=(n_steps, model.nu)).astype(float_type)
    outcome = {key: [] for key in OUTCOMES}
    outcome["obs"].append(observation)
    outcome["qpos"].append(data.qpos.copy())
    outcome["qvel"].append(data.qvel.copy())
    for action in actions:
        observation, reward, terminated, truncated, _ = env.step(action)
        outcome["obs"].append(observation)
        outcome["rewards"].append(np.float64(reward))
        outcome["terminated"].append(bool(terminated))
        outcome["truncated"].append(bool(truncated))
        outcome["qpos"].append(data.qpos.copy())
        outcome["qvel"].append(data.qvel.copy())
    return {"init_state": state, "actions": actions, **outcome}


def record_all(n_seeds, n_steps, folder):
    for name in ENVIRONMENTS:
        env = gymnasium.make(f"{name}-v5").unwrapped
        recordings = {
            kind: [record(env, seed, n_steps, kind) for seed in range(n_seeds)]
            for kind in ("float32", "float64")
        }
        recordings["gentle"] = [
            record(env, seed, GENTLE_STEPS, "float64", GENTLE) for seed in range(GENTLE_SEEDS)
        ]
        for kind, rows in recordings.items():
            columns = {key: np.stack([np.asarray(row[key]) for row in rows]) for key in rows[0]}
            np.savez(folder / f"{name}-v5.{kind}.npz", **columns)


def compare_all(folder):
    """Prints `NAME ARRAY LARGEST_DIFFERENCE LARGEST_NUMBER` for each array of each recording."""
    for name in ENVIRONMENTS:
        for kind in "float32", "float64", "gentle":
            stem = f"{name}-v5.{kind}"
            theirs = np.load(folder / f"{stem}.npz")
            ours = np.load(folder / f"{stem}.ours.npz")
            assert sorted(ours.files) == sorted(OUTCOMES), ours.files
            for key in OUTCOMES:
                a, b = theirs[key], ours[key]
                assert a.shape == b.shape, (stem, key, a.shape, b.shape)
                assert a.dtype == b.dtype, (stem, key, a.dtype, b.dtype)
                a, b = a.astype(float), b.astype(float)
                print(stem, key, np.abs(a - b).max(), np.abs(a).max())


def print_resets(count):
    """Prints `NAME INDEX MEAN STD MIN MAX` for each number of `qpos` and `qvel` after a reset."""
    for name in ENVIRONMENTS:
        env = gymnasium.make(f"{name}-v5").unwrapped
        rows = []
        for seed in range(count):
            env.reset(seed=seed)
            rows.append(np.concatenate([env.data.qpos, env.data.qvel]))
        rows = np.stack(rows)
        columns = zip(rows.mean(0), rows.std(0), rows.min(0), rows.max(0))
        for index, (mean, std, low, high) in enumerate(columns):
            print(f"{name}-v5", index, mean, std, low, high)


if __name__ == "__main__":
    command, *arguments = sys.argv[1:]
    if command == "record":
        record_all(int(arguments[0]), int(arguments[1]), pathlib.Path(arguments[2]))
    elif command == "compare":
        compare_all(pathlib.Path(arguments[0]))
    elif command == "resets":
        print_resets(int(arguments[0]))
    else:
        sys.exit(f"no command {command}")
