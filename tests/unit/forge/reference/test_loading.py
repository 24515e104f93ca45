"""Every artifact, and the base that it comes with, loads with stock transformers and computes numbers."""

import pytest

from forge.families import registry
from forge.reference import bases
from tests.unit.forge.reference.making import NAMES, built

torch = pytest.importorskip("torch", reason="needs the extra [forge]")
pytest.importorskip("transformers", reason="needs the extra [forge]")


def logits(folder):
    from forge import loading

    model = loading.load_model(folder)
    with torch.no_grad():
        found = model(input_ids=torch.arange(3, 40)[None]).logits
    assert found.isfinite().all()
    assert found.float().std() > 0.01
    return found


@pytest.mark.parametrize("name", NAMES)
def test_an_artifact_loads_and_its_logits_are_finite(name, tmp_path):
    artifact = built()[name]
    for path, role in artifact.roles.items():
        if role in ("weights", "config"):
            (tmp_path / path).write_bytes(artifact.files[path])
    logits(tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize("architecture", registry.names())
def test_a_base_loads_and_its_logits_are_finite(architecture, tmp_path):
    logits(bases.write(architecture, tmp_path / "base"))
