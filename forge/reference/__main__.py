"""``python -m forge.reference``: make the reference catalog again, or write its artifacts as folders."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from forge.reference import store
from forge.reference.artifacts import build
from verifier.catalog import Catalog
from verifier.errors import AlloyError


def main(argv: Sequence[str] | None = None) -> int:
    """Write the artifacts and print what was written.

    Returns:
        0, or 2 if there is no catalog to write to.
    """
    parser = argparse.ArgumentParser(prog="python -m forge.reference", description=__doc__)
    parser.add_argument("--out", type=Path, metavar="FOLDER", help="write artifact folders there instead")
    arguments = parser.parse_args(argv)
    artifacts = build()
    if arguments.out is not None:
        for artifact in artifacts:
            print(store.write_folder(artifact, arguments.out))
        return 0
    try:
        catalog = Catalog.find().root
    except AlloyError as error:
        print(f"{error}. {error.remedy}", file=sys.stderr)
        return 2
    for lock in store.write_catalog(artifacts, catalog, catalog.parent / "_cache" / "reference"):
        print(lock)
    return 0


if __name__ == "__main__":
    sys.exit(main())
