"""One environment of Gymnasium, stepped by the program that started this.

usage: worker.py ID

Frames are a length (4 bytes, little-endian) and as many bytes. This writes a JSON object that describes the environment,
then answers each frame: `R` and a seed (8 bytes) resets, `S` and the action's doubles steps. Answers begin with `O`,
the observation's doubles follow, and after a step the reward (a double) and two bytes: terminated, truncated. `E` and
a text say that something went wrong. The end of the input is the end.
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


def describe(env):
    from gymnasium import spaces

    for kind, space in ("observation", env.observation_space), ("action", env.action_space):
        if type(space) is not spaces.Box:
            raise TypeError(f"{kind} space {space}: only boxes of numbers are supported")
    seen, acted = env.observation_space, env.action_space
    if seen.dtype == np.uint8 and len(seen.shape) > 1:
        raise TypeError(f"observation space {seen}: pictures are not supported")
    low, high = acted.low.astype(float).reshape(-1), acted.high.astype(float).reshape(-1)
    if not (np.isfinite(low).all() and np.isfinite(high).all() and (low < high).all()):
        raise TypeError(f"action space {acted}: expected finite bounds")
    dt, fps = getattr(env.unwrapped, "dt", None), env.metadata.get("render_fps")
    if not isinstance(dt, (int, float)) or dt <= 0:
        dt = 1 / fps if fps else 0.02
    limit, threshold = env.spec.max_episode_steps, env.spec.reward_threshold
    return {
        "observation_dim": int(np.prod(seen.shape)),
        "action_low": low.tolist(),
        "action_high": high.tolist(),
        "period_s": float(dt),
        "max_episode_steps": limit,
        "reward_threshold": None if threshold is None else float(threshold),
    }


def numbers(observation):
    array = np.asarray(observation, dtype="<f8").reshape(-1)
    if not np.isfinite(array).all():
        raise ValueError("the observation is not finite")
    return array.tobytes()


def serve(env):
    space = env.action_space
    while True:
        frame = read()
        try:
            if frame[:1] == b"R":
                observation, _ = env.reset(seed=struct.unpack("<Q", frame[1:])[0])
                write(b"O" + numbers(observation))
            else:
                action = np.frombuffer(frame[1:], "<f8").astype(space.dtype).reshape(space.shape)
                observation, reward, terminated, truncated, _ = env.step(action)
                rest = struct.pack("<dBB", float(reward), bool(terminated), bool(truncated))
                write(b"O" + numbers(observation) + rest)
        except Exception as error:
            fail(f"{type(error).__name__}: {error}")


if __name__ == "__main__":
    # What an environment prints must not get between the frames.
    out = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    try:
        import gymnasium
        import numpy as np

        env = gymnasium.make(sys.argv[1], disable_env_checker=True)
        description = describe(env)
    except Exception as error:
        fail(f"{type(error).__name__}: {error}")
        sys.exit(0)
    write(b"D" + json.dumps(description).encode())
    serve(env)
