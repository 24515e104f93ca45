"""Acceptance criteria: met, missed or undecided by verified scores, and what a card says about them."""

from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.tiers.scored import FILES, STUDENT, card, claims, outcomes
from tests.unit.tiers.test_deltas import judged, plain, result
from verifier.verdicts import Verdict

MET = (Verdict.VERIFIED, "met")
MISSED = (Verdict.UNVERIFIABLE, "missed")
NOTHING = (Verdict.UNVERIFIABLE, "undecided")
ELSEWHERE = (Verdict.NOT_CHECKED, "undecided")


def told(found, name):
    return (found[name].verdict, found[name].found)


def asking(**criteria):
    """The made-up card with criteria for its first benchmark, whose student scores 87.5 and base 93.75."""
    return card(acceptanceCriteria={"benchmarks": {"alloybench": criteria}})


@pytest.mark.parametrize(
    ("criteria", "expected"),
    [
        pytest.param({"min": 0.80}, MET, id="share"),
        pytest.param({"min": 0.875}, MET, id="just"),
        pytest.param({"min": 0.88}, MISSED, id="short"),
        pytest.param({"min": 80}, MET, id="percentage"),
        pytest.param({"min": 90.5}, MISSED, id="percentage-short"),
        pytest.param({"min": 1}, MISSED, id="all-of-them"),
        pytest.param({"min": -0.1}, NOTHING, id="below-every-share"),
        pytest.param({"min": 101}, NOTHING, id="above-every-share"),
        pytest.param({"min": "high"}, NOTHING, id="prose"),
        pytest.param({"min": True}, NOTHING, id="no-number"),
        pytest.param({"anchorDelta": -7.0}, MET, id="loses-little"),
        pytest.param({"anchorDelta": -6.25}, MET, id="loses-just-as-much"),
        pytest.param({"anchorDelta": -3.0}, MISSED, id="loses-too-much"),
        pytest.param({"anchorDelta": 0}, MISSED, id="must-not-lose"),
        pytest.param({"anchorDelta": -0.5}, MISSED, id="half-a-point"),
        pytest.param({"anchorDelta": -0.07}, NOTHING, id="points-or-a-share"),
        pytest.param({"anchorDelta": -7.0, "anchorBenchmark": "alloybench"}, MET, id="its-own-anchor"),
        pytest.param({"anchorDelta": -7.0, "anchorBenchmark": "mmlu"}, NOTHING, id="another-anchor"),
        pytest.param({"atLeastAsGoodAs": 3}, NOTHING, id="unknown"),
    ],
)
def test_a_criterion_of_a_benchmark(criteria, expected, tmp_path):
    (key,) = set(criteria) - {"anchorBenchmark"}
    found = outcomes(tmp_path, asking(**criteria))
    assert told(found, f"criterion-alloybench-{key}") == expected
    if expected == MISSED:
        (finding,) = found[f"criterion-alloybench-{key}"].findings
        assert (finding.code, finding.pointer) == (
            "criterion-missed",
            f"/acceptanceCriteria/benchmarks/alloybench/{key}",
        )


def test_a_missed_criterion_refutes_nothing(tmp_path):
    found = outcomes(tmp_path, asking(min=0.99, anchorDelta=10))
    assert Verdict.REFUTED not in {o.verdict for o in found.values()}


@pytest.mark.parametrize(
    ("criteria", "passed", "verdict"),
    [
        pytest.param({"min": 0.8, "anchorDelta": -7.0}, True, Verdict.VERIFIED, id="met"),
        pytest.param({"min": 0.8, "anchorDelta": -3.0}, True, Verdict.REFUTED, id="one-missed"),
        pytest.param({"min": 0.99, "other": 1}, True, Verdict.REFUTED, id="missed-beside-an-unknown-one"),
        pytest.param({"min": 0.8, "other": 1}, True, Verdict.UNVERIFIABLE, id="met-beside-an-unknown-one"),
        pytest.param({"min": 0.99}, False, Verdict.VERIFIED, id="missed-and-says-so"),
        pytest.param({"min": 0.8}, False, Verdict.REFUTED, id="met-and-says-missed"),
        pytest.param({}, True, Verdict.UNVERIFIABLE, id="of-nothing"),
    ],
)
def test_only_the_cards_own_word_can_be_refuted(criteria, passed, verdict, tmp_path):
    found = outcomes(tmp_path, asking(**criteria, passed=passed))["criterion-alloybench-passed"]
    assert found.verdict is verdict
    if verdict is Verdict.REFUTED:
        assert found.findings[0].pointer == "/acceptanceCriteria/benchmarks/alloybench/passed"


def test_scores_that_are_not_verified_decide_no_criterion(tmp_path):
    wrong = asking(min=0.1, anchorDelta=-90)
    wrong["results"]["benchmarks"][0]["score"] = 93.75
    found = outcomes(tmp_path / "wrong", wrong)
    assert found["alloybench-score"].verdict is Verdict.REFUTED
    assert told(found, "criterion-alloybench-min") == NOTHING
    assert told(found, "criterion-alloybench-anchorDelta") == NOTHING
    gone = {path: data for path, data in FILES.items() if path != STUDENT.path}
    assert told(outcomes(tmp_path / "gone", wrong, gone), "criterion-alloybench-min") == ELSEWHERE
    absent = asking(min=0.1)
    del absent["results"]["benchmarks"][0]
    assert told(outcomes(tmp_path / "absent", absent), "criterion-alloybench-min") == NOTHING


def test_a_pipeline_that_misses_its_anchor_decides_no_difference(tmp_path):
    document = asking(anchorDelta=-7.0, min=0.8)
    document["stages"][0]["calibrationAnchor"]["publishedScore"] = 50.0
    found = outcomes(tmp_path, document)
    assert told(found, "criterion-alloybench-anchorDelta") == NOTHING
    assert told(found, "criterion-alloybench-min") == MET


@pytest.mark.parametrize(
    ("criteria", "names"),
    [
        pytest.param("at least as good as the base", {"criterion": NOTHING}, id="prose"),
        pytest.param(["good", {"min": 3}], {"criterion-0": NOTHING, "criterion-1": NOTHING}, id="list"),
        pytest.param({"perplexity": {"max": 10.0}}, {"criterion-perplexity": NOTHING}, id="another-form"),
        pytest.param({"notes": "prose"}, {}, id="notes"),
        pytest.param({"benchmarks": ["mmlu"]}, {"criterion-benchmarks": NOTHING}, id="a-list-of-names"),
        pytest.param({"benchmarks": {"a/b": 0.5}}, {"criterion-a-b": NOTHING}, id="a-bare-number"),
        pytest.param(
            {"hardware": {"maxVramGb": 24, "notes": "x"}, "integrity": {"modelHashRequired": True}},
            {"criterion-hardware-maxVramGb": ELSEWHERE, "criterion-integrity-modelHashRequired": ELSEWHERE},
            id="no-matter-of-scores",
        ),
        pytest.param({}, {}, id="none"),
    ],
)
def test_what_no_score_decides(criteria, names, tmp_path):
    found = outcomes(tmp_path, card(acceptanceCriteria=criteria))
    assert {n: told(found, n) for n in found if n.startswith("criterion")} == names


def test_prose_stays_with_its_publisher():
    texts = {"benchmarks": {"a": {"min": "as good as it gets"}}, "goal": "the best there is"}
    found = claims(card(acceptanceCriteria=texts))
    assert {found[n].expected for n in found if n.startswith("criterion")} == {None}


@pytest.mark.parametrize(
    ("threshold", "first", "second"),
    [
        pytest.param(75, MET, MET, id="both"),
        pytest.param(80, MET, MISSED, id="one"),
        pytest.param(0.9, NOTHING, NOTHING, id="a-percentage-or-a-share"),
        pytest.param(0.5, MET, MET, id="either-way"),
    ],
)
def test_a_passing_threshold_counts_for_each_benchmark_of_its_stage(threshold, first, second, tmp_path):
    document = card(stages__0__passingThreshold=threshold)
    found = outcomes(tmp_path, document)
    assert told(found, "stage-0-threshold-alloybench") == first
    assert told(found, "stage-0-threshold-alloybench_plus") == second
    reached = first == second == MET
    for says in (True, False):
        document["stages"][0]["executed"] = {"record": {"reached": says}}
        answer = outcomes(tmp_path, document)["stage-0-threshold-reached"].verdict
        if NOTHING in (first, second):
            assert answer is Verdict.UNVERIFIABLE
        else:
            assert answer is (Verdict.VERIFIED if says is reached else Verdict.REFUTED)


def test_a_recipe_without_results_has_no_threshold_to_reach():
    document = card(stages__0__passingThreshold=50, results=...)
    assert not [name for name in claims(document) if "threshold" in name]


@settings(deadline=None)
@given(
    st.lists(st.sampled_from([True, False, None]), min_size=1, max_size=30),
    st.integers(0, 100),
    st.integers(-200, 200),
)
def test_met_and_missed_follow_from_the_true_score(statuses, least, off):
    """The card's score is off by up to twenty points; unless it is verified, nothing is decided."""
    true = Decimal(100 * statuses.count(True)) / len(statuses)
    document = plain(float(round(true + Decimal(off) / 10, 1)), 50.0, 0.0)
    document["acceptanceCriteria"] = {"benchmarks": {"alloybench": {"min": least / 100}}}
    found = judged(document, result(statuses), result([True, False]))
    verdict, state = told(found, "criterion-alloybench-min")
    assert verdict is not Verdict.REFUTED
    if found["alloybench-score"].verdict is not Verdict.VERIFIED:
        assert state == "undecided"
    elif abs(true - least) > Decimal("0.1"):
        assert state == ("met" if true > least else "missed")
