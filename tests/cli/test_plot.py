"""`flor log plot`: curves as numbers, plots in a terminal, pictures and pages."""

from __future__ import annotations

import json
import math
from pathlib import Path

import pytest

from florctl.cli.views.chart import ASCII, UNICODE, chart, looks_of
from florctl.cli.views.ticks import log_ticks, tick_texts, ticks
from florctl.orchestrate.answers.axes import Axis
from florctl.orchestrate.answers.curves import Curve, Panel, drawable, panels_of, thinned
from florctl.orchestrate.answers.lookup import catalog_of
from florlib.ground.histogram import Histogram
from florlib.ground.values import encode_value
from florlib.stores.catalog import questions
from tests.cli.conftest import Typed
from tests.homes import END, Home, log


def curves(typed: Typed, *words: str) -> list[dict]:
    (panel,) = json.loads(typed("log", "plot", *words, "--json").stdout)
    return panel["curves"]


def text(panel: Panel, width: int = 60, rows: int = 10, glyphs=UNICODE) -> list[str]:
    runs = list(dict.fromkeys(curve.run for curve in panel.curves))
    return ["".join(piece for piece, _ in line) for line in chart(panel, width, rows, runs, glyphs)]


def panel_of(*ys: float, is_log: bool = False) -> Panel:
    points = tuple((float(x), y) for x, y in enumerate(ys))
    return Panel("loss", "epoch", (Curve("linear@1", "", points),), (), is_log)


@pytest.mark.parametrize(
    ("axis", "xs"),
    [
        ("iteration", [0.0, 0.5, 1.0, 1.5, 2.0, 2.5]),
        ("step", [0.0, 1.0, 2.0, 3.0, 4.0, 5.0]),
        ("time", [0.0, 1.0, 2.0, 3.0, 4.0, 5.0]),  # two turns in an iteration of two seconds
    ],
)
def test_where_values_of_a_nested_loop_stand(typed: Typed, trained: Home, axis, xs):
    (curve,) = curves(typed, "linear@1", "loss", "--x", axis)

    assert curve["points"] == [[x, 1 / (1 + n)] for n, x in enumerate(xs)]


@pytest.mark.parametrize(
    ("axis", "xs"), [("iteration", [0.0, 1.0]), ("step", [2.0, 4.0]), ("time", [2.0, 4.0])]
)
def test_where_values_beside_it_stand(typed: Typed, trained: Home, axis, xs):
    (curve,) = curves(typed, "linear@2", "acc", "--x", axis)

    assert [x for x, _ in curve["points"]] == xs


def test_what_diverged_is_a_curve_of_its_own(typed: Typed, trained: Home):
    first, second = curves(typed, "linear@1,linear@2", "norm")

    assert (first["run"], first["mark"], first["points"][2]) == ("linear@1", None, [2.0, 3.0])
    assert (second["run"], second["mark"]) == ("linear@2", "diverged")
    shown = typed("log", "plot", "linear@1,linear@2", "norm").stdout
    assert "linear@2 (diverged)" in shown


def test_smoothing_is_a_moving_average_that_begins_with_the_first_value(typed, trained):
    (curve,) = curves(typed, "linear@1", "acc", "--smooth", "0.5")

    assert [y for _, y in curve["points"]] == pytest.approx([0.0, 0.25 / 1.5, 0.625 / 1.75])


def test_what_is_piped_has_no_codes_and_fits(typed: Typed, trained: Home):
    shown = typed("log", "plot", "linear@1", "loss", "acc").stdout

    assert "\x1b" not in shown
    assert max(map(len, shown.splitlines())) <= 80
    assert [line for line in shown.splitlines() if line in ("loss", "acc")] == ["loss", "acc"]
    assert "● linear@1" in shown


def test_a_curve_that_falls_is_drawn_falling():
    lines = text(panel_of(4.0, 3.0, 2.0, 1.0), glyphs=ASCII)

    plot = [line.partition("|")[2] or line.partition("+")[2] for line in lines[1:11]]
    first = [line.index("o") for line in plot if "o" in line]
    assert len(first) == 10
    assert first == sorted(first)
    assert lines[1].startswith("4.0 +") or lines[1].startswith("4 +")


@pytest.mark.parametrize("glyphs", [UNICODE, ASCII])
@pytest.mark.parametrize("width", [20, 80, 140])
@pytest.mark.parametrize(
    "ys",
    [
        (1.0,),
        (0.0, 0.0),
        (1e300, -1e300),
        (1e-12, 2e-12),
        (math.nan, 1.0, math.inf, 2.0),
        (5.0, 6.0),
    ],
)
def test_any_numbers_are_drawn_within_the_width(glyphs, width, ys):
    lines = text(panel_of(*ys), width, glyphs=glyphs)

    assert max(map(len, lines)) <= max(width, 26)
    assert any(glyphs.marks[0] in line for line in lines[1:11])


def test_nothing_that_can_be_drawn():
    assert text(panel_of(math.nan, -1.0, is_log=True))[1] == "nothing that can be drawn"


def test_each_curve_has_a_mark_of_its_own():
    points = ((0.0, 1.0),)
    doubted = [Curve(f"r@{n}", doubt, points) for n in (1, 2) for doubt in ("", "diverged")]

    looks = looks_of(Panel("a", "epoch", tuple(doubted), ()), ["r@1", "r@2"], UNICODE.marks)

    assert len({mark for mark, _ in looks}) == 4
    assert looks[1][1] == looks[3][1] == "bold red"


def test_gaps_and_thinning():
    points = [(0, 1.0), (1, math.nan), (2, -1.0), (3, 2.0)]

    assert drawable(points, False) == [[(0, 1.0)], [(2, -1.0), (3, 2.0)]]
    assert drawable(points, True) == [[(0, 1.0)], [(3, 2.0)]]
    many = [(float(n), float(n == 500)) for n in range(1000)]
    kept = thinned(many, 10)
    assert len(kept) <= 40
    assert (500.0, 1.0) in kept
    assert [kept[0], kept[-1]] == [many[0], many[-1]]


def test_ticks():
    assert ticks(0.0, 3.0, 10, whole=True) == [0.0, 1.0, 2.0, 3.0]
    assert ticks(-1.0, 1.0, 4) == [-1.0, -0.5, 0.0, 0.5, 1.0]
    assert log_ticks(1e-6, 1.0, 4) == [1e-06, 0.0001, 0.01, 1.0]
    assert tick_texts([1e-05, 1.0]) == ["1e-05", "1"]


@pytest.fixture
def spread(flor_home: Path, tmp_path: Path) -> Home:
    """linear@1 with a histogram an epoch, of which one has no number that is finite."""
    found = [Histogram((0.0, 2.0, 4.0), (2, 2 + epoch), nan=epoch) for epoch in range(3)]
    found.append(Histogram((0.0, 1.0), (0,), positive_infinity=1))
    records = [
        log([["epoch", epoch]], ("grad", encode_value(one))) for epoch, one in enumerate(found)
    ]
    home = Home(flor_home)
    home.run("aa1111", project=str(tmp_path / "project"), records=[*records, END])
    return home


def test_a_histogram_is_drawn_as_its_median_and_bands(typed: Typed, spread: Home):
    (panel,) = json.loads(typed("log", "plot", "@", "grad", "--json").stdout)

    (curve,) = panel["curves"]
    heights = [y for _, y in curve["points"]]
    assert (heights[:3], heights[3]) == (pytest.approx([2.0, 2 + 1 / 3, 2.5]), "NaN")
    assert [band["span"] for band in curve["bands"]] == [[0.0, 1.0], [0.25, 0.75]]
    assert curve["bands"][0]["points"] == [[float(x), 0.0, 4.0] for x in range(3)]
    assert curve["bands"][1]["points"][0] == [0.0, 1.0, 3.0]
    assert any("3 histograms have NaN" in note for note in panel["notes"])
    (smooth,) = curves(typed, "@", "grad", "--smooth", "0.5")
    assert smooth["bands"][0]["points"] == curve["bands"][0]["points"]


def test_bands_in_a_terminal(typed: Typed, spread: Home):
    typed("log", "list")
    with catalog_of(spread.path) as connection:
        runs = questions.runs(connection)
    (panel,) = panels_of(runs, ["grad"], spread.path, axis=Axis.iteration)

    lines = text(panel, glyphs=ASCII)

    plot = [line.partition("|")[2] or line.partition("+")[2] for line in lines[1:11]]
    assert "." in plot[0] and "." in plot[9]  # the span: from 0 to 4
    assert lines[1].startswith("4")
    assert "the median of each histogram" in "\n".join(lines)
    assert "linear@1" in typed("log", "plot", "@", "grad", "--log").stdout


@pytest.mark.parametrize(
    ("words", "status", "error"),
    [
        (["@", "acc", "--x", "epoch"], 2, "--x epoch is none of iteration, step, time"),
        (["@", "zzz"], 3, "linear@3 has logged no zzz"),
        (["@"], 2, "no name of a logged value is given"),
    ],
)
def test_one_line_and_a_hint(typed: Typed, trained: Home, words, status, error):
    result = typed("log", "plot", *words)

    assert (result.exit_code, result.stdout) == (status, "")
    assert result.stderr.startswith(f"error: {error}")
    assert result.stderr.splitlines()[1].startswith("hint: flor log ")


def test_a_picture(typed: Typed, trained: Home, tmp_path: Path):
    pytest.importorskip("matplotlib")
    path = tmp_path / "loss.png"

    result = typed("log", "plot", "linear@1,linear@2", "norm", "acc", "--png", str(path))

    assert (result.stdout, result.stderr) == ("", f"flor: wrote {path}\n")
    assert path.read_bytes().startswith(b"\x89PNG")
    nowhere = typed("log", "plot", "@", "acc", "--png", str(tmp_path / "none" / "loss.png"))
    assert (nowhere.exit_code, nowhere.stderr.count("\n")) == (2, 2)


def test_a_page_loads_nothing(typed: Typed, trained: Home, tmp_path: Path):
    pytest.importorskip("plotly")
    path = tmp_path / "loss.html"

    result = typed("log", "plot", "linear@2", "norm", "--html", str(path), "--log")

    page = path.read_text()
    assert result.stderr == f"flor: wrote {path}\n"
    assert "default-src 'none'" in page
    assert "linear@2 (diverged)" in page
    assert 'src="http' not in page


def test_bands_in_a_picture_and_on_a_page(typed: Typed, spread: Home, tmp_path: Path):
    pytest.importorskip("matplotlib")
    pytest.importorskip("plotly")
    png, html = tmp_path / "grad.png", tmp_path / "grad.html"

    drawn = [
        typed("log", "plot", "@", "grad", *words)
        for words in (("--png", str(png)), ("--html", str(html)), ("--png", str(png), "--log"))
    ]

    assert [one.exit_code for one in drawn] == [0, 0, 0]
    assert png.read_bytes().startswith(b"\x89PNG")
    assert html.read_text().count('"fill":"toself"') == 2


def test_without_the_extra_it_says_what_to_install(typed, trained, monkeypatch, tmp_path):
    for name in ("matplotlib", "matplotlib.figure", "plotly", "plotly.graph_objects"):
        monkeypatch.setitem(__import__("sys").modules, name, None)

    for kind in ("png", "html"):
        result = typed("log", "plot", "@", "acc", f"--{kind}", str(tmp_path / "x"))
        assert result.exit_code == 2
        assert result.stderr.endswith("hint: pip install 'florctl[plot]'\n")
