"""Demonstrations between our `.npz` files and what only Python reads well.

usage: demonstrations.py objects OLD.npz NEW.npz      arrays of pickled objects `acs`, `obs`, `info`
       demonstrations.py from-minari ID NEW.npz       a dataset of Minari's
       demonstrations.py to-minari FILE.npz ID LOW HIGH   bounds of the action, comma-separated

What goes wrong ends with one line on stderr and exit status 3; the program that started this checks the numbers.
"""

import io
import pickle
import sys
import warnings
import zipfile

import numpy as np

warnings.simplefilter("ignore")


class Refused(Exception):
    pass


# What NumPy needs to build arrays of numbers out of a pickle. Nothing else is looked up, so nothing else can run.
NUMPY_CORE = ("numpy.core.multiarray", "numpy._core.multiarray")
KNOWN = {
    ("numpy", "ndarray"): np.ndarray,
    ("numpy", "dtype"): np.dtype,
    ("collections", "OrderedDict"): dict,
    ("_codecs", "encode"): lambda text, encoding: text.encode(encoding),
}


class NumbersOnly(pickle.Unpickler):
    def find_class(self, module, name):
        if module in NUMPY_CORE and name == "_reconstruct":
            return np._core.multiarray._reconstruct
        if module in NUMPY_CORE and name == "scalar":
            return np._core.multiarray.scalar
        if module in ("numpy.core.numeric", "numpy._core.numeric") and name == "_frombuffer":
            return np._core.numeric._frombuffer
        if (module, name) in KNOWN:
            return KNOWN[module, name]
        raise Refused(f"the pickle asks for {module}.{name}, which is no number")


def load_objects(archive, name):
    try:
        data = archive.read(f"{name}.npy")
    except KeyError:
        raise Refused(f"array `{name}`: not in the file") from None
    stream = io.BytesIO(data)
    version = np.lib.format.read_magic(stream)
    read_header = {1: np.lib.format.read_array_header_1_0, 2: np.lib.format.read_array_header_2_0}
    _, _, dtype = read_header[version[0]](stream)
    if dtype != np.dtype(object):
        stream.seek(0)
        return np.lib.format.read_array(stream, allow_pickle=False)
    try:
        return NumbersOnly(stream, encoding="latin1").load()
    except Refused as reason:
        raise Refused(f"array `{name}`: {reason}") from None
    except Exception as reason:
        raise Refused(f"array `{name}`: no pickle of numbers: {reason}") from None


def numbers(rows, name, episode):
    try:
        array = np.asarray([np.asarray(row, dtype=float).reshape(-1) for row in rows])
        assert array.ndim == 2
        return array
    except Exception:
        raise Refused(f"array `{name}`, episode {episode}: no rows of numbers of one width") from None


def flag(value):
    return bool(np.asarray(value, dtype=float).reshape(-1)[0])


def from_objects(old):
    with zipfile.ZipFile(old) as archive:
        acs, obs, info = (load_objects(archive, name) for name in ("acs", "obs", "info"))
    if not len(acs) == len(obs) == len(info) > 0:
        raise Refused(f"`acs`, `obs`, `info`: {len(acs)}, {len(obs)} and {len(info)} episodes")
    for episode in range(len(acs)):
        # A script may have recorded an action more than fits; states and successes decide how many steps there are.
        n_steps = min(len(acs[episode]), len(obs[episode]) - 1, len(info[episode]))
        if n_steps < 1:
            raise Refused(f"array `acs`, episode {episode}: expected a step between two states")
        seen = {
            key: numbers([row[key] for row in obs[episode][: n_steps + 1]], f"obs.{key}", episode)
            for key in ("observation", "achieved_goal", "desired_goal")
        }
        success = [flag(row["is_success"]) for row in info[episode][:n_steps]]
        yield dict(
            observation=seen["observation"],
            achieved_goal=seen["achieved_goal"],
            desired_goal=seen["desired_goal"][:-1],
            action=numbers(acs[episode][:n_steps], "acs", episode),
            reward=np.array(success, dtype=float) - 1,
            terminated=np.zeros(n_steps, dtype=bool),
            is_success=np.array(success),
        )


def import_minari():
    try:
        import minari
    except ImportError as reason:
        raise Refused(f"{reason}; `pip install minari[hdf5]`, or `cargo xtask setup`") from None
    return minari


def from_minari(dataset_id):
    minari = import_minari()
    try:
        dataset = minari.load_dataset(dataset_id)
    except Exception as reason:
        raise Refused(f"Minari does not load `{dataset_id}`: {reason}") from None
    if type(dataset.action_space).__name__ != "Box":
        raise Refused(f"action space {dataset.action_space}: only boxes of numbers are supported")
    for episode in dataset.iterate_episodes():
        n_steps, infos, seen = len(episode.rewards), episode.infos or {}, episode.observations
        row = dict(
            action=numbers(episode.actions, "actions", episode.id),
            reward=np.asarray(episode.rewards, dtype=float),
            terminated=np.asarray(episode.terminations, dtype=bool),
            is_success=np.zeros(n_steps, dtype=bool),
        )
        if isinstance(seen, dict):
            if set(seen) != {"observation", "achieved_goal", "desired_goal"}:
                raise Refused(f"observations {sorted(seen)}: expected a box, or a goal's three")
            row["observation"] = numbers(seen["observation"], "observation", episode.id)
            row["achieved_goal"] = numbers(seen["achieved_goal"], "achieved_goal", episode.id)
            row["desired_goal"] = numbers(seen["desired_goal"], "desired_goal", episode.id)[:-1]
        else:
            row["observation"] = numbers(seen, "observations", episode.id)
        for key in ("is_success", "success"):
            if key in infos:
                row["is_success"] = np.asarray(infos[key]).reshape(len(infos[key]), -1)[-n_steps:, 0] != 0
        if "state" in infos and len(infos["state"]) == n_steps + 1:
            row["state"] = numbers(infos["state"], "infos.state", episode.id)
        yield row
    spec = dataset.spec.env_spec
    yield spec.id if spec is not None else ""


def save(path, episodes):
    """Writes our layout; the last thing yielded may be the environment's name."""
    episodes = list(episodes)
    env = episodes.pop() if isinstance(episodes[-1], str) else ""
    if not episodes:
        raise Refused("no episodes")
    lengths = [len(episode["reward"]) for episode in episodes]
    arrays = {"env": np.array(env), "length": np.array(lengths)}
    for key, first in episodes[0].items():
        rows = max(lengths) + len(first) - lengths[0]
        filler = False if first.dtype == bool else np.nan
        arrays[key] = np.full((len(episodes), rows, *first.shape[1:]), filler, dtype=first.dtype)
        for index, episode in enumerate(episodes):
            if key not in episode or episode[key].shape[1:] != first.shape[1:]:
                raise Refused(f"array `{key}`, episode {index}: not as in episode 0")
            arrays[key][index, : len(episode[key])] = episode[key]
    np.savez_compressed(path, **arrays)


def to_minari(path, dataset_id, low, high):
    minari = import_minari()
    import gymnasium
    from gymnasium import spaces
    from minari.data_collector import EpisodeBuffer

    data = np.load(path, allow_pickle=False)
    has_goals = "achieved_goal" in data.files
    buffers = []
    for index, length in enumerate(data["length"]):
        observations = data["observation"][index, : length + 1]
        if has_goals:
            desired = data["desired_goal"][index, :length]
            observations = {
                "observation": observations,
                "achieved_goal": data["achieved_goal"][index, : length + 1],
                "desired_goal": np.concatenate([desired, desired[-1:]]),
            }
        terminations = data["terminated"][index, :length]
        truncations = np.zeros(length, dtype=bool)
        truncations[-1] = not terminations[-1]
        # An information belongs to a state; that of the first is no success.
        infos = {"success": np.append(False, data["is_success"][index, :length])}
        if "state" in data.files:
            infos["state"] = data["state"][index, : length + 1]
        buffers.append(
            EpisodeBuffer(
                id=index,
                observations=observations,
                actions=data["action"][index, :length],
                rewards=data["reward"][index, :length],
                terminations=terminations,
                truncations=truncations,
                infos=infos,
            )
        )

    def box(width):
        return spaces.Box(-np.inf, np.inf, (width,), np.float64)

    seen = box(data["observation"].shape[2])
    if has_goals:
        goal = box(data["achieved_goal"].shape[2])
        seen = spaces.Dict(observation=seen, achieved_goal=goal, desired_goal=goal)
    low, high = (np.array(bound.split(","), dtype=float) for bound in (low, high))
    try:
        dataset = minari.create_dataset_from_buffers(
            dataset_id,
            buffers,
            observation_space=seen,
            action_space=spaces.Box(low, high, dtype=np.float64),
            algorithm_name="demonstrations",
            author="rlfd",
            author_email="",
            code_permalink="",
            description="Converted by `trainer demos convert`.",
            data_format="hdf5",
        )
    except Exception as reason:
        raise Refused(f"Minari does not write `{dataset_id}`: {reason}") from None
    # Minari would make the environment to name it; its name and its time limit are enough.
    env = str(data["env"]).removeprefix("gym:")
    if env:
        spec = gymnasium.envs.registration.EnvSpec(env, max_episode_steps=int(data["length"].max()))
        try:
            import gymnasium_robotics  # registers some of the environments
        except Exception:
            pass
        spec = gymnasium.registry.get(env, spec)
        dataset.storage.update_metadata({"env_spec": spec.to_json()})
    print(dataset.storage.data_path)


if __name__ == "__main__":
    try:
        command, *arguments = sys.argv[1:]
        if command == "objects":
            save(arguments[1], from_objects(arguments[0]))
        elif command == "from-minari":
            save(arguments[1], from_minari(arguments[0]))
        elif command == "to-minari":
            to_minari(*arguments)
        else:
            raise Refused(f"no command {command}")
    except Refused as reason:
        print(reason, file=sys.stderr)
        sys.exit(3)
