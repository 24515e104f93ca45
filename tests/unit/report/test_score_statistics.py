"""From claims and scored samples to rows, comparisons and notes."""

import json
from dataclasses import replace
from decimal import Decimal

import jsonschema
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.report.samples import artifact, checked
from verifier.report import html, markdown
from verifier.report import json as report_json
from verifier.report.explain import compared
from verifier.report.model import Report
from verifier.report.statistics import assemble, estimate_of
from verifier.runners.model import Answer, Metric, ScoreResult, TaskResult
from verifier.verdicts import Severity, Tier, Verdict

BENCHMARK = "humaneval"
CARD = {
    "/results/benchmarks/0/samplesPath": "student.jsonl",
    "/results/benchmarks/0/baseSamplesPath": "base.jsonl",
    "/priorMetricBaselines/0/id": "norm",
    "/priorMetricBaselines/0/evaluation/samplesPath": "prior.jsonl",
}


def result(solved, n=20, undecided=(), **kw):
    """Problems below ``solved`` are solved."""
    tasks = {
        f"T/{i}": TaskResult(
            official="pass", isolated="pass", confirmed=None if i in undecided else i < solved
        )
        for i in range(n)
    }
    return ScoreResult(benchmark=BENCHMARK, judge={}, tasks=tasks, total=kw.pop("total", n), **kw)


def claim(pointer, samples, expected="88.4", **kw):
    params = {"benchmark": kw.pop("benchmark", BENCHMARK), "samples": samples, "digest": None}
    one = checked(
        slug=pointer.strip("/").replace("/", "-"),
        kind=kw.pop("kind", "score"),
        tier=Tier.SCORES,
        pointer=pointer,
        expected=Decimal(expected),
        **kw,
    )
    object.__setattr__(one.claim, "params", params)
    return one


STUDENT = claim("/results/benchmarks/0/score", "/results/benchmarks/0/samplesPath", found=None)
BASE = claim("/results/benchmarks/0/baseScore", "/results/benchmarks/0/baseSamplesPath", found=None)
PRIOR = claim(
    "/priorMetricBaselines/0/evaluation/results/humaneval",
    "/priorMetricBaselines/0/evaluation/samplesPath",
    found=None,
)
ANCHOR = claim(
    "/priorMetricBaselines/0/evaluation/anchorReproduction/humaneval",
    "/results/benchmarks/0/baseSamplesPath",
    found=None,
)
TABLE = claim("/results/fourRunProgression/2/humaneval", None, found=None)


def scored(**files):
    return {f"{BENCHMARK}:{name}.jsonl": found for name, found in files.items()}


def of(claims, files):
    return assemble(claims, files, CARD.get)


def test_no_score_claim_no_statistics():
    assert of([checked()], {}) == (None, ())


def test_rows_say_whose_score_it_is():
    found, _ = of([STUDENT, BASE, PRIOR, ANCHOR, TABLE], scored(student=result(15), base=result(18)))
    assert [(r.who, r.samples, r.solved) for r in found.rows] == [
        ("student", "humaneval:student.jsonl", 15),
        ("base", "humaneval:base.jsonl", 18),
        ("prior norm", "", 0),
        ("base, as anchor of prior norm", "humaneval:base.jsonl", 18),
        ("fourRunProgression/2", "", 0),
    ]
    assert [r.found for r in found.rows] == [0.75, 0.9, None, 0.9, None]
    assert {r.claimed for r in found.rows} == {0.884}


@pytest.mark.parametrize(("written", "share"), [("88.4", 0.884), ("0.884", 0.884), ("0", 0.0), ("1", 0.01)])
def test_published_scores_are_read_as_tier_4_reads_them(written, share):
    found, _ = of([claim("/results/benchmarks/0/score", None, expected=written)], {})
    assert found.rows[0].claimed == share


def test_intervals_as_scipy_has_them():
    stats = pytest.importorskip("scipy.stats", reason="the oracle")
    found, _ = of([STUDENT], scored(student=result(15)))
    expected = stats.binomtest(15, 20).proportion_ci(method="wilson")
    row = found.rows[0]
    assert (row.low, row.high) == pytest.approx((expected.low, expected.high), abs=1e-6)
    assert row.method == "wilson"


def test_the_samples_say_whose_a_metric_is():
    base = claim(
        "/results/benchmarks/0/metrics/baseAccuracy", "/results/benchmarks/0/baseSamplesPath", found=None
    )
    hard = claim("/results/benchmarks/0/metrics/hardScore", None, found=None)
    found, _ = of([STUDENT, base, hard], scored(student=result(15), base=result(18)))
    assert [r.who for r in found.rows] == ["student", "base, baseAccuracy", "student, hardScore"]
    assert [(c.first.who, c.second.who) for c in found.comparisons] == [("student", "base")]


def test_a_measured_anchor_is_the_base_score_that_it_came_out_as():
    anchor = claim(
        "/stages/1/calibrationAnchor/measuredScore", None, kind="anchor-score", found=Decimal("90")
    )
    places = [
        {"benchmark": name, "samples": f"/results/benchmarks/{i}/baseSamplesPath", "digest": None}
        for i, name in enumerate(("mbpp", "humaneval_plus", "humaneval"))
    ]
    object.__setattr__(anchor.claim, "params", {"candidates": places})
    card = {place["samples"]: "base.jsonl" for place in places}
    files = {"humaneval_plus:base.jsonl": result(17), "humaneval:base.jsonl": result(18)}
    row = assemble([anchor], files, card.get)[0].rows[0]
    assert (row.who, row.benchmark, row.found) == ("base, as measured anchor", "humaneval", 0.9)
    object.__setattr__(anchor.claim, "params", {"candidates": []})
    row = assemble([anchor], files, card.get)[0].rows[0]
    assert (row.benchmark, row.found, row.samples) == ("", None, "")


def test_samples_in_several_files_are_one():
    card = CARD | {"/results/benchmarks/0/samplesPath": ["one.jsonl", "two.jsonl"]}
    found, _ = assemble([STUDENT], {"humaneval:one.jsonl, two.jsonl": result(15)}, card.get)
    assert found.rows[0].solved == 15


def test_student_is_compared_with_base_then_with_priors_and_each_pair_once():
    files = scored(student=result(10), base=result(18), prior=result(4))
    found, _ = of([STUDENT, BASE, PRIOR, ANCHOR], files)
    assert [(c.first.who, c.second.who) for c in found.comparisons] == [
        ("student", "base"),
        ("student", "prior norm"),
    ]
    base, prior = found.comparisons
    assert (base.problems, base.only_first, len(base.only_second), base.difference) == (20, (), 8, -0.4)
    assert (base.p, base.distinguishable) == (2 / 2**8, True)
    assert (prior.only_second, len(prior.only_first)) == ((), 6)
    assert found.comparisons[0].only_second == tuple(sorted(f"T/{i}" for i in range(10, 18)))


def test_a_benchmark_that_stands_twice_is_compared_within_its_own_part():
    again = [
        claim(f"/results/benchmarks/1/{key}", f"/results/benchmarks/1/{path}", found=None)
        for key, path in (
            ("score", "samplesPath"),
            ("metrics/accuracy", "samplesPath"),
            ("baseScore", "baseSamplesPath"),
        )
    ]
    card = CARD | {
        "/results/benchmarks/1/samplesPath": "student2.jsonl",
        "/results/benchmarks/1/baseSamplesPath": "base2.jsonl",
    }
    files = scored(student=result(1), base=result(2), student2=result(3), base2=result(5))
    found, _ = assemble([STUDENT, BASE, *again], files, card.get)
    assert [(c.first.samples[10:], c.second.samples[10:]) for c in found.comparisons] == [
        ("student.jsonl", "base.jsonl"),
        ("student2.jsonl", "base2.jsonl"),
    ]


def test_undecided_and_missing_problems_are_not_compared():
    files = scored(student=result(10, undecided=(0, 1)), base=result(18, n=19, undecided=(2,)))
    (pair,) = of([STUDENT, BASE], files)[0].comparisons
    assert pair.problems == 16
    row = of([STUDENT, BASE], files)[0].rows[0]
    assert (row.solved, row.answered, row.undecided, row.found) == (8, 20, 2, round(8 / 18, 6))


def test_the_same_path_for_student_and_base_is_noted():
    card = CARD | {"/results/benchmarks/0/baseSamplesPath": "student.jsonl"}
    files = scored(student=result(10, samples_sha256="ab" * 32))
    found, notes = assemble([STUDENT, BASE], files, card.get)
    assert [(f.who, f.samples) for f in found.files] == [
        ("student", "humaneval:student.jsonl"),
        ("base", "humaneval:student.jsonl"),
    ]
    (note,) = notes
    assert (note.code, note.severity, note.claim_id) == ("samples-identical", Severity.WARNING, None)
    assert note.pointer == "/results/benchmarks/0/samplesPath"


def test_a_note_on_one_file_is_told_once_however_many_benchmarks_it_answers():
    plus = claim(
        "/results/benchmarks/1/score",
        "/results/benchmarks/0/samplesPath",
        benchmark="humaneval_plus",
        found=None,
    )
    copied = {f"T/{i}": Answer(digest=str(i), length=99, canonical=True, size=60) for i in range(20)}
    one = result(20, answers=copied)
    found, notes = of([STUDENT, plus], {"humaneval:student.jsonl": one, "humaneval_plus:student.jsonl": one})
    assert [n.code for n in notes] == ["answers-canonical"]
    assert [f.counts["telling"] for f in found.files] == [20, 20]


def test_a_comparison_says_why_it_may_not_hold():
    def pair(one, other):
        (found,) = of([STUDENT, BASE], scored(student=one, base=other))[0].comparisons
        return found

    assert pair(result(10), result(18)).reservations == ()
    limited = pair(result(10, limits=("no dataset is pinned",)), result(18))
    assert limited.reservations == ("student: no dataset is pinned",)
    assert compared(limited).endswith(": distinguishable; with reservations (student: no dataset is pinned)")
    other = replace(result(18), judge={"dataset": "cd"})
    assert pair(replace(result(10), judge={"dataset": "ab"}), other).reservations == (
        "the problems in the two files have different digests",
    )
    assert pair(result(10), other).reservations == ()


HEADLINE = Metric(name="wer", filter="none", value=7.5, stderr=0.5, n=20, task="t", full=100.0)


def test_a_headline_has_the_interval_of_its_own_standard_error():
    found, _ = of([STUDENT], scored(student=result(9, headline=HEADLINE, metrics=(HEADLINE,))))
    row = found.rows[0]
    assert (row.found, row.metric, row.method) == (0.075, "wer,none", "stderr")
    assert (row.low, row.high) == pytest.approx((0.075 - 0.0098, 0.075 + 0.0098), abs=1e-5)
    assert row.smallest is None
    bare = Metric(name="bleu", filter="none", value=30.0, stderr=None, n=20, task="t", full=100.0)
    assert estimate_of(result(9, headline=bare)).range is None


def test_the_point_drawn_is_the_metric_that_the_verdict_rests_on():
    strict = Metric(name="strict", filter="f", value=0.45, stderr=0.1, n=20, task="t")
    other = Metric(name="loose", filter="f", value=0.6, stderr=0.1, n=20, task="t")
    part = Metric(name="loose", filter="f", value=0.6, stderr=0.2, n=9, task="part", whole=False)
    one = claim(
        "/results/benchmarks/0/score", "/results/benchmarks/0/samplesPath", expected="60.0", found=60.0
    )
    found, _ = of([one], scored(student=result(9, metrics=(part, strict, other))))
    row = found.rows[0]
    assert (row.found, row.metric, row.method) == (0.6, "loose,f", "stderr")
    own = claim(
        "/results/benchmarks/0/score", "/results/benchmarks/0/samplesPath", expected="45.0", found=45.0
    )
    assert of([own], scored(student=result(9, metrics=(strict, other))))[0].rows[0].method == "wilson"


def test_nothing_answered_is_no_score():
    found, _ = of([STUDENT, BASE], scored(student=result(0, n=0, total=20), base=result(3)))
    assert (found.rows[0].found, found.rows[0].low, found.comparisons) == (None, None, ())


@pytest.mark.parametrize("number", [Decimal("1e999"), 10**400, -(10**400)])
def test_a_hostile_number_is_no_share(number):
    one = claim("/results/benchmarks/0/score", "/results/benchmarks/0/samplesPath", found=number)
    object.__setattr__(one.claim, "expected", number)
    found, _ = of([one], scored(student=result(3)))
    assert (found.rows[0].claimed, found.rows[0].found) == (None, 0.15)
    assert found.rows[0].verdict is Verdict.VERIFIED


NUMBERS = st.integers() | st.decimals(allow_nan=False, allow_infinity=False)
VALUES = (
    st.none() | st.booleans() | NUMBERS | st.text(max_size=20) | st.lists(st.text(max_size=5), max_size=2)
)
POINTERS = st.sampled_from(
    [*CARD, "/results/benchmarks/x/score", "/priorMetricBaselines/7/evaluation/results/a"]
)


@settings(max_examples=50, deadline=None)
@given(st.lists(st.tuples(POINTERS, POINTERS | st.none(), VALUES, VALUES), max_size=4), st.integers(0, 3))
def test_whatever_a_card_says_there_is_a_report_that_follows_the_schema(rows, solved):
    claims = []
    for pointer, samples, expected, found in rows:
        one = claim(pointer, samples, found=found)
        object.__setattr__(one.claim, "expected", expected)
        claims.append(one)
    statistics, notes = of(claims, scored(student=result(solved, n=3), prior=result(3 - solved, n=3)))
    card = artifact(claims=tuple(claims), statistics=statistics, findings=notes)
    report = Report(artifacts=(card,), environment={})
    jsonschema.validate(json.loads(report_json.dumps(report)), json.loads(report_json.schema()))
    for render in (html.page, markdown.summary):
        assert render(report)
