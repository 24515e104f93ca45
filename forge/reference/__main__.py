"""``python -m forge.reference``: make the reference catalog again, or write its artifacts as folders.

Artifacts in which floating-point sums decide bytes stay as they are, unless ``--device-class`` asks for them.
"""

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from forge.reference import store
from forge.reference.artifacts import build, specs
from forge.reference.card import Artifact
from verifier.catalog import Catalog
from verifier.errors import AlloyError


def main(argv: Sequence[str] | None = None) -> int:
    """Write the artifacts and print what was written.

    Returns:
        0, or 2 if there is no catalog to write to.
    """
    parser = argparse.ArgumentParser(prog="python -m forge.reference", description=__doc__)
    parser.add_argument("--out", type=Path, metavar="FOLDER", help="write artifact folders there instead")
    parser.add_argument(
        "--device-class",
        action="store_true",
        help="also those whose bytes depend on the machine; needs torch",
    )
    arguments = parser.parse_args(argv)
    if arguments.device_class:
        os.environ.setdefault("OMP_NUM_THREADS", "1")  # read when torch is imported; part of the record
    try:
        catalog = Catalog.find().root
        artifacts = _artifacts(catalog, on_device=arguments.device_class)
    except AlloyError as error:
        print(f"{error}. {error.remedy}", file=sys.stderr)
        return 2
    if arguments.out is not None:
        for artifact in artifacts:
            print(store.write_folder(artifact, arguments.out))
        return 0
    for lock in store.write_catalog(artifacts, catalog, _seed(catalog)):
        print(lock)
    return 0


def _artifacts(catalog: Path, *, on_device: bool) -> list[Artifact]:
    """All artifacts; those of the device class as the catalog has them, unless they are asked for."""
    made = [*build(on_device=on_device)]
    if not on_device:
        made += [store.load(spec.name, catalog, _seed(catalog)) for spec in specs(on_device=True)]
    return sorted(made, key=lambda artifact: artifact.name)


def _seed(catalog: Path) -> Path:
    return catalog.parent / "_cache" / "reference"


if __name__ == "__main__":
    sys.exit(main())
