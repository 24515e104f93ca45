"""The figures of the HTML page: well-formed, complete, harmless, and in proportion."""

import re
import xml.etree.ElementTree as ET
from dataclasses import replace

import pytest

from tests.unit.report.samples import HOSTILE, artifact, hostile, ordinary, statistics
from verifier.report import html
from verifier.report.html_forest import forest
from verifier.report.html_grid import LINE, MAX_PROBLEMS, fate, grids, natural
from verifier.report.model import Report

SOLVED = {"official": "pass", "isolated": "pass", "confirmed": True}
FAILED = {"official": "fail", "isolated": None, "confirmed": False}


def tree(markup):
    """What a strict parser makes of it: it stops at the first tag that is not closed or quoted."""
    return ET.fromstring(f"<div>{markup}</div>")


def two_files(first, second):
    found = statistics("humaneval", "student", "base", "a", "b")
    return artifact(scores={"a": first, "b": second}, statistics=found)


@pytest.mark.parametrize("report", [ordinary(), *map(hostile, HOSTILE)])
def test_figures_are_well_formed_whatever_the_names(report):
    for one in report.artifacts:
        figures = (forest(one.statistics) if one.statistics else "") + grids(one)
        assert not tree(figures).findall(".//script")
        assert not [e for e in tree(figures).iter() if any(name.startswith("on") for name in e.attrib)]


@pytest.mark.parametrize("number", [1, LINE, LINE + 1, 164, 500])
def test_every_scored_problem_is_in_the_grid_once_for_each_model(number):
    names = [f"Task/{i}" for i in range(number)]
    drawn = tree(grids(two_files(dict.fromkeys(names, SOLVED), dict.fromkeys(names, FAILED))))
    titles = [e.attrib["title"] for e in drawn.iter("td") if ", " in e.attrib.get("title", "")]
    assert [t.split(":")[0] for t in titles if ", student:" in t] == [f"{name}, student" for name in names]
    assert [t.split(":")[0] for t in titles if ", base:" in t] == [f"{name}, base" for name in names]


def test_an_enormous_benchmark_is_cut_and_says_so():
    names = [f"Task/{i}" for i in range(MAX_PROBLEMS + 7)]
    page = grids(artifact(scores={"a": dict.fromkeys(names, SOLVED)}))
    assert f"{len(names)} problems" in page
    assert f"The first {MAX_PROBLEMS} of them are shown" in page
    assert page.count('title="Task/') < 2 * MAX_PROBLEMS


def test_a_problem_that_only_one_file_answers_has_a_cell_in_both_rows():
    drawn = tree(grids(two_files({"T/1": SOLVED}, {"T/2": FAILED})))
    cells = {
        e.attrib["title"]: e.attrib["class"] for e in drawn.iter("td") if ", " in e.attrib.get("title", "")
    }
    assert cells["T/2, student: no answer"] == "none"
    assert cells["T/1, base: no answer"] == "none"


def test_flips_are_marked_by_a_sign_and_named_in_words():
    one = two_files(
        {"HumanEval/10": FAILED, "HumanEval/2": SOLVED}, {"HumanEval/10": SOLVED, "HumanEval/2": SOLVED}
    )
    markup = grids(one)
    assert re.findall(r'<td class="flip" title="([^"]+)">(.)</td>', markup) == [("HumanEval/10", "▼")]
    assert "base alone solves 2: HumanEval/3, HumanEval/10" in markup
    assert "solved by student and not base" in markup


def test_the_same_file_for_two_models_is_drawn_for_both():
    found = statistics("humaneval", "student", "base", "a", "a")
    drawn = grids(artifact(scores={"a": {"T/1": SOLVED}}, statistics=found))
    assert "T/1, student: solved" in drawn
    assert "T/1, base: solved" in drawn


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        (SOLVED, "pass"),
        (FAILED, "fail"),
        ({"official": "timeout", "isolated": None, "confirmed": False}, "timeout"),
        ({"official": "pass", "isolated": "fail", "confirmed": False}, "fooled"),
        ({"official": "pass", "isolated": None, "confirmed": None}, "open"),
        (None, "none"),
    ],
)
def test_fates(status, expected):
    assert fate(status) == expected


def test_problems_are_in_the_order_of_their_numbers():
    assert sorted(["T/10", "T/9", "S/11", "T/\N{ARABIC-INDIC DIGIT ONE}"], key=natural)[:3] == [
        "S/11",
        "T/9",
        "T/10",
    ]


def positions(markup):
    drawn = tree(markup)
    rows = [e for e in drawn.iter("tr") if "title" in e.attrib]
    found = []
    for row in rows:
        dots = [float(e.attrib["cx"].rstrip("%")) for e in row.iter("circle")]
        ends = [float(e.attrib["x1"].rstrip("%")) for e in row.iter("line") if e.attrib["class"] == "whisker"]
        marks = [float(e.attrib["x"].rstrip("%")) for e in row.iter("svg") if "x" in e.attrib]
        found.append((dots, (min(ends), max(ends)) if ends else None, marks))
    return found


def test_marks_lie_where_the_numbers_say():
    found = statistics("humaneval", "student", "base", "a", "b")
    (dots, ends, marks), bare = positions(forest(found))
    ticks = [float(t) for t in re.findall(r'text-anchor="middle">(\d+)<', forest(found))]
    low, high = ticks[0], ticks[-1]

    def at(share):
        return pytest.approx(100 * (100 * share - low) / (high - low), abs=0.01)

    assert dots == [at(0.25)]
    assert ends == (at(0.06), at(0.79))
    assert marks == [at(0.884)]
    assert bare == ([], None, [])


@pytest.mark.parametrize("share", [-3.0, 0.0, 0.5, 1.0, 7.5])
def test_every_mark_lies_inside_the_plot(share):
    found = statistics("humaneval", "student", "base", "a", "b")
    row = replace(found.rows[0], claimed=share, found=share, low=share - 0.01, high=share + 0.01)
    (dots, ends, marks), *_ = positions(forest(replace(found, rows=(row,))))
    assert all(0 <= place <= 100 for place in (*dots, *ends, *marks))


def test_there_is_one_row_for_every_score():
    page = html.page(ordinary())
    assert page.count('<tr title="card-') == 2
    assert "no samples" in page


def test_a_page_without_scores_has_no_figure():
    assert "<figure" not in html.page(Report(artifacts=(artifact("other"),), environment={}))
