"""A run's potential, and the fitting of it, held against the same flow in PyTorch. Needs torch and numpy; no part of CI.

    python tests/potential_peer.py RUN [--fit EPOCHS]

RUN is a folder of `trainer fit` whose recipe has `potential = "maf"`, and whose demonstrations are where the recipe says.
First the numbers of potential.pt are put into a flow of torch's and its potential is compared with the run's
potential-on-demonstrations.csv. With --fit the same flow is trained from scratch on one thread for so many passes, and
what a pass takes and where its loss ends is printed.
"""
import argparse
import csv
import math
import pathlib
import time
import tomllib

import numpy as np
import torch


def demonstrated(path, count, low, high):
    """States with their goals, and actions in -1 ... 1, episode by episode."""
    data = np.load(path)
    states, actions = [], []
    for episode in range(count):
        length = int(data["length"][episode]) if "length" in data else data["action"].shape[1]
        rows = [data["observation"][episode, :length]]
        if "desired_goal" in data and data["desired_goal"].shape[-1]:
            rows.append(data["desired_goal"][episode, :length])
        states.append(np.concatenate(rows, -1))
        actions.append(data["action"][episode, :length])
    actions = np.concatenate(actions)
    return np.concatenate(states), np.clip((actions - (high + low) / 2) / ((high - low) / 2), -1, 1)


class Made(torch.nn.Module):
    def __init__(self, dim, hidden):
        super().__init__()
        degrees = [torch.arange(1, dim + 1)]
        degrees += [1 + torch.arange(width) * (dim - 1) // width for width in hidden]
        outputs = torch.arange(1, dim + 1).repeat(2)
        self.masks = [(b[:, None] >= a[None, :]).float() for a, b in zip(degrees, degrees[1:])]
        self.masks.append((outputs[:, None] > degrees[-1][None, :]).float())
        sizes = [dim, *hidden, 2 * dim]
        self.layers = torch.nn.ModuleList(torch.nn.Linear(a, b) for a, b in zip(sizes, sizes[1:]))
        for layer in self.layers:
            torch.nn.init.xavier_normal_(layer.weight)
            torch.nn.init.zeros_(layer.bias)

    def forward(self, x):
        for index, (layer, mask) in enumerate(zip(self.layers, self.masks)):
            x = torch.nn.functional.linear(torch.relu(x) if index else x, layer.weight * mask, layer.bias)
        return x


class Flow(torch.nn.Module):
    def __init__(self, dim, hidden, layers):
        super().__init__()
        self.dim = dim
        self.layers = torch.nn.ModuleList(Made(dim, hidden) for _ in range(layers))

    def log_prob(self, x):
        log_det = 0.0
        for index, layer in enumerate(self.layers):
            x = x.flip(1) if index else x
            shift, raw = layer(x).split(self.dim, 1)
            alpha = raw + (raw.clamp(-5, 3) - raw).detach()
            x = (x - shift) * torch.exp(-alpha)
            log_det = log_det - alpha.sum(1)
        return -0.5 * x.square().sum(1) - 0.5 * self.dim * math.log(2 * math.pi) + log_det


def main():
    arguments = argparse.ArgumentParser()
    arguments.add_argument("run", type=pathlib.Path)
    arguments.add_argument("--fit", type=int, default=0, metavar="EPOCHS")
    arguments.add_argument("--bounds", type=float, nargs=2, default=(-2.0, 2.0), help="of the environment's actions")
    arguments = arguments.parse_args()
    recipe = tomllib.loads((arguments.run / "recipe.toml").read_text())
    assert recipe["potential"] == "maf", recipe["potential"]
    states, actions = demonstrated(recipe["demonstrations"], recipe["num_demos"], *arguments.bounds)
    tensors = torch.load(arguments.run / "potential.pt", weights_only=True)
    mean, std = tensors["normalizer.mean"].double(), tensors["normalizer.std"].double()
    normal = ((torch.tensor(states) - mean) / std).clamp(-5, 5)
    x = torch.cat([normal, torch.tensor(actions)], 1)

    flow = Flow(x.shape[1], recipe["potential_hidden"], recipe["flow_layers"])
    total = 0.0
    for member in range(recipe["potential_ensemble"]):
        for n, made in enumerate(flow.layers):
            for index, layer in enumerate(made.layers):
                name = f"maf.{member}.network.{n}.layer.{index}"
                layer.weight.data = tensors[name + ".weight"].double()
                layer.bias.data = tensors[name + ".bias"].double()
        with torch.no_grad():
            log_prob = flow.log_prob(x)
        print(f"member {member}: mean log density of the demonstrations {log_prob.mean():.4f}")
        total = total + torch.nn.functional.softplus(log_prob + 5) / 5
    total = total * recipe["potential_weight"] / recipe["potential_ensemble"]
    rows = csv.DictReader((arguments.run / "potential-on-demonstrations.csv").open())
    ours = torch.tensor([float(row["potential"]) for row in rows], dtype=torch.float64)
    print(f"greatest difference of the potential: {(ours - total).abs().max():.2e} of {total.abs().max():.3f}")

    if arguments.fit:
        torch.set_num_threads(1)
        data = x.float()
        flow = Flow(x.shape[1], recipe["potential_hidden"], recipe["flow_layers"])
        adam = torch.optim.Adam(flow.parameters(), lr=recipe["potential_learning_rate"])
        started, cpu = time.perf_counter(), time.process_time()
        for _ in range(arguments.fit):
            for rows in torch.randperm(len(data)).split(128):
                batch = data[rows].requires_grad_()
                surprise = -flow.log_prob(batch).mean()
                slope = torch.autograd.grad(surprise, batch, create_graph=True)[0]
                norm = slope.square().sum().sqrt() * (len(rows) / 128) ** 0.5
                adam.zero_grad()
                (surprise + recipe["flow_smoothing"] * norm).backward()
                adam.step()
        passes = arguments.fit
        wall, cpu = time.perf_counter() - started, time.process_time() - cpu
        with torch.no_grad():
            end = flow.log_prob(data).mean()
        print(f"PyTorch, one thread: {passes} passes, {1e3 * wall / passes:.1f} ms each ({1e3 * cpu / passes:.1f} ms of CPU)")
        print(f"mean log density at the end {end:.4f}")


if __name__ == "__main__":
    main()
