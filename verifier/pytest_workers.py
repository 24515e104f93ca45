"""How test items are spread over pytest-xdist workers. Registered only where xdist is.

All claims of one artifact go to one worker, so that its alloy is read and its samples are judged once. So do
the items of each file or folder that the ini option ``together`` names, whose fixtures cost more than they
do; everything else is spread item by item, as xdist does by default.
"""

import re
from typing import TYPE_CHECKING

import pytest
from xdist.scheduler import LoadScopeScheduling  # type: ignore[import-untyped]

from verifier.errors import AlloyError

if TYPE_CHECKING:
    from collections.abc import Sequence

_ID = re.compile(r"\[(.+)\]$", re.DOTALL)


class ByArtifact(LoadScopeScheduling):  # type: ignore[misc]
    """Schedules the claims of one artifact as one unit of work."""

    names: "Sequence[str]" = ()
    together: "Sequence[str]" = ()

    def _split_scope(self, nodeid: str) -> str:
        return scope(nodeid, self.names, self.together)


def scope(nodeid: str, names: "Sequence[str]", together: "Sequence[str]" = ()) -> str:
    """Return the unit of work that a test item belongs to.

    Args:
        nodeid: the item's id.
        names: names of all artifacts, longest first (one name may begin another).
        together: paths of files and folders, as ids begin, whose items belong together.

    Example:
        >>> scope("test_recipe.py::test_recipe[tiny-moe-gguf-hash]", ["tiny-moe-gguf", "tiny-moe"])
        'artifact tiny-moe-gguf'
    """
    path = nodeid.partition("::")[0]
    for place in together:
        if path == place or path.startswith(f"{place}/"):
            return place
    match = _ID.search(nodeid)
    if match is None:
        return nodeid
    name = next((n for n in names if match[1] == n or match[1].startswith(f"{n}-")), None)
    return nodeid if name is None else f"artifact {name}"


@pytest.hookimpl
def pytest_xdist_make_scheduler(config: pytest.Config, log: object) -> ByArtifact | None:
    """Replace xdist's default scheduler; another one that the user asked for stays."""
    from verifier.pytest_plugin import _SESSION

    if config.getoption("dist") != "load":
        return None
    scheduler = ByArtifact(config, log)
    try:
        names = [entry.name for entry in config.stash[_SESSION].entries()]
    except AlloyError:  # the workers report it, with its remedy
        names = []
    scheduler.together = config.getini("together")
    scheduler.names = sorted(names, key=len, reverse=True)
    return scheduler
