"""Other libraries' progress bars, which would be drawn over this project's own."""

import os


def silence() -> None:
    """Ask them for silence. They read this when they are imported, so that it comes before anything else."""
    os.environ.setdefault("TQDM_DISABLE", "1")
    os.environ.setdefault("HF_DATASETS_DISABLE_PROGRESS_BARS", "1")
