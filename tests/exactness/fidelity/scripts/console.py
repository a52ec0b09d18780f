"""Looks at its console and environment, reads standard input, and prints in unusual ways."""

import os
import subprocess
import sys

import torch

print(sys.argv, __name__, __package__, __spec__, os.path.basename(__file__), __doc__[:5])
print(os.path.relpath(sys.path[0]), type(__loader__).__name__, __builtins__.__name__)
for stream in (sys.stdin, sys.stdout, sys.stderr):
    print(stream.name, stream.fileno(), stream.isatty(), stream.encoding, stream.errors)
print(sys.stdout.line_buffering, sys.stdout.write_through, sys.stdout is sys.__stdout__)
print(sorted(name for name in globals() if not name.startswith("__")))

first = input("first? ")
weight = torch.zeros(2, requires_grad=True)
for step, line in enumerate(sys.stdin):
    loss = (weight - float(line)).pow(2).sum()
    loss.backward()
    with torch.no_grad():
        weight -= 0.1 * weight.grad
    weight.grad = None
    print(step, end=" ", flush=True)
    print("half a line", file=sys.stderr, end="", flush=True)
    sys.stdout.write("written ")
    sys.stdout.flush()
    os.write(1, b"raw ")
    subprocess.run(["echo", "from a child"], check=True)
    sys.stdout.buffer.write(b"bytes \xff\n")
    sys.stdout.flush()
print(file=sys.stderr)
print("äöü ∇θ", first, weight.tolist(), end="")
