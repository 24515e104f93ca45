"""Importance on a corpus: heads that do nothing are found by every strategy, in every kind of family."""

import json
import math
from dataclasses import replace

import pytest

torch = pytest.importorskip("torch", reason="needs the extra [forge]")
pytest.importorskip("transformers", reason="needs the extra [forge]")

from forge import loading  # noqa: E402
from forge.families import registry  # noqa: E402
from forge.stages import head_activity, prune  # noqa: E402
from forge.stages.base import Determinism  # noqa: E402
from forge.stages.heads import survey  # noqa: E402
from forge.tensors.model import open_model  # noqa: E402
from tests.unit.forge.dense import models  # noqa: E402
from verifier.errors import EvidenceMismatchError, UsageError  # noqa: E402

IDS = (3, 14, 15, 9, 26, 5)
TEXTS = (models.text(*IDS), models.text(35, 8, 9, 7, 9, 32, 38, 4), models.text(6))
FAMILIES = ("qwen2", "qwen3_5", "qwen2_5_vl", "qwen2_5_omni")
DEAD = {"qwen3_5": {1: [0], 3: [2]}}
DEAD_ELSEWHERE = {0: [3], 2: [0, 1]}


@pytest.fixture(scope="module", params=FAMILIES)
def blanked(request, tmp_path_factory):
    """A model in which some groups are dead already."""
    case, work = request.param, tmp_path_factory.mktemp("blanked")
    dead = DEAD.get(case, DEAD_ELSEWHERE)
    base = models.save(case, work / "base")
    stage = models.context(case, base, work, strategy="random", level=0.2, selectionFile="selection.json")
    models.record_selection(stage, dead)
    prune.pad(stage)
    models.save_tokenizer(stage.out)
    return case, stage.out, dead


def _measure(case, folder, strategy, texts=TEXTS):
    heads = survey(registry.get(models.CASES[case][0]), open_model(folder))
    return heads, *head_activity.measure(strategy, heads, folder, texts, length=32)


@pytest.mark.parametrize("strategy", list(head_activity.STRATEGIES))
def test_dead_groups_are_the_least_important(blanked, strategy):
    case, folder, dead = blanked
    heads, scores, tokens = _measure(case, folder, strategy)
    assert tokens == 14, "a text of one token has nothing to attend to or to predict"
    assert tuple(scores) == heads.layers
    for layer, values in scores.items():
        gone = [values[g] for g in dead.get(layer, [])]
        assert all(abs(v) < 1e-6 for v in gone)
        assert min(v for g, v in enumerate(values) if g not in dead.get(layer, [])) > 1e-5


def test_activation_magnitude_is_the_mean_norm_of_a_heads_output(tmp_path):
    base = models.save("qwen2", tmp_path / "base")
    models.save_tokenizer(base)
    heads, scores, _ = _measure("qwen2", base, "activation-magnitude", TEXTS[:1])
    model, seen = loading.load_model(base), {}
    for layer in heads.layers:
        module = model.get_submodule(f"model.layers.{layer}.self_attn.o_proj")
        module.register_forward_pre_hook(lambda m, a, layer=layer: seen.update({layer: a[0]}))
    with torch.no_grad():
        model(torch.tensor([IDS]))
    for layer, values in scores.items():
        parts = seen[layer][0].split(heads.size, dim=-1)  # one of shape (tokens, head size) per head
        norms = [sum(math.dist(row, [0.0] * heads.size) for row in p.tolist()) / 6 for p in parts]
        expected = [(norms[2 * g] + norms[2 * g + 1]) / 2 for g in range(heads.groups)]
        assert values == pytest.approx(expected, rel=1e-5)


def test_entropy_is_told_from_the_attention_weights(tmp_path):
    base = models.save("qwen3", tmp_path / "base")
    models.save_tokenizer(base)
    heads, scores, _ = _measure("qwen3", base, "entropy", TEXTS[:1])
    model = loading.load_model(base)
    model.set_attn_implementation("eager")
    with torch.no_grad():
        found = model(torch.tensor([IDS]), output_attentions=True).attentions
    for layer, values in scores.items():
        weights = found[layer][0].tolist()
        focus = [
            sum(1 + sum(p * math.log(p) for p in row[t][: t + 1] if p) / math.log(t + 1) for t in range(1, 6))
            / 5
            for row in weights
        ]
        expected = [(focus[2 * g] + focus[2 * g + 1]) / 2 for g in range(heads.groups)]
        assert values == pytest.approx(expected, rel=1e-4)


def test_gradient_agrees_with_a_finite_difference(tmp_path):
    base = models.save("llama", tmp_path / "base")
    models.save_tokenizer(base)
    heads, scores, _ = _measure("llama", base, "gradient", TEXTS[:1])
    model = loading.load_model(base).double()
    ids = torch.tensor([IDS])

    def loss(layer: int, head: int, factor: float) -> float:
        def hook(module, args):
            scaled = args[0].clone()
            scaled[..., head * heads.size : (head + 1) * heads.size] *= factor
            return (scaled,)

        handle = model.get_submodule(f"model.layers.{layer}.self_attn.o_proj").register_forward_pre_hook(hook)
        with torch.no_grad():
            found = torch.nn.functional.cross_entropy(model(ids).logits[0, :-1], ids[0, 1:])
        handle.remove()
        return float(found)

    for layer in (0, 3):
        slopes = [abs(loss(layer, h, 1.001) - loss(layer, h, 0.999)) / 0.002 for h in range(heads.heads)]
        expected = [(slopes[2 * g] + slopes[2 * g + 1]) / 2 for g in range(heads.groups)]
        assert scores[layer] == pytest.approx(expected, rel=1e-2, abs=1e-5)


def _corpus_stage(tmp_path, **parameters):
    base = models.save("qwen2", tmp_path / "base")
    models.save_tokenizer(base)
    given = {"strategy": "activation-magnitude", "level": 0.25, "calibrationCorpusFile": "calibration.jsonl"}
    stage = models.context("qwen2", base, tmp_path, **{**given, **parameters})
    lines = "".join(json.dumps({"text": text}) + "\n" for text in TEXTS)
    (stage.recipe / "calibration.jsonl").write_text(lines)
    return stage


def test_the_stage_records_its_corpus_and_can_be_replayed_without_torch_deciding(tmp_path):
    stage = _corpus_stage(tmp_path, perLayerNormalized=True, minKvHeadsPerLayer=2)
    first = prune.pad(stage)
    assert first.determinism is Determinism.DEVICE
    assert first.fields["calibrationTokens"] == 14 and first.fields["calibrationExamples"] == 3
    again = replace(
        stage, out=tmp_path / "again", replay=True, parameters={**stage.parameters, **first.fields}
    )
    second = prune.pad(again)
    assert second.determinism is Determinism.BYTES
    assert (again.out / "model.safetensors").read_bytes() == (stage.out / "model.safetensors").read_bytes()


def test_the_same_stage_twice_gives_the_same_selection(tmp_path):
    stage = _corpus_stage(tmp_path)
    first, second = prune.mask(stage), prune.mask(stage)
    assert first == second


def test_a_corpus_with_another_digest_is_refused(tmp_path):
    with pytest.raises(EvidenceMismatchError):
        prune.pad(_corpus_stage(tmp_path, calibrationCorpusSha256="0" * 64))


def test_a_corpus_of_single_tokens_is_refused(tmp_path):
    stage = _corpus_stage(tmp_path)
    (stage.recipe / "calibration.jsonl").write_text('{"text": "a"}\n')
    with pytest.raises(UsageError, match="at least two tokens"):
        prune.pad(stage)
