"""The published catalog: what holds on real cards. Needs the mirror."""

import os

import pytest

from verifier.catalog import Catalog
from verifier.engine import Options, resolve, verify_target
from verifier.evidence.store import open_store
from verifier.verdicts import Verdict

pytestmark = pytest.mark.skipif(
    not os.environ.get("ALLOY_MIRROR"),
    reason="needs the published artifacts: set ALLOY_MIRROR to a mirror folder",
)
ENTRIES = Catalog.find().entries("published")


@pytest.fixture(scope="module")
def reports():
    options, store = Options(offline=True, catalog="published"), open_store(offline=True)
    return {t.name: verify_target(t, (1, 3), options, store=store) for t in resolve(None, options)}


def outcomes(reports, kind):
    return [(name, c) for name, r in reports.items() for c in r.checked if c.claim.kind == kind]


def test_the_catalog_holds_all_seventeen_artifacts_and_the_withdrawn_version(reports):
    assert len(reports) == 18
    assert sum("@" in name for name in reports) == 1


def test_every_stage_of_every_published_alloy_resolves(reports):
    for kind in ("architecture", "dispatch"):
        found = outcomes(reports, kind)
        assert found
        assert {c.outcome.verdict for _, c in found} == {Verdict.VERIFIED}


def test_every_model_hash_recomposes(reports):
    found = {name: c.outcome.verdict for name, c in outcomes(reports, "model-hash")}
    withdrawn = {name for name in found if "@" in name}
    assert all(found[name] is Verdict.UNVERIFIABLE for name in withdrawn)
    assert {found[name] for name in found.keys() - withdrawn} == {Verdict.VERIFIED}


def test_all_seven_samples_files_match_their_digests(reports):
    files = {c.outcome.digests for _, c in outcomes(reports, "samples-digest") if c.outcome.digests}
    assert len(files) == 7
    stated = [c for _, c in outcomes(reports, "samples-digest") if c.claim.expected is not None]
    assert {c.outcome.verdict for c in stated} == {Verdict.VERIFIED}


def test_no_check_breaks_on_a_real_card(reports):
    assert not [c for r in reports.values() for c in r.checked if c.outcome.verdict is Verdict.ERROR]


def test_lock_entries_are_up_to_date(reports):
    assert not [f for r in reports.values() for f in r.findings if f.code == "lock-outdated"]


def test_known_contradictions_are_reported(reports):
    refuted = {
        c.claim.id for r in reports.values() for c in r.checked if c.outcome.verdict is Verdict.REFUTED
    }
    assert "olmoe-1b-7b-compacted-5b-active-params" in refuted
    assert "qwen3.5-4b-code-forged-receipt-alloy-hash" in refuted
    assert any(i.endswith("humaneval_plus-anchor-is-base") for i in refuted)


def test_lock_entries_hold_facts_and_no_prose():
    for entry in ENTRIES:
        for claim in entry.claims:
            assert len(str(claim.expected)) <= 160, claim.id
            assert not isinstance(claim.expected, dict | list), claim.id
