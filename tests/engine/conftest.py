"""What the engine's tests share."""

from __future__ import annotations

from pathlib import Path

import pytest

from engine.core.settings import LoadSpec
from engine.model.loader import LoadedModel, load_model
from tests.engine.tiny import disturb, save_tiny_llama
from tests.interpreting import look_once

look_once()


@pytest.fixture(scope="session")
def tiny_llama(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A random two-layer Llama with a context of 256."""
    return save_tiny_llama(tmp_path_factory.mktemp("tiny") / "llama")


@pytest.fixture(scope="session")
def tiny_model(tiny_llama: Path) -> LoadedModel:
    """The tiny Llama in float32 on the CPU."""
    return load_model(LoadSpec(str(tiny_llama), device="cpu", dtype="float32"), lambda stage, fraction: None)


@pytest.fixture(scope="session")
def tiny_draft(tmp_path_factory: pytest.TempPathFactory, tiny_llama: Path) -> LoadedModel:
    """A model that agrees with the tiny Llama now and then: its weights, a little disturbed."""
    folder = tmp_path_factory.mktemp("tiny") / "draft"
    disturb(tiny_llama, folder, 0.01)
    return load_model(LoadSpec(str(folder), device="cpu", dtype="float32"), lambda stage, fraction: None)
