"""What identifies lmms-eval's audio tasks as a judge, found without importing them."""

import functools
import hashlib
import importlib.metadata
import importlib.util
import platform
from pathlib import Path

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
    for name in (PACKAGE, *NEEDED):
        try:
            found = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            return f"needs the package {name}: {INSTALL}"
        if name == PACKAGE and found != VERSION:
            return f"needs {PACKAGE} {VERSION}, found {found}: {INSTALL}"
    return None


@functools.cache
def sources_digest(family: str) -> str:
    """sha256 over the harness's files that score a family of tasks."""
    spec = importlib.util.find_spec("lmms_eval")
    assert spec is not None
    assert spec.submodule_search_locations
    root = Path(spec.submodule_search_locations[0])
    digest = hashlib.sha256()
    for file in sorted(file for part in _SOURCES[family] for file in _files(root / part)):
        digest.update(f"{file.relative_to(root).as_posix()}\n".encode())
        digest.update(hashlib.sha256(file.read_bytes()).digest())
    return digest.hexdigest()


def _files(path: Path) -> list[Path]:
    if path.is_file():
        return [path]
    return [file for file in path.rglob("*") if file.is_file() and file.suffix != ".pyc"]


def judge(family: str) -> dict[str, JSON]:
    """Identify the judge: harness, its scoring code, and the packages that can change a number."""
    return {
        "name": PACKAGE,
        "package": PACKAGE,
        "version": importlib.metadata.version(PACKAGE),
        "sources": sources_digest(family),
        "packages": {name: importlib.metadata.version(name) for name in NEEDED},
        "python": platform.python_version(),
    }
