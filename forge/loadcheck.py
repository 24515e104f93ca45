"""The check after every stage that changes a model: stock transformers loads it, and one pass is finite.

No code of the model's own is run. Without torch, or without the memory that it takes, the check is recorded
as not run, with the reason.
"""

import importlib.util
import inspect
from collections.abc import Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from forge import memory
from forge.folders import is_weights
from verifier.errors import AlloyError
from verifier.verdicts import JSON

if TYPE_CHECKING:
    from collections.abc import Iterator

TOKENS = 8
"""Length of the sequence of the one forward pass."""

_AUTO = (
    *("AutoModelForCausalLM", "AutoModelForImageTextToText", "AutoModelForMultimodalLM"),
    *("AutoModelForTextToWaveform", "AutoModelForSeq2SeqLM", "AutoModel"),
)
_MAX_NAMED = 5
OVERHEAD = 1.3
"""Memory of a loaded model over the bytes of its weights: buffers, activations, a shard while it is read."""


class LoadCheckError(AlloyError):
    """A stage's result does not load, or computes what is not a number."""


def unavailable() -> str | None:
    """Why no load check can run here, or None."""
    for package in ("torch", "transformers"):
        if not _installed(package):
            return f"not run: {package} is not installed"
    return None


def _installed(package: str) -> bool:
    try:
        return importlib.util.find_spec(package) is not None
    except (ImportError, ValueError):
        return False


def too_large(model: Path, device: str) -> str | None:
    """Why this model cannot be loaded here, or None."""
    size = sum(p.stat().st_size for p in model.iterdir() if is_weights(p.name))
    free = memory.available(device)
    if free is not None and size * OVERHEAD > free:
        needed = size * OVERHEAD
        return f"not run: needs {needed / 1e9:.1f} GB of memory on {device}; {free / 1e9:.1f} GB are free"
    return None


def check(model: Path, *, device: str, reference: Path, what: str) -> dict[str, JSON]:
    """Load ``model`` and run one forward pass.

    Args:
        model: a complete model folder.
        device: where to.
        reference: the model before the stage: tensors that the loader passes over there (a draft head) may
            be passed over here, too.
        what: the stage, for messages.

    Returns:
        What was done, without anything that depends on time: class, dtype, versions, finite logits' shape.

    Raises:
        LoadCheckError: it does not load, tensors are missing or left over, or the logits are not finite.
    """
    import torch
    import transformers

    with _quiet():
        try:
            loaded, info = _load(model, device)
        except AlloyError:
            raise
        except Exception as error:  # anything may come out of a loader that is fed a wrong model
            raise _failed(
                what, "a model that transformers loads", f"{type(error).__name__}: {error}"
            ) from error
        _check_names(info, reference, what)
        try:
            logits = _forward(loaded)
        except Exception as error:
            raise _failed(what, "one forward pass", f"{type(error).__name__}: {error}") from error
    if not bool(torch.isfinite(logits).all()):
        bad = int((~torch.isfinite(logits)).sum())
        raise _failed(what, "finite logits", f"{bad} of {logits.numel()} that are not")
    return {
        "result": "passed",
        "class": type(loaded).__name__,
        "dtype": str(next(loaded.parameters()).dtype).removeprefix("torch."),
        "logits": list(logits.shape),
        "transformers": transformers.__version__,
        "torch": torch.__version__,
    }


def _load(model: Path, device: str) -> tuple[Any, Mapping[str, Any]]:
    import torch
    import transformers

    config = transformers.AutoConfig.from_pretrained(model, local_files_only=True, trust_remote_code=False)
    loaded, info = _class_of(config).from_pretrained(
        model,
        config=config,
        dtype="auto",
        local_files_only=True,
        trust_remote_code=False,
        use_safetensors=True,
        ignore_mismatched_sizes=True,  # they come back by name, and are refused below
        output_loading_info=True,
    )
    return loaded.to(torch.device(device)).eval(), info


def _class_of(config: Any) -> Any:
    """transformers' own class for the configuration's type: the one that it names, else the first.

    A class is only ever taken from the tables of the Auto classes, so no name in a file decides what is
    imported.
    """
    import transformers

    found: list[Any] = []
    for name in _AUTO:
        mapping = getattr(getattr(transformers, name, None), "_model_mapping", {})
        if type(config) in mapping:
            classes = mapping[type(config)]
            found += classes if isinstance(classes, tuple | list) else [classes]
    named = [cls for cls in found if cls.__name__ in (config.architectures or ())]
    return (named or found or [transformers.AutoModelForCausalLM])[0]


def _check_names(info: Mapping[str, Any], reference: Path, what: str) -> None:
    missing = sorted(map(str, info.get("missing_keys") or ()))
    if missing:
        raise _failed(what, "every tensor that the model needs", f"none for {_some(missing)}")
    wrong = sorted(str(item) for item in info.get("mismatched_keys") or ())
    if wrong:
        raise _failed(what, "the shapes that the configuration gives", f"others for {_some(wrong)}")
    left = sorted(map(str, info.get("unexpected_keys") or ()))
    if left:
        _, info = _load(reference, "cpu")
        left = sorted(set(left) - set(map(str, info.get("unexpected_keys") or ())))
    if left:
        raise _failed(what, "only tensors that the model uses", f"also {_some(left)}")


def _forward(loaded: Any) -> Any:
    import torch

    runner = _runner(loaded)
    vocabulary = runner.get_input_embeddings().weight.shape[0]
    ids = torch.arange(TOKENS, device=loaded.device).remainder(vocabulary).unsqueeze(0)
    with torch.inference_mode():
        out = runner(input_ids=ids, attention_mask=torch.ones_like(ids), use_cache=False)
    return out.logits if hasattr(out, "logits") else out[0]


def _runner(loaded: Any) -> Any:
    """The part that maps tokens to logits: the model, or the first child where only a part of it does."""
    for module in (loaded, *loaded.children()):
        if "input_ids" in inspect.signature(module.forward).parameters:
            return module
    return loaded


@contextmanager
def _quiet() -> "Iterator[None]":
    """transformers' own progress bars and advice are not for the users of this program."""
    from transformers.utils import logging

    level, bars = logging.get_verbosity(), logging.is_progress_bar_enabled()
    logging.set_verbosity_error()  # type: ignore[no-untyped-call]
    logging.disable_progress_bar()  # type: ignore[no-untyped-call]
    try:
        yield
    finally:
        logging.set_verbosity(level)
        if bars:
            logging.enable_progress_bar()  # type: ignore[no-untyped-call]


def _failed(what: str, expected: str, found: str) -> LoadCheckError:
    return LoadCheckError(
        f"{what}: load check: expected {expected}; found {found:.600}",
        remedy="the stage's result is unusable and was not kept; the stages before it are: --resume",
    )


def _some(names: list[str]) -> str:
    rest = len(names) - _MAX_NAMED
    return ", ".join(names[:_MAX_NAMED]) + (f" and {rest} more" if rest > 0 else "")
