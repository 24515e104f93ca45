"""Tier 2: the recipe is executed again and gives the same bytes. One item per claim."""

import pytest

pytestmark = pytest.mark.tier2


def test_reforge(alloy_claim):
    alloy_claim.settle()
