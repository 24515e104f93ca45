"""The gate on a card that contradicts itself: refuted as reviewed is accepted, anything else is not."""

import json
from pathlib import Path

import pytest

from tests.fuzz.mutate import encode
from tests.fuzz.targets import Workbench
from tests.unit.gate.history import commit, init
from verifier import engine
from verifier.alloy.parse import get
from verifier.catalog import Catalog
from verifier.gate import gate
from verifier.pinning import pin
from verifier.report.json import dumps
from verifier.verdicts import Verdict

TIERS = (1, 3)
OPTIONS = engine.Options(offline=True, jobs=1)


@pytest.fixture
def catalog(tmp_path, monkeypatch):
    """A repository with one pinned entry whose stated delta does not follow from its scores."""
    bench = Workbench(scratch=tmp_path / "bench", catalog=Catalog(Path(__file__).parents[3] / "catalog"))
    artifact = bench.artifact(bench.entries[0].name)
    document = artifact.document()
    get(document, "/results/benchmarks/0")["delta"] += 1
    folder = bench.variant(artifact, encode(document))
    repo = init(tmp_path / "repo")
    (repo / "catalog" / "published" / "verdicts").mkdir(parents=True)
    (repo / "README.md").write_text("a catalog\n")
    commit(repo, "base")
    monkeypatch.setenv("ALLOY_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("ALLOY_CATALOG", str(repo / "catalog"))
    found = Catalog(repo / "catalog")
    pin(folder, found, "published", name="odd", offline=True)
    return found


def measure(catalog):
    report = json.loads(dumps(engine.verify("odd", tiers=TIERS, options=OPTIONS)))
    return {c["id"]: {"verdict": c["verdict"], "found": c["found"]} for c in report["artifacts"][0]["claims"]}


def judge(catalog, verdicts):
    path = catalog.verdicts_path(catalog.get("odd"))
    path.write_text(json.dumps(verdicts))
    commit(catalog.root.parent, "change")
    result = gate("HEAD~1", catalog=catalog.root, tiers=TIERS, options=OPTIONS)
    (entry,) = result.entries
    return result.exit_code(), [p.code for p in entry.problems], entry


def test_refuted_as_reviewed_is_accepted(catalog):
    code, problems, entry = judge(catalog, measure(catalog))
    assert (code, problems) == (0, [])
    assert entry.report.counts()[Verdict.REFUTED] > 0


def test_an_unexpected_refutation_is_refused(catalog):
    verdicts = measure(catalog)
    (refuted, *_) = [c for c, item in verdicts.items() if item["verdict"] == "REFUTED"]
    verdicts[refuted]["verdict"] = "VERIFIED"
    code, problems, entry = judge(catalog, verdicts)
    assert (code, problems) == (1, ["verdict-differs"])
    assert refuted in entry.problems[0].message


def test_another_value_found_is_refused_too(catalog):
    verdicts = measure(catalog)
    (refuted, *_) = [c for c, item in verdicts.items() if item["verdict"] == "REFUTED"]
    verdicts[refuted]["found"] = "something else"
    assert judge(catalog, verdicts)[:2] == (1, ["verdict-differs"])


def test_a_claim_without_a_reviewed_verdict_is_refused(catalog):
    verdicts = measure(catalog)
    verdicts.popitem()
    assert judge(catalog, verdicts)[:2] == (1, ["verdict-not-reviewed"])


def test_a_reviewed_verdict_without_a_claim_is_refused(catalog):
    verdicts = measure(catalog) | {"odd-made-up": {"verdict": "VERIFIED", "found": None}}
    assert judge(catalog, verdicts)[:2] == (1, ["claim-missing"])
