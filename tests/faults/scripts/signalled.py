"""Trains, and in its third iteration waits for a signal.

Usage: train.py EPOCHS BYTES HANDLING   (HANDLING of signals: default, exits, goes on)
"""

import random
import signal
import sys
import time


class Net:
    def __init__(self, size):
        self.weight, self.state = 1.0, bytearray(size)

    def backward(self):
        self.weight *= random.random()
        self.state[random.randrange(len(self.state))] = random.randrange(256)


def leave(number, frame):
    sys.exit(5)


came = []


def note(number, frame):
    came.append(number)


epochs, size, handling = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3]
if handling != "default":
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, leave if handling == "exits" else note)
random.seed(0)
net = Net(size)
for epoch in range(epochs):
    for step in range(3):
        net.backward()
    print("epoch", epoch, net.weight, flush=True)
    if epoch == 2:
        print("waiting", flush=True)
        while not came:
            time.sleep(0.01)
print("trained", sum(net.state), flush=True)
