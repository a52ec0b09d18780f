"""Looks at its console and environment, reads standard input, and prints in unusual ways."""

import os
import subprocess
import sys


class Weight:
    """Trains without torch."""

    def __init__(self):
        self.values, self.aim = [0.0, 0.0], 0.0

    def backward(self):
        self.values = [value - 0.2 * (value - self.aim) for value in self.values]


print(sys.argv, __name__, __package__, __spec__, os.path.basename(__file__), __doc__[:5])
print(os.path.relpath(sys.path[0]), type(__loader__).__name__, __builtins__.__name__)
for stream in (sys.stdin, sys.stdout, sys.stderr):
    print(stream.name, stream.fileno(), stream.isatty(), stream.encoding, stream.errors)
print(sys.stdout.line_buffering, sys.stdout.write_through, sys.stdout is sys.__stdout__)
print(sorted(name for name in globals() if not name.startswith("__")))

first = input("first? ")
weight = Weight()
for step, line in enumerate(sys.stdin):
    weight.aim = float(line)
    weight.backward()
    print(step, end=" ", flush=True)
    print("half a line", file=sys.stderr, end="", flush=True)
    sys.stdout.write("written ")
    sys.stdout.flush()
    os.write(1, b"raw ")
    subprocess.run(["echo", "from a child"], check=True)
    sys.stdout.buffer.write(b"bytes \xff\n")
    sys.stdout.flush()
print(file=sys.stderr)
print("äöü ∇θ", first, weight.values, end="")
