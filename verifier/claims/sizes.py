"""Tier 1: stated file sizes and outputs against the attested files."""

from verifier.alloy.parse import escape
from verifier.claims.slate import Slate
from verifier.verdicts import JSON, Tier


def add(slate: Slate) -> None:
    """Claims about sizes in GB, quantised outputs and memory requirements."""
    files = slate.value("/results/integrity/fileHashes") or []
    for i, stage in enumerate(slate.value("/stages")):
        if stage.get("type") != "quant":
            continue
        for tier in stage.get("tiers") or {}:
            where = f"/stages/{i}/tiers/{escape(tier)}"
            _add_size(slate, f"stage-{i}-{tier}-size", f"{where}/sizeGb", files, tier)
            if slate.value(f"{where}/fitsVramGb") is not None and slate.value(f"{where}/sizeGb") is not None:
                slate.add(
                    f"stage-{i}-{tier}-fits",
                    Tier.RECIPE,
                    "at-most",
                    f"{where}/sizeGb",
                    "The file is not larger than the memory that it is said to fit.",
                    inputs=(f"{where}/fitsVramGb",),
                    params={"bound": f"{where}/fitsVramGb"},
                )
        if stage.get("format") == "gguf" and slate.value("/results") is not None:
            _add_outputs(slate, i, files)
    for i, device in enumerate(slate.value("/results/hardwareVerified") or ()):
        if device.get("format"):
            _add_size(
                slate, f"device-{i}-size", f"/results/hardwareVerified/{i}/sizeGb", files, device["format"]
            )
    if (
        slate.value("/hardware/minVramGb") is not None
        and slate.value("/hardware/recommendedVramGb") is not None
    ):
        slate.add(
            "vram-order",
            Tier.RECIPE,
            "at-most",
            "/hardware/minVramGb",
            "The minimum memory is not above the recommended one.",
            inputs=("/hardware/recommendedVramGb",),
            params={"bound": "/hardware/recommendedVramGb"},
        )


def matching_files(files: list[JSON], output: str) -> list[int]:
    """Indices of the attested files that a quantisation type or precision produced."""
    named = [i for i, f in enumerate(files) if output.lower() in str(f.get("filename")).lower()]
    if named or output.lower() not in ("fp16", "bf16", "fp32"):
        return named
    return [i for i, f in enumerate(files) if str(f.get("filename")).endswith(".safetensors")]


def _add_size(slate: Slate, name: str, pointer: str, files: list[JSON], output: str) -> None:
    indices = matching_files(files, output)
    if slate.value(pointer) is None or not indices:
        return
    sizes = tuple(f"/results/integrity/fileHashes/{i}/size" for i in indices)
    if all(isinstance(slate.value(p), int) for p in sizes):
        slate.add(
            name,
            Tier.RECIPE,
            "size-gb",
            pointer,
            f"The stated size of {output} is that of the file.",
            inputs=sizes,
            params={"sizes": list(sizes)},
        )


def _add_outputs(slate: Slate, i: int, files: list[JSON]) -> None:
    for j, quant in enumerate(slate.value(f"/stages/{i}/quantTypes") or ()):
        if isinstance(quant, str):
            slate.add(
                f"stage-{i}-{quant}-output",
                Tier.RECIPE,
                "quant-output",
                f"/stages/{i}/quantTypes/{j}",
                f"The {quant} output of stage {i} is attested by a hash.",
                inputs=("/results/integrity/fileHashes",),
                params={"found": [files[k]["filename"] for k in matching_files(files, quant)]},
            )
