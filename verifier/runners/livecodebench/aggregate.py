"""The harness's own counting, called in the judges' child process: nothing of it is imported elsewhere."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

MAX_OUTPUT = 1 << 20
"""Longest output from which the program is extracted again, in characters."""
Row = tuple[str, float, float | None]


def run(request: Mapping[str, Any], on_progress: Callable[[int], None]) -> dict[str, Any]:
    """Count grades, and find programs that are not those of the model's outputs.

    Args:
        request: ``grades``: by a name of the caller's, for each problem in the harness's order (by question
            id) whether each program passes; ``samples``: the samples file.
        on_progress: told how many records are done.

    Returns:
        ``metrics``: rows (name, value, standard error or None) by the caller's name; ``foreign``: (record,
        program) numbers.
    """
    return {
        "metrics": {name: count(grades) for name, grades in request["grades"].items()},
        "foreign": _foreign(Path(request["samples"]), on_progress),
    }


def count(grades: Sequence[Sequence[bool]]) -> list[Row]:
    """Aggregate as ``codegen_metrics`` does after its programs have run.

    Its standard error divides by the number of problems less one: for a single problem there is none.
    """
    import inspect

    from livecodebench.evaluation.compute_code_generation_metrics import codegen_metrics
    from livecodebench.evaluation.metric import mean_stderr
    from livecodebench.evaluation.pass_k_utils import compute_metrics_from_results

    if not grades:
        return []
    results = {
        number: [[1] if grade else [-1] for grade in programs] for number, programs in enumerate(grades)
    }
    ks = inspect.signature(codegen_metrics).parameters["k_list"].default
    found = compute_metrics_from_results(results, k_list=ks)
    rows: list[Row] = []
    for name, by_problem in found["detail"].items():
        each = list(by_problem.values())
        rows.append((name, float(found[name]), float(mean_stderr(each)) if len(each) > 1 else None))
    return rows


def _foreign(path: Path, on_progress: Callable[[int], None]) -> list[tuple[int, int]]:
    from verifier.runners.livecodebench import samples

    found = []
    for number, record in enumerate(samples.load(path).records):
        for index, (program, output) in enumerate(zip(record.programs, record.outputs or (), strict=False)):
            if len(output) <= MAX_OUTPUT and not _is_of(program, output):
                found.append((number, index))
        on_progress(number + 1)
    return found


def _is_of(program: str, output: str) -> bool:
    """Whether one of the harness's ways of extracting a program gives this one from an output."""
    from livecodebench.lm_styles import LMStyle
    from livecodebench.utils.extraction_utils import extract_code

    if program == output:
        return True  # what the custom evaluator writes
    if program.strip() not in output:
        return False
    # The other styles share the last one's way. The first can take long on an odd output.
    styles = (LMStyle.OpenAIChat, LMStyle.GenericBase, LMStyle.CodeLLaMaInstruct, LMStyle.GenericOAIServer)
    return any(extract_code(output, style) == program for style in styles)
