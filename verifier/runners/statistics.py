"""What numbers of solved problems can show. For notes beside a score; never the ground of a verdict.

Only whole numbers, ``math`` and exact sums: no package, and the same result on every machine.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from statistics import NormalDist

LEVEL = 0.95
POWER = 0.8


@dataclass(frozen=True, slots=True, kw_only=True)
class Range:
    """An interval of shares; in [0, 1] where it is a binomial one."""

    low: float
    high: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Paired:
    """Two models' answers to the same problems.

    Attributes:
        n: problems that both answer.
        won: problems that the first solves and the second does not.
        lost: problems that the second solves and the first does not.
        p: probability of a split at least as uneven if both were equally good (McNemar's test, exact).
    """

    n: int
    won: tuple[str, ...]
    lost: tuple[str, ...]
    p: float

    @property
    def difference(self) -> float:
        """Share of the first minus share of the second, over the problems that both answer."""
        return (len(self.won) - len(self.lost)) / self.n

    def distinguishable(self, level: float = LEVEL) -> bool:
        """Whether chance alone is an unlikely explanation of the difference."""
        return self.p < 1 - level


def wilson(solved: int, n: int, level: float = LEVEL) -> Range:
    """Binomial interval of a share, by Wilson's score method.

    Source: E. B. Wilson, Probable inference, the law of succession, and statistical inference, 1927.

    Args:
        solved: how many problems were solved.
        n: of how many, at least one.
        level: probability that the interval is to cover.

    Raises:
        ValueError: counts that cannot be.
    """
    _check(solved, n)
    z = _quantile((1 + level) / 2)
    share = solved / n
    middle = (share + z * z / (2 * n)) / (1 + z * z / n)
    half = z / (1 + z * z / n) * math.sqrt(share * (1 - share) / n + z * z / (4 * n * n))
    # At the ends the bound is exact; a sum of floats may miss it.
    return Range(
        low=0.0 if solved == 0 else max(0.0, middle - half),
        high=1.0 if solved == n else min(1.0, middle + half),
    )


def normal(value: float, stderr: float, level: float = LEVEL) -> Range | None:
    """Interval of a mean by its standard error, where the single problems' values are not zero or one.

    Args:
        value: the mean, a fraction of 100 %.
        stderr: its standard error, of the same unit.
        level: probability that the interval is to cover.

    Returns:
        None if either is no finite number, or the error is negative.
    """
    if not (math.isfinite(value) and math.isfinite(stderr)) or stderr < 0:
        return None
    half = _quantile((1 + level) / 2) * stderr
    return Range(low=value - half, high=value + half)


def smallest_difference(n: int, share: float = 0.5, level: float = LEVEL, power: float = POWER) -> float:
    """Smallest true difference of two models that a benchmark of n problems is likely to show.

    Two independent samples of n problems each, normal approximation (the textbook's sample size, solved for
    the difference): a rule of thumb for reading a table of scores. A paired test can show less.

    Args:
        n: number of problems, at least one.
        share: share of problems that the models solve, in [0, 1].
        level: of the two-sided test.
        power: probability with which the difference is to be seen.

    Returns:
        The difference as a share in (0, 1]; 1 where n problems can show none.
    """
    _check(0, n)
    if not 0 <= share <= 1:
        raise ValueError(f"a share is from 0 to 1, not {share}")
    spread = _quantile((1 + level) / 2) + _quantile(power)
    # With all or none solved a binomial has no variance; one problem's worth keeps the rule from saying zero.
    variance = max(share * (1 - share), 1 / n * (1 - 1 / n))
    return min(1.0, spread * math.sqrt(2 * variance / n))


def fewest_flips(level: float = LEVEL) -> int:
    """Smallest number of flipped problems, all one way, that McNemar's exact test calls a difference."""
    return next(flips for flips in range(1, 10_000) if mcnemar(flips, 0) < 1 - level)


def mcnemar(won: int, lost: int) -> float:
    """McNemar's test in its exact (binomial) form, two-sided.

    Source: Q. McNemar, Note on the sampling error of the difference between correlated proportions, 1947.

    Args:
        won, lost: numbers of problems that only the first, and only the second, solves.
    """
    if won < 0 or lost < 0:
        raise ValueError(f"numbers of problems are not negative: {won}, {lost}")
    flips = won + lost
    # Each binomial coefficient from the one before; afresh, a benchmark of thousands would take a minute.
    tail = term = 1
    for i in range(min(won, lost)):
        term = term * (flips - i) // (i + 1)
        tail += term
    # Whole numbers up to here, and Python rounds their quotient right however long they are.
    return min(1.0, 2 * tail / (1 << flips))


def paired(first: Mapping[str, bool], second: Mapping[str, bool]) -> Paired | None:
    """Compare two models on the problems that both answer.

    Args:
        first, second: whether each problem was solved, by problem.

    Returns:
        None if they share no problem.
    """
    both = sorted(first.keys() & second.keys())
    if not both:
        return None
    won = tuple(task for task in both if first[task] and not second[task])
    lost = tuple(task for task in both if second[task] and not first[task])
    return Paired(n=len(both), won=won, lost=lost, p=mcnemar(len(won), len(lost)))


def _check(solved: int, n: int) -> None:
    if n < 1 or not 0 <= solved <= n:
        raise ValueError(f"expected k of n with n at least 1, found {solved} of {n}")


def _quantile(probability: float) -> float:
    if not 0 < probability < 1:
        raise ValueError(f"a probability lies between 0 and 1, found {probability}")
    return NormalDist().inv_cdf(probability)
