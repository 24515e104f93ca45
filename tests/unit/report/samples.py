"""Reports made by hand for the renderers' tests, an ordinary one and a hostile one."""

from decimal import Decimal

from verifier.claims.model import Claim
from verifier.report.model import (
    ArtifactReport,
    Checked,
    Comparison,
    Report,
    ScoredFile,
    ScoreRow,
    Statistics,
)
from verifier.verdicts import Finding, Outcome, Severity, Tier, Verdict

HOSTILE = (
    "<script>alert(1)</script>",
    "\x1b[31mred\x1b]0;title\x07\x9b2J",
    "[bold red]markup[/] [link=http://evil.example]x[/link] :smile:",
    "two\nlines\r\nand | a pipe\u2028here",
    "\u202egnp.exe \ud800 \x7f \x00",
    '" onmouseover="alert(1)',
    "![x](http://evil.example/x.png) @everyone `code` **bold** <!-- --> www.evil.example #1",
    "'; DROP TABLE claims; --",
    "x" * 100_000,
)


def checked(name="card", slug="score", verdict=Verdict.VERIFIED, tier=Tier.RECIPE, **kw):
    claim = Claim(
        id=f"{name}-{slug}",
        tier=tier,
        kind=kw.pop("kind", "difference"),
        pointer=kw.pop("pointer", "/results/score"),
        expected=kw.pop("expected", Decimal("88.40")),
        statement=kw.pop("statement", "The score is 88.40."),
    )
    outcome = Outcome(
        verdict=verdict,
        reason=kw.pop("reason", "145 of 164 problems are confirmed"),
        found=kw.pop("found", Decimal("88.41")),
        method="recompute/1",
        digests=(("samples", "ab" * 32),),
        **kw,
    )
    return Checked(claim=claim, outcome=outcome)


def artifact(name="card", claims=None, **kw):
    claims = claims or tuple(checked(name, f"c-{v.value.lower()}", v) for v in Verdict)
    return ArtifactReport(name=name, alloy_hash="0123456789abcdef", checked=claims, **kw)


def ordinary():
    finding = Finding(
        code="score-differs",
        severity=Severity.ERROR,
        pointer="/results/score",
        message="The score differs.",
        claimed=Decimal("88.40"),
        found=Decimal("87.8"),
        remedy="State the measured score.",
        claim_id="card-c-refuted",
    )
    tasks = {
        "HumanEval/10": {"official": "fail", "isolated": None, "confirmed": False},
        "HumanEval/2": {"official": "pass", "isolated": "pass", "confirmed": True},
        "HumanEval/3": {"official": "pass", "isolated": "fail", "confirmed": False},
        "HumanEval/4": {"official": "timeout", "isolated": None, "confirmed": None},
    }
    base = dict.fromkeys(tasks, tasks["HumanEval/2"])
    card = artifact(
        findings=(finding,),
        scores={"eval/samples.jsonl": tasks, "eval/base.jsonl": base},
        statistics=statistics("humaneval", "student", "base", "eval/samples.jsonl", "eval/base.jsonl"),
    )
    return Report(
        artifacts=(card, artifact("other")), environment={"python": "3.11", "judge": {"b": 1, "a": 2}}
    )


def statistics(benchmark, who, other, samples, against, task="HumanEval/10"):
    row = ScoreRow(
        claim="card-c-refuted",
        pointer="/results/score",
        benchmark=benchmark,
        who=who,
        verdict=Verdict.REFUTED,
        samples=samples,
        metric=benchmark,
        claimed=0.884,
        found=0.25,
        solved=1,
        answered=4,
        undecided=1,
        total=4,
        low=0.06,
        high=0.79,
        method="wilson",
        smallest=0.9,
    )
    bare = ScoreRow(
        claim="card-d", pointer="/results/base", benchmark=benchmark, who=other, verdict=Verdict.NOT_CHECKED
    )
    first = ScoredFile(samples=samples, benchmark=benchmark, who=who, counts={"answers": 4, "canonical": 1})
    second = ScoredFile(samples=against, benchmark=benchmark, who=other)
    pair = Comparison(
        benchmark=benchmark,
        first=first,
        second=second,
        problems=3,
        only_first=(),
        only_second=(task, "HumanEval/3"),
        difference=-0.666667,
        p=0.5,
        distinguishable=False,
    )
    return Statistics(level=0.95, rows=(row, bare), files=(first, second), comparisons=(pair,))


def hostile(text):
    claims = tuple(
        checked(
            text,
            text,
            verdict,
            pointer=text,
            expected=text,
            found={text: [text]},
            statement=text,
            reason=text,
        )
        for verdict in Verdict
    )
    finding = Finding(
        code=text,
        severity=Severity.WARNING,
        pointer=text,
        message=text,
        claimed=text,
        found=text,
        remedy=text,
    )
    tasks = {text: {"official": text, "isolated": text, "confirmed": False}}
    card = ArtifactReport(
        name=text,
        alloy_hash=text,
        checked=claims,
        findings=(finding,),
        scores={text: tasks, text + "2": tasks, "elsewhere": tasks},
        statistics=statistics(text, text, text, text, text + "2", text),
    )
    return Report(artifacts=(card,), environment={text: text}, timing={text: text})
