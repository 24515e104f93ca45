"""Running and measuring a command as a whole process, for the benchmarks beside this file."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """What a process cost.

    Attributes:
        seconds: wall-clock time.
        cpu: processor seconds of it and of its children that it waited for; other load adds little to it.
        peak_mib: its own largest resident memory in MiB.
        code: its exit code.
        output: its standard output and error.
    """

    seconds: float
    cpu: float
    peak_mib: float
    code: int
    output: str


def run(command: Sequence[Any], *, env: Mapping[str, str] | None = None) -> Measured:
    """Run a command to its end and measure it."""
    began = time.perf_counter()
    process = subprocess.Popen(
        [str(part) for part in command],
        env={**os.environ, **(env or {})},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    assert process.stdout is not None
    output = process.stdout.read()
    _, status, usage = os.wait4(process.pid, 0)
    seconds = time.perf_counter() - began
    process.returncode = os.waitstatus_to_exitcode(status)
    unit = 1 if sys.platform == "darwin" else 1024
    return Measured(
        seconds=seconds,
        cpu=usage.ru_utime + usage.ru_stime,
        peak_mib=usage.ru_maxrss * unit / 2**20,
        code=process.returncode,
        output=output,
    )


def must(measured: Measured, *, codes: Sequence[int] = (0,)) -> Measured:
    """Stop with the process's own words if it failed: its time would mean nothing."""
    if measured.code not in codes:
        raise SystemExit(f"exit code {measured.code}, expected {codes}:\n{measured.output[-2000:]}")
    return measured


def tool(name: str) -> Path:
    """A command of the environment that runs this benchmark."""
    path = Path(sys.executable).parent / name
    if not path.is_file():
        raise SystemExit(f"expected the command {name} beside {sys.executable}: pip install -e '.[test]'")
    return path


def median(values: Sequence[Measured]) -> Measured:
    """The run of median wall-clock time."""
    return sorted(values, key=lambda value: value.seconds)[len(values) // 2]


def report(figures: Mapping[str, Any]) -> None:
    """Print figures as JSON, with the machine's load, without which they say little."""
    plain = {
        key: {k: v for k, v in asdict(value).items() if k != "output"}
        if isinstance(value, Measured)
        else value
        for key, value in figures.items()
    }
    plain["load average"] = [round(value, 2) for value in os.getloadavg()]
    plain["cores"] = os.cpu_count()
    print(json.dumps(plain, indent=1, default=str))
