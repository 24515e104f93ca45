"""Which differences, anchors and criteria become claims, and what they say that they depend on."""

import pytest

from tests.unit.tiers.scored import BASE, STUDENT, card, claims
from verifier.alloy.parse import get
from verifier.claims.deltas import MAX_ANCHORS
from verifier.errors import DocumentError
from verifier.verdicts import Tier

NEW = ("delta", "anchor", "anchor-score", "criterion", "criteria-met")


def of_kind(found, *kinds):
    return {name: claim for name, claim in found.items() if claim.kind in kinds}


def test_every_difference_that_tier_1_computes_rests_on_samples_in_tier_4():
    document = card()
    metrics = {"accuracy": 87.5, "baselineAccuracy": 93.75, "improvement": -6.25, "improvement_pct": -6.25}
    document["results"]["benchmarks"][0]["metrics"] = metrics
    found = claims(document)
    computed = {c.pointer for c in of_kind(found, "difference").values()}
    assert len(computed) == 6
    assert {c.pointer for c in of_kind(found, "delta").values()} == computed
    assert {c.tier for c in of_kind(found, *NEW).values()} == {Tier.SCORES}


def test_a_difference_names_both_ends_and_everything_it_rests_on():
    document = card()
    claim = claims(document)["alloybench-score-delta"]
    assert [claim.params[end]["claim"] for end in ("minuend", "subtrahend")] == [
        "tiny-alloybench-score",
        "tiny-alloybench-base-score",
    ]
    assert {STUDENT.path, BASE.path} <= {str(get(document, p)) for p in claim.inputs}
    assert {"/stages/0/calibrationAnchor", "/results/benchmarks/0/baseScore"} <= set(claim.inputs)


def test_an_anchor_without_a_published_score_depends_on_no_samples():
    document = card(stages__0__calibrationAnchor__publishedScore=None)
    document["results"]["benchmarks"][1] |= {"baseSamplesPath": "other.jsonl"}
    document["stages"][0]["calibrationAnchor"]["benchmark"] = "alloybench_plus"
    claim = claims(document)["alloybench-score-delta"]
    assert "/results/benchmarks/1/baseSamplesPath" not in claim.inputs


@pytest.mark.parametrize("value", [None, "n/a", [1], {"a": 1}, True])
def test_what_is_no_number_is_no_difference(value):
    where = "priorMetricBaselines__0__evaluation__results__deltaVsAnchorAlloybench"
    found = claims(card(**{where: value}))
    assert "prior-old-alloybench-score-delta" not in found


def test_a_card_without_any_of_it_gets_no_such_claim():
    bare = {"name": "x", "source": {"baseModel": "a/b", "architecture": "llama"}, "stages": []}
    assert not of_kind(claims(bare), *NEW)
    assert not of_kind(claims(bare | {"results": {}, "acceptanceCriteria": None}), *NEW)


def test_more_anchors_than_any_card_has_are_refused():
    stage = card()["stages"][0]
    assert len(of_kind(claims(card(stages=[stage] * MAX_ANCHORS)), "anchor")) == MAX_ANCHORS
    with pytest.raises(DocumentError, match="calibration anchors: expected at most 16"):
        claims(card(stages=[stage] * (MAX_ANCHORS + 1)))


def test_a_perplexity_in_the_results_is_no_missing_result():
    document = card()
    document["stages"][0]["benchmarks"] += [{"name": "perplexity"}, {"name": "mmlu"}]
    assert {"eval-perplexity-missing", "eval-mmlu-missing"} <= claims(document).keys()
    document["results"]["finalPerplexity"] = 6.5
    found = claims(document)
    assert "eval-perplexity-missing" not in found
    assert "eval-mmlu-missing" in found


def test_a_measured_score_may_be_any_base_score_of_its_stage():
    anchor = "stages__0__calibrationAnchor__"
    found = claims(card())["anchor-measured"]
    assert [found.params["other"], *found.params["or"]] == [
        "/results/benchmarks/0/baseScore",
        "/results/benchmarks/1/baseScore",
    ]
    named = claims(card(**{f"{anchor}benchmark": "alloybench_plus"}))["anchor-measured"]
    assert (named.params["other"], named.params["or"]) == ("/results/benchmarks/1/baseScore", [])
    assert "anchor-measured" not in claims(card(**{f"{anchor}benchmark": "mmlu"}))
