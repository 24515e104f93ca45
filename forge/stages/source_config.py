"""The stage ``source-config``: what the recipe assumes of the source, compared with the source itself."""

from forge.families.language import language_config
from forge.stages.base import Determinism, StageContext, StageResult
from forge.tensors.model import open_model
from verifier.alloy.parse import walk
from verifier.errors import DocumentError
from verifier.verdicts import JSON

_TOWERS = {"vision": "vision_config", "video": "vision_config", "audio": "audio_config"}
"""Modality -> key of config.json, at any depth, that shows that the model takes it in."""


def run(context: StageContext) -> StageResult:
    """Compare context length and modalities with the model's configuration.

    The length is a target that a later ``context-extend`` may reach, so a longer one is only
    recorded.

    Raises:
        DocumentError: a modality that the model does not take in.
    """
    config = open_model(context.model).config
    own = language_config(context.adapter, config).get("max_position_embeddings")
    stated = context.parameters.get("contextLength")
    modalities = context.parameters.get("inputModalities") or []
    for i, modality in enumerate(modalities):
        key = _TOWERS.get(modality)
        if key is not None and not any(p.endswith(f"/{key}") for p, _ in walk(config)):
            raise DocumentError(
                f"stage {context.index}: inputModalities: expected what the source takes in; found "
                f"{modality!r}, but its configuration has no {key}",
                pointer=f"/stages/{context.index}/inputModalities/{i}",
            )
    record: dict[str, JSON] = {"maxPositionEmbeddings": own, "inputModalities": list(modalities)}
    if isinstance(stated, int) and isinstance(own, int):
        record["beyondSource"] = stated > own
    return StageResult(record=record, determinism=Determinism.BYTES)
