"""The catalog's tables and public views, as commented SQL, and the migrations that create them.

docs/formats/catalog.md prints this SQL. Views are the public face; tables may change with a migration.
"""

from __future__ import annotations

import sqlite3
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sqlite_utils.db import Database

VERSION = 8
"""Stands in PRAGMA user_version; a reader refuses a higher one."""

VIEWS = ("runs", "args", "logs", "series", "loops", "checkpoints", "versions", "replays")
"""The public views, which `flor query` reads."""

TABLES = (
    """\
-- One recorded run: what run.json says, and what was added up from its journals.
CREATE TABLE run (
    key INTEGER PRIMARY KEY,
    id TEXT NOT NULL UNIQUE,            -- 20261123-221000-ab12cd
    folder TEXT NOT NULL UNIQUE,        -- below FLOR_HOME
    name TEXT NOT NULL,
    ordinal INTEGER NOT NULL,           -- NAME@3 is the third run of the name
    project TEXT NOT NULL,              -- absolute path
    cwd TEXT NOT NULL,
    script TEXT,
    command TEXT NOT NULL,              -- JSON list of words
    tags TEXT NOT NULL,                 -- JSON object; notes.json over run.json
    note TEXT,                          -- notes.json
    environment TEXT NOT NULL,          -- JSON object
    budget REAL,                        -- share of training time, 0.01 is 1 %
    started TEXT NOT NULL,              -- ISO 8601 with offset
    ended TEXT,
    seconds REAL,                       -- until it ended, or until its files were last touched
    status TEXT NOT NULL,               -- running, done, crashed, killed, unknown
    exit_status INTEGER,
    signal INTEGER,
    iterations INTEGER NOT NULL DEFAULT 0,   -- of main loops, the most that any rank completed
    checkpoints INTEGER NOT NULL DEFAULT 0,  -- that are there
    bytes INTEGER NOT NULL DEFAULT 0,        -- of those
    stall_s REAL NOT NULL DEFAULT 0,         -- how long training was held up
    slowed_s REAL NOT NULL DEFAULT 0,        -- how much slower it was while they were written
    training_s REAL NOT NULL DEFAULT 0,      -- time inside main-loop iterations
    settled INTEGER NOT NULL DEFAULT 0,      -- 1: looked at again only when a folder's mtime changes
    folder_mtime_ns INTEGER NOT NULL DEFAULT 0,
    replays_mtime_ns INTEGER NOT NULL DEFAULT 0
) STRICT""",
    """\
-- The version (two git commits) that a run was started from.
CREATE TABLE version (
    run INTEGER PRIMARY KEY REFERENCES run(key) ON DELETE CASCADE,
    "commit" TEXT,                      -- on the shadow branch
    work_commit TEXT,                   -- the working tree, child of the user's HEAD
    tree TEXT,
    base TEXT,                          -- the user's HEAD
    branch TEXT,
    dirty INTEGER,                      -- files that differed from HEAD
    store TEXT,                         -- repository, private
    skipped TEXT NOT NULL               -- JSON list of {path, reason}
) STRICT""",
    """\
-- One replay of a run: what its report says.
CREATE TABLE replay (
    key INTEGER PRIMARY KEY,
    run INTEGER NOT NULL REFERENCES run(key) ON DELETE CASCADE,
    id TEXT NOT NULL,
    status TEXT NOT NULL,               -- running, killed, shell (values typed there), or the report's own
    seconds REAL,
    report TEXT,                        -- report.json, whole
    UNIQUE (run, id)
) STRICT""",
    """\
-- One journal: a process that recorded, or that worked for a replay.
CREATE TABLE process (
    key INTEGER PRIMARY KEY,
    run INTEGER NOT NULL REFERENCES run(key) ON DELETE CASCADE,
    replay INTEGER REFERENCES replay(key) ON DELETE CASCADE,   -- null: recorded
    journal TEXT NOT NULL UNIQUE,       -- below FLOR_HOME
    rank INTEGER NOT NULL,
    pid INTEGER NOT NULL,
    script TEXT,
    argv TEXT NOT NULL,                 -- JSON list
    started TEXT,
    stands_for INTEGER,                 -- replay: the recorded process that it re-executes
    wave INTEGER NOT NULL DEFAULT 0,    -- the n-th process of its rank, where a shell started several
    training_s REAL NOT NULL DEFAULT 0, -- time inside main-loop iterations
    stall_s REAL NOT NULL DEFAULT 0,    -- as in run, as far as the process itself has told
    slowed_s REAL NOT NULL DEFAULT 0,
    longest_s REAL,                     -- the most training between two checkpoints
    expected_s REAL,                    -- what another checkpoint would cost
    ended INTEGER NOT NULL DEFAULT 0,   -- 1: its journal has an end record
    exit_status INTEGER,
    signal INTEGER
) STRICT""",
    """\
-- Where in the nesting of loops values stand, interned: all runs share these.
CREATE TABLE place (
    key INTEGER PRIMARY KEY,
    path TEXT NOT NULL,                 -- the position, as a template: [["epoch",%d],["step",%d]]
    slots TEXT NOT NULL,                -- JSON list: of each loop, and of the values themselves
    UNIQUE (path, slots)
) STRICT""",
    """\
-- Names of logged values, interned.
CREATE TABLE name (
    key INTEGER PRIMARY KEY,
    name TEXT NOT NULL UNIQUE
) STRICT""",
    """\
-- Lines of source that logged, interned.
CREATE TABLE site (
    key INTEGER PRIMARY KEY,
    path TEXT NOT NULL,
    line INTEGER NOT NULL,
    UNIQUE (path, line)
) STRICT""",
    """\
-- Values of one process that share their name, their place and their line, and stand in a row in log.
CREATE TABLE block (
    key INTEGER PRIMARY KEY,
    process INTEGER NOT NULL REFERENCES process(key) ON DELETE CASCADE,
    name INTEGER NOT NULL,
    place INTEGER NOT NULL,
    site INTEGER,
    flags INTEGER NOT NULL,             -- bit 0: from a hindsight statement; bit 1: volatile;
                                        -- bit 2: from a prompt, after something was altered by hand
    first INTEGER NOT NULL,             -- keys of log
    last INTEGER NOT NULL,
    seq INTEGER NOT NULL,               -- of the last value
    numbers INTEGER NOT NULL,           -- how many of the values are numbers, NaN apart
    low REAL,                           -- the least of these, and the greatest
    high REAL
) STRICT""",
    """\
-- One logged value, in the block that its key lies in; printed lines are values named print and stderr.
CREATE TABLE log (
    key INTEGER PRIMARY KEY,
    iteration INTEGER NOT NULL,         -- index of the outermost loop; -1 outside all loops
    step INTEGER NOT NULL,              -- index of the innermost of several loops, else -1
    seq INTEGER NOT NULL,               -- order of execution within the process
    occurrence INTEGER NOT NULL,        -- the k-th of its name at its position, from 0
    turn INTEGER NOT NULL,              -- order among the values of one position, across origins
    value TEXT NOT NULL,                -- JSON as in the journal
    number REAL,                        -- the value again, where it is a number
    verified INTEGER                    -- recorded: 1, a replay came to the same; 0, to another; replayed
                                        -- and new: 1, verified around it; 0, diverged; null: not compared
) STRICT""",
    "CREATE INDEX block_by_name ON block (process, name)",
    """\
-- A process that goes takes its values with it.
CREATE TRIGGER block_gone AFTER DELETE ON block BEGIN
    DELETE FROM log WHERE key BETWEEN old.first AND old.last;
END""",
    """\
-- An argument of the script, from argparse or flor.arg.
CREATE TABLE arg (
    process INTEGER NOT NULL REFERENCES process(key) ON DELETE CASCADE,
    name TEXT NOT NULL,
    value TEXT NOT NULL,                -- JSON as in the journal
    source TEXT,
    PRIMARY KEY (process, name)
) STRICT, WITHOUT ROWID""",
    """\
-- A loop that a process went through; a nested one stands once, however often it was entered.
CREATE TABLE loop (
    process INTEGER NOT NULL REFERENCES process(key) ON DELETE CASCADE,
    chain TEXT NOT NULL,                -- JSON list of loop names, outermost first
    name TEXT NOT NULL,
    role TEXT NOT NULL,                 -- main, nested
    main INTEGER,                       -- which main loop, from 0
    path TEXT,
    line INTEGER,
    iterations INTEGER NOT NULL,        -- completed, over all entries
    PRIMARY KEY (process, chain)
) STRICT, WITHOUT ROWID""",
    """\
-- A published checkpoint.
CREATE TABLE checkpoint (
    process INTEGER NOT NULL REFERENCES process(key) ON DELETE CASCADE,
    file TEXT NOT NULL,                 -- below the run's folder
    path TEXT NOT NULL,                 -- position, as in place.path
    role TEXT,                          -- boundary, block
    main INTEGER,
    iteration INTEGER,
    block INTEGER,
    bytes INTEGER NOT NULL,
    stall_s REAL NOT NULL,
    complete INTEGER NOT NULL,
    dropped INTEGER NOT NULL DEFAULT 0, -- 1: deleted on purpose, for want of room
    PRIMARY KEY (process, file)
) STRICT, WITHOUT ROWID""",
    """\
-- A name that a checkpoint could not hold, and why.
CREATE TABLE missing (
    process INTEGER NOT NULL REFERENCES process(key) ON DELETE CASCADE,
    name TEXT NOT NULL,
    reason TEXT NOT NULL,
    path TEXT,
    line INTEGER,
    UNIQUE (process, name, reason, path, line)
) STRICT""",
    """\
-- A name that checkpoints hold.
CREATE TABLE captured (
    process INTEGER NOT NULL REFERENCES process(key) ON DELETE CASCADE,
    name TEXT NOT NULL,
    PRIMARY KEY (process, name)
) STRICT, WITHOUT ROWID""",
    """\
-- A project file that a process opened.
CREATE TABLE file (
    process INTEGER NOT NULL REFERENCES process(key) ON DELETE CASCADE,
    mode TEXT NOT NULL,                 -- read, written
    path TEXT NOT NULL,
    PRIMARY KEY (process, mode, path)
) STRICT, WITHOUT ROWID""",
    """\
-- A warning of the run (process is null) or of one process.
CREATE TABLE warning (
    run INTEGER NOT NULL REFERENCES run(key) ON DELETE CASCADE,
    process INTEGER REFERENCES process(key) ON DELETE CASCADE,
    code TEXT NOT NULL,
    text TEXT NOT NULL
) STRICT""",
    """\
-- How far each file has been read.
CREATE TABLE harvested (
    path TEXT PRIMARY KEY,              -- below FLOR_HOME
    run INTEGER NOT NULL REFERENCES run(key) ON DELETE CASCADE,
    size INTEGER NOT NULL,
    mtime_ns INTEGER NOT NULL,
    offset INTEGER NOT NULL,            -- journals: bytes taken in
    cursor TEXT                         -- journals: where in the loops the reading stopped (JSON)
) STRICT, WITHOUT ROWID""",
    "CREATE INDEX run_by_name ON run (name, ordinal)",
    "CREATE INDEX run_by_project ON run (project, started)",
    "CREATE INDEX run_by_start ON run (started, id)",
    """\
-- All that each command reads of every run.
CREATE INDEX run_watched ON run (folder, settled, folder_mtime_ns, replays_mtime_ns)""",
    "CREATE INDEX process_by_run ON process (run)",
    "CREATE INDEX warning_by_run ON warning (run)",
    "CREATE INDEX harvested_by_run ON harvested (run)",
    """\
-- runs: one row a run.
CREATE VIEW runs AS
SELECT run.id AS run, name, ordinal, status, started, ended, seconds, exit_status, signal, project,
    script, command, tags, environment, version."commit" AS version, version.dirty, iterations,
    checkpoints, bytes, stall_s, slowed_s, budget,
    CASE WHEN training_s > 0 THEN (stall_s + slowed_s) / training_s END AS overhead,
    note
FROM run LEFT JOIN version ON version.run = run.key""",
    """\
-- args: one row an argument of a run.
CREATE VIEW args AS
SELECT run.id AS run, process.rank, arg.name, arg.value, arg.source
FROM arg JOIN process ON process.key = arg.process JOIN run ON run.key = process.run
WHERE process.replay IS NULL""",
    """\
-- logs: one row a logged value, recorded or replayed.
CREATE VIEW logs AS
SELECT run.id AS run, process.rank, printf(place.path, log.iteration, log.step) AS position,
    nullif(log.iteration, -1) AS iteration, nullif(log.step, -1) AS step,
    name.name, log.occurrence, log.value, log.number,
    CASE WHEN replay.status = 'shell' THEN 'shell' ELSE coalesce(replay.id, 'record') END AS origin,
    log.verified, CASE WHEN block.flags & 4 THEN 'altered' WHEN log.verified = 1 THEN 'verified'
    WHEN log.verified = 0 THEN 'diverged' WHEN replay.id NOTNULL THEN 'unverified' END AS mark, block.flags & 1 AS hindsight,
    (block.flags >> 1) & 1 AS volatile, site.path, site.line, log.seq
FROM run JOIN process ON process.run = run.key JOIN block ON block.process = process.key
    JOIN name ON name.key = block.name
    CROSS JOIN log ON log.key BETWEEN block.first AND block.last
    LEFT JOIN place ON place.key = block.place
    LEFT JOIN replay ON replay.key = process.replay LEFT JOIN site ON site.key = block.site""",
    """\
-- series: one row for each name that a process logged values under.
CREATE VIEW series AS
SELECT run.id AS run, process.rank, name.name,
    CASE WHEN replay.status = 'shell' THEN 'shell' ELSE coalesce(replay.id, 'record') END AS origin,
    summed.count, summed.numbers, log.value AS last, log.number AS last_number, summed.min, summed.max
FROM (SELECT process, name, sum(block.last - first + 1) AS count, sum(numbers) AS numbers,
    min(low) AS min, max(high) AS max FROM block GROUP BY process, name) AS summed
    JOIN process ON process.key = summed.process JOIN run ON run.key = process.run
    JOIN name ON name.key = summed.name
    JOIN log ON log.key = (SELECT block.last FROM block WHERE block.process = summed.process
        AND block.name = summed.name ORDER BY block.seq DESC LIMIT 1)
    LEFT JOIN replay ON replay.key = process.replay""",
    """\
-- loops: one row a loop of a recording process.
CREATE VIEW loops AS
SELECT run.id AS run, process.rank, loop.name, loop.role AS kind, loop.chain, loop.path, loop.line,
    loop.iterations
FROM loop JOIN process ON process.key = loop.process JOIN run ON run.key = process.run
WHERE process.replay IS NULL""",
    """\
-- checkpoints: one row a published checkpoint that has not been dropped.
CREATE VIEW checkpoints AS
SELECT run.id AS run, process.rank, checkpoint.path AS position, checkpoint.iteration,
    checkpoint.role, checkpoint.file, checkpoint.bytes, checkpoint.stall_s, checkpoint.complete
FROM checkpoint JOIN process ON process.key = checkpoint.process JOIN run ON run.key = process.run
WHERE process.replay IS NULL AND checkpoint.dropped = 0""",
    """\
-- versions: one row a run that has one.
CREATE VIEW versions AS
SELECT run.id AS run, version."commit", work_commit, tree, base, branch, dirty, store, skipped
FROM version JOIN run ON run.key = version.run""",
    """\
-- replays: one row a replay.
CREATE VIEW replays AS
SELECT run.id AS run, replay.id AS replay, replay.status, replay.seconds, replay.report
FROM replay JOIN run ON run.key = replay.run""",
)

STATISTICS = (
    ("run", "sqlite_autoindex_run_1", "10000 1"),
    ("run", "run_by_name", "10000 100 1"),
    ("run", "run_by_project", "10000 100 1"),
    ("process", "process_by_run", "20000 2"),
    ("process", "sqlite_autoindex_process_1", "20000 1"),
    ("block", "block_by_name", "200000 10 2"),
    ("name", "sqlite_autoindex_name_1", "1000 1"),
    ("log", None, "10000000"),
)
"""What the query planner is told of a large catalog, whatever is in it: rows, and how many of them
have the same first column of the index, the same two, and so on. Without it, the best value of each
of 10,000 runs took 32 s, as every run was held against every block."""


def document() -> str:
    """The whole schema as one text of SQL."""
    return ";\n\n".join(TABLES) + ";"


def migrate(connection: sqlite3.Connection) -> None:
    """Bring the schema up to VERSION, inside the transaction that the caller has opened."""
    # Imported here: it costs 10 to 20 bare interpreters, and only a new catalog needs it.
    from sqlite_utils import Database, Migrations

    migrations = Migrations("flor")

    @migrations()
    def m008_values_counted_anew(db: Database) -> None:
        # All that a catalog of before holds stands in the files, and is read anew from there.
        for name in db.view_names():
            db.execute(f"DROP VIEW {name}")
        for name in reversed(db.table_names()):  # what refers to others came after them
            if not name.startswith(("_sqlite", "sqlite")):
                db.execute(f"DROP TABLE {name}")
        for statement in TABLES:
            db.execute(statement if db.supports_strict else _loosened(statement))
        db.execute("ANALYZE sqlite_schema")
        db.conn.executemany("INSERT INTO sqlite_stat1 VALUES (?, ?, ?)", STATISTICS)

    migrations.apply(Database(connection, execute_plugins=False))
    connection.execute(f"PRAGMA user_version = {VERSION:d}")


def _loosened(statement: str) -> str:
    # SQLite below 3.37 (RHEL 9) knows no STRICT; the same rows fit without it.
    return statement.replace(") STRICT, ", ") ").removesuffix(" STRICT")
