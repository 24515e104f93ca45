"""Runs in one ZIP file: judged as the folder is, and nothing in it leads out of it."""

import hashlib
import stat
import zipfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from tests.unit.runners.agents.conftest import RESOLVED, Evaluation
from tests.unit.runners.agents.test_aider_polyglot import OUTCOMES, SMALL, said, write
from verifier.errors import DocumentError
from verifier.runners.agents import archive, swe_layout
from verifier.runners.model import ScoreOptions


def packed(folder: Path, path: Path, more: Callable[[zipfile.ZipFile], None] = lambda _: None) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as out:
        for file in sorted(folder.rglob("*")):
            out.write(file, file.relative_to(folder).as_posix())
        more(out)
    return path


def test_a_packed_evaluation(evaluation: Evaluation, tmp_path: Path) -> None:
    path = packed(evaluation.run, tmp_path / "run.zip")
    result, loose = (
        evaluation.runner.score(path, ScoreOptions(dataset=evaluation.dataset)),
        evaluation.score(),
    )
    assert {name for name, task in result.tasks.items() if task.confirmed} == RESOLVED
    sha = hashlib.sha256(path.read_bytes()).hexdigest()
    assert result == replace(loose, samples_sha256=sha)
    nameless = path.rename(tmp_path / "0f3a")  # as a cache names it
    assert evaluation.runner.score(nameless, ScoreOptions(dataset=evaluation.dataset)) == result


def test_a_packed_run_of_aider(tmp_path: Path) -> None:
    folder = write(tmp_path / "run", {name: said(name, outcomes) for name, outcomes in OUTCOMES.items()})
    path = packed(folder, tmp_path / "run.zip")
    result, loose = SMALL.score(path), SMALL.score(folder)
    assert (result.tasks, result.metrics, result.missing) == (loose.tasks, loose.metrics, loose.missing)
    assert result.samples_sha256 == hashlib.sha256(path.read_bytes()).hexdigest()


ID = "django__django-1"


@pytest.mark.parametrize(
    "name", ["/etc/x.json", f"../{ID}/report.json", f"a/../../{ID}/report.json", "a\\..\\b.json", "a\nb.json"]
)
def test_members_that_lead_out(tmp_path: Path, name: str) -> None:
    path = tmp_path / "run.zip"
    with zipfile.ZipFile(path, "w") as out:
        out.writestr(name, "{}")
    with (
        pytest.raises(DocumentError, match="below its folder"),
        archive.opened(path, swe_layout.is_wanted, 99),
    ):
        pass
    assert {file.name for file in tmp_path.iterdir()} == {"run.zip"}


def test_links_twins_and_bombs(tmp_path: Path) -> None:
    path = tmp_path / "run.zip"
    link = zipfile.ZipInfo(f"{ID}/test_output.txt")
    link.external_attr = (stat.S_IFLNK | 0o777) << 16
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as out:
        out.writestr(link, "/etc/passwd")
        out.writestr(f"{ID}/report.json", b" " * 5_000_000)
        out.writestr(f"{ID}/eval.sh", "not wanted")
    with archive.opened(path, swe_layout.is_wanted, 1000) as found:
        files = {file.name: file.stat().st_size for file in found.path.rglob("*") if file.is_file()}
        assert files == {"report.json": 1001}
        assert "1 symbolic link" in found.notes[0]
    assert not found.path.exists()
    with zipfile.ZipFile(path, "a") as out, pytest.warns(UserWarning, match="Duplicate"):
        out.writestr(f"{ID}/report.json", "{}")
    with pytest.raises(DocumentError, match="twice"), archive.opened(path, swe_layout.is_wanted, 1000):
        pass


def test_a_damaged_archive(evaluation: Evaluation, tmp_path: Path) -> None:
    path = packed(evaluation.run, tmp_path / "run.zip")
    with zipfile.ZipFile(path) as whole:
        (log,) = [m for m in whole.infolist() if m.filename.endswith("2001/test_output.txt")]
    data = bytearray(path.read_bytes())
    start = log.header_offset + 30 + len(log.filename)
    data[start : start + 60] = bytes(60)
    path.write_bytes(data)
    with pytest.raises(DocumentError, match="sound ZIP"):
        evaluation.runner.score(path, ScoreOptions(dataset=evaluation.dataset))
