"""The pytest front end, run for real by an inner pytest on a small catalog."""

import json
import shutil
import xml.etree.ElementTree as ElementTree

import pytest

from tests.unit import tiny
from verifier import engine, pytest_plugin
from verifier.catalog import Catalog
from verifier.claims.model import Claim
from verifier.errors import EvidenceMismatchError, EvidenceMissingError
from verifier.evidence.cache import Cache
from verifier.pinning import pin
from verifier.pytest_workers import scope
from verifier.report.model import ArtifactReport
from verifier.verdicts import Outcome, Tier, Verdict

TEST = """
import pytest
pytestmark = pytest.mark.tier{0}
def test_tier{0}(alloy_claim):
    alloy_claim.settle()
"""


class Bench:
    """An inner pytest over a catalog of its own."""

    def __init__(self, pytester, tmp_path, monkeypatch):
        self.pytester, self.tmp = pytester, tmp_path
        self.root = tmp_path / "catalog"
        (self.root / "reference").mkdir(parents=True)
        monkeypatch.setenv("ALLOY_CATALOG", str(self.root))
        monkeypatch.setenv("ALLOY_CACHE", str(tmp_path / "cache"))
        monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
        monkeypatch.delenv("ALLOY_MIRROR", raising=False)
        pytester.makeini("[pytest]\naddopts = --strict-markers -p no:cacheprovider")
        pytester.makepyfile(**{f"test_tier{tier}": TEST.format(tier) for tier in (1, 2, 3, 4)})

    def add(self, name="tiny", which="reference", repo=None, weights=True, **changes):
        folder = tiny.make(self.tmp / "made" / name, name, **changes)
        entry = pin(folder, Catalog(self.root), which, name=name, repo=repo, offline=True)
        if weights:
            Cache(self.tmp / "cache").put_file(folder / "model.safetensors")
        return entry

    def expect(self, entry, **verdicts):
        path = Catalog(self.root).verdicts_path(entry)
        path.parent.mkdir(exist_ok=True)
        path.write_text(json.dumps({f"{entry.name}-{k.replace('_', '-')}": v for k, v in verdicts.items()}))

    def run(self, *args):
        return self.pytester.runpytest_inprocess("-p", "verifier.pytest_plugin", "--offline", "-rA", *args)


@pytest.fixture
def bench(pytester, tmp_path, monkeypatch):
    return Bench(pytester, tmp_path, monkeypatch)


FALSE = {"results__improvementPct": 30.0}
FOUND = "22.7848 to 27.1605"


def test_one_item_per_claim_named_as_the_claim(bench):
    entry = bench.add()
    result = bench.run("--collect-only", "-q")
    ids = {line.partition("[")[2].rstrip("]") for line in result.outlines if "[" in line and "::" in line}
    assert ids == {claim.id for claim in entry.claims}


def test_collection_needs_no_evidence(bench):
    entry = bench.add()
    shutil.rmtree(bench.tmp / "cache")
    shutil.rmtree(bench.tmp / "made")
    result = bench.run("--collect-only", "-q")
    assert sum("[tiny-" in line for line in result.outlines) == len(entry.claims)


def test_an_honest_card_passes(bench):
    entry = bench.add()
    result = bench.run("-m", "tier1 or tier3")
    counts = result.parseoutcomes()
    assert counts["passed"] == sum(c.tier in (1, 3) for c in entry.claims)
    assert counts.keys() <= {"passed", "deselected"}


def test_what_nobody_can_check_is_an_xfail(bench):
    bench.add()
    result = bench.run("-m", "tier4")
    assert result.parseoutcomes().keys() == {"xfailed", "deselected"}
    result.stdout.fnmatch_lines(["*UNVERIFIABLE, to be mended by the publisher:*"])


def test_a_refuted_claim_fails_with_claimed_found_and_pointer(bench):
    bench.add(**FALSE)
    result = bench.run("-m", "tier1")
    assert result.ret == 1
    assert result.parseoutcomes()["failed"] == 1
    result.stdout.fnmatch_lines([f"*REFUTED: claimed 30.0, found {FOUND}, at /results/improvementPct:*"])


def test_a_refuted_claim_that_was_reviewed_is_an_xfail(bench):
    entry = bench.add(**FALSE)
    bench.expect(entry, improvement_pct={"verdict": "REFUTED", "found": FOUND})
    result = bench.run("-m", "tier1")
    assert result.ret == 0
    assert result.parseoutcomes()["xfailed"] == 1
    result.stdout.fnmatch_lines([f"*REFUTED as reviewed: claimed 30.0, found {FOUND}*"])


@pytest.mark.parametrize("option", ["--no-expected", "--judge"])
def test_raw_verdicts_decide_when_asked(bench, option):
    entry = bench.add(**FALSE)
    bench.expect(entry, improvement_pct={"verdict": "REFUTED", "found": FOUND})
    result = bench.run("-m", "tier1", option)
    assert (result.ret, result.parseoutcomes()["failed"]) == (1, 1)


def test_a_claim_refuted_otherwise_than_reviewed_fails(bench):
    entry = bench.add(**FALSE)
    bench.expect(entry, improvement_pct={"verdict": "REFUTED", "found": "12"})
    result = bench.run("-m", "tier1")
    assert result.parseoutcomes()["failed"] == 1
    result.stdout.fnmatch_lines(["*REFUTED otherwise than reviewed (found 12 then)*"])


def test_a_reviewed_refutation_that_no_longer_holds_fails(bench):
    entry = bench.add()
    bench.expect(entry, improvement_pct={"verdict": "REFUTED", "found": FOUND})
    result = bench.run("-m", "tier1")
    assert result.parseoutcomes()["failed"] == 1
    result.stdout.fnmatch_lines(["*VERIFIED, but REFUTED is the reviewed expectation*"])


def test_missing_weights_are_a_skip_that_says_what_is_needed(bench):
    bench.add(weights=False)
    result = bench.run("-m", "tier3")
    assert result.parseoutcomes()["skipped"] >= 1
    assert "failed" not in result.parseoutcomes()
    result.stdout.fnmatch_lines(["SKIPPED*NOT_CHECKED: *model.safetensors*"])


def test_a_missing_alloy_is_a_skip_for_every_claim(bench):
    entry = bench.add()
    shutil.rmtree(bench.tmp / "cache")
    result = bench.run()
    assert result.parseoutcomes() == {"skipped": len(entry.claims)}


def test_options_narrow_the_catalog(bench):
    bench.add("tiny")
    bench.add("other")
    bench.add("third", which="published", repo="owner/third")

    def names(*args):
        lines = bench.run("--collect-only", "-q", "-m", "tier1", *args).outlines
        return {line.partition("[")[2].partition("-")[0] for line in lines if "[" in line and "::" in line}

    assert names() == {"tiny", "other", "third"}
    assert names("--catalog", "reference") == {"tiny", "other"}
    assert names("--artifact", "tiny", "--artifact", "third") == {"tiny", "third"}
    assert names("--artifact", "tiny", "--catalog", "published") == {"NOTSET]"}  # pytest's word for no item


def test_an_unknown_artifact_is_a_usage_error_that_names_close_ones(bench):
    bench.add("tiny")
    result = bench.run("--artifact", "tinny")
    assert result.ret != 0
    output = result.stdout.str() + result.stderr.str()
    assert "did you mean tiny?" in output
    assert "passed" not in result.parseoutcomes()


def test_a_malformed_lock_entry_stops_the_run(bench):
    entry = bench.add()
    entry.path.write_text("{")
    result = bench.run()
    assert result.ret not in (0, 5)
    assert "tiny.lock.json" in result.stdout.str() + result.stderr.str()


def test_only_what_may_ask_the_hub_is_marked_network(bench):
    bench.add("tiny")
    published = bench.add("third", which="published", repo="owner/third")
    args = ("-p", "verifier.pytest_plugin", "--collect-only", "-q", "-m", "not network")
    online = bench.pytester.runpytest_inprocess(*args).outlines
    offline = bench.pytester.runpytest_inprocess(*args, "--offline").outlines
    assert not any("[third-" in line for line in online)
    assert any("[tiny-" in line for line in online)
    assert sum("[third-" in line for line in offline) == len(published.claims)


def test_an_unreachable_hub_is_asked_once_and_named(bench, monkeypatch):
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")  # the discard port: nobody listens
    names = ("one", "two", "three")
    for name in names:
        bench.add(name, which="published", repo=f"owner/{name}")
    shutil.rmtree(bench.tmp / "cache")
    result = bench.pytester.runpytest_inprocess("-p", "verifier.pytest_plugin", "-rs", "-m", "tier1")
    assert result.parseoutcomes().keys() <= {"skipped", "deselected"}
    result.stdout.fnmatch_lines(["SKIPPED*NOT_CHECKED: the Hub cannot be reached from here (owner/*"])


def test_a_hub_that_answers_is_reachable_whatever_it_says(monkeypatch):
    from tests.hubserver import HubServer
    from verifier.hub_probe import unreachable

    with HubServer() as hub:
        monkeypatch.setenv("HF_ENDPOINT", hub.endpoint)
        assert unreachable("owner/no-such-repository") is None
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    assert "no connection" in unreachable("owner/no-such-repository")


def test_junit_carries_the_facts_of_each_claim(bench):
    entry = bench.add(**FALSE)
    bench.run("--junit-xml=junit.xml", "-m", "tier1 or tier3")
    cases = ElementTree.parse(bench.pytester.path / "junit.xml").iter("testcase")
    facts = {}
    for case in cases:
        properties = {p.get("name"): p.get("value") for p in case.iter("property")}
        facts[properties["claim_id"]] = properties
        assert case.get("name").endswith(f"[{properties['claim_id']}]")
    assert facts.keys() == {c.id for c in entry.claims if c.tier in (1, 3)}
    assert facts["tiny-improvement-pct"] == {
        "claim_id": "tiny-improvement-pct",
        "pointer": "/results/improvementPct",
        "claimed": "30.0",
        "found": FOUND,
        "verdict": "REFUTED",
        "reason": facts["tiny-improvement-pct"]["reason"],
    }
    assert facts["tiny-improvement-pct"]["reason"]


def test_two_workers_find_the_same_and_keep_an_artifact_together(bench):
    for name in ("tiny", "other", "third"):
        bench.add(name)
    alone = bench.run("-m", "tier1 or tier3").parseoutcomes()
    spread = bench.pytester.runpytest_subprocess(
        *("-p", "verifier.pytest_plugin", "-p", "xdist", "--offline", "-v", "-n", "2", "-m", "tier1 or tier3")
    )
    counts = spread.parseoutcomes()
    assert counts["passed"] == alone["passed"]
    assert counts.keys() == alone.keys() - {"deselected"}
    workers = {}
    for line in spread.outlines:
        if line.startswith("[gw") and "[" in line[1:]:
            name = line.rpartition("[")[2].partition("-")[0]
            workers.setdefault(name, set()).add(line[:5])
    assert workers.keys() == {"tiny", "other", "third"}
    assert {len(w) for w in workers.values()} == {1}


def test_an_artifact_is_verified_once_a_tier(bench, monkeypatch):

    calls, real = [], engine.verify_target

    def counted(target, tiers, *args, **kwargs):
        calls.append((target.name, tuple(tiers)))
        return real(target, tiers, *args, **kwargs)

    monkeypatch.setattr(engine, "verify_target", counted)
    bench.add()
    bench.run()
    assert sorted(calls) == [("tiny", (tier,)) for tier in (1, 2, 3, 4)]


def test_a_claim_needs_a_tier(bench):
    bench.add()
    bench.pytester.makepyfile(test_bare="def test_bare(alloy_claim): alloy_claim.settle()")
    result = bench.run()
    assert result.ret not in (0, 5)
    said = result.stdout.str() + result.stderr.str()
    assert "needs exactly one marker of tier1, tier2, tier3, tier4" in said


CLAIM = Claim(id="x-score", tier=Tier.SCORES, kind="score", pointer="/s", expected=1, statement="s")


def test_what_keeps_verification_from_answering_is_an_outcome():
    missing = pytest_plugin.outcome_of(CLAIM, EvidenceMissingError("no alloy", remedy="set ALLOY_MIRROR"))
    assert (missing.verdict, missing.reason) == (Verdict.NOT_CHECKED, "no alloy set ALLOY_MIRROR")
    wrong = EvidenceMismatchError("other bytes", expected="a", found="b", source="mirror")
    assert pytest_plugin.outcome_of(CLAIM, wrong).verdict is Verdict.ERROR
    empty = ArtifactReport(name="x", alloy_hash=None, checked=())
    assert pytest_plugin.outcome_of(CLAIM, empty).verdict is Verdict.ERROR


@pytest.mark.parametrize(
    "expected", [None, {"verdict": "ERROR", "found": None}, {"verdict": "VERIFIED", "found": 1}]
)
def test_a_broken_check_fails_whatever_was_expected(expected):
    outcome = Outcome(verdict=Verdict.ERROR, reason="the check broke")
    with pytest.raises(pytest.fail.Exception, match="ERROR, the check itself broke"):
        pytest_plugin.decide(CLAIM, outcome, expected)


@pytest.mark.parametrize(
    ("item", "artifact"),
    [
        ("t.py::t[tiny-moe-gguf-hash]", "artifact tiny-moe-gguf"),
        ("t.py::t[tiny-moe-hash]", "artifact tiny-moe"),
        ("t.py::t[tiny-moe]", "artifact tiny-moe"),
        ("t.py::t[tiny-moelder-x]", "t.py::t[tiny-moelder-x]"),
        ("t.py::t", "t.py::t"),
    ],
)
def test_items_are_grouped_by_the_longest_artifact_name(item, artifact):
    assert scope(item, ["tiny-moe-gguf", "tiny-moe"]) == artifact


@pytest.mark.parametrize(
    ("item", "unit"),
    [
        ("tests/a/test_x.py::test_y[1]", "tests/a"),
        ("tests/ab/test_x.py::test_y[1]", "tests/ab/test_x.py::test_y[1]"),
        ("tests/test_z.py::test_y", "tests/test_z.py"),
        ("tests/test_z.py.py::test_y", "tests/test_z.py.py::test_y"),
    ],
)
def test_items_that_share_costly_fixtures_go_together(item, unit):
    assert scope(item, [], ["tests/a", "tests/test_z.py"]) == unit
