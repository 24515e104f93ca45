"""Reading logs, results and folders of lm-eval: what is no log gives one clear error, naming the line."""

import hashlib
import json
import os
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from verifier.errors import AlloyError, DocumentError, EvidenceMissingError, UsageError
from verifier.runners import registry
from verifier.runners.child import process, worker
from verifier.runners.lm_eval import dataset, identity, layout, log, results, tally
from verifier.runners.lm_eval.declared import RUNNERS
from verifier.runners.lm_eval.log import Line
from verifier.runners.lm_eval.names import NAMES

TEXT = st.text(st.characters(codec="utf-8"), max_size=20)
DOC = st.dictionaries(
    TEXT, st.recursive(TEXT | st.integers() | st.none(), st.lists, max_leaves=4), max_size=3
)


def sha(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def made(doc_id: int = 0, doc: Any = None, answer: str = "7", **more: Any) -> dict[str, Any]:
    doc = {"question": "3+4?"} if doc is None else doc
    return {
        "doc_id": doc_id,
        "doc": doc,
        "target": "7",
        "arguments": {"gen_args_0": {"arg_0": "Q: 3+4?", "arg_1": "{}"}},
        "resps": [[answer]],
        "filtered_resps": [answer],
        "filter": "none",
        "metrics": ["exact_match"],
        "doc_hash": sha(json.dumps(doc, indent=2, ensure_ascii=False)),
        "prompt_hash": sha("Q: 3+4?"),
        "target_hash": sha("7"),
        "exact_match": 1.0,
        **more,
    }


def read(path: Path, text: str | bytes) -> list[Line]:
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return list(log.read(path, hashlib.sha256()))


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(rows=st.lists(st.tuples(st.integers(0, 99), DOC, TEXT), min_size=1, max_size=6), ascii_=st.booleans())
def test_what_was_written_is_read(rows: list[tuple[int, Any, str]], ascii_: bool, tmp_path: Path) -> None:
    text = "".join(json.dumps(made(*row), ensure_ascii=ascii_) + "\n\n" for row in rows)
    path, digest = tmp_path / "log.jsonl", hashlib.sha256()
    path.write_text(text, encoding="utf-8")
    lines = list(log.read(path, digest))
    assert [(line.doc_id, line.doc, line.resps[0][0]) for line in lines] == [tuple(row) for row in rows]
    assert [line.number for line in lines] == [2 * i + 1 for i in range(len(rows))]
    assert list(log.again(path, [(line.number, line.start) for line in reversed(lines)])) == lines[::-1]
    assert all(line.broken == () for line in lines)
    assert digest.hexdigest() == hashlib.sha256(path.read_bytes()).hexdigest()


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    rows=st.lists(
        st.tuples(st.integers(0, 9), st.sampled_from(["as logged", "sorted", "spaced"])), max_size=8
    )
)
def test_the_first_problem_is_that_of_the_lowest_index(rows: list[tuple[int, str]], tmp_path: Path) -> None:
    """Whether a line begins as the harness writes it, or must be read to know its index."""
    how = {"as logged": {}, "sorted": {"sort_keys": True}, "spaced": {"separators": (" , ", " : ")}}
    text = "".join(json.dumps(made(doc_id), **how[kind]) + "\n" for doc_id, kind in rows)
    path = tmp_path / "log.jsonl"
    path.write_text("\n" + text, encoding="utf-8")
    lines = list(log.read(path, hashlib.sha256()))
    assert log.first(path) == (min(lines, key=lambda line: (line.doc_id, line.number)) if rows else None)


def test_problems_survive_the_way_back() -> None:
    problems = [
        tally.Problem(7, bytes(range(32)), bytes(32), 12, True, False, True, False),
        tally.Problem(2**31, bytes(32), bytes(range(32)), 2**26, False, True, False, True),
    ]
    assert list(tally.unpack(tally.pack(problems))) == problems
    assert list(tally.unpack("")) == []


@settings(max_examples=100, deadline=None)
@given(
    rows=st.lists(
        st.tuples(
            st.integers(0, 4), st.sampled_from("ab"), st.sampled_from([0, 1, 0.0, 1.0, True, False, 0.5])
        ),
        max_size=25,
    )
)
def test_values_are_kept_as_if_all_lines_were_held(rows: list[tuple[int, str, Any]]) -> None:
    """Against the plain way: every line in a list, the worst of each problem and filter chosen at the end."""

    def line(doc_id: int, filter_: str) -> Line:
        return Line(
            number=1,
            start=0,
            doc_id=doc_id,
            doc={},
            doc_sha256="",
            filter=filter_,
            resps=[],
            filtered=[],
            target="",
            metrics={},
            broken=(),
            hashes="",
        )

    values = tally.Values(("a", "b"), "m", 5)
    held: dict[tuple[str, int], list[Any]] = {}
    for doc_id, filter_, value in rows:
        # Some problems have a metric that others lack, as the harness's functions may give them.
        values.add(line(doc_id, filter_), {"m": value} | ({"parts": [value]} if value == 0.5 else {}))
        held.setdefault((filter_, doc_id), []).append(value)
    worst = {key: min(found, key=float) for key, found in held.items()}
    complete = [doc for doc in range(5) if ("a", doc) in held and ("b", doc) in held]
    assert values.repeated == {doc for (_, doc), found in held.items() if len(found) > 1}
    assert values.status("b") == {doc: float(worst["b", doc]) == 1.0 for doc in complete}
    found = {key: [(type(v), v) for v in kept] for key, kept in values.raw().items()}
    expected: dict[tuple[str, str], list[Any]] = {}
    for filter_ in "ab":
        for value in (worst[filter_, doc] for doc in complete):
            expected.setdefault(("m", filter_), []).append((type(value), value))
            if value == 0.5:
                expected.setdefault(("parts", filter_), []).append((list, [value]))
    assert found == expected


def test_a_huge_answer(tmp_path: Path) -> None:
    (line,) = read(tmp_path / "log.jsonl", json.dumps(made(answer="9" * 5_000_000)))
    assert len(line.resps[0][0]) == 5_000_000


def test_a_prompt_of_chat_messages(tmp_path: Path) -> None:
    chat = made(arguments={"gen_args_0": {"arg_0": ["Q: 3+4?"]}})
    (line,) = read(tmp_path / "log.jsonl", json.dumps(chat))
    assert line.broken == ()


@pytest.mark.parametrize(
    ("change", "broken"),
    [
        ({"doc": {"question": "3+5?"}}, ("doc_hash",)),
        ({"target": "8"}, ("target_hash",)),
        ({"arguments": {"gen_args_0": {"arg_0": "Q: 3+5?"}}}, ("prompt_hash",)),
        ({"arguments": None}, ("prompt_hash",)),
        ({"doc_hash": "", "prompt_hash": "", "target_hash": ""}, ("doc_hash", "target_hash", "prompt_hash")),
    ],
)
def test_hashes_that_are_not_of_the_line(
    tmp_path: Path, change: dict[str, Any], broken: tuple[str, ...]
) -> None:
    (line,) = read(tmp_path / "log.jsonl", json.dumps(made() | change))
    assert line.broken == broken


@pytest.mark.parametrize(
    ("bad", "message"),
    [
        (b"{", "a JSON object in UTF-8"),
        (b"\xff\xfe", "a JSON object in UTF-8"),
        (b"[1]", "a JSON object, found list"),
        (b"[" * 100_000, "a JSON object of moderate depth"),
        (b'{"doc_id": ' + b"9" * 5000 + b"}", "a JSON object of moderate depth and numbers"),
        (
            b'{"task_id": "HumanEval/0", "solution": "x"}',
            "a line of an lm-eval log .* found one of another format",
        ),
        (json.dumps(made(answer="\ud800")).encode(), "valid text, found half of a surrogate pair"),
        (json.dumps(made() | {"doc_id": True}).encode(), "a whole number under 'doc_id', found bool"),
        (json.dumps(made() | {"doc_id": -1}).encode(), "a doc_id from 0 to"),
        (json.dumps(made() | {"doc": "x"}).encode(), "an object under 'doc', found str"),
        (json.dumps(made() | {"resps": []}).encode(), "answers under 'resps', found an empty list"),
        (json.dumps(made() | {"metrics": ["acc"]}).encode(), "a value for each name"),
        (json.dumps(made() | {"metrics": [1]}).encode(), "a value for each name"),
        (json.dumps(made() | {"metrics": ["doc"]}).encode(), "names of metrics under 'metrics'"),
        (json.dumps(made() | {"doc_hash": "f" * 65}).encode(), "at most 64 characters under 'doc_hash'"),
        (b'{"doc_id": 0}', "an object under 'doc', found none"),
    ],
)
def test_a_bad_line_is_one_error_that_names_it(tmp_path: Path, bad: bytes, message: str) -> None:
    good = json.dumps(made()).encode()
    with pytest.raises(DocumentError, match=f"log.jsonl line 2: expected {message}") as caught:
        read(tmp_path / "log.jsonl", good + b"\n" + bad + b"\n" + good)
    assert caught.value.pointer == "/1"
    assert "--log_samples" in caught.value.remedy


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    field=st.sampled_from(sorted(made())),
    value=st.recursive(st.none() | st.booleans() | st.integers() | TEXT, st.lists, max_leaves=3),
)
def test_any_value_anywhere_is_read_or_refused(field: str, value: Any, tmp_path: Path) -> None:
    try:
        (line,) = read(tmp_path / "log.jsonl", json.dumps(made() | {field: value}))
    except DocumentError as error:
        assert error.pointer == "/0"
    else:
        assert isinstance(line, Line)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.binary(max_size=200))
def test_any_bytes_are_read_or_refused(data: bytes, tmp_path: Path) -> None:
    try:
        assert read(tmp_path / "log.jsonl", data) == []
    except DocumentError as error:
        assert "line" in str(error)


def test_limits(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    text = json.dumps(made()) + "\n"
    for name, value, message in (
        ("max_line", len(text) - 1, "line 1: expected at most"),
        ("max_lines", 2, "line 3: expected at most 2 lines"),
        ("max_file", 10, "expected at most 10 bytes"),
    ):
        with monkeypatch.context() as patch:
            patch.setattr(log, "LINES", replace(log.LINES, **{name: value}))
            with pytest.raises(DocumentError, match=message):
                read(tmp_path / "log.jsonl", text * 3)
    with pytest.raises(UsageError, match="expected a readable file"):
        list(log.read(tmp_path / "none.jsonl", hashlib.sha256()))


# Which files belong together

OLD, NEW = "2026-01-02T03-04-05.678901", "2026-02-02T03-04-05"


def folder(tmp_path: Path, *names: str) -> Path:
    for name in names:
        (tmp_path / name).write_text("{}", encoding="utf-8")
    return tmp_path


def test_a_log_and_the_results_of_its_time(tmp_path: Path) -> None:
    folder(tmp_path, f"samples_a_{OLD}.jsonl", f"results_{OLD}.json", f"results_{NEW}.json")
    run = layout.find(tmp_path / f"samples_a_{OLD}.jsonl", ("a", "b"))
    assert run.logs == {"a": tmp_path / f"samples_a_{OLD}.jsonl"}
    assert run.results == tmp_path / f"results_{OLD}.json"


def test_a_folder_and_its_results_give_every_task_in_order(tmp_path: Path) -> None:
    folder(tmp_path, *(f"samples_{t}_{OLD}.jsonl" for t in "cba"), f"results_{OLD}.json", "notes.txt")
    for path in (tmp_path, tmp_path / f"results_{OLD}.json"):
        run = layout.find(path, ("a", "b", "d"))
        assert list(run.logs) == ["a", "b"]
        assert run.results == tmp_path / f"results_{OLD}.json"


def test_two_runs_in_a_folder_are_not_chosen_from(tmp_path: Path) -> None:
    folder(tmp_path, f"samples_a_{OLD}.jsonl", f"samples_a_{NEW}.jsonl", f"results_{NEW}.json")
    with pytest.raises(UsageError, match="expected one run, found 2"):
        layout.find(tmp_path, ("a",))
    run = layout.find(tmp_path / f"results_{NEW}.json", ("a",))
    assert run.logs == {"a": tmp_path / f"samples_a_{NEW}.jsonl"}


def test_samples_of_other_tasks(tmp_path: Path) -> None:
    folder(tmp_path, f"samples_gsm8k_cot_{OLD}.jsonl", f"results_{OLD}.json")
    message = "expected those of task gsm8k, found those of gsm8k_cot; another task gives another score"
    for path in (tmp_path, tmp_path / f"samples_gsm8k_cot_{OLD}.jsonl"):
        with pytest.raises(EvidenceMissingError, match=message):
            layout.find(path, ("gsm8k",))
    with pytest.raises(EvidenceMissingError, match="found no task of this benchmark"):
        layout.find(tmp_path / f"results_{OLD}.json", ("gsm8k",))


def test_a_name_that_says_nothing(tmp_path: Path) -> None:
    folder(tmp_path, "renamed.jsonl", "other.json")
    run = layout.find(tmp_path / "renamed.jsonl", ("a",))
    assert run.notes == ("the file's name does not say its task; read as samples of a",)
    with pytest.raises(EvidenceMissingError, match="which says of which of 2 tasks"):
        layout.find(tmp_path / "renamed.jsonl", ("a", "b"))
    with pytest.raises(UsageError, match="found another name"):
        layout.find(tmp_path / "other.json", ("a",))
    with pytest.raises(UsageError, match="found nothing readable"):
        layout.find(tmp_path / "none", ("a",))
    (tmp_path / "empty").mkdir()
    with pytest.raises(UsageError, match="found none"):
        layout.find(tmp_path / "empty", ("a",))


# The harness's account of a run


def test_results_as_the_harness_writes_them(tmp_path: Path) -> None:
    path = tmp_path / f"results_{OLD}.json"
    document = {
        "lm_eval_version": "0.4.13",
        "versions": {"a": 3.0, "b": "1"},
        "n-shot": {"a": 5},
        "results": {"a": {"name": "a", "acc,none": 0.5, "acc_stderr,none": "N/A", "odd,none": [1]}},
        "task_hashes": {"a": "ff"},
        "config": {"bootstrap_iters": 0},
    }
    path.write_text(json.dumps(document), encoding="utf-8")
    found = results.load(path)
    assert found.versions == {"a": "3.0", "b": "1"}
    assert found.values["a"]["acc,none"] == 0.5
    assert found.values["a"]["acc_stderr,none"] is None
    assert found.values["a"]["odd,none"] != found.values["a"]["odd,none"]
    assert (found.harness, found.fewshot, found.hashes, found.bootstrap) == (
        "0.4.13",
        {"a": 5},
        {"a": "ff"},
        False,
    )


@pytest.mark.parametrize(
    "text", ["[]", "{", "1", '{"results": []}', '{"results": {"a": 1}}', '{"config": 7}', "[" * 100_000]
)
def test_results_that_are_none(tmp_path: Path, text: str) -> None:
    path = tmp_path / "results.json"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(DocumentError, match=r"results\.json: expected"):
        results.load(path)


# Problems to compare with


def test_a_log_is_a_dataset(tmp_path: Path) -> None:
    path = tmp_path / "docs.jsonl"
    path.write_text("".join(json.dumps(made(i, {"q": i})) + "\n" for i in (1, 0, 1)), encoding="utf-8")
    assert dataset.load(path, ("a",)) == {"a": {i: log.doc_digest({"q": i}) for i in (0, 1)}}


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([{"doc_id": 0, "doc": {}}], "a string under 'task'"),
        ([{"task": "a", "doc_id": 0, "doc": {}}], "expected problems of b, found none"),
        ([{"task": "a", "doc_id": "0", "doc": {}}], "a whole number 'doc_id'"),
        ([{"task": "a", "doc_id": 0, "doc": {"q": q}} for q in (1, 2)], "one problem a/0, found another one"),
    ],
)
def test_datasets_that_are_none(tmp_path: Path, rows: list[dict[str, Any]], message: str) -> None:
    path = tmp_path / "docs.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    with pytest.raises(DocumentError, match=message):
        dataset.load(path, ("a", "b"))


def test_the_digest_of_problems_knows_no_order() -> None:
    assert dataset.digest({"a/1": "x", "a/0": "y"}) == dataset.digest({"a/0": "y", "a/1": "x"})
    assert dataset.digest({"a/1": "x"}) != dataset.digest({"a/2": "x"})
    assert log.doc_digest({"a": 1, "b": 2}) == log.doc_digest({"b": 2, "a": 1})


# What is declared


def test_what_is_declared_is_registered() -> None:
    assert set(NAMES) == set(RUNNERS)
    assert set(NAMES) < set(registry.names())
    assert registry.get("leaderboard_bbh_snarks") is RUNNERS["bbh_snarks"]
    assert registry.get("MMLU-Pro") is RUNNERS["mmlu_pro"]


def test_sizes_of_the_published_datasets() -> None:
    """As the leaderboard's own results give them."""
    sizes = {name: sum(task.size for task in RUNNERS[name].tasks) for name in NAMES}
    assert {n: sizes[n] for n in ("bbh", "math_hard", "gpqa", "musr", "mmlu_pro", "ifeval")} == {
        "bbh": 5761,
        "math_hard": 1324,
        "gpqa": 1192,
        "musr": 756,
        "mmlu_pro": 12032,
        "ifeval": 541,
    }


def test_the_harness_has_what_is_declared() -> None:
    """Task names, versions, examples, filters, metrics and members of groups, from its own definitions."""
    pytest.importorskip("lm_eval", reason="needs the extra [lm-eval]")
    from lm_eval.tasks._yaml_loader import load_yaml

    for runner in RUNNERS.values():
        for task in runner.tasks:
            config = load_yaml(identity.task_file(task.yaml), resolve_func=False)
            assert config["task"] == task.name
            assert str(config["metadata"]["version"]) == task.version
            assert config.get("num_fewshot", 0) == task.fewshot
            assert runner.metric in {metric["metric"] for metric in config["metric_list"]}
            assert runner.filter in [f["name"] for f in config.get("filter_list", [{"name": "none"}])]
        if runner.group:
            members = load_yaml(identity.task_file(runner.group), resolve_func=False)["task"]
            assert members == [task.name for task in runner.tasks]


# The worker


def test_an_error_survives_the_way_back() -> None:
    for error in (
        DocumentError("a line: expected x, found y", pointer="/3", remedy="mend it"),
        DocumentError("a file: expected x, found y"),
        EvidenceMissingError("needs z", remedy="pip install z"),
    ):
        back = process._error(worker.marshal(error))
        assert (type(back), str(back), back.remedy) == (type(error), str(error), error.remedy)
        assert getattr(back, "pointer", "") == getattr(error, "pointer", "")


def test_a_worker_that_dies_is_the_judges_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(process, "_WORKER", "no.such.module")
    with pytest.raises(AlloyError, match=r"ended without an answer \(status 1\).*no\.such") as caught:
        process.ask("verifier.runners.lm_eval.rescore:run", {"tasks": []})
    assert type(caught.value).__name__ == "JudgeError"


def test_a_worker_that_gets_nowhere_is_ended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It waits for a log that nobody ever writes."""
    os.mkfifo(tmp_path / "log.jsonl")
    task = {"name": "gsm8k", "yaml": "", "log": str(tmp_path / "log.jsonl"), "size": 1}
    request = {
        "tasks": [task],
        "group": None,
        "metric": "m",
        "filter": "f",
        "stderr": True,
        "sentences": False,
    }
    monkeypatch.setattr(process, "SILENCE", 2.0)
    with pytest.raises(AlloyError, match="no problem was judged within 2 seconds"):
        process.ask("verifier.runners.lm_eval.rescore:run", request)


def test_progress_is_passed_on_a_few_times_a_second(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = iter((5.0, 5.05, 5.09, 5.11, 5.2, 5.3))
    monkeypatch.setattr(worker, "time", SimpleNamespace(monotonic=lambda: next(clock)))
    told: list[int] = []
    tell = worker.seldom(told.append)
    for done in range(1, 7):
        tell(done)
    assert told == [1, 4, 6]


def test_a_missing_package_names_the_command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from importlib import metadata

    def version(name: str) -> str:
        raise metadata.PackageNotFoundError(name)

    monkeypatch.setattr(metadata, "version", version)
    assert (
        RUNNERS["gsm8k"].unavailable() == "needs the package lm-eval: pip install 'alloy-verifier[lm-eval]'"
    )
    with pytest.raises(EvidenceMissingError, match=r"benchmark gsm8k: .*pip install"):
        RUNNERS["gsm8k"].score(tmp_path)


def test_another_version_of_the_harness(monkeypatch: pytest.MonkeyPatch) -> None:
    from importlib import metadata

    monkeypatch.setattr(metadata, "version", lambda name: "0.4.9")
    assert RUNNERS["gsm8k"].unavailable() == (
        "needs lm-eval 0.4.13, found 0.4.9: pip install 'alloy-verifier[lm-eval]'"
    )
