"""The command line ``alloy``: a thin front over the library.

Exit codes, the first that applies: 4 a check itself broke; 2 bad usage or unreadable input; 1 something
is refuted; 3 with ``--strict``, something could not be checked; 0 nothing is refuted.

A subcommand's module is imported only when it is chosen, so that help stays fast; this module may
therefore import nothing heavy.
"""

import argparse
import os
import sys
from collections.abc import Sequence
from importlib import import_module
from typing import NamedTuple

from verifier.errors import AlloyError, JudgeError, SandboxError

BROKE, INTERRUPTED = 4, 130

_DESCRIPTION = "Tells whether a published language model is what its card says, claim by claim."

_EPILOG = """\
examples:
  alloy verify                                verify the whole catalog
  alloy verify --catalog reference --offline  verify the embedded catalog without a network
  alloy verify some/folder --tier 1,3         recipe and bytes of an artifact on disk
  alloy forge recipe.alloy.json --out result  execute a recipe
  alloy explain CLAIM-ID                      what is claimed, what decides it, what was found
  alloy doctor                                what works on this machine

exit codes (the first that applies):
  4  a check itself broke
  2  bad usage or unreadable input
  1  something is refuted
  3  with --strict: something could not be checked
  0  nothing is refuted

Bash completion:  eval "$(alloy completion bash)"
"""


class Command(NamedTuple):
    """One subcommand: its name, the module that adds its parser, and its line in the help."""

    name: str
    module: str
    help: str


COMMANDS = (
    Command(
        "verify", "verifier.cli_verify", "verify artifacts: catalog names, folders, alloy files, Hub ids"
    ),
    Command("explain", "verifier.cli_explain", "tell what one claim says, what decides it, what was found"),
    Command("score", "verifier.cli_score", "score published samples again, offline"),
    Command("evaluate", "forge.cli_evaluate", "run a model on a benchmark, and score its answers"),
    Command("calibrate", "verifier.cli_calibrate", "hold a card's base model against its published score"),
    Command("hash", "verifier.cli_evidence", "hash the weights of a folder or a Hub repository"),
    Command("diff", "forge.cli_diff", "tell what differs between two folders of weights, or two files"),
    Command("forge", "forge.cli_forge", "execute a recipe: make the model that an alloy describes"),
    Command("fetch", "verifier.cli_evidence", "bring pinned evidence into the cache"),
    Command("cache", "verifier.cli_evidence", "verify or prune the evidence cache"),
    Command("pin", "verifier.cli_catalog", "make or update the catalog entry of an artifact"),
    Command("catalog", "verifier.cli_catalog", "check that catalog entries agree with their evidence"),
    Command("gate", "verifier.cli_gate", "judge what a change does to the catalog (for pull requests)"),
    Command("doctor", "verifier.cli_tools", "show which sandbox layers and judges work here"),
    Command("schema", "verifier.cli_tools", "print the JSON Schema of the report"),
    Command("completion", "verifier.cli_tools", "print a completion script for your shell"),
)


def main(argv: Sequence[str] | None = None) -> int:
    """Run ``alloy`` and return its exit code.

    Args:
        argv: arguments after the program's name; None for those of the process.
    """
    arguments = list(sys.argv[1:] if argv is None else argv)
    debug = _take_debug(arguments)
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            # A terminal that lacks a character must not turn an answer into a crash.
            stream.reconfigure(errors="backslashreplace")
    try:
        code = _run(arguments)
        sys.stdout.flush()
    except SystemExit as stop:  # argparse: 0 after --help, 2 after bad usage
        code = stop.code if isinstance(stop.code, int) else 2
    except AlloyError as error:
        if debug:
            raise
        code = _complain(error)
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        code = INTERRUPTED
    except BrokenPipeError:
        code = _pipe_closed()
    except Exception as error:  # the last line of defence: no traceback for users
        if debug:
            raise
        code = _broke(error)
    return code


def parser(chosen: str | None = None, *, everything: bool = False) -> argparse.ArgumentParser:
    """Return the argument parser.

    Args:
        chosen: the subcommand that will run; the others are known by name only.
        everything: build all subcommands in full (for completion scripts and tests).
    """
    top = argparse.ArgumentParser(
        prog="alloy",
        description=_DESCRIPTION,
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    top.add_argument("--version", action=_Version)
    top.add_argument("--debug", action="store_true", help="show a traceback when something breaks")
    commands = top.add_subparsers(dest="command", metavar="COMMAND", required=True)
    loaded = dict.fromkeys(c.module for c in COMMANDS if everything or c.name == chosen)
    for command in COMMANDS:
        if command.module not in loaded:
            commands.add_parser(command.name, help=command.help)
    for module in loaded:
        import_module(module).add_parsers(commands)
    return top


class _Version(argparse.Action):
    """Print the version; looked up only then, as package metadata is slow to read."""

    def __init__(self, option_strings: Sequence[str], dest: str) -> None:
        super().__init__(option_strings, dest, nargs=0, help="show the version and exit")

    def __call__(self, parser: argparse.ArgumentParser, *_: object, **__: object) -> None:
        from importlib.metadata import PackageNotFoundError, version

        try:
            print(f"alloy {version('alloy-verifier')}")
        except PackageNotFoundError:
            print("alloy, version unknown: run from a checkout that is not installed")
        parser.exit(0)


def _run(arguments: list[str]) -> int:
    chosen = next((a for a in arguments if not a.startswith("-")), None)
    args = parser(chosen).parse_args(arguments)
    code: int = args.func(args)
    return code


def _take_debug(arguments: list[str]) -> bool:
    # Accepted before and after the subcommand, so that people can just append it to what broke.
    end = arguments.index("--") if "--" in arguments else len(arguments)
    if "--debug" not in arguments[:end]:
        return False
    arguments.remove("--debug")
    return True


def _complain(error: AlloyError) -> int:
    from verifier.report.text import clean

    print(f"error: {clean(error, 2000)}", file=sys.stderr)
    if error.remedy:
        print(f"  {clean(error.remedy, 2000)}", file=sys.stderr)
    return BROKE if isinstance(error, JudgeError | SandboxError) else 2


def _broke(error: Exception) -> int:
    from verifier.report.text import clean

    print(f"error: a check broke: {type(error).__name__}: {clean(error, 500)}", file=sys.stderr)
    print("  This is a bug in alloy; please report it with the output of --debug.", file=sys.stderr)
    return BROKE


def _pipe_closed() -> int:
    # The reader (head, less) has gone; nothing may be written when the interpreter flushes at exit.
    null = os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(null, sys.stdout.fileno())
    except (OSError, ValueError):
        sys.stdout = open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115, PTH123
    finally:
        os.close(null)
    return 128 + 13


if __name__ == "__main__":
    sys.exit(main())
