"""The harness's functions called directly, with nothing of this project; a list of pairs a line on stdin.

Writes the number of ``librispeech_wer``, ``covost2_bleu`` or ``covost2_bleu_en`` as its first argument says.
"""

import contextlib
import importlib.util
import json
import sys
import types
from pathlib import Path


def main(function: str) -> None:
    spec = importlib.util.find_spec("lmms_eval")
    assert spec is not None
    assert spec.submodule_search_locations is not None
    root = Path(spec.submodule_search_locations[0])
    # Its packages import models and data loaders; these functions use neither.
    for name, place in (("lmms_eval", root), ("lmms_eval.tasks", root / "tasks")):
        sys.modules[name] = types.ModuleType(name)
        sys.modules[name].__path__ = [str(place)]
    from lmms_eval.tasks.covost2 import utils as translation
    from lmms_eval.tasks.librispeech import utils as recognition

    call = getattr(recognition, function, None) or getattr(translation, function)
    numbers = []
    for line in sys.stdin:
        results = [{"gt": gt, "pred": pred, "task": "asr_en"} for gt, pred in json.loads(line)]
        with contextlib.redirect_stdout(sys.stderr):
            numbers.append(call(results, None))
    print(json.dumps(numbers))


if __name__ == "__main__":
    main(sys.argv[1])
