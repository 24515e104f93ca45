"""The rule that turns importances into a selection, and the files of both."""

from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from forge.stages import selection
from verifier.errors import UsageError

numbers = st.one_of(
    st.integers(0, 5),
    st.floats(0, 2, allow_subnormal=False).map(lambda x: round(x, 1)),
    st.integers(0, 10**15),
)


@st.composite
def grouped(draw):
    groups, size = draw(st.integers(1, 4)), draw(st.integers(1, 6))
    layers = draw(st.lists(st.integers(0, 99), min_size=1, max_size=3, unique=True))
    values = st.lists(numbers, min_size=groups * size, max_size=groups * size)
    return {layer: draw(values) for layer in layers}, groups, groups * draw(st.integers(1, size))


@given(grouped())
@settings(deadline=None)
def test_no_expert_that_goes_is_before_one_that_stays(drawn):
    scores, groups, keep = drawn
    kept = selection.most_important(scores, dict.fromkeys(scores, keep), groups=groups)
    assert set(kept) == set(scores)
    for layer, values in scores.items():
        ids, size = kept[layer], len(values) // groups
        assert ids == sorted(set(ids)) and len(ids) == keep
        for group in range(groups):
            span = range(group * size, (group + 1) * size)
            stay = [e for e in span if e in ids]
            assert len(stay) == keep // groups
            for gone in set(span) - set(stay):
                assert all((values[e], -e) > (values[gone], -gone) for e in stay)


@given(grouped())
@settings(deadline=None)
def test_both_files_give_back_what_was_written(tmp_path_factory, drawn):
    scores, groups, keep = drawn
    folder = tmp_path_factory.getbasetemp()
    (folder / "i.json").write_bytes(selection.importance_bytes("reap", scores, corpus="x"))
    found = selection.read_importance(folder / "i.json")
    assert found.metric == "reap"
    assert found.layers == {k: [Decimal(repr(v)) for v in scores[k]] for k in scores}
    kept = selection.most_important(scores, dict.fromkeys(scores, keep), groups=groups)
    # A file's decimals and a program's floats are ranked alike.
    assert selection.most_important(found.layers, dict.fromkeys(scores, keep), groups=groups) == kept
    (folder / "s.json").write_bytes(selection.selection_bytes(kept))
    assert selection.read_selection(folder / "s.json") == kept


def test_the_bytes_of_a_selection_do_not_depend_on_the_order_of_layers():
    one = selection.selection_bytes({2: [0, 1], 10: [3, 4]})
    assert one == selection.selection_bytes({10: (3, 4), 2: (0, 1)})
    assert one.decode().splitlines()[3:] == [' "layers": {', '  "2": [0, 1],', '  "10": [3, 4]', " }", "}"]


@pytest.mark.parametrize(
    ("scores", "keep", "groups"),
    [({}, 1, 1), ({0: [1, 2]}, 3, 1), ({0: [1, 2]}, 0, 1), ({0: [1, 2, 3]}, 2, 2), ({0: [1, 2]}, 1, 2)],
)
def test_counts_that_cannot_be_are_refused(scores, keep, groups):
    with pytest.raises(UsageError, match="layer 0"):
        selection.most_important(scores, {0: keep}, groups=groups)
