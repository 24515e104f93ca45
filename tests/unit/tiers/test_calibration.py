"""Anchors: on real judged samples each answer and each reason; then rounding and tolerance as properties."""

import dataclasses
import json
import os
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.tiers import scored
from tests.unit.tiers.scored import BASE, FILES, card, outcomes, sha
from tests.unit.tiers.test_deltas import plain, result
from verifier import cli
from verifier.alloy.parse import parse
from verifier.catalog import Catalog
from verifier.engine import Options, opened
from verifier.runners.model import ScoreResult
from verifier.targets import of_entry
from verifier.tiers.calibration import State, calibrate
from verifier.tiers.context import Context
from verifier.verdicts import Verdict

PASSED, MEASURED = "anchor-score-passed", "anchor-measured-score"


def anchored(tmp_path, files=FILES, **changes):
    """The calibration of the made-up card's own anchor, and of its prior baseline's."""
    document = card(**{f"stages__0__calibrationAnchor__{key}": value for key, value in changes.items()})
    return calibrated(tmp_path, document, files)


def calibrated(tmp_path, document, files=FILES):
    with opened(scored.write(tmp_path, document, files), Options(offline=True, jobs=2)) as context:
        return calibrate(context)


def test_an_anchor_that_the_base_samples_reproduce(tmp_path):
    own, prior = anchored(tmp_path)
    assert (own.state, prior.state) == (State.PASSED, State.PASSED)
    assert (own.anchor.benchmark, own.difference, own.tolerance, own.stated) == (
        "alloybench",
        Decimal("1.75"),
        Decimal("3.0"),
        True,
    )
    assert (prior.anchor.kind, prior.difference, prior.stated) == ("anchorReproduction", 0, False)
    assert dict(own.digests)["base samples"] == sha(BASE.data())[7:]
    assert "alloybench/" in own.method


@pytest.mark.parametrize(
    ("changes", "state"),
    [
        pytest.param({"publishedScore": 90.75}, State.PASSED, id="at-the-tolerance"),
        pytest.param({"publishedScore": 90.0}, State.FAILED, id="beyond-it"),
        pytest.param({"publishedScore": 97.0}, State.FAILED, id="beyond-it-above"),
        pytest.param({"publishedScore": 90.0, "tolerance": 4.0}, State.PASSED, id="a-wider-tolerance"),
        pytest.param({"tolerance": 1.0}, State.FAILED, id="a-narrower-tolerance"),
        pytest.param({"tolerance": "a remark"}, State.PASSED, id="no-tolerance-but-a-remark"),
        pytest.param({"publishedScore": 0.92, "tolerance": 0.03}, State.PASSED, id="fractions"),
        pytest.param({"publishedScore": 0.85, "tolerance": 0.03}, State.FAILED, id="fractions-beyond-it"),
    ],
)
def test_the_tolerance_decides(changes, state, tmp_path):
    assert anchored(tmp_path, **changes)[0].state is state


@pytest.mark.parametrize(
    ("changes", "here", "said"),
    [
        pytest.param({"publishedScore": None}, False, "no published score is stated", id="none"),
        pytest.param(
            {"publishedScore": None, "publishedSource": "a paper"}, False, "a source is cited", id="cited"
        ),
        pytest.param({"measuredScore": 92.0}, False, "it names no benchmark", id="no-benchmark"),
        pytest.param({"measuredScore": ...}, False, "it names no benchmark", id="nothing-measured"),
        pytest.param({"model": "an/other"}, False, "it is of an/other", id="another-model"),
        pytest.param({"benchmark": "mmlu"}, False, "no base score or base samples of mmlu", id="no-result"),
        pytest.param({"tolerance": -1}, False, "a tolerance from 0 to 100", id="no-tolerance"),
    ],
)
def test_why_it_is_impossible_to_say(changes, here, said, tmp_path):
    own = anchored(tmp_path, **changes)[0]
    assert (own.state, own.here) == (State.IMPOSSIBLE, here)
    assert said in own.reason


def test_base_samples_that_are_missing_absent_partial_or_edited(tmp_path):
    gone = calibrated(tmp_path / "gone", card(), {p: d for p, d in FILES.items() if p != BASE.path})
    assert {(c.state, c.here) for c in gone} == {(State.IMPOSSIBLE, True)}
    unpublished = card(results__benchmarks__0__baseSamplesPath=...)
    own = calibrated(tmp_path / "unpublished", unpublished)[0]
    assert (own.state, own.here) == (State.IMPOSSIBLE, False)
    assert "no samples are published" in own.reason
    for name, data in (("partial", scored.partial(BASE)), ("broken", b"{ not json\n")):
        fresh = card(results__benchmarks__0__baseResultHash=sha(data))
        own = calibrated(tmp_path / name, fresh, FILES | {BASE.path: data})[0]
        assert (own.state, own.here) == (State.IMPOSSIBLE, False)
    edited = FILES | {BASE.path: scored.faulty(BASE, {1: "wrong"})}
    own = calibrated(tmp_path / "edited", card(), edited)[0]
    assert (own.state, own.here) == (State.IMPOSSIBLE, True)
    assert "not the attested" in own.reason


def test_edited_base_samples_that_are_attested_anew_miss_the_anchor(tmp_path):
    data = scored.faulty(BASE, {1: "wrong"})
    document = card(results__benchmarks__0__baseResultHash=sha(data))
    own, prior = calibrated(tmp_path, document, FILES | {BASE.path: data})
    assert (own.state, prior.state) == (State.FAILED, State.FAILED)
    assert own.measured.low == Decimal("87.5")


def test_an_anchor_of_one_benchmark_names_it_by_its_place(tmp_path):
    document = card()
    anchor = document["stages"][0].pop("calibrationAnchor") | {"publishedScore": 86.0}
    document["stages"][0]["benchmarks"][1]["calibrationAnchor"] = anchor
    own = calibrated(tmp_path, document)[0]
    assert (own.anchor.benchmark, own.state) == ("alloybench_plus", State.PASSED)
    assert own.anchor.pointer == "/stages/0/benchmarks/1/calibrationAnchor"


def test_a_card_without_anchors_has_none(tmp_path):
    document = card(stages__0__calibrationAnchor=..., priorMetricBaselines=...)
    assert calibrated(tmp_path, document) == ()


@pytest.mark.parametrize(
    ("changes", "verdict"),
    [
        pytest.param({}, Verdict.VERIFIED, id="passed"),
        pytest.param({"passed": False}, Verdict.REFUTED, id="edited-answer"),
        pytest.param({"publishedScore": 80.0}, Verdict.REFUTED, id="edited-published-score"),
        pytest.param({"publishedScore": 80.0, "passed": False}, Verdict.VERIFIED, id="failed-and-says-so"),
        pytest.param({"tolerance": 0.5}, Verdict.REFUTED, id="edited-tolerance"),
        pytest.param({"tolerance": "n/a", "publishedScore": 80.0}, Verdict.UNVERIFIABLE, id="no-tolerance"),
        pytest.param({"publishedScore": None}, Verdict.UNVERIFIABLE, id="nothing-published"),
        pytest.param({"model": "an/other"}, Verdict.UNVERIFIABLE, id="another-model"),
    ],
)
def test_what_the_card_says_about_its_anchor(changes, verdict, tmp_path):
    document = card(**{f"stages__0__calibrationAnchor__{key}": value for key, value in changes.items()})
    found = outcomes(tmp_path, document)[PASSED]
    assert found.verdict is verdict
    if verdict is Verdict.REFUTED:
        assert found.findings[0].pointer == "/stages/0/calibrationAnchor/passed"


def test_what_cannot_be_judged_here_is_not_checked(tmp_path):
    found = outcomes(tmp_path, card(), {p: d for p, d in FILES.items() if p != BASE.path})
    assert {found[n].verdict for n in (PASSED, MEASURED)} == {Verdict.NOT_CHECKED}


@pytest.mark.parametrize(
    ("changes", "verdict"),
    [
        pytest.param({}, Verdict.VERIFIED, id="of-the-first"),
        pytest.param({"measuredScore": 87.5}, Verdict.VERIFIED, id="of-the-second"),
        pytest.param({"measuredScore": 90.0}, Verdict.REFUTED, id="of-none"),
        pytest.param({"benchmark": "alloybench_plus"}, Verdict.REFUTED, id="of-another-than-it-says"),
        pytest.param({"model": "an/other"}, Verdict.UNVERIFIABLE, id="of-another-model"),
    ],
)
def test_the_measured_score_is_a_base_score_of_the_stage(changes, verdict, tmp_path):
    document = card(**{f"stages__0__calibrationAnchor__{key}": value for key, value in changes.items()})
    assert outcomes(tmp_path, document)[MEASURED].verdict is verdict


def state(document, base):
    alloy = parse(json.dumps(document).encode())
    context = Context(
        alloy=alloy,
        files=type("Files", (), {"open": staticmethod(lambda path: path)}),
        score=lambda name, path: base,
        parent=lambda repo: (),
        digest=lambda path: "0" * 64,
    )
    return calibrate(context)[0]


@settings(deadline=None)
@given(st.integers(1, 400), st.data(), st.integers(0, 50), st.integers(-2, 2))
def test_an_honest_reading_passes_and_a_clear_miss_fails(n, data, tenths, places):
    """The published score is away by the tolerance at most, in the digits in which it is published."""
    solved = data.draw(st.integers(0, n))
    measured, tolerance = round(100 * solved / n, 1), tenths / 10
    base = result([True] * solved + [False] * (n - solved))
    near = round(measured + data.draw(st.integers(-tenths, tenths)) / 10, 1)
    document = plain(50.0, measured, 0.0, publishedScore=near, tolerance=tolerance)
    assert state(document, base).state is State.PASSED
    far = round(measured + data.draw(st.sampled_from([-1, 1])) * (tolerance + 0.2), 1)
    document = plain(50.0, measured, 0.0, publishedScore=far, tolerance=tolerance)
    assert state(document, base).state is State.FAILED


def test_what_problems_leave_undecided_is_impossible_to_say_unless_it_does_not_matter():
    base: ScoreResult = result([True] * 8 + [None, False])
    for cited, expected in ((85.0, State.PASSED), (78.0, State.IMPOSSIBLE), (60.0, State.FAILED)):
        found = state(plain(50.0, 80.0, 0.0, publishedScore=cited, tolerance=6.0), base)
        assert found.state is expected
        assert found.difference is None
    limited = dataclasses.replace(base, limits=("another version of the task",))
    found = state(plain(50.0, 80.0, 0.0, publishedScore=85.0), limited)
    assert (found.state, found.here, found.reason) == (State.IMPOSSIBLE, True, limited.limits[0])


def run(capsys, *argv):
    code = cli.main(["calibrate", *map(str, argv), "--offline"])
    out, err = capsys.readouterr()
    return code, out, err


def test_the_command_says_each_answer_and_its_exit_code(tmp_path, capsys):
    good = scored.write(tmp_path / "good", card()).path
    code, out, _ = run(capsys, good, "--strict")
    assert code == 0
    assert "passed" in out
    assert "impossible" not in out
    bad = scored.write(tmp_path / "bad", card(stages__0__calibrationAnchor__publishedScore=50.0)).path
    code, out, _ = run(capsys, good, bad, "--strict")
    assert code == 1
    assert "failed" in out
    unknown = scored.write(tmp_path / "unknown", card(stages__0__calibrationAnchor__model="an/other")).path
    assert [run(capsys, unknown)[0], run(capsys, unknown, "--strict")[0]] == [0, 3]
    none = card(stages__0__calibrationAnchor=..., priorMetricBaselines=...)
    none = scored.write(tmp_path / "none", none).path
    assert [run(capsys, none)[0], run(capsys, none, "--strict")[0]] == [0, 3]
    assert "the card has no anchor" in run(capsys, none)[1]


def test_the_command_writes_json(tmp_path, capsys):
    alloy = scored.write(tmp_path, card()).path
    code, out, err = run(capsys, alloy, "--json", "-")
    assert code == 0
    assert "passed" in err
    written = json.loads(out)
    assert written["counts"] == {"passed": 2, "failed": 0, "impossible": 0}
    own = written["artifacts"][0]["anchors"][0]
    assert (own["state"], own["published"], own["measured"], own["difference"], own["tolerance"]) == (
        "passed",
        92.0,
        {"low": 93.75, "high": 93.75},
        1.75,
        3.0,
    )
    assert run(capsys, alloy, "--json", tmp_path / "report.json")[0] == 0
    assert json.loads((tmp_path / "report.json").read_text()) == written


@pytest.mark.parametrize("argv", [(), ("no/such/folder/",), ("x.json",)])
def test_bad_usage_is_two(argv, capsys):
    assert run(capsys, *argv)[0] == 2


def test_hostile_names_reach_no_terminal(tmp_path, capsys):
    changes = {"stages__0__calibrationAnchor__benchmark": "\x1b[31m\n\u202e", "name": "\x1b[2J"}
    code, out, _ = run(capsys, scored.write(tmp_path, card(**changes)).path)
    assert code == 0
    assert "\x1b" not in out
    assert "\u202e" not in out


@pytest.mark.slow
@pytest.mark.skipif(
    not os.environ.get("ALLOY_MIRROR"),
    reason="needs the published artifacts: set ALLOY_MIRROR to a mirror folder",
)
@pytest.mark.parametrize(
    ("name", "own", "priors"),
    [
        (
            "olmoe-1b-7b-compacted-5b",
            "a source is cited",
            {"humaneval": "40.8537", "humaneval_plus": "36.5854"},
        ),
        (
            "qwen3-coder-30b-a3b-compacted-19b-256k",
            "a source is cited",
            {"humaneval": "92.0732", "humaneval_plus": "89.0244"},
        ),
        ("qwen2.5-coder-7b-compacted", "no samples are published", {}),
    ],
)
def test_the_anchors_of_published_cards(name, own, priors):
    with opened(of_entry(Catalog.find().get(name)), Options(offline=True, jobs=2)) as context:
        first, *others = calibrate(context)
    assert (first.state, first.anchor.benchmark) == (State.IMPOSSIBLE, "humaneval")
    assert own in first.reason
    assert {c.anchor.benchmark: str(c.measured) for c in others} == priors
    assert all(c.state is State.PASSED for c in others)
