"""Trains while processes are forked from it, as the workers of DataLoaders are; no torch.

Usage: train.py EPOCHS BYTES
"""

import multiprocessing
import os
import random
import sys


class Net:
    def __init__(self, size):
        self.weight, self.state = 1.0, bytearray(size)

    def backward(self, drawn):
        self.weight *= drawn
        self.state[random.randrange(len(self.state))] = random.randrange(256)


def load(seed, queue):
    queue.put(random.Random(seed).random())


def forked(status):
    """The exit status of a child that ends by itself."""
    child = os.fork()
    if not child:
        sys.exit(status)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


if __name__ == "__main__":
    epochs, size = int(sys.argv[1]), int(sys.argv[2])
    context = multiprocessing.get_context("fork")
    random.seed(0)
    net = Net(size)
    for epoch in range(epochs):
        for step in range(3):
            queue = context.SimpleQueue()
            worker = context.Process(target=load, args=(3 * epoch + step, queue))
            worker.start()
            net.backward(queue.get())
            worker.join()
            assert worker.exitcode == 0
        print("epoch", epoch, net.weight, forked(epoch), flush=True)
    print("trained", sum(net.state), flush=True)
