"""The parser accepts what JSON allows within the limits, loses nothing, and names what it refuses."""

import json
import os
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from verifier.alloy import parse, parse_json, serialise
from verifier.alloy.parse import MAX_BYTES, MAX_STRING, escape, get, walk
from verifier.errors import DocumentError

MINIMAL = b'{"name": "x", "source": {"baseModel": "a/b", "architecture": "llama"}, "stages": []}'
VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(10**30), 10**30)
    | st.decimals(-1000, 1000, places=4)
    | st.text(st.characters(exclude_categories=["Cs"]), max_size=20),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.text(st.characters(exclude_categories=["Cs"]), max_size=5), inner, max_size=4)
    ),
    max_leaves=20,
)


@given(VALUES)
def test_serialise_then_parse_gives_the_same_value(value):
    assert parse_json(serialise(value).encode()) == value


@given(VALUES)
def test_every_walked_pointer_leads_to_its_value(value):
    for pointer, found in walk(value):
        assert get(value, pointer) == found


@given(st.text(max_size=10))
def test_escaped_keys_are_found_again(key):
    assert get({key: 1}, "/" + escape(key)) == 1


@given(st.binary(max_size=200))
@example(data=b'{"":true}')
def test_random_bytes_are_parsed_or_refused_by_name(data):
    try:
        parse(data)
    except DocumentError as error:
        assert "expected" in str(error)


@pytest.mark.parametrize(
    ("data", "pointer", "words"),
    [
        pytest.param(b'{"a": {"b": 1, "b": 2}}', "/a/b", "each key once", id="duplicate-key"),
        pytest.param(b'{"a": [NaN]}', "/a/0", "found NaN", id="nan"),
        pytest.param(b'{"a": -Infinity}', "/a", "found -Infinity", id="infinity"),
        pytest.param(b'{"a": 1e999999}', "/a", "exponent", id="huge-exponent"),
        pytest.param(b'{"a": ' + b"1" * 65 + b"}", "/a", "64 characters", id="long-integer"),
        pytest.param(b'{"a": "\\ud800"}', "/a", "lone surrogate", id="surrogate"),
        pytest.param(b'{"a": "' + b"x" * (MAX_STRING + 1) + b'"}', "/a", "characters", id="long-string"),
        pytest.param(b"[" * 60 + b"]" * 60, None, "nesting", id="deep"),
        pytest.param(b"[" * 200_000, "", "nesting", id="very-deep"),
        pytest.param(b"\xff\xfe", "", "UTF-8", id="not-utf8"),
        pytest.param(b"{", "", "expected JSON", id="truncated"),
        pytest.param(b" " * (MAX_BYTES + 1), "", "bytes", id="too-large"),
    ],
)
def test_refusal_names_place_and_reason(data, pointer, words):
    with pytest.raises(DocumentError, match="expected") as caught:
        parse_json(data)
    assert words in str(caught.value)
    if pointer is not None:
        assert caught.value.pointer == pointer


@pytest.mark.parametrize(
    ("change", "pointer"),
    [
        ({"name": 3}, "/name"),
        ({"source": []}, "/source"),
        ({"source": {"baseModel": "a/b"}}, "/source"),
        ({"stages": [{"type": "prune", "level": "0.3"}]}, "/stages/0/level"),
        ({"stages": [{"type": 5}]}, "/stages/0/type"),
        ({"stages": ["prune"]}, "/stages/0"),
        ({"results": {"benchmarks": [{"name": "x", "score": "88"}]}}, "/results/benchmarks/0/score"),
        ({"results": {"integrity": {"fileHashes": [{"filename": "f"}]}}}, "/results/integrity/fileHashes/0"),
    ],
)
def test_wrong_type_is_refused_with_its_pointer(change, pointer):
    document = {**json.loads(MINIMAL), **change}
    with pytest.raises(DocumentError) as caught:
        parse(json.dumps(document).encode())
    assert caught.value.pointer == pointer


def test_unknown_fields_and_stages_survive():
    document = json.loads(MINIMAL) | {"stages": [{"type": "distil-by-magic", "x": 1}], "new": {"deep": [1]}}
    alloy = parse(json.dumps(document).encode())
    assert json.loads(serialise(alloy.document)) == document
    assert alloy.model.stages[0].type == "distil-by-magic"


def test_alloy_hash_is_the_start_of_the_files_sha256():
    import hashlib

    assert parse(MINIMAL).alloy_hash == hashlib.sha256(MINIMAL).hexdigest()[:16]


def published() -> list[Path]:
    root = os.environ.get("ALLOY_MIRROR")
    return sorted(Path(root).rglob("*alloy.json")) if root else []


@pytest.mark.skipif(not published(), reason="needs the published alloys: set ALLOY_MIRROR to a mirror folder")
def test_nothing_is_lost_on_any_published_alloy():
    for path in published():
        data = path.read_bytes()
        again = serialise(parse(data).document)
        assert json.loads(again, parse_float=Decimal) == json.loads(data, parse_float=Decimal), path.name
        assert list(json.loads(again)) == list(json.loads(data)), path.name
