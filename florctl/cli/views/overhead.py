"""What recording has cost, and how far any position is from a checkpoint, in words."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from florlib.ground.reach import Reach
    from florlib.stores.catalog.rows import RunDetails, RunRow


def overhead_object(run: RunRow, more: RunDetails) -> dict[str, Any]:
    """The cost, as the JSON contract has it."""
    return {
        "share": run.overhead,
        "stall_s": more.stall_s,
        "slowed_s": more.slowed_s,
        "budget": more.budget,
    }


def reach_object(more: RunDetails) -> dict[str, Any] | None:
    """The reach, as the JSON contract has it; None where it is not known."""
    reach = reach_of_run(more)
    if reach is None:
        return None
    more_budget = {"budget": reach.budget, "seconds": reach.seconds_then}
    return {"seconds": reach.seconds, "more": None if reach.budget is None else more_budget}


def reach_of_run(more: RunDetails) -> Reach | None:
    """The reach of a run; None where checkpoints lack something, were dropped, or nothing is known of them."""
    from florlib.ground.reach import reach_of

    if more.longest_s is None or not more.checkpoints or more.incomplete or more.dropped:
        return None
    largest = max(one.bytes for one in more.checkpoints)
    return reach_of(more.longest_s, more.expected_s or 0.0, largest, more.budget or 0.0)


def cost_words(run: RunRow, more: RunDetails) -> str:
    """The cost, for the page of a run."""
    if run.overhead is None:
        return "none" if more.budget is None else f"none, budget {share_text(more.budget)}"
    parts = [f"{run.overhead:.2%} of training time", f"{span(more.stall_s)} held up"]
    if more.slowed_s:
        parts.append(f"{span(more.slowed_s)} slower beside the writer")
    if more.budget is not None:
        parts.append(f"budget {share_text(more.budget)}")
    return ", ".join(parts)


def short_cost_words(run: RunRow, more: RunDetails) -> str:
    """The cost, for the end of a recording; beyond the budget in seconds as well."""
    if run.overhead is None:
        return ""
    beyond = more.budget is not None and run.overhead > more.budget
    lost = f" ({span(more.stall_s + more.slowed_s)})" if beyond else ""
    return f", overhead {run.overhead:.1%}{lost}"


def reach_words(reach: Reach) -> str:
    """The reach, and what a larger budget would give.

    >>> from florlib.ground.reach import Reach
    >>> reach_words(Reach(40.2, 0.05, 8.2)), reach_words(Reach(2.0))
    ('any position within 40 s; --budget 5% would give 8.2 s', 'any position within 2 s')
    """
    words = f"any position within {span(reach.seconds)}"
    if reach.budget is None or reach.seconds_then is None:
        return words
    return f"{words}; --budget {share_text(reach.budget)} would give {span(reach.seconds_then)}"


def span(seconds: float) -> str:
    """A short time for people.

    >>> span(0.0004), span(0.0312), span(1.26), span(40.2), span(200.0)
    ('0.4 ms', '31 ms', '1.3 s', '40 s', '3 m 20 s')
    """
    from florctl.cli.views.texts import duration

    if seconds < 0.01:
        return f"{seconds * 1e3:.2g} ms"
    if seconds < 1:
        return f"{seconds * 1e3:.0f} ms"
    return f"{seconds:.2g} s" if seconds < 59.5 else duration(seconds)


def share_text(share: float) -> str:
    """A budget as it is typed.

    >>> share_text(0.01), share_text(0.002), share_text(100.0)
    ('1%', '0.2%', '10000%')
    """
    return f"{share * 100:.10g}%"
