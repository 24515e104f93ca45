"""Grading SWE-bench's logs with swebench's own parsers; what the judges' process does."""

import contextlib
import json
import signal
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import FrameType
from typing import Any

from verifier.runners.agents import swe_dataset
from verifier.runners.agents.files import Reader, UnreadableError
from verifier.runners.agents.swe_dataset import F2P, P2P, Instance
from verifier.runners.child import bare
from verifier.runners.model import remembered
from verifier.verdicts import JSON

MAX_LOG = 64 << 20
"""Bytes of a log. Some suites print a line per test case; the largest honest logs have a few megabytes."""
MAX_REPORT = 16 << 20
PARSE_SECONDS = 60.0
"""Processor time for one log: the parsers' patterns take long on text that nobody's tests print."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Graded:
    """What became of one instance.

    Attributes:
        resolved: None if the logs do not decide it.
        note: why not, or why it is unresolved.
        claimed: what its report.json says.
        marked: the logs are of swebench 5, whose grading the judge's is, or every version decides alike.
        lists: whether its lists of tests are the dataset's (else the publisher's).
        differing: field, logged, found.
        answer: digest and length of the patch; None if there is no patch.
        canonical: the patch is the dataset's own.
    """

    resolved: bool | None
    note: str = ""
    claimed: bool | None = None
    marked: bool = False
    lists: bool = False
    differing: tuple[tuple[str, JSON, JSON], ...] = ()
    answer: tuple[str, int] | None = None
    canonical: bool = False

    def as_json(self) -> dict[str, JSON]:
        """As values that JSON can hold."""
        names = ("resolved", "note", "claimed", "marked", "lists", "canonical")
        return {name: getattr(self, name) for name in names} | {
            "differing": [list(row) for row in self.differing],
            "answer": list(self.answer) if self.answer else None,
        }


def run(request: Mapping[str, Any], on_progress: Callable[[int], None]) -> dict[str, JSON]:
    """Grade.

    Args:
        request: ``root``; ``instances``, a list of ``id``, ``folder`` (None if there is none), ``predicted``
            (whether there is a prediction) and ``patch`` (the predicted one); ``dataset``, a path or None.
        on_progress: told how many instances are done.

    Returns:
        ``instances``: what became of each; ``known``: ids of the dataset, or None; ``digests``: by file read.

    Raises:
        DocumentError, UsageError: the dataset is malformed or cannot be read.
    """
    known = swe_dataset.load(Path(request["dataset"])) if request["dataset"] else None
    reader = Reader(Path(request["root"]))
    found: dict[str, JSON] = {}
    for done, wanted in enumerate(request["instances"], 1):
        row = None if known is None else known.get(wanted["id"])
        found[wanted["id"]] = _grade(wanted, row, reader).as_json()
        on_progress(done)
    return {"instances": found, "known": None if known is None else list(known), "digests": reader.digests}


def _grade(wanted: Mapping[str, Any], row: Instance | None, reader: Reader) -> Graded:
    if wanted["folder"] is None:
        if wanted["predicted"] and not wanted["patch"]:
            return Graded(resolved=False, note="the model gave no patch")
        reason = "no evaluation folder of it is published"
        return Graded(resolved=None, note=reason, answer=_answer(wanted["patch"]))
    files = _Files(wanted["id"], Path(wanted["folder"]), reader)
    graded = _decide(files, row)
    patch = files.patch if files.patch is not None else wanted["patch"]
    differing = [*graded.differing, *_of_report(files, row)]
    if wanted["predicted"] and files.patch is not None and files.patch != (wanted["patch"] or ""):
        differing.append(("model_patch", "the prediction", "patch.diff is another patch"))
    if files.claimed is not None and graded.resolved not in (None, files.claimed):
        differing.append(("resolved", files.claimed, graded.resolved))
    return replace(
        graded,
        claimed=files.claimed,
        marked=graded.marked or "infra_failure" in files.report,
        differing=tuple(differing),
        answer=_answer(patch),
        canonical=row is not None and bool(row.patch) and (patch or "").strip() == row.patch.strip(),
    )


@dataclass(slots=True)
class _Files:
    """An instance's folder, as far as it can be read."""

    name: str
    folder: Path
    reader: Reader
    report: dict[str, Any] = field(init=False)
    patch: str | None = field(init=False, default=None)
    bad: str = ""

    def __post_init__(self) -> None:
        self.report = self._report()
        with contextlib.suppress(UnreadableError):
            self.patch = self.reader.text(self.folder / "patch.diff", MAX_REPORT)

    def _report(self) -> dict[str, Any]:
        try:
            text = self.reader.text(self.folder / "report.json", MAX_REPORT)
            found = json.loads(text) if text else {}
        except UnreadableError as error:
            self.bad = str(error)
            return {}
        except (ValueError, RecursionError):
            self.bad = "report.json is no JSON"
            return {}
        mine = found.get(self.name) if isinstance(found, dict) else None
        if found and not isinstance(mine, dict):
            self.bad = f"report.json is not of {self.name}"
        return mine if isinstance(mine, dict) else {}

    @property
    def claimed(self) -> bool | None:
        """What the report says."""
        said = self.report.get("resolved")
        return said if isinstance(said, bool) else None

    def listed(self, which: str) -> tuple[str, ...] | None:
        """Tests of a list as the report names them, passed or failed; None if it names none."""
        status = self.report.get("tests_status")
        part = status.get(which) if isinstance(status, dict) else None
        if not isinstance(part, dict):
            return None
        tests = [test for key in ("success", "failure") for test in part.get(key) or ()]
        return tuple(tests) if all(isinstance(test, str) for test in tests) else None

    def instance(self) -> Instance | None:
        """Lists of tests by the publisher's word; None if the report holds none."""
        mend, keep = self.listed(F2P), self.listed(P2P)
        if not mend or keep is None:
            return None
        return Instance(repo="", fail_to_pass=mend, pass_to_pass=keep)


def _decide(files: _Files, row: Instance | None) -> Graded:
    """Resolved or not, by the log alone."""
    path = files.folder / "test_output.txt"
    try:
        log = files.reader.text(path, MAX_LOG)
        if log is None:
            return _without_log(files)
    except UnreadableError as error:
        return Graded(resolved=None, note=str(error))
    instance = row or files.instance()
    if instance is None:
        reason = (
            files.bad or "report.json names no tests that the patch had to mend, and no dataset was given"
        )
        return Graded(resolved=None, note=reason)
    return _by_harness(files, instance, path, log, lists=row is not None)


def _without_log(files: _Files) -> Graded:
    """An instance whose tests left no output: unresolved if its patch did not apply, else undecided."""
    from_harness = _harness().constants
    try:
        text = files.reader.text(files.folder / "run_instance.log", MAX_LOG) or ""
    except UnreadableError as error:
        return Graded(resolved=None, note=str(error))
    if from_harness.APPLY_PATCH_FAIL in text:
        # To every version of the harness that is unresolved.
        return Graded(resolved=False, note="the patch did not apply (run_instance.log)", marked=True)
    word = {True: "; report.json says resolved", False: "; report.json says unresolved", None: ""}[
        files.claimed
    ]
    return Graded(resolved=None, note=f"test_output.txt is not published{word}")


def _by_harness(files: _Files, instance: Instance, path: Path, log: str, *, lists: bool) -> Graded:
    harness = _harness()
    repo = instance.repo or files.name.rpartition("-")[0].replace("__", "/", 1)
    parser = instance.log_parser or harness.parser_of(repo)
    if parser not in harness.parsers:
        return Graded(resolved=None, note=f"swebench has no parser for logs of {repo}")
    spec = harness.spec(
        instance_id=files.name,
        image="",
        eval_script_list=[],
        repo=repo,
        version="",
        FAIL_TO_PASS=list(instance.fail_to_pass),
        PASS_TO_PASS=list(instance.pass_to_pass),
        log_parser=parser,
        eval_type=instance.eval_type,
    )
    prediction = {"instance_id": files.name, "model_patch": files.patch or ""}
    try:
        with _limited(PARSE_SECONDS):
            report = harness.grade(spec, prediction, str(path), True)[files.name]
    except _TooLongError:
        return Graded(resolved=None, note=f"the harness did not parse test_output.txt in {PARSE_SECONDS:g} s")
    except Exception as error:  # noqa: BLE001 (a stranger's log broke the parser: undecided, and said so)
        return Graded(resolved=None, note=f"the harness could not parse test_output.txt: {error!r}"[:300])
    return Graded(
        resolved=bool(report["resolved"]),
        note="" if report["resolved"] else _reason(report),
        marked=harness.constants.TEST_EXIT_CODE in log,
        lists=lists,
        differing=tuple(_of_tests(files, report)),
    )


def _reason(report: Mapping[str, Any]) -> str:
    if not report["patch_successfully_applied"]:
        return "the log holds no complete test run"
    failed = {which: len(report["tests_status"][which]["failure"]) for which in (F2P, P2P)}
    return f"{failed[F2P]} test(s) not mended, {failed[P2P]} broken"


def _of_tests(files: _Files, report: Mapping[str, Any]) -> Iterator[tuple[str, JSON, JSON]]:
    """Where the report's tests fared otherwise than the log says."""
    said, found = files.report.get("tests_status"), report.get("tests_status")
    if not isinstance(said, dict) or not isinstance(found, dict):
        return
    for which in (F2P, P2P):
        part = said.get(which)
        for key in ("success", "failure"):
            logged = part.get(key) if isinstance(part, dict) else None
            if not isinstance(logged, list) or sorted(map(str, logged)) != sorted(found[which][key]):
                number = len(logged) if isinstance(logged, list) else None
                yield f"tests_status.{which}.{key}", number, len(found[which][key])


def _of_report(files: _Files, row: Instance | None) -> Iterator[tuple[str, JSON, JSON]]:
    """Where the report cannot be of this instance."""
    if files.bad:
        yield "report.json", files.bad, "the instance's report"
    if row is None:
        return
    for which, right in ((F2P, row.fail_to_pass), (P2P, row.pass_to_pass)):
        listed = files.listed(which)
        if listed is not None and set(listed) - set(right):
            yield which, f"{len(set(listed) - set(right))} other test(s)", "the dataset's list"


def _answer(patch: str | None) -> tuple[str, int] | None:
    return remembered(patch) if patch and patch.strip() else None


class _TooLongError(BaseException):
    """No ``Exception``, so that a parser's own handlers do not swallow it."""


@contextlib.contextmanager
def _limited(seconds: float) -> Iterator[None]:
    """End the body after so much processor time; other work on the machine does not count."""

    def stop(number: int, frame: FrameType | None) -> None:
        raise _TooLongError

    before = signal.signal(signal.SIGPROF, stop)
    signal.setitimer(signal.ITIMER_PROF, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.signal(signal.SIGPROF, before)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Harness:
    """The parts of swebench that grade."""

    constants: Any
    grade: Any
    spec: Any
    parsers: Mapping[str, Any]
    by_repo: Mapping[str, Any]

    def parser_of(self, repo: str) -> str:
        """The registered name of a repository's parser; empty if there is none."""
        wanted = self.by_repo.get(repo)
        return next((name for name, parser in self.parsers.items() if parser is wanted), "")


def _harness() -> _Harness:
    bare.prepare("swebench", "swebench.harness")
    from swebench import types
    from swebench.harness import constants, grading
    from swebench.harness.log_parsers import python

    return _Harness(
        constants=constants,
        grade=grading.get_eval_report,
        spec=types.TestSpec,
        parsers=grading.PARSER_REGISTRY,
        by_repo=python.MAP_REPO_TO_PARSER_PY,
    )
