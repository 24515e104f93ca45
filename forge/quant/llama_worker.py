"""What llama.cpp is asked to do, in a process of its own: ``python -m forge.quant.llama_worker``.

One JSON object comes in, ``{"do": …, "package": …, …}``, one goes out; see :mod:`forge.quant.llama_cpp`.
"""

import ctypes
import math
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from forge.quant import bindings, process
from forge.quant.bindings import Library
from verifier.errors import UsageError

_F32 = 0  # ggml_type
_MAX_CONTEXT = 4096


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """A loaded model with a context to compute in."""

    library: Library
    context: int
    vocab: int

    @property
    def words(self) -> int:
        """Number of tokens of the vocabulary."""
        return int(self.library.llama.llama_vocab_n_tokens(self.vocab))


def describe(library: Library, request: Mapping[str, Any]) -> dict[str, Any]:
    """Version and commit of ggml, and the processor features that the build uses."""
    told: dict[str, Any] = {}
    for key, name in (("ggml", "ggml_version"), ("commit", "ggml_commit")):
        function = getattr(library.base, name)
        function.restype = ctypes.c_char_p
        told[key] = function().decode()
    told["features"] = library.llama.llama_print_system_info().decode().strip(" |")
    return told


def quantise(library: Library, request: Mapping[str, Any]) -> dict[str, Any]:
    """Write ``target`` from ``source`` as the ``llama_ftype`` number ``ftype``."""
    parameters = bindings.defaults(library, "quantize")
    parameters.put(bindings.QUANTISE_THREADS, request["threads"])
    parameters.put(bindings.QUANTISE_TYPE, request["ftype"])
    status = library.llama.llama_model_quantize(
        request["source"].encode(), request["target"].encode(), ctypes.byref(parameters)
    )
    if status != 0:
        raise UsageError(f"llama_model_quantize: expected status 0; found {status}")
    return {}


def evaluate(library: Library, request: Mapping[str, Any]) -> dict[str, Any]:
    """Logits after each of ``tokens``; where there are none, after token 0.

    Answers ``finite`` and ``vocabulary``, and all ``logits`` if they are asked for.
    """
    tokens = [int(t) for t in request.get("tokens") or [0]]
    with _session(library, request, len(tokens) + 1) as session:
        rows = [_step(session, token) for token in tokens]
        finite = all(math.isfinite(x) for row in rows for x in row)
        told = {"finite": finite, "vocabulary": session.words}
    return {**told, "logits": rows} if request.get("logits") else told


def likelihood(library: Library, request: Mapping[str, Any]) -> dict[str, Any]:
    """Negative log likelihood, in nats, of every token of ``texts`` but the first of each.

    Each text is read alone, from the start; a text's first token has nothing before it.
    """
    import numpy as np

    total, count, llama = 0.0, 0, library.llama
    texts = [text.encode() for text in request["texts"]]
    with _session(library, request, max(map(len, texts)) + 8) as session:
        for text in texts:
            llama.llama_memory_clear(llama.llama_get_memory(session.context), True)
            tokens = _tokenise(session, text)
            for token, following in pairwise(tokens):
                _feed(session, token)
                pointer = llama.llama_get_logits_ith(session.context, -1)
                row = np.ctypeslib.as_array(pointer, shape=(session.words,)).astype(np.float64)
                top = row.max()
                total += float(top + np.log(np.exp(row - top).sum()) - row[following])
                count += 1
    return {"nll": total, "tokens": count}


def generate(library: Library, request: Mapping[str, Any]) -> dict[str, Any]:
    """Continue ``prompt`` greedily by up to ``most`` tokens, up to the end-of-generation token."""
    text, most = request["prompt"].encode(), int(request["most"])
    with _session(library, request, len(text) + most + 8) as session:
        tokens = _tokenise(session, text)
        if not tokens:
            raise UsageError("prompt: expected at least one token; found none")
        for token in tokens:
            row = _step(session, token)
        made: list[int] = []
        while len(made) < most:
            best = max(range(len(row)), key=row.__getitem__)
            if library.llama.llama_vocab_is_eog(session.vocab, best):
                break
            made.append(best)
            row = _step(session, best)
        written = b"".join(_piece(session, token) for token in made).decode("utf-8", "replace")
    return {"prompt": tokens, "tokens": made, "text": written}


@contextmanager
def _session(library: Library, request: Mapping[str, Any], size: int) -> Iterator[Session]:
    llama, threads = library.llama, int(request["threads"])
    parameters = bindings.defaults(library, "model")
    parameters.put(bindings.MODEL_GPU_LAYERS, 0)
    model = llama.llama_model_load_from_file(request["model"].encode(), parameters)
    if not model:
        raise UsageError(
            f"{request['model']}: expected a model that llama.cpp loads; found one that it does not"
        )
    options = bindings.defaults(library, "context")
    options.put(bindings.CONTEXT_SIZE, min(size, _MAX_CONTEXT))
    options.put(bindings.CONTEXT_THREADS, threads)
    options.put(bindings.CONTEXT_BATCH_THREADS, threads)
    # Full precision and the plain attention: a check of the weights, not of the cache's rounding.
    options.put(bindings.CONTEXT_TYPE_K, _F32)
    options.put(bindings.CONTEXT_TYPE_V, _F32)
    options.put(bindings.CONTEXT_FLASH, 0)
    context = llama.llama_init_from_model(model, options)
    if not context:
        raise UsageError(f"{request['model']}: expected a context of {size} tokens; llama.cpp made none")
    try:
        yield Session(library=library, context=context, vocab=llama.llama_model_get_vocab(model))
    finally:
        llama.llama_free(context)
        llama.llama_model_free(model)


def _step(session: Session, token: int) -> list[float]:
    """Feed one token; the logits of the next."""
    _feed(session, token)
    row = session.library.llama.llama_get_logits_ith(session.context, -1)
    return list(row[: session.words])


def _feed(session: Session, token: int) -> None:
    llama = session.library.llama
    if not 0 <= token < session.words:
        raise UsageError(f"token: expected 0 to {session.words - 1}; found {token}")
    one = (ctypes.c_int32 * 1)(token)
    status = llama.llama_decode(session.context, llama.llama_batch_get_one(one, 1))
    if status != 0:
        raise UsageError(f"llama_decode: expected status 0; found {status}")


def _tokenise(session: Session, text: bytes) -> list[int]:
    room = (ctypes.c_int32 * (len(text) + 8))()
    count = session.library.llama.llama_tokenize(session.vocab, text, len(text), room, len(room), True, True)
    if count < 0:
        raise UsageError(f"prompt: expected at most {len(room)} tokens; found {-count}")
    return list(room[:count])


def _piece(session: Session, token: int) -> bytes:
    room = ctypes.create_string_buffer(512)
    count = session.library.llama.llama_token_to_piece(session.vocab, token, room, len(room), 0, True)
    return room.raw[: max(count, 0)]


TASKS: Mapping[str, Callable[[Library, Mapping[str, Any]], dict[str, Any]]] = {
    "describe": describe,
    "quantise": quantise,
    "evaluate": evaluate,
    "generate": generate,
    "likelihood": likelihood,
}


def main() -> None:
    """Read the request, do it, answer."""
    request, channel = process.take()
    library = bindings.load(bindings.choose(str(request["package"])))
    process.answer(TASKS[str(request["do"])](library, request), channel)


if __name__ == "__main__":
    main()
