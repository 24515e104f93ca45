"""Benchmarks of lmms-eval: its logged samples, scored again by its own functions."""
