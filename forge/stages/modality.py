"""Stage modality: checks that what takes a modality in is all there. It attaches and trains nothing.

The check, for a model whose family already sees or hears: the tower's tensors and configuration exist, each
special token of the modality has a row of its own, and the tower is connected, which means that its output
is as wide as the language model. The result records the digest of all that is guarded, so that later stages
can be held to it. Attaching an encoder that the model does not have, or training a projector, takes image or
sound data and a training loop for it, which this forge does not have: a stage that asks for either is
refused. A stage that names the base model as its own encoder, and no training steps, asks for the check.
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from forge.families import guard
from forge.families.adapter import FamilyAdapter
from forge.families.language import at, language_config
from forge.stages.base import Determinism, StageContext, StageResult
from forge.tensors.model import ModelFolder, open_model
from verifier.errors import DocumentError, UsageError
from verifier.verdicts import JSON

_ADVICE = "use a base model that already takes the modality in, and leave out what would train or attach"


@dataclass(frozen=True, slots=True, kw_only=True)
class Tower:
    """How checkpoints show that they take a modality in.

    Attributes:
        modules: last parts of the guarded prefixes below which the tower's tensors lie.
        config: name of the tower's configuration among the family's guarded keys.
        widths: keys of that configuration that state the width of its output.
        tokens: part of the names of the modality's special token keys.
    """

    modules: tuple[str, ...]
    config: str
    widths: tuple[str, ...]
    tokens: tuple[str, ...]


TOWERS: Mapping[str, Tower] = {
    "vision": Tower(
        modules=("visual",),
        config="vision_config",
        widths=("out_hidden_size",),
        tokens=("vision", "image", "video"),
    ),
    "audio": Tower(
        modules=("audio_tower",), config="audio_config", widths=("output_dim",), tokens=("audio",)
    ),
}
"""Modality -> its tower."""


def run(context: StageContext) -> StageResult:
    """Check the tower of the stage's ``modality``.

    Raises:
        UsageError: the stage asks for something to be attached or trained, or the model has no such tower.
        DocumentError: the tower is there and does not fit the language model.
    """
    modality = context.parameters.get("modality")
    tower = TOWERS.get(modality) if isinstance(modality, str) else None
    if tower is None:
        raise UsageError(
            f"stage {context.index}: modality: expected one of {', '.join(TOWERS)}; found {modality!r:.80}"
        )
    model = open_model(context.model)
    tensors = _tensors(context.adapter, tower, model)
    _refuse_work(context, str(modality), attached=bool(tensors))
    config = _config(context, tower, model.config)
    width = _connected(context, tower, model.config, config)
    watch = guard.build(context.adapter, model)
    tokens = _tokens(context, tower, watch)
    guarded = {**watch.tensors, **{f"{name}[{row}]": d for (name, row), d in watch.rows.items()}}
    return StageResult(
        record={
            "checked": True,
            "attached": False,
            "trained": False,
            "tensors": len(tensors),
            "bytes": sum(model.tensors[name].size for name in tensors),
            "width": width,
            "tokens": tokens,
            "guarded": watch.summary(),
            "guardedSha256": _digest([guarded, dict(watch.config)]),
        },
        determinism=Determinism.BYTES,
    )


def _tensors(adapter: FamilyAdapter, tower: Tower, model: ModelFolder) -> Sequence[str]:
    prefixes = tuple(p for p in adapter.guarded if p.rstrip(".").rpartition(".")[2] in tower.modules)
    return sorted(name for name in model.tensors if prefixes and name.startswith(prefixes))


def _refuse_work(context: StageContext, modality: str, *, attached: bool) -> None:
    encoder = context.parameters.get("encoderModel")
    if not attached:
        raise UsageError(
            f"stage {context.index}: modality {modality}: expected a model with its tower; found none, and "
            f"attaching {encoder!r:.80} is not something this forge can do",
            remedy=_ADVICE,
        )
    if encoder != context.source_facts.get("baseModel"):
        raise UsageError(
            f"stage {context.index}: modality {modality}: encoderModel: expected the base model, whose own "
            f"tower is checked; found {encoder!r:.80}, and attaching it is not something this forge can do",
            remedy=_ADVICE,
        )
    steps = context.parameters.get("trainingSteps")
    if steps:
        raise UsageError(
            f"stage {context.index}: modality {modality}: trainingSteps: expected none, since projectors "
            f"are not trained here; found {steps!r:.80}",
            remedy=_ADVICE,
        )


def _config(context: StageContext, tower: Tower, config: Mapping[str, JSON]) -> Mapping[str, JSON]:
    places = [p for p in context.adapter.guarded_config if p.rpartition(".")[2] == tower.config]
    for place in places:
        found = at(config, tuple(place.split(".")))
        if isinstance(found, Mapping):
            return found
    raise DocumentError(
        f"config.json: expected the tower's configuration at {' or '.join(places) or tower.config}; "
        "found none"
    )


def _connected(
    context: StageContext, tower: Tower, config: Mapping[str, JSON], own: Mapping[str, JSON]
) -> int | None:
    """Width of the tower's output; None where its configuration leaves that to the library's default."""
    hidden = language_config(context.adapter, config).get("hidden_size")
    width = next((own[key] for key in tower.widths if own.get(key) is not None), None)
    if width is not None and width != hidden:
        raise DocumentError(
            f"config.json: {tower.config}: expected an output as wide as the language model ({hidden}); "
            f"found {width!r:.40}"
        )
    return width if isinstance(width, int) else None


def _tokens(context: StageContext, tower: Tower, watch: guard.Guard) -> dict[str, JSON]:
    keys = [
        key
        for key in context.adapter.guarded_tokens
        if key in watch.config and any(word in key.rpartition(".")[2] for word in tower.tokens)
    ]
    found = {key: watch.config[key] for key in keys if watch.config[key] is not None}
    if not found:
        raise DocumentError(
            "config.json: expected the modality's special tokens at "
            f"{', '.join(context.adapter.guarded_tokens)}; found none"
        )
    ids = [i for value in found.values() for i in (value if isinstance(value, list) else [value])]
    outside = sorted({i for i in ids if i in watch.without_row})
    if outside:
        raise DocumentError(f"config.json: expected special tokens within the embedding; found {outside}")
    if len(set(ids)) != len(ids):
        raise DocumentError(f"config.json: expected special tokens that differ; found {found}")
    return found


def _digest(value: JSON) -> str:
    return hashlib.sha256(json.dumps(value, sort_keys=True, separators=(",", ":")).encode()).hexdigest()
