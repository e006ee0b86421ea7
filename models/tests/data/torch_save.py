"""Writes torch_save.pt, for the test that reads a dictionary as Python's torch saves it.

Run with PyTorch 2.11.0: python torch_save.py FILE
"""

import sys
from collections import OrderedDict

import torch

base = torch.arange(12, dtype=torch.float32).reshape(3, 4) / 8
layer = torch.nn.Linear(2, 1)
with torch.no_grad():
    layer.weight.copy_(torch.tensor([[0.1, -0.2]]))
    layer.bias.fill_(0.3)
tensors = OrderedDict(
    whole=base,
    transposed=base.t(),
    row=base[1],
    scalar=torch.tensor(-1.5),
    empty=torch.zeros(0, 4),
    parameter=torch.nn.Parameter(torch.tensor([2.5])),
)
tensors.update(layer.state_dict(prefix="layer."))
torch.save(tensors, sys.argv[1])
