"""Planted faults of head pruning: each is caught, by the oracle or by the check that names it."""

from dataclasses import replace

import pytest

torch = pytest.importorskip("torch", reason="needs the extra [forge]")
pytest.importorskip("transformers", reason="needs the extra [forge]")

from forge.families import registry  # noqa: E402
from forge.stages import heads as heads_module  # noqa: E402
from forge.stages import prune  # noqa: E402
from forge.stages.heads import Heads, survey  # noqa: E402
from forge.tensors.model import open_model  # noqa: E402
from tests.unit.forge.dense import models, oracle  # noqa: E402
from verifier.errors import DocumentError  # noqa: E402

REMOVED = {
    "qwen2": {0: [1], 1: [0, 2], 2: [], 3: [3]},
    "qwen3_5": {1: [1], 3: [0, 2]},
}


def _pruned(case, tmp_path):
    base = models.save(case, tmp_path / "base")
    stage = models.context(
        case, base, tmp_path, strategy="magnitude", level=0.25, selectionFile="selection.json"
    )
    models.record_selection(stage, REMOVED[case])
    return base, prune.pad(stage).model


def _fault(monkeypatch, change):
    """Let the table of what is touched go through ``change``: tensor name, axis, indices -> indices."""
    right = heads_module._touched

    def wrong(heads: Heads, removed):
        return {
            name: (axis, change(heads, name, axis, rows))
            for name, (axis, rows) in right(heads, removed).items()
        }

    monkeypatch.setattr(heads_module, "_touched", wrong)


def _bytes_check(case, pruned, base):
    size = 8 if case == "qwen3_5" else 4
    oracle.same_bytes_but_for_the_removed(
        pruned, base, REMOVED[case], groups=models.GROUPS, size=size, gated=case == "qwen3_5"
    )


@pytest.mark.parametrize("case", list(REMOVED))
def test_without_a_fault_both_checks_pass(case, tmp_path):
    base, pruned = _pruned(case, tmp_path)
    oracle.same_logits(pruned, base, REMOVED[case])
    _bytes_check(case, pruned, base)


def test_query_heads_of_the_next_group_are_caught(monkeypatch, tmp_path):
    def next_group(heads, name, axis, rows):
        if "q_proj" not in name and "o_proj" not in name:
            return rows
        total = heads.heads * heads.size
        return sorted((r + heads.span * heads.size) % total for r in rows)

    _fault(monkeypatch, next_group)
    base, pruned = _pruned("qwen2", tmp_path)
    with pytest.raises(AssertionError, match="logits differ from masking"):
        oracle.same_logits(pruned, base, REMOVED["qwen2"])


def test_query_heads_taken_by_remainder_instead_of_by_blocks_are_caught(monkeypatch, tmp_path):
    def by_remainder(heads, name, axis, rows):
        if "q_proj" not in name and "o_proj" not in name:
            return rows
        groups = sorted({r // (heads.span * heads.size) for r in rows})
        chosen = [h for h in range(heads.heads) if h % heads.groups in groups]
        return [h * heads.size + i for h in chosen for i in range(heads.size)]

    _fault(monkeypatch, by_remainder)
    base, pruned = _pruned("qwen2", tmp_path)
    with pytest.raises(AssertionError, match="logits differ from masking"):
        oracle.same_logits(pruned, base, REMOVED["qwen2"])


def test_output_columns_that_are_not_blanked_are_caught(monkeypatch, tmp_path):
    # The value heads are zero already, so logits cannot tell: only the bytes can.
    _fault(monkeypatch, lambda heads, name, axis, rows: [] if axis == 1 else rows)
    base, pruned = _pruned("qwen2", tmp_path)
    with pytest.raises(AssertionError, match=r"o_proj\.weight: not the expected bytes"):
        _bytes_check("qwen2", pruned, base)


def test_biases_that_are_not_blanked_are_caught(monkeypatch, tmp_path):
    _fault(monkeypatch, lambda heads, name, axis, rows: [] if name.endswith("bias") else rows)
    base, pruned = _pruned("qwen2", tmp_path)
    with pytest.raises(AssertionError, match="bias: not the expected bytes"):
        _bytes_check("qwen2", pruned, base)


def test_gate_rows_treated_as_queries_are_caught(monkeypatch, tmp_path):
    # The order of a projection that holds all queries first: then rows of a head would be h * size.
    monkeypatch.setattr(Heads, "query_rows_per_group", property(lambda heads: heads.span * heads.size))
    monkeypatch.setattr(heads_module, "_check_shapes", lambda heads, model: None)
    base, pruned = _pruned("qwen3_5", tmp_path)
    with pytest.raises(AssertionError, match="logits differ from masking"):
        oracle.same_logits(pruned, base, REMOVED["qwen3_5"])
    with pytest.raises(AssertionError, match=r"q_proj\.weight: not the expected bytes"):
        _bytes_check("qwen3_5", pruned, base)


def test_a_layout_that_forgets_the_gate_is_refused_by_the_shapes(tmp_path):
    base = models.save("qwen3_5", tmp_path / "base")
    adapter = registry.get("qwen3_5")
    plain = replace(adapter, attention=replace(adapter.attention, query_gate=False))
    with pytest.raises(DocumentError, match=r"q_proj\.weight: expected shape \[64, 32\]"):
        survey(plain, open_model(base))


def test_a_layout_that_takes_linear_layers_for_softmax_ones_is_refused(tmp_path):
    base = models.save("qwen3_5", tmp_path / "base")
    adapter = registry.get("qwen3_5")
    everywhere = replace(adapter, attention=replace(adapter.attention, layers="all"))
    with pytest.raises(DocumentError, match=r"layers\.0\.self_attn\.q_proj\.weight.*no such tensor"):
        survey(everywhere, open_model(base))
