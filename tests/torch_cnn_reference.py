"""Losses and gradients of cnn by PyTorch, in double precision. prop_torch_cnn.c runs it with the networks' layers as
SPEC..., in the words of `crew help cnn`.

FILE holds for each of them little-endian numbers: uint32 rows, height, width, depth, classes, parameters, label[rows];
then float32 parameters and x [rows][height][width][depth]. OUT gets float64 for each: how near the nearest kink is (a
relu's input to 0, the two largest values of a window to each other; where they are equal, either will do), the mean
cross-entropy, its gradient.
"""
import array
import re
import struct
import sys

import torch
from torch.nn import functional

torch.set_default_dtype(torch.float64)
torch.set_num_threads(1)
source, target, *specs = sys.argv[1:]
data = open(source, "rb").read()
at = 0


def take(kind, n):
    global at
    values = struct.unpack_from(f"<{n}{kind}", data, at)
    at += 4 * n
    return values


class Network:
    def __init__(self, spec, classes):
        self.words = spec.split(",") + [f"fc{classes}"]

    def part(self, *shape):
        """The next of the parameters."""
        n = torch.Size(shape).numel()
        self.at += n
        return self.params[self.at - n : self.at].reshape(shape)

    def near(self, distance):
        self.nearest = min([self.nearest] + distance[distance > 0].tolist())

    def conv(self, y, height, width, depth, stride, pad):
        weight = self.part(height, width, y.shape[1], depth).permute(3, 2, 0, 1)
        return functional.conv2d(y, weight, self.part(depth), stride or 1, pad or 0)

    def pool(self, y, size, stride):
        stride = stride or size
        if size > 1:
            window = y.detach().unfold(2, size, stride).unfold(3, size, stride)
            best = window.flatten(4).topk(2).values
            self.near(best[..., 0] - best[..., 1])
        return functional.max_pool2d(y, size, stride)

    def avgpool(self, y, size, stride):
        return functional.avg_pool2d(y, size, stride or size) if size else y.mean((2, 3), keepdim=True)

    def fc(self, y, width):
        y = y.permute(0, 2, 3, 1).flatten(1)
        y = y @ self.part(y.shape[1], width) + self.part(width)
        return y[:, :, None, None]

    def relu(self, y):
        self.near(y.detach().abs())
        return torch.relu(y)

    def norm(self, y, groups):
        return functional.group_norm(y, groups or 1, self.part(y.shape[1]), self.part(y.shape[1]))

    def dropout(self, y, _):
        return y

    FORMS = {
        "conv": r"(\d+)x(\d+)-(\d+)(?:s(\d+))?(?:p(\d+))?",
        "pool": r"(\d+)(?:s(\d+))?",
        "avgpool": r"(?:(\d+)(?:s(\d+))?)?",
        "fc": r"(\d+)",
        "relu": "",
        "norm": r"(\d+)?",
        "dropout": "(0)",
    }

    def loss(self, params, x, label):
        self.params, self.at, self.nearest = params, 0, float("inf")
        y = x.permute(0, 3, 1, 2)
        for word in self.words:
            name = re.match("[a-z]+", word).group()
            settings = re.fullmatch(name + self.FORMS[name], word).groups()
            y = getattr(self, name)(y, *(s and int(s) for s in settings))
        assert self.at == len(params)
        return functional.cross_entropy(y.flatten(1), label)


out = array.array("d")
for spec in specs:
    rows, height, width, depth, classes, n = take("I", 6)
    label = torch.tensor(take("I", rows))
    params = torch.tensor(take("f", n)).requires_grad_()
    x = torch.tensor(take("f", rows * height * width * depth)).reshape(rows, height, width, depth)
    network = Network(spec, classes)
    loss = network.loss(params, x, label)
    loss.backward()
    out.extend([network.nearest, loss.item()] + params.grad.tolist())
with open(target, "wb") as f:
    out.tofile(f)
