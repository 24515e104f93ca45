"""Run a rewrite that dies by SIGKILL at its n-th step, for every n; resume each; print what came out.

Steps are the file operations that Python audits below the result's folder, and each write of data.

Arguments: source folder, scratch folder. Output: one line of JSON for each n.
"""

import json
import os
import signal
import sys
from pathlib import Path

from forge.stages.base import Progress, silent
from forge.tensors.cuts import whole
from forge.tensors.model import open_model
from forge.tensors.rewrite import rewrite

EVENTS = ("open", "os.rename", "os.remove", "os.mkdir")


def forge(source: Path, out: Path, on_progress: Progress = silent) -> list[str]:
    """Rewrite into three files; return their digests."""
    plans = [whole(ref) for ref in open_model(source).tensors.values()]
    return [file.sha256 for file in rewrite(plans, out, shards=3, on_progress=on_progress)]


def dies(source: Path, out: Path, at: int) -> bool:
    """Whether a child that is killed at its ``at``-th step gets that far."""
    child = os.fork()
    if child == 0:
        count = 0

        def step() -> None:
            nonlocal count
            count += 1
            if count == at:
                os.kill(os.getpid(), signal.SIGKILL)

        def hook(event: str, arguments: tuple[object, ...]) -> None:
            if event in EVENTS and str(out) in str(arguments[0]):
                step()

        sys.addaudithook(hook)
        forge(source, out, lambda what, done, total: step())
        os._exit(0)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == -signal.SIGKILL


def main() -> None:
    """Kill and resume until a run survives."""
    # What a killed process wrote is not lost; only a power cut would show what fsync is for. Without it, a
    # hundred rewrites take seconds on a busy disk.
    os.fsync = lambda descriptor: None
    source, scratch = Path(sys.argv[1]), Path(sys.argv[2])
    at = 1
    while dies(source, out := scratch / str(at), at):
        left = sorted(path.name for path in out.iterdir()) if out.is_dir() else []
        # A child again: threads of a rewrite must not be there when the next one forks.
        child = os.fork()
        if child == 0:
            print(json.dumps({"at": at, "left": left, "digests": forge(source, out)}), flush=True)
            os._exit(0)
        if os.waitpid(child, 0)[1]:
            raise SystemExit(f"the run after a kill at step {at} failed")
        at += 1


if __name__ == "__main__":
    main()
