"""Datasets are read as evalplus reads them, and refused clearly if they are something else."""

import gzip
import importlib.util
import json
import os
import sys
import types
from pathlib import Path
from typing import Any

import pytest

from verifier.errors import DocumentError, UsageError
from verifier.runners import problems
from verifier.runners.problems import Problem, deserialize_mbpp, load_problems

RECORD = {
    "task_id": "Tiny/0",
    "prompt": "def f(x):\n",
    "entry_point": "f",
    "canonical_solution": "    return x\n",
    "base_input": [[1]],
    "plus_input": [],
    "atol": 0,
}


def write(path: Path, *records: Any) -> Path:
    lines = [record if isinstance(record, str) else json.dumps(record) for record in records]
    data = "\n".join(lines).encode()
    path.write_bytes(gzip.compress(data) if path.suffix == ".gz" else data)
    return path


def dataset(name: str) -> Path:
    mirror = os.environ.get("ALLOY_MIRROR")
    path = Path(mirror or "") / "datasets" / name
    if not mirror or not path.is_file():
        pytest.skip(f"needs datasets/{name} in the folder that ALLOY_MIRROR names")
    return path


@pytest.fixture(scope="module")
def evalplus_mbpp() -> Any:
    """evalplus's own module, without the heavy package around it."""
    spec = importlib.util.find_spec("evalplus")
    if spec is None or spec.submodule_search_locations is None:
        pytest.skip("needs evalplus: pip install 'alloy-verifier[scores]'")
    folder = Path(next(iter(spec.submodule_search_locations))) / "data"
    patched: dict[str, types.ModuleType | None] = {"evalplus.data": types.ModuleType("evalplus.data")}
    for name in ("utils", "mbpp"):
        patched[f"evalplus.data.{name}"] = None
    saved = {name: sys.modules.get(name) for name in patched}
    try:
        sys.modules["evalplus.data"] = types.ModuleType("evalplus.data")
        for name in ("utils", "mbpp"):
            part = importlib.util.spec_from_file_location(f"evalplus.data.{name}", folder / f"{name}.py")
            assert part is not None
            assert part.loader is not None
            module = sys.modules[part.name] = importlib.util.module_from_spec(part)
            part.loader.exec_module(module)
        yield module
    finally:
        for name, old in saved.items():
            sys.modules.pop(name, None)
            if old is not None:
                sys.modules[name] = old


def test_mbpp_inputs_are_those_of_evalplus(evalplus_mbpp: Any) -> None:
    path = dataset("MbppPlus-v0.2.0.jsonl.gz")
    theirs = {}
    with gzip.open(path, "rt") as file:
        for line in file:
            record = json.loads(line)
            name = record["task_id"]
            theirs[name] = tuple(
                evalplus_mbpp.mbpp_deserialize_inputs(name, record[key])
                for key in ("base_input", "plus_input")
            )
    ours = load_problems(path, "mbpp")
    assert list(ours) == list(theirs)
    assert len(ours) == 378
    for name, (base, plus) in theirs.items():
        # repr tells a list from a tuple and 1 from 1.0, and finds nan equal to itself.
        assert repr(list(ours[name].base_input)) == repr(list(base)), name
        assert repr(list(ours[name].plus_input)) == repr(list(plus)), name


def test_every_rule_is_that_of_evalplus(evalplus_mbpp: Any) -> None:
    """The same on inputs beyond the dataset's, for every number that could have a rule."""
    samples: list[list[Any]] = [
        [[[[1, 2], [3]], [[4], [5, 6]]], [[[7]], [[8]]]],
        [[[1, 2], [], "ab", [3]], [[4, 5], [6]]],
        [["1.5", "2"]],
        [["1.5", "2", "3"]],
        [[[1, 2], [3, [4]], 5]],
        [[{"a": [1, 2], "b": []}, 1, 2.5]],
        [[[1, 2, 3], 4]],
        [["12"], ["3j"]],
        [],
    ]
    applied = 0
    for number in range(1000):
        for sample in samples:
            try:
                wanted = repr(list(evalplus_mbpp.mbpp_deserialize_inputs(f"Mbpp/{number}", sample)))
            except (TypeError, ValueError, IndexError, AttributeError) as error:
                with pytest.raises(type(error)):
                    deserialize_mbpp(f"Mbpp/{number}", sample)
                continue
            assert repr(list(deserialize_mbpp(f"Mbpp/{number}", sample))) == wanted, (number, sample)
            applied += wanted != repr(sample)
    assert applied > 100


def test_humaneval_is_read_whole() -> None:
    found = load_problems(dataset("HumanEvalPlus-v0.1.10.jsonl.gz"), "humaneval")
    assert list(found) == [f"HumanEval/{number}" for number in range(164)]
    assert found["HumanEval/32"].entry_point == "find_zero"
    assert found["HumanEval/32"].atol == 0.0001
    assert all(problem.base_input for problem in found.values())


@pytest.mark.parametrize("name", ["a.jsonl", "a.jsonl.gz"])
def test_plain_and_compressed(tmp_path: Path, name: str) -> None:
    path = write(tmp_path / name, RECORD, "", {**RECORD, "task_id": "Tiny/1", "plus_input": {}, "atol": 0.5})
    found = load_problems(path, "humaneval")
    assert list(found) == ["Tiny/0", "Tiny/1"]
    assert found["Tiny/0"] == Problem(**{**RECORD, "base_input": ([1],), "plus_input": ()})  # type: ignore[arg-type]
    assert (found["Tiny/1"].plus_input, found["Tiny/1"].atol) == ((), 0.5)


@pytest.mark.parametrize(
    ("record", "message"),
    [
        ("{", "line 1: expected JSON"),
        ("[" * 100_000, "line 1: expected JSON"),
        ("[]", "expected an object, found list"),
        ({**RECORD, "prompt": 1}, r"expected str, found int \(at /prompt\)"),
        ({key: RECORD[key] for key in RECORD if key != "task_id"}, r"found nothing \(at /task_id\)"),
        ({**RECORD, "task_id": "Tiny"}, "expected task_id NAME/NUMBER"),
        ({**RECORD, "entry_point": "f()"}, "identifier"),
        ({**RECORD, "base_input": [1]}, r"\(at /base_input\)"),
        ({**RECORD, "plus_input": "x"}, r"\(at /plus_input\)"),
        ({**RECORD, "atol": True}, r"found True \(at /atol\)"),
        ({**RECORD, "atol": -1}, r"\(at /atol\)"),
        (json.dumps(RECORD).replace('"atol": 0', '"atol": NaN'), r"found nan \(at /atol\)"),
    ],
)
def test_malformed_records_are_refused(tmp_path: Path, record: Any, message: str) -> None:
    with pytest.raises(DocumentError, match=message):
        load_problems(write(tmp_path / "a.jsonl", record), "humaneval")


def test_inputs_of_another_form_than_the_rule_are_refused(tmp_path: Path) -> None:
    path = write(tmp_path / "a.jsonl", {**RECORD, "task_id": "Mbpp/252", "base_input": [["no number"]]})
    with pytest.raises(DocumentError, match=r"Mbpp/252's types.*\(at /base_input\)"):
        load_problems(path, "mbpp")


def test_repeated_and_missing_problems_are_refused(tmp_path: Path) -> None:
    with pytest.raises(DocumentError, match="line 2: expected new task ids, found Tiny/0"):
        load_problems(write(tmp_path / "a.jsonl", RECORD, RECORD), "humaneval")
    with pytest.raises(DocumentError, match="expected problems, found none"):
        load_problems(write(tmp_path / "a.jsonl", "", ""), "humaneval")


def test_unreadable_files_are_refused(tmp_path: Path) -> None:
    with pytest.raises(DocumentError, match="expected a readable dataset"):
        load_problems(tmp_path / "absent.jsonl", "humaneval")
    whole = write(tmp_path / "a.jsonl.gz", RECORD).read_bytes()
    for data in (b"no gzip", whole[:-20], whole[:20] + b"\0\0\0\0" + whole[24:]):
        (tmp_path / "b.jsonl.gz").write_bytes(data)
        with pytest.raises(DocumentError):
            load_problems(tmp_path / "b.jsonl.gz", "humaneval")


def test_a_bomb_does_not_unfold(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(problems, "MAX_LINE", 10_000)
    (tmp_path / "a.jsonl.gz").write_bytes(gzip.compress(b" " * 50_000_000))
    with pytest.raises(DocumentError, match="at most 10000 bytes a line"):
        load_problems(tmp_path / "a.jsonl.gz", "humaneval")
    monkeypatch.setattr(problems, "MAX_BYTES", 20_000)
    (tmp_path / "b.jsonl.gz").write_bytes(gzip.compress((b" " * 5000 + b"\n") * 10_000))
    with pytest.raises(DocumentError, match="20000 in all"):
        load_problems(tmp_path / "b.jsonl.gz", "humaneval")


def test_unknown_kind(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="expected one of humaneval, mbpp, found 'apps'"):
        load_problems(tmp_path / "a.jsonl", "apps")
