"""The published alloys resolve, as they are. Needs the mirror."""

import json
import os
from decimal import Decimal
from pathlib import Path

import pytest

from forge.families import dispatch
from forge.stages import parameters

MIRROR = os.environ.get("ALLOY_MIRROR")


def _alloys():
    if not MIRROR:
        return []
    root = Path(MIRROR)
    patterns = ("hub/*/*/*alloy.json", "withdrawn/*/*/*alloy.json", "alloy-examples/**/*.alloy.json")
    return sorted(p for pattern in patterns for p in root.glob(pattern))


pytestmark = pytest.mark.skipif(not MIRROR, reason="set ALLOY_MIRROR to a mirror of the published artifacts")


def test_the_mirror_has_all_seventeen_published_alloys():
    assert len([p for p in _alloys() if "hub" in p.relative_to(str(MIRROR)).parts]) == 17


@pytest.mark.parametrize("path", _alloys(), ids=lambda p: f"{p.parent.name}/{p.name}")
def test_every_stage_resolves_and_has_possible_parameters(path):
    alloy = json.loads(path.read_text(encoding="utf-8"), parse_float=Decimal)
    resolved = dispatch.resolve(alloy)
    assert [r.stage_type for r in resolved] == [s["type"] for s in alloy["stages"]]
    problems = [p for i, s in enumerate(alloy["stages"]) for p in parameters.check(s, i, alloy["source"])]
    assert problems == []
