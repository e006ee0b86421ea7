"""The real Gymnasium as a peer to compare with.

usage: gymnasium_peer.py record SEEDS STEPS FOLDER   one FOLDER/ENVIRONMENT.KIND.npz each
       gymnasium_peer.py compare FOLDER              each against its FOLDER/ENVIRONMENT.KIND.ours.npz
       gymnasium_peer.py resets COUNT                statistics of initial states

A recording resets the environment with each seed, keeps MuJoCo's full integration state, and
applies uniformly random actions without time limit and on past termination. Its arrays are those
that `trainer replay` reads (`init_state`, `actions`) and writes (all others). The kinds are actions
over the whole range, as float32 and as float64, and `gentle` ones from more seeds: what falls slowly
comes close to the bounds of termination on either side. The Fetch environments get scripted actions that
touch the object, and recordings of them also hold `desired_goal` and `achieved_goal`.
"""

import pathlib
import sys

import fetch_scripts
import gymnasium
import gymnasium_robotics  # registers the Fetch environments
import mujoco
import numpy as np

LOCOMOTION = """InvertedPendulum InvertedDoublePendulum HalfCheetah Hopper Walker2d Ant Humanoid
Reacher Swimmer Pusher""".split()
ENVIRONMENTS = [f"{name}-v5" for name in LOCOMOTION] + [
    f"{name}-v4" for name in fetch_scripts.ENVIRONMENTS
]
OUTCOMES = "obs rewards terminated truncated qpos qvel".split()
GENTLE_SEEDS, GENTLE_STEPS, GENTLE = 40, 100, 0.02
FETCH_SEEDS, FETCH_STEPS = 10, 60
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


def record_fetch(name, env, seed, float_type):
    model, data = env.model, env.data
    seen, _ = env.reset(seed=seed)
    state = np.empty(mujoco.mj_stateSize(model, INTEGRATION))
    mujoco.mj_getState(model, data, state, INTEGRATION)
    random = np.random.default_rng(1000 + seed)
    outcome = {key: [] for key in ["actions", "achieved_goal", *OUTCOMES]}

    def note(seen):
        outcome["obs"].append(np.append(seen["observation"], seen["desired_goal"]))
        outcome["achieved_goal"].append(seen["achieved_goal"])
        outcome["qpos"].append(data.qpos.copy())
        outcome["qvel"].append(data.qvel.copy())

    note(seen)
    for time in range(FETCH_STEPS):
        action = fetch_scripts.action(name, seen, time, random).astype(float_type)
        seen, reward, terminated, truncated, _ = env.step(action)
        outcome["actions"].append(action)
        outcome["rewards"].append(np.float64(reward))
        outcome["terminated"].append(bool(terminated))
        outcome["truncated"].append(bool(truncated))
        note(seen)
    return {"init_state": state, "desired_goal": seen["desired_goal"], **outcome}


def recordings(name, n_seeds, n_steps):
    env = gymnasium.make(name).unwrapped
    if "Fetch" in name:
        for kind in "float32", "float64":
            yield kind, [record_fetch(name, env, seed, kind) for seed in range(FETCH_SEEDS)]
        return
    for kind in "float32", "float64":
        yield kind, [record(env, seed, n_steps, kind) for seed in range(n_seeds)]
    seeds = range(GENTLE_SEEDS)
    yield "gentle", [record(env, seed, GENTLE_STEPS, "float64", GENTLE) for seed in seeds]


def record_all(n_seeds, n_steps, folder):
    for name in ENVIRONMENTS:
        for kind, rows in recordings(name, n_seeds, n_steps):
            columns = {key: np.stack([np.asarray(row[key]) for row in rows]) for key in rows[0]}
            np.savez(folder / f"{name}.{kind}.npz", **columns)


def compare_all(folder):
    """Prints `NAME ARRAY LARGEST_DIFFERENCE LARGEST_NUMBER` for each array of each recording, and for those of objects
    `NAME moved LARGEST_DIFFERENCE SHARE`: the part of the episodes in which the object is moved by 3 cm."""
    for path in sorted(folder.glob("*.ours.npz")):
        stem = path.name.removesuffix(".ours.npz")
        theirs, ours = np.load(folder / f"{stem}.npz"), np.load(path)
        expected = set(theirs.files) - {"init_state", "actions", "desired_goal"}
        assert set(ours.files) == expected, ours.files
        for key in sorted(expected):
            a, b = theirs[key], ours[key]
            assert a.shape == b.shape, (stem, key, a.shape, b.shape)
            assert a.dtype == b.dtype, (stem, key, a.dtype, b.dtype)
            a, b = a.astype(float), b.astype(float)
            print(stem, key, np.abs(a - b).max(), np.abs(a).max())
        if "Fetch" in stem and "Reach" not in stem:
            a, b = theirs["achieved_goal"], ours["achieved_goal"]
            share = (np.abs(a - a[:, :1]).max((1, 2)) > 0.03).mean()
            print(stem, "moved", np.abs(a - b).max(), share)


def print_resets(count):
    """Prints `NAME INDEX MEAN STD MIN MAX` for each number of `qpos`, `qvel` and the goal after a reset."""
    for name in ENVIRONMENTS:
        env = gymnasium.make(name).unwrapped
        rows = []
        for seed in range(count):
            env.reset(seed=seed)
            goal = env.goal if "Fetch" in name else []
            rows.append(np.concatenate([env.data.qpos, env.data.qvel, goal]))
        rows = np.stack(rows)
        columns = zip(rows.mean(0), rows.std(0), rows.min(0), rows.max(0))
        for index, (mean, std, low, high) in enumerate(columns):
            print(name, index, mean, std, low, high)


if __name__ == "__main__":
    fetch_scripts.repair()
    command, *arguments = sys.argv[1:]
    if command == "record":
        record_all(int(arguments[0]), int(arguments[1]), pathlib.Path(arguments[2]))
    elif command == "compare":
        compare_all(pathlib.Path(arguments[0]))
    elif command == "resets":
        print_resets(int(arguments[0]))
    else:
        sys.exit(f"no command {command}")
