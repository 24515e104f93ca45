"""The base models: each family's recorded shape, filled with numbers that are made from integers."""

import hashlib
import json
import math
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

from forge.families import registry
from forge.families.language import language_config
from forge.families.layouts import Part
from forge.reference import shapes, tokens, weights
from forge.stages import expert_plan
from forge.tensors.model import ModelFolder, open_model
from forge.tensors.safetensors import serialise

OWNER = "alloy-reference"
"""Owner part of the repository names; they exist in this project alone."""

WEIGHTS = "model.safetensors"
TOKENIZERS = {"llama": tokens.pieces, "qwen3": tokens.characters, "qwen3_moe": tokens.characters}
"""Families whose base is profiled, trained or converted, too, and what their texts are divided by."""


def name(architecture: str) -> str:
    """Repository name of a family's base model."""
    return f"{OWNER}/{architecture.replace('_', '-')}-tiny"


@cache
def files(architecture: str) -> Mapping[str, bytes]:
    """Every file of a family's base model, by relative path. The same bytes on every machine."""
    shape, seed = shapes.load(architecture), f"{name(architecture)}/1"
    tensors = [
        weights.tensor(seed, tensor, size, dtype, near_one=tensor in shape.around_one)
        for tensor, (dtype, size) in shape.tensors.items()
    ]
    documents = {"config.json": shape.config, "generation_config.json": shape.generation_config}
    return {
        **{path: _encode(content) for path, content in documents.items() if content is not None},
        **(TOKENIZERS[architecture]() if architecture in TOKENIZERS else {}),
        WEIGHTS: serialise(tensors, {"format": "pt"}),
    }


def write(architecture: str, folder: Path) -> Path:
    """Write a family's base model into a new folder; returns the folder."""
    folder.mkdir(parents=True)
    for path, data in files(architecture).items():
        (folder / path).write_bytes(data)
    return folder


def source(architecture: str, folder: Path) -> dict[str, Any]:
    """The ``source`` object of a recipe that starts from a family's base model.

    Args:
        architecture: of the family.
        folder: where the base lies.
    """
    model, adapter = open_model(folder), registry.get(architecture)
    text = language_config(adapter, model.config)
    facts: dict[str, Any] = {
        "baseModel": name(architecture),
        "architecture": architecture,
        "isMoE": adapter.is_moe,
        "totalParamsB": billions(parameters(model)),
        "numLayers": text["num_hidden_layers"],
    }
    if adapter.is_moe:
        experts = expert_plan.survey(model, adapter)
        facts |= {
            "activeParamsB": billions(active_parameters(architecture, model)),
            "numExpertsPerLayer": experts.count,
            "numActivatedExperts": experts.active,
        }
    else:
        facts |= {"numHeads": text["num_attention_heads"], "numKvHeads": text["num_key_value_heads"]}
    return {
        **facts,
        "contextLength": text["max_position_embeddings"],
        "weightsSha256": hashlib.sha256(files(architecture)[WEIGHTS]).hexdigest(),
        "license": "apache-2.0",
    }


def parameters(model: ModelFolder) -> int:
    """Number of parameters."""
    return sum(math.prod(ref.shape) for ref in model.tensors.values())


def active_parameters(architecture: str, model: ModelFolder) -> int:
    """Parameters that a token meets: all but the experts that its routers do not pick.

    A router's row counts as its expert's, so that the number does not change with the experts that go.
    """
    experts = expert_plan.survey(model, registry.get(architecture))
    owned = 0
    for tensor, ref in model.tensors.items():
        place = experts.layout.place(tensor)
        if place is not None and place.part is not Part.SHARED:
            owned += math.prod(ref.shape)
    return parameters(model) - owned * (experts.count - experts.active) // experts.count


def billions(count: int) -> float:
    """A parameter count in billions, to the nearest thousand."""
    return round(count / 1e9, 6)


def _encode(document: Mapping[str, Any]) -> bytes:
    return (json.dumps(document, indent=2, ensure_ascii=True) + "\n").encode()
