"""How near a model is to the unpruned one on the held-out texts.

``python -m forge.examples.smollm2.nearness BASE MODEL``
"""

import json
import sys
from pathlib import Path

from forge import loading
from forge.corpus import read_corpus
from verifier.verdicts import JSON

HELD_OUT = Path(__file__).parent / "heldout.jsonl"
BATCH = 8


def nearness(teacher: Path, student: Path) -> dict[str, JSON]:
    """Compare next-token distributions at every position of ``heldout.jsonl``.

    Args:
        teacher, student: model folders with the same vocabulary; the teacher's tokenizer is used.

    Returns:
        ``kl``: mean of KL(teacher || student) in nats; ``agreement``: share of positions at which both
        would choose the same token; ``tokens``: how many positions.
    """
    loading.need("torch", "transformers")
    import torch

    from forge.training import data, losses

    tokenizer = loading.load_tokenizer(teacher)
    encoded = data.encode(read_corpus(HELD_OUT).texts, tokenizer)
    one, two = loading.load_model(teacher), loading.load_model(student)
    kl, same, count = 0.0, 0, 0
    with torch.inference_mode():
        for batch in data.batches(encoded, BATCH, loading.pad_token(tokenizer)):
            a, b = (m(input_ids=batch.ids, attention_mask=batch.mask).logits for m in (one, two))
            kl += float(losses.kl_logits(b, a, batch.labels, 1.0))
            counts = batch.labels[:, 1:] != data.IGNORED
            same += int((a[:, :-1].argmax(-1) == b[:, :-1].argmax(-1))[counts].sum())
            count += losses.counted(batch.labels)
    return {"kl": kl / count, "agreement": same / count, "tokens": count}


if __name__ == "__main__":
    print(json.dumps(nearness(Path(sys.argv[1]), Path(sys.argv[2]))))
