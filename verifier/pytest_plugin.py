"""pytest as a front end: one test item per claim of every catalog entry.

A test function that is marked ``tier1`` to ``tier4`` and takes the fixture ``alloy_claim``
becomes one item for each claim of that tier; the item's id is the claim's id. Claims come from the lock
entries alone, so that collection needs no evidence and no network.

VERIFIED passes, REFUTED and ERROR fail, UNVERIFIABLE is an xfail that names what to mend, NOT_CHECKED a
skip that says what would be needed. Some published cards are truly refuted: a REFUTED that equals the
reviewed expectation of its entry is reported as an xfail too, and both an unexpected REFUTED and an
expected one that no longer holds fail. With ``--no-expected`` the raw verdicts decide.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, assert_never

import pytest

from verifier.errors import AlloyError, EvidenceMissingError
from verifier.report import expected as reviewed
from verifier.report.expected import same
from verifier.report.text import clean, value
from verifier.verdicts import JSON, Outcome, Verdict

if TYPE_CHECKING:
    from _pytest.mark.structures import ParameterSet

    from verifier.catalog import Catalog, LockEntry
    from verifier.claims.model import Claim
    from verifier.report.model import ArtifactReport

TIERS = (1, 2, 3, 4)
_FIXTURE = "alloy_claim"


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One claim of one catalog entry: what a test item is about."""

    entry: "LockEntry"
    claim: "Claim"


@dataclass(slots=True, kw_only=True)
class Session:
    """What one pytest process knows: the catalog, and what was found so far.

    Attributes:
        config: pytest's configuration.
        cases: artifact name -> tier -> ids of the claims that this run selected.
        reports: (artifact, tier) -> what was found, or the error that kept it from being found.
        expected: artifact name -> claim id -> reviewed expectation.
        unreachable: why the Hub cannot be reached; None if it can, or nobody asked yet.
    """

    config: pytest.Config
    cases: dict[str, dict[int, set[str]]] = field(default_factory=dict)
    reports: "dict[tuple[str, int], ArtifactReport | AlloyError]" = field(default_factory=dict)
    expected: dict[str, Mapping[str, Mapping[str, JSON]]] = field(default_factory=dict)
    unreachable: str | None = None
    _probed: bool = False

    def catalog(self) -> "Catalog":
        """Return the catalog that belongs to this run."""
        from verifier.catalog import Catalog

        return Catalog.find(Path(self.config.rootpath))

    def entries(self) -> "list[LockEntry]":
        """Return the entries that ``--catalog`` and ``--artifact`` leave.

        Raises:
            UsageError: an artifact that is not in the catalog.
            DocumentError: a malformed lock entry.
        """
        catalog = self.catalog()
        wanted: list[str] = self.config.getoption("alloy_artifact")
        which: str | None = self.config.getoption("alloy_catalog")
        if wanted:
            named = {name: catalog.get(name) for name in wanted}
            return [e for e in named.values() if which in (None, e.catalog)]
        return list(catalog.entries(which))

    def report(self, case: Case) -> "ArtifactReport | AlloyError":
        """Return what was found about the claims of the case's artifact and tier, computed once."""
        key = (case.entry.name, int(case.claim.tier))
        if key not in self.reports:
            self.reports[key] = self._verify(case)
        return self.reports[key]

    def offline(self, repo: str | None) -> bool:
        """Whether to leave the Hub alone: asked for, not needed, or out of reach (asked once a process)."""
        if repo is None or self.config.getoption("alloy_offline"):
            return True
        if not self._probed:
            from verifier.hub_probe import unreachable

            self.unreachable, self._probed = unreachable(repo), True
        return self.unreachable is not None

    def _verify(self, case: Case) -> "ArtifactReport | AlloyError":
        from verifier.engine import Options, resolve, verify_target

        name, tier = case.entry.name, int(case.claim.tier)
        # One job a worker: with -n the workers themselves are the parallelism.
        options = Options(offline=self.offline(case.entry.repo))
        if hasattr(self.config, "workerinput"):
            options = replace(options, jobs=1)
        try:
            (target,) = resolve([name], options)
            only = frozenset(self.cases.get(name, {}).get(tier, ()))
            return verify_target(target, (tier,), options, only or None)
        except AlloyError as error:
            return error

    def expectation(self, case: Case) -> Mapping[str, JSON] | None:
        """Return the reviewed expectation of a claim; None if there is none or it is not to be used."""
        if self.config.getoption("alloy_no_expected"):
            return None
        name = case.entry.name
        if name not in self.expected:
            self.expected[name] = reviewed.read(self.catalog().verdicts_path(case.entry))
        return self.expected[name].get(case.claim.id)


_SESSION = pytest.StashKey[Session]()


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the options of the alloy verifier."""
    group = parser.getgroup("alloy", "alloy verifier", after="general")
    group.addoption(
        "--catalog",
        dest="alloy_catalog",
        choices=("reference", "published"),
        help="verify claims of this catalog only",
    )
    group.addoption(
        "--artifact",
        dest="alloy_artifact",
        action="append",
        default=[],
        metavar="NAME",
        help="verify claims of this artifact only (repeatable)",
    )
    group.addoption(
        "--offline", dest="alloy_offline", action="store_true", help="never ask the Hub; use cache and mirror"
    )
    group.addoption(
        "--no-expected",
        "--judge",
        dest="alloy_no_expected",
        action="store_true",
        help="let every REFUTED claim fail. Without this option a REFUTED claim that equals the reviewed "
        "expectation of its catalog entry (catalog/*/verdicts/NAME.json) is an xfail, and a reviewed "
        "REFUTED that no longer holds fails.",
    )

    parser.addini(
        "together",
        "test files and folders whose items share costly fixtures; each goes to one worker of xdist",
        type="linelist",
    )


def pytest_configure(config: pytest.Config) -> None:
    """Register the markers and start an empty session."""
    for line in (
        "tier1: recipe dispatch and self-consistency (torch-free, no network)",
        "tier2: recipes executed again, and the results compared byte for byte",
        "tier3: bytes of weights and samples",
        "tier4: published samples scored again by the canonical judge",
        "network: may ask the Hub (deselect with -m 'not network')",
    ):
        config.addinivalue_line("markers", line)
    config.stash[_SESSION] = Session(config=config)
    if config.pluginmanager.hasplugin("xdist"):
        from verifier import pytest_workers

        config.pluginmanager.register(pytest_workers, "alloy-workers")


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Make one item per claim of the tier that the test function is marked with."""
    if _FIXTURE not in metafunc.fixturenames:
        return
    tiers = [t for t in TIERS if metafunc.definition.get_closest_marker(f"tier{t}")]
    if len(tiers) != 1:
        raise pytest.UsageError(
            f"{metafunc.definition.nodeid}: {_FIXTURE} needs exactly one marker of "
            f"{', '.join(f'tier{t}' for t in TIERS)}; found {tiers or 'none'}"
        )
    session = metafunc.config.stash[_SESSION]
    try:
        entries = session.entries()
    except AlloyError as error:
        raise pytest.UsageError(f"{clean(error, 1000)} {clean(error.remedy, 1000)}".strip()) from error
    offline = session.config.getoption("alloy_offline")
    cases = [Case(entry=e, claim=c) for e in entries for c in e.claims if int(c.tier) == tiers[0]]
    metafunc.parametrize(_FIXTURE, [_param(case, offline) for case in cases], indirect=True)


def _param(case: Case, offline: bool) -> "ParameterSet":
    asks = case.entry.repo is not None and not offline
    return pytest.param(case, id=case.claim.id, marks=[pytest.mark.network] if asks else [])


def pytest_collection_finish(session: pytest.Session) -> None:
    """Remember which claims this run wants, so that nothing else is computed."""
    cases = session.config.stash[_SESSION].cases
    for item in session.items:
        case = getattr(item, "callspec", None) and item.callspec.params.get(_FIXTURE)  # type: ignore[attr-defined]
        if isinstance(case, Case):
            cases.setdefault(case.entry.name, {}).setdefault(int(case.claim.tier), set()).add(case.claim.id)


@pytest.fixture
def alloy_claim(request: pytest.FixtureRequest) -> "ClaimItem":
    """The claim that the item is about; ``settle()`` checks it and gives the item its result."""
    return ClaimItem(case=request.param, session=request.config.stash[_SESSION], node=request.node)


@dataclass(frozen=True, slots=True, kw_only=True)
class ClaimItem:
    """What a test function gets: a claim that is still to be checked."""

    case: Case
    session: Session
    node: pytest.Item

    def settle(self) -> None:
        """Check the claim and turn the verdict into the item's result.

        Claim id, pointer, claimed and found values, verdict and reason become properties of the item and
        so of the JUnit file.
        """
        claim = self.case.claim
        outcome = outcome_of(claim, self.session.report(self.case))
        if outcome.verdict is Verdict.NOT_CHECKED and self.case.entry.repo and self.session.unreachable:
            outcome = replace(outcome, reason=f"{self.session.unreachable}; {outcome.reason}")
        self.node.user_properties += [
            ("claim_id", clean(claim.id)),
            ("pointer", clean(claim.pointer)),
            ("claimed", value(claim.expected)),
            ("found", value(outcome.found)),
            ("verdict", outcome.verdict.value),
            ("reason", clean(outcome.reason, 500)),
        ]
        decide(claim, outcome, self.session.expectation(self.case))


def outcome_of(claim: "Claim", report: "ArtifactReport | AlloyError") -> Outcome:
    """Return what a report says about a claim; what kept it from saying anything is an outcome too."""
    if isinstance(report, EvidenceMissingError):
        reason = " ".join(filter(None, (str(report), report.remedy)))
        return Outcome(verdict=Verdict.NOT_CHECKED, reason=reason)
    if isinstance(report, AlloyError):
        return Outcome(verdict=Verdict.ERROR, reason=" ".join(filter(None, (str(report), report.remedy))))
    for checked in report.checked:
        if checked.claim.id == claim.id:
            return checked.outcome
    return Outcome(
        verdict=Verdict.ERROR,
        reason="the lock entry lists this claim, but the alloy makes no such claim; update it: alloy pin",
    )


def decide(claim: "Claim", outcome: Outcome, expected: Mapping[str, JSON] | None) -> None:
    """End the running test according to the verdict.

    Args:
        claim: the claim.
        outcome: what was found.
        expected: the reviewed expectation, ``{"verdict", "found"}``; None if the raw verdict decides.
    """
    values = f"claimed {value(claim.expected)}, found {value(outcome.found)}"
    line = f"{values}, at {clean(claim.pointer or 'the document root')}: {clean(outcome.reason, 500)}"
    refuted_before = expected is not None and expected["verdict"] == Verdict.REFUTED.value
    match outcome.verdict:
        case Verdict.VERIFIED if refuted_before:
            pytest.fail(f"VERIFIED, but REFUTED is the reviewed expectation: {line}", pytrace=False)
        case Verdict.VERIFIED:
            return
        case Verdict.REFUTED if refuted_before and expected and same(outcome.found, expected["found"]):
            pytest.xfail(f"REFUTED as reviewed: {line}")
        case Verdict.REFUTED if refuted_before and expected:
            then = value(expected["found"])
            pytest.fail(f"REFUTED otherwise than reviewed (found {then} then): {line}", pytrace=False)
        case Verdict.REFUTED:
            pytest.fail(f"REFUTED: {line}", pytrace=False)
        case Verdict.UNVERIFIABLE:
            pytest.xfail(f"UNVERIFIABLE, to be mended by the publisher: {line}{remedies(outcome)}")
        case Verdict.NOT_CHECKED:
            pytest.skip(f"NOT_CHECKED: {clean(outcome.reason, 500)}{remedies(outcome)}")
        case Verdict.ERROR:
            pytest.fail(f"ERROR, the check itself broke: {line}", pytrace=False)
        case _:
            assert_never(outcome.verdict)


def remedies(outcome: Outcome) -> str:
    """Return what the findings of an outcome advise, to be appended to a reason."""
    advice = dict.fromkeys(clean(f.remedy, 300) for f in outcome.findings if f.remedy)
    return "".join(f" [{a}]" for a in advice)
