"""A model folder whose weights stay as they are: what stages that change the configuration alone write."""

from forge.folders import place
from forge.stages.base import StageContext
from forge.tensors.documents import INDEX_FILE
from forge.tensors.model import ModelFolder
from forge.tensors.sidefiles import copy_side_files


def carry(context: StageContext, model: ModelFolder) -> tuple[str, ...]:
    """Put the model into ``context.out``, every byte as it is.

    Between stages the weights are shared by a hard link; those of the user's own base model are copied, so
    that a later change there cannot reach the result.

    Returns:
        The names of the weights files.
    """
    copy_side_files(context.model, context.out)
    index = [INDEX_FILE] if len(model.files) > 1 else []
    own = context.model != context.base
    for number, name in enumerate((*model.files, *index)):
        context.on_progress("carrying weights along", number, len(model.files))
        place(model.root / name, context.out / name, link=own)
    context.on_progress("carrying weights along", len(model.files), len(model.files))
    return model.files
