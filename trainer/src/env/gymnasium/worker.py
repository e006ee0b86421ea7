"""One environment of Gymnasium, stepped by the program that started this.

usage: worker.py ID

Frames are a length (4 bytes, little-endian) and as many bytes. This writes a JSON object that describes the environment,
then answers each frame: `R` and a seed (8 bytes) resets, `S` and the action's doubles steps. Answers begin with `O`,
the observation's doubles follow, with goals those of the one achieved behind them, and after a step the reward (a double)
and two bytes: terminated, truncated. `E` and a text say that something went wrong. The end of the input is the end.
"""

import json
import os
import struct
import sys


def write(frame):
    out.write(struct.pack("<I", len(frame)) + frame)
    out.flush()


def read():
    head = sys.stdin.buffer.read(4)
    if len(head) < 4:
        sys.exit(0)
    return sys.stdin.buffer.read(struct.unpack("<I", head)[0])


def fail(words):
    write(b"E" + words.encode())


def boxes(space):
    """Names and boxes of what an observation is joined from, in this order."""
    if type(space) is spaces.Box:
        return {"observation": space}
    if type(space) is spaces.Dict and all(type(part) is spaces.Box for part in space.values()):
        if set(space) == {"observation", "achieved_goal", "desired_goal"}:
            return {name: space[name] for name in ("observation", "desired_goal", "achieved_goal")}
        return dict(space.items())
    raise TypeError(f"observation space {space}: only boxes of numbers, and dictionaries of boxes, are supported")


def goal(env, seen):
    """Threshold and kind of the reward, where it is one of the two that are known as functions of the goals."""
    if set(seen) != {"observation", "achieved_goal", "desired_goal"}:
        return None
    inner, dim = env.unwrapped, int(np.prod(seen["desired_goal"].shape))
    threshold = getattr(inner, "distance_threshold", None)
    if threshold is None:
        threshold = getattr(getattr(inner, "task", None), "distance_threshold", None)
    if threshold is None or not hasattr(inner, "compute_reward"):
        return None
    rng = np.random.default_rng(0)
    way = rng.normal(size=(64, dim))
    way *= float(threshold) * rng.uniform(0.05, 3, (64, 1)) / np.linalg.norm(way, axis=1, keepdims=True)
    achieved = rng.normal(size=(64, dim))
    desired = achieved + way
    shape = seen["desired_goal"].shape
    found = [float(inner.compute_reward(a.reshape(shape), d.reshape(shape), {})) for a, d in zip(achieved, desired)]
    distance = np.linalg.norm(way, axis=1)
    for kind, expected in ("sparse", -(distance > threshold).astype(float)), ("dense", -distance):
        if np.allclose(found, expected, rtol=0, atol=1e-5):
            return {"dim": dim, "threshold": float(threshold), "reward": kind}
    return None


def describe(env):
    seen, acted = boxes(env.observation_space), env.action_space
    if type(acted) is not spaces.Box:
        raise TypeError(f"action space {acted}: only boxes of numbers are supported")
    for space in seen.values():
        if space.dtype == np.uint8 and len(space.shape) > 1:
            raise TypeError(f"observation space {space}: pictures are not supported")
    low, high = acted.low.astype(float).reshape(-1), acted.high.astype(float).reshape(-1)
    if not (np.isfinite(low).all() and np.isfinite(high).all() and (low < high).all()):
        raise TypeError(f"action space {acted}: expected finite bounds")
    dt, fps = getattr(env.unwrapped, "dt", None), env.metadata.get("render_fps")
    if not isinstance(dt, (int, float)) or dt <= 0:
        dt = 1 / fps if fps else 0.02
    limit, threshold = env.spec.max_episode_steps, env.spec.reward_threshold
    return {
        "observation": [[name, int(np.prod(space.shape))] for name, space in seen.items()],
        "goal": goal(env, seen),
        "action_low": low.tolist(),
        "action_high": high.tolist(),
        "period_s": float(dt),
        "max_episode_steps": limit,
        "reward_threshold": None if threshold is None else float(threshold),
    }


def numbers(observation, names):
    parts = [observation[name] for name in names] if isinstance(observation, dict) else [observation]
    array = np.concatenate([np.asarray(part, dtype="<f8").reshape(-1) for part in parts])
    if not np.isfinite(array).all():
        raise ValueError("the observation is not finite")
    return array.tobytes()


def serve(env):
    space, names = env.action_space, list(boxes(env.observation_space))
    while True:
        frame = read()
        try:
            if frame[:1] == b"R":
                observation, _ = env.reset(seed=struct.unpack("<Q", frame[1:])[0])
                write(b"O" + numbers(observation, names))
            else:
                action = np.frombuffer(frame[1:], "<f8").astype(space.dtype).reshape(space.shape)
                observation, reward, terminated, truncated, _ = env.step(action)
                rest = struct.pack("<dBB", float(reward), bool(terminated), bool(truncated))
                write(b"O" + numbers(observation, names) + rest)
        except Exception as error:
            fail(f"{type(error).__name__}: {error}")


if __name__ == "__main__":
    # What an environment prints must not get between the frames.
    out = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    try:
        import gymnasium
        import numpy as np
        from gymnasium import spaces

        env = gymnasium.make(sys.argv[1], disable_env_checker=True)
        description = describe(env)
    except Exception as error:
        fail(f"{type(error).__name__}: {error}")
        sys.exit(0)
    write(b"D" + json.dumps(description).encode())
    serve(env)
