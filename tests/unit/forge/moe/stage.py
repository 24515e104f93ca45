"""Running the stage as the engine does."""

import json
from pathlib import Path

from forge.stages import expert_prune
from forge.stages.base import StageContext


def context(case, model: Path, work: Path, parameters=None, *, recipe=None, **more) -> StageContext:
    recipe = recipe or work / "recipe"
    for folder in (recipe, work / "artifact"):
        folder.mkdir(parents=True, exist_ok=True)
    return StageContext(
        index=more.pop("index", 1),
        method=case.adapter.methods["expert-prune"],
        parameters=parameters or {},
        adapter=case.adapter,
        source_facts={},
        model=model,
        out=work / "out",
        base=model,
        artifact=work / "artifact",
        recipe=recipe,
        **more,
    )


def prune(case, model: Path, work: Path, kept, **more):
    """Prune to ``kept`` through a selection file of the recipe."""
    recipe = work / "recipe"
    recipe.mkdir(parents=True)
    (recipe / "kept.json").write_text(
        json.dumps({"schema": "alloy-selection/1", "layers": {str(k): v for k, v in kept.items()}})
    )
    return expert_prune.run(context(case, model, work, {"selectionFile": "kept.json", **more}))
