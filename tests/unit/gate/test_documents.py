"""README, CONTRIBUTING and the records say what is so."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
README = (ROOT / "README.md").read_text()
DOCUMENTS = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])
HELP = re.findall(r"```text\n\$ alloy( .*?)?--help\n(.*?)```", README, re.DOTALL)


def test_help_is_quoted():
    assert HELP


@pytest.mark.parametrize(("command", "quoted"), HELP, ids=[c.strip() or "alloy" for c, _ in HELP])
def test_quoted_help_is_the_real_one(command, quoted):
    done = subprocess.run(
        [sys.executable, "-m", "verifier.cli", *command.split(), "--help"],
        capture_output=True,
        text=True,
        check=True,
        cwd=ROOT,
        env={**os.environ, "COLUMNS": "80", "NO_COLOR": "1"},
    )
    assert done.stdout.split() == quoted.split()


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda p: p.relative_to(ROOT).as_posix())
def test_relative_links_lead_somewhere(document):
    text = re.sub(r"```.*?```|`[^`\n]*`", "", document.read_text(), flags=re.DOTALL)
    for target in re.findall(r"\]\(([^)\s]+)\)", text):
        if not re.match(r"[a-z]+:|#", target):
            path = (document.parent / target.split("#")[0]).resolve()
            assert path.is_relative_to(ROOT), target
            assert path.exists(), f"{document.name}: {target}"


def test_every_command_has_its_place_in_the_readme():
    from verifier.cli import COMMANDS

    for command in COMMANDS:
        assert re.search(rf"\b{command.name}\b", README), command.name


def test_the_readme_has_exactly_two_set_up_commands_and_ci_runs_the_second():
    commands = [line for line in README.splitlines() if line.startswith("python3 -m venv")]
    assert len(commands) == 2
    assert commands[0].endswith("alloy verify --catalog reference --offline")
    assert "pytest" in commands[1]
    ci = (ROOT / ".ci" / "run").read_text()
    assert 'grep -m1 -E "^python3 -m venv .*pytest " README.md' in ci
    assert os.access(ROOT / ".ci" / "run", os.X_OK)


def test_the_readme_shows_the_output_of_a_run():
    shown = re.search(r"<!-- output:begin -->\n```text\n(.*?)```\n<!-- output:end -->", README, re.DOTALL)
    assert shown
    assert "VERIFIED" in shown[1]


def test_exit_codes_are_those_of_the_help():
    table = dict(re.findall(r"^\| (\d) \| (.+?) \|$", README, re.MULTILINE))
    from verifier.cli import _EPILOG

    stated = dict(re.findall(r"^  (\d)  (.+)$", _EPILOG, re.MULTILINE))
    assert {k: v.replace("`", "") for k, v in table.items()} == stated


def test_decision_records_have_their_sections_and_numbers():
    records = sorted((ROOT / "docs" / "decisions").glob("*.md"))
    numbers = [p.name[:4] for p in records]
    assert numbers == sorted(set(numbers))
    for path in records:
        if path.name < "0010":
            text = path.read_text()
            assert text.startswith(f"# {path.name[:4]}. ")
            for section in ("## Context", "## Options", "## Decision", "## Consequences"):
                assert section in text, path.name


def test_locked_versions_are_exact_and_name_no_index():
    lines = (ROOT / "requirements.lock").read_text().splitlines()
    pins = [line for line in lines if line and not line.startswith("#")]
    assert all(re.fullmatch(r"[A-Za-z0-9._-]+==[A-Za-z0-9.+!]+", line) for line in pins)
    assert {"evalplus==0.3.1"} <= set(pins)
