"""Which files count when probes are found: those that the run executed, in whatever way."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.exactness.harness import Project, ProjectAt, Ran

pytestmark = pytest.mark.process

TRAIN = """\
import flor
import late_parts
from settings import SIZE

seen = []
exec(open("config.py").read())
for epoch in flor.loop("epoch", range(3)):
    for step in flor.loop("step", range(SIZE)):
        seen.append(late_parts.twice(step) + shift)
    print("epoch", epoch, sum(seen))
"""
FILES = {
    "train.py": TRAIN,
    "settings.py": "SIZE = 2\n",
    "config.py": "shift = 1\n",
    "late_parts.py": "def twice(n):\n    from parts.inner import scale\n    return n * scale\n",
    "parts/__init__.py": "",
    "parts/inner.py": "scale = 2\n",
    "unused.py": "never = 1\n",
}
OUTER = '    print("epoch", epoch, sum(seen))\n'


def recorded(project: Project, files: dict[str, str]) -> Project:
    project.create(files)
    ran = project.flor("record", "--budget", "10000%", "train.py")
    assert ran.status == 0, ran.stderr
    return project


def replay(project: Project) -> tuple[Ran, dict[str, Any]]:
    ran = project.flor("replay", "--json", "--yes")
    return ran, json.loads(ran.stdout) if ran.stdout else {}


def values(project: Project, name: str) -> list[Any]:
    return [
        row["value"] for row in json.loads(project.flor("log", "get", "@", name, "--json").stdout)
    ]


def test_a_helper_module_that_was_added_may_be_imported(
    project_at: ProjectAt, tmp_path: Path
) -> None:
    project = recorded(project_at(tmp_path / "p"), FILES)
    probe = "import helpers\n" + TRAIN.replace(OUTER, OUTER + "    helpers.tell(seen)\n")
    helpers = (
        "import flor\nfrom tools.more import total\nprint('imported')\n"
        "def tell(seen):\n    for n in seen[:1]:\n        flor.log('total', total(seen))\n"
    )
    project.write({"train.py": probe, "helpers.py": helpers, "tools/__init__.py": ""})
    project.write({"tools/more.py": "def total(seen):\n    return sum(seen)\n"})

    ran, report = replay(project)

    assert (ran.status, report["status"]) == (0, "verified")
    assert values(project, "total") == [4, 8, 12]
    assert report["executed"]["epoch"] == 3


@pytest.mark.parametrize("path", ["late_parts.py", "parts/inner.py", "settings.py", "config.py"])
def test_every_file_that_the_run_executed_is_compared(
    project_at: ProjectAt, path: str, tmp_path: Path
) -> None:
    project = recorded(project_at(tmp_path / "p"), FILES)
    project.write({path: FILES[path].replace("2", "3").replace("= 1", "= 7").replace("n *", "n +")})

    ran, _ = replay(project)

    assert ran.status == 6
    assert path in ran.stderr


def test_a_file_that_the_run_did_not_execute_is_free(project_at: ProjectAt, tmp_path: Path) -> None:
    project = recorded(project_at(tmp_path / "p"), FILES)
    project.write({"unused.py": "never = 2\n", "more.py": "x = 1\n"})

    _, report = replay(project)

    assert report["replay"] is None


def test_a_new_file_must_not_take_the_place_of_an_import(
    project_at: ProjectAt, tmp_path: Path
) -> None:
    files = {**FILES, "train.py": "import statistics\n" + TRAIN}
    project = recorded(project_at(tmp_path / "p"), files)
    project.write({"statistics.py": "x = 1\n"})

    ran, _ = replay(project)

    assert ran.status == 6
    assert "statistics.py" in ran.stderr


@pytest.mark.parametrize(
    "run",
    [
        "import runpy\nshift = runpy.run_path('config.py')['shift']\n",
        "import importlib.util as u\nspec = u.spec_from_file_location('c', 'config.py')\n"
        "module = u.module_from_spec(spec)\nspec.loader.exec_module(module)\nshift = module.shift\n",
        "from pathlib import Path\nexec(compile(Path('config.py').read_bytes(), 'config.py', 'exec'))\n",
    ],
)
def test_probes_in_files_run_by_other_ways_are_refused(
    project_at: ProjectAt, run: str, tmp_path: Path
) -> None:
    files = {**FILES, "train.py": TRAIN.replace('exec(open("config.py").read())\n', run)}
    project = recorded(project_at(tmp_path / "p"), files)
    project.write({"config.py": FILES["config.py"] + "print(shift)\n"})

    ran, _ = replay(project)

    assert ran.status == 6
    assert "config.py" in ran.stderr
    assert "by its path" in ran.stderr
