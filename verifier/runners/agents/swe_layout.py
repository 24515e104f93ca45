"""Files of a SWE-bench evaluation, recognised by what they are.

* ``logs/run_evaluation/<run>/<model>/<instance>/`` with ``report.json``, ``test_output.txt``, ``patch.diff``
  and ``run_instance.log``, as ``swebench.harness.run_evaluation`` writes them; any folder above may be named;
* the run's summary ``<model>.<run>.json`` (``resolved_ids``), or ``results/results.json`` (``resolved``) of a
  submission to the leaderboard;
* predictions: JSON lines, a list, or an object by instance, with ``instance_id`` and ``model_patch``.
"""

import contextlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from verifier.errors import DocumentError, UsageError
from verifier.runners.agents.files import Reader, UnreadableError, folders

ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]*__[A-Za-z0-9][A-Za-z0-9_.-]*-[0-9]{1,9}")
INSTANCE_FILES = ("report.json", "test_output.txt", "patch.diff", "run_instance.log")
MAX_DOCUMENT = 256 << 20
DEPTH = 6
_LISTS = ("resolved_ids", "unresolved_ids", "error_ids", "empty_patch_ids", "submitted_ids", "completed_ids")


@dataclass(frozen=True, slots=True, kw_only=True)
class Summary:
    """A run's own account.

    Attributes:
        name: the file's.
        resolved: ids that it calls resolved, in its order.
        others: further ids that it names.
        counts: numbers that it states: ``resolved_instances``, ``total_instances``.
    """

    name: str
    resolved: tuple[str, ...]
    others: tuple[str, ...]
    counts: Mapping[str, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """One evaluation.

    Attributes:
        root: the named folder, or the named file's.
        instances: folder by instance.
        summary: None if there is none.
        predictions: patch by instance (None or empty: the model gave none); None if there is no such file.
        repeated: instances with more than one prediction.
        reader: what was read, with digests.
        notes: remarks: links that were not followed.
    """

    root: Path
    instances: Mapping[str, Path]
    summary: Summary | None
    predictions: Mapping[str, str | None] | None
    repeated: tuple[str, ...]
    reader: Reader
    notes: tuple[str, ...] = ()


def is_wanted(name: str) -> bool:
    """Whether a file of such a name can be of use."""
    return name in INSTANCE_FILES or name.endswith((".json", ".jsonl"))


def find(path: Path) -> Run:
    """Find a run's files.

    Raises:
        UsageError: nothing readable there, or more than one run.
        DocumentError: a file is malformed.
    """
    try:
        return _folder(path) if path.is_dir() else _file(path)
    except UnreadableError as error:
        raise UsageError(f"samples {path}: {error}") from error


def _file(path: Path) -> Run:
    if not path.is_file():
        raise UsageError(f"samples: expected a file or a run's folder, found nothing readable at {path}")
    path = path.resolve()  # the caller named it, so that a link is no stranger's
    found = _Documents(Reader(path.parent))
    found.add(path)
    if found.summary is None and found.predictions is None:
        raise DocumentError(
            f"{path.name}: expected a run's summary (resolved_ids) or predictions (instance_id, model_patch),"
            " found neither",
            remedy="name the folder logs/run_evaluation/<run>/<model>",
        )
    return found.run(path.parent, {}, ())


def _folder(root: Path) -> Run:
    found = _Documents(Reader(root))
    places: dict[Path, dict[str, Path]] = {}
    links: list[str] = []
    for folder, files, linked in folders(root, DEPTH):
        links += [(folder / name).relative_to(root).as_posix() for name in linked]
        if ID.fullmatch(folder.name) and set(files + linked) & set(INSTANCE_FILES):
            places.setdefault(folder.parent, {})[folder.name] = folder
        elif folder in (root, root / "results"):
            # Nowhere else: submissions hold trajectories, which are JSON with a patch each.
            for name in files:
                if name.endswith((".json", ".jsonl")):
                    found.add(folder / name)
    if len(places) > 1:
        names = ", ".join(sorted(place.relative_to(root).as_posix() for place in places)[:5])
        raise UsageError(
            f"samples {root}: expected one run of one model, found {len(places)}: {names}",
            remedy="name one of them",
        )
    if not places and found.summary is None and found.predictions is None:
        raise UsageError(
            f"samples {root}: expected folders <instance>/report.json and test_output.txt, a summary or"
            " predictions, found none"
        )
    notes = (f"{len(links)} symbolic link(s) were not followed, first {links[0][:120]}",) if links else ()
    return found.run(root, next(iter(places.values()), {}), notes)


@dataclass(slots=True)
class _Documents:
    """Summary and predictions as they are come across."""

    reader: Reader
    summary: Summary | None = None
    predictions: dict[str, str | None] | None = None
    repeated: list[str] = field(default_factory=list)

    def run(self, root: Path, instances: Mapping[str, Path], notes: tuple[str, ...]) -> Run:
        """Everything together."""
        return Run(
            root=root,
            instances=instances,
            summary=self.summary,
            predictions=self.predictions,
            repeated=tuple(sorted(set(self.repeated))),
            reader=self.reader,
            notes=notes,
        )

    def add(self, path: Path) -> None:
        """Read a file, and keep it if it is a summary or predictions."""
        known = len(self.reader.digests)
        text = self.reader.text(path, MAX_DOCUMENT) or ""
        whole = _document(path, text)
        resolved = whole.get("resolved_ids", whole.get("resolved")) if isinstance(whole, dict) else None
        if isinstance(whole, dict) and isinstance(resolved, list):
            if self.summary is not None:
                raise UsageError(f"samples: expected one summary, found {self.summary.name} and {path.name}")
            self.summary = _summary(path, whole, resolved)
        elif rows := _predictions(whole):
            if self.predictions is not None:
                raise UsageError(f"samples: expected one file of predictions, found also {path.name}")
            self.predictions = {}
            for row in rows:
                self._add_prediction(path, row)
        elif len(self.reader.digests) > known:
            self.reader.digests.popitem()  # another document (settings, say): not judged

    def _add_prediction(self, path: Path, row: Mapping[str, Any]) -> None:
        assert self.predictions is not None
        name, patch = row["instance_id"], row["model_patch"]
        if not isinstance(name, str) or not ID.fullmatch(name):
            raise DocumentError(f"{path.name}: expected an instance's id, found {str(name)[:80]!r}")
        if patch is not None and not isinstance(patch, str):
            raise DocumentError(f"{path.name}: {name}: expected text under 'model_patch'")
        if name in self.predictions:
            self.repeated.append(name)
        else:
            self.predictions[name] = patch


def _document(path: Path, text: str) -> Any:
    """One JSON document, or the list of those that stand on a line each."""
    with contextlib.suppress(ValueError, RecursionError):
        return json.loads(text)
    found = []
    for number, line in enumerate(text.split("\n"), 1):
        try:
            found += [json.loads(line)] if line.strip() else []
        except (ValueError, RecursionError) as error:
            raise DocumentError(
                f"{path.name} line {number}: expected JSON, found {error}", pointer=f"/{number - 1}"
            ) from error
    return found


def _predictions(found: Any) -> list[dict[str, Any]]:
    """Predictions as the harness accepts them, or a single one; an empty list if this is something else."""
    if isinstance(found, dict) and "model_patch" in found:
        found = [found]
    rows = list(found.values()) if isinstance(found, dict) else found
    if not isinstance(rows, list) or not rows:
        return []
    right = [row for row in rows if isinstance(row, dict) and {"instance_id", "model_patch"} <= row.keys()]
    return right if len(right) == len(rows) else []


def _summary(path: Path, found: Mapping[str, Any], resolved: list[Any]) -> Summary:
    others: dict[str, None] = {}
    for name in _LISTS[1:]:
        others |= dict.fromkeys(_ids(path, found.get(name, [])))
    return Summary(
        name=path.name,
        resolved=tuple(_ids(path, resolved)),
        others=tuple(others),
        counts={
            name: found[name]
            for name in ("resolved_instances", "total_instances")
            if isinstance(found.get(name), int) and not isinstance(found[name], bool)
        },
    )


def _ids(path: Path, found: Any) -> list[str]:
    if not isinstance(found, list) or not all(isinstance(one, str) and ID.fullmatch(one) for one in found):
        raise DocumentError(f"{path.name}: expected lists of instances' ids, found something else")
    return found
