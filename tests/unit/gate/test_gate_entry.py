import json

import pytest

from verifier.errors import AlloyError, DocumentError
from verifier.gate_entry import (
    gained_reason,
    line_of,
    pin_changes,
    plain,
    read_lock,
    same_expectation,
    verdict_changes,
)
from verifier.report import expected

LOCK = {
    "schema": "alloy-lock/1",
    "name": "tiny",
    "repo": "owner/tiny",
    "revision": "a" * 40,
    "alloy": {"path": "tiny.alloy.json", "sha256": "1" * 64, "size": 10},
    "files": [{"path": "w.safetensors", "sha256": "2" * 64, "size": 20, "role": "weights"}],
    "claims": [
        {"id": "tiny-score", "tier": 4, "kind": "score", "pointer": "/results/score", "claimed": 75.0}
    ],
    "reasons": [],
}


def lock(**changes):
    return read_lock(json.dumps(LOCK | changes, indent=1).encode(), "tiny.lock.json")


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"repo": "other/tiny"}, "repo-changed"),
        ({"repo": None}, "repo-changed"),
        ({"revision": "b" * 40}, "revision-changed"),
        ({"alloy": LOCK["alloy"] | {"sha256": "3" * 64}}, "digest-changed"),
        ({"alloy": LOCK["alloy"] | {"size": 11}}, "digest-changed"),
        ({"files": [LOCK["files"][0] | {"sha256": "3" * 64}]}, "digest-changed"),
        ({"files": [LOCK["files"][0] | {"path": "v.safetensors"}]}, "pin-removed"),
        ({"files": [LOCK["files"][0] | {"role": "card"}]}, "pin-removed"),
        ({"files": []}, "pin-removed"),
        ({"claims": []}, "claim-removed"),
        ({"claims": [LOCK["claims"][0] | {"claimed": 75.1}]}, "claimed-changed"),
        ({"claims": [LOCK["claims"][0] | {"claimed": "75.0"}]}, "claimed-changed"),
        ({"claims": [LOCK["claims"][0] | {"claimed": None}]}, "claimed-changed"),
        ({"claims": [LOCK["claims"][0] | {"pointer": "/else"}]}, "pointer-changed"),
        ({"claims": [LOCK["claims"][0] | {"tier": 1}]}, "tier-changed"),
        ({"claims": [LOCK["claims"][0] | {"kind": "always"}]}, "kind-changed"),
    ],
)
def test_each_changed_pin_is_a_problem_of_its_own(changes, code):
    assert [p.code for p in pin_changes(lock(), lock(**changes))] == [code]


def test_new_pins_and_new_claims_change_nothing_that_was_pinned():
    more = {"path": "s.jsonl", "sha256": "4" * 64, "size": 5, "role": "samples"}
    claim = LOCK["claims"][0] | {"id": "tiny-other"}
    new = lock(files=[*LOCK["files"], more], claims=[claim, *LOCK["claims"]])
    assert pin_changes(lock(), new) == []


@pytest.mark.parametrize(
    ("before", "after", "gained"),
    [
        ([], ["the publisher replaced the file"], True),
        (["a"], ["a", "b"], True),
        (["a"], ["a"], False),
        (["a"], ["b"], False),
        (["a"], ["b", "a"], False),
        (["a"], ["a", "  "], False),
        (["a"], ["a", "a"], False),
        (["a"], [], False),
    ],
)
def test_a_reason_counts_only_if_it_is_appended_and_says_something_new(before, after, gained):
    assert gained_reason(lock(reasons=before), lock(reasons=after)) is gained


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"garbage",
        b"\xff\xfe{}",
        b"[]",
        b"null",
        b"NaN",
        b"[" * 100_000,
        b'{"schema": "alloy-lock/1", "schema": "alloy-lock/1"}',
        json.dumps(LOCK | {"schema": "other/1"}).encode(),
        json.dumps(LOCK | {"files": {}}).encode(),
        json.dumps(LOCK | {"files": [LOCK["files"][0], LOCK["files"][0]]}).encode(),
        json.dumps(LOCK | {"claims": [LOCK["claims"][0], LOCK["claims"][0]]}).encode(),
        json.dumps(LOCK | {"claims": [1]}).encode(),
        json.dumps(LOCK | {"reasons": [1]}).encode(),
        json.dumps(LOCK | {"reasons": "why"}).encode(),
        json.dumps(LOCK | {"repo": 1}).encode(),
        json.dumps(LOCK | {"alloy": None}).encode(),
        json.dumps(LOCK | {"alloy": LOCK["alloy"] | {"sha256": "1" * 63}}).encode(),
        json.dumps(LOCK | {"alloy": LOCK["alloy"] | {"size": True}}).encode(),
        json.dumps(LOCK | {"alloy": LOCK["alloy"] | {"size": -1}}).encode(),
        b'{"x": ' + b"9" * 5000 + b"}",
    ],
)
def test_what_is_no_lock_entry_is_refused_by_name(data):
    with pytest.raises(DocumentError, match=r"tiny\.lock\.json"):
        read_lock(data, "tiny.lock.json")


@pytest.mark.parametrize(
    "data",
    [b"[]", b'{"a": "VERIFIED"}', b'{"a": {"verdict": "FINE"}}', b'{"a": {"verdict": ["VERIFIED"]}}', b"{"],
)
def test_what_is_no_snapshot_is_refused(data):
    with pytest.raises(AlloyError, match=r"tiny\.json"):
        expected.parse(data, "tiny.json")


def test_expected_verdicts_may_grow_but_not_change():
    old = {"a": {"verdict": "VERIFIED", "found": 1}, "b": {"verdict": "REFUTED", "found": None}}
    assert verdict_changes(old, old | {"c": {"verdict": "VERIFIED"}}) == []
    changed = verdict_changes(old, {"a": {"verdict": "REFUTED", "found": 2}})
    assert [p.code for p in changed] == ["expected-verdict-changed"] * 2
    assert "VERIFIED (found 1)" in changed[0].message
    assert "found none" in changed[1].message


def test_numbers_compare_by_value_and_truth_values_are_no_numbers():
    assert plain(88.4) == plain(88.40)
    assert plain({"a": (1, True)}) == {"a": [1, "bool:True"]}
    assert not same_expectation({"verdict": "REFUTED", "found": 1}, {"verdict": "REFUTED", "found": True})
    assert same_expectation({"verdict": "REFUTED", "found": 88.4}, {"verdict": "REFUTED"})


def test_a_problem_is_shown_at_the_line_of_its_claim():
    text = json.dumps(LOCK, indent=1)
    assert text.splitlines()[line_of(text, '"tiny-score"') - 1].strip() == '"id": "tiny-score",'
    assert line_of(text, "not there") == 1
    assert line_of(text, "") == 1
