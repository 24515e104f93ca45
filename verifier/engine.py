"""One function verifies one artifact; pytest, the command line and the gate are thin fronts over it.

1. find the alloy and its evidence;
2. extract the claims;
3. let the check that is registered for each claim's kind decide it;
4. collect verdicts and findings into a report.
"""

import os
import platform
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import cache, lru_cache
from pathlib import Path
from tempfile import TemporaryDirectory

from verifier.alloy.parse import Alloy, load, parse
from verifier.catalog import Catalog, LockEntry, claim_facts
from verifier.claims.extract import extract
from verifier.claims.model import Claim
from verifier.errors import AlloyError, DocumentError, EvidenceMismatchError, EvidenceMissingError
from verifier.evidence.store import EvidenceStore, open_store
from verifier.report.model import ArtifactReport, Checked, Report
from verifier.report.statistics import assemble
from verifier.runners.model import ScoreOptions, ScoreResult
from verifier.sources import FolderFiles, HubFiles, PinnedFiles
from verifier.targets import Target, resolve_targets
from verifier.tiers.context import Context, Files
from verifier.tiers.outcomes import not_checked, refuted
from verifier.tiers.registry import CHECKS
from verifier.verdicts import JSON, Finding, Outcome, Severity, Tier, Verdict

Progress = Callable[[str, int, int], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """How to verify.

    Attributes:
        offline: never ask the network.
        jobs: processes for judging and threads for hashing.
        unsafe_no_sandbox: run sample code even where the sandbox is not sufficient; the report says so.
        catalog: restrict catalog targets to ``published`` or ``reference``.
        base: folder with the base model of the one artifact to verify, for tier 2.
        reforge_minutes: how long redoing one recipe that trains or profiles may take, since a stranger's
            recipe says how much it does.
        on_progress: called with (what, done, total) during long work.
    """

    offline: bool = False
    jobs: int = os.cpu_count() or 1
    unsafe_no_sandbox: bool = False
    catalog: str | None = None
    base: Path | None = None
    reforge_minutes: float = 60.0
    on_progress: Progress | None = None


def resolve(targets: str | Path | Sequence[str | Path] | None, options: Options) -> list[Target]:
    """What the caller's words mean; None is the whole catalog.

    Raises:
        UsageError: a target is neither a catalog name, a folder, an alloy file nor a repository id.
    """
    return resolve_targets(targets, options.catalog)


def verify(
    target: str | Path | Sequence[str | Path] | None = None,
    *,
    tiers: Iterable[int] = (1, 3, 4),
    options: Options | None = None,
) -> Report:
    """Verify one or several artifacts.

    Args:
        target: a catalog name, a folder holding an alloy, an ``*.alloy.json``, a Hub repository id, or a
            list of these; None for the whole catalog.
        tiers: which tiers to check.
        options: how.

    Raises:
        UsageError: a target does not exist.
        DocumentError: an alloy or lock entry cannot be read.
    """
    options = options or Options()
    wanted = tuple(sorted({Tier(t) for t in tiers}))
    started = time.time()
    store = open_store(options.offline)
    artifacts, seconds = [], {}
    for item in resolve(target, options):
        begin = time.monotonic()
        artifacts.append(verify_target(item, wanted, options, store=store))
        seconds[item.name] = round(time.monotonic() - begin, 3)
    timing = {"startedAt": round(started, 3), "seconds": seconds}
    return Report(artifacts=tuple(artifacts), environment=environment(wanted, options), timing=timing)


def verify_target(
    target: Target,
    tiers: Iterable[int],
    options: Options,
    only: frozenset[str] | None = None,
    *,
    store: EvidenceStore | None = None,
) -> ArtifactReport:
    """Verify one artifact.

    Args:
        target: from :func:`resolve`.
        tiers: which tiers to check.
        options: how.
        only: claim ids to check; None for all.
        store: where evidence comes from; opened from the environment by default.

    Raises:
        DocumentError: the alloy cannot be read.
    """
    store = store or open_store(options.offline)
    wanted = frozenset(Tier(t) for t in tiers)
    with ExitStack() as stack:
        try:
            alloy, files = _open(target, store, stack)
        except (EvidenceMissingError, EvidenceMismatchError) as error:
            if target.entry is None:
                raise
            return _without_alloy(target.entry, error, wanted, only)
        pinned = target.entry.alloy.sha256 if target.entry else None
        claims = extract(alloy, target.name, pinned=pinned, repo=target.repo)
        context = context_for(alloy, files, store, options, vouched=target.entry is not None)
        checked = tuple(
            Checked(claim=c, outcome=decide(c, context)) for c in claims if _asked(c, wanted, only)
        )
    findings = tuple(f for c in checked for f in c.outcome.findings)
    statistics, notes = assemble(checked, context.scored, context.value)
    return ArtifactReport(
        name=target.name,
        alloy_hash=alloy.alloy_hash,
        checked=checked,
        findings=findings + notes + _drift(target.entry, alloy, claims),
        scores={k: _statuses(r) for k, r in sorted(context.scored.items())},
        statistics=statistics,
    )


def decide(claim: Claim, context: Context) -> Outcome:
    """Decide one claim. Whatever goes wrong inside a check becomes a verdict, never a traceback."""
    try:
        return CHECKS[claim.kind](claim, context)
    except DocumentError as error:
        return refuted(claim, "unreadable", str(error), remedy=error.remedy)
    except (EvidenceMissingError, EvidenceMismatchError) as error:
        return not_checked(f"{error} {error.remedy}".strip())
    except Exception as error:  # noqa: BLE001 - the one place where outcomes of checks are captured
        detail = f"{type(error).__name__}: {str(error)[:300]}"
        return Outcome(verdict=Verdict.ERROR, reason=f"the check {claim.kind!r} broke: {detail}", found=None)


def _open(target: Target, store: EvidenceStore, stack: ExitStack) -> tuple[Alloy, Files]:
    if target.entry is not None:
        files = PinnedFiles(target.entry, store)
        return parse(files.open(target.entry.alloy.path).read_bytes(), what=target.name), files
    if target.path is not None:
        return load(target.path), FolderFiles(target.path.parent)
    hub = store.hub
    if hub is None or target.repo is None:
        raise EvidenceMissingError(
            f"{target.name} lies on the Hub, and the run is offline",
            remedy="run without --offline, or name a folder or catalog entry",
        )
    scratch = Path(stack.enter_context(TemporaryDirectory(prefix="alloy-")))
    revision = hub.revision(target.repo)
    remote = HubFiles(target.repo, revision, store, scratch)
    return load(remote.open(hub.find_alloy(target.repo, revision))), remote


@contextmanager
def opened(target: Target, options: Options, *, store: EvidenceStore | None = None) -> Iterator[Context]:
    """One artifact's alloy and evidence, for a question that is no claim.

    Raises:
        DocumentError: the alloy cannot be read.
        EvidenceMissingError: it is not to be had here.
        EvidenceMismatchError: other bytes than the pinned ones were offered.
    """
    store = store or open_store(options.offline)
    with ExitStack() as stack:
        alloy, files = _open(target, store, stack)
        yield context_for(alloy, files, store, options, vouched=target.entry is not None)


def context_for(
    alloy: Alloy, files: Files, store: EvidenceStore, options: Options, *, vouched: bool = False
) -> Context:
    """What the checks of one artifact share.

    Args:
        vouched: the files are pinned in the catalog, the base model that the artifact brings along included.
    """
    from verifier.evidence.hashing import sha256_file

    @cache
    def score(benchmark: str, samples: Path) -> ScoreResult:
        from verifier.runners import registry

        runner = registry.for_samples(benchmark, samples)
        return runner.score(
            samples,
            ScoreOptions(
                dataset=store.fetch_dataset(runner.dataset) if runner.dataset else None,
                jobs=options.jobs,
                cache_dir=store.cache.root,
                unsafe_no_sandbox=options.unsafe_no_sandbox,
                on_progress=options.on_progress,
            ),
        )

    return Context(
        alloy=alloy,
        files=files,
        score=score,
        parent=lambda repo: _parents(repo, store),
        digest=lru_cache(maxsize=None)(sha256_file),
        base=options.base,
        own_base_vouched=vouched,
        reforge_seconds=60 * options.reforge_minutes,
        offline=options.offline,
        on_progress=options.on_progress,
    )


def _parents(repo: str, store: EvidenceStore) -> tuple[str, ...]:
    """sha256 of every version of a parent's alloy that the catalog pins, or else of the Hub's."""
    known = tuple(
        e.alloy.sha256
        for e in Catalog.find().entries()
        if e.repo == repo or (e.repo is None and e.name == repo.rpartition("/")[2])
    )
    if known or store.hub is None:
        return known
    with TemporaryDirectory(prefix="alloy-") as scratch:
        path = store.hub.find_alloy(repo, None)
        return (load(store.hub.download(repo, store.hub.revision(repo), path, Path(scratch))).sha256,)


def _asked(claim: Claim, tiers: frozenset[Tier], only: frozenset[str] | None) -> bool:
    return claim.tier in tiers and (only is None or claim.id in only)


def _without_alloy(
    entry: LockEntry, error: AlloyError, tiers: frozenset[Tier], only: frozenset[str] | None
) -> ArtifactReport:
    """Every pinned claim is known, and none can be checked; a wrong alloy file is itself a verdict."""
    checked = []
    for claim in entry.claims:
        if not _asked(claim, tiers, only):
            continue
        if isinstance(error, EvidenceMismatchError) and claim.kind == "alloy-digest":
            outcome = refuted(
                claim,
                "alloy-changed",
                str(error),
                found="sha256:" + error.found,
                method="sha256",
                remedy=error.remedy,
            )
        else:
            outcome = not_checked(f"the alloy is not at hand: {error} {error.remedy}".strip())
        checked.append(Checked(claim=claim, outcome=outcome))
    findings = tuple(f for c in checked for f in c.outcome.findings)
    return ArtifactReport(name=entry.name, alloy_hash=None, checked=tuple(checked), findings=findings)


def _drift(entry: LockEntry | None, alloy: Alloy, claims: Sequence[Claim]) -> tuple[Finding, ...]:
    if entry is None or entry.alloy.sha256 != alloy.sha256:
        return ()
    pinned, now = ({c["id"]: c for c in claim_facts(which)} for which in (entry.claims, claims))
    changed = sorted(i for i in pinned.keys() | now.keys() if _fact(pinned.get(i)) != _fact(now.get(i)))
    if not changed:
        return ()
    return (
        Finding(
            code="lock-outdated",
            severity=Severity.WARNING,
            pointer="",
            message=f"the lock entry states {len(pinned)} claims, the alloy gives {len(now)};"
            f" {len(changed)} differ, first {changed[0]}",
            remedy=f"review and run: alloy pin {entry.name}",
        ),
    )


def _fact(fact: dict[str, JSON] | None) -> tuple[JSON, ...] | None:
    if fact is None:
        return None
    # Lock entries hold floats where alloys are read as Decimal; both print alike.
    claimed = fact["claimed"]
    is_number = claimed is not None and not isinstance(claimed, bool | str | list | dict)
    return (fact["tier"], fact["kind"], fact["pointer"], float(claimed) if is_number else claimed)


def _statuses(result: ScoreResult) -> dict[str, dict[str, JSON]]:
    return {
        task: {"official": r.official, "isolated": r.isolated, "confirmed": r.confirmed}
        for task, r in result.tasks.items()
    }


def environment(tiers: Sequence[Tier], options: Options) -> dict[str, JSON]:
    """Whatever influences a verdict: versions, tiers, sandbox."""
    from importlib import metadata

    def version(package: str) -> str | None:
        try:
            return metadata.version(package)
        except metadata.PackageNotFoundError:
            return None

    facts: dict[str, JSON] = {
        "verifier": version("alloy-verifier"),
        "python": platform.python_version(),
        "platform": f"{platform.system()} {platform.machine()}",
        "tiers": [t.value for t in tiers],
        "offline": options.offline,
    }
    if Tier.SCORES in tiers:
        from verifier.sandbox import doctor

        facts["evalplus"] = version("evalplus")
        facts["numpy"] = version("numpy")
        facts["unsafeNoSandbox"] = options.unsafe_no_sandbox
        facts["sandbox"] = {layer.name: layer.available for layer in doctor.layers()}
    return facts
