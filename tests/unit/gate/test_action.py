"""The steps of the workflow action, run as a runner would, on a small git history."""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from tests.unit.gate.history import commit, git, init
from verifier import engine
from verifier.catalog import Catalog
from verifier.report.json import dumps

ROOT = Path(__file__).parents[3]
ACTION = ROOT / ".github" / "actions" / "alloy-gate" / "action.yml"
ENTRIES = Catalog(ROOT / "catalog").entries("reference")
NAMES = tuple(e.name for e in ENTRIES)
FIRST, SECOND = NAMES[0], NAMES[-1]


@pytest.fixture(scope="module", autouse=True)
def cache(tmp_path_factory):
    """One evidence cache for all runs, so that samples are executed once."""
    with pytest.MonkeyPatch.context() as patch:
        folder = tmp_path_factory.mktemp("cache")
        patch.setenv("ALLOY_CACHE", str(folder))
        yield folder


@pytest.fixture(scope="module")
def verdicts(cache):
    """Measured verdicts of two reference entries, as reviewed snapshots."""
    options = engine.Options(offline=True)
    report = json.loads(dumps(engine.verify([FIRST, SECOND], options=options)))
    return {
        artifact["name"]: {
            c["id"]: {"verdict": c["verdict"], "found": c["found"]} for c in artifact["claims"]
        }
        for artifact in report["artifacts"]
    }


class Runner:
    """A clone with one catalog entry on main, and the runner's environment."""

    def __init__(self, folder, verdicts):
        self.repo = init(folder / "repo")
        self.verdicts = verdicts
        self.reference = self.repo / "catalog" / "reference"
        (self.reference / "verdicts").mkdir(parents=True)
        (self.repo / "catalog" / "published").mkdir()
        (self.repo / "pyproject.toml").write_text("")
        for name in set(NAMES) - {SECOND}:  # The others are there for parent links.
            shutil.copy(ROOT / "catalog" / "reference" / f"{name}.lock.json", self.lock(name))
        self.add(FIRST)
        commit(self.repo, "base")
        git(self.repo, "switch", "-q", "-c", "change")
        self.bin = folder / "bin"
        self.bin.mkdir()
        alloy = self.bin / "alloy"
        alloy.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m verifier.cli "$@"\n')
        alloy.chmod(0o755)
        self.summary, self.json = folder / "summary.md", folder / "gate.json"
        self.temp = folder / "temp"
        self.temp.mkdir()

    def add(self, name):
        shutil.copy(ROOT / "catalog" / "reference" / f"{name}.lock.json", self.lock(name))
        self.write(self.snapshot(name), self.verdicts[name])

    def lock(self, name=FIRST):
        return self.reference / f"{name}.lock.json"

    def snapshot(self, name=FIRST):
        return self.reference / "verdicts" / f"{name}.json"

    def write(self, path, value):
        path.write_text(json.dumps(value, indent=1))

    def edit(self, path, change):
        value = json.loads(path.read_text())
        change(value)
        self.write(path, value)

    def environment(self):
        kept = {k: v for k, v in os.environ.items() if not k.startswith(("GIT_", "GITHUB_", "ALLOY_"))}
        return kept | {
            "PATH": f"{self.bin}:{os.environ['PATH']}",
            "PYTHONPATH": str(ROOT),
            "GITHUB_ACTIONS": "true",
            "GITHUB_STEP_SUMMARY": str(self.summary),
            "GITHUB_PATH": str(self.temp / "path"),
            "RUNNER_TEMP": str(self.temp),
            "OMP_NUM_THREADS": "1",
            "ALLOY_CACHE": os.environ["ALLOY_CACHE"],
        }

    def act(self, message="change"):
        """Commit and run every step of the action; the first failing one ends the job, as on a runner."""
        commit(self.repo, message)
        action = yaml.safe_load(ACTION.read_text())
        inputs = {k: v.get("default") for k, v in action["inputs"].items()}
        inputs |= {"base": "main", "json": str(self.json)}
        for step in action["runs"]["steps"]:
            assert step["shell"] == "bash"
            env = {k: expand(v, inputs) for k, v in step.get("env", {}).items()}
            script = expand(step["run"], inputs)
            done = subprocess.run(
                ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", script],
                cwd=self.repo,
                env=self.environment() | env,
                capture_output=True,
                text=True,
                timeout=500,
            )
            if done.returncode:
                break
        return done

    def problems(self):
        return [p["code"] for e in json.loads(self.json.read_text())["entries"] for p in e["problems"]]

    def entry(self):
        (entry,) = json.loads(self.json.read_text())["entries"]
        return entry


def expand(text, inputs):
    return re.sub(r"\$\{\{ inputs\.(\w+) \}\}", lambda m: inputs[m[1]], text)


@pytest.fixture
def runner(tmp_path, verdicts):
    return Runner(tmp_path, verdicts)


def other_digest(lock):
    lock["files"][0]["sha256"] = "0" * 64


def test_a_change_outside_of_the_catalog_has_nothing_to_do(runner):
    (runner.repo / "README.md").write_text("words\n")
    done = runner.act()
    assert done.returncode == 0, done.stderr
    assert "Nothing to do" in runner.summary.read_text()
    assert json.loads(runner.json.read_text())["entries"] == []


def test_a_stated_reason_alone_is_verified_and_accepted(runner):
    runner.edit(runner.lock(), lambda lock: lock["reasons"].append("reviewed again"))
    done = runner.act()
    assert done.returncode == 0, done.stdout + done.stderr
    entry = runner.entry()
    assert (entry["change"], entry["accepted"], entry["reasons"]) == ("changed", True, ["reviewed again"])
    assert entry["counts"]["VERIFIED"] > 0
    assert entry["scores"]
    assert "::error" not in done.stdout


def test_a_new_entry_with_reviewed_verdicts_is_accepted_and_only_it_is_verified(runner):
    runner.add(SECOND)
    done = runner.act()
    assert done.returncode == 0, done.stdout + done.stderr
    assert (runner.entry()["name"], runner.entry()["change"]) == (SECOND, "added")
    assert "claimed" in runner.summary.read_text().lower()


def test_a_new_entry_without_reviewed_verdicts_is_refused(runner):
    runner.add(SECOND)
    runner.snapshot(SECOND).unlink()
    assert runner.act().returncode == 1
    assert runner.problems() == ["expected-verdicts-missing"]


def test_a_changed_digest_without_a_reason_is_refused_at_its_line(runner):
    runner.edit(runner.lock(), other_digest)
    done = runner.act()
    assert done.returncode == 1
    assert "digest-changed" in runner.problems()
    number = 1 + next(i for i, t in enumerate(runner.lock().read_text().splitlines()) if '"' + "0" * 64 in t)
    assert f"::error file=catalog/reference/{FIRST}.lock.json,line={number},title=" in done.stdout
    assert "digest-changed" in runner.summary.read_text()


def test_a_changed_digest_with_a_reason_is_judged_by_its_evidence(runner):
    def change(lock):
        other_digest(lock)
        lock["reasons"].append("the publisher replaced the file")

    runner.edit(runner.lock(), change)
    assert runner.act().returncode == 1
    codes = runner.problems()
    assert "digest-changed" not in codes
    assert "verdict-differs" in codes


def test_a_changed_claimed_value_without_a_reason_is_refused(runner):
    def change(lock):
        claim = next(c for c in lock["claims"] if c["kind"] == "score")
        claim["claimed"] = 99.9

    runner.edit(runner.lock(), change)
    assert runner.act().returncode == 1
    assert "claimed-changed" in runner.problems()
    assert "lock-stale" in runner.problems()


def test_a_changed_expected_verdict_without_a_reason_is_refused(runner):
    claim = next(iter(runner.verdicts[FIRST]))
    runner.edit(runner.snapshot(), lambda snapshot: snapshot[claim].update(verdict="REFUTED"))
    assert runner.act().returncode == 1
    assert "expected-verdict-changed" in runner.problems()


def test_a_wrong_expected_verdict_is_refused_even_with_a_reason(runner):
    claim = next(iter(runner.verdicts[FIRST]))
    runner.edit(runner.snapshot(), lambda snapshot: snapshot[claim].update(verdict="REFUTED"))
    runner.edit(runner.lock(), lambda lock: lock["reasons"].append("the judge was mended"))
    assert runner.act().returncode == 1
    assert runner.problems() == ["verdict-differs"]
    (flip,) = [f["claim"] for f in runner.entry()["verdicts_flipped"]] or [None]
    assert flip is None, "the verdict did not flip, only the expectation was edited"


def test_a_deleted_entry_needs_a_reason_in_an_earlier_commit(runner):
    runner.edit(runner.lock(), lambda lock: lock["reasons"].append("withdrawn by its publisher"))
    reason = commit(runner.repo, "reason")
    runner.lock().unlink()
    runner.snapshot().unlink()
    done = runner.act()
    assert done.returncode == 0, done.stdout
    assert runner.entry()["reasons"] == ["withdrawn by its publisher"]
    git(runner.repo, "switch", "-q", "-C", "silent", f"{reason}~1")
    runner.lock().unlink()
    runner.snapshot().unlink()
    assert runner.act().returncode == 1
    assert runner.problems() == ["entry-deleted"]


def test_a_garbage_lock_entry_is_unreadable_and_another_entry_is_still_judged(runner):
    runner.lock().write_bytes(b"\x00 garbage {")
    runner.add(SECOND)
    done = runner.act()
    assert done.returncode == 2
    assert "Traceback" not in done.stderr
    entries = {e["name"]: e for e in json.loads(runner.json.read_text())["entries"]}
    assert entries[FIRST]["change"] == "unreadable"
    assert entries[SECOND]["accepted"]


def test_touched_evidence_brings_its_entry_to_the_gate(runner):
    digest = json.loads(runner.lock().read_text())["files"][0]["sha256"]
    blob = runner.repo / "_cache" / "reference" / "sha256" / digest[:2] / digest
    blob.parent.mkdir(parents=True)
    blob.write_bytes(b"other bytes")
    done = runner.act()
    assert done.returncode == 0, "the project's own copy of the pinned bytes is found instead"
    assert runner.entry()["change"] == "evidence"


def test_uncommitted_changes_are_refused(runner, capfd):
    from verifier.cli import main

    runner.edit(runner.lock(), lambda lock: lock["reasons"].append("not committed"))
    os.chdir(runner.repo)
    try:
        assert main(["gate", "--base", "main"]) == 2
    finally:
        os.chdir(ROOT)
    assert "uncommitted changes" in capfd.readouterr().err


def test_workflows_ask_for_nothing_but_reading_and_pin_what_they_use():
    for path in sorted((ROOT / ".github" / "workflows").glob("*.yml")):
        workflow = yaml.safe_load(path.read_text())
        assert workflow["permissions"] == {"contents": "read"}
        assert "secrets." not in path.read_text()
        for job in workflow["jobs"].values():
            assert "permissions" not in job
            for step in job["steps"]:
                uses = step.get("uses", "./")
                assert uses.startswith("./") or re.fullmatch(r"[\w/-]+@[0-9a-f]{40}", uses)
    gate = yaml.safe_load((ROOT / ".github" / "workflows" / "gate.yml").read_text())
    assert "pull_request" in gate[True]  # YAML 1.1 reads the key "on" as true
    assert "pull_request_target" not in gate[True]
    assert gate["jobs"]["gate"]["steps"][0]["with"]["fetch-depth"] == 0
