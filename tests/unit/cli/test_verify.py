"""``alloy verify`` and ``alloy explain`` on artifacts on disk, through the real engine."""

import json

import jsonschema
import pytest

from tests.unit import tiny
from verifier import cli
from verifier.report import json as report_json


@pytest.fixture(autouse=True)
def private_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("ALLOY_CACHE", str(tmp_path / "cache"))


def run(capsys, *argv):
    code = cli.main([str(a) for a in argv])
    out, err = capsys.readouterr()
    assert "Traceback" not in err
    return code, out, err


def verify(capsys, target, *argv):
    return run(capsys, "verify", target, "--offline", "--tier", "1,3", *argv)


def claims_of(capsys, target):
    code, out, _ = verify(capsys, target, "--json", "-", "-q")
    return code, {c["id"]: c for c in json.loads(out)["artifacts"][0]["claims"]}


def test_an_honest_card_is_zero(capsys, tmp_path):
    code, out, _ = verify(capsys, tiny.make(tmp_path / "card"))
    assert code == 0
    assert " 0 REFUTED" in out


def test_a_false_number_is_one_and_explained_on_one_line(capsys, tmp_path):
    folder = tiny.make(tmp_path / "card", results__improvementPct=30.0)
    code, out, _ = verify(capsys, folder)
    (line,) = [x for x in out.splitlines() if x.strip().startswith("REFUTED")]
    assert code == 1
    assert "claimed 30.0" in line
    assert "found 22.7848 to 27.1605" in line
    assert "/results/improvementPct" in line


def test_changed_weights_are_refuted(capsys, tmp_path):
    folder = tiny.make(tmp_path / "card")
    (folder / "model.safetensors").write_bytes(tiny.WEIGHTS + b" ")
    code, claims = claims_of(capsys, folder)
    assert code == 1
    assert {c["pointer"].split("/")[2] for c in claims.values() if c["verdict"] == "REFUTED"} == {"integrity"}


def test_strict_is_three_where_a_claim_cannot_be_checked(capsys, tmp_path):
    folder = tiny.make(tmp_path / "card")
    (folder / "model.safetensors").unlink()
    assert verify(capsys, folder)[0] == 0
    assert verify(capsys, folder, "--strict")[0] == 3


def test_verbose_shows_every_claim_and_quiet_none(capsys, tmp_path):
    folder = tiny.make(tmp_path / "card")
    _, claims = claims_of(capsys, folder)
    assert all(claim in verify(capsys, folder, "-v")[1] for claim in claims)
    assert verify(capsys, folder, "-q") == (0, "", "")


def test_json_report_is_valid_and_the_same_twice(capsys, tmp_path):
    folder = tiny.make(tmp_path / "card", results__improvementPct=30.0)
    reports = []
    for _ in range(2):
        document = json.loads(verify(capsys, folder, "--json", "-", "-q")[1])
        jsonschema.validate(document, json.loads(report_json.schema()))
        document.pop("timing")
        reports.append(json.dumps(document))
    assert reports[0] == reports[1]


def test_files_hold_what_standard_output_shows(capsys, tmp_path):
    folder = tiny.make(tmp_path / "card")
    page, summary, report = (tmp_path / n for n in ("r.html", "r.md", "r.json"))
    code, _, _ = verify(capsys, folder, "--html", page, "--markdown", summary, "--json", report)
    assert code == 0
    assert page.read_text().startswith("<!doctype html>")
    assert "tiny" in summary.read_text()
    assert json.loads(report.read_text())["schema"] == "alloy-report/1"


def test_a_name_from_a_card_cannot_write_to_the_terminal(capsys, tmp_path):
    folder = tiny.make(tmp_path / "card", source__architecture="\x1b[2J[bold]qwen2")
    code, out, err = verify(capsys, folder, "-v")
    assert code in (1, 4)
    assert "\x1b" not in out + err


def test_explain_tells_claimed_found_and_why(capsys, tmp_path):
    folder = tiny.make(tmp_path / "card", results__improvementPct=30.0)
    _, claims = claims_of(capsys, folder)
    (claim,) = [c for c in claims.values() if c["verdict"] == "REFUTED"]
    code, out, _ = run(capsys, "explain", claim["id"], "--target", folder, "--offline")
    assert code == 1
    facts = dict(line.strip().split(maxsplit=1) for line in out.splitlines()[1:])
    assert facts["claimed"] == "30.0"
    assert facts["verdict"].startswith("REFUTED")
    assert facts["stands"] == "at   /results/improvementPct"


def test_explain_names_close_claims(capsys, tmp_path):
    folder = tiny.make(tmp_path / "card")
    known = next(iter(claims_of(capsys, folder)[1]))
    code, out, err = run(capsys, "explain", known[:-1], "--target", folder, "--offline")
    assert (code, out) == (2, "")
    assert "unknown claim" in err
    assert known in err


NOT_JSON = {
    "binary": b"\x00\xff\x80\x01" * 64,
    "truncated": b'{"name": "x", ',
    "empty": b"",
    "nan": b'{"name": NaN}',
    "twice": b'{"name": "a", "name": "b"}',
    "deep": b"[" * 100_000,
    "list": b"[]",
    "utf16": '{"name": "x"}'.encode("utf-16"),
    "wrong type": b'{"name": 3, "stages": "no"}',
}


@pytest.mark.parametrize("content", NOT_JSON.values(), ids=NOT_JSON.keys())
def test_unreadable_alloys_are_two(capsys, tmp_path, content):
    path = tmp_path / "bad.alloy.json"
    path.write_bytes(content)
    code, out, err = verify(capsys, path)
    assert (code, out) == (2, "")
    assert err.splitlines()[-1].strip()
    assert "error: " in err


def test_a_huge_alloy_is_two(capsys, tmp_path):
    path = tmp_path / "huge.alloy.json"
    with path.open("wb") as file:
        file.truncate(1 << 32)  # sparse: 4 GiB that take no room
    code, _, err = verify(capsys, path)
    assert code == 2
    assert "bytes" in err


def test_a_missing_target_is_two(capsys, tmp_path):
    code, _, err = verify(capsys, tmp_path / "nothing" / "here.alloy.json")
    assert code == 2
    assert "here.alloy.json" in err


def test_a_folder_without_an_alloy_is_two(capsys, tmp_path):
    code, _, err = verify(capsys, tmp_path)
    assert code == 2
    assert "alloy" in err


def test_a_folder_where_an_alloy_should_be_is_two(capsys, tmp_path):
    (tmp_path / "x.alloy.json").mkdir()
    assert verify(capsys, tmp_path / "x.alloy.json")[0] == 2


def test_an_unknown_catalog_name_is_two_and_names_close_ones(capsys, tmp_path, monkeypatch):
    root = tmp_path / "catalog"
    (root / "reference").mkdir(parents=True)
    monkeypatch.setenv("ALLOY_CATALOG", str(root))
    assert run(capsys, "pin", tiny.make(tmp_path / "tiny"), "--catalog", "reference", "--offline")[0] == 0
    code, _, err = verify(capsys, "tinny")
    assert code == 2
    assert "tiny" in err.replace("tinny", "")


@pytest.mark.parametrize(
    ("argv", "said"),
    [
        (("no-such-file.jsonl", "--benchmark", "humaneval"), "nothing readable at no-such-file.jsonl"),
        (("x.jsonl", "--benchmark", "nosuchbench"), "humaneval_plus"),
    ],
)
def test_score_refuses_what_it_cannot_score(capsys, argv, said):
    code, out, err = run(capsys, "score", *argv)
    assert (code, out) == (2, "")
    assert said in err
