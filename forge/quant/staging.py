"""A view of a model folder that holds data alone: no code, no pickles, no links, no remarks."""

import json
from pathlib import Path

from verifier.errors import DocumentError, UsageError

DATA = (".json", ".safetensors", ".txt", ".model", ".jinja")
"""Suffixes of the files that converters read. Python files and pickled weights stay out."""

MAX_JSON = 64 << 20
"""Bytes of a JSON file that is read here (not of weights)."""

_WITH_CODE = ("config.json", "tokenizer_config.json", "processor_config.json", "preprocessor_config.json")


def stage(model: Path, folder: Path) -> Path:
    """Link the data files of ``model`` into the new folder ``folder`` and give it back.

    Converters load tokenizers with ``trust_remote_code``; ``auto_map``, which names the code to run, is
    left out of the configuration files, so that there is none. Model cards stay out because converters
    copy their prose into the result.

    Raises:
        UsageError: there is no ``config.json``.
        DocumentError: a configuration file is not a JSON object, or too large.
    """
    folder.mkdir(parents=True)
    for source in sorted(model.iterdir()):
        if source.suffix.lower() not in DATA or source.is_symlink() or not source.is_file():
            continue
        target = folder / source.name
        if source.name in _WITH_CODE:
            target.write_text(json.dumps(_without_code(source)), encoding="utf-8")
        else:
            target.symlink_to(source.resolve())
    if not (folder / "config.json").is_file():
        raise UsageError(f"{model}: expected config.json; found none", remedy="give a complete model folder")
    return folder


def _without_code(path: Path) -> dict[str, object]:
    if path.stat().st_size > MAX_JSON:
        raise DocumentError(f"{path.name}: expected at most {MAX_JSON} bytes; found {path.stat().st_size}")
    try:
        loaded = json.loads(path.read_bytes())
    except (ValueError, RecursionError) as error:
        raise DocumentError(f"{path.name}: expected JSON; found {error}") from error
    if not isinstance(loaded, dict):
        raise DocumentError(f"{path.name}: expected an object; found {type(loaded).__name__}")
    return {key: value for key, value in loaded.items() if key != "auto_map"}
