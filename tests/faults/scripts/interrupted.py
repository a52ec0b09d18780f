"""Trains until it is interrupted, and says then how far it came.

Usage: train.py EPOCHS BYTES
"""

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


epochs, size = int(sys.argv[1]), int(sys.argv[2])
random.seed(0)
net = Net(size)
try:
    for epoch in range(epochs):
        for step in range(3):
            net.backward()
        print("epoch", epoch, net.weight, flush=True)
        time.sleep(0.01)
except KeyboardInterrupt:
    print("interrupted", flush=True)
print("trained", flush=True)
