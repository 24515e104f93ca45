import pytest

from tests.unit.gate.history import commit, git, init
from verifier import gate_git
from verifier.errors import DocumentError, UsageError


@pytest.fixture
def repo(tmp_path):
    folder = init(tmp_path / "repo")
    (folder / "kept.txt").write_text("kept\n")
    (folder / "gone.txt").write_text("gone\n")
    commit(folder, "first")
    return folder


def test_a_rename_is_a_deletion_and_an_addition(repo):
    (repo / "gone.txt").rename(repo / "new.txt")
    (repo / "kept.txt").write_text("other\n")
    commit(repo, "second")
    history = gate_git.open_history(repo, "HEAD~1")
    assert gate_git.changed_paths(history) == {"gone.txt": "D", "kept.txt": "M", "new.txt": "A"}


def test_what_the_base_branch_did_meanwhile_is_not_part_of_the_change(repo):
    git(repo, "switch", "-q", "-c", "work")
    (repo / "mine.txt").write_text("mine\n")
    commit(repo, "mine")
    git(repo, "switch", "-q", "main")
    (repo / "theirs.txt").write_text("theirs\n")
    commit(repo, "theirs")
    git(repo, "switch", "-q", "work")
    assert gate_git.changed_paths(gate_git.open_history(repo, "main")) == {"mine.txt": "A"}


@pytest.mark.parametrize("base", ["--output=x", "-p", "", "a b", "a\nb", "no-such-branch", "HEAD~99"])
def test_revisions_that_are_none_are_refused(repo, base):
    with pytest.raises(UsageError, match="expected a"):
        gate_git.open_history(repo, base)
    assert not (repo / "x").exists()


def test_histories_without_common_ancestor_are_refused(repo):
    git(repo, "switch", "-q", "--orphan", "island")
    (repo / "alone.txt").write_text("alone\n")
    commit(repo, "alone")
    with pytest.raises(UsageError, match="common ancestor") as caught:
        gate_git.open_history(repo, "main")
    assert "fetch-depth: 0" in caught.value.remedy


def test_a_folder_without_git_is_refused(tmp_path):
    with pytest.raises(UsageError, match="working tree"):
        gate_git.open_history(tmp_path, "main")


def test_blobs_come_from_the_revision_and_links_are_no_blobs(repo):
    (repo / "kept.txt").write_text("other\n")
    (repo / "link.txt").symlink_to("/etc/hostname")
    commit(repo, "second")
    history = gate_git.open_history(repo, "HEAD~1")
    assert gate_git.blob(history, history.base, "kept.txt") == b"kept\n"
    assert gate_git.blob(history, history.head, "kept.txt") == b"other\n"
    assert gate_git.blob(history, history.head, "link.txt") is None
    assert gate_git.blob(history, history.base, "new.txt") is None


def test_a_file_larger_than_the_limit_is_refused(repo, monkeypatch):
    history = gate_git.open_history(repo, "HEAD")
    monkeypatch.setattr(gate_git, "MAX_BLOB", 3)
    with pytest.raises(DocumentError, match="at most 3 bytes, found 5"):
        gate_git.blob(history, history.head, "kept.txt")


def test_hooks_and_filters_of_the_repository_do_not_run(repo):
    marker = repo.parent / "ran"
    git(repo, "config", "core.fsmonitor", f"touch {marker}")
    git(repo, "config", "diff.external", f"touch {marker}")
    (repo / "kept.txt").write_text("other\n")
    history = gate_git.open_history(repo, "HEAD")
    assert gate_git.uncommitted(history, ".") == ("kept.txt",)
    assert gate_git.changed_paths(history) == {}
    assert not marker.exists()
