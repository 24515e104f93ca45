"""Benchmarks of coding agents, from the logs and reports that their official evaluations leave."""
