"""Shows what flor does, from start to end, and proves the answer; `make demo` runs it.

It records linear.py, adds two log lines that the script did not have, has flor say what they would
have logged, and runs the whole changed script again, without flor, to hold every value against.
Ends with status 1 if one of them differs.
"""

import argparse
import difflib
import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

EXAMPLES = Path(__file__).resolve().parent
FLAGS = ("--epochs", "5", "--batch-size", "200")
# The usual 1 % of a run of seconds would not pay for a checkpoint of every epoch.
BUDGET = ("--budget", "200%")
LAST_EPOCH = "4"

# Each probe: the line of linear.py that it is put below, and the line itself.
WEIGHTS = (
    "    scheduler.step()\n",
    '    Flor.log("weights", net.fc1.weight.norm().item())\n',
)
GRADIENT = (
    "        loss.backward()\n",
    '        Flor.log("gradient", net.fc1.weight.grad.norm().item())\n',
)

# Takes the place of flor in the full re-run, so that not a line of flor's own takes part in it.
PLAIN_FLOR = '''\
"""Loops pass through; each logged value becomes a line of values.jsonl with its position."""

import json


class MTK:
    position = []

    @staticmethod
    def loop(items):
        MTK.position.append(-1)
        for item in items:
            MTK.position[-1] += 1
            yield item
        MTK.position.pop()

    @staticmethod
    def checkpoints(*objects):
        pass

    @staticmethod
    def log(name, value):
        with open("values.jsonl", "a") as lines:
            lines.write(json.dumps([name, MTK.position, value]) + "\\n")
'''


class Demo:
    """The folders of one run of the demo, and the commands typed in them."""

    flags = FLAGS

    def __init__(self, folder):
        self.folder = folder
        self.project = folder / "project"
        self.plain = folder / "plain"
        self.script = self.project / "linear.py"

    def prepare(self):
        """Make a git repository with the script and its data, and a copy for the full re-run."""
        data = self.project / "data"
        data.mkdir(parents=True)
        shutil.copy(EXAMPLES / "linear.py", self.project)
        shutil.copy(EXAMPLES / "data" / "mnist_5k.npz", data)
        self.quietly("git", "init", "--quiet")
        self.quietly("git", "add", "--all")
        author = ("-c", "user.name=demo", "-c", "user.email=demo@example.org")
        self.quietly("git", *author, "commit", "--quiet", "--no-verify", "--message", "start")
        shutil.copytree(data, self.plain / "data")
        (self.plain / "flor.py").write_text(PLAIN_FLOR)

    def environment(self, *python_path):
        """This process's own, with a FLOR_HOME in the demo's folder and nothing else of flor's."""
        own = {name: text for name, text in os.environ.items() if not name.startswith("FLOR_")}
        paths = [*map(str, python_path), own.get("PYTHONPATH", "")]
        own["PYTHONPATH"] = os.pathsep.join(path for path in paths if path)
        return {**own, "FLOR_HOME": str(self.folder / "home")}

    def quietly(self, *words):
        """Run a command in the project; returns what it prints."""
        done = subprocess.run(
            words,
            cwd=self.project,
            env=self.environment(EXAMPLES.parent),
            stdout=subprocess.PIPE,
            text=True,
            check=True,
        )
        return done.stdout

    def flor(self, *words):
        """Type a flor command, for all to see."""
        say(f"\n$ flor {' '.join(words)}")
        command = [sys.executable, "-m", "florctl", *words]
        subprocess.run(command, cwd=self.project, env=self.environment(EXAMPLES.parent), check=True)

    def add(self, *probes):
        """Put log lines into the script, and show the difference."""
        before = after = self.script.read_text()
        for anchor, line in probes:
            assert anchor in after, f"linear.py has no line {anchor!r}"
            after = after.replace(anchor, anchor + line, 1)
        self.script.write_text(after)
        changes = difflib.unified_diff(
            before.splitlines(), after.splitlines(), "linear.py", "linear.py", lineterm="", n=1
        )
        say("\n" + "\n".join(changes))

    def replayed(self, *names):
        """The values that replays have found: (name, position, bits) of each."""
        shown = self.quietly(
            *(sys.executable, "-m", "florctl", "log", "get", "@"), *names, "--json"
        )
        return [
            (row["name"], tuple(at["index"] for at in row["position"]), bits(row["value"]))
            for row in json.loads(shown)
        ]

    def rerun(self):
        """Run the changed script as a whole, without flor; the values by name and position."""
        shutil.copy(self.script, self.plain)
        command = [sys.executable, "linear.py", *self.flags]
        say(f"\n$ python {' '.join(command[1:])}")
        subprocess.run(command, cwd=self.plain, env=self.environment(self.plain), check=True)
        values = self.plain / "values.jsonl"
        lines = values.read_text().splitlines() if values.exists() else []
        return {(name, tuple(at)): bits(value) for name, at, value in map(json.loads, lines)}


def bits(value):
    """A number to the last bit; anything else as it is."""
    return value.hex() if isinstance(value, float) else value


def say(text):
    """Print at once, so that the lines of commands come behind it."""
    print(text, flush=True)


def compare(replayed, truth):
    """Hold replayed values against those of the full re-run; returns whether all are equal."""
    wrong = [one for one in replayed if truth.get(one[:2]) != one[2]]
    for name, position, value in wrong:
        expected = truth.get((name, position), "nothing")
        say(f"{name} at {position}: replayed {value}, the full re-run has {expected}")
    say(f"\n{len(replayed) - len(wrong)} of {len(replayed)} values equal, bit for bit.")
    return bool(replayed) and not wrong


def show(demo):
    """The whole demonstration; returns whether the replayed values are the true ones."""
    demo.prepare()
    say(f"All of this happens in {demo.folder}; your ~/.flor stays as it is.")

    say("\n1. Record a script that learns handwritten digits (MNIST).")
    demo.flor("record", *BUDGET, "linear.py", *FLAGS)

    say("\n2. How large did the weights become? That was not logged. Add the line now:")
    demo.add(WEIGHTS)
    say("\n   and ask what it would have logged. The loop over batches is skipped: its")
    say("   outcome is restored from checkpoints.")
    demo.flor("replay")

    say("\n3. And the gradients of the last epoch? Those are found in the inner loop:")
    demo.add(GRADIENT)
    say("\n   Only this epoch is executed, from its checkpoint on.")
    demo.flor("replay", "--epochs", LAST_EPOCH)

    say("\n4. Is that true? Train again from the start, without flor, and compare.")
    return compare(demo.replayed("weights", "gradient"), demo.rerun())


def main():
    """Read the command line and run."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--folder", type=Path, help="a new folder to work in; kept afterwards")
    given = parser.parse_args().folder
    if given is not None:
        given.mkdir(parents=True)
        return 0 if show(Demo(given.resolve())) else 1
    with tempfile.TemporaryDirectory(prefix="flor-demo-") as folder:
        return 0 if show(Demo(Path(folder).resolve())) else 1


if __name__ == "__main__":
    try:
        sys.exit(main())
    except subprocess.CalledProcessError as error:
        sys.exit(f"error: {error.cmd[0]} ended with status {error.returncode}")
