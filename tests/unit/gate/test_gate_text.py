import json
import re
from dataclasses import replace
from decimal import Decimal

from verifier.claims.model import Claim
from verifier.gate import EntryChange, GateResult
from verifier.gate_entry import Problem, read_lock
from verifier.gate_text import annotations, as_json, flips, markdown
from verifier.report.model import ArtifactReport, Checked
from verifier.verdicts import Outcome, Tier, Verdict

from .test_gate_entry import LOCK

HOSTILE = "a|b`c\r\n::error file=x::injected %0A @team <script> [x](y)"


def score(key, samples, expected, found, verdict=Verdict.VERIFIED):
    claim = Claim(
        id=f"tiny-{key}",
        tier=Tier.SCORES,
        kind="score",
        pointer=f"/results/benchmarks/0/{key}",
        expected=expected,
        statement="",
        params={"benchmark": "alloybench", "samples": samples},
    )
    return Checked(claim=claim, outcome=Outcome(verdict=verdict, found=found, reason=HOSTILE))


def tasks(**confirmed):
    return {k: {"official": "pass", "isolated": "pass", "confirmed": v} for k, v in confirmed.items()}


REPORT = ArtifactReport(
    name="tiny",
    alloy_hash="0" * 16,
    checked=(
        score("score", "s.jsonl", Decimal("75.0"), Decimal("50.0"), Verdict.REFUTED),
        score("baseScore", "b.jsonl", Decimal("75.0"), Decimal("75.0")),
    ),
    scores={
        "alloybench:s.jsonl": tasks(T0=True, T1=False, T2=True, T3=None),
        "alloybench:b.jsonl": tasks(T0=True, T1=True, T2=False, T3=True),
    },
)
CHANGE = EntryChange(
    name="tiny",
    catalog="reference",
    path="catalog/reference/tiny.lock.json",
    kind="changed",
    report=REPORT,
    pairs=(("alloybench:b.jsonl", "alloybench:s.jsonl"),),
    lock=read_lock(json.dumps(LOCK, indent=1).encode(), "tiny.lock.json"),
    previous={"tiny-score": {"verdict": "VERIFIED"}, "tiny-baseScore": {"verdict": "VERIFIED"}},
    expected={"tiny-score": {"verdict": "REFUTED"}},
)


def result(**changes):
    return GateResult(base="b" * 40, head="a" * 40, entries=(replace(CHANGE, **changes),))


def test_the_summary_shows_claimed_against_recomputed_and_what_flipped():
    text = markdown(result())
    assert "| `tiny-score` | `75.0` | `50.0` | REFUTED | REFUTED |" in text
    assert "| `tiny-baseScore` | `75.0` | `75.0` | VERIFIED | none |" in text
    assert "- lost (1): `T1`" in text
    assert "- gained (1): `T2`" in text
    assert "| `tiny-score` | VERIFIED | REFUTED |" in text
    assert "1 VERIFIED, 1 REFUTED, 0 UNVERIFIABLE, 0 NOT_CHECKED, 0 ERROR." in text


def test_an_undecided_problem_has_not_flipped():
    assert flips(tasks(A=None, B=True), tasks(A=False, B=None)) == ([], [])


def test_hostile_text_neither_breaks_a_table_nor_injects_a_command():
    problem = Problem(code="x", message=HOSTILE, needle='"tiny-score"', remedy=HOSTILE)
    text = markdown(result(reason=(HOSTILE,), problems=(problem,)))
    assert not re.search(r"^::", text, re.MULTILINE)
    for line in text.splitlines():
        if "injected" in line:
            assert line.replace("\\|", "").count("`") % 2 == 0
            assert "@team" not in re.sub(r"`[^`]*`", "", line)
            assert "<script>" not in re.sub(r"`[^`]*`", "", line)


def test_annotations_stand_at_the_claims_line_and_are_escaped():
    problem = Problem(code="verdict-differs", message="50%\r\nof a:b, c", needle='"tiny-score"')
    (line,) = annotations(result(problems=(problem,), path="catalog/reference/a,b:c.lock.json"))
    number = 1 + json.dumps(LOCK, indent=1).splitlines().index('   "id": "tiny-score",')
    assert line == (
        f"::error file=catalog/reference/a%2Cb%3Ac.lock.json,line={number},"
        "title=alloy gate%3A verdict-differs::50%25%0D%0Aof a:b, c"
    )


def test_json_says_the_same():
    problem = Problem(code="x", message="m", needle='"tiny-score"')
    (entry,) = json.loads(as_json(result(problems=(problem,))))["entries"]
    assert entry["accepted"] is False
    assert entry["scores"][0] == {
        "claim": "tiny-score",
        "claimed": 75.0,
        "recomputed": 50.0,
        "verdict": "REFUTED",
    }
    assert entry["flipped"] == [
        {"base": "alloybench:b.jsonl", "student": "alloybench:s.jsonl", "lost": ["T1"], "gained": ["T2"]}
    ]
    assert entry["problems"][0]["line"] > 1


def test_exit_codes_follow_the_worst_entry():
    broken = replace(REPORT, checked=(score("score", "s.jsonl", 1, 1, Verdict.ERROR),))
    problem = Problem(code="x", message="m")
    assert result().exit_code() == 0
    assert result(problems=(problem,)).exit_code() == 1
    assert result(kind="unreadable", problems=(problem,)).exit_code() == 2
    assert result(report=broken, problems=(problem,)).exit_code() == 4


def test_an_untouched_catalog_is_said_to_be_one():
    empty = GateResult(base="b" * 40, head="a" * 40, entries=())
    assert "Nothing to do" in markdown(empty)
    assert empty.exit_code() == 0
