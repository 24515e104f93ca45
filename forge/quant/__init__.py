"""Number formats other than safetensors: the tools that make them, each run in a process of its own."""
