"""What identifies lmms-eval's audio tasks as a judge, found without importing them."""

import functools
import platform
from pathlib import Path

from verifier.runners import installed
from verifier.verdicts import JSON

PACKAGE = "lmms-eval"
VERSION = "0.7.3"
# Its own requirements are gigabytes (torch, models, video); scoring transcripts needs none of them.
INSTALL = f"pip install 'alloy-verifier[audio]' && pip install --no-deps {PACKAGE}=={VERSION}"
NEEDED = ("editdistance", "jiwer", "more-itertools", "regex", "sacrebleu")
_SOURCES = {
    "librispeech": ("tasks/asr_wer_utils.py", "tasks/librispeech"),
    "covost2": ("tasks/covost2", "tasks/librispeech/cn_tn.py", "tasks/gigaspeech/whisper_normalizer"),
}


def missing() -> str | None:
    """What this installation lacks for judging; None if nothing."""
    return installed.missing({PACKAGE: VERSION, **dict.fromkeys(NEEDED)}, INSTALL)


@functools.cache
def sources_digest(family: str) -> str:
    """sha256 over the harness's files that score a family of tasks."""
    root = installed.folder("lmms_eval")
    files = sorted(file for part in _SOURCES[family] for file in _files(root / part))
    return installed.sources_digest(installed.named(root, files))


def _files(path: Path) -> list[Path]:
    if path.is_file():
        return [path]
    return [file for file in path.rglob("*") if file.is_file() and file.suffix != ".pyc"]


def judge(family: str) -> dict[str, JSON]:
    """Identify the judge: harness, its scoring code, and the packages that can change a number."""
    return {
        "name": PACKAGE,
        "package": PACKAGE,
        "version": installed.version(PACKAGE),
        "sources": sources_digest(family),
        "packages": installed.versions(NEEDED),
        "python": platform.python_version(),
    }
