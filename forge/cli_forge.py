"""``alloy forge``: execute a recipe, or tell what executing it would take."""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from forge.cli_progress import progress
from verifier.cli_common import OK, Subparsers, add_command
from verifier.errors import UsageError
from verifier.report.text import clean

if TYPE_CHECKING:
    from forge.engine import ForgePlan, ForgeResult
    from forge.options import ForgeOptions
    from forge.stages.base import Progress

_DESCRIPTION = """\
Execute a recipe: take the base model that an alloy names through the alloy's stages. The result is a folder
with the weights, the executed alloy (hashes, selections, environment), its side files and forge-report.json.

An interrupted run is gone on with by the same command and --resume; it ends with the same bytes.

exit codes: 4 something broke, 2 bad usage, unreadable input or a stage that failed, 0 the result is there"""


def add_parsers(subparsers: "Subparsers[argparse.ArgumentParser]") -> None:
    """Add ``forge`` to the command line."""
    parser = add_command(
        subparsers,
        "forge",
        run_forge,
        description=_DESCRIPTION,
        examples=(
            "alloy forge recipe.alloy.json --plan                    what it would take",
            "alloy forge recipe.alloy.json --out result",
            "alloy forge recipe.alloy.json --out result --resume     go on after an interruption",
            "alloy forge recipe.alloy.json --out result --base ./Qwen3-0.6B --offline",
            "alloy forge published/ --out again --replay             the published selection, not a new one",
            "SOURCE_DATE_EPOCH=0 alloy forge recipe.alloy.json --out result   the same alloy, byte for byte",
        ),
    )
    parser.add_argument("recipe", type=Path, metavar="RECIPE", help="an alloy file, or a folder with one")
    parser.add_argument("--out", type=Path, metavar="DIR", help="the result's folder; must not exist yet")
    parser.add_argument("--plan", action="store_true", help="say what would be done, and do nothing")
    parser.add_argument("--resume", action="store_true", help="go on with an interrupted run in DIR")
    parser.add_argument("--base", type=Path, metavar="FOLDER", help="the base model's folder")
    parser.add_argument("--device", default="cpu", metavar="NAME", help="cpu, cuda, cuda:1 … (default: cpu)")
    parser.add_argument(
        "--seed", type=_seed, default=0, metavar="N", help="of every random choice (default: 0)"
    )
    parser.add_argument("--replay", action="store_true", help="use recorded selections; profile nothing anew")
    parser.add_argument("--offline", action="store_true", help="never ask the Hub")
    parser.add_argument("--upload", action="store_true", help="let a publish stage upload (needs a token)")
    parser.add_argument(
        "--portable",
        action="store_true",
        help="tell nothing of this machine in an alloy that no machine decides",
    )
    check = parser.add_mutually_exclusive_group()
    check.add_argument("--load-check", action="store_true", default=None, help="insist on load checks")
    check.add_argument("--no-load-check", action="store_false", dest="load_check", help="leave them out")
    parser.add_argument("--json", action="store_true", help="print the plan or the result as JSON")
    parser.add_argument("-q", "--quiet", action="store_true", help="no progress")


def run_forge(args: argparse.Namespace) -> int:
    """Run ``alloy forge`` and return its exit code.

    Raises:
        AlloyError: see :func:`forge.engine.forge`.
    """
    from forge import engine

    if args.plan:
        plan = engine.plan(args.recipe, _options(args))
        print(_plan_json(plan) if args.json else plan_text(plan))
        return OK
    if args.out is None:
        raise UsageError(
            "--out: expected a folder for the result; found none", remedy="add --out DIR, or --plan"
        )
    with progress(args.quiet) as on_progress:
        result = engine.forge(args.recipe, args.out, options=_options(args, on_progress))
    print(_result_json(result) if args.json else result_text(result))
    return OK


def _options(args: argparse.Namespace, on_progress: "Progress | None" = None) -> "ForgeOptions":
    from forge.options import ForgeOptions
    from forge.stages.base import silent

    return ForgeOptions(
        device=checked_device(args.device),
        resume=args.resume,
        replay=args.replay,
        base=args.base,
        offline=args.offline,
        seed=args.seed,
        upload=args.upload,
        load_check=args.load_check,
        portable=args.portable,
        on_progress=on_progress or silent,
    )


def result_text(result: "ForgeResult") -> str:
    """The result in a few lines."""
    size = sum(int(f["size"]) for f in result.files)
    lines = [
        f"{clean(result.out)}: {len(result.files)} weights file(s), {amount(size)}, {result.model_hash}",
        f"executed alloy: {clean(result.alloy)} (determinism: {result.determinism.value})",
    ]
    for stage in result.stages:
        check = stage["loadCheck"]
        said = "passed" if isinstance(check, dict) else check
        told = f", load check {said}" if said else ""
        lines.append(
            f"  {stage['index']} {clean(stage['type'])}: {stage['method']}, {stage['seconds']} s{clean(told)}"
        )
    return "\n".join(lines)


def plan_text(plan: "ForgePlan") -> str:
    """The plan as a table in plain text."""
    lines = [
        f"{clean(plan.name)}: {clean(plan.base)}",
        f"base model: {amount(plan.base_bytes)} ({plan.base_how})",
        "",
        f"{'stage':<34} {'reads':>9} {'writes':>9} {'memory':>9} {'time':>9}  bytes",
    ]
    for stage in plan.stages:
        name = clean(f"{stage.index} {stage.stage_type}: {stage.method}", 34)
        lines.append(
            f"{name:<34} {amount(stage.reads):>9} {amount(stage.writes):>9} {amount(stage.memory):>9} "
            f"{duration(stage.seconds):>9}  {stage.determinism or '-'}"
        )
        if stage.reads or stage.writes or stage.memory:
            lines.append(f"    {stage.how}")
    lines += [
        "",
        f"in all: reads {amount(plan.reads)}, writes {amount(plan.writes)}; "
        f"disk at its peak {amount(plan.disk)}; "
        f"memory {amount(plan.memory)} of {amount(plan.free_memory)} free",
        f"replayed, the same bytes: {_SCOPE[plan.determinism.value]}",
    ]
    return "\n".join(lines + [f"note: {clean(note, 500)}" for note in plan.notes])


_SCOPE = {"bytes": "on every machine", "device": "under the recorded environment alone"}


def amount(count: int | None) -> str:
    """Bytes for people; ``unknown`` for None."""
    if count is None:
        return "unknown"
    value, units = float(count), iter(("B", "kB", "MB", "GB", "TB"))
    unit = next(units)
    while value >= 1000 and unit != "TB":
        value, unit = value / 1000, next(units)
    return f"{count} B" if unit == "B" else f"{value:.1f} {unit}"


def duration(seconds: float | None) -> str:
    """Seconds for people; ``unknown`` for None."""
    if seconds is None:
        return "unknown"
    if seconds < 1:
        return "< 1 s" if seconds else "-"
    if seconds < 120:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 7200 else f"{seconds / 3600:.0f} h"


def _plan_json(plan: "ForgePlan") -> str:
    import json

    from forge.planning import as_json

    return json.dumps(as_json(plan), indent=1)


def _result_json(result: "ForgeResult") -> str:
    import json

    return json.dumps(
        {
            "out": str(result.out),
            "alloy": str(result.alloy),
            "report": str(result.report),
            "modelHash": result.model_hash,
            "fileHashes": list(result.files),
            "determinism": result.determinism.value,
        },
        indent=1,
    )


def _seed(text: str) -> int:
    try:
        seed = int(text)
    except ValueError:
        seed = -1
    if not 0 <= seed < 2**32:
        raise argparse.ArgumentTypeError(f"expected a number from 0 to 2^32 - 1, found {clean(text, 40)!r}")
    return seed


def checked_device(name: str) -> str:
    """A device name that torch would understand, refused here if it is not there.

    Raises:
        UsageError: malformed, or not on this machine.
    """
    kind, _, index = name.partition(":")
    if kind not in ("cpu", "cuda", "mps") or (index and not index.isdigit()) or (kind == "cpu" and index):
        raise UsageError(f"--device: expected cpu, cuda, cuda:N or mps; found {clean(name, 40)!r}")
    if kind != "cpu" and not _has(kind, int(index or 0)):
        raise UsageError(
            f"--device: expected a device of this machine; found no {clean(name, 40)}",
            remedy="use --device cpu, or install torch with support for the device",
        )
    return name


def _has(kind: str, index: int) -> bool:
    try:
        import torch
    except ImportError:
        return False
    if kind == "mps":
        return bool(torch.backends.mps.is_available())
    return index < torch.cuda.device_count()
