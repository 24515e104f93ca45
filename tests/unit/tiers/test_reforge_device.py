"""Tier 2 where a device decides the bytes: the recorded environment, another one, and how close is close."""

import json
import math
import shutil
import sys
from pathlib import Path

import pytest

from forge import replay
from forge.closeness import PROMPTS, closeness
from tests.unit.forge.engine import making
from tests.unit.tiers.reforged import artifact, attest, edit, flip_tensor, redo
from verifier.errors import EvidenceMismatchError, EvidenceMissingError
from verifier.verdicts import Severity, Verdict

torch = pytest.importorskip("torch", reason="needs the extra [forge]")
pytest.importorskip("peft", reason="needs the extra [forge]")

TEXTS = "".join(json.dumps({"text": f"a cat and {i} dogs see the red house"}) + "\n" for i in range(8))
LORA = {
    "type": "lora",
    "dataset": "train.jsonl",
    "steps": 2,
    "learningRate": "1e-3",
    "rank": 2,
    "alpha": 4,
    "batchSize": 2,
    "sequenceLength": 16,
    "targetModules": ["q_proj", "v_proj"],
}
CHANGED = "model.layers.0.self_attn.q_proj.weight"


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """An artifact whose adapter was trained in a process of its own, as the command line does."""
    from tests.unit.forge import tiny_models

    folder = tmp_path_factory.mktemp("trained")
    work = folder / "work"
    tiny_models.save(work / "base", "llama", dtype=torch.float32)
    (work / "train.jsonl").write_text(TEXTS)
    recipe = making.recipe(work, {**LORA}, source={"baseModel": "owner/tiny-base"}, base="owner/tiny-base")
    out = folder / "artifact"
    replay._ask(
        {
            "task": "forge",
            "recipe": str(recipe),
            "out": str(out),
            "base": str(work / "base"),
            "seed": 5,
            "device": "cpu",
        },
        folder,
        {"OMP_NUM_THREADS": "1"},
    )
    (out / "forge-report.json").unlink()
    shutil.copytree(work / "base", out / "base")
    return out


@pytest.fixture
def card(trained, tmp_path):
    return Path(shutil.copytree(trained, tmp_path / "card"))


def elsewhere(folder):
    edit(folder, lambda d: d["results"]["execution"]["environment"].update(system="Plan9 mips"))


def other_weights(folder):
    flip_tensor(folder, CHANGED, 6)
    attest(folder)


def test_training_is_redone_byte_for_byte_under_the_recorded_settings(card, monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "2")  # one was recorded, and is what the new process gets
    outcome = redo(card)
    assert (outcome.verdict, outcome.method) == (Verdict.VERIFIED, "reforge/device"), outcome.reason


@pytest.mark.slow
def test_equal_bytes_are_equal_wherever_they_were_made(card):
    elsewhere(card)
    assert redo(card).verdict is Verdict.VERIFIED


@pytest.mark.slow
def test_other_bytes_under_the_recorded_environment_are_refuted(card):
    other_weights(card)
    outcome = redo(card)
    assert outcome.verdict is Verdict.REFUTED
    assert any(CHANGED in f.message for f in outcome.findings if f.code == "reforge-tensor-differs")


def test_other_bytes_elsewhere_decide_nothing_and_closeness_is_told_apart(card):
    other_weights(card)
    elsewhere(card)
    outcome = redo(card)
    (finding,) = outcome.findings
    assert outcome.verdict is Verdict.NOT_CHECKED
    assert "system: Plan9 mips -> " in outcome.reason
    assert (finding.code, finding.severity) == ("closeness", Severity.NOTE)
    assert finding.message.startswith("not a verdict: 1 of ")
    assert f"({CHANGED}); next-token predictions on {len(PROMPTS)} fixed prompts: KL" in finding.message
    assert finding.found["differing"] == 1
    assert 0 <= finding.found["mean_kl"] <= finding.found["max_kl"] < 1


@pytest.mark.slow
def test_without_the_recorded_weights_closeness_is_not_known(card):
    other_weights(card)
    elsewhere(card)
    (card / "model.safetensors").unlink()
    outcome = redo(card)
    assert outcome.verdict is Verdict.NOT_CHECKED
    assert "how close the result comes is not known" in outcome.findings[0].message


@pytest.mark.slow
def test_without_a_recorded_environment_other_bytes_decide_nothing(card):
    other_weights(card)
    edit(card, lambda d: d["results"]["execution"].pop("environment"))
    outcome = redo(card)
    assert outcome.verdict is Verdict.NOT_CHECKED
    assert "no environment is on record" in outcome.reason


@pytest.mark.slow
def test_another_seed_is_another_result(card):
    edit(card, lambda d: d["results"]["execution"].update(seed=6))
    outcome = redo(card)
    assert outcome.verdict is Verdict.REFUTED, outcome.reason


def test_other_training_texts_go_red(card):
    (card / "train.jsonl").write_text(TEXTS.replace("cat", "dog"))
    outcome = redo(card)
    assert outcome.verdict is Verdict.REFUTED
    assert outcome.findings[0].code == "recipe-file-differs"


def test_training_texts_that_are_not_published_are_what_is_needed(card):
    (card / "train.jsonl").unlink()
    outcome = redo(card)
    assert outcome.verdict is Verdict.NOT_CHECKED
    assert "train.jsonl" in outcome.reason


def test_a_process_that_dies_is_no_verdict_about_the_card(card, monkeypatch):
    monkeypatch.setattr(sys, "executable", "/bin/false")
    outcome = redo(card)
    assert outcome.verdict is Verdict.NOT_CHECKED
    assert "it ended with 1" in outcome.reason


# closeness against an oracle


def test_kl_is_that_of_torch(card, tmp_path):
    import torch.nn.functional as F  # noqa: N812

    from forge import loading

    other = Path(shutil.copytree(card, tmp_path / "other"))
    for _ in range(3):
        flip_tensor(other, CHANGED, 3 + 4 * _)
    found = closeness(card, other)
    p, q = (loading.load_model(f, dtype="float32") for f in (card, other))
    tokenizer = loading.load_tokenizer(card)
    values = []
    with torch.inference_mode():
        for prompt in PROMPTS:
            ids = torch.tensor([tokenizer(prompt)["input_ids"]])
            a, b = (m(input_ids=ids).logits[0].double().log_softmax(-1) for m in (p, q))
            values += F.kl_div(b, a, reduction="none", log_target=True).sum(-1).tolist()
    assert found.mean_kl == pytest.approx(sum(values) / len(values), rel=1e-9)
    assert found.max_kl == pytest.approx(max(values), rel=1e-9)
    assert found.mean_kl > 0
    assert (found.differing, found.worst_tensor) == (1, CHANGED)


def test_a_model_is_as_close_to_itself_as_can_be(card):
    found = closeness(card, card)
    assert (found.differing, found.max_abs, found.max_relative, found.mean_kl) == (0, 0.0, 0.0, 0.0)


def test_too_little_memory_is_said(card, monkeypatch):
    monkeypatch.setattr("forge.memory.available", lambda device="cpu": 1000)
    found = closeness(card, card)
    assert found.mean_kl is None
    assert "memory: expected" in found.note


def test_numbers_that_are_not_finite_become_null(card):
    found = closeness(card, card)
    object.__setattr__(found, "max_abs", math.inf)
    assert found.as_json()["max_abs"] is None


# what crosses the process boundary


@pytest.mark.parametrize(
    ("stated", "wanted"),
    [
        ({"OMP_NUM_THREADS": "1"}, "1"),
        ({}, None),
        ({"OMP_NUM_THREADS": "100000"}, "absent"),
        ({"OMP_NUM_THREADS": "1; rm -rf /"}, "absent"),
        ({"OMP_NUM_THREADS": 7}, "absent"),
    ],
)
def test_only_sane_settings_are_taken_over(stated, wanted):
    found = replay.settings({"variables": {**stated, "LD_PRELOAD": "/tmp/evil.so"}})
    assert "LD_PRELOAD" not in found
    assert found.get("OMP_NUM_THREADS", "absent") == wanted


@pytest.mark.parametrize(
    "error",
    [
        EvidenceMissingError("no base", remedy="fetch it"),
        EvidenceMismatchError("other", expected="a", found="b", source="c", remedy="d"),
    ],
)
def test_errors_survive_the_way_back(error):
    again = replay._revived(json.loads(json.dumps(replay._described(error))))
    assert (type(again), str(again), again.remedy) == (type(error), str(error), error.remedy)
    assert vars(again) == vars(error)


def test_a_document_error_keeps_its_pointer():
    from verifier.errors import DocumentError

    again = replay._revived(replay._described(DocumentError("wrong", pointer="/a/b", remedy="mend")))
    assert (type(again), again.pointer, str(again)) == (DocumentError, "/a/b", "wrong (at /a/b)")


def test_artifacts_of_surgery_need_no_process_of_their_own(tmp_path, monkeypatch):
    folder = artifact(tmp_path, making.HEADS)
    monkeypatch.setattr(sys, "executable", "/bin/false")
    assert redo(folder).verdict is Verdict.VERIFIED


def test_a_recipe_that_takes_too_long_is_ended_and_decides_nothing(card):
    outcome = redo(card, reforge_minutes=0.2 / 60)
    assert outcome.verdict is Verdict.NOT_CHECKED
    assert "it was ended" in outcome.reason
    assert "--reforge-minutes" in outcome.reason
