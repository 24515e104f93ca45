"""Tier 2: the recipe is executed again, and the result compared with what the card attests, byte for byte.

Where nothing but the recorded choice decides the bytes, they must be equal on every machine. Where a device
decides them (training, or a profile without a recorded selection), equality is to be expected only under the
recorded environment: under another one the claim is not checked, and how close the result comes is said
apart from the verdict.
"""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

from verifier.alloy.parse import get
from verifier.claims.model import Claim
from verifier.errors import AlloyError, DocumentError, EvidenceMismatchError, EvidenceMissingError
from verifier.tiers.context import Context
from verifier.tiers.outcomes import not_checked, refuted, unverifiable, verified
from verifier.tiers.rebuild import EXECUTION, Origin, Rebuilt, needs, rebuild
from verifier.tiers.recipe import hex_digest
from verifier.tiers.redo import Gap, first_gap
from verifier.verdicts import JSON, Finding, Outcome, Severity

_HASHES = "/results/integrity/fileHashes"
_MAX_FILES, _MAX_TENSORS, _MAX_NAMED = 20, 5, 3


def check_reforge(claim: Claim, ctx: Context) -> Outcome:
    """Redoing the recipe gives the weights that modelHash attests."""
    if claim.expected is None or not ctx.value(_HASHES):
        return unverifiable(
            claim,
            "no-weight-hashes",
            "the card attests no weights by fileHashes and modelHash",
            remedy="publish fileHashes and modelHash",
        )
    if hex_digest(claim.expected) is None:
        return refuted(claim, "malformed-hash", "modelHash is not a well-formed sha256", found=claim.expected)
    gap = first_gap(ctx.alloy.document)
    if gap is not None:
        return _gap(claim, ctx, gap)
    with TemporaryDirectory(prefix="alloy-reforge-") as scratch:
        try:
            made = rebuild(ctx, list(claim.params.get("files", ())), Path(scratch))
        except DocumentError as error:
            return refuted(
                claim,
                "recipe-impossible",
                f"the recipe cannot be executed: {error}",
                method="reforge",
                remedy=error.remedy,
            )
        except EvidenceMismatchError as error:
            return _other_input(claim, error)
        except EvidenceMissingError:
            raise
        except AlloyError as error:
            return not_checked(
                f"this version cannot redo the recipe: {error} {error.remedy}".strip(), method="reforge"
            )
        return _compare(claim, ctx, made, Path(scratch))


def _gap(claim: Claim, ctx: Context, gap: Gap) -> Outcome:
    """Nothing to check it by; what the base would take is said all the same, for whoever has the rest."""
    outcome = unverifiable(
        claim,
        gap.code,
        f"the recipe cannot be redone from what is published: {gap.message}",
        remedy=gap.remedy,
    )
    (finding,) = outcome.findings
    needed = _note(claim, "base-needed", f"with that, redoing it would take: {needs(ctx)}")
    return replace(outcome, findings=(replace(finding, pointer=gap.pointer, claimed=None), needed))


def _other_input(claim: Claim, error: EvidenceMismatchError) -> Outcome:
    """A file of the artifact that the recipe starts from is not the one that it states."""
    return refuted(
        claim,
        "recipe-file-differs",
        f"what the recipe starts from is not what it states: {error}",
        found="sha256:" + error.found,
        method="reforge",
        remedy=error.remedy,
    )


def _compare(claim: Claim, ctx: Context, made: Rebuilt, scratch: Path) -> Outcome:
    method = f"reforge/{made.determinism}"
    digests = tuple(sorted(made.files.items()))
    wrong = _wrong_base(ctx, made)
    if wrong:
        reason = f"the base model in {made.origin.value} is not the recipe's: {wrong}"
        if made.origin is Origin.ARTIFACT:
            remedy = "publish the base model that the recipe starts from, or correct its digest"
            return refuted(claim, "base-differs", reason, method=method, remedy=remedy)
        return not_checked(reason, method=method)
    side = _side_files(claim, ctx, made)
    if made.model_hash == claim.expected and _attested(ctx) == made.files:
        if made.origin is Origin.ARTIFACT and not ctx.own_base_vouched:
            return _own_base_alone(ctx, made, method, side)
        count = f"{len(made.files)} file{'s' if len(made.files) != 1 else ''}"
        return verified(
            f"redone from {made.origin.value}: {count} equal, byte for byte",
            found=made.model_hash,
            method=method,
            digests=digests,
            findings=side,
        )
    if made.determinism == "device":
        apart = _environments(ctx, made)
        if apart:
            return _undecided(claim, ctx, made, apart, method, scratch)
    elif not _pinned(ctx, made):
        return unverifiable(
            claim,
            "base-not-pinned",
            "redone with other bytes, but the recipe does not say which version of its base model it means",
            remedy="state source.revision, or the digests of the base model's files",
            found=made.model_hash,
        )
    outcome = refuted(
        claim,
        "reforge-differs",
        f"redone, the recipe gives {made.model_hash[:23]}…, not {str(claim.expected)[:23]}…"
        f" ({_summary(ctx, made)})",
        found=made.model_hash,
        method=method,
        digests=digests,
        remedy="publish the weights that the recipe gives, or the recipe that gave the weights",
    )
    return replace(outcome, findings=(*outcome.findings, *_findings(claim, ctx, made), *side))


def _own_base_alone(ctx: Context, made: Rebuilt, method: str, side: tuple[Finding, ...]) -> Outcome:
    """Equal, but from a base that the publisher brought along: anything that gives these bytes."""
    name = ctx.alloy.model.source.base_model[:200]
    return not_checked(
        "the recipe gives these bytes from the base model in the artifact's own folder, but nothing here"
        f" shows that this is {name}; name a copy of your own: --base FOLDER",
        found=made.model_hash,
        method=method,
        findings=side,
    )


def _attested(ctx: Context) -> dict[str, JSON]:
    """sha256 of every weights file, by name, as the card states it."""
    return {f["filename"]: f["sha256"] for f in ctx.value(_HASHES)}


def _side_files(claim: Claim, ctx: Context, made: Rebuilt) -> tuple[Finding, ...]:
    """Configuration and tokenizer decide no hash; that a published one comes out otherwise is said."""
    from forge.engine import REPORT
    from forge.folders import digests_of, files_of, is_weights

    names = [
        n
        for n in files_of(made.folder)
        if not is_weights(n) and n != REPORT and not n.endswith(".alloy.json")
    ]
    again, found = digests_of(made.folder, names), []
    for name in names:
        try:
            published = ctx.digest(ctx.files.open(name))
        except (EvidenceMissingError, EvidenceMismatchError):
            continue
        if published != again[name]:
            found.append(
                Finding(
                    code="reforge-side-file-differs",
                    severity=Severity.WARNING,
                    pointer="/stages",
                    message=f"{name[:200]}, which no hash attests, comes out otherwise than it was published",
                    claimed=published,
                    found=again[name],
                    remedy="publish the file that the recipe gives",
                    claim_id=claim.id,
                )
            )
    return tuple(found[:_MAX_FILES])


def _wrong_base(ctx: Context, made: Rebuilt) -> str:
    """Which stated digest of the base model does not hold, or an empty string."""
    used = get(made.document, f"{EXECUTION}/base") or {}
    by_name = {f["filename"]: f["sha256"] for f in used.get("fileHashes") or ()}
    expected = ctx.value(f"{EXECUTION}/base/modelHash")
    if isinstance(expected, str) and expected != used.get("modelHash"):
        return f"expected modelHash {expected[:23]}…, found {str(used.get('modelHash'))[:23]}…"
    for name, digest in _stated_files(ctx):
        found = by_name.get(name)
        if found != digest:
            return f"{name}: expected {digest[:16]}…, found {(found or 'no such file')[:16]}"
    return ""


def _stated_files(ctx: Context) -> Iterator[tuple[str, str]]:
    """(file, sha256) of the base model, as ``source.sourceFileHashes`` states them: a list, or by name."""
    stated = ctx.value("/source/sourceFileHashes")
    if isinstance(stated, dict):
        stated = [{"filename": k, "sha256": v} for k, v in stated.items()]
    for item in stated if isinstance(stated, list) else ():
        name, digest = (
            (item.get("filename"), hex_digest(item.get("sha256"))) if isinstance(item, dict) else (0, 0)
        )
        if isinstance(name, str) and isinstance(digest, str) and name.endswith(".safetensors"):
            yield name, digest


def _pinned(ctx: Context, made: Rebuilt) -> bool:
    """Whether the recipe, or the artifact, says which base model it means."""
    if made.origin is Origin.ARTIFACT or any(True for _ in _stated_files(ctx)):
        return True
    places = ("/source/weightsSha256", "/source/baseModelHash", f"{EXECUTION}/base/modelHash")
    if any(hex_digest(ctx.value(place)) for place in places):
        return True
    return made.origin is Origin.HUB and isinstance(ctx.value("/source/revision"), str)


def _environments(ctx: Context, made: Rebuilt) -> tuple[str, ...]:
    """In what this machine is not the recorded one; one item says so if nothing was recorded."""
    from forge import environment

    recorded = ctx.value(f"{EXECUTION}/environment")
    if not isinstance(recorded, Mapping) or not recorded:
        return ("no environment is on record",)
    return environment.differences(recorded, made.environment)


def _undecided(
    claim: Claim, ctx: Context, made: Rebuilt, apart: tuple[str, ...], method: str, scratch: Path
) -> Outcome:
    """Other bytes under another environment decide nothing; how close they are is a statement of its own."""
    named = "; ".join(apart[:_MAX_NAMED]) + (f" and {len(apart) - _MAX_NAMED} more" if len(apart) > 3 else "")
    return not_checked(
        "the bytes depend on the machine, and this one is not as recorded, so that other bytes say nothing"
        f" ({named})",
        method=method,
        findings=(_closeness(claim, ctx, made, scratch),),
    )


def _closeness(claim: Claim, ctx: Context, made: Rebuilt, scratch: Path) -> Finding:
    from forge import replay

    try:
        recorded = _recorded_model(ctx, made, scratch / "recorded")
        found = replay.close(recorded, made.folder, scratch)
    except AlloyError as error:
        return _note(claim, "closeness", f"not a verdict: how close the result comes is not known: {error}")
    return _note(claim, "closeness", f"not a verdict: {_told(found)}", found)


def _told(found: Mapping[str, JSON]) -> str:
    text = f"{found['differing']} of {found['tensors']} tensors differ"
    if found["worst_tensor"] is not None:
        relative = found["max_relative"]
        text += f", by at most {found['max_abs']:.3g} in any element and "
        text += f"{relative:.3g} of its norm" if relative is not None else "more than can be put as a ratio"
        text += f" in any tensor ({str(found['worst_tensor'])[:100]})"
    if found["mean_kl"] is None:
        return f"{text}; {str(found['note'])[:300]}"
    kl = f"KL divergence {found['mean_kl']:.3g} nats on average, {found['max_kl']:.3g} at most"
    return f"{text}; next-token predictions on {found['prompts']} fixed prompts: {kl}"


def _recorded_model(ctx: Context, made: Rebuilt, folder: Path) -> Path:
    """The attested weights with the redone model's other files, so that both load alike.

    Raises:
        EvidenceMissingError: the attested weights are not at hand.
    """
    from forge.folders import files_of, is_weights, place

    for item in ctx.value(_HASHES):
        local = ctx.files.open(item["filename"])
        if ctx.digest(local) != item["sha256"]:
            raise EvidenceMissingError(f"{item['filename']} is not the attested file")
        place(local, folder / item["filename"], link=True)
    for path in files_of(made.folder):
        if not is_weights(path) and not path.endswith(".index.json"):
            place(made.folder / path, folder / path, link=True)
    return folder


def _summary(ctx: Context, made: Rebuilt) -> str:
    claimed = _attested(ctx)
    both = claimed.keys() & made.files.keys()
    equal = sum(claimed[name] == made.files[name] for name in both)
    parts = [f"{equal} of {len(claimed)} files equal"]
    missing, extra = sorted(claimed.keys() - both), sorted(made.files.keys() - both)
    parts += [f"{missing[0]} not made"] if missing else []
    parts += [f"{extra[0]} not attested"] if extra else []
    return ", ".join(parts)


def _findings(claim: Claim, ctx: Context, made: Rebuilt) -> Iterator[Finding]:
    """Which files differ, and, where the attested ones are at hand, which tensors and from which byte on."""
    tensors: list[Finding] = []
    differing = [
        (i, f) for i, f in enumerate(ctx.value(_HASHES)) if f["sha256"] != made.files.get(f["filename"])
    ]
    for index, file in differing[:_MAX_FILES]:
        name, pointer = file["filename"], f"{_HASHES}/{index}/sha256"
        found = made.files.get(name)
        message = f"{name} comes out differently" if found else f"{name} is not made by the recipe"
        where, more = _where(claim, ctx, made, name, pointer) if found else ("", [])
        tensors += more
        yield _error(claim, "reforge-file-differs", pointer, message + where, file["sha256"], found)
    for name in sorted(made.files.keys() - _attested(ctx).keys())[:_MAX_FILES]:
        message = f"{name} is made by the recipe, and not attested"
        yield _error(claim, "reforge-file-extra", _HASHES, message, None, made.files[name])
    yield from tensors[:_MAX_TENSORS]


def _where(claim: Claim, ctx: Context, made: Rebuilt, name: str, pointer: str) -> tuple[str, list[Finding]]:
    """From which byte on an attested file that is at hand differs, and its most different tensors."""
    from forge.diff import compare
    from forge.diff_stats import available

    try:
        local = ctx.files.open(name)
        found = compare(local, made.folder / name, statistics=available())
    except AlloyError:
        return "", []
    if not found.files:
        return " from the stated digest; the file at hand is the redone one", []
    tensors = []
    for tensor in (*found.changed, *(t for t in found.tensors if t.statistics is None))[:_MAX_TENSORS]:
        how = tensor.kind.value if tensor.first_byte is None else f"first at its byte {tensor.first_byte}"
        if tensor.statistics is not None:
            how += f", by at most {tensor.statistics.max_abs:.3g}"
        message = f"tensor {tensor.name[:200]} of {name} differs ({how})"
        tensors.append(_error(claim, "reforge-tensor-differs", pointer, message, None, None))
    return f", first at byte {found.files[0].first_byte}", tensors


def _error(claim: Claim, code: str, pointer: str, message: str, claimed: JSON, found: JSON) -> Finding:
    return Finding(
        code=code,
        severity=Severity.ERROR,
        pointer=pointer,
        message=message,
        claimed=claimed,
        found=found,
        claim_id=claim.id,
    )


def _note(claim: Claim, code: str, message: str, found: JSON = None) -> Finding:
    return Finding(
        code=code,
        severity=Severity.NOTE,
        pointer=claim.pointer,
        message=message,
        found=found,
        claim_id=claim.id,
    )
