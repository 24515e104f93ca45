"""The reference artifacts, forged."""

from forge.reference import forging
from forge.reference.card import Artifact
from forge.reference.recipes import SPECS
from forge.reference.spec import Spec


def build(*, on_device: bool = False) -> tuple[Artifact, ...]:
    """Forge the reference artifacts; sorted by name.

    Args:
        on_device: also those in which floating-point sums decide bytes. They need torch, and give the same
            bytes only on a machine like the one that made them. All others give the same bytes everywhere.

    Raises:
        AlloyError: the engine refuses.
    """
    made: dict[str, Artifact] = {}
    for spec in SPECS:
        if on_device or not spec.on_device:
            made[spec.name] = forging.make(spec, made[spec.parent] if spec.parent else None)
    return tuple(made[name] for name in sorted(made))


def specs(*, on_device: bool) -> tuple[Spec, ...]:
    """The artifacts of one kind, before they are forged."""
    return tuple(spec for spec in SPECS if spec.on_device is on_device)
