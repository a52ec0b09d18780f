"""Trains on a small disk, and in the middle takes a big file of its own away from there.

Usage: train.py EPOCHS BYTES BALLAST
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
        self.state[random.randrange(len(self.state))] = random.randrange(256)
        self.history.append(self.weight)


epochs, size, ballast = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3]
random.seed(0)
net = Net(size)
for epoch in range(epochs):
    for step in range(3):
        net.backward()
    print("epoch", epoch, net.weight, flush=True)
    time.sleep(0.02)
    if epoch == epochs // 2 and os.path.exists(ballast):
        os.unlink(ballast)
print("trained", sum(net.state), flush=True)
