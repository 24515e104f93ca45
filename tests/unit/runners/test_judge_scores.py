"""Both judges on a small benchmark, end to end, and on a part of the published samples."""

import dataclasses
import gzip
import json
import multiprocessing
import os
from collections.abc import Mapping
from pathlib import Path

import pytest

from verifier.errors import JudgeError, SandboxError
from verifier.runners import registry, truth
from verifier.runners.model import ScoreOptions, ScoreResult
from verifier.sandbox import doctor

PROBLEMS = [
    {
        "task_id": f"T/{number}",
        "prompt": f"def {name}(a):\n",
        "entry_point": name,
        "canonical_solution": body,
        "base_input": base,
        "plus_input": plus,
        "atol": 0,
    }
    for number, (name, body, base, plus) in enumerate(
        [
            ("double", "    return a * 2\n", [[1], [5]], [[-3], [0], [10**20]]),
            ("halves", "    return [x / 3 for x in a]\n", [[[1, 2]]], [[[]], [[7.5, -1]]]),
            ("pairs", "    return {k: (v, k) for k, v in a.items()}\n", [[{"x": 1}]], [[{}], [{"y": None}]]),
            ("find_zero", "    return -a[0] / a[1]\n", [[[1, 2]]], [[[3, 5]]]),
        ]
    )
]
HONEST = {p["task_id"]: str(p["prompt"]) + str(p["canonical_solution"]) for p in PROBLEMS}


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Path:
    if reason := registry.get("humaneval").unavailable():
        pytest.skip(reason)
    if not doctor.sufficient():
        pytest.skip("this machine has no sufficient sandbox")
    path = tmp_path_factory.mktemp("dataset") / "small.jsonl.gz"
    path.write_bytes(gzip.compress("".join(json.dumps(p) + "\n" for p in PROBLEMS).encode(), mtime=0))
    return path


def scored(
    dataset: Path, folder: Path, solutions: Mapping[str, str], name: str = "humaneval_plus"
) -> ScoreResult:
    path = folder / "samples.jsonl"
    path.write_text("".join(json.dumps({"task_id": t, "solution": c}) + "\n" for t, c in solutions.items()))
    return registry.get(name).score(path, ScoreOptions(dataset=dataset, jobs=2, cache_dir=folder / "cache"))


def test_right_solutions_are_confirmed_by_both(dataset: Path, tmp_path: Path) -> None:
    result = scored(dataset, tmp_path, HONEST)
    for task in ("T/0", "T/1", "T/2"):
        found = result.tasks[task]
        assert (found.official, found.isolated, found.confirmed) == ("pass", "pass", True)
    # The released official judge fails every solution of this entry point.
    found = result.tasks["T/3"]
    assert (found.official, found.isolated, found.confirmed, found.fixed) == ("fail", "pass", False, "pass")
    assert (result.passed, result.total, result.missing) == (3, 4, ())
    assert result.value() == 0.75
    assert result.judge["version"] == "0.3.1"


def test_base_and_plus_are_told_apart(dataset: Path, tmp_path: Path) -> None:
    wrong_on_plus = HONEST | {"T/0": "def double(a):\n    return abs(a) * 2\n"}
    assert scored(dataset, tmp_path, wrong_on_plus, "humaneval").tasks["T/0"].confirmed is True
    assert scored(dataset, tmp_path, wrong_on_plus).tasks["T/0"].official == "fail"


@pytest.mark.parametrize(
    "code",
    [
        "def double(a):\n    return a + 3\n",
        "def double(a:\n",
        "def other(a):\n    return a * 2\n",
        "raise SystemExit(0)\n",
        "def double(a):\n    raise KeyboardInterrupt\n",
        "def double(a):\n    return input()\n",
    ],
)
def test_wrong_solutions_fail(dataset: Path, tmp_path: Path, code: str) -> None:
    found = scored(dataset, tmp_path, {"T/0": code}).tasks["T/0"]
    assert (found.official, found.confirmed) == ("fail", False)


def test_an_endless_solution_is_a_timeout_and_decided(dataset: Path, tmp_path: Path) -> None:
    found = scored(dataset, tmp_path, {"T/0": "def double(a):\n    while True: pass\n"}).tasks["T/0"]
    assert (found.official, found.confirmed) == ("timeout", False)


def test_an_exception_after_the_limit_is_a_timeout(dataset: Path, tmp_path: Path) -> None:
    """Whether endless work runs out of memory or of time is the machine's choice."""
    code = "import time\ndef double(a):\n    while time.process_time() < 3: pass\n    raise MemoryError\n"
    found = scored(dataset, tmp_path, {"T/0": code}).tasks["T/0"]
    assert (found.official, found.confirmed) == ("timeout", False)


def test_a_fooled_official_judge_is_found_out(dataset: Path, tmp_path: Path) -> None:
    cheat = "class Same:\n    def __eq__(self, other): return True\ndef double(a):\n    return Same()\n"
    found = scored(dataset, tmp_path, HONEST | {"T/0": cheat})
    assert (found.tasks["T/0"].official, found.tasks["T/0"].confirmed) == ("pass", False)
    assert "isolated judge" in found.tasks["T/0"].note
    assert found.passed == 2


def test_partial_file_has_no_pass_at_1(dataset: Path, tmp_path: Path) -> None:
    result = scored(dataset, tmp_path, {"T/1": HONEST["T/1"]})
    assert (result.passed, result.answered, result.total, result.value()) == (1, 1, 4, None)
    assert result.missing == ("T/0", "T/2", "T/3")


def test_repeated_task_needs_every_sample(dataset: Path, tmp_path: Path) -> None:
    path = tmp_path / "twice.jsonl"
    codes = (HONEST["T/0"], "def double(a): return 1\n", HONEST["T/0"])
    path.write_text("".join(json.dumps({"task_id": "T/0", "solution": code}) + "\n" for code in codes))
    result = registry.get("humaneval").score(path, ScoreOptions(dataset=dataset, jobs=2, cache_dir=None))
    assert result.duplicate == ("T/0",)
    assert result.tasks["T/0"].confirmed is False


def _score_in_child(dataset: Path, folder: Path) -> None:
    scored(dataset, folder, HONEST)


def test_kept_results_are_used_and_checked(
    dataset: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = scored(dataset, tmp_path, HONEST)
    kept = sorted((tmp_path / "cache" / "scores").rglob("*.json"))
    assert len(kept) == len(HONEST)
    with monkeypatch.context() as patch:
        patch.setattr("verifier.runners.benchmark.Sandbox", None)  # any execution would now break
        assert scored(dataset, tmp_path, HONEST) == first
    # Bytes that were tampered with do not count: the solution is judged again.
    target = next(path for path in kept if b'"isolated":"pass"' in path.read_bytes())
    target.write_bytes(target.read_bytes().replace(b'"pass"', b'"fail"'))
    assert scored(dataset, tmp_path, HONEST) == first
    assert b'"isolated":"pass"' in target.read_bytes()


def test_two_processes_execute_one_file_once(dataset: Path, tmp_path: Path) -> None:
    context = multiprocessing.get_context("spawn")
    workers = [context.Process(target=_score_in_child, args=(dataset, tmp_path)) for _ in range(2)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert [worker.exitcode for worker in workers] == [0, 0]
    kept = list((tmp_path / "cache" / "scores").rglob("*.json"))
    assert len(kept) == len(HONEST)
    assert not list((tmp_path / "cache").rglob(".writing-*"))


def test_damaged_ground_truth_is_computed_again(dataset: Path, tmp_path: Path) -> None:
    first = scored(dataset, tmp_path, HONEST)
    (kept,) = (tmp_path / "cache" / "truth").glob("*.bin")
    intact = kept.read_bytes()
    kept.write_bytes(intact[:-1] + bytes([intact[-1] ^ 1]))
    truth._in_memory.clear()
    changed = HONEST | {"T/0": HONEST["T/0"] + "# another text\n"}
    assert scored(dataset, tmp_path, changed).passed == first.passed
    assert truth._read(kept) is not None


def test_a_canonical_solution_that_fails_breaks_the_judge(dataset: Path, tmp_path: Path) -> None:
    broken = tmp_path / "broken.jsonl"
    broken.write_text(json.dumps(PROBLEMS[0] | {"canonical_solution": "    raise ValueError\n"}) + "\n")
    with pytest.raises(JudgeError, match="expected 2 plain base results of the canonical solution, found 0"):
        scored(broken, tmp_path, {"T/0": HONEST["T/0"]})


def test_nothing_runs_without_a_sandbox(
    dataset: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(doctor, "_trouble", lambda mode: "not permitted")
    with pytest.raises(SandboxError, match="expected namespaces"):
        scored(dataset, tmp_path, HONEST)
    assert not (tmp_path / "cache").exists()
    samples = tmp_path / "samples.jsonl"
    runner = registry.get("humaneval")
    result = runner.score(
        samples, ScoreOptions(dataset=dataset, jobs=2, cache_dir=None, unsafe_no_sandbox=True)
    )
    assert result.passed == 3
    assert result.notes == ("samples ran without a sandbox (--unsafe-no-sandbox)",)
    assert result.judge["sandbox"]["outer"] == "none"


def test_judges_agree_on_published_samples(tmp_path: Path) -> None:
    mirror = os.environ.get("ALLOY_MIRROR")
    if not mirror:
        pytest.skip("needs published samples: set ALLOY_MIRROR")
    runner = registry.get("humaneval_plus")
    files = sorted(Path(mirror).glob("hub/*/*/eval/humaneval/*.jsonl"))
    dataset = Path(mirror) / "datasets" / runner.dataset.filename
    if not files or not dataset.is_file():
        pytest.skip(f"needs hub/*/*/eval/humaneval/*.jsonl and datasets/{dataset.name} in the mirror")
    if reason := runner.unavailable():
        pytest.skip(reason)
    chosen = tmp_path / "part.jsonl"
    chosen.write_text("".join(files[-1].read_text().splitlines(keepends=True)[20:36]))
    result = runner.score(chosen, ScoreOptions(dataset=dataset, jobs=2, cache_dir=tmp_path))
    assert result.answered == 16
    passes = [found for found in result.tasks.values() if found.official == "pass"]
    assert passes
    assert all((found.isolated, found.confirmed) == ("pass", True) for found in passes)
    assert dataclasses.replace(result.tasks["HumanEval/32"], note="").official == "fail"
