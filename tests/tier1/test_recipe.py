"""Tier 1: every stage resolves, and every card agrees with itself. One item per claim."""

import pytest

pytestmark = pytest.mark.tier1


def test_recipe(alloy_claim):
    alloy_claim.settle()
