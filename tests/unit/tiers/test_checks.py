"""Checks of single claims on small documents, one per rule that could go wrong."""

import hashlib
import json
from dataclasses import replace

import pytest

from verifier.alloy import parse
from verifier.alloy.parse import serialise
from verifier.claims.extract import extract
from verifier.engine import decide
from verifier.errors import EvidenceMissingError
from verifier.runners.model import Difference, Metric, ScoreResult, TaskResult
from verifier.sources import FolderFiles
from verifier.tiers.context import Context
from verifier.tiers.registry import CHECKS
from verifier.tiers.scores import compare
from verifier.verdicts import Verdict

SHA = "sha256:" + "ab" * 32


def document(**results):
    return {
        "name": "tiny",
        "source": {"baseModel": "a/b", "architecture": "llama"},
        "stages": [],
        "results": results,
    }


def outcomes(doc, tmp_path, *, parents=(), pinned=None, repo=None):
    alloy = parse(json.dumps(doc).encode())

    def score(benchmark, path):
        raise EvidenceMissingError("no judge here")

    context = Context(
        alloy=alloy,
        files=FolderFiles(tmp_path),
        score=score,
        parent=lambda repo: parents,
        digest=lambda path: hashlib.sha256(path.read_bytes()).hexdigest(),
    )
    claims = extract(alloy, "tiny", pinned=pinned, repo=repo)
    return {c.id.removeprefix("tiny-"): decide(c, context) for c in claims}


def test_every_kind_of_claim_has_a_check():
    kinds = {
        "improvementPct": 1,
        "baselinePerplexity": 2,
        "finalPerplexity": 2,
        "benchmarks": [{"name": "humaneval", "score": 50, "baseScore": 60, "delta": -10, "samplesPath": "s"}],
        "hardwareVerified": [{"device": "d"}],
    }
    alloy = parse(json.dumps(document(**kinds)).encode())
    assert {c.kind for c in extract(alloy, "x", pinned="0" * 64)} <= CHECKS.keys()


def test_claim_ids_are_unique_and_stable():
    doc = document(benchmarks=[{"name": "a b", "score": 1}, {"name": "a/b", "score": 2}])
    alloy = parse(json.dumps(doc).encode())
    ids = [c.id for c in extract(alloy, "x")]
    assert len(ids) == len(set(ids))
    assert ids == [c.id for c in extract(alloy, "x")]
    assert "x-a-b-score" in ids and "x-a-b-score-2" in ids


def test_a_card_that_claims_nothing_never_passes(tmp_path):
    found = outcomes({k: v for k, v in document().items() if k != "results"}, tmp_path)
    for name in ("no-tier4-claims", "model-hash"):
        assert found[name].verdict is Verdict.UNVERIFIABLE


@pytest.mark.parametrize(
    "value", ["sha256:not-pinned", "sha256:" + "a" * 63, "", "md5:" + "a" * 32, SHA.upper()]
)
def test_what_is_no_hash_is_refuted(value, tmp_path):
    found = outcomes(document(integrity={"modelHash": value}), tmp_path)
    assert found["form-results-integrity-modelHash"].verdict is Verdict.REFUTED


def test_a_null_hash_is_unverifiable(tmp_path):
    doc = document(integrity={"parentAlloyHash": None})
    doc["derivedFrom"] = {"repo": "a/parent", "alloyHash": None}
    found = outcomes(doc, tmp_path)
    assert found["parent-alloyHash"].verdict is Verdict.UNVERIFIABLE
    assert found["parent-alloyHash"].findings[0].code == "no-parent-hash"


@pytest.mark.parametrize(
    ("parents", "verdict"),
    [(("ab" * 32,), Verdict.VERIFIED), (("cd" * 32,), Verdict.REFUTED), ((), Verdict.NOT_CHECKED)],
)
def test_parent_link(parents, verdict, tmp_path):
    doc = document(integrity={"parentAlloyHash": SHA})
    doc["derivedFrom"] = {"repo": "a/parent", "alloyHash": SHA}
    assert outcomes(doc, tmp_path, parents=parents)["parent-alloyHash"].verdict is verdict


def test_a_file_is_compared_by_digest_and_size(tmp_path):
    (tmp_path / "model.safetensors").write_bytes(b"weights")
    good = hashlib.sha256(b"weights").hexdigest()
    for sha, size, verdict in (
        (good, 7, Verdict.VERIFIED),
        (good, 8, Verdict.REFUTED),
        ("0" * 64, 7, Verdict.REFUTED),
        ("short", 7, Verdict.REFUTED),
    ):
        files = [{"filename": "model.safetensors", "sha256": sha, "size": size}]
        found = outcomes(document(integrity={"fileHashes": files}), tmp_path)
        assert found["file-model.safetensors"].verdict is verdict
    gone = [{"filename": "absent.gguf", "sha256": good, "size": 7}]
    found = outcomes(document(integrity={"fileHashes": gone}), tmp_path)
    assert found["file-absent.gguf"].verdict is Verdict.NOT_CHECKED


@pytest.mark.parametrize("path", ["../outside", "/etc/hostname", "a\\..\\b", "x/../../y", "link"])
def test_paths_never_leave_the_folder(path, tmp_path):
    inside = tmp_path / "in"
    inside.mkdir()
    (tmp_path / "outside").write_text("secret")
    (inside / "link").symlink_to(tmp_path / "outside")
    digest = "sha256:" + hashlib.sha256(b"secret").hexdigest()
    item = {"name": "humaneval", "score": 50, "samplesPath": path, "resultHash": digest}
    found = outcomes(document(benchmarks=[item]), inside)
    assert found["humaneval-samples-digest"].verdict in (Verdict.REFUTED, Verdict.NOT_CHECKED)
    assert found["humaneval-score"].verdict in (Verdict.REFUTED, Verdict.NOT_CHECKED)


def test_score_states_what_is_missing(tmp_path):
    found = outcomes(document(benchmarks=[{"name": "humaneval", "score": 50, "baseScore": 40}]), tmp_path)
    assert found["humaneval-score"].verdict is Verdict.UNVERIFIABLE
    assert found["humaneval-base-score"].findings[0].code == "score-without-samples"


def test_a_score_of_other_samples_says_nothing(tmp_path):
    (tmp_path / "s.jsonl").write_text("{}")
    item = {"name": "humaneval", "score": 50, "samplesPath": "s.jsonl", "resultHash": SHA}
    found = outcomes(document(benchmarks=[item]), tmp_path)
    assert found["humaneval-samples-digest"].verdict is Verdict.REFUTED
    assert found["humaneval-score"].verdict is Verdict.NOT_CHECKED
    assert "not the attested" in found["humaneval-score"].reason


def test_a_receipt_that_names_another_hash_is_refuted_and_the_right_one_verified(tmp_path):
    doc = document()
    right = hashlib.sha256(serialise(doc).rstrip("\n").encode()).hexdigest()
    for digest, verdict in ((right, Verdict.VERIFIED), ("ab" * 32, Verdict.REFUTED)):
        doc["receipt"] = {"alloyHash": "sha256:" + digest}
        assert outcomes(doc, tmp_path)["receipt-alloy-hash"].verdict is verdict


def test_publication_of_another_repository_needs_the_hub(tmp_path):
    doc = document()
    doc["receipt"] = {"publications": [{"url": "https://huggingface.co/o/old-name"}]}
    assert outcomes(doc, tmp_path, repo="o/old-name")["receipt-publication-0"].verdict is Verdict.VERIFIED
    assert outcomes(doc, tmp_path, repo="o/new-name")["receipt-publication-0"].verdict is Verdict.NOT_CHECKED


def test_pin_decides_about_the_alloy_file(tmp_path):
    doc = document()
    good = hashlib.sha256(json.dumps(doc).encode()).hexdigest()
    assert outcomes(doc, tmp_path, pinned=good)["alloy-digest"].verdict is Verdict.VERIFIED
    assert outcomes(doc, tmp_path, pinned="0" * 64)["alloy-digest"].verdict is Verdict.REFUTED


def result(**tasks):
    return ScoreResult(
        benchmark="b",
        judge={"name": "j", "version": "1"},
        total=4,
        tasks={k: TaskResult(official=o, isolated=i, confirmed=c) for k, (o, i, c) in tasks.items()},
        missing=tuple(str(n) for n in range(4 - len(tasks))),
    )


PASS, FAIL, OPEN = ("pass", "pass", True), ("fail", None, False), ("timeout", None, None)
FOOLED = ("pass", "fail", False)


@pytest.mark.parametrize(
    ("tasks", "claimed", "verdict"),
    [
        pytest.param((PASS, PASS, PASS, FAIL), 75, Verdict.VERIFIED, id="honest"),
        pytest.param((PASS, PASS, PASS, FAIL), 76, Verdict.REFUTED, id="overstated"),
        pytest.param((PASS, PASS, FAIL, FAIL), 75, Verdict.REFUTED, id="one-short"),
        pytest.param((PASS, PASS, FOOLED, FAIL), 75, Verdict.REFUTED, id="judge-fooled"),
        pytest.param((PASS, PASS, OPEN, FAIL), 75, Verdict.NOT_CHECKED, id="undecided-within-range"),
        pytest.param((PASS, PASS, OPEN, FAIL), 50, Verdict.NOT_CHECKED, id="undecided-at-low-end"),
        pytest.param((PASS, PASS, OPEN, FAIL), 100, Verdict.REFUTED, id="undecided-cannot-reach"),
        pytest.param((PASS, PASS, PASS), 75, Verdict.UNVERIFIABLE, id="partial"),
        pytest.param((PASS, FAIL, FAIL), 75, Verdict.REFUTED, id="partial-cannot-reach"),
    ],
)
def test_score_comparison(tasks, claimed, verdict, tmp_path):
    alloy = parse(json.dumps(document(benchmarks=[{"name": "b", "score": claimed}])).encode())
    claim = next(c for c in extract(alloy, "x") if c.id == "x-b-score")
    outcome = compare(claim, result(**{f"t{i}": t for i, t in enumerate(tasks)}))
    assert outcome.verdict is verdict
    fooled = [f for f in outcome.findings if f.code == "judge-fooled"]
    assert bool(fooled) == (FOOLED in tasks)


@pytest.mark.parametrize(
    ("claimed", "verdict"),
    [
        pytest.param(0.75, Verdict.VERIFIED, id="fraction"),
        pytest.param(0.8, Verdict.VERIFIED, id="fraction-with-one-decimal"),
        pytest.param(0.6, Verdict.REFUTED, id="another-fraction"),
        pytest.param(1, Verdict.REFUTED, id="one-percent"),
    ],
)
def test_a_fraction_is_read_as_one_where_only_that_fits(claimed, verdict):
    alloy = parse(json.dumps(document(benchmarks=[{"name": "b", "score": claimed}])).encode())
    claim = next(c for c in extract(alloy, "x") if c.id == "x-b-score")
    tasks = dict(zip("abcd", (PASS, PASS, PASS, FAIL), strict=True))
    assert compare(claim, result(**tasks)).verdict is verdict


def test_less_than_one_percent_is_no_fraction():
    alloy = parse(json.dumps(document(benchmarks=[{"name": "b", "score": 0.99}])).encode())
    claim = next(c for c in extract(alloy, "x") if c.id == "x-b-score")
    tasks = {str(n): TaskResult(official="fail", isolated=None, confirmed=n == 0) for n in range(101)}
    assert compare(claim, replace(result(), total=101, tasks=tasks, missing=())).verdict is Verdict.VERIFIED


def test_a_fraction_of_problems_is_reachable(tmp_path):
    for score, verdict in ((0.305, Verdict.VERIFIED), (0.3, Verdict.VERIFIED), (0.3021, Verdict.REFUTED)):
        item = {"name": "humaneval", "score": score}
        found = outcomes(document(benchmarks=[item]), tmp_path)
        assert found["humaneval-score-reachable"].verdict is verdict


def harness_result(*, limits=(), differing=(), whole=True):
    metrics = tuple(
        Metric(name=n, filter=f, value=v, stderr=0.1, n=4, task="b", whole=w)
        for n, f, v, w in (
            ("acc", "strict", 0.75, True),
            ("acc", "loose", 0.8125, whole),
            ("acc", "strict", 0.3, False),
        )
    )
    base = result(**{f"t{i}": t for i, t in enumerate((PASS, PASS, PASS, FAIL))})
    return replace(base, metric="acc,strict", metrics=metrics, limits=limits, differing=differing)


@pytest.mark.parametrize(
    ("claimed", "given", "verdict", "said"),
    [
        pytest.param(75, {}, Verdict.VERIFIED, "3 of 4 confirmed", id="the-metric-that-counts"),
        pytest.param(81.25, {}, Verdict.VERIFIED, "acc through filter loose", id="another-metric-is-named"),
        pytest.param(
            0.8125, {}, Verdict.VERIFIED, "acc through filter loose", id="another-metric-as-a-share"
        ),
        pytest.param(81.25, {"whole": False}, Verdict.REFUTED, "claimed 81.25", id="a-part-is-not-the-whole"),
        pytest.param(30, {}, Verdict.REFUTED, "claimed 30", id="no-metric"),
        pytest.param(75, {"limits": ("other version",)}, Verdict.NOT_CHECKED, "other version", id="limited"),
        pytest.param(30, {"limits": ("a", "b")}, Verdict.NOT_CHECKED, "a; b", id="limited-is-not-refuted"),
    ],
)
def test_score_of_a_harness(claimed, given, verdict, said):
    alloy = parse(json.dumps(document(benchmarks=[{"name": "b", "score": claimed}])).encode())
    claim = next(c for c in extract(alloy, "x") if c.id == "x-b-score")
    outcome = compare(claim, harness_result(**given))
    assert outcome.verdict is verdict
    assert said in outcome.reason


def test_a_log_that_contradicts_itself_is_a_finding():
    alloy = parse(json.dumps(document(benchmarks=[{"name": "b", "score": 75}])).encode())
    claim = next(c for c in extract(alloy, "x") if c.id == "x-b-score")
    edited = Difference(where="b/7", what="acc,strict", logged=1.0, found=0.0)
    (finding,) = compare(claim, harness_result(differing=(edited,))).findings
    assert finding.code == "log-differs"
    assert finding.message == (
        "b/7: the log contradicts its own samples in 1 place(s); first acc,strict: logged 1.0, found 0.0"
    )


def test_a_check_that_breaks_is_an_error_and_no_traceback(tmp_path, monkeypatch):
    def broken(claim, ctx):
        raise ZeroDivisionError("oops")

    monkeypatch.setattr("verifier.engine.CHECKS", {**CHECKS, "architecture": broken})
    found = outcomes(document(), tmp_path)["architecture"]
    assert found.verdict is Verdict.ERROR
    assert "ZeroDivisionError" in found.reason


def test_verdicts_have_no_truth_value():
    with pytest.raises(TypeError, match="no truth value"):
        bool(Verdict.VERIFIED)
