"""Retention: which checkpoints of one process are dropped, where not all of them may stay. Pure.

The rule. Somebody will ask for one position, as likely in one second of training as in any other;
a replay restores the nearest earlier checkpoint and executes from there. With gaps g between
neighbours that takes sum(g * g) / 2T seconds on average, and dropping a checkpoint with the gaps l
and r beside it adds l * r / T: what the way to its positions grows by, times how many positions lie
behind it. So the one with the least l * r a byte goes, again and again. While training goes on, as much is yet
to come behind the newest checkpoints as lies before them: there r is no less than l. Else whatever
has just come would go, and the last gap would grow over all others. What is dropped never comes back,
yet so gaps stay within a small factor of even spacing (tests hold that).

What l and r are depends on how a replay gets about (`florlib.runtime.walk`):

- A *boundary* is the way into everything up to the next one, asked for by turn or by iteration:
  2 * l * r. Iterations on the way to it whose nested loop's end is kept are passed by restoring that,
  so their training counts for a sixteenth. Not for nothing: else all boundaries would go before
  the first block, and when blocks go too, no way into the last iterations would be left.
- A *block* spares its nested loop to those who ask for what follows it in its iteration (one question
  an iteration), and to those who pass on towards the next boundary.
- A *step* is the way into the rest of its nested loop alone: l * r, from the one before it there.

Not dropped: the first (later ones refer to it, and every loop is driven from it), the last two, what
is pinned, and what a checkpoint refers to that is not dropped along with it. The first boundaries of
later main loops go when nothing else is left to go.
"""

from __future__ import annotations

import heapq
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field, replace

NEWEST_KEPT = 2
_NESTED_SHARE = 0.9  # of a turn, that its nested loop is taken to be
_STEP_SHARE = 1e-6  # of the nested loop, that one of its turns is taken to be
PASSED_SHARE = 1 / 16  # of its training, that an iteration counts for whose block is kept


@dataclass(frozen=True, slots=True)
class Stored:
    """A checkpoint that is there.

    Attributes:
        file: relative to the run's folder.
        role: "boundary", "block" or "step".
        main: number of the main loop.
        index: of its iteration: the one that follows a boundary, or that the others lie in.
        at_s: seconds from the start of the first main loop.
        turn_s: the same of the start of that iteration.
        bytes: of the file.
        refers_to: other files that hold parts of its content.
    """

    file: str
    role: str
    main: int
    index: int
    at_s: float
    turn_s: float
    bytes: int
    refers_to: frozenset[str] = frozenset()


class TurnClock:
    """Counts turns instead of seconds, for the ranks of a distributed run.

    A replay of ranks goes on from checkpoints that all of them have
    (`RecordedProcess.keep_in_step`). Seconds and sizes differ a little from rank to rank, and soon
    each would keep others; by turns, and by sizes that are rounded up, all come to the same.
    """

    def __init__(self) -> None:
        self._main = 0
        self._start = self._last = 0.0

    def tell(self, stored: Stored, step: int | None) -> Stored:
        """The same checkpoint in turns; told of them in the order they were taken.

        Args:
            stored: with seconds.
            step: the turn of the nested loop that a step stands before.
        """
        if stored.main != self._main:
            self._main, self._start = stored.main, self._last + 1
        turn = self._start + stored.index
        within = {"boundary": 0.0, "block": _NESTED_SHARE}.get(stored.role)
        if within is None:
            within = _NESTED_SHARE * min(1.0, (step or 0) * _STEP_SHARE)
        self._last = max(self._last, turn + within)
        grain = 1 << max(0, stored.bytes.bit_length() - 4)
        size = -(-stored.bytes // grain) * grain
        return replace(stored, at_s=turn + within, turn_s=turn, bytes=size)


@dataclass(frozen=True, slots=True)
class Loss:
    """Checkpoints that go together, and what that costs.

    Attributes:
        longer_s: how much longer the way becomes to what lies behind them.
        expected_s: how much longer a replay that asks for one position takes on average.
        is_last_resort: nothing but beginnings of main loops is left.
    """

    dropped: tuple[Stored, ...]
    longer_s: float
    expected_s: float
    is_last_resort: bool = False

    @property
    def bytes(self) -> int:
        """What becomes free."""
        return sum(one.bytes for one in self.dropped)


@dataclass(slots=True, eq=False)
class _Node:
    """A checkpoint among its neighbours in time; boundaries know each other as well.

    Attributes:
        passed_s: of a boundary: training since the one before that kept blocks spare.
        saved_s: of a block: what its nested loop took.
        is_kept: it has not been dropped.
    """

    stored: Stored
    number: int
    before: _Node | None = None
    after: _Node | None = None
    boundary_before: _Node | None = None
    boundary_after: _Node | None = None
    passed_s: float = 0.0
    saved_s: float = 0.0
    is_start: bool = False
    is_kept: bool = True
    referrers: list[_Node] = field(default_factory=list)


class Retention:
    """The checkpoints of one process, in the order they were taken.

    Args:
        pinned: files that are never dropped.
        goes_on: whether more are to come.

    Attributes:
        bytes: of all that are there.
    """

    def __init__(self, pinned: Collection[str] = (), *, goes_on: bool = True) -> None:
        self.bytes = 0
        self.pinned = pinned
        self.goes_on = goes_on
        self._nodes: dict[str, _Node] = {}
        self._first: _Node | None = None
        self._last: _Node | None = None
        self._last_boundary: _Node | None = None
        self._last_block: _Node | None = None
        self._passed_s = 0.0  # since the last boundary
        self._count = 0
        # (tier, cost a byte, number, node). Costs grow with what comes and with what goes, so an
        # entry is a lower bound, and is looked at again when it comes to the top. They fall when
        # what lies behind is settled: then there is a new entry.
        self._heap: list[tuple[int, float, int, _Node]] = []

    def add(self, stored: Stored) -> None:
        """Take in the next checkpoint, later than all others."""
        node = _Node(stored, self._count, before=self._last)
        self._count += 1
        self._nodes[stored.file] = node
        self.bytes += stored.bytes
        if self._last is None:
            self._first = node
        else:
            self._last.after = node
        self._last = node
        for file in stored.refers_to & self._nodes.keys():
            self._nodes[file].referrers.append(node)
        if stored.role == "boundary":
            self._add_boundary(node)
        elif stored.role == "block":
            self._add_block(node)
        self._offer(node)
        settled = None if node.before is None else node.before.before
        if settled is not None:
            for one in {settled.before, settled.boundary_before}:
                self._offer(one)

    def _add_boundary(self, node: _Node) -> None:
        before = self._last_boundary
        node.boundary_before = before
        if before is not None:
            before.boundary_after = node
            node.is_start = before.stored.main != node.stored.main
        node.passed_s, self._passed_s = self._passed_s, 0.0
        self._last_boundary = node

    def _add_block(self, node: _Node) -> None:
        stored, since = node.stored, node.stored.turn_s
        if self._last_block is not None and _together(self._last_block.stored, stored):
            since = max(since, self._last_block.stored.at_s)
        node.saved_s = max(0.0, stored.at_s - since)
        self._passed_s += node.saved_s
        self._last_block = node

    def _offer(self, node: _Node | None) -> None:
        if node is not None and node is not self._first:
            heapq.heappush(self._heap, (0, 0.0, node.number, node))

    def __len__(self) -> int:
        return len(self._nodes)

    def stored(self) -> Iterator[Stored]:
        """Those that are there, oldest first."""
        node = self._first
        while node is not None:
            yield node.stored
            node = node.after

    def cheapest(self) -> Loss | None:
        """What is to be dropped next; None where everything has to stay."""
        passed_over = []
        found = None
        while self._heap and found is None:
            tier, bound, number, node = self._heap[0]
            unit = self._unit(node) if node.is_kept else []
            if not unit:
                entry = heapq.heappop(self._heap)
                if node.is_kept:
                    passed_over.append(entry)
                continue
            ways = [self._way(one) for one in unit]
            cost = sum(cost for _, cost in ways)
            size = sum(one.stored.bytes for one in unit)
            now = (max(one.is_start for one in unit), cost / max(size, 1))
            if now > (tier, bound):
                heapq.heapreplace(self._heap, (*now, number, node))
                continue
            longer_s = max(longer for longer, _ in ways)
            dropped = tuple(one.stored for one in unit)
            expected_s = cost / max(2 * self._elapsed_s(), 1e-9)
            found = Loss(dropped, longer_s, expected_s, bool(now[0]))
        for entry in passed_over:
            heapq.heappush(self._heap, entry)
        return found

    def drop(self, loss: Loss) -> None:
        """Take out what `cheapest` has named."""
        for stored in loss.dropped:
            self._take_out(self._nodes.pop(stored.file))

    def _unit(self, node: _Node) -> list[_Node]:
        """The checkpoints that go when one goes; none where one of them has to stay."""
        newest = self._newest()
        found = [node]
        for one in found:  # grows on the way
            if one is self._first or one in newest or one.stored.file in self.pinned:
                return []
            found += [other for other in one.referrers if other.is_kept and other not in found]
        return found

    def _newest(self) -> list[_Node]:
        found: list[_Node] = []
        node = self._last
        while node is not None and len(found) < NEWEST_KEPT:
            found.append(node)
            node = node.before
        return found

    def _elapsed_s(self) -> float:
        return 0.0 if self._last is None else self._last.stored.at_s

    def _way(self, node: _Node) -> tuple[float, float]:
        """(seconds that the way to what lies behind grows by, the same times what lies behind)."""
        stored = node.stored
        if stored.role == "boundary":
            before = node.boundary_before
            gap = stored.at_s - (before.stored.at_s if before is not None else 0.0)
            gap_counted = max(0.0, gap - (1 - PASSED_SHARE) * node.passed_s)
            behind = self._end_s(node, node.boundary_after) - stored.at_s
            if self._is_open(node.boundary_after):
                behind = max(behind, gap)
            return max(0.0, gap - node.passed_s), 2 * gap_counted * max(0.0, behind)
        if stored.role == "block":
            behind = self._end_s(node, self._next_boundary(node)) - stored.at_s
            asked = stored.at_s - stored.turn_s + 2 * max(0.0, behind)
            return node.saved_s, node.saved_s * asked
        before, after = node.before, node.after
        since = stored.turn_s
        if before is not None and _together(before.stored, stored):
            since = max(since, before.stored.at_s)
        gap = max(0.0, stored.at_s - since)
        behind = (after.stored.at_s if after is not None else self._elapsed_s()) - stored.at_s
        if self._is_open(after):
            behind = max(behind, gap)
        return gap, gap * max(0.0, behind)

    def _end_s(self, node: _Node, after: _Node | None) -> float:
        """Until when everything is reached through a checkpoint, or past it.

        The end of a main loop lies on the way to all that comes after the loop.
        """
        if after is None or after.stored.main != node.stored.main:
            return self._elapsed_s()
        return after.stored.at_s

    def _is_open(self, after: _Node | None) -> bool:
        """Whether what lies behind a checkpoint may yet become more."""
        return self.goes_on and (after is None or after in self._newest())

    def _next_boundary(self, node: _Node) -> _Node | None:
        after = node.after
        while after is not None and after.stored.role != "boundary":
            after = after.after
        return after

    def _take_out(self, node: _Node) -> None:
        node.is_kept = False
        self.bytes -= node.stored.bytes
        if node.stored.role == "boundary":
            self._add_passed(node.boundary_after, node.passed_s)
            self._unlink_boundary(node)
        elif node.stored.role == "block":
            self._add_passed(self._next_boundary(node), -node.saved_s)
        # The first and the last are never taken out.
        assert node.before is not None
        assert node.after is not None
        node.before.after, node.after.before = node.after, node.before

    def _unlink_boundary(self, node: _Node) -> None:
        before, after = node.boundary_before, node.boundary_after
        if before is not None:
            before.boundary_after = after
        if after is not None:
            after.boundary_before = before
        else:
            self._last_boundary = before

    def _add_passed(self, boundary: _Node | None, seconds: float) -> None:
        if boundary is None:
            self._passed_s += seconds
        else:
            boundary.passed_s += seconds


def _together(one: Stored, other: Stored) -> bool:
    """Whether two checkpoints lie in the same iteration."""
    return (one.main, one.index) == (other.main, other.index)
