"""Prune half of the experts of a generated sharded model, against ``cp`` and ``sha256sum`` of the kept bytes.

Goal: at most 1.3 times the slower of the two, in at most 300 MB of memory, however large the model. Every
side starts from a cold page cache (``--warm``: a warm one), as a model above the memory does. The rewrite
ends with its files flushed to the disk and ``cp`` does not, and coreutils' ``sha256sum`` may not use the
processor's SHA instructions, which Python's ``hashlib`` does: so both are also measured in their better form.
"""

import argparse
import json
import os
import random
import shutil
import statistics
import struct
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from _measure import Measured, must, report, run

HIDDEN, INTERMEDIATE, EXPERTS, VOCABULARY = 2048, 768, 32, 16384
SHARD_BYTES = 2 * 10**9

OURS = """
import json, sys
from pathlib import Path
from forge.tensors.cuts import keep_rows, whole
from forge.tensors.model import copy_side_files, open_model
from forge.tensors.rewrite import rewrite
source, out, kept, limit = Path(sys.argv[1]), Path(sys.argv[2]), json.loads(sys.argv[3]), int(sys.argv[4])
plans = []
for name, ref in open_model(source).tensors.items():
    parts = name.split(".")
    if "experts" in parts:
        layer, expert = parts[2], int(parts[5])
        if expert not in kept[layer]:
            continue
        parts[5] = str(kept[layer].index(expert))
        plans.append(whole(ref, ".".join(parts)))
    elif name.endswith("mlp.gate.weight"):
        plans.append(keep_rows(ref, kept[parts[2]]))
    else:
        plans.append(whole(ref))
written = rewrite(plans, out, max_shard_bytes=limit)
copy_side_files(source, out)
print(json.dumps({file.filename: file.sha256 for file in written}))
"""

HASHLIB = """
import hashlib, sys
from pathlib import Path
for path in sorted(Path(sys.argv[1]).glob("*.safetensors")):
    with path.open("rb") as file:
        print(hashlib.file_digest(file, "sha256").hexdigest(), path.name)
"""

TORCH = """
import json, sys
from pathlib import Path
from huggingface_hub import split_torch_state_dict_into_shards
from safetensors.torch import load_file, save_file
source, out, kept, limit = Path(sys.argv[1]), Path(sys.argv[2]), json.loads(sys.argv[3]), int(sys.argv[4])
out.mkdir()
tensors = {}
for path in sorted(source.glob("*.safetensors")):
    for name, tensor in load_file(path).items():
        parts = name.split(".")
        if "experts" in parts:
            layer, expert = parts[2], int(parts[5])
            if expert not in kept[layer]:
                continue
            parts[5] = str(kept[layer].index(expert))
            tensors[".".join(parts)] = tensor
        elif name.endswith("mlp.gate.weight"):
            tensors[name] = tensor[kept[parts[2]]]
        else:
            tensors[name] = tensor
split = split_torch_state_dict_into_shards(tensors, max_shard_size=limit)
for name, keys in split.filename_to_tensors.items():
    save_file({key: tensors[key] for key in keys}, out / name, metadata={"format": "pt"})
"""


def shapes(layers: int) -> Iterator[tuple[str, tuple[int, int]]]:
    """Names and shapes of a mixture of experts, all of them bfloat16."""
    yield "model.embed_tokens.weight", (VOCABULARY, HIDDEN)
    for layer in range(layers):
        prefix = f"model.layers.{layer}"
        for name, rows in (("q", 2 * HIDDEN), ("k", 512), ("v", 512)):
            yield f"{prefix}.self_attn.{name}_proj.weight", (rows, HIDDEN)
        yield f"{prefix}.self_attn.o_proj.weight", (HIDDEN, 2 * HIDDEN)
        yield f"{prefix}.mlp.gate.weight", (EXPERTS, HIDDEN)
        for expert in range(EXPERTS):
            for name in ("gate", "up"):
                yield f"{prefix}.mlp.experts.{expert}.{name}_proj.weight", (INTERMEDIATE, HIDDEN)
            yield f"{prefix}.mlp.experts.{expert}.down_proj.weight", (HIDDEN, INTERMEDIATE)


def make(folder: Path, size: int) -> int:
    """Write a model of about ``size`` bytes; return the number of its layers."""
    folder.mkdir()
    (folder / "config.json").write_text("{}")
    layer = sum(2 * a * b for name, (a, b) in shapes(1) if ".layers." in name)
    layers = max(1, round((size - 2 * VOCABULARY * HIDDEN) / layer))
    groups: list[list[tuple[str, tuple[int, int]]]] = [[]]
    filled = 0
    for name, shape in shapes(layers):
        filled += 2 * shape[0] * shape[1]
        if filled > SHARD_BYTES:
            groups.append([])
            filled = 2 * shape[0] * shape[1]
        groups[-1].append((name, shape))
    weight_map = {}
    for i, group in enumerate(groups, 1):
        filename = f"model-{i:05d}-of-{len(groups):05d}.safetensors"
        weight_map.update(dict.fromkeys((name for name, _ in group), filename))
        write(folder / filename, sorted(group))
    index = {"metadata": {}, "weight_map": weight_map}
    (folder / "model.safetensors.index.json").write_text(json.dumps(index))
    return layers


def write(path: Path, tensors: list[tuple[str, tuple[int, int]]]) -> None:
    """One safetensors file: a random block at a place that varies, so that no two tensors are equal."""
    header, offset = {}, 0
    for name, shape in tensors:
        end = offset + 2 * shape[0] * shape[1]
        header[name] = {"dtype": "BF16", "shape": shape, "data_offsets": [offset, end]}
        offset = end
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    block = memoryview(os.urandom(8 * 2**20 + 4099))
    with path.open("wb") as file:
        file.write(struct.pack("<Q", len(text)) + text)
        shift = 0
        while offset:
            part = block[shift : shift + min(offset, 8 * 2**20)]
            file.write(part)
            offset -= len(part)
            shift = (shift + 1) % 4099
        file.flush()
        os.fsync(file.fileno())


def cache(folder: Path, *, warm: bool) -> None:
    """Put the files of a folder out of the page cache, or into it."""
    os.sync()
    for path in folder.iterdir():
        with path.open("rb", buffering=0) as file:
            if warm:
                while file.read(16 * 2**20):
                    pass
            else:
                os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


def measure(scratch: Path, gigabytes: float, args: argparse.Namespace) -> dict[str, object]:
    """All sides for one size."""
    source, out, copy = scratch / "source", scratch / "out", scratch / "copy"
    layers = make(source, round(gigabytes * 1e9))
    chance = random.Random(0)
    kept = {str(n): sorted(chance.sample(range(EXPERTS), EXPERTS // 2)) for n in range(layers)}
    sides: dict[str, list[Measured]] = {side: [] for side in ("rewrite", *sides_of(out, copy))}
    for _ in range(args.rounds):
        shutil.rmtree(out, ignore_errors=True)
        cache(source, warm=args.warm)
        sides["rewrite"].append(
            must(run([sys.executable, "-c", OURS, source, out, json.dumps(kept), SHARD_BYTES]))
        )
        digests = json.loads(sides["rewrite"][-1].output)
        for side, command in sides_of(out, copy).items():
            cache(out, warm=args.warm)
            sides[side].append(must(run(command)))
            shutil.rmtree(copy, ignore_errors=True)
        for side in ("sha256sum", "hashlib"):
            lines = (line.split() for line in sides[side][-1].output.splitlines())
            if {name: digest for digest, name in lines} != digests:
                raise SystemExit(f"the rewrite reported other digests than {side}")
    result = figures(sides)
    result["source bytes"] = sum(path.stat().st_size for path in source.iterdir())
    result["kept bytes"] = sum(path.stat().st_size for path in out.iterdir())
    if gigabytes <= args.torch_up_to:
        result["safetensors.torch"] = against_torch(source, out, copy, kept, warm=args.warm)
    return result


def sides_of(out: Path, copy: Path) -> dict[str, list[object]]:
    """What the rewrite is compared with: commands that copy or digest the kept bytes."""
    return {
        "cp": ["cp", "-r", "--reflink=never", out, copy],
        "cp, sync": ["bash", "-c", "cp -r --reflink=never $0 $1 && sync $1/*", out, copy],
        "sha256sum": ["bash", "-c", "cd $0 && sha256sum *.safetensors", out],
        "hashlib": [sys.executable, "-c", HASHLIB, out],
    }


def figures(sides: dict[str, list[Measured]]) -> dict[str, object]:
    """Seconds of every side and the ratios of the rounds' pairs."""
    result: dict[str, object] = {
        f"{side}, seconds": [round(m.seconds, 2) for m in values] for side, values in sides.items()
    }
    for name, others in (
        ("rewrite / slower of cp, sha256sum", ("cp", "sha256sum")),
        ("rewrite / slower of cp with sync, hashlib", ("cp, sync", "hashlib")),
    ):
        ratios = [
            ours.seconds / max(sides[other][i].seconds for other in others)
            for i, ours in enumerate(sides["rewrite"])
        ]
        result[name] = [round(ratio, 2) for ratio in ratios]
        result[f"{name}, median"] = round(statistics.median(ratios), 2)
    result["rewrite, processor seconds"] = [round(m.cpu, 2) for m in sides["rewrite"]]
    result["rewrite, peak MiB"] = round(max(m.peak_mib for m in sides["rewrite"]), 1)
    return result


def against_torch(
    source: Path, out: Path, copy: Path, kept: dict[str, list[int]], *, warm: bool
) -> dict[str, object]:
    """The same result by loading, slicing and saving; no digests, no flush."""
    cache(source, warm=warm)
    theirs = must(run([sys.executable, "-c", TORCH, source, copy, json.dumps(kept), SHARD_BYTES]))
    for path in copy.iterdir():
        must(run(["cmp", path, out / path.name]))
    shutil.rmtree(copy)
    return {"seconds": round(theirs.seconds, 2), "peak MiB": round(theirs.peak_mib), "files equal": True}


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--gb", type=float, nargs="+", default=[1, 4, 8], help="model sizes (default: 1 4 8)")
    parser.add_argument("--rounds", type=int, default=3, help="measurements of every side (default: 3)")
    parser.add_argument("--warm", action="store_true", help="inputs in the page cache")
    parser.add_argument(
        "--torch-up-to",
        type=float,
        default=4,
        help="largest size for safetensors.torch (default: 4; 0: never)",
    )
    parser.add_argument("--scratch", type=Path, help="folder for twice the largest size (default: temporary)")
    args = parser.parse_args()
    results = {}
    for gigabytes in args.gb:
        with tempfile.TemporaryDirectory(dir=args.scratch) as folder:
            results[f"{gigabytes:g} GB"] = measure(Path(folder), gigabytes, args)
    report({"page cache": "warm" if args.warm else "cold", **results})


if __name__ == "__main__":
    main()
