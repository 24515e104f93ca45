"""mlx-lm in a process of its own: ``python -m forge.quant.mlx_worker``; see :mod:`forge.stages.quant_mlx`.

On a machine without a GPU of Apple's, MLX computes on the processor (``pip install 'mlx[cpu]'``).
"""

from collections.abc import Mapping
from typing import Any

from forge.quant import process
from verifier.errors import UsageError


def convert(request: Mapping[str, Any]) -> dict[str, Any]:
    """Write ``target`` from the folder ``source`` with ``bits`` bits in groups of ``group``."""
    from mlx_lm.convert import convert as run

    run(
        request["source"],
        mlx_path=request["target"],
        quantize=True,
        q_bits=int(request["bits"]),
        q_group_size=int(request["group"]),
        trust_remote_code=False,
    )
    return {}


def check(request: Mapping[str, Any]) -> dict[str, Any]:
    """Load ``target`` and evaluate one token."""
    import mlx.core as mx
    from mlx_lm.utils import load

    model = load(request["target"], tokenizer_config={"trust_remote_code": False})[0]
    logits = model(mx.array([[0]]))
    if not bool(mx.all(mx.isfinite(logits)).item()):
        raise UsageError("one token in MLX: expected finite logits; found others")
    return {"vocabulary": int(logits.shape[-1]), "device": str(mx.default_device())}


def main() -> None:
    """Read the request, convert, check, answer."""
    request, channel = process.take()
    convert(request)
    process.answer(check(request), channel)


if __name__ == "__main__":
    main()
