"""Progress of a forge: a bar with its rate on a terminal, one line per step elsewhere; on standard error."""

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

from forge.stages.base import Progress
from verifier.report.text import clean

_BYTES_FROM = 1 << 20
"""A total from here on is read as bytes: no stage counts a million of anything else."""


@contextmanager
def progress(quiet: bool) -> Iterator[Progress | None]:
    """Give a progress callback; None when quiet."""
    if quiet:
        yield None
    elif sys.stderr.isatty():
        with _bars() as update:
            yield update
    else:
        yield _lines()


def rate(done: int, total: int, seconds: float) -> str:
    """How fast it goes: bytes or things a second; empty before anything can be said."""
    if seconds <= 0 or done <= 0:
        return ""
    each = done / seconds
    return f"{each / 1e6:.0f} MB/s" if total >= _BYTES_FROM else f"{each:.1f}/s"


def _lines() -> Progress:
    begun: dict[str, float] = {}
    ended: set[str] = set()

    def update(what: str, done: int, total: int) -> None:
        if what not in begun:
            begun[what] = time.monotonic()
            print(f"… {clean(what, 100)}", file=sys.stderr, flush=True)
        elif 0 < total <= done and what not in ended:
            ended.add(what)
            speed = rate(done, total, time.monotonic() - begun[what])
            print(f"  {clean(what, 100)}: done{f', {speed}' if speed else ''}", file=sys.stderr, flush=True)

    return update


@contextmanager
def _bars() -> Iterator[Progress]:
    from rich.console import Console
    from rich.progress import BarColumn, ProgressColumn, Task, TaskID, TextColumn, TimeRemainingColumn
    from rich.progress import Progress as Bars
    from rich.text import Text

    class Label(TextColumn):
        """A label that is never read as markup."""

        def render(self, task: Task) -> Text:
            return Text(clean(task.description, 60))

    class Rate(ProgressColumn):
        """Bytes or things a second."""

        def render(self, task: Task) -> Text:
            total = int(task.total or 0)
            return Text(rate(int(task.completed), total, task.elapsed or 0))

    columns = (Label(""), BarColumn(), Rate(), TimeRemainingColumn())
    with Bars(*columns, console=Console(file=sys.stderr), transient=True) as bars:
        known: dict[str, TaskID] = {}

        def update(what: str, done: int, total: int) -> None:
            if what not in known:
                known[what] = bars.add_task(what, total=total or None)
            bars.update(known[what], completed=done, total=total or None, visible=not 0 < total <= done)

        yield update
