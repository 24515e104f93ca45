"""Which key-value groups go: from importance, level, and how many have to stay; or from a selection file."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import ROUND_HALF_DOWN, Decimal
from math import fsum, isfinite

from forge.stages.heads import Heads
from verifier.alloy.parse import parse_json
from verifier.errors import DocumentError, UsageError
from verifier.verdicts import JSON

SCHEMA = "alloy-selection/1"
UNIT = "kv-group"
MAX_BYTES = 64 << 20
"""Size of the largest selection that is read."""

Scores = Mapping[int, Sequence[float]]
"""Layer -> importance of each of its groups; the least important go first."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """How much goes and how much stays.

    Attributes:
        level: share of all groups that goes, from 0 to below 1.
        min_heads: query heads that stay in every layer.
        min_groups: key-value heads that stay in every layer.
        normalised: divide each importance by the mean of its layer before layers are compared.
        even: take the same number from every layer.
    """

    level: Decimal
    min_heads: int = 1
    min_groups: int = 1
    normalised: bool = False
    even: bool = False

    def stay(self, heads: Heads) -> int:
        """Groups that have to stay in each layer.

        Raises:
            UsageError: more than there are.
        """
        least = max(self.min_groups, -(-self.min_heads // heads.span), 1)
        if least > heads.groups:
            raise UsageError(
                f"prune: expected minimums within {heads.heads} heads and {heads.groups} key-value heads a "
                f"layer; found minHeadsPerLayer {self.min_heads}, minKvHeadsPerLayer {self.min_groups}"
            )
        return least


def quota(limits: Limits, heads: Heads) -> int:
    """Groups that the level asks for: the nearest integer to level x groups, halves down.

    Per layer if ``even``, else of the whole model.

    Raises:
        UsageError: the level is above 0 and asks for none.
    """
    units = heads.groups if limits.even else heads.groups * len(heads.layers)
    wanted = int((limits.level * units).to_integral_value(ROUND_HALF_DOWN))
    if limits.level > 0 and wanted == 0:
        where = "a layer" if limits.even else "the model"
        raise UsageError(
            f"prune: level: expected one that removes at least one of the {units} key-value groups of "
            f"{where}; found {limits.level}",
            remedy="raise the level, or leave the stage out",
        )
    return wanted


def choose(scores: Scores, limits: Limits, heads: Heads) -> dict[int, list[int]]:
    """The groups that go, per layer, ascending.

    Groups are taken in the order of (importance, layer, index), so that ties go to the lower layer and then
    to the lower index; one whose layer is down to its minimum is passed over. Where minimums stop it,
    fewer go than the level asks for.
    """
    most, wanted = heads.groups - limits.stay(heads), quota(limits, heads)
    ranked = {layer: _comparable(layer, scores, limits.normalised) for layer in heads.layers}
    if limits.even:
        take = min(most, wanted)
        return {layer: sorted(_order(values)[:take]) for layer, values in ranked.items()}
    removed: dict[int, list[int]] = {layer: [] for layer in heads.layers}
    for _, layer, group in sorted((s, layer, g) for layer, v in ranked.items() for g, s in enumerate(v)):
        if wanted and len(removed[layer]) < most:
            removed[layer].append(group)
            wanted -= 1
    return {layer: sorted(groups) for layer, groups in removed.items()}


def document(removed: Mapping[int, Sequence[int]], about: Mapping[str, JSON]) -> bytes:
    """The selection file: the same bytes for the same selection."""
    body = {
        "schema": SCHEMA,
        "unit": UNIT,
        "removed": {str(layer): list(groups) for layer, groups in removed.items()},
        **about,
    }
    return (json.dumps(body, indent=1, sort_keys=True) + "\n").encode()


def parse(data: bytes, heads: Heads, limits: Limits) -> dict[int, list[int]]:
    """Read a selection file, and check that it is one for this model.

    Raises:
        DocumentError: no selection of key-value groups, one that names layers or groups that do not exist, or
            one that leaves less than the stage's minimums; the pointer says where.
    """
    removed, most = _removed(data), heads.groups - limits.stay(heads)
    known = {str(layer) for layer in heads.layers}
    result: dict[int, list[int]] = {layer: [] for layer in heads.layers}
    for key, groups in removed.items():
        pointer = f"/removed/{key}"
        if key not in known:
            raise DocumentError(
                f"selection: expected layers with softmax heads, {list(heads.layers)}; found {key[:40]!r}",
                pointer="/removed",
            )
        whole = isinstance(groups, list) and all(type(g) is int and 0 <= g < heads.groups for g in groups)
        if not whole or sorted(set(groups)) != groups:
            raise DocumentError(
                f"selection: layer {key}: expected ascending groups in 0..{heads.groups - 1}; "
                f"found {str(groups)[:80]}",
                pointer=pointer,
            )
        if len(groups) > most:
            raise DocumentError(
                f"selection: layer {key}: expected at most {most} groups removed, since the stage's minimums "
                f"stay; found {len(groups)}",
                pointer=pointer,
            )
        result[int(key)] = list(groups)
    return result


def _removed(data: bytes) -> Mapping[str, JSON]:
    body = parse_json(data, what="selection", max_bytes=MAX_BYTES)
    if not isinstance(body, dict) or body.get("schema") != SCHEMA or body.get("unit") != UNIT:
        found = (
            {k: body.get(k) for k in ("schema", "unit")} if isinstance(body, dict) else type(body).__name__
        )
        raise DocumentError(
            f"selection: expected schema {SCHEMA!r} with unit {UNIT!r}; found {str(found)[:120]}",
            remedy="name a selection of heads that a prune stage wrote",
        )
    removed = body.get("removed")
    if not isinstance(removed, dict):
        raise DocumentError(
            f"selection: removed: expected an object; found {type(removed).__name__}", pointer="/removed"
        )
    return removed


def _comparable(layer: int, scores: Scores, normalised: bool) -> list[float]:
    values = [float(s) for s in scores[layer]]
    if not all(map(isfinite, values)):
        raise DocumentError(f"importance: layer {layer}: expected finite numbers; found {values}")
    mean = fsum(values) / len(values)
    return [v / mean for v in values] if normalised and mean > 0 else values


def _order(values: Sequence[float]) -> list[int]:
    return sorted(range(len(values)), key=lambda i: (values[i], i))
