"""``python -m forge.reference.shapes``: record again how transformers writes the tiny models. Needs torch.

To be run when a family is added, or when a new version of transformers writes something else. What changes is
reviewed like code: the reference artifacts' bytes change with it.
"""

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

from forge.reference import shapes
from forge.reference.shapes.configs import CONFIGS
from verifier.evidence.safetensors_header import read_header


def record(architecture: str) -> shapes.Shape:
    """What the installed transformers writes for the tiny model of a family.

    Raises:
        ImportError: torch or transformers is not installed.
    """
    import torch
    import transformers
    from safetensors import safe_open

    tiny = CONFIGS[architecture]
    transformers.utils.logging.set_verbosity_error()  # type: ignore[no-untyped-call]
    transformers.utils.logging.disable_progress_bar()  # type: ignore[no-untyped-call]
    torch.manual_seed(0)
    model = getattr(transformers, tiny.model)(getattr(transformers, tiny.config)(**tiny.arguments))
    with TemporaryDirectory() as scratch:
        folder = Path(scratch)
        model.to(getattr(torch, tiny.dtype)).save_pretrained(folder)
        header = read_header(folder / "model.safetensors")
        with safe_open(folder / "model.safetensors", framework="pt") as file:
            ones = {t.name for t in header.tensors if bool((file.get_tensor(t.name) == 1).all())}
        config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
        generation = folder / "generation_config.json"
        generation_config = (
            json.loads(generation.read_text(encoding="utf-8")) if generation.is_file() else None
        )
    tensors = {t.name: (t.dtype, tuple(t.shape)) for t in sorted(header.tensors, key=lambda t: t.name)}
    return shapes.Shape(
        transformers=transformers.__version__,
        config=config,
        generation_config=generation_config,
        tensors=tensors,
        around_one=frozenset(ones),
    )


def main(argv: Sequence[str] | None = None) -> int:
    """Write one record a family; returns 0."""
    parser = argparse.ArgumentParser(prog="python -m forge.reference.shapes", description=__doc__)
    parser.add_argument("families", nargs="*", metavar="FAMILY", help="by default all")
    for architecture in parser.parse_args(argv).families or CONFIGS:
        path = shapes.path(architecture)
        path.write_text(shapes.dumps(record(architecture)), encoding="utf-8")
        print(path)
    return 0


if __name__ == "__main__":
    sys.exit(main())
