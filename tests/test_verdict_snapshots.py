"""The measured verdict of every claim equals the reviewed one.

``pytest --snapshot-update tests/test_verdict_snapshots.py`` writes what was measured; the change is then
reviewed like code, since it means that a card, a judge or this project changed.
"""

import os
from pathlib import Path

import pytest
from syrupy.data import Snapshot, SnapshotCollection, SnapshotCollections
from syrupy.extensions.single_file import SingleFileSnapshotExtension, WriteMode

from forge.engine import determinism
from forge.stages.base import Determinism
from verifier.alloy.parse import parse
from verifier.catalog import Catalog
from verifier.engine import Options, resolve, verify_target
from verifier.evidence.store import open_store
from verifier.report import expected
from verifier.sources import PinnedFiles

CATALOG = Catalog.find()
ENTRIES = {entry.name: entry for entry in CATALOG.entries()}


def tiers_of(entry):
    """All tiers; without tier 2 where a device decides the bytes, since reviewers' machines differ."""
    alloy = parse(PinnedFiles(entry, open_store(offline=True)).open(entry.alloy.path).read_bytes())
    # Published recipes are not executed at all: what they lack is the same everywhere.
    exact = entry.catalog == "published" or determinism(alloy) is Determinism.BYTES
    return (1, 2, 3, 4) if exact else (1, 3, 4)


class VerdictsExtension(SingleFileSnapshotExtension):
    """One JSON file per catalog entry, beside the entry, and no other file is this extension's business."""

    _write_mode = WriteMode.TEXT
    file_extension = "json"

    def serialize(self, data, **_):
        return expected.dumps(data)

    @classmethod
    def get_location(cls, *, test_location, index=0):
        return str(CATALOG.verdicts_path(test_location.item.callspec.params["entry"]))

    @classmethod
    def dirname(cls, *, test_location):
        return str(Path(cls.get_location(test_location=test_location)).parent)

    @classmethod
    def matches_test_location(cls, *, test_location, snapshot_location):
        return snapshot_location == cls.get_location(test_location=test_location)

    def discover_snapshots(self, *, test_location, ignore_extensions=None):
        # Entries whose evidence is not here are skipped; their files must not count as unused.
        found = SnapshotCollections()
        collection = SnapshotCollection(location=self.get_location(test_location=test_location))
        collection.add(Snapshot(name=self.get_snapshot_name(test_location=test_location)))
        found.add(collection)
        return found


@pytest.mark.parametrize("entry", ENTRIES.values(), ids=ENTRIES.keys())
def test_verdicts_are_those_reviewed(entry, snapshot):
    if entry.repo is not None and not os.environ.get("ALLOY_MIRROR"):
        pytest.skip("NOT_CHECKED: the published artifacts' bytes are needed; name a mirror in ALLOY_MIRROR")
    options = Options(offline=True)
    (target,) = resolve([entry.name], options)
    report = verify_target(target, tiers_of(entry), options)
    assert report == snapshot(extension_class=VerdictsExtension)
