"""``alloy pin``, ``alloy catalog check``, ``alloy score`` and ``alloy doctor`` for real."""

import json
import shutil

import pytest

from tests.unit import tiny
from verifier import cli
from verifier.catalog import Catalog
from verifier.evidence.cache import Cache
from verifier.evidence.store import open_store
from verifier.report import expected


def run(capsys, *argv):
    code = cli.main([str(a) for a in argv])
    out, err = capsys.readouterr()
    assert "Traceback" not in err
    return code, out, err


@pytest.fixture
def root(tmp_path, monkeypatch):
    root = tmp_path / "catalog"
    (root / "reference").mkdir(parents=True)
    monkeypatch.setenv("ALLOY_CATALOG", str(root))
    monkeypatch.setenv("ALLOY_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("ALLOY_MIRROR", raising=False)
    return root


@pytest.fixture
def pinned(root, tmp_path, capsys):
    folder = tiny.make(tmp_path / "tiny")
    code, out, _ = run(capsys, "pin", folder, "--catalog", "reference", "--offline")
    assert code == 0
    assert out.startswith("pinned tiny: alloy ")
    Cache(tmp_path / "cache").put_file(folder / "model.safetensors")
    return folder


def review(capsys, root, tmp_path):
    """Take what is measured now as reviewed."""
    from verifier.engine import Options, resolve, verify_target

    options = Options(offline=True)
    (target,) = resolve(["tiny"], options)
    path = Catalog(root).verdicts_path(target.entry)
    path.parent.mkdir(exist_ok=True)
    path.write_text(expected.dumps(verify_target(target, (1, 3, 4), options)), encoding="utf-8")
    return path


def check(capsys, *argv):
    return run(capsys, "catalog", "check", "--offline", *argv)


def test_a_complete_entry_is_ok(capsys, root, pinned, tmp_path):
    review(capsys, root, tmp_path)
    code, out, _ = check(capsys, "--strict")
    assert code == 0
    assert "1 entries, 0 disagree with their evidence, 0 have evidence not at hand" in out


def test_an_entry_without_reviewed_verdicts_disagrees(capsys, pinned):
    code, out, _ = check(capsys)
    assert code == 1
    assert "no reviewed verdicts" in out


def test_reviewed_verdicts_must_cover_just_the_claims(capsys, root, pinned, tmp_path):
    path = review(capsys, root, tmp_path)
    items = json.loads(path.read_text())
    items["tiny-new"] = items.pop("tiny-cycles")
    path.write_text(json.dumps(items))
    code, out, _ = check(capsys)
    assert code == 1
    assert "tiny-cycles: has no reviewed verdict" in out
    assert "tiny-new: has a reviewed verdict, but is no claim" in out


def test_a_claim_on_record_that_the_alloy_does_not_make_disagrees(capsys, root, pinned, tmp_path):
    lock = root / "reference" / "tiny.lock.json"
    entry = json.loads(lock.read_text())
    entry["claims"][0]["claimed"] = "something else"
    gone = entry["claims"].pop()
    lock.write_text(json.dumps(entry))
    review(capsys, root, tmp_path)
    code, out, _ = check(capsys)
    assert code == 1
    assert "claimed is something else on record" in out
    assert f"{gone['id']}: the alloy makes this claim, but it is not on record" in out


def test_missing_evidence_is_three_only_when_strict(capsys, root, pinned, tmp_path):
    review(capsys, root, tmp_path)
    shutil.rmtree(tmp_path / "cache")
    code, out, _ = check(capsys)
    assert code == 0
    assert "incomplete" in out
    assert check(capsys, "--strict")[0] == 3


def test_an_empty_catalog_is_no_pass(capsys, root):
    assert check(capsys)[0] == 0
    code, _, err = check(capsys, "--strict")
    assert code == 3
    assert "nothing was checked" in err


@pytest.mark.parametrize("text", ["", "{", "[]", '{"schema": "alloy-lock/9"}', "\x00"])
def test_a_malformed_lock_entry_is_two(capsys, root, text):
    (root / "reference" / "bad.lock.json").write_text(text)
    for argv in (("catalog", "check"), ("verify",), ("explain", "x")):
        code, _, err = run(capsys, *argv)
        assert code == 2
        assert "bad.lock.json" in err


def test_pins_change_only_for_a_stated_reason(capsys, root, pinned):
    tiny.make(pinned, results__improvementPct=24.0)
    code, _, err = run(capsys, "pin", pinned, "--catalog", "reference", "--offline")
    assert code == 2
    assert "expected a reason" in err
    argv = ("pin", pinned, "--catalog", "reference", "--offline", "--reason", "measured again")
    assert run(capsys, *argv)[0] == 0
    assert Catalog(root).get("tiny").reasons == ("measured again",)


def test_explain_finds_a_claim_in_the_catalog(capsys, pinned):
    code, out, _ = run(capsys, "explain", "tiny-model-hash", "--offline")
    assert code == 0
    assert "verdict     VERIFIED: the evidence bears it out" in out
    code, _, err = run(capsys, "explain", "tiny-model-hush", "--offline")
    assert code == 2
    assert "close ones are tiny-model-hash" in err


def reference_samples():
    """A samples file of the embedded reference catalog, with what its card claims it scores."""
    store = open_store(offline=True)
    for entry in Catalog.find().entries("reference"):
        for file in entry.files:
            if file.role == "samples":
                args = {"repo": entry.repo, "revision": entry.revision, "path": file.path}
                return store.fetch(**args, sha256=file.sha256, size=file.size)
    raise AssertionError("the reference catalog has no samples")


def test_score_of_a_reference_samples_file(capsys, tmp_path):
    samples = reference_samples()
    out_file = tmp_path / "scores.json"
    argv = ("--benchmark", "alloybench", "--offline", "--json", out_file)
    code, out, _ = run(capsys, "score", samples, *argv)
    assert code == 0
    score = json.loads(out_file.read_text())
    assert {"benchmark", "judge", "passed", "total", "pass@1", "tasks"} <= score.keys()
    assert len(score["tasks"]) == score["total"] == score["answered"]
    assert score["passed"] == sum(t["confirmed"] is True for t in score["tasks"].values())
    assert score["pass@1"] == pytest.approx(score["passed"] / score["total"])
    assert all({"official", "isolated", "confirmed"} <= t.keys() for t in score["tasks"].values())
    assert f"{score['passed']} of {score['total']} problems confirmed" in out


def test_score_of_a_partial_file_has_no_pass_at_1(capsys, tmp_path):
    part = tmp_path / "part.jsonl"
    part.write_bytes(b"".join(reference_samples().read_bytes().splitlines(keepends=True)[:3]))
    code, out, err = run(capsys, "score", part, "--benchmark", "alloybench", "--offline", "--json", "-")
    score = json.loads(out)
    assert code == 0
    assert (score["pass@1"], score["answered"], len(score["tasks"])) == (None, 3, 3)
    assert f"of 3 answered problems confirmed; the file answers 3 of {score['total']} problems" in err


def test_score_takes_no_other_dataset_than_the_pinned_one(capsys, tmp_path):
    other = tmp_path / "other.jsonl.gz"
    other.write_bytes(b"other")
    code, _, err = run(capsys, "score", reference_samples(), "--benchmark", "humaneval", "--dataset", other)
    assert code == 2
    assert "expected sha256" in err


def test_doctor_agrees_with_the_sandbox(capsys):
    from verifier.sandbox import doctor

    code, out, _ = run(capsys, "doctor")
    assert code == (0 if doctor.sufficient() else 3)
    for layer in doctor.layers():
        assert f"{'yes' if layer.available else 'no '}  {layer.name}" in out
