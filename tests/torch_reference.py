"""The same gradients and steps by PyTorch, in double precision. prop_torch.c runs it.

FILE holds little-endian numbers: uint32 rows, layers, width[layers + 1], label[rows]; then float32 parameters (weight
[in][out] and bias of each layer) and x [rows][features]. OUT gets float64: the gradient of the mean cross-entropy, then
for each run of the command line, "NAME:STEPS:LR:WEIGHT_DECAY:MOMENTUM:NESTEROV", the parameters after its steps.
"""
import array
import struct
import sys

import torch

torch.set_default_dtype(torch.float64)
torch.set_num_threads(1)
source, target, *runs = sys.argv[1:]
data = open(source, "rb").read()
rows, layers = struct.unpack_from("<2I", data)
width = struct.unpack_from(f"<{layers + 1}I", data, 8)
at = 8 + 4 * (layers + 1)
label = torch.tensor(struct.unpack_from(f"<{rows}I", data, at))
at += 4 * rows
numbers = torch.tensor(struct.unpack_from(f"<{(len(data) - at) // 4}f", data, at))
n = sum((i + 1) * o for i, o in zip(width, width[1:]))
start, x = numbers[:n], numbers[n:].reshape(rows, width[0])


def loss(params):
    y, at = x, 0
    for i, o in zip(width, width[1:]):
        if at:
            y = torch.relu(y)
        y = y @ params[at : at + i * o].reshape(i, o) + params[at + i * o : at + (i + 1) * o]
        at += (i + 1) * o
    return torch.nn.functional.cross_entropy(y, label)


def optimizer(params, name, lr, decay, momentum, nesterov):
    if name == "sgd":
        return torch.optim.SGD([params], lr, momentum, weight_decay=decay, nesterov=nesterov)
    kind = {"adam": torch.optim.Adam, "adamw": torch.optim.AdamW}[name]
    return kind([params], lr, weight_decay=decay)


params = start.clone().requires_grad_()
loss(params).backward()
out = array.array("d", params.grad.tolist())
for run in runs:
    name, steps, lr, decay, momentum, nesterov = run.split(":")
    params = start.clone().requires_grad_()
    step = optimizer(params, name, float(lr), float(decay), float(momentum), nesterov == "yes")
    for _ in range(int(steps)):
        step.zero_grad()
        loss(params).backward()
        step.step()
    out.extend(params.tolist())
with open(target, "wb") as f:
    out.tofile(f)
