"""AlloyBench-Words: logs that this project writes itself, from claim to verdict."""

import hashlib
import json
import re
import shutil
import tracemalloc
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from textwrap import dedent
from typing import Any

import pytest

from forge.reference import logs_lm_eval as logs
from forge.reference import runs
from forge.reference.bench.words import TASKS
from verifier.alloy import parse
from verifier.catalog import Catalog, LockEntry, PinnedFile
from verifier.claims.extract import extract
from verifier.claims.samples import joined
from verifier.engine import Options, decide, resolve, verify_target
from verifier.evidence.cache import Cache
from verifier.evidence.store import EvidenceStore
from verifier.pinning import pin
from verifier.runners import registry
from verifier.runners.lm_eval import dataset, log, rescore
from verifier.runners.lm_eval.declared import RUNNERS
from verifier.sources import FolderFiles, PinnedFiles
from verifier.targets import Target
from verifier.tiers.context import Context, Files
from verifier.verdicts import Outcome, Verdict

pytest.importorskip("lm_eval", reason="needs the extra [lm-eval]")
pytestmark = pytest.mark.usefixtures("in_process")

SUMS, COUNTS = TASKS
FAULTS = {SUMS: {3: "loose", 9: "wrong"}, COUNTS: {4: "wrong"}}
SCORE = 92.5
KINDS = ("score", "samples-digest", "hash-form", "reachable")
FOLDER = "eval/run"
PAGE = Path(__file__).parents[4] / "docs" / "extending.md"
PATHS = [f"{FOLDER}/{logs.samples_name(task)}" for task in TASKS]
RESULTS = f"{FOLDER}/{logs.RESULTS}"


@pytest.fixture
def artifact(tmp_path: Path) -> Path:
    logs.write(tmp_path / "artifact" / FOLDER, FAULTS)
    return tmp_path / "artifact"


def digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def named(artifact: Path, **more: Any) -> dict[str, Any]:
    """The benchmark as a card names it, every file attested."""
    return {
        "name": "alloybench_words",
        "score": SCORE,
        "samplesPath": PATHS,
        "resultHash": [digest(artifact / path) for path in PATHS],
        **more,
    }


def pinned(artifact: Path, scratch: Path, leave_out: tuple[str, ...] = ()) -> Files:
    """The files as a catalog has them: named by their digests, nothing beside anything."""
    cache = Cache(scratch / "cache")
    files = []
    for path in sorted(artifact.rglob("*")):
        name = path.relative_to(artifact).as_posix()
        if path.is_file() and name not in leave_out:
            cache.put_file(path)
            pin = PinnedFile(path=name, sha256=digest(path), size=path.stat().st_size, role="samples")
            files.append(pin)
    entry = LockEntry(
        name="tiny",
        catalog="reference",
        repo=None,
        revision=None,
        alloy=files[0],
        files=tuple(files),
        claims=(),
        reasons=(),
        path=scratch / "tiny.lock.json",
    )
    return PinnedFiles(entry, EvidenceStore(cache, (), None, None))


def outcomes(item: dict[str, Any], files: Files) -> dict[str, Outcome]:
    """Every claim on samples and scores of a card, decided; by the claim's name."""
    document = {
        "name": "tiny",
        "source": {"baseModel": "a/b", "architecture": "llama"},
        "stages": [],
        "results": {"benchmarks": [item]},
    }
    alloy = parse(json.dumps(document).encode())
    context = Context(
        alloy=alloy,
        files=files,
        score=lambda name, path: registry.get(name).score(path),
        parent=lambda repo: (),
        digest=digest,
    )
    wanted = [c for c in extract(alloy, "tiny") if c.kind in KINDS]
    return {claim.id.removeprefix("tiny-"): decide(claim, context) for claim in wanted}


def verdicts(found: dict[str, Outcome]) -> dict[str, str]:
    return {name: one.verdict.value for name, one in found.items()}


@pytest.mark.parametrize("where", ["folder", "pins"])
def test_a_claim_on_a_group_is_decided_from_all_of_its_logs(
    artifact: Path, tmp_path: Path, where: str
) -> None:
    files = FolderFiles(artifact) if where == "folder" else pinned(artifact, tmp_path)
    found = outcomes(named(artifact), files)
    assert set(verdicts(found).values()) == {"VERIFIED"}, found
    assert {name for name in found if name.endswith(("-0", "-1"))} == {
        "alloybench_words-samples-digest-0",
        "alloybench_words-samples-digest-1",
        "form-results-benchmarks-0-resultHash-0",
        "form-results-benchmarks-0-resultHash-1",
    }
    score = found["alloybench_words-score"]
    assert score.reason == "37 of 40 confirmed: 92.5"
    assert dict(score.digests)["samples"] == joined([digest(artifact / path) for path in PATHS])
    refuted = outcomes(named(artifact, score=95.5), files)["alloybench_words-score"]
    assert refuted.verdict is Verdict.REFUTED
    assert "claimed 95.5, the judge gives 92.5" in refuted.reason


def test_one_digest_over_all_files(artifact: Path, tmp_path: Path) -> None:
    whole = joined([digest(artifact / path) for path in PATHS])
    found = outcomes(named(artifact, resultHash=f"sha256:{whole}"), FolderFiles(artifact))
    assert set(verdicts(found).values()) == {"VERIFIED"}
    assert found["alloybench_words-samples-digest"].reason == "2 files hash as claimed"
    swapped = named(artifact, resultHash=whole, samplesPath=PATHS[::-1])
    found = outcomes(swapped, FolderFiles(artifact))
    assert found["alloybench_words-samples-digest"].verdict is Verdict.REFUTED
    assert found["alloybench_words-score"].verdict is Verdict.NOT_CHECKED


@pytest.mark.parametrize("part", [0, 1])
def test_an_edited_file_of_several_is_refuted_and_proves_nothing(artifact: Path, part: int) -> None:
    item = named(artifact)
    path = artifact / PATHS[part]
    path.write_bytes(path.read_bytes().replace(b'"exact_match": 0.0', b'"exact_match": 1.0', 1))
    found = outcomes(item, FolderFiles(artifact))
    assert found[f"alloybench_words-samples-digest-{part}"].verdict is Verdict.REFUTED
    assert found[f"alloybench_words-samples-digest-{1 - part}"].verdict is Verdict.VERIFIED
    assert found["alloybench_words-score"].verdict is Verdict.NOT_CHECKED
    assert "not the attested" in found["alloybench_words-score"].reason


def test_an_edited_file_that_is_attested_anew(artifact: Path) -> None:
    """Whoever attests the edited file is contradicted by its answers."""
    path = artifact / PATHS[0]
    path.write_bytes(path.read_bytes().replace(b'"exact_match": 0.0', b'"exact_match": 1.0'))
    score = outcomes(named(artifact, score=97.5), FolderFiles(artifact))["alloybench_words-score"]
    assert score.verdict is Verdict.REFUTED
    assert {finding.code for finding in score.findings} == {"score-differs", "log-differs"}


@pytest.mark.parametrize(
    ("hashes", "said"),
    [
        (lambda both: both[:1], "2 files are named, and 1 digests are stated"),
        (lambda both: [*both, both[0]], "2 files are named, and 3 digests are stated"),
        (lambda both: both[::-1], "not the attested"),
    ],
)
def test_digests_that_are_not_one_for_each_file(
    artifact: Path, hashes: Callable[[list[str]], list[str]], said: str
) -> None:
    item = named(artifact)
    found = outcomes(item | {"resultHash": hashes(item["resultHash"])}, FolderFiles(artifact))
    assert said in found["alloybench_words-score"].reason
    assert found["alloybench_words-score"].verdict is Verdict.NOT_CHECKED
    assert any(o.verdict is Verdict.REFUTED for n, o in found.items() if "samples-digest" in n)


@pytest.mark.parametrize(("score", "verdict"), [(92.5, "UNVERIFIABLE"), (97.5, "REFUTED"), (55.0, "REFUTED")])
def test_a_part_of_the_logs_is_no_whole(artifact: Path, score: float, verdict: str) -> None:
    """23 of 25 are solved: of all 40 from 57.5 to 95 percent."""
    part = {"samplesPath": PATHS[:1], "resultHash": [digest(artifact / PATHS[0])]}
    found = outcomes(named(artifact, score=score, **part), FolderFiles(artifact))
    assert found["alloybench_words-score"].verdict.value == verdict


def test_a_file_that_is_not_there(artifact: Path, tmp_path: Path) -> None:
    item = named(artifact)
    found = outcomes(item, pinned(artifact, tmp_path, leave_out=(PATHS[1],)))
    assert verdicts(found) | {"form-results-benchmarks-0-resultHash-0": "VERIFIED"} == verdicts(found)
    assert found["alloybench_words-samples-digest-1"].verdict is Verdict.NOT_CHECKED
    assert found["alloybench_words-score"].verdict is Verdict.NOT_CHECKED


def test_logs_of_two_runs_are_not_put_together(artifact: Path) -> None:
    item = named(artifact)
    old = artifact / PATHS[1]
    new = old.with_name(old.name.replace("2026-01-01", "2026-01-02"))
    old.rename(new)
    paths = [PATHS[0], new.relative_to(artifact).as_posix()]
    found = outcomes(item | {"samplesPath": paths}, FolderFiles(artifact))
    assert found["alloybench_words-score"].verdict is Verdict.NOT_CHECKED
    assert found["alloybench_words-score"].reason.startswith("samples of the run: expected one run, found 2")


def test_two_files_of_one_name(artifact: Path) -> None:
    other = f"eval/other/{Path(PATHS[0]).name}"
    (artifact / "eval/other").mkdir()
    shutil.copy(artifact / PATHS[0], artifact / other)
    item = named(artifact, samplesPath=[PATHS[0], other], resultHash=[digest(artifact / PATHS[0])] * 2)
    found = outcomes(item, FolderFiles(artifact))["alloybench_words-score"]
    assert found.verdict is Verdict.NOT_CHECKED
    assert found.reason == f"two files of one run are named {Path(other).name}"


def test_a_renamed_log_of_a_group_says_what_it_needs(artifact: Path) -> None:
    (artifact / PATHS[0]).rename(artifact / "sums.jsonl")
    item = {"name": "alloybench_words", "score": SCORE, "samplesPath": "sums.jsonl"}
    found = outcomes(item, FolderFiles(artifact))["alloybench_words-score"]
    assert found.verdict is Verdict.NOT_CHECKED
    assert found.reason.startswith("samples sums.jsonl: expected the name samples_<task>_<time>.jsonl")


# The harness's account of the run


def single(artifact: Path, **more: Any) -> dict[str, Any]:
    path = f"{FOLDER}/{logs.samples_name(SUMS)}"
    item = {"name": SUMS, "score": 92.0, "samplesPath": path, "resultHash": digest(artifact / path)}
    return item | more


def test_a_pinned_account_is_found_though_nothing_lies_beside_a_pinned_log(
    artifact: Path, tmp_path: Path
) -> None:
    with_it = outcomes(single(artifact), pinned(artifact, tmp_path))[f"{SUMS}-score"]
    assert (with_it.verdict, with_it.reason) == (Verdict.VERIFIED, "23 of 25 confirmed: 92")
    without = outcomes(single(artifact), pinned(artifact, tmp_path / "2", leave_out=(RESULTS,)))
    assert without[f"{SUMS}-score"].verdict is Verdict.NOT_CHECKED
    assert "harness and task version are not on record" in without[f"{SUMS}-score"].reason


def test_a_pin_takes_all_files_of_a_run_along(
    artifact: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """From a folder over the catalog to the same verdicts, with nothing left but what was pinned."""
    document = {
        "name": "tiny",
        "source": {"baseModel": "a/b", "architecture": "llama"},
        "stages": [],
        "results": {"benchmarks": [named(artifact)]},
    }
    (artifact / "tiny.alloy.json").write_text(json.dumps(document), encoding="utf-8")
    monkeypatch.setenv("ALLOY_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("ALLOY_MIRROR", raising=False)
    (tmp_path / "catalog" / "reference").mkdir(parents=True)
    options = Options(offline=True, jobs=1)
    before = verify_target(resolve(artifact, options)[0], (1, 3, 4), options)
    entry = pin(artifact, Catalog(tmp_path / "catalog"), "reference", name=before.name, offline=True)
    assert {file.path for file in entry.files} == {*PATHS, RESULTS}
    shutil.rmtree(artifact)
    after = verify_target(Target(name=entry.name, entry=entry), (1, 3, 4), options)
    was = {one.claim.id: one.outcome.verdict for one in before.checked}
    now = {one.claim.id: one.outcome.verdict for one in after.checked}
    assert {name: now[name] for name in was} == was
    assert now[f"{entry.name}-alloybench_words-score"] is Verdict.VERIFIED
    assert list(after.scores) == [f"alloybench_words:{', '.join(PATHS)}"]


def test_an_account_that_lies_elsewhere_is_named(artifact: Path, tmp_path: Path) -> None:
    other = f"accounts/{logs.RESULTS}"
    (artifact / "accounts").mkdir()
    (artifact / RESULTS).rename(artifact / other)
    assert outcomes(single(artifact), FolderFiles(artifact))[f"{SUMS}-score"].verdict is Verdict.NOT_CHECKED
    item = single(artifact, resultsPath=other, resultsHash=digest(artifact / other))
    for files in (FolderFiles(artifact), pinned(artifact, tmp_path)):
        found = outcomes(item, files)
        assert set(verdicts(found).values()) == {"VERIFIED"}
        assert f"{SUMS}-results-digest" in found


def test_an_edited_account_is_refuted_and_decides_nothing(artifact: Path) -> None:
    item = single(artifact, resultsPath=RESULTS, resultsHash=digest(artifact / RESULTS))
    path = artifact / RESULTS
    path.write_text(path.read_text(encoding="utf-8").replace('"lm_eval_version": "0.4.13"', '"x": 1'))
    found = outcomes(item, FolderFiles(artifact))
    assert found[f"{SUMS}-results-digest"].verdict is Verdict.REFUTED
    assert found[f"{SUMS}-score"].verdict is Verdict.NOT_CHECKED
    again = outcomes(item | {"resultsHash": digest(path)}, FolderFiles(artifact))[f"{SUMS}-score"]
    assert again.verdict is Verdict.NOT_CHECKED
    assert "the log is of lm-eval (not stated)" in again.reason


def test_a_score_claim_states_that_it_rests_on_the_account() -> None:
    item = {"name": SUMS, "score": 92.0, "samplesPath": "a.jsonl", "resultsPath": "b.json"}
    document = {
        "name": "tiny",
        "source": {"baseModel": "a/b", "architecture": "llama"},
        "stages": [],
        "results": {"benchmarks": [item]},
    }
    (claim,) = (c for c in extract(parse(json.dumps(document).encode()), "tiny") if c.kind == "score")
    assert "/results/benchmarks/0/resultsPath" in claim.inputs


@pytest.mark.parametrize(
    ("name", "score", "verdict", "said"),
    [
        (SUMS, 92.0, "VERIFIED", "23 of 25 problems"),
        (SUMS, 93.0, "REFUTED", "no number of solved problems out of 25 gives 93.0 %"),
        ("alloybench_words", 92.5, "VERIFIED", "37 of 40 problems"),
        ("gsm8k", 92.5, "UNVERIFIABLE", "need not be a number of solved problems"),
        ("gsm9k", 92.5, "UNVERIFIABLE", "'gsm9k' is not a registered benchmark"),
    ],
)
def test_whether_a_score_is_a_number_of_problems(name: str, score: float, verdict: str, said: str) -> None:
    found = outcomes({"name": name, "score": score}, FolderFiles(Path()))[f"{name}-score-reachable"]
    assert (found.verdict.value, said in found.reason) == (verdict, True)


# What is remembered of answers, and of a log


def test_answers_are_remembered_by_digest_and_length(artifact: Path) -> None:
    result = RUNNERS[SUMS].score(artifact / FOLDER)
    assert set(result.answers) == set(result.tasks)
    for number, problem in enumerate(TASKS[SUMS]):
        text = problem.text(FAULTS[SUMS].get(number, "right"))
        answer = result.answers[f"{SUMS}/{number}"]
        assert (answer.digest, answer.length) == (hashlib.sha256(text.encode()).hexdigest(), len(text))
        assert answer.canonical is (text == problem.row()["answer"] and len(text) >= 40)


def test_answers_of_several_requests_are_no_text(tmp_path: Path) -> None:
    for resps, digested in (([["a "]], True), ([["a", "b"]], False), ([["a"], ["b"]], False), ([[1]], False)):
        path = tmp_path / "log.jsonl"
        line = json.loads(logs.files({})[logs.samples_name(SUMS)].splitlines()[0])
        path.write_text(json.dumps(line | {"resps": resps}) + "\n", encoding="utf-8")
        seen = rescore.Seen(1)
        for one in log.read(path, hashlib.sha256()):
            seen.add(one)
        (problem,) = seen.problems({})
        assert problem.answered is digested
        assert problem.answer == (hashlib.sha256(b"a").digest() if digested else bytes(32))


def test_more_contradictions_than_anybody_reads_are_counted(
    artifact: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rescore, "MAX_ROWS", 7)
    path = artifact / PATHS[0]
    path.write_bytes(path.read_bytes().replace(b'"exact_match": 1.0', b'"exact_match": 0.0'))
    result = RUNNERS[SUMS].score(path)
    edited = 23 + 24
    assert len([one for one in result.differing if "/" in one.where]) == 7
    assert result.notes == (f"{SUMS}: {edited - 7} more contradictions are not named",)


def test_memory_does_not_grow_with_the_log(tmp_path: Path) -> None:
    """Prompts of a hundred kilobytes, one in each of fifty lines."""

    def peak(filler: int) -> tuple[int, int]:
        folder = tmp_path / str(filler)
        logs.write(folder, FAULTS)
        path = folder / logs.samples_name(SUMS)
        lines = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
        for line in lines:
            prompt = line["arguments"]["gen_args_0"]["arg_0"] + "x" * filler
            line["arguments"]["gen_args_0"]["arg_0"] = prompt
            line["prompt_hash"] = hashlib.sha256(prompt.encode()).hexdigest()
        path.write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")
        RUNNERS[SUMS].score(path)  # imports, templates
        tracemalloc.start()
        try:
            result = RUNNERS[SUMS].score(path)
            grown = tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()
        assert result.passed == 23
        return path.stat().st_size, grown

    (small, before), (large, after) = peak(1), peak(100_000)
    assert large - small > 4_900_000
    # One line at a time, as bytes, text and object; all lines together would be 5 MB and more.
    assert after - before < 1_500_000


# One file and one registration


def test_a_task_of_ones_own_is_one_file_and_one_registration(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As docs/extending.md shows it."""
    monkeypatch.chdir(tmp_path)
    Path("acme_sums.yaml").write_text(
        "task: acme_sums\n"
        "output_type: generate_until\n"
        "test_split: test\n"
        'doc_to_text: "{{question}}"\n'
        'doc_to_target: "{{answer}}"\n'
        "metric_list:\n  - metric: exact_match\n    aggregation: mean\n    higher_is_better: true\n"
        "metadata:\n  version: 2.0\n",
        encoding="utf-8",
    )
    monkeypatch.setattr(registry, "_loaded", dict(registry._loaded))
    (example,) = (
        block
        for block in re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
        if "acme_sums" in block
    )
    exec(dedent(example), {})

    docs = [{"question": "1+1", "answer": "2"}, {"question": "2+2", "answer": "4"}]
    lines = [
        {
            "doc_id": i,
            "doc": doc,
            "target": doc["answer"],
            "arguments": {"gen_args_0": {"arg_0": doc["question"]}},
            "resps": [["2"]],
            "filtered_resps": ["2"],
            "filter": "none",
            "metrics": ["exact_match"],
            "doc_hash": hashlib.sha256(json.dumps(doc, indent=2).encode()).hexdigest(),
            "prompt_hash": hashlib.sha256(doc["question"].encode()).hexdigest(),
            "target_hash": hashlib.sha256(doc["answer"].encode()).hexdigest(),
            "exact_match": float(doc["answer"] == "2"),
        }
        for i, doc in enumerate(docs)
    ]
    path = tmp_path / "samples_acme_sums_2026-01-01T00-00-00.jsonl"
    path.write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")
    result = registry.get("acme_sums").score(path)
    assert (result.passed, result.total, result.differing) == (1, 2, ())
    assert str(tmp_path) not in json.dumps(result.judge)


# The reference catalog's runs


def test_the_pinned_problems_are_the_benchmarks() -> None:
    for task in RUNNERS["alloybench_words"].tasks:
        docs = {str(i): log.doc_digest(problem.row()) for i, problem in enumerate(TASKS[task.name])}
        assert (dataset.digest(docs), len(docs)) == (task.docs_sha256, task.size)
    other = {"0": log.doc_digest({"question": "", "answer": ""})}
    assert dataset.digest(other) != RUNNERS[SUMS].tasks[0].docs_sha256


@pytest.mark.parametrize("run", [runs.WORDS.student, runs.WORDS.base], ids=["student", "base"])
def test_recorded_scores_are_what_the_harness_measures(run: Any, tmp_path: Path) -> None:
    for name, data in run.files.items():
        (tmp_path / name).write_bytes(data)
    for benchmark, score in run.scores.items():
        result = RUNNERS[benchmark].score(tmp_path)
        assert (result.value(), result.limits, result.differing) == (score.percent / 100, (), ())


def test_a_log_of_other_problems_decides_nothing(artifact: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    runner = RUNNERS[SUMS]
    other = replace(runner, tasks=(replace(runner.tasks[0], docs_sha256="0" * 64),))
    monkeypatch.setitem(registry._loaded, SUMS, other)
    found = outcomes(single(artifact), FolderFiles(artifact))[f"{SUMS}-score"]
    assert found.verdict is Verdict.NOT_CHECKED
    assert "not those of the pinned dataset" in found.reason
