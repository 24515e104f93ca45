"""Has swebench itself write the reports and the summary of a run; nothing of this project is used.

Run in the folder that holds ``logs/run_evaluation/run1/model`` with ``test_output.txt`` of each instance,
``dataset.jsonl`` and ``predictions.jsonl``.
"""

import importlib.util
import json
import sys
import types
from pathlib import Path
from unittest.mock import MagicMock


def main() -> None:
    # Its package imports Docker and Modal, which run containers; grading and reporting use neither.
    for name in ("docker", "swebench.image_builder", "swebench.image_builder.docker_utils"):
        sys.modules[name] = MagicMock()
    spec = importlib.util.find_spec("swebench")
    assert spec is not None
    assert spec.submodule_search_locations is not None
    shell = types.ModuleType("swebench.harness")
    shell.__path__ = [str(Path(spec.submodule_search_locations[0]) / "harness")]
    sys.modules["swebench.harness"] = shell
    from swebench.harness.grading import get_eval_report
    from swebench.harness.log_parsers import PARSER_REGISTRY
    from swebench.harness.log_parsers.python import MAP_REPO_TO_PARSER_PY
    from swebench.harness.reporting import make_run_report
    from swebench.types import TestSpec

    dataset = [json.loads(line) for line in Path("dataset.jsonl").read_text(encoding="utf-8").splitlines()]
    lines = Path("predictions.jsonl").read_text(encoding="utf-8").splitlines()
    predictions = {row["instance_id"]: row for row in map(json.loads, lines)}
    for row in dataset:
        folder = Path("logs/run_evaluation/run1/model") / row["instance_id"]
        log = folder / "test_output.txt"
        if not log.exists():
            continue
        parser = MAP_REPO_TO_PARSER_PY[row["repo"]]
        test_spec = TestSpec(
            instance_id=row["instance_id"],
            image="",
            eval_script_list=[],
            repo=row["repo"],
            version=row["version"],
            FAIL_TO_PASS=json.loads(row["FAIL_TO_PASS"]),
            PASS_TO_PASS=json.loads(row["PASS_TO_PASS"]),
            log_parser=next(name for name, one in PARSER_REGISTRY.items() if one is parser),
            eval_type="pass_and_fail",
        )
        report = get_eval_report(test_spec, predictions[row["instance_id"]], str(log), True)
        (folder / "report.json").write_text(json.dumps(report, indent=4), encoding="utf-8")
    make_run_report(predictions, dataset, "run1")


if __name__ == "__main__":
    main()
