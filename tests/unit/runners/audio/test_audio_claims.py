"""What a card's claim of an error rate or BLEU becomes, with and without the dataset."""

from decimal import Decimal
from pathlib import Path

import pytest

from tests.unit.runners.audio.conftest import Run
from verifier.claims.model import Claim
from verifier.tiers.scores import compare
from verifier.verdicts import Tier, Verdict


def claimed(score: float) -> Claim:
    """As the document's own reader gives numbers: as decimals, with the digits that are written."""
    return Claim(
        id="tiny-score",
        tier=Tier(4),
        kind="score",
        pointer="/results/benchmarks/0/score",
        expected=Decimal(str(score)),
        statement="a score",
    )


@pytest.mark.parametrize(
    ("name", "score", "verdict", "said"),
    [
        ("librispeech_test_clean", 13.3, Verdict.VERIFIED, "wer over 8 of 8"),
        ("librispeech_test_clean", 0.133, Verdict.VERIFIED, "wer over 8 of 8"),
        ("librispeech_test_clean", 12.3, Verdict.REFUTED, "claimed 12.3"),
        ("librispeech_test_other", 54.5, Verdict.REFUTED, "claimed 54.5"),
        ("covost2_en_zh", 80.6, Verdict.VERIFIED, "bleu over 5 of 5"),
        ("covost2_zh_en", 69.82, Verdict.VERIFIED, "bleu over 4 of 4"),
        ("covost2_zh_en", 99.0, Verdict.REFUTED, "claimed 99.0"),
    ],
)
def test_a_claim_on_a_whole_log(run: Run, name: str, score: float, verdict: Verdict, said: str) -> None:
    outcome = compare(claimed(score), run.score(name))
    assert outcome.verdict is verdict, outcome.reason
    assert said in outcome.reason
    without = compare(claimed(score), run.score(name, dataset=False))
    assert without.verdict is Verdict.NOT_CHECKED
    assert "--dataset" in without.reason


@pytest.mark.parametrize(
    ("name", "metric"),
    [
        ("librispeech_test_clean", "wer_lowercase"),
        ("librispeech_test_clean", "wer_whisper_normalizer"),
        ("covost2_zh_en", "sacrebleu"),
    ],
)
def test_a_claim_may_mean_another_metric(run: Run, name: str, metric: str) -> None:
    result = run.score(name)
    (value,) = [one.value for one in result.metrics if one.name == metric]
    assert result.headline is not None
    outcome = compare(claimed(round(value, 2)), result)
    assert outcome.verdict is Verdict.VERIFIED
    assert metric in outcome.reason or round(value, 2) == round(result.headline.value, 2)


def test_a_partial_log_proves_no_score(run: Run, tmp_path: Path) -> None:
    copy = run.copied(tmp_path)
    copy.edit("covost2_zh_en_test", lambda lines: lines[:2])
    result = copy.score("covost2_zh_en")
    assert compare(claimed(99.0), result).verdict is Verdict.NOT_CHECKED  # the run's own number is another
    assert compare(claimed(69.8), result).verdict is not Verdict.VERIFIED


def test_a_run_of_two_splits_decides_nothing(run: Run) -> None:
    assert compare(claimed(13.3), run.score("librispeech")).verdict is Verdict.NOT_CHECKED
