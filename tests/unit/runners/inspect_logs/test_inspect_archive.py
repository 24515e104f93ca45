"""Logs of inspect as files: recognised by content, read within limits, whatever is in them."""

import json
import struct
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.runners.inspect_logs.cards import verified
from verifier.errors import AlloyError, DocumentError, EvidenceMissingError, UsageError
from verifier.runners import registry
from verifier.runners.inspect_logs import archive
from verifier.runners.inspect_logs.runner import InspectRunner, runner_for
from verifier.runners.lm_eval import identity as lm_eval

HEADER: dict[str, Any] = {
    "version": 2,
    "status": "success",
    "eval": {"task": "inspect_evals/gsm8k", "dataset": {"sample_ids": ["a", "ü"]}},
    "results": {"scores": []},
}
SAMPLES = [{"id": "a", "epoch": 1, "events": [1, 2]}, {"id": "ü", "epoch": 1, "timelines": []}]

Member = tuple[str, int, bytes, int, int]
"""Name, method, packed content, stated size, stated CRC."""


def member(name: str, content: bytes, method: int = 0) -> Member:
    packed = content
    if method == 8:
        packed = zlib.compress(content, 9)[2:-4]
    if method == 93:
        zstandard = pytest.importorskip("zstandard", reason="needs the extra [inspect]")
        # In two frames, as inspect packs what is large.
        half = len(content) // 2
        packed = b"".join(zstandard.compress(part) for part in (content[:half], content[half:]))
    return name, method, packed, len(content), zlib.crc32(content)


def members(method: int = 8, header: Any = HEADER, samples: Any = SAMPLES) -> list[Member]:
    files = [("header.json", header)]
    files += [(f"samples/{one['id']}_epoch_{one['epoch']}.json", one) for one in samples]
    return [member(name, json.dumps(content).encode(), method) for name, content in files]


def written(path: Path, made: list[Member], flags: int = 0x800) -> Path:
    """A zip file, also one that no library would write."""
    body, index = b"", b""
    for name, method, packed, size, crc in made:
        raw = name.encode()
        common = struct.pack("<HHHHHLLLHH", 63, flags, method, 0, 33, crc, len(packed), size, len(raw), 0)
        index += (
            b"PK\x01\x02"
            + struct.pack("<H", 63)
            + common
            + struct.pack("<HHHLL", 0, 0, 0, 0, len(body))
            + raw
        )
        body += b"PK\x03\x04" + common + raw + packed
    end = struct.pack("<HHHHLLH", 0, 0, len(made), len(made), len(index), len(body), 0)
    path.write_bytes(body + index + b"PK\x05\x06" + end)
    return path


def read(path: Path) -> list[tuple[str, dict[str, Any]]]:
    return list(archive.open_log(path).samples())


@pytest.mark.parametrize("method", [0, 8, 93])
def test_a_zip_is_read_whatever_packed_it(tmp_path: Path, method: int) -> None:
    path = written(tmp_path / "anything", members(method))
    assert archive.is_log(path)
    log = archive.open_log(path)
    assert (log.header, log.finished) == (HEADER, True)
    assert list(log.samples()) == [
        ("samples/a_epoch_1.json", {"id": "a", "epoch": 1}),
        ("samples/ü_epoch_1.json", {"id": "ü", "epoch": 1}),
    ]


def test_what_zipfile_writes_is_read(tmp_path: Path) -> None:
    path = tmp_path / "x.eval"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as made:
        made.writestr("_journal/start.json", json.dumps({"version": 2, "eval": HEADER["eval"]}))
        made.writestr("samples/a_epoch_1.json", json.dumps(SAMPLES[0]))
    log = archive.open_log(path)
    assert archive.is_log(path)
    assert not log.finished
    assert [name for name, _ in log.samples()] == ["samples/a_epoch_1.json"]


@pytest.mark.parametrize("indent", [None, 2])
def test_one_document_is_the_same_log(tmp_path: Path, indent: int | None) -> None:
    path = tmp_path / "x.json"
    path.write_text(json.dumps(HEADER | {"samples": SAMPLES}, indent=indent), encoding="utf-8")
    assert archive.is_log(path)
    assert [record for _, record in read(path)] == [{"id": "a", "epoch": 1}, {"id": "ü", "epoch": 1}]
    assert archive.open_log(path).header == HEADER


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"PK\x03\x04",
        b'{"task_id": "HumanEval/0", "solution": "x"}\n',
        b'{"doc_id": 0, "doc": {"version": 2}}\n',
        b'{"results": {}, "versions": {}}',
        b'{"eval": {"task": "x"}}',
    ],
)
def test_other_files_are_not_taken_for_logs(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "x"
    path.write_bytes(content)
    assert not archive.is_log(path)
    other = written(tmp_path / "other.zip", [member("readme.txt", b"x")])
    assert not archive.is_log(other)
    assert not archive.is_log(tmp_path)
    assert not archive.is_log(tmp_path / "absent")
    with pytest.raises(DocumentError, match="expected a log of inspect, found a zip without"):
        archive.open_log(other)
    with pytest.raises(UsageError, match="expected a readable file"):
        archive.open_log(tmp_path / "absent")


def bomb(method: int) -> Callable[[], list[Member]]:
    """A member that unfolds to far more than it says."""

    def make() -> list[Member]:
        name, _, packed, _, crc = member("samples/x_epoch_1.json", b" " * (64 << 20) + b"{}", method)
        return [*members(), (name, method, packed, 2, crc)]

    return make


def changed(**fields: Any) -> Callable[[], list[Member]]:
    def make() -> list[Member]:
        made = dict(zip(("name", "method", "packed", "size", "crc"), members()[1], strict=True)) | fields
        return [members()[0], tuple(made.values())]  # type: ignore[list-item]

    return make


def containing(content: bytes) -> Callable[[], list[Member]]:
    return lambda: [members()[0], member("samples/a_epoch_1.json", content)]


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (bomb(8), "samples/x_epoch_1.json: expected a whole member"),
        (bomb(93), "expected the content that the zip's index states"),
        (changed(size=archive.MAX_MEMBER + 1), "expected at most"),
        (changed(crc=1), "expected"),
        (changed(method=12), "expected a"),
        (changed(method=99), "expected a member packed as inspect packs them"),
        (changed(packed=b"\xff" * 9), "expected a whole member"),
        (containing(b"{"), "expected a JSON object in UTF-8"),
        (containing(b"[]"), "expected a JSON object, found list"),
        (containing(b'{"id": "\xff"}'), "expected a JSON object in UTF-8"),
        (containing(b'{"id": "\\ud800"}'), "half of a surrogate pair"),
        (containing(b"[" * 200_000), "expected a JSON object in UTF-8"),
        (containing(b'{"id": ' + b"1" * 5000 + b"}"), "expected a JSON object in UTF-8"),
        (lambda: members(header={"eval": []}), "expected an object, found list"),
        (lambda: members(header={"eval": {}}), "expected the task's name"),
        (lambda: members(header=HEADER | {"results": 3}), "expected an object, found int"),
    ],
)
def test_hostile_members(tmp_path: Path, make: Callable[[], list[Member]], message: str) -> None:
    path = written(tmp_path / "x.eval", make())
    with pytest.raises(DocumentError) as caught:
        read(path)
    assert message in str(caught.value)


def test_broken_zstandard(tmp_path: Path) -> None:
    pytest.importorskip("zstandard", reason="needs the extra [inspect]")
    path = written(tmp_path / "x.eval", changed(method=93, packed=b"\xff" * 9)())
    with pytest.raises(DocumentError, match="expected a whole member"):
        read(path)


def test_an_encrypted_member(tmp_path: Path) -> None:
    path = written(tmp_path / "x.eval", members(), flags=0x801)
    with pytest.raises(DocumentError, match="an encrypted one"):
        read(path)


@pytest.mark.parametrize(
    ("limit", "value"), [("MAX_FILE", 10), ("MAX_MEMBERS", 2), ("MAX_ALL", 40), ("MAX_MEMBER", 20)]
)
def test_limits(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, limit: str, value: int) -> None:
    path = written(tmp_path / "x.eval", members())
    monkeypatch.setattr(archive, limit, value)
    with pytest.raises(DocumentError, match="expected at most"):
        read(path)


def test_names_lead_nowhere(tmp_path: Path) -> None:
    home = tmp_path / "home"
    home.mkdir()
    names = ["samples/../../evil.json", "/etc/evil.json", "samples//etc/evil.json"]
    evil = [member(name, b'{"id": "a"}') for name in names]
    path = written(home / "x.eval", [*members(), *evil])
    assert len(read(path)) == 4
    assert [file.name for file in tmp_path.rglob("*")] == ["home", "x.eval"]


@settings(max_examples=200)
@given(st.data())
def test_damaged_logs_give_an_error_or_samples(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    path = written(tmp_path_factory.mktemp("log") / "x.eval", members(data.draw(st.sampled_from([0, 8]))))
    content = bytearray(path.read_bytes())
    for _ in range(data.draw(st.integers(1, 4))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    path.write_bytes(bytes(content[: data.draw(st.integers(0, len(content)))]))
    archive.is_log(path)
    try:
        assert all(isinstance(record, dict) for _, record in read(path))
    except AlloyError as error:
        assert str(error)


def test_who_judges(tmp_path: Path) -> None:
    path = written(tmp_path / "x.eval", members())
    chosen = runner_for(registry.get("gsm8k"), path)
    assert isinstance(chosen, InspectRunner)
    assert chosen.name == "gsm8k"
    assert runner_for(registry.get("humaneval"), path) is registry.get("humaneval")
    other = tmp_path / "samples_gsm8k_2026-01-01T00-00-00.jsonl"
    other.write_text('{"doc_id": 0}\n')
    assert runner_for(registry.get("gsm8k"), other) is registry.get("gsm8k")
    with pytest.raises(EvidenceMissingError, match="instruction_following_eval, which is not on PyPI"):
        runner_for(registry.get("ifeval"), path)
    with pytest.raises(EvidenceMissingError, match="inspect_evals has no task that stands for it"):
        runner_for(registry.get("math_hard"), path)


@pytest.mark.parametrize("benchmark", ["gsm8k", "ifeval", "humaneval"])
def test_a_card_with_such_a_log_is_not_refuted_for_its_format(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, benchmark: str
) -> None:
    # The benchmark's own harness is not asked, but tier 4 wants it installed.
    monkeypatch.setattr(lm_eval, "missing", lambda _: None)
    path = written(tmp_path / "x.eval", members(samples=()))
    (claim,) = verified(tmp_path, benchmark, path, capsys)
    assert claim["verdict"] == "NOT_CHECKED"
    # Programs need their dataset first, which may not be at hand.
    assert "inspect" in claim["reason"] or benchmark == "humaneval"
