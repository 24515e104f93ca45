"""Which benchmarks can be scored, by exact name. A new one is a file and a line in the table."""

import difflib
import importlib
from typing import TYPE_CHECKING

from verifier.errors import RegistryError
from verifier.runners.audio.names import NAMES as AUDIO
from verifier.runners.lm_eval.names import NAMES as LM_EVAL
from verifier.runners.lmms_eval.names import NAMES as LMMS_EVAL

if TYPE_CHECKING:
    from pathlib import Path

    from verifier.runners.model import Runner

_TABLE: dict[str, str] = {
    "aider_polyglot": "verifier.runners.agents.aider_runner:AIDER_POLYGLOT",
    "alloybench": "verifier.runners.alloybench:ALLOYBENCH",
    "alloybench_plus": "verifier.runners.alloybench:ALLOYBENCH_PLUS",
    "humaneval": "verifier.runners.humaneval:HUMANEVAL",
    "humaneval_plus": "verifier.runners.humaneval:HUMANEVAL_PLUS",
    "livecodebench_v6": "verifier.runners.livecodebench.runner:LIVECODEBENCH_V6",
    "mbpp": "verifier.runners.mbpp:MBPP",
    "mbpp_plus": "verifier.runners.mbpp:MBPP_PLUS",
    "swe_bench_verified": "verifier.runners.agents.swe_runner:SWE_BENCH_VERIFIED",
    **{name: f"verifier.runners.audio.declared:{name}" for name in AUDIO},
    **{name: f"verifier.runners.lm_eval.declared:{name}" for name in LM_EVAL},
    **{name: f"verifier.runners.lmms_eval.declared:{name}" for name in LMMS_EVAL},
}
"""Exact name -> where its runner is; loaded when it is first asked for."""

_loaded: dict[str, "Runner"] = {}


def names() -> tuple[str, ...]:
    """Exact names of all benchmarks, sorted."""
    return tuple(sorted({*_TABLE, *_loaded}))


def register(runner: "Runner") -> None:
    """Add a benchmark.

    Args:
        runner: its name and aliases must be free.

    Raises:
        RegistryError: a name is taken; nothing was added.
    """
    taken = _spellings()
    for spelling in (runner.name, *runner.aliases):
        if spelling in taken:
            raise RegistryError(
                f"benchmark {spelling!r}: expected a free name, found it taken by {taken[spelling]!r}"
            )
    _loaded[runner.name] = runner


def get(name: str) -> "Runner":
    """Find a benchmark by its exact name or a declared spelling of it.

    Raises:
        RegistryError: there is none; the message lists all.
    """
    runner = find(name)
    if runner is None:
        close = difflib.get_close_matches(name, _spellings(), 1)
        raise RegistryError(
            f"benchmark: expected one of {', '.join(names())}, found {name!r}",
            remedy=f"did you mean {close[0]!r}?"
            if close
            else "add a runner and a line to the table in registry.py",
        )
    return runner


def for_samples(name: str, samples: "Path") -> "Runner":
    """Who judges samples of a benchmark: its own runner, or that of another harness whose log they are.

    Raises:
        RegistryError: there is no such benchmark.
        EvidenceMissingError: they are a log of another harness, which cannot be scored again.
    """
    from verifier.runners.inspect_logs.runner import runner_for

    return runner_for(get(name), samples)


def find(name: str) -> "Runner | None":
    """Find a benchmark by its exact name or a declared spelling of it; None if there is none."""
    if name in _TABLE or name in _loaded:
        return _load(name)
    exact = _spellings().get(name)
    return None if exact is None else _load(exact)


def _load(name: str) -> "Runner":
    if name not in _loaded:
        module, _, attribute = _TABLE[name].partition(":")
        runner: Runner = getattr(importlib.import_module(module), attribute)
        if runner.name != name:
            raise RegistryError(
                f"benchmark table: expected {_TABLE[name]} to be {name!r}, found {runner.name!r}"
            )
        _loaded[name] = runner
    return _loaded[name]


def _spellings() -> dict[str, str]:
    """Every accepted spelling and the exact name that it stands for."""
    found: dict[str, str] = {}
    for name in names():
        for spelling in (name, *_load(name).aliases):
            if found.setdefault(spelling, name) != name:
                raise RegistryError(
                    f"benchmark {spelling!r}: expected one owner, found {found[spelling]!r} and {name!r}"
                )
    return found
