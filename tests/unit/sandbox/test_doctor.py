"""Layers are found by using them, and untrusted code does not run without."""

import pytest

from verifier.errors import SandboxError
from verifier.sandbox import doctor


def test_layers_name_what_works_and_what_does_not() -> None:
    layers = doctor.layers()
    assert len({layer.name for layer in layers}) == len(layers) >= 6
    assert all(layer.detail for layer in layers)


def test_choice_is_the_first_that_works() -> None:
    if not doctor.sufficient():
        pytest.skip("this machine has no sufficient sandbox")
    plan = doctor.choose()
    assert plan.isolated
    assert doctor._trouble(plan.mode) == ""
    assert doctor.choose(unsafe_no_sandbox=True) == plan


def test_too_few_layers_refuse_to_run(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "_trouble", lambda mode: "namespaces are not permitted")
    assert not doctor.sufficient()
    with pytest.raises(
        SandboxError, match=r"expected namespaces.*found: .*namespaces are not permitted"
    ) as caught:
        doctor.choose()
    assert "--unsafe-no-sandbox" in caught.value.remedy
    assert not doctor.choose(unsafe_no_sandbox=True).isolated
