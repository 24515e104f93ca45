"""Differences of scores: on real judged samples, each verdict and each planted fault; then properties."""

import json
from decimal import Decimal
from types import SimpleNamespace

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from tests.unit.tiers import scored
from tests.unit.tiers.scored import BASE, FILES, STUDENT, card, outcomes, sha
from verifier.alloy.parse import parse
from verifier.claims.extract import extract
from verifier.engine import decide
from verifier.runners.model import ScoreResult, TaskResult
from verifier.tiers.context import Context
from verifier.verdicts import Verdict

DELTA, PLUS, PRIOR = (
    "alloybench-score-delta",
    "alloybench_plus-score-delta",
    "prior-old-alloybench-score-delta",
)


def codes(outcome):
    return {f.code for f in outcome.findings}


def test_an_honest_card_is_verified_to_the_last_claim(tmp_path):
    found = outcomes(tmp_path, card())
    open_ = {name for name, outcome in found.items() if outcome.verdict is not Verdict.VERIFIED}
    # What is cited lies outside of the artifact, and so does one end of the anchor's difference.
    assert open_ == {"anchor-published", "anchor-score-delta"}
    assert {found[name].verdict for name in open_} == {Verdict.NOT_CHECKED}
    assert found[DELTA].found == -6.25
    assert {what for what, _ in found[DELTA].digests} == {"samples", "base samples", "dataset"}
    assert codes(found[DELTA]) == {"anchor-passed"}
    assert found[DELTA].findings[0].pointer == "/stages/0/calibrationAnchor"


@pytest.mark.parametrize("name", [DELTA, PLUS, PRIOR, "anchor-score-passed", "anchor-measured-score"])
def test_a_claim_asked_for_alone_comes_out_as_among_all(name, tmp_path):
    assert outcomes(tmp_path, card(), only=name) == {name: outcomes(tmp_path, card())[name]}


@pytest.mark.parametrize(
    ("path", "value", "name"),
    [
        pytest.param("results__benchmarks__0__delta", -5.0, DELTA, id="student"),
        pytest.param("results__benchmarks__1__delta", 12.5, PLUS, id="sign"),
        pytest.param(
            "priorMetricBaselines__0__evaluation__results__deltaVsAnchorAlloybench", -31.0, PRIOR, id="prior"
        ),
    ],
)
def test_an_edited_difference_is_refuted_where_it_stands(path, value, name, tmp_path):
    before, after = outcomes(tmp_path, card()), outcomes(tmp_path, card(**{path: value}))
    assert after[name].verdict is Verdict.REFUTED
    finding = next(f for f in after[name].findings if f.code == "delta-differs")
    assert finding.pointer == "/" + path.replace("__", "/")
    changed = {n for n in before if before[n].verdict is not after[n].verdict}
    assert changed == {name}


def test_edited_base_samples_that_nobody_attests_decide_nothing(tmp_path):
    files = FILES | {BASE.path: scored.faulty(BASE, {1: "wrong"})}
    found = outcomes(tmp_path, card(), files)
    assert {found[n].verdict for n in (DELTA, PLUS, PRIOR)} == {Verdict.NOT_CHECKED}
    assert "not the attested" in found[DELTA].reason


def test_edited_base_samples_with_a_fresh_digest_are_refuted_with_all_that_rests_on_them(tmp_path):
    data = scored.faulty(BASE, {1: "wrong"})
    fresh = {f"results__benchmarks__{i}__baseResultHash": sha(data) for i in (0, 1)}
    found = outcomes(tmp_path, card(**fresh), FILES | {BASE.path: data})
    assert found["alloybench-base-score"].verdict is Verdict.REFUTED
    assert {found[n].verdict for n in (DELTA, PLUS, PRIOR)} == {Verdict.REFUTED}


def test_a_difference_that_fits_between_scores_that_do_not_hold_is_not_verified(tmp_path):
    moved = {"results__benchmarks__0__score": 81.25, "results__benchmarks__0__baseScore": 87.5}
    found = outcomes(tmp_path, card(**moved))
    assert found["alloybench-score"].verdict is Verdict.REFUTED
    assert found[DELTA].verdict is Verdict.UNVERIFIABLE
    assert "delta-of-refuted-scores" in codes(found[DELTA])


@pytest.mark.parametrize("side", ["samplesPath", "baseSamplesPath"])
def test_an_end_without_samples_makes_it_unverifiable(side, tmp_path):
    found = outcomes(tmp_path, card(**{f"results__benchmarks__0__{side}": ...}))
    assert found[DELTA].verdict is Verdict.UNVERIFIABLE
    assert "delta-without-samples" in codes(found[DELTA])
    assert found[PLUS].verdict is Verdict.VERIFIED


def test_an_end_whose_samples_are_not_here_leaves_it_not_checked(tmp_path):
    found = outcomes(tmp_path, card(), {p: d for p, d in FILES.items() if p != STUDENT.path})
    assert found[DELTA].verdict is Verdict.NOT_CHECKED
    assert found[PRIOR].verdict is Verdict.VERIFIED


def test_partial_samples_prove_no_difference(tmp_path):
    data = scored.partial(STUDENT)
    fresh = {f"results__benchmarks__{i}__resultHash": sha(data) for i in (0, 1)}
    found = outcomes(tmp_path, card(**fresh), FILES | {STUDENT.path: data})
    assert Verdict.VERIFIED not in {found[n].verdict for n in (DELTA, PLUS)}


def test_unreadable_samples_refute_the_score_and_no_difference(tmp_path):
    data = b"{ not json\n"
    fresh = {f"results__benchmarks__{i}__resultHash": sha(data) for i in (0, 1)}
    found = outcomes(tmp_path, card(**fresh), FILES | {STUDENT.path: data})
    assert found["alloybench-score"].verdict is Verdict.REFUTED
    assert found[DELTA].verdict is Verdict.UNVERIFIABLE


def test_a_difference_of_scores_that_are_not_stated_rests_on_nothing(tmp_path):
    found = outcomes(tmp_path, card(results__benchmarks__0__baseScore=...))
    assert found[DELTA].verdict is Verdict.UNVERIFIABLE
    assert "no score is stated there" in found[DELTA].reason


def test_a_pipeline_that_misses_its_anchor_grounds_no_difference(tmp_path):
    found = outcomes(tmp_path, card(stages__0__calibrationAnchor__publishedScore=50.0))
    for name in (DELTA, PLUS, PRIOR):
        assert found[name].verdict is Verdict.UNVERIFIABLE
        assert "anchor-failed" in codes(found[name])
    assert found["alloybench-score"].verdict is Verdict.VERIFIED


def test_a_wrong_difference_stays_refuted_whatever_the_anchor_says(tmp_path):
    both = {"stages__0__calibrationAnchor__publishedScore": 50.0, "results__benchmarks__0__delta": 3.0}
    assert outcomes(tmp_path, card(**both))[DELTA].verdict is Verdict.REFUTED


def test_an_anchor_that_cannot_be_judged_here_leaves_the_difference_open(tmp_path):
    # The anchor's base samples are another file than those of the difference, and are not at hand.
    document = card(
        results__benchmarks__0__baseSamplesPath="gone.jsonl",
        stages__0__calibrationAnchor__benchmark="alloybench",
    )
    found = outcomes(tmp_path, document)
    assert found["alloybench_plus-score"].verdict is Verdict.VERIFIED
    assert found[PLUS].verdict is Verdict.NOT_CHECKED
    assert "anchor could not be checked here" in found[PLUS].reason


@pytest.mark.parametrize(
    "changes",
    [
        pytest.param({"stages__0__calibrationAnchor": ...}, id="no-anchor"),
        pytest.param({"stages__0__calibrationAnchor__publishedScore": None}, id="own-anchor"),
        pytest.param({"stages__0__calibrationAnchor__model": "an/other"}, id="of-another-model"),
    ],
)
def test_where_no_anchor_can_speak_the_samples_do(changes, tmp_path):
    found = outcomes(tmp_path, card(**changes))
    assert {found[n].verdict for n in (DELTA, PLUS, PRIOR)} == {Verdict.VERIFIED}
    assert "anchor-failed" not in codes(found[DELTA])


def test_a_tolerance_wider_than_usual_is_told(tmp_path):
    wide = {"publishedScore": 85.0, "tolerance": 30.0, "delta": 8.75}
    found = outcomes(tmp_path, card(**{f"stages__0__calibrationAnchor__{k}": v for k, v in wide.items()}))
    assert found["anchor-score-passed"].verdict is Verdict.VERIFIED
    assert "wide-tolerance" in codes(found["anchor-score-passed"])
    assert "wide-tolerance" in codes(found[DELTA])


def test_an_anchor_of_another_stage_does_not_speak_for_a_benchmark(tmp_path):
    document = card(stages__0__calibrationAnchor__publishedScore=50.0)
    stage = document["stages"][0]
    stage["benchmarks"] = [{"name": "alloybench"}]
    document["stages"].append({"type": "eval", "benchmarks": [{"name": "alloybench_plus"}]})
    found = outcomes(tmp_path, document)
    assert found[DELTA].verdict is Verdict.UNVERIFIABLE
    assert found[PLUS].verdict is Verdict.VERIFIED


def test_gains_of_accuracy_rest_on_both_models_samples(tmp_path):
    document = card()
    item = document["results"]["benchmarks"][0]
    item["metrics"] = {"accuracy": 87.5, "baselineAccuracy": 93.75, "improvement": -6.25, "hardScore": 10.0}
    found = outcomes(tmp_path, document)
    assert found["alloybench-improvement-score-delta"].verdict is Verdict.VERIFIED
    assert found["alloybench-baselineAccuracy"].verdict is Verdict.VERIFIED
    # Which problems are the hard ones, the samples do not say.
    assert found["alloybench-hardScore"].verdict is Verdict.UNVERIFIABLE
    for value, verdict in ((-6.67, Verdict.VERIFIED), (6.25, Verdict.REFUTED)):
        item["metrics"]["improvement"] = value  # the first in percent of the base's accuracy
        assert outcomes(tmp_path, document)["alloybench-improvement-score-delta"].verdict is verdict


def test_another_models_prior_is_not_held_against_these_base_samples(tmp_path):
    prior = "priorMetricBaselines__0__evaluation__"
    changes = {f"{prior}anchorBaseModel": "an/other", f"{prior}anchorReproduction__alloybench": 70.0}
    found = outcomes(tmp_path, card(**changes, **{f"{prior}results__deltaVsAnchorAlloybench": -7.5}))
    assert found["prior-old-alloybench-anchor-score"].verdict is Verdict.UNVERIFIABLE
    assert found[PRIOR].verdict is Verdict.UNVERIFIABLE


# Properties, over results that judges may give. The files hold nothing; the judge is a table.

TASK = {None: ("timeout", None), True: ("pass", True), False: ("fail", False)}


def result(statuses, missing=0, limits=()):
    tasks = {
        f"t{i}": TaskResult(official=TASK[s][0], isolated=None, confirmed=s) for i, s in enumerate(statuses)
    }
    return ScoreResult(
        benchmark="alloybench",
        judge={"name": "j", "version": "1"},
        total=len(statuses) + missing,
        tasks=tasks,
        missing=tuple(f"m{i}" for i in range(missing)),
        limits=limits,
    )


def judged(document, student, base):
    """Claim id -> outcome, where the judge gives these results."""
    alloy = parse(json.dumps(document, default=float).encode())
    files = SimpleNamespace(open=lambda path: path)
    context = Context(
        alloy=alloy,
        files=files,
        score=lambda name, path: {"s": student, "b": base}[str(path)],
        parent=lambda repo: (),
        digest=lambda path: "0" * 64,
    )
    found = {c.id: (c, decide(c, context)) for c in extract(alloy, "x") if c.tier == 4}
    assert all(o.verdict is not Verdict.ERROR for _, o in found.values()), found
    return {i.removeprefix("x-"): o for i, (_, o) in found.items()}


def plain(score, base, delta, **anchor):
    item = {"name": "alloybench", "score": score, "baseScore": base, "delta": delta}
    item |= {"samplesPath": "s", "baseSamplesPath": "b"}
    stage = {"type": "eval", "benchmarks": [{"name": "alloybench"}]}
    if anchor:
        stage["calibrationAnchor"] = {"measuredScore": base, **anchor}
    return {
        "name": "x",
        "source": {"baseModel": "a/b", "architecture": "llama"},
        "stages": [stage],
        "results": {"benchmarks": [item]},
    }


statuses = st.lists(st.sampled_from([True, True, False, None]), min_size=1, max_size=12)
percent = st.integers(0, 1000).map(lambda n: n / 10)
ends = st.builds(
    result, statuses, st.sampled_from([0, 0, 0, 1]), st.sampled_from([(), (), ("another version",)])
)
claimed = st.one_of(percent, st.sampled_from([0.25, 0.333, 50, 100]))


@settings(deadline=None)
@given(ends, ends, claimed, claimed, st.floats(-100, 100).map(lambda x: round(x, 1)), percent, percent)
def test_never_verified_unless_both_ends_are_and_never_refuted_unless_both_were_judged(
    student, base, score, base_score, delta, cited, tolerance
):
    document = plain(score, base_score, delta, publishedScore=cited, tolerance=tolerance)
    found = judged(document, student, base)
    both = {found["alloybench-score"].verdict, found["alloybench-base-score"].verdict}
    if found[DELTA].verdict is Verdict.VERIFIED:
        assert both == {Verdict.VERIFIED}
    if found[DELTA].verdict is Verdict.REFUTED:
        assert both <= {Verdict.VERIFIED, Verdict.REFUTED}
    assert "anchor-failed" not in codes(found[DELTA]) or found[DELTA].verdict is not Verdict.VERIFIED


@settings(deadline=None)
@given(st.integers(1, 400), st.data(), st.integers(0, 3), st.booleans(), st.booleans())
def test_an_honest_difference_is_verified_however_it_is_rounded(n, data, places, of_rounded, fraction):
    solved = [data.draw(st.integers(0, n)) for _ in range(2)]
    full = 1 if fraction else 100
    true = [Decimal(full * k) / n for k in solved]
    step = Decimal(1).scaleb(-places - (3 if fraction else 0))
    stated = [value.quantize(step) for value in true]
    of = stated if of_rounded else true
    delta = (of[0] - of[1]).quantize(step)
    results = [result([True] * k + [False] * (n - k)) for k in solved]
    number = int if step == 1 else float
    # Of fractions, 1.0 has no digits left that tell it from one percent.
    assume(not fraction or all(value < 1 for value in stated))
    found = judged(plain(*map(number, (*stated, delta))), *results)
    assert {found[n].verdict for n in ("alloybench-score", "alloybench-base-score")} == {Verdict.VERIFIED}
    assert found[DELTA].verdict is Verdict.VERIFIED


@settings(deadline=None)
@given(st.integers(1, 200), st.data())
def test_a_difference_beyond_all_rounding_is_refuted(n, data):
    solved = [data.draw(st.integers(0, n)) for _ in range(2)]
    stated = [round(100 * k / n, 1) for k in solved]
    off = data.draw(st.sampled_from([-0.3, 0.3, 1.0, -7.5]))
    results = [result([True] * k + [False] * (n - k)) for k in solved]
    found = judged(plain(*stated, round(stated[0] - stated[1] + off, 1)), *results)
    assert found[DELTA].verdict is Verdict.REFUTED
