"""The files behind a score: found, held against their digests, and laid out as the run left them."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from tempfile import TemporaryDirectory

from verifier.claims import samples as named
from verifier.errors import EvidenceMissingError, UsageError
from verifier.runners.model import Accompanied, Runner
from verifier.tiers.context import Context, Files
from verifier.tiers.recipe import hex_digest
from verifier.verdicts import JSON


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """Files at hand, each the attested one where a digest is stated.

    Attributes:
        samples: local copy by the path under which the card names it.
        account: the same of the harness's account of the run; empty where there is none.
    """

    samples: Mapping[str, Path]
    account: Mapping[str, Path]


def find(ctx: Context, runner: Runner, samples: str, digest: str | None) -> Evidence:
    """Open what a card names as the samples of a score.

    The account that the card names is opened, too. Where it names none, a harness that keeps one is asked
    where it would lie; pinned files lie under other names here, so that nothing is beside them.

    Args:
        ctx: of the artifact.
        runner: of the benchmark.
        samples: pointer of the samples, which the card gives.
        digest: pointer of their digest, or digests.

    Raises:
        EvidenceMissingError: a file is not at hand, or other bytes than the attested ones are.
        EvidenceMismatchError: other bytes than the pinned ones are at hand.
    """
    found = {path: ctx.files.open(path) for path in named.paths(ctx.value(samples))}
    _attested(ctx, found, ctx.value(digest) if digest else None)
    where, hash_ = named.account(samples)
    account = {path: ctx.files.open(path) for path in named.paths(ctx.value(where))}
    _attested(ctx, account, ctx.value(hash_))
    if not account and isinstance(runner, Accompanied):
        account = dict(_published(ctx.files, runner.beside(tuple(found))))
    return Evidence(samples=found, account=account)


def _published(files: Files, paths: Sequence[str]) -> Iterator[tuple[str, Path]]:
    for path in paths:
        try:
            yield path, files.open(path)
        except EvidenceMissingError:
            continue  # not every run leaves one


def _attested(ctx: Context, files: Mapping[str, Path], stated: JSON) -> None:
    """Hold files against the digests that the card states; a malformed one is another claim's matter."""
    if not files:
        return
    if isinstance(stated, list):
        if len(stated) != len(files):
            raise EvidenceMissingError(f"{len(files)} files are named, and {len(stated)} digests are stated")
        for (path, local), one in zip(files.items(), stated, strict=True):
            _same(path, ctx.digest(local), hex_digest(one))
    elif (expected := hex_digest(stated)) is not None:
        found = named.joined([ctx.digest(local) for local in files.values()])
        _same(named.label(list(files)), found, expected)


def _same(path: str, found: str, expected: str | None) -> None:
    if expected not in (None, found):
        raise EvidenceMissingError(
            f"{path} at hand is {found[:16]}…, not the attested {str(expected)[:16]}…:"
            " a score of other samples would say nothing"
        )


@contextmanager
def laid_out(evidence: Evidence, runner: Runner) -> Iterator[Path]:
    """What the runner is given: the file as it lies, or a folder with the run's files under their own names.

    Raises:
        EvidenceMissingError: two of the files have the same name.
    """
    files = {**evidence.samples, **evidence.account}
    if len(files) == 1 and not isinstance(runner, Accompanied):
        yield next(iter(files.values()))
        return
    with TemporaryDirectory(prefix="alloy-run-") as scratch:
        folder = Path(scratch)
        for path, local in files.items():
            here = folder / PurePosixPath(path).name
            if here.is_symlink():
                raise EvidenceMissingError(f"two files of one run are named {here.name}")
            here.symlink_to(local.absolute())
        only = [PurePosixPath(path).name for path in evidence.samples]
        with _without(folder):
            yield folder / only[0] if len(only) == 1 else folder


@contextmanager
def _without(folder: Path) -> Iterator[None]:
    """Errors do not name a folder that nobody knows, under another name each time."""
    try:
        yield
    except (UsageError, EvidenceMissingError) as error:
        text = str(error).replace(f"{folder}/", "").replace(str(folder), "of the run")
        raise EvidenceMissingError(text, remedy=error.remedy) from error
