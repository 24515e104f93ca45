"""Reviewed verdicts: written and read back without loss, and refused when malformed."""

from decimal import Decimal

import pytest

from tests.unit.report.samples import artifact, checked
from verifier.errors import DocumentError
from verifier.report import expected
from verifier.verdicts import Verdict


def test_snapshot_keeps_verdicts_and_values(tmp_path):
    claims = (
        checked(slug="a", found=Decimal("88.40")),
        checked(slug="b", verdict=Verdict.REFUTED, found={"x": [1, None]}),
    )
    path = tmp_path / "card.json"
    path.write_text(expected.dumps(artifact(claims=claims)), encoding="utf-8")
    assert list(expected.read(path).items()) == [
        ("card-a", {"verdict": "VERIFIED", "found": Decimal("88.40")}),
        ("card-b", {"verdict": "REFUTED", "found": {"x": [1, None]}}),
    ]


def test_an_entry_without_a_snapshot_expects_nothing(tmp_path):
    assert expected.read(tmp_path / "none.json") == {}


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "[]",
        '{"a": 1}',
        '{"a": {"verdict": "GOOD", "found": 1}}',
        '{"a": {"verdict": "VERIFIED"}}',
        '{"a": {"verdict": "VERIFIED", "found": NaN}}',
        '{"a": {"verdict": "VERIFIED", "found": 1}, "a": {"verdict": "REFUTED", "found": 1}}',
        "[" * 100_000,
    ],
)
def test_malformed_snapshots_are_refused(tmp_path, text):
    path = tmp_path / "card.json"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(DocumentError, match=r"card\.json"):
        expected.read(path)


def test_a_folder_in_its_place_is_refused(tmp_path):
    (tmp_path / "card.json").mkdir()
    with pytest.raises(DocumentError, match="cannot be read"):
        expected.read(tmp_path / "card.json")


@pytest.mark.parametrize(
    ("left", "right", "same"),
    [
        (Decimal("88.40"), Decimal("88.4"), True),
        ((1, 2), [1, 2], True),
        (Verdict.VERIFIED, "VERIFIED", True),
        (0.1, Decimal("0.1"), True),
        (Decimal("88.4"), Decimal("88.5"), False),
        ("1", 1, False),
        (None, 0, False),
        (True, 1, False),
    ],
)
def test_values_are_compared_as_json(left, right, same):
    assert expected.same(left, right) is same
