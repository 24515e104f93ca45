"""Everything that makes a training run repeat itself, switched on, recorded, and switched back afterwards.

On a GPU it takes deterministic algorithms, a fixed cuBLAS workspace (NVIDIA, "cuBLAS: Results
reproducibility"), no TF32, and the plain attention kernel, since fused attention adds up its gradients in
any order. On a CPU the number of threads decides how sums are split, so it is recorded.
"""

import os
import random
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

from verifier.verdicts import JSON

WORKSPACE = ":4096:8"


@contextmanager
def deterministic(seed: int, device: str = "cpu") -> Iterator[dict[str, JSON]]:
    """Seed every generator and demand deterministic algorithms; yields the record of what was set.

    Args:
        seed: of all generators.
        device: ``cpu`` or a torch device.
    """
    import torch

    gpu = device.startswith("cuda")
    if gpu:
        os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", WORKSPACE)
    before = (
        torch.are_deterministic_algorithms_enabled(),
        torch.backends.cudnn.benchmark,
        torch.backends.cuda.matmul.allow_tf32,
        torch.backends.cudnn.allow_tf32,
    )
    python = random.getstate()
    with ExitStack() as stack:
        stack.enter_context(torch.random.fork_rng(devices=[torch.device(device)] if gpu else []))
        if gpu:
            stack.enter_context(torch.nn.attention.sdpa_kernel(torch.nn.attention.SDPBackend.MATH))
        random.seed(seed)
        torch.manual_seed(seed)
        _switch(True, False, False, False)
        try:
            yield _record(seed, device, gpu)
        finally:
            _switch(*before)
            random.setstate(python)


def _switch(algorithms: bool, benchmark: bool, tf32: bool, tf32_convolutions: bool) -> None:
    import torch

    torch.use_deterministic_algorithms(algorithms)
    torch.backends.cudnn.benchmark = benchmark
    torch.backends.cuda.matmul.allow_tf32 = tf32
    torch.backends.cudnn.allow_tf32 = tf32_convolutions


def _record(seed: int, device: str, gpu: bool) -> dict[str, JSON]:
    import torch

    record: dict[str, JSON] = {
        "seed": seed,
        "device": device,
        "deterministicAlgorithms": True,
        "threads": torch.get_num_threads(),
    }
    if gpu:
        record |= {
            "gpu": torch.cuda.get_device_name(torch.device(device)),
            "cublasWorkspace": os.environ["CUBLAS_WORKSPACE_CONFIG"],
            "tf32": False,
            "attention": "math",
        }
    return record
