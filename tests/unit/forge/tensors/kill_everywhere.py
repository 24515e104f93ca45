"""Run a rewrite that dies by SIGKILL at its n-th step, for every n; resume each; print what came out.

Steps are the file operations that Python audits below the result's folder, and each write of data.

Arguments: source folder, scratch folder, ``fresh`` or ``again`` (the killed run finds a finished model).
Output: one line of JSON for each n.
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
    while True:
        out = scratch / str(at)
        if sys.argv[3] == "again":
            in_child(source, out)
        if not dies(source, out, at):
            break
        left = sorted(path.name for path in out.iterdir()) if out.is_dir() else []
        print(json.dumps({"at": at, "left": left, "digests": in_child(source, out)}), flush=True)
        at += 1


def in_child(source: Path, out: Path) -> list[str]:
    """A whole run in a child: the threads of a rewrite must not be there when the next one forks."""
    ours, theirs = os.pipe()
    child = os.fork()
    if child == 0:
        os.write(theirs, json.dumps(forge(source, out)).encode())
        os._exit(0)
    os.close(theirs)
    with os.fdopen(ours, "rb") as pipe:
        answer = pipe.read()
    if os.waitpid(child, 0)[1]:
        raise SystemExit(f"a run into {out} failed")
    return json.loads(answer)


if __name__ == "__main__":
    main()
