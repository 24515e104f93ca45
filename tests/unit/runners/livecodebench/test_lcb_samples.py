"""Reading samples: every kind that LiveCodeBench writes or reads, and one clear error for anything else."""

import json
import random
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.unit.runners.livecodebench import contest_problems as contest
from verifier.errors import AlloyError, DocumentError, EvidenceMissingError, UsageError
from verifier.runners import registry
from verifier.runners.livecodebench import dataset as problems_file
from verifier.runners.livecodebench import merge, samples
from verifier.runners.livecodebench.runner import LIVECODEBENCH_V6

RECORD = {"question_id": "2727", "code_list": ["print(1)"]}


def load(tmp_path: Path, found: object, name: str = "samples.json") -> samples.Log:
    return samples.load(contest.write(tmp_path / name, found))


def test_a_whole_record_is_read(tmp_path: Path) -> None:
    record = RECORD | {
        "output_list": ["say: print(1)"],
        "graded_list": [True],
        "pass@1": 1.0,
        "metadata": ['{"execution time": 1}'],
        "difficulty": "easy",
        "unknown": {"kept": "out"},
    }
    (found,) = load(tmp_path, [record]).records
    assert found == samples.Record(
        question="2727",
        programs=("print(1)",),
        outputs=("say: print(1)",),
        grades=(True,),
        pass1=1.0,
        stated={"difficulty": "easy"},
    )


def test_programs_out_of_time_are_known(tmp_path: Path) -> None:
    codes = [-3, -2, -5, None]
    said: list[Any] = [json.dumps({"error_code": code}) for code in codes]
    record = {"question_id": "1", "code_list": ["x"] * 6, "metadata": [*said, "no JSON", {"error_code": -3}]}
    assert load(tmp_path, [record]).records[0].late == {0, 2, 5}


@pytest.mark.parametrize(
    ("found", "said"),
    [
        ({}, "found dict"),
        ([], "found an empty list"),
        ("text", "found str"),
        (None, "found NoneType"),
        ([7], "entry 0: expected an object"),
        ([RECORD, []], "entry 1: expected an object"),
        ([["x"], RECORD], "entry 1: expected a list of programs"),
        ([[7]], "entry 0: expected a list of programs"),
        ([{"code_list": ["x"]}], "entry 0: expected a question_id"),
        ([{"question_id": True, "code_list": ["x"]}], "entry 0: expected a question_id"),
        ([{"question_id": "", "code_list": ["x"]}], "entry 0: expected a question_id"),
        ([{"question_id": "1"}], "entry 0: expected code_list"),
        ([{"question_id": "1", "code_list": "x"}], "entry 0: expected code_list"),
        ([{"question_id": "1", "code_list": [None]}], "entry 0: expected code_list"),
        ([RECORD | {"output_list": []}], "output_list: as many as programs"),
        ([RECORD | {"graded_list": [True, False]}], "graded_list: as many as programs"),
        ([RECORD | {"graded_list": [1]}], "graded_list: a list of true and false"),
        ([RECORD | {"pass@1": "1"}], "pass@1: a number"),
        ([RECORD | {"pass@1": float("nan")}], "pass@1: a number"),
        ([RECORD | {"code_list": ["x"] * 1001}], "code_list: at most 1000"),
        ([RECORD] * 20_001, "found 20001 entries"),
    ],
)
def test_anything_else_is_one_error(tmp_path: Path, found: object, said: str) -> None:
    with pytest.raises(DocumentError) as caught:
        load(tmp_path, found)
    assert said in str(caught.value)
    assert caught.value.remedy


@pytest.mark.parametrize("data", [b"", b"\xff\xfe", b"[" * 200_000, b"[1e", b'[{"question_id": "1"}'])
def test_what_is_no_json_is_one_error(tmp_path: Path, data: bytes) -> None:
    (tmp_path / "samples.json").write_bytes(data)
    with pytest.raises(DocumentError, match="no JSON text in UTF-8"):
        samples.load(tmp_path / "samples.json")


@pytest.mark.parametrize(
    ("found", "said"),
    [
        ([{"question_id": "1", "test_id": 0, "pred_list": ["x"]}], "test output prediction"),
        ([RECORD | {"original_code_list": ["x"]}], "self-repair"),
        ([{"pass@1": 0.5, "detail": {"pass@1": {"0": 0.5}}}, {"0": [[True]]}, [["{}"]]], "the grades file"),
    ],
)
def test_other_scenarios_are_named(tmp_path: Path, found: object, said: str) -> None:
    with pytest.raises(EvidenceMissingError, match=said):
        load(tmp_path, found)


def test_a_folder_holds_one_log(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="found 0"):
        samples.load(tmp_path)
    log = load(tmp_path, [RECORD], "a_eval_all.json")
    contest.write(tmp_path / "a.json", [RECORD])
    assert samples.load(tmp_path) == log
    contest.write(tmp_path / "b_eval_all.json", [RECORD])
    with pytest.raises(UsageError, match="found 2"):
        samples.load(tmp_path)


def test_grades_beside_a_log_must_be_grades(tmp_path: Path) -> None:
    contest.write(
        tmp_path / "a_eval.json", [{"pass@1": 0.5, "detail": {}, "pass@1_stderr": float("nan")}, {}, []]
    )
    assert load(tmp_path, [RECORD], "a_eval_all.json").metrics == {"pass@1": 0.5}
    contest.write(tmp_path / "a_eval.json", {})
    with pytest.raises(DocumentError, match=r"a_eval\.json: expected metrics, results and metadata"):
        samples.load(tmp_path / "a_eval_all.json")


def test_lists_without_names_need_the_whole_dataset(tmp_path: Path) -> None:
    problems = problems_file.load(contest.write_dataset(tmp_path / "test.jsonl"))
    whole = load(tmp_path, [["x"]] * 14)
    assert [record.question for record in merge.named(whole, problems)] == sorted(contest.PROGRAMS)
    with pytest.raises(DocumentError, match="expected 14, found 13"):
        merge.named(load(tmp_path, [["x"]] * 13), problems)


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["question_id", "code_list", "graded_list", "metadata", "pass@1", "output_list"]),
            inner,
            max_size=5,
        )
    ),
    max_leaves=12,
)


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    _JSON
    | st.lists(
        st.fixed_dictionaries(
            {"question_id": _JSON, "code_list": _JSON}, optional={"graded_list": _JSON, "metadata": _JSON}
        )
    )
)
def test_any_json_is_a_log_or_one_error(tmp_path: Path, found: object) -> None:
    try:
        log = load(tmp_path, found)
    except AlloyError as error:
        assert str(error).startswith("samples ")
        return
    assert isinstance(found, list)
    assert len(log.records) == len(found)
    assert all(isinstance(code, str) for record in log.records for code in record.programs)


@pytest.mark.parametrize("seed", range(30))
def test_cut_and_broken_files_are_one_error(tmp_path: Path, seed: int) -> None:
    chance = random.Random(seed)
    data = bytearray(json.dumps([RECORD | {"graded_list": [True]}] * 3, ensure_ascii=False).encode())
    if seed % 2:
        del data[chance.randrange(1, len(data)) :]
    else:
        for _ in range(5):
            data[chance.randrange(len(data))] = chance.randrange(256)
    path = tmp_path / "samples.json"
    path.write_bytes(data)
    try:
        samples.load(path)
    except AlloyError as error:
        assert "samples.json" in str(error)


def test_the_registry_knows_the_benchmark() -> None:
    assert registry.get("livecodebench_v6") is LIVECODEBENCH_V6
    assert registry.get("LiveCodeBench v6") is LIVECODEBENCH_V6
    assert LIVECODEBENCH_V6.problems is None
    assert LIVECODEBENCH_V6.dataset is None


def test_without_problems_nothing_is_scored(tmp_path: Path) -> None:
    pytest.importorskip("livecodebench", reason="needs the harness")
    with pytest.raises(EvidenceMissingError, match="expected the problems of release_v6") as caught:
        LIVECODEBENCH_V6.score(contest.write(tmp_path / "a.json", [RECORD]))
    assert "--dataset" in caught.value.remedy


def test_an_absent_package_names_the_command(monkeypatch: pytest.MonkeyPatch) -> None:
    from verifier.runners.livecodebench import identity

    monkeypatch.setattr(identity, "VERSION", "0.0")
    reason = LIVECODEBENCH_V6.unavailable()
    assert reason is not None
    assert "pip install --no-deps nvidia-livecodebench==" in reason
    assert "alloy-verifier[livecodebench]" in reason
