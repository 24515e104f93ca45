"""SmolLM2-135M-Instruct on a processor: prune heads, recover, compensate, quantise, generate.

``python -m forge.examples.smollm2 --out DIR``. The texts in ``train.jsonl`` and ``heldout.jsonl`` were
written for this run; no text stands in both.
"""
