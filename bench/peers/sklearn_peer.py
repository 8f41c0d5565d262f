"""Trains one multilayer perceptron in scikit-learn; as torch_peer.py."""
import sys
import time

import numpy
import sklearn
from sklearn.neural_network import MLPClassifier

name, rows = sys.argv[1], int(sys.argv[2])
random = numpy.random.default_rng(1)
data = random.standard_normal((4096, 784), dtype=numpy.float32)
label = random.integers(10, size=4096)
net = MLPClassifier((512, 256) if name == "mlp" else (), solver="sgd", momentum=0.9, nesterovs_momentum=False,
                    learning_rate_init=0.001, batch_size=rows, alpha=0)
print(sklearn.__version__, flush=True)
classes = numpy.arange(10)
for line in sys.stdin:
    steps, start = int(line), time.perf_counter()
    while steps > 0:  # partial_fit() goes over what it is given once, in batches
        n = min(steps, 4096 // rows)
        net.partial_fit(data[:n * rows], label[:n * rows], classes)
        steps -= n
    print(time.perf_counter() - start, flush=True)
