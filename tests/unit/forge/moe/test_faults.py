"""Planted faults: each one makes the oracle's answer red, and the same plan without it green."""

import pytest

pytest.importorskip("torch", reason="needs the extra [forge]")
pytest.importorskip("transformers", reason="needs the extra [forge]")

from forge.stages import expert_plan
from forge.tensors.model import open_model
from tests.unit.forge.moe import faults, models, oracle

CASES = (
    "qwen3_moe",
    "mixtral",
    "granitemoe",
    "deepseek_v3-grouped",
    "gpt_oss",
    "gpt_oss-mxfp4",
    "qwen3_vl_moe",
    "qwen3_5_moe",
    "qwen3_5_moe-unfused",
)
"""One case for every form in which experts lie on disk."""


@pytest.fixture(scope="module")
def right(saved):
    """A case's right plan, and what transformers says that it has to give; made once."""
    made = {}

    def get(name):
        case = models.BY_NAME[name]
        original = saved(case)
        if name not in made:
            layers = expert_plan.survey(open_model(original), case.adapter).layers
            kept = models.random_kept(case, [x.layer for x in layers], seed=3)
            made[name] = kept, oracle.expected(case, original, kept)
        kept, want = made[name]
        return faults.Right(case, original, kept), want

    return get


SYMPTOM = {
    "off_by_one": "logits differ",
    "router_whole": "ignore_mismatched_sizes",
    "router_first_rows": "routed to other experts",
    "shared_touched": "logits differ",
    "correction_first_rows": "logits differ",
    "gate_up_swapped": "logits differ",
    "config_stale": "ignore_mismatched_sizes",
}


def applies(name, fault):
    layout = models.BY_NAME[name].adapter.layout
    parts = {
        "shared_touched": layout.shared,
        "correction_first_rows": layout.per_expert,
        "gate_up_swapped": name != "gpt_oss-mxfp4",  # pairs of columns share their blocks with others
    }
    return bool(parts.get(fault, True))


@pytest.mark.parametrize("name", CASES)
def test_without_a_fault_nothing_is_wrong(name, right, tmp_path):
    plan, want = right(name)
    assert oracle.problems(plan.case, want, plan.write(tmp_path / "out"), plan.kept) == []


@pytest.mark.parametrize(("fault", "name"), [(f, n) for f in faults.FAULTS for n in CASES if applies(n, f)])
def test_a_planted_fault_is_caught(fault, name, right, tmp_path):
    plan, want = right(name)
    faults.FAULTS[fault](plan)
    found = oracle.problems(plan.case, want, plan.write(tmp_path / "out"), plan.kept)
    assert SYMPTOM[fault] in "; ".join(found)
