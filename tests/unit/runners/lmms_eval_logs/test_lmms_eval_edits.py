"""A log that somebody edited: each kind of edit is caught, and named by problem."""

import json
import random
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from forge.reference import logs_lmms
from forge.reference.bench import charts
from tests.unit.runners.lmms_eval_logs.conftest import Run
from verifier.errors import DocumentError, EvidenceMismatchError, EvidenceMissingError, UsageError
from verifier.runners.lmms_eval.declared import RUNNERS
from verifier.runners.model import ScoreOptions, ScoreResult

pytestmark = pytest.mark.usefixtures("in_process")

Lines = list[dict[str, Any]]
NAMES = tuple(RUNNERS)
WRONG = {"mmmu": "(D)", "chartqa": "41", "docvqa": "nothing", "ai2d": "D", "alloybench_charts": "x"}
"""Answers that do not count for the first problem of each benchmark."""
RANDOM_OK = settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


def scored(run: Run, name: str, *, dataset: bool = True) -> ScoreResult:
    small = run.small(name)
    return small.score(run.folder, ScoreOptions(dataset=run.datasets[small.task] if dataset else None))


def noticed(result: ScoreResult) -> set[tuple[str, str]]:
    return {(one.where, one.what) for one in result.differing}


def at(doc_id: int, change: Callable[[dict[str, Any]], dict[str, Any]]) -> Callable[[Lines], Lines]:
    return lambda lines: [change(line) if line["doc_id"] == doc_id else line for line in lines]


def said(answer: str) -> Callable[[dict[str, Any]], dict[str, Any]]:
    """A line with another answer, through all filters."""
    return lambda line: {k: v for k, v in line.items() if k != "resps"} | {"filtered_resps": answer}


@pytest.fixture
def run(runs: dict[str, Run], tmp_path: Path) -> Run:
    return runs["scripted"].copied(tmp_path)


def worse(name: str, value: Any) -> Any:
    """A better-looking value of the deciding metric turned round."""
    if name != "mmmu":
        return 0.0 if value else 1.0
    return value | {"parsed_pred": ["C" if value["parsed_pred"] == ["A"] else "A"]}


@pytest.mark.parametrize("name", NAMES)
def test_an_edited_metric(run: Run, name: str) -> None:
    small = run.small(name)
    run.edit(small.task, at(1, lambda line: line | {small.metric: worse(name, line[small.metric])}))
    result = scored(run, name)
    assert noticed(result) == {(f"{small.task}/1", small.metric)}
    assert name == "alloybench_charts" or "may be of another one" in " ".join(result.limits)
    assert result.passed == scored(replace(run, folder=run.folder), name).passed


@pytest.mark.parametrize("name", NAMES)
def test_an_edited_answer(runs: dict[str, Run], run: Run, name: str) -> None:
    small = run.small(name)
    run.edit(small.task, at(0, said(WRONG[name])))
    result = scored(run, name)
    assert (f"{small.task}/0", small.metric) in noticed(result)
    assert any(one.where == small.task and one.what.startswith(small.metric) for one in result.differing)
    before = scored(runs["scripted"], name)
    assert (before.tasks[f"{small.task}/0"].confirmed, result.tasks[f"{small.task}/0"].confirmed) == (
        True,
        False,
    )
    assert before.answers[f"{small.task}/0"] != result.answers[f"{small.task}/0"]


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("field", ["target", "input"])
def test_an_edited_problem(run: Run, name: str, field: str) -> None:
    small = run.small(name)
    other = {"target": "['zebra']" if name == "docvqa" else "Z", "input": "What is this?"}[field]
    run.edit(small.task, at(2, lambda line: line | {field: other}))
    result = scored(run, name)
    assert (result.extra, result.missing) == ((f"{small.task}/2",),) * 2
    assert result.value() is None
    alone = scored(run, name, dataset=False)
    assert alone.limits


@pytest.mark.parametrize("name", NAMES)
def test_a_dropped_problem(run: Run, name: str) -> None:
    small = run.small(name)
    run.edit(small.task, lambda lines: lines[:1] + lines[2:])
    result = scored(run, name)
    assert result.missing == (f"{small.task}/1",)
    assert (small.task, "task_hashes") in noticed(result)
    assert (result.value(), result.answered) == (None, small.size - 1)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("first", [True, False])
def test_a_repeated_problem_counts_by_its_worst_line(
    runs: dict[str, Run], run: Run, name: str, first: bool
) -> None:
    small = run.small(name)

    def doubled(lines: Lines) -> Lines:
        other = said(WRONG[name])(lines[0])
        return [other, *lines] if first else [*lines, other]

    run.edit(small.task, doubled)
    result = scored(run, name)
    assert result.duplicate == (f"{small.task}/0",)
    assert (f"{small.task}/0", "answer") in noticed(result)
    assert result.passed == scored(runs["scripted"], name).passed - 1


@pytest.mark.parametrize("name", NAMES)
def test_a_problem_beyond_the_benchmark(run: Run, name: str) -> None:
    small = run.small(name)
    run.edit(small.task, lambda lines: [*lines, lines[0] | {"doc_id": small.size}])
    result = scored(run, name)
    assert result.extra == (f"{small.task}/{small.size}",)
    assert result.answered == small.size


def test_an_answer_that_is_not_what_the_filter_gives(run: Run) -> None:
    run.edit("ai2d", at(0, lambda line: line | {"resps": ["D. sun"]}))
    result = scored(run, "ai2d")
    assert noticed(result) >= {("ai2d/0", "filtered_resps"), ("ai2d/0", "exact_match")}
    assert result.tasks["ai2d/0"].confirmed is False


def test_an_answer_that_was_not_stripped_so(runs: dict[str, Run], tmp_path: Path) -> None:
    run = runs["command"].copied(tmp_path)
    run.edit("chartqa", at(3, lambda line: line | {"resps": "<think>no</think>yes"}))
    assert noticed(scored(run, "chartqa")) >= {("chartqa/3", "filtered_resps")}


@pytest.mark.parametrize("name", NAMES)
def test_another_hash_and_a_field_too_many(run: Run, name: str) -> None:
    small = run.small(name)
    run.edit(small.task, at(1, lambda line: line | {"doc_hash": "0" * 64, "bonus": 1.0}))
    task = f"{small.task}/1"
    assert noticed(scored(run, name)) == {(task, "doc_hash"), (task, "bonus")}


def test_a_guess_that_is_none(run: Run) -> None:
    """Who guesses takes an option that there is."""
    for record in ("mmmu_acc", "mmmu_acc_pass_at_k"):
        run.edit("mmmu_val", at(2, lambda line, r=record: line | {r: line[r] | {"parsed_pred": ["E"]}}))  # type: ignore[misc]
    result = scored(run, "mmmu")
    assert ("mmmu_val/2", "parsed_pred") in noticed(result)
    assert result.tasks["mmmu_val/2"].confirmed is None
    assert result.tasks["mmmu_val/2"].official == "fail"


@pytest.mark.parametrize("name", NAMES)
def test_edited_results(run: Run, name: str) -> None:
    small = run.small(name)
    key = f"{small.metric},{small.filter}"
    run.edit_results(lambda d: d["results"][small.task].update({key: 0.999}))
    assert noticed(scored(run, name)) == {(small.task, key)}
    if name != "mmmu":
        error = f"{small.metric}_stderr,{small.filter}"
        run.edit_results(lambda d: d["results"][small.task].pop(error))
        assert noticed(scored(run, name)) == {(small.task, key), (small.task, error)}


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda d, t: d["versions"].update({t: 7.0}), "version 7.0"),
        (lambda d, t: d["versions"].pop(t), "(not stated)"),
        (lambda d, t: d["configs"][t].update({"test_split": "train"}), "test_split"),
        (
            lambda d, t: d["configs"][t].update({"process_results": "<function own at 0x1>"}),
            "process_results",
        ),
        (lambda d, t: d["configs"][t].update({"metric_list": []}), "metric_list"),
        (lambda d, t: d["configs"].pop(t), "not on record which version"),
        (lambda d, t: d["n-samples"][t].update({"original": 3}), "the run's dataset had 3 problems"),
    ],
)
def test_another_version_is_a_limit(
    run: Run, name: str, change: Callable[[dict[str, Any], str], None], said: str
) -> None:
    small = run.small(name)
    run.edit_results(lambda document: change(document, small.task))
    with_dataset = " ".join(scored(run, name).limits)
    without = " ".join(scored(run, name, dataset=False).limits)
    # With the dataset, prompts and answers show that the definition is the same.
    assert said in without
    assert said in with_dataset or said.startswith("not on record")


def test_a_log_without_token_counts_is_of_another_release(run: Run) -> None:
    run.edit("ai2d", lambda lines: [{k: v for k, v in x.items() if k != "token_counts"} for x in lines])
    (limit,) = scored(run, "ai2d").limits
    assert limit.startswith("5 line(s) lack token_counts")


def test_other_conditions_are_a_note(run: Run) -> None:
    run.edit_results(lambda d: d["configs"]["chartqa"]["generation_kwargs"].update({"max_new_tokens": 999}))
    result = scored(run, "chartqa")
    assert result.limits == ()
    assert any("generation_kwargs" in note for note in result.notes)


def test_another_prompt_of_the_same_problem(run: Run) -> None:
    """A prompt of one's own asks the same; without the harness's account it proves no version."""
    run.edit("chartqa", at(0, lambda line: line | {"input": "Please: " + line["input"]}))
    result = scored(run, "chartqa")
    assert (result.extra, result.limits) == ((), ())
    assert any(note.startswith("1 prompt(s)") for note in result.notes)
    (file,) = run.folder.glob("*_results.json")
    file.unlink()
    assert "not on record which version" in scored(run, "chartqa").limits[0]


def test_a_log_alone_and_its_dataset(run: Run, tmp_path: Path) -> None:
    """What the attested log itself shows is enough where the dataset is known."""
    for name in NAMES:
        small = run.small(name)
        blob = tmp_path / "blob"
        blob.write_bytes(run.log(small.task).read_bytes())
        assert small.score(blob, ScoreOptions(dataset=run.datasets[small.task])).limits == ()
        assert len(small.score(blob).limits) == 2


def test_another_dataset(run: Run, tmp_path: Path) -> None:
    small = run.small("chartqa")
    with pytest.raises(
        DocumentError, match=r"docvqa_val\.jsonl line 1: expected a problem with answer, found"
    ):
        small.score(run.folder, ScoreOptions(dataset=run.datasets["docvqa_val"]))
    (short := tmp_path / "short.jsonl").write_bytes(
        b"\n".join(run.datasets["chartqa"].read_bytes().splitlines()[:5])
    )
    result = small.score(run.folder, ScoreOptions(dataset=short))
    assert "the given dataset has 5 problems, the benchmark has 8" in result.limits
    assert len(result.missing) == 3
    with pytest.raises(EvidenceMismatchError, match="expected sha256"):
        run.small("alloybench_charts").score(run.folder, ScoreOptions(dataset=short))
    with pytest.raises(UsageError, match="expected a readable file"):
        small.score(run.folder, ScoreOptions(dataset=tmp_path / "none"))


def test_files_are_recognised_or_refused(run: Run, tmp_path: Path) -> None:
    small = run.small("chartqa")
    (results,) = run.folder.glob("*_results.json")
    log = run.log("chartqa")
    expected = small.score(run.folder).metrics
    assert small.score(results).metrics == small.score(log).metrics == expected
    assert small.beside([f"a/{log.name}"]) == (f"a/{results.name}",)
    assert small.beside([f"a/{results.name}"]) == (f"a/{log.name}",)
    with pytest.raises(EvidenceMissingError, match="found those of ai2d"):
        small.score(run.log("ai2d"))
    with pytest.raises(DocumentError, match="relaxed_human_split"):
        small.score(Path(run.log("ai2d").rename(tmp_path / "blob")))
    (lite := run.folder / "20200101_000000_samples_chartqa_lite.jsonl").write_bytes(b"")
    with pytest.raises(EvidenceMissingError, match="chartqa_lite"):
        small.score(lite)
    (other := run.folder / "20200101_000000_samples_chartqa.jsonl").write_bytes(log.read_bytes())
    with pytest.raises(UsageError, match="expected one run, found 2"):
        small.score(run.folder)
    assert small.score(other).passed == 5
    with pytest.raises(UsageError, match="found none"):
        small.score(tmp_path)


@pytest.mark.parametrize("name", NAMES)
def test_shuffled_lines(runs: dict[str, Run], run: Run, name: str) -> None:
    small = run.small(name)
    run.edit(small.task, lambda lines: random.Random(3).sample(lines, len(lines)))
    result, before = scored(run, name), scored(runs["scripted"], name)
    assert (result.tasks, result.differing, result.limits) == (before.tasks, (), ())
    assert [m.value for m in result.metrics if m.whole] == [
        pytest.approx(m.value, rel=1e-12) for m in before.metrics if m.whole
    ]


BAD = (
    "",
    "null",
    "[]",
    "{}",
    '{"doc_id": 0}',
    '{"task_id": "HumanEval/0", "solution": ""}',
    '{"doc_id": 0, "doc": {}, "resps": [["x"]], "filter": "none", "metrics": []}',
    '{"doc_id": 0, "target": "\\ud800"}',
    "[" * 100_000,
    '{"doc_id": ' + "9" * 5000 + "}",
    "\x00\x01",
)


@pytest.mark.parametrize("bad", BAD)
def test_malformed_lines(run: Run, bad: str) -> None:
    small = run.small("chartqa")
    run.log("chartqa").write_text(bad + "\n", encoding="utf-8", errors="surrogatepass")
    with pytest.raises(DocumentError):
        small.score(run.folder)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(
    "change",
    [
        {"doc_id": -1},
        {"doc_id": True},
        {"doc_id": "0"},
        {"target": None},
        {"target": 3},
        {"input": ["a"]},
        {"resps": [["a", "b"]]},
        {"resps": 5},
        {"doc_hash": None},
        {"filtered_resps": None},
        {"filtered_resps": "a" * (1 << 20 | 1)},
        {"filtered_resps": ["a", "b"]},
    ],
)
def test_a_field_of_another_kind(run: Run, name: str, change: dict[str, Any]) -> None:
    small = run.small(name)
    run.edit(small.task, at(0, lambda line: line | change))
    with pytest.raises((DocumentError, EvidenceMissingError)) as caught:
        scored(run, name)
    assert "line 1: expected" in str(caught.value)


@pytest.mark.parametrize(
    ("name", "field", "value"),
    [
        ("docvqa", "target", "['a'"),
        ("docvqa", "target", "[]"),
        ("docvqa", "target", "[1]"),
        ("docvqa", "target", "(" * 5000),
        ("mmmu", "mmmu_acc", 1.0),
        ("mmmu", "mmmu_acc", {"id": "x", "question_type": "open", "answer": "a"}),
        ("chartqa", "relaxed_augmented_split", 1.0),
    ],
)
def test_what_only_the_log_tells_of_a_problem(run: Run, name: str, field: str, value: Any) -> None:
    small = run.small(name)
    run.edit(small.task, at(0, lambda line: line | {field: value}))
    with pytest.raises(DocumentError, match="line 1: expected"):
        scored(run, name, dataset=False)


@pytest.mark.parametrize(
    "change",
    [
        lambda d: d.update({"results": 3}),
        lambda d: d.update({"configs": {"chartqa": []}}),
        lambda d: d["config"].update({"resolved_cli_args": {"reasoning_tags": '[["", "x"]]'}}),
        lambda d: d["config"].update({"resolved_cli_args": {"reasoning_tags": "[[1]]"}}),
        lambda d: d["config"].update({"resolved_cli_args": {"reasoning_tags": "no JSON"}}),
    ],
)
def test_malformed_results(run: Run, change: Callable[[dict[str, Any]], None]) -> None:
    run.edit_results(change)
    with pytest.raises(DocumentError):
        scored(run, "chartqa")


@RANDOM_OK
@given(data=st.data())
def test_damaged_bytes_give_a_score_or_one_error(run: Run, data: st.DataObject) -> None:
    name = data.draw(st.sampled_from(NAMES))
    small, log = run.small(name), run.log(run.small(name).task)
    kept = log.read_bytes()
    start = data.draw(st.integers(0, len(kept) - 1))
    end = data.draw(st.integers(start, min(len(kept), start + 40)))
    log.write_bytes(kept[:start] + data.draw(st.binary(max_size=12)) + kept[end:])
    try:
        result = small.score(run.folder)
        assert set(result.tasks) | set(result.missing) == {f"{small.task}/{i}" for i in range(small.size)}
    except (DocumentError, EvidenceMissingError):
        pass
    finally:
        log.write_bytes(kept)


TEXT = st.text(max_size=30) | st.from_regex(r"\s?-?[0-9]{1,4}([.,][0-9]{1,3})?%?\s?", fullmatch=True)


def anls(answers: list[str], said: str) -> float:
    """Average normalised Levenshtein similarity of one problem (Biten et al. 2019, arXiv 1905.13648)."""

    def distance(a: str, b: str) -> int:
        row = list(range(len(b) + 1))
        for i, x in enumerate(a, 1):
            last, row[0] = row[0], i
            for j, y in enumerate(b, 1):
                last, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, last + (x != y))
        return row[-1]

    def similarity(a: str) -> float:
        one, other = (" ".join(t.strip().lower().split()) for t in (a, said))
        longer = max(len(a.upper()), len(said.upper()))
        return 1 - (distance(one, other) / longer if longer else 0)

    best = max(map(similarity, answers))
    return best if best >= 0.5 else 0


@RANDOM_OK
@given(texts=st.lists(TEXT, min_size=24, max_size=24))
@example(
    texts=[
        "%",
        "1e400",
        "nan",
        "-inf",
        "٣",
        "1_000",
        " 14 ",
        "\x00",
        "\u017f",
        "\u0130",
        "A" * 9999,
        "5%%",
        *"abcdefghijkl",
    ]
)
def test_random_answers_to_charts(tmp_path: Path, texts: list[str]) -> None:
    """Written by this project's own rule, judged by the harness."""
    answers = {charts.task_id(i): text for i, text in enumerate(texts)}
    (dataset := tmp_path / charts.DATASET).write_bytes(charts.dataset())
    logs_lmms.write(tmp_path / "log", answers)
    result = RUNNERS["alloybench_charts"].score(tmp_path / "log", ScoreOptions(dataset=dataset))
    assert (result.differing, result.limits, result.missing) == ((), (), ())
    for i, text in enumerate(texts):
        expected = logs_lmms.relaxed(text.strip(), charts.PROBLEMS[i].right)
        assert result.tasks[charts.task_id(i)].confirmed is expected


@RANDOM_OK
@given(answer=TEXT, right=st.lists(TEXT, min_size=1, max_size=3))
def test_random_answers_to_documents(run: Run, answer: str, right: list[str]) -> None:
    line = run.lines("docvqa_val")[0]
    run.edit("docvqa_val", lambda _: [line | {"filtered_resps": answer, "target": str(right)}])
    result = run.small("docvqa").score(run.log("docvqa_val"))
    assert result.headline is not None
    assert result.headline.value == pytest.approx(anls(right, answer.strip()), abs=1e-9)


@RANDOM_OK
@given(answer=st.text(alphabet="ABCDE(). xyz\n", max_size=12), count=st.integers(2, 5))
def test_choices_with_and_without_options_agree(run: Run, tmp_path: Path, answer: str, count: int) -> None:
    """What the log alone decides, the dataset decides in the same way; both decide all but guesses."""
    options = [f"option {'pqrst'[i]}" for i in range(count)]
    row = {
        "id": "validation_Art_1",
        "question_type": "multiple-choice",
        "question": "Which?",
        "options": str(options),
        "answer": "B",
    }
    shown = "\n".join(f"{'ABCDE'[i]}. {option}" for i, option in enumerate(options))
    record = {"id": row["id"], "subdomain": "Art", "question_type": row["question_type"], "answer": "B"}
    line = run.lines("mmmu_val")[0] | {
        "filtered_resps": answer,
        "input": f"Which?\n{shown}\n\nAnswer with the option's letter from the given choices directly.",
        "mmmu_acc": record | {"parsed_pred": ["A"]},
    }
    (dataset := tmp_path / "one.jsonl").write_text(json.dumps(row) + "\n", encoding="utf-8")
    (log := tmp_path / "log.jsonl").write_text(json.dumps(line) + "\n", encoding="utf-8")
    small = replace(RUNNERS["mmmu"], size=1)
    found = [small.score(log, ScoreOptions(dataset=d)).tasks["mmmu_val/0"].confirmed for d in (dataset, None)]
    assert found[0] is found[1]
    log.write_text(json.dumps(line | {"input": "Which?"}) + "\n", encoding="utf-8")
    assert small.score(log).tasks["mmmu_val/0"].confirmed in (None, found[0])


def test_a_huge_answer(run: Run) -> None:
    for name in NAMES:
        small = run.small(name)
        size = 20_000 if name == "docvqa" else 1 << 20
        long = "ä " * (size // 2)
        run.edit(small.task, at(0, said(long)))
        result = scored(run, name, dataset=False)
        assert result.tasks[f"{small.task}/0"].confirmed in (False, None)
        assert result.answers[f"{small.task}/0"].length == size - 1


def test_text_that_looks_like_code_or_markup(run: Run) -> None:
    odd = "__import__('os').system('true') \u2028 \u202e {{ 7*7 }} <image 1>"
    for name in NAMES:
        small = run.small(name)
        run.edit(small.task, lambda lines: [said(odd)(line) for line in lines])
        result = scored(run, name, dataset=False)
        assert result.answered == small.size
        assert result.passed == 0
