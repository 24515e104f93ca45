"""Logs of inspect (inspect_ai, inspect_evals): read without it, judged by its own scorers."""
