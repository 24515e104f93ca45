"""Counts and saliencies against what transformers' own router outputs say, family by family."""

import dataclasses
import json

import pytest

from forge.families import registry
from forge.families.layouts import names as layout_names
from forge.profile import counting, routers
from forge.stages import expert_activation_profile as stage
from forge.stages.base import Determinism, StageContext
from forge.training import data
from tests.unit.forge import tiny_models as tiny
from tests.unit.forge.tiny_models import torch, transformers
from verifier.errors import (
    DocumentError,
    EvidenceMismatchError,
    EvidenceMissingError,
    RegistryError,
    UsageError,
)

METRIC = {"calibrationCorpus": "words", "calibrationCorpusFile": "calibration/words.jsonl"}


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    root, made = tmp_path_factory.mktemp("moe"), {}

    def get(architecture):
        if architecture not in made:
            made[architecture] = tiny.save(root / architecture, architecture)
        return made[architecture]

    return get


def context(tmp_path, folder, architecture, lines=None, **parameters) -> StageContext:
    recipe = tmp_path / "recipe"
    recipe.mkdir(exist_ok=True)
    if lines is not None:
        tiny.corpus(recipe / "calibration/words.jsonl", lines)
    return StageContext(
        index=0,
        method="profile_router_activations",
        parameters={**METRIC, **parameters},
        adapter=registry.get(architecture),
        source_facts={},
        model=folder,
        out=tmp_path / "out",
        base=folder,
        artifact=tmp_path / "artifact",
        recipe=recipe,
    )


def measured(ctx: StageContext):
    result = stage.run(ctx)
    document = json.loads((ctx.artifact / result.fields["importanceFile"]).read_text())
    return {int(k): v for k, v in document["layers"].items()}, result


def choices_by_hand(architecture, logits, module, config):
    """Which experts a router's logits choose, written from the papers, not from the library's code."""
    text = config.get_text_config()
    k = text.num_experts_per_tok
    if architecture == "phimoe":  # one after the other: the best, then the best of the others
        first = logits.argmax(-1)
        second = logits.scatter(-1, first[:, None], float("-inf")).argmax(-1)
        return torch.stack([first, second], -1)
    if architecture in ("deepseek_v3", "glm4_moe"):
        judged = logits.float().sigmoid() + module.e_score_correction_bias
        return grouped(judged, text.n_group, text.topk_group, k, lambda g: g.topk(2, -1).values.sum(-1))
    if architecture == "deepseek_v2":
        judged = logits.float().softmax(-1)
        return grouped(judged, text.n_group, text.topk_group, k, lambda g: g.max(-1).values)
    return logits.topk(k, -1).indices


def grouped(judged, groups, kept, k, worth):
    rows = []
    for row in judged:
        parts = row.reshape(groups, -1)
        best = set(worth(parts).topk(kept).indices.tolist())
        size = parts.shape[1]
        allowed = torch.tensor([e // size in best for e in range(row.numel())])
        rows.append(row.masked_fill(~allowed, float("-inf")).topk(k).indices)
    return torch.stack(rows)


def encoded(folder, lines):
    """By the tokenizer that transformers makes of the folder's files; some families add rules of theirs."""
    encoder = transformers.AutoTokenizer.from_pretrained(folder)
    return [encoder(line)["input_ids"] for line in lines]


def counts_by_hand(architecture, folder, lines):
    """Each text alone, without padding: router inputs are caught, logits and choices made by hand."""
    from forge.loading import load_model

    model = load_model(folder)
    found = {}
    for name, module in model.named_modules():
        if type(module).__name__.lower().endswith("router"):
            found[int(name.split("layers.")[1].split(".")[0])] = module
    counts = {layer: [0] * tiny.EXPERTS for layer in sorted(found)}
    seen = {}
    for layer, module in found.items():
        module.register_forward_hook(lambda m, a, o, layer=layer: seen.__setitem__(layer, a[0]))
    for sequence in encoded(folder, lines):
        ids = torch.tensor([sequence])
        with torch.no_grad():
            model(input_ids=ids)
        for layer, module in found.items():
            hidden = seen[layer].reshape(-1, seen[layer].shape[-1])
            bias = getattr(module, "bias", None)
            logits = hidden @ module.weight.T + (bias if bias is not None else 0)
            for row in choices_by_hand(architecture, logits, module, model.config).tolist():
                for expert in row:
                    counts[layer][expert] += 1
    return counts


@pytest.mark.parametrize("architecture", tiny.MOE)
def test_counts_are_those_of_the_router_logits(architecture, folders, tmp_path):
    lines = tiny.texts(6, seed=3)
    folder = folders(architecture)
    ctx = context(tmp_path, folder, architecture, lines, metricVersion="v1.activation_count", batchSize=4)
    scores, result = measured(ctx)
    assert scores == counts_by_hand(architecture, folder, lines)
    tokens = sum(map(len, encoded(folder, lines)))
    assert result.record["tokens"] == tokens == result.fields["calibrationTokens"]
    for row in scores.values():
        assert sum(row) == tokens * 2 and len(set(row)) > 1
    assert result.determinism is Determinism.DEVICE and result.model is None


@pytest.mark.parametrize("architecture", ["qwen3_moe", "mixtral", "gpt_oss", "granitemoe"])
def test_counts_are_those_of_output_router_logits(architecture, folders, tmp_path):
    from forge.loading import load_model

    lines = tiny.texts(5, seed=4)
    folder = folders(architecture)
    scores, _ = measured(context(tmp_path, folder, architecture, lines, metricVersion="v1.activation_count"))
    model, encoder = load_model(folder), tiny.tokenizer()
    for layer in scores:
        expected = torch.zeros(tiny.EXPERTS, dtype=torch.int64)
        for line in lines:
            with torch.no_grad():
                out = model(input_ids=torch.tensor([encoder(line)["input_ids"]]), output_router_logits=True)
            chosen = out.router_logits[layer].reshape(-1, tiny.EXPERTS).topk(2, -1).indices
            expected += torch.bincount(chosen.reshape(-1), minlength=tiny.EXPERTS)
        assert scores[layer] == expected.tolist()


@pytest.mark.parametrize(
    "architecture",
    ["qwen3_moe", "deepseek_v3", "phimoe", pytest.param("qwen3_5_moe", marks=pytest.mark.slow)],
)
def test_counts_do_not_depend_on_order_or_batch_size(architecture, folders, tmp_path):
    lines = tiny.texts(9, seed=5)
    results = []
    for i, (order, size) in enumerate([(lines, 1), (lines[::-1], 1), (lines, 4), (lines[3:] + lines[:3], 9)]):
        folder = tmp_path / str(i)
        folder.mkdir()
        ctx = context(
            folder,
            folders(architecture),
            architecture,
            order,
            metricVersion="v1.activation_count",
            batchSize=size,
        )
        results.append(measured(ctx)[0])
    assert all(r == results[0] for r in results)


def test_padding_that_is_counted_is_noticed(folders, monkeypatch, tmp_path):
    """Planted fault: padding not masked. A mask of ones counts pad positions, and the oracle sees it."""
    lines = ["the cat", "the dog sees a big red house in the tree"]
    folder = folders("mixtral")
    real = data.collate

    def unmasked(sequences, pad, counted_from=None):
        batch = real(sequences, pad, counted_from)
        return dataclasses.replace(batch, mask=torch.ones_like(batch.mask))

    monkeypatch.setattr(data, "collate", unmasked)
    ctx = context(tmp_path, folder, "mixtral", lines, metricVersion="v1.activation_count", batchSize=2)
    scores, result = measured(ctx)
    assert scores != counts_by_hand("mixtral", folder, lines)
    assert result.record["tokens"] > sum(len(line.split()) for line in lines)


def reap_by_hand(folder, lines):
    """Equation 9 of arXiv 2510.13999 for a Qwen3 mixture of experts, from its weights, expert by expert."""
    from forge.loading import load_model

    model, encoder = load_model(folder, experts="eager"), tiny.tokenizer()
    terms = {}

    def watch(layer):
        def hook(module, args):
            hidden, block = args[0].reshape(-1, args[0].shape[-1]), model.model.layers[layer].mlp
            probabilities = (hidden @ block.gate.weight.T).softmax(-1)
            top = probabilities.topk(2, -1)
            gates = top.values / top.values.sum(-1, keepdim=True) if block.gate.norm_topk_prob else top.values
            for t, (ids, weights) in enumerate(zip(top.indices.tolist(), gates.tolist(), strict=True)):
                for e, g in zip(ids, weights, strict=True):
                    gate, up = (block.experts.gate_up_proj[e] @ hidden[t]).chunk(2)
                    answer = block.experts.down_proj[e] @ (torch.nn.functional.silu(gate) * up)
                    terms.setdefault((layer, e), []).append(g * float(answer.norm()))

        return hook

    for layer in range(2):
        model.model.layers[layer].mlp.register_forward_pre_hook(watch(layer))
    for line in lines:
        with torch.no_grad():
            model(input_ids=torch.tensor([encoder(line)["input_ids"]]))
    return {
        layer: [
            sum(terms.get((layer, e), [])) / max(1, len(terms.get((layer, e), [])))
            for e in range(tiny.EXPERTS)
        ]
        for layer in range(2)
    }


def test_reap_is_the_mean_of_gate_times_norm(folders, tmp_path):
    lines = tiny.texts(6, seed=6)
    folder = folders("qwen3_moe")
    scores, result = measured(
        context(tmp_path, folder, "qwen3_moe", lines, metricVersion="v1.reap", batchSize=3)
    )
    expected = reap_by_hand(folder, lines)
    for layer, row in scores.items():
        assert row == pytest.approx(expected[layer], rel=1e-5)
    assert result.record["metric"] == "reap"


@pytest.mark.parametrize("architecture", tiny.MOE)
def test_reap_runs_in_every_family(architecture, folders, tmp_path):
    lines = tiny.texts(3, seed=7)
    scores, _ = measured(
        context(tmp_path, folders(architecture), architecture, lines, metricVersion="v1.reap")
    )
    assert all(any(v > 0 for v in row) and all(v >= 0 for v in row) for row in scores.values())


@pytest.mark.parametrize("architecture", tiny.MOE)
def test_router_norms_equal_torch(architecture, folders, tmp_path):
    from safetensors.torch import load_file

    folder = folders(architecture)
    scores, result = measured(context(tmp_path, folder, architecture, metricVersion="v1.router_gate_l2"))
    tensors = load_file(folder / "model.safetensors")
    layout = registry.get(architecture).layout
    for layer, row in scores.items():
        form = next(f for f in (layout, *layout.alternatives) if f.router_name(layer) in tensors)
        assert row == pytest.approx(tensors[form.router_name(layer)].double().norm(dim=1).tolist(), rel=1e-12)
    assert result.determinism is Determinism.BYTES
    assert result.fields["importanceFile"] in result.files


def test_the_published_name_of_the_norm_still_counts(folders, tmp_path):
    ctx = context(tmp_path, folders("olmoe"), "olmoe", metric="router_gate_l2_norm")
    assert measured(ctx)[1].record["metric"] == "router_gate_l2"


def test_a_missing_corpus_is_an_error(folders, tmp_path):
    ctx = context(tmp_path, folders("olmoe"), "olmoe", metricVersion="v1.activation_count")
    with pytest.raises(EvidenceMissingError, match=r"calibration/words\.jsonl"):
        stage.run(ctx)


def test_an_unnamed_corpus_is_an_error(folders, tmp_path):
    ctx = context(tmp_path, folders("olmoe"), "olmoe", metricVersion="v1.reap", calibrationCorpusFile=None)
    with pytest.raises(UsageError, match="calibrationCorpusFile"):
        stage.run(ctx)


def test_another_corpus_is_an_error(folders, tmp_path):
    ctx = context(
        tmp_path,
        folders("olmoe"),
        "olmoe",
        ["the cat"],
        metricVersion="v1.activation_count",
        calibrationCorpusSha256="0" * 64,
    )
    with pytest.raises(EvidenceMismatchError, match="0000"):
        stage.run(ctx)


@pytest.mark.parametrize("version", ["v1.gradient", "v1.embedding_activation_count", "v1"])
def test_an_unknown_metric_is_refused(version, folders, tmp_path):
    with pytest.raises(UsageError, match="activation_count, router_gate_l2, reap"):
        stage.run(context(tmp_path, folders("olmoe"), "olmoe", ["the cat"], metricVersion=version))


def test_a_selection_is_written_where_k_is_known(folders, tmp_path):
    ctx = context(
        tmp_path,
        folders("qwen3_moe"),
        "qwen3_moe",
        tiny.texts(6),
        metricVersion="v1.activation_count",
        keepExperts=5,
    )
    scores, result = measured(ctx)
    chosen = json.loads((ctx.artifact / result.fields["selectionFile"]).read_text())
    rows = chosen.get("layers") or chosen["kept"]
    for layer, row in scores.items():
        best = sorted(sorted(range(8), key=lambda e: (-row[e], e))[:5])
        assert rows[str(layer)] == best


def test_a_recorded_importance_is_replayed(folders, tmp_path):
    ctx = context(tmp_path, folders("olmoe"), "olmoe", tiny.texts(3), metricVersion="v1.activation_count")
    _, first = measured(ctx)
    again = dataclasses.replace(
        ctx, replay=True, parameters={**ctx.parameters, **first.fields}, model=tmp_path / "no-model"
    )
    result = stage.run(again)
    assert result.determinism is Determinism.BYTES
    assert result.fields["importanceSha256"] == first.fields["importanceSha256"]
    (ctx.artifact / first.fields["importanceFile"]).write_text("{}")
    with pytest.raises(EvidenceMismatchError):
        stage.run(again)


def test_every_layout_has_a_router_hook():
    from forge.families import layouts

    for name in layout_names():
        assert routers.of(layouts.get(name)).routers


def test_a_second_hook_for_a_layout_is_refused():
    with pytest.raises(RegistryError, match="taken"):
        routers.register("unfused-experts", routers.RouterHook(routers=("x",), experts="y"))


def test_a_module_that_only_looks_like_a_router_is_refused(folders, monkeypatch, tmp_path):
    """The hooked module has to hold the checkpoint's numbers."""
    from forge import loading

    real = loading.load_model

    def changed(*args, **options):
        model = real(*args, **options)
        with torch.no_grad():
            model.model.layers[1].mlp.gate.weight[0, 0] += 1
        return model

    monkeypatch.setattr(loading, "load_model", changed)
    ctx = context(
        tmp_path, folders("qwen3_moe"), "qwen3_moe", ["the cat"], metricVersion="v1.activation_count"
    )
    with pytest.raises(DocumentError, match=r"layers\.1\.mlp\.gate"):
        stage.run(ctx)


def test_a_router_that_answers_otherwise_is_refused(folders, tmp_path):
    from forge.loading import load_model

    model = load_model(folders("qwen3_moe"))
    hook = routers.RouterHook(routers=("mlp.gate",), experts="mlp.experts", indices=1)
    places = routers.locate(hook, [0, 1], dict(model.named_modules()))
    batches = [data.collate([(1, 2, 3)], 0)]
    with pytest.raises(DocumentError, match="position 1"):
        counting.tally(model, places, hook, {0: 8, 1: 8}, batches)
