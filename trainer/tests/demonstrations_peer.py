"""Demonstrations beside NumPy and the real `minari` package.

usage: demonstrations_peer.py check FILE.npz         our layout, read without pickle, rewards computed again
       demonstrations_peer.py objects OLD.npz        writes pickled objects
       demonstrations_peer.py evil OLD.npz MARK      the same, with a pickle that would make a file
       demonstrations_peer.py same OLD.npz NEW.npz   what came of it
       demonstrations_peer.py minari ID FILE.npz     writes a dataset, and the same in our layout
       demonstrations_peer.py load ID FILE.npz       a dataset that came of a file
"""

import sys

import numpy as np


def check(path):
    data = np.load(path, allow_pickle=False)
    n, rows, goal = data["achieved_goal"].shape
    assert str(data["env"]) == "FetchReach-v4"
    assert data["observation"].shape == (n, rows, 10) and goal == 3
    assert data["state"].shape[:2] == (n, rows)
    for key, dtype in dict(observation="f8", reward="f8", is_success="?", length="i8").items():
        assert data[key].dtype == np.dtype(dtype), key
    distance = np.linalg.norm(data["achieved_goal"][:, 1:] - data["desired_goal"], axis=-1)
    assert (data["reward"] == -(distance > 0.05).astype(float)).all()
    assert (data["is_success"] == (distance < 0.05)).all() and data["is_success"][:, -1].all()
    assert (data["achieved_goal"] == data["observation"][:, :, :3]).all()
    assert (np.abs(data["action"]) <= 1).all() and (data["length"] == rows - 1).all()


def old_episodes(n=3, n_steps=5):
    random = np.random.default_rng(0)
    acs, obs, info = (np.empty(n, dtype=object) for _ in range(3))
    for episode in range(n):
        # One script has recorded an action too many, and none kept to the bounds.
        extra = int(episode == 1)
        acs[episode] = [(2 * random.standard_normal(4)).tolist() for _ in range(n_steps + extra)]
        goal = random.standard_normal(3)
        obs[episode] = [
            dict(
                observation=random.standard_normal(25),
                achieved_goal=random.standard_normal(3),
                desired_goal=goal,
            )
            for _ in range(n_steps + 1)
        ]
        info[episode] = [dict(is_success=np.float32(t == n_steps - 1)) for t in range(n_steps)]
    return acs, obs, info


def objects(path):
    acs, obs, info = old_episodes()
    np.savez(path, acs=acs, obs=obs, info=info)


class Evil:
    def __init__(self, mark):
        self.mark = mark

    def __reduce__(self):
        return open, (self.mark, "w")


def evil(path, mark):
    acs, obs, info = old_episodes()
    acs[0] = [Evil(mark)]
    np.savez(path, acs=acs, obs=obs, info=info)


def same(old, new):
    old, new = np.load(old, allow_pickle=True), np.load(new, allow_pickle=False)
    assert str(new["env"]) == "FetchPickAndPlace-v4"
    for episode in range(len(old["acs"])):
        acs, obs = old["acs"][episode], old["obs"][episode]
        n_steps = len(obs) - 1
        assert new["length"][episode] == n_steps
        assert (new["action"][episode] == np.clip(acs[:n_steps], -1, 1)).all()
        for key in "observation", "achieved_goal":
            assert (new[key][episode] == [row[key] for row in obs]).all(), key
        assert (new["desired_goal"][episode] == obs[0]["desired_goal"]).all()
        assert (new["is_success"][episode] == [False] * (n_steps - 1) + [True]).all()
        assert (new["reward"][episode] == [-1] * (n_steps - 1) + [0]).all()


def minari(dataset_id, path):
    import minari
    from gymnasium import spaces
    from minari.data_collector import EpisodeBuffer

    random = np.random.default_rng(1)
    buffers = []
    for length in 4, 7:
        terminations = np.arange(length) == length - 1
        if length == 7:
            terminations[:] = False
        buffers.append(
            EpisodeBuffer(
                observations=random.standard_normal((length + 1, 3)).astype(np.float32),
                actions=random.uniform(-1, 1, (length, 2)).astype(np.float32),
                rewards=random.standard_normal(length),
                terminations=terminations,
                truncations=(np.arange(length) == length - 1) & ~terminations,
                infos={"success": np.arange(length + 1) > 2},
            )
        )
    minari.create_dataset_from_buffers(
        dataset_id,
        buffers,
        observation_space=spaces.Box(-np.inf, np.inf, (3,)),
        action_space=spaces.Box(-1, 1, (2,)),
        data_format="hdf5",
    )

    def padded(rows, width):
        full = np.full((2, rows, *([width] if width else [])), np.nan)
        return full

    arrays = dict(observation=padded(8, 3), action=padded(7, 2), reward=padded(7, 0))
    arrays.update(terminated=np.zeros((2, 7), bool), is_success=np.zeros((2, 7), bool))
    for index, buffer in enumerate(buffers):
        length = len(buffer.rewards)
        arrays["observation"][index, : length + 1] = buffer.observations
        arrays["action"][index, :length] = buffer.actions
        arrays["reward"][index, :length] = buffer.rewards
        arrays["terminated"][index, :length] = buffer.terminations
        arrays["is_success"][index, :length] = buffer.infos["success"][1:]
    np.savez(path, length=[4, 7], **arrays)


def equal(one, other):
    one, other = np.load(one, allow_pickle=False), np.load(other, allow_pickle=False)
    for key in one.files:
        np.testing.assert_array_equal(one[key], other[key], key)


def load(dataset_id, path):
    import minari

    dataset = minari.load_dataset(dataset_id)
    data = np.load(path, allow_pickle=False)
    assert dataset.total_episodes == len(data["length"])
    assert dataset.spec.env_spec.id == str(data["env"])
    assert dataset.action_space.low.tolist() == [-1, -1, -1, -1]
    for index, episode in enumerate(dataset.iterate_episodes()):
        assert episode.id == index
        for key in "observation", "achieved_goal":
            assert (episode.observations[key] == data[key][index]).all(), key
        assert (episode.observations["desired_goal"][:-1] == data["desired_goal"][index]).all()
        assert (episode.actions == data["action"][index]).all()
        assert (episode.rewards == data["reward"][index]).all()
        assert not episode.terminations.any() and episode.truncations.tolist()[-1]
        assert (episode.infos["success"][1:] == data["is_success"][index]).all()
        assert (episode.infos["state"] == data["state"][index]).all()


if __name__ == "__main__":
    command, *arguments = sys.argv[1:]
    commands = dict(check=check, objects=objects, evil=evil, same=same, minari=minari, load=load)
    commands["equal"] = equal
    commands[command](*arguments)
