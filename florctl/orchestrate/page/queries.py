"""Questions that the page of tables and SQL offers, over the catalog's public views."""

from __future__ import annotations

from typing import Any

from florlib.stores.catalog.schema import TABLES, VIEWS

_RUNS = (
    "Runs",
    "Every run, newest first.",
    """\
SELECT name || '@' || ordinal AS run, status, started, round(seconds, 1) AS seconds, iterations,
    checkpoints, round(100 * overhead, 2) AS overhead_percent, command, tags, run AS id
FROM runs ORDER BY started DESC""",
)
_CURVE = (
    "A curve",
    "The numbers of one name in one run, in the order of their positions. A value with the mark"
    " diverged or unverified is no fact.",
    """\
SELECT iteration, step, number, origin, mark FROM logs
WHERE run LIKE '%' || :run AND name = :name ORDER BY iteration, step, occurrence""",
)
_COMPARISON = (
    "Comparison of runs",
    "Mean and extremes of one name in each run, of what was recorded or verified.",
    """\
SELECT runs.name || '@' || runs.ordinal AS run, runs.status, count(number) AS count_,
    min(number) AS least, avg(number) AS mean, max(number) AS most
FROM logs JOIN runs ON runs.run = logs.run
WHERE logs.name = :name AND (origin = 'record' OR mark = 'verified')
GROUP BY runs.run ORDER BY runs.started DESC""",
)
_ARGUMENTS = (
    "Arguments",
    "The arguments of every run, a row each.",
    """\
SELECT runs.name || '@' || runs.ordinal AS run, args.name, args.value, args.source
FROM args JOIN runs ON runs.run = args.run ORDER BY runs.started DESC, args.name""",
)
_SLOWEST = (
    "Slowest runs",
    "The runs that took longest.",
    """\
SELECT name || '@' || ordinal AS run, round(seconds, 1) AS seconds, iterations,
    round(seconds / nullif(iterations, 0), 3) AS seconds_an_iteration, status, command
FROM runs WHERE seconds NOTNULL ORDER BY runs.seconds DESC LIMIT 100""",
)
_OVERHEAD = (
    "Overhead",
    "What checkpoints cost, as a share of training time, beside the budget.",
    """\
SELECT name || '@' || ordinal AS run, round(100 * overhead, 3) AS overhead_percent,
    round(100 * budget, 3) AS budget_percent, round(stall_s, 3) AS stall_s,
    round(slowed_s, 3) AS slowed_s, checkpoints, bytes
FROM runs WHERE overhead NOTNULL ORDER BY overhead DESC LIMIT 100""",
)
_REPLAYS = (
    "Replays",
    "Every replay, and how it came out.",
    """\
SELECT replays.replay, runs.name || '@' || runs.ordinal AS run, replays.status,
    round(replays.seconds, 1) AS seconds
FROM replays JOIN runs ON runs.run = replays.run ORDER BY replays.replay DESC""",
)
QUERIES = {
    "all_runs": _RUNS,
    "curve": _CURVE,
    "comparison": _COMPARISON,
    "arguments": _ARGUMENTS,
    "slowest": _SLOWEST,
    "overhead": _OVERHEAD,
    "all_replays": _REPLAYS,
}


def metadata() -> dict[str, Any]:
    """What datasette is told of the catalog: the questions, and which tables are ours alone."""
    hidden = {name: {"hidden": True} for name in _tables() if name not in VIEWS}
    queries = {
        name: {"title": title, "description": about, "sql": sql}
        for name, (title, about, sql) in QUERIES.items()
    }
    about = (
        "Every run that flor has recorded here. The views are what to ask: they only gain columns."
    )
    catalog = {"description": about, "queries": queries, "tables": hidden}
    return {"title": "flor", "databases": {"catalog": catalog}}


def _tables() -> list[str]:
    """The tables of the schema, and those that its migrations keep."""
    found = [
        line.split()[2]
        for statement in TABLES
        for line in statement.splitlines()
        if line.startswith("CREATE TABLE ")
    ]
    return [*found, "_sqlite_migrations"]
