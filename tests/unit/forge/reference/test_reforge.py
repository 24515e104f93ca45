"""Tier 2 on the reference artifacts: green as they are, red with any planted fault."""

import hashlib
import json

import pytest

from forge.reference import store
from tests.unit.forge.reference.making import NAMES, built
from tests.unit.tiers.reforged import redo
from verifier.verdicts import Verdict


def rewrite(folder, change):
    """Change the alloy of an artifact's folder."""
    (path,) = folder.glob("*.alloy.json")
    document = json.loads(path.read_text())
    change(document)
    path.write_text(json.dumps(document))


def flip(path):
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(data)
    return hashlib.sha256(data).hexdigest()


def test_a_folder_is_redone(tmp_path):
    folder = store.write_folder(built()["reference-llama-defragged"], tmp_path)
    assert redo(folder).verdict is Verdict.VERIFIED


@pytest.mark.parametrize("name", NAMES)
def test_a_bit_of_the_base_is_missed(name, tmp_path):
    folder = store.write_folder(built()[name], tmp_path)
    digest = flip(folder / "base" / "model.safetensors")
    assert redo(folder).verdict is Verdict.REFUTED
    # ... and with the digests of the base corrected, by what comes of it
    rewrite(folder, lambda d: d["source"].update(weightsSha256=digest))
    rewrite(folder, lambda d: d["results"]["execution"].pop("base"))
    assert redo(folder).verdict is Verdict.REFUTED


def _other_selection(folder, document):
    stage = next(s for s in document["stages"] if "selectionFile" in s)
    path = folder / stage["selectionFile"]
    selection = json.loads(path.read_text())
    if "layers" in selection:
        ids = selection["layers"][max(selection["layers"])]
        gone = next(e for e in range(8) if e not in ids)
        group = [e for e in ids if e // 4 == gone // 4]
        selection["layers"][max(selection["layers"])] = sorted({*ids, gone} - {group[0]})
    else:
        layer = next(k for k, groups in selection["removed"].items() if groups)
        selection["removed"][layer] = [(selection["removed"][layer][0] + 1) % 4]
    path.write_text(json.dumps(selection))
    for other in document["stages"]:
        if other.get("selectionFile") == stage["selectionFile"]:
            other["selectionSha256"] = hashlib.sha256(path.read_bytes()).hexdigest()


@pytest.mark.parametrize("name", NAMES)
def test_another_selection_with_a_right_digest_is_missed(name, tmp_path):
    folder = store.write_folder(built()[name], tmp_path)
    rewrite(folder, lambda document: _other_selection(folder, document))
    outcome = redo(folder)
    assert (outcome.verdict, outcome.findings[0].code) == (Verdict.REFUTED, "reforge-differs")


@pytest.mark.parametrize(
    ("name", "stage", "field", "value"),
    [
        ("reference-llama-defragged", 2, "shards", 3),
        ("reference-llama-pruned", 0, "defragMode", None),
        ("reference-qwen2-pruned", 2, "shards", 1),
        ("reference-mistral-sliced", 0, "defragMode", "pad"),
        ("reference-olmoe-compacted", 0, "keepExpertsPerLayer", 5),
    ],
)
def test_another_parameter_is_missed(name, stage, field, value, tmp_path):
    folder = store.write_folder(built()[name], tmp_path)
    rewrite(folder, lambda d: d["stages"][stage].update({field: value}))
    assert redo(folder).verdict is Verdict.REFUTED
