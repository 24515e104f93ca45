"""Scoring transcripts and translations with the harness; what the judges' process does."""

import hashlib
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from verifier.errors import DocumentError, EvidenceMissingError
from verifier.runners.audio import harness, log
from verifier.runners.audio.harness import Scored
from verifier.runners.audio.log import Utterance
from verifier.runners.model import remembered
from verifier.verdicts import JSON

_LONG = 200
"""Characters of a text that a finding repeats."""
_SCORERS: Mapping[str, Callable[[harness.Pairs, harness.Tell], Scored]] = {
    "wer": harness.wer,
    "bleu_zh": harness.bleu_zh,
    "bleu_en": harness.bleu_en,
}


def run(request: Mapping[str, Any], on_progress: Callable[[int], None]) -> dict[str, JSON]:
    """Score.

    Args:
        request: ``files`` (a list of ``task`` and ``path``), ``parts`` (a list of ``name``, ``size``,
            ``scorer`` and ``spellings``), ``dataset`` (a path or None).
        on_progress: told how many utterances are done.

    Returns:
        ``files``: their digests, in order; ``parts``: a report for each part that the files hold.

    Raises:
        DocumentError, UsageError: a file is malformed or cannot be read.
        EvidenceMissingError: the utterances are of another part, or do not say of which.
    """
    parts = request["parts"]
    digests: list[JSON] = []
    found: dict[str, list[Utterance]] = {}
    for file in request["files"]:
        digest = hashlib.sha256()
        for name, one in _sorted_out(parts, file["task"], Path(file["path"]), digest, predicted=True):
            found.setdefault(name, []).append(one)
        digests.append(digest.hexdigest())
    if not found:
        raise DocumentError(f"{Path(request['files'][0]['path']).name}: expected utterances, found none")
    known = _dataset(parts, request["dataset"], found)
    return {
        "files": digests,
        "parts": {
            part["name"]: _Part(part, found[part["name"]], known.get(part["name"]), on_progress).report()
            for part in parts
            if part["name"] in found
        },
    }


def _sorted_out(
    parts: Sequence[Mapping[str, Any]], task: str, path: Path, digest: "hashlib._Hash", *, predicted: bool
) -> Iterator[tuple[str, Utterance]]:
    """Each line, and the part that it is of."""
    names = {spelling: part["name"] for part in parts for spelling in (part["name"], *part["spellings"])}
    alone = task or (parts[0]["name"] if len(parts) == 1 else "")
    for one in log.read(path, digest, predicted=predicted):
        said = names.get(one.part, "") if one.part else alone
        if one.part and not said and not predicted:
            continue  # a dataset of several parts
        if not said or (alone and said != alone):
            raise EvidenceMissingError(
                f"{path.name} line {one.number}: expected utterances of {alone or ' or '.join(names)},"
                f" found {one.part[:40]!r} under 'part'",
                remedy="name the benchmark of one part, or say on each line of which part it is",
            )
        yield said, one


def _dataset(
    parts: Sequence[Mapping[str, Any]], path: str | None, found: Mapping[str, Sequence[Utterance]]
) -> dict[str, dict[str, str]]:
    """References by part and id; none if no dataset is given."""
    known: dict[str, dict[str, str]] = {}
    if path is None:
        return known
    wanted = [part for part in parts if part["name"] in found]
    for name, one in _sorted_out(wanted, "", Path(path), hashlib.sha256(), predicted=False):
        if known.setdefault(name, {}).setdefault(one.id, one.reference) != one.reference:
            raise log.wrong(
                Path(path), one.number, f"one reference of {one.id!r}", "another one under the same id"
            )
    if empty := [part["name"] for part in wanted if part["name"] not in known]:
        raise DocumentError(f"{Path(path).name}: expected references of {', '.join(empty)}, found none")
    return known


@dataclass(frozen=True, slots=True)
class _Part:
    """One split or language pair: its declaration, its lines, and the true references if they are known."""

    part: Mapping[str, Any]
    lines: Sequence[Utterance]
    known: Mapping[str, str] | None
    tell: harness.Tell

    def report(self) -> dict[str, JSON]:
        """Judge the part's lines."""
        foreign = {one.id for one in self.lines if self._is_foreign(one)}
        extra = self._extra() | foreign
        judged = [one for one in self.lines if one.id not in extra]
        scored = self._score(judged)
        # Of a repeated utterance the worst line counts.
        worst: dict[str, tuple[float, Utterance]] = {}
        for errors, one in zip(scored.errors, judged, strict=True):
            if one.id not in worst or errors > worst[one.id][0]:
                worst[one.id] = (errors, one)
        if len(worst) < len(judged):
            scored = self._score([one for _, one in worst.values()])
        counts = Counter(one.id for one in self.lines)
        return {
            "form": self.lines[0].form,
            "harness": sorted({one.harness for one in self.lines}),
            "errors": {name: errors for name, (errors, _) in worst.items()},
            "answers": {name: remembered(one.prediction) for name, (_, one) in worst.items()},
            "references": _digest({name: one.reference for name, (_, one) in worst.items()}),
            "missing": list(self._missing(worst)),
            "extra": sorted(extra),
            "foreign": sorted(foreign),
            "duplicate": sorted(name for name, n in counts.items() if n > 1),
            "surplus": self._names_unknown() and len(counts) > self.part["size"],
            "known": None if self.known is None else len(self.known),
            "metrics": [[name, value] for name, value in scored.metrics],
            "signatures": dict(scored.signatures),
            "differing": [list(row) for row in self._differing(foreign)],
        }

    def _score(self, lines: Sequence[Utterance]) -> Scored:
        if not lines:
            return Scored(errors=(), metrics=())
        squares = sum(len(one.reference) ** 2 + len(one.prediction) ** 2 for one in lines)
        if squares > log.MAX_SQUARES:
            raise DocumentError(
                f"{self.part['name']}: expected texts of some hundred characters, found too long ones"
            )
        scorer = _SCORERS[self.part["scorer"]]
        try:
            return scorer([(one.reference, one.prediction) for one in lines], self.tell)
        except DocumentError:
            raise
        except Exception as error:
            breaking = next((one for one in lines if _breaks(scorer, one)), lines[0])
            raise DocumentError(
                f"{self.part['name']}/{breaking.id}: expected text that the harness can normalise,"
                f" found that it breaks on it: {type(error).__name__} {error}"[:400],
                pointer=f"/{breaking.number - 1}",
            ) from error

    def _is_foreign(self, one: Utterance) -> bool:
        if self.known is None or one.id not in self.known:
            return False
        same = harness.same_words if self.part["scorer"] == "wer" else harness.same_text
        return not same(one.reference, self.known[one.id])

    def _names_unknown(self) -> bool:
        """Whether utterances have names of their own, and nobody said which there are."""
        return self.known is None and self.lines[0].form == log.PLAIN

    def _extra(self) -> set[str]:
        size, ids = self.part["size"], dict.fromkeys(one.id for one in self.lines)
        if self.known is not None:
            return {name for name in ids if name not in self.known}
        if self._names_unknown():
            return set(list(ids)[size:])
        return {name for name in ids if int(name) >= size}

    def _missing(self, judged: Mapping[str, Any]) -> Iterator[str]:
        """Names of utterances that are not there, as far as they have known names."""
        if self.known is not None:
            yield from (name for name in self.known if name not in judged)
        elif self._names_unknown():
            yield from (f"(unnamed {i})" for i in range(1, self.part["size"] - len(judged) + 1))
        else:
            yield from (str(i) for i in range(self.part["size"]) if str(i) not in judged)

    def _differing(self, foreign: set[str]) -> Iterator[tuple[str, str, JSON, JSON]]:
        """Where lines contradict themselves, each other, or the dataset: id, field, logged, found."""
        first: dict[str, Utterance] = {}
        for one in self.lines:
            if one.logged is not None:
                pairs = zip(("gt", "pred"), one.logged, (one.reference, one.prediction), strict=True)
                for name, logged, found in pairs:
                    if logged != found:
                        yield one.id, name, _short(logged), _short(found)
            other = first.setdefault(one.id, one)
            if (other.reference, other.prediction) != (one.reference, one.prediction):
                where = f"lines {other.number} and {one.number}"
                yield one.id, "reference and prediction", where, "one utterance with different content"
        for name in sorted(foreign):
            assert self.known is not None
            yield name, "reference", _short(first[name].reference), _short(self.known[name])


def _breaks(scorer: Callable[[harness.Pairs, harness.Tell], Scored], one: Utterance) -> bool:
    """Whether the harness breaks on an utterance: on a number of thousands of digits, say."""
    try:
        scorer([(one.reference, one.prediction)], lambda _: None)
    except DocumentError:
        return False
    except Exception:  # noqa: BLE001 (whatever the harness's parsers raise)
        return True
    return False


def _digest(references: Mapping[str, str]) -> str:
    """sha256 over references, whatever their order."""
    rows = (
        f"{name} {hashlib.sha256(references[name].encode()).hexdigest()}\n" for name in sorted(references)
    )
    return hashlib.sha256("".join(rows).encode()).hexdigest()


def _short(text: str) -> str:
    return text if len(text) <= _LONG else text[:_LONG] + "…"
