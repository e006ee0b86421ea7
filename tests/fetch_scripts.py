"""What the tests need to drive Gymnasium-Robotics' Fetch environments: actions that touch the object.

Random actions never do, and contacts are where two simulations would part first.
"""

import mujoco
import numpy as np
from gymnasium_robotics.utils import mujoco_utils

ENVIRONMENTS = [
    f"Fetch{task}{suffix}"
    for task in ("Reach", "Push", "Slide", "PickAndPlace")
    for suffix in ("", "Dense")
]


def repair():
    """With MuJoCo 3.12 and newer `enum in (…)` no longer knows a numpy integer, so that the package's helpers for joints
    refuse every joint. These do the same by sizes."""

    def places(model, name, addresses, sizes):
        joint = mujoco.mj_name2id(model, mujoco.mjtObj.mjOBJ_JOINT, name)
        assert joint != -1, name
        begin = addresses[joint]
        return slice(begin, begin + sizes[int(model.jnt_type[joint])])

    def qpos(model, name):  # free, ball, slide, hinge
        return places(model, name, model.jnt_qposadr, (7, 4, 1, 1))

    def qvel(model, name):
        return places(model, name, model.jnt_dofadr, (6, 3, 1, 1))

    def set_joint_qpos(model, data, name, value):
        data.qpos[qpos(model, name)] = value

    mujoco_utils.set_joint_qpos = set_joint_qpos
    mujoco_utils.get_joint_qpos = lambda model, data, name: data.qpos[qpos(model, name)].copy()
    mujoco_utils.get_joint_qvel = lambda model, data, name: data.qvel[qvel(model, name)].copy()


def action(name, seen, time, random):
    """A few steps that bring the object near its goal, with noise so that no two seeds do the same."""
    grip, goal = seen["observation"][:3], seen["desired_goal"]
    noise = 0.1 * random.standard_normal(4)
    if "Reach" in name:
        return np.append(6 * (goal - grip), 0) + noise
    place = seen["achieved_goal"]
    if "PickAndPlace" in name:
        # Over the object with open fingers, down, close, and away.
        if time < 15:
            return np.append(6 * (place - grip + [0, 0, 0.03]), 0.05) + noise * [1, 1, 1, 0.01]
        if time < 25:
            return np.append(6 * (place - grip), -0.005 * (time > 20)) + noise * [1, 1, 1, 0.01]
        return np.append(6 * (goal - place), -0.005) + noise * [1, 1, 1, 0.01]
    # Behind the object as seen from the goal, then through it.
    way = (goal - place)[:2] / np.linalg.norm((goal - place)[:2])
    behind = place - np.append(0.08 * way, 0)
    if time < 20:
        height = 0.08 if time < 12 else 0.0
        return np.append(6 * (behind + [0, 0, height] - grip), 0) + noise
    return np.append(10 * (place + np.append(0.02 * way, 0) - grip), 0) + noise
