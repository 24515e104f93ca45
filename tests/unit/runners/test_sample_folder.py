"""Folders of programs: equal to what evalplus itself reads from them, and nothing beyond them."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from verifier.errors import DocumentError, UsageError
from verifier.runners import sample_folder, samples

PROMPTS = {"HumanEval/0": "def f():\n", "HumanEval/1": "def g():\n", "HumanEval/2": "def h():\n"}


def written(folder: Path, files: dict[str, bytes]) -> Path:
    for name, data in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    return folder


def by_evalplus(folder: Path) -> list[tuple[str, str]]:
    data = pytest.importorskip("evalplus.data", reason="needs the extra [scores]")
    return sorted((one["task_id"], one["solution"]) for one in data.load_solutions(str(folder)))


def test_what_evalplus_writes_is_read_as_evalplus_reads_it(tmp_path: Path) -> None:
    data = pytest.importorskip("evalplus.data", reason="needs the extra [scores]")
    rows = [
        {"task_id": "HumanEval/0", "solution": "def f():\n    return 'ä'\n"},
        {"task_id": "HumanEval/0", "solution": "def f():\r\n    return 2\r"},
        {"task_id": "HumanEval/1", "solution": ""},
        {"task_id": "HumanEval/900", "solution": "x"},
    ]
    data.write_directory(str(tmp_path / "run"), rows)
    found = samples.load(tmp_path / "run", PROMPTS)
    known = [row for row in by_evalplus(tmp_path / "run") if row[0] in PROMPTS]
    assert sorted((sample.task_id, sample.code) for sample in found.answers) == known
    assert len(known) == 3
    assert (found.missing, found.extra, found.duplicate) == (
        ("HumanEval/2",),
        ("HumanEval/900",),
        ("HumanEval/0",),
    )


@given(
    st.dictionaries(
        st.tuples(
            st.sampled_from(["HumanEval_0", "HumanEval_1", "Mbpp_2", "notes", "a_b_c"]),
            st.sampled_from(["0.py", "1.py", "10.py", "0.txt", "x.py", ".py", "0.py.bak"]),
        ),
        st.text(st.characters(exclude_categories=["Cs"]), max_size=40),
        max_size=12,
    )
)
def test_any_folder_is_read_as_evalplus_reads_it(
    tmp_path_factory: pytest.TempPathFactory, files: dict[tuple[str, str], str]
) -> None:
    folder = written(
        tmp_path_factory.mktemp("run"), {"/".join(name): text.encode() for name, text in files.items()}
    )
    written(folder, {"stray.py": b"print()", "HumanEval_0.py/deeper/0.py": b"x"})
    expected = by_evalplus(folder)
    if not expected:
        with pytest.raises(DocumentError, match="expected programs, found none"):
            sample_folder.read(folder)
        return
    found, _ = sample_folder.read(folder)
    assert sorted((one.task_id, one.code) for one in found) == expected


def test_the_digest_tells_every_edit(tmp_path: Path) -> None:
    files = {"HumanEval_0/0.py": b"x = 1\n", "HumanEval_1/0.py": b"x = 2\n"}
    edits = [
        {**files, "HumanEval_0/0.py": b"x = 3\n"},
        {"HumanEval_0/0.py": b"x = 1\n"},
        {**files, "HumanEval_1/1.py": b""},
        {"HumanEval_0/0.py": files["HumanEval_1/0.py"], "HumanEval_1/0.py": files["HumanEval_0/0.py"]},
    ]
    digests = [
        samples.load(written(tmp_path / str(i), case), PROMPTS).sha256
        for i, case in enumerate([files, *edits])
    ]
    assert len(set(digests)) == len(digests)
    again = written(tmp_path / "again", dict(reversed(files.items())))
    assert samples.load(again, PROMPTS).sha256 == digests[0]


def _link_to_file(folder: Path, outside: Path) -> None:
    (folder / "HumanEval_0" / "1.py").symlink_to(outside / "secret.py")


def _link_to_folder(folder: Path, outside: Path) -> None:
    (folder / "HumanEval_1").symlink_to(outside)


def _no_text(folder: Path, outside: Path) -> None:
    (folder / "HumanEval_0" / "1.py").write_bytes(b"\xff\xfe")


def _too_large(folder: Path, outside: Path) -> None:
    with (folder / "HumanEval_0" / "1.py").open("wb") as stream:
        stream.truncate(sample_folder.MAX_FILE + 1)


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (_link_to_file, "HumanEval_0/1.py: expected a file or folder, found a symbolic link"),
        (_link_to_folder, "HumanEval_1: expected a file or folder, found a symbolic link"),
        (_no_text, "HumanEval_0/1.py: expected UTF-8"),
        (_too_large, "HumanEval_0/1.py: expected at most"),
    ],
)
def test_hostile_folders(tmp_path: Path, spoil: Callable[[Path, Path], None], message: str) -> None:
    outside = written(tmp_path / "outside", {"secret.py": b"x"})
    folder = written(tmp_path / "run", {"HumanEval_0/0.py": b"x"})
    assert len(samples.load(folder, PROMPTS).answers) == 1
    spoil(folder, outside)
    with pytest.raises(DocumentError) as caught:
        samples.load(folder, PROMPTS)
    assert message in str(caught.value)


def test_a_pipe_does_not_hang(tmp_path: Path) -> None:
    folder = written(tmp_path / "run", {"HumanEval_0/0.py": b"x"})
    os.mkfifo(folder / "HumanEval_0" / "1.py")
    assert len(samples.load(folder, PROMPTS).answers) == 1


def test_too_many(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = written(tmp_path / "run", {f"HumanEval_{i}/0.py": b"xy" for i in range(3)})
    for name, limit in (("MAX_FILES", 2), ("MAX_ALL", 5)):
        with monkeypatch.context() as patch:
            patch.setattr(sample_folder, name, limit)
            with pytest.raises(DocumentError, match="at most"):
                samples.load(folder, PROMPTS)


def test_a_folder_of_runs_is_not_guessed(tmp_path: Path) -> None:
    folder = written(tmp_path / "runs", {"one/HumanEval_0/0.py": b"x"})
    with pytest.raises(DocumentError, match="expected programs, found none"):
        samples.load(folder, PROMPTS)


def test_no_folder(tmp_path: Path) -> None:
    with pytest.raises(UsageError):
        sample_folder.read(tmp_path / "absent")
