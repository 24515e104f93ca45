"""Derived numbers, compared at the precision at which they were published.

A published number stands for every value that rounds to it: 36.0 for [35.95, 36.05]. A derived number
agrees if its own interval meets the interval that follows from its operands. Where a score is known to
be k of n, its interval shrinks to k/n, so a delta between scores is compared almost exactly.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal
from typing import Any

from verifier.claims.model import Claim
from verifier.claims.numbers import is_number
from verifier.tiers.context import Context
from verifier.tiers.outcomes import refuted, unverifiable, verified
from verifier.verdicts import JSON, Outcome

METHOD = "interval-arithmetic/1"
GB, GIB = Decimal(10**9), Decimal(2**30)


@dataclass(frozen=True, slots=True)
class Interval:
    """A closed interval of exact decimals."""

    low: Decimal
    high: Decimal

    def __add__(self, other: "Interval") -> "Interval":
        return Interval(self.low + other.low, self.high + other.high)

    def __sub__(self, other: "Interval") -> "Interval":
        return Interval(self.low - other.high, self.high - other.low)

    def times(self, factor: Decimal) -> "Interval":
        """Scaled by a factor that is not negative."""
        return Interval(self.low * factor, self.high * factor)

    def meets(self, other: "Interval") -> bool:
        """Whether the two share a value."""
        return self.low <= other.high and other.low <= self.high

    def __str__(self) -> str:
        return (
            f"{_short(self.low)}" if self.low == self.high else f"{_short(self.low)} to {_short(self.high)}"
        )


def _short(value: Decimal) -> str:
    return f"{value:.4f}".rstrip("0").rstrip(".")


def decimals(value: JSON) -> int:
    """Digits after the point of a published number."""
    exponent = Decimal(value).as_tuple().exponent
    return max(0, -exponent) if isinstance(exponent, int) else 0


def published(value: JSON) -> Interval:
    """All values that round to a published number."""
    half = Decimal(5).scaleb(-decimals(value) - 1)
    return Interval(Decimal(value) - half, Decimal(value) + half)


def exact(value: JSON) -> Interval:
    """A count: no rounding."""
    return Interval(Decimal(value), Decimal(value))


def solved(value: JSON, problems: int, full: int = 100) -> range:
    """Numbers of solved problems whose percentage rounds to a published score.

    Args:
        value: the score.
        problems: of how many.
        full: what the score calls all of them: 100, or 1 if it is a fraction.
    """
    band = published(value).times(Decimal(problems) / full)
    low = max(0, int(band.low.to_integral_value(ROUND_CEILING)))
    high = min(problems, int(band.high.to_integral_value(ROUND_FLOOR)))
    return range(low, high + 1)


def problems_of(benchmark: str) -> int | None:
    """Number of problems of a registered benchmark, or None."""
    from verifier.runners import registry

    runner = registry.find(benchmark)
    return runner.problems if runner else None


def _score(value: JSON, problems: int | None) -> Interval:
    if problems is None:
        return published(value)
    counts = solved(value, problems)
    if not counts:
        return published(value)
    return Interval(Decimal(100 * counts[0]) / problems, Decimal(100 * counts[-1]) / problems)


Values = Mapping[str, Any]


def improvement(v: Values) -> Interval:
    """100 (baseline - final) / baseline."""
    base, final = published(v["baseline"]), published(v["final"])
    if base.low <= 0:
        raise ValueError("a perplexity must be positive")
    return Interval(100 - 100 * final.high / base.low, 100 - 100 * final.low / base.high)


def difference(v: Values) -> Interval:
    """Minuend - subtrahend, both scores of the same benchmark where one is named."""
    problems = problems_of(v["benchmark"]) if "benchmark" in v else None
    plain = Decimal(v["minuend"]) - Decimal(v["subtrahend"])
    exactly = _score(v["minuend"], problems) - _score(v["subtrahend"], problems)
    # A publisher may subtract the rounded scores or the true ones; both are honest.
    return Interval(min(plain, exactly.low), max(plain, exactly.high))


def ratio(v: Values) -> Interval:
    """100 passing / total."""
    if v["total"] <= 0:
        raise ValueError("a total must be positive")
    return exact(Decimal(100 * v["passing"]) / Decimal(v["total"]))


def removed(v: Values) -> Interval:
    """Share of experts removed, in percent."""
    kept, layers = _kept(v["keep"])
    return exact(100 - 100 * Decimal(kept) / Decimal(v["original"] * layers))


def _kept(keep: JSON) -> tuple[int, int]:
    """Experts kept over the layers listed, and how many layers that is (1 if the same everywhere)."""
    return (sum(keep), len(keep)) if isinstance(keep, list) else (keep, 1)


def _kept_tensors(v: Values) -> int:
    kept, layers = _kept(v["keep"])
    return int(kept * v["tensors"] * (1 if layers > 1 else v["layers"]))


def kept_tensors(v: Values) -> Interval:
    """Kept experts x layers x tensors per expert."""
    return exact(_kept_tensors(v))


def dropped_tensors(v: Values) -> Interval:
    """Dropped experts x layers x tensors per expert."""
    return exact(v["original"] * v["layers"] * v["tensors"] - _kept_tensors(v))


def forged_params(v: Values) -> Interval:
    """Total parameters after expert pruning, in billions.

    total = rest + N e and active = rest + k e for N experts of which k are active, so that
    e = (total - active) / (N - k) are one expert's parameters over all layers.
    """
    total, active = published(v["total_before"]), published(v["active_before"])
    kept, layers = _kept(v["keep"])
    idle = Decimal(v["experts"] - v["routed"])
    share = (Decimal(v["experts"]) - Decimal(kept) / layers) / idle
    if not 0 <= share <= 1:
        raise ValueError("the experts kept must be between the active ones and all of them")
    # total - share (total - active), in the form in which each operand occurs once.
    return total.times(1 - share) + active.times(share)


def active_params(v: Values) -> Interval:
    """Active parameters do not change while as many experts are active; only router rows go."""
    before = published(v["active_before"])
    return Interval(before.low * Decimal("0.99"), before.high)


RULES: Mapping[str, Callable[[Values], Interval]] = {
    "improvement-pct": improvement,
    "difference": difference,
    "ratio-pct": ratio,
    "removed-pct": removed,
    "tensors-dropped": dropped_tensors,
    "tensors-kept": kept_tensors,
    "forged-params": forged_params,
    "active-params": active_params,
}
COUNTS = frozenset({"tensors-dropped", "tensors-kept"})


def check_derived(claim: Claim, ctx: Context) -> Outcome:
    """A number follows from others (see RULES)."""
    values = _operands(claim, ctx)
    if isinstance(values, Outcome):
        return values
    try:
        derived = RULES[claim.kind](values)
    except (ArithmeticError, ValueError) as error:
        return refuted(claim, "bad-operand", f"the number cannot be derived: {error}")
    return _compared(claim, published(claim.expected), derived)


def _operands(claim: Claim, ctx: Context) -> dict[str, Any] | Outcome:
    """The numbers that a claim's number follows from, or what is wrong with them."""
    if not is_number(claim.expected):
        return refuted(claim, "not-a-number", f"expected a number, found {str(claim.expected)[:40]!r}")
    values: dict[str, Any] = {
        key: ctx.value(p) if isinstance(p, str) and p.startswith("/") else p
        for key, p in claim.params.items()
    }
    values["tensors"] = tensors_per_expert(ctx)
    wrong = [key for key, v in values.items() if not _usable(key, v)]
    if wrong:
        return refuted(
            claim,
            "bad-operand",
            f"expected a number at {claim.params[wrong[0]]}",
            found=str(values[wrong[0]])[:60],
        )
    return values


def _compared(claim: Claim, given: Interval, derived: Interval) -> Outcome:
    if given.meets(derived):
        return verified(f"follows from the stated numbers: {derived}", found=str(derived), method=METHOD)
    return refuted(
        claim,
        claim.kind,
        f"claimed {claim.expected}, but the stated numbers give {derived}",
        found=str(derived),
        method=METHOD,
        remedy="correct this number or the ones it follows from",
    )


def check_count(claim: Claim, ctx: Context) -> Outcome:
    """A number of expert tensors over all layers that hold experts.

    The source states all layers; in some families the first ones, or every second one, hold no experts. How
    many do is told by a list of experts kept, or by the number of routers sliced. Where neither tells, a
    number that fits fewer layers than all may be honest.
    """
    values = _operands(claim, ctx)
    if isinstance(values, Outcome):
        return values
    rule, given, layers = RULES[claim.kind], exact(claim.expected), values["layers"]
    everywhere = rule(values)
    kept, listed = _kept(values["keep"])
    sliced = values.get("sliced")
    if listed > 1:
        return _compared(claim, given, rule(values | {"layers": listed}))
    if given.meets(everywhere):
        return _compared(claim, given, everywhere)
    if isinstance(sliced, int) and 0 < sliced < layers:
        return _compared(claim, given, rule(values | {"layers": sliced}))
    each = values["tensors"] * (kept if claim.kind == "tensors-kept" else values["original"] - kept)
    fitting = _layers(claim.expected, each)
    if sliced is None and fitting is not None and 0 < fitting < layers:
        return unverifiable(
            claim,
            "layers-with-experts-unknown",
            f"{claim.expected} fits {fitting} of {layers} layers, and the card does not say how many hold"
            " experts",
            found=fitting,
            remedy="state routerSlicedLayers, or keepExpertsPerLayer as a list of those layers",
        )
    return _compared(claim, given, everywhere)


def _layers(count: JSON, each: int) -> int | None:
    """How many layers a number of tensors fits, with so many in each; None if it fits no whole number."""
    if each <= 0 or not isinstance(count, int) or count % each:
        return None
    return count // each


def check_router_layers(claim: Claim, ctx: Context) -> Outcome:
    """The router of every layer that holds experts is sliced; how many do, other numbers may tell."""
    value, layers = claim.expected, ctx.value(claim.params["layers"])
    if not all(isinstance(n, int) and not isinstance(n, bool) for n in (value, layers)):
        return refuted(claim, "not-a-number", "expected two numbers of layers", found=str(value)[:40])
    if value == layers:
        return verified(f"equals {claim.params['layers']}", found=layers, method="equality")
    told = _layers_told(claim, ctx) if 0 < value < layers else {}
    if value in told.values() and set(told.values()) == {value}:
        return verified(f"{value} of {layers} layers, by {', '.join(told)}", found=value, method=METHOD)
    if 0 < value < layers and not told:
        return unverifiable(
            claim,
            "layers-with-experts-unknown",
            f"{value} of {layers} layers, and the card does not say how many hold experts",
            remedy="state keepExpertsPerLayer as a list of the layers with experts, or expertsDropped",
        )
    others = "".join(f"; {key} says {n}" for key, n in told.items())
    return refuted(
        claim,
        "contradiction",
        f"claimed {value}, but {claim.params['layers']} says {layers}{others}",
        found=layers,
        remedy="make the places agree",
    )


def _layers_told(claim: Claim, ctx: Context) -> dict[str, int]:
    """How many layers hold experts, by other numbers of the same stage."""
    value = {key: ctx.value(p) for key, p in claim.params.items()}
    keep, original, tensors = value.get("keep"), value.get("original"), tensors_per_expert(ctx)
    found: dict[str, int] = {}
    if isinstance(keep, list) and len(keep) > 1:
        return {"keepExpertsPerLayer": len(keep)}
    if isinstance(keep, list):
        keep = keep[0] if keep else None
    if not isinstance(keep, int) or isinstance(keep, bool):
        return found
    each = {"renamed": keep, "dropped": original - keep if isinstance(original, int) else 0}
    for key, experts in each.items():
        count = value.get(key)
        layers = _layers(count, experts * tensors) if is_number(count) else None
        if layers is not None:
            found[f"experts{key.capitalize()}"] = layers
    return found


def _usable(key: str, value: JSON) -> bool:
    if key == "benchmark":
        return isinstance(value, str)
    if key == "sliced":
        return True
    if key == "keep" and isinstance(value, list):
        return bool(value) and all(isinstance(k, int) and not isinstance(k, bool) for k in value)
    if key in ("keep", "original", "layers", "experts", "routed", "tensors"):
        return isinstance(value, int) and not isinstance(value, bool)
    return is_number(value)


def tensors_per_expert(ctx: Context) -> int:
    """Weight tensors that one expert has on disk in this family (0 in fused layouts).

    An architecture without an adapter is refused by its own claim; here it counts as gate, up and down.
    """
    from forge.families import registry
    from verifier.errors import RegistryError

    try:
        adapter = registry.get(ctx.alloy.model.source.architecture)
    except RegistryError:
        return 3
    return adapter.tensors_per_expert if adapter.is_moe else 3


def check_reachable(claim: Claim, ctx: Context) -> Outcome:
    """Some whole number of solved problems gives the published percentage."""
    problems = problems_of(claim.params["benchmark"])
    if problems is None:
        from verifier.runners import registry

        name = claim.params["benchmark"]
        known = registry.find(name) is not None
        return unverifiable(
            claim,
            "not-a-count" if known else "unknown-benchmark",
            f"a score of {name!r} need not be a number of solved problems: cards state averages, too"
            if known
            else f"{name!r} is not a registered benchmark",
            remedy="publish passing and total"
            if known
            else "register a runner for it, or publish passing and total",
        )
    counts = solved(claim.expected, problems)
    if not counts and 0 < Decimal(claim.expected) <= 1 and decimals(claim.expected) > 0:
        counts = solved(claim.expected, problems, 1)
    if counts:
        return verified(f"{counts[0]} of {problems} problems", found=counts[0], method=METHOD)
    near = round(Decimal(claim.expected) * problems / 100)
    return refuted(
        claim,
        "unreachable-score",
        f"no number of solved problems out of {problems} gives"
        f" {claim.expected} %; {near} would be {100 * near / problems:.2f} %",
        found=round(100 * near / problems, 2),
        method=METHOD,
        remedy="publish k of n beside the percentage",
    )


def check_size(claim: Claim, ctx: Context) -> Outcome:
    """A size in GB (10^9 or 2^30 bytes) is the sum of the files' bytes."""
    total = Decimal(sum(ctx.value(p) for p in claim.params["sizes"]))
    if not is_number(claim.expected):
        return refuted(claim, "not-a-number", "expected a number of GB")
    given = published(claim.expected)
    sizes = {"GB": total / GB, "GiB": total / GIB}
    text = " or ".join(f"{size:.2f} {unit}" for unit, size in sizes.items())
    if any(given.meets(exact(size)) for size in sizes.values()):
        return verified(f"the attested files hold {text}", found=text, method=METHOD)
    return refuted(
        claim,
        "size-differs",
        f"claimed {claim.expected} GB, but the attested files hold {text}",
        found=text,
        method=METHOD,
        remedy="state the size of the published file",
    )
