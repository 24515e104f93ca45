"""The drill for tier 2: whatever decides an artifact's weights is changed once, and the claim goes red.

Changed are one bit of each file that the recipe starts from, and each digest that attests the result. Recipes
whose bytes a device decides are left to tests/unit/tiers/test_reforge_device.py: each try would train anew.
"""

import shutil

import pytest

from forge.engine import determinism
from forge.stages.base import Determinism
from tests.drills.faults import Fault, flip_byte, planted, with_fault
from tests.drills.test_faults import ENTRIES, folder_of, folders, judge  # noqa: F401 - a fixture
from verifier.alloy.parse import get, load
from verifier.tiers.context import BASE_FOLDER
from verifier.verdicts import Tier, Verdict

REFERENCE = sorted(name for name, entry in ENTRIES.items() if entry.catalog == "reference")


def redone(entry, alloy, folder):
    ((_, outcome),) = judge(entry, alloy, folder, (Tier.REFORGE,)).values()
    return outcome


@pytest.fixture(params=REFERENCE)
def redoable(request, folders):  # noqa: F811
    """An entry whose recipe is redone here, with its alloy and files."""
    entry, folder = ENTRIES[request.param], folder_of(request.param, folders)
    alloy = load(folder / entry.alloy.path)
    if determinism(alloy) is not Determinism.BYTES:
        pytest.skip(f"{entry.name}: a device decides its bytes; see test_reforge_device.py")
    outcome = redone(entry, alloy, folder)
    assert outcome.verdict is Verdict.VERIFIED, outcome.reason
    return entry, alloy, folder


def test_one_bit_of_what_the_recipe_starts_from_goes_red(redoable, tmp_path):
    entry, alloy, folder = redoable
    selections = {str(s["selectionFile"]) for s in alloy.document["stages"] if "selectionFile" in s}
    deciding = [
        pin
        for pin in entry.files
        if pin.path in selections or (pin.path.startswith(f"{BASE_FOLDER}/") and "safetensors" in pin.path)
    ]
    assert deciding
    for pin in deciding:
        copy = shutil.copytree(folder, tmp_path / pin.sha256)
        flip_byte(copy / pin.path, pin.size // 2)
        outcome = redone(entry, alloy, copy)
        assert outcome.verdict is Verdict.REFUTED, f"{pin.path}: {outcome.reason}"


def test_every_changed_digest_of_the_result_goes_red(redoable):
    entry, alloy, folder = redoable
    base = "/results/integrity"
    hashes = [f"{base}/fileHashes/{i}/sha256" for i in range(len(get(alloy.document, f"{base}/fileHashes")))]
    for pointer in (f"{base}/modelHash", *hashes):
        fault = Fault(pointer, planted(get(alloy.document, pointer)))
        outcome = redone(entry, with_fault(alloy, fault), folder)
        assert outcome.verdict is Verdict.REFUTED, f"{pointer}: {outcome.reason}"
        assert any(f.pointer == pointer for f in outcome.findings)
