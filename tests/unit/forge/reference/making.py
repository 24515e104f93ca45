"""The reference artifacts, forged once for all tests."""

import json
from functools import cache

from forge.reference import artifacts
from forge.reference.artifacts import specs

SPECS = {spec.name: spec for spec in specs(on_device=False)}
NAMES = sorted(SPECS)


@cache
def built():
    """Name -> artifact; what floating-point sums decide is left out."""
    return {a.name: a for a in artifacts.build()}


def alloy(name: str) -> dict:
    return json.loads(built()[name].alloy)


def tensors(data: bytes) -> dict[str, tuple[list[int], bytes]]:
    """Name -> (shape, bytes) of a safetensors file."""
    size = int.from_bytes(data[:8], "little")
    header = json.loads(data[8 : 8 + size])
    header.pop("__metadata__")
    body = data[8 + size :]
    return {n: (h["shape"], body[slice(*h["data_offsets"])]) for n, h in header.items()}


def weights(name: str) -> dict[str, tuple[list[int], bytes]]:
    """All tensors of an artifact, whatever files they are in."""
    artifact, found = built()[name], {}
    for path, role in artifact.roles.items():
        if role == "weights":
            found.update(tensors(artifact.files[path]))
    return found


def base_weights(name: str) -> dict[str, tuple[list[int], bytes]]:
    return tensors(built()[name].files["base/model.safetensors"])
