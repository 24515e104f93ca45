"""What a recipe lacks to be redone: the first missing thing, by name and place."""

import pytest

from tests.unit.tiers.test_checks import document, outcomes
from verifier.tiers.redo import first_gap
from verifier.verdicts import Severity, Verdict

SHA = "ab" * 32
PRUNE = {"type": "prune", "strategy": "magnitude", "level": 0.3}
RECORDED = {**PRUNE, "selectionFile": "s.json", "selectionSha256": SHA}
TRAIN = {"type": "train", "dataset": "code.jsonl", "datasetSha256": SHA, "steps": 1}
PROFILE = {"type": "expert-activation-profile", "calibrationCorpus": "code"}
EXPERTS = {"type": "expert-prune", "keepExpertsPerLayer": 2}
QUANT = {"type": "quant", "format": "gguf", "quantTypes": ["Q8_0"]}
EVAL = {"type": "eval", "benchmarks": [{"name": "humaneval"}]}
CODE = {"code": {"runner": "trainer", "version": "1.2.3"}}
OURS = {"code": {"runner": "alloy forge", "version": "0.1.0"}}


def gap(*stages, integrity=None, **more):
    return first_gap({"stages": list(stages), "results": {"integrity": integrity or {}}, **more})


@pytest.mark.parametrize(
    ("stages", "integrity", "code", "pointer"),
    [
        pytest.param([PRUNE], None, "selection-not-published", "/stages/0/selectionFile", id="selection"),
        pytest.param([RECORDED], None, None, None, id="recorded selection"),
        pytest.param([PRUNE], OURS, None, None, id="our own program chose"),
        pytest.param([{**PRUNE, "implementation": "forge.x"}], None, None, None, id="named as ours"),
        pytest.param(
            [{**PRUNE, "implementation": "scripts/forge.py"}],
            None,
            "selection-not-published",
            "/stages/0/selectionFile",
            id="named like ours",
        ),
        pytest.param([TRAIN], None, "program-not-named", "/stages/0/implementation", id="program"),
        pytest.param([TRAIN], CODE, None, None, id="program named"),
        pytest.param(
            [{**TRAIN, "datasetSha256": None}], CODE, "data-without-digest", "/stages/0/dataset", id="data"
        ),
        pytest.param(
            [{**TRAIN, "datasetSha256": "sha256:not-pinned-legacy"}],
            CODE,
            "data-without-digest",
            "/stages/0/dataset",
            id="digest that is none",
        ),
        pytest.param(
            [{**TRAIN, "datasetSha256": None}],
            {**CODE, "datasets": [{"name": "code.jsonl", "hash": SHA}]},
            None,
            None,
            id="digest in the list of data sets",
        ),
        pytest.param([{"type": "lora"}], CODE, "data-not-named", "/stages/0", id="no data at all"),
        pytest.param(
            [PROFILE, EXPERTS], None, "data-without-digest", "/stages/0/calibrationCorpus", id="corpus"
        ),
        pytest.param(
            [PROFILE, {**EXPERTS, "selectionFile": "s.json"}], None, None, None, id="corpus is of no matter"
        ),
        pytest.param([RECORDED, QUANT], None, "tool-without-version", "/stages/1/toolVersion", id="tool"),
        pytest.param([{**QUANT, "toolVersion": "b4000"}], None, None, None, id="tool with version"),
        pytest.param([RECORDED, EVAL, TRAIN, PRUNE], None, "program-not-named", None, id="the first one"),
    ],
)
def test_the_first_missing_thing_is_named(stages, integrity, code, pointer):
    found = gap(*stages, integrity=integrity)
    assert (found and found.code) == code
    if pointer:
        assert found.pointer == pointer


@pytest.mark.parametrize(("cycles", "code"), [(None, None), (1, None), (3, "cycles-not-written-out")])
def test_repeated_stages_must_be_written_out(cycles, code):
    found = gap(RECORDED, cycles=cycles)
    assert (found and found.code) == code


@pytest.mark.parametrize(
    "odd", [{"datasets": "x"}, {"datasets": [3, None]}, {"code": []}, {"code": {"runner": 3}}]
)
def test_odd_documents_do_not_break_it(odd):
    assert gap({**TRAIN, "datasetSha256": None}, integrity=odd).code == "data-without-digest"
    assert gap({"type": 7}, integrity=odd) is None


def test_a_gap_is_unverifiable_and_says_what_the_base_would_take(tmp_path):
    hashes = {"fileHashes": [{"filename": "m.gguf", "sha256": SHA, "size": 5 * 10**9}], "modelHash": SHA}
    doc = {**document(integrity=hashes), "stages": [PRUNE]}
    outcome = outcomes(doc, tmp_path)["reforge"]
    missing, needed = outcome.findings
    assert outcome.verdict is Verdict.UNVERIFIABLE
    assert "which parts stage 0 (prune) removed is not published" in outcome.reason
    assert (missing.code, missing.pointer) == ("selection-not-published", "/stages/0/selectionFile")
    assert (needed.code, needed.severity) == ("base-needed", Severity.NOTE)
    assert "hf download a/b" in needed.message
    assert "at least the 5.0 GB of the attested weights" in needed.message


def test_a_card_without_hashes_is_unverifiable(tmp_path):
    for doc in (document(), document(integrity={"modelHash": SHA}), document(integrity={"fileHashes": []})):
        outcome = outcomes(doc, tmp_path)["reforge"]
        assert outcome.verdict is Verdict.UNVERIFIABLE
        assert outcome.findings[0].code == "no-weight-hashes"
