"""Parts of a main loop that is entered in its middle, and checkpoints that are of no use there."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.exactness.comparing import compare_part
from tests.exactness.harness import ProjectAt

pytestmark = pytest.mark.process

# The functions of an iteration live in globals that any text may read, so that a checkpoint behind
# the first iteration cannot be restored where none was defined yet. An iterator gives items once.
REFUSED = """\
import random
import flor

random.seed(7)
exec("power = 1.5", globals())
total = 0.0
for epoch in flor.loop("epoch", map(int, "0123")):
    for step in flor.loop("step", range(3)):
        def closure():
            return random.random() * power
        total += closure()
    globals()["power"] = power * 0.9
    # PROBE
    print("epoch", epoch, total)
print("done", power)
"""


# The generator is found by way of a name that nothing reads behind the nested loop, and another
# function reads on by way of its own: what is behind the loop cannot be restored for that.
SHARED = """\
import flor

class Trainer:
    def __init__(self):
        self.stream = (n * n for n in range(100))

    def run(self):
        total = 0
        for step in flor.loop("step", range(3)):
            total += next(self.stream)
            # PROBE
        return total

    def fit(self):
        for epoch in flor.loop("epoch", range(4)):
            total = self.run()
            print("epoch", epoch)

Trainer().fit()
"""


def warnings_of(report: dict[str, Any]) -> set[str]:
    return {warning["code"] for warning in report["warnings"]}


def test_a_part_is_reached_from_the_start_where_the_checkpoint_before_it_is_refused(
    project_at: ProjectAt,
    tmp_path: Path,
) -> None:
    report = compare_part(
        project_at, tmp_path, REFUSED, 'flor.log("total", [total, power])', "2", slice(2, 3)
    )

    assert "restore-refused" in warnings_of(report)


def test_an_iterator_that_a_dead_and_a_living_name_share(
    project_at: ProjectAt, tmp_path: Path
) -> None:
    report = compare_part(
        project_at, tmp_path, SHARED, 'flor.log("total", total)', "2", slice(6, 9)
    )

    assert "not-restored" in warnings_of(report)


# The loop stands in a generator: the items before those that are asked for are passed over, within the
# nested loop that was begun for the first of them.
GENERATOR = """\
import random
import flor

random.seed(7)

def train():
    total = 0.0
    for epoch in flor.loop("epoch", range(4)):
        for step in flor.loop("step", range(3)):
            total += random.random()
        yield epoch, total

for epoch, total in flor.loop("taken", train()):
    # PROBE
    print("epoch", epoch, total)
"""


def test_what_takes_items_of_a_generator_that_trains_is_asked_in_the_middle(
    project_at: ProjectAt, tmp_path: Path
) -> None:
    report = compare_part(
        project_at, tmp_path, GENERATOR, 'flor.log("total", total)', "2:4", slice(2, 4)
    )

    assert report["new"] == {"total": 2}
