"""A log that lmms-eval itself wrote gives lmms-eval's own numbers, exactly."""

import importlib
import json
import subprocess
import sys
from pathlib import Path

import pytest

from forge.reference.bench import charts
from tests.unit.runners.lmms_eval_logs.conftest import Run, needs_harness
from verifier.cli import main
from verifier.runners.lmms_eval import hollow, layout, results
from verifier.runners.lmms_eval.declared import RUNNERS
from verifier.runners.model import ScoreOptions, ScoreResult

NAMES = tuple(RUNNERS)
GUESSED = {"scripted": {2, 8}, "command": {2, 8}}


def some(*quick: str) -> list[object]:
    """Every benchmark; those that are not named only in the long run, since each starts a process."""
    return [pytest.param(name, marks=() if name in quick else pytest.mark.slow) for name in NAMES]


def computed(result: ScoreResult, task: str) -> dict[str, float | None]:
    found: dict[str, float | None] = {}
    for one in result.metrics:
        if one.task == task:
            found[f"{one.name},{one.filter}"] = one.value
            found[f"{one.name}_stderr,{one.filter}"] = one.stderr
    return found


def own(run: Run, task: str) -> dict[str, float | None]:
    """The harness's own numbers; what it does not aggregate it logs as an empty list."""
    return {
        key: None if value == "N/A" else value
        for key, value in run.results["results"][task].items()
        if "," in key and value != [] and "_clt," not in key and "_clustered," not in key
    }


def solved(line: dict[str, object], metric: str) -> bool:
    value = line[metric]
    if not isinstance(value, dict):
        return value == 1
    (parsed,) = value["parsed_pred"]
    if value["question_type"] == "multiple-choice":
        return bool(parsed == value["answer"])
    answer = value["answer"].lower()
    return any(float(answer) == p if isinstance(p, float) else answer in p for p in parsed)


def check(run: Run, which: str, name: str, dataset: Path | None) -> ScoreResult:
    small = run.small(name)
    result = small.score(run.folder, ScoreOptions(dataset=dataset))
    assert computed(result, small.task) == own(run, small.task)
    assert (result.differing, result.missing, result.extra, result.duplicate) == ((),) * 4
    for line in run.lines(small.task):
        status = result.tasks[f"{small.task}/{line['doc_id']}"]
        assert (status.official == "pass") == solved(line, small.metric)
        assert status.confirmed in (None, status.official == "pass")
        assert (status.confirmed is None) == bool(status.note)
        if status.confirmed is None:
            assert name == "mmmu"
            assert line["mmmu_acc"]["parsed_pred"][0] in status.note
        if which in GUESSED:
            assert (status.confirmed is None) == (name == "mmmu" and line["doc_id"] in GUESSED[which])
    assert len(result.answers) == result.total == len(run.lines(small.task))
    return result


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("which", ["scripted", "command", "random"])
@pytest.mark.usefixtures("in_process")
def test_the_log_alone(runs: dict[str, Run], which: str, name: str) -> None:
    result = check(runs[which], which, name, None)
    (limit,) = result.limits
    assert "were not compared with the dataset" in limit
    assert which == "random" or 0 < result.passed < result.total


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("which", ["scripted", "command", "random"])
@pytest.mark.usefixtures("in_process")
def test_the_log_and_the_dataset(runs: dict[str, Run], which: str, name: str) -> None:
    run = runs[which]
    result = check(run, which, name, run.datasets[RUNNERS[name].task])
    assert result.limits == ()


@pytest.mark.parametrize("name", some("mmmu"))
def test_in_its_own_process(runs: dict[str, Run], name: str) -> None:
    result = check(runs["command"], "command", name, None)
    whole = [m for m in result.metrics if m.whole]
    assert [str(m) for m in whole] == [result.metric]
    assert (result.headline == whole[0]) == (name == "docvqa")
    if name != "mmmu":
        assert whole[0].value == pytest.approx(result.value(), abs=1e-12)


@pytest.mark.usefixtures("in_process")
@pytest.mark.parametrize("which", ["scripted", "command", "random"])
def test_subjects_and_domains(runs: dict[str, Run], which: str) -> None:
    run = runs[which]
    result = run.small("mmmu").score(run.folder)
    found = {m.task.partition("/")[2]: (m.value, m.n) for m in result.metrics if not m.whole}
    assert found == {
        name: (part["acc"], part["num"])
        for name, part in run.parts.items()
        if part["num"] and name != "Overall"
    }
    assert len(found) > 8


@pytest.mark.usefixtures("in_process")
def test_what_a_log_without_options_decides(runs: dict[str, Run], tmp_path: Path) -> None:
    """Options come from the prompt; without one, what does not depend on them is decided all the same."""
    run = runs["scripted"].copied(tmp_path)
    run.edit("mmmu_val", lambda lines: [line | {"input": "Question: ?"} for line in lines])
    result = run.small("mmmu").score(run.folder)
    open_ = {task: r.note for task, r in result.tasks.items() if r.confirmed is None}
    assert set(open_) == {f"mmmu_val/{doc}" for doc in (2, 3, 7, 8)}
    assert "which the log does not have" in open_["mmmu_val/3"]
    assert "depends on how many there are" in open_["mmmu_val/7"]  # "I think E": I may be an option
    assert (result.differing, result.value()) == ((), None)
    assert result.tasks["mmmu_val/0"].confirmed is True
    assert result.tasks["mmmu_val/1"].confirmed is False
    whole = run.small("mmmu").score(runs["scripted"].folder, ScoreOptions(dataset=run.datasets["mmmu_val"]))
    assert whole.tasks["mmmu_val/3"].confirmed is True


@pytest.mark.parametrize("name", some("docvqa"))
def test_neither_torch_nor_network(runs: dict[str, Run], name: str) -> None:
    """The worker's own hardening; after scoring torch is not there and no connection can be made."""
    program = """
import json, sys
from verifier.runners.child.worker import harden
harden()
from verifier.runners.lmms_eval.rescore import run
found = run(json.loads(sys.argv[1]), lambda done: None)
assert not {"torch", "transformers", "datasets", "PIL"} & sys.modules.keys()
try:
    import torch
except ModuleNotFoundError:
    pass
else:
    raise SystemExit("torch was importable")
import socket
for act in (lambda: socket.create_connection(("127.0.0.1", 9)), lambda: socket.getaddrinfo("localhost", 9)):
    try:
        act()
    except PermissionError:
        continue
    raise SystemExit("the network was open")
print(json.dumps(found["metrics"]))
"""
    run = runs["scripted"]
    small = run.small(name)
    files = layout.find(run.folder, small.task)
    assert files.results is not None
    said = results.load(files.results, small.task)
    request = small._request(files, said, run.datasets[small.task])
    done = subprocess.run(
        [sys.executable, "-c", program, json.dumps(request)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr[-2000:]
    assert json.loads(done.stdout.splitlines()[-1])


def test_nothing_of_the_harness_is_loaded_at_the_start() -> None:
    program = (
        "import sys, verifier.cli\nfrom verifier.runners import registry\n"
        "[registry.get(name) for name in registry.names()]\n"
        "sys.exit(bool({'lmms_eval', 'loguru', 'numpy', 'torch', 'tenacity'} & sys.modules.keys()))"
    )
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0


def test_a_real_package_keeps_no_hollow_part() -> None:
    import tqdm

    with hollow.modules():
        importlib.import_module("tqdm.no_such_part")
        assert "no_such_part" in vars(tqdm)
    assert "no_such_part" not in vars(tqdm)
    assert sys.modules["tqdm"] is tqdm
    with pytest.raises(ModuleNotFoundError):
        importlib.import_module("tqdm.no_such_part")


def test_no_result_can_rest_on_a_hollow_module() -> None:
    program = """
from verifier.runners.lmms_eval import hollow
from verifier.errors import JudgeError
with hollow.modules():
    import accelerate.utils
    from datasets import Image
class Own(accelerate.utils.Thing): pass
assert not isinstance(3, Image)
for kind in (Image, Own):
    try:
        kind()
    except JudgeError:
        continue
    raise SystemExit("a hollow class was of use")
import sys
assert not {"accelerate", "datasets"} & sys.modules.keys()
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_the_command(runs: dict[str, Run], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run, out = runs["scripted"], tmp_path / "score.json"
    log = str(run.log("docvqa_val"))
    assert main(["score", log, "--benchmark", "DocVQA", "--json", str(out), "--offline"]) == 0
    assert "the file answers 6 of 5349 problems" in capsys.readouterr().out
    found = json.loads(out.read_text(encoding="utf-8"))
    assert (found["passed"], found["answered"], found["total"]) == (2, 6, 5349)
    assert found["judge"]["version"] == "0.7.3"
    assert found["metrics"][0]["value"] == run.results["results"]["docvqa_val"]["anls,none"]


def test_what_it_needs_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    from verifier.runners.lmms_eval import identity

    monkeypatch.setattr(identity, "NEEDED", ("no-such-package",))
    reason = RUNNERS["chartqa"].unavailable()
    assert reason is not None
    assert "pip install --no-deps lmms-eval==0.7.3" in reason


def test_the_reference_log_is_what_the_harness_writes(runs: dict[str, Run], tmp_path: Path) -> None:
    """The same answers, evaluated by the harness and written without it: the same bytes."""
    from forge.reference.logs_lmms import write
    from tests.unit.runners.lmms_eval_logs.rows import FAULTS
    from verifier.runners.lmms_eval.harness import named

    needs_harness()
    run = runs["scripted"]
    samples, results_ = write(tmp_path, charts.answers(FAULTS))
    assert samples.read_bytes() == run.log(charts.TASK).read_bytes()
    ours, theirs = json.loads(results_.read_text(encoding="utf-8")), run.results
    assert list(ours) == [key for key in theirs if key != "efficiency"]
    for key in ("versions", "n-shot", "higher_is_better", "n-samples", "group_subtasks", "task_hashes"):
        assert ours[key][charts.TASK] == theirs[key][charts.TASK]
    assert list(ours["config"]) == list(theirs["config"])
    mine, real = ours["results"][charts.TASK], theirs["results"][charts.TASK]
    assert list(mine) == list(real)
    assert mine == {k: v if isinstance(v, str) else pytest.approx(v, rel=1e-14) for k, v in real.items()}
    configs = [named(one["configs"][charts.TASK]) | {"dataset_kwargs": ""} for one in (ours, theirs)]
    assert configs[0] == configs[1]
    assert list(configs[0]) == list(configs[1])
