"""What an answer may depend on that no checkpoint holds: files, counters of libraries, origins of objects."""

from __future__ import annotations

import ast
import re
from collections.abc import Mapping, Sequence

from florlib.ground.plan import Segment
from florlib.ground.recorded import RecordedProcess
from florlib.hindsight.question import Question, Run, sources_of
from florlib.source.existence import asks_existence
from florlib.source.functions import loop_nodes
from florlib.source.imports import import_aliases

# What a probe says when it looks at files.
_READS_FILES = re.compile(
    r"\b(open|load\w*|read\w*|listdir|scandir|walk|i?glob|exists|is_file|is_dir|iterdir|getsize"
    r"|getmtime|l?stat)\("
)
# What a script says when it asks for the length or the age of files, which no event tells of.
_ASKS_LENGTH = re.compile(
    r"\.tell\(|\bget(size|[amc]time)\b|\bst_(size|[amc]time)|\b[fl]?stat\(|\bscandir\b"
)
# What a probe says when it asks for what restored objects do not have of their own: how often a
# tensor was written to, what it is a view of, its autograd graph, where an error was raised.
_ASKS_ORIGIN = re.compile(
    r"\._(version|base)\b|\bnext_functions\b|\ballow_unused\b|__traceback__|\btb_\w+|\btraceback\b"
    r"|\b(get_referrers|get_referents|getrefcount)\b"
)
# Files that C code opens, of which no event tells: what a project says that changes them, and
# what it says that reads them.
_UNTOLD = tuple(
    (re.compile(writes), re.compile(reads))
    for writes, reads in (
        (r"\b(shelve|dbm)\b", r"\b(shelve|dbm)\b"),
        (r"\bwrite=True", r"\blmdb\b"),
        (
            r"\.create_dataset\(|\bFile\([^)\n]*[\"'](w|a|r\+|w-|x)[\"']",
            r"\b(h5py|netCDF4|tables)\b",
        ),
        (
            r"\b(imwrite|write_(image|video|png|jpeg))\(",
            r"\b(imread|read_(image|video|png|jpeg))\(",
        ),
        (
            r"\b(write_table|to_(parquet|feather|orc|hdf))\(",
            r"\bread_(table|parquet|feather|orc|hdf)\(",
        ),
        (r"\bwrite_index\(", r"\bread_index\("),
        (r"\b(sf|soundfile)\.write\(", r"\b(sf|soundfile)\.read\("),
        (r"\b(xgb|lgb|booster|bst)\w*\.save_model\(", r"\b(load_model|Booster)\("),
    )
)

# What a script says that begins a file before its loop, or adds to one; and that reads files.
_BEGINS_FILE = re.compile(r"\bopen\([^)\n]*[\"'][wx]|\bFileHandler\(")
_ADDS_TO_FILE = re.compile(r"\bopen\([^)\n]*[\"']a|\bmode=[\"']a|\bFileHandler\(")
_READS_AGAIN = re.compile(
    r"\bopen\((?![^)\n]*[\"'][wax])|\bload(?!_state_dict)\w*\(|\bread\w*\(|\b(loadtxt|genfromtxt)\("
)


def behind_loops(run: Run, segments: Sequence[Segment], *, epilogue: bool) -> range:
    """The main loops behind which a replay executes code."""
    return range(
        len(run.mains) if epilogue else max((segment.main for segment in segments), default=0)
    )


def reads_own_files(run: Run, question: Question, within: bool, behind: range) -> bool:
    """Whether an answer may depend on files as they were in the middle of the run.

    Args:
        run: what was recorded.
        question: what is asked.
        within: whether iterations are asked for.
        behind: the main loops behind which code is executed.
    """
    texts = [*(probe.text for probe in question.probes), *question.added.values()]
    looks = any(map(_READS_FILES.search, texts))
    if looks and within and any(process.written_files for process in run.processes):
        return True
    if any(_lost_files(process, run.left, behind, looks=looks) for process in run.processes):
        return True
    if behind and _keeps_untold(run):
        return True
    repeats = any(mark.how in ("raise", "return") for n in behind for mark in run.mains[n])
    return (within or repeats) and (rereads(run) or asks_libraries(run, question))


def asks_origin(question: Question) -> bool:
    """Whether a probe asks for what objects have that were made here, and restored ones have not."""
    texts = [*(probe.text for probe in question.probes), *question.added.values()]
    return any(map(_ASKS_ORIGIN.search, texts))


def rereads(run: Run) -> bool:
    """Whether a main loop has looked at files that the run wrote."""
    written = any(process.written_files for process in run.processes)
    texts = sources_of(run.processes).values()
    if written and any(map(_ASKS_LENGTH.search, texts)):
        return True
    if written and any(map(asks_existence, run.trees.values())):
        return True
    return _keeps_untold(run) or any(process.reread_files for process in run.processes)


def rereads_behind(run: Run) -> bool:
    """Whether code behind main loops may read files that the run began before, or added to.

    A run that is interrupted has not come there, so that its text alone tells. What a loop writes
    anew as a whole, as its best weights, it writes again.
    """
    if not any(process.written_files for process in run.processes):
        return False
    adds = any(map(_ADDS_TO_FILE.search, sources_of(run.processes).values()))
    texts = sources_of(run.processes)
    for mark in (mark for marks in run.mains for mark in marks):
        if mark.path is None or mark.ordinal is None or mark.path not in run.trees:
            continue
        loop = loop_nodes(run.trees[mark.path])[mark.ordinal]
        lines = texts[mark.path].splitlines()
        before, behind = lines[: loop.lineno - 1], lines[loop.end_lineno :]
        begins = adds or _BEGINS_FILE.search("\n".join(before)) is not None
        if begins and _READS_AGAIN.search(_with_callees("\n".join(behind), run.trees, texts)):
            return True
    return False


def _with_callees(text: str, trees: Mapping[str, ast.Module], texts: Mapping[str, str]) -> str:
    """A text, and the bodies of the project's functions that it names."""
    words = set(re.findall(r"\w+", text))
    bodies = [
        ast.get_source_segment(texts[path], node) or ""
        for path, tree in trees.items()
        for node in ast.walk(tree)
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)) and node.name in words
    ]
    return "\n".join([text, *bodies])


def _keeps_untold(run: Run) -> bool:
    """Whether the project both writes and reads files of which no event tells."""
    texts = sources_of(run.processes).values()
    return any(all(any(map(said.search, texts)) for said in both) for both in _UNTOLD)


def _lost_files(
    process: RecordedProcess, left: Mapping[int, Mapping[str, bool]], behind: range, *, looks: bool
) -> bool:
    """Whether code behind main loops looks at files that are no longer as those left them.

    Args:
        process: what was recorded.
        left: files that still are, by the number of the main loop.
        behind: the main loops in question.
        looks: whether probes look at files.
    """
    if any(n in behind and path not in left.get(n, {}) for n, path in process.behind_files):
        return True
    if not looks or not process.written_files:
        return False
    return any(
        n not in process.left_files or process.left_files[n].keys() - left.get(n, {}).keys()
        for n in behind
    )


def asks_libraries(run: Run, question: Question) -> bool:
    """Whether a probe speaks of a library that counts something which no checkpoint holds."""
    packages = {name.partition(".")[0] for one in run.processes for name in one.moved_names}
    return any(
        name in packages or root.partition(".")[0] in packages
        for probe in (question.probes if packages else ())
        for name, root in import_aliases(run.trees[probe.path]).items()
        if re.search(rf"\b{re.escape(name)}\b", probe.text)
    )
