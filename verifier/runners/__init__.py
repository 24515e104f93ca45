"""Benchmarks, and how samples of them are judged."""
