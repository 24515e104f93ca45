"""Faults planted into the plan or the configuration of a right result, one function each."""

from dataclasses import replace

from forge.families.layouts import Part
from forge.stages import expert_plan
from forge.tensors import cuts
from forge.tensors.model import copy_side_files, open_model, write_config
from forge.tensors.plan import Copy
from forge.tensors.rewrite import rewrite


class Right:
    """The right plan and configuration, open to be spoilt."""

    def __init__(self, case, original, kept):
        self.case, self.original, self.kept = case, original, kept
        self.model = open_model(original)
        self.experts = expert_plan.survey(self.model, case.adapter)
        self.layout = self.experts.layout
        count = expert_plan.check(kept, self.experts)
        self.plans = expert_plan.plans(self.model, self.experts, kept)
        self.config = expert_plan.new_config(self.model, case.adapter, self.layout, count)
        self.layer = max(kept)

    def write(self, out):
        copy_side_files(self.original, out)
        write_config(out, self.config)
        rewrite(self.plans, out)
        return out

    def change(self, part, fault):
        """Replace the plans of ``part`` in one layer by what ``fault`` makes of their place and plan."""
        changed = 0
        for i, plan in enumerate(self.plans):
            place = self.layout.place(plan.name)
            if place is not None and place.part is part and place.layer == self.layer:
                self.plans[i] = fault(place, plan)
                changed += self.plans[i] != plan
        assert changed, "the fault has to be one"


def off_by_one(right):
    """Experts are numbered from 1 instead of 0, the last one becoming the first."""
    ids = [*right.kept[right.layer]]
    turned = [ids[-1], *ids[:-1]]

    def fault(place, plan):
        if right.layout.fused:
            return cuts.keep_rows(right.model.tensors[plan.name], turned)
        new = (place.expert + 1) % len(ids)
        return replace(plan, name=place.template.format(L=place.layer, K=new) + place.suffix)

    right.change(Part.EXPERT, fault)


def router_whole(right):
    """The router keeps all of its rows."""
    right.change(Part.ROUTER, lambda place, plan: cuts.whole(right.model.tensors[plan.name]))


def router_first_rows(right):
    """The router is cut to the right number of rows, but to the first ones."""
    count = len(right.kept[right.layer])
    right.change(
        Part.ROUTER, lambda place, plan: cuts.keep_rows(right.model.tensors[plan.name], range(count))
    )


def shared_touched(right):
    """A row of a shared expert is blanked."""
    right.change(Part.SHARED, lambda place, plan: cuts.blank_rows(right.model.tensors[plan.name], [0]))


def correction_first_rows(right):
    """Biases or score corrections are cut to the first experts instead of the kept ones."""
    count = len(right.kept[right.layer])
    right.change(
        Part.PER_EXPERT, lambda place, plan: cuts.keep_rows(right.model.tensors[plan.name], range(count))
    )


def gate_up_swapped(right):
    """Gate and up change places."""
    names = {"gate_proj": "up_proj", "up_proj": "gate_proj", "w1": "w3", "w3": "w1"}

    def fault(place, plan):
        if not right.layout.fused:
            words = plan.name.split(".")
            return replace(plan, name=".".join(names.get(w, w) for w in words))
        return _halves_swapped(plan) if ("gate_up" in plan.name or "input_linear" in plan.name) else plan

    right.change(Part.EXPERT, fault)


def _halves_swapped(plan):
    """The halves of every expert exchanged along the axis of gate and up (gpt-oss: pairs of columns)."""
    from tests.unit.forge.moe.models import WIDE

    experts, rows, columns = plan.shape
    if rows == 2 * WIDE:  # gate rows, then up rows
        half = 1
        blocks = [(b + half) if b % 2 == 0 else (b - half) for b in range(2 * experts)]
        size = rows // 2 * columns
    else:  # columns of gate and up
        assert columns == 2 * WIDE
        blocks, size = [], 0
        interleaved = "language_model" not in plan.name
        for row in range(experts * rows):
            at = range(columns)
            order = [c ^ 1 for c in at] if interleaved else [(c + WIDE) % columns for c in at]
            blocks += [row * columns + c for c in order]
        size = 1
    item = {"F32": 4, "BF16": 2}[plan.dtype]
    flat = [(p.path, p.offset + i) for p in plan.pieces for i in range(0, p.size, item)]
    step = [Copy(*flat[b * size], size * item) for b in blocks]
    return replace(plan, pieces=tuple(step))


def config_stale(right):
    """The configuration states the old number of experts."""
    right.config = right.model.config


FAULTS = {
    fault.__name__: fault
    for fault in (
        off_by_one,
        router_whole,
        router_first_rows,
        shared_touched,
        correction_first_rows,
        gate_up_swapped,
        config_stale,
    )
}
