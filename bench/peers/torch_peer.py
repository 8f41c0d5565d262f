"""Trains one network in PyTorch; peers.py starts it and asks for steps: a line "STEPS" on standard input, seconds on standard
output. NAME of the shapes below; eager, momentum SGD, convolutions as channels_last."""
import sys
import time

import torch
from torch import nn


def conv(*layers):
    """(in, out, padding) or "pool"; ReLU after each convolution."""
    parts = []
    for l in layers:
        parts += [nn.MaxPool2d(2)] if l == "pool" else [nn.Conv2d(l[0], l[1], 3, padding=l[2]), nn.ReLU()]
    return parts


NETS = {
    "softmax": ((784,), lambda: [nn.Linear(784, 10)]),
    "mlp": ((784,), lambda: [nn.Linear(784, 512), nn.ReLU(), nn.Linear(512, 256), nn.ReLU(), nn.Linear(256, 10)]),
    "cnn28": ((1, 28, 28), lambda: conv((1, 32, 0), (32, 64, 0), "pool") +
              [nn.Flatten(), nn.Linear(12 * 12 * 64, 128), nn.ReLU(), nn.Linear(128, 10)]),
    "cnn32": ((3, 32, 32), lambda: conv((3, 32, 1), (32, 32, 1), "pool", (32, 64, 1), (64, 64, 1), "pool") +
              [nn.Flatten(), nn.Linear(8 * 8 * 64, 256), nn.ReLU(), nn.Linear(256, 100)]),
}

name, rows, threads = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
torch.set_num_threads(threads)
torch.manual_seed(1)
shape, layers = NETS[name]
classes = 100 if name == "cnn32" else 10
net = nn.Sequential(*layers())
data = torch.randn(4096, *shape)
label = torch.randint(classes, (4096,))
if len(shape) == 3:
    net = net.to(memory_format=torch.channels_last)
    data = data.contiguous(memory_format=torch.channels_last)
step = torch.optim.SGD(net.parameters(), lr=0.001, momentum=0.9)
print(torch.__version__, flush=True)
for line in sys.stdin:
    start = time.perf_counter()
    for i in range(int(line)):
        if i * rows % 4096 == 0:
            order = torch.randperm(4096)
        at = order[i * rows % 4096:][:rows]
        step.zero_grad()
        nn.functional.cross_entropy(net(data[at]), label[at]).backward()
        step.step()
    print(time.perf_counter() - start, flush=True)
