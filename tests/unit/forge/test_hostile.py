"""Whatever JSON a stage holds, dispatch and parameter checks answer; they never raise and never loop."""

from decimal import Decimal

from hypothesis import given, settings
from hypothesis import strategies as st

from forge.families import dispatch, registry
from forge.stages import kinds, parameters

LEAVES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.decimals(allow_nan=False, allow_infinity=False).map(Decimal),
    st.text(max_size=20),
    st.sampled_from(["gguf", "pad", "kl_logits", "vision", "Q4_K_M", "yarn", "entropy", "activation_count"]),
)
JSON = st.recursive(
    LEAVES,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)
SOURCE = st.dictionaries(
    st.sampled_from(["isMoE", "numExpertsPerLayer", "numActivatedExperts", "numLayers", "contextLength"]),
    JSON,
)


@st.composite
def stages(draw):
    kind = draw(st.sampled_from(kinds.names()))
    spec = parameters.SPECS[kind]
    known = sorted({*spec.required, *spec.fields, "benchmarks", "calibrationAnchor", "tiers", "teacher"})
    return {"type": kind, **draw(st.dictionaries(st.sampled_from(known), JSON))}


@settings(deadline=None, max_examples=300)
@given(stages(), SOURCE, st.sampled_from(registry.names()))
def test_any_stage_gets_an_answer_with_pointers_into_itself(stage, source, architecture):
    found = dispatch.resolve_stage(architecture, 7, stage)
    assert isinstance(found, dispatch.ResolvedStage | dispatch.Refusal)
    assert isinstance(found, dispatch.ResolvedStage) or found.message
    for problem in parameters.check(stage, 7, source):
        assert problem.pointer.startswith("/stages/7/")
        assert problem.expected in problem.message


@settings(deadline=None, max_examples=200)
@given(st.sampled_from(sorted(parameters.SPECS)), st.data())
def test_a_required_field_that_is_missing_never_passes(kind, data):
    spec = parameters.SPECS[kind]
    if not spec.required:
        return
    gone = data.draw(st.sampled_from(spec.required))
    stage = {"type": kind, **{f: data.draw(JSON) for f in spec.required if f != gone}}
    assert f"/stages/0/{gone}" in [p.pointer for p in parameters.check(stage, 0, {})]
