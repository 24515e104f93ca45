"""The work folder of a forge (``OUT/.forge``): models between stages, and a journal of finished stages.

A stage is finished when its entry is in the journal, which is written after the disk has all its files. What
lies there without an entry is the rest of a run that was killed: it is removed, and the stage runs again.
"""

import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from forge.folders import digest_of, files_of, remove, same, sync_folder, write_atomically
from verifier.errors import UsageError
from verifier.verdicts import JSON

FOLDER = ".forge"
_JOURNAL = "journal.json"
_SCHEMA = "alloy-journal/1"


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """A finished stage.

    Attributes:
        index, stage_type, method: which one, and what did it.
        input_digest: of the model and the side files that it started from.
        parameters_digest: of its parameters, seed, device and mode.
        model: sha256 of the files of the model folder that it made, by path; None if it made none.
        files: sha256 of the side files that it wrote, by path.
        determinism: ``bytes`` or ``device``.
        record, fields, measured: from the stage's result.
        load_check, guard: what the checks after it said.
        seconds: how long it took; for the report alone.
        environment: settings of torch and of the device, where they decided the stage's bytes.
    """

    index: int
    stage_type: str
    method: str
    input_digest: str
    parameters_digest: str
    model: Mapping[str, str] | None
    files: Mapping[str, str]
    determinism: str
    record: Mapping[str, JSON]
    fields: Mapping[str, JSON]
    measured: Mapping[str, JSON]
    load_check: JSON
    guard: JSON
    seconds: float = 0.0
    environment: Mapping[str, JSON] = field(default_factory=dict)

    @property
    def digest(self) -> str:
        """Stands for everything that the stage made."""
        return digest_of({"model": self.model, "files": self.files, "fields": self.fields})


@dataclass(frozen=True, slots=True, kw_only=True)
class Journal:
    """What a work folder says about itself.

    Attributes:
        run: digests of what the run is of: recipe, side files, base, options.
        entries: the finished stages, in order.
        assembled: the result lies in the out folder, complete.
    """

    run: Mapping[str, str]
    entries: tuple[Entry, ...] = ()
    assembled: bool = False


@dataclass(frozen=True, slots=True)
class WorkDir:
    """Paths of a work folder."""

    out: Path

    @property
    def root(self) -> Path:
        """The work folder itself."""
        return self.out / FOLDER

    @property
    def journal(self) -> Path:
        """The journal's file."""
        return self.root / _JOURNAL

    @property
    def artifact(self) -> Path:
        """Side files that the stages write."""
        return self.root / "artifact"

    def model(self, index: int) -> Path:
        """Where stage ``index`` puts its model."""
        return self.root / f"stage-{index:03}"


def prepare(out: Path, *, resume: bool) -> WorkDir:
    """Make the out folder and its work folder.

    Raises:
        UsageError: the folder is there and is not to be resumed, or is not a forge's.
    """
    work = WorkDir(out)
    if out.is_symlink() or (out.exists() and not out.is_dir()):
        raise UsageError(
            f"--out: expected a folder that does not exist yet; found another kind of file at {out}"
        )
    if not out.exists():
        if not out.parent.is_dir():
            raise UsageError(f"--out: expected an existing folder above {out}; found none")
    elif not resume:
        raise UsageError(
            f"--out: expected a folder that does not exist yet; found {out}",
            remedy="name another folder, or go on with an interrupted run: --resume",
        )
    elif not work.root.is_dir() and any(out.iterdir()):
        raise UsageError(
            f"--resume: expected the work folder {work.root}; found none",
            remedy="this folder is no interrupted run: name another one",
        )
    work.root.mkdir(parents=True, exist_ok=True)
    sync_folder(out)
    return work


@contextmanager
def locked(work: WorkDir) -> Iterator[None]:
    """Hold the work folder alone.

    Raises:
        UsageError: another process works in it.
    """
    try:
        import fcntl
    except ImportError:  # no such locks on this system: two runs in one folder are the user's care
        yield
        return
    handle = os.open(work.root, os.O_RDONLY)
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise UsageError(
                f"{work.out}: expected no other run there; found one at work",
                remedy="wait for it, or name another folder",
            ) from None
        yield
    finally:
        os.close(handle)


def save(work: WorkDir, journal: Journal) -> None:
    """Write the journal; from here on its last stage counts as finished."""
    data = {"schema": _SCHEMA, **asdict(journal)}
    write_atomically(work.journal, (json.dumps(data, default=_plain, indent=1) + "\n").encode())


def load(work: WorkDir, run: Mapping[str, str]) -> Journal:
    """The journal of an interrupted run, up to the last stage whose files are intact; else an empty one.

    Raises:
        UsageError: the run was of something else (recipe, base model or options).
    """
    if not work.journal.is_file():
        return Journal(run=dict(run))
    journal = _read(work)
    changed = sorted(k for k in {*run, *journal.run} if run.get(k) != journal.run.get(k))
    if changed:
        raise UsageError(
            f"--resume: expected the run that was interrupted; found other {', '.join(changed)}",
            remedy="resume with the same recipe, base model and options, or forge into another folder",
        )
    return journal if journal.assembled else _intact(work, journal)


def _read(work: WorkDir) -> Journal:
    try:
        data: dict[str, Any] = json.loads(work.journal.read_text(encoding="utf-8"))
        if data["schema"] != _SCHEMA:
            raise ValueError(data["schema"])
        entries = tuple(Entry(**entry) for entry in data["entries"])
        return Journal(run=data["run"], entries=entries, assembled=data["assembled"])
    except (ValueError, KeyError, TypeError, OSError) as error:
        raise UsageError(
            f"{work.journal}: expected a journal of this version; found something else ({error!r:.100})",
            remedy="remove the out folder and forge again",
        ) from None


def _intact(work: WorkDir, journal: Journal) -> Journal:
    """Drop entries from the end until the model and the side files are as recorded."""
    entries = list(journal.entries)
    while entries and not _is_intact(work, entries):
        entries.pop()
    return replace(journal, entries=tuple(entries))


def _is_intact(work: WorkDir, entries: list[Entry]) -> bool:
    made = next((e for e in reversed(entries) if e.model is not None), None)
    if made is not None and not same(work.model(made.index), made.model or {}):
        return False
    wanted = files_after(entries)
    if not wanted:
        return True
    there = set(files_of(work.artifact)) if work.artifact.is_dir() else set()
    from forge.folders import digests_of

    return set(wanted) <= there and digests_of(work.artifact, wanted) == wanted


def files_after(entries: tuple[Entry, ...] | list[Entry]) -> dict[str, str]:
    """Digests of all side files after these stages; a later stage may replace an earlier one's."""
    return {path: digest for entry in entries for path, digest in entry.files.items()}


def tidy(work: WorkDir, entries: tuple[Entry, ...], carried: Mapping[str, str]) -> None:
    """Remove what no finished stage accounts for, and models that no later stage reads.

    Args:
        work: the work folder.
        entries: the finished stages.
        carried: side files that the recipe brought along.
    """
    made = [entry.index for entry in entries if entry.model is not None]
    keep = {work.model(made[-1]).name} if made else set()
    keep.add(work.model(len(entries)).name)  # the stage that was interrupted clears up by itself
    for folder in sorted(work.root.glob("stage-*")):
        if folder.name not in keep:
            remove(folder)
    known = {**carried, **files_after(entries)}
    if work.artifact.is_dir():
        for path in files_of(work.artifact):
            if path not in known:
                (work.artifact / path).unlink()


def finish(work: WorkDir) -> None:
    """Remove the work folder, the journal last: until then the run can be resumed."""
    for path in sorted(work.root.iterdir()):
        if path != work.journal:
            remove(path)
    work.journal.unlink(missing_ok=True)
    work.root.rmdir()
    sync_folder(work.out)


def _plain(value: object) -> object:
    from decimal import Decimal

    if isinstance(value, Decimal):
        return int(value) if value == value.to_integral_value() else float(value)
    if isinstance(value, Mapping):
        return dict(value)
    raise TypeError(f"journal: expected JSON values; found {type(value).__name__}")
