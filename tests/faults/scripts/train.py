"""Trains without torch: a state of some megabytes that each step changes a little.

Usage: train.py EPOCHS BYTES [ENDING]   (ENDING: what it does behind its last iteration)
"""

import os
import random
import sys
import time


class Net:
    def __init__(self, size):
        self.weight, self.state, self.history = 1.0, bytearray(size), []

    def backward(self):
        self.weight *= random.random()
        at = random.randrange(len(self.state) - 8)
        self.state[at : at + 8] = random.randbytes(8)
        self.history.append(self.weight)


epochs, size = int(sys.argv[1]), int(sys.argv[2])
ending = sys.argv[3] if len(sys.argv) > 3 else "end"
random.seed(0)
net = Net(size)
for epoch in range(epochs):
    for step in range(3):
        net.backward()
    print("epoch", epoch, net.weight, flush=True)
    time.sleep(0.01)
print("trained", sum(net.state), flush=True)
if ending == "raise":
    raise ValueError("the script's own")
if ending == "_exit":
    os._exit(3)
if ending == "exit":
    sys.exit(4)
