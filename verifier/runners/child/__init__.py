"""A process of its own for judging text: no torch, no network, the main thread."""
