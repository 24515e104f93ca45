"""Adapters and full training: what they change, what they leave, and that losses and runs repeat."""

import dataclasses
import hashlib
import json
import subprocess
import sys
from pathlib import Path

import pytest

from forge.families import registry
from forge.stages import lora
from forge.stages import train as train_stage
from forge.stages.base import Determinism, StageContext
from forge.tensors.model import ModelFolder, TensorRef, open_model, read
from forge.training import data, loop, losses, merge
from forge.training.data import IGNORED, Order, collate
from forge.training.settings import settings
from tests.unit.forge import tiny_models as tiny
from tests.unit.forge.tiny_models import torch, transformers
from verifier.errors import EvidenceMismatchError, EvidenceMissingError, GuardError, UsageError

pytest.importorskip("peft", reason="needs the extra [forge]")
SLOW = pytest.mark.slow
ROOT = Path(__file__).parents[4]
BASICS = {"dataset": "train.jsonl", "learningRate": "2e-2", "steps": 4, "batchSize": 3, "sequenceLength": 16}


def context(tmp_path, folder, architecture="llama", base=None, **parameters) -> StageContext:
    recipe = tmp_path / "recipe"
    if not (recipe / "train.jsonl").exists():
        tiny.corpus(recipe / "train.jsonl", tiny.texts(12, seed=1))
    (tmp_path / "artifact").mkdir(exist_ok=True)
    return StageContext(
        index=1,
        method="train_adapter",
        parameters={**BASICS, **parameters},
        adapter=registry.get(architecture),
        source_facts={"baseModel": "owner/model"},
        model=folder,
        out=tmp_path / "out",
        base=base or folder,
        artifact=tmp_path / "artifact",
        recipe=recipe,
    )


def tensors(folder):
    return {n: (r.dtype, r.shape, read(r)) for n, r in open_model(folder).tensors.items()}


def changed(a, b):
    one, two = tensors(a), tensors(b)
    assert one.keys() == two.keys()
    assert all(one[n][:2] == two[n][:2] for n in one)
    return {n for n in one if one[n] != two[n]}


def zero_head(folder, head=1, size=8):
    """Take one key-value group out of layer 0 in pad mode, as pruning does."""
    from safetensors.torch import load_file, save_file

    path = folder / "model.safetensors"
    state = load_file(path)
    p = "model.layers.0.self_attn."
    q = slice(head * 2 * size, (head + 1) * 2 * size)
    kv = slice(head * size, (head + 1) * size)
    state[f"{p}q_proj.weight"][q] = 0
    state[f"{p}k_proj.weight"][kv] = 0
    state[f"{p}v_proj.weight"][kv] = 0
    state[f"{p}o_proj.weight"][:, q] = 0
    save_file(state, path, metadata={"format": "pt"})
    return q, kv


# ---- losses


def alone(model, sequences):
    """Summed negative log likelihood, each sequence by itself, token by token from log_softmax."""
    total = 0.0
    for ids in sequences:
        with torch.no_grad():
            rows = torch.log_softmax(model(input_ids=torch.tensor([ids])).logits[0].double(), -1)
        total -= sum(float(rows[i, t]) for i, t in enumerate(ids[1:]))
    return total


SEQUENCES = [(5, 6, 7, 8, 9, 10), (4, 3), (11, 12, 13)]


def test_loss_is_that_of_the_sequences_alone():
    model = tiny.build("llama")
    batch = collate(SEQUENCES, pad=0)
    with torch.no_grad():
        logits = model(input_ids=batch.ids, attention_mask=batch.mask).logits
    assert float(losses.cross_entropy(logits, batch.labels)) == pytest.approx(
        alone(model, SEQUENCES), rel=1e-6
    )
    assert losses.counted(batch.labels) == 5 + 1 + 2


def test_padding_not_masked_in_the_training_loss_is_noticed():
    """Planted fault: labels where padding is. The oracle without padding then disagrees."""
    model = tiny.build("llama")
    batch = collate(SEQUENCES, pad=0)
    unmasked = batch.ids.clone()
    with torch.no_grad():
        logits = model(input_ids=batch.ids, attention_mask=batch.mask).logits
    assert abs(float(losses.cross_entropy(logits, unmasked)) - alone(model, SEQUENCES)) > 1
    assert losses.counted(unmasked) > losses.counted(batch.labels)
    assert (batch.labels == IGNORED).sum() == (batch.mask == 0).sum()


@pytest.mark.parametrize("temperature", [1.0, 2.0, 5.0])
def test_kl_is_the_sum_over_real_positions(temperature):
    student, teacher = tiny.build("llama"), tiny.build("llama", seed=9)
    batch = collate(SEQUENCES, pad=0)
    with torch.no_grad():
        s, t = (m(input_ids=batch.ids, attention_mask=batch.mask).logits for m in (student, teacher))
        found = float(losses.kl_logits(s, t, batch.labels, temperature))
        expected = 0.0
        for ids in SEQUENCES:
            one, two = (m(input_ids=torch.tensor([ids])).logits[0, :-1].double() for m in (student, teacher))
            p, q = (torch.softmax(x / temperature, -1) for x in (two, one))
            expected += float((p * (p.log() - q.log())).sum()) * temperature**2
    assert found == pytest.approx(expected, rel=1e-5)


def test_the_teachers_own_answer_costs_nothing():
    logits = torch.randn(2, 5, 16)
    labels = torch.ones(2, 5, dtype=torch.int64)
    assert float(losses.kl_logits(logits, logits, labels, 2.0)) == pytest.approx(0, abs=1e-6)
    assert float(losses.mse_hidden(logits, logits, labels)) == 0


def test_hidden_distance_leaves_padding_out():
    a, b = torch.randn(1, 4, 8), torch.randn(1, 4, 8)
    labels = torch.tensor([[3, 4, IGNORED, IGNORED]])
    assert float(losses.mse_hidden(a, b, labels)) == pytest.approx(float(((a - b)[0, 0] ** 2).mean()))


def test_accumulation_equals_one_large_batch():
    """Gradients are divided by the tokens of the whole step, however these are spread over batches."""
    windows = [tuple(range(3, 3 + n)) for n in (2, 9, 4, 12)]
    weights = []
    for size, accumulation in ((4, 1), (1, 4), (2, 2)):
        model = tiny.build("llama")
        p = {
            **BASICS,
            "steps": 1,
            "batchSize": size,
            "gradientAccumulation": accumulation,
            "scheduler": "constant",
        }
        how = settings(p, device="cpu", positions=64)
        loop.train(model, windows, how, pad=0, seed=0)
        weights.append(model.model.layers[0].self_attn.q_proj.weight.detach().clone())
    # Adam's first step is the sign of the gradient, so compare loosely where gradients are tiny
    assert all((w - weights[0]).abs().quantile(0.99) < 1e-4 for w in weights)


# ---- order


def test_an_epoch_sees_everything_once():
    order = Order(10, seed=3)
    seen = order.take(7) + order.take(3)
    assert sorted(seen) == list(range(10)) and seen != list(range(10))
    again = Order(10, seed=3)
    assert again.take(10) == seen and again.digest() == order.digest()
    other = Order(10, seed=4)
    other.take(10)
    assert other.digest() != order.digest()


# ---- adapters


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_only_targets_change_and_the_merge_is_exact(tmp_path, dtype):
    folder = tiny.save(tmp_path / "m", "llama", dtype=getattr(torch, dtype))
    ctx = context(tmp_path, folder, rank=4, alpha=8, targetModules=["q_proj", "down_proj"])
    result = lora.run(ctx)
    names = changed(folder, ctx.out)
    assert names == {
        f"model.layers.{i}.{m}.weight" for i in range(2) for m in ("self_attn.q_proj", "mlp.down_proj")
    }
    assert names == set(result.record["targets"])
    assert result.determinism is Determinism.DEVICE
    for name, (_, _, data_) in tensors(ctx.out).items():  # an update of rank 4, up to rounding
        if name in names:
            ref = open_model(folder).tensors[name]
            delta = merge.as_torch(ref, data_).double() - merge.as_torch(ref).double()
            singular = torch.linalg.svdvals(delta)
            assert singular[4] < singular[0] * (1e-5 if dtype == "float32" else 0.2)
    transformers.AutoModelForCausalLM.from_pretrained(ctx.out)(torch.tensor([[3, 4, 5]]))
    assert (ctx.out / "tokenizer.json").read_bytes() == (folder / "tokenizer.json").read_bytes()
    assert json.loads((ctx.out / "config.json").read_text()) == json.loads(
        (folder / "config.json").read_text()
    )


def test_the_merged_model_answers_as_the_adapter_did(tmp_path):
    from peft import PeftModel

    folder = tiny.save(tmp_path / "m", "llama")
    merged = context(tmp_path / "a", folder)
    lora.run(merged)
    apart = context(tmp_path / "b", folder, mergeAfter=False)
    result = lora.run(apart)
    assert result.model is None and not apart.out.exists()
    assert all((apart.artifact / f).is_file() for f in result.files)
    base = transformers.AutoModelForCausalLM.from_pretrained(folder)
    with_adapter = PeftModel.from_pretrained(base, apart.artifact / result.record["adapter"]).eval()
    ids = torch.tensor([[3, 4, 5, 6, 7]])
    with torch.no_grad():
        one = transformers.AutoModelForCausalLM.from_pretrained(merged.out)(ids).logits
        two = with_adapter(ids).logits
        before = transformers.AutoModelForCausalLM.from_pretrained(folder)(ids).logits
    assert torch.allclose(one, two, atol=1e-4)
    assert not torch.allclose(one, before, atol=1e-2)


def test_shards_keep_their_names_and_untouched_ones_their_bytes(tmp_path):
    folder = tiny.save(tmp_path / "m", "llama", shard="20KB")
    ctx = context(tmp_path, folder, targetModules=["model.layers.1.self_attn.v_proj"])
    lora.run(ctx)
    before, after = open_model(folder), open_model(ctx.out)
    assert before.files == after.files and len(before.files) > 2
    differing = [f for f in before.files if (folder / f).read_bytes() != (ctx.out / f).read_bytes()]
    assert differing == [before.tensors["model.layers.1.self_attn.v_proj.weight"].path.name]
    index = "model.safetensors.index.json"
    assert json.loads((folder / index).read_text()) == json.loads((ctx.out / index).read_text())
    assert not [p for p in ctx.out.parent.iterdir() if p.name.startswith(".out")]


def test_defaults_are_the_familys(tmp_path):
    folder = tiny.save(tmp_path / "m", "llama")
    ctx = context(tmp_path, folder)
    record = lora.run(ctx).record
    wanted = registry.get("llama").lora_targets
    assert {t.removesuffix(".weight").rpartition(".")[2] for t in record["targets"]} == set(wanted)
    assert (record["rank"], record["alpha"], record["precision"]) == (16, 32.0, "fp32")


def test_training_lowers_the_loss_and_distillation_nears_the_teacher(tmp_path):
    folder = tiny.save(tmp_path / "m", "llama")
    ctx = context(tmp_path / "a", folder, steps=30, learningRate=1e-2, scheduler="constant")
    record = lora.run(ctx).record
    assert record["lastLoss"] < record["firstLoss"] * 0.9
    pruned = tiny.save(tmp_path / "p", "llama")
    zero_head(pruned)
    kd = context(
        tmp_path / "b",
        pruned,
        base=folder,
        teacher="owner/model",
        lossType="kl_logits",
        kdTemperature=2.0,
        steps=30,
        learningRate=1e-2,
    )
    record = lora.run(kd).record
    assert record["lastLoss"] < record["firstLoss"] * 0.7


def test_the_ablation_runs(tmp_path):
    folder, pruned = tiny.save(tmp_path / "m", "llama"), tiny.save(tmp_path / "p", "llama")
    zero_head(pruned)
    ctx = context(tmp_path, pruned, base=folder, teacher="base", lossType="mse_hidden")
    assert lora.run(ctx).record["lossType"] == "mse_hidden"


def test_a_teacher_beside_the_recipe_is_found_and_others_are_not_fetched(tmp_path):
    folder = tiny.save(tmp_path / "m", "llama")
    tiny.save(tmp_path / "recipe" / "teacher", "llama", seed=5)
    ctx = context(tmp_path, folder, teacher="teacher", lossType="kl_logits", kdTemperature=1)
    assert lora.run(ctx).record["firstLoss"] > 0.01
    for other in ("someone/else", "../m", str(folder)):
        with pytest.raises(EvidenceMissingError, match="teacher"):
            lora.run(dataclasses.replace(ctx, parameters={**ctx.parameters, "teacher": other}))


def test_dead_heads_stay_dead(tmp_path):
    folder = tiny.save(tmp_path / "m", "llama")
    q, kv = zero_head(folder)
    targets = ["q_proj", "k_proj", "v_proj", "o_proj"]
    kept = context(tmp_path / "a", folder, targetModules=targets, weightDecay=0.1)
    lora.run(kept)
    full = context(tmp_path / "b", folder, learningRate=1e-3, weightDecay=0.1)
    train_stage.run(full)
    for out in (kept.out, full.out):
        model = open_model(out)
        p = "model.layers.0.self_attn."
        assert not merge.as_torch(model.tensors[f"{p}q_proj.weight"])[q].any()
        assert not merge.as_torch(model.tensors[f"{p}k_proj.weight"])[kv].any()
        assert not merge.as_torch(model.tensors[f"{p}v_proj.weight"])[kv].any()
        assert not merge.as_torch(model.tensors[f"{p}o_proj.weight"])[:, q].any()
        assert merge.as_torch(model.tensors[f"{p}q_proj.weight"]).any()
    revived = context(tmp_path / "c", folder, targetModules=targets, keepPruned=False)
    lora.run(revived)
    assert merge.as_torch(open_model(revived.out).tensors[f"{p}v_proj.weight"])[kv].any()


@pytest.mark.parametrize(
    "architecture",
    [
        "qwen3_vl",
        pytest.param("qwen3_5", marks=SLOW),
        pytest.param("qwen3_vl_moe", marks=SLOW),
        "qwen3_5_moe",
    ],
)
def test_towers_are_left_alone(tmp_path, architecture):
    from forge.families import guard

    folder = tiny.save(tmp_path / "m", architecture)
    before = guard.build(registry.get(architecture), open_model(folder))
    ctx = context(tmp_path, folder, architecture, steps=2)
    lora.run(ctx)
    guard.verify(before, open_model(ctx.out))
    names = changed(folder, ctx.out)
    assert names and not any(n.startswith(registry.get(architecture).guarded) for n in names)
    with pytest.raises(GuardError):
        lora.run(
            dataclasses.replace(
                ctx, parameters={**ctx.parameters, "targetModules": ["visual.blocks.0.attn.qkv"]}
            )
        )


@pytest.mark.parametrize(
    "architecture",
    [
        "qwen3_moe",
        "deepseek_v3",
        "gpt_oss",
        *(pytest.param(a, marks=SLOW) for a in ("granitemoe", "phimoe", "mixtral")),
    ],
)
def test_mixtures_of_experts_are_trained_around_their_experts(tmp_path, architecture):
    folder = tiny.save(tmp_path / "m", architecture)
    ctx = context(tmp_path, folder, architecture, steps=2)
    lora.run(ctx)
    names = changed(folder, ctx.out)
    assert names and all("self_attn" in n for n in names)


def test_quantised_training_merges_into_the_original_weights(tmp_path):
    pytest.importorskip("bitsandbytes", reason="needs the extra [bnb]")
    folder = tiny.save(tmp_path / "m", "llama", dtype=torch.bfloat16)
    ctx = context(
        tmp_path, folder, quantize=True, quantizeBits=4, learningRate=1e-3, steps=2, precision="bf16"
    )
    result = lora.run(ctx)
    assert changed(folder, ctx.out) == set(result.record["targets"])
    ref = open_model(folder).tensors["model.layers.0.self_attn.q_proj.weight"]
    delta = merge.as_torch(open_model(ctx.out).tensors[ref.name]).float() - merge.as_torch(ref).float()
    assert delta.abs().max() < 0.05  # an update on the stored weights, not on their 4-bit rounding


@pytest.mark.parametrize("precision", ["bf16", pytest.param("fp16", marks=SLOW)])
def test_other_precisions(tmp_path, precision):
    folder = tiny.save(tmp_path / "m", "llama", dtype=torch.bfloat16)
    ctx = context(
        tmp_path, folder, precision=precision, optimizations=["gradient_checkpointing", "flash_attention"]
    )
    record = lora.run(ctx).record
    assert record["precision"] == precision and record["gradientCheckpointing"]
    assert record["optimizationsNotUsed"] == ["flash_attention"]


def test_names_in_memory_find_their_names_on_disk():
    def folder(*names):
        refs = {n: TensorRef(n, "F32", (4, 4), Path("x"), 0, 64) for n in names}
        return ModelFolder(root=Path(), tensors=refs, files=(), config={}, metadata={})

    tail = "layers.1.self_attn.q_proj.weight"
    guarded = ("talker.", "thinker.visual.")
    omni = folder(f"thinker.model.{tail}", f"talker.model.{tail}")
    assert merge.disk_name(omni, f"model.{tail}", (4, 4), guarded) == f"thinker.model.{tail}"
    assert merge.disk_name(omni, f"model.{tail}", (4, 4)) is None  # two could be it
    assert merge.disk_name(omni, f"model.{tail}", (4, 5), guarded) is None
    old = folder(f"model.{tail}", f"vision.{tail}")
    assert merge.disk_name(old, f"model.language_model.{tail}", (4, 4)) is None
    assert merge.disk_name(old, f"model.language_model.{tail}", (4, 4), ("vision.",)) == f"model.{tail}"
    assert merge.disk_name(old, f"model.{tail}", (4, 4)) == f"model.{tail}"
    assert merge.disk_name(old, "lm_head.weight", (4, 4)) is None


# ---- full training


def test_everything_is_trained_and_written_under_its_own_names(tmp_path):
    folder = tiny.save(tmp_path / "m", "qwen3_moe", dtype=torch.bfloat16)
    ctx = context(tmp_path, folder, "qwen3_moe", learningRate=1e-3)
    train_stage.run(ctx)
    names = changed(folder, ctx.out)
    assert any(".experts.3.up_proj" in n for n in names) and "model.layers.0.mlp.gate.weight" in names
    transformers.AutoModelForCausalLM.from_pretrained(ctx.out)(torch.tensor([[3, 4, 5]]))


def test_full_training_can_be_limited(tmp_path):
    folder = tiny.save(tmp_path / "m", "llama")
    ctx = context(tmp_path, folder, targetModules=["mlp.up_proj"], learningRate=1e-3)
    train_stage.run(ctx)
    assert changed(folder, ctx.out) == {f"model.layers.{i}.mlp.up_proj.weight" for i in range(2)}
    with pytest.raises(UsageError, match="targetModules"):
        train_stage.run(dataclasses.replace(ctx, parameters={**ctx.parameters, "targetModules": ["nothing"]}))


def test_full_training_leaves_towers_and_special_rows(tmp_path):
    from forge.families import guard

    folder = tiny.save(tmp_path / "m", "qwen3_vl")
    before = guard.build(registry.get("qwen3_vl"), open_model(folder))
    ctx = context(tmp_path, folder, "qwen3_vl", steps=2, learningRate=1e-2, weightDecay=0.1)
    train_stage.run(ctx)
    guard.verify(before, open_model(ctx.out))
    assert "model.language_model.embed_tokens.weight" in changed(folder, ctx.out)


# ---- refusals


def test_missing_and_other_data_are_errors(tmp_path):
    folder = tiny.save(tmp_path / "m", "llama")
    with pytest.raises(EvidenceMissingError, match="wikitext-2"):
        lora.run(context(tmp_path, folder, dataset="wikitext-2"))
    with pytest.raises(UsageError, match="dataset"):
        lora.run(context(tmp_path, folder, dataset=None))
    with pytest.raises(EvidenceMismatchError):
        lora.run(context(tmp_path, folder, datasetSha256="f" * 64))
    with pytest.raises(UsageError, match="no such module"):
        lora.run(context(tmp_path, folder, targetModules=["w_proj"]))


def test_a_loss_that_is_no_number_stops_the_run(tmp_path):
    folder = tiny.save(tmp_path / "m", "llama")
    ctx = context(tmp_path, folder, learningRate=1e30, steps=5, maxGradientNorm=1e9)
    with pytest.raises(UsageError, match="finite loss"):
        train_stage.run(ctx)
    assert not ctx.out.exists()


# ---- determinism

_RUN = """
import sys
from pathlib import Path
from tests.unit.forge.training import test_training as t
print(t.forge_both(Path(sys.argv[1]), Path(sys.argv[2]), 7))
"""


def forge_both(root: Path, folder: Path, seed: int) -> list[str]:
    """Digests of what an adapter with dropout and a full training make, and of their data order."""
    found = []
    for kind, body in (("lora", lora), ("train", train_stage)):
        ctx = dataclasses.replace(context(root / kind, folder, dropout=0.1, steps=3), seed=seed)
        record = body.run(ctx).record
        digest = hashlib.sha256((ctx.out / "model.safetensors").read_bytes()).hexdigest()
        found += [digest, record["dataOrderSha256"]]
    return found


def test_two_processes_give_the_same_bytes(tmp_path):
    folder = tiny.save(tmp_path / "m", "llama", dtype=torch.bfloat16)
    here, other = forge_both(tmp_path / "a", folder, 7), forge_both(tmp_path / "b", folder, 8)
    done = subprocess.run(
        [sys.executable, "-c", _RUN, str(tmp_path / "c"), str(folder)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == str(here)
    assert not set(here) & set(other)


def test_switches_are_put_back(tmp_path):
    from forge.training.determinism import deterministic

    before = torch.get_rng_state()
    with deterministic(3) as record:
        assert torch.are_deterministic_algorithms_enabled() and record["seed"] == 3
        torch.rand(4)
    assert not torch.are_deterministic_algorithms_enabled()
    assert torch.equal(before, torch.get_rng_state())


def test_encoding_beyond_the_vocabulary_is_an_error():
    from verifier.errors import DocumentError

    with pytest.raises(DocumentError, match="vocabulary of 5"):
        data.encode(["the cat dog tree"], tiny.tokenizer(), 5)
