"""Scripts that read, list, rename and delete files of their own, asked for the whole and for parts."""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path

import pytest

from tests.exactness.harness import DENSE, STANDIN, Project, ProjectAt, report_of

pytestmark = pytest.mark.process

SCRIPT = """\
import glob, json, os, random
import flor

random.seed(3)
open("losses.jsonl", "w").close()
best = 1.0
# PROBE prelude: flor.log("begin", best)
for epoch in flor.loop("epoch", range(5)):
    for step in flor.loop("step", range(3)):
        value = random.random()
        # PROBE inner: flor.log("value", value)
    with open("losses.jsonl", "a") as lines:
        lines.write(json.dumps([epoch, value]) + "\\n")
    if value < best:
        best = value
        with open("best.part", "w") as part:
            json.dump([epoch, best], part)
        os.replace("best.part", "best.json")
    with open(f"state{epoch}.txt", "w") as state:
        state.write(str(value))
    if epoch >= 2:
        os.remove(f"state{epoch - 2}.txt")
    # PROBE outer: flor.log("best", best)
    print("epoch", epoch, value)
print(open("losses.jsonl").read().count("\\n"), json.load(open("best.json")))
print(sorted(glob.glob("state*")), os.path.exists("best.part"))
# PROBE epilogue: flor.log("end", [best, epoch])
# PROBE rows: flor.log("rows", len(open("losses.jsonl").readlines()))
"""
# The loop reads what it wrote, and nothing that is recorded shows what it found.
READING = """\
import os, random, signal, time
import flor

random.seed(5)
for epoch in flor.loop("epoch", range(6)):
    for step in flor.loop("step", range(3)):
        value = random.random()
    with open("values.txt", "a") as file:
        print(value, file=file)
    count = len(open("values.txt").readlines())
    # PROBE outer: flor.log("count", count)
    print("epoch", epoch, value)
    if epoch == 4:
        # LEAVE
"""
# Killed once what was logged is written, as it is within half a second.
KILLED = READING.replace("# LEAVE", "time.sleep(1); os.kill(os.getpid(), signal.SIGKILL)")
ENDED = READING.replace("# LEAVE", "break")


def probed(script: str, *kinds: str) -> str:
    """The script with the probes of these kinds."""
    for kind in kinds:
        script = script.replace(f"# PROBE {kind}: ", "")
    return script


def holding(script: str, project: Project) -> Project:
    """The project, made with the script."""
    project.create({"train.py": script})
    return project


def truth(script: str, root: Path) -> dict[str, list[object]]:
    """By name, what the script logs by itself."""
    project = holding(script, Project(root))
    logged = root / "truth.jsonl"
    project.run(
        sys.executable,
        "train.py",
        environment=project.environment(STANDIN, PROBE_TRUTH=str(logged)),
    )
    values: dict[str, list[object]] = {}
    for line in logged.read_text("utf-8").splitlines():
        name, value = json.loads(line)
        values.setdefault(name, []).append(value)
    return values


def answers(project: Project, name: str) -> list[object]:
    """What the newest replay says."""
    rows = json.loads(project.flor("log", "get", "@", name, "--json").stdout)
    return [row["value"] for row in rows]


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory, project_at: ProjectAt) -> Project:
    """The script, recorded with a checkpoint at every boundary; not to be changed."""
    project = holding(SCRIPT, project_at(tmp_path_factory.mktemp("files") / "recorded"))
    assert project.flor("record", *DENSE, "train.py").status == 0
    return project


@pytest.fixture
def own(recorded: Project, tmp_path: Path) -> Project:
    """A recorded project of one's own: the run goes along, and files keep their times of change."""
    root = recorded.root
    shutil.copytree(root, tmp_path / "kept", symlinks=True)
    yield recorded
    shutil.rmtree(root)
    shutil.copytree(tmp_path / "kept", root, symlinks=True)


@pytest.mark.parametrize(
    ("kinds", "words", "executed"),
    [
        (("epilogue",), (), {}),
        (("epilogue", "rows"), (), {}),
        (("prelude", "epilogue"), ("--epochs", "0"), {}),
        (("outer", "epilogue"), ("--epochs", "1:3"), {"epoch": 2}),
        (("outer", "epilogue"), (), {"epoch": 5}),
        (("inner", "epilogue"), ("--part", "2/2"), {"epoch": 2, "step": 6}),
    ],
)
def test_files_stand_behind_the_loop_as_it_left_them(
    own: Project,
    tmp_path: Path,
    kinds: tuple[str, ...],
    words: tuple[str, ...],
    executed: dict[str, int],
) -> None:
    asked = probed(SCRIPT, *kinds)
    expected = truth(asked, tmp_path / "plain")
    own.write({"train.py": asked})

    report = report_of(own.flor("replay", "--json", *words))

    assert report is not None
    assert report["status"] == "verified"
    assert {name: n for name, n in report["executed"].items() if n} == executed
    for name in expected:
        assert not words or name in ("begin", "best", "value", "end")
        if not words or name == "end":
            assert answers(own, name) == expected[name]


@pytest.mark.parametrize("change", ["touched", "rewritten", "gone", "in place"])
def test_where_a_file_is_no_longer_that_of_the_run_the_loop_writes_it_again(
    own: Project, tmp_path: Path, change: str
) -> None:
    asked = probed(SCRIPT, "epilogue", "rows")
    expected = truth(asked, tmp_path / "plain")
    own.write({"train.py": asked})
    words: tuple[str, ...] = ()
    if change == "touched":
        (own.folder / "best.json").touch()
    elif change == "rewritten":
        (own.folder / "losses.jsonl").write_text("[0, 0.5]\n")
    elif change == "gone":
        (own.folder / "best.json").unlink()
    else:
        words = ("--in-place",)

    report = report_of(own.flor("replay", "--json", *words))

    assert report is not None
    assert (report["status"], report["executed"]["epoch"]) == ("verified", 5)
    assert {name: answers(own, name) for name in expected} == expected


def test_a_placed_file_is_no_output_of_the_replay(own: Project) -> None:
    own.write({"train.py": probed(SCRIPT, "epilogue")})

    report = report_of(own.flor("replay", "--json"))

    assert report is not None
    assert report["outputs"] == []


@pytest.mark.parametrize("script", [KILLED, ENDED], ids=["killed", "ended"])
def test_a_loop_that_reads_its_own_file_is_executed_from_its_start(
    project_at: ProjectAt, tmp_path: Path, script: str
) -> None:
    asked = probed(script, "outer")
    expected = truth(asked, tmp_path / "plain")["count"]
    project = holding(script, project_at(tmp_path / "recorded"))
    project.flor("record", *DENSE, "train.py")
    project.write({"train.py": asked})

    report = report_of(project.flor("replay", "--json", "--epochs", "3"))

    assert report is not None
    assert report["executed"]["epoch"] == 4
    assert (report["status"], answers(project, "count")) == ("verified", expected[3:4])


def test_a_file_that_is_only_added_to_costs_nothing(project_at: ProjectAt, tmp_path: Path) -> None:
    script = ENDED.replace(
        '    count = len(open("values.txt").readlines())\n', "    count = epoch\n"
    )
    project = holding(script, project_at(tmp_path / "recorded"))
    project.flor("record", *DENSE, "train.py")
    project.write({"train.py": probed(script, "outer")})

    report = report_of(project.flor("replay", "--json", "--epochs", "3"))

    assert report is not None
    assert (report["status"], report["executed"]) == ("verified", {"epoch": 1})
