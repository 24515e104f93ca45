"""A tiny random language model that reads any text."""

from pathlib import Path

import pytest

from tests.unit.forge import byte_model


@pytest.fixture(scope="session")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    pytest.importorskip("torch", reason="needs the extra [forge]")
    pytest.importorskip("transformers", reason="needs the extra [forge]")
    made, tokenizer = byte_model.build()
    folder = tmp_path_factory.mktemp("models") / "tiny"
    made.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder
