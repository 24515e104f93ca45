"""Logs that inspect wrote, scored again: its own numbers, and every edit is noticed."""

import json
import shutil
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.unit.runners.inspect_logs.cards import verified
from tests.unit.runners.inspect_logs.inspect_run import GSM8K, HUMANEVAL, MBPP
from verifier.cli import main
from verifier.errors import DocumentError, EvidenceMissingError
from verifier.runners import samples
from verifier.runners.inspect_logs import programs
from verifier.runners.inspect_logs.runner import InspectRunner
from verifier.runners.inspect_logs.tasks import TASKS
from verifier.runners.lm_eval import identity as lm_eval
from verifier.runners.model import ScoreResult

Document = dict[str, Any]


def document(logs: Path, task: str) -> Document:
    found: Document = json.loads((logs / f"{task}.json").read_text(encoding="utf-8"))
    return found


def score(benchmark: str, path: Path) -> ScoreResult:
    return InspectRunner(task=TASKS[benchmark]).score(path)


@pytest.mark.usefixtures("in_process")
@pytest.mark.parametrize("benchmark", TASKS)
def test_the_score_is_inspects_own(logs: Path, benchmark: str) -> None:
    task = TASKS[benchmark]
    whole = document(logs, task.task)
    (said,) = whole["results"]["scores"]
    results = [score(benchmark, logs / f"{task.task}.{form}") for form in ("eval", "json")]
    for result in results:
        assert result.differing == ()
        found = {metric.name: metric for metric in result.metrics}
        expected = {name: metric["value"] for name, metric in said["metrics"].items() if name != "stderr"}
        assert {name: metric.value for name, metric in found.items()} == expected
        assert found[task.metric].stderr == said["metrics"]["stderr"]["value"]
        right: dict[str, list[bool]] = {}
        for sample in whole["samples"]:
            right.setdefault(str(sample["id"]), []).append(sample["scores"][task.scorer]["value"] == "C")
        assert {key: r.confirmed for key, r in result.tasks.items()} == {k: all(v) for k, v in right.items()}
        assert 0 < result.passed < result.answered
        assert result.value() is None
        assert "another prompt" in result.limits[0]
        assert len(result.limits) == 1
        assert result.judge["name"] == "inspect"
    one, other = results
    assert (one.tasks, one.metrics, one.answers) == (other.tasks, other.metrics, other.answers)
    assert one.samples_sha256 != other.samples_sha256


def _value(d: Document) -> None:
    d["samples"][2]["scores"]["match"]["value"] = "C"


def _answer(d: Document) -> None:
    d["samples"][2]["scores"]["match"]["answer"] = "80"


def _completion(d: Document) -> None:
    d["samples"][2]["output"]["completion"] = "ANSWER: $80"


def _both_texts(d: Document) -> None:
    _completion(d)
    d["samples"][2]["output"]["choices"][0]["message"]["content"] = "ANSWER: $80"


def _target(d: Document) -> None:
    d["samples"][2]["target"] = "40"


def _mean(d: Document) -> None:
    d["results"]["scores"][0]["metrics"]["accuracy"]["value"] = 0.9


def _error(d: Document) -> None:
    d["results"]["scores"][0]["metrics"]["stderr"]["value"] = 0.01


def _extra_metric(d: Document) -> None:
    d["results"]["scores"][0]["metrics"]["best"] = {"name": "best", "value": 1.0}


def _no_score(d: Document) -> None:
    del d["samples"][2]["scores"]["match"]


@pytest.mark.usefixtures("in_process")
@pytest.mark.parametrize(
    ("edit", "what"),
    [
        (_value, {"match value"}),
        (_answer, {"match answer"}),
        (_completion, {"match value", "match answer", "output.completion", "accuracy,none", "stderr,none"}),
        (_both_texts, {"match value", "match answer", "accuracy,none", "stderr,none"}),
        (_target, {"match value", "accuracy,none", "stderr,none"}),
        (_mean, {"accuracy,none"}),
        (_error, {"stderr,none"}),
        (_extra_metric, {"best,none"}),
        (_no_score, {"match value", "match answer"}),
    ],
)
def test_edits_are_findings(
    logs: Path, tmp_path: Path, edit: Callable[[Document], None], what: set[str]
) -> None:
    whole = document(logs, "gsm8k")
    where = str(whole["samples"][2]["id"])
    edit(whole)
    path = tmp_path / "edited.json"
    path.write_text(json.dumps(whole), encoding="utf-8")
    differing = score("gsm8k", path).differing
    assert {one.what for one in differing} <= what
    assert differing
    assert {one.where for one in differing} <= {where, "gsm8k"}
    if edit not in (_mean, _error, _extra_metric):
        assert where in {one.where for one in differing}


@pytest.mark.usefixtures("in_process")
def test_dropped_repeated_and_foreign_samples_are_told_apart(logs: Path, tmp_path: Path) -> None:
    whole = document(logs, "gsm8k")
    dropped, repeated = whole["samples"][0], whole["samples"][1]
    foreign = json.loads(json.dumps(whole["samples"][2])) | {"id": "gsm8k_other"}
    worse = json.loads(json.dumps(repeated))
    worse["output"] = json.loads(json.dumps(whole["samples"][4]["output"]))
    whole["samples"] = [*whole["samples"][1:], worse, foreign]
    path = tmp_path / "edited.json"
    path.write_text(json.dumps(whole), encoding="utf-8")
    result = score("gsm8k", path)
    assert result.missing[0] == dropped["id"]
    assert len(result.missing) == 1319 - 4
    assert result.duplicate == (repeated["id"],)
    assert result.extra == ("gsm8k_other",)
    assert result.tasks[repeated["id"]].confirmed is False
    assert ("gsm8k", "completed_samples") in {(one.where, one.what) for one in result.differing}


@pytest.mark.usefixtures("in_process")
def test_a_dropped_member_of_a_zip(logs: Path, tmp_path: Path) -> None:
    from inspect_ai._util import zipfile as _  # noqa: F401 - teaches zipfile Zstandard

    path = tmp_path / "x.eval"
    with zipfile.ZipFile(logs / "gsm8k.eval") as source, zipfile.ZipFile(path, "w") as target:
        names = [name for name in source.namelist() if name.startswith("samples/")]
        for name in source.namelist():
            if name != names[0]:
                target.writestr(name, source.read(name))
    result = score("gsm8k", path)
    assert len(result.tasks) == len(GSM8K) - 1
    assert "completed_samples" in {one.what for one in result.differing}


@pytest.mark.usefixtures("in_process")
def test_other_logs_are_refused_with_the_reason(logs: Path, tmp_path: Path) -> None:
    with pytest.raises(
        EvidenceMissingError, match="expected those of inspect's task gsm8k, found those of musr"
    ):
        score("gsm8k", logs / "musr.eval")
    whole = document(logs, "gsm8k")
    whole["eval"]["scorers"][0]["name"] = "model_graded_qa"
    path = tmp_path / "edited.json"
    path.write_text(json.dumps(whole), encoding="utf-8")
    with pytest.raises(EvidenceMissingError, match=r"expected a log judged by match.*found model_graded_qa"):
        score("gsm8k", path)


@pytest.mark.usefixtures("in_process")
@pytest.mark.parametrize(
    "spoil",
    [
        lambda s: s.update(id=None),
        lambda s: s.update(epoch="x"),
        lambda s: s.update(output=[]),
        lambda s: s.update(target={}),
        lambda s: s.update(messages=3),
    ],
)
def test_malformed_samples_are_named(logs: Path, tmp_path: Path, spoil: Callable[[Document], None]) -> None:
    whole = document(logs, "gsm8k")
    spoil(whole["samples"][1])
    path = tmp_path / "edited.json"
    path.write_text(json.dumps(whole), encoding="utf-8")
    with pytest.raises(DocumentError, match="samples/1: expected a sample"):
        score("gsm8k", path)


VALUES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-2, 2**70),
    st.floats(),
    st.text(max_size=5),
    st.just([]),
    st.just({}),
    st.just([{}]),
    st.just([1, "x"]),
    st.just({"a": [None]}),
)


def places(value: Any) -> list[tuple[Any, Any]]:
    """Every container with every key of it."""
    pairs = list(value.items()) if isinstance(value, dict) else list(enumerate(value))
    found = [(value, key) for key, _ in pairs]
    for _, inner in pairs:
        if isinstance(inner, dict | list):
            found += places(inner)
    return found


@pytest.mark.usefixtures("in_process")
@settings(
    max_examples=150,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(st.data())
def test_whatever_a_log_holds_there_is_a_score_or_one_error(
    logs: Path, tmp_path: Path, data: st.DataObject
) -> None:
    benchmark = data.draw(st.sampled_from(["gsm8k", "gpqa_diamond", "bbh"]))
    whole = document(logs, benchmark)
    del whole["stats"]
    for sample in whole["samples"]:
        del sample["events"]
    container, key = data.draw(st.sampled_from(places(whole)))
    container[key] = data.draw(VALUES)
    path = tmp_path / "edited.json"
    path.write_text(json.dumps(whole), encoding="utf-8")
    try:
        result = score(benchmark, path)
    except (DocumentError, EvidenceMissingError) as error:
        assert str(error)
    else:
        json.dumps([[one.logged, one.found] for one in result.differing])
        assert result.value() is None
        assert result.limits


@pytest.mark.usefixtures("in_process")
def test_samples_that_ended_with_an_error_and_other_versions_are_said(logs: Path, tmp_path: Path) -> None:
    whole = document(logs, "gsm8k")
    whole["samples"][0]["error"] = {"message": "x", "traceback": "", "traceback_ansi": ""}
    whole["eval"]["packages"]["inspect_evals"] = "0.9.0"
    whole["status"] = "error"
    path = tmp_path / "edited.json"
    path.write_text(json.dumps(whole), encoding="utf-8")
    result = score("gsm8k", path)
    assert result.missing[0] == whole["samples"][0]["id"]
    assert any("ended with an error" in note for note in result.notes)
    assert any("not finished" in note for note in result.notes)
    assert any("inspect-evals 0.9.0, the judge is" in limit for limit in result.limits)


def test_the_command_line_scores_a_log_in_the_judges_own_process(
    logs: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["score", str(logs / "aime2024.eval"), "--benchmark", "aime_2024", "--json", "-"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["passed"], found["answered"], found["differing"]) == (1, 3, [])
    assert found["judge"]["scorer"] == "aime_scorer()"


@pytest.mark.parametrize("claimed", [40.0, 99.0])
def test_no_claim_of_another_harness_is_decided(
    logs: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    claimed: float,
) -> None:
    # The benchmark's own harness is not asked, but tier 4 wants it installed.
    monkeypatch.setattr(lm_eval, "missing", lambda _: None)
    log = Path(shutil.copy(logs / "gsm8k.eval", tmp_path))
    (claim,) = verified(tmp_path, "gsm8k", log, capsys, claimed)
    assert claim["verdict"] == "NOT_CHECKED"
    assert "another prompt and another way to read the answer" in claim["reason"]


def test_programs_are_those_that_inspect_runs(logs: Path) -> None:
    found = programs.run({"log": str(logs / "mbpp.eval")}, lambda _: None)["programs"]
    for sample in document(logs, "mbpp")["samples"]:
        (code,) = {code for task, code in found if task == f"Mbpp/{sample['id']}"}
        # What was executed stands in the explanation, with the tests after it.
        assert f"```python\n{code}\nassert" in sample["scores"]["verify"]["explanation"]
    assert len(found) == 5 * len(MBPP)
    found = programs.run({"log": str(logs / "humaneval.eval")}, lambda _: None)["programs"]
    wrong = 0
    for sample, (task, code) in zip(document(logs, "humaneval")["samples"], sorted(found), strict=True):
        score = sample["scores"]["verify"]
        assert task == sample["id"]
        assert code == sample["metadata"]["prompt"] + score["answer"]
        if score["value"] == "I":
            wrong += 1
            assert code in score["explanation"]
    assert wrong
    with pytest.raises(EvidenceMissingError, match="found one of gsm8k"):
        programs.run({"log": str(logs / "gsm8k.eval")}, lambda _: None)


def test_programs_become_samples(logs: Path) -> None:
    prompts = {"HumanEval/0": "", "HumanEval/9": ""}
    found = samples.load(logs / "humaneval.eval", prompts)
    assert [one.task_id for one in found.answers] == ["HumanEval/0"]
    namespace: dict[str, Any] = {}
    exec(found.answers[0].code, namespace)  # our own program, from above
    assert namespace[HUMANEVAL[0][1]](4) == 8
    assert (found.missing, found.extra) == (("HumanEval/9",), ("HumanEval/1", "HumanEval/2"))
    assert samples.load(logs / "mbpp.eval", {"Mbpp/11": ""}).duplicate == ("Mbpp/11", "Mbpp/12")
    with pytest.raises(EvidenceMissingError, match=r"found a log of inspect with answers to Mbpp/1[12] "):
        samples.load(logs / "mbpp.eval", prompts)
