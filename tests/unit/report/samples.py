"""Reports made by hand for the renderers' tests, an ordinary one and a hostile one."""

from decimal import Decimal

from verifier.claims.model import Claim
from verifier.report.model import ArtifactReport, Checked, Report
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
    card = artifact(findings=(finding,), scores={"eval/samples.jsonl": tasks})
    return Report(
        artifacts=(card, artifact("other")), environment={"python": "3.11", "judge": {"b": 1, "a": 2}}
    )


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
        name=text, alloy_hash=text, checked=claims, findings=(finding,), scores={text: tasks}
    )
    return Report(artifacts=(card,), environment={text: text}, timing={text: text})
