"""Tier 3: files hash as claimed, and the hashes compose. One item per claim."""

import pytest

pytestmark = pytest.mark.tier3


def test_bytes(alloy_claim):
    alloy_claim.settle()
