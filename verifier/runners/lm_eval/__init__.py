"""Benchmarks of lm-evaluation-harness: its logged samples, scored again by its own functions."""
