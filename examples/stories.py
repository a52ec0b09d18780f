"""Two questions that come too late, and their answers: a confusion matrix, and histograms.

linear.py is recorded for ten epochs, with neither in it. Then a line below the inner loop asks
for a confusion matrix of each epoch; the inner loop is not entered for it. And lines within the
inner loop write histograms of the weights and gradients for TensorBoard: of all epochs, and of
the tenth alone. Each answer is held against a full run of the changed script without flor.
Ends with status 1 if one of them differs. Needs tensorboard (pip install florctl[tensorboard]).
"""

import argparse
import json
import sys
import tempfile
from pathlib import Path

from demo import BUDGET, Demo, compare, say
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

EPOCHS, STEPS = 10, 4
FLAGS = ("--epochs", str(EPOCHS), "--batch-size", "1000", "--hidden", "16")

# What is added: the line of linear.py below which it stands, and the lines themselves.
CONFUSION = (
    (
        "criterion = nn.CrossEntropyLoss()\n",
        '''\


def confusion(net):
    """int[10, 10]: how often a digit (row) is taken for another one (column)."""
    net.eval()
    with torch.no_grad():
        taken = net(images[test]).argmax(1)
    net.train()
    return torch.bincount(labels[test] * 10 + taken, minlength=100).reshape(10, 10)


''',
    ),
    ("    scheduler.step()\n", '    Flor.log("confusion", confusion(net).tolist())\n'),
)
HISTOGRAMS = (
    (
        "from torch.utils.data import DataLoader, TensorDataset\n",
        "from torch.utils.tensorboard import SummaryWriter\n",
    ),
    ("criterion = nn.CrossEntropyLoss()\n", 'writer = SummaryWriter("histograms")\n'),
    ("    total = 0.0\n", "    step = epoch * len(loader)\n"),
    (
        "        loss.backward()\n",
        """\
        for name, weight in net.fc2.named_parameters():
            writer.add_histogram(name, weight, step)
            writer.add_histogram(name + ".grad", weight.grad, step)
        step += 1
""",
    ),
)


class Story(Demo):
    """One of the two, in a folder of its own."""

    flags = FLAGS

    def begin(self):
        """Record the script as it is."""
        self.prepare()
        self.flor("record", *BUDGET, "linear.py", *self.flags)

    def reports(self):
        """The reports of all replays, in the order of asking."""
        found = sorted((self.folder / "home").glob("linear/*/replays/*/report.json"))
        return [json.loads(path.read_text()) for path in found]


def histograms(folder):
    """The histograms in a folder of event files: (tag, step, content) of each."""
    events = EventAccumulator(str(folder), size_guidance={"histograms": 0})
    events.Reload()
    return [
        (tag, one.step, repr(one.histogram_value))
        for tag in events.Tags()["histograms"]
        for one in events.Histograms(tag)
    ]


def tell_confusion(story):
    """The first story; returns whether its answer is true."""
    say("1. Which digits does the network take for which others? That was not logged.")
    story.begin()
    story.add(*CONFUSION)
    story.flor("replay")
    entered = story.reports()[0]["executed"].get("data", 0)
    say(f"\nThe inner loop was entered for {entered} steps. Now a full run, without flor:")
    replayed = story.replayed("confusion")
    return compare(replayed, story.rerun()) and len(replayed) == EPOCHS and entered == 0


def tell_histograms(story):
    """The second story; returns whether its answers are true."""
    say("\n2. How are weights and gradients spread? Histograms, written in the inner loop.")
    story.begin()
    story.add(*HISTOGRAMS)
    say("\nFirst of the tenth epoch alone, then of all:")
    story.flor("replay", "--epochs", str(EPOCHS - 1))
    story.flor("replay")
    story.rerun()
    tenth, every = (histograms(report["log_dir"]) for report in story.reports())
    plain = histograms(story.plain / "histograms")
    truth = {one[:2]: one[2] for one in plain}
    last = [one for one in plain if one[1] >= (EPOCHS - 1) * STEPS]
    whole = len(tenth) == len(last) and len(every) == len(plain)
    return compare([*tenth, *every], truth) and whole


STORIES = {"confusion": tell_confusion, "histograms": tell_histograms}


def main():
    """Read the command line and tell what was asked for."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("story", nargs="*", help=f"{' or '.join(STORIES)}; both by default")
    parser.add_argument("--folder", type=Path, help="a new folder to work in; kept afterwards")
    args = parser.parse_args()
    if unknown := set(args.story) - set(STORIES):
        parser.error(f"there is no story {unknown.pop()!r}")
    names = args.story or list(STORIES)
    if args.folder is not None:
        return tell(names, args.folder.resolve())
    with tempfile.TemporaryDirectory(prefix="flor-stories-") as folder:
        return tell(names, Path(folder).resolve())


def tell(names, folder):
    """Tell stories, each in a folder of its own; returns the exit status."""
    told = [STORIES[name](Story(folder / name)) for name in names]
    return 0 if all(told) else 1


if __name__ == "__main__":
    sys.exit(main())
