"""The subcommands about evidence: ``alloy fetch``, ``alloy cache`` and ``alloy hash``.

Each is a plain function from parsed arguments to an exit code; errors are raised for the caller to show.
"""

import argparse
import contextlib
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from verifier.errors import DocumentError, EvidenceMismatchError, EvidenceMissingError, UsageError

if TYPE_CHECKING:
    from verifier.catalog import LockEntry
    from verifier.evidence.hashing import Progress
    from verifier.evidence.store import EvidenceStore
    from verifier.runners.model import DatasetPin

EXIT_OK = 0
EXIT_BAD = 1
EXIT_MISSING = 3

_FETCH_EXAMPLES = """examples:
  alloy fetch                              alloys, samples and datasets of the whole catalog
  alloy fetch olmoe-1b-7b-compacted-5b     of one entry
  alloy fetch --catalog published --weights
"""
_CACHE_EXAMPLES = """examples:
  alloy cache verify            hash every cached file
  alloy cache verify --remove   and remove what is corrupt
  alloy cache prune --dry-run   what no catalog entry needs
"""
_HASH_EXAMPLES = """examples:
  alloy hash ./my-model                      fileHashes and modelHash of a folder
  alloy hash --hub owner/name                the same from the Hub's metadata, nothing downloaded
  alloy hash ./my-model --json hashes.json
"""


def add_parsers(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add ``fetch``, ``cache`` and ``hash``; each parser's ``func`` default is what runs it."""
    _add_fetch(subparsers)
    _add_cache(subparsers)
    _add_hash(subparsers)


def _parser(
    subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]", name: str, summary: str, epilog: str
) -> argparse.ArgumentParser:
    return subparsers.add_parser(
        name,
        help=summary,
        description=summary[0].upper() + summary[1:] + ".",
        epilog=epilog,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )


def _add_fetch(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    parser = _parser(
        subparsers, "fetch", "bring the evidence of catalog entries into the cache", _FETCH_EXAMPLES
    )
    parser.add_argument("target", nargs="*", metavar="TARGET", help="name of a catalog entry (default: all)")
    parser.add_argument("--catalog", choices=("published", "reference"), help="only entries of this catalog")
    parser.add_argument("--weights", action="store_true", help="also the weights (may be many gigabytes)")
    parser.add_argument("--offline", action="store_true", help="take it from seeds and mirror alone")
    parser.set_defaults(func=run_fetch)


def _add_cache(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    parser = _parser(subparsers, "cache", "check or tidy the evidence cache", _CACHE_EXAMPLES)
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True)
    verify = _parser(actions, "verify", "hash every cached file and list what is wrong", _CACHE_EXAMPLES)
    verify.add_argument("--remove", action="store_true", help="remove what is wrong")
    verify.set_defaults(func=run_cache_verify)
    prune = _parser(actions, "prune", "remove what no catalog entry needs", _CACHE_EXAMPLES)
    prune.add_argument("--all", action="store_true", help="remove everything")
    prune.add_argument("--dry-run", action="store_true", help="only say what would go")
    prune.set_defaults(func=run_cache_prune)


def _add_hash(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    parser = _parser(subparsers, "hash", "print fileHashes and modelHash of weights", _HASH_EXAMPLES)
    parser.add_argument("folder", nargs="?", metavar="DIR", help="folder with *.safetensors or *.gguf")
    parser.add_argument("--hub", metavar="REPO", help="take them from the metadata of this Hub repository")
    parser.add_argument("--revision", metavar="REV", help="with --hub: commit, branch or tag (default: main)")
    parser.add_argument("--json", metavar="FILE", type=Path, help="write there instead of to the screen")
    parser.add_argument("-j", "--jobs", type=int, metavar="N", help="files at a time (default: one per core)")
    parser.set_defaults(func=run_hash)


def run_fetch(args: argparse.Namespace) -> int:
    """Fetch alloys, samples, datasets and (if asked) weights; 3 if something could not be had.

    Raises:
        UsageError: an unknown catalog entry, or an ``ALLOY_MIRROR`` that is no folder.
    """
    from verifier.catalog import Catalog
    from verifier.evidence.store import open_store

    catalog = Catalog.find()
    entries = [catalog.get(name) for name in args.target] or list(catalog.entries(args.catalog))
    if args.target and args.catalog:
        entries = [entry for entry in entries if entry.catalog == args.catalog]
    if not entries:
        raise UsageError("fetch: expected catalog entries, found none", remedy="see: alloy catalog check")
    store = open_store(args.offline)
    failures = 0
    with _progress("fetching") as on_progress:
        for entry in entries:
            failures += _fetch_entry(store, entry, args.weights, on_progress)
        for pin in _datasets_of(store, entries):
            failures += _attempt(store, pin, on_progress)
    done = "everything is at hand" if not failures else f"{failures} file(s) could not be had"
    print(f"{len(entries)} catalog entries: {done} (cache: {store.cache.root})")
    return EXIT_MISSING if failures else EXIT_OK


def _fetch_entry(store: "EvidenceStore", entry: "LockEntry", weights: bool, on_progress: "Progress") -> int:
    """Number of files of an entry that could not be had."""
    failures = 0
    for file in (entry.alloy, *entry.files):
        if file.role == "weights" and not weights:
            continue
        try:
            path = store.fetch(
                repo=entry.repo,
                revision=entry.revision,
                path=file.path,
                sha256=file.sha256,
                size=file.size,
                on_progress=on_progress,
            )
            _keep(store, path, file.sha256)
        except (EvidenceMissingError, EvidenceMismatchError) as error:
            failures += 1
            print(f"{entry.name}: {error}", file=sys.stderr)
    return failures


def _attempt(store: "EvidenceStore", pin: "DatasetPin", on_progress: "Progress") -> int:
    try:
        _keep(store, store.fetch_dataset(pin, on_progress=on_progress), pin.sha256)
    except (EvidenceMissingError, EvidenceMismatchError) as error:
        print(error, file=sys.stderr)
        return 1
    return 0


def _keep(store: "EvidenceStore", path: Path, sha256: str) -> None:
    """Copy what was found in a mirror; what lies in the cache or a seed stays where it is."""
    if path in (store.cache.path(sha256), *(seed.path(sha256) for seed in store.seeds)):
        return
    stored = store.cache.put_file(path)
    if stored != sha256:
        raise EvidenceMismatchError(
            f"{path}: expected sha256 {sha256}, found {stored}: it changed while it was copied",
            expected=sha256,
            found=stored,
            source=str(path),
        )


def _datasets() -> "dict[str, DatasetPin]":
    """By benchmark name, the pins of the datasets that do not ship with this project."""
    from verifier.runners import registry

    pins = {name: registry.get(name).dataset for name in registry.names()}
    return {name: pin for name, pin in pins.items() if pin is not None and pin.url is not None}


def _datasets_of(store: "EvidenceStore", entries: "list[LockEntry]") -> "list[DatasetPin]":
    """The datasets that the benchmarks of entries with samples need."""
    from verifier.runners import registry

    pins = _datasets()
    needed: dict[str, DatasetPin] = {}
    for entry in entries:
        alloy = store.cached(entry.alloy.sha256)
        if alloy is None or all(file.role != "samples" for file in entry.files):
            continue
        for name in _names(alloy, entry.name):
            runner = registry.find(name)
            if runner is not None and runner.name in pins:
                needed[runner.name] = pins[runner.name]
    return list({pin.sha256: pin for pin in needed.values()}.values())


def _names(alloy: Path, what: str) -> set[str]:
    """Everything that an alloy names; whether it is well-formed is not for ``fetch`` to judge."""
    from verifier.alloy.parse import parse_json, walk

    try:
        document = parse_json(alloy.read_bytes(), what=what)
    except DocumentError as error:
        print(f"{error}; its benchmarks' datasets were not fetched", file=sys.stderr)
        return set()
    return {
        value for pointer, value in walk(document) if pointer.endswith("/name") and isinstance(value, str)
    }


def run_cache_verify(args: argparse.Namespace) -> int:
    """Hash the whole cache; 1 if something in it is wrong."""
    from verifier.evidence.cache import Cache
    from verifier.evidence.locations import default_cache_dir, seed_caches

    problems = 0
    for cache in (Cache(default_cache_dir()), *seed_caches()):
        found = cache.verify()
        problems += sum(problem.kind != "leftover" for problem in found)
        for problem in found:
            print(f"{problem.kind}: {problem.path}: {problem.detail}")
            if args.remove:
                cache.remove(problem)
        print(f"{cache.root}: {sum(1 for _ in cache.blobs())} files, {len(found)} problems")
    return EXIT_BAD if problems else EXIT_OK


def run_cache_prune(args: argparse.Namespace) -> int:
    """Remove cached files that no catalog entry and no benchmark needs, and leftovers."""
    from verifier.evidence.cache import Cache
    from verifier.evidence.locations import default_cache_dir

    keep = set() if args.all else _needed()
    cache = Cache(default_cache_dir())
    pruned = cache.prune(keep, dry_run=args.dry_run)
    verb = "would remove" if args.dry_run else "removed"
    print(
        f"{cache.root}: {verb} {len(pruned.blobs)} files ({pruned.size} bytes) "
        f"and {len(pruned.leftovers)} leftovers"
    )
    return EXIT_OK


def _needed() -> set[str]:
    from verifier.catalog import Catalog

    pinned = {file.sha256 for entry in Catalog.find().entries() for file in (entry.alloy, *entry.files)}
    return pinned | {pin.sha256 for pin in _datasets().values()}


def run_hash(args: argparse.Namespace) -> int:
    """Print (or write) ``{"fileHashes", "modelHash"}`` as JSON.

    Raises:
        UsageError: neither or both of DIR and ``--hub``, or nothing to hash there.
        EvidenceMissingError: the Hub does not tell, or has no LFS digest for a weights file.
    """
    if bool(args.folder) == bool(args.hub):
        raise UsageError("hash: expected either DIR or --hub REPO, found both or neither", remedy="give one")
    if args.hub:
        found = _hub_hashes(args.hub, args.revision)
    else:
        from verifier.evidence.hashing import hash_folder

        with _progress("hashing") as on_progress:
            found = hash_folder(args.folder, jobs=args.jobs, on_progress=on_progress)
    text = json.dumps(found, indent=2) + "\n"
    if args.json is None:
        print(text, end="")
        return EXIT_OK
    try:
        args.json.write_text(text)
    except OSError as error:
        raise UsageError(
            f"{args.json}: expected to write a file, found {error.strerror}", remedy="name another file"
        ) from error
    return EXIT_OK


def _hub_hashes(repo: str, revision: str | None) -> dict[str, object]:
    from verifier.evidence.hashing import WEIGHT_SUFFIXES, model_hash
    from verifier.evidence.hub import HubClient

    hub = HubClient()
    commit = hub.revision(repo, revision)
    files = [file for file in hub.files(repo, commit) if file.path.lower().endswith(WEIGHT_SUFFIXES)]
    if not files:
        raise UsageError(
            f"{repo}: expected weights (*.safetensors or *.gguf), found none", remedy="check the id"
        )
    for file in files:
        if file.sha256 is None:
            raise EvidenceMissingError(
                f"{file.path} of {repo}: expected an LFS digest, found a file that is not stored by LFS",
                remedy="download the folder and run: alloy hash DIR",
            )
    records = [{"filename": file.path, "sha256": file.sha256, "size": file.size} for file in files]
    return {"repository": repo, "revision": commit, "fileHashes": records, "modelHash": model_hash(records)}


@contextlib.contextmanager
def _progress(verb: str) -> "Iterator[Progress]":
    """A callback that draws a bar with rate and time left on stderr (where that is a terminal)."""
    if not sys.stderr.isatty():
        yield lambda what, done, total: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn
    from rich.progress import TransferSpeedColumn as Rate

    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), Rate(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(verb, total=None)
        yield lambda what, done, total: bar.update(
            task, description=f"{verb} {what[-40:]}", completed=done, total=total
        )
