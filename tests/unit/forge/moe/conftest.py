"""Saved models, one per case and form, shared by the tests of this folder."""

import pytest


@pytest.fixture(scope="session")
def saved(tmp_path_factory):
    """Folder of a case's model; further arguments as of :func:`models.save`."""
    from tests.unit.forge.moe import models

    made = {}

    def get(case, **how):
        key = (case.name, *sorted(how.items()))
        if key not in made:
            made[key] = models.save(case, tmp_path_factory.mktemp(case.name) / "model", **how)
        return made[key]

    return get
