"""Complete artifacts for tier 2, forged from a tiny base model that needs no torch and lies beside them."""

import hashlib
import json
import shutil
from pathlib import Path

from forge.tensors.model import open_model
from tests.unit.forge.engine import making
from verifier.alloy.parse import load
from verifier.claims.extract import extract
from verifier.engine import Options, context_for, decide
from verifier.evidence.hashing import hash_folder
from verifier.evidence.store import open_store
from verifier.sources import FolderFiles
from verifier.verdicts import Outcome, Tier

DENSE = (making.HEADS, making.YARN, making.SHARDS)
EXPERTS = (making.EXPERTS,)


def artifact(tmp_path: Path, *stages, with_base=True, portable=True, files=(), options=None, **more) -> Path:
    """A forged artifact's folder: weights, executed alloy, side files and, if wanted, its base model.

    Args:
        tmp_path: where to work.
        stages: the recipe's.
        with_base: put the base model into the artifact.
        portable: see :class:`forge.options.ForgeOptions`.
        files: (path, bytes) of files beside the recipe.
        options: further forge options.
        more: see :func:`tests.unit.forge.engine.making.document`.
    """
    work = tmp_path / "work"
    work.mkdir()
    for path, data in files:
        (work / path).parent.mkdir(parents=True, exist_ok=True)
        (work / path).write_bytes(data)
    recipe = making.recipe(work, *stages, **more)
    out = tmp_path / "artifact"
    making.run(recipe, out, portable=portable, **(options or {}))
    (out / "forge-report.json").unlink()
    edit(out, lambda d: d["source"].update(baseModel="owner/tiny-base"))
    if with_base:
        shutil.copytree(work / "base", out / "base")
    return out


def alloy_of(folder: Path) -> Path:
    """The artifact's alloy file."""
    (path,) = folder.glob("*.alloy.json")
    return path


def edit(folder: Path, change) -> None:
    """Change the alloy in place."""
    path = alloy_of(folder)
    document = json.loads(path.read_text())
    change(document)
    path.write_text(json.dumps(document, indent=1))


def attest(folder: Path) -> None:
    """State the hashes of the weights as they are now."""
    aside = folder.with_name("aside")
    if (folder / "base").exists():
        (folder / "base").rename(aside)
    hashes = hash_folder(folder)
    edit(folder, lambda d: d["results"]["integrity"].update(hashes))
    if aside.exists():
        aside.rename(folder / "base")


def redo(folder: Path, **options) -> Outcome:
    """The outcome of the artifact's tier 2 claim, as if the catalog vouched for the base it brings along."""
    alloy, settings = load(alloy_of(folder)), Options(offline=True, **options)
    context = context_for(alloy, FolderFiles(folder), open_store(offline=True), settings, vouched=True)
    (claim,) = (c for c in extract(alloy, folder.name) if c.tier is Tier.REFORGE)
    return decide(claim, context)


def flip(path: Path, offset: int) -> None:
    """Change one bit of a file."""
    data = bytearray(path.read_bytes())
    data[offset] ^= 1
    path.write_bytes(bytes(data))


def flip_tensor(folder: Path, name: str, offset: int) -> None:
    """Change one bit of a tensor of a model folder."""
    ref = open_model(folder).tensors[name]
    flip(ref.path, ref.offset + offset)


def sha256(path: Path) -> str:
    """Hex digest of a file."""
    return hashlib.sha256(path.read_bytes()).hexdigest()
