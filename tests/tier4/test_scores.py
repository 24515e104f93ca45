"""Tier 4: published samples score as claimed when they are judged again. One item per claim."""

import pytest

pytestmark = pytest.mark.tier4


def test_scores(alloy_claim):
    alloy_claim.settle()
