"""Whether names have their values from the same statements in the recent version and an earlier one."""

from __future__ import annotations

import ast
from collections.abc import Mapping
from dataclasses import dataclass

from florlib.hindsight.alignment import Addition
from florlib.hindsight.propagation.anchors import Gap
from florlib.hindsight.propagation.branches import branches_of, surely_sets
from florlib.hindsight.propagation.refusals import NoPlace, quoted
from florlib.hindsight.propagation.scopes import DEFINITIONS, Scopes, stored_by
from florlib.source.matching import Matching, Statement


@dataclass(frozen=True, slots=True)
class Values:
    """Compares where names have their values from.

    Attributes:
        matching: of the recent version with the earlier one.
        recent: names of the recent version.
        earlier: names of the earlier one.
    """

    matching: Matching
    recent: Scopes
    earlier: Scopes

    def check(self, gap: Gap, addition: Addition, names: Mapping[str, str]) -> None:
        """The names that a statement reads must have been set by what stands for their setters.

        Args:
            gap: where it is to go.
            addition: the statement.
            names: that it reads, recent to earlier.

        Raises:
            NoPlace: a name has its value from something else there.
        """
        for recent, earlier in sorted(names.items()):
            ours = self.recent.setter(recent, addition.context.function, addition.anchor + 1)
            theirs = self.earlier.setter(earlier, gap.function, gap.line)
            if theirs is not None and isinstance(theirs.node, ast.Delete):
                raise NoPlace(f"`{earlier}` is deleted before that place in that version")
            if ours is None or isinstance(ours.node, DEFINITIONS):
                continue
            known = self.matching.earlier_of(ours)
            sets = known is not None and earlier in stored_by(known.node)
            if known is not None and sets and self._is_same_turn(ours, known):
                self._check_reached(known, ours, gap, earlier)
            elif theirs is not None:
                self._check_instead(recent, earlier, ours, theirs)

    def _check_reached(self, known: Statement, ours: Statement, gap: Gap, name: str) -> None:
        """What sets a name is executed before the place, each time."""
        if known.function != gap.function:
            return
        if known.node.lineno >= gap.line:
            raise NoPlace(f"`{name}` is set only behind that place in that version")
        around = [*branches_of(gap.beside)]
        recent = [self.matching.earlier_of(one.owner) for one in branches_of(ours)]
        for branch in branches_of(known):
            if branch in around or branch.owner in recent:
                continue
            if not surely_sets(branch.owner.node, name):
                raise NoPlace(
                    f"`{name}` is set only under {quoted(branch.owner.node)} in that version"
                )

    def _check_instead(self, recent: str, earlier: str, ours: Statement, theirs: Statement) -> None:
        """A name that another statement sets than in the recent version."""
        other = self.matching.recent_of(theirs)
        is_other = other is not None and recent not in stored_by(other.node)
        if is_other or not self._is_same_turn(ours, theirs):
            raise NoPlace(f"`{earlier}` is set elsewhere in that version, by {quoted(theirs.node)}")

    def _is_same_turn(self, ours: Statement, theirs: Statement) -> bool:
        """Whether two statements set a name in the turns of the same loop."""
        loops = _turns(self.recent, ours), _turns(self.earlier, theirs)
        if loops[0] is None or loops[1] is None:
            return loops[0] is loops[1]
        return self.matching.earlier_of(loops[0]) in (None, loops[1])


def _turns(scopes: Scopes, setter: Statement) -> Statement | None:
    """The loop in whose turns a statement sets a name, which a loop does with its target too."""
    is_loop = isinstance(setter.node, (ast.For, ast.AsyncFor))
    return setter if is_loop else scopes.loop_of(setter)
