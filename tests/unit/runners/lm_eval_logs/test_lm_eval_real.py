"""A log that the harness itself wrote gives the harness's own numbers, exactly."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from forge.reference import logs_lm_eval
from forge.reference.bench import words
from tests.unit.runners.lm_eval_logs import harness_run
from tests.unit.runners.lm_eval_logs.conftest import Run
from verifier.cli import main
from verifier.runners.lm_eval import layout, results
from verifier.runners.lm_eval.declared import RUNNERS
from verifier.runners.lm_eval.names import BBH, NAMES
from verifier.runners.model import ScoreOptions, ScoreResult

WHOLE = ("ifeval", "bbh", "math_hard", "gpqa", "gpqa_diamond", "mmlu_pro", "musr", "gsm8k", "aime_2024")
PARTS = tuple(f"bbh_{part}" for part in BBH)
WORDS = ("alloybench_words", "alloybench_words_sums", "alloybench_words_counts")


def own(run: Run, name: str) -> dict[str, dict[str, float | None]]:
    """The harness's own numbers of a benchmark: by task or group, by key."""
    tasks = [task.name for task in RUNNERS[name].tasks]
    groups = [group for group, parts in run.results["group_subtasks"].items() if set(parts) == set(tasks)]
    return {
        task: {k: None if v == "N/A" else v for k, v in run.results["results"][task].items() if "," in k}
        for task in [*tasks, *(groups if RUNNERS[name].group else [])]
    }


def computed(result: ScoreResult) -> dict[str, dict[str, float | None]]:
    found: dict[str, dict[str, float | None]] = {}
    for one in result.metrics:
        of_task = found.setdefault(one.task, {})
        of_task[f"{one.name},{one.filter}"] = one.value
        of_task[f"{one.name}_stderr,{one.filter}"] = one.stderr
    return found


def check(run: Run, name: str) -> ScoreResult:
    small = run.small(name)
    result = small.score(run.folder, ScoreOptions(dataset=run.dataset))
    assert computed(result) == own(run, name)
    assert (result.differing, result.limits, result.missing, result.extra, result.duplicate) == ((),) * 5
    statuses = {
        f"{task.name}/{line['doc_id']}": bool(line[small.metric])
        for task in small.tasks
        for line in run.lines(task.name)
        if line["filter"] == small.filter
    }
    assert {task: status.confirmed for task, status in result.tasks.items()} == statuses
    whole = [m.value for m in result.metrics if m.whole and str(m) == result.metric]
    assert whole == [pytest.approx(result.value(), abs=1e-12)]
    assert all(one.n == result.total for one in result.metrics if one.whole)
    return result


@pytest.mark.parametrize("name", ["ifeval", "bbh", "math_hard"])
def test_a_random_transformer(runs: dict[str, Run], name: str) -> None:
    check(runs["random"], name)


@pytest.mark.parametrize("name", ["gpqa", "gpqa_diamond", "mmlu_pro", "musr", "gsm8k", "aime_2024"])
def test_a_random_transformer_in_this_process(runs: dict[str, Run], name: str, in_process: None) -> None:
    check(runs["random"], name)


def test_every_part_of_bbh(runs: dict[str, Run], in_process: None) -> None:
    assert len(PARTS) == 24
    assert {*WHOLE, *PARTS, *WORDS} == set(NAMES)
    solved = [check(runs["random"], name).passed for name in PARTS]
    assert len(set(solved)) > 1


@pytest.mark.parametrize("name", ["ifeval", "math_hard", "gsm8k", "aime_2024", *WORDS])
def test_right_and_wrong_answers(runs: dict[str, Run], name: str, in_process: None) -> None:
    result = check(runs["scripted"], name)
    assert 0 < result.passed < result.total


def test_logs_of_our_own_are_written_as_the_harness_writes_them(runs: dict[str, Run]) -> None:
    """AlloyBench-Words is part of the reference catalog, whose logs are made without the harness."""
    run, ours = runs["scripted"], logs_lm_eval.files(harness_run.WORDS)
    for task in words.TASKS:
        # This run was given a limit of its own, which the definition does not have.
        theirs = run.log(task).read_bytes().replace(b', "max_gen_toks": 16}', b"}")
        assert theirs == ours[logs_lm_eval.samples_name(task)]
    document = json.loads(ours[logs_lm_eval.RESULTS])
    names = (words.BENCHMARK, *words.TASKS)
    for key in ("results", "groups", "group_subtasks", "versions", "n-shot", "higher_is_better", "n-samples"):
        found = {name: value for name, value in run.results[key].items() if name in names}
        assert found == {name: value for name, value in document[key].items() if name in names}, key
    assert document["lm_eval_version"] == run.results["lm_eval_version"]
    assert document["task_hashes"] == {task: run.results["task_hashes"][task] for task in words.TASKS}
    for task in words.TASKS:
        definition = dict(run.results["configs"][task])
        until = {k: v for k, v in definition["generation_kwargs"].items() if k != "max_gen_toks"}
        known = definition | {"generation_kwargs": until, "metadata": {"version": 1.0}}
        assert {key: known[key] for key in document["configs"][task]} == document["configs"][task]
    assert set(document) <= set(run.results)
    assert set(document["config"]) <= set(run.results["config"])


@pytest.mark.parametrize(
    "name", [pytest.param(n, marks=[] if n == "ifeval" else pytest.mark.slow) for n in WHOLE]
)
def test_neither_torch_nor_network(runs: dict[str, Run], name: str) -> None:
    """The worker's own hardening, and after scoring torch is not there and no connection can be made."""
    program = """
import json, sys
from verifier.runners.child.worker import harden
harden()
from verifier.runners.lm_eval.rescore import run
found = run(json.loads(sys.argv[1]), lambda done: None)
assert not {"torch", "transformers", "tensorflow"} & sys.modules.keys()
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
    run = runs["random"]
    small = run.small(name)
    files = layout.find(run.folder, [task.name for task in small.tasks])
    assert files.results is not None
    request = small._request(files, results.load(files.results))
    done = subprocess.run(
        [sys.executable, "-c", program, json.dumps(request)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr[-2000:]
    assert json.loads(done.stdout.splitlines()[-1])


def test_nothing_of_the_harness_is_loaded_at_the_start() -> None:
    program = (
        "import sys, verifier.cli\nfrom verifier.runners import registry\n"
        "[registry.get(name) for name in registry.names()]\n"
        "sys.exit(bool({'lm_eval', 'datasets', 'torch', 'nltk', 'sympy'} & sys.modules.keys()))"
    )
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0


def test_the_command(runs: dict[str, Run], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run, out = runs["scripted"], tmp_path / "score.json"
    log = str(run.log("gsm8k"))
    assert main(["score", log, "--benchmark", "GSM8K", "--json", str(out), "--offline"]) == 0
    said = capsys.readouterr().out
    assert "gsm8k: 2 of 5 answered problems confirmed; the file answers 5 of 1319 problems" in said
    assert "were not compared with the dataset" in said
    found = json.loads(out.read_text(encoding="utf-8"))
    assert found["exact_match,strict-match"] is None
    assert (found["passed"], found["answered"], found["total"]) == (2, 5, 1319)
    assert len(found["missing"]) == 1314
    assert found["judge"]["version"] == "0.4.13"
    assert {(m["filter"], m["value"], m["n"]) for m in found["metrics"]} == {
        ("strict-match", 0.4, 5),
        ("flexible-extract", 0.6, 5),
    }
