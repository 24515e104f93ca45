"""The reference catalog, forged by the engine."""
