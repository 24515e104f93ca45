"""Plain lines, oracles, laws, hostile files; and that scoring needs neither torch nor a network."""

import hashlib
import json
import random
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.unit.runners.audio.conftest import PARTS, ROOT, need, plain, small, write
from verifier.errors import DocumentError, EvidenceMissingError, UsageError
from verifier.runners.audio import log
from verifier.runners.model import ScoreOptions

jiwer = pytest.importorskip("jiwer", reason="needs the extra [audio]")
sacrebleu = pytest.importorskip("sacrebleu", reason="needs the extra [audio]")
PIN = "lmms-eval==0.7.3"


@pytest.fixture(autouse=True)
def _needed() -> None:
    need()


def oracle(function: str, corpora: list[list[tuple[str, str]]]) -> list[float]:
    done = subprocess.run(
        [sys.executable, str(Path(__file__).parent / "audio_oracle.py"), function],
        input="".join(json.dumps(one) + "\n" for one in corpora),
        capture_output=True,
        text=True,
        encoding="utf-8",
        check=True,
    )
    numbers: list[float] = json.loads(done.stdout)
    return numbers


def invented(seed: int) -> list[tuple[str, str]]:
    """Pairs of some sense and much nonsense; the first reference has a word."""
    rng = random.Random(seed)
    words = [
        *("the", "a", "house", "twenty", "one", "um", "don't", "colour", "Mr.", "(x)", "<|zh|>", "$5"),
        *("naïve", "今天", "天气", "很好", "3rd", "🎉", "É", "\t"),
    ]

    def text() -> str:
        return " ".join(rng.choice(words) for _ in range(rng.randint(0, 12)))

    def near(one: str) -> str:
        return " ".join(word for word in one.split(" ") if rng.random() < 0.8)

    references = ["the house is red", *(text() for _ in range(60))]
    return [(one, near(one) if rng.random() < 0.7 else text()) for one in references]


@pytest.mark.parametrize(
    ("name", "function", "tokenizer"),
    [
        ("librispeech_test_clean", "librispeech_wer", None),
        ("covost2_en_zh", "covost2_bleu", "zh"),
        ("covost2_zh_en", "covost2_bleu_en", "13a"),
    ],
)
def test_equals_the_libraries_called_directly(
    tmp_path: Path, name: str, function: str, tokenizer: str | None
) -> None:
    corpora = [invented(seed) for seed in range(2)]
    for pairs, expected in zip(corpora, oracle(function, corpora), strict=True):
        lines = [{"id": f"u{i}", "reference": gt, "hypothesis": pred} for i, (gt, pred) in enumerate(pairs)]
        runner = small(name)
        runner = replace(runner, parts=(replace(runner.parts[0], size=len(lines)),))
        result = runner.score(write(tmp_path / "lines.jsonl", lines))
        found = {metric.name: metric.value for metric in result.metrics}
        assert found[result.metric] == expected
        if tokenizer:
            references, predictions = zip(*pairs, strict=True)
            direct = sacrebleu.corpus_bleu(predictions, [references], tokenize=tokenizer).score
            assert found["sacrebleu"] == pytest.approx(direct, abs=1e-9)


def test_other_word_error_rates_by_name(tmp_path: Path) -> None:
    lines = [
        {
            "id": "a",
            "reference": "THE COLOUR OF TWENTY ONE FLOWERS",
            "prediction": "the color of 21 flowers!",
        },
        {"id": "b", "reference": "MISTER SMITH", "prediction": "mister Smyth"},
    ]
    result = small("librispeech_test_clean").score(write(tmp_path / "l.jsonl", lines))
    found = {metric.name: metric.value for metric in result.metrics}
    lower = jiwer.wer(
        ["the colour of twenty one flowers", "mister smith"], ["the color of 21 flowers", "mister smyth"]
    )
    assert found["wer_lowercase"] == 100 * lower == 50
    assert found["wer"] == found["wer_whisper_normalizer"] == pytest.approx(100 / 7)


def test_lines_may_say_what_scored_them(tmp_path: Path) -> None:
    name = "librispeech_test_clean"
    lines = plain(name, harness=PIN, part="test-clean")
    dataset = [{"id": line["id"], "reference": line["reference"].lower()} for line in lines]
    path, references = write(tmp_path / "l.jsonl", lines), write(tmp_path / "d.jsonl", dataset)
    result = small(name).score(path, ScoreOptions(dataset=references))
    assert (result.limits, result.differing, result.missing, result.extra) == ((), (), (), ())
    assert result.value() is not None
    for said in ("lmms-eval==0.6.0", ""):
        write(path, plain(name, harness=said))
        (limit,) = small(name).score(path, ScoreOptions(dataset=references)).limits
        assert PIN in limit


@pytest.mark.parametrize("name", ["librispeech", "covost2"])
def test_a_plain_file_has_to_say_its_part(tmp_path: Path, name: str) -> None:
    single = "librispeech_test_other" if name == "librispeech" else "covost2_zh_en"
    path = write(tmp_path / "l.jsonl", plain(single))
    with pytest.raises(EvidenceMissingError, match="under 'part'"):
        small(name).score(path)
    spelling = "test.other" if name == "librispeech" else "zh-CN_en"
    write(path, plain(single, part=spelling))
    assert small(name).score(path).headline == small(single).score(path).headline
    write(path, plain(single, part="klingon"))
    for runner in (small(name), small(single)):
        with pytest.raises(EvidenceMissingError, match="klingon"):
            runner.score(path)


def test_names_that_nobody_knows(tmp_path: Path) -> None:
    """Without a dataset utterances are counted; which of too many are extra, nothing says."""
    name = "librispeech_test_other"
    lines = plain(name)
    path = write(tmp_path / "l.jsonl", lines[1:])
    result = small(name).score(path)
    assert result.missing == (f"{name}/(unnamed 1)",)
    assert result.value() is None
    write(path, [*lines, lines[0] | {"id": "one more"}])
    result = small(name).score(path)
    assert result.extra == (f"{name}/one more",)
    assert any("which of more are extra" in limit for limit in result.limits)


def test_unicode_and_empty_predictions(tmp_path: Path) -> None:
    lines = plain("covost2_zh_en")
    for line, text in zip(lines, ("", "\u2028\u0000\ufeff", "é" * 8_000, "مرحبا 🎉"), strict=True):
        line["prediction"] = text
    result = small("covost2_zh_en").score(write(tmp_path / "l.jsonl", lines))
    assert result.passed == 0
    assert [answer.length for answer in result.answers.values()][2] == 8_000


GOOD = {"id": "a", "reference": "x", "prediction": "y"}
LOGGED = {"doc_id": 0, "target": "x", "filtered_resps": "y", "wer": {"gt": "x", "pred": "y"}}


@pytest.mark.parametrize(
    ("bad", "message"),
    [
        (b"[]\n", "a JSON object"),
        (b'{"id": "a"\n', "line 1"),
        (b"\xff\n", "UTF-8"),
        (b'{"id": "a", "reference": "\\ud83d", "prediction": ""}\n', "surrogate"),
        (b'{"a":' * 50_000 + b"\n", "moderate depth"),
        (json.dumps({"id": 7, "text": "x"}).encode(), "the fields id, text"),
        (json.dumps(GOOD | {"id": "a\nb"}).encode(), "under 'id'"),
        (json.dumps(GOOD | {"id": True}).encode(), "under 'id'"),
        (json.dumps(GOOD | {"id": "x" * 300}).encode(), "under 'id'"),
        (json.dumps(GOOD | {"hypothesis": "y"}).encode(), "prediction and hypothesis"),
        (json.dumps(GOOD | {"prediction": None}).encode(), "a string under 'prediction'"),
        (json.dumps(GOOD | {"prediction": "x" * (log.MAX_TEXT + 1)}).encode(), "at most 8192"),
        (json.dumps(GOOD | {"part": 1}).encode(), "'part'"),
        (json.dumps(LOGGED | {"doc_id": -1}).encode(), "doc_id"),
        (json.dumps(LOGGED | {"filtered_resps": [["y"]]}).encode(), "filtered_resps"),
        (json.dumps(LOGGED | {"wer": 0.5}).encode(), "an object under 'wer'"),
        ((json.dumps(GOOD) + "\n" + json.dumps(LOGGED)).encode(), "one format (plain)"),
        (b" " * (log.LINES.max_line + 1), "at most"),
    ],
)
def test_malformed_lines(tmp_path: Path, bad: bytes, message: str) -> None:
    path = tmp_path / "bad.jsonl"
    path.write_bytes(bad)
    with pytest.raises(DocumentError) as error:
        list(log.read(path, hashlib.sha256()))
    assert message in str(error.value)
    assert "line" in str(error.value)


@pytest.mark.parametrize(
    ("bad", "message"),
    [
        (b"\n\n", "found none"),
        (b'{"id": "a"\n', "line 1"),
        (json.dumps(GOOD | {"reference": " (um) "}).encode(), "found none in any"),
    ],
)
def test_malformed_files(tmp_path: Path, bad: bytes, message: str) -> None:
    path = tmp_path / "bad.jsonl"
    path.write_bytes(bad)
    with pytest.raises(DocumentError) as error:
        small("librispeech_test_clean").score(path)
    assert message in str(error.value)


def test_a_text_that_breaks_the_harness_is_named(tmp_path: Path) -> None:
    """Its normaliser asserts that it can read every number; Python reads no number of so many digits."""
    lines = plain("librispeech_test_clean")
    lines[3]["prediction"] = "1" * 8000
    with pytest.raises(DocumentError, match="utterance 3: expected text that the harness can normalise"):
        small("librispeech_test_clean").score(write(tmp_path / "l.jsonl", lines))


def test_many_long_texts_are_refused(tmp_path: Path) -> None:
    lines = [{"id": i, "reference": "a", "prediction": "[" * log.MAX_TEXT} for i in range(200)]
    runner = small("covost2_en_zh")
    runner = replace(runner, parts=(replace(runner.parts[0], size=200),))
    with pytest.raises(DocumentError, match="too long"):
        runner.score(write(tmp_path / "l.jsonl", lines))


def test_a_dataset_that_says_two_things(tmp_path: Path) -> None:
    path = write(tmp_path / "l.jsonl", [GOOD])
    dataset = write(tmp_path / "d.jsonl", [{"id": "a", "reference": "x"}, {"id": "a", "reference": "z"}])
    with pytest.raises(DocumentError, match="one reference of 'a'"):
        small("librispeech_test_clean").score(path, ScoreOptions(dataset=dataset))


def test_nothing_there(tmp_path: Path) -> None:
    for path in (tmp_path, tmp_path / "gone"):
        with pytest.raises(UsageError):
            small("covost2_en_zh").score(path)


def test_an_absent_package_names_the_command(monkeypatch: pytest.MonkeyPatch) -> None:
    from verifier.runners.audio import identity

    monkeypatch.setattr(identity, "NEEDED", ("no-such-package",))
    reason = small("covost2_en_zh").unavailable()
    assert reason is not None
    assert "pip install --no-deps lmms-eval==0.7.3" in reason


def test_laws_of_error_rate_and_bleu() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "tests.unit.runners.audio.audio_properties"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]


_BLOCKED = """
import json, socket, sys
from pathlib import Path
from verifier.runners.child import worker
worker.harden()
from verifier.runners.audio import rescore
for request in json.loads(sys.argv[1]):
    found = rescore.run(request, lambda done: None)
    assert found["parts"], found
for name in ("torch", "transformers", "torchvision", "datasets", "lmms_eval.api"):
    assert name not in sys.modules, name
try:
    socket.create_connection(("192.0.2.1", 80), 1)
except PermissionError:
    print("refused")
"""


def test_neither_torch_nor_a_network(tmp_path: Path) -> None:
    requests: list[dict[str, Any]] = []
    for name, task in PARTS.items():
        part = small(name).parts[0]
        path = write(tmp_path / f"{name}.jsonl", plain(name))
        fields = {"name": task, "size": part.size, "scorer": part.scorer, "spellings": []}
        requests.append({"files": [{"task": "", "path": str(path)}], "parts": [fields], "dataset": None})
    done = subprocess.run(
        [sys.executable, "-c", _BLOCKED, json.dumps(requests)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout.strip()) == (0, "refused"), done.stderr[-2000:]
