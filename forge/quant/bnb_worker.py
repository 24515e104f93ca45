"""bitsandbytes in a process of its own: ``python -m forge.quant.bnb_worker``.

See :mod:`forge.stages.quant_bnb`.
"""

from collections.abc import Mapping
from typing import Any

from forge.quant import process
from verifier.errors import UsageError


def settings(kind: str, compute: str) -> dict[str, Any]:
    """The quantisation settings of a type, as transformers names them.

    4-bit types (NF4: Dettmers et al. 2023, https://arxiv.org/abs/2305.14314) are computed in the model's
    own number format; scales are not quantised a second time.
    """
    if kind == "int8":
        return {"load_in_8bit": True}
    return {"load_in_4bit": True, "bnb_4bit_quant_type": kind, "bnb_4bit_compute_dtype": compute}


def convert(request: Mapping[str, Any]) -> dict[str, Any]:
    """Write ``target`` from the folder ``source`` in the type ``kind``."""
    import torch
    from transformers import AutoModelForCausalLM, BitsAndBytesConfig

    torch.set_num_threads(int(request["threads"]))
    compute = str(request["dtype"])
    options: Any = BitsAndBytesConfig  # untyped in transformers
    model = AutoModelForCausalLM.from_pretrained(
        request["source"],
        quantization_config=options(**settings(request["kind"], compute)),
        dtype=getattr(torch, compute),
        device_map={"": request["device"]},
        trust_remote_code=False,
        local_files_only=True,
    )
    model.save_pretrained(request["target"])
    return {}


def check(request: Mapping[str, Any]) -> dict[str, Any]:
    """Load ``target`` and evaluate one token."""
    import torch
    from transformers import AutoModelForCausalLM

    model = AutoModelForCausalLM.from_pretrained(
        request["target"],
        device_map={"": request["device"]},
        trust_remote_code=False,
        local_files_only=True,
    )
    with torch.inference_mode():
        logits = model(torch.zeros((1, 1), dtype=torch.long, device=request["device"])).logits
    if not bool(torch.isfinite(logits).all()):
        raise UsageError("one token in transformers: expected finite logits; found others")
    kinds = sorted({type(module).__name__ for module in model.modules() if "bit" in type(module).__name__})
    return {"vocabulary": int(logits.shape[-1]), "layers": kinds}


def main() -> None:
    """Read the request, convert, check, answer."""
    request, channel = process.take()
    convert(request)
    process.answer(check(request), channel)


if __name__ == "__main__":
    main()
