"""Tier 1 checks: dispatch, parameters, form of hashes, links inside the document."""

import re
from datetime import datetime
from decimal import Decimal

from verifier.claims.model import Claim
from verifier.claims.numbers import is_number
from verifier.errors import RegistryError
from verifier.tiers.context import Context
from verifier.tiers.outcomes import not_checked, refuted, unverifiable, verified
from verifier.verdicts import JSON, Outcome

SHA256 = re.compile(r"(?:sha256:)?([0-9a-f]{64})")


def hex_digest(value: JSON) -> str | None:
    """The 64 hex digits of a well-formed sha256 (``sha256:`` in front or not), or None."""
    match = SHA256.fullmatch(value) if isinstance(value, str) else None
    return match[1] if match else None


def check_architecture(claim: Claim, ctx: Context) -> Outcome:
    """A family adapter is registered for the exact architecture string."""
    from forge.families import registry

    try:
        adapter = registry.get(claim.expected)
    except RegistryError as error:
        return refuted(claim, "unknown-architecture", str(error), remedy=error.remedy)
    return verified(f"adapter {adapter.architecture}", found=adapter.architecture, method="registry")


def check_dispatch(claim: Claim, ctx: Context) -> Outcome:
    """The stage resolves to a method that the family declares."""
    from forge.families import dispatch

    index = claim.params["index"]
    stage = ctx.value(f"/stages/{index}")
    resolved = dispatch.resolve_stage(ctx.alloy.model.source.architecture, index, stage)
    if isinstance(resolved, dispatch.Refusal):
        return refuted(claim, resolved.code, resolved.message, found=resolved.found, remedy=resolved.remedy)
    name = f"{resolved.adapter}.{resolved.method}"
    return verified(f"resolves to {name}", found=name, method="dispatch")


def check_parameters(claim: Claim, ctx: Context) -> Outcome:
    """The stage's parameters are in range, complete, and fit the source."""
    from forge.stages import parameters

    index = claim.params["index"]
    try:
        problems = parameters.check(ctx.value(f"/stages/{index}"), index, ctx.value("/source"))
    except RegistryError as error:
        return refuted(claim, "unknown-stage", str(error), remedy=error.remedy)
    if not problems:
        return verified("all parameters in range", found="valid", method="parameter-rules")
    text = "; ".join(f"{p.pointer}: {p.message}" for p in problems)
    return refuted(
        claim,
        "bad-parameter",
        text,
        found=problems[0].found,
        remedy=f"expected {problems[0].expected} at {problems[0].pointer}",
    )


def check_positive(claim: Claim, ctx: Context) -> Outcome:
    """A count of at least one."""
    if isinstance(claim.expected, int) and claim.expected >= 1:
        return verified("at least one", found=claim.expected)
    return refuted(claim, "bad-parameter", f"expected a whole number of at least 1, found {claim.expected}")


def check_hash_form(claim: Claim, ctx: Context) -> Outcome:
    """A field for a hash holds a sha256. A placeholder is not a hash, whatever it says."""
    if claim.expected is None:
        return unverifiable(
            claim,
            "hash-absent",
            "the field for a hash is null",
            remedy="publish the sha256 of what this field is about",
        )
    if hex_digest(claim.expected) is None:
        shown = str(claim.expected)[:60]
        return refuted(
            claim,
            "malformed-hash",
            f"expected sha256:<64 hex digits>, found {shown!r}",
            found=shown,
            remedy="publish the real sha256, or leave the field out",
        )
    return verified("a well-formed sha256", found=claim.expected, method="form")


def check_equal(claim: Claim, ctx: Context) -> Outcome:
    """Two places of the document state the same value; the second may be one of several (``or``)."""
    places = [claim.params["other"], *claim.params.get("or", ())]
    other = ctx.value(places[0])
    if claim.expected is None and other is None:
        return unverifiable(claim, "hash-absent", "both places are null", remedy="publish the value")
    for place in places:
        value = ctx.value(place)
        if claim.expected == value and isinstance(claim.expected, bool) == isinstance(value, bool):
            return verified(f"equals {place}", found=value, method="equality")
    return refuted(
        claim,
        "contradiction",
        f"claimed {claim.expected}, but {places[0]} says {other}"
        + (f", and {len(places) - 1} other place(s) something else too" if len(places) > 1 else ""),
        found=other if not isinstance(other, dict | list) else str(other)[:60],
        remedy="make the two places agree",
    )


def check_at_most(claim: Claim, ctx: Context) -> Outcome:
    """A number does not exceed another one."""
    bound = ctx.value(claim.params["bound"])
    if not is_number(claim.expected) or not is_number(bound):
        return refuted(claim, "not-a-number", "expected two numbers", found=str(bound)[:40])
    if claim.expected <= bound:
        return verified(f"{claim.expected} <= {bound}", found=bound)
    return refuted(
        claim,
        "out-of-order",
        f"claimed {claim.expected}, above {bound} at {claim.params['bound']}",
        found=bound,
    )


def check_within(claim: Claim, ctx: Context) -> Outcome:
    """``passed`` is true exactly if the delta is within the tolerance."""
    delta, tolerance = ctx.value(claim.params["delta"]), ctx.value(claim.params["tolerance"])
    if not is_number(delta) or not is_number(tolerance):
        return unverifiable(claim, "no-tolerance", "no numeric tolerance is stated", remedy="state one")
    holds = abs(Decimal(delta)) <= Decimal(tolerance)
    reason = f"|{delta}| {'<=' if holds else '>'} {tolerance}"
    if claim.expected is holds:
        return verified(reason, found=holds, method="exact")
    return refuted(claim, "contradiction", reason, found=holds)


def check_receipt(claim: Claim, ctx: Context) -> Outcome:
    """The receipt names this file's hash.

    A file cannot hold its own digest, so the receipt can only be right about the document without it:
    both forms in which publishers write JSON are tried, besides the file itself.
    """
    claimed = hex_digest(claim.expected)
    if claimed is None:
        return refuted(claim, "malformed-hash", "the receipt's alloyHash is not a sha256")
    forms = dict(_receipt_forms(ctx))
    for name, digest in forms.items():
        if digest == claimed:
            return verified(f"hash of the {name}", found="sha256:" + digest, method=f"receipt/{name}")
    return refuted(
        claim,
        "stale-receipt",
        f"the receipt names {claimed[:16]}, but the file is"
        f" {ctx.alloy.alloy_hash}, and no known form without the receipt matches either",
        found="sha256:" + ctx.alloy.sha256,
        method="receipt/" + "+".join(forms),
        remedy="issue the receipt again for the published file",
    )


def _receipt_forms(ctx: Context) -> list[tuple[str, str]]:
    import hashlib
    import json

    def digest(text: str) -> str:
        return hashlib.sha256(text.encode()).hexdigest()

    from verifier.alloy.parse import serialise

    bare = {k: v for k, v in ctx.alloy.document.items() if k != "receipt"}
    indented = serialise(bare)
    compact = json.dumps(json.loads(indented), separators=(",", ":"), sort_keys=True, ensure_ascii=False)
    return [
        ("file", ctx.alloy.sha256),
        ("document without receipt, indent 2", digest(indented.rstrip("\n"))),
        ("document without receipt, indent 2, newline", digest(indented)),
        ("document without receipt, sorted and compact", digest(compact)),
    ]


def check_verify_url(claim: Claim, ctx: Context) -> Outcome:
    """The link's fragment is the published alloyHash: first 16 hex digits of the receipt's."""
    fragment = str(claim.expected).rpartition("#")[2]
    named = hex_digest(ctx.value("/receipt/alloyHash"))
    if named is None:
        return unverifiable(claim, "hash-absent", "the receipt names no alloy hash", remedy="add alloyHash")
    if fragment == named[:16]:
        return verified("the link carries the receipt's alloy hash", found=fragment)
    return refuted(
        claim,
        "contradiction",
        f"the link carries {fragment[:40]!r}, the receipt {named[:16]}",
        found=named[:16],
    )


def check_publication(claim: Claim, ctx: Context) -> Outcome:
    """The receipt's URL is the repository that the artifact lies in."""
    repo = claim.params["repo"]
    if repo is None:
        return not_checked(
            "which repository the artifact was taken from is not known; verify it by its"
            " repository id or catalog name"
        )
    path = re.sub(r"^https?://[^/]+/", "", str(claim.expected)).strip("/")
    if path == repo:
        return verified(f"names {repo}", found=repo)
    return not_checked(
        f"the receipt names {path[:80]}, the artifact lies in {repo}: only the Hub can say whether"
        " one was renamed to the other",
        found=repo,
    )


def check_not_before(claim: Claim, ctx: Context) -> Outcome:
    """One moment is not before another."""
    try:
        given, earlier = (_moment(v) for v in (claim.expected, ctx.value(claim.params["earlier"])))
    except ValueError as error:
        return refuted(claim, "malformed-time", f"expected ISO 8601 times with an offset: {error}")
    if given >= earlier:
        return verified("in order", found=earlier.isoformat())
    return refuted(
        claim,
        "out-of-order",
        f"{given.isoformat()} is before {earlier.isoformat()}",
        found=earlier.isoformat(),
    )


def _moment(value: JSON) -> datetime:
    moment = datetime.fromisoformat(str(value))
    if moment.tzinfo is None:
        raise ValueError(f"{value} has no offset")
    return moment


def check_quant_output(claim: Claim, ctx: Context) -> Outcome:
    """Every quantisation that the recipe makes is among the attested files."""
    found = claim.params["found"]
    if found:
        return verified(f"attested as {', '.join(found)}", found=", ".join(found))
    return unverifiable(
        claim,
        "output-without-hash",
        f"no attested file is a {claim.expected} output",
        remedy="add the file to fileHashes, or drop the type from the recipe",
    )


def check_nothing_claimed(claim: Claim, ctx: Context) -> Outcome:
    """An empty set of claims is never a pass."""
    return unverifiable(
        claim,
        "nothing-claimed",
        "the card states nothing for this tier",
        remedy="publish hashes, samples or scores",
    )
