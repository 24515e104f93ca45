"""What a tiny model of each family looks like on disk, as transformers writes it.

One JSON file a family: ``{"transformers": its version, "config": config.json, "generation_config": …,
"tensors": {name: [dtype, shape]}, "around_one": [names]}``. Recorded by ``python -m forge.reference.shapes``,
which needs torch; read by the generator, which does not.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parent


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    """A model without its numbers.

    Attributes:
        transformers: version that wrote it.
        config: ``config.json``.
        generation_config: ``generation_config.json``; None if there is none.
        tensors: name -> (dtype as safetensors spells it, shape), in order of names.
        around_one: tensors that a new model has filled with ones, such as norms.
    """

    transformers: str
    config: Mapping[str, Any]
    generation_config: Mapping[str, Any] | None
    tensors: Mapping[str, tuple[str, tuple[int, ...]]]
    around_one: frozenset[str]


def path(architecture: str) -> Path:
    """Where a family's record lies."""
    return FOLDER / f"{architecture}.json"


def load(architecture: str) -> Shape:
    """A family's record."""
    raw = json.loads(path(architecture).read_text(encoding="utf-8"))
    return Shape(
        transformers=raw["transformers"],
        config=raw["config"],
        generation_config=raw["generation_config"],
        tensors={name: (dtype, tuple(shape)) for name, (dtype, shape) in raw["tensors"].items()},
        around_one=frozenset(raw["around_one"]),
    )


def dumps(shape: Shape) -> str:
    """A record's text, one tensor a line."""
    tensors = ",\n".join(
        f"  {json.dumps(n)}: {json.dumps([dtype, [*size]])}" for n, (dtype, size) in shape.tensors.items()
    )
    parts = {
        "transformers": json.dumps(shape.transformers),
        "config": json.dumps(shape.config, indent=1),
        "generation_config": json.dumps(shape.generation_config, indent=1),
        "around_one": json.dumps(sorted(shape.around_one), indent=1),
        "tensors": f"{{\n{tensors}\n }}",
    }
    return "{\n" + ",\n".join(f" {json.dumps(k)}: {v}" for k, v in parts.items()) + "\n}\n"
