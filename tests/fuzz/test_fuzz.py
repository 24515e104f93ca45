"""A short run of the fuzzer with fixed seeds, and Hypothesis on the small grammars."""

import json
from decimal import Decimal

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.fuzz import mutate
from tests.fuzz.targets import TARGETS, Workbench, case
from verifier.alloy.parse import parse, parse_json, serialise
from verifier.claims.extract import extract
from verifier.errors import AlloyError
from verifier.evidence.safetensors_header import parse_header
from verifier.gate_entry import read_lock
from verifier.report import expected

CASES = {
    "alloy": 150,
    "lock": 60,
    "snapshot": 100,
    "header": 60,
    "samples": 60,
    "folder": 25,
    "attested": 12,
    "reforge": 12,
    "log": 60,
}
QUICK = settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=30),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=12), inner, max_size=4),
    max_leaves=12,
)
FIELDS = ("source", "stages", "results", "type", "architecture", "benchmarks", "name", "score", "integrity")
ALLOYS = st.fixed_dictionaries(
    {"name": st.just("x"), "version": st.just("1")},
    optional={
        "source": st.dictionaries(st.sampled_from(("architecture", "baseModel", "isMoE", "numLayers")), JSON),
        "stages": st.lists(st.dictionaries(st.sampled_from(FIELDS), JSON, max_size=4), max_size=3),
        "results": st.dictionaries(st.sampled_from((*FIELDS, "fileHashes", "samplesPath")), JSON, max_size=4),
    },
)


@pytest.fixture(scope="module")
def bench(tmp_path_factory):
    return Workbench(scratch=tmp_path_factory.mktemp("fuzz"), tiers=(1, 3))


def test_every_target_has_its_cases():
    assert CASES.keys() == TARGETS.keys()


@pytest.mark.parametrize("target", TARGETS)
def test_fixed_seeds(bench, target):
    ends = {case(bench, target, f"suite-{n}") for n in range(CASES[target])}
    assert ends <= {"accepted", "refused"}
    assert "accepted" in ends


def test_an_unchanged_artifact_is_verified_so_that_a_changed_one_can_lose_it(bench):
    from verifier.engine import Options, verify
    from verifier.verdicts import Verdict

    for entry in bench.entries:
        folder = bench.artifact(entry.name).folder
        report = verify(folder, tiers=bench.tiers, options=Options(offline=True, jobs=1))
        (artifact,) = report.artifacts
        assert artifact.counts()[Verdict.VERIFIED] == len(artifact.checked) > 0


def refused(action):
    try:
        action()
    except AlloyError as error:
        assert str(error)
        return True
    return False


@QUICK
@given(st.binary(max_size=200) | JSON.map(lambda v: json.dumps(v).encode()))
def test_readers_of_documents_answer_or_refuse(data):
    refused(lambda: parse(data))
    refused(lambda: read_lock(data, "lock"))
    refused(lambda: expected.parse(data, "snapshot"))


@QUICK
@given(st.binary(max_size=300) | JSON.map(lambda v: json.dumps(v).encode()))
def test_headers_answer_or_refuse(data):
    refused(lambda: parse_header(data, len(data)))
    framed = len(data).to_bytes(8, "little") + data
    refused(lambda: parse_header(framed, len(framed)))


@QUICK
@given(ALLOYS)
def test_claims_of_odd_alloys_are_collected_or_refused(document):
    def collect():
        alloy = parse(json.dumps(document).encode())
        claims = extract(alloy, "odd")
        assert claims
        assert len({c.id for c in claims}) == len(claims)

    refused(collect)


@QUICK
@given(JSON)
def test_what_is_read_is_written_again_without_a_loss(value):
    data = json.dumps(value).encode()

    def trip():
        read = parse_json(data)
        assert parse_json(serialise(read).encode()) == read

    refused(trip)


@given(
    st.randoms(use_true_random=False),
    st.integers() | st.booleans() | st.decimals(-(10**20), 10**20, places=2),
)
def test_a_forged_value_is_another_one_of_the_same_type(rng, value):
    changed = mutate.other_value(rng, value)
    assert type(changed) is type(value)
    assert changed != value or (isinstance(value, Decimal) and abs(value) > 10**24)


def test_the_same_seed_gives_the_same_case():
    from random import Random

    document = {"a": [1, 2, {"b": "c"}], "d": Decimal("1.50")}
    once, again = (mutate.encode(mutate.document(Random("s"), document)) for _ in range(2))
    assert once == again
