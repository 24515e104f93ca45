"""Tier 3 checks: files hash as claimed, from disk or from the host's metadata."""

from collections.abc import Sequence
from pathlib import Path

from verifier.claims import samples as named
from verifier.claims.model import Claim
from verifier.errors import DocumentError, EvidenceMismatchError, EvidenceMissingError
from verifier.tiers.context import Context
from verifier.tiers.outcomes import not_checked, refuted, unverifiable, verified
from verifier.tiers.recipe import hex_digest
from verifier.verdicts import Outcome


def check_alloy_digest(claim: Claim, ctx: Context) -> Outcome:
    """The alloy file is byte for byte the pinned one."""
    found = "sha256:" + ctx.alloy.sha256
    if found == claim.expected:
        return verified("the file is the pinned one", found=found, method="sha256")
    return refuted(
        claim,
        "alloy-changed",
        f"the catalog pins {str(claim.expected)[7:23]}, the file is {ctx.alloy.alloy_hash}",
        found=found,
        method="sha256",
        remedy="fetch the pinned revision, or pin the new file with a stated reason",
    )


def check_file(claim: Claim, ctx: Context) -> Outcome:
    """One weights file: from disk, else from the host's LFS metadata."""
    expected = hex_digest(claim.expected)
    if expected is None:
        return refuted(claim, "malformed-hash", "the claimed sha256 is not well-formed", found=claim.expected)
    path, size = claim.params["path"], claim.params["size"]
    try:
        local = ctx.files.open(path)
    except EvidenceMismatchError as error:
        return _compare(claim, expected, size, error.found, None, error.source)
    except EvidenceMissingError as missing:
        return _from_metadata(claim, ctx, expected, missing)
    return _compare(claim, expected, size, ctx.digest(local), local.stat().st_size, "file")


def _from_metadata(claim: Claim, ctx: Context, expected: str, missing: EvidenceMissingError) -> Outcome:
    try:
        stated = ctx.files.attested(claim.params["path"])
    except EvidenceMissingError as error:
        return not_checked(str(error), method="host-metadata")
    except EvidenceMismatchError as error:
        return refuted(
            claim,
            "file-absent",
            str(error),
            method="host-metadata",
            remedy="publish the file, or take it out of fileHashes",
        )
    if stated is None or stated.sha256 is None:
        return not_checked(str(missing), method="host-metadata")
    return _compare(claim, expected, claim.params["size"], stated.sha256, stated.size, stated.source)


def _compare(
    claim: Claim, expected: str, size: int | None, found: str, found_size: int | None, source: str
) -> Outcome:
    digests = ((claim.params["path"], found),)
    if found != expected:
        return refuted(
            claim,
            "digest-differs",
            f"claimed {expected[:16]}…, found {found[:16]}… ({source})",
            found=found,
            method=f"sha256/{source}",
            digests=digests,
            remedy="the file is not the attested one: fetch it again, or correct the card",
        )
    if size is not None and found_size is not None and size != found_size:
        return refuted(
            claim,
            "size-differs",
            f"claimed {size} bytes, found {found_size} ({source})",
            found=found_size,
            method=f"sha256/{source}",
            digests=digests,
            remedy="correct the size in fileHashes",
        )
    return verified(
        f"sha256 and size agree ({source})", found=found, method=f"sha256/{source}", digests=digests
    )


def check_model_hash(claim: Claim, ctx: Context) -> Outcome:
    """modelHash recomposes from fileHashes."""
    files = ctx.value("/results/integrity/fileHashes")
    if claim.expected is None or not files:
        return unverifiable(
            claim,
            "no-weight-hashes",
            "the card attests no weights by fileHashes and modelHash",
            remedy="publish fileHashes and modelHash",
        )
    from verifier.evidence.hashing import model_hash

    try:
        found = model_hash(files)
    except DocumentError as error:
        return refuted(claim, "malformed-hash", f"fileHashes cannot be composed: {error}")
    if found == claim.expected:
        return verified(f"recomposes from {len(files)} file hashes", found=found, method="modelHash/1")
    return refuted(
        claim,
        "model-hash-differs",
        f"claimed {str(claim.expected)[:23]}…, fileHashes give {found[:23]}…",
        found=found,
        method="modelHash/1",
        remedy="recompute modelHash: alloy hash DIR",
    )


def check_samples(claim: Claim, ctx: Context) -> Outcome:
    """A samples file has the digest that the card states."""
    path = ctx.value(claim.params["path"])
    if isinstance(path, list):
        return _check_together(claim, ctx, named.paths(path))
    if not isinstance(path, str):
        return unverifiable(
            claim,
            "samples-not-published",
            "a digest is stated, but no samples file",
            remedy="publish the samples and name them in samplesPath",
        )
    if claim.expected is None:
        return unverifiable(
            claim,
            "samples-without-digest",
            f"{path} is published without a digest",
            remedy="state the sha256 of the samples file",
        )
    return _check_small(claim, ctx, path, "samples-differ")


def _check_together(claim: Claim, ctx: Context, paths: Sequence[str]) -> Outcome:
    """One digest over several files; a digest for each would be a claim for each."""
    expected = hex_digest(claim.expected)
    if claim.expected is None:
        return unverifiable(
            claim,
            "samples-without-digest",
            f"{len(paths)} samples files are published without a digest",
            remedy="state the sha256 of each samples file",
        )
    if expected is None or not paths:
        return refuted(
            claim,
            "malformed-hash",
            f"expected a sha256 for each of {len(paths)} samples files, or one over them",
            found=claim.expected,
        )
    try:
        digests = [ctx.digest(ctx.files.open(path)) for path in paths]
    except (EvidenceMissingError, EvidenceMismatchError) as error:
        return not_checked(str(error), method="sha256")
    found = named.joined(digests)
    each = tuple(zip(paths, digests, strict=True))
    if found == expected:
        return verified(
            f"{len(paths)} files hash as claimed", found="sha256:" + found, method="sha256", digests=each
        )
    return refuted(
        claim,
        "samples-differ",
        f"claimed {expected[:16]}…, the {len(paths)} files together are {found[:16]}…",
        found="sha256:" + found,
        method="sha256",
        digests=each,
        remedy="a file is not the attested one, or they stand in another order: correct the card",
    )


def _check_small(claim: Claim, ctx: Context, path: str, code: str) -> Outcome:
    expected = hex_digest(claim.expected)
    if expected is None:
        return refuted(claim, "malformed-hash", "the claimed sha256 is not well-formed", found=claim.expected)
    try:
        found = ctx.digest(ctx.files.open(path))
    except EvidenceMismatchError as error:
        found = error.found
    except EvidenceMissingError as error:
        return not_checked(str(error), method="sha256")
    if found == expected:
        return verified(
            f"{path} hashes as claimed", found="sha256:" + found, method="sha256", digests=((path, found),)
        )
    return refuted(
        claim,
        code,
        f"claimed {expected[:16]}…, {path} is {found[:16]}…",
        found="sha256:" + found,
        method="sha256",
        digests=((path, found),),
        remedy="the file is not the attested one: fetch it again, or correct the card",
    )


def check_card(claim: Claim, ctx: Context) -> Outcome:
    """The model card has the digest in the receipt."""
    return _check_small(claim, ctx, claim.params["path"], "card-differs")


def check_selection(claim: Claim, ctx: Context) -> Outcome:
    """The recorded selection of heads or experts hashes as claimed."""
    if claim.expected is None:
        return unverifiable(
            claim,
            "selection-without-digest",
            f"{claim.params['path']} is named without a digest",
            remedy="state selectionSha256",
        )
    return _check_small(claim, ctx, claim.params["path"], "selection-differs")


def check_external(claim: Claim, ctx: Context) -> Outcome:
    """A digest of something that is not part of the artifact."""
    return unverifiable(
        claim,
        "not-published",
        "what this digest is about is not published with the card",
        remedy="publish the program, or name the public release that it is",
    )


def check_dataset(claim: Claim, ctx: Context) -> Outcome:
    """A data set's digest: it must be one that a registered benchmark pins, or the file must be there."""
    expected = hex_digest(claim.expected)
    name = claim.params["name"]
    if expected is None:
        return unverifiable(
            claim,
            "dataset-not-pinned",
            f"data set {name} is not pinned by a digest",
            remedy="state the sha256 of the data set",
        )
    from verifier.runners import registry

    for benchmark in registry.names():
        pin = registry.get(benchmark).dataset
        if pin is not None and pin.sha256 == expected:
            return verified(
                f"equals the pinned data set of {benchmark}", found=claim.expected, method="dataset-pin"
            )
    known = registry.find(name)
    if known is not None and known.dataset is not None and known.dataset.url is None:
        # It ships with this project, so there is no other release that the card could mean.
        found = "sha256:" + known.dataset.sha256
        return refuted(
            claim,
            "dataset-differs",
            f"claimed {expected[:16]}…, {name} is {known.dataset.sha256[:16]}…",
            found=found,
            method="dataset-pin",
            remedy="state the digest of the data set that was used",
        )
    return _file_or_missing(claim, ctx, name, expected)


def _file_or_missing(claim: Claim, ctx: Context, path: str, expected: str) -> Outcome:
    try:
        local = ctx.files.open(path)
    except (EvidenceMissingError, EvidenceMismatchError):
        return not_checked(f"the data set ({expected[:16]}…) is not part of the artifact; fetch it to check")
    return _compare_digest(claim, local, ctx, expected)


def _compare_digest(claim: Claim, local: Path, ctx: Context, expected: str) -> Outcome:
    found = ctx.digest(local)
    if found == expected:
        return verified("hashes as claimed", found="sha256:" + found, method="sha256")
    return refuted(
        claim,
        "corpus-differs",
        f"claimed {expected[:16]}…, found {found[:16]}…",
        found="sha256:" + found,
        method="sha256",
    )


def check_corpus(claim: Claim, ctx: Context) -> Outcome:
    """A corpus that the recipe names is pinned, and matches where it is published."""
    expected = hex_digest(claim.expected)
    if expected is None:
        name = str(ctx.value(claim.pointer)).split(" ")[0][:60]
        return unverifiable(
            claim,
            "corpus-without-digest",
            f"corpus {name!r} has no digest",
            remedy="state its sha256, so that the recipe can be redone",
        )
    path = ctx.value(claim.params["file"])
    if not isinstance(path, str):
        return not_checked(
            f"pinned as {expected[:16]}…, but the card does not say where the corpus is",
            found="sha256:" + expected,
        )
    return _file_or_missing(claim, ctx, path, expected)


def check_parent(claim: Claim, ctx: Context) -> Outcome:
    """The chain link names the parent's alloy by its hash."""
    repo = claim.params["repo"]
    if claim.expected is None:
        return unverifiable(
            claim,
            "no-parent-hash",
            f"the link to {repo} carries no alloy hash",
            remedy="state the sha256 of the parent's alloy",
        )
    expected = hex_digest(claim.expected)
    if expected is None:
        return refuted(claim, "malformed-hash", "the parent hash is not a sha256", found=claim.expected)
    if not isinstance(repo, str):
        return unverifiable(
            claim, "no-parent", "a parent hash without a parent repository", remedy="state derivedFrom.repo"
        )
    try:
        known = ctx.parent(repo)
    except EvidenceMissingError as error:
        return not_checked(str(error))
    if expected in known:
        return verified(f"is the alloy of {repo}", found="sha256:" + expected, method="sha256")
    if not known:
        return not_checked(f"the alloy of {repo} is not at hand: add it to the catalog or go online")
    return refuted(
        claim,
        "parent-differs",
        f"claimed {expected[:16]}…, the alloy of {repo} is {known[0][:16]}…",
        found="sha256:" + known[0],
        method="sha256",
        remedy="derive again from the published parent",
    )
