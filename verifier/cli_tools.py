"""``alloy doctor``, ``alloy schema`` and ``alloy completion``."""

import argparse
import sys

from verifier.cli_common import NOT_CHECKED, OK, Subparsers, add_command
from verifier.errors import UsageError
from verifier.report.text import clean

_SHELLS = ("bash", "zsh", "fish")


def add_parsers(subparsers: "Subparsers[argparse.ArgumentParser]") -> None:
    """Add ``doctor``, ``schema`` and ``completion`` to the command line."""
    add_command(
        subparsers,
        "doctor",
        run_doctor,
        description=(
            "Show which sandbox layers and judges work here. Exit code 3 if too few layers work to run\n"
            "sample code, else 0."
        ),
        examples=("alloy doctor",),
    )
    add_command(
        subparsers,
        "schema",
        run_schema,
        description="Print the JSON Schema of the report that verify --json writes.",
        examples=("alloy schema > alloy-report.schema.json",),
    )
    completion = add_command(
        subparsers,
        "completion",
        run_completion,
        description="Print a completion script.",
        examples=(
            'eval "$(alloy completion bash)"',
            "alloy completion zsh > ~/.zfunc/_alloy",
            "alloy completion fish > ~/.config/fish/completions/alloy.fish",
        ),
    )
    completion.add_argument("shell", choices=_SHELLS, help="which shell")


def run_doctor(args: argparse.Namespace) -> int:
    """Run ``alloy doctor``: 0 if sample code can be run here, else 3."""
    from verifier.runners import registry
    from verifier.sandbox.doctor import layers, sufficient

    print("sandbox layers")
    for layer in layers():
        print(f"  {'yes' if layer.available else 'no ':<4} {clean(layer.name)}: {clean(layer.detail)}")
    enough = sufficient()
    print(f"  {'enough' if enough else 'NOT enough'} to run sample code")
    print("benchmark runners")
    for name in registry.names():
        missing = registry.get(name).unavailable()
        print(f"  {'no ' if missing else 'yes':<4} {clean(name)}{': ' + clean(missing) if missing else ''}")
    _evidence()
    return OK if enough else NOT_CHECKED


def _evidence() -> None:
    import os

    from verifier.catalog import Catalog
    from verifier.evidence.locations import default_cache_dir

    print("evidence")
    print(f"  cache   {clean(default_cache_dir())}")
    print(f"  mirror  {clean(os.environ.get('ALLOY_MIRROR') or 'none (ALLOY_MIRROR is not set)')}")
    catalog = Catalog.find()
    for which in ("reference", "published"):
        print(f"  {which} catalog: {len(catalog.entries(which))} entries in {clean(catalog.root)}")


def run_schema(args: argparse.Namespace) -> int:
    """Run ``alloy schema``."""
    from verifier.report.json import schema

    sys.stdout.write(schema())
    return OK


def run_completion(args: argparse.Namespace) -> int:
    """Run ``alloy completion``.

    Raises:
        UsageError: the installed shtab does not know the shell.
    """
    import shtab

    from verifier.cli import parser

    if args.shell not in shtab.SUPPORTED_SHELLS:
        raise UsageError(
            f"no completion for {args.shell} in the installed shtab, which knows "
            f"{', '.join(shtab.SUPPORTED_SHELLS)}",
            remedy="Upgrade it: pip install -U shtab.",
        )
    print(shtab.complete(parser(everything=True), shell=args.shell))
    return OK
