"""Loading a model folder with stock transformers: the class that ``config.json`` names, no remote code."""

import importlib
import importlib.util
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from verifier.errors import DocumentError, EvidenceMissingError, UsageError

INSTALL = "pip install 'alloy-verifier[forge]'"

LANGUAGE_PART: Mapping[str, str] = {
    "Qwen2_5OmniModel": "Qwen2_5OmniThinkerForConditionalGeneration",
    "Qwen2_5OmniForConditionalGeneration": "Qwen2_5OmniThinkerForConditionalGeneration",
}
"""Classes whose whole cannot be called with tokens alone -> the class of the part that can."""


def need(*packages: str) -> None:
    """Say which extra is missing, before anything is done.

    Raises:
        EvidenceMissingError: one of the packages is not installed.
    """
    missing = [p for p in packages if importlib.util.find_spec(p) is None]
    if missing:
        extra = "bnb" if missing == ["bitsandbytes"] else "forge"
        raise EvidenceMissingError(
            f"packages: expected {', '.join(packages)}; found no {', '.join(missing)}",
            remedy=f"pip install 'alloy-verifier[{extra}]'",
        )


def load_model(
    folder: Path, *, device: str = "cpu", dtype: str = "auto", bits: int = 16, experts: str | None = None
) -> Any:
    """The model in ``folder``, in evaluation mode, on ``device``.

    Args:
        folder: config.json and safetensors, nothing else is read.
        device: ``cpu`` or a torch device.
        dtype: ``float32``, ``bfloat16``, ``float16``, or ``auto`` for what the checkpoint says.
        bits: 8 or 4 to convert linear layers with bitsandbytes while loading; else nothing is converted.
        experts: implementation of the experts' forward pass (``eager``, ``grouped_mm``); None for the
            library's choice.

    Raises:
        DocumentError: the configuration names no class of transformers.
        EvidenceMissingError: a package is missing.
        UsageError: transformers cannot load it.
    """
    need("torch", "transformers")
    import torch

    cls = _model_class(folder)
    options: dict[str, Any] = {
        "local_files_only": True,
        "use_safetensors": True,
        "trust_remote_code": False,
        "dtype": dtype if dtype == "auto" else getattr(torch, dtype),
    }
    if experts is not None:
        options["experts_implementation"] = experts
    if bits in (4, 8):
        options |= _quantised(bits, device)
    try:
        with _quiet():
            model = cls.from_pretrained(folder, **options)
    except (OSError, ValueError, KeyError, RuntimeError, TypeError) as error:
        raise UsageError(f"model: expected a folder that transformers loads; found {error}") from error
    if bits not in (4, 8):
        model.to(device)
    return model.eval()


def load_tokenizer(folder: Path) -> Any:
    """The tokenizer in ``folder``, padding on the right.

    Raises:
        EvidenceMissingError: transformers or the tokenizer's files are missing.
    """
    need("transformers")
    from transformers import AutoTokenizer

    try:
        with _quiet():
            tokenizer = AutoTokenizer.from_pretrained(folder, local_files_only=True, trust_remote_code=False)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise EvidenceMissingError(
            f"tokenizer: expected its files in the model's folder; found {error}",
            remedy="copy tokenizer.json and tokenizer_config.json of the source model into it",
        ) from error
    tokenizer.padding_side = "right"
    return tokenizer


def pad_token(tokenizer: Any) -> int:
    """Id that fills the end of short sequences; which one is of no influence, since it is masked."""
    for name in ("pad_token_id", "eos_token_id"):
        value = getattr(tokenizer, name, None)
        if isinstance(value, int):
            return value
    return 0


def _model_class(folder: Path) -> Any:
    import transformers

    try:
        config = json.loads((folder / "config.json").read_bytes())
        name = config["architectures"][0]
    except (OSError, ValueError, KeyError, IndexError, TypeError) as error:
        raise DocumentError(
            f"config.json: expected the model's class under architectures; found {error!r}",
            pointer="/architectures",
        ) from None
    name = LANGUAGE_PART.get(name, name) if isinstance(name, str) else ""
    cls = getattr(transformers, name, None) if name else None
    if not (isinstance(cls, type) and issubclass(cls, transformers.PreTrainedModel)):
        raise DocumentError(
            f"config.json: architectures: expected a model class of transformers {transformers.__version__}; "
            f"found {name!r}",
            pointer="/architectures/0",
            remedy=f"{INSTALL}, or a newer transformers",
        )
    return cls


def _quantised(bits: int, device: str) -> dict[str, Any]:
    need("bitsandbytes")
    import torch

    config: Any = importlib.import_module("transformers").BitsAndBytesConfig
    how = (
        config(load_in_4bit=True, bnb_4bit_quant_type="nf4", bnb_4bit_compute_dtype=torch.bfloat16)
        if bits == 4
        else config(load_in_8bit=True)
    )
    return {"quantization_config": how, "device_map": {"": device}}


class _quiet:  # noqa: N801 - reads as a statement
    """Without the library's own progress bars and advice; errors still come."""

    def __enter__(self) -> None:
        logging: Any = importlib.import_module("transformers.utils.logging")
        self._level, self._bar = logging.get_verbosity(), logging.is_progress_bar_enabled()
        logging.set_verbosity_error()
        logging.disable_progress_bar()

    def __exit__(self, *error: object) -> None:
        logging: Any = importlib.import_module("transformers.utils.logging")
        logging.set_verbosity(self._level)
        if self._bar:
            logging.enable_progress_bar()
