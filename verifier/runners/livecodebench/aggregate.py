"""The harness's own counting, called in the judges' child process: nothing of it is imported elsewhere."""

import inspect
from collections.abc import Callable, Mapping, Sequence
from typing import Any

Row = tuple[str, float, float | None]


def run(request: Mapping[str, Any], on_progress: Callable[[int], None]) -> dict[str, list[Row]]:
    """Count grades.

    Args:
        request: ``grades``: by a name of the caller's, for each problem in the harness's order (by question
            id) whether each program passes.
        on_progress: told how many lists of grades are counted.

    Returns:
        Rows (name, value, standard error or None) by the caller's name.
    """
    found = {}
    for done, (name, grades) in enumerate(request["grades"].items()):
        found[name] = count(grades)
        on_progress(done + 1)
    return found


def count(grades: Sequence[Sequence[bool]]) -> list[Row]:
    """Aggregate as ``codegen_metrics`` does after its programs have run.

    Its standard error divides by the number of problems less one: for a single problem there is none.
    """
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
