"""Small checks on one value, each answering None or what was expected."""

from collections.abc import Callable, Iterable
from decimal import Decimal, InvalidOperation

from verifier.verdicts import JSON

Check = Callable[[JSON], str | None]
"""Takes a JSON value; None if it is fine, else the words that describe what was expected."""


def as_number(value: JSON) -> Decimal | None:
    """A finite JSON number as Decimal; None for anything else (booleans and strings among it)."""
    if isinstance(value, bool) or not isinstance(value, int | float | Decimal):
        return None
    number = Decimal(str(value)) if isinstance(value, float) else Decimal(value)
    return number if number.is_finite() else None


def number(
    *, above: str | None = None, low: str | None = None, high: str | None = None, below: str | None = None
) -> Check:
    """A number within bounds: ``above < x``, ``low <= x``, ``x <= high``, ``x < below``."""
    parts = [
        *([f"greater than {above}"] if above is not None else []),
        *([f"at least {low}"] if low is not None else []),
        *([f"at most {high}"] if high is not None else []),
        *([f"below {below}"] if below is not None else []),
    ]
    expected = "a number" + (" " + " and ".join(parts) if parts else "")

    def check(value: JSON) -> str | None:
        x = as_number(value)
        fine = (
            x is not None
            and (above is None or x > Decimal(above))
            and (low is None or x >= Decimal(low))
            and (high is None or x <= Decimal(high))
            and (below is None or x < Decimal(below))
        )
        return None if fine else expected

    return check


def count(low: int = 1) -> Check:
    """An integer of at least ``low``."""

    def check(value: JSON) -> str | None:
        whole = isinstance(value, int) and not isinstance(value, bool)
        return None if whole and value >= low else f"an integer of at least {low}"

    return check


def count_or_list(value: JSON) -> str | None:
    """An integer of at least 1, or a list of such integers."""
    one = count()
    values = value if isinstance(value, list | tuple) and value else [value]
    return None if all(one(v) is None for v in values) else "an integer of at least 1, or a list of them"


def learning_rate(value: JSON) -> str | None:
    """A number above 0, or a string that spells one (``"2e-4"``)."""
    expected = 'a number above 0, or a string that spells one such as "2e-4"'
    if isinstance(value, str):
        if len(value) > 32:
            return expected
        try:
            parsed: Decimal | None = Decimal(value)
        except InvalidOperation:
            return expected
    else:
        parsed = as_number(value)
    return None if parsed is not None and parsed.is_finite() and parsed > 0 else expected


def one_of(words: Iterable[str]) -> Check:
    """One of the given strings."""
    known = tuple(words)

    def check(value: JSON) -> str | None:
        return None if isinstance(value, str) and value in known else f"one of {', '.join(known)}"

    return check


def one_of_numbers(numbers: Iterable[int]) -> Check:
    """One of the given integers."""
    known = tuple(numbers)

    def check(value: JSON) -> str | None:
        fine = isinstance(value, int) and not isinstance(value, bool) and value in known
        return None if fine else f"one of {', '.join(map(str, known))}"

    return check


def list_of(item: Check, *, empty: bool = False) -> Check:
    """A list whose items all pass ``item``."""

    def check(value: JSON) -> str | None:
        if not isinstance(value, list | tuple) or (not value and not empty):
            return "a list" if empty else "a list with at least one item"
        wrong = [expected for expected in map(item, value) if expected is not None]
        return f"a list, each item {wrong[0]}" if wrong else None

    return check


def text(value: JSON) -> str | None:
    """A string that is not blank."""
    return None if isinstance(value, str) and value.strip() else "a string that is not blank"


def boolean(value: JSON) -> str | None:
    """True or false."""
    return None if isinstance(value, bool) else "true or false"
