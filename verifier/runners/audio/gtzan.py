"""GTZAN: the genre of a track, one of ten.

Source: G. Tzanetakis and P. Cook, "Musical genre classification of audio signals", 2002. Its thousand tracks
are named ``<genre>.<00000 to 00099>``: a name says the right label, so that no copy of the dataset is needed
to know it. One file, jazz.00054, cannot be decoded, and many leave it out: 999 tracks are a complete run too.
"""

import hashlib
import platform
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from verifier.errors import DocumentError, UsageError
from verifier.runners.audio import log
from verifier.runners.audio.log import Utterance
from verifier.runners.model import (
    DEFAULTS,
    Answer,
    DatasetPin,
    Difference,
    Metric,
    ScoreOptions,
    ScoreResult,
    TaskResult,
    remembered,
)

GENRES = ("blues", "classical", "country", "disco", "hiphop", "jazz", "metal", "pop", "reggae", "rock")
TRACKS = 100
BROKEN = "jazz.00054"
_NAME = re.compile(r"(?:[^\n]*/)?((" + "|".join(GENRES) + r")\.000\d\d)(?:\.\w{1,5})?")
_RULE = "1"
"""Version of how an answer becomes a label."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GtzanRunner:
    """Accuracy of genre labels.

    lmms-eval 0.7.3 has no such task, and no harness is the field's. An answer counts as a label if it is one
    of the ten words: case, spaces, hyphens, underscores and a final full stop make no difference.
    Any other text is neither right nor wrong: whoever published it may have read it in another way.
    """

    name: str = "gtzan"
    aliases: tuple[str, ...] = ("GTZAN",)

    @property
    def problems(self) -> int | None:
        """None: complete runs have 999 or 1000 tracks."""
        return None

    @property
    def dataset(self) -> DatasetPin | None:
        """None: samples bring their labels along."""
        return None

    def unavailable(self) -> str | None:
        """None: nothing is needed."""
        return None

    def score(self, samples: Path, options: ScoreOptions = DEFAULTS) -> ScoreResult:
        """Score labels.

        Args:
            samples: plain lines (``log``): id, reference and prediction.
            options: ``dataset`` holds lines with id and reference, for tracks that have other names.

        Raises:
            UsageError, DocumentError: a file cannot be read or is malformed, or a reference is no genre.
        """
        if samples.is_dir():
            raise UsageError(f"samples {samples}: expected a file of JSON lines, found a folder")
        digest = hashlib.sha256()
        lines = list(_read(samples, digest, predicted=True))
        if not lines:
            raise DocumentError(f"{samples.name}: expected tracks, found none")
        known = _known(lines, options.dataset)
        found = _judge(lines, known.labels)
        options.tell("tracks", len(lines), len(lines))
        return _result(self.name, found, known, digest.hexdigest())


@dataclass(frozen=True, slots=True, kw_only=True)
class _Known:
    """Which tracks there are.

    Attributes:
        labels: genre by track; None if names say nothing and no dataset is given.
        limits: why this decides no claim.
    """

    labels: Mapping[str, str] | None
    limits: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class _Found:
    """Tracks judged: result and answer by track, and what is wrong with the file."""

    tasks: Mapping[str, TaskResult]
    answers: Mapping[str, Answer]
    extra: tuple[str, ...]
    duplicate: tuple[str, ...]
    differing: tuple[Difference, ...]


def label(text: str) -> str | None:
    """The genre that an answer names; None if it is not just that."""
    word = re.sub(r"[\s_-]+", "", text).removesuffix(".").casefold()
    return word if word in GENRES else None


def track(name: str) -> str:
    """A track's canonical name; any other name as it is."""
    match = _NAME.fullmatch(name)
    return match[1] if match else name


def _read(path: Path, digest: "hashlib._Hash", *, predicted: bool) -> Iterator[Utterance]:
    for one in log.read(path, digest, predicted=predicted):
        if one.form != log.PLAIN:
            raise log.wrong(path, one.number, "id, reference and prediction", "a line of an lmms-eval log")
        if label(one.reference) is None:
            raise log.wrong(
                path, one.number, f"one of {', '.join(GENRES)} under 'reference'", one.reference[:40]
            )
        yield one


def _known(lines: Sequence[Utterance], dataset: Path | None) -> _Known:
    if dataset is not None:
        labels = {
            track(one.id): str(label(one.reference))
            for one in _read(dataset, hashlib.sha256(), predicted=False)
        }
        whole = len(GENRES) * TRACKS
        if len(labels) in (whole, whole - 1):
            return _Known(labels=labels)
        return _Known(labels=labels, limits=(f"the given dataset has {len(labels)} tracks, GTZAN {whole}",))
    if any(_NAME.fullmatch(one.id) for one in lines):
        return _Known(labels={f"{genre}.{i:05}": genre for genre in GENRES for i in range(TRACKS)})
    return _Known(
        labels=None,
        limits=(
            "no id is GTZAN's (<genre>.<00000 to 00099>), and no dataset was given (--dataset):"
            " the labels were compared with nothing",
        ),
    )


def _judge(lines: Sequence[Utterance], labels: Mapping[str, str] | None) -> _Found:
    tasks: dict[str, TaskResult] = {}
    answers: dict[str, Answer] = {}
    extra: list[str] = []
    differing: list[Difference] = []
    for one in lines:
        name, said = track(one.id), str(label(one.reference))
        if labels is not None and labels.get(name) != said:
            extra.append(name)
            if name in labels:
                differing.append(
                    Difference(where=name, what="reference", logged=one.reference, found=labels[name])
                )
            continue
        if labels is None and name not in tasks and len(tasks) == len(GENRES) * TRACKS:
            extra.append(name)
            continue
        result = _one(said, one.prediction)
        if name not in tasks or _RANK[result.confirmed] < _RANK[tasks[name].confirmed]:
            tasks[name] = result
            digest, length = remembered(one.prediction)
            answers[name] = Answer(digest=digest, length=length)
    counts = Counter(track(one.id) for one in lines)
    return _Found(
        tasks=tasks,
        answers=answers,
        extra=tuple(dict.fromkeys(extra)),
        duplicate=tuple(sorted(name for name, n in counts.items() if n > 1)),
        differing=tuple(differing),
    )


_RANK = {False: 0, None: 1, True: 2}
"""Of a repeated track the worst line counts."""


def _one(right: str, prediction: str) -> TaskResult:
    found = label(prediction)
    if found is None and prediction.strip():
        note = f"no genre label: {prediction.strip()[:60]!r}; another reading of it may find one"
        return TaskResult(official="fail", isolated=None, confirmed=None, note=note)
    solved = found == right
    return TaskResult(official="pass" if solved else "fail", isolated=None, confirmed=solved)


def _result(name: str, found: _Found, known: _Known, sha256: str) -> ScoreResult:
    missing = tuple(_missing(found, known))
    notes: tuple[str, ...] = ()
    if missing == (BROKEN,):
        # The judged tracks are all that can be decoded.
        missing, notes = (), (f"{BROKEN} is left out: the dataset's file of it is broken",)
    passed = sum(task.confirmed is True for task in found.tasks.values())
    n = len(found.tasks)
    metric = Metric(
        name="accuracy", filter="none", value=passed / n if n else 0.0, stderr=None, n=n, task=name
    )
    return ScoreResult(
        benchmark=name,
        judge={"name": "genre-labels", "version": _RULE, "python": platform.python_version()},
        tasks=found.tasks,
        total=n + len(missing),
        missing=missing,
        extra=found.extra,
        duplicate=found.duplicate,
        samples_sha256=sha256,
        notes=notes,
        metric="accuracy",
        metrics=(metric,),
        differing=found.differing,
        limits=known.limits,
        answers=found.answers,
    )


def _missing(found: _Found, known: _Known) -> Iterator[str]:
    if known.labels is not None:
        yield from (name for name in known.labels if name not in found.tasks)
    else:
        yield from (f"(unnamed {i})" for i in range(1, len(GENRES) * TRACKS - len(found.tasks) + 1))
