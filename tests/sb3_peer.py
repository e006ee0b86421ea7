"""Stable-Baselines3 at the sizes of our recipes, to be timed beside them.

usage: sb3_peer.py sac|her THREADS FROM TO

sac: HalfCheetah-v5, two layers of 256, batches of 256, an update per step.
her: FetchPickAndPlace-v4, DDPG with goals of the future in 4 of 5 rows, three layers of 256, batches of 1024, 40 updates
after each episode of 50 steps.

Prints the environment steps per second from step FROM to step TO; the first of them is past the random actions.
"""

import sys
import time

import fetch_scripts
import gymnasium
import gymnasium_robotics  # registers the Fetch environments
import torch
from stable_baselines3 import DDPG, SAC, HerReplayBuffer
from stable_baselines3.common.callbacks import BaseCallback


class Watch(BaseCallback):
    """Looks at the clock when a step is over, updates of the steps before included."""

    def __init__(self, begin):
        super().__init__()
        self.begin, self.first = begin, None

    def _on_step(self):
        if self.num_timesteps == self.begin:
            self.first = time.perf_counter()
        return True


def main():
    case, threads, begin, end = sys.argv[1], *map(int, sys.argv[2:5])
    torch.set_num_threads(threads)
    fetch_scripts.repair()
    common = dict(device="cpu", seed=0, learning_starts=begin // 2)
    if case == "sac":
        layers = dict(net_arch=[256, 256])
        model = SAC("MlpPolicy", gymnasium.make("HalfCheetah-v5"), policy_kwargs=layers, **common)
    else:
        model = DDPG(
            "MultiInputPolicy",
            gymnasium.make("FetchPickAndPlace-v4"),
            replay_buffer_class=HerReplayBuffer,
            replay_buffer_kwargs=dict(n_sampled_goal=4, goal_selection_strategy="future"),
            policy_kwargs=dict(net_arch=[256, 256, 256]),
            batch_size=1024,
            train_freq=(50, "step"),
            gradient_steps=40,
            **common,
        )
    watch = Watch(begin)
    model.learn(end, callback=watch)
    print((end - begin) / (time.perf_counter() - watch.first))


main()
