"""The command line itself: help, start-up, exit codes, and errors that no traceback may reach."""

import argparse
import subprocess
import sys
from types import SimpleNamespace

import pytest

from tests.unit import tiny
from tests.unit.report.samples import artifact, checked
from verifier import cli, cli_common
from verifier.errors import JudgeError, UsageError
from verifier.report.model import ArtifactReport, Report
from verifier.verdicts import Tier, Verdict

HEAVY = (
    "numpy",
    "torch",
    "evalplus",
    "huggingface_hub",
    "rich",
    "requests",
    "transformers",
    "msgspec",
    "shtab",
)
SUBCOMMANDS = [c.name for c in cli.COMMANDS]


def run(capsys, *argv):
    code = cli.main(list(argv))
    out, err = capsys.readouterr()
    return code, out, err


def raising(error):
    def func(args):
        raise error

    return func


@pytest.fixture
def broken(monkeypatch):
    """Make ``alloy schema`` raise what the test wants."""

    def install(error):
        def build(chosen=None, *, everything=False):
            parser = argparse.ArgumentParser(prog="alloy")
            parser.add_argument("command")
            parser.set_defaults(func=raising(error))
            return parser

        monkeypatch.setattr(cli, "parser", build)

    return install


def test_help_lists_every_subcommand_with_examples(capsys):
    code, out, _ = run(capsys, "--help")
    assert code == 0
    for name in SUBCOMMANDS:
        assert f"\n    {name}" in out
    assert "examples:" in out
    assert "exit codes" in out


@pytest.mark.parametrize("name", SUBCOMMANDS)
def test_every_subcommand_shows_examples(capsys, name):
    code, out, _ = run(capsys, name, "--help")
    assert code == 0
    assert "examples:\n  alloy " in out or "alloy " in out.split("examples:")[1]


@pytest.mark.parametrize("argv", [("--help",), ("verify", "--help"), ("score", "--help"), ("schema",)])
def test_help_imports_nothing_heavy(argv):
    program = (
        "import sys; from verifier.cli import main; code = main(sys.argv[2:]);"
        "print('LOADED', [m for m in sys.argv[1].split(',') if m in sys.modules]); sys.exit(code)"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, ",".join(HEAVY), *argv], capture_output=True, text=True, check=True
    )
    assert done.stdout.rstrip().endswith("LOADED []")


def test_version(capsys):
    code, out, _ = run(capsys, "--version")
    assert code == 0
    assert out.startswith("alloy ")


@pytest.mark.parametrize(
    "argv", [(), ("frobnicate",), ("verify", "--frobnicate"), ("completion", "dos"), ("score", "x")]
)
def test_bad_usage_is_two(capsys, argv):
    code, out, err = run(capsys, *argv)
    assert (code, out) == (2, "")
    assert err.startswith("usage: alloy")


@pytest.mark.parametrize("jobs", ["0", "-1", "x", "9999999"])
def test_jobs_must_be_a_sensible_number(capsys, jobs):
    code, _, err = run(capsys, "verify", f"--jobs={jobs}")
    assert code == 2
    assert "expected a number from 1 to 1024" in err


@pytest.mark.parametrize("tiers", ["0", "5", "1,x", "", ",", "1;3", "\x1b[31m"])
def test_unknown_tier_is_named(capsys, tiers):
    code, _, err = run(capsys, "verify", "--tier", tiers)
    assert code == 2
    assert err.startswith(("error: unknown tier: expected a list of 1, 2, 3, 4", "error: no tier given"))
    assert "\x1b" not in err


def test_tiers_are_ordered_and_counted_once():
    assert cli_common.parse_tiers("4, 1,4") == (1, 4)


def test_unknown_catalog_is_two(capsys):
    code, _, err = run(capsys, "verify", "--catalog", "nowhere")
    assert code == 2
    assert "unknown catalog: expected reference or published, found 'nowhere'" in err


@pytest.mark.parametrize(
    ("target", "said"), [("no/such/folder/x.json", "folder does not exist"), (".", "found the folder")]
)
def test_reports_that_cannot_be_written_are_refused_before_any_work(capsys, target, said):
    code, _, err = run(capsys, "verify", "--json", target)
    assert code == 2
    assert said in err


def test_two_reports_for_standard_output_are_refused(capsys):
    code, _, err = run(capsys, "verify", "--json", "-", "--html", "-")
    assert code == 2
    assert "more than one report for standard output" in err


def test_an_alloy_error_is_two_with_its_remedy(capsys, broken):
    broken(UsageError("thing: expected a, found b\x1b[2J", remedy="do c"))
    assert run(capsys, "schema") == (2, "", "error: thing: expected a, found b\\x1b[2J\n  do c\n")


def test_a_judge_that_broke_is_four(capsys, broken):
    broken(JudgeError("judge died"))
    code, _, err = run(capsys, "schema")
    assert (code, err) == (4, "error: judge died\n")


def test_an_unexpected_error_is_four_without_a_traceback(capsys, broken):
    broken(KeyError("x"))
    code, _, err = run(capsys, "schema")
    assert code == 4
    assert "Traceback" not in err
    assert "please report" in err


def test_debug_lets_the_traceback_through(broken):
    broken(KeyError("x"))
    with pytest.raises(KeyError):
        cli.main(["schema", "--debug"])
    with pytest.raises(KeyError):
        cli.main(["--debug", "schema"])


def test_interrupt_is_130(capsys, broken):
    broken(KeyboardInterrupt())
    assert run(capsys, "schema") == (130, "", "interrupted\n")


@pytest.mark.parametrize("command", ["schema", "verify"])
def test_a_closed_pipe_is_no_crash_and_no_verdict(command, tmp_path):
    argv = (
        ["schema"]
        if command == "schema"
        else ["verify", str(tiny.make(tmp_path)), "--offline", "--tier=1", "-v"]
    )
    program = f"import sys; sys.stdin.read(); from verifier.cli import main; sys.exit(main({argv!r}))"
    # The reader goes before the writer starts: the pipe is closed at the first write.
    process = subprocess.Popen(
        [sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    process.stdout.close()
    process.stdin.close()
    assert process.wait() == 141
    assert process.stderr.read() == b""
    process.stderr.close()


def coded(*verdicts, strict=False, tiers=(1, 3, 4), tier=Tier.RECIPE):
    claims = tuple(checked("card", str(i), v, tier=tier) for i, v in enumerate(verdicts))
    report = Report(artifacts=(artifact(claims=claims),) if claims else (), environment={})
    return cli_common.exit_code(report, strict=strict, tiers=tiers)


@pytest.mark.parametrize(
    ("verdicts", "lax", "strict"),
    [
        ([Verdict.VERIFIED], 0, 0),
        ([Verdict.VERIFIED, Verdict.UNVERIFIABLE], 0, 3),
        ([Verdict.VERIFIED, Verdict.NOT_CHECKED], 0, 3),
        ([Verdict.REFUTED, Verdict.NOT_CHECKED], 1, 1),
        ([Verdict.REFUTED, Verdict.ERROR], 4, 4),
        ([Verdict.ERROR, Verdict.VERIFIED], 4, 4),
        ([], 0, 3),
    ],
)
def test_exit_codes(verdicts, lax, strict):
    assert coded(*verdicts) == lax
    assert coded(*verdicts, strict=True) == strict


def test_strict_asks_only_about_the_tiers_asked_for():
    assert coded(Verdict.VERIFIED, Verdict.NOT_CHECKED, strict=True, tiers=(1,), tier=Tier.SCORES) == 0


def test_strict_is_not_content_with_an_artifact_without_claims():
    report = Report(artifacts=(ArtifactReport(name="x", alloy_hash=None, checked=()),), environment={})
    assert cli_common.exit_code(report, strict=True, tiers=(1,)) == 3


def test_progress_off_a_terminal_is_one_line_a_step(capsys):
    with cli_common.progress(quiet=False) as update:
        for done in range(3):
            update("hashing\x1b[2J", done, 3)
    assert capsys.readouterr().err == "… hashing\\x1b[2J\n"


def test_progress_on_a_terminal_reads_no_markup(monkeypatch):
    import io

    class Terminal(io.StringIO):
        def isatty(self):
            return True

    stream = Terminal()
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.setattr(sys, "stderr", stream)
    with cli_common.progress(quiet=False) as update:
        update("[bold]x[/bold] [/]", 1, 2)
    assert "[bold]x[/bold] [/]" in stream.getvalue()


def test_quiet_means_no_progress():
    with cli_common.progress(quiet=True) as update:
        assert update is None


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_knows_every_subcommand(capsys, shell):
    code, out, err = run(capsys, "completion", shell)
    if code == 2:
        assert "no completion for fish in the installed shtab" in err
        assert shell == "fish"
        return
    assert code == 0
    for name in SUBCOMMANDS:
        assert name in out


def test_bash_accepts_the_completion_script(capsys, tmp_path):
    _, out, _ = run(capsys, "completion", "bash")
    script = tmp_path / "alloy.bash"
    script.write_text(out, encoding="utf-8")
    done = subprocess.run(
        ["bash", "-c", f"source {script} && complete -p alloy"], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    assert "alloy" in done.stdout


def test_score_sentence_for_a_partial_file():
    from verifier.cli_score import sentence
    from verifier.runners.model import ScoreResult, TaskResult

    tasks = {f"T/{i}": TaskResult(official="pass", isolated="pass", confirmed=i > 0) for i in range(4)}
    whole = ScoreResult(benchmark="humaneval", judge={}, tasks=tasks, total=4)
    part = ScoreResult(benchmark="humaneval", judge={}, tasks=tasks, total=9, missing=("T/4",))
    assert sentence(whole) == "humaneval: 3 of 4 problems confirmed, pass@1 75.0"
    assert sentence(part) == (
        "humaneval: 3 of 4 answered problems confirmed; "
        "the file answers 4 of 9 problems, so there is no pass@1"
    )


def test_common_options_reach_the_library():
    args = SimpleNamespace(offline=True, jobs=3, unsafe_no_sandbox=True, catalog="reference")
    options = cli_common.check_options(args)
    assert (options.offline, options.jobs, options.unsafe_no_sandbox, options.catalog) == (
        True,
        3,
        True,
        "reference",
    )
