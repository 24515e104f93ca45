"""quant, formats gptq and awq: known to the vocabulary, but nothing here makes them."""

from forge.stages.base import StageContext, StageResult
from verifier.errors import EvidenceMissingError

NEEDED = {
    "gptq": "a GPTQ quantiser such as GPTQModel, a calibration corpus, and a GPU",
    "awq": "an AWQ quantiser such as llm-compressor, a calibration corpus, and a GPU",
}
"""Format -> what quantising to it would take.

Sources: GPTQ, Frantar et al. 2022 (https://arxiv.org/abs/2210.17323); AWQ, Lin et al. 2023
(https://arxiv.org/abs/2306.00978). Both fit rounding to activations, so a recipe would also have to name the
corpus and its digest, for which these stages have no field yet.
"""


def run(context: StageContext) -> StageResult:
    """Refuse: no backend for these formats is part of this project.

    Raises:
        EvidenceMissingError: always; the message says what would be needed.
    """
    asked = str(context.parameters.get("format"))
    needed = NEEDED.get(asked, "a quantiser for it")
    raise EvidenceMissingError(
        f"stage {context.index}: quant {asked}: expected a backend for {asked}; found none in this project",
        remedy=f"it would take {needed}; make the files there, or use the format gguf, mlx or bnb",
    )
