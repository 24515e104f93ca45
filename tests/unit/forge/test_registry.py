"""The family registry: exact names, no second owner, useful refusals."""

import subprocess
import sys

import pytest

from forge.families import layouts, registry
from forge.families.adapter import FamilyAdapter
from verifier.errors import RegistryError

FAMILIES = tuple(registry.TABLE)


def test_all_families_are_registered_under_their_exact_names():
    dense = {"llama", "mistral", "qwen2", "qwen3", "qwen3_5", "qwen2_5_vl", "qwen3_vl", "qwen2_5_omni"}
    experts = {"qwen3_moe", "qwen3_5_moe", "olmoe", "mixtral", "phimoe", "granitemoe", "qwen3_vl_moe"}
    experts |= {"deepseek_v2", "deepseek_v3", "glm4_moe", "gpt_oss"}
    assert set(registry.names()) == dense | experts
    assert list(registry.names()) == sorted(registry.names())


@pytest.mark.parametrize("name", FAMILIES)
def test_the_table_leads_to_the_adapter_of_that_name(name):
    assert registry.get(name).architecture == name


@pytest.mark.parametrize("name", ["Qwen2", "qwen2 ", "qwen", "", "../qwen2", "qwen2:ADAPTER"])
def test_a_name_that_is_not_exact_is_unknown(name):
    with pytest.raises(RegistryError):
        registry.get(name)


def test_an_unknown_name_lists_all_suggests_close_ones_and_says_how_to_add():
    with pytest.raises(RegistryError) as caught:
        registry.get("qwen3_mo")
    assert all(name in str(caught.value) for name in FAMILIES)
    assert "did you mean qwen3_moe" in str(caught.value)
    assert "forge/families/<architecture>.py" in caught.value.remedy


def test_a_second_adapter_under_a_taken_name_is_refused_and_changes_nothing():
    table = registry.FamilyRegistry({"qwen2": "forge.families.qwen2:ADAPTER"})
    before = (table.names(), table.get("qwen2"))
    with pytest.raises(RegistryError, match="expected a free name"):
        table.register(FamilyAdapter(architecture="qwen2"))
    assert (table.names(), table.get("qwen2")) == before


def test_a_taken_name_is_refused_before_its_lazy_adapter_was_ever_imported():
    table = registry.FamilyRegistry({"qwen2": "forge.families.qwen2:ADAPTER"})
    with pytest.raises(RegistryError, match=r"taken by forge\.families\.qwen2:ADAPTER"):
        table.register(FamilyAdapter(architecture="qwen2"))


def test_the_same_new_name_cannot_be_registered_twice():
    table = registry.FamilyRegistry()
    adapter = table.register(FamilyAdapter(architecture="novel"))
    with pytest.raises(RegistryError):
        table.register(FamilyAdapter(architecture="novel"))
    assert table.get("novel") is adapter


@pytest.mark.parametrize(
    "target",
    ["forge.families.nowhere:ADAPTER", "forge.families.qwen2:OTHER", "forge.families.qwen3:ADAPTER"],
    ids=["no module", "no attribute", "another family's adapter"],
)
def test_a_table_line_that_does_not_lead_to_its_adapter_is_an_error(target):
    table = registry.FamilyRegistry({"qwen2": target})
    with pytest.raises(RegistryError, match="expected"):
        table.get("qwen2")


def test_an_expert_method_without_a_layout_is_refused():
    with pytest.raises(RegistryError, match="expected an expert layout"):
        FamilyAdapter(architecture="novel", methods={"expert-prune": "prune_experts"})


@pytest.mark.parametrize("architecture", ["Novel", "no-vel", "", "1x"])
def test_a_malformed_architecture_is_refused(architecture):
    with pytest.raises(RegistryError, match="architecture"):
        FamilyAdapter(architecture=architecture)


@pytest.mark.parametrize("name", FAMILIES)
def test_every_mixture_of_experts_names_its_layout(name):
    adapter = registry.get(name)
    assert adapter.is_moe == ("expert-prune" in adapter.methods)
    if adapter.layout:
        assert layouts.get(adapter.layout.name) is adapter.layout
        assert name in adapter.layout.example_families


def test_layouts_name_their_tensors():
    assert layouts.UNFUSED.tensors_per_expert == 3
    assert layouts.GRANITE_FUSED.tensors_per_expert == 0
    assert layouts.UNFUSED.expert_names(2, 5)[1] == "model.layers.2.mlp.experts.5.up_proj.weight"
    with pytest.raises(RegistryError, match="expert layout"):
        layouts.get("fused")


def test_dispatch_imports_neither_torch_nor_numpy_and_only_the_family_asked_for():
    code = (
        "import sys; from forge.families import dispatch;"
        "dispatch.resolve_stage('olmoe', 0, {'type': 'expert-prune'});"
        "print(sorted(m for m in sys.modules if m in ('torch', 'numpy', 'transformers')"
        " or m.startswith('forge.families.') and m.rsplit('.', 1)[1] in sys.argv[1:]))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, *FAMILIES], capture_output=True, text=True, check=True, timeout=60
    )
    assert done.stdout.strip() == "['forge.families.olmoe']"
