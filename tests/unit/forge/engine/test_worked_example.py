"""The worked example of docs/extending.md does what the page says."""

import re
import sys
import types
from pathlib import Path

import pytest

from forge.stages import bodies, kinds, parameters, traits
from forge.stages.kinds import StageKind
from forge.stages.parameters import Spec
from forge.stages.rules import list_of, text
from forge.stages.traits import Traits
from forge.tensors.model import open_model, read
from tests.unit.forge.engine.making import executed, recipe, run
from verifier.errors import DocumentError

PAGE = Path(__file__).parents[4] / "docs" / "extending.md"
NAME = "model.layers.1.mlp.down_proj.weight"


def blocks():
    part = PAGE.read_text(encoding="utf-8").split("## A stage, worked through")[1].split("\n## ")[0]
    found = re.findall(r"^( *)```python\n(.*?)^\1```", part, re.DOTALL | re.MULTILINE)
    return [re.sub(rf"^{indent}", "", code, flags=re.MULTILINE) for indent, code in found]


@pytest.fixture
def registered(monkeypatch):
    """Everything that the page tells to add, taken from the page."""
    body, line, kind, spec, trait = blocks()
    module = types.ModuleType("forge.stages.blank_tensors")
    exec(compile(body, "docs/extending.md", "exec"), module.__dict__)
    monkeypatch.setitem(sys.modules, module.__name__, module)
    scope = {"Spec": Spec, "list_of": list_of, "text": text, "Traits": Traits, "StageKind": StageKind}
    for table, code in ((bodies.BODIES, line), (parameters.SPECS, spec), (traits.TRAITS, trait)):
        for key, value in eval("{" + code + "}", scope).items():
            monkeypatch.setitem(table, key, value)
    added = eval(kind, scope)
    monkeypatch.setitem(kinds.KINDS, added.name, added)


def test_example_runs_as_a_stage_of_the_engine(registered, tmp_path):
    path = recipe(tmp_path, {"type": "blank-tensors", "names": [NAME]})
    result = run(path, tmp_path / "out")
    before, after = open_model(tmp_path / "base").tensors, open_model(result.out).tensors
    assert before.keys() == after.keys()
    for name, ref in after.items():
        data = read(ref)
        assert data == (bytes(len(data)) if name == NAME else read(before[name])), name
    stage = executed(result)["stages"][0]["executed"]
    assert (stage["method"], stage["record"]) == ("blank_tensors", {"blanked": 1})
    assert result.determinism.value == "bytes"


def test_example_refuses_what_it_says(registered, tmp_path):
    with pytest.raises(DocumentError, match="expected a tensor of the model; found 'nothing'"):
        run(recipe(tmp_path, {"type": "blank-tensors", "names": ["nothing"]}), tmp_path / "out")
    with pytest.raises(DocumentError, match="names"):
        run(recipe(tmp_path, {"type": "blank-tensors"}), tmp_path / "out")
