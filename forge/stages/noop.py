"""Stages that a forge records and does not do: they act on machines and people, not on the model."""

from forge.stages.base import Determinism, StageContext, StageResult

_REASONS = {
    "deploy_to_target": "starting a server on a target is not a forge's business; the model is as before",
    "deliver_result": "handing the result over is done by whoever asked for it; the model is as before",
}


def run(context: StageContext) -> StageResult:
    """Record that nothing was done, and why.

    Args:
        context: its method tells the reason.
    """
    reason = _REASONS.get(context.method, "nothing to do on the model")
    return StageResult(
        record={"done": False, "reason": reason},
        determinism=Determinism.BYTES,
    )
