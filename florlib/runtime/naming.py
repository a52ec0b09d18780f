"""What the text of a script says that no replay can bring about again, each with its line."""

from __future__ import annotations

from collections.abc import Iterator

from florlib.runtime.sources import Sources


def unrepeatable(sources: Sources) -> Iterator[tuple[str, str, str, int]]:
    """(code, text, file, line) of what the clock decides, of what no seed governs, and of what
    trains where no loop is followed."""
    for path, clock in sources.clock().items():
        for line, test in clock.control:
            text = f"{path}:{line}: the wall clock decides ({test}); a replay may go otherwise"
            yield "wall-clock", text, path, line
    for path, line, call in sources.entropy():
        yield "entropy", f"{path}:{line}: {call} gives what no replay can draw again", path, line
    for path, line, name in sources.trained_elsewhere():
        text = f"{path}:{line}: {name} trains in another process, whose loops are not followed"
        yield "other-process", text, path, line
