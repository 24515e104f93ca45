"""Dispatch: every stage finds its method or a reason why there is none."""

import pytest

from forge.families import dispatch, registry
from forge.families.adapter import FamilyAdapter
from forge.stages import kinds
from verifier.errors import DocumentError, RegistryError


def resolve(architecture, **stage):
    return dispatch.resolve_stage(architecture, 1, stage)


def test_stages_resolve_in_order_with_adapter_method_and_parameters():
    alloy = {
        "source": {"architecture": "olmoe"},
        "stages": [
            {"type": "expert-activation-profile", "calibrationCorpus": "c", "notes": "prose"},
            {"type": "expert-prune", "keepExpertsPerLayer": 3},
            {"type": "quant", "format": "gguf"},
        ],
    }
    found = dispatch.resolve(alloy)
    assert [(r.index, r.stage_type, r.adapter, r.method) for r in found] == [
        (0, "expert-activation-profile", "olmoe", "profile_router_activations"),
        (1, "expert-prune", "olmoe", "prune_experts_unfused"),
        (2, "quant", "olmoe", "quantise_gguf"),
    ]
    assert found[0].parameters == {"calibrationCorpus": "c"}
    assert alloy["stages"][0]["type"] == "expert-activation-profile"


def test_experts_cannot_be_pruned_from_a_dense_family():
    refusal = resolve("qwen2", type="expert-prune")
    assert isinstance(refusal, dispatch.Refusal)
    assert (refusal.code, refusal.pointer) == ("unsupported-stage", "/stages/1/type")
    assert "a dense family has no experts" in refusal.message
    assert "forge/families/qwen2.py" in refusal.remedy


def test_a_language_only_family_takes_no_vision_in():
    refusal = resolve("llama", type="modality", modality="vision")
    assert "language-only" in refusal.message


def test_a_vision_family_without_ears_names_what_it_can_take_in():
    refusal = resolve("qwen3_vl", type="modality", modality="audio")
    assert (refusal.code, refusal.expected) == ("unsupported-variant", "one of vision")
    assert refusal.pointer == "/stages/1/modality"


def test_latent_attention_has_no_heads_to_prune():
    assert isinstance(resolve("deepseek_v2", type="prune", level=0), dispatch.Refusal)


def test_an_unknown_type_lists_the_known_ones_and_a_close_one():
    refusal = resolve("qwen2", type="prunee")
    assert refusal.code == "unknown-stage-type"
    assert all(name in refusal.expected for name in kinds.names())
    assert "did you mean prune?" in refusal.message


@pytest.mark.parametrize("value", [None, 3, ["prune"], {"a": 1}, True])
def test_a_type_of_the_wrong_type_is_refused(value):
    assert resolve("qwen2", type=value).code == "unknown-stage-type"


def test_an_unknown_architecture_is_a_refusal_at_the_source():
    refusal = resolve("gpt5", type="train")
    assert (refusal.code, refusal.pointer) == ("unknown-architecture", "/source/architecture")


@pytest.mark.parametrize(
    ("stage", "method"),
    [
        ({"type": "prune"}, "mask_heads"),
        ({"type": "prune", "defragMode": "pad"}, "prune_heads_pad"),
        ({"type": "prune", "defragMode": "slice"}, "prune_heads_slice"),
        ({"type": "lora"}, "train_adapter"),
        ({"type": "lora", "teacher": "x"}, "distil_adapter"),
        ({"type": "quant", "format": "mlx"}, "quantise_mlx"),
        ({"type": "quant", "format": "bnb"}, "quantise_bnb"),
        ({"type": "package", "format": "safetensors-defragged"}, "package_safetensors_defragged"),
    ],
    ids=lambda v: str(v),
)
def test_variants_have_methods_of_their_own(stage, method):
    assert resolve("qwen2", **stage).method == method


@pytest.mark.parametrize("value", ["zip", "", None, 7, "gguf/mlx"])
def test_an_unknown_quantisation_format_is_refused_with_the_known_ones(value):
    refusal = resolve("qwen2", type="quant", format=value)
    assert refusal.code == "unsupported-variant"
    assert refusal.expected == "one of awq, bnb, gguf, gptq, mlx"


def test_a_stage_that_needs_family_knowledge_counts_only_if_the_family_declares_it():
    bare = FamilyAdapter(architecture="bare")
    for kind in kinds.KINDS.values():
        variant = next(iter(kind.shared), "")
        stage = {"type": kind.name, kind.variant_field: variant} if variant else {"type": kind.name}
        found = dispatch.resolve_with(bare, 0, stage)
        assert isinstance(found, dispatch.Refusal) == kind.needs_family, kind.name


def test_hybrid_families_leave_linear_attention_out():
    for name in registry.names():
        adapter = registry.get(name)
        if adapter.hybrid_attention and "prune/pad" in adapter.methods:
            assert "full_attention" in adapter.methods["prune/pad"]


@pytest.mark.parametrize(
    ("alloy", "pointer"),
    [
        ({}, "/source"),
        ({"source": []}, "/source"),
        ({"source": {"architecture": 3}}, "/source/architecture"),
        ({"source": {"architecture": "qwen2"}}, "/stages"),
        ({"source": {"architecture": "qwen2"}, "stages": []}, "/stages"),
        ({"source": {"architecture": "qwen2"}, "stages": {"a": 1}}, "/stages"),
        ({"source": {"architecture": "qwen2"}, "stages": [3]}, "/stages/0"),
        (
            {"source": {"architecture": "qwen2"}, "stages": [{"type": "train"}, {"type": "x"}]},
            "/stages/1/type",
        ),
    ],
    ids=lambda v: str(v)[:60],
)
def test_a_document_that_cannot_be_dispatched_is_refused_with_its_pointer(alloy, pointer):
    with pytest.raises(DocumentError) as caught:
        dispatch.resolve(alloy)
    assert caught.value.pointer == pointer


def test_resolve_names_an_unknown_architecture():
    with pytest.raises(RegistryError, match="gpt5"):
        dispatch.resolve({"source": {"architecture": "gpt5"}, "stages": [{"type": "train"}]})
