"""Tensors on disk and in memory, as bytes. No numpy, no torch."""
