"""Made-up cards with AlloyBench samples, judged for real; each samples file is judged once a session."""

import copy
import dataclasses
import hashlib
import json

from forge.reference import runs
from forge.reference.bench.files import samples
from verifier.alloy.parse import parse
from verifier.claims.extract import extract
from verifier.engine import Options, decide, opened
from verifier.targets import Target

BASE, STUDENT, PRIOR = runs.DENSE_BASE, runs.DENSE_STUDENT, runs.DENSE_PRIOR
NAMES = ("alloybench", "alloybench_plus")
FILES = {run.path: run.data() for run in (BASE, STUDENT, PRIOR)}
_JUDGED = {}


def sha(data):
    return "sha256:" + hashlib.sha256(data).hexdigest()


def card(**changes):
    """A card of two benchmarks, a prior baseline and an anchor that passes; ``changes`` go to dotted paths.

    Of 16 problems the base solves 15 (14 of the plus tests), the student 14 (12), the prior 10 (9).
    """
    results = [
        {
            "name": name,
            "score": STUDENT.score(name),
            "baseScore": BASE.score(name),
            "delta": STUDENT.score(name) - BASE.score(name),
            "samplesPath": STUDENT.path,
            "baseSamplesPath": BASE.path,
            "resultHash": sha(STUDENT.data()),
            "baseResultHash": sha(BASE.data()),
        }
        for name in NAMES
    ]
    evaluation = {
        "anchorBaseModel": "a/base",
        "anchorReproduction": {"alloybench": BASE.score("alloybench")},
        "results": {"alloybench": PRIOR.score("alloybench"), "deltaVsAnchorAlloybench": -31.25},
        "samplesPath": PRIOR.path,
        "samplesHash": sha(PRIOR.data()),
    }
    anchor = {"model": "a/base", "publishedScore": 92.0, "measuredScore": 93.75, "delta": 1.75}
    document = {
        "name": "tiny",
        "source": {"baseModel": "a/base", "architecture": "llama"},
        "stages": [
            {
                "type": "eval",
                "benchmarks": [{"name": name} for name in NAMES],
                "calibrationAnchor": anchor | {"tolerance": 3.0, "passed": True},
            }
        ],
        "results": {"benchmarks": results},
        "priorMetricBaselines": [{"id": "old", "evaluation": evaluation}],
    }
    return changed(document, **changes)


def changed(document, **changes):
    """A copy with values set at paths such as ``results__benchmarks__0__delta``; ... takes one away."""
    document = copy.deepcopy(document)
    for path, value in changes.items():
        where = document
        *parents, last = [int(p) if p.isdigit() else p for p in path.split("__")]
        for parent in parents:
            where = where[parent]
        if value is ...:
            del where[last]
        else:
            where[last] = value
    return document


def write(folder, document, files=FILES):
    """Lay the artifact out in a folder."""
    for path, data in files.items():
        target = folder / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(data)
    alloy = folder / "tiny.alloy.json"
    alloy.write_text(json.dumps(document), encoding="utf-8")
    return Target(name="tiny", path=alloy)


def outcomes(folder, document, files=FILES, *, only=None):
    """Claim id without the artifact's name -> outcome, of tier 4 and of nothing that was asked before."""
    with opened(write(folder, document, files), Options(offline=True, jobs=2)) as context:
        judge = context.score

        def score(benchmark, path):
            data = path.read_bytes() if path.is_file() else None
            key = (benchmark, hashlib.sha256(data).hexdigest() if data is not None else str(path))
            if key not in _JUDGED:
                _JUDGED[key] = judge(benchmark, path)
            return _JUDGED[key]

        context = dataclasses.replace(context, score=score)
        claims = extract(context.alloy, "tiny")
        return {
            c.id.removeprefix("tiny-"): decide(c, context)
            for c in claims
            if c.tier == 4 and (only is None or c.id == f"tiny-{only}")
        }


def claims(document):
    """Claim id without the artifact's name -> claim."""
    found = extract(parse(json.dumps(document).encode()), "tiny")
    return {c.id.removeprefix("tiny-"): c for c in found}


def faulty(run, faults):
    """Samples of a run with other faults."""
    return samples({**run.faults, **faults})


def partial(run):
    """Samples of a run without the last problem."""
    return b"\n".join(run.data().splitlines()[:-1]) + b"\n"
