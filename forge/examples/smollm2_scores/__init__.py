"""Example: a real language model on small sets of problems, evaluated by the harnesses and scored again.

``python -m forge.examples.smollm2_scores --out DIR`` runs SmolLM2-135M-Instruct on problems of our own in the
formats of gsm8k, IFEval, BBH, MMLU-Pro, GPQA and AIME, and lets it write programs for AlloyBench.
"""
