"""Tier 4 checks: published samples scored again, published numbers compared with the result."""

import re
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from verifier.claims import samples as named
from verifier.claims.model import Claim
from verifier.claims.numbers import is_number
from verifier.errors import EvidenceMismatchError, EvidenceMissingError, SandboxError, UsageError
from verifier.runners.model import Metric, ScoreResult
from verifier.tiers.arithmetic import Interval, published
from verifier.tiers.context import Context
from verifier.tiers.outcomes import not_checked, refuted, unverifiable, verified
from verifier.tiers.recipe import hex_digest
from verifier.tiers.samples import find, laid_out
from verifier.verdicts import JSON, Finding, Outcome, Severity


def check_score(claim: Claim, ctx: Context) -> Outcome:
    """A score, from its samples: see :func:`judged`; then compared with the claim at its precision."""
    result = judged(claim, ctx)
    return result if isinstance(result, Outcome) else compare(claim, result)


def judged(claim: Claim, ctx: Context) -> ScoreResult | Outcome:
    """The judged samples of a score claim, or why nothing is judged.

    1. Without published samples nothing can be said.
    2. The samples must be the attested ones; others prove nothing about the claim.
    3. The judge must be able to run here.

    Raises:
        DocumentError: the samples are malformed.
        JudgeError: the judge itself broke.
    """
    from verifier.runners import registry

    if not is_number(claim.expected):
        return refuted(claim, "not-a-number", "expected a score")
    pointer = claim.params["samples"]
    if not named.paths(_value(ctx, pointer)):
        return unverifiable(
            claim,
            "score-without-samples",
            "no samples are published for this score",
            remedy="publish the per-problem samples and their sha256",
        )
    runner = registry.find(claim.params["benchmark"])
    if runner is None:
        return not_checked(
            f"no runner is registered for {claim.params['benchmark']!r};"
            f" registered: {', '.join(registry.names())}"
        )
    try:
        evidence = find(ctx, runner, pointer, claim.params["digest"])
    except (EvidenceMissingError, EvidenceMismatchError) as error:
        return not_checked(str(error))
    missing = runner.unavailable()
    if missing is not None:
        return not_checked(missing)
    key = (runner.name, *evidence.samples, "", *evidence.account)
    try:
        if key not in ctx.judged:
            with laid_out(evidence, runner) as path:
                ctx.judged[key] = ctx.score(runner.name, path)
    except (EvidenceMissingError, EvidenceMismatchError, SandboxError, UsageError) as error:
        return not_checked(f"{error} {error.remedy}".strip())
    result = ctx.judged[key]
    samples = named.label(_value(ctx, pointer))
    ctx.scored[f"{runner.name}:{samples}"] = result
    attested = hex_digest(_value(ctx, claim.params["digest"])) if len(evidence.samples) == 1 else None
    if attested is not None and result.samples_sha256 not in ("", attested):
        return not_checked(
            f"{samples} is attested, but the samples lie in other files beside it, which are not;"
            " name and attest the logs themselves"
        )
    return result


def _value(ctx: Context, pointer: str | None) -> JSON:
    return ctx.value(pointer) if pointer else None


def unit(value: JSON) -> int:
    """100 for percent; 1 for a fraction: at most 1 and written with more than one decimal."""
    number = Decimal(value)
    return 1 if 0 < number <= 1 and number.as_tuple().exponent in range(-20, -1) else 100


def reading(value: JSON, percent: Interval) -> int:
    """How a published score is read: 1 for a fraction, 100 for percent.

    As :func:`unit` says, unless only the other reading meets the scores that are possible: 0.99 may be less
    than one percent, and 0.3 three tenths.

    Args:
        value: the published score.
        percent: the scores that the samples leave open.
    """
    usual = unit(value)
    if not 0 < Decimal(value) <= 1 or Decimal(value).as_tuple().exponent not in range(-20, 0):
        return usual
    meeting = [s for s in (usual, 101 - usual) if published(value).times(Decimal(100 // s)).meets(percent)]
    return meeting[0] if meeting else usual


def scale_of(claim: Claim, result: ScoreResult) -> int:
    """How the score that a claim states is read beside a judged file: see :func:`reading`."""
    return reading(claim.expected, _possible(result, 100, result.undecided + len(result.missing)))


def compare(claim: Claim, result: ScoreResult) -> Outcome:
    """Compare a claimed score with a judged samples file."""
    scale = scale_of(claim, result)
    open_ = result.undecided + len(result.missing)
    possible = _possible(result, scale, open_)
    judged = _Judged(claim, result, scale, possible)
    given = published(claim.expected)
    other = None if given.meets(possible) or open_ else _other_metric(result, given, scale)
    if result.limits:
        reason = f"{judged.text}: {possible} by this log, but {'; '.join(result.limits)}"
        outcome = not_checked(reason, found=judged.found, **judged.rests_on)
    elif other is not None:
        outcome = verified(
            f"{other.name} through filter {other.filter}: {scale * other.fraction:.6g}"
            f" ({result.metric} would be {possible})",
            found=round(scale * other.fraction, 2 if scale == 100 else 4),
            **judged.rests_on,
        )
    elif not given.meets(possible):
        outcome = refuted(
            claim,
            "score-differs",
            f"claimed {claim.expected}, the judge gives {possible} ({judged.text})",
            found=judged.found,
            remedy="publish the score of these samples, or the samples of this score",
            **judged.rests_on,
        )
    else:
        outcome = judged.met()
    return _with_notes(outcome, claim, result)


def _possible(result: ScoreResult, scale: int, open_: int) -> Interval:
    """Scores that a judged file leaves open; a headline of an incomplete file leaves all open."""
    if result.headline is None:
        return Interval(
            Decimal(scale * result.passed) / result.total,
            Decimal(scale * (result.passed + open_)) / result.total,
        )
    if open_:
        return Interval(Decimal(0), Decimal("Infinity"))
    value = Decimal(repr(result.headline.fraction)) * scale
    return Interval(value, value)


@dataclass(frozen=True, slots=True)
class _Judged:
    """A judged file beside the claim on it; ``possible`` are the scores that it leaves open."""

    claim: Claim
    result: ScoreResult
    scale: int
    possible: Interval

    @property
    def text(self) -> str:
        result = self.result
        if result.headline is None:
            return f"{result.passed} of {result.total} confirmed"
        return f"{result.headline.name} over {result.answered} of {result.total} problems"

    @property
    def found(self) -> float | None:
        if self.result.headline is not None and not self.possible.high.is_finite():
            return None
        return round(float(self.possible.low), 2 if self.scale == 100 else 4)

    @property
    def rests_on(self) -> dict[str, Any]:
        """Method and digests that an outcome rests on."""
        judge = self.result.judge
        return {
            "method": f"{self.result.benchmark}/{judge.get('name', 'judge')}-{judge.get('version', '?')}",
            "digests": (("samples", self.result.samples_sha256), ("dataset", str(judge.get("dataset", "")))),
        }

    def met(self) -> Outcome:
        """The outcome of a claim that the file allows: it holds only if every problem is decided."""
        result = self.result
        if result.missing:
            return unverifiable(
                self.claim,
                "partial-samples",
                f"{result.answered} of {result.total} problems are"
                f" answered ({self.text}); a partial file proves no full score",
                remedy="publish samples of every problem",
                found=self.found,
            )
        if result.undecided:
            return not_checked(
                f"{self.text}, {result.undecided} undecided on this machine: {self.possible} remain possible",
                found=str(self.possible),
                **self.rests_on,
            )
        return verified(f"{self.text}: {self.possible}", found=self.found, **self.rests_on)


def standing(claim: Claim, result: ScoreResult) -> Interval:
    """Scores in percent that a judged file leaves open, by the metric that decides the claim on it."""
    scale, open_ = scale_of(claim, result), result.undecided + len(result.missing)
    given = published(claim.expected)
    other = None
    if not open_ and not given.meets(_possible(result, scale, open_)):
        other = _other_metric(result, given, scale)
    if other is None:
        return _possible(result, 100, open_)
    value = Decimal(repr(other.fraction)) * 100
    return Interval(value, value)


def _other_metric(result: ScoreResult, given: Interval, scale: int) -> Metric | None:
    """Another metric of the whole benchmark that the claim may mean; cards seldom name metric and filter."""
    for metric in result.metrics:
        value = Decimal(repr(metric.fraction)) * scale
        if metric.whole and given.meets(Interval(value, value)):
            return metric
    return None


def _with_notes(outcome: Outcome, claim: Claim, result: ScoreResult) -> Outcome:
    notes = [
        _note(
            claim,
            "judge-fooled",
            Severity.ERROR,
            task,
            f"the official judge passes it, the isolated one does not: {r.note or r.isolated}",
            r.isolated,
        )
        for task, r in result.tasks.items()
        if r.official == "pass" and r.confirmed is False
    ]
    notes += [
        _note(
            claim,
            "judge-defect",
            Severity.NOTE,
            task,
            f"the released judge says {r.official}, the fixed one would say {r.fixed}",
            r.fixed,
        )
        for task, r in result.tasks.items()
        if r.fixed is not None and r.fixed != r.official
    ]
    for code, tasks in (("extra-samples", result.extra), ("duplicate-samples", result.duplicate)):
        if tasks:
            notes.append(
                _note(
                    claim, code, Severity.WARNING, ", ".join(tasks[:5]), f"{len(tasks)} task(s)", len(tasks)
                )
            )
    if result.differing:
        where = ", ".join(dict.fromkeys(one.where for one in result.differing[:5]))
        first = result.differing[0]
        message = (
            f"the log contradicts its own samples in {len(result.differing)} place(s);"
            f" first {first.what}: logged {first.logged}, found {first.found}"
        )
        notes.append(_note(claim, "log-differs", Severity.WARNING, where, message, len(result.differing)))
    return Outcome(
        verdict=outcome.verdict,
        reason=outcome.reason,
        found=outcome.found,
        method=outcome.method,
        digests=outcome.digests,
        findings=outcome.findings + tuple(notes),
    )


def _note(claim: Claim, code: str, severity: Severity, task: str, message: str, found: JSON) -> Finding:
    return Finding(
        code=code,
        severity=severity,
        pointer=claim.pointer,
        message=f"{task}: {message}",
        claimed=claim.expected,
        found=found,
        claim_id=claim.id,
    )


def check_perplexity(claim: Claim, ctx: Context) -> Outcome:
    """A perplexity needs the corpus and a run of the model."""
    return unverifiable(
        claim,
        "score-without-samples",
        "no per-token log is published for this perplexity",
        remedy="publish the corpus digest and the evaluation log",
    )


def check_pending(claim: Claim, ctx: Context) -> Outcome:
    """A benchmark that was left pending is not a result."""
    return unverifiable(
        claim,
        "benchmark-pending",
        f"no result is given ({str(claim.expected)[:40]})",
        remedy="publish score and samples, or drop the benchmark",
    )


def check_cited(claim: Claim, ctx: Context) -> Outcome:
    """A number from a paper or another card."""
    return not_checked("the cited source is not part of the artifact; read it to check")


def check_device(claim: Claim, ctx: Context) -> Outcome:
    """A run on a device leaves nothing that could be checked; say also where it contradicts itself."""
    where = claim.pointer.rpartition("/")[0]
    device = ctx.value(where)
    if device.get("verified") is False:
        return unverifiable(
            claim,
            "device-not-verified",
            "the card itself lists this device as not verified",
            remedy="run it there and publish the log, or drop the device",
        )
    memory, size = _memory_gb(device), _weights_gb(ctx, device.get("format"))
    if memory is not None and size is not None and size > memory:
        return unverifiable(
            claim,
            "device-too-small",
            f"the attested weights hold {size:.1f} GB, the device {memory} GB",
            remedy="say how it was run",
            found=round(float(size), 1),
        )
    return unverifiable(
        claim,
        "device-without-log",
        "no log of a run on this device is published",
        remedy="publish the log",
        severity=Severity.NOTE,
    )


def _memory_gb(device: dict[str, JSON]) -> Decimal | None:
    if is_number(device.get("vramGb")):
        return Decimal(device["vramGb"])
    match = re.search(r"\b(\d{1,4})\s?GB\b", str(device.get("device")))
    return Decimal(match[1]) if match else None


def _weights_gb(ctx: Context, output: JSON) -> Decimal | None:
    from verifier.claims.sizes import matching_files

    files = ctx.value("/results/integrity/fileHashes") or []
    sizes = [files[i].get("size") for i in matching_files(files, str(output))]
    if not sizes or not all(isinstance(size, int) for size in sizes):
        return None
    return Decimal(sum(sizes)) / 10**9
