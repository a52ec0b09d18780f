"""How much has to be executed before any position of a run is reached, and what would change it."""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil, floor, log10

REACH_S = 10.0
"""What recording aims at: any position within ten seconds, if the budget pays for that."""

RESTORE_S = 0.05  # of a small checkpoint
RESTORE_BYTES_S = 2e9  # from a disk, into live tensors
MOST_BUDGET = 0.1  # nobody is told to spend more
_UNPAID = 3  # a stretch this many times as long as the budget's spacing has other reasons


@dataclass(frozen=True, slots=True)
class Reach:
    """How far positions are from the checkpoints before them.

    Attributes:
        seconds: to restore one and to execute what lies between, at most; importing what the
            script imports comes on top.
        budget: a larger one that would bring it down; None where the budget is not the reason.
        seconds_then: what that would be.
    """

    seconds: float
    budget: float | None = None
    seconds_then: float | None = None


def reach_of(longest_s: float, expected_s: float, largest: int, budget: float) -> Reach:
    """The reach of a run.

    Args:
        longest_s: the most training between two checkpoints.
        expected_s: what another checkpoint would have cost.
        largest: the size of the largest [bytes].
        budget: share of training time.

    >>> reach_of(40.0, 0.4, 10**8, 0.01)
    Reach(seconds=40.1, budget=0.05, seconds_then=8.1)
    >>> reach_of(40.0, 0.004, 10**8, 0.01)  # something else kept checkpoints away
    Reach(seconds=40.1, budget=None, seconds_then=None)
    """
    restore_s = RESTORE_S + largest / RESTORE_BYTES_S
    reach = Reach(longest_s + restore_s)
    if reach.seconds <= REACH_S or not 0 < budget < MOST_BUDGET:
        return reach
    if longest_s > _UNPAID * expected_s / budget:
        return reach
    wanted = longest_s * budget / max(REACH_S - restore_s, REACH_S / 2)
    more = min(_rounded_up(wanted), MOST_BUDGET)
    return Reach(reach.seconds, more, longest_s * budget / more + restore_s)


def _rounded_up(share: float) -> float:
    """To one digit, as a person would say it.

    >>> _rounded_up(0.041), _rounded_up(0.0023), _rounded_up(0.04)
    (0.05, 0.003, 0.04)
    """
    digits = -floor(log10(share))
    return float(ceil(round(share * 10.0**digits, 9)) / 10.0**digits)
